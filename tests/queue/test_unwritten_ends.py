"""A ledger that is away for a moment, at every step of a worker: nothing is doubled, and nothing waits for ever without a word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import pytest
from scripted import Scripted
from trials import SHARE

from messaging_channels import Dispatcher, Fallback, LedgerOptions, Route, Sms, SqliteLedger
from messaging_channels._client.worker import Worker
from messaging_channels._model.errors import LedgerUnavailable
from messaging_channels._model.outcomes import REASON_POLICIES, Outcome, Reason
from messaging_channels.plugins.exchange import Exchange, ExecutorPair
from messaging_channels.plugins.ledger import MessageRecord, Transaction
from messaging_channels.policies.routing import CircuitBreaker, RetryPolicy
from messaging_channels.testing.clock import ControlledClock

TO = "+447700900123"
ROUNDS = 25
ENDS = {
    "accepted": (Reason.ACCEPTED,),
    "throttled, then accepted": (Reason.THROTTLED, Reason.ACCEPTED),
    "unreachable twice, then accepted": (Reason.UNREACHABLE, Reason.UNREACHABLE, Reason.ACCEPTED),
    "unknown": (Reason.TIMEOUT, Reason.ACCEPTED),
    "refused": (Reason.RECIPIENT,),
    "no credit, then accepted": (Reason.INSUFFICIENT_CREDIT, Reason.ACCEPTED),
}


class Away:
    """Does what a ledger does, but not in some of its steps: counted from 0, either before or after they are done."""

    def __init__(self, inner: Any, ledger: FailingLedger) -> None:
        self._inner = inner
        self._ledger = ledger

    def perform(self, exchange: Exchange[Any]) -> Any:
        number, self._ledger.count = self._ledger.count, self._ledger.count + 1
        if number not in self._ledger.failing:
            return self._inner.perform(exchange)
        if self._ledger.is_done_first:
            self._inner.perform(exchange)
        problem = "away for a moment"
        raise LedgerUnavailable(problem)

    def close(self) -> None:
        self._inner.close()


class FailingLedger(SqliteLedger):
    """A ledger that is away in some of its steps."""

    def __init__(self, failing: Sequence[int], *, is_done_first: bool) -> None:
        super().__init__()
        self.failing = frozenset(failing)
        self.is_done_first = is_done_first
        self.count = 0
        self.later = frozenset[int]()

    @property
    def executors(self) -> Mapping[type[Exchange[Any]], ExecutorPair]:
        return {
            kind: ExecutorPair(lambda own=own: Away(own.sync(), self), own.asynchronous)  # type: ignore[misc]
            for kind, own in super().executors.items()
        }


def _run(ends: Sequence[Reason], failing: Sequence[int], *, is_done_first: bool, steps: int) -> int:
    """Send one message with a worker whose ledger is away in these steps; return how many steps its ordinary work takes."""
    ledger, clock = FailingLedger((), is_done_first=is_done_first), ControlledClock()
    provider = Scripted("acme", *ends)
    retry = RetryPolicy(max_attempts=2, initial_interval=1.0)
    route = Route("acme", retry=retry, circuit_breaker=CircuitBreaker(failure_threshold=10**6))
    options = LedgerOptions(ledger)
    with Dispatcher([provider], ledger=options, routes={"sms": route}, clock=clock) as dispatcher:
        message = Sms("hello") if steps == 1 else Fallback([Sms("hello")] * steps, after=60.0)
        message_id = dispatcher.enqueue(message, to=TO).id
        ledger.count, ledger.failing = 0, frozenset(failing)
        worker = Worker(dispatcher)
        work = 0
        for number in range(ROUNDS):
            for act in (worker.drain, dispatcher.reconcile):
                try:
                    act()
                except LedgerUnavailable:
                    continue
            work = ledger.count if number < 3 else work
            if number >= 3 and _is_empty(dispatcher, ledger):
                break
            clock.advance(300.0)
        record = dispatcher.get_message(message_id)
        stats = dispatcher.queue.stats()
    ledger.close()

    assert record is not None
    taken = [
        end
        for end in [ends[min(index, len(ends) - 1)] for index in range(len(provider.asked))]
        if REASON_POLICIES[end].outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN)
    ]
    assert len(taken) <= steps, "doubled"
    assert not record.in_progress, "an attempt stays open"
    assert "waiting" not in stats.by_state, "it waits for ever"
    assert taken or record.outcome is not Outcome.ACCEPTED, "told as sent, and was not"
    assert not taken or record.outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN), "sent, and told as not"
    return work


def _is_empty(dispatcher: Dispatcher, ledger: FailingLedger) -> bool:
    """Whether nothing is left in the queue, so that no round sends anything any more. To ask counts for no step."""
    count, failing = ledger.count, ledger.failing
    ledger.failing = frozenset()
    try:
        return not dispatcher.queue.stats().by_state
    finally:
        ledger.count, ledger.failing = count, failing


@pytest.mark.parametrize("is_done_first", [False, True], ids=["not done", "done, and the answer lost"])
@pytest.mark.parametrize("steps", [1, 2], ids=["one message", "fallback"])
@pytest.mark.parametrize("ends", ENDS.values(), ids=ENDS)
def test_whichever_steps_of_the_ledger_fail_nothing_is_doubled_or_waits_for_ever(
    ends: Sequence[Reason], steps: int, *, is_done_first: bool
) -> None:
    count = _run(ends, (), is_done_first=is_done_first, steps=steps)

    assert count > 3
    for first in range(count + 1):
        with_the_next = (
            SHARE >= 1 or first % 3 == 0
        )  # a third of the pairs in the usual tests, all of them in `poe trials`
        for failing in ((first,), (first, first + 1)) if with_the_next else ((first,),):
            _run(ends, failing, is_done_first=is_done_first, steps=steps)


class NotingLedger(FailingLedger):
    """A ledger that keeps the names of what it was asked for, and which of these were asked for together."""

    def __init__(self, failing: Sequence[int] = (), *, is_done_first: bool = False) -> None:
        super().__init__(failing, is_done_first=is_done_first)
        self.steps: list[tuple[str, ...]] = []

    @property
    def executors(self) -> Mapping[type[Exchange[Any]], ExecutorPair]:
        return {
            kind: ExecutorPair(lambda own=own: Noting(own.sync(), self), own.asynchronous)  # type: ignore[misc]
            for kind, own in super().executors.items()
        }


class Noting:
    def __init__(self, inner: Any, ledger: NotingLedger) -> None:
        self._inner = inner
        self._ledger = ledger

    def perform(self, exchange: Any) -> Any:
        parts = exchange.operations if isinstance(exchange, Transaction) else (exchange,)
        self._ledger.steps.append(tuple(type(one).__name__ for one in parts))
        return self._inner.perform(exchange)

    def close(self) -> None:
        self._inner.close()


def _several(ledger: NotingLedger, provider: Scripted, count: int) -> list[MessageRecord | None]:
    """Send several messages with a worker of one lane, until nothing happens any more; return their records."""
    clock = ControlledClock()
    route = Route("acme", retry=RetryPolicy(max_attempts=1))
    with Dispatcher(
        [provider], ledger=LedgerOptions(ledger), routes={"sms": route}, clock=clock
    ) as dispatcher:
        keys = [dispatcher.enqueue(Sms("hello"), to=TO).id for _ in range(count)]
        ledger.count, ledger.steps = 0, []
        failing, ledger.failing = ledger.later, ledger.failing | ledger.later
        worker = Worker(dispatcher)
        for _ in range(ROUNDS):
            for act in (worker.drain, dispatcher.reconcile):
                with suppress(LedgerUnavailable):
                    act()
            ledger.failing -= failing
            clock.advance(300.0)
        assert "waiting" not in dispatcher.queue.stats().by_state
        return [dispatcher.get_message(key) for key in keys]


def test_an_end_is_written_with_the_next_intent_and_the_last_one_with_what_follows() -> None:
    ledger = NotingLedger()

    records = _several(ledger, Scripted("acme"), 3)

    assert [one and one.outcome for one in records] == [Outcome.ACCEPTED] * 3
    asked = [one for one in ledger.steps if {"StartAttempt", "FinishAttempt"} & set(one)]
    both = ("FinishAttempt", "StartAttempt")
    assert asked[:-1] == [("StartAttempt",), both, both]
    assert sorted(asked[-1]) == ["FinishAttempt", "IncrementCounters", "UpdateJob", "UpdateJob", "UpdateJob"]
    ledger.close()


def test_what_was_not_accepted_is_written_before_anything_else_is_begun() -> None:
    ledger = NotingLedger()

    _several(ledger, Scripted("acme", Reason.TIMEOUT, Reason.ACCEPTED, Reason.ACCEPTED), 3)

    asked = [one for one in ledger.steps if {"StartAttempt", "FinishAttempt"} & set(one)]
    assert asked[:2] == [("StartAttempt",), ("FinishAttempt",)]
    ledger.close()


@pytest.mark.parametrize("is_done_first", [False, True], ids=["not done", "done, and the answer lost"])
def test_a_step_of_two_messages_that_fails_doubles_and_loses_neither(*, is_done_first: bool) -> None:
    usual = NotingLedger()
    _several(usual, Scripted("acme"), 3)
    steps = len(usual.steps)
    usual.close()
    for first in range(min(steps, 12)):
        ledger, provider = NotingLedger(is_done_first=is_done_first), Scripted("acme")
        ledger.later = frozenset({first, first + 1})

        records = _several(ledger, provider, 3)

        sent = [envelope.id for envelope in provider.asked]
        assert len(sent) == len(set(sent)), "doubled"
        assert all(one is not None and not one.in_progress for one in records), "an attempt stays open"
        assert {one.id for one in records if one and one.outcome is Outcome.ACCEPTED} <= set(sent)
        assert {one.outcome for one in records if one} <= {Outcome.ACCEPTED, Outcome.UNKNOWN}
        ledger.close()
