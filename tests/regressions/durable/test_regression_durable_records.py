"""What a record says after a fallback, a look into the vendor's log, and the erasure of somebody."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, ClassVar

import pytest
from regression_server import (
    TO,
    Asked,
    reply,
    told,
    twilio,
    twilio_takes,
    until,
    vendor,
    vonage,
    vonage_takes,
)
from scripted import Scripted

from messaging_channels import Dispatcher, PhoneNumber, Route, Sandbox, Sms, WhatsAppText
from messaging_channels._client.worker import Worker
from messaging_channels._ledger.options import LedgerOptions
from messaging_channels._ledger.sqlite import SqliteLedger
from messaging_channels._model.errors import Phase, TransportError
from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels.messages.fallback import Fallback
from messaging_channels.plugins.exchange import BlockingCall, Flow, ask
from messaging_channels.plugins.ledger import Ledger
from messaging_channels.plugins.provider import Capabilities, LookupRequest
from messaging_channels.testing.clock import ControlledClock


def _worked(dispatcher: Dispatcher, clock: ControlledClock, times: int) -> None:
    """Drain the queue, again and again, a minute apart."""
    worker = Worker(dispatcher)
    worker.drain()
    for _ in range(times):
        clock.advance(61.0)
        worker.drain()


@pytest.mark.parametrize("route", [("vonage", "twilio"), ("twilio", "vonage")], ids=" ".join)
def test_the_second_of_two_alike_goes_by_the_other_vendor_of_the_route(
    route: tuple[str, str], ledger: Ledger
) -> None:
    clock, asked = ControlledClock(), []
    code = Sms("Your code is 4821")

    def answer(request: Asked) -> bytes:
        asked.append("twilio" if "Accounts" in request.path else "vonage")
        return twilio_takes() if "Accounts" in request.path else vonage_takes()

    with vendor(answer) as server:
        providers = [
            vonage(server.url),
            twilio(server.url, status_callback="https://shop.example.com/reports"),
        ]
        with Dispatcher(providers, routes={"sms": Route(*route)}, ledger=ledger, clock=clock) as dispatcher:
            dispatcher.enqueue(Fallback([code, code], after=60), to=TO)
            _worked(dispatcher, clock, 5)

    assert tuple(asked[:2]) == route


def test_each_attempt_of_a_fallback_says_by_which_channel_it_went(ledger: Ledger) -> None:
    clock = ControlledClock()
    ways = Fallback([WhatsAppText("Your order is ready"), Sms("Your order is ready")], after=60)

    with Dispatcher([Sandbox()], ledger=ledger, clock=clock) as dispatcher:
        message_id = dispatcher.enqueue(ways, to=TO).id
        _worked(dispatcher, clock, 3)
        record = dispatcher.get_message(message_id)

    assert record is not None
    assert str(record.attempts[-1].result.reason) == "accepted"  # type: ignore[union-attr]
    assert len(record.attempts) == 2
    assert [one.as_dict().get("channel") for one in record.attempts] == ["whatsapp", "sms"]


def _entry(seconds: float, text: str) -> dict[str, Any]:
    """An entry of Twilio's log, created that many seconds from now."""
    when = format_datetime(datetime.fromtimestamp(time.time() + seconds, UTC))
    times = {"date_created": when, "date_sent": when}
    way = {"to": TO, "from": "+15005550006", "body": text, "direction": "outbound-api"}
    return (
        {"sid": "SM" + "9" * 32, "status": "delivered", "error_code": None, "num_segments": "1"} | times | way
    )


@pytest.mark.parametrize(
    ("age", "ours"),
    [
        pytest.param(-90, False, id="before"),
        pytest.param(0, True, id="during"),
    ],
)
def test_an_entry_of_before_our_request_is_none_of_ours(age: float, ours: bool) -> None:
    text = "Your order has shipped"
    log = [_entry(age, text)]

    def answer(request: Asked) -> bytes | None:
        """Drop what is sent, before it is taken; show the account's log."""
        if request.method == "POST":
            return None
        return reply(200, {"messages": log, "next_page_uri": None, "page": 0, "page_size": 200})

    recording = LedgerOptions(SqliteLedger(addresses="plain", owned=True), reconcile_after=(0.05, 0.05, 0.05))
    with vendor(answer) as server, Dispatcher([twilio(server.url)], ledger=recording) as dispatcher:
        message_id = dispatcher.send(Sms(text), to=TO, idempotency_key="order-7").id
        until(lambda: dispatcher.reconcile() or len(server.requests) > 1, 5)
        record = dispatcher.get_message(message_id)

    assert any(one.startswith(b"GET") for one in server.requests)
    assert record is not None
    assert (str(record.outcome) == "accepted") is ours


class Findable(Scripted):
    """Loses the connection after each request, and finds everything when it is asked."""

    capabilities: ClassVar[Capabilities] = Capabilities({Sms: frozenset()})

    def look_up(self, inquiry: LookupRequest) -> Flow[AttemptResult]:
        yield from ask(BlockingCall(lambda: None, may_send=False))
        return AttemptResult.of(Reason.ACCEPTED, "found", provider_id=f"v-{inquiry.message_id}")


@pytest.mark.parametrize("erased", [[0], [4], [1, 3]], ids=["first", "last", "two"])
def test_who_is_erased_keeps_no_others_from_being_settled(erased: Sequence[int], ledger: Ledger) -> None:
    clock = ControlledClock()
    provider = Findable("vendor", TransportError("the connection broke", phase=Phase.READ))

    with Dispatcher([provider], ledger=ledger, clock=clock) as dispatcher:
        numbers = [f"+44770090012{last}" for last in range(5)]
        sent = [dispatcher.send(Sms("hello"), to=number).id for number in numbers]
        for place in erased:
            dispatcher.queue.erase_recipient(PhoneNumber.parse(numbers[place]))
        faults = set()
        for seconds in (31, 121, 601, 3601):
            clock.advance(seconds)
            try:
                dispatcher.reconcile()
            except Exception as fault:  # noqa: BLE001
                faults.add(type(fault).__name__)
        outcomes = [told(lambda one=one: dispatcher.get_message(one)) for one in sent]  # type: ignore[misc]

    others = [outcome for place, outcome in enumerate(outcomes) if place not in erased]
    assert not faults
    assert others == ["accepted"] * len(others)
