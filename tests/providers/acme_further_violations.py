"""Further variants of AcmeSms that violate one rule each: most rules can be broken in more ways than one. With each, what the kit says of it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, ClassVar, cast

from providers.acme import FIXTURES, AcmeSms, AcmeSmsOptions, AcmeSmsSettings, answer
from providers.acme_violations import can

from messaging_channels import Sms, errors
from messaging_channels._model.events import Event
from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels._model.rate_limit import RateLimit
from messaging_channels.messages import Message
from messaging_channels.plugins.exchange import Flow, HttpRequest, HttpResponse, Sleep, ask
from messaging_channels.plugins.provider import Envelope, LookupRequest
from messaging_channels.plugins.webhooks import WebhookRequest, WebhookResult
from messaging_channels.testing.fixtures import ConformanceFixtures

OTHERWISE: list[tuple[str, str, type[AcmeSms], ConformanceFixtures]] = []


def says(
    rule: str, words: str, fixtures: ConformanceFixtures = FIXTURES
) -> Callable[[type[AcmeSms]], type[AcmeSms]]:
    def register(kind: type[AcmeSms]) -> type[AcmeSms]:
        OTHERWISE.append((rule, words, kind, fixtures))
        return kind

    return register


@says("MC101", "its name is 'AcmeSms'")
class ViolatesMC101_NameInUpperCase(AcmeSms):
    name = "AcmeSms"


@says("MC101", "`executors` is no mapping")
class ViolatesMC101_NoExecutors(AcmeSms):
    executors = cast("Any", None)


@says("MC101", "`capabilities` declare no message")
class ViolatesMC101_NoMessageTypes(AcmeSms):
    capabilities = can(message_types={})


@says("MC101", "`max_batch_size` is 0")
class ViolatesMC101_ZeroBatchSize(AcmeSms):
    capabilities = can(max_batch_size=0)


class OtherOptions(AcmeSmsOptions):
    provider: ClassVar[str] = "other-sms"


@says("MC101", "the extra OtherOptions names another provider")
class ViolatesMC101_ForeignOptions(AcmeSms):
    capabilities = can(provider_options=frozenset({OtherOptions}))


@says("MC102", "AcmeSmsOptions is declared, and changes nothing in any message")
class ViolatesMC102_OptionsIgnored(AcmeSms):
    def payload(self, envelope: Envelope) -> dict[str, Any]:
        return {name: value for name, value in super().payload(envelope).items() if name != "campaign"}


@says("MC104", "two providers built alike")
class ViolatesMC104_InstanceCounterInUrl(AcmeSms):
    made = 0

    def __init__(self, settings: AcmeSmsSettings) -> None:
        super().__init__(settings)
        ViolatesMC104_InstanceCounterInUrl.made += 1
        self.url = f"{self.url}/{self.made}"


@says("MC106", "ValueError was raised")
class ViolatesMC106_RaisesOnTwoMessages(AcmeSms):
    def request(self, batch: Sequence[Envelope]) -> HttpRequest:
        (_,) = batch
        return super().request(batch)


@says("MC106", "some are not accepted")
class ViolatesMC106_OnlyFirstAccepted(AcmeSms):
    def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
        first, *others = super().read(response, batch)
        return [first, *[replace(one, reason=Reason.UNREADABLE_RESPONSE) for one in others]]


@dataclass(frozen=True)
class UnknownMessage(Message):
    """A type that nobody knows."""


@says("MC108", "the kit knows no example of a UnknownMessage")
class ViolatesMC108_UnknownMessageType(AcmeSms):
    capabilities = can(message_types={Sms: frozenset({"sender", "flash"}), UnknownMessage: frozenset()})


@says(
    "MC108",
    "its own example needs Sms.flash",
    replace(FIXTURES, messages=(Sms("Canary words 7c1f", flash=True),)),
)
class ViolatesMC108_ExampleNeedsUndeclaredField(AcmeSms):
    capabilities = can(message_types={Sms: frozenset({"sender"})})


@says(
    "MC108", "sender is missing", replace(FIXTURES, settings=lambda url, key: {"base_url": url, "key": key})
)
class ViolatesMC108_NoSender(AcmeSms):
    pass


@says(
    "MC201",
    "of the answer that takes a Sms: AttributeError was raised",
    replace(FIXTURES, success_response=lambda _: None),
)
class ViolatesMC201_NoSuccessResponse(AcmeSms):
    pass


@says("MC204", "it gave no outcome for its message")
class ViolatesMC204_NoResults(AcmeSms):
    def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
        return super().read(response, batch) if response.ok else []


def _told(outcome: Any) -> type[AcmeSms]:
    class ViolatesMC205_WrongResult(AcmeSms):
        def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
            return super().read(response, batch) if response.ok else [outcome] * len(batch)

    return ViolatesMC205_WrongResult


for words, odd in (
    ("is no Outcome with a Reason", "accepted"),
    ("status is no Status", replace(AttemptResult.of(Reason.SERVER_ERROR), status=cast("Any", "unknown"))),
    ("`provider_id` is no text", replace(AttemptResult.of(Reason.SERVER_ERROR), provider_id=cast("Any", 7))),
    ("to be repeated after nan s", replace(AttemptResult.of(Reason.THROTTLED), retry_after=float("nan"))),
):
    says("MC205", words)(_told(odd))


@says("MC208", "of answer 2: ValueError was raised")
class ViolatesMC208_RaisesOn400(AcmeSms):
    def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
        if response.status == 400:
            raise ValueError
        return super().read(response, batch)


@says("MC209", "of HTTP 429: ValueError was raised")
class ViolatesMC209_RaisesOn429(AcmeSms):
    def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
        if response.status == 429:
            raise ValueError
        return super().read(response, batch)


@says("MC209", "HTTP 429 is read as rejected.invalid")
class ViolatesMC209_ThrottlingReadAsInvalid(AcmeSms):
    def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
        if response.status == 429:
            return [AttemptResult.of(Reason.INVALID)] * len(batch)
        return super().read(response, batch)


@says("MC211", "the message ends as accepted")
class ViolatesMC211_RepeatsAfterTransportError(AcmeSms):
    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        while True:
            with suppress(errors.TransportError):
                return (yield from super().send(batch))


@says("MC214", "a message that the answer leaves out ends as not_sent")
class ViolatesMC214_MissingResultReadAsThrottled(AcmeSms):
    def outcome(self, result: Any, response: HttpResponse) -> AttemptResult:
        return AttemptResult.of(Reason.THROTTLED) if result is None else super().outcome(result, response)


@says("MC301", "call 0: TypeError was raised")
class ViolatesMC301_RaisesOnWebhook(AcmeSms):
    def events(self, told: Any, call: WebhookRequest) -> list[Event]:
        raise TypeError


@says("MC301", "tells nothing, and not StatusChanged")
class ViolatesMC301_NoEvents(AcmeSms):
    def events(self, told: Any, call: WebhookRequest) -> list[Event]:
        return []


@says("MC301", "what it holds are no events")
class ViolatesMC301_EventsAreText(AcmeSms):
    def events(self, told: Any, call: WebhookRequest) -> list[Event]:
        return cast("Any", ["delivered"])


@says("MC301", "its answer is no HttpResponse")
class ViolatesMC301_ResponseIsText(AcmeSms):
    def handle_webhook(self, call: WebhookRequest) -> WebhookResult:
        return replace(super().handle_webhook(call), response=cast("Any", "thanks"))


@says("MC301", "a list was returned")
class ViolatesMC301_ReturnsAList(AcmeSms):
    def handle_webhook(self, call: WebhookRequest) -> WebhookResult:
        return cast("Any", list(super().handle_webhook(call).events))


@says("MC304", "with a strange header 'x-acme-signature': UnicodeEncodeError was raised")
class ViolatesMC304_AsciiHeadersOnly(AcmeSms):
    def handle_webhook(self, call: WebhookRequest) -> WebhookResult:
        call.headers.get("x-acme-signature", "").encode("ascii")
        return super().handle_webhook(call)


@says("MC308", "a proved call of an unknown kind: KeyError was raised")
class ViolatesMC308_RaisesOnUnknownKind(AcmeSms):
    def events(self, told: Any, call: WebhookRequest) -> list[Event]:
        return [] if told["at"] is None else super().events(told, call)


@says("MC308", "the UnknownEvent has no `raw`")
class ViolatesMC308_UnknownEventWithoutRaw(AcmeSms):
    def events(self, told: Any, call: WebhookRequest) -> list[Event]:
        return [replace(event, raw=None) for event in super().events(told, call)]


@says(
    "MC311",
    "`delivered_body` is read as MessageReceived",
    replace(FIXTURES, delivered_body=lambda *_: FIXTURES.webhooks[1].body),
)
class ViolatesMC311_DeliveredBodyIsInbound(AcmeSms):
    pass


@says(
    "MC311",
    "carries neither of the ids",
    replace(FIXTURES, delivered_body=lambda *_: FIXTURES.webhooks[0].body),
)
class ViolatesMC311_DeliveredBodyOfAnotherMessage(AcmeSms):
    pass


@says(
    "MC311",
    "`inbound_body` is read as it was refused",
    replace(FIXTURES, sign_webhook=lambda body, _: WebhookRequest(body)),
)
class ViolatesMC311_InboundBodyUnsigned(AcmeSms):
    pass


@says("MC502", "it became RuntimeError")
class ViolatesMC502_CancellationBecomesRuntimeError(AcmeSms):
    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        try:
            return (yield from super().send(batch))
        except BaseException:
            message = "interrupted"
            raise RuntimeError(message) from None


@says("MC502", "it asked for more")
class ViolatesMC502_ExchangeAfterCancellation(AcmeSms):
    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        try:
            return (yield from super().send(batch))
        finally:
            yield from ask(Sleep(1.0))


@says("MC505", "two sends that take turns make other requests")
class ViolatesMC505_SharedEnvelope(AcmeSms):
    last: Envelope | None = None

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        self.last = batch[0]
        yield from ask(Sleep(0.0))
        response = yield from ask(self.request([self.last]))
        return self.read(response, batch)


@says("MC505", "two sends that take turns end otherwise")
class ViolatesMC505_SharedId(AcmeSms):
    last = ""

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        self.last = batch[0].id
        outcomes = yield from super().send(batch)
        if self.last != batch[0].id:
            raise RuntimeError
        return outcomes


@says(
    "MC601",
    "a message that the vendor knows is not found",
    replace(FIXTURES, lookup_response=lambda _: answer({})),
)
class ViolatesMC601_KnownMessageNotFound(AcmeSms):
    pass


@says("MC601", "said to have an effect")
class ViolatesMC601_LookupMaySend(AcmeSms):
    def look_up(self, request: LookupRequest) -> Flow[AttemptResult | None]:
        yield from ask(HttpRequest("GET", self.url))
        return None


@says("MC601", "it asks for ever")
class ViolatesMC601_EndlessLookup(AcmeSms):
    def look_up(self, request: LookupRequest) -> Flow[AttemptResult | None]:
        while True:
            yield from ask(HttpRequest("GET", self.url, may_send=False))


@says("MC601", "it returned a str")
class ViolatesMC601_LookupReturnsText(AcmeSms):
    def look_up(self, request: LookupRequest) -> Flow[AttemptResult | None]:
        found = yield from super().look_up(request)
        return found or cast("Any", "unknown")


@says("MC601", "ValueError was raised")
class ViolatesMC601_RaisesOnMalformedLookup(AcmeSms):
    def look_up(self, request: LookupRequest) -> Flow[AttemptResult | None]:
        response = yield from ask(HttpRequest("GET", self.url, may_send=False))
        return None if response.json() is None else (yield from super().look_up(request))


@says(
    "MC602",
    "no event is read of the reports in the fixtures",
    replace(FIXTURES, reports_response=lambda _: answer({})),
)
class ViolatesMC602_NoReports(AcmeSms):
    pass


@says("MC603", "no pairs of a hashable key and a RateLimit")
class ViolatesMC603_LimitsAreText(AcmeSms):
    def rate_limits(self, envelope: Envelope) -> Sequence[tuple[Hashable, RateLimit]]:
        return cast("Any", ["slowly"])
