"""What is promised holds over a fork: a child sends nothing a second time, loses nothing, and never hangs."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import pytest
from regression_server import program

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")]

BEGIN = """
import asyncio, json, multiprocessing, os, sys, threading, warnings
from pathlib import Path
from scripted import Scripted
from messaging_channels import AsyncDispatcher, ConfigurationError, Dispatcher, PostgresLedger, Sms, SqliteLedger

warnings.simplefilter("ignore")
where, folder = sys.argv[1], Path(sys.argv[2])
taken = folder / "taken"

def ledger():
    if where == "memory":
        return SqliteLedger()
    return SqliteLedger(folder / "ledger.sqlite3") if where == "sqlite" else PostgresLedger(where, pool_size=3, keys=[b"secret"])

def take(envelope):
    with taken.open("a") as file:
        file.write(envelope + "\\n")

class Noted(Scripted):
    def send(self, batch):
        self._ends = [lambda: take(batch[0].message.text)]
        return (yield from super().send(batch))

kept = ledger()
dispatcher = Dispatcher([Noted("vendor")], ledger=kept)

def send(key):
    return str(dispatcher.send(Sms(key), to="+447700900123", idempotency_key=key, in_progress_timeout=10).outcome)

def records(keys):
    later = Dispatcher([Noted("vendor")], ledger=ledger() if where != "memory" else kept)
    return {key: later.get_message(idempotency_key=key) is not None for key in keys}
"""

CHILDREN = """
fork = multiprocessing.get_context("fork")
send("parent")
keys = ["parent", "shared", *(f"own {number}" for number in range(4))]

def work(number):
    for key in ("parent", "shared", f"own {number}"):
        send(key)

children = [fork.Process(target=work, args=(number,)) for number in range(4)]
for child in children:
    child.start()
send("shared")
for child in children:
    child.join(20)
send("after")
print(json.dumps({"codes": [child.exitcode for child in children], "records": records([*keys, "after"])}))
"""

WHILE_OTHERS_SEND = """
stop = threading.Event()
sent = []

def customers(name):
    number = 0
    while not stop.is_set():
        key = f"{name} {number}"
        send(key)
        sent.append(key)
        number += 1

threads = [threading.Thread(target=customers, args=(name,)) for name in "ab"]
for one in threads:
    one.start()
fork, codes = multiprocessing.get_context("fork"), []
for number in range(8):
    child = fork.Process(target=send, args=(f"child {number}",))
    child.start()
    child.join(20)
    codes.append(child.exitcode)
stop.set()
for one in threads:
    one.join()
print(json.dumps({"codes": codes, "records": records([*sent, *(f"child {number}" for number in range(8))])}))
"""

IN_A_LOOP = """
tasks = AsyncDispatcher([Noted("vendor")], ledger=kept)

async def send_async(key):
    return str((await tasks.send(Sms(key), to="+447700900123", idempotency_key=key)).outcome)

def work(key):
    asyncio.run(send_async(key))
    asyncio.run(send_async("parent"))

asyncio.run(send_async("parent"))
fork = multiprocessing.get_context("fork")
children = [fork.Process(target=work, args=(f"child {number}",)) for number in range(3)]
for child in children:
    child.start()
for child in children:
    child.join(20)
asyncio.run(send_async("after"))
keys = ["parent", "after", *(f"child {number}" for number in range(3))]
print(json.dumps({"codes": [child.exitcode for child in children], "records": records(keys)}))
os._exit(0)
"""


def _ran(code: str, where: str, folder: Path) -> dict[str, object]:
    ran = program(BEGIN + code, where, folder, seconds=60)
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert isinstance(told, dict)
    return told


@pytest.mark.parametrize(
    "code", [CHILDREN, WHILE_OTHERS_SEND, IN_A_LOOP], ids=["children", "while others send", "in a loop"]
)
@pytest.mark.parametrize("where", ["sqlite", "postgres"])
def test_over_a_fork_each_key_sends_once_and_every_record_is_there(
    code: str, where: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    told = _ran(code, request.getfixturevalue("postgres") if where == "postgres" else where, tmp_path)

    taken = Counter((tmp_path / "taken").read_text().splitlines())
    assert isinstance(told["codes"], list)
    assert isinstance(told["records"], dict)
    assert set(told["codes"]) == {0}
    assert set(taken.values()) == {1}
    assert set(taken) == set(told["records"])
    assert all(told["records"].values())


REFUSED = """
send("parent")
child = os.fork()
if not child:
    try:
        send("parent")
    except ConfigurationError as refusal:
        os.write(1, str(refusal).encode())
    os._exit(0)
os.waitpid(child, 0)
"""
NOT_YET_USED = """
child = os.fork()
if not child:
    os.write(1, send("child").encode())
    os._exit(0)
os.waitpid(child, 0)
"""


def test_a_child_refuses_a_ledger_in_the_memory_of_its_parent_and_says_what_to_do(tmp_path: Path) -> None:
    ran = program(BEGIN + REFUSED, "memory", tmp_path)

    assert "ledger in a file" in ran.stdout, ran.stderr
    assert (tmp_path / "taken").read_text().split() == ["parent"]


def test_a_child_uses_a_ledger_in_memory_that_its_parent_has_not_used(tmp_path: Path) -> None:
    ran = program(BEGIN + NOT_YET_USED, "memory", tmp_path)

    assert ran.stdout == "accepted", ran.stderr
