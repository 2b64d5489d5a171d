"""The two front doors. They take the same words and run the same flows; only the waiting differs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Self

from messaging_channels._client.base import Door
from messaging_channels._queue.client import AsyncQueueDoor, QueueDoor
from messaging_channels._queue.enqueue import TOGETHER, EachEnqueued, Enqueued, QueueOptions
from messaging_channels._sending.bulk import CHUNK, Bulk, Each, chunks
from messaging_channels._sending.send_state import USUAL, Options, Terms
from messaging_channels._transport.drivers import AsyncTransport, Transport
from messaging_channels.plugins.exchange import ask
from messaging_channels.plugins.ledger import Browse, Find

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Unpack

    from messaging_channels._model.events import Event
    from messaging_channels._model.receipts import Receipt
    from messaging_channels.messages import Message
    from messaging_channels.messages.fallback import Fallback
    from messaging_channels.plugins.ledger import Record
    from messaging_channels.plugins.webhooks import Received, WebhookCall


class Dispatcher(Door):
    """Sends messages, waiting in the caller's thread. One serves many threads at once; close it when done."""

    _driver = Transport
    _transport: Transport

    def send(self, message: Message, *, to: Any, **options: Unpack[Options]) -> Receipt:  # noqa: ANN401  resolvers take anything
        """Send one message to one recipient: an address, its text, or whatever a resolver understands.

        Returns the receipt of a message that a provider took, or may have taken (`receipt.outcome` is then `unknown`). The options
        are those of `journey.Terms`: `idempotency_key`, `scope`, `deadline`, `on_unknown`, `wait_in_progress`.

        Raises:
            BadInput: the message or the recipient cannot be sent as it is. Nothing left the machine.
            ConfigurationError: the deployment cannot send it. Nothing left the machine.
            IdempotencyInProgress: an earlier call with that key has not ended.
            LedgerUnavailable: it could not be written down first, so nothing was sent.
            Rejected: the provider refused it for good.
            NotSent: certainly nothing went out; it may safely be sent again.
        """
        return self._transport.run(self._dispatch.send(message, to, Terms(**options) if options else USUAL))

    def send_each(
        self,
        message: Message | Iterable[Message],
        *,
        to: Iterable[Any],
        **options: Unpack[Options],
    ) -> Iterator[Each]:
        """Send one message to many recipients, or one of several to each, in the provider's batches. Takes iterators of any length.

        Yields what became of each as it is known, not always in order: a recipient that cannot be sent to harms no other one, and its error is in
        `Each.error`. An idempotency key stands for the whole call: each address under it is sent to once, also when the call is repeated.
        """
        for chunk in chunks(message, to, CHUNK):
            bulk = Bulk(self._dispatch, Terms(**options))
            yield from self._transport.run(bulk.entered(chunk))
            while bulk.pending:
                yield from self._transport.run(bulk.advanced())

    def receive(self, provider: str, call: WebhookCall, *, account: str | None = None) -> Received:
        """Have a provider prove and read a call that was made to our webhook address, and keep what it tells.

        Answer the caller with `Received.answer`. An event that was heard before is in the result, but no observer hears of it again.

        Raises:
            WebhookRefused: nothing proves that the call is the provider's. Answer it with 401.
            UnknownProvider: there is no such provider for that account.
            LedgerUnavailable: it could not be kept. Answer with 503, so that the provider calls again.
        """
        return self._transport.run(self._reports.receive(provider, call, account))

    def fetch_reports(self) -> Sequence[Event]:
        """Fetch what is new of the messages sent, from every provider that offers it, and keep it.

        Raises:
            ExchangeFailed: a provider could not be asked.
            LedgerUnavailable: it could not be kept.
        """
        return self._transport.run(self._reports.fetch())

    def enqueue(self, message: Message | Fallback, *, to: Any, **options: Unpack[QueueOptions]) -> Enqueued:  # noqa: ANN401
        """Take a message in, to be sent by a worker: it is in the ledger when this returns, and will be sent, or told of.

        Takes what `send` takes, a `Fallback` too, and the options of `queueing.Times`: `send_at`, `window`, `priority`. Its recipient is looked
        up now; the rules are asked when it is due. With `within`, a connection (or session) of `sqlite3`, psycopg or SQLAlchemy to the
        ledger's database, it is a part of the transaction that is open there: rolled back with it, it was never there.

        Raises:
            BadInput: the message or the recipient cannot be sent as it is; see `send`.
            ConfigurationError: the deployment cannot send it.
            LedgerUnavailable: it could not be kept.
        """
        return self._transport.run(self._queueing.enqueue(message, to, options))

    def enqueue_each(
        self,
        message: Message | Fallback | Iterable[Message | Fallback],
        *,
        to: Iterable[Any],
        **options: Unpack[QueueOptions],
    ) -> Iterator[EachEnqueued]:
        """Take in one message for many recipients, or one of several for each, some hundreds in a transaction. Takes iterators of any length.

        Yields what became of each, in order, once it is in the ledger; what is not drawn is not taken in. A recipient that cannot be sent to harms no
        other one, and its error is in `EachEnqueued.error`. The options are those of `enqueue`. An idempotency key stands for the whole call, as in
        `send_each`: repeating the call takes in only what is missing. No waker is told of each message: workers find them at their next look.

        Raises:
            InvalidMessage: the options cannot be meant, or there are not as many messages as recipients.
        """
        for chunk in chunks(message, to, TOGETHER):
            yield from self._transport.run(self._queueing.enqueue_each(chunk, options))

    @property
    def queue(self) -> QueueDoor:
        """What can be done with messages that wait: cancel, replay, erase, and see how the queue stands."""
        return QueueDoor(self._transport.run, self._queueing)

    def find(
        self,
        message_id: str | None = None,
        *,
        provider: str | None = None,
        provider_id: str | None = None,
        idempotency_key: str | None = None,
        scope: str = "",
    ) -> Record | None:
        """Look a record up by our id, by the provider's, or by its idempotency key.

        Raises:
            LedgerUnavailable: it could not be read.
        """
        return self._transport.run(ask(Find(message_id, provider, provider_id, scope, idempotency_key)))

    def browse(
        self,
        *,
        scope: str = "",
        limit: int = 50,
        before: str | None = None,
        channel: str | None = None,
        group_id: int | None = None,
        since: float | None = None,
        until: float | None = None,
    ) -> Sequence[Record]:
        """Return records of one scope, the newest first, a page of at most `limit`: the next one is `before` the last id. See `ledger.Browse`.

        Raises:
            LedgerUnavailable: it could not be read.
        """
        return self._transport.run(ask(Browse(scope, limit, before, channel, group_id, since, until)))

    def settle(self, *, limit: int = 100) -> Sequence[Record]:
        """Ask providers about up to `limit` messages whose outcome is unknown, and return their records. Call it now and then.

        A message is asked about 30 s, 2 min, 10 min and 1 h after the attempt; what is unknown then stays so, until a report tells.

        Raises:
            LedgerUnavailable: it could not be read or written.
        """
        return self._transport.run(self._reports.settle(limit))

    def close(self) -> None:
        """Close every connection. A ledger that was given stays open: it is the caller's."""
        self._transport.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()


class AsyncDispatcher(Door):
    """Sends messages, waiting in an event loop. One serves many tasks of that loop at once; close it when done."""

    _driver = AsyncTransport
    _transport: AsyncTransport

    async def send(self, message: Message, *, to: Any, **options: Unpack[Options]) -> Receipt:  # noqa: ANN401  resolvers take anything
        """See `Dispatcher.send`. When cancelled, the message may or may not have been sent; its record says so."""
        return await self._transport.run(
            self._dispatch.send(message, to, Terms(**options) if options else USUAL)
        )

    async def send_each(
        self,
        message: Message | Iterable[Message],
        *,
        to: Iterable[Any],
        **options: Unpack[Options],
    ) -> AsyncIterator[Each]:
        """See `Dispatcher.send_each`."""
        for chunk in chunks(message, to, CHUNK):
            bulk = Bulk(self._dispatch, Terms(**options))
            for each in await self._transport.run(bulk.entered(chunk)):
                yield each
            while bulk.pending:
                for each in await self._transport.run(bulk.advanced()):
                    yield each

    async def receive(self, provider: str, call: WebhookCall, *, account: str | None = None) -> Received:
        """See `Dispatcher.receive`."""
        return await self._transport.run(self._reports.receive(provider, call, account))

    async def enqueue(
        self,
        message: Message | Fallback,
        *,
        to: Any,  # noqa: ANN401  resolvers take anything
        **options: Unpack[QueueOptions],
    ) -> Enqueued:
        """See `Dispatcher.enqueue`; the connection of `within` is an asynchronous one, or one of `sqlite3`."""
        return await self._transport.run(self._queueing.enqueue(message, to, options))

    async def enqueue_each(
        self,
        message: Message | Fallback | Iterable[Message | Fallback],
        *,
        to: Iterable[Any],
        **options: Unpack[QueueOptions],
    ) -> AsyncIterator[EachEnqueued]:
        """See `Dispatcher.enqueue_each`."""
        for chunk in chunks(message, to, TOGETHER):
            for each in await self._transport.run(self._queueing.enqueue_each(chunk, options)):
                yield each

    @property
    def queue(self) -> AsyncQueueDoor:
        """See `Dispatcher.queue`."""
        return AsyncQueueDoor(self._transport.run, self._queueing)

    async def fetch_reports(self) -> Sequence[Event]:
        """See `Dispatcher.fetch_reports`."""
        return await self._transport.run(self._reports.fetch())

    async def find(
        self,
        message_id: str | None = None,
        *,
        provider: str | None = None,
        provider_id: str | None = None,
        idempotency_key: str | None = None,
        scope: str = "",
    ) -> Record | None:
        """See `Dispatcher.find`."""
        return await self._transport.run(ask(Find(message_id, provider, provider_id, scope, idempotency_key)))

    async def browse(
        self,
        *,
        scope: str = "",
        limit: int = 50,
        before: str | None = None,
        channel: str | None = None,
        group_id: int | None = None,
        since: float | None = None,
        until: float | None = None,
    ) -> Sequence[Record]:
        """See `Dispatcher.browse`."""
        return await self._transport.run(ask(Browse(scope, limit, before, channel, group_id, since, until)))

    async def settle(self, *, limit: int = 100) -> Sequence[Record]:
        """See `Dispatcher.settle`."""
        return await self._transport.run(self._reports.settle(limit))

    async def close(self) -> None:
        """Close every connection. A ledger that was given stays open: it is the caller's."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self.close()
