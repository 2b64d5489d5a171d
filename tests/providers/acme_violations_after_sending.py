"""Variants of AcmeSms that violate one rule each: webhooks, privacy, purity and optional abilities (MC301 and following)."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from providers.acme import FIXTURES, AcmeSms, parse_json, signature_of
from providers.acme_violations import BROKEN, breaks

from messaging_channels import Sms, errors
from messaging_channels._model.events import Event, MessageReceived, StatusChanged
from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels._model.rate_limit import RateLimit
from messaging_channels.plugins.exchange import (
    Exchange,
    ExecutorPair,
    Flow,
    HttpRequest,
    HttpResponse,
    Sleep,
    ask,
)
from messaging_channels.plugins.provider import Envelope, LookupRequest
from messaging_channels.plugins.results import result_from_status
from messaging_channels.plugins.webhooks import WebhookRequest, WebhookResult


@breaks("MC301")
class ViolatesMC301_EventsOfAnotherProvider(AcmeSms):
    def events(self, told: Any, call: WebhookRequest) -> list[Event]:
        return [replace(event, provider="other-sms") for event in super().events(told, call)]


@breaks("MC302")
class ViolatesMC302_SignatureLengthOnly(AcmeSms):
    def handle_webhook(self, call: WebhookRequest) -> WebhookResult:
        if len(call.headers.get("x-acme-signature", "")) != 64:
            raise errors.WebhookVerificationError("no signature", provider=self.name, hint="sign the call")
        return WebhookResult(self.events(parse_json(HttpResponse(200, {}, call.body)), call))


@breaks("MC303")
class ViolatesMC303_SignatureOfAPrefix(AcmeSms):
    def handle_webhook(self, call: WebhookRequest) -> WebhookResult:
        start = replace(call, headers={"x-acme-signature": signature_of(call.body, self.key)})
        if call.headers.get("x-acme-signature") != signature_of(call.body[:10] + b"!", self.key):
            raise errors.WebhookVerificationError("no signature", provider=self.name, hint="sign the call")
        return super().handle_webhook(start)


def _sign_start(body: bytes, secret: str) -> WebhookRequest:
    return WebhookRequest(body, {"x-acme-signature": signature_of(body[:10] + b"!", secret)})


BROKEN["MC303"] = (ViolatesMC303_SignatureOfAPrefix, replace(FIXTURES, sign_webhook=_sign_start))


@breaks("MC304")
class ViolatesMC304_UnsignedCallAccepted(AcmeSms):
    def handle_webhook(self, call: WebhookRequest) -> WebhookResult:
        if "x-acme-signature" not in call.headers:
            return WebhookResult()
        return super().handle_webhook(call)


@breaks("MC305")
class ViolatesMC305_OccurredAtIsArrival(AcmeSms):
    def events(self, told: Any, call: WebhookRequest) -> list[Event]:
        return [replace(event, occurred_at=call.received_at) for event in super().events(told, call)]


@breaks("MC306")
class ViolatesMC306_FieldsByPosition(AcmeSms):
    def events(self, told: Any, call: WebhookRequest) -> list[Event]:
        found = super().events(told, call)
        if found and isinstance(found[0], StatusChanged):
            return [replace(found[0], detail=str(next(iter(told.values()))))]
        return found


@breaks("MC307")
class ViolatesMC307_RaisesOnMalformedWebhook(AcmeSms):
    def events(self, told: Any, call: WebhookRequest) -> list[Event]:
        if isinstance(told, dict) and "at" in told:
            told["at"].bit_length()
        return super().events(told, call)


@breaks("MC308")
class ViolatesMC308_UnknownEventDropped(AcmeSms):
    def events(self, told: Any, call: WebhookRequest) -> list[Event]:
        return super().events(told, call) if isinstance(told, dict) and "at" in told else []


@breaks("MC309")
class ViolatesMC309_ComparisonNotConstantTime(AcmeSms):
    def handle_webhook(self, call: WebhookRequest) -> WebhookResult:
        if call.headers.get("x-acme-signature", "") != signature_of(call.body, self.key):
            raise errors.WebhookVerificationError("no signature", provider=self.name, hint="sign the call")
        return WebhookResult(self.events(parse_json(HttpResponse(200, {}, call.body)), call))


@breaks("MC310")
class ViolatesMC310_RaisesOnLargeBody(AcmeSms):
    def handle_webhook(self, call: WebhookRequest) -> WebhookResult:
        if len(call.body) > 100_000:
            message = "too much"
            raise MemoryError(message)
        return super().handle_webhook(call)


@breaks("MC311")
class ViolatesMC311_InboundTextLost(AcmeSms):
    def events(self, told: Any, call: WebhookRequest) -> list[Event]:
        return [
            replace(event, text="hello") if isinstance(event, MessageReceived) else event
            for event in super().events(told, call)
        ]


@breaks("MC401")
class ViolatesMC401_SecretInRepr(AcmeSms):
    def __repr__(self) -> str:
        return f"AcmeSms({self.key})"


@breaks("MC402")
class ViolatesMC402_TextInDetail(AcmeSms):
    def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
        texts = [one.message.text for one in batch if isinstance(one.message, Sms)]
        pairs = zip(super().read(response, batch), texts, strict=True)
        return [replace(one, detail=f"{text} was sent") for one, text in pairs]


@breaks("MC403")
class ViolatesMC403_AddressInUrl(AcmeSms):
    def request(self, batch: Sequence[Envelope]) -> HttpRequest:
        request = super().request(batch)
        return replace(request, url=f"{request.url}?to={batch[0].to.plain}")


@breaks("MC404")
class ViolatesMC404_VendorProseInDetail(AcmeSms):
    def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
        if response.ok:
            return super().read(response, batch)
        return [result_from_status(response, response.body.decode("utf-8", "replace"))] * len(batch)


@breaks("MC405")
class ViolatesMC405_AddressInLog(AcmeSms):
    def payload(self, envelope: Envelope) -> dict[str, Any]:
        logging.getLogger("acme-sms").debug("to %s", envelope.to.plain)
        return super().payload(envelope)


@breaks("MC406")
class ViolatesMC406_TextInError(AcmeSms):
    def payload(self, envelope: Envelope) -> dict[str, Any]:
        payload = super().payload(envelope)
        if "\0" in payload["text"]:
            raise errors.InvalidMessage(f"{payload['text']!r} has a NUL", field="Sms.text", hint="remove it")
        return payload


@breaks("MC501")
class ViolatesMC501_ReadsTheClock(AcmeSms):
    def payload(self, envelope: Envelope) -> dict[str, Any]:
        time.time()
        return super().payload(envelope)


@breaks("MC502")
class ViolatesMC502_SwallowsCancellation(AcmeSms):
    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        try:
            return (yield from super().send(batch))
        except asyncio.CancelledError:
            return [AttemptResult.of(Reason.CONNECTION)] * len(batch)


class AcmeExchange(Exchange[HttpResponse]):
    """An exchange of the plugin's own, for what happens in executors."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AcmeExchange) and self.body == other.body

    def __hash__(self) -> int:
        return hash(self.body)


class LeakingExecutor:
    kept: ClassVar[list[socket.socket]] = []

    def perform(self, exchange: AcmeExchange) -> HttpResponse:
        self.kept.append(socket.socket())
        return FIXTURES.success_response(exchange)  # type: ignore[no-any-return]

    def close(self) -> None:
        """Forget about the sockets."""


class AsyncAcmeExecutor:
    async def perform(self, exchange: AcmeExchange) -> HttpResponse:
        return HttpResponse(200 if exchange.body else 500, {}, b"")

    async def close(self) -> None:
        """Hold nothing."""


class _Nowhere:
    url = "http://127.0.0.1:9"

    def __enter__(self) -> str:
        return self.url

    def __exit__(self, *_: object) -> None:
        """Serve nothing."""


class ViolatesMC503AndMC504_OwnExecutors(AcmeSms):
    executors: ClassVar[Mapping[type[Exchange[Any]], ExecutorPair]] = {
        AcmeExchange: ExecutorPair(LeakingExecutor, AsyncAcmeExecutor)
    }

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        response = yield from ask(AcmeExchange(self.request(batch).body))
        return self.read(response, batch)


BROKEN["MC503"] = BROKEN["MC504"] = (ViolatesMC503AndMC504_OwnExecutors, replace(FIXTURES, server=_Nowhere))


@breaks("MC505")
class ViolatesMC505_SharedBatch(AcmeSms):
    batch: Sequence[Envelope] = ()

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        self.batch = batch
        response = yield from ask(self.request(batch))
        return self.read(response, self.batch)


@breaks("MC506")
class ViolatesMC506_EndlessRequests(AcmeSms):
    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        response = yield from ask(self.request(batch))
        while response.status == 503:
            yield from ask(Sleep(1.0))
        return self.read(response, batch)


@breaks("MC601")
class ViolatesMC601_UnansweredReadAsNotFound(AcmeSms):
    def look_up(self, request: LookupRequest) -> Flow[AttemptResult | None]:
        found = yield from super().look_up(request)
        return found or AttemptResult.of(Reason.NOT_FOUND)


@breaks("MC602")
class ViolatesMC602_RaisesOnMalformedReports(AcmeSms):
    def fetch_reports(self) -> Flow[Sequence[Event]]:
        response = yield from ask(HttpRequest("GET", f"{self.url}/reports", self.headers, may_send=False))
        return [event for one in response.json()["reports"] for event in self.events(one, WebhookRequest())]


@breaks("MC603")
class ViolatesMC603_ChangingRateLimitKeys(AcmeSms):
    asked = 0

    def rate_limits(self, envelope: Envelope) -> Sequence[tuple[Hashable, RateLimit]]:
        self.asked += 1
        return (((envelope.channel, self.asked), RateLimit(1)),)
