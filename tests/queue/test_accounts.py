"""An account that cannot send: its messages wait, one of them tries now and then, and none ends by it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from scripted import Scripted

from messaging_channels import Dispatcher, Outcome, ResolvedRecipient, Route, Sms, SqliteLedger, errors
from messaging_channels._client.worker import Worker
from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels.plugins.exchange import Flow
from messaging_channels.plugins.ledger_queue import metrics
from messaging_channels.plugins.provider import Envelope
from messaging_channels.policies.routing import CircuitBreaker
from messaging_channels.testing.clock import ControlledClock

PARCEL = Sms("Your parcel comes today")
NEVER_OPEN = CircuitBreaker(failure_threshold=10**6)
FAULTS = [Reason.CREDENTIALS, Reason.INSUFFICIENT_CREDIT]


@pytest.fixture
def queue() -> Iterator[SqliteLedger]:
    ledger = SqliteLedger(addresses="plain")
    yield ledger
    ledger.close()


@pytest.mark.parametrize("reason", FAULTS)
def test_a_send_says_that_the_account_is_at_fault_and_may_be_repeated(
    reason: Reason, queue: SqliteLedger
) -> None:
    provider = Scripted("acme", reason, Reason.ACCEPTED)
    with Dispatcher([provider], ledger=queue) as dispatcher:
        with pytest.raises(errors.AccountError) as caught:
            dispatcher.send(PARCEL, to="+447700900100", idempotency_key="parcel-1")
        again = dispatcher.send(PARCEL, to="+447700900100", idempotency_key="parcel-1")

    assert isinstance(caught.value, errors.NotSent)
    assert (caught.value.provider, caught.value.account, caught.value.reason) == ("acme", None, reason)
    assert again.outcome is Outcome.ACCEPTED


@pytest.mark.parametrize("reason", FAULTS)
def test_a_paused_queue_is_told_of_tried_with_one_message_and_goes_on_when_it_is_mended(
    reason: Reason, queue: SqliteLedger, caplog: pytest.LogCaptureFixture
) -> None:
    clock, provider = ControlledClock(), Scripted("acme", *[reason] * 12, Reason.ACCEPTED)
    routes = {"sms": Route("acme", circuit_breaker=NEVER_OPEN)}
    with Dispatcher([provider], ledger=queue, clock=clock, routes=routes) as dispatcher:
        sent = [dispatcher.enqueue(PARCEL, to=f"+4477009001{number:02}").id for number in range(10)]
        worker = Worker(dispatcher)
        worker.drain()
        assert len(provider.asked) == 10
        (paused,) = dispatcher.queue.stats().paused_accounts
        assert (paused.provider, paused.account, paused.reason) == ("acme", None, reason)
        assert any("messaging_channels_queue_paused" in str(one) for one in metrics(dispatcher.queue.stats()))
        assert [one.name for one in caplog.records if one.levelno == logging.ERROR]
        for probes in (1, 2):
            clock.advance(paused.next_probe_at - clock.now() + 10.0)
            worker.drain()
            assert len(provider.asked) == 10 + probes, "one message tries it, not all of them"
            (paused,) = dispatcher.queue.stats().paused_accounts
        for _ in range(4):
            clock.advance(900.0)
            worker.drain()
        outcomes = [record.outcome for one in sent if (record := dispatcher.get_message(one))]
        stats = dispatcher.queue.stats()

    assert outcomes == [Outcome.ACCEPTED] * 10
    assert (stats.paused_accounts, stats.by_state) == ((), {})


def test_another_account_and_another_provider_go_on(queue: SqliteLedger) -> None:
    broke, other, tenants = Scripted("acme", Reason.CREDENTIALS), Scripted("other"), Scripted("acme")
    clock = ControlledClock()
    routes = {"sms": Route("acme", "other", circuit_breaker=NEVER_OPEN)}
    with Dispatcher(
        [broke, other], accounts={"tenant": [tenants]}, ledger=queue, clock=clock, routes=routes
    ) as dispatcher:
        for _ in range(3):
            dispatcher.enqueue(PARCEL, to="+447700900100")
            dispatcher.enqueue(PARCEL, to=ResolvedRecipient("+447700900100", "tenant"))
            Worker(dispatcher).drain()

    assert len(broke.asked) == 1, "it is known to be paused"
    assert (len(other.asked), len(tenants.asked)) == (3, 3)


def test_one_message_that_is_taken_for_the_accounts_fault_stops_no_other_for_long(
    queue: SqliteLedger,
) -> None:
    class Picky(Scripted):
        def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
            message = batch[0].message
            assert isinstance(message, Sms)
            bad = "bad" in message.text
            self._ends = [Reason.CREDENTIALS if bad else Reason.ACCEPTED]
            return (yield from super().send(batch))

    clock, provider = ControlledClock(), Picky("acme")
    with Dispatcher([provider], ledger=queue, clock=clock) as dispatcher:
        dispatcher.enqueue(Sms("bad"), to="+447700900100")
        good = [dispatcher.enqueue(PARCEL, to=f"+44770090011{number}").id for number in range(5)]
        worker = Worker(dispatcher)
        for _ in range(4):
            worker.drain()
            clock.advance(61.0)
        outcomes = [record.outcome for one in good if (record := dispatcher.get_message(one))]

    assert outcomes == [Outcome.ACCEPTED] * 5


@pytest.mark.parametrize(
    "resume", [lambda one: one.resume_accounts(), lambda one: one.resume_account("acme")]
)
@pytest.mark.parametrize("is_mended", [True, False])
def test_an_operator_who_corrected_the_credentials_need_not_wait_for_the_trial(
    queue: SqliteLedger, resume: Callable[[Any], int], *, is_mended: bool
) -> None:
    clock = ControlledClock()
    provider = Scripted(
        "acme", *[Reason.CREDENTIALS] * 3, Reason.ACCEPTED if is_mended else Reason.CREDENTIALS
    )
    routes = {"sms": Route("acme", circuit_breaker=NEVER_OPEN)}
    with Dispatcher([provider], ledger=queue, clock=clock, routes=routes) as dispatcher:
        for number in range(3):
            dispatcher.enqueue(PARCEL, to=f"+4477009001{number:02}")
        worker = Worker(dispatcher)
        worker.drain()
        woken: list[bool] = []
        dispatcher.queue.enqueuer.local_notifier.subscribe(lambda: woken.append(True))
        assert resume(dispatcher.queue) == 1
        assert woken
        worker.drain()
        stats = dispatcher.queue.stats()
        again = resume(dispatcher.queue)

    assert (stats.by_state, len(stats.paused_accounts), again) == (
        ({}, 0, 0) if is_mended else ({"waiting": 3}, 1, 1)
    )
