from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from scripted import QuickClock, Scripted

from messaging_channels import (
    Dispatcher,
    LedgerOptions,
    NotSent,
    OpenTelemetryObserver,
    Rejected,
    Sms,
    SqliteLedger,
)
from messaging_channels._model._table_failures import ADVICE
from messaging_channels._model.receipts import failure_as_dict
from messaging_channels._model.status import known_statuses
from messaging_channels.events import Advice, FailureReason, StatusChanged
from messaging_channels.plugins import (
    AttemptResult,
    FailureTable,
    Outcome,
    Reason,
    Status,
    StatusGroup,
    failure_fields,
    failure_of_status,
    status,
)
from messaging_channels.plugins.ledger import RecordEvent

PHONE = "+447700900123"
FAILURES = st.sampled_from(FailureReason)
STATUSES = st.sampled_from([one for _, one in known_statuses()])
ADVICES = st.sets(st.sampled_from(Advice)).map(frozenset)
COPIES = {Advice.RETRY_LATER, Advice.OTHER_CHANNEL}


def _event(told: Status, **more: Any) -> StatusChanged:
    return StatusChanged(provider="pigeon", occurred_at=1.0, provider_id="p-1", status=told, **more)


def test_no_reason_advises_to_suppress_and_to_retry_or_to_retry_what_must_first_be_mended() -> None:
    assert set(ADVICE) == set(FailureReason)
    for told in ADVICE.values():
        assert not {Advice.SUPPRESS_ADDRESS, Advice.RETRY_LATER} <= told
        assert Advice.RETRY_LATER not in told or not {Advice.FIX_ACCOUNT, Advice.FIX_CONTENT} & told


@given(st.sampled_from(Reason), st.none() | FAILURES, ADVICES)
def test_where_a_copy_may_be_on_its_way_no_result_advises_another(
    reason: Reason, failure: FailureReason | None, advice: frozenset[Advice]
) -> None:
    for result in (
        AttemptResult.of(reason, failure=failure),
        AttemptResult.of(reason, failure=failure, advice=advice),
    ):
        if result.outcome in (Outcome.UNKNOWN, Outcome.ACCEPTED) or failure is FailureReason.NO_RECEIPT:
            assert not COPIES & result.advice
        assert (result.failure is None) == (result.outcome is Outcome.ACCEPTED)


@given(STATUSES, st.none() | FAILURES, ADVICES)
def test_where_a_copy_may_be_on_its_way_no_report_advises_another(
    told: Status, failure: FailureReason | None, advice: frozenset[Advice]
) -> None:
    event = _event(told, failure=failure, advice=advice)
    if not told.final or failure is FailureReason.NO_RECEIPT or told.group is StatusGroup.DELIVERED:
        assert not COPIES & event.advice
    if told.group is StatusGroup.DELIVERED:
        assert event.failure is None
    elif told.final:
        assert event.failure is not None


def test_every_final_status_stands_for_a_failure_and_no_other_does() -> None:
    for channel, one in known_statuses():
        failed = one.final and one.group is not StatusGroup.DELIVERED
        assert (failure_of_status(one, channel) is not None) == failed
        assert failure_of_status(one, channel) is not FailureReason.UNKNOWN


def test_a_vague_status_of_any_vendor_is_an_unknown_failure_and_suppresses_nobody() -> None:
    for key in ((2, 9), (2, 4), (5, 52), (5, 100)):
        event = _event(status.known(*key))
        assert event.failure is FailureReason.UNKNOWN
        assert Advice.SUPPRESS_ADDRESS not in event.advice
    assert _event(status.EXPIRED_EXPIRED).failure is FailureReason.EXPIRED
    assert _event(Status(5, "REJECTED", 4711, "REJECTED_NEW")).failure is FailureReason.UNKNOWN


def test_a_refusal_for_good_that_nothing_explains_is_not_advised_to_be_repeated() -> None:
    result = AttemptResult.of(Reason.RECIPIENT)
    assert (result.failure, result.advice) == (FailureReason.UNKNOWN, frozenset())
    assert AttemptResult.of(Reason.THROTTLED).advice == {Advice.RETRY_LATER}


def test_a_table_never_guesses_a_code_from_its_neighbours() -> None:
    table = FailureTable(
        {FailureReason.BARRED: (30, "31"), FailureReason.THROTTLED: ("E-1",)},
        advice={31: frozenset({Advice.RETRY_LATER})},
        no_failures=(0,),
    )
    assert table.fields("30")["failure"] is FailureReason.BARRED
    assert table.fields(31)["advice"] == {Advice.RETRY_LATER}
    assert table.fields("32", "news") == {
        "failure": FailureReason.UNKNOWN,
        "advice": {Advice.RETRY_LATER},
        "vendor_code": "32",
        "vendor_text": "news",
    }
    assert [table.fields(code)["failure"] for code in (0, None, "")] == [None, None, None]
    with pytest.raises(ValueError, match="30 has two reasons"):
        FailureTable({FailureReason.BARRED: (30,), FailureReason.EXPIRED: ("30",)})


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("no account for +44 7700 900123 here", "no account for … here"),
        ("<zoe@example.com>: no such user", "<…>: no such user"),
        ("zoë@bücher.example unknown", "… unknown"),
        ("1-650-555-0100,2", "…,2"),
        ("error 131026\nin  2 parts", "error 131026 in 2 parts"),
        ("x" * 999, "x" * 200),
    ],
)
def test_the_vendors_words_hide_what_may_be_somebodys(text: str, kept: str) -> None:
    assert AttemptResult.of(Reason.INVALID, vendor_text=text).vendor_text == kept
    assert _event(status.EXPIRED_EXPIRED, vendor_text=text).vendor_text == kept


@pytest.mark.parametrize("code", ["zoe@example.com", "a b", "", "-", "x" * 60])
def test_what_is_no_code_is_kept_as_none(code: str) -> None:
    assert AttemptResult.of(Reason.INVALID, vendor_code=code).vendor_code == ""


def test_the_record_keeps_why_an_attempt_failed_and_what_a_report_said(tmp_path: Any) -> None:
    kept = SqliteLedger(tmp_path / "messages.db")
    ledger = LedgerOptions(kept)

    def keep(event: StatusChanged) -> None:
        kept.perform(RecordEvent(event, 2.0))

    refusal = AttemptResult.of(
        Reason.POLICY,
        **failure_fields(FailureReason.OUTSIDE_WINDOW, vendor_code="131047", vendor_text="closed"),
    )
    refusing, accepting = Scripted("refusing", refusal), Scripted("accepting")
    with Dispatcher([refusing], ledger=ledger, clock=QuickClock()) as dispatcher:
        with pytest.raises(Rejected) as raised:
            dispatcher.send(Sms("hello"), to=PHONE)
        receipt = raised.value.receipt
        record = dispatcher.get_message(receipt.id)
    assert record is not None
    for told in (receipt, record, record.attempts[0].result):
        assert told is not None
        assert (told.failure, told.vendor_code, told.vendor_text) == (
            FailureReason.OUTSIDE_WINDOW,
            "131047",
            "closed",
        )
        assert told.advice == {Advice.FIX_CONTENT, Advice.OTHER_CHANNEL}
    shown = record.as_dict()
    assert (shown["failure"], shown["vendorCode"]) == ("outside_window", "131047")
    assert shown["advice"] == shown["attempts"][0]["advice"] == ["fix_content", "other_channel"]
    with Dispatcher([accepting], ledger=ledger, clock=QuickClock()) as dispatcher:
        sent = dispatcher.send(Sms("hello"), to=PHONE)
        at_first = dispatcher.get_message(sent.id)
        unreachable = failure_fields(FailureReason.UNREACHABLE, vendor_code="27")
        told = {"provider": "accepting", "occurred_at": 1.0, "provider_id": sent.provider_id}
        keep(StatusChanged(**told, status=status.known(2, 9), **unreachable))
        failed = dispatcher.get_message(sent.id)
        keep(StatusChanged(**told, status=status.DELIVERED_TO_HANDSET))
        delivered = dispatcher.get_message(sent.id)
    assert at_first is not None
    assert failed is not None
    assert delivered is not None
    assert (at_first.failure, at_first.advice) == (None, frozenset())
    assert (failed.failure, failed.vendor_code) == (FailureReason.UNREACHABLE, "27")
    assert failed.advice == {Advice.RETRY_LATER, Advice.OTHER_CHANNEL}
    assert failure_as_dict(failed.events[0])["failure"] == "unreachable"
    assert (delivered.failure, delivered.advice, delivered.vendor_code) == (None, frozenset(), "")


def test_the_record_of_an_unknown_outcome_advises_no_copy(tmp_path: Any) -> None:
    ledger = LedgerOptions(SqliteLedger(tmp_path / "messages.db"))
    with Dispatcher([Scripted("lost", Reason.TIMEOUT)], ledger=ledger, clock=QuickClock()) as dispatcher:
        receipt = dispatcher.send(Sms("hello"), to=PHONE)
        record = dispatcher.get_message(receipt.id)
    assert record is not None
    for told in (receipt, record):
        assert (told.failure, told.advice) == (FailureReason.PROVIDER_ERROR, frozenset())


def test_a_code_that_no_table_knows_is_counted_with_its_provider() -> None:
    reader = InMemoryMetricReader()
    observer = OpenTelemetryObserver(TracerProvider(), MeterProvider([reader]))
    table = FailureTable({})
    strange = AttemptResult.of(Reason.UNREACHABLE, **table.fields("E77"))
    with (
        Dispatcher([Scripted("strange", strange)], observer=observer, clock=QuickClock()) as dispatcher,
        pytest.raises(NotSent),
    ):
        dispatcher.send(Sms("hello"), to=PHONE)
    observer.event_received(_event(status.known(2, 9), **table.fields("E78")))
    data = reader.get_metrics_data()
    assert data is not None
    points = [
        (dict(point.attributes), point.value)
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == "messaging_channels.unknown_failures"
        for point in metric.data.data_points
    ]
    counted = {
        (one["messaging.system"], one["messaging_channels.vendor_code"]): value for one, value in points
    }
    assert counted[("pigeon", "E78")] == 1
    assert counted[("strange", "E77")] >= 1
