from __future__ import annotations

import asyncio

import pytest
from scripted import QuickClock

from messaging_channels import (
    AsyncDispatcher,
    Dispatcher,
    Email,
    NotSent,
    Outcome,
    PhoneNumber,
    Rejected,
    Sandbox,
    SendFailed,
    Sms,
    WhatsAppText,
)
from messaging_channels._providers.sandbox import BEHAVIOURS
from messaging_channels._transport.drivers import Transport
from messaging_channels.plugins.provider import Envelope


def test_it_accepts_and_then_reports_delivery_on_every_channel() -> None:
    sandbox = Sandbox()
    with Dispatcher([sandbox]) as dispatcher:
        for message, to in (
            (Sms("hello"), "+447700900123"),
            (WhatsAppText("hello"), "447700900123"),
            (Email("Hello", "hello"), "zoe@example.com"),
        ):
            assert dispatcher.send(message, to=to).outcome is Outcome.ACCEPTED
        reports = dispatcher.fetch_reports()
        assert {report.status.name for report in reports} == {"DELIVERED_TO_HANDSET"}
        assert len(reports) == 3
        assert dispatcher.fetch_reports() == []

    assert [taken["type"] for taken in sandbox.outbox.messages()] == ["Sms", "WhatsAppText", "Email"]


@pytest.mark.parametrize("behavior", BEHAVIOURS, ids=lambda one: one.mail)
def test_each_special_address_does_what_the_table_says(behavior: object) -> None:
    with Dispatcher([Sandbox(hang=0.01)], clock=QuickClock()) as dispatcher:
        for message, to in (
            (Sms("hello"), behavior.phone),  # type: ignore[attr-defined]
            (Email("Hello", "hello"), behavior.mail),  # type: ignore[attr-defined]
        ):
            try:
                receipt = dispatcher.send(message, to=to)
            except SendFailed as failed:
                receipt = failed.receipt
            assert receipt.attempts[-1].result.reason is behavior.reason  # type: ignore[attr-defined]
        for report in dispatcher.fetch_reports():
            assert report.status == behavior.report  # type: ignore[attr-defined]


def test_a_refusal_raises_rejected_with_the_receipt() -> None:
    with Dispatcher([Sandbox()]) as dispatcher, pytest.raises(Rejected) as caught:
        dispatcher.send(Sms("hello"), to="+447700900001")

    assert caught.value.receipt.status.group_name == "REJECTED"
    assert "447700900001" not in str(caught.value)


def test_throttling_raises_not_sent_with_the_time_to_wait() -> None:
    with Dispatcher([Sandbox()], clock=QuickClock()) as dispatcher, pytest.raises(NotSent) as caught:
        dispatcher.send(Sms("hello"), to="+447700900002")

    assert caught.value.retry_after == 2.0


def test_a_hanging_provider_leaves_the_outcome_unknown() -> None:
    async def send() -> Outcome:
        async with AsyncDispatcher([Sandbox(hang=0.01)]) as dispatcher:
            return (await dispatcher.send(Sms("hello"), to="+447700900003")).outcome

    assert asyncio.run(send()) is Outcome.UNKNOWN


def test_a_message_that_is_handed_over_twice_is_taken_once() -> None:
    sandbox = Sandbox()
    envelope = Envelope("1" * 32, "sms", Sms("hello"), PhoneNumber("447700900123"))
    with Transport() as transport:
        told = [transport.run(sandbox.send([envelope])) for _ in range(2)]

    assert [result.outcome for outcomes in told for result in outcomes] == [
        Outcome.ACCEPTED,
        Outcome.ACCEPTED,
    ]
    assert [taken["messageId"] for taken in sandbox.outbox.messages()] == [envelope.id]
