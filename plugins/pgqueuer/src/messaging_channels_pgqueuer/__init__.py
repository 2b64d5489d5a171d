"""Wake-ups by PgQueuer: a job that holds a message's id, and nothing else, has a worker look at that message.

PgQueuer: https://pgqueuer.readthedocs.io
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from messaging_channels import AsyncWorker

if TYPE_CHECKING:
    from pgqueuer import PgQueuer
    from pgqueuer.models import Job
    from pgqueuer.queries import Queries, SyncQueries

ENTRYPOINT = "messaging_channels_process"


class PgQueuerNotifier:
    """Hands message ids to PgQueuer. Give it sync queries for a Dispatcher, async ones for an AsyncDispatcher, or both."""

    def __init__(
        self,
        queries: Queries | None = None,
        *,
        sync: SyncQueries | None = None,
        entrypoint: str = ENTRYPOINT,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take what writes jobs: `queries` in an event loop, `sync` in a thread. Their tables are the application's to install."""
        self._queries = queries
        self._sync = sync
        self._entrypoint = entrypoint
        self._clock = clock

    def notify(self, message_id: str, not_before: float) -> None:
        """See `messaging_channels.plugins.notifiers.QueueNotifier`."""
        if self._sync is None:
            raise _queries_missing("sync=SyncQueries(...)")
        self._sync.enqueue(self._entrypoint, message_id.encode(), execute_after=self._delay(not_before))

    async def notify_async(self, message_id: str, not_before: float) -> None:
        """See `messaging_channels.plugins.notifiers.QueueNotifier`."""
        if self._queries is None:
            raise _queries_missing("Queries(...)")
        await self._queries.enqueue(
            self._entrypoint, message_id.encode(), execute_after=self._delay(not_before)
        )

    def _delay(self, not_before: float) -> timedelta:
        return timedelta(seconds=max(0.0, not_before - self._clock()))


def register_task(pgq: PgQueuer, worker: AsyncWorker, *, entrypoint: str = ENTRYPOINT) -> None:
    """Have the jobs of `pgq` make this worker look. Run the worker too: it finds what no job comes for."""

    @pgq.entrypoint(entrypoint)
    async def process(job: Job) -> None:  # pyright: ignore[reportUnusedFunction]  the decorator keeps it
        if job.payload:
            await worker.process(job.payload.decode())


def _queries_missing(what: str) -> TypeError:
    return TypeError(f"PgQueuerNotifier needs {what} for this dispatcher")
