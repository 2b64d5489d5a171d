"""What Telnyx tells: the states of messages, and what people write over SMS, MMS and WhatsApp.

Sources: https://developers.telnyx.com/docs/messaging/messages/receiving-webhooks, https://developers.telnyx.com/docs/messaging/messages/receive-message and
the types of Telnyx's own client, `telnyx` 4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, TypeAlias, cast

from messaging_channels.events import (
    EngagementReceived,
    EngagementType,
    Event,
    HelpRequested,
    InboundMedia,
    MessageEdited,
    MessageReceived,
    MessageRevoked,
    OptedIn,
    OptedOut,
    StatusChanged,
    UnknownEvent,
)
from messaging_channels.plugins import (
    FailureReason,
    WebhookRequest,
    json_object,
    parse_sender,
    text_at,
    timestamp,
)
from messaging_channels_telnyx.errors import FAILURES, describe_code, error_code, error_text
from messaging_channels_telnyx.report_urls import message_id_in
from messaging_channels_telnyx.responses import STATUSES

PROVIDER = "telnyx"
Object: TypeAlias = "Mapping[str, Any]"


def parse_events(request: WebhookRequest) -> Sequence[Event]:
    """Read a call that was proved. Never raises, whatever it holds."""
    told = json_object(request.body)
    data = _object(told.get("data"))
    payload = _object(data.get("payload"))
    at = timestamp(data.get("occurred_at"))
    event_id = text_at(data, "id") or sha256(request.body).hexdigest()
    common: dict[str, Any] = {
        "provider": PROVIDER,
        "occurred_at": request.received_at if at is None else at,
        "raw": told or request.body,
    }
    kind, provider_id = text_at(data, "event_type") or "call", text_at(payload, "id") or ""
    heard: Sequence[Event] = ()
    if kind == "message.received" and provider_id:
        heard = _inbound_events(payload, event_id, common)
    elif kind.startswith("message.") and provider_id:
        heard = _status_events(payload, event_id, common)
    return heard or [UnknownEvent(kind=kind[:40], event_id=event_id, **common)]


def _status_events(payload: Object, event_id: str, common: dict[str, Any]) -> Sequence[Event]:
    """Read a report: it lists the recipients, each with a status. Messages of ours have one."""
    heard: list[Event] = []
    for place, recipient in enumerate(_objects(payload.get("to"))):
        state = text_at(recipient, "status") or ""
        if state not in STATUSES:
            continue
        address = parse_sender(text_at(recipient, "phone_number"))
        shared: dict[str, Any] = {
            **common,
            "event_id": f"{event_id}:{place}" if place else event_id,
            "message_id": message_id_in(payload.get("webhook_url")),
            "provider_id": payload["id"],
        }
        heard.append(
            StatusChanged(status=STATUSES[state], recipient=address, **_failure(payload, state), **shared)
        )
        if state == "read":
            heard.append(EngagementReceived(engagement_type=EngagementType.READ, **shared))
    return heard


def _failure(payload: Object, state: str) -> dict[str, Any]:
    """Return why a message was not delivered; what was delivered has no failure, whatever is listed."""
    code = "" if STATUSES[state].name.startswith("DELIVERED") else error_code(payload)
    fields: dict[str, Any] = {"detail": describe_code(code), **FAILURES.fields(code, error_text(payload))}
    if state == "delivery_unconfirmed" and not code:
        fields |= {"failure": FailureReason.NO_RECEIPT}
    return fields


def _inbound_events(payload: Object, event_id: str, common: dict[str, Any]) -> Sequence[Event]:
    body, ends = _object(payload.get("body")), _objects(payload.get("to"))
    sender = parse_sender(
        text_at(payload, "from", "phone_number"), text_at(body, "from"), text_at(body, "from_user_id")
    )
    if sender is None:
        return ()
    channel = _CHANNELS.get(text_at(payload, "type") or "", "sms")
    to = text_at(payload, "to") or (text_at(ends[0], "phone_number") if ends else None) or ""
    shared: dict[str, Any] = {**common, "event_id": event_id, "channel": channel}
    of_message: dict[str, Any] = {
        **shared,
        "provider_id": payload["id"],
        "sender": sender,
        "to": to.removeprefix("+"),
    }
    if changed := _changed_event(body, of_message):
        return (changed,)
    received = MessageReceived(**{**of_message, **_content(payload, body)})
    opted = _OPT_EVENTS.get((text_at(payload, "autoresponse_type") or "").upper())
    if opted is None:
        return (received,)
    word = (text_at(payload, "autoresponse_type") or "").upper()
    more: dict[str, Any] = {**shared, "event_id": f"{event_id}:{word.lower()}", "reason": f"keyword {word}"}
    return (received, opted(address=sender, **more))


def _changed_event(body: Object, of_message: dict[str, Any]) -> Event | None:
    """Read the edit or the revocation of an earlier WhatsApp message; None for a message of its own."""
    kind = text_at(body, "type")
    original = text_at(body, kind or "", "original_message_id")
    if kind == "revoke" and original:
        return MessageRevoked(original_id=original, **of_message)
    if kind == "edit" and original:
        message = _object(_object(body.get("edit")).get("message"))
        content = _content({}, message)
        return MessageEdited(
            original_id=original, **of_message, **{name: content[name] for name in ("kind", "text", "media")}
        )
    return None


def _content(payload: Object, body: Object) -> dict[str, Any]:
    """Return what was written: the fields of SMS and MMS, or the `body` of WhatsApp."""
    kind = text_at(body, "type") or "text"
    own = _object(body.get(kind))
    files = [_media(one) for one in _objects(payload.get("media"))]
    if own.get("link") or own.get("url"):
        files.append(_media(own))
    kind = _media_kind(files) if kind == "text" and files else kind
    reply = _object(own.get(text_at(own, "type") or ""))
    words = (text_at(payload, "text"), text_at(own, "body"), text_at(body, "text"), text_at(own, "text"))
    return {
        "kind": kind[:40] if kind.isascii() else "unknown",
        "text": _first(*words, text_at(reply, "title"), text_at(own, "caption")),
        "subject": text_at(payload, "subject") or None,
        "payload": _first(text_at(reply, "id"), text_at(own, "payload"), text_at(own, "emoji")),
        "location": _location(own),
        "media": tuple(files),
        "reply_to": _first(text_at(own, "message_id"), text_at(body, "context", "id")),
    }


def _first(*told: str | None) -> str | None:
    """Return the first text that is not empty."""
    return next((one for one in told if one), None)


def _media(file: Object) -> InboundMedia:
    return InboundMedia(
        url=text_at(file, "url") or text_at(file, "link"),
        content_type=text_at(file, "content_type") or text_at(file, "mime_type") or "",
        filename=text_at(file, "filename"),
        caption=text_at(file, "caption"),
    )


def _media_kind(files: Sequence[InboundMedia]) -> str:
    main = files[0].content_type.partition("/")[0]
    return main if main in ("image", "video", "audio") else "document"


def _location(place: Object) -> tuple[float, float] | None:
    try:
        latitude, longitude = float(place["latitude"]), float(place["longitude"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    known = abs(latitude) <= _MAX_LATITUDE and abs(longitude) <= 2 * _MAX_LATITUDE
    return (latitude, longitude) if known else None


def _object(value: object) -> Object:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _objects(value: object) -> Sequence[Object]:
    listed = cast("list[Any]", value) if isinstance(value, list) else []
    return [one for one in map(_object, listed) if one]


_CHANNELS: Mapping[str, str] = {"WHATSAPP": "whatsapp", "RCS": "rcs"}
_MAX_LATITUDE = 90
_OPT_EVENTS: Mapping[str, type[OptedOut | OptedIn | HelpRequested]] = {
    "STOP": OptedOut,
    "START": OptedIn,
    "HELP": HelpRequested,
}
"""By `autoresponse_type`: what the messaging profile made of a word."""
