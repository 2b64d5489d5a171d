"""What the conformance kit has to know: how the provider is configured, and what Telnyx says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from messaging_channels import messages as m
from messaging_channels.events import (
    EngagementReceived,
    HelpRequested,
    MessageReceived,
    MessageRevoked,
    OptedOut,
    StatusChanged,
)
from messaging_channels.plugins import FailureReason, HttpRequest, HttpResponse, Reason, WebhookRequest
from messaging_channels.plugins import status as statuses
from messaging_channels.testing import (
    ConformanceFixtures,
    InboundText,
    ReadMessage,
    Webhook,
    read_whatsapp_content,
)
from messaging_channels_telnyx._table_errors import ERRORS
from messaging_channels_telnyx.emulator.signing import public_key_of, signed_headers

_NUMBER, _OURS = "+447700900123", "+447700900000"
_THEIRS, _EVENT = "40385f64-5717-4562-b3fc-2c963f66afa6", "b301ed3f-1490-491f-995f-6e64e69674d4"
_AT = 1_790_000_000.0
_URL = "https://hooks.example.com/telnyx"


def _answer(told: object, status: int = 200) -> HttpResponse:
    return HttpResponse(status, {"content-type": "application/json"}, json.dumps(told).encode())


def _accepts(request: HttpRequest) -> HttpResponse:
    reference = _reference(json.loads(request.body))
    to = [{"phone_number": _NUMBER, "status": "queued"}]
    return _answer({"data": {"record_type": "message", "id": reference or _THEIRS, "to": to, "errors": []}})


def _refusal(code: str, status: int) -> HttpResponse:
    return _answer({"errors": [{"code": code, "title": "It was refused", "detail": "See the code"}]}, status)


_HTTP = {Reason.CREDENTIALS: 401, Reason.THROTTLED: 429, Reason.SERVER_ERROR: 500}


def _reference(told: Mapping[str, Any]) -> str | None:
    url: str = told.get("webhook_url", "")
    return dict(parse_qsl(urlsplit(url).query)).get("mc_id")


def _reads_request(request: HttpRequest) -> list[ReadMessage]:
    """Read the object as Telnyx's reference has it."""
    told = json.loads(request.body)
    sender = told["from"].removeprefix("+")
    if not told["to"].startswith("+") and "." not in told["to"]:
        message = "the recipient is neither E.164 nor the id of a WhatsApp user"
        raise ValueError(message)
    kind, held = _read_whatsapp(told["whatsapp_message"]) if "whatsapp_message" in told else _read_text(told)
    return [
        ReadMessage(to=told["to"], message={"sender": sender, **held}, kind=kind, reference=_reference(told))
    ]


def _read_text(told: Mapping[str, Any]) -> tuple[type[m.Message] | None, dict[str, Any]]:
    if "media_urls" in told:
        return m.Mms, {"media": tuple(told["media_urls"]), "text": told.get("text", "")}
    return m.Sms, {"text": told["text"]}


def _read_whatsapp(told: Mapping[str, Any]) -> tuple[type[m.Message] | None, dict[str, Any]]:
    """Read WhatsApp's own form. Telnyx has coordinates as texts."""
    kind, held = read_whatsapp_content(told["type"], told[told["type"]])
    return kind, {name: float(one) if name in _COORDINATES else one for name, one in held.items()}


_COORDINATES = ("latitude", "longitude")


def _sign(body: bytes, secret: str, at: float) -> WebhookRequest:
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


def _report(ours: str, theirs: str, state: str = "delivered", code: str = "") -> bytes:
    listed = [{"code": code, "title": "It failed", "detail": "See the code"}] if code else []
    payload = {
        "record_type": "message",
        "direction": "outbound",
        "id": theirs,
        "type": "SMS",
        "from": {"phone_number": _OURS},
        "to": [{"phone_number": _NUMBER, "status": state, "carrier": "", "line_type": "Wireless"}],
        "webhook_url": f"{_URL}?mc_id={ours}",
        "errors": listed,
    }
    return _call("message.sent" if state == "sent" else "message.finalized", payload, f"{theirs}:{state}")


def _inbound(sender: str, to: str, text: str) -> dict[str, Any]:
    return {
        "record_type": "message",
        "direction": "inbound",
        "id": "84cca175-9755-4859-b67f-4730d7f58aa3",
        "type": "SMS",
        "from": {"phone_number": f"+{sender}"},
        "to": [{"phone_number": f"+{to}", "status": "webhook_delivered"}],
        "text": text,
        "media": [],
    }


def _received(given: str, **more: Any) -> bytes:  # noqa: ANN401  likewise
    return _call("message.received", {**_inbound(_NUMBER[1:], _OURS[1:], given), **more})


def _inbound_message(one: InboundText) -> bytes:
    kind = "WHATSAPP" if one.channel == "whatsapp" else "SMS"
    payload = {**_inbound(one.sender, one.to, one.text), "id": f"84cca175-{one.number}", "type": kind}
    return _call("message.received", payload, f"b301ed3f-{one.number}", one.at)


_PHOTO = {
    "url": "https://media.example.com/a.png",
    "content_type": "image/png",
    "size": 4,
    "hash_sha256": "ab",
}
_WHATSAPP = {"type": "WHATSAPP", "text": None, "to": _OURS}
_OPTED = {"channel": "sms", "address": _NUMBER[1:]}

FIXTURES = ConformanceFixtures(
    settings=lambda url, secret: {
        "api_key": secret,
        "sender": _OURS,
        "messaging_profile_id": "b5b4a7c2-0000-4000-8000-000000000000",
        "webhook_public_key": public_key_of(secret),
        "webhook_url": _URL,
        "base_url": url,
    },
    success_response=_accepts,
    reads_request=_reads_request,
    vendor_batch_size=1,
    error_responses=tuple(
        (_refusal(code, _HTTP.get(reason, 422)), reason) for code, _, _, reason in ERRORS if reason
    ),
    sign_webhook=_sign,
    signature_covers_time=True,
    webhooks=(
        Webhook(
            _report("ours-1", _THEIRS),
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
        Webhook(
            _report("ours-1", _THEIRS, "sent"), (StatusChanged,), ({"status": statuses.PENDING_ENROUTE},)
        ),
        Webhook(
            _report("ours-1", _THEIRS, "delivery_failed", "40001"),
            (StatusChanged,),
            ({"failure": FailureReason.NOT_CAPABLE, "vendor_code": "40001"},),
        ),
        Webhook(
            _report("ours-1", _THEIRS, "expired", "40014"),
            (StatusChanged,),
            ({"status": statuses.EXPIRED_EXPIRED},),
        ),
        Webhook(_report("ours-1", _THEIRS, "read"), (StatusChanged, EngagementReceived)),
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
    ),
    delivered_body=_report,
    inbound_body=lambda sender, to, text: _call("message.received", _inbound(sender, to, text)),
    inbound_message=_inbound_message,
)
