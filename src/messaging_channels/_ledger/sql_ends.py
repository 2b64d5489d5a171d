"""How an attempt ended, in SQL, and what that means for its message. See `ledger.sql`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from messaging_channels._ledger.failures import attempt_source, store_failure
from messaging_channels._ledger.sql_events import ATTACH_EVENTS
from messaging_channels._ledger.sql_types import (
    SET_STATUS,
    Dialect,
    Rows,
    Statement,
    StatementFlow,
    clean_text,
    status_to_json,
    status_values,
    take_lock,
)
from messaging_channels._ledger.status_merge import recompute_status
from messaging_channels._model.outcomes import AttemptResult, Outcome, Reason
from messaging_channels._model.status import PENDING_NOT_SENT, Status
from messaging_channels.plugins import ledger as op


def finish_attempt(operation: op.FinishAttempt, dialect: Dialect) -> StatementFlow[Status]:
    """Write down how an attempt ended. Where one writes at a time, and nothing was heard of it before, that takes two statements."""
    result = _sanitize(operation.result)
    if not dialect.for_update:
        ended = yield _update_attempt(operation, result, _END_ATTEMPT_UNHEARD)
        if ended and ended[0][2] is not None:
            return (yield from _after_end(operation, result, ended[0][2], ended))
        return (yield from _finish_locked(operation, result, dialect, ended))
    if result.provider_id and dialect.advisory_lock:
        yield from _lock_provider_id(operation, result.provider_id, dialect)
    return (yield from _finish_locked(operation, result, dialect, []))


def _finish_locked(
    operation: op.FinishAttempt, result: AttemptResult, dialect: Dialect, ended: Rows
) -> StatementFlow[Status]:
    """Write an end down where anything may have been heard of the attempt before. `ended` is its row if its own end is written already."""
    known = yield from _lock_message(operation.message_id, dialect)
    if not known:
        return result.status
    ended = (
        ended
        or (yield _update_attempt(operation, result, _END_ATTEMPT))
        or (yield from _end_late(operation, result))
    )
    event_count: int = known[0][0]
    if result.provider_id:
        event_count += yield from _attach_events(operation, result.provider_id, ended)
    return (yield from _after_end(operation, result, event_count, ended))


def _after_end(
    operation: op.FinishAttempt, result: AttemptResult, event_count: int, ended: Rows
) -> StatementFlow[Status]:
    """Write down what follows from the end of an attempt, whose row it is; none where it came too late."""
    if ended and (failure := store_failure(attempt_source(operation.message_id, operation.number), result)):
        yield failure
    last: int = ended[0][1] if ended else 0
    return (yield from _end_message(operation, result, event_count, last))


def _end_message(
    operation: op.FinishAttempt, result: AttemptResult, event_count: int, last: int
) -> StatementFlow[Status]:
    """Write down what the end of an attempt means for its message. `last` is the number of its last attempt; 0 where the end came too late."""
    key, is_known = operation.message_id, result.outcome is not Outcome.UNKNOWN
    over = operation.at if operation.stop_reason else None  # nothing follows, so nobody holds it any more
    if event_count == 0 and last == operation.number == 1 and is_known:  # nearly always
        status, row = first_end_row(operation)
        yield _UPDATE_STATUS, row
        return status
    # only the last attempt says why it stopped, and not a burial that came too late
    stops = last == operation.number if last else is_known
    yield _UPDATE_STOP_REASON, (event_count, stops, operation.stop_reason, over if stops else None, key)
    return (yield from recompute_status(key, operation.next_check_at))


def _lock_provider_id(operation: op.FinishAttempt, provider_id: str, dialect: Dialect) -> StatementFlow[None]:
    """Keep an early report of the same id out until the end is written."""
    asked = yield (
        "SELECT provider FROM messaging_channels_attempt WHERE message_id = ? AND number = ?",
        (operation.message_id, operation.number),
    )
    yield from take_lock(dialect, asked[0][0] if asked else "", provider_id)


def _end_late(operation: op.FinishAttempt, result: AttemptResult) -> StatementFlow[Rows]:
    """End an attempt that somebody took for lost meanwhile. What waits for its end is looked at again."""
    ended = yield _update_attempt(operation, result, _END_ATTEMPT_LATE)
    if not ended and result.outcome is Outcome.ACCEPTED:  # somebody said too early that it was not sent
        ended = yield _update_attempt(operation, result, _END_ATTEMPT_NOT_FOUND)
    if ended:
        yield _WAKE_HELD, (operation.at, operation.message_id, operation.at)
    return ended


def _attach_events(operation: op.FinishAttempt, provider_id: str, ended: Rows) -> StatementFlow[int]:
    """Join what was heard under the provider's id before. Return how many events that are."""
    key = operation.message_id
    named = ended or (yield _SET_PROVIDER_ID_LATE, (provider_id, key, operation.number))
    return len((yield ATTACH_EVENTS, (key, named[0][0], provider_id))) if named else 0


def _lock_message(key: str, dialect: Dialect) -> StatementFlow[Rows]:
    """Lock the row of a message, and like all who do so that of the queue before it. Return how many events it has."""
    if dialect.for_update:
        yield (
            f"SELECT message_id FROM messaging_channels_queue WHERE message_id = ?{dialect.for_update}",  # noqa: S608
            (key,),
        )
    return (
        yield (
            f"SELECT event_count FROM messaging_channels_message WHERE id = ?{dialect.for_update}",  # noqa: S608
            (key,),
        )
    )


def _update_attempt(operation: op.FinishAttempt, result: AttemptResult, statement: str) -> Statement:
    return statement, (*_result_row(result), operation.at, operation.message_id, operation.number)


def attempt_end_row(operation: op.FinishAttempt) -> tuple[Any, ...]:
    """Return what is kept of the end of an attempt: its result in seven columns, its message, its number."""
    result = _sanitize(operation.result)
    return (*_result_row(result), operation.at, operation.message_id, operation.number)


def _result_row(result: AttemptResult) -> tuple[Any, ...]:
    return (
        result.reason.value,
        result.outcome.value,
        status_to_json(result.status),
        result.provider_id,
        result.detail,
        result.retry_after,
    )


def is_usual_end(operation: op.FinishAttempt) -> bool:
    """Whether nothing is kept but the end itself, if nothing was heard of the message before."""
    result = operation.result
    return (
        operation.number == 1 and result.outcome is not Outcome.UNKNOWN and store_failure("", result) is None
    )


def first_end_row(operation: op.FinishAttempt) -> tuple[Status, tuple[Any, ...]]:
    """Return what a message is after its first attempt, of which nothing was heard before, and the values of that."""
    status = operation.result.status if operation.stop_reason else PENDING_NOT_SENT
    over = operation.at if operation.stop_reason else None  # nothing follows, so nobody holds it any more
    return status, (*status_values(status), operation.stop_reason, over, operation.message_id)


def _sanitize(result: AttemptResult) -> AttemptResult:
    provider_id, detail = clean_text(result.provider_id), clean_text(result.detail) or ""
    if (provider_id, detail) == (result.provider_id, result.detail):  # nearly always
        return result
    return replace(result, provider_id=provider_id, detail=detail)


_UPDATE_ATTEMPT = (
    "UPDATE messaging_channels_attempt SET reason = ?, outcome = ?, status = ?, provider_id = coalesce(?, provider_id),"
    " detail = ?, retry_after = ?, duration = ? - started WHERE message_id = ? AND number = ?"
)
_OF_ATTEMPT = (
    " RETURNING provider, (SELECT max(number) FROM messaging_channels_attempt AS other"
    " WHERE other.message_id = messaging_channels_attempt.message_id)"
)
_END_ATTEMPT = f"{_UPDATE_ATTEMPT} AND outcome IS NULL{_OF_ATTEMPT}"
_END_ATTEMPT_UNHEARD = (
    f"{_END_ATTEMPT}, (SELECT event_count FROM messaging_channels_message WHERE id = messaging_channels_attempt.message_id"  # noqa: S608
    " AND NOT EXISTS (SELECT 1 FROM messaging_channels_event AS event WHERE event.provider = messaging_channels_attempt.provider"
    " AND event.provider_id = messaging_channels_attempt.provider_id AND event.message_id IS NULL))"
)
"""The same, for one writer at a time: how many events the message has too; NULL where some have to be joined to it first."""
_END_ATTEMPT_LATE = f"{_UPDATE_ATTEMPT} AND outcome = 'unknown'{_OF_ATTEMPT}"
_END_ATTEMPT_NOT_FOUND = f"{_UPDATE_ATTEMPT} AND reason = '{Reason.NOT_FOUND.value}'{_OF_ATTEMPT}"
_WAKE_HELD = "UPDATE messaging_channels_queue SET due = ? WHERE message_id = ? AND state = 'held' AND due > ?"
_UPDATE_STATUS = (
    f"UPDATE messaging_channels_message SET {SET_STATUS}, version = version + 1, stopped = ?, next_check_at = NULL,"  # noqa: S608
    " lease = coalesce(?, lease) WHERE id = ?"
)
_UPDATE_STOP_REASON = (
    "UPDATE messaging_channels_message SET event_count = ?, stopped = CASE WHEN ? THEN ? ELSE stopped END,"
    " lease = coalesce(?, lease) WHERE id = ?"
)
_SET_PROVIDER_ID_LATE = (
    "UPDATE messaging_channels_attempt SET provider_id = ? WHERE message_id = ? AND number = ? AND provider_id IS NULL"
    " AND outcome = 'accepted' RETURNING provider"
)
"""So does an answer that comes after a report has settled its attempt."""
