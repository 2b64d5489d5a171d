"""One timer for all who wait in an event loop: to start and to stop one for each costs more than the rest of the waiting."""

from __future__ import annotations

import time
from math import inf
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    import asyncio

    from messaging_channels._ledger.operation_limits import OperationLimits


class ReplyTimer:
    """Gives up, in one event loop, on replies that take too long."""

    __slots__ = ("_due", "_waiting")

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[Any], OperationLimits] = {}
        self._due = inf
        """When it looks next, on the clock of `time.monotonic`."""

    def watch(self, future: asyncio.Future[Any], limits: OperationLimits) -> None:
        """Give up on a future when its limits are over: it raises their error then."""
        self._waiting[future] = limits
        if limits.wait < self._due:
            self._look_at(limits.wait, future.get_loop())

    def discard(self, future: asyncio.Future[Any]) -> None:
        """Watch it no longer."""
        self._waiting.pop(future, None)

    def _look_at(self, moment: float, loop: asyncio.AbstractEventLoop) -> None:
        self._due = moment
        loop.call_later(max(moment - time.monotonic(), 0.0), self._look, moment, loop)

    def _look(self, moment: float, loop: asyncio.AbstractEventLoop) -> None:
        """Give up on those whose time is over, and look again at that of the next."""
        if moment != self._due:  # somebody came whose time is over earlier
            return
        self._due, now = inf, time.monotonic()
        for future, limits in self._waiting.items():
            if limits.wait <= now and not future.done():
                future.set_exception(limits.error())
        left = [limits.wait for future, limits in self._waiting.items() if not future.done()]
        if left:
            self._look_at(min(left), loop)


def reply_timer_of(loop: asyncio.AbstractEventLoop) -> ReplyTimer:
    """Return that of a loop."""
    found = _BY_LOOP.get(loop)
    if found is None:
        found = _BY_LOOP[loop] = ReplyTimer()
    return found


_BY_LOOP: WeakKeyDictionary[asyncio.AbstractEventLoop, ReplyTimer] = WeakKeyDictionary()
