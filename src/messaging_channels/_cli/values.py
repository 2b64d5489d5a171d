"""The types of options: what a text of the command line stands for, and what it has to be."""

from __future__ import annotations

import argparse
from datetime import datetime
from math import isfinite


def parse_time(text: str) -> datetime:
    """Read a time with its zone.

    Raises:
        ArgumentTypeError: it is none, or has no zone.
    """
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"write it as {_EXAMPLE}, got {text[:40]!r}") from None
    if when.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} has no UTC offset: write it as {_EXAMPLE}")
    return when


def parse_seconds(text: str) -> float:
    """Read a time with its zone as seconds since the epoch.

    Raises:
        ArgumentTypeError: it is none, or has no zone.
    """
    return parse_time(text).timestamp()


def positive(text: str) -> float:
    """Read a positive, finite number.

    Raises:
        ArgumentTypeError: it is none.
    """
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not (isfinite(number) and number > 0):
        raise argparse.ArgumentTypeError(f"must be a positive number, got {text[:40]!r}")
    return number


def count(text: str) -> int:
    """Read a whole number from 1 to a million.

    Raises:
        ArgumentTypeError: it is none.
    """
    try:
        number = int(text)
    except ValueError:
        number = 0
    if not 1 <= number <= _MOST:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to {_MOST}, got {text[:40]!r}")
    return number


_EXAMPLE = "2030-01-31T09:00+01:00"
_MOST = 1_000_000
