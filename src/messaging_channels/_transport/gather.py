"""Several flows at the same time: while one of them waits for its answer, another one goes on."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from concurrent.futures import ThreadPoolExecutor

    from messaging_channels.plugins.exchange import Gather

_MAX_THREADS = 16
"""Of one transport, for all its callers."""


class ThreadGather:
    """For synchronous callers: the first flow in the caller's thread, the others beside it."""

    def __init__(self, run: Callable[[Any], Any]) -> None:
        """Take what runs a flow. No thread is started yet."""
        self._run = run
        self._pool: ThreadPoolExecutor | None = None
        self._owner = 0
        self._lock = threading.Lock()

    def perform(self, exchange: Gather) -> Sequence[Any]:
        """Run them. See Executor."""
        from concurrent.futures import wait  # noqa: PLC0415  slow to import, and seldom needed

        first, *others = exchange.flows
        futures = [self._thread_pool().submit(copy_context().run, self._run, flow) for flow in others]
        try:
            own = self._run(first)
        finally:
            wait(futures)
        return [own, *(one.result() for one in futures)]

    def close(self) -> None:
        """End the threads. See Executor."""
        if self._pool is not None and self._owner == os.getpid():
            self._pool.shutdown()

    def _thread_pool(self) -> ThreadPoolExecutor:
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  slow to import, and seldom needed

        with self._lock:
            if self._pool is None or self._owner != os.getpid():  # a fork leaves the threads with the parent
                self._pool, self._owner = ThreadPoolExecutor(_MAX_THREADS, "messaging-channels"), os.getpid()
            return self._pool


class TaskGather:
    """For the tasks of one loop. When its caller is cancelled, so are they."""

    def __init__(self, run: Callable[[Any], Awaitable[Any]]) -> None:
        """Take what runs a flow."""
        self._run = run

    async def perform(self, exchange: Gather) -> Sequence[Any]:
        """Run them. See AsyncExecutor."""
        import asyncio  # noqa: PLC0415  imported by whoever runs a loop; slow for those who do not

        ends = await asyncio.gather(*map(self._run, exchange.flows), return_exceptions=True)
        for end in ends:
            if isinstance(end, BaseException):
                raise end
        return ends
