"""A mail from anywhere, taken apart whole: every part in its order. Linear in the octets of the mail, and nothing raises."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import mktime_tz, parsedate_tz
from functools import cached_property

from messaging_channels_smtp.reports.charsets import decode
from messaging_channels_smtp.reports.header_fields import (
    HeaderFields,
    decode_base64,
    parse_fields,
    parse_header_block,
)
from messaging_channels_smtp.reports.mailboxes import Mailbox, parse_mailboxes

MAILS = ("message/rfc822", "message/global", "message/news")
HEADERS = ("text/rfc822-headers", "message/rfc822-headers", "message/global-headers")
_MOST_LEVELS = 100
"""Multiparts within each other. What is deeper is kept as one text."""

parse_header_fields = parse_fields


@dataclass(frozen=True)
class MailPart:
    """One part that is no multipart, or a whole attached mail."""

    fields: HeaderFields = field(repr=False)
    body: bytes = field(repr=False)
    """As it came."""
    level: int = 0
    """How many multiparts it stands in."""
    is_loose: bool = False
    """Whether it is a text before, between or after the parts, where none belongs."""
    default_type: str = "text/plain"

    @cached_property
    def media_type(self) -> str:
        """The media type, in lower case."""
        named = self.fields.parameters("Content-Type").value
        if named.startswith("multipart/"):
            return "text/plain"  # it has no parts: its boundary is not the one that it names, so all of it is text
        return named if _MEDIA_TYPE.fullmatch(named) else self.default_type

    @cached_property
    def data(self) -> bytes:
        """The octets without their transfer encoding."""
        encoding = self.fields.raw("Content-Transfer-Encoding").lower().strip(" \"';")
        if encoding == "base64":
            return _decoded_base64(self.body)
        if encoding == "quoted-printable":
            return binascii.a2b_qp(self.body)
        if encoding in _UUENCODED:
            return _decoded_uu(self.body)
        return self.body

    @cached_property
    def text(self) -> str:
        """The text; empty for what is none. Each line ends with a line feed."""
        if not self.media_type.startswith(("text", "message")):
            return ""
        label = self.fields.parameters("Content-Type").get("charset")
        return decode(self.data, label).replace("\r\n", "\n").replace("\r", "\n")

    @cached_property
    def filename(self) -> str | None:
        """The name of the file, decoded, where there is one."""
        disposed = self.fields.parameters("Content-Disposition").get("filename")
        named = disposed or self.fields.parameters("Content-Type").get("name")
        return named.replace("\0", "") or None

    @property
    def is_attached(self) -> bool:
        """Whether its sender says that it is an attachment."""
        return self.fields.parameters("Content-Disposition").value == "attachment"

    @property
    def content_id(self) -> str | None:
        """The Content-ID, as it came."""
        return self.fields.raw("Content-ID") or None


class ReceivedMail:
    """A mail, and its parts in order. The parts of an attached mail are its own."""

    def __init__(self, raw: bytes, *, whole: bool = True) -> None:  # noqa: ARG002  callers of before say how much
        """Take it apart. Line ends may be those of any system."""
        if b"\n" not in raw:
            raw = raw.replace(b"\r", b"\n")
        self.fields, self._start = parse_header_block(raw)
        self._raw = raw
        self._mailboxes: dict[str, tuple[Mailbox, ...]] = {}
        """By header: many questions are asked about the same few."""

    @cached_property
    def parts(self) -> tuple[MailPart, ...]:
        """The parts, in order."""
        return tuple(_parts(self.fields, self._raw[self._start :]))

    @cached_property
    def text(self) -> str:
        """The texts of all parts."""
        return "\n".join(part.text for part in self.parts)

    @property
    def media_type(self) -> str:
        """The media type of the whole, in lower case."""
        return self.fields.parameters("Content-Type").value

    @property
    def report_type(self) -> str:
        """The `report-type` of a multipart/report (RFC 6522), in lower case; empty for other mails."""
        named = self.fields.parameters("Content-Type")
        return named.get("report-type").lower() if named.value == "multipart/report" else ""

    def header(self, name: str) -> str:
        """Return a header's decoded value on one line, empty where there is none."""
        return self.fields.text(name)

    def mailboxes(self, *names: str) -> tuple[Mailbox, ...]:
        """Return the mailboxes in these headers."""
        return tuple(one for name in names for one in self._mailboxes_in(name))

    def _mailboxes_in(self, name: str) -> tuple[Mailbox, ...]:
        found = self._mailboxes.get(name)
        if found is None:
            found = tuple(one for value in self.fields.all_raw(name) for one in parse_mailboxes(value))
            self._mailboxes[name] = found
        return found

    def addresses(self, *names: str) -> tuple[str, ...]:
        """Return the addresses in these headers, without names."""
        return tuple(one.address for one in self.mailboxes(*names) if "@" in one.address)

    def display_name(self) -> str:
        """Return the name of the sender."""
        named = self.mailboxes("From")
        return named[0].name if named else ""

    @property
    def date(self) -> float | None:
        """The Date, in seconds since the epoch."""
        try:
            parsed = parsedate_tz(self.header("Date")[:_LONGEST_DATE])
            return None if parsed is None else float(mktime_tz(parsed))
        except (ValueError, OverflowError, IndexError, TypeError):
            return None

    def parts_of_type(self, *kinds: str) -> Iterator[MailPart]:
        """Return the parts of these media types."""
        return (part for part in self.parts if part.media_type in kinds)


def _parts(fields: HeaderFields, body: bytes) -> Iterator[MailPart]:
    """Return the leaves of a tree of multiparts, without recursion."""
    waiting = [MailPart(fields, body)]
    while waiting:
        part = waiting.pop()
        children = _children(part) if part.level < _MOST_LEVELS else []
        if children:
            waiting += reversed(children)
        elif part.fields.fields or part.body.strip():
            yield part


def _children(part: MailPart) -> list[MailPart]:
    """Return the parts of a multipart, with what stands around them; nothing where it is none."""
    kind = part.fields.parameters("Content-Type")
    if not kind.value.startswith("multipart/"):
        return []
    delimiters = _delimiters(part.body, kind.named.get("boundary", ""))
    if not delimiters:
        return []
    level, inner = part.level + 1, "message/rfc822" if kind.value == "multipart/digest" else "text/plain"
    found = [_loose(part.body[: delimiters[0][0]], level)]
    ends = [start for start, _, _ in delimiters[1:]] + [len(part.body)]
    for (_, start, is_last), end in zip(delimiters, ends, strict=True):
        between = part.body[start:end]
        found.append(_loose(between, level) if is_last else _part(between, level, inner))
    return found


def _part(octets: bytes, level: int, default_type: str) -> MailPart:
    octets = octets.removesuffix(b"\n").removesuffix(b"\r")
    fields, start = parse_header_block(octets)
    if not any(name.startswith(("content-", "mime-")) for name, _ in fields.fields) and fields.fields:
        return MailPart(
            HeaderFields(), octets, level, default_type=default_type
        )  # a text that looks like fields
    return MailPart(fields, octets[start:], level, default_type=default_type)


def _loose(octets: bytes, level: int) -> MailPart:
    is_usual = len(octets) < _LONGEST_PREAMBLE and _PREAMBLE.search(octets)
    return MailPart(HeaderFields(), b"" if is_usual else octets, level, is_loose=True)


def _delimiters(body: bytes, boundary: str) -> list[tuple[int, int, bool]]:
    """Return where each delimiter line begins and ends, and whether it is the last one; those of another boundary where the named one is nowhere."""
    found = list(_lines_of(body, boundary.encode("utf-8", "replace"))) if boundary else []
    if found:
        return found
    guessed = _ANY_DELIMITER.search(body)
    return list(_lines_of(body, guessed[1])) if guessed else []


def _lines_of(body: bytes, boundary: bytes) -> Iterator[tuple[int, int, bool]]:
    line = b"--" + boundary
    at = body.find(line)
    while at >= 0:
        rest = _REST_OF_DELIMITER.match(body, at + len(line))
        if rest and (at == 0 or body[at - 1] in b"\r\n"):
            yield at, rest.end(), bool(rest[1])
        at = body.find(line, at + len(line))


def _decoded_base64(data: bytes) -> bytes:
    """Return what it stands for, with the plain text that gateways append to it."""
    if _IS_PROSE.match(data):
        return data
    end = data.find(b"=")
    head, rest = (data, b"") if end < 0 else (data[:end], data[end:].lstrip(b"= \t\r\n"))
    decoded = decode_base64(head)
    if not decoded and data.strip():
        return data
    if rest and _IS_BASE64.fullmatch(rest):  # written piece by piece, each with its own padding
        more = [decode_base64(piece) or b"" for piece in rest.split(b"=")]
        return b"".join([decoded or b"", *more])
    return (decoded or b"") + (b"\r\n" + rest if rest else b"")


def _decoded_uu(data: bytes) -> bytes:
    lines = (line for line in data.splitlines() if line.strip() and not line.startswith((b"begin ", b"end")))
    try:
        return b"".join([binascii.a2b_uu(line) for line in lines])
    except binascii.Error:
        return data


_UUENCODED = frozenset({"x-uuencode", "uuencode", "x-uue", "uue"})
_MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]{1,80}/[\w!#$&^.+-]{1,120}")
_LONGEST_DATE = 120
_LONGEST_PREAMBLE = 500
_PREAMBLE = re.compile(rb"mime|multi-?part", re.IGNORECASE)
_REST_OF_DELIMITER = re.compile(rb"(--)?[ \t]*+(?:\r?\n|\r|\Z)")
_ANY_DELIMITER = re.compile(rb"^--([^\s]{1,200}+)[ \t]*+\r?\ncontent-", re.IGNORECASE | re.MULTILINE)
_IS_PROSE = re.compile(rb"\s*+[A-Za-z]{1,20}+[,.]? [A-Za-z]{1,20}+ [A-Za-z]{1,20}+ ")
_IS_BASE64 = re.compile(rb"[A-Za-z0-9+/=\s]*+")
