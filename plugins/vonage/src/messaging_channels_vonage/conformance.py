"""What the conformance kit has to know: how the provider is configured, and what Vonage says."""

from __future__ import annotations

import json
from typing import Any, cast
from urllib.parse import parse_qsl

from messaging_channels.events import MessageReceived, StatusChanged
from messaging_channels.plugins import HttpRequest, HttpResponse, Reason, WebhookRequest
from messaging_channels.testing import ConformanceFixtures, Webhook
from messaging_channels_vonage.responses import REASONS
from messaging_channels_vonage.signing import signature


def _answer(*parts: dict[str, str]) -> HttpResponse:
    told: dict[str, Any] = {"message-count": str(len(parts)), "messages": parts}
    return HttpResponse(200, {"content-type": "application/json"}, json.dumps(told).encode())


def _signed(body: bytes, secret: str) -> WebhookRequest:
    """Sign a body as Vonage does: within the body. What is no flat JSON object cannot be, and goes as it is."""
    told = _flat(body)
    if not told:
        return WebhookRequest(body)
    sig = signature(told, secret, "sha256")
    return WebhookRequest(json.dumps({**told, "sig": sig}).encode())


def _flat(body: bytes) -> dict[str, str]:
    try:
        told: Any = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    flat = isinstance(told, dict) and all(
        type(one) in (str, int) for one in cast("dict[str, Any]", told).values()
    )
    return {name: str(value) for name, value in cast("dict[str, Any]", told).items()} if flat else {}


def _accepts(request: HttpRequest) -> HttpResponse:
    if request.url.endswith("/v1/messages"):
        ours = json.loads(request.body)["client_ref"]
        return HttpResponse(
            202, {"content-type": "application/json"}, json.dumps({"message_uuid": ours}).encode()
        )
    ours = dict(parse_qsl(request.body.decode()))["client-ref"]
    return _answer({**_TAKEN, "message-id": ours}, _TAKEN)


_TAKEN = {"to": "447700900123", "message-id": "0A0000000123ABCD", "status": "0"}

FIXTURES = ConformanceFixtures(
    settings=lambda url, secret: {
        "api_key": "abcd1234",
        "api_secret": secret,
        "webhook_signature_secret": secret,
        "sender": "Shop",
        "mms_sender": "447700900000",
        "whatsapp_sender": "447700900000",
        "base_url": url,
    },
    success_response=_accepts,
    error_responses=(
        *((_answer({"status": code}), reason) for code, reason in REASONS.items() if code != "0"),
        (_answer(_TAKEN, {"status": "1"}), Reason.UNREADABLE_RESPONSE),
    ),
    sign_webhook=_signed,
    delivered_body=lambda ours, theirs: json.dumps(
        {
            "messageId": theirs,
            "client-ref": ours,
            "status": "delivered",
            "err-code": "0",
            "scts": "2609211400",
        }
    ).encode(),
    inbound_body=lambda sender, to, text: json.dumps(
        {
            "msisdn": sender,
            "to": to,
            "messageId": "0B0",
            "text": text,
            "type": "text",
            "timestamp": "1790000000",
        }
    ).encode(),
    inbound_message=lambda one: json.dumps(
        {
            "msisdn": one.sender,
            "to": one.to,
            "messageId": f"0B{one.number:06X}",
            "text": one.text,
            "type": "text",
            "timestamp": f"{one.at:.0f}",
        }
    ).encode(),
    webhooks=(
        Webhook(
            b'{"msisdn": "447700900123", "to": "Shop", "messageId": "0A0", "status": "delivered", "err-code": "0",'
            b' "scts": "2001011400", "client-ref": "r-1", "timestamp": "1790000000", "nonce": "n-1"}',
            (StatusChanged,),
        ),
        Webhook(
            b'{"msisdn": "447700900123", "to": "447700900000", "messageId": "0B0", "text": "Yes & no = maybe",'
            b' "type": "text", "keyword": "YES", "timestamp": "1790000000", "nonce": "n-2"}',
            (MessageReceived,),
        ),
    ),
)
