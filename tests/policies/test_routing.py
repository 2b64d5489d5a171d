from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import QuickClock, Scripted

from messaging_channels import Dispatcher, Email, NotSent, Outcome, Receipt, Rejected, Route, SendFailed, Sms
from messaging_channels._model.addresses import EmailAddress, PhoneNumber
from messaging_channels._model.outcomes import REASON_POLICIES, AttemptResult, Reason
from messaging_channels._model.receipts import Attempt
from messaging_channels._sending.decision import Stop, TryProvider, next_step
from messaging_channels.plugins.provider import Envelope
from messaging_channels.policies.circuit_breaker import CircuitBreakers
from messaging_channels.policies.routing import CircuitBreaker, RetryPolicy, RouteMatch, RouteTarget

PHONE = "+447700900123"
STEADY = RetryPolicy(max_attempts=3, max_elapsed=60, initial_interval=1, max_interval=8)


def _sent(
    *providers: Scripted, clock: QuickClock | None = None, route: Route | None = None, **options: Any
) -> Receipt:
    names = [provider.name for provider in providers]
    routes = {"sms": route or Route(*names, retry=STEADY)}
    with Dispatcher(providers, routes=routes, clock=clock or QuickClock()) as dispatcher:
        try:
            return dispatcher.send(Sms("hello"), to=PHONE, **options)
        except SendFailed as failed:
            return failed.receipt


def _attempt(provider: str, outcome: AttemptResult, number: int = 1) -> Attempt:
    return Attempt("m", "sms", provider, None, outcome, 0.0, 0.0, number)


def _next(
    names: list[str], *ends: tuple[str, AttemptResult], resend: bool = False, seconds: float = 60.0
) -> TryProvider | Stop:
    attempts = [_attempt(name, end, number) for number, (name, end) in enumerate(ends, 1)]
    return next_step(names, attempts, retry=STEADY, seconds_left=lambda: seconds, resend=resend, chance=0.5)


ends = st.tuples(st.sampled_from(["a", "b"]), st.builds(AttemptResult.of, st.sampled_from(Reason)))


@given(st.lists(ends, min_size=1, max_size=6), st.floats(0, 100))
def test_nothing_follows_what_may_have_reached_somebody(
    tried: list[tuple[str, AttemptResult]], seconds: float
) -> None:
    step = _next(["a", "b"], *tried, seconds=seconds)
    if any(REASON_POLICIES[end.reason].outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN) for _, end in tried):
        assert isinstance(step, Stop)


@given(st.lists(ends, min_size=1, max_size=6))
def test_nothing_follows_a_refusal_for_a_reason_of_the_messages_own(
    tried: list[tuple[str, AttemptResult]],
) -> None:
    if any(end.reason in (Reason.INVALID, Reason.RECIPIENT, Reason.POLICY) for _, end in tried):
        assert isinstance(_next(["a", "b"], *tried), Stop)


@given(
    st.lists(st.tuples(st.just("a"), st.just(AttemptResult.of(Reason.UNREACHABLE))), min_size=1, max_size=9)
)
def test_the_budget_of_attempts_is_kept(tried: list[tuple[str, AttemptResult]]) -> None:
    assert isinstance(_next(["a"], *tried), TryProvider) == (len(tried) < STEADY.max_attempts)


@given(st.integers(1, 20), st.floats(0, 1, exclude_max=True))
def test_the_wait_is_drawn_from_zero_to_a_bound_that_doubles_up_to_the_longest(
    tries: int, chance: float
) -> None:
    wait = STEADY.delay(tries, None, chance)

    assert wait is not None
    assert 0 <= wait <= min(8, 2 ** (tries - 1))


def test_what_the_provider_asks_for_is_obeyed_and_capped() -> None:
    assert STEADY.delay(1, 3.0, 0.1) == 3.0
    assert STEADY.delay(1, 9.0, 0.1) is None


def test_a_throttled_message_waits_as_told_and_then_goes_out_on_the_same_provider() -> None:
    clock = QuickClock()
    slow, spare = (
        Scripted("slow", AttemptResult.of(Reason.THROTTLED, retry_after=2.0), Reason.ACCEPTED),
        Scripted("spare"),
    )
    receipt = _sent(slow, spare, clock=clock)

    assert (receipt.provider, receipt.outcome, clock.waits) == ("slow", Outcome.ACCEPTED, [2.0])
    assert [attempt.delay for attempt in receipt.attempts] == [0.0, 2.0]
    assert len({envelope.id for envelope in slow.asked}) == 1


def test_who_asks_to_wait_too_long_is_passed_over() -> None:
    clock = QuickClock()
    receipt = _sent(
        Scripted("slow", AttemptResult.of(Reason.THROTTLED, retry_after=3600.0)),
        Scripted("spare"),
        clock=clock,
    )

    assert (receipt.provider, clock.waits) == ("spare", [])


def test_an_unreachable_provider_is_left_at_once_and_tried_again_only_when_no_other_is_left() -> None:
    one, two = Scripted("one", Reason.UNREACHABLE, Reason.ACCEPTED), Scripted("two", Reason.UNREACHABLE)
    receipt = _sent(one, two)

    assert [attempt.provider for attempt in receipt.attempts][:2] == ["one", "two"]
    assert (receipt.provider, receipt.outcome) == ("one", Outcome.ACCEPTED)


def test_no_attempt_begins_after_the_deadline_or_the_routes_own_time() -> None:
    clock = QuickClock()
    provider = Scripted("slow", AttemptResult.of(Reason.THROTTLED, retry_after=2.0))
    with Dispatcher([provider], routes={"sms": Route("slow", retry=STEADY)}, clock=clock) as dispatcher:
        with pytest.raises(NotSent) as failed:
            dispatcher.send(Sms("hello"), to=PHONE, timeout=1.5)
        assert failed.value.retry_after == 2.0
        assert len(provider.asked) == 1
        with pytest.raises(NotSent):
            dispatcher.send(Sms("hello"), to=PHONE, timeout=3.0)
        assert len(provider.asked) == 3


def test_an_unknown_outcome_is_held_unless_the_caller_prefers_a_second_copy() -> None:
    held = Scripted("one", Reason.TIMEOUT, Reason.ACCEPTED)
    receipt = _sent(held, Scripted("two"))
    assert (receipt.outcome, len(held.asked)) == (Outcome.UNKNOWN, 1)
    assert "held" in receipt.stop_reason
    again = Scripted("one", Reason.TIMEOUT, Reason.ACCEPTED)
    receipt = _sent(again, Scripted("two"), on_unknown="resend")

    assert (receipt.outcome, len(again.asked)) == (Outcome.ACCEPTED, 2)
    assert len({envelope.id for envelope in again.asked}) == 1


def test_of_an_unknown_and_a_later_refusal_the_unknown_one_counts() -> None:
    provider = Scripted("one", Reason.TIMEOUT, Reason.INVALID)
    receipt = _sent(provider, on_unknown="resend")

    assert (len(receipt.attempts), receipt.outcome) == (2, Outcome.UNKNOWN)


def test_every_receipt_tells_who_was_considered_skipped_tried_and_why_it_stopped() -> None:
    class Mute(Scripted):
        capabilities = type(Scripted.capabilities)({Email: frozenset()})

    receipt = _sent(Mute("mute"), Scripted("broke", Reason.INSUFFICIENT_CREDIT), Scripted("good"))

    assert receipt.explain() == [
        "candidates: broke, good",
        "skipped mute: does not carry Sms",
        "tried broke: not_sent, not_sent.insufficient_credit, 0.000 s",
        "tried good: accepted, accepted, 0.000 s",
        "stop reason: good accepted it",
    ]


def test_weights_draw_who_comes_first_and_the_others_follow_as_named() -> None:
    route = Route("spare", RouteTarget("often", weight=9), RouteTarget("seldom", weight=1))
    random = Random(7)
    orders = [tuple(step.provider for step in route.draw_order(random.random)) for _ in range(2000)]
    firsts = Counter(order[0] for order in orders)

    assert all(order[2] == "spare" for order in orders)
    assert 1700 < firsts["often"] < 1900


@pytest.mark.parametrize(
    ("when", "fits"),
    [
        (RouteMatch(), True),
        (RouteMatch(prefixes=("+44", "385")), True),
        (RouteMatch(prefixes=("385",)), False),
        (RouteMatch(message_types=(Sms,)), True),
        (RouteMatch(message_types=(Email,)), False),
        (RouteMatch(accounts=("acme",)), True),
        (RouteMatch(accounts=(None,)), False),
        (RouteMatch(prefixes=("44",), accounts=("other",)), False),
    ],
)
def test_a_provider_is_considered_for_the_messages_it_is_meant_for(when: RouteMatch, fits: bool) -> None:
    envelope = Envelope("m", "sms", Sms("hello"), PhoneNumber.parse(PHONE))

    assert when.matches(envelope, "acme") is fits


def test_a_mail_provider_may_be_meant_for_some_domains() -> None:
    envelope = Envelope("m", "email", Email("s", "t"), EmailAddress.parse("zoe@Mail.Example.com"))

    assert RouteMatch(prefixes=("example.com",)).matches(envelope, None)
    assert not RouteMatch(prefixes=("example.org",)).matches(envelope, None)


def test_a_message_that_no_provider_is_meant_for_has_no_route() -> None:
    from messaging_channels._model.errors import NoRoute

    with pytest.raises(NoRoute, match="no provider of it is for such a message"):
        _sent(Scripted("one"), route=Route(RouteTarget("one", match=RouteMatch(prefixes=("1",)))))


REST = CircuitBreaker(failure_threshold=2, reset_timeout=30, half_open_interval=1)
ONCE = RetryPolicy(max_attempts=1)


def test_a_provider_that_keeps_failing_rests_and_is_probed_by_one_message() -> None:
    clock = QuickClock()
    sick, well = Scripted("sick", Reason.SERVER_ERROR, Reason.SERVER_ERROR, Reason.ACCEPTED), Scripted("well")
    routes = {"sms": Route("sick", "well", retry=ONCE, circuit_breaker=REST)}
    with Dispatcher([sick, well], routes=routes, clock=clock) as dispatcher:

        def provider() -> str | None:
            return dispatcher.send(Sms("hello"), to=PHONE).provider

        assert [provider(), provider(), provider(), provider()] == ["sick", "sick", "well", "well"]
        clock.time += 31
        assert [provider(), provider()] == ["sick", "sick"]


def test_a_probe_that_fails_lets_it_rest_on() -> None:
    clock = QuickClock()
    sick, well = Scripted("sick", Reason.SERVER_ERROR), Scripted("well")
    routes = {"sms": Route("sick", "well", retry=ONCE, circuit_breaker=REST)}
    with Dispatcher([sick, well], routes=routes, clock=clock) as dispatcher:
        for _ in range(3):
            dispatcher.send(Sms("hello"), to=PHONE)
        clock.time += 31
        dispatcher.send(Sms("hello"), to=PHONE)
        receipt = dispatcher.send(Sms("hello"), to=PHONE)
        assert receipt.provider == "well"
        assert [(one.provider, one.reason) for one in receipt.skipped] == [
            ("sick", "circuit open after failures")
        ]


def test_when_all_of_them_rest_one_is_probed_now_and_then_and_the_others_hear_when() -> None:
    clock = QuickClock()
    sick = Scripted("sick", Reason.UNREACHABLE, Reason.UNREACHABLE, Reason.UNREACHABLE, Reason.ACCEPTED)
    with Dispatcher(
        [sick], routes={"sms": Route("sick", retry=ONCE, circuit_breaker=REST)}, clock=clock
    ) as dispatcher:

        def send() -> Receipt:
            return dispatcher.send(Sms("hello"), to=PHONE)

        for _ in range(3):
            with pytest.raises(NotSent):
                send()
        assert len(sick.asked) == 3
        with pytest.raises(NotSent) as resting:
            send()
        assert len(sick.asked) == 3
        assert resting.value.receipt.attempts == ()
        assert resting.value.retry_after == pytest.approx(1.0)
        clock.time += 1.1
        assert send().outcome is Outcome.ACCEPTED
        assert send().outcome is Outcome.ACCEPTED


def test_a_refused_message_does_not_speak_against_its_provider() -> None:
    clock = QuickClock()
    strict = Scripted("strict", Reason.RECIPIENT)
    with Dispatcher(
        [strict], routes={"sms": Route("strict", retry=ONCE, circuit_breaker=REST)}, clock=clock
    ) as dispatcher:
        for _ in range(5):
            with pytest.raises(Rejected):
                dispatcher.send(Sms("hello"), to=PHONE)

    assert len(strict.asked) == 5


@given(st.lists(st.sampled_from(Reason), max_size=30))
def test_health_follows_a_simple_count(reasons: list[Reason]) -> None:
    health, failures = CircuitBreakers(), 0
    bad = {
        Reason.UNREACHABLE,
        Reason.TIMEOUT,
        Reason.CONNECTION,
        Reason.SERVER_ERROR,
        Reason.UNREADABLE_RESPONSE,
    }
    bad |= {Reason.CREDENTIALS, Reason.INSUFFICIENT_CREDIT, Reason.MISDIRECTED}
    silent = {
        Reason.INTERNAL_ERROR,
        Reason.LEASE_EXPIRED,
        Reason.PLUGIN,
        Reason.CANCELLED,
        Reason.PROCESS_CRASHED,
    }
    for reason in reasons:
        health.record("x", reason, REST, 0.0)
        failures = failures + 1 if reason in bad else failures if reason in silent else 0

    assert health.is_open("x", 1.0) == (failures >= REST.failure_threshold)
