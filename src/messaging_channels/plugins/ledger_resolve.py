"""The operations by which a person decides about messages whose outcome nobody else can tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from messaging_channels._model.values import fast_frozen
from messaging_channels.plugins.ledger import MessageRecord, Operation


@fast_frozen(frozen=True, slots=True)
class ListUnresolved(Operation[Sequence[MessageRecord]]):
    """Return records of all scopes whose outcome is unknown, queued or sent directly: the newest first, the page after `before`.

    An attempt that is open though its holder's lease is over is one of them: its process died.
    """

    now: float
    limit: int
    before: str | None = None
    """A message id: where the page before ended."""


@fast_frozen(frozen=True, slots=True)
class Resolution:
    """What came of a decision about one message."""

    record: MessageRecord | None
    """As it is now; None if there is no such message."""
    is_recorded: bool
    """False if nothing was to be decided: its outcome is known, or an attempt is under way."""


@fast_frozen(frozen=True, slots=True)
class ResolveOutcome(Operation[Resolution]):
    """Write down that the unknown attempts of a message's present step were sent, or were not, with who says so and why.

    A queued message goes on at once: what was sent waits for its report or ends, what was not is sent again by a worker.
    """

    message_id: str
    at: float
    was_sent: bool
    by: str
    why: str


RESOLVE_OPERATIONS: tuple[type[Operation[Any]], ...] = (ListUnresolved, ResolveOutcome)
