"""Whoever locks rows of several messages does so in one order: nobody waits in a circle."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from scripted import Scripted

from messaging_channels import Dispatcher, LedgerOptions, PhoneNumber, PostgresLedger, Sms, Worker
from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels._queue.retry_policy import QueueRetryPolicy
from messaging_channels.plugins import Flow, LookupRequest
from messaging_channels.policies import RetryPolicy, Route

RECIPIENTS = [f"+447700900{number:03d}" for number in range(40)]


class Forgetful(Scripted):
    """A provider whose answers are lost half the time, and that knows half of what it took."""

    def look_up(self, request: LookupRequest) -> Flow[AttemptResult | None]:
        yield from ()
        found = random.random() < 0.5
        return AttemptResult.of(
            Reason.ACCEPTED if found else Reason.NOT_FOUND, provider_id=request.message_id
        )


@pytest.fixture
def watched(postgres: str) -> str:
    """A database that looks for circles sooner than anybody stops to wait for a lock."""
    with psycopg.connect(postgres, autocommit=True) as database:
        name = database.info.dbname
        database.execute(f"ALTER DATABASE {name} SET deadlock_timeout = '50ms'".encode())
    return postgres


def _deadlocks(conninfo: str) -> int:
    with psycopg.connect(conninfo) as database:
        found = database.execute(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        ).fetchall()
    return int(found[0][0])


def _together(*acts: Callable[[], object]) -> None:
    """Do all of them in threads; raise what any of them raised."""
    with ThreadPoolExecutor(len(acts)) as pool:
        for done in [pool.submit(act) for act in acts]:
            done.result()


def _repeat(times: int, act: Callable[[], object]) -> Callable[[], None]:
    def run() -> None:
        for _ in range(times):
            act()

    return run


def test_whoever_changes_messages_never_waits_for_others_in_a_circle(watched: str) -> None:
    before = _deadlocks(watched)
    ledger = LedgerOptions(
        PostgresLedger(watched, addresses="plain", pool_size=8), reconcile_after=(0.0,) * 20
    )
    reasons = [random.choice((Reason.TIMEOUT, Reason.ACCEPTED, Reason.UNREACHABLE)) for _ in range(2000)]
    route = Route("vendor", retry=RetryPolicy(max_attempts=1))
    with Dispatcher([Forgetful("vendor", *reasons)], ledger=ledger, routes={"sms": route}) as dispatcher:

        def work() -> None:
            retry = QueueRetryPolicy(max_rounds=99, initial_interval=0.001)
            assert all(one.receipt for one in dispatcher.enqueue_each(Sms("hello"), to=RECIPIENTS))
            Worker(dispatcher, concurrency=1, batch_size=40, retry=retry).drain()

        def erase() -> None:
            dispatcher.queue.erase_recipient(PhoneNumber.parse(random.choice(RECIPIENTS)))

        def cancel() -> None:
            for one in dispatcher.list_messages(limit=10):
                dispatcher.queue.cancel(one.id)

        _together(
            *[_repeat(4, work)] * 2,
            *[_repeat(6, lambda: dispatcher.reconcile(limit=100))] * 2,
            *[_repeat(6, erase)] * 2,
            _repeat(6, lambda: dispatcher.queue.prune(older_than=0.1)),
            _repeat(6, lambda: dispatcher.queue.delete_records(older_than=0.5)),
            _repeat(6, dispatcher.queue.retry_dead_letters),
            _repeat(6, cancel),
        )

    assert _deadlocks(watched) == before


def _use(conninfo: str) -> None:
    with Dispatcher([Scripted("vendor")], ledger=PostgresLedger(conninfo, addresses="plain")) as dispatcher:
        assert all(one.receipt for one in dispatcher.enqueue_each(Sms("hello"), to=RECIPIENTS))
        Worker(dispatcher, concurrency=2).drain()
        dispatcher.queue.stats()


@pytest.mark.parametrize("left", ["nothing", "an older schema"])
def test_who_opens_a_database_at_once_with_others_that_are_at_work_in_it_waits_for_them(
    watched: str, left: str
) -> None:
    if left == "an older schema":
        _use(watched)
        with psycopg.connect(watched) as database:
            database.execute("DROP INDEX messaging_channels_event_unmatched")
            database.execute("DROP TRIGGER messaging_channels_queue_added ON messaging_channels_queue")
    before = _deadlocks(watched)

    _together(*[lambda: _use(watched)] * 5)
    with psycopg.connect(watched) as database:
        triggers = database.execute(
            "SELECT tgname FROM pg_trigger WHERE tgrelid = 'messaging_channels_queue'::regclass ORDER BY 1"
        ).fetchall()

    assert _deadlocks(watched) == before
    assert [name for (name,) in triggers] == [
        f"messaging_channels_queue_{name}" for name in ("added", "changed", "deleted")
    ]
