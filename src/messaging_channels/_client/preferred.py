"""By which channels somebody can be reached, and a message by the first of them that consent, content and providers allow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from messaging_channels._model import errors
from messaging_channels._model.outcomes import Outcome
from messaging_channels._model.send_failed import Rejected
from messaging_channels.messages import Adaptive, Message
from messaging_channels.plugins.exchange import Flow, ask
from messaging_channels.plugins.ledger import GetMessage
from messaging_channels.plugins.recipients import ResolvedRecipient
from messaging_channels.plugins.resolvers import KnowsPreferences

if TYPE_CHECKING:
    from messaging_channels._model.addresses import Address
    from messaging_channels._model.receipts import Receipt
    from messaging_channels._sending.pipeline import SendPipeline
    from messaging_channels._sending.send_options import SendOptions
    from messaging_channels.plugins.channels import ChannelSpec

Alternatives: TypeAlias = "Message | Adaptive | Sequence[Message]"
"""What may be sent by one of several channels: declared content, or messages of different channels."""


@dataclass(frozen=True, slots=True)
class ChannelAddress:
    """One way to reach somebody."""

    channel: str
    address: Address = field(repr=False)
    account: str | None = None
    """Whose credentials send it. None for the platform's own."""


@dataclass(frozen=True, slots=True)
class RecipientChannels:
    """What is known of the ways to reach somebody. One serves all threads and tasks."""

    pipeline: SendPipeline
    channels: Mapping[str, ChannelSpec]
    """By name."""

    def channels_of(self, to: Any) -> Flow[Sequence[ChannelAddress]]:  # noqa: ANN401  resolvers take anything
        """Return the channels by which a recipient has an address, in the order that they prefer. See `Dispatcher.channels_of`."""
        found: dict[str, ChannelAddress] = {}
        unknown: errors.MessagingError | None = None
        for spec in self.channels.values():
            try:
                contact = yield from self.pipeline.envelopes.resolve(to, spec)
                address = spec.parse(contact.address) if isinstance(contact.address, str) else contact.address
            except (errors.UnresolvedRecipient, errors.UnknownRecipient, errors.InvalidAddress) as error:
                unknown = unknown or error
                continue
            if isinstance(address, spec.address_type):
                found[spec.name] = ChannelAddress(spec.name, address, contact.account)
        if not found and isinstance(unknown, errors.UnknownRecipient):
            raise unknown
        order = yield from self._preferences(to)
        names = [*(one for one in order if one in found), *(one for one in found if one not in order)]
        return tuple(found[one] for one in names)

    def _preferences(self, to: Any) -> Flow[Sequence[str]]:  # noqa: ANN401  resolvers take anything
        for resolver in self.pipeline.envelopes.resolvers:
            if isinstance(resolver, KnowsPreferences):
                told = yield from resolver.preferred_channels(to)
                if told is not None:
                    return tuple(told)
        return ()

    def send(self, content: Alternatives, to: Any, options: SendOptions) -> Flow[Receipt]:  # noqa: ANN401
        """Send by the first channel that works: see `Dispatcher.send`.

        Another one follows only where the one before was certainly not used: forbidden by what the person said, without a provider, or refused for good.
        """
        places = yield from self.channels_of(to)
        planned = [
            (message, place) for place in places for message in self._message_for(content, place.channel)
        ]
        if not planned:
            has = ", ".join(one.channel for one in places) or "none"
            raise errors.UnresolvedRecipient(
                f"no channel of the recipient supports this message (known channels: {has})",
                recipient="recipient",
                channel="preferred",
                hint="store an address of another channel, or give content that fits",
            )
        terms = [_terms_of(options, place.channel) for _, place in planned]
        first = yield from self._already_used(terms)
        problem: errors.MessagingError | None = None
        for (message, place), own in list(zip(planned, terms, strict=True))[first:]:
            contact = ResolvedRecipient(place.address, place.account)
            try:
                return (yield from self.pipeline.send(message, contact, own))
            except (errors.IdempotencyKeyInUse, errors.IdempotencyKeyReused):
                raise
            except (errors.MessageBlocked, errors.BadInput, errors.ConfigurationError, Rejected) as error:
                problem = error
        assert problem is not None  # noqa: S101  the loop ran at least once
        raise problem

    def _already_used(self, terms: Sequence[SendOptions]) -> Flow[int]:
        """Return which of the channels an earlier call with the same idempotency key has used; the first if none."""
        for number, one in enumerate(terms):
            if one.idempotency_key is None:
                return 0
            record = yield from ask(GetMessage(scope=one.scope, idempotency_key=one.idempotency_key))
            if record is not None and (
                record.in_progress or record.outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN)
            ):
                return number
        return 0

    def _message_for(self, content: Alternatives, channel: str) -> Iterator[Message]:
        """Return the message for a channel, if there is one."""
        spec = self.channels[channel]
        if isinstance(content, Adaptive):
            try:
                yield content.render(spec).message
            except errors.InvalidMessage:
                return
            return
        for one in (content,) if isinstance(content, Message) else content:
            if type(one) in spec.message_types:
                yield one
                return


def _terms_of(options: SendOptions, channel: str) -> SendOptions:
    """Return the terms of one channel: under the call's key, a key of its own."""
    key = options.idempotency_key
    return (
        options if key is None else replace(options, idempotency_key=f"{key[:_MAX_KEY]}/via/{channel[:40]}")
    )


_MAX_KEY = 200
