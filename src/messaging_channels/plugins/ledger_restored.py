"""The operations on a ledger that was restored from a copy: what waits in it may have been sent since, so nothing is sent until somebody decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Any

from messaging_channels._model.values import fast_frozen
from messaging_channels.plugins.ledger import MessageRecord, Operation


@fast_frozen(frozen=True, slots=True)
class RestoredCopy:
    """What is known of a ledger that was restored from a copy, and of which nobody has decided yet. Times in seconds since the epoch, UTC."""

    found_at: float
    """When it was found to be a copy. What was enqueued since waits too, and was certainly not sent."""
    copied_at: float
    """The last time that is in the copy. What was sent, and which keys were used, from then until `found_at` is not known."""
    waiting: int
    """How many messages of the copy wait, and may have been sent since."""
    fallbacks: int
    """How many fallbacks of the copy wait for their next step, which may have been sent since."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {
            "foundAt": self.found_at,
            "copiedAt": self.copied_at,
            "waiting": self.waiting,
            "fallbacks": self.fallbacks,
        }


@fast_frozen(frozen=True, slots=True)
class GetRestoredCopy(Operation[RestoredCopy | None]):
    """Return what is known of a restored ledger; None if it is not one, or was decided about."""

    now: float


@fast_frozen(frozen=True, slots=True)
class RestoredJob:
    """A message of the copy that may have been sent since."""

    message_id: str
    step: int
    payload: str = field(repr=False)


@fast_frozen(frozen=True, slots=True)
class ListRestoredJobs(Operation[Sequence[RestoredJob]]):
    """Return messages of the copy that wait, the oldest first."""

    after: str
    """The message after which the page begins."""
    limit: int


@fast_frozen(frozen=True, slots=True)
class HoldRestoredJob(Operation[MessageRecord | None]):
    """Have a message of the copy held as one whose outcome is unknown, as if each of those providers had been given it. Reply its record."""

    message_id: str
    at: float
    providers: tuple[str, ...]
    account: str | None


@fast_frozen(frozen=True, slots=True)
class ResumeRestored(Operation[None]):
    """Have messages sent again; fallbacks of the copy go no further. What is not held by then is sent as if nothing had been sent since the copy."""

    at: float


@fast_frozen(frozen=True, slots=True)
class MarkRestored(Operation[None]):
    """Treat the ledger as a restored copy, because somebody says so."""

    at: float


RESTORED_OPERATIONS: tuple[type[Operation[Any]], ...] = (
    GetRestoredCopy,
    ListRestoredJobs,
    HoldRestoredJob,
    ResumeRestored,
    MarkRestored,
)
