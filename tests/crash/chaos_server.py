"""What the run is made of, on both sides: the providers' server, the providers, and the program that sends until it is killed."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import signal
import socket
import struct
import sys
import threading
import traceback
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Self

from crash.dying_ledger import DyingLedger
from faults.harness import http

from messaging_channels import AsyncDispatcher, Dispatcher, Route, Sms, errors
from messaging_channels._ledger.options import LedgerOptions
from messaging_channels._model import status as statuses
from messaging_channels._model.events import StatusChanged
from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels._transport.clock import Clock
from messaging_channels._transport.settings import HttpSettings
from messaging_channels.plugins.exchange import (
    Exchange,
    ExecutorPair,
    Flow,
    HttpRequest,
    HttpResponse,
    Timeouts,
    ask,
)
from messaging_channels.plugins.ledger import Ledger
from messaging_channels.plugins.provider import Capabilities, Envelope, LookupRequest
from messaging_channels.plugins.results import result_from_status
from messaging_channels.plugins.webhooks import WebhookRequest, WebhookResult
from messaging_channels.policies.routing import CircuitBreaker, RetryPolicy

LEASE = 2.0
HTTP = HttpSettings(timeouts=Timeouts(connect=2.0, write=0.5, read=0.5))

WEIGHTS = {
    "fine": 72.0,
    "taken, then reset": 2.0,
    "taken, then closed": 1.5,
    "taken, then silent": 0.7,
    "taken, then cut": 1.5,
    "taken, then garbage": 1.5,
    "taken, then unreadable": 1.5,
    "taken, then 500": 2.0,
    "reset": 2.0,
    "closed": 1.5,
    "silent": 0.5,
    "garbage": 1.0,
    "429": 5.0,
    "429 with a wait": 3.0,
    "401": 2.0,
    "503": 2.0,
}
"""What the server does to a request, and how often."""


class ChaosServer:
    """The providers' server, in a thread of its own: seeded faults, and a count of what it took."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.taken: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
        """By what makes a message one (its recipient and text): provider, our id and the provider's id, each time it was taken."""
        self.by_id: dict[tuple[str, str], str] = {}
        """The provider's id of what was taken, by provider and our id."""
        self.did: Counter[str] = Counter()
        self.faults_off = False
        """No faults any more, and nothing is on its way: what is not there was never taken."""
        self._tasks: set[asyncio.Task[Any]] = set()

    def __enter__(self) -> Self:
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), daemon=True)
        self._thread.start()
        ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connected, sock=self._listener)
        ready.set()
        await self._stop.wait()
        server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(task := asyncio.current_task())  # type: ignore[arg-type]
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while await self._answered(reader, writer):
                pass
        self._tasks.discard(task)  # type: ignore[arg-type]
        writer.close()

    async def _answered(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = head.partition("content-length:")[2].partition("\r\n")[0].strip() or "0"
        body = await reader.readexactly(int(length))
        method, path, _ = head.split(" ", 2)
        _, provider, *rest = path.split("/")
        if method == "get":
            writer.write(
                http(
                    200,
                    json.dumps({"taken": self.by_id.get((provider, rest[1])), "faults_off": self.faults_off}),
                )
            )
            return True
        return await self._sent(provider, json.loads(body), reader, writer)

    async def _sent(
        self,
        provider: str,
        payloads: list[dict[str, str]],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        what = "fine" if self.faults_off else self._random.choices([*WEIGHTS], [*WEIGHTS.values()])[0]
        self.did[what] += 1
        then = what.removeprefix("taken, then ")
        answer = b""
        if what in ("fine", f"taken, then {then}"):
            answer = http(200, json.dumps([self._take(provider, payload) for payload in payloads]))
        writer.write(_spoilt(then, answer))
        if then == "silent":
            await reader.read()
        if then == "reset":
            sock: socket.socket = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return then not in ("silent", "reset", "closed", "cut", "garbage")

    def _take(self, provider: str, payload: dict[str, str]) -> dict[str, str]:
        if payload["text"].endswith("bad"):
            return {"id": payload["id"], "refused": "rejected.recipient"}
        own = f"{provider}-{len(self.by_id)}"
        self.taken[f"{payload['to']} {payload['text']}"].append((provider, payload["id"], own))
        self.by_id[provider, payload["id"]] = own
        return {"id": payload["id"], "own": own}


def _spoilt(how: str, answer: bytes) -> bytes:
    said = {
        "fine": answer,
        "cut": answer[:-4],
        "garbage": b"\x00\x01 no HTTP\r\n\r\n",
        "unreadable": http(200, "<html>"),
        "500": http(500),
        "503": http(503, retry_after="0"),
        "429": http(429),
        "429 with a wait": http(429, retry_after_ms="20"),
        "401": http(401),
    }
    return said.get(how, b"")


class AcmeBulk:
    """Many messages a request; nobody can ask it."""

    name: ClassVar[str] = "acme-bulk"
    capabilities: ClassVar[Capabilities] = Capabilities({Sms: frozenset({"sender"})}, max_batch_size=50)
    executors: ClassVar[dict[type[Exchange[Any]], ExecutorPair]] = {}

    def __init__(self, url: str) -> None:
        self._url = f"{url}/{self.name}"

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        payloads = [{"id": one.id, "to": one.to.plain, "text": one.message.text} for one in batch]  # type: ignore[attr-defined]
        response = yield from ask(HttpRequest.post_json(f"{self._url}/send", payloads, headers={}))
        return _read(response, batch)

    def handle_webhook(self, call: WebhookRequest) -> WebhookResult:
        told = json.loads(call.body)
        return WebhookResult(
            [StatusChanged(**one, status=statuses.known(*key), provider=self.name) for *key, one in told]
        )


class AcmeSms(AcmeBulk):
    """One message a request; it can be asked, and says that it never took a message only when it is sure."""

    name: ClassVar[str] = "acme-sms"
    capabilities: ClassVar[Capabilities] = Capabilities({Sms: frozenset({"sender"})})

    def look_up(self, request: LookupRequest) -> Flow[AttemptResult | None]:
        response = yield from ask(
            HttpRequest("GET", f"{self._url}/sent/{request.message_id}", may_send=False)
        )
        answer = response.json()
        if answer["taken"]:
            return AttemptResult.of(Reason.ACCEPTED, provider_id=answer["taken"])
        return AttemptResult.of(Reason.NOT_FOUND) if answer["faults_off"] else None


def _read(response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
    if not response.ok:
        return [result_from_status(response)] * len(batch)
    try:
        told = {one["id"]: one for one in response.json()}
    except (ValueError, TypeError):
        return [result_from_status(response)] * len(batch)
    return [
        AttemptResult.of(Reason(one["refused"]))
        if "refused" in one
        else AttemptResult.of(Reason.ACCEPTED, provider_id=one["own"])
        for one in (told[envelope.id] for envelope in batch)
    ]


class JumpingClock(Clock):
    """A clock that is set forward and back by up to an hour now and then."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._offset = 0.0

    def now(self) -> float:
        if self._random.random() < 0.001:
            self._offset = self._random.choice([-3600.0, -30.0, 0.0, 0.0, 30.0, 3600.0])
        return super().now() + self._offset


def parts(ledger: Ledger, url: str, *, only: str = "") -> dict[str, Any]:
    """Return what a dispatcher of the run is made of."""
    names = [only] if only else ["acme-sms", "acme-bulk"]
    route = Route(
        *names,
        retry=RetryPolicy(max_attempts=2, initial_interval=0.02, max_elapsed=5.0),
        circuit_breaker=CircuitBreaker(failure_threshold=8, reset_timeout=0.3, half_open_interval=0.05),
    )
    return {
        "providers": [AcmeSms(url), AcmeBulk(url)],
        "routes": {"sms": route},
        "ledger": LedgerOptions(ledger, lease=LEASE),
        "http": HTTP,
    }


def kept_in(told: str) -> Ledger:
    """Return the ledger of a path or a conninfo."""
    if "=" in told:
        from messaging_channels._ledger.postgres import PostgresLedger

        return PostgresLedger(told, addresses="plain", pool_size=8)
    from messaging_channels._ledger.sqlite import SqliteLedger

    return SqliteLedger(Path(told), addresses="plain")


UNWRITTEN = 0.01
"""Of the steps of the ledger fail in a process that lives on: half of them before they are done, half after, with the reply lost."""


class Worker:
    """Sends what it is told, writes down what it was answered, and dies as planned. Its ledger is away for moments."""

    def __init__(self, told: dict[str, Any]) -> None:
        self._told = told
        self._count = 0
        self._random = random.Random(told["seed"] + 1)
        logging.getLogger("messaging_channels").setLevel(logging.CRITICAL)  # it would tell of each moment
        self._journal = os.open(told["journal"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._parts = parts(DyingLedger(kept_in(told["ledger"]), self._dies), told["url"])
        self._parts["clock"] = JumpingClock(told["seed"])
        if told["only"]:
            self._parts["routes"] = parts(kept_in(told["ledger"]), told["url"], only=told["only"])["routes"]

    def jobs(self) -> Iterator[tuple[str, Any, str]]:
        return iter([tuple(job) for job in self._told["jobs"]])

    def run(self) -> None:
        if self._told["mode"] == "async":
            return asyncio.run(self._run_async())
        jobs, lock = self.jobs(), threading.Lock()
        with Dispatcher(**self._parts) as dispatcher, ThreadPoolExecutor(8) as pool:
            for done in [pool.submit(self._thread, dispatcher, jobs, lock) for _ in range(8)]:
                done.result()
        return None

    def _thread(self, dispatcher: Dispatcher, jobs: Iterator[Any], lock: threading.Lock) -> None:
        while True:
            with lock:
                job = next(jobs, None)
            if job is None:
                return
            key, to, text = job
            if isinstance(to, list):
                for each in dispatcher.send_each(Sms(text), to=to, idempotency_key=key):
                    self._note(key, each.to, text, each.error or each.receipt)
                continue
            try:
                self._note(
                    key,
                    to,
                    text,
                    dispatcher.send(Sms(text), to=to, idempotency_key=key, in_progress_timeout=0.1),
                )
            except errors.MessagingError as error:
                self._note(key, to, text, error)

    async def _run_async(self) -> None:
        jobs = self.jobs()
        async with AsyncDispatcher(**self._parts) as dispatcher:
            await asyncio.gather(*(self._task(dispatcher, jobs) for _ in range(24)))

    async def _task(self, dispatcher: AsyncDispatcher, jobs: Iterator[Any]) -> None:
        for key, to, text in jobs:
            if isinstance(to, list):
                async for each in dispatcher.send_each(Sms(text), to=to, idempotency_key=key):
                    self._note(key, each.to, text, each.error or each.receipt)
                continue
            try:
                self._note(key, to, text, await dispatcher.send(Sms(text), to=to, idempotency_key=key))
            except errors.MessagingError as error:
                self._note(key, to, text, error)

    def _note(self, key: str, to: str, text: str, end: Any) -> None:
        said = type(end).__name__ if isinstance(end, Exception) else str(end.outcome)
        os.write(self._journal, (json.dumps([key, to, text, said]) + "\n").encode())

    def _dies(self, when: str, name: str) -> bool:
        if self._random.random() < UNWRITTEN / 2:
            problem = f"the connection was lost {when} {name}"
            raise errors.LedgerUnavailable(problem)
        at_when, at_name, at_count = self._told["dies"]
        if (at_when, at_name) == ("during", name) and when == "before":
            self._count += 1
            if self._count == at_count:  # soon: while other calls are anywhere on their way
                threading.Timer(0.003, os.kill, (os.getpid(), signal.SIGKILL)).start()
            return False
        self._count += (when, name) == (at_when, at_name)
        return (when, name, self._count) == (at_when, at_name, at_count)


def serve() -> None:
    """Read plans, a path a line; work on each in a child of its own, and write down how that ended. A fork needs no time to import anything."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                Worker(json.loads(Path(line.strip()).read_text("utf-8"))).run()
                code = 0
            except BaseException:  # noqa: BLE001  told by the code
                traceback.print_exc()
            os._exit(code)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)  # noqa: T201


if __name__ == "__main__":
    serve()
