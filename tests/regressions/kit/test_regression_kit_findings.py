"""What the kit says, and of what; and the calls that it builds for tests of applications."""

from __future__ import annotations

import hmac
import json
from typing import ClassVar

import pytest
from regression_kit import Plain, Settings, fixtures, found

from messaging_channels import Sms
from messaging_channels._model.errors import WebhookVerificationError
from messaging_channels._model.events import StatusChanged
from messaging_channels.plugins.exchange import HttpRequest
from messaging_channels.plugins.provider import Envelope
from messaging_channels.plugins.webhooks import WebhookRequest, WebhookResult
from messaging_channels.testing import VendorWebhooks, Webhook

SECRET = "5eec2e7f00dcafe5a1ad0fca11ab1e42"


class Refuses(Plain):
    """Refuses every call, and says why."""

    name: ClassVar[str] = "refuses"

    def handle_webhook(self, call: WebhookRequest) -> WebhookResult:  # noqa: ARG002
        raise WebhookVerificationError(
            "the header x-proof is not thirty letters long", provider=self.name, hint="look again"
        )


class Nothing(Plain):
    """Says nothing of the message, and that to somebody else."""

    name: ClassVar[str] = "nothing"

    def build_request(self, envelope: Envelope) -> HttpRequest:  # noqa: ARG002
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


def test_a_finding_about_a_refused_call_says_what_the_refusal_said() -> None:
    said = fixtures(
        sign_webhook=lambda body, secret: WebhookRequest(body, {"x-proof": secret}),
        webhooks=(Webhook(b'{"id": "m-1"}', (StatusChanged,)),),
    )

    findings = [str(one) for one in found(Refuses, said)]

    assert any("not thirty letters long" in one for one in findings)


@pytest.mark.parametrize("kind", [Nothing, NoText, NoRecipient], ids=lambda kind: kind.name)
def test_a_request_that_leaves_out_the_text_or_the_recipient_is_found(kind: type[Plain]) -> None:
    findings = found(kind, fixtures())

    assert findings


def test_a_small_provider_that_is_right_is_told_so() -> None:
    findings = found(Plain, fixtures())

    assert findings == []


class Timed(Plain):
    """Believes calls that are signed with their time, within five minutes of it."""

    name: ClassVar[str] = "timed"

    def handle_webhook(self, call: WebhookRequest) -> WebhookResult:
        at, given = call.headers["webhook-timestamp"], call.headers["webhook-signature"]
        if (
            not hmac.compare_digest(given, _proof(call.body, self.key, at))
            or abs(int(at) - call.received_at) > 300
        ):
            raise WebhookVerificationError(
                "it does not fit, or is old", provider=self.name, hint="check the clock"
            )
        return WebhookResult()


def _proof(body: bytes, key: str, at: str) -> str:
    return hmac.new(key.encode(), at.encode() + b"." + body, "sha256").hexdigest()


def _sign(body: bytes, secret: str, at: float = 1_790_000_000.0) -> WebhookRequest:
    when = f"{at:.0f}"
    proved = {"webhook-timestamp": when, "webhook-signature": _proof(body, secret, when)}
    return WebhookRequest(body, proved, received_at=at)


@pytest.mark.parametrize(
    "at",
    [
        1_790_000_000.0,
        1_790_000_600.0,
        1_800_000_000.0,
    ],
)
def test_a_call_built_for_a_time_is_signed_at_that_time(at: float) -> None:
    said = fixtures(
        sign_webhook=_sign, delivered_body=lambda ours, _: json.dumps({"reference": ours}).encode()
    )
    provider = Timed(Settings.model_validate({"base_url": "http://127.0.0.1:9", "key": SECRET}))

    call = VendorWebhooks(said, secret=SECRET).delivery_report("order-1", received_at=at)

    try:
        provider.handle_webhook(call)
    except WebhookVerificationError:
        taken = False
    else:
        taken = True
    assert taken
