"""What comes in about messages, in SQL: a report finds its message by our id or the provider's, and joins the attempt it is about."""

from __future__ import annotations

from collections.abc import Mapping

from messaging_channels._ledger.failures import store_failure
from messaging_channels._ledger.report_matching import (
    ReportOrigin,
    attempts_without_id,
    match_step,
    recorded_attempts,
)
from messaging_channels._ledger.schema import SELECT_ATTEMPTS, event_from_row, root_message_id, step_number
from messaging_channels._ledger.sql_types import (
    Dialect,
    Statement,
    StatementFlow,
    clean_text,
    increment_counter,
    report_to_json,
    take_lock,
)
from messaging_channels._ledger.status_merge import is_of_copy, recompute_status, step_bases
from messaging_channels._model.events import EngagementReceived, Event, StatusChanged
from messaging_channels._model.receipts import RecordedEvent, delivered_channels
from messaging_channels._model.status import DELIVERED_TO_HANDSET, Status, StatusGroup
from messaging_channels.plugins import ledger as op

ATTACH_EVENTS = (
    "UPDATE messaging_channels_event SET message_id = ? WHERE provider = ? AND provider_id = ? AND message_id IS NULL"
    " RETURNING key"
)


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
    detail = _detail(event)
    is_new = yield (
        (
            "INSERT INTO messaging_channels_event (key, message_id, provider, provider_id, kind, at, status, detail, heard_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING key"
        ),
        (
            event.key,
            key,
            event.provider,
            provider_id,
            type(event).__name__,
            event.occurred_at,
            _report(event) if status else None,
            clean_text(f"copy: {detail}" if of_copy else str(detail)),
            operation.now,
        ),
    )
    if is_new and isinstance(event, StatusChanged) and (failure := store_failure(event.key, event)):
        yield failure
    if not is_new or key is None:
        return op.EventRecorded(bool(is_new), key)
    now = yield from _apply_event(operation, key, provider_id, status)
    return op.EventRecorded(is_new=True, message_id=key, status=now)


def _apply_event(
    operation: op.RecordEvent, key: str, provider_id: str | None, status: Status | None
) -> StatementFlow[Status]:
    """Write down what a new event means for its message."""
    event = operation.event
    if status is not None:
        yield _wake_waiting(key, status, operation.now)
    yield "UPDATE messaging_channels_message SET event_count = event_count + 1 WHERE id = ?", (key,)
    if provider_id:
        yield from _learn_provider_id(key, ReportOrigin(event.provider, provider_id))
    now = yield from recompute_status(key)
    if status is not None and _is_delivered(status):
        yield from _count_overlaps(key, event, provider_id, operation.now)
    return now


def _detail(event: Event) -> str:
    return event.engagement_type if isinstance(event, EngagementReceived) else getattr(event, "detail", "")


def _wake_waiting(key: str, status: Status, now: float) -> Statement:
    """Return what lets whoever waits for a report hear of it at once."""
    waits = "('sent', 'held')" if status.final else "('held')"
    return (
        f"UPDATE messaging_channels_queue SET due = ? WHERE message_id = ? AND state IN {waits}",  # noqa: S608
        (now, key),
    )


def _is_delivered(status: Status) -> bool:
    return status.group is StatusGroup.DELIVERED and status.rank >= DELIVERED_TO_HANDSET.rank


def _learn_provider_id(key: str, origin: ReportOrigin) -> StatementFlow[None]:
    """Keep the provider's id that a report tells, and join what was heard under it before."""
    attempts = recorded_attempts((yield SELECT_ATTEMPTS, (key,)))
    unnamed = attempts_without_id(origin, attempts)
    for one in unnamed:
        yield (
            "UPDATE messaging_channels_attempt SET provider_id = ? WHERE message_id = ? AND number = ?",
            (origin.provider_id, key, one.number),
        )
    if unnamed:
        joined = yield ATTACH_EVENTS, (key, origin.provider, origin.provider_id)
        yield (
            "UPDATE messaging_channels_message SET event_count = event_count + ? WHERE id = ?",
            (len(joined), key),
        )


def _count_overlap(
    key: str, bases: Mapping[int, int], origin: ReportOrigin, now: float
) -> StatementFlow[None]:
    """Count a message that was delivered though its fallback had gone on to the next step: with the first report that says so."""
    attempts = recorded_attempts((yield SELECT_ATTEMPTS, (key,)))
    last = max(bases.values())
    early = any(
        one.number <= last
        and one.provider == origin.provider
        and (not origin.provider_id or one.provider_id == origin.provider_id)
        for one in attempts
    )
    if not early or not any(one.number > last and one.may_have_been_taken for one in attempts):
        return
    heard = yield from _events_of(key, origin)
    if sum(one.status is not None and _is_delivered(one.status) for one in heard) == 1:
        yield increment_counter(now, "reports", "overlapped", 1)


def _count_overlaps(key: str, event: Event, provider_id: str | None, now: float) -> StatementFlow[None]:
    """Count a message of which the person may have got two: by our fallback, or by the vendor's own."""
    origin = ReportOrigin(event.provider, provider_id)
    bases = yield from step_bases(key)
    if bases:
        yield from _count_overlap(key, bases, origin, now)
    yield from _count_channels(key, event, origin if bases else None, now)


def _report(event: Event) -> str | None:
    """Return what a report says as it is kept."""
    return (
        report_to_json(event.status, event.parts, event.channel) if isinstance(event, StatusChanged) else None
    )


def _count_channels(key: str, event: Event, origin: ReportOrigin | None, now: float) -> StatementFlow[None]:
    """Count a message that a vendor delivered on one channel of its own fallback after another. `origin` narrows it to one step of ours."""
    channel = event.channel if isinstance(event, StatusChanged) else ""
    if not channel:
        return
    events = yield from _events_of(key, origin)
    own = [one for one in events if one.channel == channel and delivered_channels([one], ())]
    if len(own) == 1 and len(delivered_channels(events, ())) > 1:
        yield increment_counter(now, "reports", "overlapped", 1)


def _events_of(key: str, origin: ReportOrigin | None) -> StatementFlow[list[RecordedEvent]]:
    """Return what was heard of a message: all of it, or of one attempt."""
    text = "SELECT kind, at, status, detail, NULL, NULL, NULL, NULL FROM messaging_channels_event WHERE message_id = ?"
    if origin is None:
        rows = yield text, (key,)
    else:
        narrowed = " AND provider = ? AND coalesce(provider_id, '') = ?"
        rows = yield text + narrowed, (key, origin.provider, origin.provider_id or "")
    return [event_from_row(row) for row in rows]


def _provider_id_at_step(key: str, event: Event) -> StatementFlow[str | None]:
    """Return the provider's id of the message that a report names by ours alone: the id of the last attempt of that step."""
    bases = yield from step_bases(key)
    attempts = recorded_attempts((yield SELECT_ATTEMPTS, (key,)))
    found = match_step(event.provider, step_number(getattr(event, "message_id", "")), attempts, bases)
    return found.provider_id if found else None


def _message_id_of(event: Event) -> StatementFlow[str | None]:
    """Return our id of the message that the event is about, if that is known."""
    if isinstance(event, (StatusChanged, EngagementReceived)):
        named = root_message_id(clean_text(event.message_id) or "")
        if named and (yield "SELECT id FROM messaging_channels_message WHERE id = ?", (named,)):
            return named
        if event.provider_id:
            rows = yield (
                "SELECT message_id FROM messaging_channels_attempt WHERE provider = ? AND provider_id = ?",
                (event.provider, clean_text(event.provider_id)),
            )
            return rows[0][0] if rows else None
    return None
