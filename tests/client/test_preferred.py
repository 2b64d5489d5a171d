"""By which channels somebody can be reached, and a message by the first of them that works: once, whatever happens."""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import Any

import pytest

from messaging_channels import (
    AsyncDispatcher,
    Configuration,
    Dispatcher,
    Email,
    MappingResolver,
    Outcome,
    Person,
    Rejected,
    Sandbox,
    Sms,
    SqliteLedger,
    User,
    errors,
)
from messaging_channels._config.plugin_manager import load_plugins
from messaging_channels.messages import Adaptive, Content, Link
from messaging_channels.plugins import PathResolver
from messaging_channels.testing import Outbox

ZOE, BEN = User("zoe"), User("ben")
PEOPLE = MappingResolver(
    {
        ZOE: {"email": "zoe@example.com", "sms": "447700900123"},
        BEN: {"sms": "447700900001"},
    }
)
HELLO = Adaptive(Content("Your table is booked.", "Table for two", link=Link("https://shop.example.com/b/1")))


def _dispatcher(sandbox: Sandbox, **more: Any) -> Dispatcher:
    return Dispatcher([sandbox], resolvers=[PEOPLE], ledger=SqliteLedger(owned=True), **more)


def test_the_channels_of_somebody_come_in_the_order_that_they_prefer() -> None:
    with _dispatcher(Sandbox()) as dispatcher:
        found = dispatcher.channels_of(ZOE)

    assert [(one.channel, one.address.plain) for one in found] == [
        ("email", "zoe@example.com"),
        ("sms", "447700900123"),
    ]
    assert "447700900123" not in repr(found)


def test_a_number_is_reached_by_every_channel_of_numbers() -> None:
    with _dispatcher(Sandbox()) as dispatcher:
        assert [one.channel for one in dispatcher.channels_of("+447700900123")] == ["sms", "whatsapp"]


def test_whom_nobody_knows_has_no_channels_and_that_is_told() -> None:
    with _dispatcher(Sandbox()) as dispatcher, pytest.raises(errors.UnknownRecipient):
        dispatcher.channels_of(User("nobody"))


def test_content_goes_by_the_channel_that_is_liked_most() -> None:
    sandbox = Sandbox()
    with _dispatcher(sandbox) as dispatcher:
        receipt = dispatcher.send(HELLO, to=ZOE, via="preferred")

    assert receipt.channel == "email"
    assert [one["type"] for one in sandbox.outbox.messages()] == ["Email"]


def test_what_somebody_said_about_a_channel_leads_to_the_next() -> None:
    sandbox = Sandbox()
    with _dispatcher(sandbox) as dispatcher:
        dispatcher.consent.add("email", "zoe@example.com")
        receipt = dispatcher.send(HELLO, to=ZOE)

    assert receipt.channel == "sms"


def test_a_refusal_for_good_leads_to_the_next_and_the_last_one_is_told() -> None:
    with _dispatcher(Sandbox()) as dispatcher, pytest.raises(Rejected):
        dispatcher.send(HELLO, to=BEN, via="preferred")


def test_messages_of_several_channels_are_alternatives() -> None:
    with _dispatcher(Sandbox()) as dispatcher:
        receipt = dispatcher.send([Sms("hi"), Email("hi", "text")], to=ZOE)

    assert receipt.channel == "email"


def test_who_has_no_channel_for_a_message_is_told() -> None:
    with _dispatcher(Sandbox()) as dispatcher, pytest.raises(errors.UnresolvedRecipient, match="sms"):
        dispatcher.send(Email("hi", "text"), to=BEN, via="preferred")


def test_content_that_a_channel_would_cut_goes_by_another() -> None:
    content = Adaptive(Content("Come?", buttons=("Yes", "No")))
    people = MappingResolver({ZOE: {"sms": "447700900123", "whatsapp": "447700900123"}})
    with Dispatcher([Sandbox()], resolvers=[people]) as dispatcher:
        assert dispatcher.send(content, to=ZOE).channel == "whatsapp"


def test_a_repeated_call_uses_the_channel_of_the_first_whatever_was_said_in_between() -> None:
    sandbox = Sandbox()
    with _dispatcher(sandbox) as dispatcher:
        block = dispatcher.consent.add("email", "zoe@example.com")
        first = dispatcher.send(HELLO, to=ZOE, via="preferred", idempotency_key="k-1")
        assert block.id
        dispatcher.consent.remove("email", "zoe@example.com")
        again = dispatcher.send(HELLO, to=ZOE, via="preferred", idempotency_key="k-1")

    assert (first.channel, again.channel) == ("sms", "sms")
    assert again.replayed
    assert len(sandbox.outbox.messages()) == 1


def test_an_unknown_outcome_is_never_followed_by_another_channel() -> None:
    with closing(Outbox(resolvers=[PEOPLE])) as outbox:
        outbox.provider("fake").drop_response()
        receipt = outbox.dispatcher.send(HELLO, to=ZOE, via="preferred")

        assert (receipt.outcome, receipt.channel) == (Outcome.UNKNOWN, "email")
        assert len(outbox.sent) == 1


def test_both_clients_choose_alike() -> None:
    async def send() -> str:
        async with AsyncDispatcher([Sandbox()], resolvers=[PEOPLE]) as dispatcher:
            assert [one.channel for one in await dispatcher.channels_of(ZOE)] == ["email", "sms"]
            return (await dispatcher.send(HELLO, to=ZOE, via="preferred")).channel

    assert asyncio.run(send()) == "email"


def test_a_word_that_is_no_way_is_refused() -> None:
    with _dispatcher(Sandbox()) as dispatcher, pytest.raises(errors.InvalidMessage):
        dispatcher.send(HELLO, to=ZOE, via="cheapest")  # type: ignore[arg-type]


DOCUMENT = {
    "channel": {"sms": "447700900123", "email": "zoe@example.com"},
    "prefers": ["email"],
    "person": {"contactInformation": {"phone": [{"number": "447700900123"}], "email": []}},
}


def test_users_and_persons_have_default_paths_and_preferences() -> None:
    users = PathResolver(User, lambda _: DOCUMENT, preference_path="prefers")
    persons = PathResolver(Person, lambda _: DOCUMENT)
    with Dispatcher([Sandbox()], resolvers=[users, persons]) as dispatcher:
        assert [one.channel for one in dispatcher.channels_of(ZOE)] == ["email", "sms"]
        assert [one.channel for one in dispatcher.channels_of(Person("i-1"))] == ["sms", "whatsapp"]


def test_a_resolver_without_paths_of_its_own_has_those_of_the_configuration() -> None:
    document = {**DOCUMENT, "mobile": "447700900199"}
    own = PathResolver(User, lambda _: document, {"sms": "channel.sms"})
    given = {"recipients": {"user": {"sms": "mobile"}}}
    for resolver, number in ((PathResolver(User, lambda _: document), "447700900199"), (own, "447700900123")):
        config = Configuration(given, {}, {}, "none", load_plugins(entries=())).build([resolver])
        with Dispatcher([Sandbox()], resolvers=config.resolvers) as dispatcher:
            (sms,) = [one for one in dispatcher.channels_of(ZOE) if one.channel == "sms"]

            assert sms.address.plain == number


def test_paths_are_configuration() -> None:
    plugins = load_plugins(entries=())
    given = {"recipients": {"user": {"sms": "mobile"}}}

    paths = Configuration(given, {}, {}, "none", plugins).recipient_paths("user")

    assert paths == {"sms": "mobile", "whatsapp": "channel.whatsapp", "email": "channel.email"}
    with pytest.raises(errors.InvalidSetting, match="pigeon"):
        Configuration({"recipients": {"user": {"pigeon": "x"}}}, {}, {}, "none", plugins).recipient_paths(
            "user"
        )
