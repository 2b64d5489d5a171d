"""The time for which a message may be tried."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any


def read_validity(options: Mapping[str, Any]) -> timedelta | None:
    """Return the validity period of an object of options; None if it has none.

    Raises:
        ValueError: its unit is none of Infobip's.
    """
    told = options.get("validityPeriod")
    if told is None:
        return None
    if told["timeUnit"] not in ("SECONDS", "MINUTES", "HOURS"):
        message = "timeUnit is to be SECONDS, MINUTES or HOURS"
        raise ValueError(message)
    return timedelta(**{told["timeUnit"].lower(): told["amount"]})
