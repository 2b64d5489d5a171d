"""Header fields as they come: RFC 5322, 2045, 2047 and 2231, and what mail programs make of them. Linear in the octets; nothing raises."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from messaging_channels_smtp.reports.charsets import decode

_LONGEST_LINE = 65_536
"""Octets of a value that are read as one; what is longer is no value but an attack."""


class HeaderFields:
    """The fields of one header block, in order."""

    def __init__(self, fields: tuple[tuple[str, bytes], ...] = ()) -> None:
        """Take names in lower case, and values as they came, folds and all."""
        self.fields = fields
        self._first: dict[str, bytes] = {}
        for name, value in fields:
            self._first.setdefault(name, value)

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._first

    def raw(self, name: str) -> str:
        """Return the first value of a name, unfolded and with its encoded words as they are; empty where there is none."""
        return as_text(self._first.get(name.lower(), b""))

    def text(self, name: str) -> str:
        """Return the first value of a name, decoded, on one line."""
        return decode_words(self.raw(name))

    def all_raw(self, name: str) -> tuple[str, ...]:
        """Return every value of a name; see raw."""
        return tuple(as_text(value) for one, value in self.fields if one == name.lower())

    def parameters(self, name: str) -> Parameters:
        """Return the value of a name taken apart as `value; name=value`."""
        return Parameters.parse(self.raw(name)) if name in self else _NO_PARAMETERS


@dataclass(frozen=True, slots=True)
class Parameters:
    """What stands in a field such as Content-Type."""

    value: str
    """Before the first semicolon, in lower case."""
    named: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> Parameters:
        """Take a value apart; parameters that go over several lines or name a charset (RFC 2231) are put together."""
        value = text.partition(";")[0].strip().lower()
        plain: dict[str, str] = {}
        pieces: dict[str, list[tuple[int, bool, str]]] = {}
        for found in _PARAMETER.finditer(text):
            name, given = found[1].lower(), found[2].strip()
            if given.startswith('"'):
                given = _QUOTED_PAIR.sub(r"\1", given.strip('"'))
            named = _CONTINUED.fullmatch(name)
            if named:
                pieces.setdefault(named[1], []).append((int(named[2] or 0), bool(named[3]), given))
            else:
                plain.setdefault(name, given)
        return cls(value, plain | {name: _put_together(found) for name, found in pieces.items()})

    def get(self, name: str) -> str:
        """Return a parameter's value, decoded; empty where there is none."""
        return decode_words(self.named.get(name, ""))


_NO_PARAMETERS = Parameters("", {})


def parse_header_block(data: bytes, start: int = 0, end: int | None = None) -> tuple[HeaderFields, int]:
    """Return the fields that `data` begins with, and where the body begins.

    A line that is no field is passed over if a field follows; otherwise the body begins with it.
    """
    end = len(data) if end is None else end
    fields: list[tuple[str, bytes]] = []
    at = start
    while at < end:
        stop = data.find(b"\n", at, end)
        following = end if stop < 0 else stop + 1
        if data[at:following] in _BLANK_LINES:
            return HeaderFields(tuple(fields)), following
        field = _FIELD.match(data, at, following)
        if field:
            following = _end_of_folds(data, following, end)
            fields.append((field[1].lower().decode("ascii"), data[field.end() : following]))
        elif fields and fields[-1][1].rstrip().endswith(b";"):  # a fold without its blank
            fields[-1] = (fields[-1][0], fields[-1][1] + data[at:following])
        elif not _is_passed_over(data, at, following, end):
            break
        at = following
    return HeaderFields(tuple(fields)), at


def parse_fields(text: str) -> dict[str, str]:
    """Read header lines out of a text into names in lower case and unfolded values. The first of a name counts."""
    block, _ = parse_header_block(text.lstrip().encode("utf-8", "replace"))
    return {name: block.text(name) for name, _ in block.fields}


def as_text(value: bytes) -> str:
    """Return a raw value on one line: UTF-8, or windows-1252 where it is not."""
    return " ".join(decode(value[:_LONGEST_LINE]).replace("\0", "").split())


def decode_words(text: str) -> str:
    """Return a text with its encoded words (RFC 2047) decoded, wherever they stand. What cannot be decoded stays as it is."""
    if "=?" not in text:
        return text
    return " ".join("".join(_decoded_pieces(text)).replace("\0", "").split())


def _decoded_pieces(text: str) -> Iterator[str]:
    held, charset, at = b"", "", 0
    for word in _WORD.finditer(text):
        between = text[at : word.start()]
        data = _octets_of(word[2], word[3])
        if data is None:
            continue
        if held and not between.strip() and word[1].lower() == charset:
            held += data  # a character may begin in one word and end in the next
        else:
            yield decode(held, charset)
            yield between if between.strip() or not held else ""
            held, charset = data, word[1].lower()
        at = word.end()
    yield decode(held, charset)
    yield text[at:]


def _octets_of(encoding: str, payload: str) -> bytes | None:
    data = payload.encode("utf-8", "replace")
    if encoding in "qQ":
        return binascii.a2b_qp(data, header=True)
    return decode_base64(data)


def decode_base64(data: bytes) -> bytes | None:
    """Return what base64 stands for, also where padding is missing and line breaks or others stand within; None where nothing can be made of it."""
    kept = _NOT_BASE64.sub(b"", data.partition(b"=")[0])
    kept = kept[: len(kept) - 1] if len(kept) % 4 == 1 else kept
    if not kept:
        return None if data.strip(b"= \t\r\n") else b""
    return binascii.a2b_base64(kept + b"=" * (-len(kept) % 4))


def _put_together(pieces: list[tuple[int, bool, str]]) -> str:
    """Return the pieces of a parameter as one (RFC 2231 section 3 and 4)."""
    ordered = sorted(pieces, key=lambda one: one[0])
    charset, octets = "", b""
    for index, (_, is_encoded, piece) in enumerate(ordered):
        rest = piece
        if is_encoded and index == 0 and piece.count("'") > 1:
            charset, _, rest = piece.partition("'")
            rest = rest.partition("'")[2]
        octets += unquote_to_bytes(rest) if is_encoded else rest.encode("utf-8", "replace")
    return decode(octets, charset)


def _end_of_folds(data: bytes, at: int, end: int) -> int:
    """Return where the lines end that continue a field: those that begin with a blank and hold more than blanks."""
    while at < end and data[at] in b" \t":
        stop = data.find(b"\n", at, end)
        following = end if stop < 0 else stop + 1
        if not data[at:following].strip():
            break
        at = following
    return at


def _is_passed_over(data: bytes, at: int, following: int, end: int) -> bool:
    if data.startswith((b"From ", b">From "), at):
        return True  # of a mailbox in the format mbox
    return following < end and bool(_FIELD.match(data, following, end))


_BLANK_LINES = (b"\n", b"\r\n", b"\r\r\n")
_FIELD = re.compile(rb"([!-9;-~]{1,200}+)[ \t]*+:")
_PARAMETER = re.compile(r';\s*+([^\s=;"]{1,100}+)\s*+=\s*+("(?:[^"\\]|\\.)*+"|[^;]*+)', re.DOTALL)
_CONTINUED = re.compile(r"([^*]+)(?:\*(\d{1,3}))?(\*)?(?<=\*|\d)(?<!^)")
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_WORD = re.compile(r"=\?([^?\s]{1,80})\?([bBqQ])\?((?:[^?]|\?(?!=)){0,2000})\?=")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")
