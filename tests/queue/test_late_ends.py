"""An attempt that ends after another worker took it for lost: what is held for its outcome goes on, in whichever order the two wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from scripted import Scripted

from messaging_channels import Dispatcher, LedgerOptions, Outcome, Sms
from messaging_channels._client.worker import Worker
from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels.plugins.ledger import AttemptIntent, FinishAttempt, Ledger, StartAttempt
from messaging_channels.plugins.ledger_queue import Claim, Job, State, UpdateJob
from messaging_channels.testing.clock import START, ControlledClock

if TYPE_CHECKING:
    from ledgers import Do

LEASE = 30.0
LOST = AttemptResult.of(Reason.PROCESS_CRASHED)
SAFE = (Reason.THROTTLED, Reason.UNREACHABLE, Reason.INSUFFICIENT_CREDIT)


def _finish(message_id: str, result: AttemptResult, at: float) -> FinishAttempt:
    return FinishAttempt(message_id, 1, result, at, at + 60.0)


def _hold(job: Job, at: float) -> UpdateJob:
    return UpdateJob(job.message_id, "second", at, State.HELD)


@pytest.mark.parametrize("order", ["late end first", "hold first"])
@pytest.mark.parametrize("reason", [*SAFE, Reason.TIMEOUT, Reason.ACCEPTED])
def test_what_was_held_for_an_attempt_is_due_once_it_is_known_that_nothing_went_out(
    reason: Reason, order: str, do: Do, ledger: Ledger
) -> None:
    provider, clock = Scripted("acme", Reason.ACCEPTED), ControlledClock()
    with Dispatcher([provider], ledger=LedgerOptions(ledger), clock=clock) as dispatcher:
        message_id = dispatcher.enqueue(Sms("hello"), to="+447700900123").id
        (first,) = do(Claim("first", START + 1, START + 1 + LEASE, 1))
        intent = AttemptIntent(message_id, 1, "acme", None, START + 1)
        assert do(StartAttempt(intent, "first", START + 1 + LEASE, queued=True))
        (second,) = do(Claim("second", START + 40, START + 40 + LEASE, 1))
        do(_finish(message_id, LOST, START + 40))
        steps = [_finish(message_id, AttemptResult.of(reason), START + 41), _hold(second, START + 41)]
        for step in steps if order == "late end first" else reversed(steps):
            do(step)
        clock.advance(120.0)
        Worker(dispatcher).drain()
        record = dispatcher.get_message(message_id)

    assert first.message_id == second.message_id == message_id
    assert record is not None
    assert record.outcome is (Outcome.UNKNOWN if reason is Reason.TIMEOUT else Outcome.ACCEPTED)
    assert len(provider.asked) == (1 if reason in SAFE else 0)
