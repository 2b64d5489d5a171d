"""WhatsApp templates: the only messages that may open a conversation. Their words were approved beforehand; a message fills the gaps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias

from messaging_channels._model.errors import InvalidMessage
from messaging_channels.messages._base import Message, ProviderOptions, require
from messaging_channels.messages.media import Media
from messaging_channels.messages.whatsapp import WhatsAppLocation
from messaging_channels.messages.whatsapp_commerce import ProductSection

Parameters: TypeAlias = "tuple[str, ...] | Mapping[str, str]"
"""By position, or by name where the template names its gaps. `LocalizedCurrency` and `LocalizedDateTime`
are text that a provider may show in the reader's own way."""


class LocalizedCurrency(str):
    """An amount. It reads as the given text wherever it cannot be shown in the reader's own way."""

    __slots__ = ("currency", "thousandths")

    thousandths: int
    currency: str

    def __new__(cls, text: str, thousandths: int, currency: str) -> Self:
        """Take the text to fall back on, the amount in thousandths, and the currency (ISO 4217)."""
        money = super().__new__(cls, text)
        money.thousandths, money.currency = thousandths, currency
        return money

    def __repr__(self) -> str:
        """Show all of it: what tells two of them apart."""
        return f"LocalizedCurrency({str(self)!r}, {self.thousandths}, {self.currency!r})"

    def __getnewargs__(self) -> tuple[str, int, str]:  # type: ignore[override]  # ours takes more than a str's
        """Let it be copied and pickled."""
        return (str(self), self.thousandths, self.currency)


class LocalizedDateTime(str):
    """A date or time, as the text that is shown."""

    __slots__ = ()


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
    """Parameters of a header line."""

    parameters: Parameters = field(repr=False)


@dataclass(frozen=True, slots=True)
class ProductHeader:
    """A product of a catalog, by the retailer's id."""

    product_id: str
    catalog_id: str


Header: TypeAlias = (
    "ImageHeader | VideoHeader | DocumentHeader | TextHeader | ProductHeader | WhatsAppLocation"
)


@dataclass(frozen=True, slots=True)
class QuickReply:
    """A reply button. Its `payload` is returned."""

    payload: str


@dataclass(frozen=True, slots=True)
class UrlParameter:
    """The variable end of a link button's URL."""

    suffix: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CopyCode:
    """A coupon to copy."""

    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class OneTimePassword:
    """The button of an authentication template, whether it copies the code or fills it in. The code is put into the body as well."""

    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FlowButton:
    """A button that opens a flow."""

    token: str = field(default="unused", repr=False)
    """Comes back with the answers. WhatsApp's own word for none is `unused`; an empty one leaves it to the provider."""
    data: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    """Values for the first screen."""

    def __hash__(self) -> int:
        """Hash by the token; the data may be a mapping."""
        return hash(self.token)


@dataclass(frozen=True, slots=True)
class CatalogButton:
    """A button that opens the catalog."""

    thumbnail_product_id: str | None = None
    """The retailer's id of the product that is shown."""


@dataclass(frozen=True, slots=True)
class ProductsButton:
    """A button that opens some products of the catalog."""

    thumbnail_product_id: str | None
    """The retailer's id of the product that is shown. None for the provider's choice, where it makes one."""
    sections: tuple[ProductSection, ...]


Button: TypeAlias = "QuickReply | UrlParameter | CopyCode | OneTimePassword | FlowButton | CatalogButton | ProductsButton | None"
"""By position; None for a button without gaps, such as a phone call."""


@dataclass(frozen=True, slots=True)
class CarouselCard:
    """A card of a carousel."""

    header: ImageHeader | VideoHeader | ProductHeader
    parameters: Parameters = field(default=(), repr=False)
    buttons: tuple[Button, ...] = ()

    def __hash__(self) -> int:
        """Hash by the header; the body may be a mapping."""
        return hash(self.header)


@dataclass(frozen=True, slots=True)
class TapTarget:
    """Where a tap on the picture leads."""

    url: str = field(repr=False)
    title: str


@dataclass(frozen=True, slots=True)
class WhatsAppTemplate(Message):
    """An approved template with its parameters."""

    name: str
    language: str
    """As the template was approved: `en`, `en_GB`."""
    parameters: Parameters = field(default=(), repr=False)
    header: Header | None = None
    buttons: tuple[Button, ...] = ()
    cards: tuple[CarouselCard, ...] = ()
    sender: str | None = None
    reply_to: str | None = None
    provider_options: tuple[ProviderOptions, ...] = ()
    category: str | None = field(default=None, kw_only=True)
    """Meta's category of the template, in capitals or not; of one with a button for a one-time password it is `authentication`."""
    offer_expires_at: float | None = None
    """When a limited-time offer is over: seconds since the epoch, UTC."""
    tap_target: TapTarget | None = None

    @property
    def uploads(self) -> tuple[Media, ...]:
        """The files of the headers that the provider has to upload."""
        headers = (self.header, *(card.header for card in self.cards))
        return tuple(
            held
            for header in headers
            if isinstance(header, (ImageHeader, VideoHeader, DocumentHeader))
            for held in header.media.as_upload()
        )

    def __post_init__(self) -> None:
        """Check the names and the gaps."""
        require(self.name, "WhatsAppTemplate.name", at_most=512)
        require(self.language, "WhatsAppTemplate.language")
        named = self.parameters if isinstance(self.parameters, Mapping) else dict(enumerate(self.parameters))
        for name, value in named.items():
            if not value:
                raise InvalidMessage(
                    "is empty", field=f"WhatsAppTemplate.parameters[{name!r}]", hint="give some text"
                )
        if self.category is None and any(isinstance(one, OneTimePassword) for one in self.buttons):
            object.__setattr__(self, "category", "authentication")

    def __hash__(self) -> int:
        """Hash by name and language; the body may be a mapping."""
        return hash((self.name, self.language))

    def require_sendable(self) -> None:
        """Refuse parameters that Meta refuses, in any component.

        Raises:
            InvalidMessage: A parameter is empty, or contains line breaks, tabs or more than four spaces in a row.
        """
        for name, text in self._gaps():
            require_template_parameter(text, name)

    def _gaps(self) -> Iterator[tuple[str, object]]:
        """Yield what fills a gap with text, each with the name of its field."""
        yield from _named("WhatsAppTemplate.parameters", self.parameters)
        if isinstance(self.header, TextHeader):
            yield from _named("TextHeader.parameters", self.header.parameters)
        yield from _button_gaps(self.buttons)
        for card in self.cards:
            yield from _named("CarouselCard.parameters", card.parameters)
            yield from _button_gaps(card.buttons)


def require_template_parameter(value: object, field: str) -> None:
    """Refuse a template parameter that no provider accepts (WhatsApp's errors 132018 and 131008, Twilio's 21656 and 63013).

    Raises:
        InvalidMessage: naming `field`, never the text.
    """
    if not isinstance(value, str) or not value.strip() or _UNFIT.search(value):
        raise InvalidMessage(
            "must be text without line breaks, tabs or five spaces in a row, and not empty",
            field=field,
            hint='collapse the white space: " ".join(text.split())',
        )


def _named(field: str, parameters: Parameters) -> Iterator[tuple[str, object]]:
    values: Iterable[object] = parameters.values() if isinstance(parameters, Mapping) else parameters
    return ((field, value) for value in values)


def _button_gaps(buttons: tuple[Button, ...]) -> Iterator[tuple[str, object]]:
    for button in buttons:
        for kind, name in _BUTTON_TEXTS.items():
            if isinstance(button, kind) and not (isinstance(button, FlowButton) and not button.token):
                yield f"{kind.__name__}.{name}", getattr(button, name)


_BUTTON_TEXTS: Mapping[type[Any], str] = {
    QuickReply: "payload",
    UrlParameter: "suffix",
    CopyCode: "code",
    OneTimePassword: "code",
    FlowButton: "token",
}
_UNFIT = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]|[^\S\t\n\v\f\r]{5}")
