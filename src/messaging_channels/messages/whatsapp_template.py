"""WhatsApp templates: the only messages that may open a conversation. Their words were approved beforehand; a message fills the gaps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from messaging_channels.errors import InvalidMessage
from messaging_channels.messages._message import Extra, Message, require
from messaging_channels.messages.whatsapp import Media, WhatsAppLocation

Parameters: TypeAlias = "tuple[str, ...] | Mapping[str, str]"
"""By position, or by name where the template names its gaps."""


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """An image above the text."""

    media: Media


@dataclass(frozen=True, slots=True)
class VideoHeader:
    """A video above the text."""

    media: Media


@dataclass(frozen=True, slots=True)
class DocumentHeader:
    """A document above the text."""

    media: Media
    filename: str | None = None


@dataclass(frozen=True, slots=True)
class TextHeader:
    """The gaps of a header line."""

    parameters: Parameters = field(repr=False)


Header: TypeAlias = "ImageHeader | VideoHeader | DocumentHeader | TextHeader | WhatsAppLocation"


@dataclass(frozen=True, slots=True)
class QuickReply:
    """A button that answers; `payload` comes back."""

    payload: str


@dataclass(frozen=True, slots=True)
class UrlSuffix:
    """The variable end of a link button's URL."""

    suffix: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CopyCode:
    """A code to copy: a coupon, or the one-time password of an authentication template."""

    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FlowButton:
    """A button that opens a flow."""

    token: str = field(repr=False)


Button: TypeAlias = "QuickReply | UrlSuffix | CopyCode | FlowButton | None"
"""By position; None for a button without gaps, such as a phone call."""


@dataclass(frozen=True, slots=True)
class Card:
    """One card of a carousel."""

    header: ImageHeader | VideoHeader
    body: Parameters = field(default=(), repr=False)
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True)
class WhatsAppTemplate(Message):
    """An approved template with its gaps filled."""

    name: str
    language: str
    """As the template was approved: `en`, `en_GB`."""
    body: Parameters = field(default=(), repr=False)
    header: Header | None = None
    buttons: tuple[Button, ...] = ()
    cards: tuple[Card, ...] = ()
    sender: str | None = None
    reply_to: str | None = None
    extra: tuple[Extra, ...] = ()

    def __post_init__(self) -> None:
        """Check the names and the gaps."""
        require(self.name, "WhatsAppTemplate.name", at_most=512)
        require(self.language, "WhatsAppTemplate.language")
        values = self.body.values() if isinstance(self.body, Mapping) else self.body
        if not all(values):
            raise InvalidMessage("a gap is empty", field="WhatsAppTemplate.body", remedy="fill all of them")

    def __hash__(self) -> int:
        """Hash by name and language; the body may be a mapping."""
        return hash((self.name, self.language))
