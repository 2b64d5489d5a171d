"""Trials of a long run: many gateways and workers under kills stay flat and lose nothing, and a start does not grow with yesterday's traffic."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from gateway_nodes import Node, url_of
from trials import SHARE, scaled

from messaging_channels import Configuration, Dispatcher, Sandbox, Sms, SqliteLedger
from messaging_channels_gateway import GatewaySettings
from messaging_channels_gateway.gateway import Gateway, open_gateway

IS_FULL = SHARE >= 1
SECONDS = int(os.environ.get("MESSAGING_CHANNELS_SOAK_SECONDS", "1800" if IS_FULL else "5"))
CALLERS, PAUSE = 6, 0.1
SMALL, LARGE = scaled(2_000), scaled(200_000)


class Soak:
    """Three gateways, the first of which is never killed, and two workers, on one PostgreSQL."""

    def __init__(self, home: Path, database: str) -> None:
        self.nodes = [Node(home, database) for _ in range(3)]
        self.key = self.nodes[0].command("keys", "create", "--name", "soak")
        self.workers: list[subprocess.Popen[bytes]] = []
        self.end = 0.0
        self.latencies: list[float] = []
        self.memory: list[int] = []
        self.machine: list[float] = []
        """Seconds that the machine took for the same work, whatever else it did."""
        self.accepted: dict[str, str] = {}
        """By the text, the status that was told."""
        self._turns, self._numbers = itertools.cycle(self.nodes), itertools.count()

    def start_worker(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "messaging_channels._cli.main", "worker", "--poll-interval", "0.2"]
        return subprocess.Popen(command, env=self.nodes[0].environment, stderr=subprocess.DEVNULL)

    def call(self) -> None:
        """Send one message after the other, each until it is taken: every third of them for a moment later, which a worker sends."""
        with httpx.Client(headers={"x-api-key": self.key}, timeout=20) as client:
            while time.monotonic() < self.end:
                number = next(self._numbers)
                body = {"to": "447700900100", "content": {"text": f"message {number}"}}
                if number % 3 == 0:
                    body["sendAt"] = (datetime.now(UTC) + timedelta(seconds=5)).isoformat()
                self._until_taken(client, number, body)
                time.sleep(PAUSE)

    def _until_taken(self, client: httpx.Client, number: int, body: dict[str, object]) -> None:
        for _ in range(600):
            node = next(self._turns)
            begun = time.perf_counter()
            with suppress(httpx.TransportError):
                headers = {"idempotency-key": f"order-{number}"}
                answer = client.post(f"{node.url}/v1/apps/message/sms", json=body, headers=headers)
                if answer.status_code == 200:
                    if node is self.nodes[0]:
                        self.latencies.append(time.perf_counter() - begun)
                    self.accepted[f"message {number}"] = answer.json()["messages"][0]["status"]["name"]
                    return
                if answer.json().get("code") == "invalid_send_at":  # no node took it before its time was past
                    return
                assert answer.status_code in (409, 500, 503), answer.text
            time.sleep(0.05)
        raise AssertionError(number)

    def disturb(self) -> None:
        """Kill another gateway, or a worker, again and again, and start it anew."""
        chance = random.Random()
        while time.monotonic() < self.end:
            time.sleep(chance.uniform(0.5, 4.0))
            if chance.random() < 0.5:
                victim = chance.choice(self.nodes[1:])
                victim.kill()
                victim.start()
                victim.wait()
            else:
                place = chance.randrange(len(self.workers))
                self.workers[place].send_signal(signal.SIGKILL)
                self.workers[place].wait()
                self.workers[place] = self.start_worker()

    def sample(self) -> None:
        """Write down what the first gateway has in memory (Linux), and how slow the machine is."""
        assert self.nodes[0].process is not None
        place = Path(f"/proc/{self.nodes[0].process.pid}/statm")
        with tempfile.TemporaryFile() as file:
            while time.monotonic() < self.end:
                self.memory.append(int(place.read_text().split()[1]) * 4096)
                begun = time.perf_counter()
                file.write(bytes(8192))
                file.flush()
                os.fsync(file.fileno())
                sum(range(50_000))
                self.machine.append(time.perf_counter() - begun)
                time.sleep(0.5)

    def run(self) -> None:
        for node in self.nodes:
            node.start()
        self.workers = [self.start_worker() for _ in range(2)]
        for node in self.nodes:
            node.wait()
        self.end = time.monotonic() + SECONDS
        sampling = threading.Thread(target=self.sample)
        sampling.start()
        with ThreadPoolExecutor(CALLERS + 1) as pool:
            work = [pool.submit(self.disturb), *(pool.submit(self.call) for _ in range(CALLERS))]
            for one in work:
                one.result()
        sampling.join()

    def until_nothing_waits(self) -> None:
        """Wait until every message that was taken has been sent, or its attempt is known to be cut off."""
        waiting = 'messaging_channels_queue_messages{state="waiting"} '
        for _ in range(1200):
            metrics = httpx.get(f"{self.nodes[0].url}/metrics", timeout=20).text
            if not any(
                line.startswith(waiting) and not line.endswith(" 0.0") for line in metrics.splitlines()
            ):
                return
            time.sleep(0.1)
        raise AssertionError(metrics)

    def stop(self) -> None:
        for node in self.nodes:
            node.kill()
        for worker in self.workers:
            worker.kill()
            worker.wait()


def _thirds(values: list[float]) -> tuple[float, float]:
    """Return the medians of the first and of the last third."""
    third = len(values) // 3
    return statistics.median(values[:third]), statistics.median(values[-third:])


@pytest.mark.trial
@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_long_run_under_kills_stays_flat_and_loses_and_doubles_nothing(
    postgres: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    soak = Soak(tmp_path / "home", url_of(postgres))
    try:
        soak.run()
        soak.until_nothing_waits()
        with closing(sqlite3.connect(tmp_path / "home" / "sandbox.sqlite3")) as sandbox:
            sent = Counter(
                json.loads(text)["text"] for (text,) in sandbox.execute("SELECT content FROM message")
            )
        unknown = json.loads(soak.nodes[0].command("messages", "unknown"))
    finally:
        soak.stop()

    lost = {
        text for text, status in soak.accepted.items() if text not in sent and status != "PENDING_UNKNOWN"
    }
    memory, latency = _thirds([float(one) for one in soak.memory]), _thirds(soak.latencies)
    machine = _thirds(soak.machine)
    with capsys.disabled():
        if SECONDS > 60:
            print(  # noqa: T201  a trial tells its figures
                f"\n{SECONDS} s: {len(soak.accepted)} messages, {len(sent)} at the emulator, doubled {max(sent.values()) - 1},"
                f" not sent {len(lost)}, memory {memory[0] / 2**20:.0f} -> {memory[1] / 2**20:.0f} MiB,"
                f" latency {latency[0] * 1e3:.1f} -> {latency[1] * 1e3:.1f} ms,"
                f" the machine's own {machine[0] * 1e3:.1f} -> {machine[1] * 1e3:.1f} ms"
            )
    assert max(sent.values()) == 1, "a message was sent twice"
    assert len(lost) <= len(unknown["messages"]), "a message is lost that is not told to be unknown"
    assert memory[1] <= 1.2 * memory[0] + 30 * 2**20
    assert not IS_FULL or latency[1] <= 2 * latency[0] * max(1, machine[1] / machine[0])


def _gateway(home: Path) -> Gateway:
    settings = {
        "providers": {"sandbox": {"home": str(home)}},
        "routes": {"sms": "sandbox"},
        "ledger": {"url": f"sqlite:{home / 'ledger.sqlite3'}"},
    }
    configuration = Configuration.read(settings)
    return open_gateway(configuration, GatewaySettings.read(configuration, home=home, poll_interval=60))


def _fill(path: Path, count: int) -> None:
    """Put so many messages of yesterday into a ledger, by copies of the one that is there."""
    with closing(sqlite3.connect(path)) as database, database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(messaging_channels_message)")]
        new = {
            "id": "printf('%012x%020x', CAST((created - 100 - 0.4 * i) * 1000 AS INTEGER), i)",
            "created": "created - 100 - 0.4 * i",
            "idempotency_key": "NULL",
        }
        chosen = ", ".join(new.get(one, one) for one in columns)
        database.execute(
            f"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})"
            f" INSERT INTO messaging_channels_message ({', '.join(columns)}) SELECT {chosen} FROM messaging_channels_message, n"
        )


async def _recovery_seconds(home: Path) -> float:
    """Return the processor time in which a gateway finds what a process left that died."""
    dead = _gateway(home)
    await dead.marks.write(time.time() - 5)
    dead.store.close()
    await dead.dispatcher.close()
    gateway = _gateway(home)
    begun = time.process_time()
    await gateway.recover()
    seconds = time.process_time() - begun
    await gateway.close()
    return seconds


@pytest.mark.trial
@pytest.mark.timeout(600)
def test_a_start_after_a_hundred_times_the_traffic_takes_no_longer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found: dict[int, float] = {}
    for count in (SMALL, LARGE):
        home = tmp_path / str(count)
        home.mkdir()
        ledger = SqliteLedger(home / "ledger.sqlite3", owned=True)
        with Dispatcher([Sandbox(home / "sandbox.sqlite3")], ledger=ledger) as dispatcher:
            dispatcher.send(Sms("hello"), to="447700900123", scope="default", idempotency_key="k")
        _fill(home / "ledger.sqlite3", count)
        first = _gateway(home)
        first.api_keys.create("x")
        first.store.close()
        asyncio.run(first.dispatcher.close())
        found[count] = min(asyncio.run(_recovery_seconds(home)) for _ in range(3))

    with capsys.disabled():
        if IS_FULL:
            print(f"\nprocessor time to recover: {SMALL} {found[SMALL]:.3f} s, {LARGE} {found[LARGE]:.3f} s")  # noqa: T201
    assert found[LARGE] <= 2 * found[SMALL] + 0.02
