"""A worker says of its lanes whether one hangs, and its heart stops when all of them do."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from queue_setup import TO
from scripted import Scripted

from messaging_channels import AsyncDispatcher, AsyncWorker, Dispatcher, Sms, SqliteLedger, Worker
from messaging_channels.errors import InvalidArgument
from messaging_channels.plugins import Flow


class Hanging(Scripted):
    """A provider whose answer comes when the test says so."""

    def __init__(self) -> None:
        super().__init__("acme-sms")
        self.asked_once, self.answer = threading.Event(), threading.Event()

    def send(self, batch: Any) -> Flow[Any]:
        self.asked_once.set()
        assert self.answer.wait(60)
        return super().send(batch)


def _until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < until
        threading.Event().wait(0.01)


def test_a_lane_that_hangs_is_stuck_until_it_moves_again() -> None:
    provider = Hanging()
    with (
        closing(SqliteLedger(addresses="plain")) as ledger,
        Dispatcher([provider], ledger=ledger) as dispatcher,
    ):
        worker = Worker(dispatcher, concurrency=2, poll_interval=0.05, lane_timeout=0.1)
        running = threading.Thread(target=worker.run)
        running.start()
        dispatcher.enqueue(Sms("hello"), to=TO)
        assert provider.asked_once.wait(30)
        _until(lambda: worker.health().stuck == 1)
        hangs = worker.health()
        _until(lambda: dispatcher.queue.stats().workers == 1)  # the other lane works
        provider.answer.set()
        _until(lambda: worker.health().stuck == 0)
        worker.stop()
        running.join(30)

    assert (hangs.is_healthy, hangs.lanes) == (False, 2)
    assert hangs.longest_seconds > 0.1
    assert hangs.as_dict() | {"busy": 0, "longestSeconds": 0} == {
        "healthy": False,
        "lanes": 2,
        "busy": 0,
        "stuck": 1,
        "longestSeconds": 0,
    }


def test_a_worker_that_waits_for_work_is_healthy_however_long() -> None:
    with (
        closing(SqliteLedger(addresses="plain")) as ledger,
        Dispatcher([Scripted("acme-sms")], ledger=ledger) as one,
    ):
        worker = Worker(one, concurrency=2, poll_interval=60, lane_timeout=0.001)
        running = threading.Thread(target=worker.run)
        running.start()
        _until(lambda: worker.health().lanes == 2 and worker.health().busy == 0)
        _until(lambda: one.queue.stats().workers == 1)
        health = worker.health()
        worker.stop()
        running.join(30)
        stats = one.queue.stats()

    assert health.is_healthy
    assert (stats.workers, stats.worker_age_seconds is not None) == (0, True)


def test_an_async_worker_is_counted_while_it_runs() -> None:
    asyncio.run(_watched_async_worker())


async def _watched_async_worker() -> None:
    with closing(SqliteLedger(addresses="plain")) as ledger:
        async with AsyncDispatcher([Scripted("acme-sms")], ledger=ledger) as dispatcher:
            worker = AsyncWorker(dispatcher, concurrency=3, poll_interval=60)
            running = asyncio.create_task(worker.run())
            for _ in range(1000):
                if (await dispatcher.queue.stats()).workers:
                    break
                await asyncio.sleep(0.01)
            found, health = await dispatcher.queue.stats(), worker.health()
            worker.stop()
            await running
            after = await dispatcher.queue.stats()

    assert (found.workers, health.lanes, health.is_healthy, after.workers) == (1, 3, True, 0)


@pytest.mark.parametrize("wrong", [0, -1, float("nan"), "soon"])
def test_a_lane_timeout_that_cannot_be_meant_is_refused(wrong: Any) -> None:
    with (
        closing(SqliteLedger(addresses="plain")) as ledger,
        Dispatcher([Scripted("acme-sms")], ledger=ledger) as one,
    ):
        with pytest.raises(InvalidArgument) as refused:
            Worker(one, lane_timeout=wrong)
        assert "lane_timeout" in str(refused.value)
