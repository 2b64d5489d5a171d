"""Options that only Vonage supports, as a value in a message's `provider_options`.

Sources: https://developer.vonage.com/en/api/sms and https://developer.vonage.com/en/api/messages
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from messaging_channels.messages import ProviderOptions
from messaging_channels.plugins import require_raw


@dataclass(frozen=True, slots=True, kw_only=True)
class VonageOptions(ProviderOptions):
    """Options of one message."""

    provider: ClassVar[str] = "vonage"

    raw: Mapping[str, Any] | None = field(default=None, repr=False)
    """Parameters of the SMS API, or members of the Messages API's object, by Vonage's own names. They override what the plugin writes, and None takes one
    away. A `message_type` of its own replaces the content. Recipients, ids and credentials are not allowed."""

    def __post_init__(self) -> None:
        """Refuse what the plugin writes itself."""
        require_raw(self.raw, _NOT_RAW, "VonageOptions.raw")

    def __hash__(self) -> int:
        """Hash by the names; the values may be anything."""
        return hash(frozenset(self.raw or ()))


_NOT_RAW = frozenset(
    {"to", "channel", "client_ref", "client-ref", "api_key", "api_secret", "sig", "timestamp"}
)
