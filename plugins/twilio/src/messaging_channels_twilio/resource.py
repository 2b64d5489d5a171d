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
from messaging_channels_twilio.meanings import status_of


@dataclass(frozen=True, slots=True, kw_only=True)
class TwilioMessage:
    """A message as Twilio holds it. Its repr shows neither addresses nor text."""

    sid: str
    state: str
    """Twilio's word, such as `queued`; empty if it gave none."""
    status: Status | None
    """What the word means; None for an unknown one, and for messages that came to us."""
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
    segments: int = 0
    media: int = 0
    price: Decimal | None = None
    """Negative: what was charged. None until some time after it was sent."""
    currency: str | None = None
    created: datetime | None = None
    sent: datetime | None = None
    updated: datetime | None = None
    native: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)


def parsed(response: HttpResponse) -> Mapping[str, Any]:
    """Return the JSON object of an answer; an empty one if it is none."""
    try:
        return object_of(response.json())
    except ValueError:
        return {}


def object_of(value: Any) -> Mapping[str, Any]:  # noqa: ANN401  whatever came
    """Return the value if it is a JSON object, else an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def objects_of(value: Any) -> list[Mapping[str, Any]]:  # noqa: ANN401  whatever came
    """Return the JSON objects in a list; none if it is no list."""
    listed = cast("list[Any]", value) if isinstance(value, list) else []
    return [object_of(one) for one in listed if isinstance(one, dict)]


def read_message(given: Mapping[str, Any]) -> TwilioMessage | None:
    """Read a message; None if it has no SID. Anything else may be absent or of another type."""
    sid = _text(given.get("sid"))
    if not sid:
        return None
    state, code = _text(given.get("status")), number(given.get("error_code"))
    return TwilioMessage(
        sid=sid,
        state=state,
        status=status_of(state, code),
        error_code=code,
        direction=_text(given.get("direction")),
        to=_text(given.get("to")),
        sender=_text(given.get("from")) or None,
        service_sid=_text(given.get("messaging_service_sid")) or None,
        body=_text(given.get("body")),
        segments=number(given.get("num_segments")) or 0,
        media=number(given.get("num_media")) or 0,
        price=_decimal(given.get("price")),
        currency=_text(given.get("price_unit")).upper() or None,
        created=_moment(given.get("date_created")),
        sent=_moment(given.get("date_sent")),
        updated=_moment(given.get("date_updated")),
        native=given,
    )


def number(given: object) -> int | None:
    """Read a whole number, which Twilio also writes as text; None if it is none."""
    if isinstance(given, bool) or not isinstance(given, (int, str)):
        return None
    text = str(given) if isinstance(given, int) and abs(given) < _HUGE else given
    return (
        int(text)
        if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < _DIGITS
        else None
    )


def _text(given: object) -> str:
    return given if isinstance(given, str) else ""


def _decimal(given: object) -> Decimal | None:
    try:
        return Decimal(given) if isinstance(given, str) else None
    except InvalidOperation:
        return None


def _moment(given: object) -> datetime | None:
    """Read a time as of RFC 2822; one without a zone is in UTC."""
    try:
        moment = parsedate_to_datetime(given) if isinstance(given, str) else None
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
    return moment.replace(tzinfo=UTC) if moment and moment.utcoffset() is None else moment


_DIGITS = 18
_HUGE = 10**17
