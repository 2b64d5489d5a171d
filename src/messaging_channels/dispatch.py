"""The path of a message, from the caller's words to the receipt. It describes I/O and performs none."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from messaging_channels import errors
from messaging_channels.addresses import Address
from messaging_channels.exchange import Flow, Now, ask
from messaging_channels.outcomes import Kind, Outcome, Reason
from messaging_channels.provider import Envelope, FetchesReports, Provider
from messaging_channels.receipts import Attempt, Receipt, Skipped
from messaging_channels.recipients import Contact
from messaging_channels.routing import Route, may_pass_on

if TYPE_CHECKING:
    from messaging_channels.channels import Channel
    from messaging_channels.events import Event
    from messaging_channels.messages import Message
    from messaging_channels.recipients import RecipientResolver

Result = TypeVar("Result")
_NOW = Now()
Accounts: TypeAlias = "Mapping[str | None, Mapping[str, Provider]]"


class Observer:
    """Hears what happened. What it raises is logged and changes nothing. Called from many threads and tasks."""

    def attempt_finished(self, attempt: Attempt) -> None:
        """Hear of one provider that was asked about one message."""

    def event_received(self, event: Event) -> None:
        """Hear of one event that a provider reported."""


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Everything a message meets on its way. Immutable: one serves all threads and tasks."""

    channels: Mapping[type[Message], Channel]
    """By the types they carry."""
    accounts: Accounts
    """The providers by name, under the account whose credentials they hold; None is the platform's own."""
    routes: Mapping[str, Route]
    """By channel name."""
    resolvers: Sequence[RecipientResolver]
    observer: Observer

    def send(self, message: Message, to: Any) -> Flow[Receipt]:  # noqa: ANN401  resolvers take anything
        """Send one message to one recipient. See `Dispatcher.send`."""
        channel = self.channel_of(message)
        contact = yield from self.locate(to, channel)
        candidates, skipped = self.candidates(message, channel, contact.account)
        now = yield from ask(_NOW)
        envelope = Envelope(_new_id(now), channel.name, message, _address(contact, channel))
        attempts: list[Attempt] = []
        for provider in candidates:
            attempts.append((yield from self.asked(provider, envelope, contact.account, first=not attempts)))
            if not may_pass_on(one.outcome for one in attempts):
                break
        status = attempts[-1].outcome.status
        return _told(Receipt(envelope.id, channel.name, envelope.to, status, tuple(attempts), skipped))

    def asked(
        self, provider: Provider, envelope: Envelope, account: str | None, *, first: bool
    ) -> Flow[Attempt]:
        """Ask one provider, and record it. What only the first may raise is, after another attempt, a part of the record."""
        started = yield from ask(_NOW)
        try:
            outcome = (yield from attempt(provider, (envelope,)))[0]
        except (errors.BadInput, errors.ConfigurationError) as refusal:
            if first:
                raise
            outcome = Outcome.of(Reason.LOCAL, str(refusal))
        ended = yield from ask(_NOW)
        record = Attempt(
            envelope.id, envelope.channel, provider.name, account, outcome, started, ended - started
        )
        _tell(self.observer.attempt_finished, record)
        return record

    def channel_of(self, message: Message) -> Channel:
        """Return the channel that carries this type of message."""
        try:
            return self.channels[type(message)]
        except KeyError:
            known = tuple({channel.name for channel in self.channels.values()})
            raise errors.UnknownChannel(type(message).__name__, known=known) from None

    def locate(self, to: Any, channel: Channel) -> Flow[Contact]:  # noqa: ANN401
        """Turn a recipient into a contact: an address is one already, anything else is for the resolvers."""
        if isinstance(to, (str, channel.address_type, Address)):
            return Contact(to)
        for resolver in self.resolvers:
            contact = yield from resolver.resolve(to, channel)
            if contact is not None:
                return contact
        raise errors.UnresolvedRecipient(
            f"no resolver understands a {type(to).__name__}",
            recipient="recipient",
            channel=channel.name,
            remedy=f"give a {channel.address_type.__name__} or text, or add a resolver for it",
        )

    def candidates(
        self, message: Message, channel: Channel, account: str | None
    ) -> tuple[list[Provider], tuple[Skipped, ...]]:
        """Return the providers that may be asked, in order, and those passed over.

        Raises:
            NoRoute: the channel has none.
            UnknownAccount: none of them has credentials for the account.
            Unsupported: none of them carries the message.
        """
        route = self.routes.get(channel.name)
        if route is None:
            raise errors.NoRoute(channel.name)
        providers = self.accounts.get(account, {})
        known = [providers[name] for name in route.providers if name in providers]
        if not known:
            raise errors.UnknownAccount(str(account), channel=channel.name)
        lacking = [(provider, provider.capabilities.unsupported(message)) for provider in known]
        able = [provider for provider, lack in lacking if lack is None]
        if not able:
            raise errors.Unsupported(
                str(lacking[0][1]), provider=known[0].name, remedy="leave it out, or route to one that does"
            )
        return able, tuple(Skipped(one.name, f"does not carry {lack}") for one, lack in lacking if lack)

    def fetch_reports(self) -> Flow[Sequence[Event]]:
        """Fetch new delivery reports from every provider that offers them."""
        events: list[Event] = []
        for providers in self.accounts.values():
            for provider in providers.values():
                if isinstance(provider, FetchesReports):
                    events += yield from provider.fetch_reports()
        for event in events:
            _tell(self.observer.event_received, event)
        return events


@dataclass(slots=True)
class _Evidence:
    """Whether anything may have left the machine so far."""

    may_have_been_sent: bool = False


def attempt(provider: Provider, batch: Sequence[Envelope]) -> Flow[Sequence[Outcome]]:
    """Ask one provider once, and turn whatever goes wrong into outcomes.

    Raises:
        BadInput: the provider refused the message before anything left the machine.
        ConfigurationError: likewise, for a fault of the deployment.
    """
    evidence = _Evidence()
    try:
        outcomes = yield from _watched(provider.send(batch), evidence)
    except errors.ExchangeFailed as failure:
        return [_of_failure(failure, evidence)] * len(batch)
    except Exception as fault:
        if (
            isinstance(fault, (errors.BadInput, errors.ConfigurationError))
            and not evidence.may_have_been_sent
        ):
            raise
        reason = Reason.PLUGIN if evidence.may_have_been_sent else Reason.LOCAL
        return [Outcome.of(reason, f"{provider.name} raised {type(fault).__name__}")] * len(batch)
    if len(outcomes) != len(batch):
        detail = f"{provider.name} told of {len(outcomes)} of {len(batch)} messages"
        return [Outcome.of(Reason.UNIDENTIFIED, detail)] * len(batch)
    return outcomes


def _watched(flow: Flow[Result], evidence: _Evidence) -> Flow[Result]:
    """Run a flow and note when one of its exchanges may have had an effect."""
    advance: Callable[[Any], Any] = flow.send
    reply: Any = None
    while True:
        try:
            exchange = advance(reply)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]
        try:
            reply = yield exchange
        except BaseException as failure:  # noqa: BLE001  cancellation included: the flow decides
            if not isinstance(failure, errors.ExchangeFailed) or failure.may_have_been_sent:
                evidence.may_have_been_sent |= exchange.effect
            advance, reply = flow.throw, failure
        else:
            evidence.may_have_been_sent |= exchange.effect
            advance = flow.send


def _tell(hear: Callable[[Any], None], fact: object) -> None:
    try:
        hear(fact)
    except Exception:
        import logging  # noqa: PLC0415  not needed where observers are well behaved

        logging.getLogger("messaging_channels.dispatch").exception("an observer failed")


def _of_failure(failure: errors.ExchangeFailed, evidence: _Evidence) -> Outcome:
    if not evidence.may_have_been_sent:
        return Outcome.of(Reason.UNREACHABLE, str(failure))
    return Outcome.of(Reason.TIMEOUT if failure.timed_out else Reason.CONNECTION, str(failure))


def _address(contact: Contact, channel: Channel) -> Any:  # noqa: ANN401  checked against the channel's type
    address = contact.address
    if isinstance(address, str):
        return channel.parse(address)
    if not isinstance(address, channel.address_type):
        raise errors.InvalidAddress(
            f"a {type(address).__name__}",
            kind=channel.address_type.__name__,
            remedy="use the channel's own kind",
        )
    return address


def _told(receipt: Receipt) -> Receipt:
    """Return the receipt of what was or may have been sent; raise what certainly was not."""
    last = receipt.attempts[-1]
    if receipt.outcome in (Kind.ACCEPTED, Kind.UNKNOWN):
        return receipt
    failed = errors.Rejected if receipt.outcome is Kind.REJECTED else errors.NotSent
    raise failed(
        f"{last.provider} on channel {receipt.channel!r}: {last.outcome.reason} ({last.outcome.detail}); message {receipt.id}",
        receipt=receipt,
        retry_after=last.outcome.retry_after,
    )


def _new_id(now: float) -> str:
    """Return a message id: 32 hexadecimal digits that sort by time, 80 bits of them random."""
    return f"{int(now * 1000):012x}{os.urandom(10).hex()}"
