"""Clocks that are set, by days and in either direction: no key sends twice, and nothing waits for a time that is far away."""

from __future__ import annotations

import sqlite3
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import Scripted

from messaging_channels import Dispatcher, LedgerOptions, MessagingError, Outcome, Sandbox, Sms, SqliteLedger
from messaging_channels._client.worker import Worker
from messaging_channels._ledger.sql_clock import follow_clock
from messaging_channels._ledger.sqlite import DIALECT
from messaging_channels._model.outcomes import Reason
from messaging_channels.plugins.ledger import Ledger
from messaging_channels.testing.clock import ControlledClock

TO, DAY = "+447700900123", 86400.0
HELLO = Sms("hello")


@pytest.mark.parametrize(
    "offsets",
    [(0, 8), (0, 400), (-8, 0), (8, 0, 8), (0, 8, 0, 8, 0, 8, 0, 8, 0, 8, 0, 8, 0, 8, 0, 8), (0, -30, 30, 0)],
    ids=str,
)
def test_a_key_sends_once_however_a_clock_is_set(offsets: tuple[int, ...], ledger: Ledger) -> None:
    provider, clock = Scripted("vendor"), ControlledClock()
    with Dispatcher([provider], ledger=ledger, clock=clock) as dispatcher:
        for before, offset in pairwise((0, *offsets)):
            clock.advance((offset - before) * DAY)
            try:
                dispatcher.send(HELLO, to=TO, idempotency_key="order-1")
            except MessagingError:
                continue

    assert len(provider.asked) == 1


def test_a_key_is_free_again_when_the_ledger_was_used_for_as_long_as_it_stands(ledger: Ledger) -> None:
    provider, clock = Scripted("vendor"), ControlledClock()
    with Dispatcher([provider], ledger=ledger, clock=clock) as dispatcher:
        dispatcher.send(HELLO, to=TO, idempotency_key="weekly")
        for day in range(8):
            clock.advance(DAY)
            dispatcher.send(HELLO, to=TO, idempotency_key=f"daily {day}")
        again = dispatcher.send(HELLO, to=TO, idempotency_key="weekly")

    assert not again.replayed
    assert len(provider.asked) == 10


@pytest.mark.parametrize("days", [1, 8, 400])
@pytest.mark.parametrize(
    "ends", [(Reason.ACCEPTED,), (Reason.THROTTLED, Reason.ACCEPTED)], ids=["new", "to be repeated"]
)
def test_what_waits_goes_out_though_the_clock_was_set_back(
    ends: tuple[Reason, ...], days: int, ledger: Ledger
) -> None:
    provider, clock = Scripted("vendor", *ends), ControlledClock()
    with Dispatcher([provider], ledger=LedgerOptions(ledger), clock=clock) as dispatcher:
        Worker(dispatcher).drain()
        clock.advance(days * DAY)  # it goes wrong
        message_id = dispatcher.enqueue(HELLO, to=TO).id
        if len(ends) > 1:
            Worker(dispatcher).drain()
        clock.advance(-days * DAY)  # it is set right
        for _ in range(4):
            clock.advance(900.0)
            Worker(dispatcher).drain()
        record = dispatcher.get_message(message_id)

    assert record is not None
    assert record.outcome is Outcome.ACCEPTED


def test_a_time_that_the_caller_named_stands_whatever_the_clock_was(ledger: Ledger) -> None:
    provider, clock = Scripted("vendor"), ControlledClock()
    with Dispatcher([provider], ledger=ledger, clock=clock) as dispatcher:
        at = clock.now() + 3 * DAY
        clock.advance(DAY)
        dispatcher.enqueue(HELLO, to=TO, send_at=at)
        Worker(dispatcher).drain()
        clock.advance(-DAY)
        for _ in range(20):
            Worker(dispatcher).drain()
            clock.advance(3000.0)

    assert provider.asked == []


@given(start=st.floats(1.7e9, 1.9e9), back=st.floats(86_400, 3e7))
def test_what_was_to_be_sent_at_once_is_due_however_often_the_clock_is_set_back(
    start: float, back: float
) -> None:
    clock = ControlledClock(start)
    with Dispatcher([Sandbox()], ledger=SqliteLedger(owned=True), clock=clock) as dispatcher:
        dispatcher.enqueue(Sms("hello"), to="+447700900123")
        for _ in range(3):
            clock.advance(-back)
            dispatcher.reconcile()

        assert Worker(dispatcher).drain() == 1


@pytest.mark.parametrize("between", range(8))
def test_what_is_enqueued_while_the_clock_is_followed_by_a_process_with_the_old_time_is_due(
    between: int, tmp_path: Path
) -> None:
    """PostgreSQL lets an enqueuer write between two statements of a worker."""
    clock = ControlledClock()
    ledger = SqliteLedger(tmp_path / "ledger.sqlite3", owned=True)
    with Dispatcher([Sandbox()], ledger=ledger, clock=clock) as dispatcher:
        dispatcher.enqueue(HELLO, to=TO)
        Worker(dispatcher).drain()
        clock.advance(400 * DAY)
        dispatcher.enqueue(HELLO, to=TO)  # so that there is something to follow
        with sqlite3.connect(tmp_path / "ledger.sqlite3", isolation_level=None) as connection:
            flow, number = follow_clock(clock.now() - 400 * DAY, DIALECT), 0
            statement, values = next(flow)
            while True:
                rows = connection.execute(statement, values).fetchall()
                if number == between:
                    dispatcher.enqueue(HELLO, to=TO)
                number += 1
                try:
                    statement, values = flow.send(rows)
                except StopIteration:
                    break
        connection.close()
        if number <= between:
            dispatcher.enqueue(HELLO, to=TO)
        clock.advance(-400 * DAY)

        assert Worker(dispatcher).drain() == 2
