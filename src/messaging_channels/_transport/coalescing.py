"""Doing together what waits together: no timer, so an idle system adds no latency, and under load requests grow by themselves."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from messaging_channels._model.errors import Phase, TransportError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable

    from messaging_channels.plugins.exchange import Coalesce

_MAX_IN_FLIGHT = 4
"""How many requests of one key may be under way at once before others wait for company."""


class _Waiter:
    """One caller that waits in a thread, for its reply or for a place."""

    __slots__ = ("error", "has_place", "item", "lock", "reply")

    def __init__(self, item: Any) -> None:  # noqa: ANN401  the exchange's own type decides
        self.item = item
        self.lock = threading.Lock()
        """Held until it is woken. An Event would do the same in ten times the time."""
        self.lock.acquire()
        self.reply: Any = None
        self.error: Exception | None = None
        self.has_place = False
        """Woken not with a reply, but to do what waits."""

    def wait(self) -> None:
        """Return when there is a reply or a place. What ended without a reply is raised."""
        self.lock.acquire()
        if self.error:
            raise self.error


@dataclass(slots=True)
class _Group:
    """What is done under one key. While anything waits, every place is taken: who ends hands its own on."""

    in_flight: int = 0
    waiting: deque[Any] = field(default_factory=deque[Any])

    def take(self, count: int) -> list[Any]:
        """Take out the first of those that wait."""
        return [self.waiting.popleft() for _ in range(min(count, len(self.waiting)))]

    def leave(self, waiter: _Waiter | None) -> None:
        """Hand the place on that a caller had, or give it free; take out one that was interrupted while it waited."""
        if waiter is not None and not waiter.has_place:
            if waiter in self.waiting:
                self.waiting.remove(waiter)
        elif self.waiting:
            following: _Waiter = self.waiting.popleft()
            following.has_place = True
            following.lock.release()
        else:
            self.in_flight -= 1


class Coalescer:
    """For threads: who finds a free place does its own item, or is handed one later and does with it what waits, in its own thread."""

    def __init__(self, run: Callable[[Any], Any]) -> None:
        """Take what runs a flow."""
        self._run = run
        self._groups: defaultdict[Hashable, _Group] = defaultdict(_Group)
        self._lock = threading.Lock()

    def submit(self, exchange: Coalesce[Any]) -> Any:  # noqa: ANN401  the exchange's own type decides
        """Do one item, alone or with others. See Executor.perform."""
        others: list[_Waiter] = []
        with self._lock:
            group = self._groups[exchange.key]
            waiter = _Waiter(exchange.item) if group.in_flight >= _MAX_IN_FLIGHT else None
            if waiter is None:
                group.in_flight += 1
            else:
                group.waiting.append(waiter)
        try:
            if waiter is not None:
                waiter.wait()
                if not waiter.has_place:
                    return waiter.reply
                with self._lock:
                    others = group.take(exchange.max_batch_size - 1)
            items = [exchange.item, *[one.item for one in others]] if others else [exchange.item]
            replies = self._run(exchange.perform_batch(items))
        except BaseException:
            for one in others:
                one.error = _interrupted_error()
                one.lock.release()
            raise
        finally:
            with self._lock:
                group.leave(waiter)
        for one, reply in zip(others, replies[1:], strict=True):
            one.reply = reply
            one.lock.release()
        return replies[0]


class AsyncCoalescer:
    """For the tasks of one loop: an item alone is done in its caller's task, several in a task of their own that no caller's cancellation ends."""

    def __init__(self, run: Callable[[Any], Awaitable[Any]]) -> None:
        """Take what runs a flow."""
        self._run = run
        self._groups: defaultdict[Hashable, _Group] = defaultdict(_Group)
        self._tasks: set[asyncio.Task[None]] = set()

    async def submit(self, exchange: Coalesce[Any]) -> Any:  # noqa: ANN401  the exchange's own type decides
        """Do one item, alone or with others. See AsyncExecutor.perform."""
        group = self._groups[exchange.key]
        if group.in_flight < _MAX_IN_FLIGHT and not group.waiting:
            group.in_flight += 1
            try:
                return (await self._run(exchange.perform_batch([exchange.item])))[0]
            finally:
                group.in_flight -= 1
                if group.waiting:
                    self._start(group)
        import asyncio  # noqa: PLC0415  imported by whoever runs a loop; slow for those who do not

        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        group.waiting.append((exchange, future))
        return await future

    def _start(self, group: _Group) -> None:
        """Do what waits, in a task of its own."""
        import asyncio  # noqa: PLC0415

        while group.waiting and group.in_flight < _MAX_IN_FLIGHT:
            batch = [one for one in group.take(group.waiting[0][0].max_batch_size) if not one[1].cancelled()]
            if batch:
                group.in_flight += 1
                task = asyncio.get_running_loop().create_task(self._run_batch(group, batch))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _run_batch(self, group: _Group, batch: list[tuple[Coalesce[Any], asyncio.Future[Any]]]) -> None:
        try:
            replies = await self._run(batch[0][0].perform_batch([share.item for share, _ in batch]))
        except BaseException:
            for _, future in batch:
                if not future.done():
                    future.set_exception(_interrupted_error())
            raise
        else:
            for (_, future), reply in zip(batch, replies, strict=True):
                if not future.done():
                    future.set_result(reply)
        finally:
            group.in_flight -= 1
            self._start(group)


def _interrupted_error() -> TransportError:
    return TransportError("the shared request was interrupted", phase=Phase.READ)
