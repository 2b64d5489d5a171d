"""Faults put into `TelnyxLike`, one each, by the words of what is wrong."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from providers.telnyx_like import (
    TelnyxLike,
    TelnyxSettings,
    fields,
)
from pydantic import BaseModel  # noqa: TC002  of one mutant's settings

from messaging_channels import Sms, errors
from messaging_channels.messages import WhatsAppImage, WhatsAppText
from messaging_channels.plugins import (
    AttemptResult,
    Capabilities,
    Envelope,
    Flow,
    HttpRequest,
    HttpResponse,
    Reason,
    ask,
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
