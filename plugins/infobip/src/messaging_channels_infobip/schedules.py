"""Scheduled messages: ask about them, move them, stop them. SMS and mail have schedules; WhatsApp has none.

A schedule goes by its bulk id: what `InfobipSmsOptions.bulk_id` or `InfobipEmailOptions.bulk_id` says,
or else the id of the message itself, which the receipt tells.

Sources: https://www.infobip.com/docs/api/channels/sms/scheduled-sms and https://www.infobip.com/docs/api/channels/email/scheduled-emails
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from messaging_channels.errors import InvalidMessage
from messaging_channels.plugins import Flow, HttpRequest, HttpResponse, ask
from messaging_channels_infobip.api import InfobipApi
from messaging_channels_infobip.dates import parse_date
from messaging_channels_infobip.errors import InfobipApiError, require_authorized_success
from messaging_channels_infobip.field_formats import format_date
from messaging_channels_infobip.responses import as_object, as_objects, parse_json

Channel: TypeAlias = Literal["sms", "email"]
_PATHS: Mapping[str, str] = {"sms": "/sms/1/bulks", "email": "/email/1/bulks"}


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule as Infobip knows it. What was not asked for is None."""

    bulk_id: str
    send_at: datetime | None = None
    status: str | None = None
    """PENDING, PAUSED, PROCESSING, CANCELED, FINISHED, FAILED; an open set."""


@dataclass(frozen=True, slots=True)
class SchedulesClient:
    """The schedules of one channel. Every method is a flow: `Transport().run(schedules.cancel("bulk-1"))`.

    Every method raises InfobipApiError for a bulk id that is not known (`http_status` is then 404), and InvalidSetting for a key that may not ask.
    """

    api: InfobipApi
    channel: Channel

    def get_schedule(self, bulk_id: str) -> Flow[Schedule]:
        """Return when it is due, and where it stands."""
        due = yield from self._fetch(self.api.get(self._path(), {"bulkId": bulk_id}), bulk_id)
        stands = yield from self._fetch(self.api.get(self._path("/status"), {"bulkId": bulk_id}), bulk_id)
        return Schedule(bulk_id, due.send_at, stands.status)

    def reschedule(self, bulk_id: str, send_at: datetime) -> Flow[Schedule]:
        """Move it to another time, which has a zone.

        Raises:
            InvalidMessage: it has none.
        """
        if send_at.tzinfo is None:
            raise InvalidMessage(
                "has no time zone", field="send_at", hint="give tzinfo, such as datetime.UTC"
            )
        request = self.api.put(self._path(), {"bulkId": bulk_id}, {"sendAt": format_date(send_at)})
        return (yield from self._fetch(request, bulk_id))

    def cancel(self, bulk_id: str) -> Flow[Schedule]:
        """Stop it for good."""
        return (yield from self._set_status(bulk_id, "CANCELED"))

    def pause(self, bulk_id: str) -> Flow[Schedule]:
        """Stop it for now."""
        return (yield from self._set_status(bulk_id, "PAUSED"))

    def resume(self, bulk_id: str) -> Flow[Schedule]:
        """Go on after a pause."""
        return (yield from self._set_status(bulk_id, "PENDING"))

    def _set_status(self, bulk_id: str, status: str) -> Flow[Schedule]:
        request = self.api.put(self._path("/status"), {"bulkId": bulk_id}, {"status": status})
        return (yield from self._fetch(request, bulk_id))

    def _path(self, suffix: str = "") -> str:
        return _PATHS[self.channel] + suffix

    def _fetch(self, request: HttpRequest, bulk_id: str) -> Flow[Schedule]:
        response = require_authorized_success((yield from ask(request)), f"the {self.channel} schedule")
        return _parse_schedule(response, bulk_id)


def _parse_schedule(response: HttpResponse, bulk_id: str) -> Schedule:
    """Read any of the answers: mail lists the parts of a schedule, of which the first to be sent tells."""
    answer = as_object(parse_json(response))
    told = min(as_objects(answer.get("bulks")), key=lambda one: str(one.get("sendAt")), default=answer)
    if not any(name in told for name in ("sendAt", "status", "bulkId")):
        raise InfobipApiError(
            "the response cannot be parsed", operation="a schedule", http_status=response.status
        )
    return Schedule(bulk_id, _parse_time(told.get("sendAt")), _string_or_none(told.get("status")))


def _parse_time(value: Any) -> datetime | None:  # noqa: ANN401  whatever came
    seconds = parse_date(value, default=-1.0)
    return None if seconds < 0 else datetime.fromtimestamp(seconds, UTC)


def _string_or_none(value: Any) -> str | None:  # noqa: ANN401  whatever came
    return value if isinstance(value, str) else None
