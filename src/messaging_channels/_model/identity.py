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
        digits = address.digits
        forms = _FORMS.get(digits[:3])
        if forms:
            return tuple(f"tel:{one}" for one in forms(digits))
        newest = _RULES.get(digits[:3]) or _RULES.get(digits[:2])
        return (f"tel:{newest(digits) if newest else digits}",)
    if isinstance(address, EmailAddress):
        local = unicodedata.normalize("NFC", address.local).casefold()
        return (f"mail:{local}@{address.domain.lower()}",)
    kind = "whatsapp-user" if isinstance(address, WhatsAppUserId) else "id"
    return (f"{kind}:{address.plain}",)


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


def _manila_forms(digits: str) -> tuple[str, ...]:
    """Lines of Metro Manila got the operator's digit after the area code 2 in October 2019."""
    if len(digits) == _MANILA_NEW:
        return digits, f"632{digits[4:]}"
    if len(digits) == _MANILA_NEW - 1:
        return digits, *(f"632{operator}{digits[3:]}" for operator in "345678")
    return (digits,)


def _vietnamese(digits: str) -> str:
    """Mobiles of eleven digits got ten from September 2018."""
    new = VIETNAMESE.get(digits[2:5]) if len(digits) == _VIETNAMESE_OLD else None
    return f"84{new}{digits[5:]}" if new else digits


def _egyptian(digits: str) -> str:
    """Mobiles got a digit after the operator's two in October 2011."""
    new = EGYPTIAN.get(digits[2:4]) if len(digits) == _EGYPTIAN_OLD else None
    return f"20{new}{digits[4:]}" if new else digits


def _mauritian(digits: str) -> str:
    """Mobiles got a 5 in front in September 2013; land lines begin with 2, 4 and 6."""
    return f"2305{digits[3:]}" if len(digits) == _MAURITIAN_OLD and digits[3] in "79" else digits


def _kosovar(digits: str) -> str:
    """Mobiles had numbers of Monaco and Slovenia until the country got its own code in 2016."""
    is_one = len(digits) == _KOSOVAR and digits[3:5] in _KOSOVAR_LENT[digits[:3]]
    return f"383{digits[3:]}" if is_one else digits


_MEXICAN_OLD, _BRAZILIAN_OLD, _BENINESE_OLD = 13, 12, 11
"""Digits of the old forms with their country code."""
_ARGENTINE, _GABONESE_OLD, _SANMARINESE = 10, 7, 6
"""Digits of national numbers."""
_GABONESE = {"2": "6", "5": "6", "6": "6", "4": "7", "7": "7", "1": "1"}
_IVORIAN_OLD, _IVORIAN_NEW = 11, 13
_IVORIAN_OPERATORS = ("07", "05", "01", "27", "25", "21")
_MANILA_NEW, _VIETNAMESE_OLD, _EGYPTIAN_OLD, _MAURITIAN_OLD, _KOSOVAR = 11, 12, 11, 10, 11
VIETNAMESE = {
    **{f"16{digit}": f"3{digit}" for digit in "23456789"},
    "120": "70",
    "121": "79",
    "122": "77",
    "126": "76",
    "128": "78",
    "123": "83",
    "124": "84",
    "125": "85",
    "127": "81",
    "129": "82",
    "186": "56",
    "188": "58",
    "199": "59",
}
EGYPTIAN = {
    "10": "100",
    "16": "106",
    "19": "109",
    "12": "122",
    "17": "127",
    "18": "128",
    "11": "111",
    "14": "114",
}
_KOSOVAR_LENT = {"377": ("44", "45"), "386": ("43", "49")}
_FORMS: dict[str, Callable[[str], tuple[str, ...]]] = {"225": _ivorian_forms, "632": _manila_forms}
_RULES: dict[str, Callable[[str], str]] = {
    "52": _mexican,
    "54": _argentine,
    "55": _brazilian,
    "229": _beninese,
    "241": _gabonese,
    "378": _sanmarinese,
    "39": _sanmarinese,
    "84": _vietnamese,
    "20": _egyptian,
    "230": _mauritian,
    "377": _kosovar,
    "386": _kosovar,
}
