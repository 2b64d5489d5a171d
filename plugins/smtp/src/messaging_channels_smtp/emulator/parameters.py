"""The arguments of MAIL and RCPT, held to what the RFCs allow and the server announced.

Sources: RFC 5321 section 4.1.2, 1870 (SIZE), 6152 (BODY), 3461 (DSN), 6531 (SMTPUTF8), 4954 (AUTH=).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple


class RefusedArguments(Exception):
    """The reply that says why they are refused."""

    def __init__(self, reply: str) -> None:
        super().__init__(reply)
        self.reply = reply


class PathArgument(NamedTuple):
    """What MAIL or RCPT said."""

    address: str
    parameters: Mapping[str, str]
    text: str
    """The parameters as they came."""


def parse_path(command: str, arguments: str, offered: Mapping[str, str]) -> PathArgument:
    """Read `FROM:<path> parameters` or `TO:<path> parameters`.

    Raises:
        RefusedArguments: they are malformed, or of an extension that was not offered.
    """
    found = _PATHS[command].fullmatch(arguments)
    if found is None:
        raise RefusedArguments("501 5.5.4 malformed path or parameters")
    text = found["parameters"].strip(" ")
    pairs = [one.partition("=") for one in text.split(" ") if one]
    given = {name.upper(): value for name, _, value in pairs}
    if len(given) != len(pairs):
        raise RefusedArguments("501 5.5.4 a parameter is given twice")
    for name, value in given.items():
        extension, is_good = _PARAMETERS.get((command, name), ("", None))
        if is_good is None or extension not in offered:
            raise RefusedArguments(f"555 5.5.4 unknown parameter {name[:20]}")
        if not is_good(value):
            raise RefusedArguments(f"501 5.5.4 malformed {name}")
    return PathArgument(found["address"], given, text)


def _is_notify(value: str) -> bool:
    words = value.upper().split(",")
    return words == ["NEVER"] or (bool(words) and set(words) <= {"SUCCESS", "FAILURE", "DELAY"})


def _matches(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern, re.IGNORECASE)
    return lambda value: compiled.fullmatch(value) is not None


_XTEXT = r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})"
_ADDRESS = r'(?:[^\x00-\x20\x7f<>@"]+|"(?:[^"\\\x00-\x1f\x7f]|\\.)*")'
_DOMAIN = r"(?:[^\x00-\x20\x7f<>@\[\]]+|\[[0-9A-Za-z:.]+\])"
_TAIL = r"(?P<parameters>(?: [A-Za-z0-9][A-Za-z0-9-]*(?:=[^\x00-\x20=\x7f]+)?)*) *"
_PATHS = {
    "MAIL": re.compile(rf"FROM:<(?P<address>(?:{_ADDRESS}@{_DOMAIN})?)>{_TAIL}", re.IGNORECASE),
    "RCPT": re.compile(rf"TO:<(?P<address>{_ADDRESS}@{_DOMAIN}|postmaster)>{_TAIL}", re.IGNORECASE),
}
_PARAMETERS: Mapping[tuple[str, str], tuple[str, Callable[[str], bool]]] = {
    ("MAIL", "SIZE"): ("SIZE", _matches("[0-9]{1,20}")),
    ("MAIL", "BODY"): ("8BITMIME", _matches("7BIT|8BITMIME")),
    ("MAIL", "SMTPUTF8"): ("SMTPUTF8", _matches("")),
    ("MAIL", "RET"): ("DSN", _matches("FULL|HDRS")),
    ("MAIL", "ENVID"): ("DSN", _matches(f"{_XTEXT}{{1,100}}")),
    ("MAIL", "AUTH"): ("AUTH", _matches(f"<>|{_XTEXT}+")),
    ("RCPT", "NOTIFY"): ("DSN", _is_notify),
    ("RCPT", "ORCPT"): ("DSN", _matches(r"[A-Za-z0-9-]+;[^\x00-\x20\x7f]{1,500}")),
}
"""By command and name: the extension that it belongs to, and what its value may be."""
