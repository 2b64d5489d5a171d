"""The decisions of people about unknown outcomes, in SQL. See `_ledger.sql`.

Like all who lock rows of one message: the queue's first, then the message's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from messaging_channels._ledger.sql import load_record, mark_crashed
from messaging_channels._ledger.sql_types import Dialect, Rows, StatementFlow, clean_text, status_to_json
from messaging_channels._ledger.status_merge import recompute_status
from messaging_channels._model.outcomes import Outcome, Reason
from messaging_channels.plugins.ledger import MessageRecord
from messaging_channels.plugins.ledger_queue import NEVER, QUEUE_OWNER
from messaging_channels.plugins.ledger_resolve import ListUnresolved, Resolution, ResolveOutcome


def _list_unresolved(operation: ListUnresolved, _: Dialect) -> StatementFlow[Sequence[MessageRecord]]:
    before = "message.id < ?" if operation.before else "1 = 1"
    values = (operation.before,) if operation.before else ()
    rows = yield (
        f"{_SELECT_UNRESOLVED} AND {before} ORDER BY message.id DESC LIMIT ?",
        (operation.now, *values, operation.limit),
    )
    records: list[MessageRecord] = []
    for (key,) in rows:
        record = yield from load_record("id = ?", key)
        records += [record] if record else []
    return records


def _resolve_outcome(operation: ResolveOutcome, dialect: Dialect) -> StatementFlow[Resolution]:
    key = operation.message_id
    queued = yield f"SELECT holder FROM messaging_channels_queue WHERE message_id = ?{dialect.for_update}", (key,)  # noqa: S608  # fmt: skip
    known = yield f"SELECT lease FROM messaging_channels_message WHERE id = ?{dialect.for_update}", (key,)  # noqa: S608
    if not known:
        return Resolution(None, is_recorded=False)
    is_recorded = bool(
        (yield "SELECT 1 FROM messaging_channels_event WHERE key = ?", (_event_key(operation),))
    )
    if not is_recorded:  # else this very operation was done before
        if known[0][0] <= operation.at:
            yield from mark_crashed(key)
        numbers = yield from _unknown_attempts(key)
        is_recorded = bool(numbers)
        if numbers:
            yield from _record_decision(operation, numbers)
            if queued:
                yield from _continue_job(operation, is_idle=not queued[0][0])
            yield from recompute_status(key)
    return Resolution((yield from load_record("id = ?", key)), is_recorded)


def _unknown_attempts(key: str) -> StatementFlow[Sequence[int]]:
    """Return the unknown attempts of the present step; none if one of it was accepted, or is under way."""
    rows: Rows = yield (
        (
            "SELECT number, outcome FROM messaging_channels_attempt AS attempt WHERE message_id = ?"  # noqa: S608
            f" AND {_OF_PRESENT_STEP}"
        ),
        (key,),
    )
    if any(outcome in (None, Outcome.ACCEPTED.value) for _, outcome in rows):
        return ()
    return [number for number, outcome in rows if outcome == Outcome.UNKNOWN.value]


def _record_decision(operation: ResolveOutcome, numbers: Sequence[int]) -> StatementFlow[None]:
    """Write down what was decided, by whom and why: in the attempts, and as an event of the message."""
    key, reason = operation.message_id, Reason.ACCEPTED if operation.was_sent else Reason.NOT_FOUND
    word = "sent" if operation.was_sent else "not sent"
    detail = clean_text(f"resolved as {word} by {operation.by}: {operation.why}")
    policy = reason.policy
    for number in numbers:
        yield (
            "UPDATE messaging_channels_attempt SET reason = ?, outcome = ?, status = ?, detail = ? WHERE message_id = ? AND number = ?",
            (reason.value, policy.outcome.value, status_to_json(policy.status), detail, key, number),
        )
    yield (
        (
            "INSERT INTO messaging_channels_event (key, message_id, provider, provider_id, kind, at, status, detail, heard_at)"
            " VALUES (?, ?, '', NULL, 'OutcomeResolved', ?, NULL, ?, ?) ON CONFLICT DO NOTHING"
        ),
        (_event_key(operation), key, operation.at, detail, operation.at),
    )
    yield (
        (
            "UPDATE messaging_channels_message SET event_count = event_count + 1, lease = ?, next_check_at = NULL,"
            " stopped = CASE WHEN stopped = '' THEN ? ELSE stopped END WHERE id = ?"
        ),
        (operation.at, f"resolved as {word}", key),
    )


def _continue_job(operation: ResolveOutcome, *, is_idle: bool) -> StatementFlow[None]:
    """Have a queued message looked at now. A worker that has it in hand finds out when it gives it back."""
    key = operation.message_id
    yield "DELETE FROM messaging_channels_crashed_claim WHERE message_id = ?", (key,)
    if not is_idle:
        return
    yield (
        "UPDATE messaging_channels_queue SET due = ?, tries = 0 WHERE message_id = ? AND state IN ('held', 'sent')",
        (operation.at, key),
    )
    if not operation.was_sent:
        yield (
            "UPDATE messaging_channels_message SET holder = ?, lease = ?, stopped = '' WHERE id = ?",
            (QUEUE_OWNER, NEVER, key),
        )


def _event_key(operation: ResolveOutcome) -> str:
    return f"resolved/{operation.message_id}/{operation.at!r}/{operation.was_sent}"


_OF_PRESENT_STEP = (
    "attempt.number > coalesce((SELECT max(base) FROM messaging_channels_step AS step"
    " WHERE step.message_id = attempt.message_id), 0)"
)
_ATTEMPTS_OF_STEP = f"SELECT 1 FROM messaging_channels_attempt AS attempt WHERE attempt.message_id = message.id AND {_OF_PRESENT_STEP}"  # noqa: S608
_SELECT_UNRESOLVED = (
    "SELECT message.id FROM messaging_channels_message AS message WHERE message.id IN"  # noqa: S608
    " (SELECT id FROM messaging_channels_message WHERE next_check_at IS NOT NULL"
    " UNION SELECT message_id FROM messaging_channels_queue WHERE state IN ('held', 'sent'))"
    f" AND EXISTS ({_ATTEMPTS_OF_STEP} AND (attempt.outcome = 'unknown' OR attempt.outcome IS NULL AND message.lease <= ?))"
    f" AND NOT EXISTS ({_ATTEMPTS_OF_STEP} AND attempt.outcome = 'accepted')"
)
"""Whoever may have been sent is looked at again some time, or held in the queue: so it is found without reading every record."""
HANDLERS: dict[type[Any], Callable[[Any, Dialect], StatementFlow[Any]]] = {
    ListUnresolved: _list_unresolved,
    ResolveOutcome: _resolve_outcome,
}
