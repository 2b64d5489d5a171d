"""`mailto:` (RFC 6068) as headers of lists carry it."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from messaging_channels._model.addresses import EmailAddress
from messaging_channels._model.errors import InvalidMessage


def mailto_uri(given: str) -> str:
    """Return the URI for an address, with fields of the mail behind a question mark if wished, or for what is a URI already.

    What may not stand in a URI is percent-encoded; what is percent-encoded stays so.

    Raises:
        InvalidAddress: it names no mail address.
        InvalidMessage: what stands behind the question mark is not `name=value`, or a field holds a line break.
    """
    given = given.strip()
    scheme, _, rest = given.partition(":")
    is_uri = scheme.lower() == "mailto"
    address, _, fields = _split(rest if is_uri else given)
    parsed = EmailAddress.parse(unquote(address) if is_uri else address)
    query = "&".join(_field(one) for one in fields.split("&")) if fields else ""
    return f"mailto:{quote(parsed.addr_spec, _IN_ADDRESS)}{query and '?'}{query}"


def _split(given: str) -> tuple[str, str, str]:
    """Cut at the question mark behind the @: before it, one belongs to the address."""
    local, at, rest = given.partition("@")
    domain, mark, fields = rest.partition("?")
    return local + at + domain, mark, fields


def _field(given: str) -> str:
    name, equals, value = given.partition("=")
    meant = unquote(value)
    if not (_FIELD_NAME.fullmatch(name) and equals) or _CONTROL.search(value):
        raise _malformed()
    if name.lower() != "body" and _CONTROL.search(meant):  # a line break would begin another header
        raise _malformed()
    return f"{name}={quote(_LONE_PERCENT.sub('%25', value), _IN_FIELD)}"


def _malformed() -> InvalidMessage:
    return InvalidMessage(
        "must have name=value pairs without line breaks after the question mark",
        field="ListUnsubscribe.mailto",
        hint="write it like leave@example.com?subject=unsubscribe",
    )


_IN_ADDRESS = "@!$'*+-._~=/"
_IN_FIELD = "%@!$'()*+,-._~:;/?"
_FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
