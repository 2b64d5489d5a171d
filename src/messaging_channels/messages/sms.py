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
    sender: str | None = None
    """Who it comes from: a number or an alphanumeric sender id. None for the account's own."""
    validity_period: timedelta | None = None
    """How long the provider may go on trying. None for the provider's default."""
    flash: bool = False
    """Whether it is shown at once and not kept (class 0)."""
    provider_options: tuple[ProviderOptions, ...] = ()
    """What only one provider understands, such as `InfobipSmsOptions(...)`; so for every type."""
    category: str | None = field(default=None, kw_only=True)
    """What it is for: see `Message.category`."""

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
    text: str = field(default="", repr=False)
    sender: str | None = None
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
