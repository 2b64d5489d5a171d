"""What is asked of Infobip, and what its answer means: senders, mail as MIME, blind copies, headers of interactive messages."""

from __future__ import annotations

import base64
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from regression_vendor import StandIn, infobip, infobip_tells

from messaging_channels import BadInput, ConfigurationError, Dispatcher, Email, Outcome, Sms
from messaging_channels._model.events import StatusChanged
from messaging_channels.messages import WhatsAppButtons, WhatsAppInteractive
from messaging_channels.messages.media import Media
from messaging_channels.messages.whatsapp import ReplyButton
from messaging_channels.plugins.exchange import HttpResponse
from messaging_channels.testing.emulator import Request, json_response
from messaging_channels_infobip import InfobipEmailOptions, InfobipSmsOptions
from messaging_channels_infobip.emulator import InfobipEmulator

NUMBER = "+447700900123"
SENDERS = {
    "sms_sender": "Shop",
    "whatsapp_sender": "15550100001",
    "email_sender": "shop@example.com",
}
ACCEPTED = {
    "groupId": 1,
    "groupName": "PENDING",
    "id": 26,
    "name": "PENDING_ACCEPTED",
    "description": "Message accepted",
}


def test_an_sms_without_a_sender_goes_out_under_the_default_sender_of_the_account() -> None:
    with InfobipEmulator() as vendor, Dispatcher([infobip(base_url=vendor.url)]) as dispatcher:
        receipt = dispatcher.send(Sms("hello"), to=NUMBER)

        assert receipt.outcome is Outcome.ACCEPTED
        assert "sender" not in vendor.requests[-1].json()["messages"][0]


def test_reports_in_xml_are_understood_or_asking_for_them_is_refused_before_anything_is_sent() -> None:
    with (
        InfobipEmulator() as vendor,
        Dispatcher([infobip(base_url=vendor.url, **SENDERS)]) as dispatcher,
    ):
        try:
            option = InfobipSmsOptions(report_content_type="application/xml")
            receipt = dispatcher.send(Sms("hello", provider_options=(option,)), to=NUMBER)
        except BadInput:
            assert vendor.requests == []
            return

    report = (
        f"<reportResponse><results><result><messageId>{receipt.id}</messageId><to>447700900123</to>"
        "<doneAt>2024-01-01T12:00:00.000+0000</doneAt><status><groupId>3</groupId>"
        "<groupName>DELIVERED</groupName><id>5</id><name>DELIVERED_TO_HANDSET</name></status>"
        "</result></results></reportResponse>"
    )
    (event,) = infobip_tells(report.encode(), "application/xml")

    assert isinstance(event, StatusChanged)
    assert (event.message_id, event.status.name) == (receipt.id, "DELIVERED_TO_HANDSET")


@pytest.mark.parametrize(
    "url",
    ["https://", "https:", "http://", "https:///", "", "https:///path", "https://:443"],
)
def test_a_base_url_that_names_no_host_is_refused_when_the_provider_is_made(url: str) -> None:
    with pytest.raises(ConfigurationError):
        infobip(base_url=url)


def test_a_mail_of_text_and_html_travels_as_mime_in_base64() -> None:
    mail = Email("Your order", "It is on its way.", "<p>It is on its way.</p>")

    with (
        InfobipEmulator() as vendor,
        Dispatcher([infobip(base_url=vendor.url, **SENDERS)]) as dispatcher,
    ):
        dispatcher.send(mail, to="zoe@example.com")
    asked = vendor.requests[-1]

    if asked.path != "/email/4/mime":
        content = asked.json()["messages"][0]["content"]
        assert (content["text"], content["html"]) == (mail.text, mail.html)
        return
    letter = message_from_bytes(base64.b64decode(asked.json()["mimeMessage"], validate=True), policy=default)
    text, html = letter.get_body(("plain",)), letter.get_body(("html",))
    assert letter["subject"] == "Your order"
    assert text is not None
    assert html is not None
    assert (text.get_content().strip(), html.get_content().strip()) == (mail.text, mail.html)


def test_nobody_sees_the_blind_copy_of_a_mail_from_a_template() -> None:
    mail = Email(
        "Hi", "", bcc=["accounts@example.org"], provider_options=(InfobipEmailOptions(template_id="42"),)
    )

    with (
        InfobipEmulator() as vendor,
        Dispatcher([infobip(base_url=vendor.url, **SENDERS)]) as dispatcher,
    ):
        try:
            dispatcher.send(mail, to="zoe@example.com")
        except BadInput:
            assert vendor.requests == []
            return
    written = vendor.requests[-1].body.replace(b" ", b"")

    assert b"accounts@example.org" in written
    assert b'"preserveRecipients":true' not in written


def test_a_document_in_the_header_of_an_interactive_message_keeps_its_name() -> None:
    known: dict[str, Any] = {"content_type": "application/pdf", "filename": "invoice-8812.pdf"}
    document = Media("https://shop.example/files/8812", **known)
    message = WhatsAppButtons(text="Your invoice", header=document, buttons=(ReplyButton("paid", "Paid"),))

    with (
        InfobipEmulator() as vendor,
        Dispatcher([infobip(base_url=vendor.url, **SENDERS)]) as dispatcher,
    ):
        dispatcher.send(message, to=NUMBER)

    header = vendor.requests[-1].json()["content"]["header"]
    assert (header["type"], header["filename"]) == ("DOCUMENT", "invoice-8812.pdf")


@pytest.mark.parametrize("message_id", ["vendor-id-4711", "2250be2d4219-3af1-78856-aabe-1362af1edfd2"])
def test_the_only_message_of_an_answer_is_ours_whatever_id_the_vendor_gives_it(message_id: str) -> None:
    element = {"messageId": message_id, "destination": "447700900123", "status": ACCEPTED}

    with (
        StandIn(lambda _: json_response({"messages": [element]})) as vendor,
        Dispatcher([infobip(base_url=vendor.url, **SENDERS)]) as dispatcher,
    ):
        receipt = dispatcher.send(Sms("hello"), to=NUMBER)

    assert (receipt.outcome, receipt.provider_id) == (Outcome.ACCEPTED, message_id)


@pytest.mark.parametrize("kind", ["in-thread-authentication-request", "order-details"])
def test_an_interactive_kind_without_a_class_of_its_own_goes_to_the_endpoint_of_that_kind(kind: str) -> None:
    message = WhatsAppInteractive(kind=kind, text="Sign in", action={"code": "4711"})

    with (
        StandIn(_takes_a_chat_message) as vendor,
        Dispatcher([infobip(base_url=vendor.url, **SENDERS)]) as dispatcher,
    ):
        receipt = dispatcher.send(message, to=NUMBER)
    asked = vendor.requests[-1]

    assert receipt.outcome is Outcome.ACCEPTED
    assert asked.path == f"/whatsapp/1/message/interactive/{kind}"
    assert asked.json()["content"]["action"] == {"code": "4711"}


def _takes_a_chat_message(request: Request) -> HttpResponse:
    told = request.json()
    return json_response(
        {"to": told["to"], "messageCount": 1, "messageId": told["messageId"], "status": ACCEPTED}
    )
