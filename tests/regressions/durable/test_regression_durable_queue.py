"""Messages that wait, when something else than the message is at fault, or nothing will ever send it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from regression_server import (
    TO,
    Asked,
    infobip,
    infobip_takes,
    program,
    reply,
    twilio,
    twilio_takes,
    vendor,
    whatsapp,
    whatsapp_takes,
)
from scripted import Scripted

from messaging_channels import BadInput, Dispatcher, Route, Sms, WhatsAppTemplate
from messaging_channels._client.worker import Worker
from messaging_channels._ledger.options import LedgerOptions
from messaging_channels._ledger.sqlite import SqliteLedger
from messaging_channels._model.errors import LedgerUnavailable
from messaging_channels._model.outcomes import Reason
from messaging_channels.plugins.exchange import Exchange, ExecutorPair
from messaging_channels.plugins.ledger import FinishAttempt, Ledger, MessageRecord
from messaging_channels.policies.routing import RetryPolicy
from messaging_channels.testing.clock import ControlledClock

PARCEL = Sms("Your parcel comes today")


@pytest.fixture
def queue() -> Iterator[Ledger]:
    ledger = SqliteLedger(addresses="plain")
    yield ledger
    ledger.close()


def _record(dispatcher: Dispatcher, message_id: str) -> MessageRecord:
    record = dispatcher.get_message(message_id)
    assert record is not None
    return record


PAGE = b"<html><title>Sign in</title><body>Please sign in to the network</body></html>"


@pytest.mark.parametrize("status", [302, 303, 307, 511])
def test_a_login_page_in_the_vendors_place_does_not_end_a_message(status: int, queue: Ledger) -> None:
    clock, in_order = ControlledClock(), []
    page = reply(status, PAGE, content_type="text/html", location="https://login.example/")

    def answer(_: Asked) -> bytes:
        return twilio_takes() if in_order else page

    with (
        vendor(answer) as server,
        Dispatcher([twilio(server.url)], ledger=queue, clock=clock) as dispatcher,
    ):
        waiting = dispatcher.enqueue(PARCEL, to=TO).id
        worker = Worker(dispatcher)
        for _ in range(10):
            worker.drain()
            clock.advance(60)
        in_order.append(True)
        dispatcher.queue.retry_dead_letters()
        for _ in range(40):
            worker.drain()
            clock.advance(60)
        record = _record(dispatcher, waiting)

    assert record.status.name == "PENDING_ACCEPTED"


@pytest.mark.parametrize("status", [401, 403])
def test_what_waits_goes_out_when_the_accounts_key_is_mended(status: int, queue: Ledger) -> None:
    clock, mended = ControlledClock(), []
    refusal = {
        "requestError": {"serviceException": {"messageId": "UNAUTHORIZED", "text": "Invalid login details"}}
    }

    def answer(request: Asked) -> bytes:
        return infobip_takes(request) if mended else reply(status, refusal)

    with (
        vendor(answer) as server,
        Dispatcher([infobip(server.url)], ledger=queue, clock=clock) as dispatcher,
    ):
        waiting = [dispatcher.enqueue(PARCEL, to=f"+44770090010{last}").id for last in range(5)]
        worker = Worker(dispatcher)
        worker.drain()
        clock.advance(120)
        worker.drain()
        mended.append(True)
        for _ in range(30):
            clock.advance(900)
            worker.drain()
        outcomes = [str(_record(dispatcher, one).outcome) for one in waiting]

    assert outcomes == ["accepted"] * 5


def test_what_nothing_will_ever_send_is_refused_at_once_or_ends_for_good(queue: Ledger) -> None:
    with (
        vendor(whatsapp_takes) as server,
        Dispatcher([whatsapp(server.url)], ledger=queue) as dispatcher,
    ):
        try:
            message = WhatsAppTemplate("order_ready", "en", ("line one\nline two",))
            waiting = dispatcher.enqueue(message, to=TO).id
        except BadInput:
            ended = True
        else:
            Worker(dispatcher).drain()
            record = _record(dispatcher, waiting)
            ended = record.status.final and not record.status.name.startswith("PENDING")

    assert ended
    assert server.requests == []


POISON = """
import os, sys
from pathlib import Path
from messaging_channels import Dispatcher, Sandbox, Sms
from messaging_channels._ledger.sqlite import SqliteLedger
from messaging_channels import LedgerOptions
from messaging_channels.testing.clock import ControlledClock
from messaging_channels.policies import PreSendCheck
from messaging_channels._client.worker import Worker

ledger = SqliteLedger(Path(sys.argv[1]))
began = ControlledClock().now()

class Native(PreSendCheck):
    name = "native"

    def check(self, envelope, account):
        if "BOOM" in envelope.message.text:
            os._exit(139)
        return None
        yield

def opened(life):
    clock = ControlledClock(began + 3600.0 * life)
    return Dispatcher([Sandbox()], ledger=LedgerOptions(ledger, lease=60.0), checks=[Native()], clock=clock)

def apart(life, work):
    child = os.fork()
    if not child:
        try:
            with opened(life) as dispatcher:
                work(dispatcher)
        except BaseException as fault:
            os.write(2, repr(fault).encode())
            os._exit(70)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def fill(dispatcher):
    for text in ("BOOM", "one", "two", "three"):
        print(dispatcher.enqueue(Sms(text), to="+447700900123").id, flush=True)

assert apart(0, fill) == 0
codes = []
while len(codes) < 20 and codes[-1:] != [0]:
    codes.append(apart(len(codes) + 1, lambda dispatcher: Worker(dispatcher).drain()))
codes.append(apart(len(codes) + 1, lambda dispatcher: Worker(dispatcher).drain()))
print(*codes)
"""


def test_a_message_that_kills_its_worker_is_set_aside_and_the_others_are_sent(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"

    ran = program(POISON, path, seconds=60)

    *ids, codes = ran.stdout.splitlines()
    assert "70" not in codes.split(), ran.stderr
    poison, *others = ids
    with Dispatcher([Scripted("sandbox")], ledger=SqliteLedger(path, owned=True)) as dispatcher:
        sent = [str(_record(dispatcher, one).outcome) for one in others]
        dead = [one.id for one in dispatcher.queue.dead_letters()]
    assert sent == ["accepted"] * 3
    assert dead == [poison]


class _Away:
    """Does what a ledger does, but fails to write down the first outcome."""

    def __init__(self, inner: Any, failing: list[bool]) -> None:
        self._inner = inner
        self._failing = failing

    def perform(self, exchange: Exchange[Any]) -> Any:
        if isinstance(exchange, FinishAttempt) and self._failing:
            self._failing.pop()
            raise LedgerUnavailable("away for a moment")
        return self._inner.perform(exchange)

    def close(self) -> None:
        self._inner.close()


class Flaky(SqliteLedger):
    """A ledger that is away just when the first outcome is to be written."""

    def __init__(self) -> None:
        super().__init__()
        self.failing = [True]

    @property
    def executors(self) -> Mapping[type[Exchange[Any]], ExecutorPair]:
        return {
            kind: ExecutorPair(lambda own=own: _Away(own.sync(), self.failing), own.asynchronous)  # type: ignore[misc]
            for kind, own in super().executors.items()
        }


@pytest.mark.parametrize("first", [Reason.THROTTLED, Reason.UNREACHABLE])
def test_an_outcome_that_could_not_be_written_leaves_no_message_waiting_for_ever(first: Reason) -> None:
    clock, ledger = ControlledClock(), Flaky()
    provider = Scripted("acme", first, Reason.ACCEPTED)
    routes = {"sms": Route("acme", retry=RetryPolicy(max_attempts=1))}

    with Dispatcher([provider], ledger=LedgerOptions(ledger), routes=routes, clock=clock) as dispatcher:
        waiting = dispatcher.enqueue(PARCEL, to=TO).id
        worker = Worker(dispatcher)
        for _ in range(60):
            worker.drain()
            dispatcher.reconcile()
            clock.advance(300)
        record = _record(dispatcher, waiting)
    ledger.close()

    assert ledger.failing == []
    assert {"accepted", "unknown.process_crashed"} & {*_ends(record.attempts)}


def _ends(attempts: Sequence[Any]) -> list[str]:
    return ["in_progress" if one.result is None else str(one.result.reason) for one in attempts]
