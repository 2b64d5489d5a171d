"""What all attempts and reports of a message, in whatever order they came, say together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from messaging_channels._ledger.report_matching import (
    ReportOrigin,
    attempts_proven,
    match_report,
    recorded_attempts,
)
from messaging_channels._ledger.schema import SELECT_ATTEMPTS, attempt_from_row
from messaging_channels._ledger.sql_types import (
    SET_STATUS,
    Rows,
    StatementFlow,
    report_from_json,
    status_from_json,
    status_to_json,
    status_values,
)
from messaging_channels._model.outcomes import Outcome
from messaging_channels._model.receipts import Attempt, deciding_attempt
from messaging_channels._model.status import (
    EXPIRED_BEFORE_SENT,
    PENDING_ACCEPTED,
    PENDING_ENROUTE,
    PENDING_NOT_SENT,
    PENDING_QUEUED,
    REJECTED_BY_RULE,
    REJECTED_CANCELLED,
    Status,
    StatusGroup,
    merge,
)


def recompute_status(key: str, next_check_at: float | None = None) -> StatementFlow[Status]:
    """Work out afresh what all attempts and events say, and write it down if it changed. The message's row is locked."""
    (row,) = yield _SELECT_STATUS_INPUTS, (key,)
    channel, before, stopped, due, ahead = row
    bases = yield from step_bases(key)
    rows = yield SELECT_ATTEMPTS, (key,)
    heard = yield SELECT_REPORTS, (key,)
    if heard:
        rows = yield from _accept_proven(key, rows, heard, tuple(bases.values()))
    past = _ALL if ahead else max(bases.values(), default=0)
    reports = [
        (provider, status)
        for number, provider, status in matched_statuses(rows, heard)
        if number > past or not (status.final and status.group is not StatusGroup.DELIVERED)
    ]
    attempts = [attempt_from_row(key, channel, one) for one in rows]
    status = merged_status(attempts, reports, stopped=bool(stopped))
    if status in (PENDING_NOT_SENT, PENDING_QUEUED) and status_from_json(before) in _STATUSES_WITHOUT_ATTEMPT:
        status = status_from_json(before)
    certain = deciding_attempt(attempts)[1] is not Outcome.UNKNOWN
    yield (
        f"UPDATE messaging_channels_message SET {SET_STATUS}, version = version + ?, next_check_at = ? WHERE id = ?",  # noqa: S608
        (
            *status_values(status),
            int(status_from_json(before) != status),
            None if certain else next_check_at or due,
            key,
        ),
    )
    return status


def step_bases(key: str) -> StatementFlow[dict[int, int]]:
    """Return of each step of a fallback after the first how many attempts were made before it."""
    rows = yield "SELECT step, base FROM messaging_channels_step WHERE message_id = ?", (key,)
    return dict(rows)


def _accept_proven(key: str, rows: Rows, heard: Rows, bases: Sequence[int]) -> StatementFlow[Rows]:
    """Write down which attempts are accepted because their provider reports about them; return the rows as they are then."""
    origins = [ReportOrigin(provider, provider_id) for provider, provider_id, _ in heard]
    proven = {one.number for one in attempts_proven(origins, recorded_attempts(rows), bases)}
    for number in proven:
        yield (
            (
                "UPDATE messaging_channels_attempt SET reason = 'accepted', outcome = 'accepted', status = ?,"
                " detail = 'decided by a report' WHERE message_id = ? AND number = ?"
            ),
            (status_to_json(PENDING_ACCEPTED), key, number),
        )
    return (yield SELECT_ATTEMPTS, (key,)) if proven else rows


def matched_statuses(rows: Rows, heard: Rows) -> list[tuple[int, str, Status]]:
    """Return what providers reported of a message, each with the number of the attempt that it speaks of; 0 for none."""
    attempts = recorded_attempts(rows)
    reports: list[tuple[int, str, Status]] = []
    parts: dict[tuple[int, str], _Parts] = {}
    for provider, provider_id, text in heard:
        if text is None:
            continue
        attempt = match_report(ReportOrigin(provider, provider_id or None), attempts)
        number = attempt.number if attempt else 0
        status, count = report_from_json(text)
        if count is None:
            reports.append((number, provider, status))
        else:
            parts.setdefault((number, provider), _Parts()).add(provider_id or "", status, count)
    return [*reports, *((number, provider, one.status) for (number, provider), one in parts.items())]


@dataclass(slots=True)
class _Parts:
    """What is known of the parts of one message: nobody can read it unless all of them arrived."""

    count: int = 0
    """How many there are, as far as a report said."""
    statuses: dict[str, Status] = field(default_factory=dict[str, Status])
    """By the provider's id of the part."""

    def add(self, provider_id: str, status: Status, count: int) -> None:
        """Take a report on one of them."""
        known = self.statuses.get(provider_id, status)
        self.statuses[provider_id] = merge(known, status)
        self.count = max(self.count, count)

    @property
    def status(self) -> Status:
        """The worst: a failure of any part, else that some are still on their way."""
        told = list(self.statuses.values())
        failed = [one for one in told if one.final and one.group is not StatusGroup.DELIVERED]
        under_way = [one for one in told if not one.final]
        if failed:
            return merge(*failed)
        if under_way:
            return min(under_way, key=lambda one: (one.rank, one.id))
        return merge(*told) if len(told) >= self.count else PENDING_ENROUTE


def is_of_copy(key: str, recipients: Sequence[str]) -> StatementFlow[bool]:
    """Whether a report that speaks of these recipients is about a copy of a mail: about nobody to whom the message, or a step of its fallback, went."""
    if not recipients:
        return False
    rows = yield _SELECT_ADDRESSES, (key, key)
    known = [address for channel, address in rows if channel == "email"]
    if not known or not all(known):
        return False  # not of mail, or the ledger keeps no addresses
    spellings = {*recipients, *(one.lower() for one in recipients)}
    return not any(address in spellings or address.lower() in spellings for address in known)


def merged_status(
    attempts: Sequence[Attempt], reports: Sequence[tuple[str, Status]], *, stopped: bool
) -> Status:
    """Return what attempts and reports, in whatever order they came, say of a message together.

    Only attempts that were or may have been accepted count, and what their providers report; of a message that none took, the last attempt speaks.
    """
    live = [one for one in attempts if one.outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN) and one.result]
    if not live:
        last = attempts[-1].result if attempts and stopped else None
        return last.status if last else PENDING_NOT_SENT
    asked = {one.provider for one in live}
    said = [one.result.status for one in live if one.result]
    return merge(*said, *(status for provider, status in reports if provider in asked))


SELECT_REPORTS = "SELECT provider, provider_id, status FROM messaging_channels_event WHERE message_id = ?"
_SELECT_STATUS_INPUTS = (
    "SELECT channel, status, stopped, next_check_at, (SELECT steps - step FROM messaging_channels_queue"
    " WHERE message_id = messaging_channels_message.id) FROM messaging_channels_message WHERE id = ?"
)
_SELECT_ADDRESSES = (
    "SELECT channel, address FROM messaging_channels_message WHERE id = ?"
    " UNION ALL SELECT channel, address FROM messaging_channels_step WHERE message_id = ?"
)
_STATUSES_WITHOUT_ATTEMPT = (EXPIRED_BEFORE_SENT, REJECTED_CANCELLED, REJECTED_BY_RULE)
"""What no attempt says."""
_ALL = 1_000_000_000
