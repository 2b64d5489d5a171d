"""Providers that are right, in ways that the kit did not foresee; each has a twin that is wrong."""

from __future__ import annotations

import hmac
import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import pytest
from regression_kit import Plain, Settings, answer, fields, fixtures, found, rules, spec

from messaging_channels._model.errors import WebhookVerificationError
from messaging_channels._model.events import Event, StatusChanged, UnknownEvent
from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels._model.status import DELIVERED_TO_HANDSET
from messaging_channels.plugins.exchange import CurrentTime, Flow, HttpRequest, HttpResponse, ask
from messaging_channels.plugins.provider import Envelope
from messaging_channels.plugins.results import result_from_status
from messaging_channels.plugins.webhooks import WebhookRequest, WebhookResult
from messaging_channels.testing.conformance import RULES, ConformanceFixtures, Webhook
from messaging_channels.testing.conformance.suite import ProviderConformance

SECRET = "5eec2e7f00dcafe5a1ad0fca11ab1e42"


class Nonce(Plain):
    """Its vendor wants a new nonce in each request (RFC 5849, 3.3)."""

    name: ClassVar[str] = "nonce"

    def headers(self) -> dict[str, str]:
        return {**super().headers(), "x-nonce": secrets.token_hex(8)}


class OAuth(Plain):
    """A token is fetched once and used until it ends (RFC 6749, 4.4); one that is refused is fetched anew, once."""

    name: ClassVar[str] = "oauth"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._token = ""
        self._until = 0.0

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        (envelope,) = batch
        response = HttpResponse(401, {}, b"")
        for fresh in (False, True):
            refusal = yield from self._authorize(fresh=fresh)
            if refusal is not None:
                plain = result_from_status(refusal)
                why = f"HTTP {refusal.status} for the token"
                return (
                    plain if plain.reason is Reason.THROTTLED else AttemptResult.of(Reason.CREDENTIALS, why),
                )
            headers = {"authorization": f"Bearer {self._token}", "content-type": "application/json"}
            request = HttpRequest.post_json(f"{self.base}/send", self.told(envelope), headers=headers)
            response = yield from ask(request)
            if response.status != 401:
                break
        return (self.parse_response(response, envelope),)

    def _authorize(self, *, fresh: bool) -> Flow[HttpResponse | None]:
        """Have a token; return the answer that gives none."""
        now = yield from ask(CurrentTime())
        if self._token and now < self._until and not fresh:
            return None
        form = f"grant_type=client_credentials&client_id=shop&client_secret={self.key}".encode()
        kind = {"content-type": "application/x-www-form-urlencoded"}
        answered = yield from ask(HttpRequest("POST", f"{self.base}/token", kind, form, may_send=False))
        told = fields(answered.body)
        token, lives = told.get("access_token"), told.get("expires_in")
        fits = isinstance(token, str) and token.isascii() and token.isprintable()
        self._token = str(token) if answered.ok and fits else ""
        self._until = now + (lives if isinstance(lives, int) and lives > 60 else 60) - 30
        return None if self._token else answered


class Timed(Plain):
    """Its calls are signed with their time, and old ones are refused, as the Standard Webhooks specification wants."""

    name: ClassVar[str] = "timed"

    def handle_webhook(self, call: WebhookRequest) -> WebhookResult:
        at, given = call.headers.get("webhook-timestamp", ""), call.headers.get("webhook-signature", "")
        fits = hmac.compare_digest(given.encode(), proof_of(call.body, self.key, at).encode())
        if not fits or not at.isdigit() or abs(int(at) - call.received_at) > 300:
            raise WebhookVerificationError(
                "the signature does not fit, or it is old", provider=self.name, hint="check key and clock"
            )
        return WebhookResult((self.event(fields(call.body), call),))

    def event(self, told: dict[str, object], call: WebhookRequest) -> Event:
        theirs, at = told.get("id"), told.get("at")
        if told.get("state") != "delivered" or not isinstance(theirs, str) or not isinstance(at, int):
            return UnknownEvent(provider=self.name, occurred_at=call.received_at, raw=call.body)
        return StatusChanged(
            provider=self.name,
            occurred_at=float(at),
            event_id=f"{theirs}:delivered",
            message_id=str(told.get("reference", "")),
            provider_id=theirs,
            status=DELIVERED_TO_HANDSET,
            raw=told,
        )


class BelievesNonce(Nonce):
    """The same, but whatever is answered is accepted."""

    def parse_response(self, response: HttpResponse, envelope: Envelope) -> AttemptResult:  # noqa: ARG002
        return AttemptResult.of(Reason.ACCEPTED, provider_id="m", raw_response=response)


class BelievesOAuth(OAuth):
    """The same, but whatever is answered is accepted."""

    def parse_response(self, response: HttpResponse, envelope: Envelope) -> AttemptResult:  # noqa: ARG002
        return AttemptResult.of(Reason.ACCEPTED, provider_id="m", raw_response=response)


class TrustsTimed(Timed):
    """The same, but whatever has a time is believed."""

    def handle_webhook(self, call: WebhookRequest) -> WebhookResult:
        proof = proof_of(call.body, self.key, call.headers.get("webhook-timestamp", ""))
        return super().handle_webhook(replace(call, headers={**call.headers, "webhook-signature": proof}))


def proof_of(body: bytes, key: str, at: str) -> str:
    return hmac.new(key.encode(), at.encode() + b"." + body, "sha256").hexdigest()


def sign_at(body: bytes, secret: str, at: float | None = None) -> WebhookRequest:
    """Sign a body as the vendor does, at that time or now."""
    when = str(int(time.time() if at is None else at))
    headers = {"webhook-timestamp": when, "webhook-signature": proof_of(body, secret, when)}
    return WebhookRequest(body, headers, received_at=float(when))


def report(ours: str, theirs: str) -> bytes:
    return json.dumps({"id": theirs, "reference": ours, "state": "delivered", "at": 1_700_000_000}).encode()


def _token_or_message(request: HttpRequest) -> HttpResponse:
    if request.url.endswith("/token"):
        return answer({"access_token": "made-up", "expires_in": 3600})
    return answer({"id": "m-1"})


OF_OAUTH = fixtures(success_response=_token_or_message)
OF_TIMED = fixtures(
    sign_webhook=sign_at, webhooks=(Webhook(report("r-1", "m-1"), (StatusChanged,)),), delivered_body=report
)


@pytest.mark.parametrize(
    ("kind", "said"),
    [(Nonce, fixtures()), (OAuth, OF_OAUTH), (Timed, OF_TIMED)],
    ids=["nonce", "token", "time"],
)
def test_the_kit_has_nothing_to_say_about_a_correct_provider(
    kind: type[Plain], said: ConformanceFixtures
) -> None:
    findings = found(kind, said)

    assert rules(findings) == []


@pytest.mark.parametrize(
    ("kind", "said", "rule"),
    [
        (BelievesNonce, fixtures(), "MC207"),
        (BelievesOAuth, OF_OAUTH, "MC207"),
        (TrustsTimed, OF_TIMED, "MC302"),
    ],
    ids=["nonce", "token", "time"],
)
def test_the_kit_finds_the_mistake_of_a_provider_of_the_same_kind(
    kind: type[Plain], said: ConformanceFixtures, rule: str
) -> None:
    findings = found(kind, said)

    assert rule in rules(findings)


def _broken_in_pytest(kind: type[Plain], said: ConformanceFixtures) -> list[str]:
    """Return which rules the class for pytest says are broken."""

    class Of(ProviderConformance):
        provider = spec(kind)
        fixtures = said
        examples = 20

    broken: list[str] = []
    for rule in RULES:
        try:
            Of().test_it_keeps_the_rule(rule)
        except pytest.skip.Exception:
            continue
        except pytest.fail.Exception:
            broken.append(rule)
    return broken


def test_the_plain_call_and_the_class_for_pytest_find_the_same() -> None:
    by_call = rules(found(OAuth, OF_OAUTH))

    in_pytest = _broken_in_pytest(OAuth, OF_OAUTH)

    assert in_pytest == by_call
