"""The client for threads. `async_dispatcher` has the one for event loops, with the same arguments and the same flows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, Self, cast

from messaging_channels._client.arguments import as_enqueue_options, check_list, check_messages
from messaging_channels._client.dry_run import dry_run
from messaging_channels._client.many import enqueue_each, send_each
from messaging_channels._client.resolving import ResolvingDispatcher
from messaging_channels._inbound.client import InboundClient, check_webhook
from messaging_channels._queue.client import QueueClient
from messaging_channels._queue.enqueue import (
    EnqueueKeywords,
    EnqueueResult,
    QueuedReceipt,
)
from messaging_channels._sending.bulk import SendResult
from messaging_channels._sending.send_options import SendKeywords
from messaging_channels._transport.drivers import Transport
from messaging_channels.consent.client import ConsentClient
from messaging_channels.plugins.exchange import ask

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from typing_extensions import Unpack

    from messaging_channels._client.preferred import Alternatives, ChannelAddress
    from messaging_channels._model.addresses import Address
    from messaging_channels._model.events import Event
    from messaging_channels._model.receipts import Receipt
    from messaging_channels._model.status import Status
    from messaging_channels.messages import Message
    from messaging_channels.messages.fallback import Fallback
    from messaging_channels.plugins.ledger import MessageRecord
    from messaging_channels.plugins.recipients import Recipient
    from messaging_channels.plugins.webhooks import WebhookRequest, WebhookResult


class Dispatcher(ResolvingDispatcher):
    """Sends messages, waiting in the caller's thread. Many threads may use a dispatcher at once; close it when done."""

    _transport_type = Transport
    _transport: Transport

    def send(
        self,
        message: Alternatives,
        *,
        to: Recipient,
        via: Literal["preferred"] | None = None,
        **options: Unpack[SendKeywords],
    ) -> Receipt:
        """Send one message to one recipient: an address, its text, or whatever a resolver understands.

        Args:
            message: what is sent: `Sms`, `Email`, `WhatsAppText`, ...; `Adaptive` content, or a list of messages of different types, for `via`.
            to: an address, its text, or whatever a resolver understands.
            via: "preferred", also where `message` is no single message: by the first channel, in the order that the recipient prefers, on which they
                have an address and that their consent and the providers allow (default: by the channel of the message).
            idempotency_key: the same key sends at most once, in whatever process, as long as the ledger keeps it. 1 to 255 characters.
            scope: whose key it is, such as a tenant's name: keys of two scopes never meet (default: "").
            timeout: seconds from now, or a `timedelta`, after which no attempt begins, and no wait for the ledger, a resolver's exchange or an earlier call
                goes on (default: none; the route's `RetryPolicy.max_elapsed` holds).
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
            InternalError: certainly nothing went out, since a plugin, or a value given to it, failed; it is an instance of that exception's class, too.
        """
        return self._transport.run(self._send(message, to, via, options))

    def dry_run(self, message: Message, *, to: Recipient) -> Mapping[str, Any]:
        """Say what `send` would do: the channel, the masked address, the providers in order, what each check says. Nothing is sent or recorded.

        Raises:
            BadInput: the message or the recipient cannot be sent as it is.
            ConfigurationError: the deployment cannot send it.
        """
        self._check(message, to, "dry_run")
        return self._transport.run(dry_run(self._pipeline, self._consent.gate, message, to))

    def channels_of(self, to: Recipient) -> Sequence[ChannelAddress]:
        """Return the channels by which a recipient has an address, with the address, in the order that they prefer; none if they have none.

        Raises:
            UnknownRecipient: no resolver knows them.
        """
        return self._transport.run(self._recipients.channels_of(to))

    def send_each(
        self,
        message: Message | Iterable[Message],
        *,
        to: Iterable[Recipient],
        **options: Unpack[SendKeywords],
    ) -> Iterator[SendResult]:
        """Send one message to many recipients, or one message each, in the provider's batches. Takes iterators of any length.

        Yields what became of each as it is known, not always in order: a recipient that cannot be sent to harms no other one, and its error is in
        `Each.error`. An idempotency key stands for the whole call: each address under it is sent to once, also when the call is repeated.
        """
        terms = self._bulk_options(message, to, options)
        return send_each(self._transport.run, self._pipeline, message, to, terms)

    def handle_webhook(
        self,
        provider: str,
        request: WebhookRequest,
        *,
        account: str | None = None,
        later: bool = False,
    ) -> WebhookResult:
        """Verify and parse a webhook request from a provider and store its events.

        Send `result.response` back to the provider. A repeated event is in the result, but observers do not receive it again.

        Args:
            provider: the provider's name, part of the URL that it calls.
            request: the request as it came.
            account: whose credentials prove it; None for the platform's own account.
            later: whether delivery reports are only taken into the ledger's durable inbound, in one small commit, and a worker records them, in order.
                For bursts. What says something about consent, and what people write, is recorded at once all the same.

        Raises:
            WebhookVerificationError: the request is not proven to come from the provider. Answer 401.
            UnknownProvider: this account has no such provider.
            LedgerUnavailable: the events could not be stored. Answer 503, so that the provider repeats the request.
        """
        check_webhook(provider, request, account)
        return self._transport.run(self._reports.handle_webhook(provider, request, account, later=later))

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
        to: Recipient,
        **options: Unpack[EnqueueKeywords],
    ) -> QueuedReceipt:
        """Store a message for a worker to send. When this returns, the message is stored.

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
        """Store one message for many recipients, or one message each, 500 in a transaction. Takes iterators of any length.

        Yields what became of each, in order, once it is in the ledger; what is not drawn is not taken in. A recipient that cannot be sent to harms no
        other one, and its error is in `EnqueueResult.error`. The options are those of `enqueue`. An idempotency key stands for the whole call, as in
        `send_each`: repeating the call takes in only what is missing. No notifier is called for each message: workers find them at their next look.

        Raises:
            InvalidMessage: the options cannot be meant, or there are not as many messages as recipients.
        """
        check_messages(message, to, call="enqueue_each", takes_fallback=True)
        terms = as_enqueue_options(cast("dict[str, Any]", options), "enqueue_each")
        return enqueue_each(self._transport.run, self._enqueuer, message, to, terms)

    @property
    def queue(self) -> QueueClient:
        """Operations on queued messages: cancel, replay, erase, statistics."""
        return QueueClient(self._transport.run, self._enqueuer)

    @property
    def inbound(self) -> InboundClient:
        """Operations on events that wait for a handler; see `on`."""
        return InboundClient(self._transport.run, self._reports)

    @property
    def consent(self) -> ConsentClient:
        """The consent statements that the ledger keeps: show, add, lift and export it."""
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
        """Ask providers for the outcome of up to `limit` unknown messages, and return their records. Call it every minute.

        A message is asked about 30 s, 2 min, 10 min and 1 h after the attempt; what is unknown then stays so, until a report arrives.

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
