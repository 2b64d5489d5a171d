"""Variants of AcmeSms that violate one rule of the kit each, by the rule that has to find it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

from providers.acme import FIXTURES, AcmeSms, parse_json

from messaging_channels import Email, Sms, errors
from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels.plugins.exchange import (
    Flow,
    HttpResponse,
    Sleep,
    ask,
)
from messaging_channels.plugins.provider import Capabilities, Envelope
from messaging_channels.testing.conformance import ConformanceFixtures

BROKEN: dict[str, tuple[type[AcmeSms], ConformanceFixtures]] = {}


def breaks(rule: str, fixtures: ConformanceFixtures = FIXTURES) -> Callable[[type[AcmeSms]], type[AcmeSms]]:
    def register(kind: type[AcmeSms]) -> type[AcmeSms]:
        assert rule not in BROKEN
        BROKEN[rule] = (kind, fixtures)
        return kind

    return register


def can(**changed: Any) -> Capabilities:
    usual: dict[str, Any] = {"message_types": {Sms: frozenset({"sender", "flash"})}, "max_batch_size": 100}
    return Capabilities(**(usual | changed))


@breaks("MC101")
class ViolatesMC101_UnknownField(AcmeSms):
    capabilities = can(message_types={Sms: frozenset({"sender", "flash", "unknown"})})


@breaks("MC102")
class ViolatesMC102_DeclaredFieldIgnored(AcmeSms):
    capabilities = can(message_types={Sms: frozenset({"sender", "flash", "validity_period"})})


@breaks("MC103")
class ViolatesMC103_UndeclaredFieldSent(AcmeSms):
    capabilities = can(message_types={Sms: frozenset({"sender"})})


@breaks("MC104")
class ViolatesMC104_NonDeterministicRequest(AcmeSms):
    def payload(self, envelope: Envelope) -> dict[str, Any]:
        return super().payload(envelope) | {"nonce": uuid4().hex}


@breaks("MC105")
class ViolatesMC105_MessageIdNotSent(AcmeSms):
    capabilities = can(deduplicates=True)

    def payload(self, envelope: Envelope) -> dict[str, Any]:
        return super().payload(envelope) | {"id": "0"}


@breaks("MC106")
class ViolatesMC106_TooFewResults(AcmeSms):
    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        outcomes = yield from super().send(batch)
        return outcomes[:1]


@breaks("MC107")
class ViolatesMC107_Latin1Only(AcmeSms):
    def payload(self, envelope: Envelope) -> dict[str, Any]:
        payload = super().payload(envelope)
        payload["text"].encode("latin-1")
        return payload


@breaks("MC108")
class ViolatesMC108_DeclaresEmail(AcmeSms):
    capabilities = can(message_types={Sms: frozenset({"sender", "flash"}), Email: frozenset({"text"})})


@breaks("MC201")
class ViolatesMC201_AcceptanceUnread(AcmeSms):
    def outcome(self, result: Any, response: HttpResponse) -> AttemptResult:
        told = super().outcome(result, response)
        return AttemptResult.of(Reason.UNREADABLE_RESPONSE) if told.reason is Reason.ACCEPTED else told


@breaks("MC202")
class ViolatesMC202_NoProviderId(AcmeSms):
    def outcome(self, result: Any, response: HttpResponse) -> AttemptResult:
        return replace(super().outcome(result, response), provider_id=None)


@breaks("MC203")
class ViolatesMC203_NoRawResponse(AcmeSms):
    def outcome(self, result: Any, response: HttpResponse) -> AttemptResult:
        return replace(super().outcome(result, response), raw_response=None)


@breaks("MC204")
class ViolatesMC204_RaisesOnMalformedResponse(AcmeSms):
    def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
        if response.ok:
            response.json()["results"]
        return super().read(response, batch)


@breaks("MC205")
class ViolatesMC205_NegativeRetryAfter(AcmeSms):
    def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
        return [
            replace(one, retry_after=-1.0) if response.status >= 500 else one
            for one in super().read(response, batch)
        ]


@breaks("MC206")
class ViolatesMC206_ServerErrorReadAsThrottled(AcmeSms):
    def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
        if response.status >= 500:
            return [AttemptResult.of(Reason.THROTTLED)] * len(batch)
        return super().read(response, batch)


@breaks("MC207")
class ViolatesMC207_AcceptsUnreadable2xx(AcmeSms):
    def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
        if response.ok and parse_json(response) is None:
            return [AttemptResult.of(Reason.ACCEPTED, provider_id="?", raw_response=response)] * len(batch)
        return super().read(response, batch)


@breaks("MC208")
class ViolatesMC208_DocumentedReasonLost(AcmeSms):
    def outcome(self, result: Any, response: HttpResponse) -> AttemptResult:
        told = super().outcome(result, response)
        return replace(told, reason=Reason.INVALID) if told.reason is Reason.INSUFFICIENT_CREDIT else told


@breaks("MC209")
class ViolatesMC209_RetryAfterIgnored(AcmeSms):
    def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
        return [replace(one, retry_after=None) for one in super().read(response, batch)]


@breaks("MC210")
class ViolatesMC210_RepeatsTheRequest(AcmeSms):
    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        response = yield from ask(self.request(batch))
        if response.status >= 500:
            yield from ask(Sleep(1.0))
            response = yield from ask(self.request(batch))
        return self.read(response, batch)


@breaks("MC211")
class ViolatesMC211_LostResponseReadAsNotSent(AcmeSms):
    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        try:
            return (yield from super().send(batch))
        except errors.TransportError as failure:
            if failure.may_have_been_sent:
                return [AttemptResult.of(Reason.UNREACHABLE)] * len(batch)
            raise


@breaks("MC212")
class ViolatesMC212_UnreachableReadAsUnknown(AcmeSms):
    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        try:
            return (yield from super().send(batch))
        except errors.TransportError as failure:
            if failure.may_have_been_sent:
                raise
            return [AttemptResult.of(Reason.CONNECTION)] * len(batch)


@breaks("MC213")
class ViolatesMC213_ResultsByPosition(AcmeSms):
    def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
        answer = parse_json(response)
        results = answer.get("results") if response.ok and isinstance(answer, dict) else None
        if (
            isinstance(results, list)
            and len(results) == len(batch)
            and all(isinstance(one, dict) for one in results)
        ):
            return [self.outcome(one, response) for one in results]
        return super().read(response, batch)


@breaks("MC214")
class ViolatesMC214_MissingResultReadAsAccepted(AcmeSms):
    def outcome(self, result: Any, response: HttpResponse) -> AttemptResult:
        if result is None:
            return AttemptResult.of(Reason.ACCEPTED, provider_id="?", raw_response=response)
        return super().outcome(result, response)


@breaks("MC215")
class ViolatesMC215_UnknownStatusReadAsThrottled(AcmeSms):
    def outcome(self, result: Any, response: HttpResponse) -> AttemptResult:
        if result is not None and result.get("status", "queued") not in ("queued", "delivered"):
            return AttemptResult.of(Reason.THROTTLED, raw_response=result)
        return super().outcome(result, response)


@breaks("MC216")
class ViolatesMC216_RequestRejectedCleared(AcmeSms):
    def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
        return [replace(one, request_rejected=False) for one in super().read(response, batch)]


@breaks("MC217")
class ViolatesMC217_StatefulResponseParsing(AcmeSms):
    calls = 0

    def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
        self.calls += 1
        return [replace(one, detail=f"answer {self.calls}") for one in super().read(response, batch)]
