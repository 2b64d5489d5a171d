"""What goes to Infobip as it was written, and which of the documented fields can be said at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import witness_infobip as witness
from specifications import FOLDER, specification

from messaging_channels import Dispatcher, Email, Outcome, Sms, WhatsAppTemplate, WhatsAppText, errors
from messaging_channels.messages import WhatsAppInteractive
from messaging_channels_infobip import (
    Infobip,
    InfobipEmailOptions,
    InfobipSmsOptions,
    InfobipWhatsAppOptions,
)
from messaging_channels_infobip.emulator import InfobipEmulator

NUMBER = "+447700900123"
SOON = datetime.now(UTC) + timedelta(hours=2)
SETTINGS = {"sms_sender": "Shop", "whatsapp_sender": "15550100001", "email_sender": "shop@example.com"}
ORDER = {
    "payment": {"type": "UPI_PAYMENT_LINK", "paymentLink": "https://shop.example.com/pay"},
}


def _sent(message: Any, to: str = NUMBER, **settings: Any) -> Any:
    with (
        InfobipEmulator() as emulator,
        Dispatcher(
            [Infobip(base_url=emulator.url, api_key="emulated-key", **SETTINGS, **settings)]
        ) as dispatcher,
    ):
        assert dispatcher.send(message, to=to).outcome is Outcome.ACCEPTED
        return emulator.requests[-1].json()


def test_raw_fields_are_merged_into_the_message_and_the_answer_is_read_as_usual() -> None:
    raw = {
        "options": {"regional": {"southKorea": {"resellerCode": 7}}},
        "content": {"transliteration": "GREEK"},
    }
    options = InfobipSmsOptions(campaign_id="spring", raw=raw)
    (message,) = _sent(Sms("Hello", provider_options=(options,)))["messages"]
    assert message["options"] == {
        "campaignReferenceId": "spring",
        "regional": {"southKorea": {"resellerCode": 7}},
    }
    assert message["content"] == {"text": "Hello", "transliteration": "GREEK"}
    mail = Email("Hi", text="Hello", provider_options=(InfobipEmailOptions(raw={"ips": {"ipPoolId": "p"}}),))
    assert _sent(mail, "zoe@example.com")["messages"][0]["ips"] == {"ipPoolId": "p"}
    chat = WhatsAppText(
        "Hello", provider_options=(InfobipWhatsAppOptions(raw={"urlOptions": {"shortenUrl": True}}),)
    )
    assert _sent(chat)["urlOptions"] == {"shortenUrl": True}
    buttons = [{"type": "VOICE_CALL", "callValidityPeriod": 5}]
    button = InfobipWhatsAppOptions(raw={"content": {"templateData": {"buttons": buttons}}})
    template = WhatsAppTemplate("hello", "en", ("Zoe",), provider_options=(button,))
    data = _sent(template)["messages"][0]["content"]["templateData"]
    assert data == {"body": {"placeholders": ["Zoe"]}, "buttons": buttons}


@pytest.mark.parametrize("name", ["destinations", "to", "messageId"])
def test_raw_fields_name_neither_recipients_nor_ids(name: str) -> None:
    for options in (InfobipSmsOptions, InfobipEmailOptions, InfobipWhatsAppOptions):
        with pytest.raises(errors.InvalidMessage, match=name):
            options(raw={name: "x"})


def test_a_mail_that_goes_out_as_mime_takes_no_raw_fields() -> None:
    mail = Email("Hi", "Hello", "<p>Hello</p>", provider_options=(InfobipEmailOptions(raw={"ips": {}}),))
    with pytest.raises(errors.InvalidMessage, match="raw"):
        _sent(mail, "zoe@example.com")


@pytest.mark.parametrize(
    "message",
    [
        Sms("Hello", provider_options=(InfobipSmsOptions(raw={"news": 1}),)),
        WhatsAppInteractive(kind="order-details", text="Pay", action={"code": "4711"}),
        WhatsAppInteractive(kind="order_status", text="Paid", action={"status": "NEWS"}),
        WhatsAppInteractive(kind="no-such-kind", text="x", action={}),
    ],
)
def test_with_the_documents_what_is_raw_is_checked_before_it_leaves(message: Any) -> None:
    specification("infobip_whatsapp")
    with InfobipEmulator() as emulator:
        provider = Infobip(base_url=emulator.url, api_key="emulated-key", **SETTINGS, specifications=FOLDER)
        with Dispatcher([provider]) as dispatcher, pytest.raises(errors.InvalidMessage, match="documents"):
            dispatcher.send(message, to=NUMBER)
        assert emulator.requests == []
    assert _sent(
        Sms("Hello", provider_options=(InfobipSmsOptions(raw={"sender": "Desk"}),)), specifications=FOLDER
    )


@pytest.mark.parametrize("path", witness.REQUEST_LEVEL)
def test_every_documented_field_of_a_request_can_be_said_or_is_reached_by_raw(path: str) -> None:
    specification(f"infobip_{path.split('/')[1]}")
    with witness.emulated() as emulator:
        counted = witness.fields_of(path, emulator)
    assert len(counted.documented) > 10
    assert counted.unreachable == set(), "an option has to say these"
    assert counted.by_option
    for field in {one.removeprefix("messages[].").split(".")[0].removesuffix("[]") for one in counted.by_raw}:
        assert InfobipSmsOptions(raw={field: {}}).raw == {field: {}}
