"""Asking Infobip about messages: what became of one, and which reports are new.

Pulled reports can be read only once: what was pulled but not kept when a process dies, Infobip does not give again. The logs can be read
as often as one likes and hold the same for 48 hours. So the first calls of `ReportReader.next_page` in a process read the logs of that time, and only
then the reports. Both give events with the same keys, so that what was kept already is recognized.

Sources: https://www.infobip.com/docs/api/channels/sms/logs-and-status-reports and https://www.infobip.com/docs/api/channels/email/logs-and-reports
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from messaging_channels.events import Event
from messaging_channels.plugins import (
    AttemptResult,
    CurrentTime,
    Flow,
    LookupRequest,
    Outcome,
    Reason,
    Status,
    StatusGroup,
    ask,
)
from messaging_channels.plugins import status as statuses
from messaging_channels_infobip import reports
from messaging_channels_infobip.api import InfobipApi
from messaging_channels_infobip.errors import require_success
from messaging_channels_infobip.failures import failure_of
from messaging_channels_infobip.field_formats import format_date
from messaging_channels_infobip.responses import as_object, as_objects, parse_json, parse_status, reason_of

LOGS: Mapping[str, str] = {"sms": "/sms/3/logs", "email": "/email/4/logs"}
REPORTS: Mapping[str, str] = {"sms": "/sms/3/reports", "email": "/email/4/reports"}
RCS_LOGS, RCS_REPORTS = {"rcs": "/rcs/2/logs"}, {"rcs": "/rcs/2/reports"}
"""Read beside those by an account that sends RCS."""
LOOKUPS: Mapping[str, str] = {**LOGS, **RCS_LOGS}
"""Where a message is looked up."""
LOG_RETENTION = timedelta(hours=48)
PAGE_SIZE = 1000


def look_up(
    api: InfobipApi, request: LookupRequest, *, not_found_after: float | None = None
) -> Flow[AttemptResult | None]:
    """Look a message up in the log of its channel, by our id. WhatsApp has no log.

    That a log does not know a message proves nothing by itself, since how soon it is complete is not documented: only after `not_found_after`
    seconds, if given, it is read as never taken.
    """
    path = LOOKUPS.get(request.channel)
    if path is None:
        return None
    response = yield from ask(api.get(path, {"messageId": request.message_id}))
    if not response.ok:
        return None
    rows = [row for row in _rows(response) if row.get("messageId") == request.message_id]
    if not rows:
        return (yield from _not_found_result(request, not_found_after))
    return _result_of_rows(rows, request)


def _not_found_result(request: LookupRequest, not_found_after: float | None) -> Flow[AttemptResult | None]:
    if not_found_after is None:
        return None
    now = yield from ask(CurrentTime())
    complete = request.ended_at + not_found_after <= now < request.started_at + LOG_RETENTION.total_seconds()
    return AttemptResult.of(Reason.NOT_FOUND, "not in Infobip's log") if complete else None


def _result_of_rows(rows: Sequence[Mapping[str, Any]], request: LookupRequest) -> AttemptResult | None:
    """Say what the rows of one message mean: several are its own repetitions, refused as duplicates."""
    told = [status for row in rows if (status := parse_status(row.get("status"))) is not None]
    own = [status for status in told if reason_of(status) is not Reason.DUPLICATE]
    if not told:
        return None
    status = statuses.merge(*own) if own else statuses.PENDING_ACCEPTED
    reason = _reason_of_status(status, request.channel)
    detail = "" if reason is Reason.ACCEPTED else f"{status.group_id}/{status.id} {status.name}"
    error = next(
        (as_object(row.get("error")) for row in rows if parse_status(row.get("status")) == status), {}
    )
    return AttemptResult.of(
        reason,
        detail,
        status=status,
        provider_id=request.message_id,
        raw_response=list(rows),
        **failure_of(status, error, request.channel),
    )


def _reason_of_status(status: Status, channel: str) -> Reason:
    """Anything but a refusal at once was accepted, whatever came of it."""
    reason = reason_of(status, channel)
    refused = status.group_id == StatusGroup.REJECTED and AttemptResult.of(reason).outcome is Outcome.REJECTED
    return reason if refused else Reason.ACCEPTED


def _rows(response: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    return as_objects(as_object(parse_json(response)).get("results"))


class ReportReader:
    """The state of pulling: how far the logs were read. One for a provider; safe in threads and tasks."""

    def __init__(
        self, api: InfobipApi, *, backfill: timedelta = LOG_RETENTION, rcs_sender: str | None = None
    ) -> None:
        """Read nothing yet. `backfill` is how far back the logs are read at first; nothing for not at all. With an `rcs_sender`, RCS is read too."""
        self._api = api
        self._rcs_sender = rcs_sender
        self._logs = {**LOGS, **(RCS_LOGS if rcs_sender else {})}
        self._reports = {**REPORTS, **(RCS_REPORTS if rcs_sender else {})}
        self._backfill = min(backfill, LOG_RETENTION)
        self._lock = threading.Lock()
        self._log_cursors: list[tuple[str, str]] = []
        self._last_pages: dict[str, frozenset[str]] = {}
        self.rewind()

    def rewind(self) -> None:
        """Have the next calls begin with the logs again."""
        with self._lock:
            self._log_cursors = [(channel, "") for channel in self._logs] if self._backfill else []
            self._last_pages = {}

    def next_page(self) -> Flow[Sequence[Event]]:
        """Return the events of the next page that has any; none when all was read.

        A channel that the account may not read is passed over, as long as there is another.

        Raises:
            InfobipApiError: Infobip did not answer, or the key may read no reports.
        """
        now = yield from ask(CurrentTime())
        while step := self._next_log():
            events = yield from self._fetch_log_page(step, now)
            if events:
                return events
        forbidden = 0
        for channel, path in self._reports.items():
            response = yield from ask(self._api.get(path, {"limit": PAGE_SIZE}))
            forbidden += response.status == _FORBIDDEN
            if response.status != _FORBIDDEN or forbidden == len(self._reports):
                require_success(response, f"the {channel} reports")
            if events := self._unseen(channel, self._events(channel, _rows(response), at=now)):
                return events
        return ()

    def _unseen(self, channel: str, events: list[Event]) -> list[Event]:
        """Return the events of a page; none where it is the last one of that channel again: a report is given once, so there is nothing more."""
        keys = frozenset(event.key for event in events)
        with self._lock:
            repeated = bool(keys) and keys <= self._last_pages.get(channel, frozenset())
            if keys and not repeated:
                self._last_pages[channel] = keys
        return [] if repeated else events

    def _next_log(self) -> tuple[str, str] | None:
        with self._lock:
            return self._log_cursors[0] if self._log_cursors else None

    def _advance(self, step: tuple[str, str], cursor: object) -> None:
        """Go on to the next page of that log, or to the next log. A page that another thread read meanwhile changes nothing."""
        with self._lock:
            if self._log_cursors and self._log_cursors[0] == step:
                self._log_cursors[:1] = [(step[0], cursor)] if cursor and isinstance(cursor, str) else []

    def _fetch_log_page(self, step: tuple[str, str], now: float) -> Flow[Sequence[Event]]:
        channel, cursor = step
        since = datetime.fromtimestamp(now, UTC) - self._backfill
        query: dict[str, str | int | None] = {
            "limit": PAGE_SIZE,
            "useCursor": "true",
            "cursor": cursor or None,
        }
        if not cursor:
            query["sentSince"] = format_date(since)
        response = yield from ask(self._api.get(self._logs[channel], query))
        if response.status != _FORBIDDEN:
            require_success(response, f"the {channel} logs")
        rows = _rows(response)
        following = as_object(as_object(parse_json(response)).get("cursor")).get("nextCursor")
        self._advance(step, following if rows and following != cursor else None)
        return self._events(channel, rows, at=now)

    def _events(self, channel: str, rows: Sequence[Mapping[str, Any]], *, at: float) -> list[Event]:
        """Return what rows tell. Of RCS none names its channel, but what comes from our agent went by RCS, and not by the SMS of a failover."""
        agent = self._rcs_sender if channel == "rcs" else None
        return [
            event
            for row in rows
            for event in reports.parse_delivery_report(
                row, at=at, pulled=channel, is_rcs=agent is not None and row.get("sender") == agent
            )
        ]


_FORBIDDEN = 403
