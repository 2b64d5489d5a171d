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
from messaging_channels.testing import Webhook

_PERSON, _OURS = "447700900123", "447700900000"
_AT = 1_790_000_000.0
"""21 September 2026, 14:13:20 UTC."""
_UUID = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"


def token(body: bytes, secret: str, at: float) -> str:
    """Return the token of a call of the Messages API: a JWT over the hash of the body and the time, signed with HS256."""
    claims = {"iat": int(at), "exp": int(at) + 300, "payload_hash": hashlib.sha256(body).hexdigest()}
    text = b".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"alg": "HS256", "typ": "JWT"}, claims)
    )
    proof = hmac.digest(secret.encode(), text, "sha256")
    return (text + b"." + base64.urlsafe_b64encode(proof).rstrip(b"=")).decode()


def _receipt(word: str, code: str, nonce: str) -> bytes:
    told = {
        "msisdn": _PERSON,
        "to": "Shop",
        "messageId": "0A0",
        "status": word,
        "err-code": code,
        "scts": "2609211400",
        "client-ref": "r-1",
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
_CHAT = {"provider_id": _UUID, "sender": _PERSON, "to": _OURS, "channel": "whatsapp", "occurred_at": _AT}
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
                **_CHAT,
                "kind": "image",
                "name": "Zoe",
                "media": (InboundMedia(url="https://api.nexmo.com/v3/media/1b456509", caption="Look"),),
            },
        ),
    ),
)
