"""Wake-ups by Procrastinate: a job that holds a message's id, and nothing else, has a worker look at that message.

Procrastinate: https://procrastinate.readthedocs.io
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from messaging_channels import AsyncWorker, Worker

if TYPE_CHECKING:
    from procrastinate import App

TASK = "messaging_channels.process"
QUEUE = "messaging_channels"


class ProcrastinateNotifier:
    """Hands message ids to Procrastinate, sync and async."""

    def __init__(self, app: App, *, queue: str = QUEUE) -> None:
        """Take an app that is open, or will be by then. Its schema is the application's to apply."""
        self._app = app
        self._queue = queue

    def notify(self, message_id: str, not_before: float) -> None:
        """See `messaging_channels.plugins.notifiers.QueueNotifier`."""
        self._job(not_before).defer(message_id=message_id)

    async def notify_async(self, message_id: str, not_before: float) -> None:
        """See `messaging_channels.plugins.notifiers.QueueNotifier`."""
        await self._job(not_before).defer_async(message_id=message_id)

    def _job(self, not_before: float) -> Any:  # noqa: ANN401  a deferrer of Procrastinate
        return self._app.configure_task(
            TASK, queue=self._queue, schedule_at=datetime.fromtimestamp(not_before, UTC)
        )


def register_task(app: App, worker: AsyncWorker | Worker) -> None:
    """Have the jobs of `app` make this worker look. Run the worker too: it finds what no job comes for."""
    if isinstance(worker, AsyncWorker):

        @app.task(name=TASK, queue=QUEUE)
        async def process(message_id: str) -> None:  # pyright: ignore[reportUnusedFunction]  the decorator keeps it
            await worker.process(message_id)

    else:

        @app.task(name=TASK, queue=QUEUE)
        def process_in_a_thread(message_id: str) -> None:  # pyright: ignore[reportUnusedFunction]
            worker.process(message_id)
