"""Whom a message is for: its channel, the recipient's address there, and whose account writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from messaging_channels._model import errors
from messaging_channels._model.addresses import Address
from messaging_channels._model.ids import message_id
from messaging_channels.messages._base import require_plain_values
from messaging_channels.messages._values import require_characters
from messaging_channels.plugins.attachments import read_attachments
from messaging_channels.plugins.exchange import Flow
from messaging_channels.plugins.provider import Envelope
from messaging_channels.plugins.recipients import Person, ResolvedRecipient, User

if TYPE_CHECKING:
    from messaging_channels.messages import Message
    from messaging_channels.plugins.channels import Channel
    from messaging_channels.plugins.resolvers import RecipientResolver


@dataclass(frozen=True, slots=True)
class EnvelopeBuilder:
    """The channels, and who turns recipients into addresses. One serves all threads and tasks."""

    channels: Mapping[type[Message], Channel]
    """By the types they carry."""
    resolvers: Sequence[RecipientResolver]

    def build(
        self,
        message: Message,
        to: Any,  # noqa: ANN401  resolvers take anything
        now: float,
    ) -> Flow[tuple[Envelope, str | None]]:
        """Find out whom a message is for, and whose account sends it. Its files are read now: from here on it is a value.

        Raises:
            BadInput: it cannot be sent as it is, or the recipient is none.
        """
        channel = self.channels.get(type(message)) or self.channel_for(message)
        message.require_sendable()
        require_characters(message)
        if getattr(message, "sender", None) or getattr(message, "validity_period", None):
            require_plain_values(message)
        if getattr(message, "attachments", ()):
            message = yield from read_attachments(message)
        if isinstance(to, str):
            return Envelope(message_id(now), channel.name, message, channel.parse(to)), None
        contact = yield from self.resolve(to, channel)
        return Envelope(message_id(now), channel.name, message, _address(contact, channel)), contact.account

    def channel_for(self, message: Message) -> Channel:
        """Return the channel that carries this type of message."""
        try:
            return self.channels[type(message)]
        except KeyError:
            known = tuple({channel.name for channel in self.channels.values()})
            raise errors.UnknownChannel(type(message).__name__, known=known) from None

    def _unknown(self, to: User | Person, channel: Channel) -> errors.UnknownRecipient:
        problem, hint = (
            ("no resolver knows it", "check the id")
            if self.resolvers
            else ("there is no resolver", "pass resolvers=[MappingResolver({...})] to the dispatcher")
        )
        return errors.UnknownRecipient(problem, recipient=repr(to), channel=channel.name, hint=hint)

    def resolve(self, to: Any, channel: Channel) -> Flow[ResolvedRecipient]:  # noqa: ANN401
        """Turn a recipient into a contact: an address is one already, anything else is for the resolvers."""
        if isinstance(to, (str, Address)):
            return ResolvedRecipient(to)
        if isinstance(to, ResolvedRecipient):
            return to
        for resolver in self.resolvers:
            contact = yield from resolver.resolve(to, channel)
            if contact is not None:
                return contact
        if isinstance(to, (User, Person)):
            raise self._unknown(to, channel)
        if isinstance(to, (list, tuple, set, frozenset, dict)):
            raise errors.InvalidArgument(
                f"is a {type(cast('object', to)).__name__}",
                argument="to",
                hint="give each recipient by itself",
            )
        raise errors.UnresolvedRecipient(
            f"no resolver understands a {type(to).__name__}",
            recipient="recipient",
            channel=channel.name,
            hint=f"give a {channel.address_type.__name__} or text, or add a resolver for it",
        )


def _address(contact: ResolvedRecipient, channel: Channel) -> Any:  # noqa: ANN401  checked against the channel's type
    address = contact.address
    if isinstance(address, str):
        return channel.parse(address)
    if not isinstance(address, channel.address_type):
        raise errors.InvalidAddress(
            f"a {type(address).__name__}",
            kind=channel.address_type.__name__,
            hint="use the channel's own kind",
        )
    return address
