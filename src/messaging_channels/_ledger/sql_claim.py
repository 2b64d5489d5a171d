"""How a worker becomes the holder of messages that are due: counted where a worker died with them."""

from __future__ import annotations

from collections.abc import Sequence

from messaging_channels._ledger.schema import SELECT_ATTEMPTS
from messaging_channels._ledger.sql import load_record
from messaging_channels._ledger.sql_clock import follow_clock
from messaging_channels._ledger.sql_types import Dialect, StatementFlow
from messaging_channels._ledger.status_merge import SELECT_REPORTS, matched_statuses, merged_status
from messaging_channels._model.status import Status
from messaging_channels.plugins.ledger import MessageRecord
from messaging_channels.plugins.ledger_queue import QUEUE_OWNER, Claim, Job, State


def claim(operation: Claim, dialect: Dialect) -> StatementFlow[Sequence[Job]]:
    """Perform the operation."""
    yield from follow_clock(operation.now, dialect)
    if operation.ended_owners:
        owners = f"({', '.join('?' * len(operation.ended_owners))})"
        yield (
            f"UPDATE messaging_channels_queue SET holder = '', tries = {_AT_LEAST_ONE} WHERE holder IN {owners}",  # noqa: S608
            operation.ended_owners,
        )
    keys, crashes = yield from _choose(operation, dialect)
    if not keys:
        return ()
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
            Job(key, State(state), step, base, tries, created, deadline, payload, record, status, crashes)
        )
    return sorted(jobs, key=lambda job: keys.index(job.message_id))


def _choose(operation: Claim, dialect: Dialect) -> StatementFlow[tuple[list[str], int]]:
    """Choose what is claimed, and tell how often a worker died with it.

    A message whose holder never gave it back may have killed it: it is claimed alone, so that it takes no other one along.
    """
    found = yield from _due_rows(operation, dialect)
    crashed = [index for index, (_, holder) in enumerate(found) if holder]
    if not crashed:
        return [key for key, _ in found], 0
    if crashed[0] > 0:
        return [key for key, _ in found[: crashed[0]]], 0
    key = found[0][0]
    ((count,),) = yield (
        (
            "INSERT INTO messaging_channels_crashed_claim (message_id, number) VALUES (?, 1)"
            " ON CONFLICT (message_id) DO UPDATE SET number = messaging_channels_crashed_claim.number + 1 RETURNING number"
        ),
        (key,),
    )
    return [key], count


def _due_rows(operation: Claim, dialect: Dialect) -> StatementFlow[list[tuple[str, str]]]:
    if operation.message_id is not None:
        rows = yield (
            f"SELECT message_id, holder FROM messaging_channels_queue WHERE message_id = ? AND due <= ?{dialect.skip_locked}",  # noqa: S608
            (operation.message_id, operation.now),
        )
        return [(key, holder) for key, holder in rows]
    found: list[tuple[str, str]] = []
    for priority in _PRIORITIES:
        if len(found) < operation.limit:
            rows = yield (
                f"{_SELECT_DUE}{dialect.skip_locked}",
                (priority, operation.now, operation.limit - len(found)),
            )
            found += [(key, holder) for key, holder in rows]
    return found


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
_SELECT_DUE = "SELECT message_id, holder FROM messaging_channels_queue WHERE priority = ? AND due <= ? ORDER BY due LIMIT ?"
_PRIORITIES = (0, 1, 2)
