"""The arguments of MAIL and RCPT, held to what the RFCs allow and the server announced.

Sources: RFC 5321 sections 4.1.2, 4.1.3 and 4.5.3.1, 1870 (SIZE), 6152 (BODY), 3461 (DSN), 6531 (SMTPUTF8), 6533 (ORCPT beyond ASCII), 4954 (AUTH=).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv6Address
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
    if problem := _path_problem(found):
        raise RefusedArguments(problem)
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


def _path_problem(path: re.Match[str]) -> str | None:
    """Return the refusal of a path that is too long or whose address literal is none."""
    local, domain = path["local"] or "", path["domain"] or ""
    if len(local.encode()) > _LONGEST_LOCAL or len(domain.encode()) > _LONGEST_DOMAIN:
        return "501 5.1.3 path too long"
    if not domain.startswith("["):
        return None
    version, literal = (
        (IPv6Address, domain[6:-1]) if domain[1:6].upper() == "IPV6:" else (IPv4Address, domain[1:-1])
    )
    try:
        version(literal)
    except ValueError:
        return "501 5.1.3 malformed address literal"
    return None


def _is_notify(value: str) -> bool:
    words = value.upper().split(",")
    return words == ["NEVER"] or (bool(words) and set(words) <= {"SUCCESS", "FAILURE", "DELAY"})


def _matches(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern, re.IGNORECASE)
    return lambda value: compiled.fullmatch(value) is not None


_XTEXT = r"(?:[!-*,-<>-~]|\+(?-i:[0-9A-F]{2}))"
_ATOM = r"(?:[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]|[^\x00-\x7f])+"
_LOCAL = rf'(?:{_ATOM}(?:\.{_ATOM})*|"(?:[^"\\\x00-\x1f\x7f]|\\[ -~])*")'
_LETTER = r"(?:[A-Za-z0-9_]|[^\x00-\x7f])"
_LABEL = rf"{_LETTER}(?:(?:{_LETTER}|-){{0,61}}{_LETTER})?"
_NAME = rf"{_LABEL}(?:\.{_LABEL})*"
_DOMAIN = rf"(?:{_NAME}|\[[0-9A-Za-z:.]+\])"
_ROUTE = rf"(?:@{_NAME}(?:,@{_NAME})*:(?=[^>]*@))?"
"""Relays on the way, which a server takes and forgets (RFC 5321 appendix C)."""
_MAILBOX = rf"{_ROUTE}(?P<address>(?P<local>{_LOCAL})@(?P<domain>{_DOMAIN})"
_TAIL = r"(?P<parameters>(?: [A-Za-z0-9][A-Za-z0-9-]*(?:=[^\x00-\x20=\x7f]+)?)*) *"
_PATHS = {
    "MAIL": re.compile(rf"FROM:<{_MAILBOX}|)>{_TAIL}", re.IGNORECASE),
    "RCPT": re.compile(rf"TO:<{_MAILBOX}|postmaster)>{_TAIL}", re.IGNORECASE),
}
_LONGEST_LOCAL, _LONGEST_DOMAIN = 64, 255
"""Octets."""
_PARAMETERS: Mapping[tuple[str, str], tuple[str, Callable[[str], bool]]] = {
    ("MAIL", "SIZE"): ("SIZE", _matches("[0-9]{1,20}")),
    ("MAIL", "BODY"): ("8BITMIME", _matches("7BIT|8BITMIME")),
    ("MAIL", "SMTPUTF8"): ("SMTPUTF8", _matches("")),
    ("MAIL", "RET"): ("DSN", _matches("FULL|HDRS")),
    ("MAIL", "ENVID"): ("DSN", _matches(f"{_XTEXT}{{1,100}}")),
    ("MAIL", "AUTH"): ("AUTH", _matches(f"<>|{_XTEXT}+")),
    ("RCPT", "NOTIFY"): ("DSN", _is_notify),
    ("RCPT", "ORCPT"): (
        "DSN",
        _matches(rf"(?!utf-8;)[A-Za-z0-9-]+;{_XTEXT}{{1,500}}|utf-8;[^\x00-\x20=\x7f]{{1,500}}"),
    ),
}
"""By command and name: the extension that it belongs to, and what its value may be."""
