"""Doing together what waits together: no timer, so an idle system adds no latency, and under load requests grow by themselves."""

from __future__ import annotations

import threading
from collections import deque
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
    """One caller that waits in a thread."""

    __slots__ = ("error", "event", "is_leader", "item", "reply")

    def __init__(self, item: Any) -> None:  # noqa: ANN401  the exchange's own type decides
        self.item = item
        self.event = threading.Lock()
        """Held until it is woken. An Event would do the same in ten times the time."""
        self.event.acquire()
        self.reply: Any = None
        self.error: Exception | None = None
        self.is_leader = False
        """Woken not with a reply, but to do what waits."""

    def wake(self) -> None:
        self.event.release()


@dataclass(slots=True)
class _Group:
    """What is done under one key. While anything waits, every place is taken: who ends hands its own on."""

    in_flight: int = 0
    waiting: deque[Any] = field(default_factory=deque[Any])


class Coalescer:
    """For threads: whoever finds a free place does its own item and those that wait, in its own thread."""

    def __init__(self, run: Callable[[Any], Any]) -> None:
        """Take what runs a flow."""
        self._run = run
        self._groups: dict[Hashable, _Group] = {}
        self._lock = threading.Lock()

    def perform(self, exchange: Coalesce[Any]) -> Any:  # noqa: ANN401  the exchange's own type decides
        """Do one item, alone or with others. See Executor."""
        with self._lock:
            group = _group_of(self._groups, exchange.key)
            if group.in_flight >= _MAX_IN_FLIGHT:
                waiter = _Waiter(exchange.item)
                group.waiting.append(waiter)
            else:
                waiter = None
                group.in_flight += 1
        if waiter is not None:
            return self._wait_as_follower(exchange, group, waiter)
        try:
            return self._run(exchange.perform_batch([exchange.item]))[0]
        finally:
            self._hand_over(group)

    def _wait_as_follower(self, exchange: Coalesce[Any], group: _Group, waiter: _Waiter) -> Any:  # noqa: ANN401
        self._wait(waiter, group)
        if waiter.error:
            raise waiter.error
        if not waiter.is_leader:
            return waiter.reply
        with self._lock:
            followers = _pop_waiting(group, exchange.max_batch_size - 1)
        return self._lead_batch(exchange, group, followers)

    def _wait(self, waiter: _Waiter, group: _Group) -> None:
        try:
            waiter.event.acquire()
        except BaseException:  # a signal: whoever was to lead hands it on, whoever still waits is taken out
            with self._lock:
                if waiter in group.waiting:
                    group.waiting.remove(waiter)
            if waiter.is_leader:
                self._hand_over(group)
            raise

    def _lead_batch(self, exchange: Coalesce[Any], group: _Group, followers: list[_Waiter]) -> Any:  # noqa: ANN401
        try:
            own, *replies = self._run(
                exchange.perform_batch([exchange.item, *[one.item for one in followers]])
            )
        except BaseException:
            for one in followers:
                one.error = _interrupted_error()
                one.wake()
            raise
        finally:
            self._hand_over(group)
        for one, reply in zip(followers, replies, strict=True):
            one.reply = reply
            one.wake()
        return own

    def _hand_over(self, group: _Group) -> None:
        with self._lock:
            if group.waiting:
                successor = group.waiting.popleft()
                successor.is_leader = True
                successor.wake()
            else:
                group.in_flight -= 1


class AsyncCoalescer:
    """For the tasks of one loop: an item alone is done in its caller's task, several in a task of their own that no caller's cancellation ends."""

    def __init__(self, run: Callable[[Any], Awaitable[Any]]) -> None:
        """Take what runs a flow."""
        self._run = run
        self._groups: dict[Hashable, _Group] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def perform(self, exchange: Coalesce[Any]) -> Any:  # noqa: ANN401  the exchange's own type decides
        """Do one item, alone or with others. See AsyncExecutor."""
        group = _group_of(self._groups, exchange.key)
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
            batch = [
                one
                for one in _pop_waiting(group, group.waiting[0][0].max_batch_size)
                if not one[1].cancelled()
            ]
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


def _group_of(groups: dict[Hashable, _Group], key: Hashable) -> _Group:
    group = groups.get(key)
    if group is None:
        group = groups[key] = _Group()
    return group


def _pop_waiting(group: _Group, max_size: int) -> list[Any]:
    return [group.waiting.popleft() for _ in range(min(max_size, len(group.waiting)))]


def _interrupted_error() -> TransportError:
    return TransportError("the request it shared was interrupted", phase=Phase.READ)
