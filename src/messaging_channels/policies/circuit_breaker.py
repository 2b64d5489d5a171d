"""Which providers rest because they kept failing. State of one dispatcher, shared by its threads and tasks; it reads no clock."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from messaging_channels._model.outcomes import Reason

if TYPE_CHECKING:
    from messaging_channels.policies.routing import CircuitBreaker

Key = TypeVar("Key", bound=Hashable)

_FAILURES = frozenset(
    {
        Reason.UNREACHABLE,
        Reason.TIMEOUT,
        Reason.CONNECTION,
        Reason.SERVER_ERROR,
        Reason.UNREADABLE_RESPONSE,
        Reason.CREDENTIALS,
        Reason.INSUFFICIENT_CREDIT,
    }
)
"""What speaks against the provider as a whole. Any other answer shows that it works."""
_SILENT = frozenset({Reason.INTERNAL_ERROR, Reason.PLUGIN, Reason.CANCELLED, Reason.PROCESS_CRASHED})
"""What says nothing of the provider."""


_SKEW = 1.0
"""Seconds by which the times that threads read may be out of order."""


@dataclass(slots=True)
class _Circuit:
    failures: int = 0
    since: float = 0.0
    until: float = 0.0
    """It rests until then. Seconds since the epoch, UTC."""
    probed: float = 0.0

    def rests(self, now: float) -> bool:
        """Whether it rests. A clock that was set back to before its rest ends it."""
        return self.since - _SKEW <= now < self.until

    def rest(self, now: float, seconds: float) -> None:
        self.since, self.until = now, now + seconds


class CircuitBreakers:
    """Counts failures in a row, and says who may be asked. Keys are whatever names a provider with its credentials."""

    def __init__(self) -> None:
        self.any = False
        """Whether anything failed lately."""
        self._conditions: dict[Hashable, _Circuit] = {}
        self._lock = threading.Lock()

    def record(self, key: Hashable, reason: Reason, policy: CircuitBreaker, now: float) -> None:
        """Hear how an attempt ended."""
        if reason not in _FAILURES:
            if reason not in _SILENT and key in self._conditions:
                with self._lock:
                    self._conditions.pop(key, None)
                    self.any = bool(self._conditions)
            return
        with self._lock:
            condition = self._conditions.setdefault(key, _Circuit())
            condition.failures += 1
            self.any = True
            if condition.failures >= policy.failure_threshold:
                condition.rest(now, policy.reset_timeout)

    def is_open(self, key: Hashable, now: float) -> bool:
        """Whether it is to be left alone now."""
        condition = self._conditions.get(key)
        return condition is not None and condition.rests(now)

    def try_acquire(self, key: Hashable, policy: CircuitBreaker, now: float) -> bool:
        """Say whether it may be asked right now. After its rest only one caller is told so, as a probe; the others see it resting on."""
        if key not in self._conditions:
            return True
        with self._lock:
            condition = self._conditions.get(key)
            if condition is None or condition.failures < policy.failure_threshold:
                return True
            if condition.rests(now):
                return False
            condition.rest(now, policy.reset_timeout)
            condition.probed = now
            return True

    def half_open_candidate(
        self, keys: Sequence[Key], policy: CircuitBreaker, now: float
    ) -> tuple[Key | None, float]:
        """Of several that all rest, choose the one to be asked all the same: the one whose rest ends first, once in `rest.probe` seconds.

        Return None and the seconds until then if it was probed a moment ago.
        """
        with self._lock:
            resting = [(one, key) for key in keys if (one := self._conditions.get(key))]
            if not resting:
                return keys[0], 0.0
            condition, key = min(resting, key=lambda pair: pair[0].until)
            wait = min(condition.until, condition.probed + policy.half_open_interval) - now
            if wait > 0:
                return None, wait
            condition.until = condition.probed = now  # the claim that follows is granted
            return key, 0.0
