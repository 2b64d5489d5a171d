"""Times in all the spellings that Infobip is known to use.

Source: https://www.infobip.com/docs/essentials/api-essentials/integration-best-practices
"""

from __future__ import annotations

import re
from datetime import UTC, datetime


def parse_date(value: object, *, default: float) -> float:
    """Return seconds since the epoch: of ISO 8601 with an offset in any spelling or none (then UTC), or of epoch milliseconds.

    What is no time at all becomes `default`. Never raises.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _from_milliseconds(float(value), default)
    if not isinstance(value, str):
        return default
    text = value.strip()
    if _NUMBER.fullmatch(text):
        return _from_milliseconds(float(text), default)
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return default


def _from_milliseconds(milliseconds: float, default: float) -> float:
    return milliseconds / 1000 if abs(milliseconds) < _LARGEST else default


_LARGEST = 1e14
"""Milliseconds far beyond any message: what is larger, infinite or no number is no time."""
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
