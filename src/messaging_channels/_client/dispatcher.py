"""The two clients. They take the same arguments and run the same flows; one blocks, the other awaits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal, Self

from messaging_channels._client.resolving import AsyncResolvingDispatcher, ResolvingDispatcher
from messaging_channels._inbound.client import AsyncInboundClient, InboundClient
from messaging_channels._queue.client import AsyncQueueClient, QueueClient
from messaging_channels._queue.enqueue import (
    MAX_TRANSACTION_SIZE,
    EnqueueKeywords,
    EnqueueResult,
    QueuedReceipt,
)
from messaging_channels._sending.bulk import CHUNK, Bulk, SendResult, chunks
from messaging_channels._sending.send_options import DEFAULT_OPTIONS, SendKeywords, SendOptions
from messaging_channels._transport.drivers import AsyncTransport, Transport
from messaging_channels.consent.client import AsyncConsentClient, ConsentClient
from messaging_channels.plugins.exchange import ask
from messaging_channels.plugins.ledger import GetMessage, ListMessages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Unpack

    from messaging_channels._client.preferred import Alternatives, ChannelAddress
    from messaging_channels._model.addresses import Address
    from messaging_channels._model.events import Event
    from messaging_channels._model.receipts import Receipt
    from messaging_channels.messages import Message
    from messaging_channels.messages.fallback import Fallback
    from messaging_channels.plugins.ledger import MessageRecord
    from messaging_channels.plugins.webhooks import WebhookRequest, WebhookResult


class Dispatcher(ResolvingDispatcher):
    """Sends messages, waiting in the caller's thread. One serves many threads at once; close it when done."""

    _transport_type = Transport
    _transport: Transport

    def send(
        self,
        message: Alternatives,
        *,
        to: Any,  # noqa: ANN401  resolvers take anything
        via: Literal["preferred"] | None = None,
        **options: Unpack[SendKeywords],
    ) -> Receipt:
        """Send one message to one recipient: an address, its text, or whatever a resolver understands.

        Returns the receipt of a message that a provider took, or may have taken (`receipt.outcome` is then `unknown`). The options
        are those of `SendOptions`: `idempotency_key`, `scope`, `timeout`, `on_unknown`, `in_progress_timeout`.

        With `via="preferred"`, or where `message` is `Adaptive` content or several messages, it goes by the first channel, in the order that the recipient
        prefers, on which they have an address and that their consent and the providers allow.

        Raises:
            BadInput: the message or the recipient cannot be sent as it is. Nothing left the machine.
            ConfigurationError: the deployment cannot send it. Nothing left the machine.
            IdempotencyKeyInUse: an earlier call with that key has not ended.
            LedgerUnavailable: it could not be written down first, so nothing was sent.
            Rejected: the provider refused it for good.
            NotSent: certainly nothing went out; it may safely be sent again.
        """
        return self._transport.run(
            self._send(message, to, via, SendOptions(**options) if options else DEFAULT_OPTIONS),
        )

    def channels_of(self, to: Any) -> Sequence[ChannelAddress]:  # noqa: ANN401  resolvers take anything
        """Return the channels by which a recipient has an address, with the address, in the order that they prefer; none if they have none.

        Raises:
            UnknownRecipient: no resolver knows them.
        """
        return self._transport.run(self._recipients.channels_of(to))

    def send_each(
        self,
        message: Message | Iterable[Message],
        *,
        to: Iterable[Any],
        **options: Unpack[SendKeywords],
    ) -> Iterator[SendResult]:
        """Send one message to many recipients, or one message each, in the provider's batches. Takes iterators of any length.

        Yields what became of each as it is known, not always in order: a recipient that cannot be sent to harms no other one, and its error is in
        `Each.error`. An idempotency key stands for the whole call: each address under it is sent to once, also when the call is repeated.
        """
        for chunk in chunks(message, to, CHUNK):
            bulk = Bulk(self._pipeline, SendOptions(**options))
            yield from self._transport.run(bulk.prepare(chunk))
            while bulk.pending:
                yield from self._transport.run(bulk.step())

    def handle_webhook(
        self,
        provider: str,
        request: WebhookRequest,
        *,
        account: str | None = None,
    ) -> WebhookResult:
        """Verify and parse a webhook request from a provider and store its events.

        Send `result.response` back to the provider. A repeated event is in the result, but observers do not receive it again.

        Raises:
            WebhookVerificationError: the request is not proven to come from the provider. Answer 401.
            UnknownProvider: this account has no such provider.
            LedgerUnavailable: the events could not be stored. Answer 503, so that the provider repeats the request.
        """
        return self._transport.run(self._reports.handle_webhook(provider, request, account))

    def fetch_reports(self) -> Sequence[Event]:
        """Fetch new delivery reports from every provider that supports polling, and store them.

        Raises:
            TransportError: a provider could not be reached.
            LedgerUnavailable: the reports could not be stored.
        """
        return self._transport.run(self._reports.fetch_reports())

    def enqueue(
        self,
        message: Message | Fallback,
        *,
        to: Any,  # noqa: ANN401  resolvers take anything
        **options: Unpack[EnqueueKeywords],
    ) -> QueuedReceipt:
        """Store a message for a worker to send. When this returns, the message is stored.

        Takes the arguments of `send`, a `Fallback` too, and those of `EnqueueOptions`: `send_at`, `window`, `priority`, `expires_in`. The recipient
        is resolved now; checks run when the message is due. With `transaction=` (a connection or session of `sqlite3`, psycopg or SQLAlchemy to the
        ledger's database) the message is written on your connection: if you roll back, it is not sent.

        Raises:
            BadInput: the message or the recipient cannot be sent as it is; see `send`.
            ConfigurationError: the deployment cannot send it.
            LedgerUnavailable: it could not be kept.
        """
        return self._transport.run(self._enqueuer.enqueue(message, to, options))

    def enqueue_each(
        self,
        message: Message | Fallback | Iterable[Message | Fallback],
        *,
        to: Iterable[Any],
        **options: Unpack[EnqueueKeywords],
    ) -> Iterator[EnqueueResult]:
        """Store one message for many recipients, or one message each, 500 in a transaction. Takes iterators of any length.

        Yields what became of each, in order, once it is in the ledger; what is not drawn is not taken in. A recipient that cannot be sent to harms no
        other one, and its error is in `EnqueueResult.error`. The options are those of `enqueue`. An idempotency key stands for the whole call, as in
        `send_each`: repeating the call takes in only what is missing. No waker is told of each message: workers find them at their next look.

        Raises:
            InvalidMessage: the options cannot be meant, or there are not as many messages as recipients.
        """
        for chunk in chunks(message, to, MAX_TRANSACTION_SIZE):
            yield from self._transport.run(self._enqueuer.enqueue_each(chunk, options))

    @property
    def queue(self) -> QueueClient:
        """What can be done with messages that wait: cancel, replay, erase, and see how the queue stands."""
        return QueueClient(self._transport.run, self._enqueuer)

    @property
    def inbound(self) -> InboundClient:
        """What can be done with events that wait for a handler; see `on`."""
        return InboundClient(self._transport.run, self._reports.clock)

    @property
    def consent(self) -> ConsentClient:
        """What people said about being written to, as the ledger keeps it: show, add, lift and export it."""
        return ConsentClient(self._transport.run, self._consent)

    def get_message(
        self,
        message_id: str | None = None,
        *,
        provider: str | None = None,
        provider_id: str | None = None,
        idempotency_key: str | None = None,
        scope: str = "",
    ) -> MessageRecord | None:
        """Look a record up by our id, by the provider's, or by its idempotency key.

        Raises:
            LedgerUnavailable: it could not be read.
        """
        return self._transport.run(ask(GetMessage(message_id, provider, provider_id, scope, idempotency_key)))

    def list_messages(
        self,
        *,
        scope: str = "",
        limit: int = 50,
        before: str | None = None,
        channel: str | None = None,
        group_id: int | None = None,
        since: float | None = None,
        until: float | None = None,
        status: str | None = None,
        to: Address | str | None = None,
    ) -> Sequence[MessageRecord]:
        """Return records of one scope, the newest first, a page of at most `limit`: the next one is `before` the last id. See `ledger.ListMessages`.

        `to` is sought as the ledger keeps addresses: where it masks them, those that look the same are found too.

        Raises:
            InvalidAddress: no channel has such an address.
            InvalidMessage: the ledger keeps no addresses.
            LedgerUnavailable: it could not be read.
        """
        wanted = self._stored_addresses(to, channel)
        return self._transport.run(
            ask(ListMessages(scope, limit, before, channel, group_id, since, until, status, wanted))
        )

    def reconcile(self, *, limit: int = 100) -> Sequence[MessageRecord]:
        """Ask providers for the outcome of up to `limit` unknown messages, and return their records. Call it every minute.

        A message is asked about 30 s, 2 min, 10 min and 1 h after the attempt; what is unknown then stays so, until a report tells.

        Raises:
            LedgerUnavailable: it could not be read or written.
        """
        return self._transport.run(self._reports.reconcile(limit))

    def close(self) -> None:
        """Close every connection. A ledger that was given stays open: it is the caller's."""
        self._transport.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()


class AsyncDispatcher(AsyncResolvingDispatcher):
    """Sends messages, waiting in an event loop. One serves many tasks of that loop at once; close it when done."""

    _transport_type = AsyncTransport
    _transport: AsyncTransport

    async def send(
        self,
        message: Alternatives,
        *,
        to: Any,  # noqa: ANN401  resolvers take anything
        via: Literal["preferred"] | None = None,
        **options: Unpack[SendKeywords],
    ) -> Receipt:
        """See `Dispatcher.send`. When cancelled, the message may or may not have been sent; its record says so."""
        return await self._transport.run(
            self._send(message, to, via, SendOptions(**options) if options else DEFAULT_OPTIONS),
        )

    async def channels_of(self, to: Any) -> Sequence[ChannelAddress]:  # noqa: ANN401  resolvers take anything
        """See `Dispatcher.channels_of`."""
        return await self._transport.run(self._recipients.channels_of(to))

    async def send_each(
        self,
        message: Message | Iterable[Message],
        *,
        to: Iterable[Any],
        **options: Unpack[SendKeywords],
    ) -> AsyncIterator[SendResult]:
        """See `Dispatcher.send_each`."""
        for chunk in chunks(message, to, CHUNK):
            bulk = Bulk(self._pipeline, SendOptions(**options))
            for each in await self._transport.run(bulk.prepare(chunk)):
                yield each
            while bulk.pending:
                for each in await self._transport.run(bulk.step()):
                    yield each

    async def handle_webhook(
        self,
        provider: str,
        request: WebhookRequest,
        *,
        account: str | None = None,
    ) -> WebhookResult:
        """See `Dispatcher.handle_webhook`."""
        return await self._transport.run(self._reports.handle_webhook(provider, request, account))

    async def enqueue(
        self,
        message: Message | Fallback,
        *,
        to: Any,  # noqa: ANN401  resolvers take anything
        **options: Unpack[EnqueueKeywords],
    ) -> QueuedReceipt:
        """See `Dispatcher.enqueue`; the connection of `transaction` is an async one, or one of `sqlite3`."""
        return await self._transport.run(self._enqueuer.enqueue(message, to, options))

    async def enqueue_each(
        self,
        message: Message | Fallback | Iterable[Message | Fallback],
        *,
        to: Iterable[Any],
        **options: Unpack[EnqueueKeywords],
    ) -> AsyncIterator[EnqueueResult]:
        """See `Dispatcher.enqueue_each`."""
        for chunk in chunks(message, to, MAX_TRANSACTION_SIZE):
            for each in await self._transport.run(self._enqueuer.enqueue_each(chunk, options)):
                yield each

    @property
    def queue(self) -> AsyncQueueClient:
        """See `Dispatcher.queue`."""
        return AsyncQueueClient(self._transport.run, self._enqueuer)

    @property
    def inbound(self) -> AsyncInboundClient:
        """See `Dispatcher.inbound`."""
        return AsyncInboundClient(self._transport.run, self._reports.clock)

    @property
    def consent(self) -> AsyncConsentClient:
        """See `Dispatcher.consent`."""
        return AsyncConsentClient(self._transport.run, self._consent)

    async def fetch_reports(self) -> Sequence[Event]:
        """See `Dispatcher.fetch_reports`."""
        return await self._transport.run(self._reports.fetch_reports())

    async def get_message(
        self,
        message_id: str | None = None,
        *,
        provider: str | None = None,
        provider_id: str | None = None,
        idempotency_key: str | None = None,
        scope: str = "",
    ) -> MessageRecord | None:
        """See `Dispatcher.find`."""
        return await self._transport.run(
            ask(GetMessage(message_id, provider, provider_id, scope, idempotency_key)),
        )

    async def list_messages(
        self,
        *,
        scope: str = "",
        limit: int = 50,
        before: str | None = None,
        channel: str | None = None,
        group_id: int | None = None,
        since: float | None = None,
        until: float | None = None,
        status: str | None = None,
        to: Address | str | None = None,
    ) -> Sequence[MessageRecord]:
        """See `Dispatcher.browse`."""
        wanted = self._stored_addresses(to, channel)
        return await self._transport.run(
            ask(ListMessages(scope, limit, before, channel, group_id, since, until, status, wanted)),
        )

    async def reconcile(self, *, limit: int = 100) -> Sequence[MessageRecord]:
        """See `Dispatcher.settle`."""
        return await self._transport.run(self._reports.reconcile(limit))

    async def close(self) -> None:
        """Close every connection. A ledger that was given stays open: it is the caller's."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self.close()
