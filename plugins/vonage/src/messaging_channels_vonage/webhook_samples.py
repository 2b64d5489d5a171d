"""Calls as Vonage makes them, with what they say, for the conformance kit.

Sources: https://developer.vonage.com/en/messaging/sms/guides/delivery-receipts, https://developer.vonage.com/en/messaging/sms/guides/inbound-sms and
https://developer.vonage.com/en/api/messages (its webhooks)
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

from messaging_channels.events import (
    EngagementReceived,
    EngagementType,
    InboundMedia,
    MessageReceived,
    StatusChanged,
)
from messaging_channels.plugins import status
from messaging_channels.testing import InboundText, Webhook

_PERSON, _OURS = "447700900123", "447700900000"
_AT = 1_790_000_000.0
"""21 September 2026, 14:13:20 UTC."""
_UUID = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"


def inbound_message(one: InboundText) -> bytes:
    """Return the call that brings a text: of the SMS API, or of the Messages API where the channel is one of its own."""
    if one.channel in ("whatsapp", "rcs", "mms"):
        ends = {"channel": one.channel, "from": one.sender, "to": one.to}
        said: dict[str, Any] = {"message_type": "text", "text": one.text}
        if one.channel == "mms":
            picture = {"url": "https://media.example.com/a.png", "caption": one.text}
            said = {"message_type": "image", "image": picture}
        identified = {"message_uuid": f"{_UUID[:-6]}{one.number:06}", "timestamp": f"{one.at:.0f}"}
        return json.dumps({**ends, **identified, **said}).encode()
    told = {"msisdn": one.sender, "to": one.to, "messageId": f"0B{one.number:06X}", "text": one.text}
    return json.dumps({**told, "type": "text", "timestamp": f"{one.at:.0f}"}).encode()


def token(body: bytes, secret: str, at: float) -> str:
    """Return the token of a call of the Messages API: a JWT over the hash of the body and the time, signed with HS256."""
    claims = {"iat": int(at), "exp": int(at) + 300, "payload_hash": hashlib.sha256(body).hexdigest()}
    text = b".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"alg": "HS256", "typ": "JWT"}, claims)
    )
    proof = hmac.digest(secret.encode(), text, "sha256")
    return (text + b"." + base64.urlsafe_b64encode(proof).rstrip(b"=")).decode()


def _receipt(word: str, code: str, nonce: str, reference: str = "r-1") -> bytes:
    told = {
        "msisdn": _PERSON,
        "to": "Shop",
        "messageId": "0A0",
        "status": word,
        "err-code": code,
        "scts": "2609211400",
        "client-ref": reference,
        "timestamp": f"{_AT:.0f}",
        "nonce": nonce,
    }
    return json.dumps(told).encode()


def _inbound(**fields: str) -> bytes:
    about = {"msisdn": _PERSON, "to": _OURS, "messageId": "0B0", "timestamp": f"{_AT:.0f}"}
    return json.dumps({**about, **fields}).encode()


def _message(**fields: Any) -> bytes:  # noqa: ANN401  JSON
    about = {"message_uuid": _UUID, "timestamp": "2026-09-21T14:13:20Z", "from": _OURS, "to": _PERSON}
    return json.dumps({**about, **fields}).encode()


_RECEIPT = {"message_id": "r-1", "provider_id": "0A0", "occurred_at": 1_789_999_200.0}
"""The carrier's time, 14:00 UTC."""
_BROUGHT = {"provider_id": "0B0", "sender": _PERSON, "to": _OURS, "channel": "sms", "occurred_at": _AT}
_STATE = {"message_id": "r-2", "provider_id": _UUID, "occurred_at": _AT}
_BROUGHT_BY_CHAT = {
    "provider_id": _UUID,
    "sender": _PERSON,
    "to": _OURS,
    "channel": "whatsapp",
    "occurred_at": _AT,
}
_FILE = "https://api.nexmo.com/v3/media/1b456510"


def _chat(told: dict[str, Any], **expected: Any) -> Webhook:  # noqa: ANN401  JSON, and fields of the event
    """Return a call with what a person wrote on WhatsApp."""
    body = _message(channel="whatsapp", **{"from": _PERSON, "to": _OURS}, **told)
    return Webhook(body, (MessageReceived,), ({**_BROUGHT_BY_CHAT, **expected},))


WEBHOOKS = (
    Webhook(
        _receipt("delivered", "0", "n-1"),
        (StatusChanged,),
        ({**_RECEIPT, "status": status.DELIVERED_TO_HANDSET, "failure": None},),
    ),
    Webhook(
        _inbound(text="Yes & no = maybe", type="text", keyword="YES", nonce="n-2"),
        (MessageReceived,),
        ({**_BROUGHT, "text": "Yes & no = maybe", "kind": "text"},),
    ),
    Webhook(
        _receipt("failed", "6", "n-3"),
        (StatusChanged,),
        ({**_RECEIPT, "status": status.known(2, 9), "vendor_code": "6"},),
    ),
    Webhook(
        _receipt("expired", "1", "n-4"),
        (StatusChanged,),
        ({**_RECEIPT, "status": status.EXPIRED_EXPIRED},),
    ),
    Webhook(
        _inbound(text="Привет", type="unicode", nonce="n-5"),
        (MessageReceived,),
        ({**_BROUGHT, "text": "Привет", "kind": "text"},),
    ),
    Webhook(
        _message(channel="whatsapp", status="delivered", client_ref="r-2"),
        (StatusChanged,),
        ({**_STATE, "status": status.DELIVERED_TO_HANDSET},),
    ),
    Webhook(
        _message(channel="whatsapp", status="read", client_ref="r-2"),
        (StatusChanged, EngagementReceived),
        (
            {**_STATE, "status": status.DELIVERED_TO_HANDSET},
            {**_STATE, "engagement_type": EngagementType.READ},
        ),
    ),
    Webhook(
        _message(
            channel="whatsapp",
            status="rejected",
            client_ref="r-2",
            error={
                "type": "https://developer.vonage.com/api-errors/messages#1330",
                "title": 1330,
                "detail": "Unknown",
            },
        ),
        (StatusChanged,),
        ({**_STATE, "status": status.known(2, 4), "vendor_code": "1330"},),
    ),
    Webhook(
        _message(
            channel="whatsapp",
            **{"from": _PERSON, "to": _OURS},
            message_type="image",
            image={"url": "https://api.nexmo.com/v3/media/1b456509", "caption": "Look"},
            profile={"name": "Zoe"},
        ),
        (MessageReceived,),
        (
            {
                **_BROUGHT_BY_CHAT,
                "kind": "image",
                "name": "Zoe",
                "media": (InboundMedia(url="https://api.nexmo.com/v3/media/1b456509", caption="Look"),),
            },
        ),
    ),
    _chat(
        {
            "message_type": "reply",
            "reply": {"id": "yes-1", "title": "Yes"},
            "context": {"message_uuid": "u-1"},
        },
        kind="list",
        text="Yes",
        payload="yes-1",
        reply_to="u-1",
    ),
    _chat(
        {"message_type": "button", "button": {"payload": "yes-2", "text": "Go"}},
        kind="button",
        text="Go",
        payload="yes-2",
    ),
    _chat(
        {"message_type": "location", "location": {"lat": 51.5, "long": -0.125, "name": "Tower"}},
        kind="location",
        location=(51.5, -0.125),
        text="Tower",
    ),
    _chat(
        {"message_type": "reaction", "reaction": {"emoji": "👍", "action": "react"}},
        kind="reaction",
        payload="👍",
    ),
    _chat(
        {
            "message_type": "file",
            "file": {"url": _FILE, "caption": "Bill", "name": "bill.pdf", "mime_type": "application/pdf"},
        },
        kind="document",
        media=(InboundMedia(url=_FILE, content_type="application/pdf", filename="bill.pdf", caption="Bill"),),
    ),
    Webhook(
        _message(channel="rcs", status="undeliverable", client_ref="r-2"),
        (StatusChanged,),
        ({**_STATE, "status": status.known(2, 9), "channel": "rcs"},),
    ),
    Webhook(
        _receipt("buffered", "0", "n-6"),
        (StatusChanged,),
        ({**_RECEIPT, "status": status.PENDING_ENROUTE, "parts": 0},),
    ),
    Webhook(
        _receipt("delivered", "0", "n-7", "r-1/3"),
        (StatusChanged,),
        ({**_RECEIPT, "status": status.DELIVERED_TO_HANDSET, "parts": 3},),
    ),
    Webhook(
        _receipt("rejected", "7", "n-8"),
        (StatusChanged,),
        ({**_RECEIPT, "status": status.known(2, 4), "vendor_code": "7"},),
    ),
)
