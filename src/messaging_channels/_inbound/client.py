"""What can be done with events that wait for a handler, sync or async."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from messaging_channels._inbound.taken_reports import LEASE
from messaging_channels._model.arguments import require_instance, require_text
from messaging_channels.plugins.exchange import Flow, ask
from messaging_channels.plugins.ledger_inbound import InboundItem, RetryInbound
from messaging_channels.plugins.webhooks import WebhookRequest

if TYPE_CHECKING:
    from messaging_channels._inbound.handlers import InboundHandlers
    from messaging_channels._inbound.webhooks import Reports
    from messaging_channels.plugins.taken_reports import TakenReports, TakenWebhook


def check_webhook(provider: object, request: object, account: object) -> None:
    """Refuse what is no webhook.

    Raises:
        InvalidArgument: the provider's name is no text, or the request is one of a web framework.
    """
    require_text(provider, "provider")
    if account is not None:
        require_text(account, "account")
    hint = "make one with WebhookRequest.from_django(), from_flask(), from_starlette() or from_wsgi()"
    require_instance(request, WebhookRequest, "request", hint)


@dataclass(frozen=True, slots=True)
class InboundClient:
    """The events of a `Dispatcher` that wait for its handlers. All of its methods raise LedgerUnavailable when the ledger could not be read or written."""

    run: Callable[[Flow[Any]], Any]
    reports: Reports

    @property
    def handlers(self) -> InboundHandlers:
        """The application's handlers."""
        return self.reports.handlers

    def waiting(self, *, limit: int = 100) -> Sequence[InboundItem]:
        """Return what no handler has dealt with yet, in the order in which it came."""
        return self.run(self.handlers.list_items(limit, is_dead=False))  # type: ignore[no-any-return]

    def dead_letters(self, *, limit: int = 100) -> Sequence[InboundItem]:
        """Return events with which a handler failed too often, in the order in which they came."""
        return self.run(self.handlers.list_items(limit, is_dead=True))  # type: ignore[no-any-return]

    def retry_dead_letters(self, event_key: str | None = None, *, limit: int = 1000) -> int:
        """Have dead letters dealt with again: those of one event, or up to `limit` of all. Return how many."""
        return self.run(ask(RetryInbound(self.handlers.clock(), event_key, limit)))  # type: ignore[no-any-return]

    def take_webhook(
        self,
        provider: str,
        request: WebhookRequest,
        *,
        recorder: str,
        account: str | None = None,
        lease: float | None = LEASE,
    ) -> TakenWebhook:
        """Verify and parse a webhook request, and keep its reports in one small commit: they are recorded after the provider was answered.

        A request that holds something besides reports, or says something about consent, is recorded at once. So are all if the ledger has no key to seal
        what waits.

        Args:
            provider: as for `handle_webhook`.
            request: as for `handle_webhook`.
            recorder: the name of who records them, such as the name of a program. The workers of the library record those of "reports".
            account: as for `handle_webhook`.
            lease: seconds (30.0) in which this process records them, by `record_reports`; then another one may claim them. None leaves them to
                `claim_reports`.

        Raises:
            WebhookVerificationError, UnknownProvider: as `handle_webhook` does.
            LedgerUnavailable: the reports could not be kept. Answer 503, so that the provider repeats the request.
        """
        check_webhook(provider, request, account)
        return self.run(self.reports.take_webhook(provider, request, account, recorder, lease=lease))  # type: ignore[no-any-return]

    def claim_reports(
        self, recorder: str, *, limit: int = 100, lease: float = LEASE
    ) -> Sequence[TakenReports]:
        """Become the holder, for `lease` seconds (30.0), of reports that nobody records: of a process that died, and of those that failed before.

        Those of one message come in order: none before an earlier one is recorded or is a dead letter.
        """
        return self.run(self.reports.inbox.claim(recorder, limit, lease))  # type: ignore[no-any-return]

    def record_reports(self, taken: Sequence[TakenReports]) -> Sequence[TakenReports]:
        """Record reports. Return those that are recorded; one that cannot be is tried again after 5 s, then 10 s, up to 15 min, and is a dead letter
        after 12 tries.
        """
        return self.run(self.reports.inbox.record(taken))  # type: ignore[no-any-return]

    def finish_reports(self, recorded: Sequence[TakenReports]) -> None:
        """Forget reports that were recorded. Until then, another process records them again once they are claimed, which changes nothing."""
        self.run(self.reports.inbox.finish(recorded))


@dataclass(frozen=True, slots=True)
class AsyncInboundClient:
    """The events of an `AsyncDispatcher` that wait for its handlers; see `InboundClient`."""

    run: Callable[[Flow[Any]], Awaitable[Any]]
    reports: Reports

    @property
    def handlers(self) -> InboundHandlers:
        """The application's handlers."""
        return self.reports.handlers

    async def waiting(self, *, limit: int = 100) -> Sequence[InboundItem]:
        """See `InboundClient.waiting`."""
        return await self.run(self.handlers.list_items(limit, is_dead=False))  # type: ignore[no-any-return]

    async def dead_letters(self, *, limit: int = 100) -> Sequence[InboundItem]:
        """See `InboundClient.dead_letters`."""
        return await self.run(self.handlers.list_items(limit, is_dead=True))  # type: ignore[no-any-return]

    async def retry_dead_letters(self, event_key: str | None = None, *, limit: int = 1000) -> int:
        """See `InboundClient.retry_dead_letters`."""
        return await self.run(ask(RetryInbound(self.handlers.clock(), event_key, limit)))  # type: ignore[no-any-return]

    async def take_webhook(
        self,
        provider: str,
        request: WebhookRequest,
        *,
        recorder: str,
        account: str | None = None,
        lease: float | None = LEASE,
    ) -> TakenWebhook:
        """See `InboundClient.take_webhook`."""
        check_webhook(provider, request, account)
        return await self.run(  # type: ignore[no-any-return]
            self.reports.take_webhook(provider, request, account, recorder, lease=lease)
        )

    async def claim_reports(
        self, recorder: str, *, limit: int = 100, lease: float = LEASE
    ) -> Sequence[TakenReports]:
        """See `InboundClient.claim_reports`."""
        return await self.run(self.reports.inbox.claim(recorder, limit, lease))  # type: ignore[no-any-return]

    async def record_reports(self, taken: Sequence[TakenReports]) -> Sequence[TakenReports]:
        """See `InboundClient.record_reports`."""
        return await self.run(self.reports.inbox.record(taken))  # type: ignore[no-any-return]

    async def finish_reports(self, recorded: Sequence[TakenReports]) -> None:
        """See `InboundClient.finish_reports`."""
        await self.run(self.reports.inbox.finish(recorded))
