"""Twilio's view of a message, as a value: parsed once, whatever came.

Source: https://www.twilio.com/docs/messaging/api/message-resource#message-properties
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Any, cast

from messaging_channels.plugins import HttpResponse, Status
from messaging_channels_twilio.errors import status_of


@dataclass(frozen=True, slots=True, kw_only=True)
class TwilioMessage:
    """A message as Twilio holds it. Its repr shows neither addresses nor text."""

    sid: str
    state: str
    """Twilio's word, such as `queued`; empty if it gave none."""
    status: Status | None
    """Our status for Twilio's word; None for an unknown word, and for inbound messages."""
    error_code: int | None = None
    direction: str = ""
    """Such as `outbound-api` or `inbound`."""
    to: str = field(default="", repr=False)
    """With the channel's prefix, such as `whatsapp:+447700900123`."""
    sender: str | None = field(default=None, repr=False)
    """None until a messaging service has chosen one."""
    service_sid: str | None = None
    body: str = field(default="", repr=False)
    """Empty after it was redacted."""
    segment_count: int = 0
    media_count: int = 0
    price: Decimal | None = None
    """Negative: what was charged. None until some time after it was sent."""
    currency: str | None = None
    created_at: datetime | None = None
    sent_at: datetime | None = None
    updated_at: datetime | None = None
    raw: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)


def parse_json(response: HttpResponse) -> Mapping[str, Any]:
    """Return the JSON object of an answer; an empty one if it is none."""
    try:
        return as_object(response.json())
    except ValueError:
        return {}


def as_object(value: Any) -> Mapping[str, Any]:  # noqa: ANN401  whatever came
    """Return the value if it is a JSON object, else an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def as_objects(value: Any) -> list[Mapping[str, Any]]:  # noqa: ANN401  whatever came
    """Return the JSON objects in a list; none if it is no list."""
    listed = cast("list[Any]", value) if isinstance(value, list) else []
    return [as_object(one) for one in listed if isinstance(one, dict)]


def parse_message(value: Mapping[str, Any]) -> TwilioMessage | None:
    """Read a message; None if it has no SID. Anything else may be absent or of another type."""
    sid = _text(value.get("sid"))
    if not sid:
        return None
    state, code = _text(value.get("status")), parse_number(value.get("error_code"))
    return TwilioMessage(
        sid=sid,
        state=state,
        status=status_of(state, code),
        error_code=code,
        direction=_text(value.get("direction")),
        to=_text(value.get("to")),
        sender=_text(value.get("from")) or None,
        service_sid=_text(value.get("messaging_service_sid")) or None,
        body=_text(value.get("body")),
        segment_count=parse_number(value.get("num_segments")) or 0,
        media_count=parse_number(value.get("num_media")) or 0,
        price=_decimal(value.get("price")),
        currency=_text(value.get("price_unit")).upper() or None,
        created_at=_parse_time(value.get("date_created")),
        sent_at=_parse_time(value.get("date_sent")),
        updated_at=_parse_time(value.get("date_updated")),
        raw=value,
    )


def parse_number(value: object) -> int | None:
    """Read a whole number, which Twilio also writes as text; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    text = str(value) if isinstance(value, int) and abs(value) < _HUGE else value
    return (
        int(text)
        if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < _DIGITS
        else None
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _decimal(value: object) -> Decimal | None:
    try:
        return Decimal(value) if isinstance(value, str) else None
    except InvalidOperation:
        return None


def _parse_time(value: object) -> datetime | None:
    """Read a time as of RFC 2822; one without a zone is in UTC."""
    try:
        moment = parsedate_to_datetime(value) if isinstance(value, str) else None
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
    return moment.replace(tzinfo=UTC) if moment and moment.utcoffset() is None else moment


_DIGITS = 18
_HUGE = 10**17
