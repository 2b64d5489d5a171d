"""Calls as Meta makes them, with what they say, for the conformance kit.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages
"""

from __future__ import annotations

import json
from typing import Any

from messaging_channels.events import (
    EngagementReceived,
    EngagementType,
    InboundMedia,
    MessageReceived,
    OptedOut,
    StatusChanged,
)
from messaging_channels.plugins import FailureReason, status
from messaging_channels.testing import Webhook

NUMBER_ID = "106540352242922"
_AT = 1_790_000_000.0
_PERSON, _OURS = "447700900123", "12025550100"


def change(**value: list[dict[str, Any]]) -> bytes:
    """Return the body of a call with these updates."""
    about = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": _OURS, "phone_number_id": NUMBER_ID},
    }
    changes = [{"field": "messages", "value": {**about, **value}}]
    return json.dumps(
        {"object": "whatsapp_business_account", "entry": [{"id": "102290129340398", "changes": changes}]}
    ).encode()


def report(word: str, ours: str, theirs: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401  JSON
    """Return one state of a message."""
    about = {"id": theirs, "status": word, "timestamp": f"{_AT:.0f}", "recipient_id": _PERSON}
    return {**about, "biz_opaque_callback_data": ours, **more}


def _received(kind: str, content: dict[str, Any], **more: Any) -> bytes:  # noqa: ANN401  JSON
    message = {"from": _PERSON, "id": "wamid.in1", "timestamp": f"{_AT:.0f}", "type": kind, kind: content}
    return change(contacts=[{"profile": {"name": "Zoe"}, "wa_id": _PERSON}], messages=[{**message, **more}])


_MESSAGE = {"provider_id": "wamid.in1", "sender": _PERSON, "occurred_at": _AT, "channel": "whatsapp"}
_OF_FIRST = {"message_id": "ours-1", "provider_id": "wamid.1", "occurred_at": _AT}
_OF_SECOND = {"message_id": "ours-2", "provider_id": "wamid.2", "occurred_at": _AT}
WEBHOOKS = (
    Webhook(
        change(statuses=[report("delivered", "ours-1", "wamid.1")]),
        (StatusChanged,),
        ({**_OF_FIRST, "status": status.DELIVERED_TO_HANDSET, "failure": None},),
    ),
    Webhook(
        _received("text", {"body": "Hello"}),
        (MessageReceived,),
        ({**_MESSAGE, "kind": "text", "text": "Hello", "to": _OURS, "name": "Zoe"},),
    ),
    Webhook(
        change(
            statuses=[
                report(
                    "failed",
                    "ours-1",
                    "wamid.1",
                    errors=[{"code": 131026, "title": "Message undeliverable"}],
                )
            ]
        ),
        (StatusChanged,),
        (
            {
                **_OF_FIRST,
                "status": status.known(2, 9),
                "failure": FailureReason.NOT_ON_CHANNEL,
                "vendor_code": "131026",
            },
        ),
    ),
    Webhook(
        change(statuses=[report("sent", "ours-1", "wamid.1"), report("read", "ours-2", "wamid.2")]),
        (StatusChanged, StatusChanged, EngagementReceived),
        (
            {**_OF_FIRST, "status": status.known(1, 3)},
            {**_OF_SECOND, "status": status.DELIVERED_TO_HANDSET},
            {**_OF_SECOND, "engagement_type": EngagementType.READ},
        ),
    ),
    Webhook(
        _received(
            "image", {"id": "1003383421387256", "mime_type": "image/jpeg", "sha256": "aa", "caption": "Look"}
        ),
        (MessageReceived,),
        ({**_MESSAGE, "kind": "image"},),
    ),
    Webhook(
        _received(
            "interactive",
            {"type": "button_reply", "button_reply": {"id": "yes-1", "title": "Yes"}},
            context={"from": _OURS, "id": "wamid.1"},
        ),
        (MessageReceived,),
        ({**_MESSAGE, "kind": "button", "text": "Yes", "payload": "yes-1", "reply_to": "wamid.1"},),
    ),
    Webhook(
        _received("location", {"latitude": 51.5, "longitude": -0.125, "name": "Tower"}),
        (MessageReceived,),
        ({**_MESSAGE, "kind": "location", "location": (51.5, -0.125)},),
    ),
    Webhook(
        _received(
            "document",
            {
                "id": "1003383421387257",
                "mime_type": "application/pdf",
                "filename": "bill.pdf",
                "caption": "Bill",
            },
            group_id="Y2FwaV9ncm91cDo1NTU",
        ),
        (MessageReceived,),
        (
            {
                **_MESSAGE,
                "kind": "document",
                "to": _OURS,
                "group_id": "Y2FwaV9ncm91cDo1NTU",
                "media": (
                    InboundMedia(
                        id="1003383421387257",
                        content_type="application/pdf",
                        filename="bill.pdf",
                        caption="Bill",
                    ),
                ),
            },
        ),
    ),
    Webhook(
        _received("reaction", {"message_id": "wamid.1", "emoji": "👍"}),
        (MessageReceived,),
        ({**_MESSAGE, "kind": "reaction", "payload": "👍", "reply_to": "wamid.1"},),
    ),
    Webhook(
        _received("button", {"payload": "yes-2", "text": "Go"}),
        (MessageReceived,),
        ({**_MESSAGE, "kind": "button", "payload": "yes-2", "text": "Go"},),
    ),
    Webhook(
        change(
            statuses=[
                report(
                    "delivered",
                    "ours-1",
                    "wamid.1",
                    recipient_id="Y2FwaV9ncm91cDo1NTU",
                    recipient_type="group",
                    recipient_participant_id=_PERSON,
                )
            ]
        ),
        (StatusChanged,),
        (
            {
                **_OF_FIRST,
                "status": status.DELIVERED_TO_HANDSET,
                "group_id": "Y2FwaV9ncm91cDo1NTU",
                "participant": _PERSON,
            },
        ),
    ),
    Webhook(
        change(
            statuses=[report("failed", "ours-1", "wamid.1", errors=[{"code": 131050, "title": "Opted out"}])]
        ),
        (StatusChanged, OptedOut),
        (
            {**_OF_FIRST, "vendor_code": "131050"},
            {"address": _PERSON, "channel": "whatsapp", "category": "marketing"},
        ),
    ),
)
