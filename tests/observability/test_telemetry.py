from __future__ import annotations

import logging
from contextlib import closing
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from scripted import QuickClock, Scripted

from messaging_channels import Dispatcher, Receipt, Route, Sandbox, Sms, SqliteLedger, Worker
from messaging_channels._model import status as statuses
from messaging_channels._model.events import StatusChanged
from messaging_channels._model.outcomes import Reason
from messaging_channels._observability.logs import LoggingObserver
from messaging_channels._observability.opentelemetry import OpenTelemetryObserver
from messaging_channels.plugins.observer import CompositeObserver, Observer

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


def test_times_are_told_apart_from_a_millisecond_to_a_minute() -> None:
    reader = InMemoryMetricReader()
    _sent(OpenTelemetryObserver(TracerProvider(), MeterProvider([reader])))
    bounds = _points(reader, "messaging.client.operation.duration")[0].explicit_bounds

    assert (bounds[0], bounds[-1]) == (0.001, 60.0)


@pytest.mark.parametrize("is_bulk", [False, True])
def test_the_span_of_a_worker_links_to_that_of_the_enqueue(is_bulk: bool) -> None:
    exporter, tracers = InMemorySpanExporter(), TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    observer = OpenTelemetryObserver(tracers, MeterProvider([]))
    with (
        closing(SqliteLedger(addresses="plain")) as ledger,
        Dispatcher(
            [Scripted("good")], ledger=ledger, observer=CompositeObserver(LoggingObserver(), observer)
        ) as dispatcher,
    ):
        with tracers.get_tracer("shop").start_as_current_span("checkout") as parent:
            if is_bulk:
                (result,) = dispatcher.enqueue_each(Sms("a secret word"), to=[PHONE])
                assert result.receipt
                message_id = result.receipt.id
            else:
                message_id = dispatcher.enqueue(Sms("a secret word"), to=PHONE).id
        Worker(dispatcher).drain()
    create, _, send = exporter.get_finished_spans()

    assert (create.name, send.name) == ("create sms", "send sms")
    made = create.get_span_context()
    assert create.parent is not None
    assert made is not None
    assert create.parent.span_id == parent.get_span_context().span_id
    assert [one.context.span_id for one in send.links] == [made.span_id]
    assert [one.context.trace_id for one in send.links] == [parent.get_span_context().trace_id]
    assert create.attributes is not None
    assert create.attributes["messaging.message.id"] == message_id
    assert "secret" not in str(create.to_json())


def test_an_observer_that_raises_or_lacks_the_method_keeps_no_message_from_being_stored() -> None:
    class Broken(Observer):
        def message_enqueued(self, channel: str, message_id: str) -> str:
            raise ZeroDivisionError(channel, message_id)

    class Older:
        def attempt_finished(self, attempt: object) -> None: ...
        def event_received(self, event: object) -> None: ...

    observers: tuple[Any, ...] = (Broken(), Older(), None)
    for observer in observers:
        with (
            closing(SqliteLedger(addresses="plain")) as ledger,
            Dispatcher([Scripted("good")], ledger=ledger, observer=observer) as dispatcher,
        ):
            dispatcher.enqueue(Sms("hello"), to=PHONE)
            assert Worker(dispatcher).drain() == 1


def test_a_log_line_names_provider_reason_and_id(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "messaging_channels"):
        receipt = _sent(LoggingObserver())
    first = caplog.records[0].getMessage()

    assert first.startswith("attempt not_sent provider=broken channel=sms reason=not_sent.unreachable ")
    assert f"message_id={receipt.id}" in first


def test_a_value_of_a_log_line_cannot_be_taken_for_another_one(caplog: pytest.LogCaptureFixture) -> None:
    event = StatusChanged(
        provider="acme",
        status=statuses.DELIVERED_TO_HANDSET,
        occurred_at=1.0,
        message_id='9 provider="x"\nattempt',
    )
    with caplog.at_level(logging.INFO, "messaging_channels"):
        LoggingObserver().event_received(event)

    assert caplog.records[0].getMessage() == (
        r'event StatusChanged provider=acme status=DELIVERED_TO_HANDSET message_id="9 provider=\"x\"\nattempt"'
    )


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
