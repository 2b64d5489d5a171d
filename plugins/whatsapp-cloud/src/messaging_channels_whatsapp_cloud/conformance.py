"""What the conformance kit has to know: how the provider is configured, and what Meta says."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from messaging_channels.plugins import HttpRequest, HttpResponse, Reason, WebhookRequest
from messaging_channels.testing import ConformanceFixtures, InboundText, ReadMessage, read_whatsapp_content
from messaging_channels_whatsapp_cloud.options import WhatsAppOptions
from messaging_channels_whatsapp_cloud.webhook_samples import NUMBER_ID, WEBHOOKS, change, report

_ERRORS = "https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes"
"""Errors of the Graph API come with a code, and some codes with a 5xx: the code decides. A 5xx without one is unknown."""


def _read_request(request: HttpRequest) -> list[ReadMessage]:
    """Return the message of a request; none for an upload.

    Raises:
        ValueError: Meta would refuse the request.
    """
    path, _, last = request.url.rpartition("/")
    if last not in ("messages", "marketing_messages"):
        return []
    told = json.loads(request.body)
    if told["messaging_product"] != "whatsapp":
        message = "messaging_product is to be `whatsapp`"
        raise ValueError(message)
    kind, held = read_whatsapp_content(told["type"], told[told["type"]])
    surroundings = {"sender": path.rpartition("/")[2], "reply_to": told.get("context", {}).get("message_id")}
    return [
        ReadMessage(
            to=told["recipient"] if "recipient" in told else told["to"],
            message={**surroundings, **held},
            kind=kind,
            reference=told["biz_opaque_callback_data"],
        )
    ]


def _answer(body: dict[str, Any], status: int = 200) -> HttpResponse:
    return HttpResponse(status, {"content-type": "application/json"}, json.dumps(body).encode())


def _accepts(request: HttpRequest) -> HttpResponse:
    if request.url.endswith("/media"):
        return _answer({"id": "4490709327384033"})
    told = json.loads(request.body)
    person = (told.get("to") or told.get("recipient", "")).lstrip("+")
    return _answer(
        {
            "messaging_product": "whatsapp",
            "contacts": [{"input": person, "wa_id": person}],
            "messages": [{"id": f"wamid.{told['biz_opaque_callback_data']}", "message_status": "accepted"}],
        }
    )


def _error(code: int, status: int = 400) -> HttpResponse:
    error = {
        "message": f"(#{code}) It was refused",
        "type": "OAuthException",
        "code": code,
        "fbtrace_id": "A1",
    }
    return _answer({"error": error}, status)


def _delivered(ours: str, theirs: str) -> bytes:
    return change(statuses=[report("delivered", ours, theirs)])


def _received(sender: str, to: str, text: str) -> bytes:
    return _inbound_message(InboundText(sender, to, text, 1, _WRITTEN_AT))


def _inbound_message(one: InboundText) -> bytes:
    message = {
        "from": one.sender,
        "id": f"wamid.in{one.number}",
        "timestamp": f"{one.at:.0f}",
        "type": "text",
        "text": {"body": one.text},
    }
    return change(contacts=[{"profile": {"name": "Zoe"}, "wa_id": one.sender}], messages=[message])


_WRITTEN_AT = 1_790_000_000.0


def _signed(body: bytes, secret: str) -> WebhookRequest:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return WebhookRequest(body, {"x-hub-signature-256": f"sha256={digest}"})


FIXTURES = ConformanceFixtures(
    settings=lambda url, secret: {
        "access_token": secret,
        "sender": NUMBER_ID,
        "webhook_app_secrets": [secret],
        "webhook_verify_token": secret,
        "base_url": url,
    },
    success_response=_accepts,
    reads_request=_read_request,
    error_responses=(
        (_error(131026), Reason.RECIPIENT),
        (_error(131047), Reason.POLICY),
        (_error(190, 401), Reason.CREDENTIALS),
        (_error(130429, 429), Reason.THROTTLED),
    ),
    safe_5xx=dict.fromkeys(
        range(500, 600), _ERRORS
    ),  # a documented refusal is one, whatever the status of HTTP
    provider_options=(WhatsAppOptions(identity_key_hash="DF2lS5v2W6x="),),
    sign_webhook=_signed,
    webhooks=WEBHOOKS,
    delivered_body=_delivered,
    inbound_body=_received,
    inbound_message=_inbound_message,
)
