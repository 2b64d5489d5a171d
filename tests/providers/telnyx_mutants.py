"""Faults put into `TelnyxLike`, one each, by the words of what is wrong."""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, cast

from cryptography.exceptions import InvalidSignature
from providers.telnyx_like import (
    STATUSES,
    TelnyxLike,
    TelnyxSettings,
    fields,
)
from pydantic import BaseModel

from messaging_channels import Sms, errors
from messaging_channels.events import Event, MessageReceived, OptedOut, StatusChanged, UnknownEvent
from messaging_channels.messages import Mms, WhatsAppImage, WhatsAppText
from messaging_channels.plugins import (
    AttemptResult,
    Capabilities,
    Envelope,
    Flow,
    HttpRequest,
    HttpResponse,
    Reason,
    WebhookRequest,
    WebhookResult,
    ask,
)
from messaging_channels.plugins import (
    status as statuses,
)

MUTANTS: dict[str, tuple[type[TelnyxLike], type[BaseModel]]] = {}


def fault(
    words: str, settings: type[BaseModel] = TelnyxSettings
) -> Callable[[type[TelnyxLike]], type[TelnyxLike]]:
    def register(kind: type[TelnyxLike]) -> type[TelnyxLike]:
        assert words not in MUTANTS
        MUTANTS[words] = (kind, settings)
        return kind

    return register


def _read(words: str, change: Callable[[HttpResponse, AttemptResult], AttemptResult]) -> None:
    class Mutant(TelnyxLike):
        def parse_response(self, response: HttpResponse, envelope: Envelope) -> AttemptResult:
            return change(response, super().parse_response(response, envelope))

    fault(words)(Mutant)


def _payload(words: str, change: Callable[[TelnyxLike, Envelope, dict[str, Any]], dict[str, Any]]) -> None:
    class Mutant(TelnyxLike):
        def payload(self, envelope: Envelope) -> dict[str, Any]:
            return change(self, envelope, super().payload(envelope))

    fault(words)(Mutant)


def _text(words: str, change: Callable[[str], str]) -> None:
    class Mutant(TelnyxLike):
        def text(self, message: Any) -> str:
            return change(super().text(message))

    fault(words)(Mutant)


def _told(words: str, change: Callable[[Event], Event | None]) -> None:
    class Mutant(TelnyxLike):
        def handle_webhook(self, request: WebhookRequest) -> WebhookResult:
            told = super().handle_webhook(request)
            return replace(told, events=[one for event in told.events if (one := change(event)) is not None])

    fault(words)(Mutant)


def _on(kind: type[Event], **changes: Any) -> Callable[[Event], Event]:
    return lambda event: replace(event, **changes) if isinstance(event, kind) else event


_read(
    "5xx told as throttled", lambda r, told: AttemptResult.of(Reason.THROTTLED) if r.status >= 500 else told
)
_read("5xx told as rejected", lambda r, told: AttemptResult.of(Reason.INVALID) if r.status >= 500 else told)
_read(
    "Retry-After dropped where the vendor gives its code too",
    lambda r, told: replace(told, retry_after=None) if r.status == 429 and r.body else told,
)
_read("Retry-After dropped", lambda _, told: replace(told, retry_after=None))
_read(
    "200 with an error body is accepted",
    lambda r, told: (
        AttemptResult.of(Reason.ACCEPTED, provider_id="m-1", raw_response=r)
        if r.ok and "errors" in fields(r.body)
        else told
    ),
)
_read(
    "200 without an id is accepted",
    lambda r, told: (
        AttemptResult.of(Reason.ACCEPTED, raw_response=r) if r.ok and "data" in fields(r.body) else told
    ),
)
_read(
    "any 2xx is accepted",
    lambda r, told: (
        AttemptResult.of(Reason.ACCEPTED, provider_id="m-1", raw_response=r)
        if r.ok and not told.provider_id
        else told
    ),
)
_read("no raw answer", lambda _, told: replace(told, raw_response=None))
_read("the vendor's id cut", lambda _, told: replace(told, provider_id=told.provider_id and "msg"))
_read(
    "credentials told as invalid",
    lambda r, told: AttemptResult.of(Reason.INVALID) if r.status == 401 else told,
)
_read(
    "detail quotes the answer", lambda r, told: replace(told, detail=r.body.decode("utf-8", "replace")[:200])
)


@fault("repeats after a timeout")
class RepeatsAfterTimeout(TelnyxLike):
    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        try:
            return (yield from super().send(batch))
        except errors.TransportError as failure:
            if not failure.timed_out:
                raise
            return (yield from super().send(batch))


@fault("repeats after a lost answer")
class RepeatsAfterLoss(TelnyxLike):
    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        try:
            return (yield from super().send(batch))
        except errors.TransportError:
            return (yield from super().send(batch))


@fault("repeats after a 429")
class RepeatsAfter429(TelnyxLike):
    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        request = self.build_request(batch[0])
        response = yield from ask(request)
        if response.status == 429:
            response = yield from ask(request)
        return [self.parse_response(response, batch[0])]


@fault("unknown error code told as throttled")
class UnknownThrottled(TelnyxLike):
    def reason(self, code: str) -> Reason:
        known = super().reason(code)
        return Reason.THROTTLED if known is Reason.INVALID else known


@fault("another recipient code told as throttled")
class OtherCode(TelnyxLike):
    def reason(self, code: str) -> Reason:
        return Reason.THROTTLED if code == "40310" else super().reason(code)


@fault("provider_id is the record type, the same for all")
class RecordType(TelnyxLike):
    def provider_id(self, data: Mapping[str, Any]) -> Any:
        return data.get("record_type")


_payload("country plus dropped", lambda _, e, told: {**told, "to": e.to.plain})
_payload("country dropped", lambda _, e, told: {**told, "to": f"+{e.to.plain[-10:]}"})
_payload("one fixed number", lambda _, __, told: {**told, "to": "+447700900999"})
_payload("no recipient", lambda _, __, told: {name: value for name, value in told.items() if name != "to"})
_payload(
    "sender and recipient exchanged", lambda _, __, told: {**told, "to": told["from"], "from": told["to"]}
)
_payload("the message's own sender ignored", lambda p, _, told: {**told, "from": p.sender})
_payload(
    "only the first of the media",
    lambda _, __, told: {**told, "media_urls": told["media_urls"][:1]} if "media_urls" in told else told,
)
_payload(
    "the media in reverse",
    lambda _, __, told: {**told, "media_urls": told["media_urls"][::-1]} if "media_urls" in told else told,
)
_payload("words of an MMS lost", lambda _, __, told: {**told, "text": ""} if "media_urls" in told else told)
_payload("our id never handed over", lambda _, __, told: {**told, "tags": []})
_payload("a random id handed over", lambda _, __, told: {**told, "tags": [f"{random.getrandbits(128):032x}"]})
_payload(
    "WhatsApp sent as an SMS",
    lambda _, e, told: (
        {**{name: told[name] for name in ("to", "from", "tags")}, "text": e.message.text}
        if isinstance(e.message, WhatsAppText)
        else told
    ),
)
_payload(
    "caption dropped",
    lambda _, e, told: (
        {**told, "whatsapp_message": {"type": "image", "image": {"link": e.message.file.url}}}
        if isinstance(e.message, WhatsAppImage)
        else told
    ),
)
_payload(
    "preview always on",
    lambda _, __, told: json.loads(json.dumps(told).replace('"preview_url": false', '"preview_url": true')),
)
_text("text stripped", str.strip)
_text("line ends folded", lambda text: text.replace("\r\n", "\n"))
_text("lines joined", lambda text: " ".join(text.split()))
_text("text cut at 160", lambda text: text[:160])
_text("text escaped for HTML twice", lambda text: text.replace("&", "&amp;amp;"))
_text(
    "emoji dropped",
    lambda text: (
        text.encode("utf-16", "surrogatepass")
        .decode("utf-16", "ignore")
        .encode("latin-1", "ignore")
        .decode("latin-1")
    ),
)
_text("letters brought to ASCII", lambda text: text.replace("é", "e").replace("ü", "u"))
_text("a fixed text", lambda _: "You have a message")
_text("text in lower case", str.lower)


@fault("text encoded as latin-1 where possible under a UTF-8 content type")
class Latin1(TelnyxLike):
    def body(self, envelope: Envelope) -> bytes:
        text = super().body(envelope).decode()
        try:
            return text.encode("latin-1")
        except UnicodeEncodeError:
            return text.encode()


@fault("JSON body by hand: quotes not escaped")
class ByHand(TelnyxLike):
    def body(self, envelope: Envelope) -> bytes:
        told = self.payload(envelope)
        pairs = [
            f'"{name}": ' + (f'"{value}"' if isinstance(value, str) else json.dumps(value))
            for name, value in told.items()
        ]
        return ("{" + ", ".join(pairs) + "}").encode()


@fault("a form under the content type of JSON")
class FormAsJson(TelnyxLike):
    def body(self, envelope: Envelope) -> bytes:
        return b"to=" + envelope.to.plain.encode()


def _headers(words: str, change: Callable[[dict[str, str]], dict[str, str]]) -> None:
    class Mutant(TelnyxLike):
        def headers(self) -> dict[str, str]:
            return change(super().headers())

    fault(words)(Mutant)


_headers("no authorization header at all", lambda held: {"content-type": held["content-type"]})
_headers(
    "another scheme", lambda held: {**held, "authorization": held["authorization"].replace("Bearer", "Basic")}
)
_headers("no content type", lambda held: {"authorization": held["authorization"]})
_headers("content type of a form", lambda held: {**held, "content-type": "application/x-www-form-urlencoded"})


def _sms(*more: str) -> Capabilities:
    known = dict(TelnyxLike.capabilities.message_types)
    return Capabilities({**known, Sms: frozenset({"sender", *more})})


@fault("encodes preview_url, does not declare it")
class Undeclared(TelnyxLike):
    capabilities = Capabilities(
        {**TelnyxLike.capabilities.message_types, WhatsAppText: frozenset({"sender"})}
    )


@fault("declares a field and ignores it")
class Ignored(TelnyxLike):
    capabilities = _sms("validity_period")


@fault("declares a batch of ten and sends the first")
class FirstOfTen(TelnyxLike):
    capabilities = Capabilities(TelnyxLike.capabilities.message_types, max_batch_size=10)

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        told = yield from super().send(batch[:1])
        return list(told) * len(batch)


@fault("claims that it deduplicates, hands no id")
class NoId(TelnyxLike):
    capabilities = Capabilities(TelnyxLike.capabilities.message_types, deduplicates=True)

    def payload(self, envelope: Envelope) -> dict[str, Any]:
        return {**super().payload(envelope), "tags": []}


@fault("base_url ignored: host is a constant")
class ConstantHost(TelnyxLike):
    def build_request(self, envelope: Envelope) -> HttpRequest:
        return replace(super().build_request(envelope), url="https://api.example.com/v2/messages")


@fault("the number in the URL")
class NumberInUrl(TelnyxLike):
    def build_request(self, envelope: Envelope) -> HttpRequest:
        request = super().build_request(envelope)
        return replace(request, url=f"{request.url}?to={envelope.to.plain}")


@fault("the key in the URL")
class KeyInUrl(TelnyxLike):
    def build_request(self, envelope: Envelope) -> HttpRequest:
        request = super().build_request(envelope)
        return replace(request, url=f"{request.url}?key={self.key}")


@fault("crashes on the id of a WhatsApp user")
class NoUserIds(TelnyxLike):
    def to(self, envelope: Envelope) -> str:
        return cast("Any", envelope.to).e164  # type: ignore[no-any-return]


@fault("API key in an exception")
class KeyInError(TelnyxLike):
    def payload(self, envelope: Envelope) -> dict[str, Any]:
        if self.sender is None:
            raise errors.InvalidMessage(f"no sender for {self.key}", field="sender", hint="give one")
        return super().payload(envelope)


@fault("prints the number")
class Prints(TelnyxLike):
    def payload(self, envelope: Envelope) -> dict[str, Any]:
        sys.stdout.write(envelope.to.plain)
        return super().payload(envelope)


@fault("puts the number into the exception of a refused webhook")
class NumberInRefusal(TelnyxLike):
    def prove(self, request: WebhookRequest) -> None:
        try:
            super().prove(request)
        except errors.WebhookVerificationError:
            told = fields(request.body).get("data", {}).get("payload", {}).get("from")
            raise self.refuse(f"no fitting signature from {told}") from None


class BareSettings(TelnyxSettings):
    api_key: str  # type: ignore[assignment]


@fault("settings: key as plain text", BareSettings)
class BareKey(TelnyxLike):
    def __init__(self, settings: Any) -> None:
        self.base, self.key, self.sender = settings.base_url, settings.api_key, settings.sender
        self.public_key = settings.public_key


@fault("blocks the event loop: time.sleep")
class Sleeps(TelnyxLike):
    def payload(self, envelope: Envelope) -> dict[str, Any]:
        time.sleep(0)
        return super().payload(envelope)


@fault("blocks: opens a file")
class OpensFile(TelnyxLike):
    def payload(self, envelope: Envelope) -> dict[str, Any]:
        Path(__file__).open("rb").close()
        return super().payload(envelope)


@fault("headers shared between accounts")
class SharedHeaders(TelnyxLike):
    shared: ClassVar[dict[str, str]] = {}

    def __init__(self, settings: TelnyxSettings) -> None:
        super().__init__(settings)
        self.shared.update(super().headers())

    def headers(self) -> dict[str, str]:
        return self.shared


@fault("the sender of the last account for all")
class SharedSender(TelnyxLike):
    last: ClassVar[str] = ""

    def __init__(self, settings: TelnyxSettings) -> None:
        super().__init__(settings)
        SharedSender.last = settings.base_url

    def build_request(self, envelope: Envelope) -> HttpRequest:
        return replace(super().build_request(envelope), url=f"{self.last}/v2/messages")


@fault("keeps every envelope")
class Keeps(TelnyxLike):
    def __init__(self, settings: TelnyxSettings) -> None:
        super().__init__(settings)
        self.kept: list[Envelope] = []

    def payload(self, envelope: Envelope) -> dict[str, Any]:
        self.kept.append(envelope)
        return super().payload(envelope)


@fault("keeps every envelope in the class")
class KeepsInClass(TelnyxLike):
    kept: ClassVar[dict[str, Envelope]] = {}

    def payload(self, envelope: Envelope) -> dict[str, Any]:
        self.kept[envelope.id] = envelope
        return super().payload(envelope)


@fault("accepts a call without a signature")
class NoSignature(TelnyxLike):
    def prove(self, request: WebhookRequest) -> None:
        if "telnyx-signature-ed25519" in request.headers:
            super().prove(request)


@fault("accepts every call")
class AcceptsAll(TelnyxLike):
    def prove(self, request: WebhookRequest) -> None:
        """Prove nothing."""


@fault("verifies over re-serialised JSON")
class Reserialised(TelnyxLike):
    def signed(self, request: WebhookRequest, at: str) -> bytes:
        return at.encode() + b"|" + json.dumps(fields(request.body)).encode()


@fault("freshness not checked")
class NotFresh(TelnyxLike):
    def check_age(self, at: str, request: WebhookRequest) -> None:
        """Check nothing."""


@fault("calls from the future are fresh")
class FromTheFuture(TelnyxLike):
    def check_age(self, at: str, request: WebhookRequest) -> None:
        if at.isdigit() and int(at) - request.received_at < -300:
            raise self.refuse("too old")


@fault("freshness in milliseconds")
class FreshInMilliseconds(TelnyxLike):
    def check_age(self, at: str, request: WebhookRequest) -> None:
        if not at.isdigit() or abs(int(at) - request.received_at) > 300_000_000:
            raise self.refuse("too old")


@fault("raises InvalidSignature instead of WebhookVerificationError")
class WrongError(TelnyxLike):
    def prove(self, request: WebhookRequest) -> None:
        try:
            super().prove(request)
        except errors.WebhookVerificationError:
            raise InvalidSignature from None


@fault("without a public key every call is believed")
class BelievesUnset(TelnyxLike):
    def prove(self, request: WebhookRequest) -> None:
        if self.public_key:
            super().prove(request)


_told(
    "delivered told as undelivered",
    lambda e: (
        replace(e, status=statuses.known(2, 9))
        if isinstance(e, StatusChanged) and e.status == statuses.DELIVERED_TO_HANDSET
        else e
    ),
)
_told(
    "sent told as delivered",
    lambda e: (
        replace(e, status=statuses.DELIVERED_TO_HANDSET)
        if isinstance(e, StatusChanged) and e.status == statuses.PENDING_ENROUTE
        else e
    ),
)
_told(
    "failures told as delivered",
    lambda e: (
        replace(e, status=statuses.DELIVERED_TO_HANDSET)
        if isinstance(e, StatusChanged) and e.status.group_id == 2
        else e
    ),
)
_told("a random event id", lambda e: replace(e, event_id=f"{random.getrandbits(64):x}"))
_told("report's message_id always empty", _on(StatusChanged, message_id=""))
_told(
    "report's provider_id is ours",
    lambda e: replace(e, provider_id=e.message_id) if isinstance(e, StatusChanged) else e,
)
_told(
    "report's two ids exchanged",
    lambda e: (
        replace(e, provider_id=e.message_id, message_id=e.provider_id or "")
        if isinstance(e, StatusChanged)
        else e
    ),
)
_told(
    "inbound: text cut at 20",
    lambda e: replace(e, text=(e.text or "")[:20]) if isinstance(e, MessageReceived) else e,
)
_told("inbound: STOP not told as opt-out", lambda e: None if isinstance(e, OptedOut) else e)
_told(
    "inbound: WhatsApp told as channel sms",
    lambda e: replace(e, channel="sms") if isinstance(e, MessageReceived) else e,
)
_told(
    "inbound: sender and recipient exchanged",
    lambda e: (
        replace(e, sender=type(e.sender).parse(e.to), to=e.sender.plain)
        if isinstance(e, MessageReceived)
        else e
    ),
)  # type: ignore[attr-defined]
_told("raw call lost", lambda e: replace(e, raw=None))
_told("unknown kinds dropped", lambda e: None if isinstance(e, UnknownEvent) else e)
_told("another provider's name", lambda e: replace(e, provider="other"))
_told(
    "times in milliseconds",
    lambda e: replace(e, occurred_at=e.occurred_at * 1000) if not isinstance(e, UnknownEvent) else e,
)
_told(
    "times an hour late",
    lambda e: replace(e, occurred_at=e.occurred_at + 3600) if not isinstance(e, UnknownEvent) else e,
)


@fault("unknown status raises KeyError")
class UnknownStatus(TelnyxLike):
    def handle_webhook(self, request: WebhookRequest) -> WebhookResult:
        self.prove(request)
        told = fields(request.body)
        if "data" not in told:
            return super().handle_webhook(request)
        try:
            return WebhookResult(self.events(told, request))
        except KeyError as missing:
            if missing.args[0] not in (
                "data",
                "payload",
                "event_type",
                "occurred_at",
                "id",
                "type",
                "to",
                "from",
                "tags",
            ):
                raise
            return super().handle_webhook(request)
        except (TypeError, ValueError, AttributeError, IndexError):
            return super().handle_webhook(request)


@fault("time in the machine's zone")
class LocalTime(TelnyxLike):
    def time(self, text: str) -> float:
        return datetime.fromisoformat(text).replace(tzinfo=None).timestamp()


@fault("time of arrival, and no event id")
class ArrivalTime(TelnyxLike):
    def handle_webhook(self, request: WebhookRequest) -> WebhookResult:
        told = super().handle_webhook(request)
        return replace(
            told, events=[replace(one, occurred_at=request.received_at, event_id=None) for one in told.events]
        )


@fault("time of arrival")
class ArrivalTimeOnly(TelnyxLike):
    def handle_webhook(self, request: WebhookRequest) -> WebhookResult:
        told = super().handle_webhook(request)
        return replace(told, events=[replace(one, occurred_at=request.received_at) for one in told.events])


@fault("remembers event ids and drops repetitions")
class Remembers(TelnyxLike):
    def __init__(self, settings: TelnyxSettings) -> None:
        super().__init__(settings)
        self.seen: set[bytes] = set()

    def handle_webhook(self, request: WebhookRequest) -> WebhookResult:
        told = super().handle_webhook(request)
        if request.body in self.seen:
            return WebhookResult()
        self.seen.add(request.body)
        return told


@fault("answers 500 to a good call")
class Answers500(TelnyxLike):
    def handle_webhook(self, request: WebhookRequest) -> WebhookResult:
        return replace(super().handle_webhook(request), response=HttpResponse(500, {}, b""))


@fault("an unknown status told as pending and delivered as expired")
class Expired(TelnyxLike):
    def events(self, told: Mapping[str, Any], request: WebhookRequest) -> Sequence[Event]:
        return [
            replace(one, status=statuses.EXPIRED_EXPIRED)
            if isinstance(one, StatusChanged) and one.status == STATUSES["delivered"]
            else one
            for one in super().events(told, request)
        ]


@fault("MMS sent without its media")
class NoMedia(TelnyxLike):
    def payload(self, envelope: Envelope) -> dict[str, Any]:
        told = super().payload(envelope)
        return {**told, "media_urls": []} if isinstance(envelope.message, Mms) else told
