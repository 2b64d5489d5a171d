"""What can be done with messages that wait, sync or async."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from messaging_channels._queue import restored, retention
from messaging_channels.plugins.exchange import Flow, ask
from messaging_channels.plugins.ledger_queue import (
    Cancel,
    GetQueueStats,
    ListDeadLetters,
    ListPausedAccounts,
    PausedAccount,
    QueueStats,
    ResumeAccount,
    RetryDeadLetters,
)

if TYPE_CHECKING:
    from messaging_channels._model.addresses import Address
    from messaging_channels._queue.enqueue import Enqueuer
    from messaging_channels._queue.restored import RestoredResult
    from messaging_channels.plugins.ledger import MessageRecord
    from messaging_channels.plugins.ledger_restored import RestoredCopy


@dataclass(frozen=True, slots=True)
class QueueClient:
    """The queue of a `Dispatcher`. All of its methods raise LedgerUnavailable when the ledger could not be read or written."""

    run: Callable[[Flow[Any]], Any]
    enqueuer: Enqueuer

    def cancel(self, message_id: str) -> bool:
        """End a message of which certainly nothing went out. Return False if it is too late for that, or nothing waits."""
        return self.run(ask(Cancel(message_id, self.enqueuer.now())))  # type: ignore[no-any-return]

    def stats(self) -> QueueStats:
        """Return how the queue stands: depth, age, rates and failures. For metrics too: it reads counters and the queue, not the records."""
        return self.run(ask(GetQueueStats(self.enqueuer.now())))  # type: ignore[no-any-return]

    def paused_accounts(self) -> Sequence[PausedAccount]:
        """Return the accounts that cannot send, and whose messages wait until that is mended."""
        return self.run(ask(ListPausedAccounts()))  # type: ignore[no-any-return]

    def resume_account(self, provider: str, account: str | None = None) -> bool:
        """Have the messages of an account that was mended (None: the platform's own) sent at once, not after the next try. Return whether it was paused."""
        return self.run(_resume_account(self.enqueuer, provider, account))  # type: ignore[no-any-return]

    def resume_accounts(self) -> int:
        """Have the messages of all paused accounts sent at once, because somebody mended the credentials or the credit. Return how many accounts it was.

        An account that still cannot send is paused again by the first message.
        """
        return self.run(_resume_accounts(self.enqueuer))  # type: ignore[no-any-return]

    def check_writable(self) -> None:
        """Write to the ledger what changes nothing, for a check of readiness.

        Raises:
            LedgerUnavailable: it cannot be written, such as on a full disk.
        """
        self.run(ask(self.enqueuer.write_probe()))

    def dead_letters(self, *, limit: int = 100, before: str | None = None) -> Sequence[MessageRecord]:
        """Return messages that the worker gave up, the newest first; the page after the message `before`."""
        return self.run(ask(ListDeadLetters(limit, before)))  # type: ignore[no-any-return]

    def restored_copy(self) -> RestoredCopy | None:
        """Return what is known of a ledger that was restored from a copy; None if it was not, or somebody has decided.

        As long as nobody has, nothing that waits is sent, and a message with an idempotency key is refused (LedgerUnavailable).
        """
        return self.run(restored.restored_copy(self.enqueuer))  # type: ignore[no-any-return]

    def mark_restored(self) -> None:
        """Treat the ledger as a copy that was restored, where that cannot be told from within: such as after the disk of a server was."""
        self.run(restored.mark_restored(self.enqueuer))

    def hold_restored(self) -> RestoredResult | None:
        """Decide that what waits in a restored copy may have been sent: providers are asked, what they do not know is sent, the rest is held.

        What is held is in `Dispatcher.list_unknown`, and is decided by `Dispatcher.resolve`. Fallbacks of the copy go no further. None if it is no copy.
        """
        return self.run(restored.hold_restored(self.enqueuer))  # type: ignore[no-any-return]

    def resume_restored(self) -> RestoredCopy | None:
        """Decide that nothing was sent since the copy: all that waits in it is sent. None if it is no copy."""
        return self.run(restored.resume_restored(self.enqueuer))  # type: ignore[no-any-return]

    def retry_dead_letters(self, message_id: str | None = None, *, limit: int = 1000) -> int:
        """Have one dead letter tried again, without its deadline, or up to `limit` of them. Return how many."""
        return self.run(ask(RetryDeadLetters(self.enqueuer.now(), message_id, limit)))  # type: ignore[no-any-return]

    def erase_recipient(self, to: Address) -> int:
        """Forget a recipient: no body and no address of it is kept, and what waits is not sent. Return how many messages and waiting events it was.

        Events from it that wait for a handler, or are dead letters, are deleted with the webhook requests that brought them.
        What was sent stays counted, and what the person said about being written to stands: it is kept under a digest, without the address.

        Raises:
            InvalidSetting: the ledger masks addresses, and has no secret by which people are told apart whose masked addresses are alike; or
                messages are kept under a key that is not here.
        """
        return self.run(retention.erase_recipient(self.enqueuer.pipeline, to))  # type: ignore[no-any-return]

    def export_recipient(self, to: Address) -> dict[str, Any]:
        """Return all that is kept of a recipient as JSON can hold it: messages with their attempts and events, what waits, what came in and waits
        for a handler or is a dead letter, and consent.

        Raises:
            InvalidSetting: see `erase_recipient`.
        """
        return self.run(retention.export_recipient(self.enqueuer.pipeline, to))  # type: ignore[no-any-return]

    def prune(self, *, older_than: float) -> int:
        """Forget addresses, and the bodies of dead letters, of messages created so many seconds ago; return how many.

        Bodies of others are gone as soon as nothing is left to do with them. What became of each message stays.
        """
        return self.run(retention.prune(self.enqueuer.now() - older_than))  # type: ignore[no-any-return]

    def delete_records(self, *, older_than: float) -> int:
        """Delete the records of messages created so many seconds ago, with their attempts and events; return how many.

        Kept are those whose idempotency key stands, and those with which anything is still to be done. It goes in small steps, between which others write.
        """
        return self.run(retention.delete_records(self.enqueuer.pipeline, self.enqueuer.now() - older_than))  # type: ignore[no-any-return]


def _resume_account(enqueuer: Enqueuer, provider: str, account: str | None) -> Flow[bool]:
    was_paused = yield from ask(ResumeAccount(provider, account, enqueuer.now()))
    if was_paused:
        enqueuer.local_notifier.notify()
    return was_paused


def _resume_accounts(enqueuer: Enqueuer) -> Flow[int]:
    resumed = 0
    for one in (yield from ask(ListPausedAccounts())):
        resumed += yield from _resume_account(enqueuer, one.provider, one.account)
    return resumed


@dataclass(frozen=True, slots=True)
class AsyncQueueClient:
    """The queue of an `AsyncDispatcher`; see `QueueClient`."""

    run: Callable[[Flow[Any]], Awaitable[Any]]
    enqueuer: Enqueuer

    async def cancel(self, message_id: str) -> bool:
        """See `QueueClient.cancel`."""
        return await self.run(ask(Cancel(message_id, self.enqueuer.now())))  # type: ignore[no-any-return]

    async def stats(self) -> QueueStats:
        """See `QueueClient.stats`."""
        return await self.run(ask(GetQueueStats(self.enqueuer.now())))  # type: ignore[no-any-return]

    async def paused_accounts(self) -> Sequence[PausedAccount]:
        """See `QueueClient.paused_accounts`."""
        return await self.run(ask(ListPausedAccounts()))  # type: ignore[no-any-return]

    async def resume_account(self, provider: str, account: str | None = None) -> bool:
        """See `QueueClient.resume_account`."""
        return await self.run(_resume_account(self.enqueuer, provider, account))  # type: ignore[no-any-return]

    async def resume_accounts(self) -> int:
        """See `QueueClient.resume_accounts`."""
        return await self.run(_resume_accounts(self.enqueuer))  # type: ignore[no-any-return]

    async def check_writable(self) -> None:
        """See `QueueClient.check_writable`."""
        await self.run(ask(self.enqueuer.write_probe()))

    async def dead_letters(self, *, limit: int = 100, before: str | None = None) -> Sequence[MessageRecord]:
        """See `QueueClient.dead_letters`."""
        return await self.run(ask(ListDeadLetters(limit, before)))  # type: ignore[no-any-return]

    async def restored_copy(self) -> RestoredCopy | None:
        """See `QueueClient.restored_copy`."""
        return await self.run(restored.restored_copy(self.enqueuer))  # type: ignore[no-any-return]

    async def mark_restored(self) -> None:
        """See `QueueClient.mark_restored`."""
        await self.run(restored.mark_restored(self.enqueuer))

    async def hold_restored(self) -> RestoredResult | None:
        """See `QueueClient.hold_restored`."""
        return await self.run(restored.hold_restored(self.enqueuer))  # type: ignore[no-any-return]

    async def resume_restored(self) -> RestoredCopy | None:
        """See `QueueClient.resume_restored`."""
        return await self.run(restored.resume_restored(self.enqueuer))  # type: ignore[no-any-return]

    async def retry_dead_letters(self, message_id: str | None = None, *, limit: int = 1000) -> int:
        """See `QueueClient.retry_dead_letters`."""
        return await self.run(ask(RetryDeadLetters(self.enqueuer.now(), message_id, limit)))  # type: ignore[no-any-return]

    async def erase_recipient(self, to: Address) -> int:
        """See `QueueClient.erase_recipient`."""
        return await self.run(retention.erase_recipient(self.enqueuer.pipeline, to))  # type: ignore[no-any-return]

    async def export_recipient(self, to: Address) -> dict[str, Any]:
        """See `QueueClient.export_recipient`."""
        return await self.run(retention.export_recipient(self.enqueuer.pipeline, to))  # type: ignore[no-any-return]

    async def prune(self, *, older_than: float) -> int:
        """See `QueueClient.prune`."""
        return await self.run(retention.prune(self.enqueuer.now() - older_than))  # type: ignore[no-any-return]

    async def delete_records(self, *, older_than: float) -> int:
        """See `QueueClient.delete_records`."""
        flow = retention.delete_records(self.enqueuer.pipeline, self.enqueuer.now() - older_than)
        return await self.run(flow)  # type: ignore[no-any-return]
