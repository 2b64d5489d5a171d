"""Interleavings that would send twice or lose a message, each made to happen."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from typing import Any, ClassVar

import psycopg
import pytest
from faults.harness import TO, InstantClock
from ledgers import reservation

from messaging_channels import Dispatcher, Outcome, Route, Sms, errors
from messaging_channels._ledger.postgres import PostgresLedger
from messaging_channels._ledger.sql_dispatch import statements_for
from messaging_channels._ledger.sql_types import Dialect
from messaging_channels._ledger.sqlite import SqliteLedger
from messaging_channels._ledger.tables import SCHEMA
from messaging_channels._model import status as statuses
from messaging_channels._model.events import StatusChanged
from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels._transport.drivers import Transport
from messaging_channels.messages import fingerprint
from messaging_channels.plugins.exchange import BlockingCall, Exchange, Flow, ask
from messaging_channels.plugins.ledger import (
    AttemptIntent,
    FinishAttempt,
    GetMessage,
    RecordEvent,
    ReleaseReservation,
    ReserveMessage,
    StartAttempt,
    TakeLease,
)
from messaging_channels.plugins.provider import Capabilities, Envelope, LookupRequest
from messaging_channels.policies.checks import PreSendCheck
from messaging_channels.policies.routing import CircuitBreaker, RetryPolicy


class CountingProvider:
    """A provider whose answers are told in advance; it counts what it accepted."""

    name: ClassVar[str] = "acme-sms"
    capabilities: ClassVar[Capabilities] = Capabilities({Sms: frozenset({"sender"})})
    executors: ClassVar[dict[type[Exchange[Any]], Any]] = {}

    def __init__(self, *answers: Reason, name: str = "acme-sms") -> None:
        self.name = name  # type: ignore[misc]
        self._answers = iter(answers)
        self.taken: list[str] = []

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        yield from ()
        return [self.one(envelope) for envelope in batch]

    def one(self, envelope: Envelope) -> AttemptResult:
        reason = next(self._answers, Reason.ACCEPTED)
        if reason is Reason.ACCEPTED:
            self.taken.append(envelope.id)
        return AttemptResult.of(reason, retry_after=1.0 if reason is Reason.THROTTLED else None)


class PausingCheck(PreSendCheck):
    """A rule that allows everything, but tells when it is asked and takes its time."""

    name: ClassVar[str] = "pausing"

    def __init__(self) -> None:
        self.asked, self.go_on = threading.Event(), threading.Event()

    def check(self, envelope: Envelope, account: str | None) -> Flow[str | None]:  # noqa: ARG002  whoever it is for
        yield from ()
        self.asked.set()
        assert self.go_on.wait(20)
        return None


@pytest.mark.parametrize("second", [Reason.ACCEPTED, Reason.TIMEOUT])
def test_a_call_that_takes_over_between_two_attempts_never_repeats_the_later_one(second: Reason) -> None:
    """The first call waits to repeat a throttled attempt. Another one finds the record meanwhile, and takes over too late."""
    ledger, pause, provider = SqliteLedger(), PausingCheck(), CountingProvider(Reason.THROTTLED, second)
    others: list[Any] = []
    route = {"sms": Route("acme-sms", retry=RetryPolicy(max_attempts=2))}

    def takes_over() -> None:
        with Dispatcher([provider], ledger=ledger, checks=[pause], routes=route) as dispatcher:
            try:
                others.append(dispatcher.send(Sms("hello"), to=TO, idempotency_key="key"))
            except errors.MessagingError as error:
                others.append(error)

    class Meanwhile(InstantClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            other.start()
            assert pause.asked.wait(20)

    other = threading.Thread(target=takes_over)
    with Dispatcher([provider], ledger=ledger, routes=route, clock=Meanwhile()) as dispatcher:
        dispatcher.send(Sms("hello"), to=TO, idempotency_key="key")
        pause.go_on.set()
        other.join(20)
        record = dispatcher.get_message(idempotency_key="key")
    ledger.close()

    assert len(provider.taken) == (0 if second is Reason.TIMEOUT else 1)
    assert isinstance(others[0], errors.IdempotencyKeyInUse)
    assert record is not None
    assert record.outcome is (Outcome.UNKNOWN if second is Reason.TIMEOUT else Outcome.ACCEPTED)
    assert len(record.attempts) == 2


def _reserve(message_id: str = "m1", key: str | None = "key", **more: Any) -> ReserveMessage:
    given = {"address": "", "digest": "d", "expires": 1000.0, "lease_owner": f"holder of {message_id}"}
    return reservation(message_id, at=0.0, idempotency_key=key, **(given | more))


def _finish(reason: Reason, number: int = 1, stopped: str = "", **more: Any) -> FinishAttempt:
    return FinishAttempt("m1", number, AttemptResult.of(reason, **more), 1.0, 30.0, stopped)


@pytest.fixture
def ledger() -> Iterator[SqliteLedger]:
    kept = SqliteLedger()
    yield kept
    kept.close()


def _do(ledger: SqliteLedger, *operations: Any) -> Any:
    return [ledger.perform(one) for one in operations][-1]


def test_a_key_that_is_released_while_it_is_looked_at_is_reserved_by_whoever_looks() -> None:
    """As in PostgreSQL, where another transaction may end between two statements of one."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        for statement in SCHEMA:
            database.execute(statement)

        def run(flow: Any, rows: Any = None) -> Any:
            try:
                while True:
                    rows = database.execute(*flow.send(rows)).fetchall()
            except StopIteration as done:
                return done.value

        run(statements_for(_reserve(), Dialect()))
        late = statements_for(_reserve("m2"), Dialect())
        refused = database.execute(*next(late)).fetchall()
        run(statements_for(ReleaseReservation("m1", "holder of m1"), Dialect()))
        assert run(late, refused) is None
        found = run(statements_for(GetMessage(idempotency_key="key"), Dialect()))

    assert found is not None
    assert found.id == "m2"


@pytest.mark.parametrize("late", [Reason.RECIPIENT, Reason.THROTTLED, Reason.ACCEPTED])
def test_a_late_end_of_an_earlier_attempt_does_not_hide_that_a_later_one_was_accepted(
    late: Reason, ledger: SqliteLedger
) -> None:
    _do(ledger, _reserve(), _finish(Reason.PROCESS_CRASHED, stopped="its process died"))
    _do(
        ledger,
        TakeLease("m1", "holder of m1", "h2", 120.0, 1),
        StartAttempt(AttemptIntent("m1", 2, "acme-sms", None, 0.0), "h2", 120.0),
    )
    _do(ledger, _finish(Reason.ACCEPTED, 2, "told accepted it"), _finish(late, 1, "told refused it for good"))
    record = _do(ledger, GetMessage("m1"))

    assert record.outcome is Outcome.ACCEPTED
    assert record.status == statuses.PENDING_ACCEPTED


def test_a_call_that_comes_to_bury_a_living_one_too_late_changes_nothing(ledger: SqliteLedger) -> None:
    _do(ledger, _reserve(), _finish(Reason.ACCEPTED, stopped="told accepted it"))
    before = _do(ledger, GetMessage("m1"))
    _do(ledger, _finish(Reason.PROCESS_CRASHED, stopped="its process died"))

    assert _do(ledger, GetMessage("m1")) == before


HOSTILE = ["\ud800", "nul\x00byte"]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_that_a_database_cannot_hold_stops_nobody_else(text: str, ledger: SqliteLedger) -> None:
    with Dispatcher([CountingProvider()], ledger=ledger) as dispatcher:
        with suppress(errors.MessagingError):
            dispatcher.send(Sms("hello"), to=TO, idempotency_key=text)
        assert dispatcher.send(Sms("hello"), to=TO, idempotency_key="key").outcome is Outcome.ACCEPTED


@pytest.mark.parametrize("text", HOSTILE)
def test_an_answer_that_a_database_cannot_hold_is_kept_all_the_same(text: str, ledger: SqliteLedger) -> None:
    _do(ledger, _reserve(), _finish(Reason.ACCEPTED, provider_id=f"id{text}", detail=f"detail{text}"))

    assert _do(ledger, GetMessage("m1")).outcome is Outcome.ACCEPTED


class SlowProvider(CountingProvider):
    """A provider that takes batches, is slow with those texts that begin so, and can be asked."""

    capabilities: ClassVar[Capabilities] = Capabilities({Sms: frozenset({"sender"})}, max_batch_size=10)

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()
        self.in_progress = threading.Semaphore(0)

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        if batch[0].message.text == "slow":  # type: ignore[attr-defined]
            yield from ask(BlockingCall(self._wait))
        return [self.one(envelope) for envelope in batch]

    def look_up(self, request: LookupRequest) -> Flow[AttemptResult | None]:
        yield from ()
        return AttemptResult.of(Reason.ACCEPTED if request.message_id in self.taken else Reason.NOT_FOUND)

    def _wait(self) -> None:
        self.in_progress.release()
        assert self.go_on.wait(20)


def test_a_message_whose_lease_runs_out_while_it_waits_for_its_turn_is_not_sent_by_that_call(
    ledger: SqliteLedger,
) -> None:
    """The case "its turn came after its lease was over": somebody else takes it for dead meanwhile, proves that it was never taken, and sends it."""
    provider, clock, ends = SlowProvider(), InstantClock(), list[Any]()
    with Dispatcher([provider], ledger=ledger, clock=clock) as dispatcher:

        def send(text: str, key: str | None) -> None:
            try:
                ends.append(dispatcher.send(Sms(text), to=TO, idempotency_key=key))
            except errors.MessagingError as error:
                ends.append(error)

        slow = [threading.Thread(target=send, args=("slow", None)) for _ in range(4)]
        for thread in slow:
            thread.start()
        for _ in slow:
            assert provider.in_progress.acquire(timeout=20)
        late = threading.Thread(target=send, args=("late", "key"))
        late.start()
        while dispatcher.get_message(idempotency_key="key") is None:
            pass
        clock.time += 1000
        with Dispatcher([provider], ledger=ledger, clock=clock) as other:
            receipt = other.send(Sms("late"), to=TO, idempotency_key="key")
        provider.go_on.set()
        for thread in (*slow, late):
            thread.join(20)
        record = dispatcher.get_message(idempotency_key="key")
    assert provider.taken.count(receipt.id) == 1
    assert record is not None
    assert record.outcome is Outcome.ACCEPTED
    (error,) = [end for end in ends if isinstance(end, errors.MessagingError)]

    assert isinstance(error, (errors.NotSent, errors.IdempotencyKeyInUse))


def _report(status: statuses.Status, *, message_id: str = "", provider_id: str | None = None) -> RecordEvent:
    return RecordEvent(
        StatusChanged(
            provider="acme-sms",
            occurred_at=1.0,
            status=status,
            message_id=message_id,
            provider_id=provider_id,
        ),
        1.0,
    )


@pytest.mark.parametrize("told_by", ["a report that names both", "an answer after all"])
def test_reports_that_name_only_the_providers_id_are_joined_as_soon_as_it_is_known(
    told_by: str, ledger: SqliteLedger
) -> None:
    early = _report(statuses.DELIVERED_TO_HANDSET, provider_id="own")
    _do(ledger, _reserve(), _finish(Reason.TIMEOUT), early)
    if told_by == "a report that names both":
        _do(ledger, _report(statuses.known(1, 3), message_id="m1", provider_id="own"))
    else:
        _do(ledger, _report(statuses.known(1, 3), message_id="m1"))
        _do(ledger, _finish(Reason.ACCEPTED, provider_id="own"))
    record = _do(ledger, GetMessage(provider="acme-sms", provider_id="own"))

    assert record is not None
    assert record.status == statuses.DELIVERED_TO_HANDSET
    assert len(record.events) == 2


@pytest.mark.parametrize("later", [False, True])
def test_a_report_outweighs_an_earlier_proof_of_absence(later: bool, ledger: SqliteLedger) -> None:
    """The provider was asked too early, said that it never took the message, and then reports on it: it is not sent again."""
    report = _report(statuses.known(1, 7), message_id="m1")
    ends = [_finish(Reason.TIMEOUT, stopped="held"), _finish(Reason.NOT_FOUND, stopped="told was asked")]
    _do(ledger, _reserve(), *([*ends, report] if later else [report, *ends]))

    assert _do(ledger, GetMessage("m1")).outcome is Outcome.ACCEPTED


def test_nobody_takes_over_what_a_report_has_just_settled(ledger: SqliteLedger) -> None:
    _do(ledger, _reserve(), _finish(Reason.TIMEOUT), _report(statuses.known(1, 7), message_id="m1"))

    assert _do(ledger, TakeLease("m1", "holder of m1", "h2", 120.0, 1)) is False


class ClockSetBack(InstantClock):
    """A clock that is set back by an hour while the n-th wait goes on."""

    def __init__(self, nth: int = 1) -> None:
        super().__init__()
        self._nth = nth

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if len(self.waits) == self._nth:
            self.time -= 3600


def test_a_clock_that_is_set_back_makes_no_repetition_wait_for_it() -> None:
    clock, provider = ClockSetBack(), CountingProvider(Reason.THROTTLED, Reason.THROTTLED)
    with Dispatcher([provider], clock=clock) as dispatcher:
        assert dispatcher.send(Sms("hello"), to=TO).outcome is Outcome.ACCEPTED

    assert sum(clock.waits) < 60


def test_a_clock_that_is_set_back_makes_nobody_wait_longer_for_a_call_under_way(ledger: SqliteLedger) -> None:
    clock = ClockSetBack()
    with Dispatcher([CountingProvider()], ledger=ledger, clock=clock) as dispatcher:
        intent = _reserve(fingerprint=fingerprint(Sms("hello"), "447700900123", None))
        _do(ledger, replace(intent, expires=clock.time + 10**6, lease=clock.time + 10**5))
        with pytest.raises(errors.IdempotencyKeyInUse):
            dispatcher.send(Sms("hello"), to=TO, idempotency_key="key", in_progress_timeout=0.2)

    assert sum(clock.waits) < 1


def test_a_clock_that_is_set_back_lets_no_provider_rest_longer() -> None:
    clock, provider = InstantClock(), CountingProvider(*[Reason.UNREACHABLE] * 2)
    route = {
        "sms": Route(
            "acme-sms",
            retry=RetryPolicy(max_attempts=1),
            circuit_breaker=CircuitBreaker(failure_threshold=2, reset_timeout=30),
        )
    }
    with Dispatcher([provider], clock=clock, routes=route) as dispatcher:
        for _ in range(2):
            with pytest.raises(errors.NotSent):
                dispatcher.send(Sms("hello"), to=TO)
        clock.time -= 3600
        assert dispatcher.send(Sms("hello"), to=TO).outcome is Outcome.ACCEPTED


def test_a_process_that_opens_a_postgres_ledger_waits_for_no_writer_of_it(postgres: str) -> None:
    """To create what exists takes locks all the same: they stopped every writer, and met some in a deadlock."""
    with Transport(executors=PostgresLedger(postgres).executors) as first:
        first.run(ask(_reserve()))
        with psycopg.connect(postgres) as writer:
            writer.execute("UPDATE messaging_channels_message SET checks = 1")
            impatient = f"{postgres} options='-c lock_timeout=2s'"
            with Transport(executors=PostgresLedger(impatient).executors) as second:
                assert second.run(ask(GetMessage("m1"))) is not None
