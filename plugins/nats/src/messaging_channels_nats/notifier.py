"""Wake-ups by JetStream: a message that holds our id, and nothing else, has a worker look at that message."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from messaging_channels.errors import LedgerUnavailable

if TYPE_CHECKING:
    from nats.aio.msg import Msg
    from nats.js import JetStreamContext

    from messaging_channels import AsyncWorker

SUBJECT = "messaging_channels.process"
_HANDOVER_TIMEOUT = 5.0
_BATCH_SIZE = 50


class NatsNotifier:
    """Publishes message ids. The stream is yours to make; a message that is not due yet is left to a worker, which finds it at its time."""

    def __init__(
        self,
        jetstream: JetStreamContext,
        *,
        subject: str = SUBJECT,
        loop: asyncio.AbstractEventLoop | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Publish by this context. A `Dispatcher` publishes from its threads: give it the `loop` on which the connection runs."""
        self._jetstream = jetstream
        self._subject = subject
        self._loop = loop
        self._clock = clock

    def notify(self, message_id: str, not_before: float) -> None:
        """Publish the id of a message that is due, from a thread: on the loop of the connection, and wait until the server has stored it.

        Raises:
            TypeError: there is no `loop`.
        """
        if self._loop is None:
            message = "NatsNotifier needs loop=, the event loop of its connection, for a Dispatcher"
            raise TypeError(message)
        published = asyncio.run_coroutine_threadsafe(self.notify_async(message_id, not_before), self._loop)
        published.result(_HANDOVER_TIMEOUT)

    async def notify_async(self, message_id: str, not_before: float) -> None:
        """Publish the id of a message that is due. A message that is due later is published by nobody: a worker's poll finds it."""
        if not_before <= self._clock():
            await self._jetstream.publish(self._subject, message_id.encode())


async def wake_worker(
    jetstream: JetStreamContext,
    worker: AsyncWorker,
    *,
    subject: str = SUBJECT,
    durable: str = "messaging_channels",
    once: bool = False,
) -> int:
    """Have the ids of a stream make this worker look, until cancelled; run the worker too: it finds what no wake-up comes for.

    Processes with the same `durable` share the ids. `once` ends when nothing waits; returned is how many ids that were.
    """
    subscription = await jetstream.pull_subscribe(subject, durable)
    count = 0
    while True:
        try:
            batch = await subscription.fetch(_BATCH_SIZE, timeout=0.2 if once else 5.0)
        except TimeoutError:  # of NATS, which is one too, or the plain one that its client raises under load
            if once:
                return count
            continue
        await asyncio.gather(*(_process(worker, one) for one in batch))
        count += len(batch)


async def _process(worker: AsyncWorker, told: Msg) -> None:
    with suppress(
        LedgerUnavailable, UnicodeDecodeError
    ):  # a worker finds the message when the ledger is back
        await worker.process(told.data.decode())
    await told.ack()
