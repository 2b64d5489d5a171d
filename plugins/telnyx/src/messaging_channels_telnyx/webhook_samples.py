"""What Telnyx posts at a webhook, for the conformance kit and for tests of applications.

Sources: https://developers.telnyx.com/docs/messaging/messages/receiving-webhooks and https://developers.telnyx.com/docs/messaging/messages/receive-message
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from messaging_channels.events import (
    EngagementReceived,
    EngagementType,
    HelpRequested,
    InboundMedia,
    MessageReceived,
    MessageRevoked,
    OptedIn,
    OptedOut,
    StatusChanged,
)
from messaging_channels.plugins import FailureReason, WebhookRequest
from messaging_channels.plugins import status as statuses
from messaging_channels.testing import InboundText, Webhook
from messaging_channels_telnyx.emulator.signing import signed_headers

_NUMBER, _OURS = "+447700900123", "+447700900000"
_THEIRS, _EVENT = "40385f64-5717-4562-b3fc-2c963f66afa6", "b301ed3f-1490-491f-995f-6e64e69674d4"
_INBOUND = "84cca175-9755-4859-b67f-4730d7f58aa3"
_AT = 1_789_999_900.0
_URL = "https://hooks.example.com/telnyx"


def sign(body: bytes, secret: str, at: float) -> WebhookRequest:
    """Return the call with this body, signed by the key that is made of a secret."""
    return WebhookRequest(body, signed_headers(body, secret, at))


def _call(kind: str, payload: Mapping[str, Any], event_id: str = _EVENT, at: float = _AT) -> bytes:
    time = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    data = {
        "record_type": "event",
        "event_type": kind,
        "id": event_id,
        "occurred_at": time,
        "payload": payload,
    }
    return json.dumps({"data": data, "meta": {"attempt": 1}}).encode()


def report(ours: str, theirs: str, state: str = "delivered", code: str = "", *, also: str = "") -> bytes:
    """Return the report on a message by our id and theirs, with a further recipient if one is given."""
    listed = [{"code": code, "title": "It failed", "detail": "See the code"}] if code else []
    payload = {
        "record_type": "message",
        "direction": "outbound",
        "id": theirs,
        "type": "SMS",
        "from": {"phone_number": _OURS},
        "to": [
            {"phone_number": one, "status": state, "carrier": "", "line_type": "Wireless"}
            for one in (_NUMBER, also)
            if one
        ],
        "webhook_url": f"{_URL}?mc_id={ours}",
        "errors": listed,
    }
    return _call(
        "message.sent" if state == "sent" else "message.finalized", payload, f"{theirs}:{ours}:{state}{also}"
    )


def _inbound(sender: str, to: str, text: str) -> dict[str, Any]:
    return {
        "record_type": "message",
        "direction": "inbound",
        "id": _INBOUND,
        "type": "SMS",
        "from": {"phone_number": f"+{sender}"},
        "to": [{"phone_number": f"+{to}", "status": "webhook_delivered"}],
        "text": text,
        "media": [],
    }


def _received(given: str, **more: Any) -> bytes:  # noqa: ANN401  likewise
    return _call("message.received", {**_inbound(_NUMBER[1:], _OURS[1:], given), **more})


def inbound(sender: str, to: str, text: str) -> bytes:
    """Return the call that brings a text."""
    return _call("message.received", _inbound(sender, to, text))


def inbound_message(one: InboundText) -> bytes:
    """Return the call that brings a text with a number and a time of its own."""
    kind = one.channel.upper() if one.channel in ("whatsapp", "mms") else "SMS"
    payload = {**_inbound(one.sender, one.to, one.text), "id": f"84cca175-{one.number}", "type": kind}
    return _call("message.received", payload, f"b301ed3f-{one.number}", one.at)


_PHOTO = {
    "url": "https://media.example.com/a.png",
    "content_type": "image/png",
    "size": 4,
    "hash_sha256": "ab",
}
_WHATSAPP = {"type": "WHATSAPP", "text": None, "to": _OURS}
_READ = {"status": statuses.DELIVERED_TO_HANDSET, "message_id": "ours-2"}
_SEEN = {"engagement_type": EngagementType.READ, "message_id": "ours-2"}


def _media(name: str) -> InboundMedia:
    return InboundMedia(url=f"https://media.example.com/{name}.png", content_type="image/png")


def _written(kind: str, *, context: str = "", **held: Any) -> bytes:  # noqa: ANN401  as Telnyx has them
    """Return the call that brings a WhatsApp message of a kind."""
    body = {"type": kind, kind: held, **({"context": {"id": context}} if context else {})}
    return _received("", **{**_WHATSAPP, "body": body})


_OPTED = {"channel": "sms", "address": _NUMBER[1:]}

WEBHOOKS = (
    Webhook(
        report("ours-1", _THEIRS),
        (StatusChanged,),
        (
            {
                "status": statuses.DELIVERED_TO_HANDSET,
                "occurred_at": _AT,
                "message_id": "ours-1",
                "provider_id": _THEIRS,
                "recipient": _NUMBER[1:],
            },
        ),
    ),
    Webhook(report("ours-1", _THEIRS, "sent"), (StatusChanged,), ({"status": statuses.PENDING_ENROUTE},)),
    Webhook(
        report("ours-1", _THEIRS, "delivery_failed", "40001"),
        (StatusChanged,),
        ({"failure": FailureReason.NOT_CAPABLE, "vendor_code": "40001"},),
    ),
    Webhook(
        report("ours-1", _THEIRS, "expired", "40014"),
        (StatusChanged,),
        ({"status": statuses.EXPIRED_EXPIRED},),
    ),
    Webhook(report("ours-1", _THEIRS, "read"), (StatusChanged, EngagementReceived)),
    Webhook(
        _received("Hello"),
        (MessageReceived,),
        (
            {
                "channel": "sms",
                "text": "Hello",
                "sender": _NUMBER[1:],
                "to": _OURS[1:],
                "occurred_at": _AT,
            },
        ),
    ),
    Webhook(
        _received("Look", type="MMS", media=[_PHOTO]),
        (MessageReceived,),
        ({"kind": "image", "text": "Look"},),
    ),
    Webhook(
        _received("STOP", autoresponse_type="STOP"),
        (MessageReceived, OptedOut),
        ({"text": "STOP"}, _OPTED),
    ),
    Webhook(
        _received("HELP", autoresponse_type="HELP"),
        (MessageReceived, HelpRequested),
        ({"text": "HELP"}, _OPTED),
    ),
    Webhook(
        _received("", **{**_WHATSAPP, "body": {"type": "text", "text": {"body": "Hi"}}}),
        (MessageReceived,),
        ({"channel": "whatsapp", "text": "Hi", "to": _OURS[1:]},),
    ),
    Webhook(
        _received(
            "", **{**_WHATSAPP, "body": {"type": "revoke", "revoke": {"original_message_id": "wamid.1"}}}
        ),
        (MessageRevoked,),
        ({"channel": "whatsapp", "original_id": "wamid.1"},),
    ),
    Webhook(
        report("ours-2", _THEIRS, "delivery_failed", "40012"),
        (StatusChanged,),
        ({"failure": FailureReason.INVALID_ADDRESS, "vendor_code": "40012", "status": statuses.known(2, 9)},),
    ),
    Webhook(
        report("ours-2", _THEIRS, "sending_failed", "40015"),
        (StatusChanged,),
        ({"failure": FailureReason.SPAM_FILTERED, "status": statuses.known(2, 9)},),
    ),
    Webhook(
        report("ours-2", _THEIRS, "delivery_unconfirmed"),
        (StatusChanged,),
        ({"failure": FailureReason.NO_RECEIPT, "status": statuses.known(1, 3)},),
    ),
    Webhook(report("ours-2", _THEIRS, "sending"), (StatusChanged,), ({"status": statuses.PENDING_ENROUTE},)),
    Webhook(report("ours-2", _THEIRS, "queued"), (StatusChanged,), ({"status": statuses.PENDING_ACCEPTED},)),
    Webhook(report("ours-2", _THEIRS, "read"), (StatusChanged, EngagementReceived), (_READ, _SEEN)),
    Webhook(
        report("ours-2", _THEIRS, "delivered", also="+447700900124"),
        (StatusChanged, StatusChanged),
        ({"recipient": _NUMBER[1:]}, {"recipient": "447700900124"}),
    ),
    Webhook(
        _received("START", autoresponse_type="START"),
        (MessageReceived, OptedIn),
        ({"text": "START", "provider_id": _INBOUND}, _OPTED),
    ),
    Webhook(
        _received("Look", type="MMS", media=[_PHOTO, {**_PHOTO, "url": "https://media.example.com/b.png"}]),
        (MessageReceived,),
        ({"media": (_media("a"), _media("b")), "kind": "image"},),
    ),
    Webhook(
        _written("image", link="https://media.example.com/a.png", caption="Look"),
        (MessageReceived,),
        (
            {
                "text": "Look",
                "kind": "image",
                "media": (InboundMedia(url="https://media.example.com/a.png", caption="Look"),),
            },
        ),
    ),
    Webhook(
        _written("location", latitude=51.5, longitude=-0.125, context="wamid.7"),
        (MessageReceived,),
        ({"kind": "location", "location": (51.5, -0.125), "reply_to": "wamid.7"},),
    ),
    Webhook(
        _written("interactive", type="button_reply", button_reply={"id": "b-1", "title": "Yes"}),
        (MessageReceived,),
        ({"text": "Yes", "payload": "b-1"},),
    ),
    Webhook(
        _written("reaction", message_id="wamid.8", emoji="👍"),
        (MessageReceived,),
        ({"kind": "reaction", "payload": "👍", "reply_to": "wamid.8"},),
    ),
)
"""What Telnyx posts, and what it means."""
