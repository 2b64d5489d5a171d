"""Which providers rest because they kept failing. State of one dispatcher, shared by its threads and tasks; it reads no clock."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from messaging_channels._model.forks import FreshLock
from messaging_channels._model.outcomes import Reason

if TYPE_CHECKING:
    from messaging_channels.policies.routing import CircuitBreaker

Key = TypeVar("Key", bound=Hashable)

_FAILURES = frozenset(
    {
        Reason.UNREACHABLE,
        Reason.MISDIRECTED,
        Reason.TIMEOUT,
        Reason.CONNECTION,
        Reason.SERVER_ERROR,
        Reason.UNREADABLE_RESPONSE,
        Reason.CREDENTIALS,
        Reason.INSUFFICIENT_CREDIT,
    }
)
"""What speaks against the provider as a whole. Any other answer shows that it works."""
_NEUTRAL = frozenset(
    {
        Reason.INTERNAL_ERROR,
        Reason.LEASE_EXPIRED,
        Reason.PLUGIN,
        Reason.CANCELLED,
        Reason.PROCESS_CRASHED,
    }
)
"""What says nothing of the provider."""


_CLOCK_TOLERANCE = 1.0
"""Seconds by which the times that threads read may be out of order."""


@dataclass(frozen=True, slots=True)
class CircuitState:
    """A provider that failed lately."""

    provider: str
    account: str | None
    """None for the platform's own."""
    failures: int
    """In a row."""
    open_until: float
    """Until when it is left alone: seconds since the epoch, UTC; 0 if it is not."""


@dataclass(slots=True)
class _Circuit:
    failures: int = 0
    opened_at: float = 0.0
    open_until: float = 0.0
    """It rests until then. Seconds since the epoch, UTC."""
    probed_at: float = 0.0
    may_probe: bool = False
    """Whether this process was given the probe that all processes share."""

    def is_open(self, now: float) -> bool:
        """Whether it rests. A clock that was set back to before its rest ends it."""
        return self.opened_at - _CLOCK_TOLERANCE <= now < self.open_until

    def open(self, now: float, seconds: float) -> None:
        self.opened_at, self.open_until = now, now + seconds


class CircuitBreakers(FreshLock):
    """Counts failures in a row, and says who may be asked. Keys are whatever names a provider with its credentials."""

    def __init__(self) -> None:
        super().__init__()
        self.any_failures = False
        """Whether anything failed lately."""
        self._circuits: dict[Hashable, _Circuit] = {}
        self.journal: dict[Hashable, tuple[int, CircuitBreaker]] | None = None
        """What other processes are to be told, where circuits are shared: by key, failures in a row since the last time, 0 for a success."""

    def record(self, key: Hashable, reason: Reason, policy: CircuitBreaker, now: float) -> None:
        """Hear how an attempt ended."""
        if reason not in _FAILURES:
            if reason not in _NEUTRAL and key in self._circuits:
                with self._lock:
                    if self.journal is not None:
                        self.journal[key] = 0, policy
                    self._circuits.pop(key, None)
                    self.any_failures = bool(self._circuits)
            return
        with self._lock:
            condition = self._circuits.setdefault(key, _Circuit())
            condition.failures += 1
            self.any_failures = True
            if self.journal is not None:
                self.journal[key] = self.journal.get(key, (0, policy))[0] + 1, policy
            if condition.failures >= policy.failure_threshold:
                condition.open(now, policy.reset_timeout)

    def states(self, now: float) -> Sequence[tuple[Hashable, int, float]]:
        """Return who failed lately, how often in a row, and until when it rests (0 if it does not)."""
        with self._lock:
            found = list(self._circuits.items())
        return [(key, one.failures, one.open_until if one.is_open(now) else 0.0) for key, one in found]

    def is_open(self, key: Hashable, now: float) -> bool:
        """Whether it is to be left alone now."""
        condition = self._circuits.get(key)
        return condition is not None and condition.is_open(now)

    def try_acquire(self, key: Hashable, policy: CircuitBreaker, now: float) -> bool:
        """Say whether it may be asked right now. After its rest only one caller is told so, as a probe; the others see it resting on."""
        if key not in self._circuits:
            return True
        with self._lock:
            condition = self._circuits.get(key)
            if condition is None or condition.failures < policy.failure_threshold:
                return True
            if condition.may_probe:
                condition.may_probe = False
                condition.open(now, policy.reset_timeout)
                return True
            if condition.is_open(now):
                return False
            condition.open(now, policy.reset_timeout)
            condition.probed_at = now
            return True

    def half_open_candidate(
        self, keys: Sequence[Key], policy: CircuitBreaker, now: float
    ) -> tuple[Key | None, float]:
        """Of several that all rest, choose the one to be asked all the same: the one whose rest ends first, once in `rest.probe` seconds.

        Return None and the seconds until then if it was probed a moment ago.
        """
        with self._lock:
            resting = [(one, key) for key in keys if (one := self._circuits.get(key))]
            if not resting:
                return keys[0], 0.0
            condition, key = min(resting, key=lambda pair: pair[0].open_until)
            wait = min(condition.open_until, condition.probed_at + policy.half_open_interval) - now
            if wait > 0:
                return None, wait
            condition.open_until = condition.probed_at = now  # the claim that follows is granted
            return key, 0.0

    def take_journal(self) -> dict[Hashable, tuple[int, CircuitBreaker]]:
        """Return what other processes are to be told, and begin anew."""
        with self._lock:
            told, self.journal = self.journal or {}, {}
        return told

    def adopt(self, open_for: Mapping[Hashable, float], now: float) -> None:
        """Take over what all processes know: for how many seconds each circuit that is open stays so. One that is not named is closed again."""
        with self._lock:
            for key, one in list(self._circuits.items()):
                if one.failures >= _SHARED and key not in open_for:
                    del self._circuits[key]
            for key, seconds in open_for.items():
                one = self._circuits.setdefault(key, _Circuit())
                one.failures = max(one.failures, _SHARED)
                one.open(now, max(0.0, seconds))
            self.any_failures = bool(self._circuits)

    def waits_for_probe(self, key: Hashable, now: float) -> tuple[bool, bool]:
        """Say whether the circuit of all processes waits for a probe as far as is known here, and whether before its rest is over."""
        one = self._circuits.get(key)
        if one is None or one.failures < _SHARED or one.is_open(now):
            return False, False
        return True, one.probed_at == one.open_until

    def allow_probe(self, key: Hashable) -> None:
        """Let the next caller ask, as the one that was chosen of all processes."""
        with self._lock:
            if key in self._circuits:
                self._circuits[key].may_probe = True

    def extend_rest(self, key: Hashable, now: float, seconds: float) -> None:
        """Leave it alone for some seconds more: another process probes it."""
        with self._lock:
            if key in self._circuits:
                self._circuits[key].open(now, seconds)


_SHARED = 1_000_000
"""Failures of a circuit that all processes have open: more than any threshold."""
