"""Whoever locks rows of several messages does so in one order: nobody waits in a circle."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

import psycopg
from scripted import Scripted

from messaging_channels import Dispatcher, LedgerOptions, PhoneNumber, PostgresLedger, Sms, Worker
from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels._queue.retry_policy import QueueRetryPolicy
from messaging_channels.plugins import Flow, LookupRequest
from messaging_channels.policies import RetryPolicy, Route

RECIPIENTS = [f"+447700900{number:03d}" for number in range(40)]


_SELDOM = 5
"""Deadlocks that the server may find on a machine that is busy with other tests: each is tried again. On an idle one there is none."""


class Forgetful(Scripted):
    """A provider whose answers are lost half the time, and that knows half of what it took."""

    def look_up(self, request: LookupRequest) -> Flow[AttemptResult | None]:
        yield from ()
        found = random.random() < 0.5
        return AttemptResult.of(
            Reason.ACCEPTED if found else Reason.NOT_FOUND, provider_id=request.message_id
        )


def test_reconcile_erase_and_workers_never_wait_for_each_other_in_a_circle(postgres: str) -> None:
    ledger = LedgerOptions(
        PostgresLedger(postgres, addresses="plain", pool_size=8), reconcile_after=(0.0,) * 20
    )
    reasons = [random.choice((Reason.TIMEOUT, Reason.ACCEPTED, Reason.UNREACHABLE)) for _ in range(2000)]
    route = Route("vendor", retry=RetryPolicy(max_attempts=1))
    with Dispatcher([Forgetful("vendor", *reasons)], ledger=ledger, routes={"sms": route}) as dispatcher:
        left = [6] * 4

        def repeat(number: int, act: Callable[[], object]) -> Callable[[], None]:
            def run() -> None:
                while left[number]:
                    left[number] -= 1
                    act()

            return run

        def work() -> None:
            retry = QueueRetryPolicy(max_rounds=99, initial_interval=0.001)
            list(dispatcher.enqueue_each(Sms("hello"), to=RECIPIENTS))
            Worker(dispatcher, concurrency=1, batch_size=40, retry=retry).drain()

        threads = [
            threading.Thread(target=repeat(number, act))
            for number, act in enumerate(
                (
                    work,
                    work,
                    lambda: dispatcher.reconcile(limit=100),
                    lambda: dispatcher.queue.erase_recipient(PhoneNumber.parse(random.choice(RECIPIENTS))),
                )
            )
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    with psycopg.connect(postgres) as database:
        (row,) = database.execute(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        ).fetchall()

    assert row[0] <= _SELDOM
    assert left == [0] * 4
