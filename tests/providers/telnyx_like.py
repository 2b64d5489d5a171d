"""A provider of SMS, MMS and WhatsApp as an ordinary author writes it: one request a message, Ed25519-signed webhooks with their time."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, ClassVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import BaseModel, ConfigDict, SecretStr

from messaging_channels import Sms, errors
from messaging_channels.events import Event, MessageReceived, OptedOut, StatusChanged, UnknownEvent
from messaging_channels.messages import Message, Mms, WhatsAppImage, WhatsAppText
from messaging_channels.plugins import (
    AttemptResult,
    Capabilities,
    Envelope,
    HttpProvider,
    HttpRequest,
    HttpResponse,
    PhoneNumber,
    ProviderSpec,
    Reason,
    WebhookRequest,
    WebhookResult,
    require_sender,
    result_from_status,
)
from messaging_channels.plugins import (
    status as statuses,
)
from messaging_channels.testing import ConformanceFixtures, ReadMessage, Webhook

ERRORS = {
    "40300": Reason.RECIPIENT,
    "40310": Reason.RECIPIENT,
    "10009": Reason.CREDENTIALS,
    "10011": Reason.THROTTLED,
}
STATUSES = {
    "queued": statuses.PENDING_ACCEPTED,
    "sent": statuses.PENDING_ENROUTE,
    "delivered": statuses.DELIVERED_TO_HANDSET,
    "delivery_failed": statuses.known(2, 9),
}
MAX_AGE = 300


class TelnyxSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    base_url: str
    api_key: SecretStr
    public_key: str | None = None
    sender: str | None = None
    webhook_url: str | None = None


class TelnyxLike(HttpProvider):
    name: ClassVar[str] = "telnyx-like"
    capabilities: ClassVar[Capabilities] = Capabilities(
        {
            Sms: frozenset({"sender"}),
            Mms: frozenset({"sender", "text"}),
            WhatsAppText: frozenset({"sender", "preview_url"}),
            WhatsAppImage: frozenset({"sender", "caption"}),
        }
    )

    def __init__(self, settings: TelnyxSettings) -> None:
        self.base, self.key = settings.base_url, settings.api_key.get_secret_value()
        self.sender = settings.sender
        self.public_key = settings.public_key

    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.key}", "content-type": "application/json"}

    def to(self, envelope: Envelope) -> str:
        if not isinstance(envelope.to, PhoneNumber):
            raise errors.InvalidMessage("it takes numbers", field="to", hint="send to a number")
        return envelope.to.e164

    def text(self, message: Any) -> str:
        return str(message.text)

    def payload(self, envelope: Envelope) -> dict[str, Any]:
        message: Any = envelope.message
        told: dict[str, Any] = {
            "to": self.to(envelope),
            "from": require_sender(message, self.sender, provider=self.name),
            "tags": [envelope.id],
        }
        if isinstance(message, Sms):
            return {**told, "text": self.text(message)}
        if isinstance(message, Mms):
            return {**told, "media_urls": list(message.media), "text": message.text}
        if isinstance(message, WhatsAppText):
            body = {"body": self.text(message), "preview_url": message.preview_url}
            return {**told, "type": "WHATSAPP", "whatsapp_message": {"type": "text", "text": body}}
        image = {"link": message.file.url, **({"caption": message.caption} if message.caption else {})}
        return {**told, "type": "WHATSAPP", "whatsapp_message": {"type": "image", "image": image}}

    def body(self, envelope: Envelope) -> bytes:
        return json.dumps(self.payload(envelope), ensure_ascii=False).encode()

    def build_request(self, envelope: Envelope) -> HttpRequest:
        return HttpRequest("POST", f"{self.base}/v2/messages", self.headers(), self.body(envelope))

    def reason(self, code: str) -> Reason:
        return ERRORS.get(code, Reason.INVALID)

    def provider_id(self, data: Mapping[str, Any]) -> Any:
        return data.get("id")

    def parse_response(self, response: HttpResponse, envelope: Envelope) -> AttemptResult:  # noqa: ARG002
        told = fields(response.body)
        listed = told.get("errors")
        if response.status // 100 == 4 and response.status != 429 and isinstance(listed, list) and listed:
            code = str(listed[0].get("code")) if isinstance(listed[0], dict) else ""
            return AttemptResult.of(
                self.reason(code), f"code {code[:5]}" if code.isdigit() else "", raw_response=told
            )
        data = told.get("data")
        if not response.ok or not isinstance(data, dict) or not isinstance(self.provider_id(data), str):
            return result_from_status(response)
        return AttemptResult.of(Reason.ACCEPTED, provider_id=self.provider_id(data), raw_response=told)

    def refuse(self, problem: str) -> errors.WebhookVerificationError:
        return errors.WebhookVerificationError(problem, provider=self.name, hint="check the public key")

    def signed(self, request: WebhookRequest, at: str) -> bytes:
        return at.encode() + b"|" + request.body

    def prove(self, request: WebhookRequest) -> None:
        if not self.public_key:
            raise self.refuse("no public key is configured")
        at, given = (
            request.headers.get("telnyx-timestamp", ""),
            request.headers.get("telnyx-signature-ed25519", ""),
        )
        try:
            key = Ed25519PublicKey.from_public_bytes(base64.b64decode(self.public_key))
            key.verify(base64.b64decode(given.encode(), validate=True), self.signed(request, at))
        except (InvalidSignature, ValueError):
            raise self.refuse("the signature does not fit") from None
        self.check_age(at, request)

    def check_age(self, at: str, request: WebhookRequest) -> None:
        if not at.isascii() or not at.isdigit() or abs(int(at) - request.received_at) > MAX_AGE:
            raise self.refuse("the call is too old")

    def handle_webhook(self, request: WebhookRequest) -> WebhookResult:
        self.prove(request)
        try:
            return WebhookResult(self.events(fields(request.body), request))
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError):
            return WebhookResult(
                [UnknownEvent(provider=self.name, occurred_at=request.received_at, raw=request.body)]
            )

    def events(self, told: Mapping[str, Any], request: WebhookRequest) -> Sequence[Event]:  # noqa: ARG002
        data = told["data"]
        payload = data["payload"]
        shared: dict[str, Any] = {
            "provider": self.name,
            "occurred_at": self.time(str(data["occurred_at"])),
            "event_id": str(data["id"]),
            "raw": told,
        }
        if data["event_type"] == "message.received":
            return self.inbound(payload, shared)
        return [
            StatusChanged(
                **shared,
                message_id=str(payload["tags"][0]),
                provider_id=str(payload["id"]),
                status=STATUSES[payload["to"][0]["status"]],
            )
        ]

    def time(self, text: str) -> float:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            raise ValueError
        return at.timestamp()

    def channel(self, payload: Mapping[str, Any]) -> str:
        return "whatsapp" if payload["type"] == "WHATSAPP" else "sms"

    def inbound(self, payload: Mapping[str, Any], shared: dict[str, Any]) -> Sequence[Event]:
        sender, text = PhoneNumber.parse(payload["from"]["phone_number"]), str(payload["text"])
        received = MessageReceived(
            **shared,
            channel=self.channel(payload),
            provider_id=str(payload["id"]),
            sender=sender,
            to=PhoneNumber.parse(payload["to"][0]["phone_number"]).plain,
            text=text,
        )
        if text.strip().upper() != "STOP":
            return [received]
        opted = OptedOut(
            provider=self.name,
            occurred_at=received.occurred_at,
            event_id=f"{received.event_id}:stop",
            channel=received.channel,
            address=sender,
            reason="keyword STOP",
            raw=received.raw,
        )
        return [received, opted]


def fields(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def answer(told: object, status: int = 200, **headers: str) -> HttpResponse:
    return HttpResponse(status, {"content-type": "application/json", **headers}, json.dumps(told).encode())


def problem(code: str, status: int) -> HttpResponse:
    return answer({"errors": [{"code": code, "title": "It was refused", "detail": "See the code"}]}, status)


@cache
def private_key(secret: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(secret.encode().ljust(32, b"0")[:32])


def public_key(secret: str) -> str:
    raw = private_key(secret).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return base64.b64encode(raw).decode()


def sign(body: bytes, secret: str, at: float) -> WebhookRequest:
    signature = private_key(secret).sign(f"{at:.0f}|".encode() + body)
    return WebhookRequest(
        body,
        {"telnyx-timestamp": f"{at:.0f}", "telnyx-signature-ed25519": base64.b64encode(signature).decode()},
    )


def report(ours: str, theirs: str, status: str = "delivered") -> bytes:
    payload = {
        "id": theirs,
        "type": "SMS",
        "tags": [ours],
        "to": [{"phone_number": "+447700900123", "status": status}],
        "from": {"phone_number": "+447700900000"},
    }
    return call("message.finalized", payload)


def call(kind: str, payload: dict[str, Any]) -> bytes:
    data = {
        "event_type": kind,
        "id": "b301ed3f-1490-491f-995f-6e64e69674d4",
        "occurred_at": "2026-09-21T14:12:05.000+00:00",
        "payload": payload,
        "record_type": "event",
    }
    return json.dumps({"data": data, "meta": {"attempt": 1}}).encode()


def received(sender: str, to: str, text: str, kind: str = "SMS") -> bytes:
    payload = {
        "id": "84cca175-9755-4859-b67f-4730d7f58aa3",
        "type": kind,
        "from": {"phone_number": f"+{sender}"},
        "to": [{"phone_number": f"+{to}"}],
        "text": text,
    }
    return call("message.received", payload)


def reads_request(request: HttpRequest) -> Sequence[ReadMessage]:
    """What the vendor's reference says of the request."""
    told = json.loads(request.body)
    if (
        not told["to"].startswith("+")
        or request.headers.get("authorization", "").partition(" ")[0] != "Bearer"
    ):
        words = "the vendor wants E.164 with a plus, and a bearer key"
        raise ValueError(words)
    whatsapp, sender = told.get("whatsapp_message"), told["from"]
    _require_vendors_form(request, told)
    message: Message
    if whatsapp is None and "media_urls" in told:
        message = Mms(tuple(told["media_urls"]), text=told["text"], sender=sender)
    elif whatsapp is None:
        message = Sms(told["text"], sender=sender)
    elif whatsapp["type"] == "text":
        text = whatsapp["text"]
        message = WhatsAppText(text["body"], sender=sender, preview_url=text["preview_url"])
    else:
        image = whatsapp["image"]
        message = WhatsAppImage(image["link"], sender=sender, caption=image.get("caption"))
    return [
        ReadMessage(to=told["to"], message=message, reference=told["tags"][0] if told.get("tags") else None)
    ]


def _require_vendors_form(request: HttpRequest, told: Mapping[str, Any]) -> None:
    if request.method != "POST" or not request.url.endswith("/v2/messages"):
        message = "the vendor takes messages by POST /v2/messages"
        raise ValueError(message)
    if ("whatsapp_message" in told) is not (told.get("type") == "WHATSAPP"):
        message = "the vendor wants the type WHATSAPP with a `whatsapp_message`, and with nothing else"
        raise ValueError(message)
    if told["from"] == "447700900000":
        message = "the account's number has a plus"
        raise ValueError(message)


DELIVERED = {
    "status": statuses.DELIVERED_TO_HANDSET,
    "occurred_at": 1790000000.0 - 75,
    "message_id": "ours-1",
}
FIXTURES = ConformanceFixtures(
    settings=lambda url, secret: {
        "base_url": url,
        "api_key": secret,
        "public_key": public_key(secret),
        "sender": "+447700900000",
    },
    success_response=lambda _: answer(
        {
            "data": {
                "id": "40385f64-5717-4562-b3fc-2c963f66afa6",
                "record_type": "message",
                "to": [{"phone_number": "+447700900123", "status": "queued"}],
            }
        }
    ),
    error_responses=(
        (problem("40300", 422), Reason.RECIPIENT),
        (problem("40310", 422), Reason.RECIPIENT),
        (problem("10009", 401), Reason.CREDENTIALS),
        (problem("10011", 429), Reason.THROTTLED),
    ),
    reads_request=reads_request,
    sign_webhook=sign,
    webhooks=(
        Webhook(report("ours-1", "40385f64-5717-4562-b3fc-2c963f66afa6"), (StatusChanged,), (DELIVERED,)),
        Webhook(
            report("ours-1", "theirs-1", "sent"), (StatusChanged,), ({"status": statuses.PENDING_ENROUTE},)
        ),
        Webhook(received("447700900123", "447700900000", "Hello"), (MessageReceived,), ({"channel": "sms"},)),
        Webhook(received("447700900123", "447700900000", "Hi", "WHATSAPP"), (MessageReceived,)),
        Webhook(received("447700900123", "447700900000", "STOP"), (MessageReceived, OptedOut)),
    ),
    delivered_body=report,
    inbound_body=received,
)


def spec(build: type[TelnyxLike] = TelnyxLike) -> ProviderSpec:
    return ProviderSpec("telnyx-like", TelnyxSettings, build)
