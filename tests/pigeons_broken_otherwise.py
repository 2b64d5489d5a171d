"""Further pigeons that are wrong in one way each: most rules can be broken in more ways than one. With each, what the kit says of it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, ClassVar, cast

from broken_pigeons import can
from pigeon import VECTORS, Pigeon, PigeonOptions, PigeonSettings, answer

from messaging_channels import Sms, errors
from messaging_channels._model.events import Event
from messaging_channels._model.outcomes import Outcome, Reason
from messaging_channels._model.rate_limit import Rate
from messaging_channels.messages import Message
from messaging_channels.plugins.exchange import Flow, HttpRequest, HttpResponse, Wait, ask
from messaging_channels.plugins.provider import Envelope, Inquiry
from messaging_channels.plugins.webhooks import Received, WebhookCall
from messaging_channels.testing.vectors import Vectors

OTHERWISE: list[tuple[str, str, type[Pigeon], Vectors]] = []


def says(rule: str, words: str, vectors: Vectors = VECTORS) -> Callable[[type[Pigeon]], type[Pigeon]]:
    def note(kind: type[Pigeon]) -> type[Pigeon]:
        OTHERWISE.append((rule, words, kind, vectors))
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
    capabilities = can(carries={})


@says("MC101", "`batch` is 0")
class TakesNone(Pigeon):
    capabilities = can(batch=0)


class DoveOptions(PigeonOptions):
    provider: ClassVar[str] = "dove"


@says("MC101", "the extra DoveOptions names another provider")
class TakesForeignOptions(Pigeon):
    capabilities = can(extras=frozenset({DoveOptions}))


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
    def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[Outcome]:
        first, *others = super().read(response, batch)
        return [first, *[replace(one, reason=Reason.UNIDENTIFIED) for one in others]]


@dataclass(frozen=True)
class Postcard(Message):
    """A type that nobody knows."""


@says("MC108", "the kit knows no example of a Postcard")
class CarriesPostcards(Pigeon):
    capabilities = can(carries={Sms: frozenset({"sender", "flash"}), Postcard: frozenset()})


@says(
    "MC108",
    "its own example needs Sms.flash",
    replace(VECTORS, messages=(Sms("Canary words 7c1f", flash=True),)),
)
class ShowsMoreThanItCan(Pigeon):
    capabilities = can(carries={Sms: frozenset({"sender"})})


@says("MC108", "no sender", replace(VECTORS, settings=lambda url, key: {"base_url": url, "key": key}))
class WithoutSender(Pigeon):
    pass


@says(
    "MC201",
    "of the answer that takes a Sms: AttributeError was raised",
    replace(VECTORS, accepts=lambda _: None),
)
class ReadsNothing(Pigeon):
    pass


@says("MC204", "it gave no outcome for its message")
class SaysNothing(Pigeon):
    def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[Outcome]:
        return super().read(response, batch) if response.ok else []


def _told(outcome: Any) -> type[Pigeon]:
    class Tells(Pigeon):
        def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[Outcome]:
            return super().read(response, batch) if response.ok else [outcome] * len(batch)

    return Tells


for words, odd in (
    ("is no Outcome with a Reason", "accepted"),
    ("status is no Status", replace(Outcome.of(Reason.SERVER), status=cast("Any", "unknown"))),
    ("`provider_id` is no text", replace(Outcome.of(Reason.SERVER), provider_id=cast("Any", 7))),
    ("to be repeated after nan s", replace(Outcome.of(Reason.THROTTLED), retry_after=float("nan"))),
):
    says("MC205", words)(_told(odd))


@says("MC208", "of answer 2: ValueError was raised")
class RaisesAtRefusals(Pigeon):
    def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[Outcome]:
        if response.status == 400:
            raise ValueError
        return super().read(response, batch)


@says("MC209", "of HTTP 429: ValueError was raised")
class RaisesWhenThrottled(Pigeon):
    def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[Outcome]:
        if response.status == 429:
            raise ValueError
        return super().read(response, batch)


@says("MC209", "HTTP 429 is read as not_sent.invalid")
class TakesHasteForRefusal(Pigeon):
    def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[Outcome]:
        if response.status == 429:
            return [Outcome.of(Reason.INVALID)] * len(batch)
        return super().read(response, batch)


@says("MC211", "the message ends as accepted")
class TriesUntilItWorks(Pigeon):
    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[Outcome]]:
        while True:
            with suppress(errors.ExchangeFailed):
                return (yield from super().send(batch))


@says("MC214", "a message that the answer leaves out ends as not_sent")
class TakesSilenceForNo(Pigeon):
    def outcome(self, flight: Any, response: HttpResponse) -> Outcome:
        return Outcome.of(Reason.THROTTLED) if flight is None else super().outcome(flight, response)


@says("MC301", "call 0: TypeError was raised")
class RaisesAtReports(Pigeon):
    def events(self, told: Any, call: WebhookCall) -> list[Event]:
        raise TypeError


@says("MC301", "tells nothing, and not StatusChanged")
class HearsNothing(Pigeon):
    def events(self, told: Any, call: WebhookCall) -> list[Event]:
        return []


@says("MC301", "what it holds are no events")
class TellsStories(Pigeon):
    def events(self, told: Any, call: WebhookCall) -> list[Event]:
        return cast("Any", ["it landed"])


@says("MC301", "its answer is no HttpResponse")
class AnswersInWords(Pigeon):
    def receive(self, call: WebhookCall) -> Received:
        return replace(super().receive(call), answer=cast("Any", "thanks"))


@says("MC301", "a list was returned")
class ReturnsAList(Pigeon):
    def receive(self, call: WebhookCall) -> Received:
        return cast("Any", list(super().receive(call).events))


@says("MC304", "with a strange header 'x-pigeon-proof': UnicodeEncodeError was raised")
class ExpectsAscii(Pigeon):
    def receive(self, call: WebhookCall) -> Received:
        call.headers.get("x-pigeon-proof", "").encode("ascii")
        return super().receive(call)


@says("MC308", "a proved call of an unknown kind: KeyError was raised")
class KnowsAllKinds(Pigeon):
    def events(self, told: Any, call: WebhookCall) -> list[Event]:
        return [] if told["at"] is None else super().events(told, call)


@says("MC308", "the Unrecognised event has no `native`")
class ForgetsWhatCame(Pigeon):
    def events(self, told: Any, call: WebhookCall) -> list[Event]:
        return [replace(event, native=None) for event in super().events(told, call)]


@says(
    "MC311",
    "`delivered` is read as MessageReceived",
    replace(VECTORS, delivered=lambda *_: VECTORS.webhooks[1].body),
)
class BringsTheWrongCall(Pigeon):
    pass


@says("MC311", "carries neither of the ids", replace(VECTORS, delivered=lambda *_: VECTORS.webhooks[0].body))
class ReportsAnother(Pigeon):
    pass


@says(
    "MC311", "`received` is read as it was refused", replace(VECTORS, sign=lambda body, _: WebhookCall(body))
)
class IsNotSigned(Pigeon):
    pass


@says("MC502", "it became RuntimeError")
class Rephrases(Pigeon):
    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[Outcome]]:
        try:
            return (yield from super().send(batch))
        except BaseException:
            message = "interrupted"
            raise RuntimeError(message) from None


@says("MC502", "it asked for more")
class TidiesUp(Pigeon):
    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[Outcome]]:
        try:
            return (yield from super().send(batch))
        finally:
            yield from ask(Wait(1.0))


@says("MC505", "two sends that take turns make other requests")
class SharesARequest(Pigeon):
    last: Envelope | None = None

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[Outcome]]:
        self.last = batch[0]
        yield from ask(Wait(0.0))
        response = yield from ask(self.request([self.last]))
        return self.read(response, batch)


@says("MC505", "two sends that take turns end otherwise")
class TripsOverItself(Pigeon):
    last = ""

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[Outcome]]:
        self.last = batch[0].id
        outcomes = yield from super().send(batch)
        if self.last != batch[0].id:
            raise RuntimeError
        return outcomes


@says("MC601", "a message that the vendor knows is not found", replace(VECTORS, found=lambda _: answer({})))
class FindsNobody(Pigeon):
    pass


@says("MC601", "said to have an effect")
class LooksUpWithEffect(Pigeon):
    def look_up(self, inquiry: Inquiry) -> Flow[Outcome | None]:
        yield from ask(HttpRequest("GET", self.url))
        return None


@says("MC601", "it asks for ever")
class LooksForEver(Pigeon):
    def look_up(self, inquiry: Inquiry) -> Flow[Outcome | None]:
        while True:
            yield from ask(HttpRequest("GET", self.url, effect=False))


@says("MC601", "it returned a str")
class TellsAWord(Pigeon):
    def look_up(self, inquiry: Inquiry) -> Flow[Outcome | None]:
        found = yield from super().look_up(inquiry)
        return found or cast("Any", "unknown")


@says("MC601", "ValueError was raised")
class TrustsTheLog(Pigeon):
    def look_up(self, inquiry: Inquiry) -> Flow[Outcome | None]:
        response = yield from ask(HttpRequest("GET", self.url, effect=False))
        return None if response.json() is None else (yield from super().look_up(inquiry))


@says(
    "MC602", "no event is read of the reports in the vectors", replace(VECTORS, reports=lambda _: answer({}))
)
class FetchesNothing(Pigeon):
    pass


@says("MC603", "no pairs of a hashable key and a Rate")
class LimitsByWord(Pigeon):
    def limits(self, envelope: Envelope) -> Sequence[tuple[Hashable, Rate]]:
        return cast("Any", ["slowly"])
