"""The record of one message: what the caller gets, and what an operator reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from messaging_channels.addresses import Address
    from messaging_channels.outcomes import Kind, Outcome
    from messaging_channels.status import Status


@dataclass(frozen=True, slots=True)
class Attempt:
    """One provider asked about one message. Holds no address and no content."""

    message_id: str
    channel: str
    provider: str
    account: str | None
    outcome: Outcome
    started: float
    """Seconds since the epoch, UTC."""
    duration: float
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A provider of the route that was not asked, and why."""

    provider: str
    why: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a message so far. Its repr shows the address masked."""

    id: str
    """Ours, the same over all attempts and at every provider that lets us choose one."""
    channel: str
    destination: Address
    status: Status
    attempts: tuple[Attempt, ...]
    """In order; the last one decided."""
    skipped: tuple[Skipped, ...] = ()

    @property
    def outcome(self) -> Kind:
        """How the last attempt ended. `unknown` means that it may have been sent."""
        return self.attempts[-1].outcome.kind

    @property
    def provider(self) -> str:
        """The provider of the last attempt."""
        return self.attempts[-1].provider

    @property
    def provider_id(self) -> str | None:
        """The provider's own id of the message, if it gave one."""
        return self.attempts[-1].outcome.provider_id

    @property
    def native(self) -> Any:  # noqa: ANN401  whatever the provider answered
        """The provider's answer as it came."""
        return self.attempts[-1].outcome.native

    def as_dict(self) -> dict[str, Any]:
        """Return the message's element of an HTTP answer: id, status, and the address in full."""
        return {
            "messageId": self.id,
            "status": self.status.as_dict(),
            "destination": self.destination.plain,
        }
