"""A group of operations in one transaction of PostgreSQL: those of a kind together as sets, in one round trip, and committed once.

An operation alone whose set does not confirm it is left to its caller (`ALONE`). The parts of a `Transaction` are kept together: what a set does not confirm
of it is done by its own statements in the same transaction, and a fault in any of them undoes the whole group.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from messaging_channels._ledger import postgres_sets as sets
from messaging_channels._ledger.postgres_statements import CLOCK_SHARED, execute, run_flow
from messaging_channels._ledger.sql_accounts import paused_accounts
from messaging_channels._ledger.sql_claim import load_with_step_status
from messaging_channels._ledger.sql_types import clean_text
from messaging_channels._model.outcomes import Outcome
from messaging_channels._model.status import PENDING_NOT_SENT, Status
from messaging_channels.plugins.ledger import (
    FinishAttempt,
    GetMessage,
    Operation,
    ReserveMessage,
    StartAttempt,
    Transaction,
)
from messaging_channels.plugins.ledger_queue import (
    QUEUE_OWNER,
    Claim,
    Enqueue,
    IncrementCounters,
    Job,
    ListPausedAccounts,
    ReleaseJobs,
    State,
    UpdateJob,
)

if TYPE_CHECKING:
    import psycopg


_Place: TypeAlias = "tuple[int, int, type[Any] | None]"
"""The number of a part, and of the operation that it belongs to; and its type if there is a set for it."""


class Alone:
    """Stands for the reply of an operation that its caller has to do by itself."""


ALONE: Final = Alone()
_HOUR = 3600.0


def flatten(operation: Operation[Any]) -> Sequence[Operation[Any]]:
    """Return the parts of an operation."""
    return operation.operations if isinstance(operation, Transaction) else (operation,)


def may_be_grouped(operation: Operation[Any]) -> bool:
    """Whether most of an operation is done by sets; what is not would hold up everybody else."""
    if not isinstance(operation, Transaction):
        return is_in_set(operation)
    parts = operation.operations
    return 2 * sum(map(is_in_set, parts)) > len(parts)


def is_in_set(one: Operation[Any]) -> bool:
    """Whether there is a set for that."""
    suits = _SUITS.get(type(one))
    return suits is not None and suits(one)


def _is_usual_end(one: FinishAttempt) -> bool:
    result = one.result
    return (
        one.number == 1
        and result.outcome is not Outcome.UNKNOWN
        and result.failure is None
        and not result.vendor_code
    )


_SUITS: Mapping[type[Any], Callable[[Any], bool]] = {
    Enqueue: lambda _: True,
    ReserveMessage: lambda _: True,
    StartAttempt: lambda _: True,
    FinishAttempt: _is_usual_end,
    UpdateJob: lambda one: one.state is None and not one.stop_reason,
    GetMessage: lambda one: one.message_id is None and one.provider_id is None,
    Claim: lambda one: one.message_id is None and not one.ended_owners and not one.left_out,
    ReleaseJobs: lambda one: not one.postponed,
    IncrementCounters: lambda _: True,
    ListPausedAccounts: lambda _: True,
}


def _is_for_set(own: _Place, first: _Place) -> bool:
    """Whether a part may be done by a set, by its place and that of the first one about the same message: it is that one, or follows its end."""
    if own == first:
        return own[2] is not None
    return own[1:] == (first[1], UpdateJob) and first[2] is FinishAttempt


def _message_id(one: Any) -> str | None:  # noqa: ANN401  any operation
    if isinstance(one, (Enqueue, ReserveMessage)):
        return one.id
    return one.intent.message_id if isinstance(one, StartAttempt) else getattr(one, "message_id", None)


@dataclass(slots=True)
class _Statements:
    """What is sent in one round trip, and which of its answers are read."""

    sent: list[tuple[bytes, Any]] = field(default_factory=list[tuple[bytes, Any]])
    read: dict[str, int] = field(default_factory=dict[str, int])

    def add(self, text: bytes, values: Any = (), *, read_as: str = "") -> None:  # noqa: ANN401  parameters
        if read_as:
            self.read[read_as] = len(self.sent)
        self.sent.append((text, values))

    def add_set(self, text: bytes, rows: Sequence[tuple[Any, ...]], *, read_as: str = "") -> None:
        if rows:
            self.add(*sets.set_of(text, rows), read_as=read_as)


class Group:
    """Operations that are done together."""

    def __init__(self, operations: Sequence[Operation[Any]]) -> None:
        """Sort them. Of two about one message, the second is done by its own statements, after the first; but an end and what takes the message out of the
        queue, of one transaction, are both done by sets.
        """
        self._operations = operations
        self._parts = [one for operation in operations for one in flatten(operation)]
        self._by_type: dict[type[Any], dict[int, Any]] = {}
        self._replies: dict[int, Any] = {}
        first: dict[str, _Place] = {}
        numbers = (number for number, one in enumerate(operations) for _ in flatten(one))
        for place, (number, one) in enumerate(zip(numbers, self._parts, strict=True)):
            own = place, number, type(one) if is_in_set(one) else None
            name = _message_id(one)
            if _is_for_set(own, own if name is None else first.setdefault(name, own)):
                self._by_type.setdefault(type(one), {})[place] = _cleaned(one)

    def write(self, connection: psycopg.Connection[Any]) -> list[Any]:
        """Do them on a connection that commits by itself, and return the replies in order. Raises psycopg.Error: nothing was written."""
        statements = self._statements()
        is_whole = not any(isinstance(one, Transaction) for one in self._operations)
        ends_here = is_whole and Claim not in self._by_type
        with connection.pipeline() as pipeline:
            connection.execute(b"BEGIN")
            cursors = [connection.execute(text, values) for text, values in statements.sent]
            if ends_here:
                connection.execute(b"COMMIT")
            pipeline.sync()
            rows = {name: cursors[place].fetchall() for name, place in statements.read.items()}
        self._read(rows)
        if not ends_here:
            self._finish(connection)
            connection.execute(b"COMMIT")
        return list(self._gather())

    def _statements(self) -> _Statements:
        made = _Statements()
        made.add(sets.PREPARE)
        if set(self._by_type) <= {Claim, GetMessage, ListPausedAccounts}:
            made.add(sets.COMMIT_LATER)
        ends: Mapping[int, FinishAttempt] = self._by_type.get(FinishAttempt, {})
        named = [(one.message_id, one.result.provider_id) for one in ends.values() if one.result.provider_id]
        made.add_set(sets.LOCK_PROVIDER_IDS, named)
        if Claim in self._by_type:
            made.add(CLOCK_SHARED.encode())  # nobody moves times meanwhile: see `sql_clock`
        self._add_queue(made)
        self._add_new(made)
        self._add_starts(made)
        if ends:
            made.add_set(sets.LOCK_MESSAGES, sorted((one.message_id,) for one in ends.values()))
            made.add_set(sets.FINISH_ATTEMPTS, list(map(sets.finish_row, ends.values())), read_as="finished")
        self._add_counters(made)
        return made

    def _add_queue(self, made: _Statements) -> None:
        for place, one in self._by_type.get(Claim, {}).items():
            values = {"now": one.now, "limit": one.limit, "holder": one.lease_owner, "lease": one.lease}
            made.add(sets.CLAIM, values, read_as=f"claimed {place}")
        over: Mapping[int, UpdateJob] = self._by_type.get(UpdateJob, {})
        made.add_set(sets.DELETE_JOBS, list(map(sets.job_row, over.values())), read_as="deleted")
        released: Mapping[int, ReleaseJobs] = self._by_type.get(ReleaseJobs, {})
        back = [(key, one.lease_owner, due) for one in released.values() for key, due in one.released]
        made.add_set(sets.RELEASE_JOBS, sorted(back, key=itemgetter(0)))

        if ListPausedAccounts in self._by_type:
            made.add(sets.SELECT_PAUSED_ACCOUNTS, read_as="paused")

    def _add_new(self, made: _Statements) -> None:
        queued: Mapping[int, Enqueue] = self._by_type.get(Enqueue, {})
        reserved: Mapping[int, ReserveMessage] = self._by_type.get(ReserveMessage, {})
        found: Mapping[int, GetMessage] = self._by_type.get(GetMessage, {})
        made.add_set(
            sets.FIND_KEYS, [(one.scope, one.idempotency_key) for one in found.values()], read_as="found"
        )
        new: list[Enqueue | ReserveMessage] = [*queued.values(), *reserved.values()]
        made.add_set(sets.INSERT_MESSAGES, list(map(sets.message_row, new)), read_as="inserted")
        made.add_set(sets.INSERT_QUEUE, list(map(sets.queue_row, queued.values())), read_as="enqueued")
        others = [row for one in queued.values() for row in sets.recipient_rows(one)]
        made.add_set(sets.INSERT_RECIPIENTS, others)
        first = list(map(sets.attempt_row, reserved.values()))
        made.add_set(sets.INSERT_FIRST_ATTEMPTS, first, read_as="reserved")
        keyed = [one for one in new if one.idempotency_key is not None]
        for hour in sorted({int(_begun_at(one) // _HOUR) for one in keyed}):
            made.add(sets.INSERT_HOUR, (hour,))
        made.add_set(sets.INSERT_KEYS, [(one.id, _owner(one)) for one in keyed])

    def _add_starts(self, made: _Statements) -> None:
        starts: Mapping[int, StartAttempt] = self._by_type.get(StartAttempt, {})
        queued = [sets.renewal_row(one) for one in starts.values() if one.queued]
        made.add_set(sets.RENEW_CLAIMS, queued)
        made.add_set(sets.HOLD_MESSAGES, list(map(sets.start_row, starts.values())))
        made.add_set(sets.INSERT_ATTEMPTS, list(map(sets.attempt_row, starts.values())), read_as="started")

    def _add_counters(self, made: _Statements) -> None:
        counts: Counter[tuple[int, str, str]] = Counter()
        counted: Mapping[int, IncrementCounters] = self._by_type.get(IncrementCounters, {})
        for one in counted.values():
            for what, number in one.counts.items():
                counts[int(one.at // 60), one.worker, what] += number
        made.add_set(sets.ADD_TO_COUNTERS, [(*key, number) for key, number in sorted(counts.items())])

    def _read(self, rows: Mapping[str, Sequence[tuple[Any, ...]]]) -> None:
        """Take the replies of what the sets confirm."""

        def ids(name: str) -> set[str]:
            return {row[0] for row in rows.get(name, ())}

        inserted, finished, deleted = ids("inserted"), ids("finished"), ids("deleted")
        self._confirm(Enqueue, inserted & ids("enqueued"), lambda _: None)
        self._confirm(ReserveMessage, inserted & ids("reserved"), lambda _: None)
        self._confirm(StartAttempt, ids("started"), lambda _: True)
        self._confirm(FinishAttempt, finished, _finished_status)
        for place, one in self._by_type.get(UpdateJob, {}).items():
            self._replies[place] = one.message_id in deleted
        for kind in (IncrementCounters, ReleaseJobs):
            self._replies.update(dict.fromkeys(self._by_type.get(kind, ())))
        self._read_found(rows)

    def _confirm(self, kind: type[Any], ids: set[str], reply: Callable[[Any], Any]) -> None:
        for place, one in self._by_type.get(kind, {}).items():
            if _message_id(one) in ids:
                self._replies[place] = reply(one)

    def _read_found(self, rows: Mapping[str, Sequence[tuple[Any, ...]]]) -> None:
        taken = {tuple(row) for row in rows.get("found", ())}
        for place, one in self._by_type.get(GetMessage, {}).items():
            if (one.scope, one.idempotency_key) not in taken:
                self._replies[place] = None
        if ListPausedAccounts in self._by_type:
            paused = paused_accounts(list(rows["paused"]))
            self._replies.update(dict.fromkeys(self._by_type[ListPausedAccounts], paused))
        for place in self._by_type.get(Claim, ()):
            claimed = sorted(rows[f"claimed {place}"], key=lambda row: row[0])
            if not claimed or claimed[0][0] >= 0:
                self._replies[place] = claimed

    def _finish(self, connection: psycopg.Connection[Any]) -> None:
        """Do what the sets left of transactions, and load the records of what was claimed and had attempts."""
        with connection.cursor() as cursor:
            for place, one in self._by_type.get(Claim, {}).items():
                if place in self._replies:
                    self._replies[place] = [_job(cursor, row, one.now) for row in self._replies[place]]
            parts = ((operation, one) for operation in self._operations for one in flatten(operation))
            for place, (operation, one) in enumerate(parts):
                if isinstance(operation, Transaction) and place not in self._replies:
                    self._replies[place] = execute(cursor, one)

    def _gather(self) -> Sequence[Any]:
        replies: list[Any] = []
        place = 0
        for operation in self._operations:
            own = [self._replies.get(place + number, ALONE) for number in range(len(flatten(operation)))]
            place += len(own)
            replies.append(own if isinstance(operation, Transaction) else own[0])
        return replies


def _cleaned(one: Any) -> Any:  # noqa: ANN401  any operation
    if not isinstance(one, FinishAttempt):
        return one
    result = one.result
    provider_id, detail = clean_text(result.provider_id), clean_text(result.detail) or ""
    if (provider_id, detail) == (result.provider_id, result.detail):
        return one
    return replace(one, result=replace(result, provider_id=provider_id, detail=detail))


def _finished_status(one: FinishAttempt) -> Status:
    return one.result.status if one.stop_reason else PENDING_NOT_SENT


def _begun_at(new: Enqueue | ReserveMessage) -> float:
    return new.at if isinstance(new, Enqueue) else new.first_attempt.started_at


def _owner(new: Enqueue | ReserveMessage) -> str:
    return QUEUE_OWNER if isinstance(new, Enqueue) else new.lease_owner


def _job(cursor: psycopg.Cursor[Any], row: tuple[Any, ...], now: float) -> Job:
    _, known, key, state, step, base, tries, created, deadline, payload, due = row
    record, status = run_flow(cursor, load_with_step_status(key, base, now)) if known else (None, None)
    return Job(key, State(state), step, base, tries, created, deadline, payload, record, status, 0, due)
