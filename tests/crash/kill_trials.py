"""Trials in which workers and enqueuers are killed at random, the database too, and wake-ups are lost and repeated; the clock jumps by days in either
direction, the ledger is away for a moment in one step of twenty, and all processes are forks of one that has used the ledger.

Run as a program: `python -m crash.kill_trials sqlite|postgres TRIALS SEED`. A line of JSON for each trial.
"""

from __future__ import annotations

import itertools
import json
import mmap
import os
import random
import signal
import socket
import struct
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import postgres
import psycopg

from messaging_channels import Dispatcher, PhoneNumber, Route, Sms
from messaging_channels._client.worker import Worker
from messaging_channels._ledger.options import LedgerOptions
from messaging_channels._ledger.postgres import PostgresLedger
from messaging_channels._ledger.sqlite import SqliteLedger
from messaging_channels._model.errors import LedgerUnavailable, MessagingError
from messaging_channels._model.outcomes import AttemptResult, Outcome, Reason
from messaging_channels._queue.retry_policy import QueueRetryPolicy
from messaging_channels._transport.clock import Clock
from messaging_channels.messages import Message
from messaging_channels.plugins.exchange import Exchange, ExecutorPair, Flow, HttpRequest, HttpResponse, ask
from messaging_channels.plugins.ledger import Ledger, MessageRecord
from messaging_channels.plugins.provider import Capabilities, Envelope, HttpProvider, LookupRequest
from messaging_channels.policies.routing import RetryPolicy

MESSAGES = 12
LEASE = 1.0
AT_ONCE = 4
ENDS = 40.0


DAY = 86400.0
JUMPS = (0.0, 0.0, 8 * DAY, -8 * DAY, 400 * DAY, -30 * DAY)


class SharedClock(Clock):
    """The machine's clock, as somebody sets it: for all processes at once."""

    def __init__(self) -> None:
        self._offset = mmap.mmap(-1, 8)

    def now(self) -> float:
        offset: float = struct.unpack("d", self._offset[:8])[0]
        return time.time() + offset

    def set(self, offset: float) -> None:
        self._offset[:8] = struct.pack("d", offset)


class FlakyLedger:
    """Does what a ledger does, but not in one step of twenty: either before or after it is done."""

    def __init__(self, inner: Ledger) -> None:
        self._inner = inner
        self.has_plain_addresses = inner.has_plain_addresses
        self.stored_address = inner.stored_address

    @property
    def executors(self) -> Mapping[type[Exchange[Any]], ExecutorPair]:
        return {
            kind: ExecutorPair(lambda own=own: FlakyExecutor(own.sync()), own.asynchronous)  # type: ignore[misc]
            for kind, own in self._inner.executors.items()
        }


class FlakyExecutor:
    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def perform(self, exchange: Any) -> Any:
        fate = random.SystemRandom().random()
        problem = "away for a moment"
        if fate < 0.03:
            raise LedgerUnavailable(problem)
        reply = self._inner.perform(exchange)
        if fate > 0.98:
            raise LedgerUnavailable(problem)
        return reply

    def close(self) -> None:
        self._inner.close()


class AcmeSms(HttpProvider):
    """Speaks to the emulator below: a message is known there by the number in its text."""

    name: ClassVar[str] = "acme-sms"
    capabilities: ClassVar[Capabilities] = Capabilities({Sms: frozenset()})
    executors: ClassVar[Mapping[type[Exchange[Any]], ExecutorPair]] = {}

    def __init__(self, url: str) -> None:
        self._url = url

    def build_request(self, envelope: Envelope) -> HttpRequest:
        assert isinstance(envelope.message, Sms)
        return HttpRequest.post_json(self._url, [envelope.message.text, envelope.id], headers={})

    def parse_response(self, response: HttpResponse, envelope: Envelope) -> AttemptResult:
        if response.status == 429:
            return AttemptResult.of(Reason.THROTTLED, retry_after=0.1)
        return AttemptResult.of(Reason.ACCEPTED, provider_id=f"p-{envelope.id}")

    def look_up(self, request: LookupRequest) -> Flow[AttemptResult | None]:
        response = yield from ask(HttpRequest("GET", f"{self._url}/{request.message_id}", may_send=False))
        return AttemptResult.of(Reason.ACCEPTED, "looked up") if response.status == 200 else None


def emulate(listener: socket.socket, took: Path, seed: int) -> None:
    """Take each message once it was read, write that down, and then answer, or not."""
    chance, known = random.Random(seed), set[str]()
    with took.open("a", buffering=1, encoding="ascii") as book:
        while True:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                connection.settimeout(1)
                head, _, body = connection.recv(65536).partition(b"\r\n\r\n")
                if head.startswith(b"GET"):
                    found = head.split()[1].rpartition(b"/")[2].decode() in known
                    connection.sendall(_answer(200 if found else 404))
                    continue
                if not head:
                    continue
                while not body.endswith(b"]"):
                    body += connection.recv(65536)
                fate = chance.random()
                if fate < 0.1:
                    connection.sendall(_answer(429))
                    continue
                number, key = json.loads(body)
                known.add(key)
                book.write(f"{number}\n")
                time.sleep(chance.random() * 0.03)
                if fate < 0.9:
                    connection.sendall(_answer(200))


def _answer(status: int) -> bytes:
    return b"HTTP/1.1 %d x\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}" % status


class LossyNotifier:
    """A waker over UDP that loses one wake-up of three, and repeats another."""

    def __init__(self, port: int, seed: int, book: Path) -> None:
        self._chance = random.Random(seed)
        self._book = book
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._port = port

    def notify(self, message_id: str, not_before: float) -> None:
        assert not_before > 0
        times = self._chance.choice((0, 1, 3))
        with self._book.open("a", encoding="ascii") as book:
            book.write(f"{times}\n")
        for _ in range(times):
            self._socket.sendto(message_id.encode(), ("127.0.0.1", self._port))

    async def notify_async(self, message_id: str, not_before: float) -> None:
        raise NotImplementedError


def forked(run: Callable[[], None]) -> int:
    """Run a function in a process of its own; return its id."""
    child = os.fork()
    if child == 0:
        try:
            run()
        except BaseException as fault:  # noqa: BLE001  whatever it was
            print(f"{type(fault).__name__}: {fault}", file=sys.stderr)  # noqa: T201  a program
            os._exit(1)
        os._exit(0)
    return child


def kill(child: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


class Trial:
    """One trial: two workers, an enqueuer, and a killer."""

    def __init__(
        self,
        ledger: Callable[[], Ledger],
        folder: Path,
        seed: int,
        restarted: Callable[[], bool] = lambda: False,
    ) -> None:
        self._ledger = ledger
        self._restarted = restarted
        self._chance = random.Random(seed)
        self._seed = seed
        self._took = folder / "took"
        self._wakings = folder / "wakings"
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._clock = SharedClock()
        self._wakes = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._wakes.bind(("127.0.0.1", 0))

    def _dispatcher(self, *, is_flaky: bool = False) -> Dispatcher:
        ledger = self._ledger()
        return Dispatcher(
            [AcmeSms(self._url)],
            routes={"sms": Route("acme-sms", retry=RetryPolicy(max_attempts=1))},
            clock=self._clock,
            ledger=LedgerOptions(
                FlakyLedger(ledger) if is_flaky else ledger, lease=LEASE, reconcile_after=(0.3, 0.5, 1.0)
            ),
            notifiers=[LossyNotifier(self._wakes.getsockname()[1], self._seed, self._wakings)],
        )

    def _enqueuer(self) -> None:
        """Enqueue all of them; one that was killed begins again from the start with the same keys."""
        dispatcher = self._preloaded
        for number in range(MESSAGES):
            while True:
                try:
                    dispatcher.enqueue(_message(number), to="+447700900123", idempotency_key=str(number))
                    break
                except MessagingError:  # the database is away: again
                    time.sleep(0.05)
            time.sleep(0.01)

    def _worker(self) -> None:
        worker = Worker(
            self._preloaded,
            concurrency=2,
            batch_size=4,
            poll_interval=0.2,
            reconcile_interval=0.3,
            retry=QueueRetryPolicy(max_rounds=99, initial_interval=0.1),
        )
        threading.Thread(target=self._listen, args=(worker,), daemon=True).start()
        worker.run()

    def _listen(self, worker: Worker) -> None:
        while True:
            key = self._wakes.recv(100).decode()
            with suppress(MessagingError):
                worker.process(key)

    def _operator(self) -> None:
        """Forget what is old, erase somebody, and bring the tables to the form of this version, again and again beside the others."""
        for number in itertools.count():
            with suppress(MessagingError), self._dispatcher() as dispatcher:
                other = f"+4477009{number % 1000:05d}"
                dispatcher.enqueue(_message(1_000_000 + os.getpid() % 10_000 * 1000 + number), to=other)
                dispatcher.queue.erase_recipient(PhoneNumber.parse(other))
                dispatcher.queue.prune(older_than=0.0)
                dispatcher.queue.delete_records(older_than=0.0)
            with suppress(MessagingError):
                self._ledger().upgrade()  # type: ignore[attr-defined]
            time.sleep(0.05)

    def run(self) -> dict[str, Any]:
        server = forked(lambda: emulate(self._listener, self._took, self._seed))
        self._preloaded = self._dispatcher(is_flaky=True)
        with suppress(MessagingError):  # used before the forks, as an application that is preloaded does
            self._preloaded.get_message(idempotency_key="none")
        workers = [forked(self._worker) for _ in range(2)]
        operator = forked(self._operator)
        enqueuer, kills = forked(self._enqueuer), 0
        for _ in range(self._chance.randint(2, 4)):
            time.sleep(self._chance.random() * 0.4)
            self._clock.set(self._chance.choice(JUMPS))
            if self._chance.random() < 0.3:
                kill(enqueuer)
                enqueuer = forked(self._enqueuer)
            elif self._chance.random() < 0.3:
                kill(operator)
                operator = forked(self._operator)
            else:
                victim = self._chance.randrange(2)
                kill(workers[victim])
                workers[victim] = forked(self._worker)
            kills += 1
        os.waitpid(enqueuer, 0)
        try:
            kill(operator)
            told = self._ended()
        finally:
            for child in (*workers, server):
                kill(child)
        wakings = Counter(self._wakings.read_text("ascii").split() if self._wakings.exists() else [])
        more = {"wakings lost": wakings["0"], "wakings repeated": wakings["3"]}
        return told | more | {"seed": self._seed, "kills": kills, "restarts": int(self._restarted())}

    def _ended(self) -> dict[str, Any]:
        """Wait until nothing is under way any more, and count what became of the messages."""
        until = time.monotonic() + ENDS
        with self._dispatcher() as dispatcher:
            records: list[MessageRecord | None] = []
            while time.monotonic() < until:
                time.sleep(0.1)
                with suppress(MessagingError):  # the database is away: again
                    records = [
                        dispatcher.get_message(idempotency_key=str(number)) for number in range(MESSAGES)
                    ]
                    if all(_over(record) for record in records) and not dispatcher.queue.stats().ready:
                        break
            lines = self._took.read_text("ascii").split() if self._took.exists() else []
            took = Counter(int(number) for number in lines)
            kinds = Counter(record.outcome if record else "missing" for record in records)
            lost = [
                number
                for number, record in enumerate(records)
                if record is None or (record.outcome is not Outcome.UNKNOWN and not took[number])
            ]
            reasons = Counter(
                attempt.result.reason
                for record in records
                if record
                for attempt in record.attempts
                if attempt.result and attempt.outcome is Outcome.UNKNOWN
            )
            settled = sum(
                bool(attempt.result and attempt.result.detail == "looked up")
                for record in records
                if record
                for attempt in record.attempts
            )
        return {
            "doubled": [number for number, count in took.items() if count > 1],
            "lost": lost,
            "kinds": dict(kinds),
            "unknown": dict(reasons),
            "settled": settled,
        }


def _message(number: int) -> Message:
    return Sms(str(number))


def _over(record: Any) -> bool:
    return record is not None and not record.in_progress and record.outcome is not Outcome.NOT_SENT


def _told(trial: dict[str, Any]) -> None:
    """Print a line in one piece: others print at the same time, and Python without buffers writes the end of a line by itself."""
    os.write(sys.stdout.fileno(), f"{json.dumps(trial)}\n".encode())


def _together(trials: list[Callable[[], dict[str, Any]]]) -> None:
    """Run trials, some at once, each in a process of its own that prints its line."""
    running: list[int] = []
    for trial in trials:
        if len(running) == AT_ONCE:
            os.waitpid(running.pop(0), 0)
        running.append(forked(lambda trial=trial: _told(trial())))  # type: ignore[misc]
    for child in running:
        os.waitpid(child, 0)


def on_sqlite(folder: Path, trials: int, seed: int) -> None:
    def made(number: int) -> Callable[[], dict[str, Any]]:
        own = folder / str(number)
        own.mkdir()
        return lambda: Trial(
            lambda: SqliteLedger(own / "ledger.sqlite3", addresses="plain"), own, seed + number
        ).run()

    _together([made(number) for number in range(trials)])


def on_postgres(folder: Path, trials: int, seed: int) -> None:
    """Trials of one group share a server, which is restarted under them."""
    with postgres.running() as server:
        for start in range(0, trials, AT_ONCE):
            group = range(start, min(start + AT_ONCE, trials))
            with psycopg.connect(server.conninfo, autocommit=True) as connection:
                for number in group:
                    connection.execute(f"CREATE DATABASE t{number}".encode())

            def made(number: int, since: Any) -> Callable[[], dict[str, Any]]:
                own = folder / str(number)
                own.mkdir()
                conninfo = server.conninfo.replace("dbname=postgres", f"dbname=t{number}")
                return lambda: Trial(
                    lambda: PostgresLedger(conninfo, addresses="plain", pool_size=4, pool_timeout=2.0),
                    own,
                    seed + number,
                    lambda: _started(server) not in (None, since),
                ).run()

            since = _started(server)
            crash = forked(partial(_crashed, server, seed + start))
            _together([made(number, since) for number in group])
            os.waitpid(crash, 0)


def _started(server: postgres.Postgres) -> Any:
    """Return when the server was started, None if it is away just now."""
    with suppress(psycopg.OperationalError), psycopg.connect(server.conninfo) as connection:
        found = connection.execute("SELECT pg_postmaster_start_time()").fetchone()
        return found[0] if found else None
    return None


def _crashed(server: postgres.Postgres, seed: int) -> None:
    time.sleep(0.5 + random.Random(seed).random())
    server.stop("immediate")
    server.start()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        {"sqlite": on_sqlite, "postgres": on_postgres}[sys.argv[1]](
            Path(name), int(sys.argv[2]), int(sys.argv[3])
        )
