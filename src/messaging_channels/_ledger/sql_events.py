"""What comes in about messages, in SQL: a report finds its message by our id or the provider's, and joins the attempt it is about."""

from __future__ import annotations

from messaging_channels._ledger.failures import store_failure
from messaging_channels._ledger.schema import SELECT_STEPS, root_message_id, step_number
from messaging_channels._ledger.sql_types import (
    Dialect,
    StatementFlow,
    increment_counter,
    report_to_json,
    take_lock,
)
from messaging_channels._ledger.status_merge import is_of_copy, recompute_status
from messaging_channels._model.events import EngagementReceived, Event, StatusChanged
from messaging_channels._model.status import DELIVERED_TO_HANDSET, StatusGroup
from messaging_channels.plugins import ledger as op

ATTACH_EVENTS = "UPDATE event SET message_id = ? WHERE provider = ? AND provider_id = ? AND message_id IS NULL RETURNING key"
_SET_PROVIDER_ID = (
    "UPDATE attempt SET provider_id = ? WHERE message_id = ? AND provider = ? AND provider_id IS NULL"
    " AND (reason IS NULL OR reason = 'accepted' OR reason LIKE 'unknown.%') AND NOT EXISTS (SELECT 1 FROM attempt AS named"
    " WHERE named.message_id = attempt.message_id AND named.provider = attempt.provider AND named.provider_id = ?)"
    " RETURNING number"
)
"""A report that names the message by both ids tells the provider's."""
_MAX_NUMBER = 1_000_000_000


def record_event(operation: op.RecordEvent, dialect: Dialect) -> StatementFlow[op.EventRecorded]:
    event = operation.event
    provider_id = clean_text(getattr(event, "provider_id", None))
    if provider_id:
        yield from take_lock(dialect, event.provider, provider_id)
    key = yield from _message_id_of(event)
    if key is not None and not provider_id:
        provider_id = yield from _provider_id_at_step(key, event)
    of_copy = key is not None and (yield from is_of_copy(key, operation.recipients))
    status = event.status if isinstance(event, StatusChanged) and not of_copy else None
    detail = event.engagement_type if isinstance(event, EngagementReceived) else getattr(event, "detail", "")
    is_new = yield (
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
            report_to_json(status, getattr(event, "parts", None)) if status else None,
            clean_text(f"copy: {detail}" if of_copy else str(detail)),
            operation.now,
        ),
    )
    failure = store_failure(event.key, event) if is_new and isinstance(event, StatusChanged) else None
    if failure:
        yield failure
    if not is_new or key is None:
        return op.EventRecorded(bool(is_new), key)
    if status is not None:  # whoever waits for it hears of it at once
        waits = "('sent', 'held')" if status.final else "('held')"
        yield f"UPDATE queue SET due = ? WHERE message_id = ? AND state IN {waits}", (operation.now, key)  # noqa: S608  constants
    yield "UPDATE message SET event_count = event_count + 1 WHERE id = ?", (key,)
    if provider_id and (yield _SET_PROVIDER_ID, (provider_id, key, event.provider, provider_id)):
        joined = yield ATTACH_EVENTS, (key, event.provider, provider_id)
        yield "UPDATE message SET event_count = event_count + ? WHERE id = ?", (len(joined), key)
    now = yield from recompute_status(key)
    if (
        status is not None
        and status.group is StatusGroup.DELIVERED
        and status.rank >= DELIVERED_TO_HANDSET.rank
    ):
        yield from _count_overlap(key, event.provider, provider_id, operation.now)
    return op.EventRecorded(is_new=True, message_id=key, status=now)


def _count_overlap(key: str, provider: str, provider_id: str | None, now: float) -> StatementFlow[None]:
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
        yield increment_counter(now, "reports", "overlapped", 1)


def _provider_id_at_step(key: str, event: Event) -> StatementFlow[str | None]:
    """Return the provider's id of the message that a report names by ours alone: the id of the last attempt of that step."""
    steps = yield SELECT_STEPS, (key,)
    bounds = {step: base for step, base, *_ in steps} | {1: 0}
    step = step_number(getattr(event, "message_id", ""))
    rows = yield (
        (
            "SELECT provider_id FROM attempt WHERE message_id = ? AND provider = ? AND number > ? AND number <= ?"
            " AND provider_id IS NOT NULL ORDER BY number DESC LIMIT 1"
        ),
        (key, event.provider, bounds.get(step, 0), bounds.get(step + 1, _MAX_NUMBER)),
    )
    return rows[0][0] if rows else None


def _message_id_of(event: Event) -> StatementFlow[str | None]:
    """Return our id of the message that the event is about, if that is known."""
    if isinstance(event, (StatusChanged, EngagementReceived)):
        named = root_message_id(clean_text(event.message_id) or "")
        if named and (yield "SELECT id FROM message WHERE id = ?", (named,)):
            return named
        if event.provider_id:
            rows = yield (
                "SELECT message_id FROM attempt WHERE provider = ? AND provider_id = ?",
                (event.provider, clean_text(event.provider_id)),
            )
            return rows[0][0] if rows else None
    return None


def clean_text(text: str | None) -> str | None:
    """Return what a provider wrote as a database can hold it: without NUL and lone surrogates."""
    return text and text.replace("\x00", "").encode("utf-8", "replace").decode()
