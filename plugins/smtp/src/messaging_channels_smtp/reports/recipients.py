"""Whom a bounce is about, among all the addresses that stand in it: those that it names where mailers name them, never a bystander's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from messaging_channels_smtp.reports._table_places import (
    ADDRESS,
    GLUED,
    LINE_START,
    NAMING,
    OTHERS,
    RCPT,
    REASON_FOLLOWS,
    SERVERS,
)
from messaging_channels_smtp.reports.mailboxes import parse_mailboxes
from messaging_channels_smtp.reports.received_mail import ReceivedMail

MOST_RECIPIENTS = 200
_BYSTANDER, _FOUND, _NAMED, _REASONED = range(4)
"""How surely an address is that of a recipient."""
_NEXT_FEW = 4
_LONGEST_SECTION = 1500
"""Characters after an address in which its reason is looked for."""


@dataclass(frozen=True, slots=True)
class NamedRecipient:
    """An address that a bounce names, and what it says of it."""

    address: str
    said: str
    """The text from the line that names it to where the next one is named."""
    is_named: bool = True
    """Whether it stands where mailers name recipients; otherwise it was only the best that there was."""
    is_reasoned: bool = False
    """Whether a reason follows at once, so that nobody else can be meant."""


def named_recipients(
    mail: ReceivedMail, text: str, original: Mapping[str, str]
) -> tuple[NamedRecipient, ...]:
    """Return the recipients that a mailer names, the surest kind of naming only; of ours, where some are ours."""
    ours = addresses_in(original.get("to", ""), original.get("cc", ""))
    listed = addresses_in(*mail.fields.all_raw("X-Failed-Recipients"))
    own = _addresses_of(mail, original) - ours
    found = _ranked(text, own)
    if listed:
        told = {one.address.lower(): one for one in found}
        return tuple(told.get(one, NamedRecipient(one, "")) for one in sorted(listed))[:MOST_RECIPIENTS]
    if named := _named(found, ours):
        return tuple(_unique(named))[:MOST_RECIPIENTS]
    if len(ours) == 1:
        return (
            NamedRecipient(next(iter(ours)), "", is_named=any(one.address.lower() in ours for one in found)),
        )
    if not found and (local := tuple(_local_recipients(mail, text))):
        return local
    to_ourselves = (replace(one, is_named=False) for one in _ranked(text, set()) if one.is_named)
    return tuple(_unique(found or to_ourselves))[:1]


def _named(found: Sequence[NamedRecipient], ours: set[str]) -> Sequence[NamedRecipient]:
    """Return those that are named as recipients; where not all have a reason, ours alone, if any is."""
    named = [one for one in found if one.is_named]
    if all(one.is_reasoned for one in named):
        return named
    return [one for one in named if one.address.lower() in ours] or named


def _local_recipients(mail: ReceivedMail, text: str) -> Iterable[NamedRecipient]:
    """Return those that a mailer lists by their names alone: they are of its own domain."""
    domain = next((one.rpartition("@")[2] for one in mail.addresses("From") if "@" in one), "")
    listed = _LOCAL_LIST.search(text) if domain else None
    names = listed[1].split()[:MOST_RECIPIENTS] if listed else ()
    return (NamedRecipient(f"{one}@{domain.lower()}", "", is_named=False) for one in names)


def addresses_in(*values: str) -> set[str]:
    """Return the addresses in raw header values, in lower case."""
    return {one.address.lower() for value in values for one in parse_mailboxes(value) if "@" in one.address}


def _addresses_of(mail: ReceivedMail, original: Mapping[str, str]) -> set[str]:
    """Return the addresses of a mail and of the one that came back, but for whom that was written to."""
    of_mail = (value for name in _OWN_HEADERS for value in mail.fields.all_raw(name))
    return addresses_in(
        *of_mail, *(original.get(name, "") for name in ("from", "sender", "reply-to", "return-path"))
    )


def _ranked(text: str, bystanders: set[str]) -> list[NamedRecipient]:
    """Return the addresses that stand in the surest places of a text, each with what is said of it."""
    seen: list[tuple[int, int, str]] = []
    for found in ADDRESS.finditer(text):
        spelled = _without_neighbors(found[1]).strip(".'")
        address = spelled.lower()
        if (
            "@" not in address
            or address in bystanders
            or SERVERS.match(address)
            or not _DOMAIN.search(address)
        ):
            continue
        rank = _rank(text, found.start(), found.end())
        if rank > 0:
            seen.append((rank, found.start(), spelled))
    best = max((rank for rank, _, _ in seen), default=0)
    chosen = [(start, address) for rank, start, address in seen if rank == best]
    return list(_with_sections(text, chosen, best))


def _without_neighbors(address: str) -> str:
    """Return an address without the words that stand at it with no space between, as in Chinese, Japanese and Korean."""
    glued = None if address.isascii() else GLUED.search(address)
    return glued[1] if glued else address


def _rank(text: str, start: int, end: int) -> int:
    """Return how surely an address at this place is a recipient: 0 for a bystander."""
    before = text[max(0, start - 70) : start]
    line, is_begun = before.rpartition("\n")[2], "\n" in before or start == len(before)
    if OTHERS.search(before):
        return _BYSTANDER
    if RCPT.search(before):
        return _REASONED
    if is_begun and LINE_START.fullmatch(line):
        return _REASONED if REASON_FOLLOWS.match(text, end) else _NAMED
    return _NAMED if NAMING.search(before) else _FOUND


def _with_sections(text: str, chosen: list[tuple[int, str]], rank: int) -> Iterable[NamedRecipient]:
    for index, (start, address) in enumerate(chosen):
        end = len(text)
        for later, other in chosen[index + 1 : index + _NEXT_FEW]:
            if other.lower() != address.lower():
                end = later
                break
        begin = text.rfind("\n", max(0, start - 200), start) + 1 or max(0, start - 200)
        yield NamedRecipient(
            address, text[begin : min(end, start + _LONGEST_SECTION)], rank >= _NAMED, rank >= _REASONED
        )


def _unique(found: Iterable[NamedRecipient]) -> Iterable[NamedRecipient]:
    told: dict[str, NamedRecipient] = {}
    for one in found:
        key = one.address.lower()
        if key in told:
            said = f"{told[key].said}\n{one.said}"[: 2 * _LONGEST_SECTION]
            told[key] = replace(one, said=said)
        else:
            told[key] = one
    return told.values()


_OWN_HEADERS = ("To", "Delivered-To", "X-Original-To", "Envelope-To", "From", "Sender", "Reply-To", "Cc")
_LOCAL_LIST = re.compile(
    r"\bfollowing (?:recipient|address|user)(?:s|es|\(s\)|\(es\))?\b[^\n]{0,300}+\n(?:(?!\s)[^\n]{1,300}+\n){0,3}"
    r"(?:[ \t]*\n)?((?:[ \t]{1,8}[\w.+-]{2,64}[ \t]*(?:\n|$)){1,50})"
)
"""A list of names, one a line and indented, after the words that announce recipients."""
_DOMAIN = re.compile(r"@[^@]*\w\.?[\w-]*\w")
