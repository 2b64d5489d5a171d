"""The operations of the ledger in SQL, written once for SQLite and PostgreSQL: generators that yield statements and are sent their rows.

Each runs in one transaction, and may be repeated: a step that was done already finds nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from messaging_channels._ledger.schema import (
    MESSAGE_COLUMNS,
    SELECT_ATTEMPTS,
    SELECT_EVENTS,
    SELECT_STEPS,
    attempt_from_row,
    events_from_rows,
    record_from_row,
)
from messaging_channels._ledger.sql_clock import follow_clock
from messaging_channels._ledger.sql_ends import finish_attempt
from messaging_channels._ledger.sql_events import record_event
from messaging_channels._ledger.sql_insert import (
    INSERT_MESSAGE,
    NewMessage,
    attempt_row,
    first_message_row,
    insert_message,
)
from messaging_channels._ledger.sql_keys import is_key_over, observe_key
from messaging_channels._ledger.sql_list import list_ids
from messaging_channels._ledger.sql_pause import require_known_keys
from messaging_channels._ledger.sql_types import (
    Dialect,
    Statement,
    StatementFlow,
    clean_text,
    status_to_json,
)
from messaging_channels._ledger.status_merge import recompute_status
from messaging_channels._model.outcomes import AttemptResult, Outcome, Reason
from messaging_channels._model.status import PENDING_NOT_SENT
from messaging_channels.plugins import ledger as op
from messaging_channels.plugins.ledger_queue import NEVER, QUEUE_OWNER


def _reserve_message(
    operation: op.ReserveMessage, dialect: Dialect
) -> StatementFlow[op.MessageRecord | None]:
    yield from require_known_keys(operation.idempotency_key, dialect)
    started, row = operation.first_attempt.started_at, first_message_row(operation)
    while not (yield INSERT_MESSAGE, row):
        if (yield "SELECT id FROM messaging_channels_message WHERE id = ?", (operation.id,)):
            break  # this very operation was done before
        key = operation.scope, operation.idempotency_key
        held = yield from load_record("scope = ? AND idempotency_key = ?", *key)
        if held is None:
            continue  # it was released between these two statements: the key is free
        if not (yield from is_key_over(held.id, held.created_at, held.expires, started)):
            return held
        yield "UPDATE messaging_channels_message SET idempotency_key = NULL WHERE id = ?", (held.id,)
    if operation.idempotency_key is not None:
        yield from observe_key(operation.id, started)
    yield _insert_attempt(operation.first_attempt)
    return None


def _record_unsent(new: op.RecordUnsent, _: Dialect) -> StatementFlow[None]:
    begins = NewMessage(new.at, PENDING_NOT_SENT, holder="", lease=new.at, stopped=new.stop_reason)
    made = yield insert_message(new, begins)
    if made and new.idempotency_key is not None:
        yield from observe_key(new.id, new.at)


def _insert_attempt(intent: op.AttemptIntent) -> Statement:
    return (
        (
            "INSERT INTO messaging_channels_attempt (message_id, number, provider, account, started, waited) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING"
        ),
        attempt_row(intent),
    )


def _take_lease(operation: op.TakeLease, dialect: Dialect) -> StatementFlow[bool]:
    key = operation.message_id
    held = yield (
        f"SELECT id FROM messaging_channels_message WHERE id = ? AND holder IN (?, ?){dialect.for_update}",  # noqa: S608
        (key, operation.previous_owner, operation.lease_owner),
    )
    # counted in a statement of its own, once the row is locked: whoever held it may have begun another attempt just now
    counts = yield (
        (
            "SELECT count(*), count(CASE WHEN outcome = 'accepted' THEN 1 END) FROM messaging_channels_attempt"
            " WHERE message_id = ?"
        ),
        (key,),
    )
    if not held or counts[0] != (operation.attempt_count, 0):
        return False
    yield from mark_crashed(key)  # who held it has not written its end down, and is not waited for
    yield (
        "UPDATE messaging_channels_message SET holder = ?, lease = ?, stopped = '' WHERE id = ?",
        (operation.lease_owner, operation.lease, key),
    )
    return True


def mark_crashed(key: str) -> StatementFlow[None]:
    """Write down that the attempts which have not ended are unknown."""
    crash = AttemptResult.of(Reason.PROCESS_CRASHED, "its process died before the answer was kept")
    yield (
        (
            "UPDATE messaging_channels_attempt SET reason = ?, outcome = ?, status = ?, detail = ?, duration = 0"
            " WHERE message_id = ? AND outcome IS NULL"
        ),
        (crash.reason.value, crash.outcome.value, status_to_json(crash.status), crash.detail, key),
    )


def _start_attempt(operation: op.StartAttempt, dialect: Dialect) -> StatementFlow[bool]:
    intent, lease, holder = operation.intent, operation.lease, operation.lease_owner
    if operation.queued and not dialect.for_update:
        return (yield from _start_queued(operation))
    if operation.queued:
        claimed = yield (
            "UPDATE messaging_channels_queue SET due = ? WHERE message_id = ? AND holder = ? RETURNING message_id",
            (lease, intent.message_id, holder),
        )
        if not claimed:
            return False
    held = yield (
        "UPDATE messaging_channels_message SET holder = ?, lease = ?, next_check_at = ? WHERE id = ? AND holder IN (?, ?) RETURNING id",
        (holder, lease, lease, intent.message_id, holder, QUEUE_OWNER if operation.queued else holder),
    )
    if not held:
        return False
    return (yield from _write_intent(intent))


def _start_queued(operation: op.StartAttempt) -> StatementFlow[bool]:
    """Begin an attempt of a claimed message where nobody else writes meanwhile. A claim that lasts nearly as long as the attempt is not written again."""
    intent, lease, holder = operation.intent, operation.lease, operation.lease_owner
    key = intent.message_id
    held = yield _HOLD_CLAIMED, (holder, lease, lease, key, holder, QUEUE_OWNER, key, holder, key)
    if not held:
        return False
    if held[0][0] < lease - (lease - intent.started_at) * CLAIM_SLACK:
        yield "UPDATE messaging_channels_queue SET due = ? WHERE message_id = ?", (lease, key)
    return (yield from _write_intent(intent))


def _write_intent(intent: op.AttemptIntent) -> StatementFlow[bool]:
    """Write an attempt down, unless one is under way or was accepted. The message is held."""
    written = yield (
        _INSERT_ATTEMPT_UNLESS_ACCEPTED,
        (*attempt_row(intent), intent.message_id, intent.message_id),
    )
    return bool(written or (yield _SELECT_ATTEMPT, (intent.message_id, intent.number)))


def _release_reservation(operation: op.ReleaseReservation, _: Dialect) -> StatementFlow[None]:
    gone = yield (
        "DELETE FROM messaging_channels_message WHERE id = ? AND holder = ? RETURNING id",
        (operation.message_id, operation.lease_owner),
    )
    if gone:
        yield "DELETE FROM messaging_channels_attempt WHERE message_id = ?", (operation.message_id,)


def _withdraw_attempt(operation: op.WithdrawAttempt, _: Dialect) -> StatementFlow[None]:
    yield (
        (
            "DELETE FROM messaging_channels_attempt WHERE message_id = ? AND number = ? AND outcome IS NULL"
            " AND EXISTS (SELECT 1 FROM messaging_channels_message WHERE id = ? AND holder = ?)"
        ),
        (operation.message_id, operation.number, operation.message_id, operation.lease_owner),
    )


def _get_message(operation: op.GetMessage, _: Dialect) -> StatementFlow[op.MessageRecord | None]:
    if operation.message_id is not None:
        return (yield from load_record("id = ?", operation.message_id))
    if operation.provider_id is not None:
        condition = "id = (SELECT message_id FROM messaging_channels_attempt WHERE provider = ? AND provider_id = ? LIMIT 1)"
        return (yield from load_record(condition, operation.provider, clean_text(operation.provider_id)))
    key = operation.scope, operation.idempotency_key
    return (yield from load_record("scope = ? AND idempotency_key = ?", *key))


def load_record(where: str, *values: Any) -> StatementFlow[op.MessageRecord | None]:  # noqa: ANN401
    """Return the record of the message for which that holds."""
    rows = yield f"SELECT {MESSAGE_COLUMNS} FROM messaging_channels_message WHERE {where}", values  # noqa: S608
    if not rows:
        return None
    key, channel = rows[0][:2]
    attempts = yield SELECT_ATTEMPTS, (key,)
    steps = (yield SELECT_STEPS, (key,)) if attempts else []
    events = yield SELECT_EVENTS, (key,)
    attempts_told = [attempt_from_row(key, channel, one, steps) for one in attempts]
    return record_from_row(
        rows[0],
        attempts_told,
        events_from_rows(events, attempts_told, is_fallback=bool(steps)),
        steps,
    )


def _list_messages(operation: op.ListMessages, _: Dialect) -> StatementFlow[Sequence[op.MessageRecord]]:
    records: list[op.MessageRecord] = []
    for key in (yield from list_ids(operation)):
        record = yield from load_record("id = ?", key)
        records += [record] if record else []
    return records


def _list_unknown(operation: op.ListUnknown, dialect: Dialect) -> StatementFlow[Sequence[op.MessageRecord]]:
    yield from follow_clock(operation.now, dialect)
    due = yield (
        f"{_SELECT_DUE}{dialect.skip_locked}",  # who holds one just now is at work with it: it is found next time
        (operation.now, operation.now, operation.limit),
    )
    records: list[op.MessageRecord] = []
    for key, checks in due:
        yield from mark_crashed(key)
        yield "UPDATE messaging_channels_message SET checks = checks + 1 WHERE id = ?", (key,)
        yield from recompute_status(key, _next_check(operation, checks))
        record = yield from load_record("id = ?", key)
        if record is not None and record.outcome is Outcome.UNKNOWN:
            records.append(record)
    return records


def _next_check(operation: op.ListUnknown, checks: int) -> float:
    """Return when it is due again; never, in effect, when the schedule is used up."""
    ahead = operation.reconcile_after[checks + 1 : checks + 2]
    return operation.now + ahead[0] if ahead else NEVER


CLAIM_SLACK = 0.1
"""The share of a lease by which a claim may end before an attempt's: who claims the message then finds the attempt under way, and waits for its end."""
_HOLD_CLAIMED = (
    "UPDATE messaging_channels_message SET holder = ?, lease = ?, next_check_at = ? WHERE id = ? AND holder IN (?, ?)"
    " AND EXISTS (SELECT 1 FROM messaging_channels_queue WHERE message_id = ? AND holder = ?)"
    " RETURNING (SELECT due FROM messaging_channels_queue WHERE message_id = ?)"
)
_INSERT_ATTEMPT_UNLESS_ACCEPTED = (
    "INSERT INTO messaging_channels_attempt (message_id, number, provider, account, started, waited)"
    " SELECT ?, ?, ?, ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM messaging_channels_attempt WHERE message_id = ?"
    " AND (outcome IS NULL OR outcome = 'accepted' AND number >"
    " coalesce((SELECT max(base) FROM messaging_channels_step WHERE message_id = ?), 0)))"
    " ON CONFLICT DO NOTHING RETURNING number"
)
"""A statement of its own, once the row is locked: a report may have settled an attempt just now."""
_SELECT_ATTEMPT = "SELECT 1 FROM messaging_channels_attempt WHERE message_id = ? AND number = ?"
_SELECT_DUE = "SELECT id, checks FROM messaging_channels_message WHERE next_check_at <= ? AND lease <= ? ORDER BY next_check_at LIMIT ?"
HANDLERS: dict[type[Any], Callable[[Any, Dialect], StatementFlow[Any]]] = {
    op.RecordUnsent: _record_unsent,
    op.ReserveMessage: _reserve_message,
    op.TakeLease: _take_lease,
    op.StartAttempt: _start_attempt,
    op.FinishAttempt: finish_attempt,
    op.ReleaseReservation: _release_reservation,
    op.WithdrawAttempt: _withdraw_attempt,
    op.RecordEvent: record_event,
    op.GetMessage: _get_message,
    op.ListMessages: _list_messages,
    op.ListUnknown: _list_unknown,
}
