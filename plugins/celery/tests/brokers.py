"""Brokers as Debian has them, started for a test and ended with it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 90
    while time.monotonic() < until and server.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)  # somebody else's server says nothing when it is ready
    pytest.fail("the broker did not start")


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """Run Redis, which keeps nothing."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("install redis-server (apt-get install redis-server)")
    port = _free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port, server)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(30)


@contextmanager
def rabbitmq(folder: Path) -> Iterator[str]:
    """Run RabbitMQ, with a port mapper of its own."""
    if not RABBITMQ.exists():
        pytest.skip("install rabbitmq-server (apt-get install rabbitmq-server)")
    port, mapper = _free_port(), str(_free_port())
    (folder / "plugins").write_text("[].\n")
    environment = os.environ | {
        "HOME": str(folder),
        "ERL_EPMD_PORT": mapper,
        "RABBITMQ_NODENAME": f"test{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(_free_port()),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
    }
    with (folder / "said").open("wb") as said:
        server = subprocess.Popen([RABBITMQ], env=environment, stdout=said, stderr=said)
    try:
        _wait_for(port, server)
        yield f"amqp://guest:guest@127.0.0.1:{port}//"
    finally:
        server.terminate()
        server.wait(60)
        subprocess.run(["epmd", "-kill"], env=environment, capture_output=True, check=False)
