"""How messages are recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from messaging_channels.plugins.ledger import Ledger


@dataclass(frozen=True, slots=True)
class LedgerOptions:
    """How messages are recorded. Times in seconds."""

    ledger: Ledger
    record_all: bool = True
    """Whether every message is recorded, or only those that have an idempotency key."""
    idempotency_ttl: float = 7 * 86400.0
    """How long an idempotency key stands."""
    lease: float = 120.0
    """After which a call that has not ended is taken to be dead. It is renewed with every attempt."""
    reconcile_after: tuple[float, ...] = (30.0, 120.0, 600.0, 3600.0)
    """How long after an attempt, or after asking before, a provider is asked about a message whose outcome is unknown."""

    def sealed(self, payload: str) -> str:
        """Return what waits as the ledger keeps it."""
        seal = getattr(self.ledger, "seal", None)  # a ledger of a plugin may have none
        return seal.seal(payload) if seal else payload

    def opened(self, payload: str) -> str:
        """Return what waits, as it was before it was sealed.

        Raises:
            SealBroken: it was sealed with a key that is not here.
        """
        seal = getattr(self.ledger, "seal", None)
        return seal.open(payload) if seal else payload

    def recipient_digest(self, plain: str) -> str:
        """Return the secret digest by which a recipient is found whose address the ledger masks; empty if it has no secret, or needs none."""
        digests = getattr(self.ledger, "recipient_digests", None)  # a ledger of a plugin may not have them
        return next(iter(digests(plain)), "") if digests else ""
