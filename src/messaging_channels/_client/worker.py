"""Workers: they drain the queue, in a process of their own (`messaging-channels worker`) or inside an application. Any number may run at once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from typing import TYPE_CHECKING, ClassVar

from messaging_channels._client.worker_health import LaneWatch, WorkerHealth, WorkerWatch
from messaging_channels._client.worker_options import (
    DEFAULT_CONCURRENCY,
    DEFAULT_POLL_INTERVAL,
    DEFAULT_RECONCILE_INTERVAL,
    DEFAULT_STOP_TIMEOUT,
    WorkerOptions,
    as_optional_seconds,
    check_worker_options,
)
from messaging_channels._inbound.taken_reports import InboundRounds
from messaging_channels._model.arguments import as_seconds, kind_of
from messaging_channels._model.errors import InvalidArgument, MessagingError
from messaging_channels._model.ids import random_digits
from messaging_channels._queue import retention as keeping
from messaging_channels._queue.lanes import Lanes
from messaging_channels._queue.processor import JobProcessor
from messaging_channels._queue.retry_policy import QueueRetryPolicy
from messaging_channels.plugins.ledger_workers import HEARTBEAT_INTERVAL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import timedelta

    from messaging_channels._client.async_dispatcher import AsyncDispatcher
    from messaging_channels._client.dispatcher import Dispatcher
    from messaging_channels.plugins.exchange import Flow


class _Worker:
    _log: ClassVar[logging.Logger] = logging.getLogger("messaging_channels._client.worker")

    _dispatcher_name: ClassVar[str]

    def __init__(self, dispatcher: Dispatcher | AsyncDispatcher, options: WorkerOptions) -> None:
        if self._dispatcher_name not in (one.__name__ for one in type(dispatcher).__mro__):
            raise InvalidArgument(
                f"must be of the type {self._dispatcher_name}, got {kind_of(dispatcher)}",
                argument="dispatcher",
                hint="use Worker with a Dispatcher, and AsyncWorker with an AsyncDispatcher",
            )
        check_worker_options(options)
        self._options = options
        queueing = dispatcher.queue.enqueuer
        self._inbound = InboundRounds(queueing.pipeline.reports.inbox, options.poll_interval)
        queueing.require_ledger()
        self._local_notifier = queueing.local_notifier
        self._processor = JobProcessor(
            queueing.pipeline, queueing.codec, random_digits(), options.retry or QueueRetryPolicy()
        )
        held = queueing.pipeline.selector.accounts.values()
        self._providers = sum(map(len, held))
        most = max((one.capabilities.max_batch_size for own in held for one in own.values()), default=1)
        self._batch_size = options.batch_size or min(max(most, _MIN_BATCH), _MAX_BATCH)
        self._watch = WorkerWatch.of(queueing.pipeline, self._processor.name, options.lane_timeout)

    def health(self) -> WorkerHealth:
        """Return how the lanes are: whether one hangs in a request, a check or the ledger, or has died. May be called from any thread."""
        return self._watch.health()

    def _log_failure(self, error: Exception) -> None:
        """Log it; a database that is away tells enough by its name."""
        trace = None if isinstance(error, MessagingError) else error
        text = "worker: processing failed (%s); the messages are retried after their lease"
        self._log.error(text, error, exc_info=trace)

    def _lanes(self, is_stopping: Callable[[], bool], wake: Callable[[], None]) -> Lanes:
        """Return what the lanes of a run know of each other."""
        pipeline = self._processor.pipeline
        first = pipeline.selector.smallest_batch()
        return Lanes(self._options.concurrency, self._providers, pipeline.clock, is_stopping, wake, first)

    def _round(self, lanes: Lanes | None = None) -> Flow[int]:
        """Send what is due, and have dealt with what came in. Return the larger count."""
        sent = yield from self._processor.run_round(self._batch_size, lanes=lanes)
        if lanes and lanes.is_stopping():
            return sent
        return max(sent, (yield from self._inbound.run_round(self._batch_size)))

    def _poll_interval(self, number: int) -> float:
        """Return how long a lane sleeps unless it is woken: the others look too, now and then, since the first may be busy for long."""
        return self._options.poll_interval * (1 if number == 0 else self._options.concurrency)

    def _log_cut_off(self, count: int) -> None:
        text = "worker: %d lanes had not ended %.0f s after it was stopped: their requests are cut off, and what they sent is unknown"
        self._log.warning(text, count, self._options.stop_timeout)

    def _pruning(self) -> Flow[None]:
        pipeline, options = self._processor.pipeline, self._options
        if options.retention is not None:
            yield from keeping.prune(pipeline.clock() - options.retention)
        if options.record_retention is not None:
            yield from keeping.delete_records(pipeline, pipeline.clock() - options.record_retention)


class Worker(_Worker):
    """Works in threads. `run` it in a thread or process of its own, and `stop` it from any."""

    _dispatcher_name = "Dispatcher"

    def __init__(
        self,
        dispatcher: Dispatcher,
        *,
        concurrency: int = DEFAULT_CONCURRENCY,
        batch_size: int | None = None,
        poll_interval: float = DEFAULT_POLL_INTERVAL,
        reconcile_interval: float | None = DEFAULT_RECONCILE_INTERVAL,
        retention: float | timedelta | None = None,
        record_retention: float | timedelta | None = None,
        retry: QueueRetryPolicy | None = None,
        stop_timeout: float | timedelta = DEFAULT_STOP_TIMEOUT,
        lane_timeout: float | timedelta | None = None,
    ) -> None:
        """Take the dispatcher whose ledger, providers and rules it works with. Nothing is begun yet.

        Args:
            dispatcher: has a ledger, and stays open while the worker runs.
            concurrency: how many rounds are under way at once: threads (8), or tasks of an `AsyncWorker`.
            batch_size: how many messages a round claims. None (the default) for what the providers take in one request, from 10 to 200.
            poll_interval: seconds between two looks whether anything is due, when nothing wakes it (1.0).
            reconcile_interval: seconds between two times at which providers are asked about messages whose outcome is unknown (30.0); see
                `Dispatcher.reconcile`. None if another process calls it.
            retention: seconds (or a `timedelta`) for which addresses and dead letters are kept; see `QueueClient.prune`. None (the default) for ever.
            record_retention: seconds (or a `timedelta`) for which messages, attempts and events are kept; see `QueueClient.delete_records`. None (the
                default) for ever.
            retry: how often, and after which pauses, a message that was not sent is tried again (`QueueRetryPolicy()`).
            stop_timeout: seconds (or a `timedelta`) that requests under way have to end once it was stopped (25.0). Then `run` returns all the same.
            lane_timeout: seconds (or a `timedelta`) without a step after which a lane counts as stuck in `health`. None (the default) for the ledger's `lease`.
        """
        super().__init__(
            dispatcher,
            WorkerOptions(
                concurrency,
                batch_size,
                poll_interval,
                as_optional_seconds(reconcile_interval, "reconcile_interval"),
                as_optional_seconds(retention, "retention"),
                as_optional_seconds(record_retention, "record_retention"),
                retry,
                as_seconds(stop_timeout, "stop_timeout", longest=float("inf")),
                as_optional_seconds(lane_timeout, "lane_timeout"),
            ),
        )
        self._dispatcher = dispatcher
        self._run = dispatcher.queue.run
        self._condition = threading.Condition()
        self._wake_count = 0
        self._stopping = False

    def run(self) -> None:
        """Send what is due until `stop` is called.

        What was claimed and not begun is given back then, and requests under way have `stop_timeout` seconds to end. What is cut off after them is unknown.
        """
        self._local_notifier.subscribe(self.wake)
        lanes = self._lanes(lambda: self._stopping, self.wake)
        self._watch.begin(self._options.concurrency)
        beating = threading.Thread(target=self._keep_beating, daemon=True)
        threads = [
            threading.Thread(target=self._run_loop, args=(number, lanes), daemon=True)
            for number in range(self._options.concurrency)
        ]
        threads.append(threading.Thread(target=self._maintenance, daemon=True))
        try:
            for lane in (*threads, beating):
                lane.start()
            with self._condition:
                self._condition.wait_for(lambda: self._stopping)
        finally:
            self.stop()
            self._join(threads, beating)
            self._local_notifier.unsubscribe(self.wake)

    def _join(self, threads: Sequence[threading.Thread], beating: threading.Thread) -> None:
        """Wait for lanes to end, as long as they may take."""
        until = time.monotonic() + min(self._options.stop_timeout, threading.TIMEOUT_MAX / 2)
        for lane in threads:
            lane.join(max(0.0, until - time.monotonic()))
        left = sum(lane.is_alive() for lane in threads)
        if left:
            self._log_cut_off(left)
        beating.join(max(0.0, until - time.monotonic()))

    def stop(self) -> None:
        """Begin nothing new, give back what was claimed, and let `run` return. May be called by a signal handler."""
        self._stopping = True
        threading.Thread(target=self.wake).start()  # a handler may have interrupted the holder of the lock

    def wake(self) -> None:
        """Look at once whether anything is due."""
        with self._condition:
            self._wake_count += 1
            self._condition.notify_all()

    def process(self, message_id: str) -> bool:
        """Send that message now, if it is due and no other worker has claimed it: what an engine's job calls. Return whether it was.

        Raises:
            LedgerUnavailable: it could not be claimed, or what became of it could not be written.
        """
        return bool(self._run(self._processor.run_round(1, message_id)))

    def drain(self) -> int:
        """Send what is due now, in this thread, and return how many messages were looked at. For tests, and for cron."""
        total, self._inbound.next_look = 0, 0.0
        while count := self._run(self._round()):
            total += count
        self._run(self._watch.beat(ended=True))
        return total

    def _keep_beating(self) -> None:
        """Have the ledger know that this worker lives, until it is stopped."""
        while not self._stopping:
            self._run(self._watch.beat())
            with self._condition:
                self._condition.wait_for(lambda: self._stopping, HEARTBEAT_INTERVAL)
        self._run(self._watch.beat(ended=True))

    def _run_loop(self, number: int, lanes: Lanes) -> None:
        watch = self._watch.lanes[number]
        try:
            self._work(number, lanes, watch)
        finally:
            watch.has_died = not self._stopping

    def _work(self, number: int, lanes: Lanes, watch: LaneWatch) -> None:
        seen = -1
        while not self._stopping:
            try:
                count = self._run(watch.watch(self._round(lanes)))
            except Exception as why:  # noqa: BLE001  the next round may go well
                self._log_failure(why)
                count = 0
            if count == self._batch_size:
                self.wake()
            if count == 0:
                seen = self._wait_for_work(seen, self._poll_interval(number))

    def _wait_for_work(self, seen: int, seconds: float) -> int:
        """Wait until somebody wakes us, or for so long. A lane that finds much to do wakes the others."""
        with self._condition:
            self._condition.wait_for(lambda: self._stopping or self._wake_count != seen, seconds)
            return self._wake_count

    def _maintenance(self) -> None:
        while not self._stopping:
            with contextlib.suppress(MessagingError):
                if self._options.reconcile_interval is not None:
                    self._dispatcher.reconcile()
                self._run(self._pruning())
            with self._condition:
                self._condition.wait_for(
                    lambda: self._stopping, self._options.reconcile_interval or _MAINTENANCE_INTERVAL
                )


class AsyncWorker(_Worker):
    """Works in tasks of one event loop."""

    _dispatcher_name = "AsyncDispatcher"

    def __init__(
        self,
        dispatcher: AsyncDispatcher,
        *,
        concurrency: int = DEFAULT_CONCURRENCY,
        batch_size: int | None = None,
        poll_interval: float = DEFAULT_POLL_INTERVAL,
        reconcile_interval: float | None = DEFAULT_RECONCILE_INTERVAL,
        retention: float | timedelta | None = None,
        record_retention: float | timedelta | None = None,
        retry: QueueRetryPolicy | None = None,
        stop_timeout: float | timedelta = DEFAULT_STOP_TIMEOUT,
        lane_timeout: float | timedelta | None = None,
    ) -> None:
        """See `Worker`: the same keywords, units and defaults. `concurrency` counts tasks."""
        super().__init__(
            dispatcher,
            WorkerOptions(
                concurrency,
                batch_size,
                poll_interval,
                as_optional_seconds(reconcile_interval, "reconcile_interval"),
                as_optional_seconds(retention, "retention"),
                as_optional_seconds(record_retention, "record_retention"),
                retry,
                as_seconds(stop_timeout, "stop_timeout", longest=float("inf")),
                as_optional_seconds(lane_timeout, "lane_timeout"),
            ),
        )
        self._dispatcher = dispatcher
        self._run = dispatcher.queue.run
        self._wake_count = 0
        self._wake_event = asyncio.Event()
        self._stopping = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self) -> None:
        """Process messages until `stop`: see `Worker.run`. To cancel the task cuts attempts off, and leaves them unknown: use `stop`."""
        self._loop = asyncio.get_running_loop()
        self._local_notifier.subscribe(self.wake)
        lanes = self._lanes(self._stopping.is_set, self._wake)
        self._watch.begin(self._options.concurrency)
        try:
            async with asyncio.TaskGroup() as group:
                running = [
                    group.create_task(self._run_loop(number, lanes))
                    for number in range(self._options.concurrency)
                ]
                running += [group.create_task(one) for one in (self._maintenance(), self._keep_beating())]
                group.create_task(self._cut_off(running))
        finally:
            self._local_notifier.unsubscribe(self.wake)

    async def _cut_off(self, running: Sequence[asyncio.Task[None]]) -> None:
        """End what has not ended in time once the worker was stopped."""
        await self._stopping.wait()
        _, left = await asyncio.wait(running, timeout=self._options.stop_timeout)
        if left:
            self._log_cut_off(len(left))
        for one in left:
            one.cancel()

    def stop(self) -> None:
        """Finish what is in progress, then return from `run`: see `Worker.stop`. Call it in the loop."""
        self._stopping.set()
        self._wake()

    def wake(self) -> None:
        """Look for due messages now: see `Worker.wake`. May be called from any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._wake_count += 1
        self._wake_event.set()
        self._wake_event = asyncio.Event()

    async def process(self, message_id: str) -> bool:
        """Process one message by its id: see `Worker.process`."""
        return bool(await self._run(self._processor.run_round(1, message_id)))

    async def drain(self) -> int:
        """Process everything that is due, then return: see `Worker.drain`."""
        total, self._inbound.next_look = 0, 0.0
        while count := await self._run(self._round()):
            total += count
        await self._run(self._watch.beat(ended=True))
        return total

    async def _keep_beating(self) -> None:
        while not self._stopping.is_set():
            await self._run(self._watch.beat())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HEARTBEAT_INTERVAL):
                    await self._stopping.wait()
        await self._run(self._watch.beat(ended=True))

    async def _run_loop(self, number: int, lanes: Lanes) -> None:
        watch = self._watch.lanes[number]
        while not self._stopping.is_set():
            seen = self._wake_count
            try:
                count = await self._run(watch.watch(self._round(lanes)))
            except Exception as why:  # noqa: BLE001  the next round may go well
                self._log_failure(why)
                count = 0
            if count == self._batch_size:
                self._wake()
            if count == 0 and self._wake_count == seen:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._poll_interval(number)):
                        await self._wake_event.wait()

    async def _maintenance(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(MessagingError):
                if self._options.reconcile_interval is not None:
                    await self._dispatcher.reconcile()
                await self._run(self._pruning())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._options.reconcile_interval or _MAINTENANCE_INTERVAL):
                    await self._stopping.wait()


_MIN_BATCH, _MAX_BATCH = 10, 200
_MAINTENANCE_INTERVAL = 30.0
