"""RCS by Infobip: what is sent, what comes back, and which message of a failover arrived."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from loopback import Peer, Server

from messaging_channels import Dispatcher, Fallback, Sms, SqliteLedger, WebhookRequest, Worker, errors
from messaging_channels.events import EngagementReceived, MessageReceived, StatusChanged
from messaging_channels.plugins import FailureReason, PhoneNumber, StatusGroup
from messaging_channels.testing import Transport
from messaging_channels_infobip import Infobip, InfobipRcsOptions
from messaging_channels_infobip.emulator import InfobipEmulator
from messaging_channels_rcs import (
    RCS,
    CalendarEvent,
    CardMedia,
    Dial,
    LocationRequest,
    OpenUrl,
    RcsCapability,
    RcsCard,
    RcsCarousel,
    RcsFile,
    RcsText,
    Reply,
    RichCard,
    ShowLocation,
    SmsFallback,
)


class Mailbox(Server):
    """A webhook address: hands each call to a dispatcher, as a web application would."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        super().__init__(self._answer)
        self.dispatcher = dispatcher

    def _answer(self, peer: Peer) -> None:
        while request := peer.read_request():
            head, _, body = request.partition(b"\r\n\r\n")
            path = head.decode("latin-1").split(" ")[1]
            self.dispatcher.handle_webhook("infobip", WebhookRequest(body, {}, self.url + path))
            peer.answer(b"HTTP/1.1 200 X\r\ncontent-length: 0\r\n\r\n")


BY_SMS = SmsFallback("Your table is booked", "Acme", timedelta(hours=1))
SUGGESTIONS = (
    Reply("Thanks", "ok-1"),
    OpenUrl("Look", "https://shop.example.com/", view="tall"),
    Dial("Call", "+447700900000"),
    ShowLocation("Map", 51.5, -0.125, "Tower"),
    LocationRequest("Where"),
    CalendarEvent("Note", "Meal", datetime(2030, 5, 1, 18, tzinfo=UTC), datetime(2030, 5, 1, 20, tzinfo=UTC)),
)
CARD = RichCard("Hats", "All sorts", CardMedia("https://files.example.com/a.jpg", "tall"), SUGGESTIONS[:4])
MESSAGES = (
    RcsText("Your table is booked", SUGGESTIONS, sms_fallback=BY_SMS),
    RcsFile("https://files.example.com/a.pdf", thumbnail="https://files.example.com/t.jpg"),
    RcsCard(CARD, orientation="horizontal", alignment="right", suggestions=SUGGESTIONS),
    RcsCarousel((CARD, CARD), suggestions=SUGGESTIONS),
)


def _infobip(vendor: InfobipEmulator, **more: Any) -> Infobip:
    given = {
        "base_url": vendor.url,
        "api_key": "emulated-key",
        "rcs_sender": "AcmeAgent",
        "webhook_token": "t",
    }
    return Infobip(**given | more)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda one: type(one).__name__)
def test_every_rcs_message_is_what_the_vendors_documents_allow(message: Any) -> None:
    with InfobipEmulator() as vendor, Dispatcher([_infobip(vendor)], channels=[RCS]) as dispatcher:
        receipt = dispatcher.send(message, to="447700900123")

    assert receipt.channel == "rcs"
    assert receipt.provider_id == receipt.id
    assert vendor.violations == []


def test_many_messages_of_different_types_share_a_request() -> None:
    with InfobipEmulator() as vendor, Dispatcher([_infobip(vendor)], channels=[RCS]) as dispatcher:
        to = [f"4477009001{number:02}" for number in range(len(MESSAGES))]
        results = list(dispatcher.send_each(MESSAGES, to=to))

    assert all(one.error is None for one in results)
    assert len(vendor.account.messages) == len(MESSAGES)


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        (RcsText("hi"), 172_800),
        (RcsText("123456", category="authentication"), 600),
        (RcsText("hi", validity_period=timedelta(seconds=30)), 30),
    ],
)
def test_a_message_is_never_sent_without_a_validity(message: RcsText, seconds: int) -> None:
    sent = _request(message)

    assert sent["options"]["validityPeriod"] == {"amount": seconds, "timeUnit": "SECONDS"}


def test_a_validity_that_infobip_would_cut_off_is_refused() -> None:
    with pytest.raises(errors.InvalidMessage, match="48 hours"):
        _request(RcsText("hi", validity_period=timedelta(hours=49)))


def test_options_and_the_fallback_stand_where_infobip_reads_them() -> None:
    options = InfobipRcsOptions(
        callback_data="ref-9", campaign_id="spring", report_url="https://app.example/dlr"
    )
    sent = _request(RcsText("hi", sms_fallback=BY_SMS, provider_options=(options,)))

    assert sent["options"]["smsFailover"] == {
        "sender": "Acme",
        "text": "Your table is booked",
        "validityPeriod": {"amount": 3600, "timeUnit": "SECONDS"},
    }
    assert sent["webhooks"]["callbackData"] == "ref-9"
    assert sent["webhooks"]["delivery"] == {
        "url": "https://app.example/dlr",
        "receiveTriggeredFailoverReports": True,
    }


def _request(message: RcsText) -> dict[str, Any]:
    from messaging_channels.plugins import Envelope

    infobip = Infobip(base_url="https://x.api.infobip.com", api_key="k", rcs_sender="AcmeAgent")
    flow = infobip.send([Envelope("0" * 32, "rcs", message, PhoneNumber.parse("447700900123"))])
    body: dict[str, Any] = json.loads(next(flow).body)
    return dict(body["messages"][0])


def _status(group: int, number: int) -> dict[str, Any]:
    names = {1: "PENDING", 2: "UNDELIVERABLE", 3: "DELIVERED", 4: "EXPIRED"}
    return {"groupId": group, "groupName": names[group], "id": number, "name": "X", "description": "x"}


def _report(
    key: str, group: int, number: int, channel: str | None, error: int = 0, at: int = 5
) -> dict[str, Any]:
    told: dict[str, Any] = {
        "messageId": key,
        "to": "447700900123",
        "sender": "AcmeAgent" if channel != "SMS" else "Acme",
        "sentAt": "2026-09-21T14:12:00.000+0000",
        "doneAt": f"2026-09-21T14:12:{at:02}.000+0000",
        "messageCount": 1,
        "status": _status(group, number),
        "error": {"groupId": 1, "id": error, "name": "E", "description": "e", "permanent": bool(error)},
        "interactionType": "BASIC_MESSAGE",
    }
    return told | ({"channel": channel} if channel else {})


def _call(*records: dict[str, Any]) -> WebhookRequest:
    return WebhookRequest(json.dumps({"results": records}).encode(), url="https://app.example/hooks?token=t")


FAILED_OVER = ((1, 7, "RCS", 7002, 5), (3, 5, "SMS", 0, 9))
"""As the documents have it: a failed RCS step is pending with a permanent error, then the SMS arrives."""
ORDERS = [
    order
    for steps in (FAILED_OVER, FAILED_OVER[:1] * 2 + FAILED_OVER[1:] * 2)
    for order in set(itertools.permutations(steps))
]


@pytest.mark.parametrize("order", ORDERS)
def test_a_failover_is_one_record_that_tells_which_message_arrived(order: Sequence[Any]) -> None:
    with (
        InfobipEmulator() as vendor,
        Dispatcher([_infobip(vendor)], channels=[RCS], ledger=SqliteLedger(owned=True)) as dispatcher,
    ):
        receipt = dispatcher.send(MESSAGES[0], to="447700900123")
        for group, number, channel, error, at in order:
            dispatcher.handle_webhook(
                "infobip", _call(_report(receipt.id, group, number, channel, error, at))
            )
        record = dispatcher.get_message(receipt.id)

    assert record is not None
    assert record.status.group is StatusGroup.DELIVERED
    assert record.delivered_via == "sms"
    assert not record.possible_duplicate
    assert record.failure is None


def test_a_failed_rcs_step_with_a_failover_is_no_end() -> None:
    with (
        InfobipEmulator() as vendor,
        Dispatcher([_infobip(vendor)], channels=[RCS], ledger=SqliteLedger(owned=True)) as dispatcher,
    ):
        receipt = dispatcher.send(MESSAGES[0], to="447700900123")
        dispatcher.handle_webhook("infobip", _call(_report(receipt.id, 1, 7, "RCS", 7002)))
        record = dispatcher.get_message(receipt.id)

    assert record is not None
    assert record.status.group is StatusGroup.PENDING
    assert record.failure is FailureReason.NOT_ON_CHANNEL
    assert not {"retry_later", "suppress_address"} & set(record.advice)


@pytest.mark.parametrize("order", list(itertools.permutations([("RCS", 5), ("SMS", 9)])))
def test_two_deliveries_are_told_as_a_possible_duplicate(order: Sequence[tuple[str, int]]) -> None:
    ledger = SqliteLedger(owned=True)
    with (
        InfobipEmulator() as vendor,
        Dispatcher([_infobip(vendor)], channels=[RCS], ledger=ledger) as dispatcher,
    ):
        receipt = dispatcher.send(MESSAGES[0], to="447700900123")
        for channel, at in (*order, *order):
            dispatcher.handle_webhook("infobip", _call(_report(receipt.id, 3, 5, channel, at=at)))
        record = dispatcher.get_message(receipt.id)

    assert record is not None
    assert (record.delivered_via, record.possible_duplicate) == ("rcs", True)
    assert record.as_dict()["deliveredVia"] == "rcs"


def test_an_sms_that_fails_after_rcs_is_the_end_of_the_message() -> None:
    with (
        InfobipEmulator() as vendor,
        Dispatcher([_infobip(vendor)], channels=[RCS], ledger=SqliteLedger(owned=True)) as dispatcher,
    ):
        receipt = dispatcher.send(MESSAGES[0], to="447700900123")
        for told in (_report(receipt.id, 2, 4, "SMS", 1, 9), _report(receipt.id, 1, 7, "RCS", 7002)):
            dispatcher.handle_webhook("infobip", _call(told))
        record = dispatcher.get_message(receipt.id)

    assert record is not None
    assert record.status.group is StatusGroup.UNDELIVERABLE


def test_a_number_without_rcs_is_not_suppressed_for_text_messages() -> None:
    with (
        InfobipEmulator() as vendor,
        Dispatcher(
            [_infobip(vendor, sender="447700900000")], channels=[RCS], ledger=SqliteLedger(owned=True)
        ) as d,
    ):
        for text in ("one", "two", "three"):
            receipt = d.send(RcsText(text), to="447700900123")
            d.handle_webhook("infobip", _call(_report(receipt.id, 2, 4, None, 7002)))

        assert d.send(Sms("hello"), to="447700900123").channel == "sms"
        assert d.consent.find("rcs", "447700900123") is None


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (
            {"message": {"type": "TEXT", "text": "Hello"}},
            {"kind": "text", "text": "Hello", "payload": None},
        ),
        (
            {
                "message": {"type": "SUGGESTION", "text": "Yes", "postbackData": "ok-1"},
                "pairedMessageId": "m-1",
            },
            {"kind": "button", "text": "Yes", "payload": "ok-1", "reply_to": "m-1"},
        ),
        (
            {"message": {"type": "LOCATION", "latitude": 51.5, "longitude": -0.125}},
            {"kind": "location", "location": (51.5, -0.125)},
        ),
        ({"message": {"type": "SOMETHING"}}, {"kind": "unknown"}),
    ],
)
def test_what_people_write_and_tap_is_read(record: dict[str, Any], expected: dict[str, Any]) -> None:
    told = {
        "sender": "447700900123",
        "to": "AcmeAgent",
        "integrationType": "RCS",
        "receivedAt": "2026-09-21T14:12:05.000+0000",
        "messageId": "in-1",
        **record,
    }
    (event,) = (
        Infobip(base_url="https://x.api.infobip.com", api_key="k", webhook_token="t")
        .handle_webhook(_call(told))
        .events
    )

    assert isinstance(event, MessageReceived)
    assert (event.channel, event.sender, event.to) == ("rcs", PhoneNumber("447700900123"), "AcmeAgent")
    assert {name: getattr(event, name) for name in expected} == expected


def test_a_file_that_somebody_sent_has_its_name_and_type() -> None:
    message = {"type": "FILE", "url": "https://f.example/a", "name": "a.png", "contentType": "image/png"}
    told = {"sender": "447700900123", "to": "AcmeAgent", "messageId": "in-1", "message": message}
    (event,) = _parse(told)

    assert (event.kind, event.media[0].filename, event.media[0].content_type) == (
        "image",
        "a.png",
        "image/png",
    )


def _parse(told: dict[str, Any]) -> Sequence[Any]:
    infobip = Infobip(base_url="https://x.api.infobip.com", api_key="k", webhook_token="t")
    return infobip.handle_webhook(_call(told)).events


def test_stop_on_a_suggestion_opts_out_of_rcs_and_sms() -> None:
    told = {
        "sender": "447700900123",
        "to": "AcmeAgent",
        "messageId": "in-1",
        "message": {"type": "SUGGESTION", "text": "No more", "postbackData": "STOP"},
    }
    with (
        InfobipEmulator() as vendor,
        Dispatcher([_infobip(vendor)], channels=[RCS], ledger=SqliteLedger(owned=True)) as dispatcher,
    ):
        dispatcher.handle_webhook("infobip", _call(told))
        for message in (RcsText("hi"), Sms("hi")):
            with pytest.raises(errors.MessageBlocked):
                dispatcher.send(message, to="447700900123")


def test_seen_is_an_engagement_although_its_ends_are_swapped() -> None:
    seen = {
        "messageId": "m-1",
        "from": "447700900123",
        "to": "AcmeAgent",
        "seenAt": "2026-09-21T14:12:05.000+0000",
    }
    (event,) = _parse(seen)

    assert isinstance(event, EngagementReceived)
    assert event.message_id == "m-1"


def test_a_report_without_a_channel_is_of_rcs() -> None:
    (event,) = _parse(_report("m-1", 3, 5, None))

    assert isinstance(event, StatusChanged)
    assert event.channel == "rcs"


def test_capabilities_are_asked_for_together_and_kept_for_a_while() -> None:
    numbers = ["447700900123", "447700900921", "447700900924"]
    with InfobipEmulator() as vendor, Transport() as transport:
        infobip = _infobip(vendor)
        answers = transport.run(infobip.rcs.capabilities(numbers, "AcmeAgent"))
        again = transport.run(infobip.rcs.capabilities(numbers[:2], "AcmeAgent"))
        asked = [one for one in vendor.requests if "capability" in one.path]

    assert [answers[PhoneNumber(one)] for one in numbers] == [
        RcsCapability.CAPABLE,
        RcsCapability.NOT_CAPABLE,
        RcsCapability.UNKNOWN,
    ]
    assert [again[PhoneNumber(one)] for one in numbers[:2]] == [
        RcsCapability.CAPABLE,
        RcsCapability.NOT_CAPABLE,
    ]
    assert len(asked) == 1


def test_senders_tell_whether_they_are_launched() -> None:
    with InfobipEmulator() as vendor, Transport() as transport:
        listed = transport.run(_infobip(vendor).rcs.senders())
        one = transport.run(_infobip(vendor).rcs.sender("AcmeAgent"))

    assert {each.name: each.is_launched for each in listed} == {"AcmeAgent": True, "TestAgent": False}
    assert one.is_launched


def test_a_number_that_is_not_capable_goes_to_the_next_step_at_once() -> None:
    ledger = SqliteLedger(owned=True)
    with InfobipEmulator() as vendor:
        infobip = _infobip(vendor, rcs_check_capability=True, sender="447700900000")
        with Dispatcher([infobip], channels=[RCS], ledger=ledger) as dispatcher:
            queued = dispatcher.enqueue(Fallback([RcsText("hi"), Sms("hi")]), to="447700900921")
            Worker(dispatcher).drain()
            record = dispatcher.get_message(queued.id)

    assert record is not None
    assert [one.channel for one in record.attempts] == ["rcs", "sms"]
    assert [one["channel"] for one in vendor.state()["messages"]] == ["sms"]


def test_two_fallbacks_do_not_stack() -> None:
    with pytest.raises(errors.InvalidMessage, match="vendor"):
        Fallback([RcsText("hi", sms_fallback=BY_SMS), Sms("hi")])

    assert Fallback([Sms("hi"), RcsText("hi", sms_fallback=BY_SMS)]).steps


@pytest.mark.parametrize(
    ("to", "via", "duplicate"),
    [("447700900123", "rcs", False), ("447700900921", "sms", False), ("447700900923", "sms", True)],
)
def test_from_the_emulator_to_the_record(to: str, via: str, duplicate: bool) -> None:
    with (
        Dispatcher([], channels=[RCS]) as nobody,
        Mailbox(nobody) as mailbox,
        InfobipEmulator(webhook_url=f"{mailbox.url}/hooks?token=t") as vendor,
        Dispatcher([_infobip(vendor)], channels=[RCS], ledger=SqliteLedger(owned=True)) as dispatcher,
    ):
        mailbox.dispatcher = dispatcher
        receipt = dispatcher.send(MESSAGES[0], to=to)
        vendor.wait_for_reports()
        record = dispatcher.get_message(receipt.id)

    assert record is not None
    assert (record.delivered_via, record.possible_duplicate) == (via, duplicate)
    assert vendor.violations == []
