"""Names that nobody can guess: of messages, and of those who go on with them."""

from __future__ import annotations

import os
import re

_POOL_SIZE = 256
_TWENTY_DIGITS = re.compile("[0-9a-f]{20}")
_pool: list[str] = []


def random_digits() -> str:
    """Return 20 hexadecimal digits, 80 random bits of the system's.

    They are drawn some hundreds at a time: asking the system lets every other thread run first, which sixty-four threads feel. Whoever forks draws anew.
    """
    try:
        return _pool.pop()
    except IndexError:
        first, *others = _TWENTY_DIGITS.findall(os.urandom(10 * _POOL_SIZE).hex())
        _pool.extend(others)
        return str(first)


def message_id(now: float) -> str:
    """Return an id that sorts by time: 12 digits of milliseconds, and 20 random ones."""
    return f"{int(now * 1000):012x}{random_digits()}"


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.clear)
