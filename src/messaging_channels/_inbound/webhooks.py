"""What comes back: webhooks proved and read, reports fetched, unknown outcomes settled, and all of it kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from messaging_channels._inbound.handlers import InboundHandlers
from messaging_channels._inbound.taken_reports import REPORTS, ReportInbox
from messaging_channels._model import errors
from messaging_channels._model.events import StatusChanged
from messaging_channels._model.outcomes import AttemptResult, Outcome
from messaging_channels.messages import digest_of
from messaging_channels.plugins.exchange import Flow, ask
from messaging_channels.plugins.ledger import (
    FinishAttempt,
    GetMessage,
    ListUnknown,
    MessageRecord,
    Operation,
    RecordEvent,
    Transaction,
)
from messaging_channels.plugins.ledger_reports import GetReportCursor, StoreReportCursor
from messaging_channels.plugins.observer import Observer, notify
from messaging_channels.plugins.provider import (
    LookupRequest,
    Provider,
    ReportsOptional,
    SupportsLookup,
    SupportsReportPolling,
    SupportsWebhooks,
)
from messaging_channels.plugins.report_pages import SupportsReportCursor
from messaging_channels.plugins.taken_reports import TakenWebhook

if TYPE_CHECKING:
    from messaging_channels._ledger.options import LedgerOptions
    from messaging_channels._model.addresses import Address
    from messaging_channels._model.events import Event
    from messaging_channels._model.receipts import Attempt
    from messaging_channels.consent.gate import ConsentGate
    from messaging_channels.plugins.channels import ChannelSpec
    from messaging_channels.plugins.webhooks import WebhookRequest, WebhookResult
    from messaging_channels.policies.checks import PreSendCheck


@dataclass(frozen=True, slots=True)
class Reports:
    """Everything that news of a message meets. One serves all threads and tasks."""

    accounts: Mapping[str | None, Mapping[str, Provider]]
    channels: Mapping[str, ChannelSpec]
    """By name."""
    options: LedgerOptions
    observer: Observer | None
    checks: Sequence[PreSendCheck]
    clock: Callable[[], float]
    consent: ConsentGate | None = None
    """Hears what people say about being written to, and has it kept."""
    handlers: InboundHandlers = field(init=False)
    """What the application wants to deal with."""

    inbox: ReportInbox = field(init=False)
    """Where reports wait that are recorded after their provider was answered."""

    def __post_init__(self) -> None:
        """Begin without any."""
        handlers = InboundHandlers(self.clock, self.options)
        object.__setattr__(self, "handlers", handlers)
        inbox = ReportInbox(handlers, self.consent, self.store_events, self.clock)
        object.__setattr__(self, "inbox", inbox)

    def handle_webhook(
        self, provider: str, request: WebhookRequest, account: str | None, *, later: bool = False
    ) -> Flow[WebhookResult]:
        """Have the provider prove and read a call, and keep what it tells. See `Dispatcher.handle_webhook`."""
        if later:
            return (yield from self.take_webhook(provider, request, account, REPORTS, lease=None)).result
        return (yield from self._keep(self._read(provider, request, account), request, account))

    def take_webhook(
        self,
        provider: str,
        request: WebhookRequest,
        account: str | None,
        recorder: str,
        *,
        lease: float | None,
    ) -> Flow[TakenWebhook]:
        """Have the provider prove and read a call, and take its reports in; see `AsyncInboundClient.take_webhook`."""
        received = self._read(provider, request, account)
        if not self.inbox.may_wait(received.events):
            return TakenWebhook((yield from self._keep(received, request, account)), is_recorded=True)
        taken = yield from self.inbox.take(received.events, account, recorder, lease=lease)
        return TakenWebhook(received, is_recorded=False, reports=taken)

    def _read(self, provider: str, request: WebhookRequest, account: str | None) -> WebhookResult:
        held = self.accounts.get(account, {})
        if provider not in held:
            raise errors.UnknownProvider(provider, known=tuple(held))
        plugin = held[provider]
        if not isinstance(plugin, SupportsWebhooks):
            raise errors.WebhooksNotSupported(provider)
        return plugin.handle_webhook(request)

    def _keep(
        self, received: WebhookResult, request: WebhookRequest, account: str | None
    ) -> Flow[WebhookResult]:
        events = yield from self.store_events(received.events, request, account)
        if any(one.in_place for one in self.handlers.registered):
            yield from self.handlers.run_round(len(events), in_place=True)
        return received if len(events) == len(received.events) else replace(received, events=tuple(events))

    def fetch_reports(self) -> Flow[Sequence[Event]]:
        """Fetch new reports from every provider that offers them; each page is kept before the next is asked for."""
        events: list[Event] = []
        for account, providers in self.accounts.items():
            for provider in providers.values():
                if isinstance(provider, SupportsReportCursor):
                    events += yield from self._fetch_after(provider, account)
                elif isinstance(provider, SupportsReportPolling):
                    events += yield from self._fetch_all(provider, account)
        return events

    def _fetch_all(self, provider: SupportsReportPolling, account: str | None) -> Flow[Sequence[Event]]:
        """Fetch page after page, until there is none, or the same one comes again and again."""
        events: list[Event] = []
        pages: Counter[frozenset[str]] = Counter()
        while page := (yield from provider.fetch_reports()):
            keys = frozenset(event.key for event in page)
            pages[keys] += 1
            if pages[keys] > _MOST_REPETITIONS:
                break
            events += yield from self.store_events(page, None, account)
        return events

    def _fetch_after(self, provider: SupportsReportCursor, account: str | None) -> Flow[Sequence[Event]]:
        """Fetch page after page from where the last one ended; each is kept with its cursor in one step."""
        events: list[Event] = []
        name = cast("Provider", provider).name
        cursor: str | None = yield from ask(GetReportCursor(name, account))
        seen = {cursor}
        while True:
            page = yield from provider.fetch_reports_after(cursor)
            is_new = page.cursor is not None and page.cursor not in seen
            mark = (StoreReportCursor(name, account, page.cursor or ""),) if is_new else ()
            events += yield from self.store_events(page.events, None, account, also=mark)
            if not is_new or not page.events:
                return events
            cursor = page.cursor
            seen.add(cursor)

    def store_events(
        self,
        told: Sequence[Event],
        request: WebhookRequest | None = None,
        account: str | None = None,
        *,
        also: Sequence[Operation[Any]] = (),
    ) -> Flow[Sequence[Event]]:
        """Keep events in one step, with what they say about consent, and tell of those that are new. Return all of them."""
        if not told:
            if also:
                yield from ask(Transaction(tuple(also)))
            return ()
        now, consent = self.clock(), self.consent
        events = consent.hear(told) if consent else told
        said = consent.operations(events, now) if consent else ()
        steps = (RecordEvent(self._as_kept(event), now, self._recipients(event)) for event in events)
        kept = self.handlers.store(events, request)
        replies = yield from ask(Transaction((*kept, *steps, *said, *also)))
        recorded = zip(events, replies[len(kept) : len(kept) + len(events)], strict=True)
        new = [event for event, one in recorded if one.is_new]
        for event in new:
            self._tell(event)
        if consent is not None and consent.confirm is not None and said:
            yield from consent.confirm(_heard(new, told, consent), account)
        return events

    def _tell(self, event: Event) -> None:
        """Tell the observer and the checks of an event that is new."""
        if self.observer is not None:
            notify(self.observer.event_received, event)
        for check in self.checks:
            notify(check.event_received, event)

    def _as_kept(self, event: Event) -> Event:
        """Return an event without the address of its recipient in the words of the vendor, where the ledger masks addresses."""
        if isinstance(event, StatusChanged) and event.recipient is not None:
            return self.options.without_address(event, event.recipient)
        return event

    def _recipients(self, event: Event) -> tuple[str, ...]:
        """Return whom a report speaks of, as the ledger may have kept it: mail servers write addresses in small letters."""
        to = event.recipient if isinstance(event, StatusChanged) else None
        if to is None:
            return ()
        keep = self.options.ledger.stored_address
        spellings = {keep(to.plain, to.masked), keep(to.plain.lower(), to.masked.lower())}
        return tuple(sorted(spellings - {""}))

    def reconcile(self, limit: int) -> Flow[Sequence[MessageRecord]]:
        """Ask providers about messages whose outcome is unknown and that are due. See `Dispatcher.reconcile`."""
        now = self.clock()
        due = yield from ask(ListUnknown(now, limit, self.options.reconcile_after))
        records: list[MessageRecord] = []
        for record in due:
            reconciled = yield from self.look_up(record, self._address(record))
            records.append(reconciled)
        return records

    def look_up(self, record: MessageRecord, to: Address | None) -> Flow[MessageRecord]:
        """Ask the providers of the unknown attempts of a message, and return its record as it is then."""
        settled = False
        for attempt in record.attempts:
            if attempt.outcome is Outcome.UNKNOWN:
                settled |= yield from self._ask_provider(record, attempt, to)
        if not settled:
            return record
        return (yield from ask(GetMessage(message_id=record.id))) or record

    def check_delivery(self, record: MessageRecord, to: Address) -> Flow[MessageRecord]:
        """Ask whether a message that a provider took has been delivered, where it can be asked; return its record as it is then."""
        for attempt in record.attempts:
            known = attempt.result.provider_id if attempt.result else None
            provider = self.accounts.get(attempt.account, {}).get(attempt.provider)
            told_of = not isinstance(provider, ReportsOptional) or provider.has_reports
            if known is None or attempt.outcome is not Outcome.ACCEPTED or told_of:
                continue
            result = yield from self._inquire(record, attempt, to, known)
            if result is not None and result.provider_id == known:
                event = StatusChanged(
                    provider=attempt.provider,
                    occurred_at=self.clock(),
                    message_id=record.id,
                    provider_id=known,
                    status=result.status,
                )
                yield from self.store_events((event,))
        return (yield from ask(GetMessage(message_id=record.id))) or record

    def _ask_provider(self, record: MessageRecord, attempt: Attempt, to: Address | None) -> Flow[bool]:
        result = yield from self._inquire(record, attempt, to)
        if result is None or result.outcome is Outcome.UNKNOWN:
            return False
        if result.provider_id is not None:
            other = yield from ask(GetMessage(provider=attempt.provider, provider_id=result.provider_id))
            if other is not None and other.id != record.id:
                return False  # what was found is another message of ours, with the same words
        now = self.clock()
        why = f"{attempt.provider} was asked, and says: {result.reason}"
        yield from ask(
            FinishAttempt(record.id, attempt.number, result, now, now + self.options.reconcile_after[0], why)
        )
        return True

    def _inquire(
        self, record: MessageRecord, attempt: Attempt, to: Address | None, provider_id: str | None = None
    ) -> Flow[AttemptResult | None]:
        """Ask a provider about an attempt. None if it cannot tell: a plugin that fails harms no other message."""
        provider = self.accounts.get(attempt.account, {}).get(attempt.provider)
        if not isinstance(provider, SupportsLookup) or attempt.message_id != record.id:
            return None  # of a later step of a fallback only a report can tell

        def matches(text: str) -> bool:
            return digest_of(record.id, text) == record.digest

        ended = attempt.started_at + attempt.duration
        inquiry = LookupRequest(
            record.id,
            record.channel,
            to,
            attempt.started_at,
            ended,
            matches,
            self._address_matcher(record),
            provider_id,
        )
        try:
            return _require_result((yield from provider.look_up(inquiry)))
        except (errors.TransportError, errors.LedgerUnavailable):
            return None
        except Exception:  # whatever a plugin raises
            import logging  # noqa: PLC0415  not needed where all goes well

            log = logging.getLogger("messaging_channels._inbound.webhooks")
            log.exception(
                "provider %s failed when it was asked about message %s", attempt.provider, record.id
            )
            return None

    def _address_matcher(self, record: MessageRecord) -> Callable[[Address], bool] | None:
        """Return what tells whether an address is kept as the record's is; None if the ledger keeps none."""
        keep = self.options.ledger.stored_address
        return (lambda to: keep(to.plain, to.masked) == record.address) if record.address else None

    def _address(self, record: MessageRecord) -> Address | None:
        """Return the recipient's address, if the ledger keeps it in the plain, and it was not erased."""
        channel = self.channels.get(record.channel)
        if channel is None or not record.address or not self.options.ledger.has_plain_addresses:
            return None
        try:
            return channel.parse(record.address)
        except errors.BadInput:
            return None


def _require_result(found: AttemptResult | None) -> AttemptResult | None:
    """Return what a plugin found.

    Raises:
        TypeError: it is no result, or has an id that is no text.
    """
    if found is None or (
        isinstance(found, AttemptResult) and isinstance(found.provider_id, (str, type(None)))  # pyright: ignore[reportUnnecessaryIsInstance]
    ):
        return found
    problem = f"look_up returned {type(found).__name__}, not an AttemptResult"
    raise TypeError(problem)


_MOST_REPETITIONS = 3
"""How often the same reports may come in one call: once from a log, once as reports, and once more for good measure."""


def _heard(new: Sequence[Event], told: Sequence[Event], consent: ConsentGate) -> Sequence[Event]:
    """Return what our own words understood, and no vendor told."""
    known = {id(one) for one in told}
    return [one for one in new if id(one) not in known and consent.counts(one)]
