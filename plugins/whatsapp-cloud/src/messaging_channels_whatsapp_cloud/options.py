"""Options that only the Cloud API supports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from messaging_channels.messages import ProviderOptions, WhatsAppTemplate
from messaging_channels.plugins import require_raw


@dataclass(frozen=True, slots=True)
class MarketingOptions:
    """Send a marketing template by the Marketing Messages API.

    Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/marketing-messages/send-marketing-messages
    """

    strict: bool = False
    """Whether the message is refused if the Marketing Messages API can't send it, instead of being sent the usual way."""
    activity_sharing: bool | None = None
    """Whether activity is shared with Meta. Default: the account's setting."""


@dataclass(frozen=True, slots=True)
class WhatsAppOptions(ProviderOptions):
    """Options of one message."""

    provider: ClassVar[str] = "whatsapp-cloud"

    when_closed: WhatsAppTemplate | Literal["refuse", "try"] = "refuse"
    """Action for a free-form message if the 24-hour window is known to be closed: refuse it (default), try it, or send this template with the same
    options. If nothing is known about the window, Meta decides."""
    identity_key_hash: str | None = field(default=None, repr=False)
    """Deliver only if the person's identity still has this hash."""
    marketing: MarketingOptions | None = None
    """Send a marketing template through the Marketing Messages API."""
    raw: Mapping[str, Any] | None = field(default=None, repr=False)
    """Members of the request by Meta's own names, merged into the JSON object. They override what the plugin writes, and None takes a member away. A `type`
    of its own replaces the content. Recipients and ids are not allowed."""

    def __post_init__(self) -> None:
        """Refuse what the plugin writes itself."""
        require_raw(self.raw, _NOT_RAW, "WhatsAppOptions.raw")

    def __hash__(self) -> int:
        """Hash by what is cheap to hash; equal options have equal hashes."""
        return hash((self.when_closed, self.identity_key_hash, self.marketing))


_NOT_RAW = frozenset({"messaging_product", "recipient_type", "to", "recipient", "biz_opaque_callback_data"})
