"""Interleavings that would send twice or lose a message, each made to happen."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, ClassVar

import pytest
from faults.world import TO, Quick

from messaging_channels import Dispatcher, Kind, Route, Sms, errors
from messaging_channels.exchange import Exchange, Flow
from messaging_channels.ledger.sqlite import SqliteLedger
from messaging_channels.outcomes import Outcome, Reason
from messaging_channels.provider import Capabilities, Envelope
from messaging_channels.routing import Retry
from messaging_channels.vetoes import Veto


class Told:
    """A provider whose answers are told in advance; it counts what it accepted."""

    name: ClassVar[str] = "told"
    capabilities: ClassVar[Capabilities] = Capabilities({Sms: frozenset({"sender"})})
    executors: ClassVar[dict[type[Exchange[Any]], Any]] = {}

    def __init__(self, *answers: Reason, name: str = "told") -> None:
        self.name = name  # type: ignore[misc]
        self._answers = iter(answers)
        self.taken: list[str] = []

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[Outcome]]:
        yield from ()
        return [self.one(envelope) for envelope in batch]

    def one(self, envelope: Envelope) -> Outcome:
        reason = next(self._answers, Reason.ACCEPTED)
        if reason is Reason.ACCEPTED:
            self.taken.append(envelope.id)
        return Outcome.of(reason)


class Pausing(Veto):
    """A rule that allows everything, but tells when it is asked and takes its time."""

    name: ClassVar[str] = "pausing"

    def __init__(self) -> None:
        self.asked, self.go_on = threading.Event(), threading.Event()

    def check(self, envelope: Envelope, account: str | None) -> Flow[str | None]:
        yield from ()
        self.asked.set()
        assert self.go_on.wait(20)
        return None


@pytest.mark.parametrize("second", [Reason.ACCEPTED, Reason.TIMEOUT])
def test_a_call_that_takes_over_between_two_attempts_never_repeats_the_later_one(second: Reason) -> None:
    """The first call waits to repeat a throttled attempt. Another one finds the record meanwhile, and takes over too late."""
    ledger, pause, provider = SqliteLedger(), Pausing(), Told(Reason.THROTTLED, second)
    others: list[Any] = []
    route = {"sms": Route("told", retry=Retry(attempts=2))}

    def takes_over() -> None:
        with Dispatcher([provider], ledger=ledger, vetoes=[pause], routes=route) as dispatcher:
            try:
                others.append(dispatcher.send(Sms("hello"), to=TO, idempotency_key="key"))
            except errors.MessagingError as error:
                others.append(error)

    class Meanwhile(Quick):
        def sleep(self, seconds: float) -> None:
            other.start()
            assert pause.asked.wait(20)

    other = threading.Thread(target=takes_over)
    with Dispatcher([provider], ledger=ledger, routes=route, clock=Meanwhile()) as dispatcher:
        dispatcher.send(Sms("hello"), to=TO, idempotency_key="key")
        pause.go_on.set()
        other.join(20)
        record = dispatcher.find(idempotency_key="key")
    ledger.close()
    assert len(provider.taken) == (0 if second is Reason.TIMEOUT else 1)
    assert isinstance(others[0], errors.IdempotencyInProgress)
    assert record is not None
    assert record.outcome is (Kind.UNKNOWN if second is Reason.TIMEOUT else Kind.ACCEPTED)
    assert len(record.attempts) == 2
