"""Pigeons that are wrong in one way each, by the rule that has to find it."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar
from uuid import uuid4

from providers.acme import FIXTURES, Pigeon, parsed, proof_of

from messaging_channels import Email, Sms, errors
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
from messaging_channels.plugins.provider import Capabilities, Envelope, LookupRequest
from messaging_channels.plugins.results import result_from_status
from messaging_channels.plugins.webhooks import WebhookRequest, WebhookResult
from messaging_channels.testing.conformance import ConformanceFixtures

BROKEN: dict[str, tuple[type[Pigeon], ConformanceFixtures]] = {}


def breaks(rule: str, fixtures: ConformanceFixtures = FIXTURES) -> Callable[[type[Pigeon]], type[Pigeon]]:
    def note(kind: type[Pigeon]) -> type[Pigeon]:
        assert rule not in BROKEN
        BROKEN[rule] = (kind, fixtures)
        return kind

    return note


def can(**changed: Any) -> Capabilities:
    usual: dict[str, Any] = {"message_types": {Sms: frozenset({"sender", "flash"})}, "max_batch_size": 100}
    return Capabilities(**(usual | changed))


@breaks("MC101")
class SaysMore(Pigeon):
    capabilities = can(message_types={Sms: frozenset({"sender", "flash", "colour"})})


@breaks("MC102")
class IgnoresAField(Pigeon):
    capabilities = can(message_types={Sms: frozenset({"sender", "flash", "validity_period"})})


@breaks("MC103")
class HidesAField(Pigeon):
    capabilities = can(message_types={Sms: frozenset({"sender"})})


@breaks("MC104")
class Gambles(Pigeon):
    def note(self, envelope: Envelope) -> dict[str, Any]:
        return super().note(envelope) | {"nonce": uuid4().hex}


@breaks("MC105")
class KeepsOurId(Pigeon):
    capabilities = can(deduplicates=True)

    def note(self, envelope: Envelope) -> dict[str, Any]:
        return super().note(envelope) | {"ring": "0"}


@breaks("MC106")
class ForgetsTheBatch(Pigeon):
    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        outcomes = yield from super().send(batch)
        return outcomes[:1]


@breaks("MC107")
class SpeaksLatin(Pigeon):
    def note(self, envelope: Envelope) -> dict[str, Any]:
        note = super().note(envelope)
        note["note"].encode("latin-1")
        return note


@breaks("MC108")
class PromisesMail(Pigeon):
    capabilities = can(message_types={Sms: frozenset({"sender", "flash"}), Email: frozenset({"text"})})


@breaks("MC201")
class MishearsYes(Pigeon):
    def outcome(self, flight: Any, response: HttpResponse) -> AttemptResult:
        told = super().outcome(flight, response)
        return AttemptResult.of(Reason.UNREADABLE_RESPONSE) if told.reason is Reason.ACCEPTED else told


@breaks("MC202")
class LosesTheId(Pigeon):
    def outcome(self, flight: Any, response: HttpResponse) -> AttemptResult:
        return replace(super().outcome(flight, response), provider_id=None)


@breaks("MC203")
class LosesTheAnswer(Pigeon):
    def outcome(self, flight: Any, response: HttpResponse) -> AttemptResult:
        return replace(super().outcome(flight, response), raw_response=None)


@breaks("MC204")
class TrustsTheVendor(Pigeon):
    def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
        if response.ok:
            response.json()["flights"]
        return super().read(response, batch)


@breaks("MC205")
class WaitsBackwards(Pigeon):
    def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
        return [
            replace(one, retry_after=-1.0) if response.status >= 500 else one
            for one in super().read(response, batch)
        ]


@breaks("MC206")
class TakesFaultsForRefusals(Pigeon):
    def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
        if response.status >= 500:
            return [AttemptResult.of(Reason.THROTTLED)] * len(batch)
        return super().read(response, batch)


@breaks("MC207")
class BelievesAnyYes(Pigeon):
    def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
        if response.ok and parsed(response) is None:
            return [AttemptResult.of(Reason.ACCEPTED, provider_id="?", raw_response=response)] * len(batch)
        return super().read(response, batch)


@breaks("MC208")
class ForgetsTheTable(Pigeon):
    def outcome(self, flight: Any, response: HttpResponse) -> AttemptResult:
        told = super().outcome(flight, response)
        return replace(told, reason=Reason.INVALID) if told.reason is Reason.INSUFFICIENT_CREDIT else told


@breaks("MC209")
class Hurries(Pigeon):
    def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
        return [replace(one, retry_after=None) for one in super().read(response, batch)]


@breaks("MC210")
class TriesAgain(Pigeon):
    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        response = yield from ask(self.request(batch))
        if response.status >= 500:
            yield from ask(Sleep(1.0))
            response = yield from ask(self.request(batch))
        return self.read(response, batch)


@breaks("MC211")
class CallsLostNotSent(Pigeon):
    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        try:
            return (yield from super().send(batch))
        except errors.TransportError as failure:
            if failure.may_have_been_sent:
                return [AttemptResult.of(Reason.UNREACHABLE)] * len(batch)
            raise


@breaks("MC212")
class CallsUnreachableUnknown(Pigeon):
    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        try:
            return (yield from super().send(batch))
        except errors.TransportError as failure:
            if failure.may_have_been_sent:
                raise
            return [AttemptResult.of(Reason.CONNECTION)] * len(batch)


@breaks("MC213")
class CountsOn(Pigeon):
    def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
        answer = parsed(response)
        flights = answer.get("flights") if response.ok and isinstance(answer, dict) else None
        if (
            isinstance(flights, list)
            and len(flights) == len(batch)
            and all(isinstance(one, dict) for one in flights)
        ):
            return [self.outcome(one, response) for one in flights]
        return super().read(response, batch)


@breaks("MC214")
class AssumesTheRest(Pigeon):
    def outcome(self, flight: Any, response: HttpResponse) -> AttemptResult:
        if flight is None:
            return AttemptResult.of(Reason.ACCEPTED, provider_id="?", raw_response=response)
        return super().outcome(flight, response)


@breaks("MC215")
class SendsOnWhatIsNew(Pigeon):
    def outcome(self, flight: Any, response: HttpResponse) -> AttemptResult:
        if flight is not None and flight.get("words", "in the air") not in ("in the air", "landed"):
            return AttemptResult.of(Reason.THROTTLED, raw_response=flight)
        return super().outcome(flight, response)


@breaks("MC216")
class HidesWholeRefusals(Pigeon):
    def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
        return [replace(one, request_rejected=False) for one in super().read(response, batch)]


@breaks("MC217")
class CountsAnswers(Pigeon):
    calls = 0

    def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
        self.calls += 1
        return [replace(one, detail=f"answer {self.calls}") for one in super().read(response, batch)]


@breaks("MC301")
class NamesAnother(Pigeon):
    def events(self, told: Any, call: WebhookRequest) -> list[Event]:
        return [replace(event, provider="dove") for event in super().events(told, call)]


@breaks("MC302")
class ChecksTheLength(Pigeon):
    def handle_webhook(self, call: WebhookRequest) -> WebhookResult:
        if len(call.headers.get("x-pigeon-proof", "")) != 64:
            raise errors.WebhookVerificationError("no proof", provider=self.name, hint="send it")
        return WebhookResult(self.events(parsed(HttpResponse(200, {}, call.body)), call))


@breaks("MC303")
class ProvesTheStart(Pigeon):
    def handle_webhook(self, call: WebhookRequest) -> WebhookResult:
        start = replace(call, headers={"x-pigeon-proof": proof_of(call.body, self.key)})
        if call.headers.get("x-pigeon-proof") != proof_of(call.body[:10] + b"!", self.key):
            raise errors.WebhookVerificationError("no proof", provider=self.name, hint="send it")
        return super().handle_webhook(start)


def _sign_start(body: bytes, secret: str) -> WebhookRequest:
    return WebhookRequest(body, {"x-pigeon-proof": proof_of(body[:10] + b"!", secret)})


BROKEN["MC303"] = (ProvesTheStart, replace(FIXTURES, sign_webhook=_sign_start))


@breaks("MC304")
class LetsStrangersIn(Pigeon):
    def handle_webhook(self, call: WebhookRequest) -> WebhookResult:
        if "x-pigeon-proof" not in call.headers:
            return WebhookResult()
        return super().handle_webhook(call)


@breaks("MC305")
class StampsArrival(Pigeon):
    def events(self, told: Any, call: WebhookRequest) -> list[Event]:
        return [replace(event, occurred_at=call.received_at) for event in super().events(told, call)]


@breaks("MC306")
class ReadsByPlace(Pigeon):
    def events(self, told: Any, call: WebhookRequest) -> list[Event]:
        found = super().events(told, call)
        if found and isinstance(found[0], StatusChanged):
            return [replace(found[0], detail=str(next(iter(told.values()))))]
        return found


@breaks("MC307")
class TrustsTheCall(Pigeon):
    def events(self, told: Any, call: WebhookRequest) -> list[Event]:
        if isinstance(told, dict) and "at" in told:
            told["at"].bit_length()
        return super().events(told, call)


@breaks("MC308")
class DropsWhatIsNew(Pigeon):
    def events(self, told: Any, call: WebhookRequest) -> list[Event]:
        return super().events(told, call) if isinstance(told, dict) and "at" in told else []


@breaks("MC309")
class ComparesLetterByLetter(Pigeon):
    def handle_webhook(self, call: WebhookRequest) -> WebhookResult:
        if call.headers.get("x-pigeon-proof", "") != proof_of(call.body, self.key):
            raise errors.WebhookVerificationError("no proof", provider=self.name, hint="send it")
        return WebhookResult(self.events(parsed(HttpResponse(200, {}, call.body)), call))


@breaks("MC310")
class ChokesOnMuch(Pigeon):
    def handle_webhook(self, call: WebhookRequest) -> WebhookResult:
        if len(call.body) > 100_000:
            message = "too much"
            raise MemoryError(message)
        return super().handle_webhook(call)


@breaks("MC311")
class LosesTheWords(Pigeon):
    def events(self, told: Any, call: WebhookRequest) -> list[Event]:
        return [
            replace(event, text="coo") if isinstance(event, MessageReceived) else event
            for event in super().events(told, call)
        ]


@breaks("MC401")
class ShowsItsKey(Pigeon):
    def __repr__(self) -> str:
        return f"Pigeon({self.key})"


@breaks("MC402")
class QuotesTheText(Pigeon):
    def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
        texts = [one.message.text for one in batch if isinstance(one.message, Sms)]
        pairs = zip(super().read(response, batch), texts, strict=True)
        return [replace(one, detail=f"{text} was sent") for one, text in pairs]


@breaks("MC403")
class WritesItOnTheEnvelope(Pigeon):
    def request(self, batch: Sequence[Envelope]) -> HttpRequest:
        request = super().request(batch)
        return replace(request, url=f"{request.url}?to={batch[0].to.plain}")


@breaks("MC404")
class RepeatsTheVendor(Pigeon):
    def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
        if response.ok:
            return super().read(response, batch)
        return [result_from_status(response, response.body.decode("utf-8", "replace"))] * len(batch)


@breaks("MC405")
class KeepsADiary(Pigeon):
    def note(self, envelope: Envelope) -> dict[str, Any]:
        logging.getLogger("pigeon").debug("to %s", envelope.to.plain)
        return super().note(envelope)


@breaks("MC406")
class TellsInAnger(Pigeon):
    def note(self, envelope: Envelope) -> dict[str, Any]:
        note = super().note(envelope)
        if "\0" in note["note"]:
            raise errors.InvalidMessage(f"{note['note']!r} has a NUL", field="Sms.text", hint="remove it")
        return note


@breaks("MC501")
class LooksAtItsWatch(Pigeon):
    def note(self, envelope: Envelope) -> dict[str, Any]:
        time.time()
        return super().note(envelope)


@breaks("MC502")
class CannotStop(Pigeon):
    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        try:
            return (yield from super().send(batch))
        except asyncio.CancelledError:
            return [AttemptResult.of(Reason.CONNECTION)] * len(batch)


class Flap(Exchange[HttpResponse]):
    """An exchange of the pigeon's own, for what happens in executors."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Flap) and self.body == other.body

    def __hash__(self) -> int:
        return hash(self.body)


class Wings:
    kept: ClassVar[list[socket.socket]] = []

    def perform(self, exchange: Flap) -> HttpResponse:
        self.kept.append(socket.socket())
        return FIXTURES.success_response(exchange)  # type: ignore[no-any-return]

    def close(self) -> None:
        """Forget about the sockets."""


class AsyncWings:
    async def perform(self, exchange: Flap) -> HttpResponse:
        return HttpResponse(200 if exchange.body else 500, {}, b"")

    async def close(self) -> None:
        """Hold nothing."""


class _Nowhere:
    url = "http://127.0.0.1:9"

    def __enter__(self) -> str:
        return self.url

    def __exit__(self, *_: object) -> None:
        """Serve nothing."""


class Flaps(Pigeon):
    executors: ClassVar[Mapping[type[Exchange[Any]], ExecutorPair]] = {Flap: ExecutorPair(Wings, AsyncWings)}

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        response = yield from ask(Flap(self.request(batch).body))
        return self.read(response, batch)


BROKEN["MC503"] = BROKEN["MC504"] = (Flaps, replace(FIXTURES, server=_Nowhere))


@breaks("MC505")
class SharesItsNotes(Pigeon):
    batch: Sequence[Envelope] = ()

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        self.batch = batch
        response = yield from ask(self.request(batch))
        return self.read(response, self.batch)


@breaks("MC506")
class AsksForEver(Pigeon):
    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        response = yield from ask(self.request(batch))
        while response.status == 503:
            yield from ask(Sleep(1.0))
        return self.read(response, batch)


@breaks("MC601")
class FindsNothing(Pigeon):
    def look_up(self, request: LookupRequest) -> Flow[AttemptResult | None]:
        found = yield from super().look_up(request)
        return found or AttemptResult.of(Reason.NOT_FOUND)


@breaks("MC602")
class TrustsReports(Pigeon):
    def fetch_reports(self) -> Flow[Sequence[Event]]:
        response = yield from ask(HttpRequest("GET", f"{self.url}/reports", self.headers, may_send=False))
        return [event for one in response.json()["reports"] for event in self.events(one, WebhookRequest())]


@breaks("MC603")
class LimitsByMood(Pigeon):
    asked = 0

    def rate_limits(self, envelope: Envelope) -> Sequence[tuple[Hashable, RateLimit]]:
        self.asked += 1
        return (((envelope.channel, self.asked), RateLimit(1)),)
