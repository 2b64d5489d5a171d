from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from messaging_channels import Dispatcher, NotSent, Outcome, Rejected, Sms, WebhookRequest, errors
from messaging_channels.events import MessageReceived, StatusChanged
from messaging_channels.plugins import HttpResponse
from messaging_channels.testing import Emulator, Request
from messaging_channels.testing.conformance import ProviderConformance
from messaging_channels_vonage import Vonage
from messaging_channels_vonage.conformance import FIXTURES
from messaging_channels_vonage.emulator import VonageEmulator
from messaging_channels_vonage.settings import SPEC
from messaging_channels_vonage.webhooks import signature


class TestVonage(ProviderConformance):
    provider = SPEC
    fixtures = FIXTURES


def _vonage(vendor: Emulator, **changed: Any) -> Vonage:
    usual = {
        "api_key": "abcd1234",
        "api_secret": "made-up",
        "webhook_signature_secret": "made-up",
        "sender": "Shop",
    }
    return Vonage(**(usual | {"base_url": vendor.url} | changed))


def test_a_message_reaches_vonage_under_our_id() -> None:
    with VonageEmulator() as vendor, Dispatcher([_vonage(vendor)]) as dispatcher:
        receipt = dispatcher.send(
            Sms("Žluťoučký", flash=True, validity_period=timedelta(minutes=1)), to="+447700900123"
        )
    assert (receipt.outcome, receipt.provider_id) == (Outcome.ACCEPTED, "0A00000000000000")
    assert vendor.messages == [
        {
            "api_key": "abcd1234",
            "from": "Shop",
            "to": "447700900123",
            "text": "Žluťoučký",
            "type": "unicode",
            "client-ref": receipt.id,
            "message-class": "0",
            "ttl": "60000",
        }
    ]


@pytest.mark.parametrize(
    ("number", "failure"),
    [("+447700900001", Rejected), ("+447700900002", NotSent), ("+447700900003", NotSent)],
)
def test_a_refusal_is_told_by_what_may_follow(number: str, failure: type[Exception]) -> None:
    with VonageEmulator() as vendor, Dispatcher([_vonage(vendor)]) as dispatcher, pytest.raises(failure):
        dispatcher.send(Sms("hello"), to=number)


SIGNED = {
    "message-timestamp": "2013-11-21 15:27:30",
    "messageId": "020000001B0FE827",
    "msisdn": "447700900123",
    "text": "Yes & no = maybe",
    "timestamp": "1385047698",
    "to": "447700900000",
    "type": "text",
    "sig": "left out",
}
SHA_256 = "1FE20F3CAB4B6A4A2DAF49E9CD952DEF95555C554A3095B861DE5935A4CC2BC6"
SHA_512 = (
    "E847C1F662C137F076658EE3EC7083A9B90F2669F5D8BE2D4EA49E006D19F847"
    "C70EA746124E2EC0905B9F69952FA1656197692389B26269B493F73524909FE4"
)


@pytest.mark.parametrize(("method", "expected"), [("sha256", SHA_256), ("sha512", SHA_512)])
def test_a_signature_is_over_all_parameters_sorted_with_separators_replaced(
    method: str, expected: str
) -> None:
    """Expected is what `openssl dgst -hmac` makes of the text that the vendor's page describes."""
    assert signature(SIGNED, "secret", method) == expected


def test_a_delivery_receipt_of_the_emulator_carries_our_id() -> None:
    class Ours(Emulator):
        def handle(self, request: Request) -> HttpResponse:
            return HttpResponse(200 if request.method == "POST" else 405, {}, b"")

    with Ours() as ours, VonageEmulator(webhook_url=ours.url) as vendor:
        vonage = _vonage(vendor)
        with Dispatcher([vonage]) as dispatcher:
            receipt = dispatcher.send(Sms("hello"), to="+447700900123")
        vendor.wait_for_reports()
        (event,) = vonage.handle_webhook(WebhookRequest(ours.requests[0].body)).events
    assert isinstance(event, StatusChanged)
    assert (event.message_id, event.provider_id) == (receipt.id, receipt.provider_id)
    assert event.status.name == "DELIVERED_TO_HANDSET"


def test_an_inbound_message_posted_as_a_form_is_read() -> None:
    told = {
        "msisdn": "447700900123",
        "to": "447700900000",
        "messageId": "0B0",
        "text": "a+b",
        "timestamp": "1",
    }
    with VonageEmulator() as vendor:
        sig = json.loads(vendor.sign(told))["sig"].lower()
        body = f"msisdn=447700900123&to=447700900000&messageId=0B0&text=a%2Bb&timestamp=1&sig={sig}"
        (event,) = _vonage(vendor).handle_webhook(WebhookRequest(body.encode(), received_at=1.0)).events
    assert isinstance(event, MessageReceived)
    assert (event.text, event.sender.plain, event.occurred_at) == ("a+b", "447700900123", 1.0)


def test_no_call_is_believed_without_a_webhook_signature_secret() -> None:
    with (
        VonageEmulator() as vendor,
        pytest.raises(errors.WebhookVerificationError, match="webhook_signature_secret"),
    ):
        _vonage(vendor, webhook_signature_secret=None).handle_webhook(
            WebhookRequest(vendor.sign({"status": "delivered"}))
        )


@pytest.mark.parametrize(
    "given", [{"api_key": " "}, {"api_secret": ""}, {"base_url": "http://rest.nexmo.com"}]
)
def test_settings_that_cannot_work_are_refused(given: dict[str, str]) -> None:
    with pytest.raises(errors.InvalidSetting):
        Vonage(**({"api_key": "abcd1234", "api_secret": "made-up"} | given))


def test_a_validity_that_vonage_does_not_take_is_refused_before_anything_is_sent() -> None:
    with (
        VonageEmulator() as vendor,
        Dispatcher([_vonage(vendor)]) as dispatcher,
        pytest.raises(errors.InvalidMessage),
    ):
        dispatcher.send(Sms("hello", validity_period=timedelta(days=8)), to="+447700900123")
    assert vendor.requests == []


def test_the_emulator_refuses_what_vonage_would() -> None:
    with VonageEmulator() as vendor:
        for body, code in ((b"", "4"), (b"api_secret=made-up&from=Shop", "2")):
            answer = vendor.handle(Request("POST", "/sms/json", {}, {}, body))
            assert answer.json()["messages"][0]["status"] == code
        assert vendor.state() == []
