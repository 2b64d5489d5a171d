"""Ways to reach a person. An open set: a plugin registers more of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from messaging_channels import messages
from messaging_channels._model.addresses import (
    EmailAddress,
    PhoneNumber,
    WhatsAppAddress,
    WhatsAppGroupId,
    WhatsAppUserId,
)

if TYPE_CHECKING:
    from messaging_channels._model.addresses import Address


class Channel(Protocol):
    """What a channel has to tell. Called from many threads at once."""

    @property
    def name(self) -> str:
        """The name in routes, settings and paths: lower case, such as `sms`."""
        ...

    @property
    def address_type(self) -> type[Address]:
        """The type of this channel's addresses."""
        ...

    @property
    def message_types(self) -> tuple[type[messages.Message], ...]:
        """The message types that travel here. A type belongs to one channel."""
        ...

    def parse(self, text: str) -> Address:
        """Return the address in its normal form.

        Raises:
            InvalidAddress: the text is no address of this channel.
        """
        ...


@dataclass(frozen=True, slots=True)
class PhoneChannel:
    """A channel whose addresses are E.164 numbers."""

    name: str
    message_types: tuple[type[messages.Message], ...]
    address_type: type[Address] = PhoneNumber

    def parse(self, text: str) -> PhoneNumber:
        """Parse an E.164 number, with or without the plus."""
        return PhoneNumber.parse(text)


@dataclass(frozen=True, slots=True)
class WhatsAppChannel:
    """A channel whose addresses are E.164 numbers, or ids of WhatsApp users and groups."""

    name: str
    message_types: tuple[type[messages.Message], ...]
    address_type: type[Address] = WhatsAppAddress

    def parse(self, text: str) -> WhatsAppAddress:
        """Parse an E.164 number, with or without the plus, the id of a user, or `group:` and the id of a group."""
        if text.startswith("group:"):
            return WhatsAppGroupId.parse(text)
        return WhatsAppUserId.parse(text) if _IS_USER_ID.match(text) else PhoneNumber.parse(text)


@dataclass(frozen=True, slots=True)
class MailChannel:
    """A channel whose addresses are mail addresses, internationalised ones included."""

    name: str
    message_types: tuple[type[messages.Message], ...]
    address_type: type[Address] = EmailAddress

    def parse(self, text: str) -> EmailAddress:
        """Parse a mail address, with or without a display name."""
        return EmailAddress.parse(text)


_IS_USER_ID = re.compile(r"[A-Za-z]{2}\.")

SMS = PhoneChannel("sms", (messages.Sms, messages.Mms))
WHATSAPP = WhatsAppChannel(
    "whatsapp",
    tuple(
        kind
        for name in messages.__all__
        if name.startswith("WhatsApp") and isinstance(kind := getattr(messages, name), type)
    ),
)
EMAIL = MailChannel("email", (messages.Email,))

BUILT_IN: tuple[Channel, ...] = (SMS, WHATSAPP, EMAIL)
