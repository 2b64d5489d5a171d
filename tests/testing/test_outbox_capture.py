"""An application that makes its own dispatcher is tested without being handed one."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from messaging_channels import (
    AsyncDispatcher,
    AsyncWorker,
    Dispatcher,
    Email,
    MappingResolver,
    NotSent,
    SendWindow,
    Sms,
    User,
    WhatsAppText,
)
from messaging_channels.errors import ConfigurationError
from messaging_channels.messages import Fallback
from messaging_channels.plugins import Reason
from messaging_channels.testing import Outbox

TO = "+447700900123"


def sign_up(number: str) -> None:
    """Stands for an application."""
    with Dispatcher.from_config() as dispatcher:
        dispatcher.send(Sms("Your code is 4821"), to=number)


def test_the_fixture_captures_what_the_application_makes_from_its_configuration(outbox: Outbox) -> None:
    sign_up(TO)

    assert outbox.only(Sms, to=TO).text == "Your code is 4821"


def test_a_route_of_the_configuration_is_kept_and_its_provider_played(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESSAGING_CHANNELS_ROUTE_SMS", "twilio,infobip")
    sign_up(TO)
    outbox.provider("twilio").refuse_connection(times=9)
    sign_up("+447700900124")

    assert [one.provider for one in outbox.sent] == ["twilio", "infobip"]


def test_a_misspelt_setting_is_refused_under_test_too(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESSAGING_CHANNELS_ROUT_SMS", "twilio")

    with pytest.raises(ConfigurationError):
        sign_up(TO)

    outbox.assert_nothing_sent()


def test_tasks_are_captured_likewise_and_share_the_ledger() -> None:
    async def run() -> None:
        async with AsyncDispatcher.from_config() as door:
            await door.send(Sms("Hi"), to=TO, idempotency_key="k")

    with Outbox() as outbox:
        asyncio.run(run())
        with Dispatcher.from_config() as door:
            assert door.send(Sms("Hi"), to=TO, idempotency_key="k").replayed
        assert len(outbox) == 1


def test_a_fallback_goes_through_every_step_and_channel_on_one_ledger_behind_both_clients() -> None:
    addresses = {User("u1"): {"whatsapp": TO, "sms": TO, "email": "zoe@example.com"}}
    resolvers = [MappingResolver(addresses)]
    steps = Fallback([WhatsAppText("First"), Sms("Then"), Email("Last", "text")], after=60)

    async def work() -> int:
        async with AsyncDispatcher.from_config(resolvers=resolvers) as door:
            return await AsyncWorker(door).drain()

    with Outbox() as outbox:
        with Dispatcher.from_config(resolvers=resolvers) as door:
            receipt = door.enqueue(steps, to=User("u1"))
        assert asyncio.run(work()) == 1
        outbox.advance(61)
        outbox.advance(61)
        told = [(one.channel, type(one.message)) for one in outbox.sent]
        with Dispatcher.from_config() as door:
            record = door.get_message(receipt.id)

    assert told == [("whatsapp", WhatsAppText), ("sms", Sms), ("email", Email)]
    assert record is not None
    assert [one.channel for one in record.attempts] == ["whatsapp", "sms", "email"]


def test_outside_of_the_block_nothing_is_captured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESSAGING_CHANNELS_ROUTE_SMS", "sandbox")
    with Outbox() as outbox:
        pass

    sign_up(TO)

    assert len(outbox) == 0


def test_time_travel_goes_through_windows_and_fallbacks() -> None:
    outbox = Outbox("twilio", "infobip")
    window = SendWindow("09:00", "10:00", timezone="Europe/London")
    outbox.dispatcher.enqueue(Sms("At nine"), to=TO, window=window)
    outbox.dispatcher.enqueue(Fallback([WhatsAppText("First"), Sms("Then")], after=300), to="+447700900124")

    assert outbox.advance(0) == 1
    assert outbox.advance(timedelta(seconds=301)) >= 1
    assert outbox.advance(timedelta(days=1)) >= 1
    told = [(one.channel, type(one.message).__name__) for one in outbox.sent]
    assert told == [("whatsapp", "WhatsAppText"), ("sms", "Sms"), ("sms", "Sms")]
    outbox.close()


@pytest.mark.parametrize(
    ("act", "outcome"),
    [
        ("throttle", "not_sent"),
        ("fail", "rejected"),
        ("drop_response", "unknown"),
        ("time_out", "unknown"),
        ("refuse_connection", "not_sent"),
    ],
)
def test_a_mail_server_is_played_like_a_vendor_over_http(act: str, outcome: str) -> None:
    outbox = Outbox("smtp")
    getattr(outbox.provider("smtp"), act)(times=9)

    try:
        told = str(outbox.dispatcher.send(Email("Hi", "text"), to="zoe@example.com").outcome)
    except NotSent:
        told = "not_sent"
    except Exception as failed:  # noqa: BLE001  whatever it is, it is shown
        told = type(failed).__name__.lower()

    assert told == outcome
    outbox.close()


def test_a_mail_server_that_was_busy_once_is_asked_again() -> None:
    outbox = Outbox("smtp")
    outbox.provider("smtp").throttle()

    assert outbox.dispatcher.send(Email("Hi", "text"), to="zoe@example.com").outcome == "accepted"
    outbox.close()


def test_a_mailbox_that_does_not_exist_is_refused() -> None:
    outbox = Outbox("smtp")
    outbox.provider("smtp").reject(Reason.RECIPIENT)

    with pytest.raises(Exception, match="recipient"):
        outbox.dispatcher.send(Email("Hi", "text"), to="zoe@example.com")
    outbox.close()


def test_failures_of_assertions_say_what_there_is(outbox: Outbox) -> None:
    outbox.dispatcher.send(Sms("Hi"), to=TO)
    assert outbox.assert_sent(Sms, to=TO, times=1)[0].text == "Hi"

    with pytest.raises(AssertionError, match=r"expected 2 Sms to \+447700900123, found 1(.|\n)*Sms to \+44"):
        outbox.assert_sent(Sms, to=TO, times=2)
    with pytest.raises(AssertionError, match="expected at least one Email, found 0"):
        outbox.assert_sent(Email)
    with pytest.raises(AssertionError, match="expected no Sms, found 1"):
        outbox.assert_nothing_sent(Sms)
    outbox.assert_nothing_sent(Email)
