"""The process dies, at any moment: no message that was accepted is lost, and none is sent twice."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from trials import scaled

from messaging_channels_gateway.auth.api_keys import ApiKeys
from messaging_channels_gateway.store.sqlite import Store

MESSAGES, DEATHS = scaled(2_000), scaled(20)
IN_FLIGHT = 16


class Process:
    """The gateway as a process of its own, on the embedded defaults."""

    def __init__(self, home: Path, port: int) -> None:
        self.port = port
        self._environment = {
            **os.environ,
            "MESSAGING_CHANNELS_HOME": str(home),
            "MESSAGING_CHANNELS_GATEWAY_LEASE": "0.5",
            "MESSAGING_CHANNELS_GATEWAY_KEY_RATE_LIMIT": "100000",
            "MESSAGING_CHANNELS_GATEWAY_TENANT_RATE_LIMIT": "100000",
            "MESSAGING_CHANNELS_GATEWAY_RATE_LIMIT_BURST": "100000",
        }
        self.url = f"http://127.0.0.1:{port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "messaging_channels._cli.main", "serve", "--port", str(self.port)]
        self._process = subprocess.Popen(command, env=self._environment, stderr=subprocess.DEVNULL)
        for _ in range(600):
            try:
                httpx.get(f"{self.url}/ready").raise_for_status()
            except httpx.HTTPError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError(self._process.poll())

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> int:
        self._process.terminate()
        return self._process.wait(30)


def _free_port() -> int:
    """Return a port below those that the system gives to whoever asks for any: it stays free while the process is dead."""
    while True:
        port = random.randrange(20_000, 32_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def _ask(process: Process, key: str, numbers: Sequence[int]) -> dict[int, Any]:
    """Send these messages, each under its own idempotency key, until the process dies; return the answers that came."""
    client = httpx.Client(base_url=process.url, headers={"x-api-key": key}, timeout=20)
    dead = threading.Event()

    def one(number: int) -> tuple[int, Any]:
        if dead.is_set():
            return number, None
        body = {"to": "447700900100", "content": {"text": f"message {number}"}}
        headers = {"idempotency-key": f"order-{number}"}
        try:
            answer = client.post("/v1/apps/message/sms", json=body, headers=headers)
        except httpx.TransportError:
            dead.set()
            return number, None
        return number, answer.json()["messages"][0] if answer.status_code == 200 else None

    with client, ThreadPoolExecutor(IN_FLIGHT) as pool:
        return {number: found for number, found in pool.map(one, numbers) if found is not None}


@pytest.mark.trial
@pytest.mark.timeout(480)
def test_killing_the_process_loses_no_accepted_message_and_doubles_none(tmp_path: Path) -> None:
    store = Store(tmp_path / "gateway.sqlite3")
    key = ApiKeys(store, time.time).create("test")
    store.close()
    process, chance = Process(tmp_path, _free_port()), random.Random()
    process.start()
    accepted: dict[int, Any] = {}
    with ThreadPoolExecutor(1) as killing:
        for _ in range(DEATHS):
            missing = [number for number in range(MESSAGES) if number not in accepted]
            death = killing.submit(lambda: (time.sleep(chance.uniform(0.2, 1.2)), process.kill()))
            accepted |= _ask(process, key, missing)
            death.result()
            process.start()
    for _ in range(10):
        missing = [number for number in range(MESSAGES) if number not in accepted]
        accepted |= _ask(process, key, missing)
        time.sleep(0 if len(accepted) == MESSAGES else 0.5)
    assert process.stop() in (0, -signal.SIGTERM)
    assert len(accepted) == MESSAGES

    with sqlite3.connect(tmp_path / "sandbox.sqlite3") as sandbox:
        sent = [
            (key, json.loads(content)["text"])
            for key, content in sandbox.execute("SELECT id, content FROM message")
        ]
    sandbox.close()
    texts = [text for _, text in sent]
    assert len(texts) == len(set(texts)), "a message was sent twice"
    said = {f"message {number}": one for number, one in accepted.items()}
    for message_id, text in sent:
        assert said[text]["messageId"] == message_id
    for text in set(said) - set(texts):
        assert said[text]["status"]["name"] == "PENDING_UNKNOWN", "a message that was accepted is lost"


def test_a_scheduled_message_outlives_its_process_and_is_sent_once(tmp_path: Path) -> None:
    store = Store(tmp_path / "gateway.sqlite3")
    key = ApiKeys(store, time.time).create("test")
    store.close()
    process = Process(tmp_path, _free_port())
    process.start()
    due = datetime.now(UTC) + timedelta(seconds=3)
    body = {"to": "447700900100", "content": {"text": "later"}, "sendAt": due.isoformat()}
    with httpx.Client(base_url=process.url, headers={"x-api-key": key}, timeout=20) as client:
        answer = client.post("/v1/apps/message/sms", json=body)
        process.kill()
        assert answer.status_code == 200
        assert datetime.now(UTC) < due
        process.start()
        path = f"/v1/messages/{answer.json()['messages'][0]['messageId']}"
        for _ in range(600):
            shown = client.get(path).json()
            if shown["status"]["groupName"] == "DELIVERED":
                break
            time.sleep(0.05)
    assert process.stop() in (0, -signal.SIGTERM)
    assert shown["status"]["groupName"] == "DELIVERED"
    (attempt,) = shown["attempts"]
    assert datetime.fromisoformat(attempt["startedAt"]) >= due - timedelta(milliseconds=1)
    with sqlite3.connect(tmp_path / "sandbox.sqlite3") as sandbox:
        assert sandbox.execute("SELECT count(*) FROM message").fetchall() == [(1,)]
    sandbox.close()
