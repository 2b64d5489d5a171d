"""The operations on messages that wait: those that were accepted by us, and that a worker sends.

A message waits as long as it has a row in the queue; the row goes when nothing is left to do, and the body with it. The record of the message stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from enum import StrEnum
from typing import Any

from messaging_channels._model.status import Status
from messaging_channels._model.values import fast_frozen
from messaging_channels.plugins.ledger import OPERATIONS, InsertMessage, MessageRecord, Operation
from messaging_channels.plugins.ledger_consent import CONSENT_OPERATIONS
from messaging_channels.plugins.ledger_inbound import INBOUND_OPERATIONS
from messaging_channels.plugins.ledger_limits import LIMIT_OPERATIONS
from messaging_channels.plugins.ledger_reports import REPORT_OPERATIONS
from messaging_channels.plugins.ledger_resolve import RESOLVE_OPERATIONS
from messaging_channels.plugins.ledger_restored import RESTORED_OPERATIONS
from messaging_channels.plugins.ledger_retention import RETENTION_OPERATIONS
from messaging_channels.plugins.ledger_workers import WORKER_OPERATIONS

QUEUE_OWNER = "queue"
"""The holder of a message that waits and that no worker has claimed."""
NEVER = 1e12
"""When nothing is due."""


class State(StrEnum):
    """What a message waits for."""

    WAITING = "waiting"
    """To be sent."""
    SENT = "sent"
    """For a report, or for the time of its next step."""
    HELD = "held"
    """To be known: it may have been sent."""
    DEAD = "dead"
    """For somebody to replay it: the worker gave up."""


@fast_frozen(frozen=True, slots=True)
class Job:
    """A message that a worker has claimed."""

    message_id: str
    state: State
    step: int
    """Of a fallback, counted from 1."""
    base: int
    """How many attempts were made in the steps before."""
    tries: int
    """How many rounds of this step ended with nothing sent."""
    created: float
    deadline: float | None
    """After which no attempt begins: seconds since the epoch, UTC."""
    payload: str = field(repr=False)
    record: MessageRecord | None
    """None if no attempt was ever begun."""
    step_status: Status | None
    """What attempts and reports of this step alone say."""
    crashes: int = 0
    """How often a worker claimed it and never gave it back: it may be what killed them."""
    due: float = 0.0
    """Since when it could be claimed: seconds since the epoch, UTC."""


@fast_frozen(frozen=True, slots=True)
class Enqueue(InsertMessage):
    """Take a message in to be sent later."""

    at: float
    due: float
    priority: int
    """0 goes first."""
    deadline: float | None
    payload: str = field(repr=False)
    recipient_digests: str = field(repr=False)
    """Digests of the addresses in the payload, with blanks between them."""
    steps: int = 1


@fast_frozen(frozen=True, slots=True)
class Claim(Operation[Sequence[Job]]):
    """Become the holder of messages that are due, the most urgent first, until the lease ends. Nothing is sent by it yet."""

    lease_owner: str
    now: float
    lease: float
    """Until when: seconds since the epoch, UTC. Then they are due again."""
    limit: int
    message_id: str | None = None
    """That message only, if it is due."""
    ended_owners: tuple[str, ...] = ()
    """Holders whose rounds ended though they could not say so in the ledger: nobody died with their messages."""
    left_out: tuple[tuple[str, str | None], ...] = ()
    """Channels (of the first step) with accounts of which nothing is claimed: their provider is slow, and has its share of lanes."""


@fast_frozen(frozen=True, slots=True)
class ReleaseJobs(Operation[None]):
    """Give back claimed messages of which nothing was begun."""

    lease_owner: str
    released: tuple[tuple[str, float | None], ...]
    """The id of each, and the time that its caller had named; None if it was due when it was enqueued."""
    postponed: tuple[tuple[str, float], ...] = ()
    """Ids of others, and when each is due, as the clock has it that said `at`."""
    at: float = 0.0
    """Seconds since the epoch, UTC."""


@fast_frozen(frozen=True, slots=True)
class UpdateJob(Operation[bool]):
    """Say what a claimed message waits for now. Reply False, and write nothing, if `holder` is not the holder."""

    message_id: str
    lease_owner: str
    at: float
    state: State | None
    """None if it waits for nothing more: its body is forgotten."""
    due: float = NEVER
    tries: int = 0
    stop_reason: str = ""
    """Why no attempt follows; empty while one may."""
    status: Status | None = None
    """What it ends as, if no attempt says so."""


@fast_frozen(frozen=True, slots=True)
class IncrementCounters(Operation[None]):
    """Add to the counters of what became of messages: rows of their own, one for each minute and worker."""

    at: float
    worker: str
    counts: Mapping[str, int]


@fast_frozen(frozen=True, slots=True)
class AdvanceFallback(Operation[bool]):
    """Go on to the next step of a fallback, unless the message was delivered meanwhile. Reply whether it does."""

    message_id: str
    lease_owner: str
    at: float
    step: int
    """The one to go on to."""
    channel: str
    message_type: str
    address: str
    digest: str


@fast_frozen(frozen=True, slots=True)
class Cancel(Operation[bool]):
    """End a message of which certainly nothing went out. Reply False if an attempt has begun that may have, or nothing waits."""

    message_id: str
    at: float


@fast_frozen(frozen=True, slots=True)
class RetryDeadLetters(Operation[int]):
    """Have dead letters tried again: one, or up to `limit` of all. Reply how many."""

    at: float
    message_id: str | None = None
    limit: int = 1000


@fast_frozen(frozen=True, slots=True)
class ListDeadLetters(Operation[Sequence[MessageRecord]]):
    """Return records of dead letters, the newest first; the page after `before`."""

    limit: int
    before: str | None = None


@fast_frozen(frozen=True, slots=True)
class PauseAccount(Operation[bool]):
    """Have the messages of an account wait: it cannot send, whatever the message. Reply whether it was not paused before."""

    provider: str
    account: str | None
    reason: str
    """Why, such as `not_sent.credentials`."""
    detail: str
    at: float
    next_probe_at: float
    """When one message is to try whether it was mended: seconds since the epoch, UTC."""


@fast_frozen(frozen=True, slots=True)
class AcquireProbe(Operation[bool]):
    """Be the one that tries whether an account was mended. Reply False if it is not time for that, or another one is."""

    provider: str
    account: str | None
    at: float
    next_probe_at: float
    """When the next one may, should this one end without an answer."""


@fast_frozen(frozen=True, slots=True)
class ResumeAccount(Operation[bool]):
    """Let the messages of an account be sent again. Reply whether it was paused."""

    provider: str
    account: str | None
    at: float


@fast_frozen(frozen=True, slots=True)
class PausedAccount:
    """An account whose messages wait until it is mended."""

    provider: str
    account: str | None
    """None for the platform's own."""
    reason: str
    """Why, such as `not_sent.credentials`."""
    detail: str
    """The provider's code and text."""
    since: float
    """Seconds since the epoch, UTC."""
    next_probe_at: float
    """When one message tries whether it was mended."""
    probes: int
    """How often it was found unable."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {
            "provider": self.provider,
            "account": self.account,
            "reason": self.reason,
            "detail": self.detail,
            "since": self.since,
            "nextProbeAt": self.next_probe_at,
        }


@fast_frozen(frozen=True, slots=True)
class ListPausedAccounts(Operation[Sequence[PausedAccount]]):
    """Return the accounts that are paused, the longest first."""


@fast_frozen(frozen=True, slots=True)
class GetQueueStats(Operation["QueueStats"]):
    """Return how the queue stands."""

    now: float


@fast_frozen(frozen=True, slots=True)
class QueueStats:
    """How the queue stands."""

    by_state: Mapping[str, int]
    """How many messages wait, by what for."""
    ready: int
    """How many could be sent now. Where more than 1,000 could, and more than 1,000 wait for a later time, it is the least that there are."""
    oldest_age_seconds: float
    """For how many seconds the oldest waiting message could have been sent: retries and paused accounts do not begin it anew."""
    last_minute: Mapping[str, int]
    """What became of messages: accepted, rejected, unknown, retried, dead, expired, cancelled, failed_over, overlapped."""
    last_hour: Mapping[str, int]
    total: Mapping[str, int]
    paused_accounts: Sequence[PausedAccount] = ()
    """Accounts that cannot send: their messages wait until that is mended."""
    restored_at: float | None = None
    """When the ledger was found to be a restored copy, as long as nobody has decided about it: nothing that waits is sent. Seconds since the epoch, UTC."""
    workers: int | None = None
    """How many workers gave a sign of life in the last 45 seconds. None where the ledger does not know."""
    worker_age_seconds: float | None = None
    """For how many seconds no worker has given a sign of life. None where none ever did."""
    clock_ahead_seconds: float | None = None
    """By how many seconds the clock of this process is ahead of the database's; negative if it is behind. None where the database has none."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {
            "byState": dict(self.by_state),
            "ready": self.ready,
            "oldestAgeSeconds": self.oldest_age_seconds,
            "lastMinute": dict(self.last_minute),
            "lastHour": dict(self.last_hour),
            "total": dict(self.total),
            "pausedAccounts": [one.as_dict() for one in self.paused_accounts],
            **({} if self.workers is None else {"workers": self.workers}),
            **({} if self.worker_age_seconds is None else {"workerAgeSeconds": self.worker_age_seconds}),
            **({} if self.clock_ahead_seconds is None else {"clockAheadSeconds": self.clock_ahead_seconds}),
            **({} if self.restored_at is None else {"restoredAt": self.restored_at}),
        }


@fast_frozen(frozen=True, slots=True)
class Metric:
    """One number of the queue, as exporters name and label it. No label holds an address."""

    name: str
    labels: Mapping[str, str]
    value: float
    is_counter: bool = False
    """Whether it only grows."""

    def __str__(self) -> str:
        """Write it as Prometheus reads it."""
        labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in self.labels.items())
        return f"{self.name}{{{labels}}} {self._number}" if labels else f"{self.name} {self._number}"

    @property
    def _number(self) -> str:
        return str(int(self.value)) if float(self.value).is_integer() else repr(float(self.value))


def _escaped(value: str) -> str:
    """Return the value of a label as it stands between quotation marks."""
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def metrics(stats: QueueStats) -> Sequence[Metric]:
    """Return how a queue stands as numbers for an exporter of any kind."""
    depth = [
        Metric(
            "messaging_channels_queue_messages", {"state": state.value}, stats.by_state.get(state.value, 0)
        )
        for state in State
    ]
    ends = [
        Metric("messaging_channels_queue_events_total", {"event": what}, number, is_counter=True)
        for what, number in sorted(stats.total.items())
    ]
    paused = [
        Metric(
            "messaging_channels_queue_paused",
            {"provider": one.provider, "account": one.account or "", "reason": one.reason},
            1,
        )
        for one in stats.paused_accounts
    ]
    known = {
        "workers": stats.workers,
        "worker_age_seconds": stats.worker_age_seconds,
        "clock_ahead_seconds": stats.clock_ahead_seconds,
    }
    workers = [
        Metric(f"messaging_channels_{name}", {}, value) for name, value in known.items() if value is not None
    ]
    return [
        *depth,
        *paused,
        Metric("messaging_channels_queue_ready", {}, stats.ready),
        Metric("messaging_channels_queue_oldest_age_seconds", {}, stats.oldest_age_seconds),
        *workers,
        *ends,
    ]


ALL_OPERATIONS: tuple[type[Operation[Any]], ...] = (
    *OPERATIONS,
    Enqueue,
    Claim,
    ReleaseJobs,
    UpdateJob,
    IncrementCounters,
    AdvanceFallback,
    Cancel,
    RetryDeadLetters,
    ListDeadLetters,
    GetQueueStats,
    PauseAccount,
    AcquireProbe,
    ResumeAccount,
    ListPausedAccounts,
    *CONSENT_OPERATIONS,
    *RESOLVE_OPERATIONS,
    *RETENTION_OPERATIONS,
    *LIMIT_OPERATIONS,
    *INBOUND_OPERATIONS,
    *RESTORED_OPERATIONS,
    *REPORT_OPERATIONS,
    *WORKER_OPERATIONS,
)
"""All operations that a ledger performs."""
