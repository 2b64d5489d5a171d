"""Many recipients taken in by one call, on each ledger and with the sync and the async client."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest
from scripted import BulkProvider, QuickClock, Scripted

from messaging_channels import AsyncDispatcher, Dispatcher, Sms
from messaging_channels._client.worker import Worker
from messaging_channels._ledger.postgres import PostgresLedger
from messaging_channels._ledger.sqlite import SqliteLedger
from messaging_channels._model.errors import (
    IdempotencyKeyReused,
    InvalidAddress,
    InvalidMessage,
    LedgerUnavailable,
    Unsupported,
)
from messaging_channels._model.outcomes import AttemptResult, Outcome
from messaging_channels._queue.enqueue import EnqueueResult
from messaging_channels.messages.fallback import Fallback
from messaging_channels.plugins.exchange import Flow
from messaging_channels.plugins.ledger import Ledger
from messaging_channels.plugins.provider import Envelope
from messaging_channels.policies.windows import SendWindow

HELLO = Sms("hello")


def _numbers(count: int) -> Iterator[str]:
    return (f"4477009{number:05}" for number in range(count))


Each = Callable[..., list[EnqueueResult]]


@pytest.fixture(params=["sync", "async"])
def enqueue_each(request: pytest.FixtureRequest, ledger: Ledger) -> Each:
    """Enqueues with the sync or the async client, and returns all that it yields."""

    async def collected(message: Any, to: Iterable[Any], options: dict[str, Any]) -> list[EnqueueResult]:
        async with AsyncDispatcher([BulkProvider()], ledger=ledger) as dispatcher:
            return [each async for each in dispatcher.enqueue_each(message, to=to, **options)]

    def enqueue(message: Any, to: Iterable[Any], **options: Any) -> list[EnqueueResult]:
        if request.param == "async":
            return asyncio.run(collected(message, to, options))
        with Dispatcher([BulkProvider()], ledger=ledger) as dispatcher:
            return list(dispatcher.enqueue_each(message, to=to, **options))

    return enqueue


@pytest.fixture
def provider() -> BulkProvider:
    return BulkProvider()


@pytest.fixture
def sender(provider: BulkProvider, ledger: Ledger) -> Iterator[Dispatcher]:
    """A dispatcher on the same ledger, for whatever comes after."""
    with Dispatcher([provider], ledger=ledger) as dispatcher:
        yield dispatcher


def test_many_are_taken_in_and_each_is_sent_to_once(
    enqueue_each: Each, sender: Dispatcher, provider: BulkProvider
) -> None:
    ends = enqueue_each(HELLO, _numbers(620))

    assert [end.to for end in ends] == list(_numbers(620))
    assert all(end.error is None and end.receipt and not end.receipt.replayed for end in ends)
    assert Worker(sender).drain() == 620
    assert sorted(number for batch in provider.batches for number in batch) == list(_numbers(620))
    assert sender.queue.stats().total == {"accepted": 620}


def test_a_recipient_that_cannot_be_sent_to_harms_no_other(enqueue_each: Each, sender: Dispatcher) -> None:
    first, bad, last = enqueue_each(HELLO, ["447700900001", "nonsense", "447700900002"])

    assert isinstance(bad.error, InvalidAddress)
    assert (bad.to, bad.receipt) == ("nonsense", None)
    assert "nonsense" not in repr(bad)
    assert first.receipt
    assert last.receipt
    assert "447700900002" not in repr(last)
    assert sender.queue.stats().by_state == {"waiting": 2}


def test_a_text_that_no_provider_can_write_down_harms_no_other_whenever_that_is_found_out(
    enqueue_each: Each, ledger: Ledger
) -> None:
    class Writing(BulkProvider):
        def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
            for envelope in batch:
                assert isinstance(envelope.message, Sms)
                envelope.message.text.encode("ascii")
            return super().send(batch)

    texts = [Sms(f"text {number}") for number in range(20)]
    texts[7] = Sms("not ASCII: é")
    ends = enqueue_each(texts, _numbers(20))
    assert [end.error for end in ends if end.error] == []
    with Dispatcher([Writing()], ledger=ledger) as dispatcher:
        Worker(dispatcher).drain()
        assert dispatcher.queue.stats().total == {"accepted": 19, "dead": 1}
        (dead,) = dispatcher.queue.dead_letters()

    assert ends[7].receipt
    assert (dead.id, dead.outcome) == (ends[7].receipt.id, Outcome.NOT_SENT)


def test_nobody_of_many_may_be_one_who_can_be_sent_to(enqueue_each: Each) -> None:
    assert enqueue_each(HELLO, []) == []
    assert [type(end.error) for end in enqueue_each(HELLO, ["x", "y"])] == [InvalidAddress] * 2


def test_a_key_stands_for_the_whole_call_so_that_repeating_it_takes_in_only_what_is_missing(
    enqueue_each: Each, sender: Dispatcher, provider: BulkProvider
) -> None:
    first = enqueue_each(HELLO, _numbers(3), idempotency_key="campaign")
    Worker(sender).drain()
    again = enqueue_each(HELLO, [*_numbers(5), "+447700900004"], idempotency_key="campaign")
    assert [end.receipt.replayed for end in again if end.receipt] == [True] * 3 + [False] * 2 + [True]
    assert [end.receipt.status.name for end in again[:4] if end.receipt] == ["PENDING_ACCEPTED"] * 3 + [
        "PENDING_QUEUED"
    ]
    assert [end.receipt.id for end in first if end.receipt] == [
        end.receipt.id for end in again[:3] if end.receipt
    ]
    Worker(sender).drain()

    assert [len(batch) for batch in provider.batches] == [3, 2]


def test_both_ways_to_send_to_many_know_each_others_keys(
    enqueue_each: Each, sender: Dispatcher, provider: BulkProvider
) -> None:
    enqueue_each(HELLO, _numbers(2), idempotency_key="campaign")
    Worker(sender).drain()
    sent = sender.send_each(HELLO, to=_numbers(3), idempotency_key="campaign")
    replayed = {end.to: end.receipt.replayed for end in sent if end.receipt}

    assert replayed == dict(zip(_numbers(3), (True, True, False), strict=True))
    assert [len(batch) for batch in provider.batches] == [2, 1]


def test_a_key_that_stands_for_another_text_is_told_of_each(enqueue_each: Each) -> None:
    enqueue_each(HELLO, _numbers(1), idempotency_key="campaign")
    used, new = enqueue_each(Sms("other"), _numbers(2), idempotency_key="campaign")

    assert (type(used.error), used.receipt) == (IdempotencyKeyReused, None)
    assert new.receipt


def test_each_recipient_may_have_a_message_of_its_own(enqueue_each: Each, sender: Dispatcher) -> None:
    own = [Sms("one"), Fallback([Sms("two"), Sms("three")]), Sms("four", flash=True)]
    one, two, refused = enqueue_each(own, _numbers(3), send_at=0.0, priority="low")
    assert isinstance(refused.error, Unsupported)
    assert one.receipt
    assert two.receipt
    assert sender.queue.stats().ready == 2

    with pytest.raises(InvalidMessage, match="as many messages as recipients"):
        enqueue_each([HELLO], _numbers(2))


@pytest.mark.parametrize(
    "options",
    [{"priority": "soon"}, {"expires_in": -1.0}, {"idempotency_key": ""}, {"window": SendWindow("09:00", "10:00"), "on_unknown": "?"}],
)  # fmt: skip
def test_what_is_wrong_for_all_is_raised_and_nobody_is_taken_in(
    enqueue_each: Each, sender: Dispatcher, options: dict[str, Any]
) -> None:
    with pytest.raises(InvalidMessage):
        enqueue_each(HELLO, _numbers(2), **options)

    assert sender.queue.stats().by_state == {}


def test_an_iterator_is_drawn_from_only_as_far_as_needed_and_what_was_yielded_is_kept() -> None:
    drawn: list[str] = []

    def numbers() -> Iterator[str]:
        for number in _numbers(100_000):
            drawn.append(number)
            yield number

    with Dispatcher([BulkProvider()], ledger=SqliteLedger(owned=True)) as dispatcher:
        ends = dispatcher.enqueue_each(HELLO, to=numbers())
        assert drawn == []
        first = next(ends)
        assert first.receipt
        assert len(drawn) == 500
        assert dispatcher.get_message(first.receipt.id)
        assert dispatcher.queue.stats().by_state == {"waiting": 500}


def test_all_of_a_call_live_and_die_with_the_callers_transaction(tmp_path: Path, postgres: str) -> None:
    path = tmp_path / "ledger.sqlite3"
    for ledger, connection in (
        (SqliteLedger(path, owned=True), sqlite3.connect(path)),
        (PostgresLedger(postgres, keys=[b"secret"]), psycopg.connect(postgres)),
    ):
        connected: Any = connection
        with Dispatcher([BulkProvider()], ledger=ledger) as dispatcher:
            list(dispatcher.enqueue_each(HELLO, to=_numbers(600), transaction=connected))
            connected.rollback()
            assert Worker(dispatcher).drain() == 0
            list(dispatcher.enqueue_each(HELLO, to=[*_numbers(600), "nonsense"], transaction=connected))
            connected.commit()
            assert Worker(dispatcher).drain() == 600
        connected.close()


def test_two_calls_with_one_key_at_once_take_each_recipient_in_once(postgres: str) -> None:
    """In opposite orders: they would wait for each other in a circle, were the rows not written in one order."""
    start, told = threading.Barrier(2), list[list[EnqueueResult]]()
    with Dispatcher([BulkProvider()], ledger=PostgresLedger(postgres, keys=[b"secret"])) as dispatcher:

        def enqueue(numbers: list[str]) -> None:
            start.wait()
            told.append(list(dispatcher.enqueue_each(HELLO, to=numbers, idempotency_key="k")))

        numbers = list(_numbers(400))
        threads = [
            threading.Thread(target=enqueue, args=(order,)) for order in (numbers, list(reversed(numbers)))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [end.error for ends in told for end in ends if end.error] == []
        assert dispatcher.queue.stats().by_state == {"waiting": 400}
    one, two = ({end.to: end.receipt.id for end in ends if end.receipt} for ends in told)

    assert one == two


def test_a_ledger_that_is_away_is_told_of_each_and_takes_nobody_in() -> None:
    nowhere = PostgresLedger("host=127.0.0.1 port=1 dbname=none", keys=[b"secret"], pool_timeout=0.05)
    with Dispatcher([BulkProvider()], ledger=nowhere) as dispatcher:
        ends = list(dispatcher.enqueue_each(HELLO, to=_numbers(3)))

    assert [(type(end.error), end.receipt) for end in ends] == [(LedgerUnavailable, None)] * 3


def test_a_worker_of_the_same_process_hears_of_them_at_once() -> None:
    sent = threading.Event()
    clock = QuickClock()
    with Dispatcher([Scripted("one", sent.set)], ledger=SqliteLedger(owned=True), clock=clock) as dispatcher:
        worker = Worker(dispatcher, concurrency=2, poll_interval=60.0)
        running = threading.Thread(target=worker.run)
        running.start()
        for _ in range(3):
            sent.clear()
            list(dispatcher.enqueue_each(HELLO, to=_numbers(1)))
            assert sent.wait(30)
        worker.stop()
        running.join(30)

    assert not running.is_alive()
