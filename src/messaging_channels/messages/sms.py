"""Text messages to mobile phones."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from messaging_channels._model.errors import InvalidMessage
from messaging_channels.messages._base import Message, ProviderOptions, require, require_count
from messaging_channels.messages._segments import Segments, segments

if TYPE_CHECKING:
    from datetime import timedelta

_MAX_MEDIA = 10


@dataclass(frozen=True, slots=True)
class Sms(Message):
    """A text message. Raises InvalidMessage when it is made of what no provider could send."""

    text: str = field(repr=False)
    """Text of the message. `segments` counts its parts."""
    sender: str | None = None
    """Number or alphanumeric sender. Default: the provider's configured sender."""
    validity_period: timedelta | None = None
    """Time in which the provider tries to deliver. Default: the provider's."""
    flash: bool = False
    """Whether the phone shows the message at once and doesn't store it (class 0)."""
    provider_options: tuple[ProviderOptions, ...] = ()
    """Options of single providers, such as `InfobipSmsOptions(...)`."""
    category: str | None = field(default=None, kw_only=True)
    """Purpose of the message: see `Message.category`."""

    def __post_init__(self) -> None:
        """Check the fields."""
        require(self.text, "Sms.text")
        if self.validity_period is not None and self.validity_period.total_seconds() <= 0:
            raise InvalidMessage(
                "must be positive", field="Sms.validity_period", hint="give a timedelta above 0"
            )

    @property
    def segments(self) -> Segments:
        """How the text will be encoded, and how many parts it will be charged as."""
        return segments(self.text)


@dataclass(frozen=True, slots=True)
class Mms(Message):
    """Pictures, sound or video to a mobile phone, by their public URLs, with words."""

    media: tuple[str, ...] = field(repr=False)
    """1 to 10 public URLs of images, audio or video."""
    text: str = field(default="", repr=False)
    """Text beside the media."""
    sender: str | None = None
    """Number of the sender. Default: the provider's configured sender."""
    provider_options: tuple[ProviderOptions, ...] = ()
    category: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Check the media."""
        require_count(len(self.media), "Mms.media", at_least=1, at_most=_MAX_MEDIA)
        for index, url in enumerate(self.media):
            if not url.startswith(("https://", "http://")):
                raise InvalidMessage(
                    "must be an http or https URL",
                    field=f"Mms.media[{index}]",
                    hint="write it like https://…",
                )
