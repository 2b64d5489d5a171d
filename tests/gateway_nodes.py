"""Gateways as processes of their own on one PostgreSQL, and webhook endpoints that answer, hang or are not there, for tests of many nodes."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import httpx
from psycopg.conninfo import conninfo_to_dict


def url_of(conninfo: str) -> str:
    """Return a database as a URL."""
    where = conninfo_to_dict(conninfo)
    return f"postgresql://{where['user']}@{where['host']}:{where['port']}/{where['dbname']}"


class Node:
    """One gateway; all of one home share the file of the sandbox, which counts what was really sent."""

    def __init__(self, home: Path, database: str, **variables: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        clean = {
            name: value for name, value in os.environ.items() if not name.startswith("MESSAGING_CHANNELS_")
        }
        self.environment = {
            **clean,
            "MESSAGING_CHANNELS_HOME": str(home),
            "MESSAGING_CHANNELS_LEDGER_URL": database,
            "MESSAGING_CHANNELS_LEDGER_KEYS": "a key of these tests alone",
            "MESSAGING_CHANNELS_GATEWAY_LEASE": "4",
            "MESSAGING_CHANNELS_GATEWAY_KEY_RATE_LIMIT": "100000",
            "MESSAGING_CHANNELS_GATEWAY_TENANT_RATE_LIMIT": "100000",
            "MESSAGING_CHANNELS_GATEWAY_RATE_LIMIT_BURST": "100000",
            **variables,
        }

    def command(self, *arguments: str) -> str:
        """Run a command with the settings of this node; return what it printed."""
        command = [sys.executable, "-m", "messaging_channels._cli.main", *arguments]
        ended = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True)
        return ended.stdout.strip()

    def start(self) -> None:
        command = [sys.executable, "-m", "messaging_channels._cli.main", "serve", "--port", str(self.port)]
        self.process = subprocess.Popen(command, env=self.environment, stderr=subprocess.DEVNULL)

    def wait(self) -> None:
        """Wait until it is ready."""
        for _ in range(1200):
            with suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/ready").is_success:
                    return
            time.sleep(0.05)
        raise AssertionError(self.process and self.process.poll())

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def stop(self) -> None:
        """End it as an operator does."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)


class LoopbackReceiver:
    """A web server of the tests, in a thread, whose POSTs `handle` answers."""

    def __init__(self, handle: Callable[[BaseHTTPRequestHandler], None]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                handle(self)

            def log_message(self, *_: object) -> None:
                pass

        self.came = threading.Condition()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_port}"
        self.url = f"http://{self.host}/hook"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=lambda: self.server.serve_forever(0.02), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


class Receiver(LoopbackReceiver):
    """A webhook endpoint; `answer` gets the path and returns a status, after whatever it does before."""

    def __init__(self, answer: Callable[[str], int] = lambda _: 204) -> None:
        super().__init__(self._take)
        self._answer = answer
        self.calls: list[tuple[str, str, dict[str, Any]]] = []
        """Path, webhook-id and body of each call that was answered."""

    def _take(self, call: BaseHTTPRequestHandler) -> None:
        body = json.loads(call.rfile.read(int(call.headers["content-length"])))
        status = self._answer(call.path)
        with self.came:
            self.calls.append((call.path, call.headers["webhook-id"], body))
            self.came.notify_all()
        with suppress(OSError):  # who called may not have waited
            call.send_response(status)
            call.send_header("content-length", "0")
            call.end_headers()

    def until(self, condition: Callable[[], bool], seconds: float = 20) -> bool:
        """Wait until a condition on the calls holds; return whether it does."""
        with self.came:
            return self.came.wait_for(condition, seconds)


def free_port() -> int:
    """Return a port below those that the system gives to whoever asks for any: it stays free while a process is dead."""
    while True:
        port = random.randrange(20_000, 32_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
