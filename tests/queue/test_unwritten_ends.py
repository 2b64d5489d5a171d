"""A ledger that is away for a moment, at every step of a worker: nothing is doubled, and nothing waits for ever without a word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from scripted import Scripted

from messaging_channels import Dispatcher, Fallback, LedgerOptions, Route, Sms, SqliteLedger
from messaging_channels._client.worker import Worker
from messaging_channels._model.errors import LedgerUnavailable
from messaging_channels._model.outcomes import REASON_POLICIES, Outcome, Reason
from messaging_channels.plugins.exchange import Exchange, ExecutorPair
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


@pytest.mark.parametrize("is_done_first", [False, True], ids=["not done", "done, and the answer lost"])
@pytest.mark.parametrize("steps", [1, 2], ids=["one message", "fallback"])
@pytest.mark.parametrize("ends", ENDS.values(), ids=ENDS)
def test_whichever_steps_of_the_ledger_fail_nothing_is_doubled_or_waits_for_ever(
    ends: Sequence[Reason], steps: int, *, is_done_first: bool
) -> None:
    count = _run(ends, (), is_done_first=is_done_first, steps=steps)

    assert count > 3
    for first in range(count):
        for failing in ((first,), (first + 1,), (first, first + 1)):
            _run(ends, failing, is_done_first=is_done_first, steps=steps)
