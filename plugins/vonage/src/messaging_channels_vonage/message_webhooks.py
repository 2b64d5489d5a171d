"""What the Messages API tells: the states of messages, and what people write, over SMS, MMS, WhatsApp and RCS.

Sources: https://developer.vonage.com/en/messages/concepts/messages-status-callbacks and https://developer.vonage.com/en/api/messages (its webhooks),
in the forms of versions 0.1 and 1.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any, cast

from messaging_channels.events import (
    EngagementReceived,
    EngagementType,
    Event,
    InboundMedia,
    MessageReceived,
    StatusChanged,
    UnknownEvent,
)
from messaging_channels.plugins import Address, FailureReason, StatusGroup, WebhookRequest, parse_sender
from messaging_channels.plugins import status as statuses
from messaging_channels_vonage._table_failures import MESSAGES
from messaging_channels_vonage.rcs_requests import STEP
from messaging_channels_vonage.responses import MESSAGE_STATUSES, describe_problem, problem_code
from messaging_channels_vonage.webhooks import PROVIDER, occurred_at, split_reference


def parse_events(request: WebhookRequest) -> Sequence[Event]:
    """Read a call that was proved. Never raises, whatever it holds."""
    told = _parse(request.body)
    at = occurred_at(told.get("timestamp"))
    common: dict[str, Any] = {
        "provider": PROVIDER,
        "occurred_at": request.received_at if at is None else at,
        "raw": told or request.body,
    }
    uuid, state = _text(told.get("message_uuid")), _text(told.get("status")).lower()
    if uuid and state in MESSAGE_STATUSES:
        return _status_events(told, uuid, state, common)
    sender = _sender(told)
    if uuid and not state and sender is not None:
        return [_inbound_event(told, uuid, {**common, "sender": sender})]
    digest = sha256(request.body).hexdigest()
    kind = state or _text(told.get("message_type")) or "call"
    return [UnknownEvent(kind=kind[:40], **{**common, "event_id": digest})]


def _status_events(told: Mapping[str, Any], uuid: str, state: str, common: dict[str, Any]) -> Sequence[Event]:
    reference, _ = split_reference(_text(told.get("client_ref")))
    may_follow = reference.endswith(STEP) or _is_followed(_object(told.get("workflow")))
    reference = reference.removesuffix(STEP)
    of_message = {**common, "event_id": f"{uuid}:{state}", "message_id": reference, "provider_id": uuid}
    problem = _object(told.get("error"))
    said = _text(problem.get("detail")) or _text(problem.get("reason"))
    why = MESSAGES.fields(problem_code(problem), said)
    detail = describe_problem(problem)
    status = MESSAGE_STATUSES[state]
    if status.final and status.group is not StatusGroup.DELIVERED and may_follow:
        status = statuses.PENDING_ENROUTE  # the SMS of the failover is on its way
    elif state == "rejected" and why["failure"] is FailureReason.EXPIRED:
        status = statuses.EXPIRED_EXPIRED
    channel = _text(told.get("channel")).lower()
    via = channel if channel in _RCS_OR_SMS or "workflow" in told else ""
    heard: list[Event] = [StatusChanged(status=status, detail=detail, channel=via, **why, **of_message)]
    if state == "read":
        heard.append(EngagementReceived(engagement_type=EngagementType.READ, **of_message))
    return heard


def _is_followed(workflow: Mapping[str, Any]) -> bool:
    """Whether a step of a failover is not the last one."""
    number, total = (str(workflow.get(name, "")) for name in ("items_number", "items_total"))
    return number.isdecimal() and total.isdecimal() and int(number[:9]) < int(total[:9])


def _inbound_event(told: Mapping[str, Any], uuid: str, common: dict[str, Any]) -> MessageReceived:
    message = _object(_object(told.get("message")).get("content")) or told  # version 0.1 nests it
    word = _text(message.get("message_type")) or _text(message.get("type")) or "text"
    kind, read = _READERS.get(word, (word[:40] if word.isascii() else "unknown", _nothing))
    channel = _channel(told)
    if channel == "rcs" and word == "reply":
        kind = "button"  # a suggestion that was tapped; on WhatsApp it is a row of a list
    return MessageReceived(
        event_id=uuid,
        channel=channel,
        provider_id=uuid,
        to=_end(told.get("to")),
        kind=kind,
        name=_text(_object(told.get("profile")).get("name")) or None,
        **{"reply_to": _text(_object(told.get("context")).get("message_uuid")) or None, **read(message)},
        **common,
    )


def _sender(told: Mapping[str, Any]) -> Address | None:
    """Return who wrote: a number, a short code, or the id of a WhatsApp user who shows no number."""
    whatsapp = _object(told.get("whatsapp"))
    people = [_object(one) for one in whatsapp.values()]
    ids = [one.get(name) for name in ("wa_id", "user_id", "parent_user_id") for one in (*people, whatsapp)]
    return parse_sender(_end(told.get("from")), *ids)


def _channel(told: Mapping[str, Any]) -> str:
    return (_text(told.get("channel")) or _text(_object(told.get("to")).get("type")) or "sms").lower()[:40]


def _end(value: object) -> str:
    """Return the number of an end: version 0.1 has an object for it."""
    inner = _object(value)
    return _text(inner.get("number")) or _text(inner.get("id")) if inner else _text(value)


def _nothing(_: Mapping[str, Any]) -> dict[str, Any]:
    return {}


def _words(message: Mapping[str, Any]) -> dict[str, Any]:
    return {"text": _text(message.get("text")) or None}


def _file(word: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    def read(message: Mapping[str, Any]) -> dict[str, Any]:
        file = _object(message.get(word))
        caption = _text(file.get("caption")) or _text(message.get("text"))
        media = InboundMedia(
            url=_text(file.get("url")) or None,
            content_type=_text(file.get("mime_type")),
            filename=_text(file.get("name")) or None,
            caption=caption or None,
        )
        return {"media": (media,)}

    return read


def _location(message: Mapping[str, Any]) -> dict[str, Any]:
    place = _object(message.get("location"))
    try:
        latitude = float(place.get("lat", place.get("latitude")))
        longitude = float(place.get("long", place.get("longitude")))
    except (TypeError, ValueError):
        return {}
    known = abs(latitude) <= _MAX_LATITUDE and abs(longitude) <= 2 * _MAX_LATITUDE
    return {"location": (latitude, longitude) if known else None, "text": _text(place.get("name")) or None}


def _reply(message: Mapping[str, Any]) -> dict[str, Any]:
    reply = _object(message.get("reply"))
    payload = _text(reply.get("postback_data")) or _text(reply.get("id"))
    return {"payload": payload or None, "text": _text(reply.get("title")) or None}


def _button(message: Mapping[str, Any]) -> dict[str, Any]:
    button = _object(message.get("button"))
    return {"payload": _text(button.get("payload")) or None, "text": _text(button.get("text")) or None}


def _reaction(message: Mapping[str, Any]) -> dict[str, Any]:
    return {"payload": _text(_object(message.get("reaction")).get("emoji"))}


def _parse(body: bytes) -> Mapping[str, Any]:
    """Return the JSON object of a call; half a character in it becomes a question mark."""
    try:
        told = json.loads(json.dumps(json.loads(body), ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return {}
    return _object(told)


def _object(value: object) -> Mapping[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


_MAX_LATITUDE = 90
_RCS_OR_SMS = frozenset({"rcs", "sms"})
"""Channels of which the second may follow the first in a failover, so that a report tells which of them it was."""
_READERS: Mapping[str, tuple[str, Callable[[Mapping[str, Any]], dict[str, Any]]]] = {
    "text": ("text", _words),
    "unsupported": ("unknown", _nothing),
    "image": ("image", _file("image")),
    "audio": ("audio", _file("audio")),
    "video": ("video", _file("video")),
    "file": ("document", _file("file")),
    "vcard": ("contacts", _file("vcard")),
    "sticker": ("sticker", _file("sticker")),
    "location": ("location", _location),
    "contact": ("contacts", _nothing),
    "contacts": ("contacts", _nothing),
    "reply": ("list", _reply),
    "button": ("button", _button),
    "reaction": ("reaction", _reaction),
    "order": ("order", _nothing),
}
"""By Vonage's word for the type of a message."""
