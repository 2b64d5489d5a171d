"""What goes to Infobip as it was written, and which of the documented fields can be said at all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from specifications import FOLDER, specification

from messaging_channels import Dispatcher, Email, Outcome, Sms, WhatsAppTemplate, WhatsAppText, errors
from messaging_channels.messages import WhatsAppInteractive
from messaging_channels_infobip import (
    DeliveryWindow,
    Infobip,
    InfobipEmailOptions,
    InfobipSmsOptions,
    InfobipWhatsAppOptions,
    Links,
    SpeedLimit,
    Tracking,
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


REQUEST_LEVEL = {
    "/sms/3/messages": Sms(
        "Hello",
        provider_options=(
            InfobipSmsOptions(
                send_at=SOON,
                speed_limit=SpeedLimit(10, "HOUR"),
                links=Links(
                    tracking_url="https://shop.example/t", remove_protocol=True, custom_domain="s.example"
                ),
                count_parts=True,
                conversion="sale",
                delivery_window=DeliveryWindow(("MONDAY",), time(6), time(9)),
            ),
        ),
    ),
    "/email/4/messages": Email(
        "Hi",
        text="Hello",
        provider_options=(
            InfobipEmailOptions(
                send_at=SOON,
                tracking=Tracking(
                    track=True, opens=True, clicks=True, url="https://shop.example/t", pixel_position="TOP"
                ),
                priority="HIGH",
            ),
        ),
    ),
    "/whatsapp/1/message/template": WhatsAppTemplate(
        "hello", "en", provider_options=(InfobipWhatsAppOptions(bulk_id="b"),)
    ),
}


def _leaves(document: Any, schema: Any, path: str = "", depth: int = 8) -> Iterator[str]:
    plain = document.resolved(schema)
    if "items" in plain:
        yield from _leaves(document, plain["items"], f"{path}[]", depth)
    elif plain.get("properties") and depth:
        for name, inner in plain["properties"].items():
            yield from _leaves(document, inner, f"{path}.{name}".lstrip("."), depth - 1)
    else:
        yield path


def _paths(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _paths(inner, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list):
        for inner in value:
            yield from _paths(inner, f"{path}[]")
    else:
        yield path


@pytest.mark.parametrize("path", REQUEST_LEVEL)
def test_every_documented_field_of_a_request_can_be_said_or_is_reached_by_raw(path: str) -> None:
    name = path.split("/")[1]
    document = specification(f"infobip_{name}")
    documented = set(_leaves(document, document.request_schema("POST", path)))
    assert len(documented) > 10
    said = set(_paths(_sent(REQUEST_LEVEL[path], "zoe@example.com" if name == "email" else NUMBER)))
    of_request = {one for one in documented if not one.startswith("messages[]")}
    assert of_request <= said, "an option has to say these"
    of_message = {
        one.removeprefix("messages[].").split(".")[0].removesuffix("[]") for one in documented - of_request
    }
    by_the_plugin = {"destinations", "to", "messageId"}
    for field in of_message - by_the_plugin:
        assert InfobipSmsOptions(raw={field: {}}).raw == {field: {}}
