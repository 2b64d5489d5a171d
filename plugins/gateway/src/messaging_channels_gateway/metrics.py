"""What one process counted, for Prometheus. No label holds an id, an address, a URL or the name of a tenant, and each has few values."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from messaging_channels.events import Event, StatusChanged
from messaging_channels.plugins import Attempt, Observer, StatusGroup

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more for each counter, which nobody asks for
_P = "messaging_channels_"
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Seconds: from a millisecond to a minute."""
_DELAYS = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 21600.0, 86400.0)
_MAX_REMEMBERED = 50_000
_ENDS = {
    StatusGroup.DELIVERED: "delivered",
    StatusGroup.EXPIRED: "expired",
    StatusGroup.UNDELIVERABLE: "failed",
    StatusGroup.REJECTED: "failed",
}


class QueueNumbers(Protocol):
    """How the queue stands: what `queue.stats()` returns."""

    @property
    def by_state(self) -> Mapping[str, int]: ...  # noqa: D102
    @property
    def ready(self) -> int: ...  # noqa: D102
    @property
    def oldest_age_seconds(self) -> float: ...  # noqa: D102
    @property
    def total(self) -> Mapping[str, int]: ...  # noqa: D102
    @property
    def paused_accounts(self) -> Sequence[Any]: ...  # noqa: D102
    @property
    def workers(self) -> int | None: ...  # noqa: D102
    @property
    def worker_age_seconds(self) -> float | None: ...  # noqa: D102
    @property
    def clock_ahead_seconds(self) -> float | None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is read when somebody asks for the metrics."""

    deliveries: Mapping[str, int]
    """Webhook deliveries that wait or are dead letters."""
    open_targets: int
    """Webhook endpoints whose circuit is open."""
    nodes: int
    """Gateways that live."""
    stats: QueueNumbers | None
    """None if the ledger does not answer."""
    open_circuits: Mapping[str, int]
    """Accounts whose circuit breaker is open, by provider."""
    calls: Mapping[str, int]
    """Webhook calls since the start, by result."""
    reports_waiting: int = 0
    """Requests of providers whose reports this process took and has not recorded."""
    failing_endpoints: Mapping[str, int] = field(default_factory=dict[str, int])
    """Failures in a row of webhook endpoints whose circuit is open, by their id."""


class Metrics(Observer):
    """The counters of one process. It hears of every attempt and report of its dispatcher."""

    def __init__(self) -> None:
        self._registry = own = CollectorRegistry()
        self._requests = Counter(
            f"{_P}requests", "Requests answered.", ["method", "route", "status"], registry=own
        )
        self._messages = Counter(
            f"{_P}messages",
            "Messages taken, by what became of them at first.",
            ["channel", "outcome"],
            registry=own,
        )
        self._webhooks = Counter(
            f"{_P}webhooks",
            "Requests of providers to webhook addresses.",
            ["provider", "result"],
            registry=own,
        )
        self._seconds = Histogram(
            f"{_P}request_seconds", "Seconds from a request to its answer.", buckets=BUCKETS, registry=own
        )
        self._ledger = Histogram(
            f"{_P}ledger_seconds",
            "Seconds in which the ledger answered a check.",
            buckets=BUCKETS,
            registry=own,
        )
        self._attempts = Counter(
            f"{_P}attempts", "Attempts to send.", ["provider", "channel", "outcome"], registry=own
        )
        self._attempt_seconds = Histogram(
            f"{_P}attempt_seconds",
            "Seconds of attempts to send.",
            ["provider"],
            buckets=BUCKETS,
            registry=own,
        )
        self._reports = Counter(
            f"{_P}reports", "Final reports of providers.", ["provider", "end"], registry=own
        )
        self._delay = Histogram(
            f"{_P}delivery_seconds",
            "Seconds from an attempt to its delivery.",
            ["provider"],
            buckets=_DELAYS,
            registry=own,
        )
        self._begun: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._children: dict[tuple[Any, ...], Any] = {}

    def _child(self, metric: Any, *labels: str) -> Any:  # noqa: ANN401  a counter or a histogram
        """Return a metric's series of these labels: to find it by its labels takes longer than to count."""
        key = (metric, labels)
        found = self._children.get(key)
        if found is None:
            found = self._children[key] = metric.labels(*labels)
        return found

    def count_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer."""
        self._child(self._requests, method, route, str(status)).inc()
        self._seconds.observe(seconds)

    def count_message(self, channel: str, outcome: str) -> None:
        """Count a message."""
        self._child(self._messages, channel, outcome).inc()

    def count_webhook(self, provider: str, result: str) -> None:
        """Count a call to a webhook address."""
        self._child(self._webhooks, provider, result).inc()

    def count_ledger(self, seconds: float) -> None:
        """Count an answer of the ledger."""
        self._ledger.observe(seconds)

    def attempt_finished(self, attempt: Attempt) -> None:
        """See Observer."""
        self._child(self._attempts, attempt.provider, attempt.channel, str(attempt.outcome)).inc()
        self._child(self._attempt_seconds, attempt.provider).observe(attempt.duration)
        if attempt.result is not None and attempt.result.provider_id:
            self._begun[attempt.provider, attempt.result.provider_id] = attempt.started_at
            while len(self._begun) > _MAX_REMEMBERED:
                self._begun.popitem(last=False)

    def event_received(self, event: Event) -> None:
        """See Observer."""
        group = event.status.group if isinstance(event, StatusChanged) else None
        end = _ENDS.get(group) if group is not None else None
        if not isinstance(event, StatusChanged) or end is None:
            return
        self._reports.labels(event.provider, end).inc()
        begun = self._begun.pop((event.provider, event.provider_id or ""), None)
        if end == "delivered" and begun is not None:
            self._delay.labels(event.provider).observe(max(0.0, event.occurred_at - begun))

    def render(self, snapshot: Snapshot) -> bytes:
        """Return all of them in the text format, each with its help and type.

        Source of the format: https://prometheus.io/docs/instrumenting/exposition_formats/
        """
        more = CollectorRegistry()
        more.register(_Collected(list(_families(snapshot))))
        return generate_latest(self._registry) + generate_latest(more)


class _Collected:
    """Families that are made already."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client."""
        yield from self._families


def _families(snapshot: Snapshot) -> Iterator[Metric]:
    yield _gauge(
        "reports_waiting",
        "Requests of providers whose reports are kept and not recorded yet.",
        {"": snapshot.reports_waiting},
    )
    yield _gauge("deliveries", "Webhook deliveries by state.", snapshot.deliveries, "state")
    yield _gauge(
        "webhook_circuits_open", "Webhook endpoints that are only probed.", {"": snapshot.open_targets}
    )
    yield _gauge(
        "webhook_endpoint_failures",
        "Failures in a row of webhook endpoints that are only probed.",
        snapshot.failing_endpoints,
        "endpoint",
    )
    yield _gauge(
        "nodes",
        "Gateways on this database that gave a sign of life in the last 30 seconds.",
        {"": snapshot.nodes},
    )
    yield _counter("webhook_calls", "Calls to webhook endpoints of applications.", snapshot.calls, "result")
    yield _gauge("ledger_up", "Whether the ledger answers.", {"": int(snapshot.stats is not None)})
    circuits = snapshot.open_circuits
    yield _gauge(
        "circuits_open", "Accounts of a provider whose circuit breaker is open.", circuits, "provider"
    )
    if snapshot.stats is not None:
        yield from _queue_families(snapshot.stats)


def _queue_families(stats: QueueNumbers) -> Iterator[Metric]:
    yield _gauge("queue_messages", "Messages in the queue by state.", stats.by_state, "state")
    yield _gauge("queue_ready", "Messages that are due.", {"": stats.ready})
    oldest = {"": stats.oldest_age_seconds}
    yield _gauge(
        "queue_oldest_age_seconds", "Seconds for which the oldest message could have been sent.", oldest
    )
    yield _counter("queue_events", "What workers did.", stats.total, "event")
    for name, text, value in (
        ("workers", "Workers that gave a sign of life in the last 45 seconds.", stats.workers),
        ("worker_age_seconds", "Seconds for which no worker gave a sign of life.", stats.worker_age_seconds),
        (
            "clock_ahead_seconds",
            "Seconds by which this machine's clock is ahead of the database's.",
            stats.clock_ahead_seconds,
        ),
    ):
        yield _gauge(name, text, {} if value is None else {"": value})
    paused = GaugeMetricFamily(
        f"{_P}queue_paused", "Accounts that a provider refuses.", labels=["provider", "reason"]
    )
    counts: dict[tuple[str, str], int] = {}
    for one in stats.paused_accounts:
        place = one.provider, str(one.reason)
        counts[place] = counts.get(place, 0) + 1
    for labels, count in counts.items():
        paused.add_metric(labels, count)
    yield paused


def _gauge(name: str, text: str, values: Mapping[str, float], label: str = "") -> Metric:
    family = GaugeMetricFamily(f"{_P}{name}", text, labels=[label] if label else [])
    for value, count in sorted(values.items()):
        family.add_metric([value] if label else [], count)
    return family


def _counter(name: str, text: str, values: Mapping[str, float], label: str) -> Metric:
    family = CounterMetricFamily(f"{_P}{name}", text, labels=[label])
    for value, count in sorted(values.items()):
        family.add_metric([value], count)
    return family
