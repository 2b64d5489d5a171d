"""One timer for all that wait equally long: to start and to stop one for each costs more than the waiting."""

from __future__ import annotations

import asyncio


class SharedTimer:
    """Ends, in one event loop, what waits for longer than some seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._waiting: dict[asyncio.Future[None], float] = {}
        """When the time of each is over, on the loop's clock, in order."""
        self._is_running = False

    def watch(self, future: asyncio.Future[None]) -> None:
        """Give a future its result when its time is over."""
        loop = future.get_loop()
        self._waiting[future] = due = loop.time() + self._seconds
        if not self._is_running:
            self._is_running = True
            loop.call_at(due, self._look, loop)

    def discard(self, future: asyncio.Future[None]) -> None:
        """Watch it no longer."""
        self._waiting.pop(future, None)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for future in [one for one, due in self._waiting.items() if due <= now]:
            self.discard(future)
            if not future.done():
                future.set_result(None)
        due = next(iter(self._waiting.values()), None)
        self._is_running = due is not None
        if due is not None:
            loop.call_at(due, self._look, loop)
