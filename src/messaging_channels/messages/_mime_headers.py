"""Header values as they go on the wire: ASCII, folded, and nothing in them that a reader could take for another header.

Written by hand, since the standard library's `EmailMessage` folds long tokens into encoded words that no reader of List-Unsubscribe
understands, and on some supported Pythons lets an encoded word end a header. Sources: RFC 5322 (headers), 2047 (encoded words), 2231
(parameters), 6532 (addresses that are not ASCII).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote

from messaging_channels._model.addresses import EmailAddress
from messaging_channels._model.errors import InvalidMessage


def block(fields: Iterable[tuple[str, str]]) -> bytes:
    """Return header lines as octets.

    Raises:
        InvalidMessage: a value would end its line, or begin another header. The last guard, whatever the message types let through.
    """
    named = list(fields)
    octets = "".join([f"{name}: {value}\r\n" for name, value in named]).encode("utf-8", "replace")
    if not _BLOCK.fullmatch(octets) or len(_NAME.findall(octets)) != len(named):
        raise InvalidMessage(
            "has a header with a line break or a control character", field="Email", hint="remove it"
        )
    return octets


def text(name: str, value: str) -> str:
    """Return the value of an unstructured header; what could be misread goes into encoded words."""
    if _must_encode(value):
        return _encode(value, used=len(name) + 2)
    if len(name) + len(value) + 2 <= _SOFT_LIMIT:
        return value
    folded = _fold(name, value)
    return _encode(value, used=len(name) + 2) if folded is None else folded


def mailbox(name: str, address: EmailAddress) -> str:
    """Return one address with its display name.

    Raises:
        InvalidMessage: it holds a control character; only an address that was not parsed can.
    """
    spec = address.addr_spec
    if not _ADDRESS.fullmatch(spec):
        raise InvalidMessage(
            "has an address that is too long or contains a control character, a space or an angle bracket",
            field="Email",
            hint="use EmailAddress.parse",
        )
    return _named_mailbox(name, spec, address.display_name) if address.display_name else spec


def _named_mailbox(name: str, spec: str, display_name: str) -> str:
    shown = without_invisible(display_name)
    if not shown:
        return spec
    if _BREAKS.search(shown):
        raise InvalidMessage(
            "has a display name with a line break", field="Email", hint="use EmailAddress.parse"
        )
    used = len(name) + 2
    escaped = shown.replace("\\", "\\\\").replace('"', '\\"')
    quoted = f'"{escaped}"'
    is_plain = _PLAIN.fullmatch(shown) and "=?" not in shown
    if is_plain and used + len(quoted) > _SOFT_LIMIT - 2 and _LONG_WORD.search(quoted) is None:
        shown = _fold(name, quoted) or _encode(shown, used=used)
    else:
        shown = quoted if is_plain and used + len(quoted) <= _SOFT_LIMIT - 2 else _encode(shown, used=used)
    last = len(shown) - shown.rfind("\n") + (0 if "\n" in shown else used)
    space = " " if last + len(spec) + 3 <= _SOFT_LIMIT else "\r\n "
    return f"{shown}{space}<{spec}>"


def mailboxes(name: str, addresses: Iterable[EmailAddress]) -> str:
    """Return addresses, one a line."""
    return ",\r\n ".join(mailbox(name, address) for address in addresses)


def tokens(name: str, items: Sequence[str], separator: str = "") -> str:
    """Return items in angle brackets: as many a line as fit, and never one torn.

    Raises:
        InvalidMessage: one of them is longer than a line may be.
    """
    lines = [""]
    for item in items[:-1]:
        _place(lines, item + separator, used=len(name) + 1)
    _place(lines, items[-1], used=len(name) + 1)
    if max(map(len, lines)) > _LONGEST:
        raise InvalidMessage(
            "has a link or id that is longer than a header line", field="Email", hint="shorten it"
        )
    return "\r\n".join(lines)[1:]


def parameter(name: str, value: str) -> str:
    """Return one parameter as folded lines, with what is not ASCII by RFC 2231."""
    if _TOKEN.fullmatch(value):
        return f";\r\n {name}={value}"
    if _PLAIN.fullmatch(value) and len(value) <= _LONGEST_QUOTED:
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f';\r\n {name}="{escaped}"'
    first, *others = [
        quote(piece, safe="") for piece in _split_utf8(value.encode("utf-8", "replace"), _PIECE)
    ]
    if not others:
        return f";\r\n {name}*=utf-8''{first}"
    continued = "".join(f";\r\n {name}*{number}*={piece}" for number, piece in enumerate(others, 1))
    return f";\r\n {name}*0*=utf-8''{first}{continued}"


def without_invisible(text: str) -> str:
    """Return text without direction overrides and marks that no eye sees; joiners stay between letters that need them."""
    return text if text.isascii() else _STRAY_JOINER.sub("", _INVISIBLE.sub("", text))


def ascii_fallback(value: str) -> str:
    """Return the ASCII in a value, for readers that know no RFC 2231."""
    return _NOT_ASCII.sub("_", value)


def _place(lines: list[str], item: str, *, used: int) -> None:
    room = _SOFT_LIMIT - (used if len(lines) == 1 else 0)
    if lines[-1] and len(lines[-1]) + 1 + len(item) > room:
        lines.append("")
    lines[-1] += f" {item}"


def _must_encode(value: str) -> bool:
    return not _PLAIN.fullmatch(value) or value != value.strip(" ") or "=?" in value


def _fold(name: str, value: str) -> str | None:
    """Fold at single spaces; None where a line would be too long, or nothing but white space."""
    lines, room = [""], _SOFT_LIMIT - len(name) - 2
    for word in value.split(" "):
        if not word:
            return None
        if lines[-1] and len(lines[-1]) + 1 + len(word) > room:
            lines.append(word)
            room = _SOFT_LIMIT - 1
        else:
            lines[-1] += f" {word}" if lines[-1] else word
    return None if max(map(len, lines)) > _LONGEST - len(name) - 2 else "\r\n ".join(lines)


def _encode(value: str, *, used: int) -> str:
    """Return encoded words, one a line of at most 76 characters. `used` is what stands before the first."""
    octets = value.encode("utf-8", "replace")
    first = max(_FEWEST, (_WORD_LINE - used - _WRAPPING) // 4 * 3)
    words = (base64.b64encode(piece).decode() for piece in _split_utf8(octets, first, _WORD_OCTETS))
    return "\r\n ".join(f"=?utf-8?b?{word}?=" for word in words)


def _split_utf8(octets: bytes, first: int, others: int | None = None) -> Iterator[bytes]:
    """Cut UTF-8 into pieces of at most so many octets, never within a character."""
    start, room = 0, first
    while len(octets) - start > room:
        end = start + room
        while octets[end] & 0xC0 == 0x80:  # noqa: PLR2004  an octet that continues a character
            end -= 1
        yield octets[start:end]
        start, room = end, others or first
    yield octets[start:]


_LONGEST = 998
_SOFT_LIMIT = 78
_WORD_LINE = 76
_WRAPPING = len("=?utf-8?b??=")
_WORD_OCTETS = 45
_FEWEST = 6
_PIECE = 20
_PLAIN = re.compile(r"[ -~]*")
_LONG_WORD = re.compile(r"[^ ]{70}")
_TOKEN = re.compile(r"[A-Za-z0-9!#$&+.^_`{|}~-]{1,60}")
_NOT_ASCII = re.compile(r"[^ -~]+")
_BREAKS = re.compile(r"[\r\n\0]")
_ADDRESS = re.compile(r"[^\x00-\x20\x7f-\x9f<>\u2028\u2029]{1,254}")
_LONGEST_QUOTED = 160
_STRAY_JOINER = re.compile(r"(?<![^\x00-\x7f])[\u200c\u200d]+(?![^\x00-\x7f])")
"""Joiners that join nothing but ASCII, where they only deceive."""
_INVISIBLE = re.compile(r"[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
"""Direction overrides and marks that no eye sees: in a name they only deceive."""
_NAME = re.compile(rb"^[!-9;-~]+:", re.MULTILINE)
_BLOCK = re.compile(
    rb"(?:[!-9;-~]+:(?: [^\x00-\x08\x0a-\x1f\x7f]*)?\r\n(?:[ \t]+[^\x00-\x20\x7f][^\x00-\x08\x0a-\x1f\x7f]*\r\n)*)+"
)
