"""What the kit says, and of what; and the calls that it builds for tests of applications."""

from __future__ import annotations

import hmac
import json
from typing import ClassVar

import pytest
from regression_kit import Plain, Settings, found, vectors

from messaging_channels import Sms
from messaging_channels._model.errors import WebhookRefused
from messaging_channels._model.events import StatusChanged
from messaging_channels.plugins.exchange import HttpRequest
from messaging_channels.plugins.provider import Envelope
from messaging_channels.plugins.webhooks import Received, WebhookCall
from messaging_channels.testing import VendorCalls, Webhook

_FAILS = pytest.mark.xfail(strict=True, raises=AssertionError, reason="issue Kit")

SECRET = "5eec2e7f00dcafe5a1ad0fca11ab1e42"


class Refuses(Plain):
    """Refuses every call, and says why."""

    name: ClassVar[str] = "refuses"

    def receive(self, call: WebhookCall) -> Received:  # noqa: ARG002  the mistake
        raise WebhookRefused(
            "the header x-proof is not thirty letters long", provider=self.name, remedy="look again"
        )


class Nothing(Plain):
    """Says nothing of the message, and that to somebody else."""

    name: ClassVar[str] = "nothing"

    def encode(self, envelope: Envelope) -> HttpRequest:  # noqa: ARG002  the mistake
        return HttpRequest("DELETE", "https://elsewhere.example.com/all", {}, b"")


class NoText(Plain):
    """Leaves the text out."""

    name: ClassVar[str] = "no-text"

    def told(self, envelope: Envelope) -> dict[str, object]:
        assert isinstance(envelope.message, Sms)
        return {"to": envelope.to.plain, "id": envelope.id}


class NoRecipient(Plain):
    """Leaves the recipient out."""

    name: ClassVar[str] = "no-recipient"

    def told(self, envelope: Envelope) -> dict[str, object]:
        assert isinstance(envelope.message, Sms)
        return {"text": envelope.message.text, "id": envelope.id}


@_FAILS
def test_a_finding_about_a_refused_call_says_what_the_refusal_said() -> None:
    said = vectors(
        sign=lambda body, secret: WebhookCall(body, {"x-proof": secret}),
        webhooks=(Webhook(b'{"id": "m-1"}', (StatusChanged,)),),
    )

    findings = [str(one) for one in found(Refuses, said)]

    assert any("not thirty letters long" in one for one in findings)


@_FAILS
@pytest.mark.parametrize("kind", [Nothing, NoText, NoRecipient], ids=lambda kind: kind.name)
def test_a_request_that_leaves_out_the_text_or_the_recipient_is_found(kind: type[Plain]) -> None:
    findings = found(kind, vectors())

    assert findings


def test_a_small_provider_that_is_right_is_told_so() -> None:
    findings = found(Plain, vectors())

    assert findings == []


class Timed(Plain):
    """Believes calls that are signed with their time, within five minutes of it."""

    name: ClassVar[str] = "timed"

    def receive(self, call: WebhookCall) -> Received:
        at, given = call.headers["webhook-timestamp"], call.headers["webhook-signature"]
        if not hmac.compare_digest(given, _proof(call.body, self.key, at)) or abs(int(at) - call.at) > 300:
            raise WebhookRefused("it does not fit, or is old", provider=self.name, remedy="check the clock")
        return Received()


def _proof(body: bytes, key: str, at: str) -> str:
    return hmac.new(key.encode(), at.encode() + b"." + body, "sha256").hexdigest()


def _sign(body: bytes, secret: str, at: float = 1_790_000_000.0) -> WebhookCall:
    when = f"{at:.0f}"
    proved = {"webhook-timestamp": when, "webhook-signature": _proof(body, secret, when)}
    return WebhookCall(body, proved, at=at)


@pytest.mark.parametrize(
    "at",
    [
        1_790_000_000.0,
        pytest.param(1_790_000_600.0, marks=_FAILS),
        pytest.param(1_800_000_000.0, marks=_FAILS),
    ],
)
def test_a_call_built_for_a_time_is_signed_at_that_time(at: float) -> None:
    said = vectors(sign=_sign, delivered=lambda ours, _: json.dumps({"reference": ours}).encode())
    provider = Timed(Settings.model_validate({"base_url": "http://127.0.0.1:9", "key": SECRET}))

    call = VendorCalls(said, secret=SECRET).delivered("order-1", at=at)

    try:
        provider.receive(call)
    except WebhookRefused:
        taken = False
    else:
        taken = True
    assert taken
