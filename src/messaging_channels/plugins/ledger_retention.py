"""The operations on how much is kept and for how long: one recipient is told everything, or forgotten; what is old goes, in small steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Any

from messaging_channels._model.values import fast_frozen
from messaging_channels.plugins.ledger import MessageRecord, Operation
from messaging_channels.plugins.ledger_inbound import InboundItem


@fast_frozen(frozen=True, slots=True)
class EraseRecipient(Operation[int]):
    """Forget one recipient's addresses and bodies. What waits is not sent any more. Reply how many messages and waiting events it was."""

    recipient_digest: str = field(repr=False)
    """The digest of the address in what waits."""
    stored_addresses: tuple[str, ...] = field(repr=False)
    """The address as records keep it, where no other one looks the same."""
    at: float
    recipients: tuple[str, ...] = field(default=(), repr=False)
    """The secret digests of the address; see `InsertMessage.recipient`."""
    consent_keys: tuple[str, ...] = field(default=(), repr=False)
    """Under which statements of the person are kept. Those stay, and lose the address."""
    conversations: tuple[str, ...] = field(default=(), repr=False)
    """How the conversations with the person begin; see `InboundItem.conversation`. Events that wait, and dead letters, go with the calls that brought them."""


@fast_frozen(frozen=True, slots=True)
class KeptMessage:
    """A message as an export of one recipient holds it."""

    record: MessageRecord
    payload: str | None = field(repr=False)
    """What waits to be sent; None if nothing does."""


@fast_frozen(frozen=True, slots=True)
class ListRecipient(Operation[Sequence[KeptMessage]]):
    """Return all messages that are kept of one recipient, the oldest first. Its fields are those of `EraseRecipient`."""

    recipient_digest: str = field(repr=False)
    stored_addresses: tuple[str, ...] = field(repr=False)
    recipients: tuple[str, ...] = field(default=(), repr=False)


@fast_frozen(frozen=True, slots=True)
class KeptInbound:
    """An event that waits, or is a dead letter, as an export of one recipient holds it."""

    item: InboundItem
    is_dead: bool
    call: str = field(default="", repr=False)
    """The call that brought it; empty if it is not kept, or tells of others too."""


@fast_frozen(frozen=True, slots=True)
class ListRecipientInbound(Operation[Sequence[KeptInbound]]):
    """Return what came in from one person, or about a message to one, and waits or is a dead letter. Its fields are those of `EraseRecipient`."""

    recipient_digest: str = field(repr=False)
    stored_addresses: tuple[str, ...] = field(repr=False)
    recipients: tuple[str, ...] = field(default=(), repr=False)
    conversations: tuple[str, ...] = field(default=(), repr=False)


@fast_frozen(frozen=True, slots=True)
class ListDigestKeys(Operation[Sequence[str]]):
    """Return the ids of the secrets under which recipients of messages are kept. A recipient under another secret than those at hand is not found."""


@fast_frozen(frozen=True, slots=True)
class PrunedPage:
    """What one small step of pruning did."""

    count: int
    """How many messages it forgot something of."""
    after: str | None
    """The message up to which it came; None if it came to the end."""


@fast_frozen(frozen=True, slots=True)
class Prune(Operation[PrunedPage]):
    """Forget addresses and bodies of messages created before a time that nothing will be done with: of up to `limit` of them, so that nobody waits long."""

    before: float
    """Seconds since the epoch, UTC."""
    after: str | None = None
    """Where the step before ended."""
    limit: int = 500


@fast_frozen(frozen=True, slots=True)
class DeleteRecords(Operation[PrunedPage]):
    """Delete the records of up to `limit` messages created before a time, with their attempts and events. One whose idempotency key stands, or with which
    anything is still to be done, is kept.
    """

    before: float
    """Seconds since the epoch, UTC."""
    now: float
    after: str | None = None
    """Where the step before ended."""
    limit: int = 200


RETENTION_OPERATIONS: tuple[type[Operation[Any]], ...] = (
    EraseRecipient,
    ListRecipient,
    ListRecipientInbound,
    ListDigestKeys,
    Prune,
    DeleteRecords,
)
