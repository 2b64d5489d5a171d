"""The two clients. They take the same arguments and run the same flows; one blocks, the other awaits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self, cast

from messaging_channels._client.arguments import as_enqueue_options, check_list, check_messages, check_webhook
from messaging_channels._client.base import BaseDispatcher
from messaging_channels._client.dry_run import dry_run
from messaging_channels._client.many import enqueue_each, enqueue_each_async, send_each, send_each_async
from messaging_channels._queue.client import AsyncQueueClient, QueueClient
from messaging_channels._queue.enqueue import (
    EnqueueKeywords,
    EnqueueResult,
    QueuedReceipt,
)
from messaging_channels._sending.bulk import SendResult
from messaging_channels._sending.send_options import SendKeywords
from messaging_channels._transport.drivers import AsyncTransport, Transport
from messaging_channels.consent.client import AsyncConsentClient, ConsentClient
from messaging_channels.plugins.exchange import ask

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from typing_extensions import Unpack

    from messaging_channels._model.addresses import Address
    from messaging_channels._model.events import Event
    from messaging_channels._model.receipts import Receipt
    from messaging_channels._model.status import Status
    from messaging_channels.messages import Message
    from messaging_channels.messages.fallback import Fallback
    from messaging_channels.plugins.ledger import MessageRecord
    from messaging_channels.plugins.recipients import Recipient
    from messaging_channels.plugins.webhooks import WebhookRequest, WebhookResult


class Dispatcher(BaseDispatcher):
    """Sends messages, waiting in the caller's thread. One serves many threads at once; close it when done."""

    _transport_type = Transport
    _transport: Transport

    def send(self, message: Message, *, to: Recipient, **options: Unpack[SendKeywords]) -> Receipt:
        """Send one message to one recipient: an address, its text, or whatever a resolver understands.

        Args:
            message: what is sent: `Sms`, `Email`, `WhatsAppText`, ...
            to: an address, its text, or whatever a resolver understands.
            idempotency_key: the same key sends at most once, in whatever process, as long as the ledger keeps it. 1 to 255 characters.
            scope: whose key it is, such as a tenant's name: keys of two scopes never meet (default: "").
            timeout: seconds from now, or a `timedelta`, after which no attempt begins (default: none; the route's `RetryPolicy.max_elapsed` holds).
            on_unknown: "hold" (default): what may have been sent is never sent again. "resend": a second copy is better than none.
            in_progress_timeout: seconds, or a `timedelta`, to wait for an earlier call with the same key (default: 0).
            confirms: the id of an opt-out that this message confirms to the person.

        Returns:
            The receipt of a message that a provider accepted, or may have accepted: `receipt.outcome` is then `unknown`.

        Raises:
            BadInput: the message or the recipient cannot be sent as it is. Nothing left the machine.
            ConfigurationError: the deployment cannot send it. Nothing left the machine.
            IdempotencyKeyInUse: an earlier call with that key has not ended.
            LedgerUnavailable: it could not be written down first, so nothing was sent.
            Rejected: the provider refused it for good.
            NotSent: certainly nothing went out; it may safely be sent again.
        """
        terms = self._send_options(message, to, cast("dict[str, Any]", options), "send")
        return self._transport.run(self._pipeline.send(message, to, terms))

    def dry_run(self, message: Message, *, to: Recipient) -> Mapping[str, Any]:
        """Say what `send` would do: the channel, the masked address, the providers in order, what each check says. Nothing is sent or recorded.

        Raises:
            BadInput: the message or the recipient cannot be sent as it is.
            ConfigurationError: the deployment cannot send it.
        """
        self._send_options(message, to, {}, "dry_run")
        return self._transport.run(dry_run(self._pipeline, self._consent.gate, message, to))

    def send_each(
        self,
        message: Message | Iterable[Message],
        *,
        to: Iterable[Recipient],
        **options: Unpack[SendKeywords],
    ) -> Iterator[SendResult]:
        """Send one message to many recipients, or one of several to each, in the provider's batches. Takes iterators of any length.

        Yields what became of each as it is known, not always in order: a recipient that cannot be sent to harms no other one, and its error is in
        `Each.error`. An idempotency key stands for the whole call: each address under it is sent to once, also when the call is repeated.
        """
        terms = self._bulk_options(message, to, cast("dict[str, Any]", options))
        return send_each(self._transport.run, self._pipeline, message, to, terms)

    def handle_webhook(
        self,
        provider: str,
        request: WebhookRequest,
        *,
        account: str | None = None,
    ) -> WebhookResult:
        """Have a provider prove and read a call that was made to our webhook address, and keep what it tells.

        Answer the caller with `WebhookResult.response`. An event that was heard before is in the result, but no observer hears of it again.

        Raises:
            WebhookVerificationError: nothing proves that the call is the provider's. Answer it with 401.
            UnknownProvider: there is no such provider for that account.
            LedgerUnavailable: it could not be kept. Answer with 503, so that the provider calls again.
        """
        check_webhook(provider, request, account)
        return self._transport.run(self._reports.handle_webhook(provider, request, account))

    def fetch_reports(self) -> Sequence[Event]:
        """Fetch what is new of the messages sent, from every provider that offers it, and keep it.

        Raises:
            TransportError: a provider could not be asked.
            LedgerUnavailable: it could not be kept.
        """
        return self._transport.run(self._reports.fetch_reports())

    def enqueue(
        self,
        message: Message | Fallback,
        *,
        to: Recipient,
        **options: Unpack[EnqueueKeywords],
    ) -> QueuedReceipt:
        """Take a message in, to be sent by a worker: it is in the ledger when this returns, and will be sent, or told of.

        Args:
            message: what `send` takes, or a `Fallback`.
            to: as for `send`; looked up now. The checks are asked when the message is due.
            idempotency_key: see `send`; so `scope`, `on_unknown`, `in_progress_timeout`, `confirms`.
            send_at: not before: a `datetime` with its time zone, or seconds since 1970 (default: at once).
            expires_in: seconds from now, or a `timedelta`, after which it is no longer sent (default: never).
            window: the hours of its recipient, a `SendWindow` (default: any).
            priority: "high", "normal" (default) or "low".
            transaction: a connection or session of `sqlite3`, psycopg or SQLAlchemy to the ledger's database: the message is a part of the transaction that
                is open there. Rolled back with it, it was never there.

        Raises:
            BadInput: the message or the recipient cannot be sent as it is; see `send`.
            ConfigurationError: the deployment cannot send it.
            LedgerUnavailable: it could not be kept.
        """
        terms = self._enqueue_options(message, to, cast("dict[str, Any]", options))
        return self._transport.run(self._enqueuer.enqueue(message, to, terms))

    def enqueue_each(
        self,
        message: Message | Fallback | Iterable[Message | Fallback],
        *,
        to: Iterable[Recipient],
        **options: Unpack[EnqueueKeywords],
    ) -> Iterator[EnqueueResult]:
        """Take in one message for many recipients, or one of several for each, some hundreds in a transaction. Takes iterators of any length.

        Yields what became of each, in order, once it is in the ledger; what is not drawn is not taken in. A recipient that cannot be sent to harms no
        other one, and its error is in `EnqueueResult.error`. The options are those of `enqueue`. An idempotency key stands for the whole call, as in
        `send_each`: repeating the call takes in only what is missing. No waker is told of each message: workers find them at their next look.

        Raises:
            InvalidMessage: the options cannot be meant, or there are not as many messages as recipients.
        """
        check_messages(message, to, call="enqueue_each", takes_fallback=True)
        terms = as_enqueue_options(cast("dict[str, Any]", options), "enqueue_each")
        return enqueue_each(self._transport.run, self._enqueuer, message, to, terms)

    @property
    def queue(self) -> QueueClient:
        """What can be done with messages that wait: cancel, replay, erase, and see how the queue stands."""
        return QueueClient(self._transport.run, self._enqueuer)

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
        operation = self._lookup(message_id, provider, provider_id, scope, idempotency_key)
        return self._transport.run(ask(operation))

    def list_messages(
        self,
        *,
        scope: str = "",
        limit: int = 50,
        before: str | None = None,
        channel: str | None = None,
        group_id: int | str | None = None,
        since: datetime | float | None = None,
        until: datetime | float | None = None,
        status: Status | str | None = None,
        to: Address | str | None = None,
    ) -> Sequence[MessageRecord]:
        """Return records of one scope, the newest first, a page of at most `limit`: the next one is `before` the last id. See `ledger.ListMessages`.

        `to` is sought as the ledger keeps addresses: where it masks them, those that look the same are found too.

        Raises:
            InvalidAddress: no channel has such an address.
            InvalidMessage: the ledger keeps no addresses.
            LedgerUnavailable: it could not be read.
        """
        wanted = {
            "scope": scope,
            "limit": limit,
            "before": before,
            "channel": channel,
            "group_id": group_id,
            "since": since,
            "until": until,
            "status": status,
        }
        return self._transport.run(ask(self._listing(wanted, to)))

    def reconcile(self, *, limit: int = 100) -> Sequence[MessageRecord]:
        """Ask providers about up to `limit` messages whose outcome is unknown, and return their records. Call it now and then.

        A message is asked about 30 s, 2 min, 10 min and 1 h after the attempt; what is unknown then stays so, until a report tells.

        Raises:
            LedgerUnavailable: it could not be read or written.
        """
        check_list(limit)
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


class AsyncDispatcher(BaseDispatcher):
    """Sends messages, waiting in an event loop. One serves many tasks of that loop at once; close it when done."""

    _transport_type = AsyncTransport
    _transport: AsyncTransport

    async def send(self, message: Message, *, to: Recipient, **options: Unpack[SendKeywords]) -> Receipt:
        """See `Dispatcher.send`. When cancelled, the message may or may not have been sent; its record says so."""
        terms = self._send_options(message, to, cast("dict[str, Any]", options), "send")
        return await self._transport.run(self._pipeline.send(message, to, terms))

    async def dry_run(self, message: Message, *, to: Recipient) -> Mapping[str, Any]:
        """See `Dispatcher.dry_run`."""
        self._send_options(message, to, {}, "dry_run")
        return await self._transport.run(dry_run(self._pipeline, self._consent.gate, message, to))

    def send_each(
        self,
        message: Message | Iterable[Message],
        *,
        to: Iterable[Recipient],
        **options: Unpack[SendKeywords],
    ) -> AsyncIterator[SendResult]:
        """See `Dispatcher.send_each`."""
        terms = self._bulk_options(message, to, cast("dict[str, Any]", options))
        return send_each_async(self._transport.run, self._pipeline, message, to, terms)

    async def handle_webhook(
        self,
        provider: str,
        request: WebhookRequest,
        *,
        account: str | None = None,
    ) -> WebhookResult:
        """See `Dispatcher.handle_webhook`."""
        check_webhook(provider, request, account)
        return await self._transport.run(self._reports.handle_webhook(provider, request, account))

    async def enqueue(
        self,
        message: Message | Fallback,
        *,
        to: Recipient,
        **options: Unpack[EnqueueKeywords],
    ) -> QueuedReceipt:
        """See `Dispatcher.enqueue`; the connection of `within` is an asynchronous one, or one of `sqlite3`."""
        terms = self._enqueue_options(message, to, cast("dict[str, Any]", options))
        return await self._transport.run(self._enqueuer.enqueue(message, to, terms))

    def enqueue_each(
        self,
        message: Message | Fallback | Iterable[Message | Fallback],
        *,
        to: Iterable[Recipient],
        **options: Unpack[EnqueueKeywords],
    ) -> AsyncIterator[EnqueueResult]:
        """See `Dispatcher.enqueue_each`."""
        check_messages(message, to, call="enqueue_each", takes_fallback=True)
        terms = as_enqueue_options(cast("dict[str, Any]", options), "enqueue_each")
        return enqueue_each_async(self._transport.run, self._enqueuer, message, to, terms)

    @property
    def queue(self) -> AsyncQueueClient:
        """See `Dispatcher.queue`."""
        return AsyncQueueClient(self._transport.run, self._enqueuer)

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
        operation = self._lookup(message_id, provider, provider_id, scope, idempotency_key)
        return await self._transport.run(ask(operation))

    async def list_messages(
        self,
        *,
        scope: str = "",
        limit: int = 50,
        before: str | None = None,
        channel: str | None = None,
        group_id: int | str | None = None,
        since: datetime | float | None = None,
        until: datetime | float | None = None,
        status: Status | str | None = None,
        to: Address | str | None = None,
    ) -> Sequence[MessageRecord]:
        """See `Dispatcher.browse`."""
        wanted = {
            "scope": scope,
            "limit": limit,
            "before": before,
            "channel": channel,
            "group_id": group_id,
            "since": since,
            "until": until,
            "status": status,
        }
        return await self._transport.run(ask(self._listing(wanted, to)))

    async def reconcile(self, *, limit: int = 100) -> Sequence[MessageRecord]:
        """See `Dispatcher.settle`."""
        check_list(limit)
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
