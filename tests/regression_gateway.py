"""The gateway as a process of its own, on the embedded defaults: for tests of what only a whole process shows."""

from __future__ import annotations

import os
import random
import resource
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import httpx
from regression_server import TO, until

from messaging_channels_gateway.auth.api_keys import ApiKeys
from messaging_channels_gateway.store.sqlite import Store


class GatewayProcess:
    """Use it as a context manager; `client` has a key of all rights."""

    def __init__(self, home: Path) -> None:
        self.home = home
        home.mkdir(exist_ok=True)
        store = Store(home / "gateway.sqlite3")
        self.key = ApiKeys(store, time.time).create("test")
        store.close()
        self.port = _free_port()
        self._kept: list[sqlite3.Connection] = []

    def __enter__(self) -> Self:
        clean = {
            name: value for name, value in os.environ.items() if not name.startswith("MESSAGING_CHANNELS_")
        }
        command = [sys.executable, "-m", "messaging_channels._cli.main", "serve", "--port", str(self.port)]
        environment = clean | {"MESSAGING_CHANNELS_HOME": str(self.home)}
        self.process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}", headers={"x-api-key": self.key}, timeout=20
        )
        if not until(lambda: self._healthy() or self.process.poll() is not None, 60) or self.process.poll():
            self.__exit__()
            message = "the gateway did not start"
            raise RuntimeError(message)
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        for database in self._kept:
            database.close()
        self.process.kill()
        self.process.wait()

    @property
    def worked(self) -> float:
        """How many seconds of a processor it has used."""
        words = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def sms(self, key: str, text: str = "hello") -> httpx.Response:
        """Send one message with an idempotency key."""
        body: Any = {"to": TO[1:], "content": {"text": text}}
        return self.client.post("/v1/apps/message/sms", json=body, headers={"idempotency-key": key})

    def fill(self, name: str) -> None:
        """Let the write-ahead log of one of its databases grow beyond what a full disk will hold."""
        database = sqlite3.connect(self.home / name, timeout=5)
        self._kept.append(database)  # kept open, so that the log stays
        database.execute("CREATE TABLE ballast (content BLOB)")
        database.execute("INSERT INTO ballast VALUES (?)", (b"x" * 3_000_000,))
        database.commit()

    def disk_full(self, *, full: bool) -> None:
        """Let no file of the process grow beyond 2.5 MB, or let them again: to what was filled nothing can be added."""
        most = 2_500_000 if full else resource.RLIM_INFINITY
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))

    def _healthy(self) -> bool:
        with suppress(httpx.TransportError):
            return self.client.get("/health").is_success
        return False


def _free_port() -> int:
    """Return a port below those that the system gives to whoever asks for any."""
    while True:
        port = random.randrange(20_000, 32_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
