"""Times in all the spellings that Infobip is known to use.

Source: https://www.infobip.com/docs/essentials/api-essentials/integration-best-practices
"""

from __future__ import annotations

import re
from datetime import UTC, datetime


def read_date(given: object, *, otherwise: float) -> float:
    """Return seconds since the epoch: of ISO 8601 with an offset in any spelling or none (then UTC), or of epoch milliseconds.

    What is no time at all becomes `otherwise`. Never raises.
    """
    if isinstance(given, (int, float)) and not isinstance(given, bool):
        return _of_number(float(given), otherwise)
    if not isinstance(given, str):
        return otherwise
    text = given.strip()
    if _NUMBER.fullmatch(text):
        return _of_number(float(text), otherwise)
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return otherwise


def _of_number(milliseconds: float, otherwise: float) -> float:
    return milliseconds / 1000 if abs(milliseconds) < _LARGEST else otherwise


_LARGEST = 1e14
"""Milliseconds far beyond any message: what is larger, infinite or no number is no time."""
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
