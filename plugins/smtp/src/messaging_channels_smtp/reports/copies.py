"""The mail that came back: attached, or copied into the text of a bounce; and the text without it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from messaging_channels_smtp.reports._table_places import (
    ANNOUNCED,
    FIELD_LINE,
    OTHER_FIELD,
)
from messaging_channels_smtp.reports.header_fields import parse_fields
from messaging_channels_smtp.reports.received_mail import HEADERS, MAILS, MailPart, ReceivedMail
from messaging_channels_smtp.reports.wordings import text_of_html

_LONGEST_TEXT = 65_536
"""Characters of a mailer's text that are read for what it says: what a mailer has to say stands first."""
_FEWEST_FIELDS = 3


def original_fields(mail: ReceivedMail) -> dict[str, str]:
    """Return the headers of the mail that came back, with names in lower case; nothing where it did not."""
    for part in mail.parts_of_type(*HEADERS, *MAILS):
        text = part.text if part.media_type in HEADERS else _head_of(part)
        if found := parse_fields(text):
            return found
    return _copied_fields(spoken_text(mail))


def spoken_text(mail: ReceivedMail) -> str:
    """Return the text of a mail that is to be read by people: plain, or what a page says where there is nothing else."""
    parts = [part for part in mail.parts if part.filename is None or not part.is_attached]
    plain = "\n".join(_texts(parts, "text/plain"))
    if len(plain.strip()) < _SHORTEST_TEXT:
        plain += "\n" + "\n".join(text_of_html(text) for text in _texts(parts, "text/html"))
    elif _IS_PAGE.search(plain[:_BEGINNING]):
        plain = text_of_html(plain)
    return plain[:_LONGEST_TEXT]


def without_copy(text: str) -> tuple[str, str]:
    """Return what stands before the copy of the mail that came back, and all of the text without lines that are headers."""
    before: list[str] = []
    beside: list[str] = []
    is_before = True
    for is_copy, lines in _blocks(text):
        is_before = is_before and not is_copy
        if is_before:
            before += lines
        if not is_copy:
            beside += lines
    return "\n".join(before), "\n".join(beside)


def _blocks(text: str) -> Iterator[tuple[bool, list[str]]]:
    """Split a text into runs of header lines, lines that announce a copy, and others."""
    run: list[str] = []
    fields, indent = 0, 0
    for line in text.split("\n"):
        is_field = bool(FIELD_LINE.match(line))
        if is_field or (fields and _indent(line) > indent and not OTHER_FIELD.match(line)):
            fields += is_field
            indent = _indent(line) if is_field else indent
            run.append(line)
            continue
        yield _is_header_block(run, fields), run
        run, fields = [], 0
        yield bool(ANNOUNCED.match(line[:_LONGEST_ANNOUNCEMENT])), [line]
    yield _is_header_block(run, fields), run


def _indent(line: str) -> int:
    """Return how far a line is indented or quoted; an empty one not at all."""
    return len(line) - len(line.lstrip(" \t>")) if line.strip(" \t>") else 0


def _is_header_block(run: list[str], fields: int) -> bool:
    if not fields:
        return False
    names = {line.lstrip(" \t>").partition(":")[0].lower() for line in run}
    return bool(names & _OF_TRANSPORT) or (fields >= _FEWEST_FIELDS and {"from", "subject"} <= names)


def _copied_fields(text: str) -> dict[str, str]:
    copied = (lines for is_copy, lines in _blocks(text) if is_copy and lines and FIELD_LINE.match(lines[0]))
    for lines in copied:
        found = parse_fields("\n".join([_MARK.sub("", line) for line in lines]))
        if "message-id" in found or "to" in found:
            return found | {"message-id": _own_message_id(lines) or found.get("message-id", "")}
    return {}


def _own_message_id(lines: list[str]) -> str:
    """Return the id in the first line that holds a whole one, empty where none does."""
    return next((field[1] for line in lines if (field := _MESSAGE_ID.match(line))), "")


def _head_of(part: MailPart) -> str:
    head, _, _ = part.text.lstrip().partition("\n\n")
    return head


def _texts(parts: list[MailPart], kind: str) -> Iterator[str]:
    return (part.text[:_LONGEST_TEXT] for part in parts if part.media_type == kind)


_LONGEST_ANNOUNCEMENT = 200
_SHORTEST_TEXT = 20
_BEGINNING = 2000
_IS_PAGE = re.compile(r"<(?:html|!doctype html)\b", re.IGNORECASE)
_OF_TRANSPORT = frozenset(
    {"received", "return-path", "message-id", "mime-version", "dkim-signature", "domainkey-signature"}
)
_MESSAGE_ID = re.compile(r"[ \t>]*message-id: ?(<[^\s<>@]+@[^\s<>@]+>)", re.IGNORECASE)
_MARK = re.compile(r"^[ \t>]+(?=[A-Za-z-]+:)|^>(?=[ \t])")
