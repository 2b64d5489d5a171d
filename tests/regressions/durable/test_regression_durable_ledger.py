"""Ledgers when a clock is set, a process forks, a file is emptied or named by a text, and while much is forgotten."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest
from regression_server import TO, program, until
from scripted import BulkProvider, Scripted

from messaging_channels import Dispatcher, MessagingError, Sms
from messaging_channels._ledger.sqlite import SqliteLedger
from messaging_channels._transport.clock import Clock
from messaging_channels.plugins.ledger import Ledger

DAY = 86400.0


class SetClock(Clock):
    """The machine's clock, as somebody set it."""

    off = 0.0

    def now(self) -> float:
        return time.time() + self.off


@pytest.mark.parametrize("slow", [8 * DAY, 400 * DAY], ids=["days", "a year"])
def test_a_key_does_not_run_out_because_the_clock_was_set_right(slow: float, ledger: Ledger) -> None:
    provider, clock = Scripted("vendor"), SetClock()

    with Dispatcher([provider], ledger=ledger, clock=clock) as dispatcher:
        clock.off = -slow
        dispatcher.send(Sms("hello"), to=TO, idempotency_key="order-1")
        clock.off = 0.0
        try:
            again = dispatcher.send(Sms("hello"), to=TO, idempotency_key="order-1").replayed
        except MessagingError:
            again = True

    assert len(provider.asked) == 1
    assert again


PARENT_CLOSES = """
import json, os, sys
from pathlib import Path
from scripted import Scripted
from messaging_channels import Dispatcher, MessagingError, Sms
from messaging_channels._ledger.sqlite import SqliteLedger

folder = Path(sys.argv[1])
taken = folder / "taken"

def take():
    with taken.open("a") as file:
        file.write("one\\n")

def made():
    ledger = SqliteLedger(folder / "ledger.sqlite3")
    return ledger, Dispatcher([Scripted("vendor", take)], ledger=ledger)

def send(dispatcher, key):
    return str(dispatcher.send(Sms("hello"), to="+447700900123", idempotency_key=key).outcome)

def count():
    return len(taken.read_text().split())

ledger, dispatcher = made()
send(dispatcher, "parent")
sent, closed, told = os.pipe(), os.pipe(), os.pipe()
child = os.fork()
if not child:
    try:
        send(dispatcher, "child 1")
        os.write(sent[1], b".")
        os.read(closed[0], 1)
        answer = send(dispatcher, "child 2")
    except (MessagingError, RuntimeError):
        os.write(sent[1], b".")
        answer = "refused"
    os.write(told[1], answer.encode())
    os._exit(0)
os.read(sent[0], 1)
dispatcher.close()
ledger.close()
before = count()
os.write(closed[1], b".")
os.waitpid(child, 0)
os.set_blocking(told[0], False)
answer = os.read(told[0], 100).decode()
took = count() - before
_, later = made()
known = later.get_message(idempotency_key="child 2") is not None
if answer == "accepted":
    send(later, "child 2")
print(json.dumps({"answer": answer, "took": took, "known": known, "took in the end": count() - before}))
"""


def test_a_child_goes_on_with_the_ledger_when_its_parent_has_closed_it(tmp_path: Path) -> None:
    ran = program(PARENT_CLOSES, tmp_path)

    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert told["answer"] in ("accepted", "refused")
    if told["answer"] == "refused":
        assert told["took"] == 0
    else:
        assert (told["known"], told["took"], told["took in the end"]) == (True, 1, 1)


def test_a_ledger_that_lost_everything_is_not_taken_for_a_new_one(tmp_path: Path) -> None:
    path, provider = tmp_path / "ledger.sqlite3", Scripted("vendor")

    def send() -> str:
        with Dispatcher([provider], ledger=SqliteLedger(path, owned=True)) as dispatcher:
            return str(dispatcher.send(Sms("hello"), to=TO, idempotency_key="order-1").outcome)

    send()
    path.write_bytes(b"")
    try:
        told = send()
    except MessagingError:
        told = "refused"

    assert (told, len(provider.asked)) in [("refused", 1), ("accepted", 1)]


USES = {
    "ledger": """
from messaging_channels._ledger.sqlite import SqliteLedger
dispatcher = Dispatcher([Sandbox()], ledger=SqliteLedger(path))
""",
    "opt-outs": """
from messaging_channels.policies import SuppressionList
dispatcher = Dispatcher([Sandbox()], checks=[SuppressionList(path)])
""",
    "sandbox": "dispatcher = Dispatcher([Sandbox(path)])",
}
PATH_AS_TEXT = """
import os, sys
from messaging_channels import Dispatcher, MessagingError, Sandbox, Sms
path = sys.argv[1]
try:
    {use}
    told = str(dispatcher.send(Sms("hello"), to="+447700900123").outcome)
except (MessagingError, TypeError, ValueError):
    told = "refused"
print(told, flush=True)
os._exit(0)
"""


@pytest.mark.parametrize("what", ["ledger", "opt-outs", "sandbox"])
def test_a_path_given_as_text_is_taken_or_refused_at_once(what: str, tmp_path: Path) -> None:
    use = "\n    ".join(USES[what].strip().splitlines())

    ran = program(PATH_AS_TEXT.format(use=use), tmp_path / "file.sqlite3", seconds=4)

    assert ran.stdout.strip() in ("accepted", "refused"), ran.stderr


def test_no_send_waits_until_all_that_is_old_is_forgotten(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.sqlite3", addresses="plain", owned=True)
    ended: list[float] = []
    stop = threading.Event()

    def customers(dispatcher: Dispatcher) -> None:
        while not stop.is_set():
            dispatcher.send(Sms("your code"), to=TO)
            ended.append(time.perf_counter())

    with Dispatcher([BulkProvider()], ledger=ledger) as dispatcher:
        old = (f"+447700900{number % 900:03d}" for number in range(20_000))
        assert all(receipt for receipt in dispatcher.send_each(Sms("hello"), to=old))
        sending = threading.Thread(target=customers, args=(dispatcher,))
        sending.start()
        until(lambda: len(ended) > 20, 10)
        began = time.perf_counter()
        dispatcher.queue.prune(older_than=0.0)
        took = time.perf_counter() - began
        enough = len(ended) + 3
        until(lambda: len(ended) >= enough, 10)
        stop.set()
        sending.join()

    assert sum(began < one < began + took for one in ended) >= 5
