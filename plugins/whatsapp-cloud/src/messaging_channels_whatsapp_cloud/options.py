"""What a message may say to the Cloud API alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from messaging_channels.messages import ProviderOptions, WhatsAppTemplate


@dataclass(frozen=True, slots=True)
class MarketingOptions:
    """Send a marketing template by the Marketing Messages API.

    Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/marketing-messages/send-marketing-messages
    """

    strict: bool = False
    """Whether it is refused, rather than sent the usual way, where that API cannot send it."""
    activity_sharing: bool | None = None
    """Whether what people do with it is shared with Meta. None for the account's own choice."""


@dataclass(frozen=True, slots=True)
class WhatsAppOptions(ProviderOptions):
    """Put one into a message's `provider_options`."""

    provider: ClassVar[str] = "whatsapp-cloud"

    when_closed: WhatsAppTemplate | Literal["refuse", "try"] = "refuse"
    """What becomes of a free message when the person's 24-hour window is known to be closed: it is refused here, or tried all the same, or this
    template goes out instead, with these very options. A window of which nothing is known is left to Meta."""
    identity_key_hash: str | None = field(default=None, repr=False)
    """Deliver only if the person's identity still has this hash."""
    marketing: MarketingOptions | None = None
