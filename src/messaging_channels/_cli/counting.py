"""What a worker process counted, in the numbers of the gateway: by provider, and with bounds from a millisecond to a minute."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from messaging_channels._model.events import StatusChanged
from messaging_channels._model.status import StatusGroup
from messaging_channels.plugins.ledger_queue import Metric
from messaging_channels.plugins.observer import Observer

if TYPE_CHECKING:
    from messaging_channels._model.events import Event
    from messaging_channels._model.receipts import Attempt

_P = "messaging_channels_"
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Seconds."""
_ENDS = {
    StatusGroup.DELIVERED: "delivered",
    StatusGroup.EXPIRED: "expired",
    StatusGroup.UNDELIVERABLE: "failed",
    StatusGroup.REJECTED: "failed",
}


class CountingObserver(Observer):
    """Counts attempts and reports of one process, and times the attempts. No label holds an id, an address or an account."""

    def __init__(self) -> None:
        """Begin at zero."""
        self._attempts: Counter[tuple[str, str, str]] = Counter()
        self._reasons: Counter[tuple[str, str]] = Counter()
        self._reports: Counter[tuple[str, str]] = Counter()
        self._buckets: Counter[tuple[str, int]] = Counter()
        self._seconds: dict[str, float] = {}
        self._lock = threading.Lock()

    def attempt_finished(self, attempt: Attempt) -> None:
        """See Observer."""
        with self._lock:
            self._attempts[attempt.provider, attempt.channel, str(attempt.outcome)] += 1
            self._buckets[attempt.provider, bisect_left(BOUNDS, attempt.duration)] += 1
            self._seconds[attempt.provider] = self._seconds.get(attempt.provider, 0.0) + attempt.duration
            if attempt.result is not None:
                self._reasons[attempt.provider, str(attempt.result.reason)] += 1

    def event_received(self, event: Event) -> None:
        """See Observer."""
        group = event.status.group if isinstance(event, StatusChanged) else None
        end = None if group is None else _ENDS.get(group)
        if end is not None:
            with self._lock:
                self._reports[event.provider, end] += 1

    def metrics(self) -> list[Metric]:
        """Return the numbers, those of one family together."""
        with self._lock:
            return [*self._counters(), *self._histogram()]

    def _counters(self) -> Iterator[Metric]:
        for (provider, channel, outcome), number in sorted(self._attempts.items()):
            labels = {"provider": provider, "channel": channel, "outcome": outcome}
            yield Metric(f"{_P}attempts_total", labels, number, is_counter=True)
        for (provider, reason), number in sorted(self._reasons.items()):
            labels = {"provider": provider, "reason": reason}
            yield Metric(f"{_P}attempt_reasons_total", labels, number, is_counter=True)
        for (provider, end), number in sorted(self._reports.items()):
            yield Metric(f"{_P}reports_total", {"provider": provider, "end": end}, number, is_counter=True)

    def _histogram(self) -> Iterator[Metric]:
        name = f"{_P}attempt_seconds"
        for provider, seconds in sorted(self._seconds.items()):
            total = 0
            for place, bound in enumerate((*map(str, BOUNDS), "+Inf")):
                total += self._buckets[provider, place]
                yield Metric(f"{name}_bucket", {"provider": provider, "le": bound}, total)
            yield Metric(f"{name}_sum", {"provider": provider}, seconds)
            yield Metric(f"{name}_count", {"provider": provider}, total)
