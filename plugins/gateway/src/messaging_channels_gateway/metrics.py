"""Counters in the text format of Prometheus. No label holds an id, an address or the name of a tenant.

Source of the format: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """What one process counted."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._messages: Counter[tuple[str, str]] = Counter()
        self._webhooks: Counter[tuple[str, str]] = Counter()
        self._durations: Counter[float] = Counter()
        self._seconds = 0.0
        self._count = 0

    def count_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer."""
        self._requests[method, route, status] += 1
        self._seconds += seconds
        self._count += 1
        self._durations[next((bound for bound in _BOUNDS if seconds <= bound), float("inf"))] += 1

    def count_message(self, channel: str, outcome: str) -> None:
        """Count a message."""
        self._messages[channel, outcome] += 1

    def count_webhook(self, provider: str, result: str) -> None:
        """Count a call to a webhook address."""
        self._webhooks[provider, result] += 1

    def render(self, deliveries: Mapping[str, int]) -> str:
        """Return all of them, and how many deliveries stand how."""
        return "\n".join([*self._lines(deliveries), ""])

    def _lines(self, deliveries: Mapping[str, int]) -> Iterator[str]:
        yield "# TYPE messaging_channels_requests_total counter"
        for (method, route, status), count in sorted(self._requests.items()):
            yield f'messaging_channels_requests_total{{method="{method}",route="{route}",status="{status}"}} {count}'
        yield "# TYPE messaging_channels_messages_total counter"
        for (channel, outcome), count in sorted(self._messages.items()):
            yield f'messaging_channels_messages_total{{channel="{channel}",outcome="{outcome}"}} {count}'
        yield "# TYPE messaging_channels_webhooks_total counter"
        for (provider, result), count in sorted(self._webhooks.items()):
            yield f'messaging_channels_webhooks_total{{provider="{provider}",result="{result}"}} {count}'
        yield "# TYPE messaging_channels_deliveries gauge"
        for state, count in sorted(deliveries.items()):
            yield f'messaging_channels_deliveries{{state="{state}"}} {count}'
        yield from self._histogram()

    def _histogram(self) -> Iterator[str]:
        yield "# TYPE messaging_channels_request_seconds histogram"
        total = 0
        for bound in _BOUNDS:
            total += self._durations[bound]
            yield f'messaging_channels_request_seconds_bucket{{le="{bound:g}"}} {total}'
        yield f'messaging_channels_request_seconds_bucket{{le="+Inf"}} {self._count}'
        yield f"messaging_channels_request_seconds_sum {self._seconds:.6f}"
        yield f"messaging_channels_request_seconds_count {self._count}"
