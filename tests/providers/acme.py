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
from messaging_channels.plugins.results import result_from_status
from messaging_channels.plugins.webhooks import WebhookRequest, WebhookResult
from messaging_channels.testing.conformance import ConformanceFixtures, Webhook

REASONS = {
    "no such loft": Reason.RECIPIENT,
    "no corn": Reason.INSUFFICIENT_CREDIT,
    "ring known": Reason.DUPLICATE,
}


@dataclass(frozen=True, slots=True)
class PigeonOptions(ProviderOptions):
    provider: ClassVar[str] = "pigeon"

    loft: str


class PigeonSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    base_url: str
    key: SecretStr
    sender: str | None = None


class Pigeon:
    name: ClassVar[str] = "pigeon"
    capabilities: ClassVar[Capabilities] = Capabilities(
        {Sms: frozenset({"sender", "flash"})},
        max_batch_size=100,
        provider_options=frozenset({PigeonOptions}),
        deduplicates=True,
    )
    executors: ClassVar[Mapping[type[Exchange[Any]], ExecutorPair]] = {}

    def __init__(self, settings: PigeonSettings) -> None:
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
            f"{self.url}/fly", {"notes": [self.note(one) for one in batch]}, headers=self.headers
        )

    def note(self, envelope: Envelope) -> dict[str, Any]:
        message = envelope.message
        assert isinstance(message, Sms)
        options = provider_options_of(message, PigeonOptions)
        note: dict[str, Any] = {
            "ring": envelope.id,
            "from": require_sender(message, self.sender, provider=self.name),
            "to": envelope.to.plain,
            "note": message.text,
        }
        return note | ({"flash": True} if message.flash else {}) | ({"loft": options.loft} if options else {})

    def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
        answer = parsed(response)
        if not response.ok:
            return [result_from_status(response)] * len(batch)
        listed = answer.get("flights") if isinstance(answer, dict) else None
        flights = {
            one["ring"]: one
            for one in (listed if isinstance(listed, list) else [])
            if isinstance(one, dict) and isinstance(one.get("ring"), str)
        }
        return [self.outcome(flights.get(one.id), response) for one in batch]

    def outcome(self, flight: Any, response: HttpResponse) -> AttemptResult:
        if flight is None or not isinstance(flight.get("flight"), str):
            return result_from_status(response)
        if refused := flight.get("refused"):
            reason = REASONS.get(str(refused), Reason.INVALID)
            return AttemptResult.of(reason, "refused", provider_id=flight["flight"], raw_response=flight)
        return AttemptResult.of(Reason.ACCEPTED, provider_id=flight["flight"], raw_response=flight)

    def handle_webhook(self, call: WebhookRequest) -> WebhookResult:
        proof = call.headers.get("x-pigeon-proof", "")
        if not hmac.compare_digest(proof.encode(), proof_of(call.body, self.key).encode()):
            raise errors.WebhookVerificationError(
                "the proof does not fit", provider=self.name, hint="check the key"
            )
        return WebhookResult(self.events(parsed(HttpResponse(200, {}, call.body)), call))

    def events(self, told: Any, call: WebhookRequest) -> list[Event]:
        try:
            at = float(told["at"])
            if "coo" in told:
                return [
                    MessageReceived(
                        provider=self.name,
                        occurred_at=at,
                        channel="sms",
                        provider_id=str(told["flight"]),
                        sender=PhoneNumber.parse(told["coo"]),
                        to=str(told["loft"]),
                        text=str(told.get("said", "")),
                        raw=told,
                    )
                ]
            status = DELIVERED_TO_HANDSET if told["landed"] is True else PENDING_ENROUTE
            return [
                StatusChanged(
                    provider=self.name, occurred_at=at, message_id=str(told["ring"]), status=status, raw=told
                )
            ]
        except (KeyError, ValueError, TypeError, OverflowError):
            return [UnknownEvent(provider=self.name, occurred_at=call.received_at, raw=call.body)]

    def fetch_reports(self) -> Flow[Sequence[Event]]:
        response = yield from ask(HttpRequest("GET", f"{self.url}/reports", self.headers, may_send=False))
        told = parsed(response)
        listed = told.get("reports") if response.ok and isinstance(told, dict) else None
        return [
            event
            for one in (listed if isinstance(listed, list) else [])
            for event in self.events(one, WebhookRequest())
        ]

    def look_up(self, request: LookupRequest) -> Flow[AttemptResult | None]:
        url = f"{self.url}/rings/{request.message_id}"
        response = yield from ask(HttpRequest("GET", url, self.headers, may_send=False))
        told = parsed(response)
        if response.status == 404 and isinstance(told, dict) and told.get("error") == "no such ring":
            return AttemptResult.of(Reason.NOT_FOUND, raw_response=told)
        flight = told.get("flight") if response.ok and isinstance(told, dict) else None
        if not isinstance(flight, str):
            return None
        return AttemptResult.of(Reason.ACCEPTED, provider_id=flight, raw_response=told)

    def rate_limits(self, envelope: Envelope) -> Sequence[tuple[Hashable, RateLimit]]:
        return ((("to", envelope.to.plain), RateLimit(1)),)


def parsed(response: HttpResponse) -> Any:
    try:
        return response.json()
    except ValueError:
        return None


def proof_of(body: bytes, key: str) -> str:
    return hmac.new(key.encode(), body, "sha256").hexdigest()


def accepts(request: HttpRequest) -> HttpResponse:
    flights = [
        {"ring": one["ring"], "flight": f"flight-{one['ring']}", "words": "in the air"}
        for one in json.loads(request.body)["notes"]
    ]
    return answer({"flights": flights})


def answer(told: object, status: int = 200) -> HttpResponse:
    return HttpResponse(status, {"content-type": "application/json"}, json.dumps(told).encode())


def refusal(word: str) -> HttpResponse:
    return answer({"flights": [{"ring": "0" * 32, "flight": "f", "refused": word}]})


FIXTURES = ConformanceFixtures(
    settings=lambda url, secret: {"base_url": url, "key": secret, "sender": "Shop"},
    success_response=accepts,
    error_responses=(
        (refusal("no such loft"), Reason.RECIPIENT),
        (refusal("no corn"), Reason.INSUFFICIENT_CREDIT),
        (answer({"error": "the door is shut"}, 400), Reason.INVALID),
    ),
    provider_options=(PigeonOptions("west"),),
    sign_webhook=lambda body, secret: WebhookRequest(body, {"x-pigeon-proof": proof_of(body, secret)}),
    webhooks=(
        Webhook(b'{"at": 1700000000, "ring": "r1", "landed": true, "seen_by": ["zoe"]}', (StatusChanged,)),
        Webhook(
            b'{"at": 1700000000, "flight": "f2", "coo": "+447700900123", "loft": "west"}', (MessageReceived,)
        ),
    ),
    delivered_body=lambda ours, _: json.dumps({"at": 1, "ring": ours, "landed": True}).encode(),
    inbound_body=lambda sender, to, text: json.dumps(
        {"at": 1, "flight": "f", "coo": sender, "loft": to, "said": text}
    ).encode(),
    reports_response=lambda _: answer({"reports": [{"at": 1, "ring": "r1", "landed": True}]}),
    lookup_response=lambda _: answer({"flight": "f1"}),
)


def spec(build: type[Pigeon] = Pigeon) -> ProviderSpec:
    return ProviderSpec("pigeon", PigeonSettings, build)
