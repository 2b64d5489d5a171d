"""Keeps to rates. State of one dispatcher, shared by its threads and tasks; it reads no clock."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from messaging_channels._model.forks import FreshLock
from messaging_channels._model.rate_limit import reserve

if TYPE_CHECKING:
    from messaging_channels._model.rate_limit import RateLimit

_SWEEP_SIZE = 4096
_CLOCK_TOLERANCE = 60.0
"""Seconds by which time may seem to go back because callers ask ahead; more is a clock that was set."""


class RateLimiter(FreshLock):
    """Gives out places in time, first come, first served for each key: a busy sender delays no other one."""

    def __init__(self) -> None:
        super().__init__()
        self._next_free: dict[Hashable, float] = {}
        self._sweep_at = _SWEEP_SIZE
        self._latest = 0.0

    def reserve(
        self, limits: Sequence[tuple[Hashable, RateLimit]], now: float, max_wait: float
    ) -> tuple[bool, float]:
        """Reserve one message under all these rates. Return whether it may be sent, and the seconds to wait.

        A place that is further away than `at_most` seconds is not taken.
        """
        with self._lock:
            if now < self._latest - _CLOCK_TOLERANCE:
                self._shift_times(self._latest - now)
            self._latest = max(self._latest, now)
            taken = [reserve(self._next_free.get(key, 0.0), rate, now) for key, rate in limits]
            wait = max((wait for _, wait in taken), default=0.0)
            if wait > max_wait:
                return False, wait
            for (key, _), (due, own_wait) in zip(limits, taken, strict=True):
                self._next_free[key] = due + (wait - own_wait)
            if len(self._next_free) > self._sweep_at:
                self._evict_unused(now)
        return True, wait

    def release(self, limits: Sequence[tuple[Hashable, RateLimit]]) -> None:
        """Return reservations that were not used."""
        with self._lock:
            for key, rate in limits:
                if key in self._next_free:
                    self._next_free[key] -= rate.interval

    def _shift_times(self, seconds: float) -> None:
        """Follow a clock that was set back: places given out before it must not delay anybody for as long."""
        self._next_free = {key: due - seconds for key, due in self._next_free.items()}
        self._latest -= seconds

    def _evict_unused(self, now: float) -> None:
        """Forget keys that delay nobody any more."""
        self._next_free = {key: due for key, due in self._next_free.items() if due > now}
        self._sweep_at = max(_SWEEP_SIZE, 2 * len(self._next_free))
