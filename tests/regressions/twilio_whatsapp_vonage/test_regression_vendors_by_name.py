"""What each of Twilio, WhatsApp Cloud and Vonage wants in a request, and what it tells of its own in a call."""

from __future__ import annotations

import inspect
from typing import Any
from urllib.parse import parse_qs

import pytest
from regression_vendor import METADATA, cloud_tells, said, twilio_tells, vonage, vonage_call, vonage_tells

from messaging_channels import (
    BadInput,
    Dispatcher,
    MessagingError,
    Outcome,
    Sms,
    WhatsAppTemplate,
    WhatsAppText,
)
from messaging_channels._ledger.sqlite import SqliteLedger
from messaging_channels._model.events import MessageReceived, StatusChanged
from messaging_channels.messages import Message, WhatsAppFlow
from messaging_channels.messages.whatsapp import ContactCard
from messaging_channels_twilio import Twilio
from messaging_channels_twilio.emulator import ACCOUNT_SID, AUTH_TOKEN, TwilioEmulator
from messaging_channels_vonage.emulator import VonageEmulator
from messaging_channels_whatsapp_cloud import WhatsAppCloud
from messaging_channels_whatsapp_cloud.emulator import NUMBER_ID, TOKEN, WhatsAppCloudEmulator

NUMBER = "+447700900123"
ORDER = "HX" + "a" * 32


def _twilio(vendor: TwilioEmulator) -> Twilio:
    return Twilio(
        account_sid=ACCOUNT_SID,
        auth_token=AUTH_TOKEN,
        whatsapp_sender="+15550100001",
        templates={("order", "en"): ORDER},
        base_url=vendor.url,
    )


def test_a_contact_card_takes_postal_addresses() -> None:
    parameters = inspect.signature(ContactCard).parameters

    assert [name for name in parameters if "address" in name]


def test_a_flow_without_a_token_of_our_own_goes_out() -> None:
    known: dict[str, Any] = {"button": "Book", "flow_id": "4711", "screen": "FIRST"}
    message = WhatsAppFlow(text="Book a visit", **known)

    with WhatsAppCloudEmulator() as vendor:
        provider = WhatsAppCloud(access_token=TOKEN, sender=NUMBER_ID, base_url=vendor.url)
        with Dispatcher([provider]) as dispatcher:
            receipt = dispatcher.send(message, to=NUMBER)

    parameters = vendor.requests[-1].json()["interactive"]["action"]["parameters"]
    assert receipt.outcome is Outcome.ACCEPTED
    assert parameters["flow_id"] == "4711"
    assert parameters.get("flow_token", "unused") == "unused"


def test_one_cause_is_told_alike_by_two_vendors_and_another_cause_differently() -> None:
    names = ("detail", "at", "event_id", "message_id", "provider_id", "provider")

    def by_cloud(code: int, title: str) -> dict[str, str]:
        failed = {
            "id": "wamid.1",
            "status": "failed",
            "timestamp": "1744344496",
            "recipient_id": "447700900123",
            "errors": [{"code": code, "title": title}],
        }
        events = cloud_tells("messages", {"metadata": METADATA, "statuses": [failed]})
        (event,) = [event for event in events if isinstance(event, StatusChanged)]
        return said(event, *names)

    (told,) = twilio_tells(
        {"MessageSid": "SM1", "MessageStatus": "failed", "ErrorCode": "63016", "To": f"whatsapp:{NUMBER}"}
    )
    by_twilio = said(told, *names)
    closed, elsewhere = by_cloud(131047, "Re-engagement message"), by_cloud(131026, "Message undeliverable")

    alike = [name for name, value in closed.items() if by_twilio.get(name) == value]
    assert [name for name in alike if elsewhere.get(name) != closed[name]]


@pytest.mark.parametrize(
    "gap",
    ["1 Example Street\nExampleton", "1 Example Street\r\nExampleton", "Exampleton\n"],
    ids=["lf", "crlf", "end"],
)
def test_a_line_break_in_the_gap_of_a_template_is_refused(gap: str) -> None:
    message = WhatsAppTemplate("order", "en", (gap,))

    with (
        TwilioEmulator() as vendor,
        Dispatcher([_twilio(vendor)]) as dispatcher,
        pytest.raises(MessagingError),
    ):
        dispatcher.send(message, to=NUMBER)


def test_the_gap_of_a_template_is_filled_where_it_has_no_line_break() -> None:
    message = WhatsAppTemplate("order", "en", ("1 Example Street",))

    with TwilioEmulator() as vendor, Dispatcher([_twilio(vendor)]) as dispatcher:
        receipt = dispatcher.send(message, to=NUMBER)

    assert receipt.outcome is Outcome.ACCEPTED


@pytest.mark.parametrize("user", ["US.1A2B3C4D5E6F", "GB.11815799212886844830"])
@pytest.mark.parametrize(
    "message", [WhatsAppText("hello"), WhatsAppTemplate("order", "en", ("one",))], ids=["text", "template"]
)
def test_a_user_without_a_number_gets_no_plus_in_front_of_the_id(message: Message, user: str) -> None:
    with TwilioEmulator() as vendor, Dispatcher([_twilio(vendor)]) as dispatcher:
        try:
            dispatcher.send(message, to=user)
        except MessagingError:
            if not vendor.requests:
                return

    assert parse_qs(vendor.requests[0].body.decode())["To"] == [f"whatsapp:{user}"]


PRESSED = {
    "MessageSid": "SM4712",
    "SmsStatus": "received",
    "NumMedia": "0",
    "From": f"whatsapp:{NUMBER}",
    "To": "whatsapp:+15550100001",
    "MessageType": "interactive",
}


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"Body": "Confirm", "ButtonText": "Confirm", "ButtonPayload": "chosen-1"}, "button"),
        ({"Body": "Tuesday", "ListTitle": "Tuesday", "ListId": "chosen-1"}, "list"),
        (
            {"MessageType": "button", "Body": "Yes", "ButtonText": "Yes", "ButtonPayload": "chosen-1"},
            "button",
        ),
    ],
    ids=["button", "list", "button-of-a-template"],
)
def test_a_pressed_button_is_told_from_a_choice_of_a_list(fields: dict[str, str], kind: str) -> None:
    (event,) = twilio_tells(PRESSED | fields)

    assert isinstance(event, MessageReceived)
    assert (event.kind, event.payload) == (kind, "chosen-1")


def _receipt(part: str, status: str, message_id: str) -> dict[str, str]:
    return {
        "msisdn": "447700900123",
        "messageId": part,
        "client-ref": message_id,
        "status": status,
        "err-code": "0" if status == "delivered" else "1",
        "scts": "2401011200",
        "timestamp": "1704110400",
    }


@pytest.mark.parametrize(
    ("statuses", "delivered"),
    [
        (statuses, False)
        for statuses in (
            "delivered failed",
            "failed delivered",
            "delivered expired",
            "delivered rejected",
        )
    ]
    + [("delivered delivered", True), ("failed failed", False)],
)
def test_a_text_of_two_parts_is_delivered_only_if_both_parts_are(statuses: str, delivered: bool) -> None:
    with (
        VonageEmulator() as vendor,
        Dispatcher([vonage(base_url=vendor.url)], ledger=SqliteLedger()) as dispatcher,
    ):
        receipt = dispatcher.send(Sms("x" * 300), to=NUMBER)
        for number, status in enumerate(statuses.split()):
            told = _receipt(f"0A00000000P{number}", status, receipt.id)
            dispatcher.handle_webhook("vonage", vonage_call(told))
        record = dispatcher.get_message(receipt.id)

    assert record is not None
    assert (record.status.group_name == "DELIVERED") is delivered


@pytest.mark.parametrize("sender", ["+15550100123", "+447700900100"])
def test_a_senders_number_goes_to_vonage_as_digits_alone(sender: str) -> None:
    with VonageEmulator() as vendor:
        try:
            with Dispatcher([vonage(base_url=vendor.url, sender=sender)]) as dispatcher:
                dispatcher.send(Sms("hello"), to=NUMBER)
        except BadInput:
            assert vendor.requests == []
            return

    assert vendor.messages[-1]["from"] == sender.removeprefix("+")


@pytest.mark.parametrize("carrier_time", ["1234567890", "2024-01-01", "0"])
def test_a_receipt_whose_carrier_time_cannot_be_read_still_tells_the_delivery(carrier_time: str) -> None:
    (event,) = vonage_tells(
        {
            "msisdn": "447700900123",
            "to": "Shop",
            "messageId": "14000000F9DB",
            "status": "delivered",
            "scts": carrier_time,
            "err-code": "0",
            "client-ref": "order-1",
            "timestamp": "1699999940",
            "message-timestamp": "2023-11-14 22:12:20",
        }
    )

    assert isinstance(event, StatusChanged)
    assert (event.status.name, event.message_id) == ("DELIVERED_TO_HANDSET", "order-1")
    assert event.occurred_at == 1699999940


@pytest.mark.parametrize("sender", ["55501", "ExampleBank", "447700900123"])
def test_what_a_short_code_or_a_name_writes_is_told_as_a_message(sender: str) -> None:
    (event,) = vonage_tells(
        {
            "msisdn": sender,
            "to": "447700900100",
            "messageId": "1",
            "text": "Your code",
            "type": "text",
            "timestamp": "1700000000",
        }
    )

    assert isinstance(event, MessageReceived)
    assert (event.text, event.sender.plain) == ("Your code", sender)
