"""What comes back: webhooks proved and read, reports fetched, unknown outcomes settled, and all of it kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from messaging_channels._model import errors
from messaging_channels._model.outcomes import Kind
from messaging_channels.messages import digest_of
from messaging_channels.plugins.exchange import Flow, ask
from messaging_channels.plugins.ledger import Find, Finish, Hear, Record, Together, Unsettled
from messaging_channels.plugins.observer import Observer, tell
from messaging_channels.plugins.provider import FetchesReports, Inquiry, LooksUp, ParsesWebhooks, Provider

if TYPE_CHECKING:
    from messaging_channels._ledger.options import Recording
    from messaging_channels._model.addresses import Address
    from messaging_channels._model.events import Event
    from messaging_channels._model.receipts import Attempt
    from messaging_channels.plugins.channels import Channel
    from messaging_channels.plugins.webhooks import Received, WebhookCall
    from messaging_channels.policies.checks import Veto


@dataclass(frozen=True, slots=True)
class Reports:
    """Everything that news of a message meets. One serves all threads and tasks."""

    accounts: Mapping[str | None, Mapping[str, Provider]]
    channels: Mapping[str, Channel]
    """By name."""
    options: Recording
    observer: Observer | None
    vetoes: Sequence[Veto]
    clock: Callable[[], float]

    def receive(self, provider: str, call: WebhookCall, account: str | None) -> Flow[Received]:
        """Have the provider prove and read a call, and keep what it tells. See `Dispatcher.receive`."""
        held = self.accounts.get(account, {})
        if provider not in held:
            raise errors.UnknownProvider(provider, known=tuple(held))
        plugin = held[provider]
        if not isinstance(plugin, ParsesWebhooks):
            raise errors.WebhookRefused(
                "it has no webhooks", provider=provider, remedy="let it call an address that is its own"
            )
        received = plugin.receive(call)
        yield from self.heard(received.events)
        return received

    def fetch(self) -> Flow[Sequence[Event]]:
        """Fetch new reports from every provider that offers them; each page is kept before the next is asked for."""
        events: list[Event] = []
        for providers in self.accounts.values():
            for provider in providers.values():
                if isinstance(provider, FetchesReports):
                    while page := (yield from provider.fetch_reports()):
                        yield from self.heard(page)
                        events += page
        return events

    def heard(self, events: Sequence[Event]) -> Flow[None]:
        """Keep events in one step, and tell of those that are new."""
        if not events:
            return
        now = self.clock()
        hearings = yield from ask(Together(tuple(Hear(event, now) for event in events)))
        for event, hearing in zip(events, hearings, strict=True):
            if hearing.fresh:
                if self.observer is not None:
                    tell(self.observer.event_received, event)
                for veto in self.vetoes:
                    tell(veto.event_received, event)

    def settle(self, limit: int) -> Flow[Sequence[Record]]:
        """Ask providers about messages whose outcome is unknown and that are due. See `Dispatcher.settle`."""
        now = self.clock()
        due = yield from ask(Unsettled(now, limit, self.options.schedule))
        records: list[Record] = []
        for record in due:
            settled = yield from self.looked_up(record, self._address(record))
            records.append(settled)
        return records

    def looked_up(self, record: Record, to: Address | None) -> Flow[Record]:
        """Ask the providers of the unknown attempts of a message, and return its record as it is then."""
        settled = False
        for attempt in record.attempts:
            if attempt.kind is Kind.UNKNOWN:
                settled |= yield from self._asked(record, attempt, to)
        if not settled:
            return record
        return (yield from ask(Find(message_id=record.id))) or record

    def _asked(self, record: Record, attempt: Attempt, to: Address | None) -> Flow[bool]:
        provider = self.accounts.get(attempt.account, {}).get(attempt.provider)
        if not isinstance(provider, LooksUp) or attempt.message_id != record.id:
            return False  # of a later step of a fallback only a report can tell

        def matches(text: str) -> bool:
            return digest_of(record.id, text) == record.digest

        ended = attempt.started + attempt.duration
        inquiry = Inquiry(record.id, record.channel, to, attempt.started, ended, matches)
        try:
            outcome = yield from provider.look_up(inquiry)
        except errors.ExchangeFailed:
            return False
        if outcome is None or outcome.kind is Kind.UNKNOWN:
            return False
        if outcome.provider_id is not None:
            other = yield from ask(Find(provider=provider.name, provider_id=outcome.provider_id))
            if other is not None and other.id != record.id:
                return False  # what was found is another message of ours, with the same words
        now = self.clock()
        why = f"{provider.name} was asked, and says: {outcome.reason}"
        yield from ask(Finish(record.id, attempt.number, outcome, now, now + self.options.schedule[0], why))
        return True

    def _address(self, record: Record) -> Address | None:
        """Return the recipient's address, if the ledger keeps it in the plain."""
        channel = self.channels.get(record.channel)
        if channel is None or not self.options.ledger.keeps_addresses:
            return None
        return channel.parse(record.address)
