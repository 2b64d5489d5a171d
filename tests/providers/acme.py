"""A provider with every ability, written as it should be, and what its vendor says: the tests of the kit spoil it rule by rule."""

from __future__ import annotations

import hmac
import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, SecretStr

from messaging_channels import Sms, errors
from messaging_channels._model.addresses import PhoneNumber
from messaging_channels._model.events import Event, MessageReceived, StatusChanged, UnknownEvent
from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels._model.rate_limit import RateLimit
from messaging_channels._model.status import DELIVERED_TO_HANDSET, PENDING_ENROUTE
from messaging_channels.messages import ProviderOptions
from messaging_channels.plugins.exchange import Exchange, ExecutorPair, Flow, HttpRequest, HttpResponse, ask
from messaging_channels.plugins.provider import (
    Capabilities,
    Envelope,
    LookupRequest,
    ProviderSpec,
    provider_options_of,
    require_sender,
)
from messaging_channels.plugins.provider_settings import SecretList
from messaging_channels.plugins.results import result_from_status
from messaging_channels.plugins.webhooks import WebhookRequest, WebhookResult
from messaging_channels.testing.conformance import (
    ConformanceFixtures,
    DocumentedWebhook,
    ReadMessage,
    Webhook,
)

REASONS = {
    "unknown recipient": Reason.RECIPIENT,
    "no credit": Reason.INSUFFICIENT_CREDIT,
    "duplicate id": Reason.DUPLICATE,
}


@dataclass(frozen=True, slots=True)
class AcmeSmsOptions(ProviderOptions):
    provider: ClassVar[str] = "acme-sms"

    campaign: str


class AcmeSmsSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    base_url: str
    key: SecretStr
    sender: str | None = None
    webhook_key: SecretStr | None = None
    webhook_keys: SecretList = ()


class AcmeSms:
    name: ClassVar[str] = "acme-sms"
    capabilities: ClassVar[Capabilities] = Capabilities(
        {Sms: frozenset({"sender", "flash"})},
        max_batch_size=100,
        provider_options=frozenset({AcmeSmsOptions}),
        deduplicates=True,
    )
    executors: ClassVar[Mapping[type[Exchange[Any]], ExecutorPair]] = {}

    def __init__(self, settings: AcmeSmsSettings) -> None:
        self.url = settings.base_url
        self.key = settings.key.get_secret_value()
        self.sender = settings.sender
        self.headers = {"authorization": f"Bearer {self.key}", "content-type": "application/json"}

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        request = self.request(batch)
        response = yield from ask(request)
        return self.read(response, batch)

    def request(self, batch: Sequence[Envelope]) -> HttpRequest:
        return HttpRequest.post_json(
            f"{self.url}/messages", {"messages": [self.payload(one) for one in batch]}, headers=self.headers
        )

    def payload(self, envelope: Envelope) -> dict[str, Any]:
        message = envelope.message
        assert isinstance(message, Sms)
        options = provider_options_of(message, AcmeSmsOptions)
        payload: dict[str, Any] = {
            "id": envelope.id,
            "from": require_sender(message, self.sender, provider=self.name),
            "to": envelope.to.plain,
            "text": message.text,
        }
        return (
            payload
            | ({"flash": True} if message.flash else {})
            | ({"campaign": options.campaign} if options else {})
        )

    def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
        answer = parse_json(response)
        if not response.ok:
            return [result_from_status(response)] * len(batch)
        listed = answer.get("results") if isinstance(answer, dict) else None
        results = {
            one["id"]: one
            for one in (listed if isinstance(listed, list) else [])
            if isinstance(one, dict) and isinstance(one.get("id"), str)
        }
        return [self.outcome(results.get(one.id), response) for one in batch]

    def outcome(self, result: Any, response: HttpResponse) -> AttemptResult:
        if result is None or not isinstance(result.get("message_id"), str):
            return result_from_status(response)
        if error := result.get("error"):
            reason = REASONS.get(str(error), Reason.INVALID)
            return AttemptResult.of(reason, "refused", provider_id=result["message_id"], raw_response=result)
        return AttemptResult.of(Reason.ACCEPTED, provider_id=result["message_id"], raw_response=result)

    def handle_webhook(self, call: WebhookRequest) -> WebhookResult:
        signature = call.headers.get("x-acme-signature", "")
        if not hmac.compare_digest(signature.encode(), signature_of(call.body, self.key).encode()):
            raise errors.WebhookVerificationError(
                "the signature does not match", provider=self.name, hint="check the key"
            )
        return WebhookResult(self.events(parse_json(HttpResponse(200, {}, call.body)), call))

    def events(self, told: Any, call: WebhookRequest) -> list[Event]:
        try:
            at = float(told["at"])
            if "from" in told:
                return [
                    MessageReceived(
                        provider=self.name,
                        occurred_at=at,
                        channel="sms",
                        provider_id=str(told["message_id"]),
                        sender=PhoneNumber.parse(told["from"]),
                        to=str(told["to"]),
                        text=str(told.get("text", "")),
                        raw=told,
                    )
                ]
            status = DELIVERED_TO_HANDSET if told["status"] == "delivered" else PENDING_ENROUTE
            return [
                StatusChanged(
                    provider=self.name, occurred_at=at, message_id=str(told["id"]), status=status, raw=told
                )
            ]
        except (KeyError, ValueError, TypeError, OverflowError):
            return [UnknownEvent(provider=self.name, occurred_at=call.received_at, raw=call.body)]

    def fetch_reports(self) -> Flow[Sequence[Event]]:
        response = yield from ask(HttpRequest("GET", f"{self.url}/reports", self.headers, may_send=False))
        told = parse_json(response)
        listed = told.get("reports") if response.ok and isinstance(told, dict) else None
        return [
            event
            for one in (listed if isinstance(listed, list) else [])
            for event in self.events(one, WebhookRequest())
        ]

    def look_up(self, request: LookupRequest) -> Flow[AttemptResult | None]:
        url = f"{self.url}/messages/{request.message_id}"
        response = yield from ask(HttpRequest("GET", url, self.headers, may_send=False))
        told = parse_json(response)
        if response.status == 404 and isinstance(told, dict) and told.get("error") == "no such message":
            return AttemptResult.of(Reason.NOT_FOUND, raw_response=told)
        message_id = told.get("message_id") if response.ok and isinstance(told, dict) else None
        if not isinstance(message_id, str):
            return None
        return AttemptResult.of(Reason.ACCEPTED, provider_id=message_id, raw_response=told)

    def rate_limits(self, envelope: Envelope) -> Sequence[tuple[Hashable, RateLimit]]:
        return ((("to", envelope.to.plain), RateLimit(1)),)


def parse_json(response: HttpResponse) -> Any:
    try:
        return response.json()
    except ValueError:
        return None


def signature_of(body: bytes, key: str) -> str:
    return hmac.new(key.encode(), body, "sha256").hexdigest()


def accepts(request: HttpRequest) -> HttpResponse:
    results = [
        {"id": one["id"], "message_id": f"acme-{one['id']}", "status": "queued"}
        for one in json.loads(request.body)["messages"]
    ]
    return answer({"results": results})


def answer(told: object, status: int = 200) -> HttpResponse:
    return HttpResponse(status, {"content-type": "application/json"}, json.dumps(told).encode())


def refusal(error: str) -> HttpResponse:
    return answer({"results": [{"id": "0" * 32, "message_id": "m-1", "error": error}]})


def reads_request(request: HttpRequest) -> list[ReadMessage]:
    """What the vendor's reference says of a request."""
    return [
        ReadMessage(
            to=one["to"],
            message=Sms(one["text"], sender=one["from"], flash=one.get("flash", False)),
            reference=one["id"],
        )
        for one in json.loads(request.body)["messages"]
    ]


DOCUMENTED = DocumentedWebhook(
    WebhookRequest(
        b'{"at": 1700000000, "id": "m1", "status": "delivered"}',
        {"x-acme-signature": "abdad0b06c15de86950d8fbf124897de933b534b82c15ce6b4813e182fbc3b33"},
    ),
    "made-up-secret",
    (StatusChanged,),
    "https://docs.acme.example.com/webhooks#example",
)
"""As the vendor's page shows it."""

FIXTURES = ConformanceFixtures(
    settings=lambda url, secret: {"base_url": url, "key": secret, "sender": "Shop"},
    success_response=accepts,
    reads_request=reads_request,
    vendor_batch_size=100,
    documented_webhooks=(DOCUMENTED,),
    error_responses=(
        (refusal("unknown recipient"), Reason.RECIPIENT),
        (refusal("no credit"), Reason.INSUFFICIENT_CREDIT),
        (answer({"error": "malformed"}, 400), Reason.INVALID),
    ),
    provider_options=(AcmeSmsOptions("spring"),),
    sign_webhook=lambda body, secret: WebhookRequest(body, {"x-acme-signature": signature_of(body, secret)}),
    webhooks=(
        Webhook(
            b'{"at": 1700000000, "id": "m1", "status": "delivered", "seen_by": ["zoe"]}', (StatusChanged,)
        ),
        Webhook(
            b'{"at": 1700000000, "message_id": "a2", "from": "+447700900123", "to": "Shop"}',
            (MessageReceived,),
        ),
    ),
    delivered_body=lambda ours, _: json.dumps({"at": 1, "id": ours, "status": "delivered"}).encode(),
    inbound_body=lambda sender, to, text: json.dumps(
        {"at": 1, "message_id": "a1", "from": sender, "to": to, "text": text}
    ).encode(),
    reports_response=lambda _: answer({"reports": [{"at": 1, "id": "m1", "status": "delivered"}]}),
    lookup_response=lambda _: answer({"message_id": "a1"}),
)


def spec(build: type[AcmeSms] = AcmeSms) -> ProviderSpec:
    return ProviderSpec("acme-sms", AcmeSmsSettings, build)
