"""Calls as Infobip makes them, with what they say, for the conformance kit.

Sources: https://www.infobip.com/docs/api/channels/sms/logs-and-status-reports, https://www.infobip.com/docs/api/channels/sms/inbound-sms,
https://www.infobip.com/docs/api/channels/whatsapp/whatsapp-inbound-messages and https://www.infobip.com/docs/api/channels/email/email-tracking
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from messaging_channels.events import (
    EngagementReceived,
    EngagementType,
    MessageReceived,
    OptedOut,
    StatusChanged,
)
from messaging_channels.plugins import FailureReason, Status
from messaging_channels.plugins import status as statuses
from messaging_channels.testing import InboundText, Webhook, canaries

_DELIVERED = {
    "groupId": 3,
    "groupName": "DELIVERED",
    "id": 5,
    "name": "DELIVERED_TO_HANDSET",
    "description": "Message delivered to handset",
}
_UNDELIVERED = {
    "groupId": 2,
    "groupName": "UNDELIVERABLE",
    "id": 9,
    "name": "UNDELIVERABLE_NOT_DELIVERED",
    "description": "Message sent not delivered",
}
_NO_ERROR = {
    "groupId": 0,
    "groupName": "OK",
    "id": 0,
    "name": "NO_ERROR",
    "description": "No Error",
    "permanent": False,
}
_UNKNOWN_SUBSCRIBER = {
    "groupId": 1,
    "groupName": "HANDSET_ERRORS",
    "id": 1,
    "name": "EC_UNKNOWN_SUBSCRIBER",
    "description": "Unknown Subscriber",
    "permanent": True,
}
_SENT_AT, DONE_AT = 1_789_999_920.0, 1_789_999_925.0
"""21 September 2026, 14:12:00 and 14:12:05 UTC."""
_OURS = "447700900000"


def results(*records: Mapping[str, Any]) -> bytes:
    """Return the body of a call with these records."""
    return json.dumps({"results": records}).encode()


def report(ours: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401  JSON
    """Return a delivery report of a text message."""
    return {
        "messageId": ours,
        "to": canaries.PHONE,
        "sentAt": _time(_SENT_AT),
        "doneAt": _time(DONE_AT),
        "smsCount": 1,
        "status": _DELIVERED,
        "error": _NO_ERROR,
        **more,
    }


def inbound(one: InboundText) -> dict[str, Any]:
    """Return a text message that a person wrote."""
    if one.channel in ("whatsapp", "rcs"):
        said = {"type": "TEXT", "text": one.text}
        chat = _chat(said) | {"from": one.sender, "to": one.to, "receivedAt": _time(one.at)}
        return chat | {"integrationType": one.channel.upper(), "messageId": f"in-{one.number}"}
    if one.channel == "mms":
        return _mms_of_number(one) if one.number % 2 else _unified_mms(one)
    return {
        "messageId": f"in-{one.number}",
        "from": one.sender,
        "to": one.to,
        "text": one.text,
        "cleanText": one.text.partition(" ")[2] or one.text,
        "receivedAt": _time(one.at),
        "smsCount": 1,
    }


def _mms_of_number(one: InboundText) -> dict[str, Any]:
    """Return a picture with a text, as a number forwards it to its own address."""
    return {
        "from": one.sender,
        "to": one.to,
        "receivedAt": _time(one.at),
        "messageId": f"in-{one.number}",
        "pairedMessageId": None,
        "message": [
            {"contentType": "image/jpeg", "url": "https://media.example.com/a.jpg"},
            {"contentType": "text/plain", "value": one.text},
        ],
    }


def _unified_mms(one: InboundText) -> dict[str, Any]:
    """Return the same as the Messages API tells it."""
    return {
        "event": "MO",
        "channel": "MMS",
        "sender": one.sender,
        "destination": one.to,
        "content": [
            {"type": "IMAGE", "url": "https://media.example.com/a.png"},
            {"type": "TEXT", "text": one.text},
        ],
        "receivedAt": _time(one.at),
        "messageId": f"in-{one.number}",
    }


def inbound_message(one: InboundText) -> bytes:
    """Return the call that brings what a person wrote: a mail comes as a form of several parts."""
    if one.channel != "email":
        return results(inbound(one))
    fields = {
        "id": f"in-{one.number}",
        "from": one.sender,
        "to": one.to,
        "subject": "Re: News",
        "text": one.text,
    }
    parts = [
        f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    return f"{''.join(parts)}--{BOUNDARY}--\r\n".encode()


BOUNDARY = "mail-of-a-person"


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def _chat(message: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "from": canaries.PHONE,
        "to": _OURS,
        "integrationType": "WHATSAPP",
        "receivedAt": "2026-09-21T16:12:05.000+0200",
        "messageId": "in-2",
        "message": message,
        "contact": {"name": "Zoe"},
    }


def _status(told: Mapping[str, Any]) -> Status:
    return Status(told["groupId"], told["groupName"], told["id"], told["name"], told["description"])


def _of(ours: str) -> dict[str, Any]:
    return {"message_id": ours, "provider_id": ours, "occurred_at": DONE_AT}


_OF_CHAT = {
    "provider_id": "in-2",
    "sender": canaries.PHONE,
    "to": _OURS,
    "channel": "whatsapp",
    "occurred_at": DONE_AT,
    "name": "Zoe",
}
WEBHOOKS = (
    Webhook(
        results(report("ours-1")),
        (StatusChanged,),
        ({**_of("ours-1"), "status": _status(_DELIVERED), "failure": None},),
    ),
    Webhook(
        results(inbound(InboundText(canaries.PHONE, _OURS, "Hello", 1, DONE_AT))),
        (MessageReceived,),
        (
            {
                "provider_id": "in-1",
                "sender": canaries.PHONE,
                "to": _OURS,
                "channel": "sms",
                "text": "Hello",
                "occurred_at": DONE_AT,
            },
        ),
    ),
    Webhook(
        results(report("ours-1", status=_UNDELIVERED, error=_UNKNOWN_SUBSCRIBER)),
        (StatusChanged,),
        (
            {
                **_of("ours-1"),
                "status": _status(_UNDELIVERED),
                "failure": FailureReason.UNKNOWN_RECIPIENT,
                "vendor_code": "1",
            },
        ),
    ),
    Webhook(
        results(report("ours-1"), report("ours-2", status=_UNDELIVERED, error=_UNKNOWN_SUBSCRIBER)),
        (StatusChanged, StatusChanged),
        (
            {**_of("ours-1"), "status": _status(_DELIVERED)},
            {**_of("ours-2"), "status": _status(_UNDELIVERED)},
        ),
    ),
    Webhook(
        results(
            _chat({"type": "IMAGE", "caption": "Look", "url": "https://api.infobip.com/whatsapp/1/media/7"})
        ),
        (MessageReceived,),
        ({**_OF_CHAT, "kind": "image", "text": "Look"},),
    ),
    Webhook(
        results(
            _chat(
                {
                    "type": "INTERACTIVE_BUTTON_REPLY",
                    "id": "yes-1",
                    "title": "Yes",
                    "context": {"from": _OURS, "id": "ours-1"},
                }
            )
        ),
        (MessageReceived,),
        ({**_OF_CHAT, "kind": "button", "text": "Yes", "payload": "yes-1", "reply_to": "ours-1"},),
    ),
    Webhook(
        results(
            {
                "messageId": "ours-1",
                "from": _OURS,
                "to": canaries.PHONE,
                "sentAt": _time(_SENT_AT),
                "seenAt": _time(DONE_AT),
            }
        ),
        (EngagementReceived,),
        ({**_of("ours-1"), "engagement_type": EngagementType.READ},),
    ),
    Webhook(
        json.dumps(
            {
                "notificationType": "CLICKED",
                "messageId": "ours-1",
                "recipient": "zoe@example.com",
                "url": "https://shop.example.com/a",
                "sendDateTime": DONE_AT * 1000,
            }
        ).encode(),
        (EngagementReceived,),
        (
            {
                **_of("ours-1"),
                "engagement_type": EngagementType.CLICKED,
                "url": "https://shop.example.com/a",
            },
        ),
    ),
    Webhook(
        json.dumps(
            {
                "notificationType": "COMPLAINED",
                "messageId": "ours-1",
                "recipient": "zoe@example.com",
                "sendDateTime": DONE_AT * 1000,
            }
        ).encode(),
        (OptedOut,),
        ({"channel": "email", "address": "zoe@example.com", "occurred_at": DONE_AT, "reason": "complaint"},),
    ),
    Webhook(
        json.dumps(
            {
                "notificationType": "UNSUBSCRIBED",
                "messageId": "ours-1",
                "recipient": "zoe@example.com",
                "sendDateTime": DONE_AT * 1000,
            }
        ).encode(),
        (OptedOut,),
        ({"channel": "email", "address": "zoe@example.com", "reason": "unsubscribed"},),
    ),
    Webhook(
        json.dumps(
            {
                "notificationType": "LATE_BOUNCE",
                "messageId": "ours-1",
                "recipient": "zoe@example.com",
                "sendDateTime": DONE_AT * 1000,
            }
        ).encode(),
        (StatusChanged,),
        ({**_of("ours-1"), "status": statuses.BOUNCED_LATE, "recipient": "zoe@example.com"},),
    ),
    Webhook(
        results(
            report(
                "ours-1",
                status=_UNDELIVERED,
                error={**_UNKNOWN_SUBSCRIBER, "id": 7033, "name": "MARKETING_STOPPED"},
            )
        ),
        (StatusChanged, OptedOut),
        (
            {**_of("ours-1"), "status": _status(_UNDELIVERED), "vendor_code": "7033"},
            {"channel": "whatsapp", "address": canaries.PHONE, "category": "marketing"},
        ),
    ),
    Webhook(
        results(_chat({"type": "LOCATION", "latitude": 51.5, "longitude": -0.125})),
        (MessageReceived,),
        ({**_OF_CHAT, "kind": "location", "location": (51.5, -0.125)},),
    ),
    Webhook(
        results(_chat({"type": "VOICE", "url": "https://api.infobip.com/whatsapp/1/media/8"})),
        (MessageReceived,),
        ({**_OF_CHAT, "kind": "audio"},),
    ),
    Webhook(
        results(
            {
                "sender": canaries.PHONE,
                "to": "AcmeAgent",
                "integrationType": "RCS",
                "receivedAt": _time(DONE_AT),
                "messageId": "in-3",
                "pairedMessageId": "ours-1",
                "message": {"type": "SUGGESTION", "text": "Yes", "postbackData": "yes-1"},
            }
        ),
        (MessageReceived,),
        (
            {
                "channel": "rcs",
                "provider_id": "in-3",
                "sender": canaries.PHONE,
                "text": "Yes",
                "payload": "yes-1",
                "reply_to": "ours-1",
                "kind": "button",
            },
        ),
    ),
)
