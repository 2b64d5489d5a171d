"""Between a dispatcher and its ledger: what is asked before a message, and what is kept of what people say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from messaging_channels._model.consent import RecipientKeys, category_of, channel_family, normal_category
from messaging_channels._model.errors import MessageBlocked
from messaging_channels._model.events import MessageReceived, OptedIn, OptedOut
from messaging_channels._model.statements import ConsentQuery, ConsentStatement
from messaging_channels.consent.hearing import hear
from messaging_channels.consent.policy import ConsentPolicy
from messaging_channels.plugins.ledger_consent import LinkRecipients, RecordStatements

if TYPE_CHECKING:
    from messaging_channels._model.events import Event
    from messaging_channels._model.receipts import Attempt
    from messaging_channels.plugins.channels import ChannelSpec
    from messaging_channels.plugins.exchange import Flow
    from messaging_channels.plugins.ledger import Ledger, Operation
    from messaging_channels.plugins.provider import Envelope


@dataclass(slots=True)
class ConsentGate:
    """What one dispatcher knows of consent. One serves all threads and tasks."""

    ledger: Ledger
    records_all: bool
    """Whether every message is recorded, and so asked about when it is written down."""
    is_temporary: bool
    """Whether the ledger is one in memory that nobody asked for."""
    policy: ConsentPolicy
    channels: Mapping[str, ChannelSpec] = field(default_factory=dict[str, "ChannelSpec"])
    """By name: their families, and what messages are for that do not say so."""
    confirm: Callable[[Sequence[Event], str | None], Flow[None]] | None = None
    """Confirms opt-outs that our own words understood, of an account; None where none are to be confirmed."""
    keys: RecipientKeys = field(init=False)
    default_categories: Mapping[str, str] = field(init=False)
    """By channel: what messages are for that do not say so; `marketing` where it is missing."""
    is_kept: bool = field(init=False)
    """Whether the ledger keeps consent at all: one of a plugin may not."""
    asks_unrecorded: bool = field(init=False)
    """Whether messages that are not recorded are asked about too. With a ledger in memory of its own, that is once something was heard."""

    def __post_init__(self) -> None:
        """Look at what the ledger can do."""
        ledger = self.ledger
        categories = {name: normal_category(one.category) for name, one in self.channels.items()}
        self.default_categories = {name: one for name, one in categories.items() if one}
        families = {name: one.family for name, one in self.channels.items() if one.family}
        self.keys = RecipientKeys(getattr(ledger, "recipient_key", _digest), ledger.stored_address, families)
        self.is_kept = self.policy.enabled and RecordStatements in ledger.executors
        self.asks_unrecorded = self.is_kept and not self.records_all and not self.is_temporary

    def query(self, envelope: Envelope, now: float, confirms: str = "") -> ConsentQuery | None:
        """Return what is to be asked before that message is sent; None if nothing is."""
        if not self.is_kept:
            return None
        channel, message = self.channels.get(envelope.channel), envelope.message
        category = self.default_categories.get(envelope.channel, "marketing")
        if getattr(message, "category", None) is not None:
            category = category_of(message, otherwise=category)
        return ConsentQuery(
            self.keys.keys(envelope.to),
            (channel.family if channel else "") or channel_family(envelope.channel),
            category,
            now,
            confirms,
        )

    def hear(self, events: Sequence[Event]) -> Sequence[Event]:
        """Return the events with what people said in their messages."""
        return hear(events, self.policy.keywords) if self.policy.enabled else events

    def counts(self, event: Event) -> bool:
        """Whether anything follows from an event: not from words that are no keyword, where they are to be reported only."""
        return self.policy.likely == "suppress" or getattr(event, "certainty", "certain") == "certain"

    def operations(self, events: Sequence[Event], now: float) -> Sequence[Operation[Any]]:
        """Return what keeps what these events say."""
        if not self.is_kept:
            return ()
        said = [one for event in events if self.counts(event) for one in self.keys.statements(event, now)]
        pairs = tuple(pair for event in events for pair in self._pairs(event))
        if said:
            self.ask_unrecorded()
        found: list[Operation[Any]] = [RecordStatements(tuple(said))] if said else []
        return [*found, LinkRecipients(pairs, now)] if pairs else found

    def ask_unrecorded(self) -> None:
        """Have messages asked about from now on that are not recorded: something is known now."""
        self.asks_unrecorded = not self.records_all

    def failures(self, ended: Sequence[tuple[Envelope, Attempt]], now: float) -> Sequence[Operation[Any]]:
        """Return what keeps what the last attempts say about the addresses."""
        if not self.is_kept:
            return ()
        told = [
            self.keys.failure(
                envelope.to,
                envelope.channel,
                one.result.failure,
                one.result.advice,
                f"{one.provider}:{one.message_id}-{one.number}",
                now,
                now,
            )
            for envelope, one in ended
            if one.result is not None
        ]
        said = [one for one in told if one is not None]
        return [RecordStatements(tuple(said))] if said else ()

    def _pairs(self, event: Event) -> Sequence[tuple[str, str]]:
        if not isinstance(event, (MessageReceived, OptedOut, OptedIn)) or not event.aliases:
            return ()
        person = event.sender if isinstance(event, MessageReceived) else event.address
        one = self.keys.key(person)
        return [(one, other) for alias in event.aliases if (other := self.keys.key(alias)) != one]


def suppressed_error(entry: ConsentStatement) -> MessageBlocked:
    """Return the error of a message that must not be sent."""
    return MessageBlocked(
        str(entry), check="consent", hint="do not send unless the person opts in again", entry=entry
    )


def _digest(identity: str) -> str:
    return sha256(identity.encode(errors="surrogatepass")).hexdigest()
