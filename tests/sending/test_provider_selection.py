"""Who may send a message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import timedelta
from typing import Any, ClassVar

from hypothesis import given
from hypothesis import strategies as st

from messaging_channels import Dispatcher, Route, Sms, errors
from messaging_channels._model.errors import MessagingError
from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels.messages import Mms
from messaging_channels.plugins.exchange import Exchange, ExecutorPair, Flow
from messaging_channels.plugins.provider import Capabilities, Envelope
from messaging_channels.policies.routing import RouteMatch, RouteTarget

ALL = frozenset(field.name for field in fields(Sms))
MESSAGES = st.builds(
    Sms,
    text=st.just("hello"),
    sender=st.sampled_from([None, "Shop"]),
    validity_period=st.sampled_from([None, timedelta(hours=1)]),
    flash=st.booleans(),
) | st.builds(Mms, media=st.just(("https://example.com/a.png",)), text=st.sampled_from(["", "words"]))
CAPABILITIES = st.dictionaries(
    st.just(Sms), st.sampled_from([frozenset[str](), frozenset({"sender"}), ALL]), min_size=1
) | st.just({Sms: ALL, Mms: frozenset[str]()})
CONDITIONS = st.just(RouteMatch()) | st.sampled_from(
    [RouteMatch(prefixes=("44",)), RouteMatch(message_types=(Mms,)), RouteMatch(accounts=(None,))]
)
NUMBERS = st.sampled_from(["+447700900123", "+38598123456"])


def _provider(name: str, carries: Mapping[type[Any], frozenset[str]]) -> Any:
    class Agreeable:
        capabilities: ClassVar[Capabilities] = Capabilities(carries)
        executors: ClassVar[Mapping[type[Exchange[Any]], ExecutorPair]] = {}

        def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
            return [AttemptResult.of(Reason.ACCEPTED)] * len(batch)
            yield

    one: Any = Agreeable()
    one.name = name
    return one


def _told(dispatcher: Dispatcher, message: Any, to: str) -> Any:
    try:
        receipt = dispatcher.send(message, to=to)
    except MessagingError as error:
        return type(error), str(error)
    return receipt.candidates, receipt.skipped, receipt.provider


@given(st.lists(st.tuples(MESSAGES, NUMBERS), min_size=2, max_size=6), st.data())
def test_what_was_sent_before_changes_nothing_about_who_is_asked(
    sends: list[tuple[Any, str]], data: st.DataObject
) -> None:
    providers = [_provider(name, data.draw(CAPABILITIES)) for name in ("first", "second")]
    route = Route(*(RouteTarget(one.name, match=data.draw(CONDITIONS)) for one in providers))
    with Dispatcher(providers, routes={"sms": route}) as used:
        for message, to in sends:
            with Dispatcher(providers, routes={"sms": route}) as fresh:
                assert _told(used, message, to) == _told(fresh, message, to)


def test_a_choice_that_holds_for_every_message_of_a_type_is_made_once() -> None:
    provider = _provider("one", {Sms: ALL})
    with Dispatcher([provider]) as dispatcher:
        first, second = (dispatcher.send(Sms("hello"), to="+447700900123") for _ in range(2))

    assert first.candidates is second.candidates


def test_a_message_that_one_provider_does_not_carry_leaves_it_the_first_for_the_next_one() -> None:
    providers = [_provider("plain", {Sms: frozenset({"sender"})}), _provider("rich", {Sms: ALL})]
    with Dispatcher(providers) as dispatcher:
        flash = dispatcher.send(Sms("hello", flash=True), to="+447700900123")
        plain = dispatcher.send(Sms("hello"), to="+447700900123")

    assert (flash.provider, plain.provider) == ("rich", "plain")


@given(MESSAGES, NUMBERS, st.data())
def test_every_provider_of_a_route_is_a_candidate_or_is_left_out_for_a_reason(
    message: Any, number: str, data: st.DataObject
) -> None:
    providers = [_provider(name, data.draw(CAPABILITIES)) for name in ("first", "second", "third")]
    route = Route(*(RouteTarget(one.name, match=data.draw(CONDITIONS)) for one in providers))
    with Dispatcher(providers, routes={"sms": route}) as dispatcher:
        told = _told(dispatcher, message, number)

    names = [one.name for one in providers]
    if isinstance(told[0], tuple):
        candidates, skipped, _ = told
        assert sorted([*candidates, *(one.provider for one in skipped)]) == sorted(names)
    else:
        kind, text = told
        assert kind in (errors.NoRoute, errors.Unsupported)
        assert all(name in text for name in names)
