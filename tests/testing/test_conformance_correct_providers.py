"""Providers that are right, each in a way of its own: the kit has nothing to say about them, and something about a broken twin of each."""

from __future__ import annotations

import base64
import hmac
import http.client
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from regression_kit import Plain, answer, fields, fixtures, spec

from messaging_channels import Sms
from messaging_channels.errors import Phase, TransportError
from messaging_channels.messages import WhatsAppImage
from messaging_channels.plugins import (
    AttemptResult,
    BlockingCall,
    Capabilities,
    CurrentTime,
    Envelope,
    Flow,
    HttpRequest,
    HttpResponse,
    Reason,
    ask,
    result_from_status,
)
from messaging_channels.testing.conformance import ConformanceFixtures, check_provider

pytestmark = pytest.mark.slow

CORRECT: dict[str, tuple[type[Plain], ConformanceFixtures]] = {}


def correct(words: str, given: ConformanceFixtures | None = None) -> Callable[[type[Plain]], type[Plain]]:
    def register(kind: type[Plain]) -> type[Plain]:
        CORRECT[words] = (kind, given or fixtures())
        return kind

    return register


@correct("a key in a header")
class WithKey(Plain):
    pass


@correct("a nonce in a header")
class WithNonce(Plain):
    def headers(self) -> dict[str, str]:
        return {**super().headers(), "x-nonce": secrets.token_hex(8)}


@correct("a signature over body, nonce and time")
class Signing(Plain):
    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        now = yield from ask(CurrentTime())
        request = self.build_request(batch[0])
        nonce = secrets.token_hex(8)
        proof = hmac.new(self.key.encode(), f"{now:.0f}{nonce}".encode() + request.body, "sha256").hexdigest()
        signed = {
            "x-time": f"{now:.0f}",
            "x-nonce": nonce,
            "x-proof": proof,
            "content-type": "application/json",
        }
        response = yield from ask(replace(request, headers=signed))
        return (self.parse_response(response, batch[0]),)


@correct("nonce and signature in a form, as in RFC 5849")
class InForm(Plain):
    def build_request(self, envelope: Envelope) -> HttpRequest:
        told = {**self.told(envelope), "oauth_nonce": secrets.token_hex(8)}
        proof = hmac.new(self.key.encode(), urlencode(sorted(told.items())).encode(), "sha256").digest()
        form = urlencode({**told, "oauth_signature": base64.b64encode(proof).decode()})
        kind = {"content-type": "application/x-www-form-urlencoded"}
        return HttpRequest("POST", f"{self.base}/send", kind, form.encode())


def _token_or_message(request: HttpRequest) -> HttpResponse:
    if request.url.endswith("/token"):
        return answer({"access_token": "made-up", "expires_in": 3600})
    return answer({"id": "m-1"})


@correct("a token that is fetched once", fixtures(success_response=_token_or_message))
class WithToken(Plain):
    token = ""

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        if not self.token:
            form = urlencode({"grant_type": "client_credentials", "client_secret": self.key}).encode()
            kind = {"content-type": "application/x-www-form-urlencoded"}
            response = yield from ask(HttpRequest("POST", f"{self.base}/token", kind, form, may_send=False))
            token = fields(response.body).get("access_token")
            if (
                not response.ok
                or not isinstance(token, str)
                or not token.isascii()
                or not token.isprintable()
            ):
                plain = result_from_status(response)
                busy = plain.reason is Reason.THROTTLED
                return (plain if busy else AttemptResult.of(Reason.CREDENTIALS, f"HTTP {response.status}"),)
            self.token = token
        response = yield from ask(self.build_request(batch[0]))
        return (self.parse_response(response, batch[0]),)

    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}", "content-type": "application/json"}


@correct("a token for each message", fixtures(success_response=_token_or_message))
class WithTokens(WithToken):
    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        return (yield from type(self).fresh(self, batch))

    def fresh(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        other = type(self).__new__(type(self))
        other.base, other.key = self.base, self.key
        return (yield from WithToken.send(other, batch))


IMAGE = b"\xff\xd8\xff\xe0" + bytes(range(200))


def _upload_or_message(request: HttpRequest) -> HttpResponse:
    return answer({"media": "f-77"} if request.url.endswith("/upload") else {"id": "m-1"})


@correct("an upload before the message", fixtures(success_response=_upload_or_message))
class Uploading(Plain):
    capabilities: ClassVar[Capabilities] = Capabilities(
        {WhatsAppImage: frozenset({"caption"})}, uploads_media=True
    )

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        image: Any = batch[0].message
        link = image.file.url or image.file.id
        if image.file.content is not None:
            headers = {"authorization": f"Key {self.key}", "content-type": image.file.content_type}
            upload = HttpRequest("POST", f"{self.base}/upload", headers, image.file.content, may_send=False)
            response = yield from ask(upload)
            link = fields(response.body).get("media")
            if not response.ok or not isinstance(link, str):
                return (AttemptResult.of(Reason.INVALID, f"HTTP {response.status} for the file"),)
        told = {"to": batch[0].to.plain, "image": link, "caption": image.caption, "id": batch[0].id}
        response = yield from ask(HttpRequest.post_json(f"{self.base}/send", told, headers=self.headers()))
        return (self.parse_response(response, batch[0]),)


def _queued_or_done(request: HttpRequest) -> HttpResponse:
    return answer({"id": "m-1", "state": "done"}) if request.method == "GET" else answer({"id": "m-1"}, 202)


@correct("a look at the state after sending", fixtures(success_response=_queued_or_done))
class Polling(Plain):
    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        response = yield from ask(self.build_request(batch[0]))
        taken = self.parse_response(response, batch[0])
        if taken.reason is not Reason.ACCEPTED:
            return (taken,)
        try:
            yield from ask(HttpRequest("GET", f"{self.base}/messages/m-1", self.headers(), may_send=False))
        except TransportError:
            return (taken,)
        return (taken,)


@correct("a blocking SDK")
class WithSdk(Plain):
    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        told = json.dumps(self.told(batch[0])).encode()
        response = yield from ask(BlockingCall(lambda: self.post(told)))
        return (self.parse_response(response, batch[0]),)

    def post(self, body: bytes) -> HttpResponse:
        parts = urlsplit(self.base)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
        try:
            connection.connect()
        except OSError:
            raise TransportError("no connection", phase=Phase.CONNECT) from None
        try:
            connection.request("POST", "/send", body, self.headers())
            got = connection.getresponse()
            return HttpResponse(
                got.status, {name.lower(): value for name, value in got.getheaders()}, got.read()
            )
        except (OSError, http.client.HTTPException):
            raise TransportError("the answer was lost", phase=Phase.READ) from None
        finally:
            connection.close()


@correct(
    "Basic authorization and XML",
    fixtures(success_response=lambda _: HttpResponse(200, {}, b"<ok id='m-1'/>")),
)
class InXml(Plain):
    def build_request(self, envelope: Envelope) -> HttpRequest:
        from xml.sax.saxutils import escape, quoteattr

        told = self.told(envelope)
        text = escape(str(told["text"]), {"\r": "&#13;"})
        if any(
            (ord(one) < 32 and one not in "\t\n\r") or one in "\ufffe\uffff" or "\ud800" <= one <= "\udfff"
            for one in str(told["text"])
        ):
            from messaging_channels.errors import InvalidMessage

            raise InvalidMessage("XML cannot hold it", field="Sms.text", hint="leave control characters out")
        body = f"<sms to={quoteattr(told['to'])} id={quoteattr(told['id'])}>{text}</sms>".encode()
        proof = base64.b64encode(f"shop:{self.key}".encode()).decode()
        headers = {"authorization": f"Basic {proof}", "content-type": "application/xml; charset=utf-8"}
        return HttpRequest("POST", f"{self.base}/send", headers, body)

    def parse_response(self, response: HttpResponse, envelope: Envelope) -> AttemptResult:  # noqa: ARG002
        if response.ok and response.body == b"<ok id='m-1'/>":
            return AttemptResult.of(Reason.ACCEPTED, provider_id="m-1", raw_response=response)
        return result_from_status(response)


@correct("the text as UTF-16 in hexadecimal digits")
class InHex(Plain):
    def told(self, envelope: Envelope) -> dict[str, Any]:
        assert isinstance(envelope.message, Sms)
        return {
            **super().told(envelope),
            "text": envelope.message.text.encode("utf-16-be", "surrogatepass").hex().upper(),
        }


@correct(
    "a form in the query of a GET",
    fixtures(expected_failures={"MC403": "the vendor takes everything in the query"}),
)
class InQuery(Plain):
    def build_request(self, envelope: Envelope) -> HttpRequest:
        told = {**self.told(envelope), "key": self.key}
        return HttpRequest("GET", f"{self.base}/send?{urlencode(told, errors='replace')}")


def _each(request: HttpRequest) -> HttpResponse:
    told = (
        dict(parse_qsl(request.body.decode()))
        if request.body.startswith(b"to=")
        else json.loads(request.body)
    )
    return answer({"id": f"m-{told['id']}"})


@correct("a batch in as many requests", fixtures(success_response=_each))
class OneByOne(Plain):
    capabilities: ClassVar[Capabilities] = Capabilities({Sms: frozenset()}, max_batch_size=5)

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        told: list[AttemptResult] = []
        for envelope in batch:
            try:
                response = yield from ask(self.build_request(envelope))
            except TransportError as failure:
                reason = Reason.UNREACHABLE if not failure.may_have_been_sent else Reason.CONNECTION
                told.append(AttemptResult.of(reason, str(failure)))
                continue
            told.append(self.parse_response(response, envelope))
        return told


def broken(kind: type[Plain]) -> type[Plain]:
    """Return the twin that takes every answer for an acceptance."""

    class Believes(kind):  # type: ignore[misc, valid-type]
        def parse_response(self, response: HttpResponse, envelope: Envelope) -> AttemptResult:  # noqa: ARG002
            return AttemptResult.of(Reason.ACCEPTED, provider_id="m-1", raw_response=response)

    return Believes


@pytest.mark.parametrize("words", CORRECT)
def test_the_kit_has_nothing_to_say_about_a_correct_provider(words: str) -> None:
    kind, given = CORRECT[words]

    assert [str(one) for one in check_provider(spec(kind), given, examples=20)] == []


@pytest.mark.parametrize("words", CORRECT)
def test_the_kit_finds_the_broken_twin(words: str) -> None:
    kind, given = CORRECT[words]
    found = {one.rule.id for one in check_provider(spec(broken(kind)), given, examples=20)}

    assert found & {"MC206", "MC207", "MC209", "MC211", "MC218"}
