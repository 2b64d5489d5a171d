"""A mail from anywhere, taken apart within bounds: whatever it is made of, reading it ends soon and raises nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses, mktime_tz, parsedate_tz

_MAX_OCTETS = 256 * 1024
"""What a report has to say stands before the mail it tells of; the rest of that is left away."""
_MOST_PARTS = 60
_MOST_LEVELS = 12
_LONGEST_VALUE = 4000


@dataclass(frozen=True, slots=True)
class MailPart:
    """One part that is no multipart, or the headers of an attached mail."""

    media_type: str
    """The media type, in lower case."""
    text: str = field(repr=False)
    filename: str | None = field(default=None, repr=False)
    data: bytes = field(default=b"", repr=False)
    content_id: str | None = None


class ReceivedMail:
    """A mail, and its parts in order."""

    def __init__(self, raw: bytes, *, whole: bool = False) -> None:
        """Take it apart; of a long one only the beginning, unless the `whole` is wanted."""
        kept = raw if whole else raw[:_MAX_OCTETS]
        self._message = _parsed(kept)
        self.parts = tuple(_parts(self._message))
        self.text = "\n".join(part.text for part in self.parts)

    def header(self, name: str) -> str:
        """Return a header's decoded value on one line, empty where there is none."""
        return _decode(self._message.get(name, ""))

    def addresses(self, *names: str) -> tuple[str, ...]:
        """Return the addresses in these headers, without names."""
        values = [str(value)[:_LONGEST_VALUE] for name in names for value in self._message.get_all(name, [])]
        return tuple(address for _, address in getaddresses(values) if _ADDRESS.fullmatch(address))

    def display_name(self) -> str:
        """Return the name of the sender."""
        named = getaddresses([self.header("From")])
        return named[0][0] if named else ""

    @property
    def date(self) -> float | None:
        """The Date, in seconds since the epoch."""
        parsed = parsedate_tz(self.header("Date"))
        try:
            return None if parsed is None else float(mktime_tz(parsed))
        except (ValueError, OverflowError):
            return None

    def parts_of_type(self, *kinds: str) -> Iterator[MailPart]:
        """Return the parts of these media types."""
        return (part for part in self.parts if part.media_type in kinds)


def parse_header_fields(text: str) -> dict[str, str]:
    """Read header lines into names in lower case and unfolded values. The first of a name counts."""
    found: dict[str, str] = {}
    for line in _FOLD.sub(" ", text.replace("\r\n", "\n")).split("\n"):
        name, colon, value = line.partition(":")
        if colon and _NAME.fullmatch(name):
            found.setdefault(name.lower(), value.strip()[:_LONGEST_VALUE])
    return found


def _parsed(raw: bytes) -> Message:
    lowered = raw.lower()
    hostile = (
        lowered.count(b"multipart/") > _MOST_LEVELS * 4 or lowered.count(b"content-type:") > _MOST_PARTS * 4
    )
    if hostile:
        raw = raw[: raw.find(b"\n\n") if b"\n\n" in raw else raw.find(b"\r\n\r\n") + 1]
    try:
        return message_from_bytes(raw)
    except (ValueError, LookupError, RecursionError, AttributeError, TypeError):
        return Message()


def _parts(message: Message, level: int = 0) -> Iterator[MailPart]:
    kind, payload = message.get_content_type().lower(), message.get_payload()
    if not isinstance(payload, list):
        # a multipart without parts: its boundary is not the one that it names, so all of it is text
        kind = "text/plain" if kind.startswith("multipart/") else kind
        yield MailPart(
            kind, _text(message), message.get_filename(), _data(message), message.get("Content-ID")
        )
    elif kind.startswith("message/"):
        blocks = [one for one in payload if isinstance(one, Message)]
        yield MailPart(kind, "\n\n".join(_block(one, kind) for one in blocks), message.get_filename())
    elif level < _MOST_LEVELS:
        for one in payload[:_MOST_PARTS]:
            if isinstance(one, Message):
                yield from _parts(one, level + 1)


def _block(message: Message, kind: str) -> str:
    """Return the headers of an attached mail, or of a report the whole text, which the parser may have taken for a body."""
    head = "\n".join(f"{name}: {value}" for name, value in message.items())
    body = message.get_payload()
    return f"{head}\n\n{body}" if kind not in _MAILS and isinstance(body, str) else head


def _data(message: Message) -> bytes:
    try:
        decoded = message.get_payload(decode=True)
    except (ValueError, LookupError, AttributeError, TypeError):
        return b""
    return decoded if isinstance(decoded, bytes) else b""


def _text(message: Message) -> str:
    data = _data(message)
    if not message.get_content_maintype().startswith(("text", "message", "multipart")):
        return ""
    try:
        return data.decode(message.get_content_charset("utf-8"), "replace")
    except (LookupError, ValueError):
        return data.decode("utf-8", "replace")


def _decode(value: object) -> str:
    text = str(value)[:_LONGEST_VALUE]
    with suppress(HeaderParseError, LookupError, UnicodeError, ValueError):
        text = str(make_header(decode_header(text)))
    return " ".join(text.split())


_MAILS = ("message/rfc822", "message/global")
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")
_FOLD = re.compile(r"\n[ \t]+")
_NAME = re.compile(r"[!-9;-~]+")
