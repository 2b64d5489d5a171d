"""How the lanes of a worker share its work: a slow provider costs its own share, and a worker that is stopped keeps nothing that it has not begun."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest
from queue_setup import HELLO, ONCE, TO, asked
from scripted import BulkProvider, QuickClock, Scripted

from messaging_channels import (
    AsyncDispatcher,
    Dispatcher,
    RateLimit,
    Route,
    Sms,
    SqliteLedger,
    WhatsAppText,
)
from messaging_channels._client.worker import AsyncWorker, Worker
from messaging_channels._model.outcomes import Outcome
from messaging_channels.errors import InvalidArgument
from messaging_channels.plugins import Capabilities
from messaging_channels.plugins.exchange import Exchange, ExecutorPair
from messaging_channels.plugins.ledger import Ledger, Transaction
from messaging_channels.plugins.ledger_queue import Claim, ReleaseJobs

_SECONDS = 30
"""A test that would wait for longer has failed."""


class WhatsAppBulk(BulkProvider):
    """Takes a hundred at once, of another channel."""

    capabilities: ClassVar[Capabilities] = Capabilities({WhatsAppText: frozenset()}, max_batch_size=100)


@contextmanager
def _working(mode: str, values: dict[str, Any], **options: Any) -> Generator[Callable[[], None]]:
    """Let a worker run in a thread, sync or async; yield what stops it and waits until it has ended."""
    begun = threading.Event()
    stops: list[Callable[[], None]] = []

    def work() -> None:
        with Dispatcher(**values) as dispatcher:
            worker = Worker(dispatcher, poll_interval=0.05, reconcile_interval=None, **options)
            stops.append(worker.stop)
            begun.set()
            worker.run()

    async def work_async() -> None:
        async with AsyncDispatcher(**values) as dispatcher:
            worker = AsyncWorker(dispatcher, poll_interval=0.05, reconcile_interval=None, **options)
            loop = asyncio.get_running_loop()

            def stop_in_loop() -> None:
                loop.call_soon_threadsafe(worker.stop)

            stops.append(stop_in_loop)
            begun.set()
            await worker.run()

    running = threading.Thread(target=work if mode == "sync" else lambda: asyncio.run(work_async()))
    running.start()
    assert begun.wait(_SECONDS)

    def stop() -> None:
        if running.is_alive():
            stops[0]()
        running.join(_SECONDS)
        assert not running.is_alive()

    try:
        yield stop
    finally:
        stop()


def _values(ledger: Ledger, *providers: Scripted, **more: Any) -> dict[str, Any]:
    routes = {
        channel: Route(one.name, retry=ONCE)
        for channel, one in zip(("sms", "whatsapp"), providers, strict=False)
    }
    return {"providers": providers, "ledger": ledger, "routes": routes, **more}


modes = pytest.mark.parametrize("mode", ["sync", "async"])


@modes
def test_all_lanes_work_at_a_slow_provider_whatever_another_one_takes_at_once(
    mode: str, ledger: Ledger
) -> None:
    together = threading.Barrier(3, timeout=_SECONDS)
    slow, bulk = Scripted("slow", together.wait), WhatsAppBulk("bulk")
    values = _values(ledger, slow, bulk)
    with Dispatcher(**values) as elsewhere:
        keys = [elsewhere.enqueue(HELLO, to=TO).id for _ in range(3)]
        with _working(mode, values, concurrency=4):
            while elsewhere.queue.stats().by_state and not together.broken:
                continue

        assert not together.broken
        assert {elsewhere.get_message(key).outcome for key in keys} == {Outcome.ACCEPTED}  # type: ignore[union-attr]


@modes
def test_what_goes_by_a_fast_provider_does_not_wait_for_a_slow_one(mode: str, ledger: Ledger) -> None:
    goes_on, arrived = threading.Event(), threading.Event()
    slow, fast = Scripted("slow", goes_on.wait), WhatsAppBulk("fast", wait=arrived.set)
    values = _values(ledger, slow, fast)
    with Dispatcher(**values) as elsewhere, _working(mode, values, concurrency=3) as stop:
        try:
            for _ in range(150):  # more than a lane claims
                elsewhere.enqueue(HELLO, to=TO)
            while len(slow.asked) < 2:
                continue
            elsewhere.enqueue(WhatsAppText("hi"), to=TO)
            assert arrived.wait(_SECONDS)
            assert len(slow.asked) == 2
        finally:
            goes_on.set()
        stop()


class CountingLedger(SqliteLedger):
    """Counts what is claimed."""

    claimed = 0

    @property
    def executors(self) -> Mapping[type[Exchange[Any]], ExecutorPair]:
        """See SqliteLedger."""
        own = super().executors
        return {**own, Transaction: ExecutorPair(lambda: Counting(own[Transaction].sync(), self), None)}  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


class Counting:
    def __init__(self, inner: Any, ledger: CountingLedger) -> None:
        self._inner = inner
        self._ledger = ledger

    def perform(self, exchange: Transaction) -> Any:
        replies = self._inner.perform(exchange)
        if isinstance(exchange.operations[0], Claim):
            self._ledger.claimed += len(replies[0])
        return replies

    def close(self) -> None:
        self._inner.close()


def test_a_new_worker_claims_no_more_than_it_begins() -> None:
    ledger, alone = CountingLedger(), Scripted("acme-sms")
    values = _values(ledger, alone, clock=QuickClock())  # no request takes any time
    with Dispatcher(**values) as elsewhere:
        for _ in range(40):
            elsewhere.enqueue(HELLO, to=TO)
        with _working("sync", values, concurrency=4, batch_size=10) as stop:
            while elsewhere.queue.stats().by_state:
                continue
            stop()
    assert (len(alone.asked), ledger.claimed) == (40, 40)
    ledger.close()


@modes
def test_a_worker_that_is_stopped_gives_back_what_it_has_not_begun(mode: str, ledger: Ledger) -> None:
    begun, goes_on = threading.Event(), threading.Event()

    def answer() -> None:
        begun.set()
        assert goes_on.wait(_SECONDS)

    first = Scripted("acme-sms", lambda: None, answer)
    spare = Scripted("acme-sms")
    with Dispatcher(**_values(ledger, spare)) as elsewhere:
        keys = [elsewhere.enqueue(HELLO, to=TO).id for _ in range(9)]
        with _working(mode, _values(ledger, first), concurrency=1) as stop:
            assert begun.wait(_SECONDS)
            stopping = threading.Thread(target=stop)
            stopping.start()
            goes_on.set()
            stopping.join()
        assert (elsewhere.queue.stats().ready, len(first.asked)) == (7, 2)
        assert Worker(elsewhere).drain() == 7
        assert sorted(one.id for one in (*first.asked, *spare.asked)) == sorted(keys)
        assert elsewhere.queue.stats().by_state == {}


@modes
def test_a_worker_ends_in_time_though_a_provider_does_not_answer(mode: str, ledger: Ledger) -> None:
    begun, goes_on = threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        goes_on.wait()

    stuck = Scripted("acme-sms", hang)
    with Dispatcher(**_values(ledger, Scripted("acme-sms"))) as elsewhere:
        try:
            for _ in range(3):
                elsewhere.enqueue(HELLO, to=TO)
            with _working(mode, _values(ledger, stuck), concurrency=1, stop_timeout=0.1) as stop:
                assert begun.wait(_SECONDS)
                if mode == "async":  # the thread that waits is not the loop's: it has to end with the process
                    threading.Timer(0.5, goes_on.set).start()
                stop()
            assert len(stuck.asked) == 1
            assert Worker(elsewhere).drain() == 2
        finally:
            goes_on.set()


@modes
def test_a_worker_that_is_stopped_waits_for_no_place_under_a_rate(mode: str, ledger: Ledger) -> None:
    begun = threading.Event()
    provider = Scripted("acme-sms", begun.set)
    limits = {"acme-sms": RateLimit(1, per=5)}
    with Dispatcher(**_values(ledger, Scripted("acme-sms"))) as elsewhere:
        for _ in range(2):
            elsewhere.enqueue(HELLO, to=TO)
        values = _values(ledger, provider, rate_limits=limits)
        with _working(mode, values, concurrency=2) as stop:
            assert begun.wait(_SECONDS)
            stop()

        assert len(provider.asked) == 1
        assert Worker(elsewhere).drain() == 1


def test_what_is_given_back_is_due_as_before(ledger: Ledger) -> None:
    clock = QuickClock()
    with Dispatcher(**_values(ledger, Scripted("acme-sms")), clock=clock) as dispatcher:
        run = dispatcher.queue.run
        keys = [dispatcher.enqueue(Sms(str(number)), to=TO).id for number in range(3)]
        clock.time += 50
        for _ in range(7):  # more often than a worker may die with it
            jobs = run(asked(Claim("lane", clock.time, clock.time + 120, 10)))
            assert sorted(one.message_id for one in jobs) == sorted(keys)
            assert run(asked(Claim("other", clock.time, clock.time + 120, 10))) in ((), [])
            run(asked(ReleaseJobs("other", tuple((one, 0.0) for one in keys))))  # not its own
            run(asked(ReleaseJobs("lane", tuple((one.message_id, None) for one in jobs))))
        assert dispatcher.queue.stats().oldest_age_seconds == 50.0
        assert Worker(dispatcher).drain() == 3


@pytest.mark.parametrize("is_postponed", [False, True], ids=["as before", "postponed"])
def test_what_is_given_back_by_a_clock_that_has_been_set_back_is_due_soon(
    ledger: Ledger, is_postponed: bool
) -> None:
    day, clock = 86400.0, QuickClock()
    with Dispatcher(**_values(ledger, Scripted("acme-sms")), clock=clock) as dispatcher:
        run = dispatcher.queue.run
        clock.time += 8 * day  # it goes wrong
        wrong, key = clock.time, dispatcher.enqueue(HELLO, to=TO).id
        assert [one.message_id for one in run(asked(Claim("lane", wrong, wrong + 120, 10)))] == [key]
        clock.time -= 8 * day  # it is set right, and another process sees it first
        run(asked(Claim("other", clock.time, clock.time + 120, 10)))
        named = ((key, wrong + 1.0),) if is_postponed else ()
        run(asked(ReleaseJobs("lane", () if is_postponed else ((key, None),), named, wrong)))

        clock.time += 120
        assert Worker(dispatcher).drain() == 1


def test_messages_of_a_channel_and_account_may_be_left_out_of_a_claim(ledger: Ledger) -> None:
    sms, whatsapp, own = Scripted("sms"), WhatsAppBulk("whatsapp"), Scripted("sms")
    values = _values(ledger, sms, whatsapp, accounts={"tenant": [own]})
    with Dispatcher(**values) as dispatcher:
        run, now = dispatcher.queue.run, dispatcher.queue.enqueuer.now
        platform = dispatcher.enqueue(HELLO, to=TO).id
        other = dispatcher.enqueue(WhatsAppText("hi"), to=TO).id

        def claimed(*left_out: tuple[str, str | None]) -> list[str]:
            jobs = run(asked(Claim("lane", now(), now() + 120, 10, left_out=left_out)))
            run(asked(ReleaseJobs("lane", tuple((one.message_id, one.due) for one in jobs))))
            return sorted(one.message_id for one in jobs)

        assert claimed(("sms", None)) == [other]
        assert claimed(("whatsapp", None)) == [platform]
        assert claimed(("sms", "tenant"), ("whatsapp", "tenant")) == sorted([platform, other])
        assert claimed(("sms", None), ("whatsapp", None)) == []


def test_a_time_to_stop_in_that_cannot_be_meant_is_refused(ledger: Ledger) -> None:
    with Dispatcher(**_values(ledger, Scripted("acme-sms"))) as dispatcher:
        for wrong in (-1, "25", None, float("nan")):
            with pytest.raises(InvalidArgument, match="stop_timeout"):
                Worker(dispatcher, stop_timeout=wrong)  # type: ignore[arg-type]
