"""All forms in which one address may have been written down: for finding what is kept of a person, whichever form was used then."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING

from messaging_channels._model.addresses import EmailAddress, PhoneNumber
from messaging_channels._model.identity import canonical_digits, has_rule, identities

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
    if has_rule(to.digits):
        newest = canonical_digits(to.digits)
        yield newest
        yield from (one for one in _changed(newest) if canonical_digits(one) == newest)


def _changed(digits: str) -> Iterator[str]:
    """Yield what differs from a number in up to three digits that stand together behind the country code: so its older forms do."""
    for place, count in product(_PLACES, range(4)):
        for put in _PUT:
            yield f"{digits[:place]}{put}{digits[place + count :]}"


_PLACES = range(2, 8)
_PUT = ("", *(f"{number:0{width}}" for width in (1, 2, 3) for number in range(10**width)))
