from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import BulkProvider, QuickClock, Scripted

from messaging_channels import AsyncDispatcher, Dispatcher, NotSent, Outcome, Rejected, Route, Sms
from messaging_channels._model.errors import BadInput, InvalidAddress, InvalidMessage, Phase, TransportError
from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels._model.rate_limit import RateLimit
from messaging_channels._sending.bulk import SendResult
from messaging_channels.errors import InternalError
from messaging_channels.policies.routing import CircuitBreaker, RetryPolicy


def _numbers(count: int) -> Iterator[str]:
    return (f"4477009{number:05}" for number in range(count))


def test_many_go_out_in_the_providers_batches_and_each_has_its_receipt() -> None:
    provider = BulkProvider()
    with Dispatcher([provider]) as dispatcher:
        ends = list(dispatcher.send_each(Sms("hello"), to=_numbers(250)))

    assert sorted(len(batch) for batch in provider.batches) == [50, 100, 100]
    assert len(ends) == len({end.receipt.id for end in ends if end.receipt}) == 250
    assert [end.to for end in ends] == list(_numbers(250))
    assert all(end.error is None for end in ends)


def test_the_asynchronous_door_does_the_same() -> None:
    provider = BulkProvider()

    async def main() -> list[SendResult]:
        async with AsyncDispatcher([provider]) as dispatcher:
            return [each async for each in dispatcher.send_each(Sms("hello"), to=_numbers(150))]

    assert len(asyncio.run(main())) == 150
    assert [len(batch) for batch in provider.batches] == [100, 50]


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_several_batches_of_one_call_are_under_way_at_once(mode: str) -> None:
    met = threading.Barrier(3, timeout=30)
    provider = BulkProvider(wait=met.wait)

    async def main() -> list[SendResult]:
        async with AsyncDispatcher([provider]) as dispatcher:
            return [each async for each in dispatcher.send_each(Sms("hello"), to=_numbers(300))]

    if mode == "async":
        ends = asyncio.run(main())
    else:
        with Dispatcher([provider]) as dispatcher:
            ends = list(dispatcher.send_each(Sms("hello"), to=_numbers(300)))

    assert [end.to for end in ends if end.error is None] == list(_numbers(300))


def test_where_something_failed_lately_one_batch_after_the_other_is_tried() -> None:
    def fail() -> None:
        raise TransportError("refused", phase=Phase.CONNECT)

    provider = BulkProvider(wait=fail)
    route = Route(
        "acme-bulk",
        retry=RetryPolicy(max_attempts=1),
        circuit_breaker=CircuitBreaker(failure_threshold=2, reset_timeout=600),
    )
    with Dispatcher([provider], routes={"sms": route}) as dispatcher:
        ends = list(dispatcher.send_each(Sms("hello"), to=_numbers(1000)))

    assert len(ends) == 1000
    assert {type(end.error) for end in ends} == {NotSent}
    assert len(provider.batches) <= 4 + 1  # those that were under way when it failed, and the probe


def test_who_is_named_in_two_batches_under_a_key_gets_one_message() -> None:
    provider = BulkProvider()
    with Dispatcher([provider]) as dispatcher:
        ends = list(dispatcher.send_each(Sms("hello"), to=[*_numbers(150)] * 2, idempotency_key="k"))
        assert [end.error for end in ends if end.error] == []

    assert len({end.receipt.id for end in ends if end.receipt}) == 150
    assert sum(map(len, provider.batches)) == 150


def test_each_recipient_may_have_a_message_of_its_own() -> None:
    one = Scripted("one")
    with Dispatcher([one]) as dispatcher:
        list(dispatcher.send_each((Sms(f"code {number}") for number in range(3)), to=_numbers(3)))
        with pytest.raises(InvalidMessage, match="as many messages as recipients"):
            list(dispatcher.send_each([Sms("only one")], to=_numbers(3)))
    texts = {envelope.to.plain: envelope.message.text for envelope in one.asked[:3]}  # type: ignore[attr-defined]

    assert texts == {f"4477009{number:05}": f"code {number}" for number in range(3)}


def test_a_recipient_that_is_no_address_harms_no_other() -> None:
    provider = BulkProvider()
    with Dispatcher([provider]) as dispatcher:
        ends = {end.to: end for end in dispatcher.send_each(Sms("hello"), to=["nonsense", *_numbers(2)])}

    assert isinstance(ends["nonsense"].error, InvalidAddress)
    assert ends["nonsense"].receipt is None
    assert "nonsense" not in repr(ends["nonsense"])
    assert sum(end.error is None for end in ends.values()) == 2


@given(st.sets(st.integers(0, 99), max_size=5))
def test_one_message_that_is_refused_fails_no_other_of_its_request(bad: set[int]) -> None:
    numbers = list(_numbers(100))
    provider = BulkProvider(bad=[numbers[index] for index in bad])
    with Dispatcher([provider]) as dispatcher:
        ends = list(dispatcher.send_each(Sms("hello"), to=numbers))
    refused = {numbers.index(end.to) for end in ends if isinstance(end.error, Rejected)}
    assert refused == bad
    assert sum(end.error is None for end in ends) == 100 - len(bad)
    accepted = [number for batch in provider.batches if not set(batch) & provider._bad for number in batch]  # noqa: SLF001

    assert len(accepted) == len(set(accepted)) == 100 - len(bad)


def test_a_key_stands_for_the_whole_call_so_that_repeating_it_sends_only_what_is_missing() -> None:
    provider = BulkProvider()
    with Dispatcher([provider]) as dispatcher:
        first = list(dispatcher.send_each(Sms("hello"), to=_numbers(3), idempotency_key="campaign"))
        second = list(dispatcher.send_each(Sms("hello"), to=_numbers(5), idempotency_key="campaign"))
    assert [len(batch) for batch in provider.batches] == [3, 2]
    told = {end.to: end.receipt.id for end in second if end.receipt}

    assert all(end.receipt and told[end.to] == end.receipt.id for end in first)


def test_who_is_named_twice_under_a_key_gets_one_message_however_the_address_is_written() -> None:
    provider = BulkProvider()
    with Dispatcher([provider]) as dispatcher:
        named = [*_numbers(2), *(f"+{number}" for number in _numbers(2))]
        ends = list(dispatcher.send_each(Sms("hello"), to=named, idempotency_key="k"))

    assert [len(batch) for batch in provider.batches] == [2]
    assert len({end.receipt.id for end in ends if end.receipt}) == 2


def test_what_was_not_sent_is_tried_again_and_passed_on_like_a_single_message() -> None:
    clock = QuickClock()
    slow = BulkProvider("slow")
    slow._wait = lambda: None  # noqa: SLF001
    throttled = Scripted(
        "throttled", AttemptResult.of(Reason.THROTTLED, retry_after=1.0), Reason.INSUFFICIENT_CREDIT
    )
    routes = {"sms": Route("throttled", "slow", retry=RetryPolicy(max_attempts=2))}
    with Dispatcher([throttled, slow], routes=routes, clock=clock) as dispatcher:
        ends = list(dispatcher.send_each(Sms("hello"), to=_numbers(3)))

    assert all(end.receipt and end.receipt.provider == "slow" for end in ends)


def test_many_wait_for_a_rate_as_long_as_it_takes_and_never_exceed_it() -> None:
    clock, times = QuickClock(), []
    one = Scripted("one", lambda: times.append(clock.time))
    with Dispatcher([one], rate_limits={"one": RateLimit(10, burst=2)}, clock=clock) as dispatcher:
        ends = list(dispatcher.send_each(Sms("hello"), to=_numbers(200)))
    assert all(end.error is None for end in ends)
    assert times[-1] - times[0] == pytest.approx(19.8, abs=0.05)
    for index in range(len(times) - 12):
        assert times[index + 12] - times[index] >= 0.999


def test_a_single_message_that_would_wait_too_long_for_a_rate_is_not_sent_and_told_when() -> None:
    clock, one = QuickClock(), Scripted("one")
    with Dispatcher([one], rate_limits={"one": RateLimit(1, per=60)}, clock=clock) as dispatcher:
        dispatcher.send(Sms("hello"), to="447700900123")
        with pytest.raises(NotSent) as failed:
            dispatcher.send(Sms("hello"), to="447700900123")
        assert failed.value.retry_after == pytest.approx(60)
        dispatcher.send(Sms("hello", sender="Other"), to="447700900123")

    assert len(one.asked) == 2


def test_an_iterator_is_drawn_from_only_as_far_as_needed() -> None:
    drawn: list[str] = []

    def numbers() -> Iterator[str]:
        for number in _numbers(100_000):
            drawn.append(number)
            yield number

    with Dispatcher([BulkProvider()]) as dispatcher:
        ends = dispatcher.send_each(Sms("hello"), to=numbers())
        next(ends)
        assert len(drawn) == 1000


def test_threads_that_send_at_once_share_requests_and_each_gets_its_own_receipt() -> None:
    release = threading.Event()
    provider = BulkProvider(wait=lambda: release.wait(10))
    receipts: dict[str, str] = {}
    with Dispatcher([provider]) as dispatcher:

        def send(number: str) -> None:
            receipt = dispatcher.send(Sms("hello"), to=number)
            assert receipt.provider_id == receipt.id
            receipts[number] = receipt.destination.plain

        threads = [threading.Thread(target=send, args=(number,)) for number in _numbers(40)]
        for thread in threads:
            thread.start()
        while sum(map(len, provider.batches)) < 4:
            threading.Event().wait(0.001)
        release.set()
        for thread in threads:
            thread.join()

    assert receipts == {number: number for number in _numbers(40)}
    assert len(provider.batches) < 40


def test_tasks_that_send_at_once_share_requests_and_a_bad_one_fails_alone() -> None:
    numbers = list(_numbers(64))
    provider = BulkProvider(bad=[numbers[50]])

    async def main() -> list[object]:
        async with AsyncDispatcher([provider]) as dispatcher:
            sends = [dispatcher.send(Sms("hello"), to=number) for number in numbers]
            return list(await asyncio.gather(*sends, return_exceptions=True))

    ends = asyncio.run(main())

    assert [index for index, end in enumerate(ends) if isinstance(end, Exception)] == [50]
    assert len(provider.batches) < 30


def test_a_cancelled_task_takes_no_other_down_with_its_shared_request() -> None:
    entered, release = threading.Event(), threading.Event()

    def hang() -> None:
        entered.set()
        release.wait(10)

    provider = BulkProvider(wait=hang)

    async def main() -> list[object]:
        async with AsyncDispatcher([provider]) as dispatcher:
            tasks = [
                asyncio.ensure_future(dispatcher.send(Sms("hello"), to=number)) for number in _numbers(12)
            ]
            await asyncio.to_thread(entered.wait)
            tasks[6].cancel()
            release.set()
            return list(await asyncio.gather(*tasks, return_exceptions=True))

    ends = asyncio.run(main())

    assert isinstance(ends[6], asyncio.CancelledError)
    assert sum(getattr(end, "outcome", None) is Outcome.ACCEPTED for end in ends) == 11


def test_a_plugins_own_refusal_of_one_message_fails_no_other_of_a_batch() -> None:
    class Picky(BulkProvider):
        def send(self, batch):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            if any(envelope.to.plain.endswith("7") for envelope in batch):
                raise InvalidMessage("it ends in seven", field="Sms", hint="choose another")
            return super().send(batch)

    with Dispatcher([Picky()]) as dispatcher:
        ends = list(dispatcher.send_each(Sms("hello"), to=_numbers(20)))

    assert [end.to for end in ends if isinstance(end.error, BadInput)] == ["447700900007", "447700900017"]
    assert sum(end.error is None for end in ends) == 18


def test_a_message_at_which_a_plugin_breaks_before_it_asks_fails_no_other_of_a_batch() -> None:
    class Brittle(BulkProvider):
        def send(self, batch):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            if any(envelope.to.plain.endswith("7") for envelope in batch):
                raise RuntimeError
            return super().send(batch)

    with Dispatcher([Brittle()]) as dispatcher:
        ends = list(dispatcher.send_each(Sms("hello"), to=_numbers(20)))

    assert [end.to for end in ends if isinstance(end.error, InternalError)] == [
        "447700900007",
        "447700900017",
    ]
    assert sum(end.error is None for end in ends) == 18


def test_long_keys_that_begin_alike_are_different_keys() -> None:
    provider = BulkProvider()
    with Dispatcher([provider]) as dispatcher:
        for end in "ab":
            list(dispatcher.send_each(Sms("hello"), to=_numbers(1), idempotency_key="k" * 200 + end))

    assert [len(batch) for batch in provider.batches] == [1, 1]


def test_a_clock_that_is_set_back_makes_nobody_wait_for_it() -> None:
    clock, one = QuickClock(), Scripted("one")
    with Dispatcher([one], rate_limits={"one": RateLimit(1)}, clock=clock) as dispatcher:
        dispatcher.send(Sms("hello"), to="447700900123")
        clock.time -= 3600
        dispatcher.send(Sms("hello"), to="447700900123")

    assert sum(clock.waits) <= 1.0
