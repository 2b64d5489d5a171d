"""All forms in which one address may have been written down: for finding what is kept of a person, whichever form was used then."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from messaging_channels._model.addresses import EmailAddress, PhoneNumber
from messaging_channels._model.identity import EGYPTIAN, VIETNAMESE, identities, identity

if TYPE_CHECKING:
    from messaging_channels._model.addresses import Address


def spellings(to: Address) -> tuple[Address, ...]:
    """Return an address, and the other forms in which the same person's may have been kept: older and newer numbers, and usual cases of a mail address.

    The given one is the first. A form that may be another person's is left out.
    """
    if isinstance(to, PhoneNumber):
        return tuple(PhoneNumber(digits) for digits in dict.fromkeys((to.digits, *_other_numbers(to))))
    if isinstance(to, EmailAddress):
        local = to.local
        cases = dict.fromkeys((local, local.lower(), local.capitalize(), local.title(), local.upper()))
        return tuple(EmailAddress(one, to.domain, to.display_name) for one in cases)
    return (to,)


def _other_numbers(to: PhoneNumber) -> Iterator[str]:
    others = identities(to)[1:]
    if len(others) == 1:  # of several forms all but one are other people's
        yield others[0].partition(":")[2]
    newest = identity(to).partition(":")[2]
    yield newest
    older = _OLDER.get(newest[:3]) or _OLDER.get(newest[:2])
    forms = older(newest) if older else ()
    yield from (one for one in forms if identity(PhoneNumber(one)) == identity(to))


def _argentine(digits: str) -> Iterator[str]:
    national = digits[3:]
    yield f"54{national}"
    for area in (2, 3, 4):
        for country in ("54", "549"):
            yield f"{country}{national[:area]}15{national[area:]}"


def _replaced(digits: str, table: Mapping[str, str]) -> Iterator[str]:
    for old, new in table.items():
        if digits[2:].startswith(new):
            yield f"{digits[:2]}{old}{digits[2 + len(new) :]}"


_OLDER: dict[str, Callable[[str], Iterable[str]]] = {
    "52": lambda one: (f"521{one[2:]}",),
    "54": _argentine,
    "55": lambda one: (f"{one[:4]}{one[5:]}",),
    "229": lambda one: (f"229{one[5:]}",),
    "241": lambda one: (f"241{one[4:]}", f"2410{one[4:]}"),
    "378": lambda one: (f"39{one[3:]}", f"378{one[4:]}", f"378{one[7:]}"),
    "84": lambda one: _replaced(one, VIETNAMESE),
    "20": lambda one: _replaced(one, EGYPTIAN),
    "230": lambda one: (f"230{one[4:]}",),
    "383": lambda one: (f"377{one[3:]}", f"386{one[3:]}"),
}
"""What may be older forms of a number in its newest form, by country code. What is no form of it is left out afterwards."""
