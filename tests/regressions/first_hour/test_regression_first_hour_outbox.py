"""The outbox of a first test of an application."""

from __future__ import annotations

import pytest

from messaging_channels import Email, NotSent, Route, Sms, WhatsAppTemplate
from messaging_channels._client.worker import Worker
from messaging_channels.messages.fallback import Fallback
from messaging_channels.testing import Outbox


def test_the_outbox_holds_the_message_that_a_fallback_fell_back_to() -> None:
    outbox = Outbox("infobip", "twilio", routes={"whatsapp": Route("infobip"), "sms": Route("twilio")})
    template = WhatsAppTemplate("order_ready", "en", ("Ann",))
    worker = Worker(outbox.dispatcher)

    outbox.dispatcher.enqueue(Fallback([template, Sms("Your order is ready")], after=300), to="+447700900123")
    worker.drain()
    outbox.clock.advance(301)
    worker.drain()

    told = [(one.provider, one.channel, type(one.message)) for one in outbox.sent]
    assert told == [("infobip", "whatsapp", WhatsAppTemplate), ("twilio", "sms", Sms)]
    assert outbox.only(Sms).text == "Your order is ready"
    outbox.close()


@pytest.mark.parametrize("seconds", [0, 2])
def test_a_mail_server_that_is_busy_is_waited_for_or_the_kit_says_that_it_cannot_play_it(
    seconds: float,
) -> None:
    outbox = Outbox("smtp")

    try:
        outbox.provider("smtp").throttle(seconds=seconds)
    except (LookupError, NotImplementedError, ValueError) as refusal:
        told = f"refused: {refusal}"
    else:
        try:
            told = str(outbox.dispatcher.send(Email("Hi", "text"), to="zoe@example.com").outcome)
        except NotSent as failed:
            told = f"not sent: {failed}"

    assert told.startswith(("refused: ", "not sent: ", "accepted"))
    assert "TypeError" not in told
    outbox.close()


def test_a_mail_that_nobody_throttles_is_accepted() -> None:
    outbox = Outbox("smtp")

    receipt = outbox.dispatcher.send(Email("Hi", "text"), to="zoe@example.com")

    assert str(receipt.outcome).startswith("accepted")
    outbox.close()
