"""Whether a number can be reached by RCS now, from one sender: never a fact about the number alone.

A sender that is not launched at a person's carrier always gets a negative answer, so none of them suppresses a number.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum


class RcsCapability(StrEnum):
    """A vendor's answer to whether a number can receive RCS messages of a sender."""

    CAPABLE = "capable"
    NOT_CAPABLE = "not_capable"
    """The phone cannot be reached by RCS now; the number itself may be well."""
    UNKNOWN = "unknown"
    """The vendor did not answer about the number, for example after a fault or without a route."""


@dataclass(slots=True)
class CapabilityCache:
    """Remembers answers for a while. Safe in threads; keep one a process."""

    capable_for: timedelta = timedelta(hours=12)
    """How long a positive answer holds."""
    not_capable_for: timedelta = timedelta(minutes=30)
    """How long a negative one holds: a phone that is off may be on again. An unknown one is never kept."""
    max_size: int = 100_000
    _answers: dict[tuple[str, str], tuple[RcsCapability, float]] = field(
        default_factory=dict[tuple[str, str], tuple[RcsCapability, float]], init=False, repr=False
    )
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def find(self, sender: str, number: str, now: float) -> RcsCapability | None:
        """Return what is known of a number (digits) and a sender; None where that has to be asked. `now` is in seconds since the epoch, UTC."""
        with self._lock:
            known = self._answers.get((sender, number))
        return known[0] if known is not None and now < known[1] else None

    def keep(self, sender: str, answers: Iterable[tuple[str, RcsCapability]], now: float) -> None:
        """Keep answers by number."""
        spans = {RcsCapability.CAPABLE: self.capable_for, RcsCapability.NOT_CAPABLE: self.not_capable_for}
        with self._lock:
            for number, answer in answers:
                if answer in spans:
                    self._answers.pop((sender, number), None)
                    self._answers[sender, number] = (answer, now + spans[answer].total_seconds())
            while len(self._answers) > self.max_size:
                del self._answers[next(iter(self._answers))]

    def discard(self, sender: str, number: str) -> None:
        """Forget what is known of a number, such as after a message to it failed that should have arrived."""
        with self._lock:
            self._answers.pop((sender, number), None)
