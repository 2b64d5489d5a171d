"""What is taken as an argument, and what is refused: with the argument's name, what it must be, and what was given."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from math import inf, isfinite
from typing import Any

from messaging_channels._model.errors import InvalidArgument
from messaging_channels._model.nearest import nearest as nearest_name

_MOST = 2**31 - 1
"""The greatest whole number that every ledger takes."""
_LONGEST_TIMEDELTA = 50 * 366 * 86400.0
LONGEST_DURATION = 366 * 86400.0
"""A number of seconds above this is most likely a time since 1970, or milliseconds."""


def is_finite(number: float) -> bool:
    """Whether it is a number that a float can hold: neither NaN, nor infinite, nor an integer of hundreds of digits."""
    try:
        return isfinite(number)
    except OverflowError:
        return False


def kind_of(value: object) -> str:
    """Return what a value is, in words that show nothing of it."""
    if value is None:
        return "None"
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__


def as_seconds(
    value: object, argument: str, *, longest: float = LONGEST_DURATION, least: float = 0.0
) -> float:
    """Return a duration in seconds: of a number, or a `timedelta`.

    Raises:
        InvalidArgument: it is neither, not finite, below `least`, or so long that a point in time or milliseconds are meant.
    """
    number = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        raise InvalidArgument(
            f"must be a number of seconds or a timedelta, got {kind_of(value)}",
            argument=argument,
            hint="give for example 30.0",
        )
    if not is_finite(number) or number < least:
        rule = "a positive number" if least > 0 else "a number of at least 0"
        raise InvalidArgument(
            f"must be {rule} of seconds, got {_shown(number)}",
            argument=argument,
            hint="give for example 30.0",
        )
    if isinstance(value, timedelta) and number > max(longest, _LONGEST_TIMEDELTA):
        raise InvalidArgument(
            f"is {value.days} days, decades from now", argument=argument, hint="give less, or leave it out"
        )
    if number > longest and not isinstance(value, timedelta):
        raise InvalidArgument(
            f"is a number of seconds from now, and {number:g} looks like a time since 1970, or like milliseconds",
            argument=argument,
            hint="give for example 30.0, or a timedelta",
        )
    return float(number)


def _shown(number: float) -> str:
    """Return a number in a few characters."""
    return (
        f"{number:g}" if isinstance(number, float) or abs(number) < LONGEST_DURATION**2 else "a huge number"
    )


def require_seconds(value: object, argument: str, *, longest: float = inf) -> None:
    """Refuse what is no number of seconds of at least 0, or is above `longest` (seconds): milliseconds are meant most likely.

    Raises:
        InvalidArgument: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not is_finite(value) or value < 0:
        given = (
            _shown(value)
            if isinstance(value, (int, float)) and not isinstance(value, bool)
            else kind_of(value)
        )
        raise InvalidArgument(
            f"must be a number of seconds of at least 0, got {given}",
            argument=argument,
            hint="give for example 30.0",
        )
    if value > longest:
        raise InvalidArgument(
            f"is in seconds, at most {longest:g}, and {_shown(value)} looks like milliseconds",
            argument=argument,
            hint=f"give for example {max(1.0, value / 1000):g}",
        )


def require_positive(value: object, argument: str) -> None:
    """Refuse what is no positive, finite number.

    Raises:
        InvalidArgument: it is none.
    """
    number = value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    if number is None or not is_finite(number) or number <= 0:
        given = kind_of(value) if number is None else _shown(number)
        raise InvalidArgument(
            f"must be a positive number, got {given}", argument=argument, hint="give for example 1.0"
        )


def require_count(value: object, argument: str, least: int = 1) -> None:
    """Refuse what is no whole number of at least `least`.

    Raises:
        InvalidArgument: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidArgument(
            f"must be a whole number, got {kind_of(value)}", argument=argument, hint=f"give {least} or more"
        )
    if value > _MOST:
        raise InvalidArgument(
            f"must be at most {_MOST}, got a greater number", argument=argument, hint="give less"
        )
    if value < least:
        raise InvalidArgument(
            f"must be {'positive' if least == 1 else f'at least {least}'}, got {value}",
            argument=argument,
            hint=f"give {least} or more",
        )


def require_instance(
    value: object, kind: type[Any] | tuple[type[Any], ...], argument: str, hint: str
) -> None:
    """Refuse what is no instance of a class; a class itself is named as such.

    Raises:
        InvalidArgument: it is none.
    """
    if not isinstance(value, kind):
        names = " or ".join(one.__name__ for one in (kind if isinstance(kind, tuple) else (kind,)))
        raise InvalidArgument(f"must be a {names}, got {kind_of(value)}", argument=argument, hint=hint)


def require_text(value: object, argument: str) -> None:
    """Refuse what is no text.

    Raises:
        InvalidArgument: it is none.
    """
    if not isinstance(value, str):
        raise InvalidArgument(f"must be a text, got {kind_of(value)}", argument=argument, hint="give a str")


def require_keywords(given: Iterable[str], known: Iterable[str], call: str) -> None:
    """Refuse a keyword that a call does not have.

    Raises:
        TypeError: as Python does, with the nearest known one.
    """
    names = tuple(known)
    for name in given:
        if name not in names:
            near = nearest_name(name, names)
            hint = f" Did you mean {near!r}?" if near else f" It takes {', '.join(names)}."
            message = f"{call}() got an unexpected keyword argument {name!r}.{hint}"
            raise TypeError(message)


__all__ = [
    "LONGEST_DURATION",
    "as_seconds",
    "is_finite",
    "kind_of",
    "nearest_name",
    "require_count",
    "require_instance",
    "require_keywords",
    "require_positive",
    "require_seconds",
    "require_text",
]
