"""A channel that a plugin brings: known everywhere by its spec, and refused where its name or a type is taken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, ClassVar, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_channels import ConfigurationError, Dispatcher, Rejected, Sandbox, Sms, errors
from messaging_channels._config.plugin_manager import load_plugins
from messaging_channels._config.settings import Configuration
from messaging_channels._ledger.sqlite import SqliteLedger
from messaging_channels.messages import Codec, Message
from messaging_channels.plugins import (
    BUILT_IN,
    SMS,
    AttemptResult,
    Capabilities,
    ChannelSpec,
    Envelope,
    Exchange,
    ExecutorPair,
    Flow,
    PreSendCheck,
    Reason,
    Status,
    hookimpl,
    message_from_json,
)
from messaging_channels.plugins import status as statuses
from messaging_channels.plugins.channel_spec import status_table


@dataclass(frozen=True, slots=True, repr=False)
class PagerId:
    """Six digits."""

    id: str

    @classmethod
    def parse(cls, text: str) -> Self:
        if not (text.isascii() and text.isdigit() and len(text) == 6):
            raise errors.InvalidAddress("it has not six digits", kind="pager id", hint="such as 123456")
        return cls(text)

    @property
    def plain(self) -> str:
        return self.id

    @property
    def masked(self) -> str:
        return "••••••"

    def __repr__(self) -> str:
        return self.masked

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class Tone:
    pitch: int
    length: timedelta = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class PagerText(Message):
    text: str = field(repr=False)
    urgent: bool = False
    tones: tuple[Tone, ...] = ()
    sender: str | None = None
    category: str | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class PagerBeep(Message):
    times: int = 1


PAGER = ChannelSpec(
    name="pager",
    address_type=PagerId,
    parse=PagerId.parse,
    message_types=(PagerText, PagerBeep),
    example="123456",
    category="transactional",
    forms={"text": PagerText, "beep": PagerBeep},
    sandbox={"000001": "reject"},
    samples=(PagerText("Canary words 7c1f"), PagerBeep()),
)


class Forbids(PreSendCheck):
    name = "never"

    def check(self, envelope: Envelope, account: str | None) -> Flow[str | None]:  # noqa: ARG002
        yield from ()
        return "it is Sunday"


class Plugin:
    def __init__(self, *channels: Any, checks: Iterable[PreSendCheck] = ()) -> None:
        self.channels, self.checks = channels, checks

    @hookimpl
    def register_channels(self) -> Iterable[Any]:
        return self.channels

    @hookimpl
    def register_checks(self) -> Iterable[PreSendCheck]:
        return self.checks

    @hookimpl
    def register_notifiers(self) -> Iterable[object]:
        return ("a notifier",)


def test_the_sandbox_carries_the_messages_of_a_channel_it_never_heard_of() -> None:
    sandbox = Sandbox()

    with Dispatcher([sandbox], channels=[PAGER]) as dispatcher:
        receipt = dispatcher.send(PagerText("hello"), to="123456")

    assert receipt.channel == "pager"
    assert [one["type"] for one in sandbox.outbox.messages()] == ["PagerText"]


def test_the_sandbox_does_at_a_channels_own_addresses_what_its_spec_says() -> None:
    with Dispatcher([Sandbox()], channels=[PAGER]) as dispatcher, pytest.raises(Rejected):
        dispatcher.send(PagerText("hello"), to="000001")


def test_a_channel_whose_name_is_taken_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="sms"):
        Dispatcher([Sandbox()], channels=[replace(PAGER, name="sms")])


@pytest.mark.parametrize("name", ["", "Pager", "pager_two", "pager/two", "2pager", "-pager", "päger"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="no name"):
        Dispatcher([Sandbox()], channels=[replace(PAGER, name=name)])


def test_two_channels_of_plugins_may_not_share_a_type_of_message() -> None:
    other = replace(PAGER, name="beeper", message_types=(PagerBeep,))

    with pytest.raises(ConfigurationError, match=r"PagerBeep.*pager.*beeper"):
        Dispatcher([Sandbox()], channels=[PAGER, other])


UNPLUGGED = Status(2, "UNDELIVERABLE", 2001, "UNDELIVERABLE_UNPLUGGED", "The pager has no battery")


def test_a_channel_has_its_own_statuses_beside_those_of_every_channel() -> None:
    spec = replace(PAGER, statuses=(UNPLUGGED,))

    assert spec.status(2, 2001) == UNPLUGGED
    assert spec.status(3, 5) == SMS.status(3, 5) == statuses.DELIVERED_TO_HANDSET
    assert SMS.status(2, 2001) is None
    assert set(status_table([SMS, spec])) == {*statuses.known_statuses(), ("pager", UNPLUGGED)}


@pytest.mark.parametrize(
    ("own", "problem"),
    [
        ([Status(3, "DELIVERED", 5, "BEEPED")], "3/5 is DELIVERED_TO_HANDSET on every channel"),
        ([UNPLUGGED, replace(UNPLUGGED, name="OTHER")], "two statuses 2/2001"),
    ],
)
def test_a_status_that_is_taken_is_refused(own: list[Status], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        Dispatcher([Sandbox()], channels=[replace(PAGER, statuses=tuple(own))])


class Beeper:
    """A provider of which no pager has a battery."""

    name: ClassVar[str] = "beeper"
    capabilities: ClassVar[Capabilities] = Capabilities({PagerText: frozenset({"sender", "urgent", "tones"})})
    executors: ClassVar[Mapping[type[Exchange[Any]], ExecutorPair]] = {}

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        yield from ()
        return [AttemptResult.of(Reason.RECIPIENT, status=UNPLUGGED) for _ in batch]


def test_a_status_of_a_plugins_channel_is_kept_and_found_by_its_name() -> None:
    spec = replace(PAGER, statuses=(UNPLUGGED,))
    with Dispatcher([Beeper()], channels=[spec], ledger=SqliteLedger(owned=True)) as dispatcher:
        with pytest.raises(Rejected) as refused:
            dispatcher.send(PagerText("hello"), to="123456")
        found = dispatcher.list_messages(status="UNDELIVERABLE_UNPLUGGED")

    assert refused.value.receipt.status == UNPLUGGED
    assert [one.status for one in found] == [UNPLUGGED]


def test_the_same_channel_may_be_given_twice() -> None:
    with Dispatcher([Sandbox()], channels=[PAGER, PAGER, SMS]) as dispatcher:
        assert dispatcher.send(PagerBeep(), to="123456").channel == "pager"


def test_a_plugin_whose_channel_is_taken_is_noted_and_harms_no_other() -> None:
    taken = replace(PAGER, name="other", message_types=(Sms,))

    plugins = load_plugins(entries=(), extra=[Plugin(taken), Plugin(PAGER)])

    assert [one.name for one in plugins.channels] == ["sms", "whatsapp", "email", "pager"]
    assert "Sms belongs to the channel sms" in next(iter(plugins.failed.values())).problem


def test_checks_and_notifiers_of_plugins_are_part_of_the_configuration() -> None:
    plugins = load_plugins(entries=(), extra=[Plugin(PAGER, checks=[Forbids()])])

    arguments = Configuration({"routes": {"sms": "sandbox"}}, {}, {}, "none", plugins).dispatcher_arguments()

    assert [one.name for one in arguments["checks"]] == ["never"]
    assert list(arguments["notifiers"]) == ["a notifier"]
    assert "pager" in [one.name for one in arguments["channels"]]


def test_messages_of_a_channel_wait_in_the_queue_and_come_back_as_they_were() -> None:
    message = PagerText("hello", urgent=True, tones=(Tone(440), Tone(880, timedelta(seconds=2))))
    codec = Codec((PagerId, *PAGER.message_types))

    assert codec.decode(codec.encode(message)) == message


def test_json_becomes_the_message_that_it_describes() -> None:
    told = {"text": "hello", "tones": [{"pitch": 440, "length": 2}]}

    message = message_from_json(PAGER, told, sender="Shop")

    assert message == PagerText("hello", tones=(Tone(440, timedelta(seconds=2)),), sender="Shop")


def test_a_word_in_type_chooses_another_message() -> None:
    assert message_from_json(PAGER, {"type": "beep", "times": 3}) == PagerBeep(3)


@pytest.mark.parametrize(
    "told",
    [{}, {"type": "song"}, {"text": "hello", "colour": "red"}, {"text": 5}, [], None, "text", {"type": []}],
)
def test_json_that_describes_no_message_is_refused_by_the_field_and_never_the_value(told: object) -> None:
    with pytest.raises(errors.InvalidMessage) as refused:
        message_from_json(PAGER, told)

    assert "red" not in str(refused.value)
    assert "hello" not in str(refused.value)


@given(
    st.recursive(
        st.none() | st.text() | st.integers(), lambda one: st.lists(one) | st.dictionaries(st.text(), one)
    )
)
def test_whatever_json_comes_is_a_message_or_refused(told: object) -> None:
    for spec in (*BUILT_IN, PAGER):
        with suppress(errors.BadInput):
            assert isinstance(message_from_json(spec, told), Message)


def test_a_channels_own_category_counts_where_a_message_names_none() -> None:
    with Dispatcher([Sandbox()], channels=[PAGER], ledger=SqliteLedger(owned=True)) as dispatcher:
        dispatcher.consent.add("pager", "123456", category="marketing")
        receipt = dispatcher.send(PagerText("your taxi is here"), to="123456")

    assert receipt.channel == "pager"


def test_what_is_said_on_one_channel_of_a_family_holds_for_the_others() -> None:
    family = replace(PAGER, family="beeping")

    with Dispatcher([Sandbox()], channels=[family], ledger=SqliteLedger(owned=True)) as dispatcher:
        dispatcher.consent.add("beeping", "123456")
        with pytest.raises(errors.MessageBlocked):
            dispatcher.send(PagerText("hello"), to="123456")
