"""How messages are recorded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, TypeVar

from messaging_channels._ledger.seal import is_sealed

if TYPE_CHECKING:
    from messaging_channels._model.addresses import Address
    from messaging_channels._model.events import StatusChanged
    from messaging_channels._model.outcomes import AttemptResult
    from messaging_channels.plugins.ledger import Ledger

Told = TypeVar("Told", "AttemptResult", "StatusChanged")


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
    recipient_digests: Callable[[str], Sequence[str]] = field(init=False, repr=False, compare=False)
    """Returns the secret digests by which a recipient is found whose address the ledger masks: the one that is written, then the others that are looked
    for. None if the ledger has no secret, or needs none."""

    def __post_init__(self) -> None:
        """Look at what the ledger can do."""
        digests = getattr(self.ledger, "recipient_digests", None)  # a ledger of a plugin may not have them
        object.__setattr__(self, "recipient_digests", digests or _no_digests)

    def sealed(self, payload: str) -> str:
        """Return what waits as the ledger keeps it."""
        seal = getattr(self.ledger, "seal", None)  # a ledger of a plugin may have none
        return seal.seal(payload) if seal else payload

    def opened(self, payload: str) -> str:
        """Return what waits, as it was before it was sealed.

        Raises:
            SealBroken: it was sealed with a key that is not here.
        """
        seal = getattr(self.ledger, "opening_seal", None) or getattr(self.ledger, "seal", None)
        return seal.open(payload) if seal and is_sealed(payload) else payload

    def require_seal(self) -> None:
        """Refuse a ledger that would keep what waits more openly than it keeps addresses.

        Raises:
            InvalidSetting: it has no key for the seal; the hint says what to add.
        """
        require = getattr(self.ledger, "require_seal", None)  # a ledger of a plugin may have none
        if require:
            require()

    def keyed_digests(self, text: str) -> tuple[str, ...]:
        """Return a digest under the ledger's secret, then those under its other keys; of a plugin's ledger that has none, plain SHA-256."""
        digests = getattr(self.ledger, "keyed_digests", None)
        if digests:
            return tuple(digests(text))
        return (sha256(text.encode(errors="surrogatepass")).hexdigest()[:32],)

    def without_address(self, told: Told, to: Address) -> Told:
        """Return what a vendor said, with the address masked that stands in its words, unless the ledger keeps addresses in the plain."""
        text = f"{told.detail}{told.vendor_text}"
        if not text or getattr(self.ledger, "has_plain_addresses", True):
            return told
        pattern = re.compile(rf"\+?{re.escape(to.plain)}", re.IGNORECASE)
        if not pattern.search(text):
            return told
        detail, vendor_text = (pattern.sub(to.masked, one) for one in (told.detail, told.vendor_text))
        return replace(told, detail=detail, vendor_text=vendor_text)

    def waiting_digests(self, plain: str) -> tuple[str, ...]:
        """Return the digests by which the messages of a recipient are found whose later steps go to others: the first one is written, all are looked for."""
        return self.keyed_digests(f"waiting\x1f{plain.lower()}")

    def inbound_digests(self, plain: str) -> tuple[str, ...]:
        """Return the digests by which is found what came in from a person: the first one is written, all are looked for."""
        return self.keyed_digests(f"inbound\x1f{plain.lower()}")

    def digests_of(self, people: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the digests by which messages to any of some addresses are found, and those of later steps of a fallback; none where the address is enough."""
        known = tuple(people)
        digests = {key for plain in known for key in self.recipient_digests(plain)}
        waiting = {key for plain in known for key in self.waiting_digests(plain)} if digests else ()
        return tuple(sorted(digests)), tuple(sorted(waiting))


def _no_digests(_plain: str) -> Sequence[str]:
    return ()
