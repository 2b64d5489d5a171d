"""What goes to Vonage as it was written, by both of its APIs."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest

from messaging_channels import Dispatcher, Outcome, Sms, WhatsAppText, errors
from messaging_channels.messages import Message
from messaging_channels_rcs import RCS, RcsText
from messaging_channels_vonage import Vonage, VonageOptions
from messaging_channels_vonage.emulator import VonageEmulator

NUMBER, SHOP = "+447700900123", "447700900000"


def _sent(message: Message, **settings: Any) -> dict[str, Any]:
    with VonageEmulator(
        webhook_signature_secret=settings.get("webhook_signature_secret", "s" * 32)
    ) as vendor:
        vonage = Vonage(
            api_key="abcd1234",
            api_secret="made-up",
            sender="Shop",
            whatsapp_sender=SHOP,
            rcs_sender="Acme",
            base_url=vendor.url,
            **settings,
        )
        with Dispatcher([vonage], channels=[RCS]) as dispatcher:
            receipt = dispatcher.send(message, to=NUMBER)
        assert receipt.outcome is Outcome.ACCEPTED, receipt.reason
        assert receipt.provider_id
        body = vendor.requests[-1].body.decode()
    return json.loads(body) if body.startswith("{") else dict(parse_qsl(body))


def _options(**raw: Any) -> tuple[VonageOptions]:
    return (VonageOptions(raw=raw),)


def test_raw_parameters_of_the_sms_api_stand_beside_or_instead_of_the_plugins() -> None:
    raw = {"entity-id": "1101", "content-id": "1107", "status-report-req": True, "text": "Hi", "type": None}
    told = _sent(Sms("Hello", provider_options=_options(**raw)))
    assert (told["entity-id"], told["content-id"], told["status-report-req"], told["text"]) == (
        "1101",
        "1107",
        "true",
        "Hi",
    )
    assert "type" not in told
    signed = _sent(
        Sms("Hello", provider_options=_options(callback="https://example.com/r")),
        sign_requests=True,
        webhook_signature_secret="s" * 32,
    )
    assert "sig" in signed
    assert signed["callback"] == "https://example.com/r"


def test_raw_members_of_the_messages_api_are_merged_and_a_message_type_replaces_the_content() -> None:
    told = _sent(
        Sms("Hello", provider_options=_options(sms={"encoding_type": "unicode"}, ttl=60)), sms_api="messages"
    )
    assert (told["sms"], told["ttl"], told["text"]) == ({"encoding_type": "unicode"}, 60, "Hello")
    order = {
        "message_type": "custom",
        "custom": {
            "type": "interactive",
            "interactive": {"type": "order_details", "action": {"name": "review_and_pay"}},
        },
    }
    told = _sent(WhatsAppText("Pay", provider_options=_options(**order)))
    assert told["custom"] == order["custom"]
    assert "text" not in told
    assert _sent(RcsText("Hello", provider_options=_options(rcs={"category": "service-request"})))["rcs"] == {
        "category": "service-request"
    }


@pytest.mark.parametrize(
    "name", ["to", "channel", "client_ref", "client-ref", "api_key", "api_secret", "sig", "timestamp"]
)
def test_raw_members_name_neither_recipients_ids_nor_credentials(name: str) -> None:
    with pytest.raises(errors.InvalidMessage, match=name):
        VonageOptions(raw={name: "x"})


def test_options_that_say_the_same_are_equal_and_hash_alike() -> None:
    one, other = (VonageOptions(raw={"text": "secret"}) for _ in range(2))
    assert one == other
    assert hash(one) == hash(other)
    assert "secret" not in repr(one)
