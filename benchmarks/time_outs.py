"""By how much calls overrun their time-outs: answers that drip, ledgers that are locked and servers that hang, by each HTTP client, in a thread and in a loop.

python benchmarks/time_outs.py [postgresql://…]. The server has to run on this machine, and to serve nobody else: it is stopped with SIGSTOP for moments.
The bound is a fifth of the time-out or 0.3 s, whichever is more; the script ends with 1 if a case overran it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar, Literal

import psycopg

from messaging_channels import (
    AsyncDispatcher,
    Dispatcher,
    HttpSettings,
    PostgresLedger,
    Sandbox,
    Sms,
    SqliteLedger,
)
from messaging_channels.errors import MessagingError
from messaging_channels.plugins import (
    AttemptResult,
    Capabilities,
    Envelope,
    Exchange,
    ExecutorPair,
    Flow,
    HttpRequest,
    Ledger,
    Reason,
    ask,
)

SECONDS = 1.0
"""The time-out."""
TO = "+447700900123"
DRIPS: Mapping[str, tuple[bytes, bytes]] = {
    "dripped head": (b"HTTP/1.1 200 OK\r\nx-a: ", b"a"),
    "dripped body": (b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n", b" "),
    "endless 100-continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}
Case = Generator[tuple[str, float]]


class OneRequest:
    """A provider that makes one request."""

    name: ClassVar[str] = "one"
    capabilities: ClassVar[Capabilities] = Capabilities({Sms: frozenset()})
    executors: ClassVar[Mapping[type[Exchange[Any]], ExecutorPair]] = {}

    def __init__(self, url: str) -> None:
        self._url = url

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        yield from ask(HttpRequest("POST", self._url, body=b"{}"))
        return [AttemptResult.of(Reason.ACCEPTED, provider_id=one.id) for one in batch]


@contextmanager
def dripping(first: bytes, drip: bytes) -> Generator[str]:
    """Yield the URL of a server that sends a little every 50 ms."""
    listener, is_over = socket.create_server(("127.0.0.1", 0)), threading.Event()

    def serve(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.recv(65536)
            connection.sendall(first)
            while not is_over.wait(0.05):
                connection.sendall(drip)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    is_over.set()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def seconds_of(call: Callable[[], object]) -> float:
    began = time.monotonic()
    with suppress(MessagingError):
        call()
    return time.monotonic() - began


async def seconds_in_loop(make: Callable[[], AsyncDispatcher], hold: Callable[[], object]) -> float:
    async with make() as dispatcher:
        hold()
        began = time.monotonic()
        with suppress(MessagingError):
            await dispatcher.send(Sms("hello"), to=TO, timeout=SECONDS)
        return time.monotonic() - began


def http_cases(client: Literal["httpx", "pyreqwest"]) -> Case:
    http = HttpSettings(client=client)
    for name, (first, drip) in DRIPS.items():
        with dripping(first, drip) as url:
            with Dispatcher([OneRequest(url)], http=http) as dispatcher:
                took = seconds_of(lambda: dispatcher.send(Sms("hello"), to=TO, timeout=SECONDS))  # noqa: B023  called at once
            yield f"{client}, thread, {name}", took
            took = asyncio.run(
                seconds_in_loop(lambda: AsyncDispatcher([OneRequest(url)], http=http), lambda: None)  # noqa: B023  called at once
            )
            yield f"{client}, loop, {name}", took


def ledger_cases(
    name: str, make: Callable[[float], Ledger], hold: Callable[[], object], release: Callable[[], object]
) -> Case:
    for bound, seconds in (("what is left of the call", 60.0), ("the ledger's own", SECONDS)):
        with Dispatcher([Sandbox()], ledger=make(seconds)) as dispatcher:
            dispatcher.send(Sms("hello"), to=TO)
            dispatcher.list_messages()
            hold()
            calls: tuple[tuple[str, Callable[[], object]], ...]
            if seconds == SECONDS:
                calls = (
                    ("enqueue", lambda: dispatcher.enqueue(Sms("late"), to=TO)),
                    ("list", dispatcher.list_messages),
                )  # noqa: B023  called at once
            else:
                calls = (("send", lambda: dispatcher.send(Sms("late"), to=TO, timeout=SECONDS)),)  # noqa: B023  called at once
            for called, call in calls:
                yield f"{name}, thread, {called}, {bound}", seconds_of(call)
            release()
    took = asyncio.run(seconds_in_loop(lambda: AsyncDispatcher([Sandbox()], ledger=make(60.0)), hold))
    release()
    yield f"{name}, loop, send, what is left of the call", took


def sqlite_cases(folder: Path) -> Case:
    path = folder / "ledger.sqlite3"
    other = sqlite3.connect(path, isolation_level=None)
    yield from ledger_cases(
        "SQLite locked",
        lambda seconds: SqliteLedger(path, owned=True, timeout=seconds),
        lambda: other.execute("BEGIN EXCLUSIVE"),
        lambda: other.execute("ROLLBACK"),
    )
    other.close()


def postgres_cases(conninfo: str) -> Case:
    stopped: list[int] = []
    with psycopg.connect(conninfo) as connection:
        process = Path(f"/proc/{connection.info.backend_pid}/stat").read_text()
    server = int(process.rpartition(")")[2].split()[1])

    def hold() -> None:
        os.kill(server, signal.SIGSTOP)
        children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
        stopped.extend((server, *map(int, children)))
        for pid in stopped[1:]:
            os.kill(pid, signal.SIGSTOP)

    def release() -> None:
        while stopped:
            os.kill(stopped.pop(), signal.SIGCONT)

    try:
        yield from ledger_cases(
            "PostgreSQL stopped",
            lambda seconds: PostgresLedger(conninfo, addresses="masked", pepper=b"p" * 32, timeout=seconds),
            hold,
            release,
        )
    finally:
        release()


def main() -> int:
    most, worst = max(0.2 * SECONDS, 0.3), 0.0
    with tempfile.TemporaryDirectory() as folder:
        cases = [*http_cases("httpx"), *http_cases("pyreqwest"), *sqlite_cases(Path(folder))]
        cases += postgres_cases(sys.argv[1]) if len(sys.argv) > 1 else ()
    for name, took in cases:
        worst = max(worst, took - SECONDS)
        print(f"{took - SECONDS:+7.3f} s  {name}")
    print(f"{len(cases)} cases of {SECONDS:g} s; the worst overrun is {worst:.3f} s of {most:.1f} s")
    return worst > most


if __name__ == "__main__":
    sys.exit(main())
