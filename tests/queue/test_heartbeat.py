"""The ledger knows which workers live, and since when none does."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from queue_setup import TO, QueueSetup
from scripted import Scripted

from messaging_channels import Dispatcher, Sms, SqliteLedger
from messaging_channels._transport.drivers import Transport
from messaging_channels.plugins.exchange import ask
from messaging_channels.plugins.ledger_queue import GetQueueStats, QueueStats
from messaging_channels.plugins.ledger_workers import DEAD_AFTER, RecordHeartbeat

if TYPE_CHECKING:
    from ledgers import Do

    from messaging_channels.plugins.ledger import Ledger

NOW = 1_000_000.0


def _stats(do: Do) -> QueueStats:
    found: QueueStats = do(GetQueueStats(time.time()))
    return found


def test_workers_that_give_a_sign_of_life_are_counted_until_they_are_stopped(do: Do) -> None:
    assert (_stats(do).workers, _stats(do).worker_age_seconds) == (0, None)
    for name in ("one", "two", "one"):
        do(RecordHeartbeat(name, time.time()))
    assert _stats(do).workers == 2
    do(RecordHeartbeat("one", time.time(), ended=True))
    assert _stats(do).workers == 1
    do(RecordHeartbeat("two", time.time(), ended=True))
    found = _stats(do)

    assert found.workers == 0
    assert found.worker_age_seconds is not None
    assert found.worker_age_seconds < 60


@pytest.mark.parametrize("apart", [DEAD_AFTER + 1, 3600.0, 30 * 86400.0])
def test_a_worker_that_died_is_counted_no_more_and_it_is_known_since_when(apart: float) -> None:
    with (
        closing(SqliteLedger(addresses="plain")) as ledger,
        Transport(executors=ledger.executors) as transport,
    ):
        transport.run(ask(RecordHeartbeat("ahead of its time", NOW + 10 * apart)))
        transport.run(ask(RecordHeartbeat("gone", NOW)))
        found = transport.run(ask(GetQueueStats(NOW + apart)))
        transport.run(ask(RecordHeartbeat("new", NOW + apart)))
        later = transport.run(ask(GetQueueStats(NOW + apart + 1)))

    assert (found.workers, found.worker_age_seconds) == (0, apart)
    assert (later.workers, later.worker_age_seconds) == (1, 1)


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_whoever_drains_the_queue_was_seen(ledger: Ledger, mode: str) -> None:
    with closing(QueueSetup(ledger, mode, Scripted("acme-sms"))) as setup:
        setup.enqueue()
        setup.drain()
        found = setup.stats()

    assert found.workers == 0
    assert found.worker_age_seconds is not None


def test_only_a_database_with_a_clock_of_its_own_tells_how_far_ahead_ours_is(do: Do, ledger: Ledger) -> None:
    found = do(GetQueueStats(time.time() + 7200))
    if type(ledger).__name__ == "SqliteLedger":
        assert found.clock_ahead_seconds is None
    else:
        assert found.clock_ahead_seconds == pytest.approx(7200, abs=120)


def test_statistics_tell_of_workers_as_json() -> None:
    with (
        closing(SqliteLedger(addresses="plain")) as ledger,
        Dispatcher([Scripted("acme-sms")], ledger=ledger) as one,
    ):
        one.enqueue(Sms("hello"), to=TO)
        assert one.queue.stats().as_dict()["workers"] == 0
