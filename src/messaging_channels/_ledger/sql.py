"""The operations of the ledger in SQL, written once for SQLite and PostgreSQL: generators that yield statements and are sent their rows.

Each runs in one transaction, and may be repeated: a step that was done already finds nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from messaging_channels._ledger.schema import (
    MESSAGE,
    SELECT_ATTEMPTS,
    SELECT_EVENTS,
    SELECT_STEPS,
    attempt_of,
    event_from_row,
    record_of,
    root_id,
    step_of,
)
from messaging_channels._ledger.sql_types import Dialect, Statement, Steps, counted, dump, locked
from messaging_channels._ledger.status_merge import recompute_status
from messaging_channels._model.events import EngagementReceived, Event, StatusChanged
from messaging_channels._model.outcomes import AttemptResult, Outcome, Reason
from messaging_channels._model.status import DELIVERED_TO_HANDSET, PENDING_NOT_SENT, Status
from messaging_channels.plugins import ledger as op
from messaging_channels.plugins.ledger_queue import NEVER, QUEUE


def _reserve(operation: op.ReserveMessage, _: Dialect) -> Steps[op.MessageRecord | None]:
    while not (yield _insert(operation)):
        if (yield "SELECT id FROM message WHERE id = ?", (operation.id,)):
            break  # this very operation was done before
        key = operation.scope, operation.idempotency_key
        held = yield from load_record("scope = ? AND idempotency_key = ?", *key)
        if held is None:
            continue  # it was released between these two statements: the key is free
        if held.expires > operation.first.at:
            return held
        yield "UPDATE message SET idempotency_key = NULL WHERE id = ?", (held.id,)
    yield _intent(operation.first)
    return None


def _insert(new: op.ReserveMessage) -> Statement:
    return (
        (
            f"INSERT INTO message ({MESSAGE}, look_at, looks, heard) VALUES ({', '.join('?' * 19)})"  # noqa: S608  constants
            " ON CONFLICT DO NOTHING RETURNING id"
        ),
        (
            new.id,
            new.channel,
            new.message_type,
            new.account,
            new.address,
            new.first.at,
            dump(PENDING_NOT_SENT),
            0,
            new.scope,
            new.idempotency_key,
            new.expires,
            new.fingerprint,
            new.digest,
            new.lease_owner,
            new.lease,
            "",
            new.lease,
            0,
            0,
        ),
    )


def _intent(begun: op.AttemptIntent) -> Statement:
    return (
        (
            "INSERT INTO attempt (message_id, number, provider, account, started, waited) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING"
        ),
        _values(begun),
    )


def _values(begun: op.AttemptIntent) -> tuple[Any, ...]:
    return (begun.message_id, begun.number, begun.provider, begun.account, begun.at, begun.delay)


def _take(operation: op.TakeLease, dialect: Dialect) -> Steps[bool]:
    key = operation.message_id
    held = yield (
        f"SELECT id FROM message WHERE id = ? AND holder IN (?, ?){dialect.for_update}",  # noqa: S608  a constant
        (key, operation.instead_of, operation.lease_owner),
    )
    # counted in a statement of its own, once the row is locked: whoever held it may have begun another attempt just now
    begun = yield (
        "SELECT count(*), count(CASE WHEN reason = 'accepted' THEN 1 END) FROM attempt WHERE message_id = ?",
        (key,),
    )
    if not held or begun[0] != (operation.attempts, 0):
        return False
    yield (
        "UPDATE message SET holder = ?, lease = ?, stopped = '' WHERE id = ?",
        (operation.lease_owner, operation.lease, key),
    )
    return True


def _begin(operation: op.StartAttempt, _: Dialect) -> Steps[bool]:
    begun, lease, holder = operation.begun, operation.lease, operation.lease_owner
    if operation.queued:
        claimed = yield (
            "UPDATE queue SET due = ? WHERE message_id = ? AND holder = ? RETURNING message_id",
            (lease, begun.message_id, holder),
        )
        if not claimed:
            return False
    held = yield (
        "UPDATE message SET holder = ?, lease = ?, look_at = ? WHERE id = ? AND holder IN (?, ?) RETURNING id",
        (holder, lease, lease, begun.message_id, holder, QUEUE if operation.queued else holder),
    )
    if not held:
        return False
    written = yield _INTEND, (*_values(begun), begun.message_id, begun.message_id)
    return bool(written or (yield _INTENDED, (begun.message_id, begun.number)))


def _finish(operation: op.FinishAttempt, dialect: Dialect) -> Steps[Status]:
    result, key = _storable(operation.result), operation.message_id
    if result.provider_id and dialect.lock:
        asked = yield (
            "SELECT provider FROM attempt WHERE message_id = ? AND number = ?",
            (key, operation.number),
        )
        yield from locked(dialect, asked[0][0] if asked else "", result.provider_id)
    known = yield f"SELECT heard FROM message WHERE id = ?{dialect.for_update}", (key,)  # noqa: S608  a constant
    if not known:
        return result.status
    ended = yield _end(operation, result)
    heard: int = known[0][0]
    if result.provider_id:
        named = ended or (yield _NAMED_LATE, (result.provider_id, key, operation.number))
        if named:
            heard += len((yield _JOIN, (key, named[0][0], result.provider_id)))
    over = operation.at if operation.stop_reason else None  # nothing follows, so nobody holds it any more
    last: int = ended[0][1] if ended else 0
    if (
        heard == 0 and last == operation.number == 1 and result.outcome is not Outcome.UNKNOWN
    ):  # nearly always
        status = result.status if operation.stop_reason else PENDING_NOT_SENT
        yield _SETTLE, (dump(status), operation.stop_reason, over, key)
        return status
    # only the last attempt says why it stopped, and not a burial that came too late
    stops = last == operation.number if ended else result.outcome is not Outcome.UNKNOWN
    yield _STOP, (heard, stops, operation.stop_reason, over if stops else None, key)
    return (yield from recompute_status(key, operation.look_at))


def _end(operation: op.FinishAttempt, result: AttemptResult) -> Statement:
    return (
        _END,
        (
            result.reason.value,
            dump(result.status),
            result.provider_id,
            result.detail,
            result.retry_after,
            operation.at,
            operation.message_id,
            operation.number,
        ),
    )


def _release(operation: op.ReleaseReservation, _: Dialect) -> Steps[None]:
    gone = yield (
        "DELETE FROM message WHERE id = ? AND holder = ? RETURNING id",
        (operation.message_id, operation.lease_owner),
    )
    if gone:
        yield "DELETE FROM attempt WHERE message_id = ?", (operation.message_id,)


def _hear(operation: op.RecordEvent, dialect: Dialect) -> Steps[op.EventRecorded]:
    event = operation.event
    provider_id = _clean(getattr(event, "provider_id", None))
    if provider_id:
        yield from locked(dialect, event.provider, provider_id)
    key = yield from _message_of(event)
    if key is not None and not provider_id:
        provider_id = yield from _id_at(key, event)
    status = event.status if isinstance(event, StatusChanged) else None
    detail = event.engagement_type if isinstance(event, EngagementReceived) else getattr(event, "detail", "")
    fresh = yield (
        (
            "INSERT INTO event (key, message_id, provider, provider_id, kind, at, status, detail, heard_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING key"
        ),
        (
            event.key,
            key,
            event.provider,
            provider_id,
            type(event).__name__,
            event.occurred_at,
            dump(status) if status else None,
            _clean(str(detail)),
            operation.now,
        ),
    )
    if not fresh or key is None:
        return op.EventRecorded(bool(fresh), key)
    if status is not None:  # whoever waits for it hears of it at once
        waits = "('sent', 'held')" if status.final else "('held')"
        yield f"UPDATE queue SET due = ? WHERE message_id = ? AND state IN {waits}", (operation.now, key)  # noqa: S608  constants
    yield "UPDATE message SET heard = heard + 1 WHERE id = ?", (key,)
    if provider_id and (yield _NAMED, (provider_id, key, event.provider, provider_id)):
        joined = yield _JOIN, (key, event.provider, provider_id)
        yield "UPDATE message SET heard = heard + ? WHERE id = ?", (len(joined), key)
    now = yield from recompute_status(key)
    if status is not None and status.rank >= DELIVERED_TO_HANDSET.rank:
        yield from _overlap(key, event.provider, provider_id, operation.now)
    return op.EventRecorded(fresh=True, message_id=key, status=now)


def _overlap(key: str, provider: str, provider_id: str | None, now: float) -> Steps[None]:
    """Count a message that was delivered though its fallback had gone on to the next step."""
    (row,) = yield "SELECT max(base) FROM step WHERE message_id = ?", (key,)
    if row[0] is None:
        return
    rows = yield "SELECT number, provider, provider_id, reason FROM attempt WHERE message_id = ?", (key,)
    early = any(
        number <= row[0] and (name, own) == (provider, provider_id or own) for number, name, own, _ in rows
    )
    if early and any(
        one[0] > row[0] and not str(one[3]).startswith(("not_sent.", "rejected.")) for one in rows
    ):
        yield counted(now, "reports", "overlapped", 1)


def _id_at(key: str, event: Event) -> Steps[str | None]:
    """Return the provider's id of the message that a report names by ours alone: the id of the last attempt of that step."""
    steps = yield SELECT_STEPS, (key,)
    bounds = {step: base for step, base, _ in steps} | {1: 0}
    step = step_of(getattr(event, "message_id", ""))
    rows = yield (
        (
            "SELECT provider_id FROM attempt WHERE message_id = ? AND provider = ? AND number > ? AND number <= ?"
            " AND provider_id IS NOT NULL ORDER BY number DESC LIMIT 1"
        ),
        (key, event.provider, bounds.get(step, 0), bounds.get(step + 1, _ALL)),
    )
    return rows[0][0] if rows else None


def _message_of(event: Event) -> Steps[str | None]:
    """Return our id of the message that the event is about, if that is known."""
    if isinstance(event, (StatusChanged, EngagementReceived)):
        named = root_id(_clean(event.message_id) or "")
        if named and (yield "SELECT id FROM message WHERE id = ?", (named,)):
            return named
        if event.provider_id:
            rows = yield (
                "SELECT message_id FROM attempt WHERE provider = ? AND provider_id = ?",
                (event.provider, _clean(event.provider_id)),
            )
            return rows[0][0] if rows else None
    return None


def _find(operation: op.GetMessage, _: Dialect) -> Steps[op.MessageRecord | None]:
    if operation.message_id is not None:
        return (yield from load_record("id = ?", operation.message_id))
    if operation.provider_id is not None:
        asked = "id = (SELECT message_id FROM attempt WHERE provider = ? AND provider_id = ? LIMIT 1)"
        return (yield from load_record(asked, operation.provider, _clean(operation.provider_id)))
    key = operation.scope, operation.idempotency_key
    return (yield from load_record("scope = ? AND idempotency_key = ?", *key))


def load_record(where: str, *values: Any) -> Steps[op.MessageRecord | None]:  # noqa: ANN401
    """Return the record of the message for which that holds."""
    rows = yield f"SELECT {MESSAGE} FROM message WHERE {where}", values  # noqa: S608  constants
    if not rows:
        return None
    key, channel = rows[0][:2]
    attempts = yield SELECT_ATTEMPTS, (key,)
    steps = (yield SELECT_STEPS, (key,)) if attempts else []
    events = yield SELECT_EVENTS, (key,)
    return record_of(
        rows[0],
        [attempt_of(key, channel, one, steps) for one in attempts],
        [event_from_row(one) for one in events],
    )


def _browse(operation: op.ListMessages, _: Dialect) -> Steps[Sequence[op.MessageRecord]]:
    group = None if operation.group_id is None else f'{{"groupId": {operation.group_id:d},%'
    given = {
        "id < ?": operation.before,
        "channel = ?": operation.channel,
        "status LIKE ?": group,
        "created >= ?": operation.since,
        "created < ?": operation.until,
    }
    asked = {condition: value for condition, value in given.items() if value is not None}
    where = " AND ".join(("scope = ?", *asked))
    keys = yield (
        f"SELECT id FROM message WHERE {where} ORDER BY id DESC LIMIT ?",  # noqa: S608  constants
        (operation.scope, *asked.values(), operation.limit),
    )
    records: list[op.MessageRecord] = []
    for (key,) in keys:
        record = yield from load_record("id = ?", key)
        records += [record] if record else []
    return records


def _unsettled(operation: op.ListUnknown, dialect: Dialect) -> Steps[Sequence[op.MessageRecord]]:
    due = yield (
        f"{_SELECT_DUE}{dialect.for_update}",
        (operation.now, operation.now, operation.limit),
    )
    crash = AttemptResult.of(Reason.PROCESS_CRASHED, "its process died before the answer was kept")
    records: list[op.MessageRecord] = []
    for key, looks in due:
        yield (
            "UPDATE attempt SET reason = ?, status = ?, detail = ?, duration = 0 WHERE message_id = ? AND reason IS NULL",
            (crash.reason.value, dump(crash.status), crash.detail, key),
        )
        yield "UPDATE message SET looks = looks + 1 WHERE id = ?", (key,)
        yield from recompute_status(key, _next_look(operation, looks))
        record = yield from load_record("id = ?", key)
        if record is not None and record.outcome is Outcome.UNKNOWN:
            records.append(record)
    return records


def _next_look(operation: op.ListUnknown, looks: int) -> float:
    """Return when it is due again; never, in effect, when the schedule is used up."""
    ahead = operation.reconcile_after[looks + 1 : looks + 2]
    return operation.now + ahead[0] if ahead else NEVER


def _storable(result: AttemptResult) -> AttemptResult:
    return replace(result, provider_id=_clean(result.provider_id), detail=_clean(result.detail) or "")


def _clean(text: str | None) -> str | None:
    """Return what a provider wrote as a database can hold it: without NUL and lone surrogates."""
    return text and text.replace("\x00", "").encode("utf-8", "replace").decode()


_INTEND = (
    "INSERT INTO attempt (message_id, number, provider, account, started, waited) SELECT ?, ?, ?, ?, ?, ?"
    " WHERE NOT EXISTS (SELECT 1 FROM attempt WHERE message_id = ? AND reason = 'accepted' AND number >"
    " coalesce((SELECT max(base) FROM step WHERE message_id = ?), 0)) ON CONFLICT DO NOTHING RETURNING number"
)
"""A statement of its own, once the row is locked: a report may have settled an attempt just now."""
_INTENDED = "SELECT 1 FROM attempt WHERE message_id = ? AND number = ?"
_END = (
    "UPDATE attempt SET reason = ?, status = ?, provider_id = coalesce(?, provider_id), detail = ?, retry_after = ?,"
    " duration = ? - started WHERE message_id = ? AND number = ?"
    " AND (reason IS NULL OR reason LIKE 'unknown.%') RETURNING provider,"
    " (SELECT max(number) FROM attempt AS other WHERE other.message_id = attempt.message_id)"
)
_JOIN = "UPDATE event SET message_id = ? WHERE provider = ? AND provider_id = ? AND message_id IS NULL RETURNING key"
_SETTLE = (
    "UPDATE message SET status = ?, version = version + 1, stopped = ?, look_at = NULL, lease = coalesce(?, lease)"
    " WHERE id = ?"
)
_STOP = "UPDATE message SET heard = ?, stopped = CASE WHEN ? THEN ? ELSE stopped END, lease = coalesce(?, lease) WHERE id = ?"
_NAMED = (
    "UPDATE attempt SET provider_id = ? WHERE message_id = ? AND provider = ? AND provider_id IS NULL"
    " AND (reason IS NULL OR reason = 'accepted' OR reason LIKE 'unknown.%') AND NOT EXISTS (SELECT 1 FROM attempt AS named"
    " WHERE named.message_id = attempt.message_id AND named.provider = attempt.provider AND named.provider_id = ?)"
    " RETURNING number"
)
"""A report that names the message by both ids tells the provider's."""
_NAMED_LATE = (
    "UPDATE attempt SET provider_id = ? WHERE message_id = ? AND number = ? AND provider_id IS NULL"
    " AND reason = 'accepted' RETURNING provider"
)
"""So does an answer that comes after a report has settled its attempt."""
_SELECT_DUE = "SELECT id, looks FROM message WHERE look_at <= ? AND lease <= ? ORDER BY look_at LIMIT ?"
_ALL = 1_000_000_000
STEPS: dict[type[Any], Callable[[Any, Dialect], Steps[Any]]] = {
    op.ReserveMessage: _reserve,
    op.TakeLease: _take,
    op.StartAttempt: _begin,
    op.FinishAttempt: _finish,
    op.ReleaseReservation: _release,
    op.RecordEvent: _hear,
    op.GetMessage: _find,
    op.ListMessages: _browse,
    op.ListUnknown: _unsettled,
}
