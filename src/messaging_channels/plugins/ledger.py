"""The record of every message: what was sent, its attempts, and what was heard of it later. The words of its contract.

The dispatcher writes here *before* it asks a provider, so that a process that dies leaves a trace of what it may have sent. Each operation is an exchange:
atomic, and durable when its reply comes. A ledger is whatever performs them (`SqliteLedger`, `PostgresLedger`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from messaging_channels._model._table_failures import ADVICE
from messaging_channels._model.failures import implied_failure, safe_advice
from messaging_channels._model.outcomes import AttemptResult, Outcome
from messaging_channels._model.receipts import (
    Attempt,
    RecordedEvent,
    RecordedStep,
    ToldFailure,
    deciding_attempt,
    delivered_channels,
    failure_as_dict,
    step_of,
)
from messaging_channels._model.status import PENDING_NOT_SENT, StatusGroup
from messaging_channels._model.values import fast_frozen
from messaging_channels.plugins.exchange import Exchange, ExecutorPair

if TYPE_CHECKING:
    from messaging_channels._model.events import Event
    from messaging_channels._model.failure_reasons import Advice, FailureReason
    from messaging_channels._model.statements import ConsentQuery
    from messaging_channels._model.status import Status

Reply = TypeVar("Reply")


@fast_frozen(frozen=True, slots=True)
class MessageRecord:
    """All that is known of one message: what an operator reads."""

    id: str
    """Ours, as in `Receipt.id`."""
    channel: str
    message_type: str
    """The type of the message, such as `Sms`."""
    account: str | None
    address: str
    """In the form that the ledger keeps: plain, masked, hashed, or empty (`LedgerSettings.addresses`)."""
    created_at: float
    """Seconds since the epoch, UTC."""
    status: Status
    """Status that follows from all attempts and events."""
    version: int
    """Grows by one whenever the status changes."""
    attempts: tuple[Attempt, ...]
    """Attempts in order. An attempt without an outcome has begun and not ended: it is in progress, or its process died."""
    events: tuple[RecordedEvent, ...]
    scope: str
    idempotency_key: str | None
    expires: float
    """Until when the key stands: seconds since the epoch, UTC."""
    fingerprint: str = field(repr=False)
    digest: str = field(repr=False)
    """Of the message's text, salted: see `digest_of`."""
    lease_owner: str = field(repr=False)
    """Id of the process that may begin attempts."""
    lease: float
    """Until when the holder is taken to be alive: seconds since the epoch, UTC."""
    stop_reason: str
    """Why no further attempt was made."""
    steps: tuple[RecordedStep, ...] = ()
    """Those of a fallback after the first that were begun."""

    @property
    def in_progress(self) -> bool:
        """Whether an attempt was begun that has not ended, or none was begun at all and one may be."""
        if not self.attempts:
            return not (self.stop_reason and self.status == PENDING_NOT_SENT)
        return any(attempt.in_progress for attempt in self.attempts)

    @property
    def outcome(self) -> Outcome:
        """How it stands: accepted if any attempt was, unknown if any may have been, else as the last one ended."""
        return deciding_attempt(self.attempts)[1]

    @property
    def failure(self) -> FailureReason | None:
        """Why it was not delivered, in the same words for every vendor; None as long as nothing failed, and for what was delivered."""
        told = self._told_failure
        return told.failure if told else None

    @property
    def advice(self) -> frozenset[Advice]:
        """Recommended actions. Never to send again while a copy may be on its way, or while the queue may still send the message."""
        told = self._told_failure
        if told is None or told.failure is None:
            return frozenset()
        open_ended = self.outcome is Outcome.UNKNOWN or self.in_progress or not self.stop_reason
        under_way = not self.status.final and (self.outcome is Outcome.ACCEPTED or open_ended)
        return safe_advice(told.failure, told.advice, may_be_under_way=under_way or self._has_live_copy)

    @property
    def vendor_code(self) -> str:
        """The vendor's own code, such as `30003`; empty if it gave none."""
        told = self._told_failure
        return told.vendor_code if told else ""

    @property
    def vendor_text(self) -> str:
        """The vendor's own words; empty if it gave none."""
        told = self._told_failure
        return told.vendor_text if told else ""

    @property
    def delivered_via(self) -> str:
        """The channel on which it was delivered first; empty as long as that is not known."""
        return next(iter(delivered_channels(self.events, self.attempts)), "")

    @property
    def possible_duplicate(self) -> bool:
        """Whether it was reported as delivered on two channels: the person may have got both."""
        return len(delivered_channels(self.events, self.attempts)) > 1

    @property
    def _told_failure(self) -> ToldFailure | None:
        """The report or the attempt that says why: of the reports with the message's status the last, or else the attempt that decided."""
        if self.status.group is StatusGroup.DELIVERED:
            return None
        said = [one for one in self.events if one.failure is not None]
        same = [one for one in said if one.status == self.status]
        if same or (said and not self.status.final):
            return (same or said)[-1]
        attempt = deciding_attempt(self.attempts)[0]
        if attempt is not None and attempt.result is not None and attempt.result.failure is not None:
            return attempt.result
        failure = implied_failure(self.status)  # such as one that expired before it was sent
        if failure is None:
            return None
        return RecordedEvent("", 0.0, self.status, "", failure, ADVICE[failure])

    @property
    def _has_live_copy(self) -> bool:
        """Whether an attempt besides the one that decided may have sent a copy whose end is not known."""
        return any(one.in_progress or one.outcome is Outcome.UNKNOWN for one in self.attempts)

    def as_dict(self) -> dict[str, Any]:
        """Return the record as JSON can hold it."""
        return {
            "messageId": self.id,
            "channel": self.channel,
            "type": self.message_type,
            "account": self.account,
            "destination": self.address,
            "createdAt": self.created_at,
            "idempotencyKey": self.idempotency_key,
            "status": self.status.as_dict(),
            "version": self.version,
            "outcome": self.outcome,
            "stopReason": self.stop_reason,
            **failure_as_dict(self),
            "attempts": [attempt.as_dict() | step_of(self, attempt) for attempt in self.attempts],
            "events": [one.as_dict() for one in self.events],
            "deliveredVia": self.delivered_via,
            "possibleDuplicate": self.possible_duplicate,
        }


class Operation(Exchange[Reply]):
    """An atomic operation of the ledger, which may be repeated. No operation sends a message."""

    __slots__ = ()
    may_send = False


@fast_frozen(frozen=True, slots=True)
class AttemptIntent:
    """An attempt that is about to be made: the intent, written before the effect."""

    message_id: str
    number: int
    """Counted from 1 over all providers."""
    provider: str
    account: str | None
    started_at: float
    delay: float = 0.0
    """Seconds that were waited before it."""


@fast_frozen(frozen=True, slots=True)
class EventRecorded:
    """What hearing an event changed."""

    is_new: bool
    """False if it was heard before."""
    message_id: str | None = None
    """Ours, if the message is known."""
    status: Status | None = None
    """What is now known of it."""


@fast_frozen(frozen=True, slots=True)
class InsertMessage(Operation[MessageRecord | None]):
    """Take a message in unless its key is taken. Reply None, or the record that holds the key.

    A key whose time has passed (`expires`) is free.
    """

    id: str
    channel: str
    message_type: str
    account: str | None
    address: str
    digest: str
    fingerprint: str
    scope: str
    idempotency_key: str | None
    expires: float
    """Until when the key stands: seconds since the epoch, UTC."""
    recipient: str = field(default="", repr=False, kw_only=True)
    """A secret digest of the address, by which the recipient is found though the address is kept masked; empty if the ledger has no secret for it."""


@fast_frozen(frozen=True, slots=True)
class RecordUnsent(InsertMessage):
    """Write a message down for which nobody could be asked, unless its key is taken. Reply None. Its key sends when it comes again."""

    at: float
    stop_reason: str


@fast_frozen(frozen=True, slots=True)
class ReserveMessage(InsertMessage):
    """Take a message in, with its first attempt. Reply, besides, what forbids it, and take nothing in then."""

    lease_owner: str
    lease: float
    first_attempt: AttemptIntent
    consent: ConsentQuery | None = None
    """Asked in the same step."""


@fast_frozen(frozen=True, slots=True)
class TakeLease(Operation[bool]):
    """Become the holder in place of another one. Reply False if that is no longer the holder, has begun a further attempt, or an attempt was accepted."""

    message_id: str
    previous_owner: str
    lease_owner: str
    lease: float
    attempt_count: int
    """How many there are in the record on which the taking over was decided."""


@fast_frozen(frozen=True, slots=True)
class StartAttempt(Operation[bool]):
    """Write down a further attempt, and keep the lease. Reply False, and write none, if `holder` is not the holder, or one was accepted by now."""

    intent: AttemptIntent
    lease_owner: str
    lease: float
    queued: bool = False
    """Whether the holder is a worker that has claimed it: see `ledger.queue`."""
    consent: ConsentQuery | None = None
    """Asked in the same step. The reply is what forbids it, and nothing is written then."""


@fast_frozen(frozen=True, slots=True)
class FinishAttempt(Operation["Status"]):
    """Write down how an attempt ended, and merge its status. Reply what is now known.

    It fills an open attempt, and corrects one that was unknown; what is certain stays as it is. Reports that came before the provider's id
    was known are joined to the message here.
    """

    message_id: str
    number: int
    result: AttemptResult
    at: float
    next_check_at: float
    """When to ask the provider about it, if it is unknown: seconds since the epoch, UTC."""
    stop_reason: str = ""
    """Why no further attempt follows; empty while one may."""


@fast_frozen(frozen=True, slots=True)
class ReleaseReservation(Operation[None]):
    """Forget a reservation whose attempt was refused before anything left the machine."""

    message_id: str
    lease_owner: str


@fast_frozen(frozen=True, slots=True)
class WithdrawAttempt(Operation[None]):
    """Forget an open attempt that its provider refused before anything left the machine: another provider makes the attempt of that number."""

    message_id: str
    number: int
    lease_owner: str


@fast_frozen(frozen=True, slots=True)
class RecordEvent(Operation[EventRecorded]):
    """Keep an event once, and merge its status. One whose message is not known yet waits for it.

    A report of a message proves that the provider had taken it: an attempt there whose outcome was unknown is then accepted.
    """

    event: Event
    now: float
    recipients: tuple[str, ...] = ()
    """Whom a report of a mail speaks of, in the spellings in which this ledger may keep it; empty if it does not say. One that speaks of nobody to whom the
    message went tells of a copy: it is kept, and changes no status."""


@fast_frozen(frozen=True, slots=True)
class GetMessage(Operation[MessageRecord | None]):
    """Look one record up: by our id, by the provider's, or by its idempotency key."""

    message_id: str | None = None
    provider: str | None = None
    provider_id: str | None = None
    scope: str = ""
    idempotency_key: str | None = None


@fast_frozen(frozen=True, slots=True)
class ListMessages(Operation[Sequence[MessageRecord]]):
    """Return the records of one scope, the newest first: at most `limit` of those for which everything holds that is given."""

    scope: str
    limit: int
    before: str | None = None
    """A message id: where the page before ended."""
    channel: str | None = None
    group_id: int | None = None
    """Of the status."""
    since: float | None = None
    """When it was created, at the earliest: seconds since the epoch, UTC."""
    until: float | None = None
    """Before when."""
    status: str | None = None
    """Its name, such as `PENDING_UNKNOWN`."""
    addresses: tuple[str, ...] = ()
    """Any of these, as records keep them; that of a later step of a fallback too."""
    recipients: tuple[str, ...] = field(default=(), repr=False)
    """Where given, a record that has a digest of its recipient is of one of these; one that has none is found by its address alone."""
    waiting_recipients: tuple[str, ...] = field(default=(), repr=False)
    """The same of messages whose later steps go to others than their first."""


@fast_frozen(frozen=True, slots=True)
class ListUnknown(Operation[Sequence[MessageRecord]]):
    """Return messages whose outcome is unknown and that are due to be asked about; each is then due again later.

    An attempt that is open though its holder's lease is over is one of them: its process died.
    """

    now: float
    limit: int
    reconcile_after: tuple[float, ...]
    """Seconds after the attempt at which it is asked about. When they are used up, it stays unknown."""


@fast_frozen(frozen=True, slots=True)
class Transaction(Operation[Sequence[Any]]):
    """Several operations in one step. Reply theirs, in order."""

    operations: tuple[Operation[Any], ...]


class Ledger(Protocol):
    """Keeps records. Many threads and tasks may use an object at once; it belongs to one dispatcher, sync or async."""

    @property
    def executors(self) -> Mapping[type[Exchange[Any]], ExecutorPair]:
        """How the operations are performed, sync and async."""
        ...

    @property
    def has_plain_addresses(self) -> bool:
        """Whether a record holds the address in the plain."""
        ...

    def stored_address(self, plain: str, masked: str) -> str:
        """Return an address as this ledger keeps it."""
        ...

    def recipient_key(self, identity: str) -> str:
        """Return the digest by which a person is found whatever the ledger keeps of addresses; with the ledger's pepper, if it has one."""
        ...


OPERATIONS: tuple[type[Operation[Any]], ...] = (
    RecordUnsent, ReserveMessage, TakeLease, StartAttempt, FinishAttempt,
    ReleaseReservation, WithdrawAttempt, RecordEvent, GetMessage, ListMessages, ListUnknown, Transaction,
)  # fmt: skip
