"""RCS by Twilio: straight to an RCS sender, or through a messaging service that falls back to SMS under one SID."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from loopback import Peer, Server

from messaging_channels import Dispatcher, SqliteLedger, WebhookRequest, errors
from messaging_channels.events import EngagementReceived, MessageReceived
from messaging_channels.plugins import Envelope, FailureReason, HttpResponse, PhoneNumber, StatusGroup
from messaging_channels.testing import Transport
from messaging_channels_rcs import RCS, RcsFile, RcsText, SmsFallback
from messaging_channels_twilio import Twilio, TwilioOptions, TwilioSender
from messaging_channels_twilio.emulator import TwilioEmulator
from messaging_channels_twilio.webhook_auth import HEADER, SigningKey

TOKEN = "0123456789abcdef0123456789abcdef"
SERVICE = "MG" + "a" * 32
TO = PhoneNumber("447700900123")
HOOK = "https://shop.example.com/hooks"


def _twilio(vendor: TwilioEmulator | None = None, **more: Any) -> Twilio:
    given = {
        "account_sid": "AC" + "b" * 32,
        "auth_token": TOKEN,
        "sender": "+447700900000",
        "rcs_sender": "acme_agent",
    }
    return Twilio(**given | ({"base_url": vendor.url} if vendor else {}) | more)


def _form(message: Any, **more: Any) -> dict[str, str]:
    request = _twilio(**more).build_request(Envelope("0" * 32, "rcs", message, TO))
    return dict(parse_qsl(request.body.decode()))


def test_a_message_without_a_fallback_goes_straight_to_the_rcs_sender() -> None:
    assert _form(RcsText("hi")) == {"To": "rcs:+447700900123", "From": "rcs:acme_agent", "Body": "hi"}


def test_a_file_goes_by_its_url() -> None:
    form = _form(RcsFile("https://files.example.com/a.png"))

    assert form["MediaUrl"] == "https://files.example.com/a.png"


def test_a_fallback_names_the_service_and_whom_the_sms_comes_from() -> None:
    message = RcsText("hi", sms_fallback=SmsFallback("hi", "+447700900009"))

    assert _form(message, rcs_sender=SERVICE) == {
        "To": "+447700900123",
        "MessagingServiceSid": SERVICE,
        "FallbackFrom": "+447700900009",
        "Body": "hi",
    }


def test_a_code_is_tried_for_ten_minutes() -> None:
    assert _form(RcsText("123456", category="authentication"))["ValidityPeriod"] == "600"


def test_rich_content_is_a_content_template() -> None:
    options = TwilioOptions(content_sid="HX" + "c" * 32, content_variables={"1": "Zoe"})
    form = _form(RcsText("hi", provider_options=(options,)))

    assert form["ContentSid"] == "HX" + "c" * 32
    assert "Body" not in form


@pytest.mark.parametrize(
    ("message", "settings"),
    [
        (RcsText("hi", sms_fallback=SmsFallback("hi")), {}),
        (RcsText("hi", sms_fallback=SmsFallback("other words")), {"rcs_sender": SERVICE}),
        (
            RcsText("hi", sms_fallback=SmsFallback("hi", validity_period=timedelta(1))),
            {"rcs_sender": SERVICE},
        ),
        (RcsText("hi", sender="no agent!"), {}),
        (RcsText("hi", validity_period=timedelta(hours=48)), {}),
        (RcsText("x" * 1601), {}),
        (RcsText("hi"), {"rcs_sender": None}),
    ],
)
def test_what_twilio_would_refuse_is_refused_before(message: RcsText, settings: dict[str, Any]) -> None:
    with pytest.raises(errors.InvalidMessage):
        _form(message, **settings)


def _call(**fields: str) -> WebhookRequest:
    body = urlencode(fields).encode()
    signature = SigningKey(TOKEN).sign(HOOK, list(fields.items()))
    headers = {"content-type": "application/x-www-form-urlencoded", HEADER: signature}
    return WebhookRequest(body, headers, HOOK)


STEPS = (
    ("sent", "rcs:acme_agent", "rcs:+447700900123"),
    ("sent", "+15005550006", "+447700900123"),
    ("delivered", "+15005550006", "+447700900123"),
)


@pytest.mark.parametrize("order", [*itertools.permutations(STEPS), STEPS * 2])
def test_a_fallback_under_one_sid_tells_which_message_arrived(order: Sequence[tuple[str, str, str]]) -> None:
    with (
        TwilioEmulator(rcs_agent="acme_agent") as vendor,
        Dispatcher(
            [_twilio(vendor, rcs_sender=SERVICE)], channels=[RCS], ledger=SqliteLedger(owned=True)
        ) as dispatcher,
    ):
        receipt = dispatcher.send(RcsText("hi", sms_fallback=SmsFallback("hi")), to=TO)
        for state, sender, to in order:
            call = _call(
                MessageSid=receipt.provider_id or "",
                MessageStatus=state,
                From=sender,
                To=to,
                MessagingServiceSid=SERVICE,
            )
            dispatcher.handle_webhook("twilio", call)
        record = dispatcher.get_message(receipt.id)

    assert record is not None
    assert (record.status.group, record.delivered_via) == (StatusGroup.DELIVERED, "sms")
    assert not record.possible_duplicate


class Mailbox(Server):
    """A webhook address: hands each call to a dispatcher, as a web application would."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.dispatcher: Dispatcher | None = None

    def _answer(self, peer: Peer) -> None:
        while request := peer.read_request():
            head, _, body = request.partition(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            headers = {
                name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)
            }
            assert self.dispatcher is not None
            call = WebhookRequest(body, headers, self.url + first.split(" ")[1])
            self.dispatcher.handle_webhook("twilio", call)
            peer.answer(b"HTTP/1.1 204 X\r\ncontent-length: 0\r\n\r\n")


@pytest.mark.parametrize(
    ("to", "fallback", "group", "via"),
    [
        ("447700900123", False, StatusGroup.DELIVERED, "rcs"),
        ("447700900123", True, StatusGroup.DELIVERED, "rcs"),
        ("447700900921", True, StatusGroup.DELIVERED, "sms"),
        ("447700900921", False, StatusGroup.UNDELIVERABLE, ""),
        ("447700900922", True, StatusGroup.UNDELIVERABLE, ""),
    ],
)
def test_from_the_emulator_to_the_record(to: str, fallback: bool, group: StatusGroup, via: str) -> None:
    with (
        Mailbox() as mailbox,
        TwilioEmulator(rcs_agent="acme_agent", webhook_url=f"{mailbox.url}/hooks") as vendor,
    ):
        twilio = _twilio(vendor, **({"rcs_sender": SERVICE} if fallback else {}))
        with Dispatcher([twilio], channels=[RCS], ledger=SqliteLedger(owned=True)) as dispatcher:
            mailbox.dispatcher = dispatcher
            message = RcsText("hi", sms_fallback=SmsFallback("hi") if fallback else None)
            receipt = dispatcher.send(message, to=to)
            vendor.wait_for_reports()
            record = dispatcher.get_message(receipt.id)

    assert record is not None
    assert (record.status.group, record.delivered_via) == (group, via)


def test_a_phone_that_rcs_cannot_reach_is_not_suppressed() -> None:
    with (
        TwilioEmulator() as vendor,
        Dispatcher([_twilio(vendor)], channels=[RCS], ledger=SqliteLedger(owned=True)) as dispatcher,
    ):
        receipt = dispatcher.send(RcsText("hi"), to=TO)
        call = _call(
            MessageSid=receipt.provider_id or "",
            MessageStatus="failed",
            ErrorCode="63036",
            From="rcs:acme_agent",
            To="rcs:+447700900123",
        )
        dispatcher.handle_webhook("twilio", call)
        record = dispatcher.get_message(receipt.id)

        assert record is not None
        assert record.failure is FailureReason.UNREACHABLE
        assert dispatcher.consent.find("sms", "447700900123") is None


def test_what_people_write_and_tap_is_read() -> None:
    call = _call(
        MessageSid="SM" + "e" * 32,
        SmsStatus="received",
        From="rcs:+447700900123",
        To="rcs:acme_agent",
        Body="Yes",
        ButtonPayload="ok-1",
        ButtonText="Yes",
    )
    (event,) = _twilio().handle_webhook(call).events

    assert isinstance(event, MessageReceived)
    assert (event.channel, event.sender, event.kind, event.payload) == ("rcs", TO, "button", "ok-1")


def test_read_is_an_engagement() -> None:
    call = _call(
        MessageSid="SM" + "e" * 32,
        MessageStatus="read",
        From="rcs:acme_agent",
        To="rcs:+447700900123",
        ChannelPrefix="rcs",
    )
    changed, read = _twilio().handle_webhook(call).events

    assert changed.channel == "rcs"  # type: ignore[union-attr]
    assert isinstance(read, EngagementReceived)


def test_the_senders_of_the_account_tell_whether_they_are_online() -> None:
    with TwilioEmulator(rcs_agent="acme_agent") as vendor, Transport() as transport:
        vendor.products.channel_senders.append(
            {
                "sid": "XE" + "1" * 32,
                "sender_id": "rcs:new_agent",
                "status": "OFFLINE",
                "offline_reasons": [{"code": "63100", "message": "Not verified"}],
            }
        )
        found = transport.run(_twilio(vendor).senders())
        none = transport.run(_twilio(vendor).senders("whatsapp"))

    assert [(one.sender, one.is_online, one.offline_codes) for one in found] == [
        ("rcs:acme_agent", True, ()),
        ("rcs:new_agent", False, ("63100",)),
    ]
    assert none == []


@pytest.mark.parametrize(
    ("status", "is_online"),
    [("ONLINE", True), ("ONLINE:UPDATING", True), ("CREATING", False), ("DRAFT", False), ("", False)],
)
def test_every_documented_status_of_a_sender_is_read(status: str, *, is_online: bool) -> None:
    assert TwilioSender("XE1", "rcs:a", status).is_online is is_online


@pytest.mark.parametrize(
    "told",
    [
        {"senders": None},
        {"senders": [7, {}]},
        {},
        {"meta": {"next_page_url": "https://evil.example/v2/Channels/Senders"}},
    ],
)
def test_an_answer_that_is_not_as_documented_holds_no_senders(told: dict[str, Any]) -> None:
    flow = _twilio().senders()
    next(flow)
    with pytest.raises(StopIteration) as end:
        flow.send(HttpResponse(200, {}, json.dumps(told).encode()))

    assert end.value.value == []
