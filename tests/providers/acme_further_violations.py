"""Further pigeons that are wrong in one way each: most rules can be broken in more ways than one. With each, what the kit says of it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, ClassVar, cast

from providers.acme import FIXTURES, Pigeon, PigeonOptions, PigeonSettings, answer
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

OTHERWISE: list[tuple[str, str, type[Pigeon], ConformanceFixtures]] = []


def says(
    rule: str, words: str, fixtures: ConformanceFixtures = FIXTURES
) -> Callable[[type[Pigeon]], type[Pigeon]]:
    def note(kind: type[Pigeon]) -> type[Pigeon]:
        OTHERWISE.append((rule, words, kind, fixtures))
        return kind

    return note


@says("MC101", "its name is 'Dove'")
class Misnamed(Pigeon):
    name = "Dove"


@says("MC101", "`executors` is no mapping")
class WithoutExecutors(Pigeon):
    executors = cast("Any", None)


@says("MC101", "`capabilities` declare no message")
class CarriesNothing(Pigeon):
    capabilities = can(message_types={})


@says("MC101", "`max_batch_size` is 0")
class TakesNone(Pigeon):
    capabilities = can(max_batch_size=0)


class DoveOptions(PigeonOptions):
    provider: ClassVar[str] = "dove"


@says("MC101", "the extra DoveOptions names another provider")
class TakesForeignOptions(Pigeon):
    capabilities = can(provider_options=frozenset({DoveOptions}))


@says("MC102", "PigeonOptions is declared, and changes nothing in any message")
class IgnoresOptions(Pigeon):
    def note(self, envelope: Envelope) -> dict[str, Any]:
        return {name: value for name, value in super().note(envelope).items() if name != "loft"}


@says("MC104", "two providers built alike")
class CountsItself(Pigeon):
    made = 0

    def __init__(self, settings: PigeonSettings) -> None:
        super().__init__(settings)
        CountsItself.made += 1
        self.url = f"{self.url}/{self.made}"


@says("MC106", "ValueError was raised")
class ChokesOnTwo(Pigeon):
    def request(self, batch: Sequence[Envelope]) -> HttpRequest:
        (_,) = batch
        return super().request(batch)


@says("MC106", "some are not accepted")
class ReadsTheFirst(Pigeon):
    def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
        first, *others = super().read(response, batch)
        return [first, *[replace(one, reason=Reason.UNREADABLE_RESPONSE) for one in others]]


@dataclass(frozen=True)
class Postcard(Message):
    """A type that nobody knows."""


@says("MC108", "the kit knows no example of a Postcard")
class CarriesPostcards(Pigeon):
    capabilities = can(message_types={Sms: frozenset({"sender", "flash"}), Postcard: frozenset()})


@says(
    "MC108",
    "its own example needs Sms.flash",
    replace(FIXTURES, messages=(Sms("Canary words 7c1f", flash=True),)),
)
class ShowsMoreThanItCan(Pigeon):
    capabilities = can(message_types={Sms: frozenset({"sender"})})


@says("MC108", "no sender", replace(FIXTURES, settings=lambda url, key: {"base_url": url, "key": key}))
class WithoutSender(Pigeon):
    pass


@says(
    "MC201",
    "of the answer that takes a Sms: AttributeError was raised",
    replace(FIXTURES, success_response=lambda _: None),
)
class ReadsNothing(Pigeon):
    pass


@says("MC204", "it gave no outcome for its message")
class SaysNothing(Pigeon):
    def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
        return super().read(response, batch) if response.ok else []


def _told(outcome: Any) -> type[Pigeon]:
    class Tells(Pigeon):
        def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
            return super().read(response, batch) if response.ok else [outcome] * len(batch)

    return Tells


for words, odd in (
    ("is no Outcome with a Reason", "accepted"),
    ("status is no Status", replace(AttemptResult.of(Reason.SERVER_ERROR), status=cast("Any", "unknown"))),
    ("`provider_id` is no text", replace(AttemptResult.of(Reason.SERVER_ERROR), provider_id=cast("Any", 7))),
    ("to be repeated after nan s", replace(AttemptResult.of(Reason.THROTTLED), retry_after=float("nan"))),
):
    says("MC205", words)(_told(odd))


@says("MC208", "of answer 2: ValueError was raised")
class RaisesAtRefusals(Pigeon):
    def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
        if response.status == 400:
            raise ValueError
        return super().read(response, batch)


@says("MC209", "of HTTP 429: ValueError was raised")
class RaisesWhenThrottled(Pigeon):
    def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
        if response.status == 429:
            raise ValueError
        return super().read(response, batch)


@says("MC209", "HTTP 429 is read as rejected.invalid")
class TakesHasteForRefusal(Pigeon):
    def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
        if response.status == 429:
            return [AttemptResult.of(Reason.INVALID)] * len(batch)
        return super().read(response, batch)


@says("MC211", "the message ends as accepted")
class TriesUntilItWorks(Pigeon):
    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        while True:
            with suppress(errors.TransportError):
                return (yield from super().send(batch))


@says("MC214", "a message that the answer leaves out ends as not_sent")
class TakesSilenceForNo(Pigeon):
    def outcome(self, flight: Any, response: HttpResponse) -> AttemptResult:
        return AttemptResult.of(Reason.THROTTLED) if flight is None else super().outcome(flight, response)


@says("MC301", "call 0: TypeError was raised")
class RaisesAtReports(Pigeon):
    def events(self, told: Any, call: WebhookRequest) -> list[Event]:
        raise TypeError


@says("MC301", "tells nothing, and not StatusChanged")
class HearsNothing(Pigeon):
    def events(self, told: Any, call: WebhookRequest) -> list[Event]:
        return []


@says("MC301", "what it holds are no events")
class TellsStories(Pigeon):
    def events(self, told: Any, call: WebhookRequest) -> list[Event]:
        return cast("Any", ["it landed"])


@says("MC301", "its answer is no HttpResponse")
class AnswersInWords(Pigeon):
    def handle_webhook(self, call: WebhookRequest) -> WebhookResult:
        return replace(super().handle_webhook(call), response=cast("Any", "thanks"))


@says("MC301", "a list was returned")
class ReturnsAList(Pigeon):
    def handle_webhook(self, call: WebhookRequest) -> WebhookResult:
        return cast("Any", list(super().handle_webhook(call).events))


@says("MC304", "with a strange header 'x-pigeon-proof': UnicodeEncodeError was raised")
class ExpectsAscii(Pigeon):
    def handle_webhook(self, call: WebhookRequest) -> WebhookResult:
        call.headers.get("x-pigeon-proof", "").encode("ascii")
        return super().handle_webhook(call)


@says("MC308", "a proved call of an unknown kind: KeyError was raised")
class KnowsAllKinds(Pigeon):
    def events(self, told: Any, call: WebhookRequest) -> list[Event]:
        return [] if told["at"] is None else super().events(told, call)


@says("MC308", "the UnknownEvent has no `raw`")
class ForgetsWhatCame(Pigeon):
    def events(self, told: Any, call: WebhookRequest) -> list[Event]:
        return [replace(event, raw=None) for event in super().events(told, call)]


@says(
    "MC311",
    "`delivered_body` is read as MessageReceived",
    replace(FIXTURES, delivered_body=lambda *_: FIXTURES.webhooks[1].body),
)
class BringsTheWrongCall(Pigeon):
    pass


@says(
    "MC311",
    "carries neither of the ids",
    replace(FIXTURES, delivered_body=lambda *_: FIXTURES.webhooks[0].body),
)
class ReportsAnother(Pigeon):
    pass


@says(
    "MC311",
    "`inbound_body` is read as it was refused",
    replace(FIXTURES, sign_webhook=lambda body, _: WebhookRequest(body)),
)
class IsNotSigned(Pigeon):
    pass


@says("MC502", "it became RuntimeError")
class Rephrases(Pigeon):
    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        try:
            return (yield from super().send(batch))
        except BaseException:
            message = "interrupted"
            raise RuntimeError(message) from None


@says("MC502", "it asked for more")
class TidiesUp(Pigeon):
    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        try:
            return (yield from super().send(batch))
        finally:
            yield from ask(Sleep(1.0))


@says("MC505", "two sends that take turns make other requests")
class SharesARequest(Pigeon):
    last: Envelope | None = None

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        self.last = batch[0]
        yield from ask(Sleep(0.0))
        response = yield from ask(self.request([self.last]))
        return self.read(response, batch)


@says("MC505", "two sends that take turns end otherwise")
class TripsOverItself(Pigeon):
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
class FindsNobody(Pigeon):
    pass


@says("MC601", "said to have an effect")
class LooksUpWithEffect(Pigeon):
    def look_up(self, request: LookupRequest) -> Flow[AttemptResult | None]:
        yield from ask(HttpRequest("GET", self.url))
        return None


@says("MC601", "it asks for ever")
class LooksForEver(Pigeon):
    def look_up(self, request: LookupRequest) -> Flow[AttemptResult | None]:
        while True:
            yield from ask(HttpRequest("GET", self.url, may_send=False))


@says("MC601", "it returned a str")
class TellsAWord(Pigeon):
    def look_up(self, request: LookupRequest) -> Flow[AttemptResult | None]:
        found = yield from super().look_up(request)
        return found or cast("Any", "unknown")


@says("MC601", "ValueError was raised")
class TrustsTheLog(Pigeon):
    def look_up(self, request: LookupRequest) -> Flow[AttemptResult | None]:
        response = yield from ask(HttpRequest("GET", self.url, may_send=False))
        return None if response.json() is None else (yield from super().look_up(request))


@says(
    "MC602",
    "no event is read of the reports in the fixtures",
    replace(FIXTURES, reports_response=lambda _: answer({})),
)
class FetchesNothing(Pigeon):
    pass


@says("MC603", "no pairs of a hashable key and a RateLimit")
class LimitsByWord(Pigeon):
    def rate_limits(self, envelope: Envelope) -> Sequence[tuple[Hashable, RateLimit]]:
        return cast("Any", ["slowly"])
