"""What can be done with messages that wait, from either door."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from messaging_channels.plugins.exchange import Flow, ask
from messaging_channels.plugins.ledger_queue import Cancel, Dead, Depth, Forget, Queue, Replay

if TYPE_CHECKING:
    from messaging_channels._model.addresses import Address
    from messaging_channels._queue.enqueue import Queueing
    from messaging_channels.plugins.ledger import Record


@dataclass(frozen=True, slots=True)
class QueueDoor:
    """The queue of a `Dispatcher`. All of its methods raise LedgerUnavailable when the ledger could not be read or written."""

    run: Callable[[Flow[Any]], Any]
    queueing: Queueing

    def cancel(self, message_id: str) -> bool:
        """End a message of which certainly nothing went out. Return False if it is too late for that, or nothing waits."""
        return self.run(ask(Cancel(message_id, self.queueing.now())))  # type: ignore[no-any-return]

    def stand(self) -> Queue:
        """Return how the queue stands: depth, age, rates and failures. For metrics too: it reads counters and the queue, not the records."""
        return self.run(ask(Depth(self.queueing.now())))  # type: ignore[no-any-return]

    def dead_letters(self, *, limit: int = 100, before: str | None = None) -> Sequence[Record]:
        """Return messages that the worker gave up, the newest first; the page after the message `before`."""
        return self.run(ask(Dead(limit, before)))  # type: ignore[no-any-return]

    def replay(self, message_id: str | None = None, *, limit: int = 1000) -> int:
        """Have one dead letter tried again, without its deadline, or up to `limit` of them. Return how many."""
        return self.run(ask(Replay(self.queueing.now(), message_id, limit)))  # type: ignore[no-any-return]

    def erase(self, to: Address) -> int:
        """Forget a recipient: no body and no address of it is kept, and what waits is not sent. Return how many messages it was.

        Where the ledger keeps addresses masked, those that look the same are forgotten too. What was sent stays counted.
        """
        return self.run(self.queueing.erase(to.plain, to.masked))  # type: ignore[no-any-return]

    def forget(self, *, older_than: float) -> int:
        """Forget addresses, and the bodies of dead letters, of messages created so many seconds ago; return how many.

        Bodies of others are gone as soon as nothing is left to do with them. What became of each message stays.
        """
        return self.run(ask(Forget(self.queueing.now() - older_than)))  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class AsyncQueueDoor:
    """The queue of an `AsyncDispatcher`; see `QueueDoor`."""

    run: Callable[[Flow[Any]], Awaitable[Any]]
    queueing: Queueing

    async def cancel(self, message_id: str) -> bool:
        """See `QueueDoor.cancel`."""
        return await self.run(ask(Cancel(message_id, self.queueing.now())))  # type: ignore[no-any-return]

    async def stand(self) -> Queue:
        """See `QueueDoor.stand`."""
        return await self.run(ask(Depth(self.queueing.now())))  # type: ignore[no-any-return]

    async def dead_letters(self, *, limit: int = 100, before: str | None = None) -> Sequence[Record]:
        """See `QueueDoor.dead_letters`."""
        return await self.run(ask(Dead(limit, before)))  # type: ignore[no-any-return]

    async def replay(self, message_id: str | None = None, *, limit: int = 1000) -> int:
        """See `QueueDoor.replay`."""
        return await self.run(ask(Replay(self.queueing.now(), message_id, limit)))  # type: ignore[no-any-return]

    async def erase(self, to: Address) -> int:
        """See `QueueDoor.erase`."""
        return await self.run(self.queueing.erase(to.plain, to.masked))  # type: ignore[no-any-return]

    async def forget(self, *, older_than: float) -> int:
        """See `QueueDoor.forget`."""
        return await self.run(ask(Forget(self.queueing.now() - older_than)))  # type: ignore[no-any-return]
