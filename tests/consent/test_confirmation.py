"""An opt-out is confirmed once, within five minutes, where the vendor does not, and only where the application asked for it."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from scripted import Scripted

from messaging_channels import AsyncDispatcher, Dispatcher, PhoneNumber, Sms, SqliteLedger
from messaging_channels.consent import ConsentPolicy
from messaging_channels.errors import MessageBlocked
from messaging_channels.events import MessageReceived, OptedOut
from messaging_channels.messages import Message
from messaging_channels.plugins import Ledger, WebhookRequest, WebhookResult
from messaging_channels.testing import ControlledClock, Outbox

TO = "+447700900123"
WORDS = "You get no more messages from us. Reply START to get them again."


def _confirm(event: OptedOut) -> Message | None:
    return Sms(WORDS) if event.channel == "sms" else None


POLICY = ConsentPolicy(confirmation=_confirm)


class Hears(Scripted):
    """A provider whose webhooks hold what was written: `time text`."""

    def handle_webhook(self, request: WebhookRequest) -> WebhookResult:
        at, _, text = request.body.decode().partition(" ")
        return WebhookResult((_written(text, float(at)),))


def _written(text: str, at: float, number: str = TO) -> MessageReceived:
    return MessageReceived(
        provider="one",
        occurred_at=at,
        channel="sms",
        provider_id=f"{at} {text}",
        event_id=f"{at} {text}",
        sender=PhoneNumber.parse(number),
        to="447700900000",
        text=text,
    )


def _webhook(text: str, at: float) -> WebhookRequest:
    return WebhookRequest(f"{at} {text}".encode(), {})


def _texts(provider: Scripted) -> list[str]:
    return [envelope.message.text for envelope in provider.asked]  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", ["STOP", "Stop.", "ARRÊT", "please stop texting me"])
def test_an_opt_out_is_confirmed_and_nothing_else_goes_out(text: str, ledger: Ledger) -> None:
    provider, clock = Hears("one"), ControlledClock()
    with Dispatcher([provider], ledger=ledger, consent=POLICY, clock=clock) as dispatcher:
        dispatcher.handle_webhook("one", _webhook(text, clock.now()))
        assert _texts(provider) == [WORDS]
        with pytest.raises(MessageBlocked):
            dispatcher.send(Sms("News"), to=TO)
        with pytest.raises(MessageBlocked):
            dispatcher.send(Sms("Your code", category="authentication"), to=TO)
    assert _texts(provider) == [WORDS]


def test_none_is_confirmed_unless_the_application_asks_for_it(ledger: Ledger) -> None:
    provider, clock = Hears("one"), ControlledClock()
    with Dispatcher([provider], ledger=ledger, clock=clock) as dispatcher:
        dispatcher.handle_webhook("one", _webhook("STOP", clock.now()))
    assert provider.asked == []


def test_a_repetition_and_a_second_word_are_not_confirmed_but_one_after_an_opt_in_is(ledger: Ledger) -> None:
    provider, clock = Hears("one"), ControlledClock()
    with Dispatcher([provider], ledger=ledger, consent=POLICY, clock=clock) as dispatcher:
        first = _webhook("STOP", clock.now())
        for call in (first, first, _webhook("STOPALL", clock.now() + 1), _webhook("END", clock.now() + 2)):
            dispatcher.handle_webhook("one", call)
        assert _texts(provider) == [WORDS]
        clock.advance(10)
        dispatcher.handle_webhook("one", _webhook("START", clock.now()))
        clock.advance(10)
        dispatcher.handle_webhook("one", _webhook("STOP", clock.now()))
    assert _texts(provider) == [WORDS, WORDS]


def test_one_that_is_heard_after_five_minutes_is_not_confirmed(ledger: Ledger) -> None:
    provider, clock = Hears("one"), ControlledClock()
    with Dispatcher([provider], ledger=ledger, consent=POLICY, clock=clock) as dispatcher:
        dispatcher.handle_webhook("one", _webhook("STOP", clock.now() - 301))
        assert provider.asked == []
        assert dispatcher.consent.find("sms", TO) is not None


@pytest.mark.parametrize("text", ["hello", "HELP", "START", "stop by tomorrow"])
def test_what_is_no_opt_out_is_not_confirmed(text: str, ledger: Ledger) -> None:
    provider, clock = Hears("one"), ControlledClock()
    with Dispatcher([provider], ledger=ledger, consent=POLICY, clock=clock) as dispatcher:
        dispatcher.handle_webhook("one", _webhook(text, clock.now()))
    assert provider.asked == []


def test_words_that_are_only_reported_are_not_confirmed(ledger: Ledger) -> None:
    provider, clock = Hears("one"), ControlledClock()
    with Dispatcher(
        [provider], ledger=ledger, consent=replace(POLICY, likely="report"), clock=clock
    ) as dispatcher:
        dispatcher.handle_webhook("one", _webhook("please stop texting me", clock.now()))
    assert provider.asked == []


def test_where_the_vendor_answers_the_word_we_do_not() -> None:
    outbox = Outbox("twilio", consent=POLICY)
    call = outbox.inbound_message("STOP", sender="447700900123", to="447700900000", provider="twilio")
    outbox.dispatcher.handle_webhook("twilio", call)
    assert outbox.all() == []
    assert outbox.dispatcher.consent.find("sms", TO) is not None
    outbox.close()


def test_a_confirmation_that_fails_leaves_the_opt_out_and_the_webhook_as_they_are(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(event: OptedOut) -> Message | None:
        raise ZeroDivisionError(event.channel)

    clock = ControlledClock()
    with Dispatcher(
        [Hears("one")], ledger=ledger, consent=ConsentPolicy(confirmation=fails), clock=clock
    ) as dispatcher:
        result = dispatcher.handle_webhook("one", _webhook("STOP", clock.now()))
        assert len(result.events) == 2
        assert dispatcher.consent.find("sms", TO) is not None
    assert "could not be confirmed" in caplog.text


def test_an_asynchronous_dispatcher_and_one_without_a_ledger_confirm_too() -> None:
    provider, clock = Hears("one"), ControlledClock()

    async def hear() -> None:
        async with AsyncDispatcher([provider], consent=POLICY, clock=clock) as dispatcher:
            await dispatcher.handle_webhook("one", _webhook("STOP", clock.now()))
            with pytest.raises(MessageBlocked):
                await dispatcher.send(Sms("News"), to=TO)

    asyncio.run(hear())
    assert _texts(provider) == [WORDS]


def test_two_opt_outs_at_once_are_confirmed_once(tmp_path: Path) -> None:
    provider, clock, ready = Hears("one"), ControlledClock(), threading.Barrier(8, timeout=30)
    ledger = SqliteLedger(tmp_path / "ledger")
    with Dispatcher([provider], ledger=ledger, consent=POLICY, clock=clock) as dispatcher:

        def hear(number: int) -> None:
            ready.wait()
            dispatcher.handle_webhook("one", _webhook("STOP", clock.now() - number / 100))

        threads = [threading.Thread(target=hear, args=(number,)) for number in range(8)]
        for one in threads:
            one.start()
        for one in threads:
            one.join(60)
    ledger.close()
    assert _texts(provider) == [WORDS]
