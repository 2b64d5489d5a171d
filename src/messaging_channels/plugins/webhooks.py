"""Calls that a provider makes to us. Untrusted until the provider's plugin has proved who made them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from messaging_channels.plugins.exchange import HttpResponse

if TYPE_CHECKING:
    from messaging_channels._model.events import Event


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """One webhook request: HTTP, or a mail whose raw bytes are the body."""

    body: bytes = field(default=b"", repr=False)
    """The raw bytes: signatures are over these, never over something parsed and written again."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """Names in lower case; values as text of ISO 8859-1."""
    url: str = field(default="", repr=False)
    """The whole public URL that the provider was given, query included: some providers sign it."""
    method: str = "POST"
    received_at: float = 0.0
    """When it came: seconds since the epoch, UTC."""


@dataclass(frozen=True, slots=True)
class WebhookResult:
    """The events of a verified request, and the response to send back."""

    events: Sequence[Event] = ()
    response: HttpResponse = field(default_factory=lambda: HttpResponse(200, {}, b""))
