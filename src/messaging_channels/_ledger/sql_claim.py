"""How a worker becomes the holder of messages that are due: counted where a worker died with them."""

from __future__ import annotations

from collections.abc import Sequence

from messaging_channels._ledger.schema import SELECT_ATTEMPTS
from messaging_channels._ledger.sql import load_record
from messaging_channels._ledger.sql_clock import follow_clock
from messaging_channels._ledger.sql_pause import is_paused
from messaging_channels._ledger.sql_types import Dialect, StatementFlow
from messaging_channels._ledger.status_merge import SELECT_REPORTS, matched_statuses, merged_status
from messaging_channels._model.status import Status
from messaging_channels.plugins.ledger import MessageRecord
from messaging_channels.plugins.ledger_queue import QUEUE_OWNER, Claim, Job, State


def claim(operation: Claim, dialect: Dialect) -> StatementFlow[Sequence[Job]]:
    """Perform the operation."""
    yield from follow_clock(operation.now, dialect)
    if (yield from is_paused(dialect)):
        return ()
    yield from _take_from_ended(operation, dialect)
    found, crashes = yield from _choose(operation, dialect)
    if not found:
        return ()
    keys = list(found)
    these = f"({', '.join('?' * len(keys))})"
    rows = yield (
        (
            f"UPDATE messaging_channels_queue SET holder = ?, due = ? WHERE message_id IN {these} RETURNING message_id,"  # noqa: S608
            " state, step, base, tries, created, deadline, payload"
        ),
        (operation.lease_owner, operation.lease, *keys),
    )
    begun = yield (
        f"SELECT DISTINCT message_id FROM messaging_channels_attempt WHERE message_id IN {these}",  # noqa: S608
        tuple(keys),
    )
    known = {key for (key,) in begun}
    jobs: list[Job] = []
    for key, state, step, base, tries, created, deadline, payload in rows:
        record, status = (
            (yield from load_with_step_status(key, base, operation.now)) if key in known else (None, None)
        )
        jobs.append(
            Job(
                key,
                State(state),
                step,
                base,
                tries,
                created,
                deadline,
                payload,
                record,
                status,
                crashes,
                found[key],
            )
        )
    places = {key: place for place, key in enumerate(keys)}
    return sorted(jobs, key=lambda job: places[job.message_id])


def _take_from_ended(operation: Claim, dialect: Dialect) -> StatementFlow[None]:
    """Free what owners hold that have ended."""
    if operation.ended_owners:
        owners = f"({', '.join('?' * len(operation.ended_owners))})"
        yield (
            (
                f"UPDATE messaging_channels_queue SET holder = '', tries = {_AT_LEAST_ONE} WHERE message_id IN (SELECT message_id"  # noqa: S608
                f" FROM messaging_channels_queue WHERE holder IN {owners} ORDER BY message_id{dialect.for_update})"
            ),
            operation.ended_owners,
        )


def _choose(operation: Claim, dialect: Dialect) -> StatementFlow[tuple[dict[str, float], int]]:
    """Choose what is claimed, with when it was due, and tell how often a worker died with it.

    A message whose holder never gave it back may have killed it: it is claimed alone, so that it takes no other one along.
    """
    found = yield from _due_rows(operation, dialect)
    crashed = [index for index, (_, holder, _) in enumerate(found) if holder]
    if not crashed:
        return {key: due for key, _, due in found}, 0
    if crashed[0] > 0:
        return {key: due for key, _, due in found[: crashed[0]]}, 0
    key, _, due = found[0]
    ((count,),) = yield (
        (
            "INSERT INTO messaging_channels_crashed_claim (message_id, number) VALUES (?, 1)"
            " ON CONFLICT (message_id) DO UPDATE SET number = messaging_channels_crashed_claim.number + 1 RETURNING number"
        ),
        (key,),
    )
    return {key: due}, count


def _due_rows(operation: Claim, dialect: Dialect) -> StatementFlow[list[tuple[str, str, float]]]:
    if operation.message_id is not None:
        rows = yield (
            f"SELECT message_id, holder, due FROM messaging_channels_queue WHERE message_id = ? AND due <= ?{dialect.skip_locked}",  # noqa: S608
            (operation.message_id, operation.now),
        )
        return [(key, holder, due) for key, holder, due in rows]
    found: list[tuple[str, str, float]] = []
    left_out, names = _left_out(operation)
    for priority in _PRIORITIES:
        if len(found) < operation.limit:
            rows = yield (
                f"{_SELECT_DUE}{left_out} ORDER BY due LIMIT ?{dialect.skip_locked}",
                (priority, operation.now, *names, operation.limit - len(found)),
            )
            found += [(key, holder, due) for key, holder, due in rows]
    return found


def _left_out(operation: Claim) -> tuple[str, Sequence[str]]:
    """Return the conditions that leave out the messages of some channels and accounts, and their values."""
    conditions = [_NOT_OF_PLATFORM if account is None else _NOT_OF for _, account in operation.left_out]
    names = [name for source in operation.left_out for name in source if name is not None]
    return "".join(conditions), names


def load_with_step_status(
    key: str, base: int, now: float
) -> StatementFlow[tuple[MessageRecord | None, Status | None]]:
    """Return the record of a message, with what its present step alone comes to. Nobody else holds it: who did is dead, or gave it back."""
    yield (
        "UPDATE messaging_channels_message SET holder = ? WHERE id = ? AND lease <= ?",
        (QUEUE_OWNER, key, now),
    )
    record = yield from load_record("id = ?", key)
    if record is None:
        return None, None
    rows = yield SELECT_ATTEMPTS, (key,)
    reports = matched_statuses(rows, (yield SELECT_REPORTS, (key,)))
    own = [attempt for attempt in record.attempts if attempt.number > base]
    step_reports = [(provider, status) for number, provider, status in reports if number > base]
    return record, merged_status(own, step_reports, stopped=True)


_AT_LEAST_ONE = "CASE WHEN state = 'waiting' AND tries < 1 THEN 1 ELSE tries END"
"""What was claimed once is no longer due when its caller named: a clock that is set back moves it."""
_SELECT_DUE = "SELECT message_id, holder, due FROM messaging_channels_queue WHERE priority = ? AND due <= ?"
_NOT_OF = (
    " AND NOT EXISTS (SELECT 1 FROM messaging_channels_message AS message WHERE message.id = message_id"
    " AND message.channel = ? AND message.account = ?)"
)
_NOT_OF_PLATFORM = _NOT_OF.replace("message.account = ?", "message.account IS NULL")
_PRIORITIES = (0, 1, 2)
