"""What comes back later from a provider."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from messaging_channels.status import Status


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """A delivery report. It may come late, repeatedly and out of order: fold it in with `status.merge`."""

    provider: str
    message_id: str
    """Ours, as given to the provider; empty where the provider carries none back."""
    provider_id: str | None
    status: Status
    at: float
    """When it happened, in the provider's words: seconds since the epoch, UTC."""
    native: Any = field(default=None, repr=False)


Event: TypeAlias = StatusChanged
