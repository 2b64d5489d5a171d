"""Limits that several processes share through the ledger: never exceeded, used, and given back by a process that dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from bisect import bisect_left
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from ledgers import Do  # noqa: TC002  a module of the tests
from scripted import QuickClock, Scripted

from messaging_channels import Dispatcher, NotSent, PostgresLedger, RateLimit, Route, Sms, SqliteLedger
from messaging_channels._model.errors import InvalidSetting, LedgerUnavailable, MessageBlocked
from messaging_channels._model.outcomes import Reason
from messaging_channels._transport.drivers import Transport
from messaging_channels.plugins.exchange import AsyncExecutor, Exchange, ExecutorPair, ask
from messaging_channels.plugins.ledger import Ledger
from messaging_channels.plugins.ledger_limits import (
    AcquireCircuitProbe,
    CircuitReport,
    Place,
    PlaceRequest,
    SharedRate,
    SpendBudget,
    SyncCircuits,
    TakePlaces,
)
from messaging_channels.policies import CircuitBreaker, SpendLimit, VelocityLimit
from messaging_channels.policies.rate_limiter import RateLimiter
from policies.limit_worker import BUDGET, LIMIT, PRICE

TESTS = Path(__file__).parents[1]
PHONE = "+447700900123"


@pytest.fixture(params=["sqlite", "postgres"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a ledger is that processes share."""
    if request.param == "sqlite":
        return str(tmp_path / "ledger.sqlite3")
    found = request.getfixturevalue("postgres")
    assert isinstance(found, str)
    return found


@contextmanager
def _process(
    where: str, folder: Path, name: str, seconds: float, kind: str
) -> Generator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
    command = [sys.executable, "-m", "policies.limit_worker", where, str(folder), name, str(seconds), kind]
    with subprocess.Popen(command, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def _sent_by(where: str, folder: Path, kind: str, seconds: float, count: int = 4) -> list[float]:
    """Let processes send at the same time; return when each message was sent."""
    names = [f"p{number}" for number in range(count)]
    with ExitStack() as stack:
        running = [stack.enter_context(_process(where, folder, one, seconds, kind)) for one in names]
        while not all((folder / f"{one}.ready").exists() for one in names):
            time.sleep(0.01)
        (folder / "go").touch()
        codes = [one.wait(60) for one in running]
    assert set(codes) == {0}
    return sorted(float(line) for one in names for line in (folder / f"{one}.times").read_text().splitlines())


def test_four_processes_never_exceed_a_rate_in_any_second(shared: str, tmp_path: Path) -> None:
    times = _sent_by(shared, tmp_path, "rate", 2.0)

    most = max(bisect_left(times, one + 1.0) - place for place, one in enumerate(times))
    assert most <= LIMIT.limit + LIMIT.burst
    assert len(times) > LIMIT.burst  # how much of it is used, where the machine is free: benchmarks/limits.py


def test_four_processes_spend_a_budget_to_the_last_unit_and_no_more(postgres: str, tmp_path: Path) -> None:
    times = _sent_by(postgres, tmp_path, "budget", 30.0)

    assert len(times) == round(BUDGET / PRICE)


def test_four_processes_count_against_one_velocity(tmp_path: Path) -> None:
    times = _sent_by(str(tmp_path / "ledger.sqlite3"), tmp_path, "velocity", 30.0)

    assert len(times) == 50


def test_a_process_that_dies_holds_its_places_no_longer_than_they_last(shared: str, tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    with _process(shared, tmp_path, "dies", 60.0, "rate") as dying:
        while not (tmp_path / "dies.ready").exists():
            time.sleep(0.01)
        time.sleep(0.5)
        dying.send_signal(signal.SIGKILL)
        dying.wait()
        times = _sent_by(shared, tmp_path, "rate", 1.0, count=1)

    assert len(times) >= 20


def test_places_are_given_out_as_one_process_alone_would(do: Do) -> None:
    rate = SharedRate("a", 0.5, 3)
    requests = (PlaceRequest(10.0),) * 5
    first = do(TakePlaces((rate,), requests, time.time()))

    assert [round(one.wait, 1) for one in first[:3]] == [0, 0, 0]
    assert [one.is_taken for one in first] == [True] * 5
    assert first[3].wait == pytest.approx(0.5, abs=0.1)
    assert first[4].wait == pytest.approx(1.0, abs=0.1)
    (refused,) = do(TakePlaces((rate,), (PlaceRequest(0.0),), time.time()))
    assert (refused.is_taken, refused.limited_by) == (False, "a")
    back = do(TakePlaces((rate,), (PlaceRequest(0.0),), time.time(), {"a": 5 * rate.interval}))
    assert back[0].is_taken


def test_no_part_of_a_rate_is_lost_between_processes_that_want_all_of_it(shared: str) -> None:
    """However long each of them takes: a place follows the other, in the time of the store."""
    rate, rounds, count = SharedRate("a", 1.0, 1), 25, 4
    replies: list[Place] = []
    start, stack = threading.Barrier(count), ExitStack()
    transports = [stack.enter_context(Transport(executors=_opened(shared).executors)) for _ in range(count)]
    for one in transports:  # opened one after the other
        one.run(ask(TakePlaces((SharedRate("other", 1.0, 1),), (PlaceRequest(1e6),), time.time())))

    def take(transport: Transport) -> None:
        start.wait()
        for number in range(rounds):
            wanted = (PlaceRequest(1e6),) * (1 + number % 3)
            replies.extend(transport.run(ask(TakePlaces((rate,), wanted, time.time()))))

    threads = [threading.Thread(target=take, args=(one,)) for one in transports]
    begin = time.time()
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    took = time.time() - begin
    total = len(replies)
    with stack:
        (last,) = transports[0].run(ask(TakePlaces((rate,), (PlaceRequest(1e6),), time.time())))

    assert all(one.is_taken for one in replies)
    assert total - took - 1 <= last.wait <= total * rate.interval
    assert total / (last.wait + took) >= 0.95  # of the limit is used


def test_a_process_that_is_alone_with_a_rate_waits_as_its_own_limiter_would_have_it(do: Do) -> None:
    limiter, rate, shared_as = RateLimiter(), RateLimit(0.5, burst=3), SharedRate("a", 2.0, 3)
    now = time.time()
    expected = [limiter.reserve([("a", rate)], now, 1e6)[1] for _ in range(9)]
    places = [
        one
        for count in (2, 1, 4, 2)
        for one in do(TakePlaces((shared_as,), (PlaceRequest(1e6),) * count, now))
    ]

    assert [one.wait for one in places] == [pytest.approx(wait, abs=1.5) for wait in expected]
    few = do(TakePlaces((shared_as,), (PlaceRequest(9.0), PlaceRequest(1e6)), now))
    assert [one.is_taken for one in few] == [False, True]


def test_a_place_under_two_rates_waits_for_the_slower_one_and_is_taken_from_neither_if_it_is_too_far(
    do: Do,
) -> None:
    fast, slow = SharedRate("fast", 0.001, 1), SharedRate("slow", 100.0, 1)
    (first,) = do(TakePlaces((fast, slow), (PlaceRequest(1.0),), time.time()))
    (second,) = do(TakePlaces((fast, slow), (PlaceRequest(1.0),), time.time()))
    (third,) = do(TakePlaces((fast,), (PlaceRequest(1.0),), time.time()))

    assert (first.is_taken, second.is_taken, third.is_taken) == (True, False, True)
    assert second.limited_by == "slow"
    assert second.wait == pytest.approx(100, abs=5)


def test_a_budget_is_spent_to_the_last_unit_each_day_and_what_is_given_back_is_there_again(do: Do) -> None:
    assert do(SpendBudget("b", (40, 40, 40, 20), 100, day=1)) == [True, True, False, True]
    assert do(SpendBudget("b", (1,), 100, day=1)) == [False]
    assert do(SpendBudget("b", (30, 30), 100, day=1, returned=40)) == [True, False]
    assert do(SpendBudget("b", (100,), 100, day=2)) == [True]
    assert do(SpendBudget("b", (1,), 100, day=1)) == [False]  # the day is over


def test_a_circuit_opens_by_the_failures_of_all_and_one_of_them_probes_it(do: Do) -> None:
    now = time.time()
    failed = CircuitReport("acme-sms/", 1, 3, 0.0)
    assert do(SyncCircuits((failed,), now)) == {}
    assert do(SyncCircuits((failed,), now)) == {}
    assert list(do(SyncCircuits((failed,), now))) == ["acme-sms/"]
    assert do(AcquireCircuitProbe("acme-sms/", 60.0, now)) == 0
    assert 0 < do(AcquireCircuitProbe("acme-sms/", 60.0, now)) <= 60
    assert 0 < do(AcquireCircuitProbe("acme-sms/", 60.0, now, half_open_interval=50.0)) <= 50
    assert do(SyncCircuits((CircuitReport("acme-sms/", 0, 3, 60.0),), now)) == {}
    assert do(AcquireCircuitProbe("acme-sms/", 60.0, now)) == 0


def test_a_provider_that_fails_in_one_process_is_left_alone_by_the_others(shared: str) -> None:
    clock = QuickClock(time.time())
    down = [Scripted("vendor", Reason.UNREACHABLE) for _ in range(2)]
    spare = [Scripted("spare") for _ in range(2)]
    ledgers = [_opened(shared) for _ in range(2)]
    with ExitStack() as stack:
        one, other = (
            stack.enter_context(
                Dispatcher(
                    [down[number], spare[number]],
                    ledger=ledgers[number],
                    routes={"sms": Route("vendor", "spare", circuit_breaker=CircuitBreaker(3, 3600.0))},
                    shared_limits=True,
                    clock=clock,
                )
            )
            for number in range(2)
        )
        while len(down[0].asked) < 3:
            one.send(Sms("x"), to=PHONE)
        one.send(Sms("x"), to=PHONE)  # tells the others
        clock.time += 2
        for _ in range(3):
            assert other.send(Sms("x"), to=PHONE).provider == "spare"
            clock.time += 2

    assert len(down[1].asked) == 0


def test_a_rule_that_is_shared_counts_no_message_that_was_not_sent(shared: str) -> None:
    down = Scripted("vendor", Reason.UNREACHABLE, Reason.UNREACHABLE, Reason.UNREACHABLE, Reason.ACCEPTED)
    rules = [
        VelocityLimit(per_number=RateLimit(1, per=3600), shared=True),
        SpendLimit(lambda _: 1.0, 1.0, shared=True),
    ]
    with Dispatcher(
        [down], ledger=_opened(shared), checks=rules, shared_limits=True, clock=QuickClock(time.time())
    ) as dispatcher:
        with pytest.raises(NotSent):
            dispatcher.send(Sms("x"), to=PHONE)
        assert dispatcher.send(Sms("x"), to=PHONE).provider == "vendor"
        with pytest.raises(MessageBlocked, match="too many messages to one number"):
            dispatcher.send(Sms("x"), to=PHONE)
        with pytest.raises(MessageBlocked, match="limit of 1 is used up"):
            dispatcher.send(Sms("x"), to="+447700900999")


def test_nothing_goes_out_when_the_store_of_limits_cannot_be_asked() -> None:
    class Away:
        @property
        def executors(self) -> Mapping[type[Exchange[Any]], ExecutorPair]:
            return {TakePlaces: ExecutorPair(_Away, _no_async), SyncCircuits: ExecutorPair(_Away, _no_async)}

    provider = Scripted("vendor")
    with (
        Dispatcher([provider], rate_limits={"vendor": RateLimit(5)}, shared_limits=Away()) as dispatcher,
        pytest.raises(LedgerUnavailable),
    ):
        dispatcher.send(Sms("x"), to=PHONE)

    assert provider.asked == []


def test_limits_cannot_be_shared_without_a_ledger() -> None:
    with pytest.raises(InvalidSetting, match="shared_limits"):
        Dispatcher([Scripted("vendor")], shared_limits=True)


class _Away:
    def perform(self, exchange: Exchange[Any]) -> Any:
        del exchange
        raise LedgerUnavailable("away")

    def close(self) -> None:
        """Hold nothing."""


def _no_async() -> AsyncExecutor:
    raise AssertionError


def _opened(where: str) -> Ledger:
    return SqliteLedger(Path(where)) if where.startswith("/") else PostgresLedger(where, pool_size=2)
