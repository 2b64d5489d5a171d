"""RCS by Vonage: what is sent is what Vonage's own client would send, and its failover is one record."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from loopback import Peer, Server

from messaging_channels import Dispatcher, SqliteLedger, WebhookRequest, errors
from messaging_channels.events import EngagementReceived, MessageReceived
from messaging_channels.plugins import Envelope, FailureReason, PhoneNumber, StatusGroup
from messaging_channels.testing import Transport
from messaging_channels_rcs import (
    RCS,
    CalendarEvent,
    CardMedia,
    Dial,
    LocationRequest,
    OpenUrl,
    RcsCard,
    RcsCarousel,
    RcsFile,
    RcsText,
    Reply,
    RichCard,
    ShowLocation,
    SmsFallback,
)
from messaging_channels_vonage import Vonage
from messaging_channels_vonage.emulator import VonageEmulator

BY_SMS = SmsFallback("Your table is booked", "Acme", timedelta(hours=1))
SUGGESTIONS = (
    Reply("Thanks", "ok-1"),
    OpenUrl("Look", "https://shop.example.com/", view="tall"),
    OpenUrl("Browse", "https://shop.example.com/", description="The shop"),
    Dial("Call", "+447700900000"),
    ShowLocation("Map", 51.5, -0.125, "Tower"),
    LocationRequest("Where"),
    CalendarEvent("Note", "Meal", datetime(2030, 5, 1, 18, tzinfo=UTC), datetime(2030, 5, 1, 20, tzinfo=UTC)),
)
CARD = RichCard("Hats", "All sorts", CardMedia("https://files.example.com/a.jpg", "tall"), SUGGESTIONS[:4])
MESSAGES = (
    RcsText("Your table is booked", SUGGESTIONS, sms_fallback=BY_SMS, category="transactional"),
    RcsFile("https://files.example.com/a.png"),
    RcsFile("https://files.example.com/a.mp4?x=1"),
    RcsFile("https://files.example.com/a", content_type="application/pdf"),
    RcsCard(CARD, orientation="horizontal", alignment="right"),
    RcsCard(CARD),
    RcsCarousel((CARD, CARD), suggestions=SUGGESTIONS),
)
AT = 1_790_000_000


def _vonage(vendor: VonageEmulator | None = None, **changed: Any) -> Vonage:
    usual = {
        "api_key": "abcd1234",
        "api_secret": "made-up",
        "webhook_signature_secret": "made-up",
        "sender": "Shop",
        "rcs_sender": "AcmeAgent",
    }
    return Vonage(**(usual | ({"base_url": vendor.url} if vendor else {}) | changed))


def _described(message: Any) -> dict[str, Any]:
    flow = _vonage().send([Envelope("0" * 32, "rcs", message, PhoneNumber("447700900123"))])
    body: dict[str, Any] = json.loads(next(flow).body)
    return body


@pytest.mark.parametrize("message", MESSAGES, ids=lambda one: type(one).__name__)
def test_every_message_is_one_that_vonages_own_client_makes(message: Any) -> None:
    from vonage_messages import models

    described = _described(message)
    kinds: dict[str, Any] = {
        "text": models.RcsText,
        "image": models.RcsImage,
        "video": models.RcsVideo,
        "file": models.RcsFile,
        "card": models.RcsCardMessage,
        "carousel": models.RcsCarouselMessage,
    }
    failover = described.pop("failover", None)
    kind = kinds[described.pop("message_type")]
    theirs = kind(
        **{("from_" if name == "from" else name): _in_python(one) for name, one in described.items()}
    )

    dumped = theirs.model_dump(by_alias=True, exclude_none=True, mode="json")
    assert {name: one for name, one in dumped.items() if name != "message_type"} == described
    if failover:
        (sms,) = failover
        assert models.Sms(**{("from_" if name == "from" else name): one for name, one in sms.items()})


def _in_python(value: Any) -> Any:
    """Name fields as the models do, where these have another name in JSON."""
    if isinstance(value, dict):
        return {("type_" if name == "type" else name): _in_python(one) for name, one in value.items()}
    return [_in_python(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("message", MESSAGES, ids=lambda one: type(one).__name__)
def test_every_message_is_taken(message: Any) -> None:
    with VonageEmulator() as vendor, Dispatcher([_vonage(vendor)], channels=[RCS]) as dispatcher:
        receipt = dispatcher.send(message, to="447700900123")

    assert receipt.channel == "rcs"
    assert vendor.messages[0]["client_ref"].startswith(receipt.id)


@pytest.mark.parametrize(
    "message",
    [
        RcsText("hi", validity_period=timedelta(seconds=19)),
        RcsText("hi", validity_period=timedelta(days=4)),
        RcsText("hi", sender="no agent!"),
        RcsCard(RichCard("a title alone")),
        RcsText("hi", sms_fallback=SmsFallback("hi", validity_period=timedelta(days=8))),
    ],
)
def test_what_vonage_would_refuse_is_refused_before(message: Any) -> None:
    with pytest.raises(errors.InvalidMessage):
        _described(message)


def test_a_code_is_tried_for_ten_minutes() -> None:
    assert _described(RcsText("123456", category="authentication"))["ttl"] == 600


def _told(uuid: str, state: str, channel: str, reference: str, **more: Any) -> dict[str, Any]:
    return {
        "message_uuid": uuid,
        "to": "447700900123",
        "from": "AcmeAgent",
        "timestamp": "2026-09-21T14:12:05Z",
        "status": state,
        "channel": channel,
        "client_ref": reference,
        **more,
    }


def _handle(dispatcher: Dispatcher, vendor: VonageEmulator, told: dict[str, Any]) -> Any:
    call = vendor.signed_call(told, "https://app.example/hooks")
    import time

    request = WebhookRequest(call.body, dict(call.headers), call.url, received_at=time.time())
    return dispatcher.handle_webhook("vonage", request)


WORKFLOW = {"workflow": {"id": "w", "items_number": "1", "items_total": "2"}}
STEPS = (
    ("r-1", "submitted", "rcs"),
    ("r-1", "rejected", "rcs"),
    ("s-1", "submitted", "sms"),
    ("s-1", "delivered", "sms"),
)
ORDERS = [*itertools.permutations(STEPS), tuple(one for one in STEPS for _ in range(2))]


@pytest.mark.parametrize("order", ORDERS[::3] + ORDERS[-1:])
@pytest.mark.parametrize("workflow", [{}, WORKFLOW], ids=["without", "with"])
def test_a_failover_is_one_record_in_whatever_order_it_is_told(
    order: Sequence[Any], workflow: dict[str, Any]
) -> None:
    with (
        VonageEmulator() as vendor,
        Dispatcher([_vonage(vendor)], channels=[RCS], ledger=SqliteLedger(owned=True)) as dispatcher,
    ):
        receipt = dispatcher.send(MESSAGES[0], to="447700900123")
        uuid = receipt.provider_id or ""
        for one, state, channel in order:
            last = {"workflow": {"id": "w", "items_number": "2", "items_total": "2"}} if workflow else {}
            reference = f"{receipt.id}-rcs" if channel == "rcs" else receipt.id
            joined = workflow if channel == "rcs" else last
            _handle(
                dispatcher,
                vendor,
                _told(uuid if channel == "rcs" else one, state, channel, reference, **joined),
            )
        record = dispatcher.get_message(receipt.id)

    assert record is not None
    assert record.status.group is StatusGroup.DELIVERED
    assert not record.possible_duplicate
    assert record.delivered_via == ("sms" if workflow else record.delivered_via)


def test_a_rejected_rcs_step_does_not_end_a_message_that_an_sms_follows() -> None:
    with (
        VonageEmulator() as vendor,
        Dispatcher([_vonage(vendor)], channels=[RCS], ledger=SqliteLedger(owned=True)) as dispatcher,
    ):
        receipt = dispatcher.send(MESSAGES[0], to="447700900123")
        _handle(dispatcher, vendor, _told(receipt.provider_id or "", "rejected", "rcs", f"{receipt.id}-rcs"))
        record = dispatcher.get_message(receipt.id)

    assert record is not None
    assert record.status.group is StatusGroup.PENDING


@pytest.mark.parametrize(
    ("code", "group", "failure"),
    [
        (1360, StatusGroup.EXPIRED, FailureReason.EXPIRED),
        (1300, StatusGroup.UNDELIVERABLE, FailureReason.NOT_ON_CHANNEL),
        (1310, StatusGroup.UNDELIVERABLE, FailureReason.NOT_CAPABLE),
    ],
)
def test_a_rejection_alone_is_the_end_and_an_expiry_is_told_as_one(
    code: int, group: StatusGroup, failure: FailureReason
) -> None:
    problem = {"type": f"https://developer.vonage.com/api-errors/messages#{code}", "title": str(code)}
    with (
        VonageEmulator() as vendor,
        Dispatcher([_vonage(vendor)], channels=[RCS], ledger=SqliteLedger(owned=True)) as dispatcher,
    ):
        receipt = dispatcher.send(RcsText("hi"), to="447700900123")
        told = _told(receipt.provider_id or "", "rejected", "rcs", receipt.id, error=problem)
        _handle(dispatcher, vendor, told)
        record = dispatcher.get_message(receipt.id)

    assert record is not None
    assert (record.status.group, record.failure) == (group, failure)


class Mailbox(Server):
    """A webhook address: hands each call to a dispatcher, as a web application would."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.dispatcher: Dispatcher | None = None

    def _answer(self, peer: Peer) -> None:
        import time

        while request := peer.read_request():
            head, _, body = request.partition(b"\r\n\r\n")
            lines = [one.partition(":") for one in head.decode("latin-1").split("\r\n")[1:]]
            headers = {name.lower(): value.strip() for name, _, value in lines}
            assert self.dispatcher is not None
            call = WebhookRequest(body, headers, f"{self.url}/hooks", received_at=time.time())
            self.dispatcher.handle_webhook("vonage", call)
            peer.answer(b"HTTP/1.1 200 X\r\ncontent-length: 0\r\n\r\n")


@pytest.mark.parametrize(
    ("to", "group", "via"),
    [
        ("447700900123", StatusGroup.DELIVERED, "rcs"),
        ("447700900921", StatusGroup.DELIVERED, "sms"),
        ("447700900922", StatusGroup.UNDELIVERABLE, ""),
    ],
)
def test_from_the_emulator_to_the_record(to: str, group: StatusGroup, via: str) -> None:
    with (
        Mailbox() as mailbox,
        VonageEmulator(webhook_url=f"{mailbox.url}/hooks") as vendor,
        Dispatcher([_vonage(vendor)], channels=[RCS], ledger=SqliteLedger(owned=True)) as dispatcher,
    ):
        mailbox.dispatcher = dispatcher
        receipt = dispatcher.send(MESSAGES[0], to=to)
        vendor.wait_for_reports()
        record = dispatcher.get_message(receipt.id)

    assert record is not None
    assert (record.status.group, record.delivered_via) == (group, via)


def test_read_is_an_engagement_of_a_delivered_message() -> None:
    with (
        VonageEmulator() as vendor,
        Dispatcher([_vonage(vendor)], channels=[RCS], ledger=SqliteLedger(owned=True)) as dispatcher,
    ):
        receipt = dispatcher.send(RcsText("hi"), to="447700900123")
        heard = _handle(dispatcher, vendor, _told(receipt.provider_id or "", "read", "rcs", receipt.id))

    assert isinstance(heard.events[1], EngagementReceived)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"message_type": "text", "text": "Hello"}, {"kind": "text", "text": "Hello"}),
        (
            {"message_type": "reply", "reply": {"id": "ok-1", "title": "Yes"}},
            {"text": "Yes", "payload": "ok-1"},
        ),
        (
            {"message_type": "button", "button": {"payload": "ok-1", "text": "Yes"}},
            {"kind": "button", "text": "Yes", "payload": "ok-1"},
        ),
        (
            {"message_type": "location", "location": {"lat": 51.5, "long": -0.125}},
            {"kind": "location", "location": (51.5, -0.125)},
        ),
    ],
)
def test_what_people_write_and_tap_is_read(message: dict[str, Any], expected: dict[str, Any]) -> None:
    told = {
        "message_uuid": "in-1",
        "from": "447700900123",
        "to": "AcmeAgent",
        "channel": "rcs",
        "timestamp": "2026-09-21T14:12:05Z",
        **message,
    }
    with VonageEmulator() as vendor, Dispatcher([_vonage(vendor)], channels=[RCS]) as dispatcher:
        (event,) = _handle(dispatcher, vendor, told).events

    assert isinstance(event, MessageReceived)
    assert (event.channel, event.sender) == ("rcs", PhoneNumber("447700900123"))
    assert {name: getattr(event, name) for name in expected} == expected


def test_a_message_is_taken_back_by_vonages_id() -> None:
    with VonageEmulator() as vendor, Transport() as transport:
        assert transport.run(_vonage(vendor).revoke("aaaaaaaa-0000-4000-8000-000000000000"))
        with pytest.raises(errors.InvalidMessage):
            transport.run(_vonage(vendor).revoke("../accounts"))

    assert vendor.revoked == ["aaaaaaaa-0000-4000-8000-000000000000"]
