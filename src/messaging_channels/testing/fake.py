"""An invented vendor, for every name without an installed plugin: it carries every message, and keeps the whole contract.

Its provider passes the conformance kit like any other. Nobody serves its protocol but the fixtures below.
"""

from __future__ import annotations

import hmac
import json
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields
from hashlib import sha256
from typing import Any, ClassVar, cast

from pydantic import BaseModel, ConfigDict, SecretStr

from messaging_channels._model.errors import InvalidAddress, WebhookVerificationError
from messaging_channels._model.events import Event, MessageReceived, StatusChanged, UnknownEvent
from messaging_channels._model.outcomes import AttemptResult, Outcome, Reason
from messaging_channels._model.status import DELIVERED_TO_HANDSET, known_statuses
from messaging_channels.messages import Message
from messaging_channels.messages._json_view import to_json
from messaging_channels.plugins.attachments import read_attachments
from messaging_channels.plugins.channel_addresses import address_on
from messaging_channels.plugins.channels import BUILT_IN
from messaging_channels.plugins.exchange import Exchange, ExecutorPair, Flow, HttpRequest, HttpResponse, ask
from messaging_channels.plugins.provider import Capabilities, Envelope, EveryMessage, ProviderSpec
from messaging_channels.plugins.results import result_from_status
from messaging_channels.plugins.webhooks import WebhookRequest, WebhookResult
from messaging_channels.testing.fixtures import ConformanceFixtures, Webhook


class FakeSettings(BaseModel):
    """How the fake is configured."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    base_url: str
    key: SecretStr


def _optional_fields(kind: type[Message]) -> frozenset[str]:
    return frozenset(
        one.name
        for one in fields(cast("Any", kind))
        if not (one.default is MISSING and one.default_factory is MISSING)
    )


class Fake:
    """The provider; its name is that of a subclass, see `fake_spec`."""

    name: ClassVar[str] = "fake"
    capabilities: ClassVar[Capabilities] = Capabilities(
        EveryMessage((kind for channel in BUILT_IN for kind in channel.message_types), _optional_fields),
        max_batch_size=100,
    )
    executors: ClassVar[Mapping[type[Exchange[Any]], ExecutorPair]] = {}

    def __init__(self, settings: FakeSettings) -> None:
        """Take the settings."""
        self._url = f"{settings.base_url}/messages"
        self._key = settings.key.get_secret_value()
        self._headers = {"authorization": f"Bearer {self._key}", "content-type": "application/json"}

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        """See Provider."""
        described: list[dict[str, Any]] = []
        for one in batch:
            message = yield from read_attachments(one.message)
            described.append(
                {
                    "id": one.id,
                    "channel": one.channel,
                    "to": one.to.plain,
                    "type": type(message).__name__,
                    "content": to_json(message, show_bytes=lambda data: b64encode(data).decode()),
                }
            )
        response = yield from ask(HttpRequest.post_json(self._url, described, headers=self._headers))
        told = {one.get("id"): one for one in _objects(_parse_json(response.body))} if response.ok else {}
        return [_result(told.get(one.id), response) for one in batch]

    def handle_webhook(self, call: WebhookRequest) -> WebhookResult:
        """See SupportsWebhooks."""
        given = call.headers.get("x-fake-signature", "").encode("utf-8", "replace")
        if not hmac.compare_digest(given, _signature(call.body, self._key).encode()):
            raise WebhookVerificationError(
                "the signature does not match",
                provider=self.name,
                hint="make the request with `outbox.delivery_report(...)`",
            )
        return WebhookResult((_event(self.name, _parse_json(call.body), call),))


def fake_spec(name: str = Fake.name) -> ProviderSpec:
    """Return the spec of a fake of that name."""
    return ProviderSpec(name, FakeSettings, cast("Any", type("Fake", (Fake,), {"name": name})))


def _result(element: Mapping[str, Any] | None, response: HttpResponse) -> AttemptResult:
    if element is None or not isinstance(element.get("provider_id"), str):
        return result_from_status(response)
    reason = _REASONS.get(str(element.get("reason")), Reason.UNREADABLE_RESPONSE)
    return AttemptResult.of(reason, provider_id=element["provider_id"], raw_response=element)


def _event(name: str, body: Any, call: WebhookRequest) -> Event:  # noqa: ANN401  whatever came
    try:
        if "text" in body:
            return _inbound_event(name, body)
        return StatusChanged(
            provider=name,
            occurred_at=float(body["at"]),
            message_id=str(body["id"]),
            provider_id=str(body["provider_id"]),
            status=_STATUSES[body["status"]],
            raw=body,
        )
    except (KeyError, ValueError, TypeError, OverflowError, InvalidAddress):
        return UnknownEvent(provider=name, occurred_at=call.received_at, raw=call.body)


def _inbound_event(name: str, body: Mapping[str, Any]) -> MessageReceived:
    sender = str(body["from"])
    return MessageReceived(
        provider=name,
        occurred_at=float(body["at"]),
        channel=str(body["channel"]),
        provider_id=str(body["provider_id"]),
        sender=address_on(str(body["channel"]), sender),
        to=str(body["to"]),
        text=str(body["text"]),
        raw=body,
    )


def _channel_of(sender: str) -> str:
    """Return the channel of an address by its looks: that whose example looks so."""
    return next(one.name for one in BUILT_IN if ("@" in one.example) == ("@" in sender))


def _signature(body: bytes, key: str) -> str:
    return hmac.new(key.encode(), body, "sha256").hexdigest()


def _parse_json(body: bytes) -> Any:  # noqa: ANN401  whatever came
    try:
        return HttpResponse(200, {}, body).json()
    except ValueError:
        return None


def _objects(body: Any) -> list[dict[str, Any]]:  # noqa: ANN401  whatever came
    listed = cast("list[Any]", body) if isinstance(body, list) else []
    objects = [cast("dict[str, Any]", one) for one in listed if isinstance(one, dict)]
    return [one for one in objects if isinstance(one.get("id"), str)]


_REASONS = {str(reason): reason for reason in Reason}
_STATUSES = {status.name: status for _, status in known_statuses()}
_REJECTIONS = [
    reason for reason in Reason if AttemptResult.of(reason).outcome in (Outcome.REJECTED, Outcome.NOT_SENT)
]


def _response(request: HttpRequest, reason: Reason = Reason.ACCEPTED) -> HttpResponse:
    told = [
        {"id": one["id"], "provider_id": f"fake-{one['id']}", "reason": str(reason)}
        for one in json.loads(request.body)
    ]
    return HttpResponse(200, {"content-type": "application/json"}, json.dumps(told).encode())


def _rejecting(reason: Reason) -> Callable[[HttpRequest], HttpResponse]:
    return lambda request: _response(request, reason)


def _body(**fields: object) -> bytes:
    return json.dumps(fields).encode()


FIXTURES = ConformanceFixtures(
    settings=lambda url, secret: {"base_url": url, "key": secret},
    success_response=_response,
    error_responses=tuple((_rejecting(reason), reason) for reason in _REJECTIONS),
    sign_webhook=lambda body, secret: WebhookRequest(body, {"x-fake-signature": _signature(body, secret)}),
    webhooks=(
        Webhook(
            _body(id="r-1", provider_id="fake-r-1", status=DELIVERED_TO_HANDSET.name, at=1_700_000_000),
            (StatusChanged,),
        ),
    ),
    delivered_body=lambda ours, theirs: _body(
        id=ours, provider_id=theirs, status=DELIVERED_TO_HANDSET.name, at=1_790_000_000
    ),
    inbound_body=lambda sender, to, text: _body(
        **{"from": sender, "to": to, "text": text},
        channel=_channel_of(sender),
        provider_id=sha256(f"{sender} {text}".encode()).hexdigest()[:12],
        at=1_790_000_000,
    ),
    inbound_message=lambda one: _body(
        **{"from": one.sender, "to": one.to, "text": one.text},
        channel=one.channel or _channel_of(one.sender),
        provider_id=f"in-{one.number}",
        at=int(one.at),
    ),
)
"""What the fake vendor says."""
