"""Base class of all emulators: an HTTP server on loopback with faults on demand, which sends the vendor's reports.

A plugin subclasses `Emulator` and writes `handle`. Everything else is here: connections, faults on demand, webhooks, and a way to steer it from any language:

    POST /_emulator/faults    {"kind": "reset", "handled": true, "times": 2, "path": "/sms"}
    DELETE /_emulator/faults
    GET /_emulator/state      what `state` returns
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
import socket
import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from pydantic import TypeAdapter, ValidationError

from messaging_channels._transport.drivers import AsyncTransport
from messaging_channels.plugins.exchange import HttpRequest, HttpResponse, ask
from messaging_channels.testing.faults import Fault, FaultKind, FaultQueue

_FAULT = TypeAdapter(Fault)
_MAX_REQUEST_SIZE = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """A request as the emulator read it. Header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    """The values of a name that comes several times are separated by commas."""
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def json(self) -> Any:  # noqa: ANN401  whatever came
        """Return the body parsed as JSON.

        Raises:
            ValueError: it is none.
        """
        return json.loads(self.body)


def json_response(payload: object, *, status: int = 200) -> HttpResponse:
    """Make an answer of JSON."""
    return HttpResponse(status, {"content-type": "application/json"}, json.dumps(payload).encode())


class Emulator:
    """A server on loopback in a thread of its own; use it as a context manager. `handle` runs in that thread, one request at a time."""

    def __init__(self, *, port: int = 0) -> None:
        """Bind the port (0 for any free one); serve nothing yet."""
        self.faults = FaultQueue()
        self.requests: list[Request] = []
        """What was read so far, whatever became of it."""
        self.reports: list[tuple[HttpRequest, int | None]] = []
        """The webhook calls made so far, with the status of the answer, None where none came."""
        self._listener = socket.create_server(("127.0.0.1", port), backlog=512)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._pending_reports = 0
        self._idle = threading.Condition()
        self._running: set[asyncio.Task[None]] = set()

    def handle(self, request: Request) -> HttpResponse:
        """Handle one request as the provider would, and return the response."""
        raise NotImplementedError

    def state(self) -> Any:  # noqa: ANN401  anything JSON can hold
        """Return the received messages, for `GET /_emulator/state`."""
        return {}

    def report(self, request: HttpRequest, *, delay: float = 0.0) -> None:
        """Make a webhook call, `after` seconds from now. Called from `handle`."""
        with self._idle:
            self._pending_reports += 1
        task = asyncio.get_running_loop().create_task(self._post_report(request, delay))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def wait_for_reports(self, *, timeout: float = 10.0) -> None:
        """Wait until every webhook call that is due has been answered, or failed.

        Raises:
            TimeoutError: some are still under way.
        """
        with self._idle:
            if not self._idle.wait_for(lambda: self._pending_reports == 0, timeout):
                message = f"{self._pending_reports} reports are still under way"
                raise TimeoutError(message)

    def __enter__(self) -> Self:
        """Serve, until the block is left."""
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(started.set)), daemon=True)
        self._thread.start()
        started.wait()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop serving; what is under way is dropped."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _serve(self, started: Callable[[], object]) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._transport = AsyncTransport()
        server = await asyncio.start_server(
            self._serve_connection, sock=self._listener, limit=_MAX_REQUEST_SIZE
        )
        started()
        await self._stop.wait()
        server.close()
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._transport.close()

    async def _serve_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sock: socket.socket = writer.get_extra_info("socket")
        sock.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
        )  # asyncio does so only for listeners of its own
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  a coroutine runs in a task
        self._running.add(task)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while request := await _read_request(reader):
                if not await self._serve_request(request, reader, writer):
                    break
        self._running.discard(task)
        writer.close()

    async def _serve_request(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Answer one request; return whether the connection goes on."""
        if request.path.startswith("/_emulator/"):
            writer.write(_encode_response(self._control_response(request)))
            return True
        self.requests.append(request)
        fault = self.faults.pop_for(request.path)
        answer = (
            self._answer(request) if fault is None or fault.reaches_handler else HttpResponse(500, {}, b"")
        )
        if fault is None:
            writer.write(_encode_response(answer))
            return True
        return await _respond_with_fault(fault, answer, reader, writer)

    def _answer(self, request: Request) -> HttpResponse:
        """Carry out a request. A fault of the emulator's own is a 500 that says so: a dropped connection would look like a lost answer."""
        try:
            return self.handle(request)
        except Exception as fault:
            logging.getLogger(__name__).exception(
                "the emulator failed at %s %s", request.method, request.path
            )
            return json_response({"error": f"the emulator failed: {type(fault).__name__}"}, status=500)

    def _control_response(self, request: Request) -> HttpResponse:
        if request.path == "/_emulator/state":
            return json_response(self.state())
        if request.method == "DELETE":
            self.faults.clear()
            return json_response({})
        try:
            self.faults.add(_FAULT.validate_json(request.body))
        except ValidationError as error:
            return json_response({"error": str(error), "known": [*FaultKind]}, status=400)
        return json_response({})

    async def _post_report(self, request: HttpRequest, delay: float) -> None:
        status = None
        try:
            await asyncio.sleep(delay)
            with suppress(Exception):  # nobody listens there: as lost as a real report
                status = (await self._transport.run(ask(request))).status
        finally:
            self.reports.append((request, status))
            with self._idle:
                self._pending_reports -= 1
                self._idle.notify_all()


async def _read_request(reader: asyncio.StreamReader) -> Request | None:
    """Read one request; None at the end of the connection."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    parts = urlsplit(target)
    query: dict[str, str] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        query[name] = f"{query[name]},{value}" if name in query else value
    return Request(method, parts.path, query, headers, await _body(reader, headers))


async def _body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return await reader.readexactly(int(headers.get("content-length", "0")))
    body = b""
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")
    return body


def _encode_response(answer: HttpResponse) -> bytes:
    headers = {**answer.headers, "content-length": str(len(answer.body))}
    lines = [f"HTTP/1.1 {answer.status} ", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + answer.body


async def _respond_with_fault(
    fault: Fault, answer: HttpResponse, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> bool:
    """Go wrong as told; return whether the connection goes on."""
    if fault.kind is FaultKind.SLOW:
        await asyncio.sleep(fault.seconds or 0)
    if fault.kind is FaultKind.HANG:
        await reader.read()
    if fault.kind is FaultKind.RESET:
        sock: socket.socket = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.write(_faulty_response(fault, answer))
    return fault.kind in _KEEPS_CONNECTION


def _faulty_response(fault: Fault, answer: HttpResponse) -> bytes:
    """Return what the client gets to read."""
    wait = {} if fault.seconds is None else {"retry-after": f"{fault.seconds:g}"}
    said = {
        FaultKind.CUT: _encode_response(answer)[: -max(1, len(answer.body) // 2)],
        FaultKind.GARBAGE: b"\x00\x01 no HTTP at all\r\n\r\n",
        FaultKind.UNREADABLE: _encode_response(
            HttpResponse(200, {"content-type": "text/html"}, b"<html>busy</html>")
        ),
        FaultKind.STATUS: _encode_response(HttpResponse(fault.status, {}, b"")),
        FaultKind.THROTTLE: _encode_response(HttpResponse(429, wait, b"")),
        FaultKind.SLOW: _encode_response(answer),
    }
    return said.get(fault.kind, b"")


_KEEPS_CONNECTION = frozenset({FaultKind.UNREADABLE, FaultKind.STATUS, FaultKind.THROTTLE, FaultKind.SLOW})


def serve(
    build: Callable[[argparse.Namespace], Emulator],
    arguments: Sequence[str] | None = None,
    *,
    add_arguments: Callable[[argparse.ArgumentParser], object] = lambda _: None,
) -> None:
    """Run an emulator from the command line until SIGTERM or Ctrl-C. `add_arguments` adds options of its own; `port` and `webhook_url` are here.

    Prints the URL it serves on stdout, alone on the first line.
    """
    parser = argparse.ArgumentParser(
        description="Emulate the provider on loopback. Nothing leaves this machine."
    )
    parser.add_argument("--port", type=int, default=0, help="port; 0 for any free port")
    parser.add_argument("--webhook-url", help="where reports and inbound messages are posted")
    add_arguments(parser)
    stop = threading.Event()

    def told(_number: int, _frame: object) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, told)
    with build(parser.parse_args(arguments)) as emulator:
        print(emulator.url, flush=True)  # noqa: T201  a command line prints
        stop.wait()
