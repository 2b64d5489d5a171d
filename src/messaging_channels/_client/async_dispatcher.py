"""The client for event loops. It takes the arguments of `Dispatcher` and runs the same flows; only the waiting differs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, Self, cast

from messaging_channels._client.arguments import as_enqueue_options, check_list, check_messages
from messaging_channels._client.dry_run import dry_run
from messaging_channels._client.many import enqueue_each_async, send_each_async
from messaging_channels._client.resolving import AsyncResolvingDispatcher
from messaging_channels._inbound.client import AsyncInboundClient, check_webhook
from messaging_channels._queue.client import AsyncQueueClient
from messaging_channels._queue.enqueue import (
    EnqueueKeywords,
    EnqueueResult,
    QueuedReceipt,
)
from messaging_channels._sending.bulk import SendResult
from messaging_channels._sending.send_options import SendKeywords
from messaging_channels._transport.drivers import AsyncTransport
from messaging_channels.consent.client import AsyncConsentClient
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


class AsyncDispatcher(AsyncResolvingDispatcher):
    """Sends messages, waiting in an event loop. Many tasks of that loop may use a dispatcher at once; close it when done."""

    _transport_type = AsyncTransport
    _transport: AsyncTransport

    async def send(
        self,
        message: Alternatives,
        *,
        to: Recipient,
        via: Literal["preferred"] | None = None,
        **options: Unpack[SendKeywords],
    ) -> Receipt:
        """Send one message: see `Dispatcher.send`. If the task is cancelled, the message may or may not have been sent; its record says so."""
        return await self._transport.run(self._send(message, to, via, options))

    async def channels_of(self, to: Recipient) -> Sequence[ChannelAddress]:
        """Return what is known of the channels of a recipient: see `Dispatcher.channels_of`."""
        return await self._transport.run(self._recipients.channels_of(to))

    async def dry_run(self, message: Message, *, to: Recipient) -> Mapping[str, Any]:
        """Return what `send` would do, without any request. Same arguments and errors as `Dispatcher.dry_run`."""
        self._check(message, to, "dry_run")
        return await self._transport.run(dry_run(self._pipeline, self._consent.gate, message, to))

    def send_each(
        self,
        message: Message | Iterable[Message],
        *,
        to: Iterable[Recipient],
        **options: Unpack[SendKeywords],
    ) -> AsyncIterator[SendResult]:
        """Send many messages and yield a result for each, with `async for`. Same arguments and errors as `Dispatcher.send_each`."""
        terms = self._bulk_options(message, to, options)
        return send_each_async(self._transport.run, self._pipeline, message, to, terms)

    async def handle_webhook(
        self,
        provider: str,
        request: WebhookRequest,
        *,
        account: str | None = None,
        later: bool = False,
    ) -> WebhookResult:
        """Verify and parse a provider's request and store its events. Same arguments and errors as `Dispatcher.handle_webhook`."""
        check_webhook(provider, request, account)
        return await self._transport.run(
            self._reports.handle_webhook(provider, request, account, later=later)
        )

    async def enqueue(
        self,
        message: Message | Fallback,
        *,
        to: Recipient,
        **options: Unpack[EnqueueKeywords],
    ) -> QueuedReceipt:
        """Store a message for a worker to send: see `Dispatcher.enqueue`. The connection of `transaction` is an async one, or one of `sqlite3`."""
        terms = self._enqueue_options(message, to, cast("dict[str, Any]", options))
        return await self._transport.run(self._enqueuer.enqueue(message, to, terms))

    def enqueue_each(
        self,
        message: Message | Fallback | Iterable[Message | Fallback],
        *,
        to: Iterable[Recipient],
        **options: Unpack[EnqueueKeywords],
    ) -> AsyncIterator[EnqueueResult]:
        """Store many messages for a worker to send. Same arguments and errors as `Dispatcher.enqueue_each`; iterate to the end with `async for`."""
        check_messages(message, to, call="enqueue_each", takes_fallback=True)
        terms = as_enqueue_options(cast("dict[str, Any]", options), "enqueue_each")
        return enqueue_each_async(self._transport.run, self._enqueuer, message, to, terms)

    @property
    def queue(self) -> AsyncQueueClient:
        """Calls about queued messages, to be awaited: see `Dispatcher.queue`."""
        return AsyncQueueClient(self._transport.run, self._enqueuer)

    @property
    def inbound(self) -> AsyncInboundClient:
        """Calls about inbound events that wait for a handler, to be awaited: see `Dispatcher.inbound`."""
        return AsyncInboundClient(self._transport.run, self._reports)

    @property
    def consent(self) -> AsyncConsentClient:
        """Calls about opt-outs and consent, to be awaited: see `Dispatcher.consent`."""
        return AsyncConsentClient(self._transport.run, self._consent)

    async def fetch_reports(self) -> Sequence[Event]:
        """Fetch delivery reports and store them. Same arguments and errors as `Dispatcher.fetch_reports`."""
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
        """Return the record of a message, or None. Same arguments and errors as `Dispatcher.get_message`."""
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
        """Return records, the newest first. Same arguments and errors as `Dispatcher.list_messages`."""
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
        """Ask providers for the outcome of unknown messages. Same arguments and errors as `Dispatcher.reconcile`."""
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
