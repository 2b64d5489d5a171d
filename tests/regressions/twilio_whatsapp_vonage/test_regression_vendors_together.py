"""Twilio for SMS beside WhatsApp Cloud for WhatsApp: who is asked, what rests, and what the records say afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from messaging_channels import BadInput, Dispatcher, MessagingError, NotSent, Outcome, Sms, WhatsAppText
from messaging_channels._ledger.sqlite import SqliteLedger
from messaging_channels.messages import Message
from messaging_channels.testing.clock import ControlledClock
from messaging_channels.testing.faults import Fault, FaultKind
from messaging_channels_twilio import Twilio
from messaging_channels_twilio.emulator import ACCOUNT_SID, AUTH_TOKEN, OUR_NUMBER, TwilioEmulator
from messaging_channels_whatsapp_cloud import WhatsAppCloud
from messaging_channels_whatsapp_cloud.emulator import NUMBER_ID, WhatsAppCloudEmulator
from messaging_channels_whatsapp_cloud.emulator import TOKEN as CLOUD_TOKEN

NUMBER = "+447700900123"


def _twilio(vendor: TwilioEmulator) -> Twilio:
    """Return Twilio as a service has it for SMS alone: without a WhatsApp sender."""
    return Twilio(account_sid=ACCOUNT_SID, auth_token=AUTH_TOKEN, sender=OUR_NUMBER, base_url=vendor.url)


def _cloud(vendor: WhatsAppCloudEmulator) -> WhatsAppCloud:
    return WhatsAppCloud(access_token=CLOUD_TOKEN, sender=NUMBER_ID, base_url=vendor.url)


@pytest.mark.parametrize(
    ("order", "message", "expected"),
    [
        (1, WhatsAppText("hello"), "whatsapp-cloud"),
        (-1, WhatsAppText("hello"), "whatsapp-cloud"),
        (1, Sms("hello"), "twilio"),
        (-1, Sms("hello"), "twilio"),
    ],
    ids=["whatsapp-twilio-first", "whatsapp-cloud-first", "sms-twilio-first", "sms-cloud-first"],
)
def test_a_message_goes_to_the_vendor_that_has_a_sender_for_it(
    order: int, message: Message, expected: str
) -> None:
    with TwilioEmulator() as sms, WhatsAppCloudEmulator() as whatsapp:
        providers = [_twilio(sms), _cloud(whatsapp)][::order]
        with Dispatcher(providers) as dispatcher:
            receipt = dispatcher.send(message, to=NUMBER)

    assert (receipt.outcome, receipt.provider) == (Outcome.ACCEPTED, expected)


def _ends(dispatcher: Dispatcher, numbers: range) -> list[str]:
    """Send a text to each number; return the names of the outcomes and of the errors."""
    ends: list[str] = []
    for number in numbers:
        try:
            receipt = dispatcher.send(WhatsAppText("hello"), to=f"+4477009001{number:02}")
        except MessagingError as error:
            ends.append(type(error).__name__)
        else:
            ends.append(receipt.outcome.value)
    return ends


@pytest.mark.parametrize("order", [1, -1], ids=["cloud-first", "twilio-first"])
def test_while_the_only_vendor_with_a_sender_rests_no_message_is_called_wrong(order: int) -> None:
    with TwilioEmulator() as sms, WhatsAppCloudEmulator() as whatsapp:
        whatsapp.faults.add(Fault(FaultKind.STATUS, status=503, times=5))
        with Dispatcher([_cloud(whatsapp), _twilio(sms)][::order]) as dispatcher:
            ends = _ends(dispatcher, range(8))

    assert "InvalidMessage" not in ends
    assert set(ends[5:]) <= {"NotSent", "accepted"}


def test_a_message_without_a_sender_anywhere_is_called_wrong() -> None:
    with TwilioEmulator() as sms, Dispatcher([_twilio(sms)]) as dispatcher, pytest.raises(BadInput):
        dispatcher.send(WhatsAppText("hello"), to=NUMBER)


def test_a_message_that_was_not_sent_because_every_vendor_rests_has_a_record() -> None:
    with (
        WhatsAppCloudEmulator() as whatsapp,
        Dispatcher([_cloud(whatsapp)], ledger=SqliteLedger()) as dispatcher,
    ):
        whatsapp.faults.add(Fault(FaultKind.STATUS, status=503, times=50))
        _ends(dispatcher, range(12))

        with pytest.raises(NotSent):
            dispatcher.send(WhatsAppText("hello"), to=NUMBER, idempotency_key="order-1")
        record = dispatcher.get_message(idempotency_key="order-1")

    assert record is not None
    assert record.outcome is Outcome.NOT_SENT


@pytest.mark.parametrize(
    "made",
    [SqliteLedger, lambda: SqliteLedger(addresses="plain")],
    ids=["as-it-comes", "plain"],
)
def test_an_unknown_outcome_is_settled_whatever_the_ledger_keeps_of_addresses(
    made: Callable[[], SqliteLedger],
) -> None:
    clock = ControlledClock(time.time())

    with TwilioEmulator() as vendor, Dispatcher([_twilio(vendor)], ledger=made(), clock=clock) as dispatcher:
        vendor.faults.add(Fault(FaultKind.RESET, handled=True, path="/2010"))
        receipt = dispatcher.send(Sms("order"), to=NUMBER)
        clock.advance(60)
        dispatcher.reconcile()
        record = dispatcher.get_message(receipt.id)

    assert receipt.outcome is Outcome.UNKNOWN
    assert record is not None
    assert record.outcome is Outcome.ACCEPTED
