"""The operations on messages that wait in SQL, written once for SQLite and PostgreSQL. See `ledger.sql`.

Whoever locks rows of one message locks the queue's first, then the message's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from messaging_channels._ledger.sql import load_record
from messaging_channels._ledger.sql_claim import claim
from messaging_channels._ledger.sql_clock import follow_later
from messaging_channels._ledger.sql_insert import NewMessage, add_fallback_recipients, insert_message
from messaging_channels._ledger.sql_keys import is_key_over, observe_key
from messaging_channels._ledger.sql_pause import require_known_keys
from messaging_channels._ledger.sql_stop import POSSIBLY_SENT, SELECT_POSSIBLY_SENT, stop_message
from messaging_channels._ledger.sql_types import (
    SET_STATUS,
    Dialect,
    StatementFlow,
    increment_counter,
    status_values,
)
from messaging_channels._model.status import DELIVERED_TO_HANDSET, PENDING_QUEUED, REJECTED_CANCELLED
from messaging_channels.plugins import ledger_queue as q
from messaging_channels.plugins.ledger import MessageRecord
from messaging_channels.plugins.ledger_queue import NEVER, QUEUE_OWNER, State


def _enqueue(new: q.Enqueue, dialect: Dialect) -> StatementFlow[MessageRecord | None]:
    yield from require_known_keys(new.idempotency_key, dialect)
    begins = NewMessage(new.at, PENDING_QUEUED, QUEUE_OWNER, NEVER)
    while not (yield insert_message(new, begins)):
        if (yield "SELECT id FROM messaging_channels_message WHERE id = ?", (new.id,)):
            break  # this very operation was done before
        record = yield from load_record("scope = ? AND idempotency_key = ?", new.scope, new.idempotency_key)
        if record is None:
            continue  # a send released it between these two statements: the key is free
        if not (yield from is_key_over(record.id, record.created_at, record.expires, new.at)):
            return record
        yield "UPDATE messaging_channels_message SET idempotency_key = NULL WHERE id = ?", (record.id,)
    if new.idempotency_key is not None:
        yield from observe_key(new.id, new.at)
    yield (
        _INSERT_QUEUE,
        (
            new.id,
            State.WAITING.value,
            1,
            new.steps,
            0,
            0,
            new.at,
            new.due,
            new.priority,
            new.deadline,
            "",
            new.payload,
            new.due,
        ),
    )
    yield from add_fallback_recipients(new.id, new.recipient_digests)
    return None


def _release_jobs(operation: q.ReleaseJobs, dialect: Dialect) -> StatementFlow[None]:
    released: dict[str, float | None] = dict(operation.released)
    for key, later in operation.postponed:
        released[key] = yield from follow_later(later, operation.at, dialect)
    for key, due in sorted(released.items()):  # the time it was enqueued at follows the clock
        yield (
            "UPDATE messaging_channels_queue SET holder = '', due = COALESCE(?, created) WHERE message_id = ? AND holder = ?",
            (due, key, operation.lease_owner),
        )


def _update_job(operation: q.UpdateJob, dialect: Dialect) -> StatementFlow[bool]:
    key = operation.message_id
    if operation.state is State.WAITING and (yield _SELECT_OPEN, (key,)):
        return False  # it may be on its way: it is held, not sent again
    if operation.state is None:
        held = yield (
            "DELETE FROM messaging_channels_queue WHERE message_id = ? AND holder = ? RETURNING message_id",
            (key, operation.lease_owner),
        )
    else:
        due = yield from follow_later(operation.due, operation.at, dialect)
        if operation.state is State.HELD and (yield from _is_safe_now(key, dialect)):
            due = operation.at  # it ended while this was decided: it is decided again
        held = yield (
            _UPDATE_JOB,
            (operation.state.value, due, operation.tries, operation.tries, due, key, operation.lease_owner),
        )
    if not held:
        return False
    if operation.state is State.WAITING:
        yield (
            "UPDATE messaging_channels_message SET holder = ?, lease = ?, next_check_at = NULL, stopped = '' WHERE id = ?",
            (QUEUE_OWNER, NEVER, key),
        )
    elif operation.stop_reason:
        yield from stop_message(key, operation.stop_reason, operation.status, operation.at)
    return True


def _is_safe_now(key: str, dialect: Dialect) -> StatementFlow[bool]:
    """Whether no attempt of the present step may have gone out. Nothing ends until this transaction is over."""
    for table, name in (("queue", "message_id"), ("message", "id")):
        yield f"SELECT 1 FROM messaging_channels_{table} WHERE {name} = ?{dialect.for_update}", (key,)  # noqa: S608
    possible = yield (
        f"SELECT 1 FROM messaging_channels_queue WHERE message_id = ? AND EXISTS ({_SELECT_STEP_POSSIBLY_SENT})",  # noqa: S608
        (key,),
    )
    return not possible


def _increment_counters(operation: q.IncrementCounters, _: Dialect) -> StatementFlow[None]:
    for what, number in sorted(operation.counts.items()):
        yield increment_counter(operation.at, operation.worker, what, number)


def _advance_fallback(operation: q.AdvanceFallback, dialect: Dialect) -> StatementFlow[bool]:
    key = operation.message_id
    held = yield (
        f"SELECT step FROM messaging_channels_queue WHERE message_id = ? AND holder = ?{dialect.for_update}",  # noqa: S608
        (key, operation.lease_owner),
    )
    if not held or held[0][0] != operation.step - 1:
        return False
    yield f"SELECT id FROM messaging_channels_message WHERE id = ?{dialect.for_update}", (key,)  # noqa: S608
    record = yield from load_record("id = ?", key)
    if record is None or record.status.rank >= DELIVERED_TO_HANDSET.rank:
        return False
    if any(attempt.in_progress for attempt in record.attempts):
        return False
    base = len(record.attempts)
    yield (
        "UPDATE messaging_channels_queue SET state = ?, due = ?, ready_at = ?, step = ?, base = ?, tries = 0, holder = '' WHERE message_id = ?",
        (State.WAITING.value, operation.at, operation.at, operation.step, base, key),
    )
    step = (
        operation.step,
        base,
        operation.channel,
        operation.message_type,
        operation.address,
        operation.digest,
    )
    yield (
        (
            "INSERT INTO messaging_channels_step (message_id, step, base, channel, kind, address, digest) VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING"
        ),
        (key, *step),
    )
    yield (
        "UPDATE messaging_channels_message SET holder = ?, lease = ?, next_check_at = NULL, stopped = '' WHERE id = ?",
        (QUEUE_OWNER, NEVER, key),
    )
    return True


def _cancel(operation: q.Cancel, dialect: Dialect) -> StatementFlow[bool]:
    key = operation.message_id
    waits = yield (
        f"SELECT state FROM messaging_channels_queue WHERE message_id = ?{dialect.for_update}",  # noqa: S608
        (key,),
    )
    if not waits or waits[0][0] not in (State.WAITING.value, State.DEAD.value):
        return False
    gone = yield f"{SELECT_POSSIBLY_SENT} LIMIT 1", (key,)
    if gone:
        return False
    yield "DELETE FROM messaging_channels_queue WHERE message_id = ?", (key,)
    yield from stop_message(key, "cancelled before anything was sent", REJECTED_CANCELLED, operation.at)
    yield increment_counter(operation.at, "callers", "cancelled", 1)
    return True


def _retry_dead_letters(operation: q.RetryDeadLetters, dialect: Dialect) -> StatementFlow[int]:
    where, values = ("message_id = ?", (operation.message_id,)) if operation.message_id else ("1 = 1", ())
    keys = yield (
        (
            f"SELECT message_id FROM messaging_channels_queue WHERE state = 'dead' AND {where}"  # noqa: S608
            f" AND NOT EXISTS ({_SELECT_STEP_POSSIBLY_SENT}) LIMIT ?{dialect.skip_locked}"
        ),
        (*values, operation.limit),
    )
    for (key,) in keys:
        yield "DELETE FROM messaging_channels_crashed_claim WHERE message_id = ?", (key,)
        yield (
            (
                "UPDATE messaging_channels_queue SET state = ?, due = ?, ready_at = ?, tries = 0, deadline = NULL,"
                " base = (SELECT count(*) FROM messaging_channels_attempt AS attempt"
                " WHERE attempt.message_id = messaging_channels_queue.message_id) WHERE message_id = ?"
            ),
            (State.WAITING.value, operation.at, operation.at, key),
        )
        yield (
            (
                f"UPDATE messaging_channels_message SET holder = ?, lease = ?, next_check_at = NULL, stopped = '', {SET_STATUS},"  # noqa: S608
                " version = version + 1 WHERE id = ?"
            ),
            (QUEUE_OWNER, NEVER, *status_values(PENDING_QUEUED), key),
        )
    return len(keys)


def _list_dead_letters(operation: q.ListDeadLetters, _: Dialect) -> StatementFlow[Sequence[MessageRecord]]:
    before = "message_id < ?" if operation.before else "1 = 1"
    values = (operation.before,) if operation.before else ()
    keys = yield (
        f"SELECT message_id FROM messaging_channels_queue WHERE state = 'dead' AND {before} ORDER BY message_id DESC LIMIT ?",  # noqa: S608
        (*values, operation.limit),
    )
    records: list[MessageRecord] = []
    for (key,) in keys:
        record = yield from load_record("id = ?", key)
        records += [record] if record else []
    return records


_INSERT_QUEUE = (
    "INSERT INTO messaging_channels_queue (message_id, state, step, steps, base, tries, created, due, priority, deadline, holder, payload,"
    " ready_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_UPDATE_JOB = (
    "UPDATE messaging_channels_queue SET state = ?, due = ?, tries = ?, ready_at = CASE WHEN ? = 0 THEN ? ELSE ready_at END, holder = ''"
    " WHERE message_id = ? AND holder = ? RETURNING message_id"
)
"""One that was not tried could first be sent when it is due now; another one when it first was."""
_SELECT_OPEN = "SELECT 1 FROM messaging_channels_attempt WHERE message_id = ? AND outcome IS NULL LIMIT 1"
_SELECT_STEP_POSSIBLY_SENT = (
    "SELECT 1 FROM messaging_channels_attempt AS attempt WHERE attempt.message_id = messaging_channels_queue.message_id"  # noqa: S608
    f" AND attempt.number > messaging_channels_queue.base AND {POSSIBLY_SENT}"
)
HANDLERS: dict[type[Any], Callable[[Any, Dialect], StatementFlow[Any]]] = {
    q.Enqueue: _enqueue,
    q.Claim: claim,
    q.ReleaseJobs: _release_jobs,
    q.UpdateJob: _update_job,
    q.IncrementCounters: _increment_counters,
    q.AdvanceFallback: _advance_fallback,
    q.Cancel: _cancel,
    q.RetryDeadLetters: _retry_dead_letters,
    q.ListDeadLetters: _list_dead_letters,
}
