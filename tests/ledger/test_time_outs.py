"""No ledger that does not answer keeps a call: the ledger's own time-out bounds an operation, and `send(timeout=)` what is left of it."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from messaging_channels import (
    AsyncDispatcher,
    Dispatcher,
    PhoneNumber,
    PostgresLedger,
    Sandbox,
    Sms,
    SqliteLedger,
)
from messaging_channels.errors import InvalidSetting, LedgerUnavailable
from messaging_channels.plugins import AttemptResult, Envelope
from messaging_channels.plugins.exchange import BlockingCall, Flow
from messaging_channels.plugins.ledger import Ledger

TO = "+447700900123"
MARGIN = 10.0
"""Seconds that a busy machine may add. The ledgers' own time-outs are far longer."""
Hold = Callable[[], Any]


class _Place:
    """A ledger whose database can be made to stop answering, and to go on."""

    def __init__(self, make: Callable[[float], Ledger], hold: Hold, release: Hold) -> None:
        self.make, self.hold, self.release = make, hold, release


@contextmanager
def _sqlite_place(folder: Path) -> Generator[_Place]:
    path = folder / "ledger.sqlite3"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    yield _Place(
        lambda seconds: SqliteLedger(path, owned=True, timeout=seconds),
        lambda: other.execute("BEGIN EXCLUSIVE"),
        lambda: other.execute("ROLLBACK"),
    )
    other.close()


@contextmanager
def _postgres_place(conninfo: str) -> Generator[_Place]:
    """The server and its processes that serve our connections are stopped, as by a machine that hangs."""
    stopped: list[int] = []

    with psycopg.connect(conninfo) as connection:
        process = Path(f"/proc/{connection.info.backend_pid}/stat").read_text()
    server = int(process.rpartition(")")[2].split()[1])

    def hold() -> None:
        os.kill(server, signal.SIGSTOP)  # first: no further process begins
        children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
        stopped.extend((server, *map(int, children)))
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)

    def release() -> None:
        while stopped:
            os.kill(stopped.pop(), signal.SIGCONT)

    yield _Place(lambda seconds: PostgresLedger(conninfo, addresses="plain", timeout=seconds), hold, release)
    release()


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[_Place]:
    if request.param == "sqlite":
        with _sqlite_place(tmp_path) as made:
            yield made
    else:
        with _postgres_place(request.getfixturevalue("postgres")) as made:
            yield made


class _Holding(Sandbox):
    """Takes a message, and has the database stop answering before its caller hears of it."""

    hold: Hold = staticmethod(lambda: None)

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        results = yield from super().send(batch)
        yield BlockingCall(self.hold)
        return results


def _seconds(call: Callable[[], Any], *, raises: bool = True) -> float:
    begun = time.monotonic()
    if raises:
        with pytest.raises(LedgerUnavailable):
            call()
    else:
        call()
    return time.monotonic() - begun


async def _send_async(place: _Place) -> None:
    async with AsyncDispatcher([Sandbox()], ledger=place.make(60.0)) as dispatcher:
        await dispatcher.send(Sms("hello"), to=TO)
        place.hold()
        try:
            await dispatcher.send(Sms("hello"), to=TO, timeout=0.3)
        finally:
            place.release()


@pytest.mark.parametrize("key", [None, "order-1"])
def test_what_is_left_of_a_call_bounds_a_ledger_that_does_not_answer(place: _Place, key: str | None) -> None:
    with Dispatcher([Sandbox()], ledger=place.make(60.0)) as dispatcher:
        dispatcher.send(Sms("hello"), to=TO)
        place.hold()
        options: dict[str, Any] = {"idempotency_key": key} if key else {}
        took = _seconds(lambda: dispatcher.send(Sms("late"), to=TO, timeout=0.3, **options))
        together = _seconds(
            lambda: [one.error for one in dispatcher.send_each(Sms("late"), to=[TO], timeout=0.3)],
            raises=False,
        )
        place.release()
        assert max(took, together) < 0.3 + MARGIN
        _until(lambda: all(attempt.result for one in dispatcher.list_messages() for attempt in one.attempts))


def test_what_is_left_of_a_call_bounds_it_in_an_event_loop(place: _Place) -> None:
    assert _seconds(lambda: asyncio.run(_send_async(place))) < 0.3 + MARGIN


def test_the_ledgers_own_time_out_bounds_every_operation(place: _Place) -> None:
    with Dispatcher([Sandbox()], ledger=place.make(60.0)) as dispatcher:
        dispatcher.send(Sms("hello"), to=TO)
        dispatcher.list_messages()
    with Dispatcher([Sandbox()], ledger=place.make(0.4)) as dispatcher:
        with suppress(LedgerUnavailable):  # a busy machine may take as long to connect
            dispatcher.send(Sms("hello"), to=TO)
        place.hold()
        calls: list[Callable[[], Any]] = [
            lambda: dispatcher.send(Sms("late"), to=TO),
            lambda: dispatcher.get_message("none"),
            dispatcher.list_messages,
            lambda: dispatcher.enqueue(Sms("late"), to=TO),
            dispatcher.queue.stats,
            lambda: dispatcher.consent.show("sms", TO),
            dispatcher.reconcile,
        ]
        took = [_seconds(call) for call in calls]
        place.release()
    assert max(took) < 0.4 + MARGIN


def test_an_attempt_that_is_written_down_too_late_is_taken_back(place: _Place) -> None:
    """Nobody makes it: its key is free, and no record says that it may have been sent."""
    with Dispatcher([Sandbox()], ledger=place.make(60.0)) as dispatcher:
        dispatcher.send(Sms("hello"), to=TO)
        place.hold()
        for _ in range(3):
            with pytest.raises(LedgerUnavailable):
                dispatcher.send(Sms("late"), to=TO, timeout=0.2, idempotency_key="order-1")
        place.release()
        _until(lambda: dispatcher.get_message(idempotency_key="order-1") is None)
        assert dispatcher.send(Sms("late"), to=TO, idempotency_key="order-1").outcome == "accepted"


def test_the_end_of_an_attempt_is_written_when_the_ledger_answers_again(place: _Place) -> None:
    provider = _Holding()
    with Dispatcher([provider], ledger=place.make(60.0)) as dispatcher:
        first = dispatcher.send(Sms("hello"), to=TO)
        provider.hold = place.hold
        begun = time.monotonic()
        receipt = dispatcher.send(Sms("hello"), to=TO, timeout=0.5)
        took = time.monotonic() - begun
        assert receipt.outcome == "accepted"
        place.release()
        assert took < 0.5 + MARGIN
        _until(lambda: _outcome(dispatcher, receipt.id) == "accepted")
        assert _outcome(dispatcher, first.id) == "accepted"


def test_maintenance_that_goes_on_is_not_told_as_failed(postgres_emptied: str) -> None:
    """What takes longer than the ledger's time-out is waited for, by a call and by an event loop alike."""
    ledger = PostgresLedger(postgres_emptied, addresses="plain", timeout=0.3)
    with Dispatcher([Sandbox()], ledger=ledger) as dispatcher, ThreadPoolExecutor() as pool:
        dispatcher.send(Sms("hello"), to=TO)
        with psycopg.connect(postgres_emptied) as other:
            other.execute("LOCK TABLE messaging_channels_message IN ACCESS EXCLUSIVE MODE")
            calls = [
                pool.submit(dispatcher.queue.erase_recipient, PhoneNumber.parse(TO)),
                pool.submit(asyncio.run, _prune(ledger)),
            ]
            assert not wait(calls, timeout=0.8).done
            with pytest.raises(LedgerUnavailable):
                dispatcher.list_messages()
            other.rollback()
        assert [one.result() for one in calls] == [1, 0]


async def _prune(ledger: Ledger) -> int:
    async with AsyncDispatcher([Sandbox()], ledger=ledger) as dispatcher:
        return await dispatcher.queue.prune(older_than=1.0)


def test_maintenance_has_to_begin_within_the_time_out(tmp_path: Path) -> None:
    with _sqlite_place(tmp_path) as place, Dispatcher([Sandbox()], ledger=place.make(0.3)) as dispatcher:
        dispatcher.send(Sms("hello"), to=TO)
        place.hold()
        assert _seconds(lambda: dispatcher.queue.prune(older_than=1.0)) < 0.3 + MARGIN
        place.release()


def _outcome(dispatcher: Dispatcher, message_id: str) -> str:
    record = dispatcher.get_message(message_id)
    return "" if record is None else str(record.outcome)


def _until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_server_that_hangs_does_not_keep_who_closes(postgres: str) -> None:
    with _postgres_place(postgres) as place:
        dispatcher = Dispatcher([Sandbox()], ledger=place.make(0.4))
        dispatcher.send(Sms("hello"), to=TO)
        place.hold()
        with pytest.raises(LedgerUnavailable):
            dispatcher.get_message("none")
        assert _seconds(dispatcher.close, raises=False) < 0.4 + MARGIN


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "soon"])
def test_a_time_out_of_the_configuration_that_cannot_be_meant_is_refused(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESSAGING_CHANNELS_LEDGER_TIMEOUT", value)
    with pytest.raises(InvalidSetting, match=r"ledger.timeout"):
        Dispatcher.from_config({"ledger": {"url": "sqlite:"}, "routes": {"sms": "sandbox"}})


def test_the_time_out_stands_in_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESSAGING_CHANNELS_LEDGER_TIMEOUT", "0.3")
    with _sqlite_place(tmp_path) as place:
        url = f"sqlite:{tmp_path}/ledger.sqlite3"
        with Dispatcher.from_config({"ledger": {"url": url}, "routes": {"sms": "sandbox"}}) as dispatcher:
            dispatcher.list_messages()
            place.hold()
            assert _seconds(dispatcher.list_messages) < 0.3 + MARGIN
            place.release()
