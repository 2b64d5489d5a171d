"""Cards: a picture, a title, words and what can be tapped; one, or several side by side."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar, Literal

from messaging_channels.errors import InvalidMessage
from messaging_channels.messages import ProviderOptions
from messaging_channels_rcs import limits
from messaging_channels_rcs.messages import RcsMessage, SmsFallback
from messaging_channels_rcs.suggestions import Suggestion


@dataclass(frozen=True, slots=True)
class CardMedia:
    """The picture or video of a card, by its public URL."""

    __pydantic_config__: ClassVar[Any] = limits.FORBIDDEN

    url: str = field(repr=False)
    height: Literal["short", "medium", "tall"] = "medium"
    thumbnail: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Check the URLs."""
        limits.require_url(self.url, "CardMedia.url")
        if self.thumbnail is not None:
            limits.require_url(self.thumbnail, "CardMedia.thumbnail")
        if self.height not in ("short", "medium", "tall"):
            raise InvalidMessage("unknown height", field="CardMedia.height", hint="use short, medium or tall")


@dataclass(frozen=True, slots=True)
class RichCard:
    """Content of a card: a title, a picture, or both."""

    __pydantic_config__: ClassVar[Any] = limits.FORBIDDEN

    title: str = field(default="", repr=False)
    """At most 200 characters."""
    description: str = field(default="", repr=False)
    """At most 2000 characters."""
    media: CardMedia | None = None
    suggestions: tuple[Suggestion, ...] = field(default=(), repr=False)
    """At most 4, on the card itself."""

    def __post_init__(self) -> None:
        """Check the parts."""
        limits.require_length(self.title, "RichCard.title", limits.TITLE, at_least=0)
        limits.require_length(self.description, "RichCard.description", limits.DESCRIPTION, at_least=0)
        limits.require_number_of(
            len(self.suggestions), "RichCard.suggestions", at_least=0, at_most=limits.CARD_SUGGESTIONS
        )
        if not self.title.strip() and self.media is None:
            raise InvalidMessage("needs a title or media", field="RichCard", hint="give one of them")


@dataclass(frozen=True, slots=True)
class RcsCard(RcsMessage):
    """A message with one card, vertical or horizontal."""

    card: RichCard
    orientation: Literal["vertical", "horizontal"] = "vertical"
    alignment: Literal["left", "right"] = "left"
    """Where the picture of a horizontal card stands."""
    suggestions: tuple[Suggestion, ...] = field(default=(), repr=False)
    """At most 11, under the card."""
    sender: str | None = None
    validity_period: timedelta | None = None
    sms_fallback: SmsFallback | None = None
    provider_options: tuple[ProviderOptions, ...] = ()
    category: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Check the words."""
        if self.orientation not in ("vertical", "horizontal") or self.alignment not in ("left", "right"):
            raise InvalidMessage(
                "unknown orientation or alignment",
                field="RcsCard",
                hint="use vertical or horizontal, and left or right",
            )
        self.check_common()


@dataclass(frozen=True, slots=True)
class RcsCarousel(RcsMessage):
    """Two to ten cards side by side."""

    cards: tuple[RichCard, ...]
    width: Literal["small", "medium"] = "medium"
    suggestions: tuple[Suggestion, ...] = field(default=(), repr=False)
    sender: str | None = None
    validity_period: timedelta | None = None
    sms_fallback: SmsFallback | None = None
    provider_options: tuple[ProviderOptions, ...] = ()
    category: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Check the number of cards."""
        limits.require_number_of(
            len(self.cards), "RcsCarousel.cards", at_least=limits.MIN_CARDS, at_most=limits.MAX_CARDS
        )
        if self.width not in ("small", "medium"):
            raise InvalidMessage("unknown width", field="RcsCarousel.width", hint="use small or medium")
        if any(one.media is not None and one.media.height == "tall" for one in self.cards) and (
            self.width == "small"
        ):
            raise InvalidMessage(
                "a tall picture does not fit a small card", field="RcsCarousel.width", hint="use medium"
            )
        self.check_common()
