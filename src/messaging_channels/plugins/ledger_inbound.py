"""The operations on what came in and waits for the application: kept when the provider is answered, until a handler has dealt with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Any

from messaging_channels._model.values import fast_frozen
from messaging_channels.plugins.ledger import Operation

PLACE_DIGITS = 16
"""How many digits end the name of a conversation: they tell provider and channel."""
OF_SEVERAL = "z"
"""How the id of a call begins that tells of several people: all others are hexadecimal digits, so that these are together in an index."""


@fast_frozen(frozen=True, slots=True)
class InboundItem:
    """One event for one handler, as it is kept."""

    event_key: str
    handler: str
    """The handler's name."""
    conversation: str = field(repr=False)
    """A digest of who is spoken with, and `PLACE_DIGITS` decimal digits of where. Items of one conversation are dealt with in the order in which they
    came, one after the other.
    """
    event_type: str
    event: str = field(repr=False)
    """The event as JSON."""
    call_id: str
    """Id of the webhook request that brought the event; empty for any other source."""
    position: str
    """Sorts items in the order in which they came."""
    received_at: float
    tries: int = 0
    error: str = ""
    """Why the last try failed."""


@fast_frozen(frozen=True, slots=True)
class StoreInbound(Operation[None]):
    """Keep items unless their event was heard before, and the call as it came. It goes before the `RecordEvent` of the same transaction."""

    items: tuple[InboundItem, ...]
    call_id: str = ""
    call: str = field(default="", repr=False)
    """The call as JSON. Where it tells of several people, its id begins with `OF_SEVERAL`, and before it is a line with a JSON list of them: digests as
    conversations begin with, and keys of events that name nobody.
    """


@fast_frozen(frozen=True, slots=True)
class ClaimInbound(Operation[Sequence[InboundItem]]):
    """Become the holder of items that are due and before which nothing of their conversation waits, until the lease ends."""

    lease_owner: str
    now: float
    lease: float
    """Until when: seconds since the epoch, UTC. Then they are due again."""
    limit: int
    handlers: tuple[str, ...]
    """Whose items: only those that this process has."""


@fast_frozen(frozen=True, slots=True)
class FinishInbound(Operation[bool]):
    """Forget an item that was dealt with; the call too, once nothing of it waits. Reply whether it was the holder's."""

    event_key: str
    handler: str
    lease_owner: str


@fast_frozen(frozen=True, slots=True)
class PostponeInbound(Operation[bool]):
    """Have an item tried again later, or make it a dead letter. Reply whether it was the holder's."""

    event_key: str
    handler: str
    lease_owner: str
    due: float | None
    """Seconds since the epoch, UTC; None for a dead letter."""
    error: str


@fast_frozen(frozen=True, slots=True)
class ListInbound(Operation[Sequence[InboundItem]]):
    """Return items that wait, or dead letters, in the order in which they came."""

    limit: int
    is_dead: bool


@fast_frozen(frozen=True, slots=True)
class RetryInbound(Operation[int]):
    """Have dead letters tried again: of one event, or up to `limit` of all. Reply how many."""

    at: float
    event_key: str | None = None
    limit: int = 1000


@fast_frozen(frozen=True, slots=True)
class TakeReports(Operation[frozenset[str]]):
    """Keep items unless their event is there or was heard before, and become their holder. Reply the keys of events that are new.

    It is the one step before a provider is answered, so a ledger does it in a small commit, together with others.
    """

    items: tuple[InboundItem, ...]
    lease_owner: str
    """Whoever records them; empty if nobody has begun."""
    due: float
    """From when others may claim them: seconds since the epoch, UTC."""


@fast_frozen(frozen=True, slots=True)
class FinishReports(Operation[None]):
    """Forget items that were recorded, unless another process has become their holder."""

    event_keys: tuple[str, ...]
    handler: str
    lease_owner: str


INBOUND_OPERATIONS: tuple[type[Operation[Any]], ...] = (
    StoreInbound,
    ClaimInbound,
    FinishInbound,
    PostponeInbound,
    ListInbound,
    RetryInbound,
    TakeReports,
    FinishReports,
)
