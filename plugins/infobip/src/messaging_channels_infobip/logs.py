"""Asking Infobip about messages: what became of one, and which reports are new.

Pulled reports can be read only once: what was pulled but not kept when a process dies, Infobip does not give again. The logs can be read
as often as one likes and hold the same for 48 hours. So the first calls of `Pull.page` in a process read the logs of that time, and only
then the reports. Both give events with the same keys, so that what was kept already is recognised.

Sources: https://www.infobip.com/docs/api/channels/sms/logs-and-status-reports and https://www.infobip.com/docs/api/channels/email/logs-and-reports
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from messaging_channels.events import Event
from messaging_channels.plugins import Flow, Group, Inquiry, Kind, Now, Outcome, Reason, Status, ask
from messaging_channels.plugins import status as statuses
from messaging_channels_infobip import reports
from messaging_channels_infobip.access import Access
from messaging_channels_infobip.answers import members, parsed, read_status, reason_of, records
from messaging_channels_infobip.refusals import require_told
from messaging_channels_infobip.written import written_date

LOGS: Mapping[str, str] = {"sms": "/sms/3/logs", "email": "/email/4/logs"}
REPORTS: Mapping[str, str] = {"sms": "/sms/3/reports", "email": "/email/4/reports"}
REACH = timedelta(hours=48)
PAGE = 1000


def look_up(access: Access, inquiry: Inquiry, *, complete_after: float | None = None) -> Flow[Outcome | None]:
    """Look a message up in the log of its channel, by our id. WhatsApp has no log.

    That a log does not know a message proves nothing by itself, since how soon it is complete is not documented: only after `complete_after`
    seconds, if given, it is read as never taken.
    """
    path = LOGS.get(inquiry.channel)
    if path is None:
        return None
    response = yield from ask(access.get(path, {"messageId": inquiry.message_id}))
    if not response.ok:
        return None
    rows = [row for row in _rows(response) if row.get("messageId") == inquiry.message_id]
    if not rows:
        return (yield from _absent(inquiry, complete_after))
    return _outcome(rows, inquiry)


def _absent(inquiry: Inquiry, complete_after: float | None) -> Flow[Outcome | None]:
    if complete_after is None:
        return None
    now = yield from ask(Now())
    complete = inquiry.ended + complete_after <= now < inquiry.started + REACH.total_seconds()
    return Outcome.of(Reason.ABSENT, "not in Infobip's log") if complete else None


def _outcome(rows: Sequence[Mapping[str, Any]], inquiry: Inquiry) -> Outcome | None:
    """Say what the rows of one message mean: several are its own repetitions, refused as duplicates."""
    told = [status for row in rows if (status := read_status(row.get("status"))) is not None]
    own = [status for status in told if reason_of(status) is not Reason.DUPLICATE]
    if not told:
        return None
    status = statuses.merge(*own) if own else statuses.PENDING_ACCEPTED
    reason = _reason(status, inquiry.channel)
    detail = "" if reason is Reason.ACCEPTED else f"{status.group_id}/{status.id} {status.name}"
    return Outcome.of(reason, detail, status=status, provider_id=inquiry.message_id, native=list(rows))


def _reason(status: Status, channel: str) -> Reason:
    """Anything but a refusal at once was accepted, whatever came of it."""
    reason = reason_of(status, channel)
    refused = status.group_id == Group.REJECTED and Outcome.of(reason).kind is Kind.REJECTED
    return reason if refused else Reason.ACCEPTED


def _rows(response: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    return records(members(parsed(response)).get("results"))


class Pull:
    """The state of pulling: how far the logs were read. One for a provider; safe in threads and tasks."""

    def __init__(self, access: Access, *, catch_up: timedelta = REACH) -> None:
        """Read nothing yet. `catch_up` is how far back the logs are read at first; nothing for not at all."""
        self._access = access
        self._catch_up = min(catch_up, REACH)
        self._lock = threading.Lock()
        self._left: list[tuple[str, str]] = []
        self.rewind()

    def rewind(self) -> None:
        """Have the next calls begin with the logs again."""
        with self._lock:
            self._left = [(channel, "") for channel in LOGS] if self._catch_up else []

    def page(self) -> Flow[Sequence[Event]]:
        """Return the events of the next page that has any; none when all was read.

        A channel that the account may not read is passed over, as long as there is another.

        Raises:
            InfobipRefused: Infobip did not answer, or the key may read no reports.
        """
        now = yield from ask(Now())
        while step := self._step():
            events = yield from self._log_page(step, now)
            if events:
                return events
        forbidden = 0
        for channel in REPORTS:
            response = yield from ask(self._access.get(REPORTS[channel], {"limit": PAGE}))
            forbidden += response.status == _FORBIDDEN
            if response.status != _FORBIDDEN or forbidden == len(REPORTS):
                require_told(response, f"the {channel} reports")
            if events := _events(_rows(response), at=now):
                return events
        return ()

    def _step(self) -> tuple[str, str] | None:
        with self._lock:
            return self._left[0] if self._left else None

    def _done(self, step: tuple[str, str], cursor: object) -> None:
        """Go on to the next page of that log, or to the next log. A page that another thread read meanwhile changes nothing."""
        with self._lock:
            if self._left and self._left[0] == step:
                self._left[:1] = [(step[0], cursor)] if cursor and isinstance(cursor, str) else []

    def _log_page(self, step: tuple[str, str], now: float) -> Flow[Sequence[Event]]:
        channel, cursor = step
        since = datetime.fromtimestamp(now, UTC) - self._catch_up
        query: dict[str, str | int | None] = {"limit": PAGE, "useCursor": "true", "cursor": cursor or None}
        if not cursor:
            query["sentSince"] = written_date(since)
        response = yield from ask(self._access.get(LOGS[channel], query))
        if response.status != _FORBIDDEN:
            require_told(response, f"the {channel} logs")
        rows = _rows(response)
        following = members(members(parsed(response)).get("cursor")).get("nextCursor")
        self._done(step, following if rows and following != cursor else None)
        return _events(rows, at=now)


def _events(rows: Sequence[Mapping[str, Any]], *, at: float) -> list[Event]:
    return [event for row in rows for event in reports.delivery(row, at=at)]


_FORBIDDEN = 403
