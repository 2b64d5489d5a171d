"""Who an address belongs to: one key for all spellings of it, and the other keys under which the same person may be known.

A key is for finding what a person said, and for counting; nothing is ever sent to it. The rules are those of the countries whose numbers changed or that
have two live forms of one number (ITU-T notifications); they are compared generously, since a message too few is cheaper than one after an opt-out.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import TYPE_CHECKING

from messaging_channels._model._table_numbers import ARGENTINE_AREAS_OF_THREE
from messaging_channels._model.addresses import EmailAddress, PhoneNumber, WhatsAppUserId

if TYPE_CHECKING:
    from messaging_channels._model.addresses import Address


def identity(address: Address) -> str:
    """Return the key of a person: the same for every spelling of a number or mail address, and different for different kinds of addresses."""
    return identities(address)[0]


def identities(address: Address) -> tuple[str, ...]:
    """Return the key of a person, and those under which an older or newer form of the same number would be kept."""
    if isinstance(address, PhoneNumber):
        if address.digits.startswith("225"):
            return tuple(f"tel:{digits}" for digits in _ivorian_forms(address.digits))
        return (f"tel:{canonical_digits(address.digits)}",)
    if isinstance(address, EmailAddress):
        local = unicodedata.normalize("NFC", address.local).casefold()
        return (f"mail:{local}@{address.domain.lower()}",)
    kind = "whatsapp-user" if isinstance(address, WhatsAppUserId) else "id"
    return (f"{kind}:{address.plain}",)


def canonical_digits(digits: str) -> str:
    """Return the one form of a number that has several: digits without a plus, for comparing only."""
    rule = _RULES.get(digits[:3]) or _RULES.get(digits[:2])
    return rule(digits) if rule else digits


def _mexican(digits: str) -> str:
    """Mobiles had a 1 after the country code until 2019; some WhatsApp accounts still have it."""
    return f"52{digits[3:]}" if len(digits) == _MEXICAN_OLD and digits[2] == "1" else digits


def _argentine(digits: str) -> str:
    """Mobiles have a 9 after the country code from abroad, a 15 after the area code at home, and often neither."""
    national = digits[2:]
    if len(national) in (_ARGENTINE + 1, _ARGENTINE + 3) and national[0] == "9":
        national = national[1:]
    if len(national) == _ARGENTINE + 2:
        area = 2 if national.startswith("11") else 3 if national[:3] in ARGENTINE_AREAS_OF_THREE else 4
        if national[area : area + 2] == "15":
            national = national[:area] + national[area + 2 :]
    return f"549{national}" if len(national) == _ARGENTINE else digits


def _brazilian(digits: str) -> str:
    """Mobiles got a 9 after the area code from 2012 to 2016; land lines begin with 2 to 5."""
    return f"{digits[:4]}9{digits[4:]}" if len(digits) == _BRAZILIAN_OLD and digits[4] in "6789" else digits


def _beninese(digits: str) -> str:
    """All numbers got 01 in front in November 2024."""
    return f"22901{digits[3:]}" if len(digits) == _BENINESE_OLD else digits


def _gabonese(digits: str) -> str:
    """Numbers of seven digits, with or without a zero before, got an eighth in November 2019."""
    national = digits[3:]
    if len(national) == _GABONESE_OLD + 1 and national[0] == "0":
        national = national[1:]
    first = _GABONESE.get(national[:1]) if len(national) == _GABONESE_OLD else None
    return f"241{first}{national}" if first else digits


def _sanmarinese(digits: str) -> str:
    """One line has two country codes, and the area code 0549 may be left out after +378."""
    national = digits[3:] if digits.startswith("378") else digits[2:]
    if digits.startswith("39"):
        return f"378{national}" if national.startswith("0549") else digits
    if national.startswith("549"):
        return f"3780{national}"
    return digits if national.startswith("0549") or len(national) != _SANMARINESE else f"3780549{national}"


def _ivorian_forms(digits: str) -> tuple[str, ...]:
    """Numbers got the operator's two digits in front in January 2021; which ones cannot be read from the old form."""
    if len(digits) == _IVORIAN_NEW:
        return digits, f"225{digits[5:]}"
    if len(digits) == _IVORIAN_OLD:
        return digits, *(f"225{operator}{digits[3:]}" for operator in _IVORIAN_OPERATORS)
    return (digits,)


_MEXICAN_OLD, _BRAZILIAN_OLD, _BENINESE_OLD = 13, 12, 11
"""Digits of the old forms with their country code."""
_ARGENTINE, _GABONESE_OLD, _SANMARINESE = 10, 7, 6
"""Digits of national numbers."""
_GABONESE = {"2": "6", "5": "6", "6": "6", "4": "7", "7": "7", "1": "1"}
_IVORIAN_OLD, _IVORIAN_NEW = 11, 13
_IVORIAN_OPERATORS = ("07", "05", "01", "27", "25", "21")
_RULES: dict[str, Callable[[str], str]] = {
    "52": _mexican,
    "54": _argentine,
    "55": _brazilian,
    "229": _beninese,
    "241": _gabonese,
    "378": _sanmarinese,
    "39": _sanmarinese,
}
