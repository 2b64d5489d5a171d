"""Servers that fork after the application was loaded: gunicorn with `--preload`, and Celery's prefork pool."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue

import httpx
import pytest
from regression_server import TESTS, until

pytest.importorskip("gunicorn")
pytest.importorskip("celery")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")]

APPLICATION = """
import os
from pathlib import Path
from scripted import Scripted
from messaging_channels import Dispatcher, Sms, SqliteLedger

folder = Path(os.environ["FOLDER"])

def take(key):
    with (folder / "taken").open("a") as file:
        file.write(key + "\\n")

class Noted(Scripted):
    def send(self, batch):
        self._ends = [lambda: take(batch[0].message.text)]
        return (yield from super().send(batch))

dispatcher = Dispatcher([Noted("vendor")], ledger=SqliteLedger(folder / "ledger.sqlite3"))

def send(key):
    to = "+447700900123"
    return dispatcher.send(Sms(key), to=to, idempotency_key=key, in_progress_timeout=10).outcome

send("parent")
"""
WSGI = """
def application(environ, start_response):
    outcome = send(environ["PATH_INFO"][1:])
    start_response("200 OK", [("content-type", "text/plain")])
    return [outcome.encode()]
"""
CELERY = """
from celery import Celery

app = Celery("shop", broker="filesystem://")
folders = {"data_folder_in": str(folder / "broker"), "data_folder_out": str(folder / "broker")}
app.conf.update(
    broker_transport_options=folders | {"control_folder": str(folder / "control")},
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
)

@app.task(name="send")
def send_later(key):
    send(key)
"""
ASK = """
import sys
from shop import send_later
for key in sys.argv[1:]:
    send_later.delay(key)
"""


@contextmanager
def _running(folder: Path, *command: str) -> Iterator[Queue[str]]:
    """Run a server; yield what it says, line by line."""
    (folder / "broker").mkdir(exist_ok=True)
    server = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", *command],
        cwd=folder,
        env=_environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said: Queue[str] = Queue()
    assert server.stdout is not None
    lines = iter(server.stdout.readline, "")
    reading = threading.Thread(target=lambda: [said.put(line) for line in lines], daemon=True)
    reading.start()
    try:
        yield said
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        reading.join()
        server.stdout.close()


def _environment(folder: Path) -> dict[str, str]:
    paths = [str(folder), str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths), "FOLDER": str(folder)}


def _wait_for(said: Queue[str], pattern: str, seconds: float = 60) -> re.Match[str]:
    heard: list[str] = []
    while True:
        try:
            heard.append(said.get(timeout=seconds))
        except Empty:
            pytest.fail("".join(heard))
        if found := re.search(pattern, heard[-1]):
            return found


def _taken(folder: Path) -> Counter[str]:
    return Counter((folder / "taken").read_text().split())


def test_workers_of_a_preloaded_gunicorn_send_each_key_once(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(APPLICATION + WSGI)
    options = ("--preload", "--workers", "3", "--bind", "127.0.0.1:0", "shop:application")

    with _running(tmp_path, "gunicorn", *options) as said:
        url = _wait_for(said, r"Listening at: (http://\S+)")[1]
        keys = ["parent", "shared", "shared", *(f"own-{number}" for number in range(12)), "parent"]
        answers = {httpx.get(f"{url}/{key}", timeout=30).text for key in keys}

    assert answers == {"accepted"}
    assert _taken(tmp_path) == Counter(set(keys))


def test_processes_of_celerys_pool_send_each_key_once(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(APPLICATION + CELERY)
    options = ("-A", "shop", "worker", "--pool", "prefork", "--concurrency", "2", "--without-mingle")
    keys = ["parent", "shared", "shared", *(f"own-{number}" for number in range(8))]

    with _running(tmp_path, "celery", *options, "--without-gossip", "--loglevel", "INFO") as said:
        _wait_for(said, r" ready\.")
        subprocess.run(
            [sys.executable, "-c", ASK, *keys],
            cwd=tmp_path,
            env=_environment(tmp_path),
            check=True,
            timeout=60,
        )
        until(lambda: set(_taken(tmp_path)) == set(keys), 60)
        for _ in keys:
            _wait_for(said, r"succeeded in|raised")

    assert _taken(tmp_path) == Counter(set(keys))
