"""How rows of the ledger become records."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from messaging_channels._ledger.failures import FAILURE_COLUMNS, failure_from_row
from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels._model.receipts import Attempt, RecordedEvent, RecordedStep
from messaging_channels._model.status import PENDING_UNKNOWN, Status, from_dict
from messaging_channels.plugins.ledger import MessageRecord

MESSAGE_COLUMNS = (
    "id, channel, kind, account, address, created, status, version, scope, idempotency_key, expires, fingerprint, digest,"
    " holder, lease, stopped"
)
SELECT_ATTEMPTS = (
    "SELECT number, provider, account, started, waited, duration, attempt.reason, status, provider_id, detail, retry_after,"  # noqa: S608
    f" outcome, {FAILURE_COLUMNS} FROM messaging_channels_attempt AS attempt LEFT JOIN messaging_channels_failure AS failure"
    " ON failure.source = attempt.message_id || '/' || attempt.number WHERE message_id = ? ORDER BY number"
)
SELECT_STEPS = "SELECT step, base, channel, kind, address FROM messaging_channels_step WHERE message_id = ? ORDER BY step"
SELECT_EVENTS = (
    f"SELECT kind, at, status, detail, {FAILURE_COLUMNS}, event.provider, event.provider_id"  # noqa: S608
    " FROM messaging_channels_event AS event"
    " LEFT JOIN messaging_channels_failure AS failure ON failure.source = event.key WHERE message_id = ? ORDER BY at, key"
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
    number, provider, account, started, waited, duration, reason, *told = row
    result = None if reason is None else _read_result(reason, *told)
    return Attempt(message_id, channel, provider, account, result, started, duration or 0.0, number, waited)


def _read_result(
    reason: str,
    status: str,
    provider_id: str | None,
    detail: str | None,
    retry_after: float | None,
    outcome: str,
    *failure: Any,  # noqa: ANN401  columns
) -> AttemptResult:
    """Return the result of an attempt. A reason that another version wrote is read by its outcome, and told."""
    known = _REASONS.get(reason) or _REASONS_BY_OUTCOME.get(outcome, Reason.PROCESS_CRASHED)
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
    known = read_status(status, PENDING_UNKNOWN) if status else None
    return RecordedEvent(kind, at, known, detail, **told, channel=_channel_of(status))


def events_from_rows(
    rows: Sequence[tuple[Any, ...]], attempts: Sequence[Attempt], *, is_fallback: bool
) -> list[RecordedEvent]:
    """Return the events of rows of SELECT_EVENTS. One of a fallback that names no channel has that of the step whose message it speaks of."""
    events = [event_from_row(row[:-2]) for row in rows]
    if not is_fallback:
        return events
    steps = {
        (one.provider, one.result.provider_id): one.channel
        for one in attempts
        if one.result and one.result.provider_id
    }
    return [
        replace(event, channel=event.channel or steps.get(row[-2:], ""))
        for event, row in zip(events, rows, strict=True)
    ]


def _channel_of(report: str | None) -> str:
    """Return the channel that a report named."""
    if not report or '"channel"' not in report:
        return ""
    try:
        return str(json.loads(report).get("channel", ""))
    except (AttributeError, ValueError):  # what cannot be read harms no other record
        return ""


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
