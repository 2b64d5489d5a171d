"""How a worker becomes the holder of messages that are due: counted where a worker died with them, and by clocks that may be set."""

from __future__ import annotations

from collections.abc import Sequence

from messaging_channels._ledger.sql import load_record
from messaging_channels._ledger.sql_types import Dialect, StatementFlow
from messaging_channels._ledger.status_merge import merged_status, reported_statuses
from messaging_channels._model.status import Status
from messaging_channels.plugins.ledger import MessageRecord
from messaging_channels.plugins.ledger_queue import NEVER, QUEUE_OWNER, Claim, Job, State


def claim(operation: Claim, dialect: Dialect) -> StatementFlow[Sequence[Job]]:
    """Perform the operation."""
    yield from follow_clock(operation.now)
    if operation.ended_owners:
        owners = f"({', '.join('?' * len(operation.ended_owners))})"
        yield f"UPDATE queue SET holder = '' WHERE holder IN {owners}", operation.ended_owners  # noqa: S608
    keys, crashes = yield from _choose(operation, dialect)
    if not keys:
        return ()
    these = f"({', '.join('?' * len(keys))})"
    rows = yield (
        (
            f"UPDATE queue SET holder = ?, due = ? WHERE message_id IN {these} RETURNING message_id,"  # noqa: S608  constants
            " state, step, base, tries, created, deadline, payload"
        ),
        (operation.lease_owner, operation.lease, *keys),
    )
    begun = yield f"SELECT DISTINCT message_id FROM attempt WHERE message_id IN {these}", tuple(keys)  # noqa: S608
    known = {key for (key,) in begun}
    jobs: list[Job] = []
    for key, state, step, base, tries, created, deadline, payload in rows:
        record, status = (
            (yield from _load_with_step_status(key, base, operation.now)) if key in known else (None, None)
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
            "INSERT INTO crashed_claim (message_id, number) VALUES (?, 1)"
            " ON CONFLICT (message_id) DO UPDATE SET number = crashed_claim.number + 1 RETURNING number"
        ),
        (key,),
    )
    return [key], count


def _due_rows(operation: Claim, dialect: Dialect) -> StatementFlow[list[tuple[str, str]]]:
    if operation.message_id is not None:
        rows = yield (
            f"SELECT message_id, holder FROM queue WHERE message_id = ? AND due <= ?{dialect.skip_locked}",  # noqa: S608
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


def _load_with_step_status(
    key: str, base: int, now: float
) -> StatementFlow[tuple[MessageRecord | None, Status | None]]:
    """Return the record of a message, with what its present step alone comes to. Nobody else holds it: who did is dead, or gave it back."""
    yield "UPDATE message SET holder = ? WHERE id = ? AND lease <= ?", (QUEUE_OWNER, key, now)
    record = yield from load_record("id = ?", key)
    if record is None:
        return None, None
    reports = yield from reported_statuses(key, record.attempts)
    own = [attempt for attempt in record.attempts if attempt.number > base]
    step_reports = [(provider, status) for number, provider, status in reports if number > base]
    return record, merged_status(own, step_reports, stopped=True)


def follow_clock(now: float) -> StatementFlow[None]:
    """Move times that were set by a clock that has since been set back, so that nothing waits for a time that is far away.

    Only times that were reckoned from the clock are moved: leases, and waits before a repetition or a look-up. A time that the caller named stands.
    """
    rows = yield "SELECT at FROM ledger_clock WHERE name = 'queue'", ()
    if not rows:
        yield "INSERT INTO ledger_clock (name, at) VALUES ('queue', ?) ON CONFLICT DO NOTHING", (now,)
        return
    back = rows[0][0] - now
    if back <= _CLOCK_TOLERANCE:
        if back < -_CLOCK_INTERVAL:
            yield "UPDATE ledger_clock SET at = ? WHERE name = 'queue' AND at < ?", (now, now)
        return
    yield "UPDATE ledger_clock SET at = ? WHERE name = 'queue'", (now,)
    for statement in _SET_BACK:
        yield statement, (back, now, back, now, now, NEVER)


_SET_BACK = (
    (
        "UPDATE queue SET due = CASE WHEN due - ? > ? THEN due - ? ELSE ? END WHERE due > ? AND due < ?"
        " AND (holder <> '' OR tries > 0 OR state <> 'waiting' OR due <= created)"
    ),
    (
        "UPDATE message SET next_check_at = CASE WHEN next_check_at - ? > ? THEN next_check_at - ? ELSE ? END"
        " WHERE next_check_at > ? AND next_check_at < ?"
    ),
    "UPDATE message SET lease = CASE WHEN lease - ? > ? THEN lease - ? ELSE ? END WHERE lease > ? AND lease < ?",
    (
        "UPDATE paused_account SET next_probe_at = CASE WHEN next_probe_at - ? > ? THEN next_probe_at - ? ELSE ? END"
        " WHERE next_probe_at > ? AND next_probe_at < ?"
    ),
)
_SELECT_DUE = "SELECT message_id, holder FROM queue WHERE priority = ? AND due <= ? ORDER BY due LIMIT ?"
_CLOCK_TOLERANCE = 300.0
"""Seconds by which the clocks of machines may differ. More is a clock that was set."""
_CLOCK_INTERVAL = 60.0
_PRIORITIES = (0, 1, 2)
