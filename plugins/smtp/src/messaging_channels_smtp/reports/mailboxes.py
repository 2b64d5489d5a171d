"""The addresses in From, To and their like: taken apart first and decoded then, since a comma may be part of a name. Nothing is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from messaging_channels_smtp.reports.header_fields import decode_words


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One address as it stands in a header."""

    address: str = field(repr=False)
    """As it was written, without angle brackets and white space; empty for `<>`."""
    name: str = field(default="", repr=False)
    """What the sender is called, decoded."""


def parse_mailboxes(value: str) -> tuple[Mailbox, ...]:
    """Return the mailboxes in a header's raw value. Groups lose their names, comments are names where there is no other. Raises nothing."""
    found = (_mailbox(tokens) for tokens in _entries(value) if tokens)
    return tuple(islice(found, _MOST_MAILBOXES))


def _entries(value: str) -> Iterator[list[tuple[str, str]]]:
    """Split a value at commas outside of quotes, comments and angle brackets."""
    entry: list[tuple[str, str]] = []
    last_semicolon = value.rfind(";")
    for found in _TOKEN.finditer(value):
        kind = found.lastgroup or ""
        if kind == "comma":
            yield entry
            entry = []
        elif kind == "group" and found.end() <= last_semicolon:
            entry = []
        else:
            entry.append((kind if kind in _KINDS else "atom", found[0]))
    yield entry


def _mailbox(tokens: list[tuple[str, str]]) -> Mailbox:
    angles = [text[1:].rstrip(">") for text in _of_kinds(tokens, "angle")]
    comment = decode_words(" ".join([text.strip("()") for text in _of_kinds(tokens, "comment")]).strip())
    if not angles:
        return Mailbox(_tidy("".join(_of_kinds(tokens, "quoted", "atom"))), comment)
    words = [
        _unquoted(text) if text.startswith('"') else text for text in _of_kinds(tokens, "quoted", "atom")
    ]
    return Mailbox(_tidy(angles[0]), decode_words(" ".join(" ".join(words).split())) or comment)


def _of_kinds(tokens: list[tuple[str, str]], *kinds: str) -> list[str]:
    """Return the texts of these kinds, without a quote that stands alone."""
    return [text for kind, text in tokens if kind in kinds and text != '"']


def _unquoted(text: str) -> str:
    return _QUOTED_PAIR.sub(r"\1", text[1:].removesuffix('"'))


def _tidy(address: str) -> str:
    address = address.strip()
    if address.startswith("@") and ":" in address:
        address = address.partition(":")[2]  # a route (RFC 5322 section 4.4)
    return "".join(address.removeprefix("mailto:").split())


_TOKEN = re.compile(
    r"""(?P<quoted>"(?:[^"\\]|\\.){0,500}+")"""
    r"""|(?P<comment>\((?:[^()\\]|\\.|\([^()]{0,200}+\)){0,500}+\))"""
    r"""|(?P<angle><[^<>]*+>?)"""
    r"""|(?P<comma>[,;])"""
    r"""|(?P<group>(?<![@\w.])[^"(<,;:@\[]*+:(?=[\s"(<\w]))"""
    r"""|(?P<atom>[^"(<,;]++|["(])""",
    re.DOTALL,
)
_MOST_MAILBOXES = 1000
_KINDS = frozenset({"quoted", "comment", "angle"})
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
