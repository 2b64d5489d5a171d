"""How a text message will be encoded, and as how many parts it will be charged.

Source: 3GPP TS 23.038 (alphabets) and 23.040 (concatenation). National language shift tables are not considered: text that only they could
carry in 7 bits is counted as UCS-2 here.
"""

from __future__ import annotations

from dataclasses import dataclass

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = "\f^{}\\[~]|€"
_COSTS = dict.fromkeys(_BASIC, 1) | dict.fromkeys(_EXTENSION, 2)

_GSM7 = ("GSM-7", 160, 153)
_UCS2 = ("UCS-2", 70, 67)
_MAX_UNENCODABLE = 5


@dataclass(frozen=True, slots=True)
class Segments:
    """The size of a text message."""

    encoding: str
    """`GSM-7` or `UCS-2`."""
    count: int
    """Parts it is charged as."""
    units: int
    """Septets (GSM-7) or UTF-16 code units (UCS-2) of the text itself."""
    per_segment: int
    """Units one part holds: 160 or 70 alone, 153 or 67 in a longer message."""
    remaining: int
    """Units that may be added before another part begins."""
    unencodable: tuple[str, ...] = ()
    """The first characters that forced UCS-2, at most five."""


def segments(text: str) -> Segments:
    """Count the parts of a text. The empty text is one part without units.

    A character of two units (an extension character, a surrogate pair) is never split over two parts.
    """
    foreign = tuple(dict.fromkeys(character for character in text if character not in _COSTS))
    if foreign:
        return _count_segments(
            [1 + (character > "\uffff") for character in text], *_UCS2, foreign[:_MAX_UNENCODABLE]
        )
    return _count_segments([_COSTS[character] for character in text], *_GSM7, ())


def _count_segments(
    costs: list[int], encoding: str, alone: int, joined: int, foreign: tuple[str, ...]
) -> Segments:
    units = sum(costs)
    if units <= alone:
        return Segments(encoding, 1, units, alone, alone - units, foreign)
    count, filled = 1, 0
    for cost in costs:
        if filled + cost > joined:
            count, filled = count + 1, 0
        filled += cost
    return Segments(encoding, count, units, joined, joined - filled, foreign)
