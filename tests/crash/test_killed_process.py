"""What a killed process and a caller that stops waiting leave behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, ClassVar

import pytest
from faults import outcomes_page
from faults.behaviors import CASES
from faults.harness import CLIENTS, MODES, TO, JsonProvider, JsonProviderWithLookup, Peer, VendorServer

from messaging_channels import AsyncDispatcher, Dispatcher, Outcome, Receipt, Sms, errors
from messaging_channels._ledger.sqlite import SqliteLedger
from messaging_channels._model.outcomes import AttemptResult
from messaging_channels._transport.clock import Clock
from messaging_channels._transport.settings import HttpSettings
from messaging_channels.plugins.exchange import Flow, HttpRequest, ask
from messaging_channels.plugins.ledger import MessageRecord

pytestmark = pytest.mark.slow

PAGE = outcomes_page.cases()
TESTS = Path(__file__).parents[1]
KILLED = {
    "killed between intent and request": ["after", "ReserveMessage"],
    "killed between request and answer": ["", ""],
    "killed between answer and record": ["before", "FinishAttempt"],
}


class ClockADayAhead(Clock):
    """The machine's clock, a day ahead: every lease is over."""

    def now(self) -> float:
        return super().now() + 86400


def _killed(mode: str, url: str, ledger: Path, dies: list[str], arrived: threading.Event) -> None:
    """Have a process send a message and be killed."""
    told = json.dumps({"mode": mode, "url": url, "ledger": str(ledger), "dies": dies})
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
    process = subprocess.Popen([sys.executable, "-m", "crash.dying_ledger", told], env=environment)
    if not dies[0]:
        assert arrived.wait(60)
        process.kill()
    assert process.wait(60) == -signal.SIGKILL


def _found(ledger: SqliteLedger) -> MessageRecord:
    with Dispatcher([], ledger=ledger) as dispatcher:
        record = dispatcher.get_message(idempotency_key="key")
    assert record is not None
    return record


def _again(provider: Any, ledger: SqliteLedger, clock: Clock | None = None) -> Receipt:
    with Dispatcher([provider], ledger=ledger, clock=clock) as dispatcher:
        return dispatcher.send(Sms("hello"), to=TO, idempotency_key="key")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", KILLED)
def test_a_killed_process_leaves_a_record_that_is_held_and_settled_by_asking(
    name: str, mode: str, tmp_path: Path
) -> None:
    arrived = threading.Event()

    def behave(server: VendorServer, peer: Peer) -> None:
        if name != "killed between request and answer":
            return server.accept_all(peer)
        server.take(peer.read_request())
        arrived.set()
        return peer.wait_for_the_other_side()

    ledger = SqliteLedger(tmp_path / "ledger.sqlite3")
    with VendorServer(behave) as first, VendorServer() as healthy:
        _killed(mode, first.url, tmp_path / "ledger.sqlite3", KILLED[name], arrived)
        taken = list(first.taken)
        assert len(taken) == (0 if name == "killed between intent and request" else 1)
        assert _found(ledger).in_progress
        with pytest.raises(errors.IdempotencyKeyInUse):
            _again(JsonProvider("first", healthy.url), ledger)

        held = _again(JsonProvider("first", healthy.url), ledger, ClockADayAhead())
        assert held.outcome is Outcome.UNKNOWN
        assert [attempt.result.reason for attempt in held.attempts if attempt.result] == [PAGE[name].reason]
        assert healthy.taken == []

        healthy.taken += taken  # the same provider, in good health
        settled = _again(JsonProviderWithLookup("first", healthy.url), ledger, ClockADayAhead())
        assert settled.outcome is Outcome.ACCEPTED
        assert settled.replayed is bool(taken)
        assert healthy.taken == [settled.id]
    ledger.close()


def test_what_was_never_taken_is_safe_to_send_again(tmp_path: Path) -> None:
    name = "asked later: it was never taken"
    ledger = SqliteLedger(tmp_path / "ledger.sqlite3")
    with (
        VendorServer(CASES["reset after the request was written"].behave) as first,
        VendorServer() as healthy,
    ):
        assert _again(JsonProvider("first", first.url), ledger).outcome is Outcome.UNKNOWN
        with Dispatcher(
            [JsonProviderWithLookup("first", healthy.url)], ledger=ledger, clock=ClockADayAhead()
        ) as dispatcher:
            (record,) = dispatcher.reconcile()
        assert record.attempts[0].result is not None
        assert record.attempts[0].result.reason == PAGE[name].reason
        assert PAGE[name].again
        assert healthy.taken == []
        assert _again(JsonProvider("first", healthy.url), ledger).outcome is Outcome.ACCEPTED
        assert healthy.taken == [record.id]
    ledger.close()


class TokenProvider(JsonProvider):
    """One that asks for a token first, which sends nothing."""

    name: ClassVar[str] = "first"

    def send(self, batch: Any) -> Flow[Any]:
        yield from ask(HttpRequest("GET", f"{self._url}/token", may_send=False))
        return (yield from super().send(batch))


def _cancelled(provider: Any, ledger: SqliteLedger, arrived: threading.Event, client: Any) -> None:
    async def run() -> None:
        async with AsyncDispatcher([provider], ledger=ledger, http=HttpSettings(client=client)) as dispatcher:
            task = asyncio.create_task(dispatcher.send(Sms("hello"), to=TO, idempotency_key="key"))
            assert await asyncio.to_thread(arrived.wait, 20)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(run())


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("cancelled before the request", TokenProvider),
        ("cancelled after the request was written", JsonProvider),
    ],
)
def test_a_cancelled_call_says_whether_it_may_have_been_sent(
    name: str, kind: type[JsonProvider], client: str, tmp_path: Path
) -> None:
    if client == "pyreqwest":
        pytest.importorskip("pyreqwest")
    arrived, ledger = threading.Event(), SqliteLedger(tmp_path / "ledger.sqlite3")

    def behave(server: VendorServer, peer: Peer) -> None:
        if (request := peer.read_request()).startswith(b"POST"):
            server.take(request)
        arrived.set()
        server.released.wait(20)

    with VendorServer(behave) as first, VendorServer() as healthy:
        _cancelled(kind("first", first.url), ledger, arrived, client)
        attempt = _found(ledger).attempts[0]
        assert attempt.result is not None
        assert attempt.result.reason == PAGE[name].reason
        again = _again(JsonProvider("first", healthy.url), ledger)
        assert first.taken == ([] if kind is TokenProvider else [again.id])
        assert healthy.taken == ([again.id] if kind is TokenProvider else [])
        assert again.outcome is (Outcome.ACCEPTED if kind is TokenProvider else Outcome.UNKNOWN)
    ledger.close()


class _Interrupted(BaseException):
    """As raised by a signal handler, such as KeyboardInterrupt."""


def test_a_thread_that_is_interrupted_says_that_it_may_have_been_sent(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.sqlite3")

    def interrupt(*_: object) -> None:
        raise _Interrupted

    def behave(server: VendorServer, peer: Peer) -> None:
        server.take(peer.read_request())
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
        server.released.wait(20)

    before = signal.signal(signal.SIGUSR1, interrupt)
    with VendorServer(behave) as first:
        provider, http = JsonProvider("first", first.url), HttpSettings(client="httpx")
        with Dispatcher([provider], ledger=ledger, http=http) as dispatcher, pytest.raises(_Interrupted):
            dispatcher.send(Sms("hello"), to=TO, idempotency_key="key")
    signal.signal(signal.SIGUSR1, before)
    attempt = _found(ledger).attempts[0]
    assert attempt.result is not None
    assert attempt.result.reason == PAGE["cancelled after the request was written"].reason
    ledger.close()


def test_a_call_cancelled_while_it_is_written_down_leaves_its_key_free(tmp_path: Path) -> None:
    """Nothing left the machine, so nothing is held."""
    ledger, provider = SqliteLedger(tmp_path / "ledger.sqlite3"), _CountingProvider("first", "")

    async def run() -> None:
        async with AsyncDispatcher([provider], ledger=ledger) as dispatcher:
            for steps in range(12):
                task = asyncio.create_task(
                    dispatcher.send(Sms("hello"), to=TO, idempotency_key=f"key {steps}")
                )
                for _ in range(steps):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])
                time.sleep(0.01)  # noqa: ASYNC251  what was asked of the ledger is done meanwhile
                again = await dispatcher.send(Sms("hello"), to=TO, idempotency_key=f"key {steps}")
                assert again.outcome is Outcome.ACCEPTED
                assert provider.sent.count(again.id) == 1

    asyncio.run(run())
    ledger.close()


class _CountingProvider(JsonProvider):
    def __init__(self, name: str, url: str) -> None:
        super().__init__(name, url)
        self.sent: list[str] = []

    def send(self, batch: Any) -> Flow[Any]:
        yield from ()
        self.sent += [envelope.id for envelope in batch]
        return [AttemptResult.of(page_reason("accepted")) for _ in batch]


def page_reason(name: str) -> Any:
    from messaging_channels._model.outcomes import Reason

    return Reason(PAGE[name].reason)
