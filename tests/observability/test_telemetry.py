from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from scripted import QuickClock, Scripted

from messaging_channels import Dispatcher, Receipt, Route, Sandbox, Sms
from messaging_channels._model.outcomes import Reason
from messaging_channels._observability.logs import LoggingObserver
from messaging_channels._observability.opentelemetry import OpenTelemetryObserver
from messaging_channels.plugins.observer import CompositeObserver, Observer

if TYPE_CHECKING:
    import pytest

PHONE = "+447700900123"


def _sent(observer: Observer) -> Receipt:
    """Send over a provider that cannot be reached, then over one that accepts."""
    broken, good = Scripted("broken", Reason.UNREACHABLE), Scripted("good")
    with Dispatcher(
        [broken, good], routes={"sms": Route("broken", "good")}, observer=observer, clock=QuickClock()
    ) as dispatcher:
        return dispatcher.send(Sms("a secret word"), to=PHONE)


def _points(reader: InMemoryMetricReader, name: str) -> list[Any]:
    data = reader.get_metrics_data()
    assert data is not None
    found = [
        metric
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == name
    ]
    return list(found[0].data.data_points)


def test_each_attempt_is_a_span_under_the_callers_and_is_counted() -> None:
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracers, meters = TracerProvider(), MeterProvider([reader])
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    observer = OpenTelemetryObserver(tracers, meters)
    with tracers.get_tracer("shop").start_as_current_span("checkout") as parent:
        receipt = _sent(observer)
    broken, good, _ = exporter.get_finished_spans()
    for span, attempt in ((broken, receipt.attempts[0]), (good, receipt.attempts[1])):
        assert span.attributes is not None
        assert span.name == "send sms"
        assert span.parent is not None
        assert span.parent.span_id == parent.get_span_context().span_id
        assert span.attributes["messaging.system"] == attempt.provider
        assert span.attributes["messaging.message.id"] == receipt.id
        assert "900123" not in str(span.to_json())
        assert "secret" not in str(span.to_json())
    assert broken.attributes is not None
    assert broken.attributes["error.type"] == "not_sent.unreachable"
    assert (broken.status.is_ok, good.status.is_ok) == (False, True)
    counts = {
        point.attributes["messaging.system"]: point.value
        for point in _points(reader, "messaging.client.sent.messages")
    }

    assert counts == {"broken": 1, "good": 1}
    assert len(_points(reader, "messaging.client.operation.duration")) == 2


def test_events_are_counted() -> None:
    reader = InMemoryMetricReader()
    observer = OpenTelemetryObserver(TracerProvider(), MeterProvider([reader]))
    with Dispatcher([Sandbox()], observer=observer) as dispatcher:
        dispatcher.send(Sms("hello"), to=PHONE)
        dispatcher.fetch_reports()
    (point,) = _points(reader, "messaging.client.consumed.messages")

    assert (point.value, point.attributes["messaging_channels.event"]) == (1, "StatusChanged")


def test_log_records_hold_ids_and_facts_and_nothing_personal(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "messaging_channels"):
        receipt = _sent(LoggingObserver())
        with Dispatcher([Sandbox()], observer=LoggingObserver()) as dispatcher:
            dispatcher.send(Sms("hello"), to=PHONE)
            dispatcher.fetch_reports()
    first, second = caplog.records[:2]

    assert (first.levelno, second.levelno) == (logging.WARNING, logging.INFO)
    assert vars(first)["message_id"] == vars(second)["message_id"] == receipt.id
    assert vars(first)["reason"] == "not_sent.unreachable"
    assert vars(caplog.records[-1])["status"] == "DELIVERED_TO_HANDSET"
    assert not any(
        "900123" in str(vars(record)) or "secret" in str(vars(record)) for record in caplog.records
    )


def test_of_several_observers_one_that_raises_keeps_no_other_from_hearing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(Observer):
        def attempt_finished(self, attempt: object) -> None:
            raise ZeroDivisionError(attempt)

    class Heard(Observer):
        def __init__(self) -> None:
            self.attempts: list[object] = []

        def attempt_finished(self, attempt: object) -> None:
            self.attempts.append(attempt)

    heard = Heard()
    _sent(CompositeObserver(Broken(), heard))

    assert len(heard.attempts) == 2
    assert "Broken.attempt_finished raised" in caplog.text
