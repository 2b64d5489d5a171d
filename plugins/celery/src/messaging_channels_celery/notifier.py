"""Wake-ups by Celery: a task that holds a message's id, and nothing else, has a worker look at that message."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from celery import Celery

PROCESS_TASK = "messaging_channels.process"
_LONGEST_ETA = 600.0
"""Seconds. A broker holds tasks that are due later in memory, or delivers them again and again: workers find those messages by themselves."""


class CeleryNotifier:
    """Hands message ids to Celery, sync and async. A task that is lost, late or repeated changes nothing but the time."""

    def __init__(self, app: Celery, **options: Any) -> None:  # noqa: ANN401  those of `send_task`
        """Take the application; `options` are those of `app.send_task`, such as `queue`."""
        self._app = app
        self._options = options

    def notify(self, message_id: str, not_before: float) -> None:
        """Send the task that processes the message, with its due time as `eta`.

        A message that is due later than the longest `eta` gets no task: a worker's poll finds it.

        Blocks while the broker is asked. Safe in threads.

        Raises:
            kombu.exceptions.OperationalError: The broker can't be reached. The message stays in the queue.
        """
        wait = not_before - time.time()
        if wait > _LONGEST_ETA:
            return
        eta = datetime.fromtimestamp(not_before, UTC) if wait > 0 else None
        self._app.send_task(PROCESS_TASK, (message_id,), eta=eta, ignore_result=True, **self._options)

    async def notify_async(self, message_id: str, not_before: float) -> None:
        """Do what `notify` does, in a worker thread, so that the event loop goes on."""
        await asyncio.to_thread(self.notify, message_id, not_before)
