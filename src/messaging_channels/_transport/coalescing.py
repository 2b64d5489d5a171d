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

_UNDER_WAY = 4
"""How many requests of one key may be under way at once before others wait for company."""


class _Waiter:
    """One caller that waits in a thread."""

    __slots__ = ("asleep", "failure", "item", "leads", "reply")

    def __init__(self, item: Any) -> None:  # noqa: ANN401  the exchange's own type decides
        self.item = item
        self.asleep = threading.Lock()
        """Held until it is woken. An Event would do the same in ten times the time."""
        self.asleep.acquire()
        self.reply: Any = None
        self.failure: Exception | None = None
        self.leads = False
        """Woken not with a reply, but to do what waits."""

    def wake(self) -> None:
        self.asleep.release()


@dataclass(slots=True)
class _Group:
    """What is done under one key. While anything waits, every place is taken: who ends hands its own on."""

    under_way: int = 0
    waiting: deque[Any] = field(default_factory=deque[Any])


class Coalescer:
    """For threads: whoever finds a free place does its own item and those that wait, in its own thread."""

    def __init__(self, run: Callable[[Any], Any]) -> None:
        """Take what runs a flow."""
        self._run = run
        self._lanes: dict[Hashable, _Group] = {}
        self._lock = threading.Lock()

    def perform(self, exchange: Coalesce[Any]) -> Any:  # noqa: ANN401  the exchange's own type decides
        """Do one item, alone or with others. See Executor."""
        with self._lock:
            lane = _lane(self._lanes, exchange.key)
            if lane.under_way >= _UNDER_WAY:
                place = _Waiter(exchange.item)
                lane.waiting.append(place)
            else:
                place = None
                lane.under_way += 1
        if place is not None:
            return self._joined(exchange, lane, place)
        try:
            return self._run(exchange.perform([exchange.item]))[0]
        finally:
            self._pass_on(lane)

    def _joined(self, exchange: Coalesce[Any], lane: _Group, place: _Waiter) -> Any:  # noqa: ANN401
        self._wait(place, lane)
        if place.failure:
            raise place.failure
        if not place.leads:
            return place.reply
        with self._lock:
            company = _taken(lane, exchange.most - 1)
        return self._lead(exchange, lane, company)

    def _wait(self, place: _Waiter, lane: _Group) -> None:
        try:
            place.asleep.acquire()
        except BaseException:  # a signal: whoever was to lead hands it on, whoever still waits is taken out
            with self._lock:
                if place in lane.waiting:
                    lane.waiting.remove(place)
            if place.leads:
                self._pass_on(lane)
            raise

    def _lead(self, exchange: Coalesce[Any], lane: _Group, company: list[_Waiter]) -> Any:  # noqa: ANN401
        try:
            own, *replies = self._run(exchange.perform([exchange.item, *[one.item for one in company]]))
        except BaseException:
            for one in company:
                one.failure = _interrupted()
                one.wake()
            raise
        finally:
            self._pass_on(lane)
        for one, reply in zip(company, replies, strict=True):
            one.reply = reply
            one.wake()
        return own

    def _pass_on(self, lane: _Group) -> None:
        with self._lock:
            if lane.waiting:
                following = lane.waiting.popleft()
                following.leads = True
                following.wake()
            else:
                lane.under_way -= 1


class AsyncCoalescer:
    """For the tasks of one loop: an item alone is done in its caller's task, several in a task of their own that no caller's cancellation ends."""

    def __init__(self, run: Callable[[Any], Awaitable[Any]]) -> None:
        """Take what runs a flow."""
        self._run = run
        self._lanes: dict[Hashable, _Group] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def perform(self, exchange: Coalesce[Any]) -> Any:  # noqa: ANN401  the exchange's own type decides
        """Do one item, alone or with others. See AsyncExecutor."""
        lane = _lane(self._lanes, exchange.key)
        if lane.under_way < _UNDER_WAY and not lane.waiting:
            lane.under_way += 1
            try:
                return (await self._run(exchange.perform([exchange.item])))[0]
            finally:
                lane.under_way -= 1
                if lane.waiting:
                    self._start(lane)
        import asyncio  # noqa: PLC0415  imported by whoever runs a loop; slow for those who do not

        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        lane.waiting.append((exchange, future))
        return await future

    def _start(self, lane: _Group) -> None:
        """Do what waits, in a task of its own."""
        import asyncio  # noqa: PLC0415

        while lane.waiting and lane.under_way < _UNDER_WAY:
            taken = [one for one in _taken(lane, lane.waiting[0][0].most) if not one[1].cancelled()]
            if taken:
                lane.under_way += 1
                task = asyncio.get_running_loop().create_task(self._done(lane, taken))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _done(self, lane: _Group, taken: list[tuple[Coalesce[Any], asyncio.Future[Any]]]) -> None:
        try:
            replies = await self._run(taken[0][0].perform([share.item for share, _ in taken]))
        except BaseException:
            for _, future in taken:
                if not future.done():
                    future.set_exception(_interrupted())
            raise
        else:
            for (_, future), reply in zip(taken, replies, strict=True):
                if not future.done():
                    future.set_result(reply)
        finally:
            lane.under_way -= 1
            self._start(lane)


def _lane(lanes: dict[Hashable, _Group], key: Hashable) -> _Group:
    lane = lanes.get(key)
    if lane is None:
        lane = lanes[key] = _Group()
    return lane


def _taken(lane: _Group, most: int) -> list[Any]:
    return [lane.waiting.popleft() for _ in range(min(most, len(lane.waiting)))]


def _interrupted() -> TransportError:
    return TransportError("the request it shared was interrupted", phase=Phase.READ)
