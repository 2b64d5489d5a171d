"""What happened, for those who watch: OpenTelemetry spans and metrics (the extra `otel`).

Nothing here holds an address, a content or a secret; the message id joins spans, logs, records and webhooks.
Names follow the semantic conventions for messaging: https://opentelemetry.io/docs/specs/semconv/messaging/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from messaging_channels._model.events import StatusChanged
from messaging_channels._model.failure_reasons import FailureReason
from messaging_channels._model.outcomes import Outcome
from messaging_channels.plugins.observer import Observer

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Link, TracerProvider

    from messaging_channels._model.events import Event
    from messaging_channels._model.receipts import Attempt

_NAME = "messaging_channels"
_NANO = 1_000_000_000
_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Seconds: from a millisecond to a minute."""


class OpenTelemetryObserver(Observer):
    """Makes a span of each attempt, a child of the caller's, and counts and times attempts and events."""

    def __init__(
        self, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
    ) -> None:
        """Report to these providers, or to the global ones.

        Raises:
            ImportError: the extra `otel` is not installed.
        """
        from opentelemetry import metrics, trace  # noqa: PLC0415  an extra
        from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415
            TraceContextTextMapPropagator,
        )

        self._trace = trace
        self._propagator = TraceContextTextMapPropagator()
        self._tracer = trace.get_tracer(_NAME, tracer_provider=tracer_provider)
        meter = metrics.get_meter(_NAME, meter_provider=meter_provider)
        self._duration = meter.create_histogram(
            "messaging.client.operation.duration",
            unit="s",
            description="Duration of attempts to send.",
            explicit_bucket_boundaries_advisory=_BOUNDS,
        )
        self._sent = meter.create_counter(
            "messaging.client.sent.messages",
            unit="{message}",
            description="Messages that providers were asked to send.",
        )
        self._consumed = meter.create_counter(
            "messaging.client.consumed.messages",
            unit="{message}",
            description="Reports and messages that came in.",
        )
        self._unknown = meter.create_counter(
            "messaging_channels.unknown_failures",
            unit="{failure}",
            description="Failures whose code is in no table, by provider and code.",
        )

    def attempt_finished(self, attempt: Attempt) -> None:
        """Record a span and metrics of the attempt, in the caller's context, so that the span has the right parent."""
        facts = _attributes(attempt)
        span = self._tracer.start_span(
            f"send {attempt.channel}",
            links=self._links(attempt.trace),
            kind=self._trace.SpanKind.PRODUCER,
            start_time=int(attempt.started_at * _NANO),
            attributes={
                **facts,
                "messaging.message.id": attempt.message_id,
                "messaging_channels.attempt": attempt.number,
                "messaging_channels.delay": attempt.delay,
            },
        )
        if attempt.outcome is not Outcome.ACCEPTED:
            span.set_status(self._trace.StatusCode.ERROR, str(attempt.outcome))
        span.end(int((attempt.started_at + attempt.duration) * _NANO))
        self._duration.record(attempt.duration, facts)
        self._sent.add(1, facts)
        if attempt.result is not None:
            self._count_unknown(attempt.provider, attempt.result.failure, attempt.result.vendor_code)

    def message_enqueued(self, channel: str, message_id: str) -> str:
        """Record a span, a child of the caller's, to which the spans of a worker's attempts link. Return its `traceparent`."""
        span = self._tracer.start_span(
            f"create {channel}",
            kind=self._trace.SpanKind.PRODUCER,
            attributes={
                "messaging.operation.name": "enqueue",
                "messaging.operation.type": "create",
                "messaging.destination.name": channel,
                "messaging.message.id": message_id,
            },
        )
        span.end()
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier, self._trace.set_span_in_context(span))
        return carrier.get("traceparent", "")

    def _links(self, trace: str) -> list[Link]:
        """Return a link to the span of the enqueue, if there was one."""
        if not trace:
            return []
        found = self._trace.get_current_span(self._propagator.extract({"traceparent": trace}))
        context = found.get_span_context()
        return [self._trace.Link(context)] if context.is_valid else []

    def event_received(self, event: Event) -> None:
        """Count the event, and vendor codes without a meaning."""
        facts: dict[str, Any] = {
            "messaging.system": event.provider,
            "messaging.operation.name": "receive",
            "messaging_channels.event": type(event).__name__,
        }
        if isinstance(event, StatusChanged) and event.failure is not None:
            facts["messaging_channels.failure"] = str(event.failure)
            self._count_unknown(event.provider, event.failure, event.vendor_code)
        self._consumed.add(1, facts)

    def _count_unknown(self, provider: str, failure: FailureReason | None, code: str) -> None:
        """Count a failure that no table explains. A report without a code is one, too."""
        if failure is FailureReason.UNKNOWN:
            facts = {"messaging.system": provider, "messaging_channels.vendor_code": code}
            self._unknown.add(1, facts)


def _attributes(attempt: Attempt) -> dict[str, Any]:
    """Return what spans and metrics have in common: few values each."""
    facts: dict[str, Any] = {
        "messaging.system": attempt.provider,
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": attempt.channel,
        "messaging_channels.outcome": str(attempt.outcome),
    }
    if attempt.outcome is not Outcome.ACCEPTED and attempt.result is not None:
        facts["error.type"] = str(attempt.result.reason)
        facts["messaging_channels.failure"] = str(attempt.result.failure)
    return facts
