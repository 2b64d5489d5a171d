"""The operations of the ledger in SQL, written once for SQLite and PostgreSQL: generators that yield statements and are sent their rows.

Whoever runs one does so in one transaction. Every operation may be repeated: a step that was done already finds nothing to do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, TypeVar

from messaging_channels import ledger
from messaging_channels.events import Engaged, Event, StatusChanged
from messaging_channels.ledger._rows import (
    MESSAGE,
    SELECT_ATTEMPTS,
    SELECT_EVENTS,
    attempt_of,
    heard_of,
    record_of,
)
from messaging_channels.outcomes import Kind, Outcome, Reason
from messaging_channels.receipts import Attempt, deciding
from messaging_channels.status import PENDING_ACCEPTED, PENDING_NOT_SENT, Status, from_dict, merge

Result = TypeVar("Result")
Statement: TypeAlias = "tuple[str, tuple[Any, ...]]"
Rows: TypeAlias = "list[tuple[Any, ...]]"
Steps: TypeAlias = "Generator[Statement, Rows, Result]"


@dataclass(frozen=True, slots=True)
class Dialect:
    """Where two databases differ."""

    for_update: str = ""
    """Appended to a SELECT whose row will be changed."""
    lock: str | None = None
    """A statement that takes a lock by name until the end of the transaction, where one writer at a time is not given anyway."""


def steps(operation: ledger.Operation[Any], dialect: Dialect) -> Steps[Any]:
    """Return the statements of an operation, as a generator that returns its reply."""
    return _STEPS[type(operation)](operation, dialect)


def _reserve(operation: ledger.Reserve, _: Dialect) -> Steps[ledger.Record | None]:
    while not (yield _insert(operation)):
        if (yield "SELECT id FROM message WHERE id = ?", (operation.id,)):
            break  # this very operation was done before
        found = yield from _found(
            "scope = ? AND idempotency_key = ?", operation.scope, operation.idempotency_key
        )
        if found is None:
            continue  # it was released between these two statements: the key is free
        if found.expires > operation.first.at:
            return found
        yield "UPDATE message SET idempotency_key = NULL WHERE id = ?", (found.id,)
    yield _intent(operation.first)
    return None


def _insert(new: ledger.Reserve) -> Statement:
    return (
        (
            f"INSERT INTO message ({MESSAGE}, look_at, looks, heard) VALUES ({', '.join('?' * 19)})"  # noqa: S608  constants
            " ON CONFLICT DO NOTHING RETURNING id"
        ),
        (
            new.id,
            new.channel,
            new.kind,
            new.account,
            new.address,
            new.first.at,
            _dump(PENDING_NOT_SENT),
            0,
            new.scope,
            new.idempotency_key,
            new.expires,
            new.fingerprint,
            new.digest,
            new.holder,
            new.lease,
            "",
            new.lease,
            0,
            0,
        ),
    )


def _intent(begun: ledger.Begun) -> Statement:
    return (
        (
            "INSERT INTO attempt (message_id, number, provider, account, started, waited) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING"
        ),
        (begun.message_id, begun.number, begun.provider, begun.account, begun.at, begun.waited),
    )


def _take(operation: ledger.Take, dialect: Dialect) -> Steps[bool]:
    key = operation.message_id
    held = yield (
        f"SELECT id FROM message WHERE id = ? AND holder IN (?, ?){dialect.for_update}",  # noqa: S608  a constant
        (key, operation.instead_of, operation.holder),
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
        (operation.holder, operation.lease, key),
    )
    return True


def _begin(operation: ledger.Begin, _: Dialect) -> Steps[bool]:
    begun, lease = operation.begun, operation.lease
    held = yield (
        "UPDATE message SET lease = ?, look_at = ? WHERE id = ? AND holder = ? RETURNING id",
        (lease, lease, begun.message_id, operation.holder),
    )
    if held:
        yield _intent(begun)
    return bool(held)


def _finish(operation: ledger.Finish, dialect: Dialect) -> Steps[Status]:
    outcome, key = _storable(operation.outcome), operation.message_id
    if outcome.provider_id and dialect.lock:
        asked = yield (
            "SELECT provider FROM attempt WHERE message_id = ? AND number = ?",
            (key, operation.number),
        )
        yield from _locked(dialect, asked[0][0] if asked else "", outcome.provider_id)
    known = yield f"SELECT heard FROM message WHERE id = ?{dialect.for_update}", (key,)  # noqa: S608  a constant
    if not known:
        return outcome.status
    ended = yield _end(operation, outcome)
    heard: int = known[0][0]
    if outcome.provider_id:
        named = ended or (yield _NAMED_LATE, (outcome.provider_id, key, operation.number))
        if named:
            heard += len((yield _JOIN, (key, named[0][0], outcome.provider_id)))
    over = operation.at if operation.stopped else None  # nothing follows, so nobody holds it any more
    last: int = ended[0][1] if ended else 0
    if heard == 0 and last == operation.number == 1 and outcome.kind is not Kind.UNKNOWN:  # nearly always
        status = outcome.status if operation.stopped else PENDING_NOT_SENT
        yield _SETTLE, (_dump(status), operation.stopped, over, key)
        return status
    # only the last attempt says why it stopped, and not a burial that came too late
    stops = last == operation.number if ended else outcome.kind is not Kind.UNKNOWN
    yield _STOP, (heard, stops, operation.stopped, over if stops else None, key)
    return (yield from _restated(key, operation.look_at))


def _end(operation: ledger.Finish, outcome: Outcome) -> Statement:
    return (
        _END,
        (
            outcome.reason.value,
            _dump(outcome.status),
            outcome.provider_id,
            outcome.detail,
            outcome.retry_after,
            operation.at,
            operation.message_id,
            operation.number,
        ),
    )


def _restated(key: str, look_at: float | None = None) -> Steps[Status]:
    """Work out afresh what all attempts and events say, and write it down if it changed. The message's row is locked."""
    yield _REPORTED, (_dump(PENDING_ACCEPTED), key)
    (row,) = yield "SELECT channel, status, stopped, look_at FROM message WHERE id = ?", (key,)
    channel, before, stopped, due = row
    attempts = [attempt_of(key, channel, one) for one in (yield SELECT_ATTEMPTS, (key,))]
    reports: Rows = yield (
        "SELECT provider, status FROM event WHERE message_id = ? AND status IS NOT NULL",
        (key,),
    )
    status = standing(attempts, [(name, _load(text)) for name, text in reports], stopped=bool(stopped))
    certain = deciding(attempts)[1] is not Kind.UNKNOWN
    yield (
        "UPDATE message SET status = ?, version = version + ?, look_at = ? WHERE id = ?",
        (_dump(status), int(_load(before) != status), None if certain else look_at or due, key),
    )
    return status


def standing(attempts: Sequence[Attempt], reports: Sequence[tuple[str, Status]], *, stopped: bool) -> Status:
    """Return what attempts and reports, in whatever order they came, say of a message together.

    Only attempts that were or may have been accepted count, and what their providers report; of a message that none took, the last attempt speaks.
    """
    live = [one for one in attempts if one.kind in (Kind.ACCEPTED, Kind.UNKNOWN) and one.outcome]
    if not live:
        last = attempts[-1].outcome if attempts and stopped else None
        return last.status if last else PENDING_NOT_SENT
    asked = {one.provider for one in live}
    said = [one.outcome.status for one in live if one.outcome]
    return merge(*said, *(status for provider, status in reports if provider in asked))


def _release(operation: ledger.Release, _: Dialect) -> Steps[None]:
    gone = yield (
        "DELETE FROM message WHERE id = ? AND holder = ? RETURNING id",
        (operation.message_id, operation.holder),
    )
    if gone:
        yield "DELETE FROM attempt WHERE message_id = ?", (operation.message_id,)


def _hear(operation: ledger.Hear, dialect: Dialect) -> Steps[ledger.Hearing]:
    event = operation.event
    provider_id = _clean(getattr(event, "provider_id", None))
    if provider_id:
        yield from _locked(dialect, event.provider, provider_id)
    key = yield from _message_of(event)
    status = event.status if isinstance(event, StatusChanged) else None
    detail = event.act if isinstance(event, Engaged) else getattr(event, "detail", "")
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
            event.at,
            _dump(status) if status else None,
            _clean(str(detail)),
            operation.now,
        ),
    )
    if not fresh or key is None:
        return ledger.Hearing(bool(fresh), key)
    yield "UPDATE message SET heard = heard + 1 WHERE id = ?", (key,)
    if provider_id and (yield _NAMED, (provider_id, key, event.provider)):
        joined = yield _JOIN, (key, event.provider, provider_id)
        yield "UPDATE message SET heard = heard + ? WHERE id = ?", (len(joined), key)
    return ledger.Hearing(fresh=True, message_id=key, status=(yield from _restated(key)))


def _message_of(event: Event) -> Steps[str | None]:
    """Return our id of the message that the event is about, if that is known."""
    if isinstance(event, (StatusChanged, Engaged)):
        named = _clean(event.message_id)
        if named and (yield "SELECT id FROM message WHERE id = ?", (named,)):
            return named
        if event.provider_id:
            rows = yield (
                "SELECT message_id FROM attempt WHERE provider = ? AND provider_id = ?",
                (event.provider, _clean(event.provider_id)),
            )
            return rows[0][0] if rows else None
    return None


def _find(operation: ledger.Find, _: Dialect) -> Steps[ledger.Record | None]:
    if operation.message_id is not None:
        return (yield from _found("id = ?", operation.message_id))
    if operation.provider_id is not None:
        asked = "id = (SELECT message_id FROM attempt WHERE provider = ? AND provider_id = ? LIMIT 1)"
        return (yield from _found(asked, operation.provider, _clean(operation.provider_id)))
    return (
        yield from _found("scope = ? AND idempotency_key = ?", operation.scope, operation.idempotency_key)
    )


def _found(where: str, *values: Any) -> Steps[ledger.Record | None]:  # noqa: ANN401  whatever SQL takes
    rows = yield f"SELECT {MESSAGE} FROM message WHERE {where}", values  # noqa: S608  constants
    if not rows:
        return None
    key, channel = rows[0][:2]
    attempts = yield SELECT_ATTEMPTS, (key,)
    events = yield SELECT_EVENTS, (key,)
    return record_of(
        rows[0], [attempt_of(key, channel, one) for one in attempts], [heard_of(one) for one in events]
    )


def _browse(operation: ledger.Browse, _: Dialect) -> Steps[Sequence[ledger.Record]]:
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
    records: list[ledger.Record] = []
    for (key,) in keys:
        record = yield from _found("id = ?", key)
        records += [record] if record else []
    return records


def _unsettled(operation: ledger.Unsettled, dialect: Dialect) -> Steps[Sequence[ledger.Record]]:
    due = yield (
        f"{_SELECT_DUE}{dialect.for_update}",
        (operation.now, operation.now, operation.limit),
    )
    crash = Outcome.of(Reason.CRASH, "its process died before the answer was kept")
    records: list[ledger.Record] = []
    for key, looks in due:
        yield (
            "UPDATE attempt SET reason = ?, status = ?, detail = ?, duration = 0 WHERE message_id = ? AND reason IS NULL",
            (crash.reason.value, _dump(crash.status), crash.detail, key),
        )
        yield "UPDATE message SET looks = looks + 1 WHERE id = ?", (key,)
        yield from _restated(key, _next_look(operation, looks))
        record = yield from _found("id = ?", key)
        if record is not None and record.outcome is Kind.UNKNOWN:
            records.append(record)
    return records


def _next_look(operation: ledger.Unsettled, looks: int) -> float:
    """Return when it is due again; never, in effect, when the schedule is used up."""
    ahead = operation.schedule[looks + 1 : looks + 2]
    return operation.now + ahead[0] if ahead else _NEVER


def _together(operation: ledger.Together, dialect: Dialect) -> Steps[Sequence[Any]]:
    replies: list[Any] = []
    for one in operation.operations:
        replies.append((yield from steps(one, dialect)))  # noqa: PERF401  a comprehension cannot yield
    return replies


def _locked(dialect: Dialect, *name: str) -> Steps[None]:
    if dialect.lock:
        yield dialect.lock, ("\x1f".join(name),)


def _storable(outcome: Outcome) -> Outcome:
    return replace(outcome, provider_id=_clean(outcome.provider_id), detail=_clean(outcome.detail) or "")


def _clean(text: str | None) -> str | None:
    """Return what a provider wrote as a database can hold it: without NUL and lone surrogates."""
    return text and text.replace("\x00", "").encode("utf-8", "replace").decode()


def _dump(status: Status) -> str:
    return json.dumps(status.as_dict())


def _load(text: str) -> Status:
    return from_dict(json.loads(text))


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
_REPORTED = (
    "UPDATE attempt SET reason = 'accepted', status = ?, detail = 'settled by a report' WHERE message_id = ?"
    " AND (reason LIKE 'unknown.%' OR reason = 'not_sent.absent' AND NOT EXISTS (SELECT 1 FROM attempt AS other"
    " WHERE other.message_id = attempt.message_id AND other.provider = attempt.provider"
    " AND (other.reason IS NULL OR other.reason = 'accepted' OR other.reason LIKE 'unknown.%')))"
    " AND EXISTS (SELECT 1 FROM event WHERE event.message_id = attempt.message_id AND event.provider = attempt.provider)"
)
"""A report proves that the provider took it; also where it was asked too early, unless another attempt there explains the report."""
_NAMED = (
    "UPDATE attempt SET provider_id = ? WHERE message_id = ? AND provider = ? AND provider_id IS NULL"
    " AND (reason IS NULL OR reason = 'accepted' OR reason LIKE 'unknown.%') RETURNING number"
)
"""A report that names the message by both ids tells the provider's."""
_NAMED_LATE = (
    "UPDATE attempt SET provider_id = ? WHERE message_id = ? AND number = ? AND provider_id IS NULL"
    " AND reason = 'accepted' RETURNING provider"
)
"""So does an answer that comes after a report has settled its attempt."""
_SELECT_DUE = "SELECT id, looks FROM message WHERE look_at <= ? AND lease <= ? ORDER BY look_at LIMIT ?"
_NEVER = 1e12
_STEPS: dict[type[Any], Callable[[Any, Dialect], Steps[Any]]] = {
    ledger.Reserve: _reserve,
    ledger.Take: _take,
    ledger.Begin: _begin,
    ledger.Finish: _finish,
    ledger.Release: _release,
    ledger.Hear: _hear,
    ledger.Find: _find,
    ledger.Browse: _browse,
    ledger.Unsettled: _unsettled,
    ledger.Together: _together,
}
