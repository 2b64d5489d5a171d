"""The ledger's tables, and how their rows become records."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from messaging_channels._ledger.failures import FAILURE_COLUMNS, failure_from_row
from messaging_channels._ledger.schema_consent import CONSENT_SCHEMA
from messaging_channels._ledger.schema_limits import LIMITS_SCHEMA
from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels._model.receipts import Attempt, RecordedEvent, RecordedStep
from messaging_channels._model.status import PENDING_UNKNOWN, Status, from_dict
from messaging_channels.plugins.ledger import MessageRecord

SCHEMA = (
    (
        "CREATE TABLE IF NOT EXISTS message ("
        "id TEXT PRIMARY KEY, channel TEXT NOT NULL, kind TEXT NOT NULL, account TEXT, address TEXT NOT NULL,"
        " created DOUBLE PRECISION NOT NULL, status TEXT NOT NULL, version INTEGER NOT NULL,"
        " scope TEXT NOT NULL, idempotency_key TEXT,"
        " expires DOUBLE PRECISION NOT NULL, fingerprint TEXT NOT NULL, digest TEXT NOT NULL, holder TEXT NOT NULL,"
        " lease DOUBLE PRECISION NOT NULL, stopped TEXT NOT NULL, checks INTEGER NOT NULL, next_check_at DOUBLE PRECISION,"
        " event_count INTEGER NOT NULL)"
    ),
    "CREATE UNIQUE INDEX IF NOT EXISTS message_key ON message (scope, idempotency_key) WHERE idempotency_key IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS message_scope ON message (scope, id)",
    "CREATE INDEX IF NOT EXISTS message_address ON message (scope, address)",
    "CREATE INDEX IF NOT EXISTS message_next_check ON message (next_check_at) WHERE next_check_at IS NOT NULL",
    (
        "CREATE TABLE IF NOT EXISTS attempt ("
        "message_id TEXT NOT NULL, number INTEGER NOT NULL, provider TEXT NOT NULL, account TEXT,"
        " started DOUBLE PRECISION NOT NULL, waited DOUBLE PRECISION NOT NULL, duration DOUBLE PRECISION, reason TEXT,"
        " status TEXT, provider_id TEXT, detail TEXT, retry_after DOUBLE PRECISION, PRIMARY KEY (message_id, number))"
    ),
    "CREATE INDEX IF NOT EXISTS attempt_provider ON attempt (provider, provider_id) WHERE provider_id IS NOT NULL",
    (
        "CREATE TABLE IF NOT EXISTS event ("
        "key TEXT PRIMARY KEY, message_id TEXT, provider TEXT NOT NULL, provider_id TEXT, kind TEXT NOT NULL,"
        " at DOUBLE PRECISION NOT NULL, status TEXT, detail TEXT NOT NULL, heard_at DOUBLE PRECISION NOT NULL)"
    ),
    "CREATE INDEX IF NOT EXISTS event_message ON event (message_id) WHERE message_id IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS event_orphan ON event (provider, provider_id) WHERE message_id IS NULL",
    (
        "CREATE TABLE IF NOT EXISTS queue ("
        "message_id TEXT PRIMARY KEY, state TEXT NOT NULL, step INTEGER NOT NULL, steps INTEGER NOT NULL, base INTEGER NOT NULL,"
        " tries INTEGER NOT NULL, created DOUBLE PRECISION NOT NULL, due DOUBLE PRECISION NOT NULL, priority INTEGER NOT NULL,"
        " deadline DOUBLE PRECISION, holder TEXT NOT NULL, payload TEXT NOT NULL, recipients TEXT NOT NULL)"
    ),
    "CREATE INDEX IF NOT EXISTS queue_due ON queue (priority, due)",
    "CREATE INDEX IF NOT EXISTS queue_created ON queue (created)",
    (
        "CREATE TABLE IF NOT EXISTS step ("
        "message_id TEXT NOT NULL, step INTEGER NOT NULL, base INTEGER NOT NULL, channel TEXT NOT NULL, kind TEXT NOT NULL,"
        " address TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (message_id, step))"
    ),
    (
        "CREATE TABLE IF NOT EXISTS counter ("
        "minute INTEGER NOT NULL, worker TEXT NOT NULL, what TEXT NOT NULL, number INTEGER NOT NULL,"
        " PRIMARY KEY (minute, worker, what))"
    ),
    (
        "CREATE TABLE IF NOT EXISTS failure ("
        "source TEXT PRIMARY KEY, reason TEXT NOT NULL, advice TEXT NOT NULL, vendor_code TEXT NOT NULL,"
        " vendor_text TEXT NOT NULL)"
    ),
    "CREATE TABLE IF NOT EXISTS crashed_claim (message_id TEXT PRIMARY KEY, number INTEGER NOT NULL)",
    (
        "CREATE TABLE IF NOT EXISTS paused_account ("
        "provider TEXT NOT NULL, account TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL,"
        " since DOUBLE PRECISION NOT NULL, next_probe_at DOUBLE PRECISION NOT NULL, probes INTEGER NOT NULL,"
        " PRIMARY KEY (provider, account))"
    ),
    "CREATE TABLE IF NOT EXISTS ledger_clock (name TEXT PRIMARY KEY, at DOUBLE PRECISION NOT NULL)",
    "CREATE TABLE IF NOT EXISTS ledger_hour (hour BIGINT PRIMARY KEY, place INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS ledger_key (message_id TEXT PRIMARY KEY, place INTEGER NOT NULL)",
    *CONSENT_SCHEMA,
    *LIMITS_SCHEMA,
)
"""The same for SQLite and PostgreSQL. Times are seconds since the epoch, UTC.

It only ever grows by tables and indexes, so an older file gets what it lacks when it is opened, and an older version of this library still reads it.
"""

_TABLES_AND_INDEXES = [re.findall(r"IF NOT EXISTS (\w+)", statement)[0] for statement in SCHEMA]
SCHEMA_CHECK_SQLITE, SCHEMA_CHECK_POSTGRES = (
    f"SELECT 1 WHERE {len(_TABLES_AND_INDEXES)} = (SELECT count(DISTINCT {column}) FROM {table} WHERE {column} IN ('{names}'){visible})"  # noqa: S608
    for names in ("', '".join(_TABLES_AND_INDEXES),)
    for column, table, visible in (
        ("name", "sqlite_master", ""),
        ("relname", "pg_class", " AND pg_table_is_visible(oid)"),
    )
)
"""What finds a row where nothing of the schema is missing. Creating what is there already would wait for everybody who writes."""

MESSAGE_COLUMNS = (
    "id, channel, kind, account, address, created, status, version, scope, idempotency_key, expires, fingerprint, digest,"
    " holder, lease, stopped"
)
SELECT_ATTEMPTS = (
    "SELECT number, provider, account, started, waited, duration, attempt.reason, status, provider_id, detail, retry_after,"  # noqa: S608  constants
    f" {FAILURE_COLUMNS} FROM attempt LEFT JOIN failure ON failure.source = attempt.message_id || '/' || attempt.number"
    " WHERE message_id = ? ORDER BY number"
)
SELECT_STEPS = "SELECT step, base, channel, kind, address FROM step WHERE message_id = ? ORDER BY step"
SELECT_EVENTS = (
    f"SELECT kind, at, status, detail, {FAILURE_COLUMNS} FROM event LEFT JOIN failure ON failure.source = event.key"  # noqa: S608  constants
    " WHERE message_id = ? ORDER BY at, key"
)


def record_from_row(
    row: tuple[Any, ...],
    attempts: Sequence[Attempt],
    events: Sequence[RecordedEvent],
    steps: Sequence[tuple[Any, ...]] = (),
) -> MessageRecord:
    """Return the record of a row of `message`."""
    key, channel, kind, account, address, created, status, version, *rest = row
    scope, idempotency_key, expires, fingerprint, digest, holder, lease, stopped = rest
    return MessageRecord(
        id=key,
        channel=channel,
        message_type=kind,
        account=account,
        address=address,
        created_at=created,
        status=read_status(status, PENDING_UNKNOWN),
        version=version,
        attempts=tuple(attempts),
        events=tuple(events),
        scope=scope,
        idempotency_key=idempotency_key,
        expires=expires,
        fingerprint=fingerprint,
        digest=digest,
        lease_owner=holder,
        lease=lease,
        stop_reason=stopped,
        steps=tuple(RecordedStep(*step) for step in steps),
    )


def attempt_from_row(
    message_id: str, channel: str, row: tuple[Any, ...], steps: Sequence[tuple[Any, ...]] = ()
) -> Attempt:
    """Return the attempt of a row of `attempt`. The provider's native answer is not kept.

    `steps` are those of a fallback after the first: number, attempts before it, channel. Each has a message id of its own for the provider.
    """
    for step, base, other, *_ in steps:
        if row[0] > base:
            message_id, channel = step_message_id(message_id, step), other
    number, provider, account, started, waited, duration, reason, status, provider_id, detail, wait = row[:11]
    result = None
    if reason is not None:
        result = _read_result(reason, status, provider_id, detail, wait, row[11:])
    return Attempt(message_id, channel, provider, account, result, started, duration or 0.0, number, waited)


def _read_result(
    reason: str,
    status: str,
    provider_id: str | None,
    detail: str | None,
    retry_after: float | None,
    failure: tuple[Any, ...],
) -> AttemptResult:
    """Return the outcome of an attempt. A reason that another version wrote is read by its first word, and told."""
    known = _REASONS.get(reason) or _REASONS_BY_OUTCOME.get(reason.partition(".")[0], Reason.PROCESS_CRASHED)
    told = detail or "" if known == reason else f"{reason}: {detail or ''}"
    kept = read_status(status, known.policy.status)
    return AttemptResult(known, kept, provider_id, told, retry_after, **failure_from_row(failure))


def read_status(text: str, otherwise: Status) -> Status:
    """Return a status that was kept; what cannot be read harms no other record."""
    try:
        return from_dict(json.loads(text))
    except (KeyError, TypeError, ValueError):
        return otherwise


def event_from_row(row: tuple[Any, ...]) -> RecordedEvent:
    """Return the event of a row of `event`."""
    kind, at, status, detail, *failure = row
    told = failure_from_row(tuple(failure))
    return RecordedEvent(kind, at, read_status(status, PENDING_UNKNOWN) if status else None, detail, **told)


def step_message_id(message_id: str, step: int) -> str:
    """Return the id by which a provider knows a step of a fallback: no provider may take the second message for a repetition of the first."""
    return message_id if step == 1 else f"{root_message_id(message_id)}-{step}"


def root_message_id(message_id: str) -> str:
    """Return our id of the message that a step belongs to."""
    return message_id.partition("-")[0]


def step_number(message_id: str) -> int:
    """Return which step a provider's report is about, by our id in it."""
    number = message_id.partition("-")[2]
    return int(number) if number.isdecimal() else 1


_REASONS = {reason.value: reason for reason in Reason}
_REASONS_BY_OUTCOME = {
    "accepted": Reason.ACCEPTED,
    "rejected": Reason.INVALID,
    "not_sent": Reason.INTERNAL_ERROR,
}
