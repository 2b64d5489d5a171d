"""More WhatsApp messages with something to press: carousels, calls, addresses. Like all free messages, only within 24 hours of the person's last one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from messaging_channels._model.errors import InvalidMessage
from messaging_channels.messages._base import require, require_count
from messaging_channels.messages.media import Media
from messaging_channels.messages.whatsapp import Interactive, ReplyButton

_MIN_CARDS, _MAX_CARDS = 2, 10
_CARD_TEXT, _CARD_BREAKS = 160, 2
_BUTTON = 20


@dataclass(frozen=True, slots=True)
class UrlButton:
    """A button that opens a page."""

    title: str
    url: str = field(repr=False)

    def __post_init__(self) -> None:
        """Check the length."""
        require(self.title, "UrlButton.title", at_most=_BUTTON)


@dataclass(frozen=True, slots=True)
class MediaCard:
    """A card with an image or video (by its MIME type), and either a link or reply buttons."""

    media: Media
    button: UrlButton | tuple[ReplyButton, ...]
    text: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        """Check the text."""
        if len(self.text) > _CARD_TEXT or self.text.count("\n") > _CARD_BREAKS:
            raise InvalidMessage(
                f"has more than {_CARD_TEXT} characters or {_CARD_BREAKS} line breaks",
                field="MediaCard.text",
                hint="shorten it",
            )


@dataclass(frozen=True, slots=True)
class ProductCard:
    """A card with a product of a catalog, by the retailer's id."""

    product_id: str
    catalog_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatsAppCarousel(Interactive):
    """Two to ten cards of one kind, side by side, without header and footer."""

    cards: tuple[MediaCard, ...] | tuple[ProductCard, ...]

    @property
    def uploads(self) -> tuple[Media, ...]:
        """The files of the cards that the provider has to upload."""
        return tuple(
            held for card in self.cards if isinstance(card, MediaCard) for held in card.media.as_upload()
        )

    def __post_init__(self) -> None:
        """Check the number of cards, and that they are alike."""
        self.check()
        require_count(len(self.cards), "WhatsAppCarousel.cards", at_least=_MIN_CARDS, at_most=_MAX_CARDS)
        if self.header is not None or self.footer is not None:
            raise InvalidMessage(
                "supports no header or footer", field="WhatsAppCarousel", hint="leave it out"
            )
        if len({_kind(card) for card in self.cards}) > 1:
            raise InvalidMessage(
                "must all have the same kind and number of buttons",
                field="WhatsAppCarousel.cards",
                hint="give every card the same buttons",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatsAppContactRequest(Interactive):
    """Ask for the person's number."""

    def __post_init__(self) -> None:
        """Check the text."""
        self.check()


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatsAppCallButton(Interactive):
    """A button that calls the business on WhatsApp."""

    button: str = ""
    """Label of the button. Empty for WhatsApp's usual words."""
    ttl_minutes: int | None = None
    payload: str | None = field(default=None, repr=False)
    """Comes back with the call."""

    def __post_init__(self) -> None:
        """Check the words."""
        self.check()
        if self.button:
            require(self.button, "WhatsAppCallButton.button", at_most=_BUTTON)


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatsAppCallRequest(Interactive):
    """Ask whether the business may call."""

    text: str = field(default="", repr=False)
    """Text above the question. Empty for WhatsApp's own words alone."""

    def __post_init__(self) -> None:
        """Check the text."""
        if self.text:
            self.check()


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatsAppAddressRequest(Interactive):
    """Ask for a postal address, in the countries where it is offered."""

    country: str
    """Two letters (ISO 3166)."""
    values: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """Values that the form begins with, by the provider's names."""

    def __post_init__(self) -> None:
        """Check the text and the country."""
        self.check()
        require(self.country, "WhatsAppAddressRequest.country", at_most=2)

    def __hash__(self) -> int:
        """Hash by what is cheap to hash; equal requests have equal hashes."""
        return hash((self.text, self.country))


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatsAppInteractive(Interactive):
    """An interactive message of a kind without a type of its own here, such as the payments of some countries."""

    kind: str
    """WhatsApp's word for it, such as `order_details`."""
    action: Mapping[str, Any] = field(repr=False)
    """In WhatsApp's own form. It is passed on as it is."""

    def __post_init__(self) -> None:
        """Check the text and the kind."""
        self.check()
        require(self.kind, "WhatsAppInteractive.kind")

    def __hash__(self) -> int:
        """Hash by what is cheap to hash; equal messages have equal hashes."""
        return hash((self.text, self.kind))


def _kind(card: MediaCard | ProductCard) -> object:
    if isinstance(card, ProductCard):
        return ProductCard
    return UrlButton if isinstance(card.button, UrlButton) else len(card.button)
