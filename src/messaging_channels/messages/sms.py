"""Text messages to mobile phones."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from messaging_channels.errors import InvalidMessage
from messaging_channels.messages._message import Message, require
from messaging_channels.segments import Segments, segments

if TYPE_CHECKING:
    from datetime import timedelta


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

    def __post_init__(self) -> None:
        """Check the fields."""
        require(self.text, "Sms.text")
        if self.validity_period is not None and self.validity_period.total_seconds() <= 0:
            raise InvalidMessage("it is not positive", field="Sms.validity_period", remedy="give more")

    @property
    def segments(self) -> Segments:
        """How the text will be encoded, and how many parts it will be charged as."""
        return segments(self.text)
