from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from messaging_channels import (
    Email,
    NotSent,
    Outcome,
    Rejected,
    ResolvedRecipient,
    Route,
    Sms,
    User,
    WhatsAppText,
    errors,
)
from messaging_channels._model.events import MessageReceived, StatusChanged
from messaging_channels._model.outcomes import Reason
from messaging_channels.plugins.resolvers import MappingResolver
from messaging_channels.testing import Outbox, VendorWebhooks
from messaging_channels.testing.conformance.suite import ProviderConformance
from messaging_channels.testing.fake import FIXTURES, fake_spec

NUMBER = "+447700900123"


class TestFake(ProviderConformance):
    provider = fake_spec("acme-sms")
    fixtures = FIXTURES
    examples = 30


def test_what_was_sent_is_found_by_type_address_provider_and_predicate(outbox: Outbox) -> None:
    outbox.dispatcher.send(Sms("one"), to=NUMBER)
    outbox.dispatcher.send(Sms("two"), to="+447700900124")
    outbox.dispatcher.send(Email("Hello", text="three"), to="zoe@example.com")

    assert outbox.only(Sms, to="+44 7700 900-123").text == "one"
    assert outbox.only(Sms, where=lambda sms: "w" in sms.text).text == "two"
    assert outbox.only(Email, to="zoe@EXAMPLE.com", provider="fake").subject == "Hello"
    assert [sms.text for sms in outbox.all(Sms)] == ["one", "two"]
    assert outbox.all(WhatsAppText) == outbox.all(Sms, to="zoe@example.com") == []
    assert len(outbox) == len(list(outbox)) == 3


def test_what_is_not_there_is_answered_with_what_is(outbox: Outbox) -> None:
    outbox.dispatcher.send(Sms("secret words"), to=NUMBER)
    with pytest.raises(AssertionError) as failed:
        outbox.only(Email)

    assert "expected one Email, found 0" in str(failed.value)
    assert "Sms to +44•••••••123 at fake (accepted)" in str(failed.value)
    assert "secret words" not in f"{failed.value} {outbox!r} {outbox.sent!r}"


def test_two_that_fit_are_not_one(outbox: Outbox) -> None:
    for _ in range(2):
        outbox.dispatcher.send(Sms("hello"), to=NUMBER)

    with pytest.raises(AssertionError, match="found 2"):
        outbox.only(Sms)


def test_an_outbox_can_be_emptied_between_two_acts(outbox: Outbox) -> None:
    outbox.dispatcher.send(Sms("one"), to=NUMBER)
    outbox.clear()
    outbox.dispatcher.send(Sms("two"), to=NUMBER)

    assert outbox.only(Sms).text == "two"


def test_outboxes_do_not_see_each_other_and_one_serves_many_threads() -> None:
    outboxes = [Outbox() for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        for number, outbox in enumerate(outboxes * 25):
            pool.submit(outbox.dispatcher.send, Sms(f"to outbox {number % 4}"), to=NUMBER)
    for number, outbox in enumerate(outboxes):
        assert {sms.text for sms in outbox.all(Sms)} == {f"to outbox {number}"}
        assert len(outbox) == 25
        outbox.close()


def _two() -> Outbox:
    return Outbox("vonage", "acme-sms", routes={"sms": Route("vonage", "acme-sms")})


def test_throttling_is_waited_for_without_sleeping() -> None:
    outbox = _two()
    outbox.provider("vonage").throttle(seconds=2)
    receipt = outbox.dispatcher.send(Sms("hello"), to=NUMBER)

    assert [attempt.provider for attempt in receipt.attempts] == ["vonage", "vonage"]
    assert outbox.clock.waits == [2.0]


@pytest.mark.parametrize("act", ["drop_response", "time_out", "fail"])
def test_what_may_have_been_sent_is_unknown_and_in_the_outbox(act: str) -> None:
    outbox = _two()
    getattr(outbox.provider("vonage"), act)()
    receipt = outbox.dispatcher.send(Sms("hello"), to=NUMBER)

    assert (receipt.outcome, receipt.provider) == (Outcome.UNKNOWN, "vonage")
    assert outbox.only(Sms).text == "hello"
    assert outbox.sent[0].result.outcome is Outcome.UNKNOWN


def test_a_vendor_out_of_reach_passes_the_message_on() -> None:
    outbox = _two()
    outbox.provider("vonage").refuse_connection(times=20)

    assert outbox.dispatcher.send(Sms("hello"), to=NUMBER).provider == "acme-sms"
    assert outbox.only(Sms, provider="acme-sms").text == "hello"


def test_a_refusal_is_in_the_vendors_own_documented_words() -> None:
    outbox = _two()
    outbox.provider("vonage").reject(Reason.RECIPIENT)
    with pytest.raises(Rejected) as refused:
        outbox.dispatcher.send(Sms("hello"), to=NUMBER)

    assert refused.value.receipt.attempts[0].result.detail == "status 7"  # type: ignore[union-attr]
    assert not outbox


def test_a_refusal_that_the_vendor_does_not_document_cannot_be_played() -> None:
    with pytest.raises(LookupError, match=r"documented are: not_sent\.credentials"):
        _two().provider("vonage").reject(Reason.NOT_FOUND)


@pytest.mark.parametrize("provider", ["infobip", "twilio", "vonage", "acme-sms"])
def test_reports_and_inbound_messages_come_through_the_plugins_own_parsing(provider: str) -> None:
    outbox = Outbox(provider)
    receipt = outbox.dispatcher.send(Sms("hello"), to=NUMBER)
    (report,) = outbox.dispatcher.handle_webhook(provider, outbox.delivery_report(receipt)).events
    assert isinstance(report, StatusChanged)
    assert outbox.dispatcher.get_message(receipt.id).status.name == "DELIVERED_TO_HANDSET"  # type: ignore[union-attr]
    call = outbox.inbound_message("Hello", sender="447700900123", to="447700900000", provider=provider)
    (event,) = outbox.dispatcher.handle_webhook(provider, call).events

    assert isinstance(event, MessageReceived)
    assert (event.text, event.sender.plain, event.to) == ("Hello", "447700900123", "447700900000")


def test_a_call_that_was_tampered_with_is_refused_as_in_production() -> None:
    from dataclasses import replace

    outbox = Outbox("vonage")
    call = outbox.delivery_report(outbox.dispatcher.send(Sms("hello"), to=NUMBER))

    with pytest.raises(errors.WebhookVerificationError):
        outbox.dispatcher.handle_webhook(
            "vonage", replace(call, body=call.body.replace(b"delivered", b"rejected!"))
        )


def test_a_field_that_the_installed_plugin_does_not_carry_is_refused_in_tests_too() -> None:
    with pytest.raises(errors.NoRoute):
        Outbox("vonage").dispatcher.send(Email("Hello", text="hello"), to="zoe@example.com")


def test_an_asynchronous_application_is_served_the_same() -> None:
    async def sign_up(outbox: Outbox) -> list[Outcome]:
        outbox.provider("vonage").throttle(seconds=3)
        sends = [outbox.async_dispatcher.send(Sms(f"code {n}"), to=NUMBER) for n in range(5)]
        return [receipt.outcome for receipt in await asyncio.gather(*sends)]

    outbox = _two()

    assert asyncio.run(sign_up(outbox)) == [Outcome.ACCEPTED] * 5
    assert sorted(sms.text for sms in outbox.all(Sms)) == [f"code {n}" for n in range(5)]
    assert outbox.clock.waits == [3.0]


def test_recipients_of_other_accounts_reach_the_account_of_theirs() -> None:
    people = MappingResolver({User("u-1"): {"sms": NUMBER}}, account="shop")
    outbox = Outbox("vonage", accounts={"shop": ("vonage",)}, resolvers=[people])
    outbox.provider("vonage", account="shop").throttle(seconds=1)
    outbox.dispatcher.send(Sms("hello"), to=User("u-1"))
    outbox.dispatcher.send(Sms("hello"), to=ResolvedRecipient(NUMBER))

    assert [one.account for one in outbox] == ["shop", None]
    assert outbox.clock.waits == [1.0]


def test_a_deadline_passes_on_the_controlled_clock() -> None:
    outbox = Outbox()
    outbox.provider("fake").throttle(seconds=60, times=9)
    with pytest.raises(NotSent):
        outbox.dispatcher.send(Sms("hello"), to=NUMBER, timeout=30)

    assert sum(outbox.clock.waits) <= 30


@pytest.mark.parametrize(
    "ask", [lambda outbox: outbox.provider("twilio"), lambda outbox: outbox.provider("fake", account="shop")]
)
def test_a_provider_that_is_not_in_the_outbox_is_named(outbox: Outbox, ask: Any) -> None:
    with pytest.raises(LookupError, match=r"there are: (fake|none)"):
        ask(outbox)


def test_what_the_vectors_do_not_tell_cannot_be_played() -> None:
    from dataclasses import replace

    silent = replace(FIXTURES, inbound_body=None)
    outbox = Outbox((fake_spec("quiet"), silent))

    with pytest.raises(LookupError, match="the fixtures have no `inbound_body`"):
        outbox.inbound_message("Hello", sender="447700900123", to="447700900000", provider="quiet")


def test_a_vendors_calls_are_signed_with_the_secret_of_the_application_under_test() -> None:
    from messaging_channels_vonage import Vonage

    application = Vonage(api_key="abcd1234", api_secret="made-up", webhook_signature_secret="ours")
    call = VendorWebhooks("vonage", secret="ours").delivery_report(message_id="m-1")
    (event,) = application.handle_webhook(call).events
    assert isinstance(event, StatusChanged)
    assert event.message_id == "m-1"

    with pytest.raises(errors.WebhookVerificationError):
        application.handle_webhook(
            VendorWebhooks("vonage", secret="theirs").delivery_report(message_id="m-1")
        )


def test_calls_of_a_vendor_without_a_plugin_cannot_be_made() -> None:
    with pytest.raises(LookupError, match="no installed plugin has fixtures for 'acme-sms'"):
        VendorWebhooks("acme-sms")


@pytest.mark.parametrize(
    "provider", ["fake", "twilio", "vonage", "infobip", "whatsapp-cloud", "smtp", "postmark"]
)
def test_stop_start_stop_are_three_messages_in_that_order(provider: str) -> None:
    person, ours = (
        ("zoe@example.com", "us@example.com")
        if provider in ("smtp", "postmark")
        else ("447700900123", "447700900000")
    )
    channel = {"smtp": "email", "postmark": "email", "whatsapp-cloud": "whatsapp"}.get(provider, "sms")
    outbox = Outbox(provider)
    blocked, ids = [], set()
    for word in ("STOP", "START", "STOP"):
        call = outbox.inbound_message(word, sender=person, to=ours, provider=provider)
        events = outbox.dispatcher.handle_webhook(provider, call).events
        ids.add(events[0].key)
        blocked.append(outbox.dispatcher.consent.find(channel, person) is not None)
    outbox.close()
    assert blocked == [True, False, True]
    assert len(ids) == 3
