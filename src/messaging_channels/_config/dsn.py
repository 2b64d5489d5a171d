"""All settings of a provider in one URL. Read strictly: a password with a sign that means something in a URL is refused, never taken apart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote

from messaging_channels._model.errors import InvalidSetting


def parse_dsn(dsn: str, fields: Mapping[str, str], *, provider: str, source: str) -> dict[str, str]:
    """Return the values in `name://user:secret@host:port/path?setting=value`, by setting; `fields` says which setting is which part.

    Parts and values are percent-decoded; a plus is a plus.

    Raises:
        InvalidSetting: it is no such URL, or a sign in it makes it uncertain where a part ends. The message names no part.
    """
    found = _DSN.fullmatch(dsn.strip())
    if found is None:
        raise _invalid(provider, source)
    user, colon, password = (found["userinfo"] or "").partition(":")
    given = {
        "username": user,
        "password": colon and password,
        "host": found["host"].strip("[]").lower(),
        "port": found["port"],
    }
    given["path"] = found["path"]
    if given["path"] not in (None, "", "/") and "path" not in fields:
        raise _invalid(provider, source)
    values = {fields[name]: unquote(part) for name, part in given.items() if part and name in fields}
    pairs = (pair.partition("=") for pair in (found["query"] or "").split("&") if pair)
    return values | {unquote(name): unquote(value) for name, _, value in pairs if value}


def parse_given_dsn(dsn: str | None, fields: Mapping[str, str], provider: str) -> dict[str, str]:
    """Return the values of the DSN in the environment; none without one."""
    return {} if dsn is None else parse_dsn(dsn, fields, provider=provider, source="environment")


def _invalid(provider: str, source: str) -> InvalidSetting:
    return InvalidSetting(
        "must be a URL; a special character in user or password may make it another one",
        setting=f"{provider}.dsn",
        source=source,
        hint="write it like name://user:secret@host, percent-encode / ? # @ : % in user and secret (such as %2F for a slash), "
        "or give the secret in a variable of its own",
    )


_DSN = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]*://"
    r"(?:(?P<userinfo>[^/?#]*)@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s/?#@:\[\]]*)"
    r"(?::(?P<port>[0-9]{0,5}))?"
    r"(?P<path>/[^?#@]*)?"
    r"(?:\?(?P<query>(?:[A-Za-z_][A-Za-z0-9_]*=[^&#]*(?:&|$))*))?"
)
"""The user may hold an @, since what follows the last one is the host. A query is nothing but settings."""
