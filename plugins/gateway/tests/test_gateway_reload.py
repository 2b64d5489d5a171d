"""A gateway reads its configuration again at SIGHUP: no call is refused meanwhile, and a configuration that is wrong changes nothing."""

from __future__ import annotations

import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

import httpx
import pytest
from gateway_nodes import Node

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGHUP on Windows")


def test_a_gateway_reads_its_configuration_again_and_refuses_no_call_meanwhile(tmp_path: Path) -> None:
    settings = tmp_path / "messaging-channels.toml"
    settings.write_text("[gateway]\nmax_body_bytes = 100000\n")
    node = Node(
        tmp_path / "home", f"sqlite:{tmp_path / 'ledger.sqlite3'}", MESSAGING_CHANNELS_CONFIG=str(settings)
    )
    key = node.command("keys", "create", "--name", "test")
    node.start()
    try:
        node.wait()
        assert _send(node, key) == 200
        settings.write_text("[gateway]\nmax_body_bytes = 'many'\n")
        _hang_up(node)
        assert _send(node, key) == 200
        settings.write_text("[gateway]\nmax_body_bytes = 10\n")
        with _Caller(node) as caller:
            _hang_up(node)
            until = time.monotonic() + 60
            while _send(node, key) != 413:
                assert time.monotonic() < until
                time.sleep(0.05)
        settings.write_text("")
        _hang_up(node)
        until = time.monotonic() + 60
        while _send(node, key) != 200:
            assert time.monotonic() < until
            time.sleep(0.05)
    finally:
        node.stop()

    assert caller.refused == []
    assert caller.answered


def _send(node: Node, key: str) -> int:
    body = {"to": "447700900123", "content": {"text": "hello"}}
    with suppress(
        httpx.RemoteProtocolError, httpx.ReadError
    ):  # a connection that was kept open ends with the old server
        return httpx.post(
            f"{node.url}/v1/apps/message/sms", json=body, headers={"x-api-key": key}, timeout=30
        ).status_code
    return 0


def _hang_up(node: Node) -> None:
    assert node.process is not None
    node.process.send_signal(signal.SIGHUP)


class _Caller:
    """Opens one connection after another: none is refused."""

    def __init__(self, node: Node) -> None:
        self.refused: list[str] = []
        self.answered = 0
        self._node = node
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._call)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _call(self) -> None:
        while not self._is_over.wait(0.02):
            try:
                self.answered += httpx.get(f"{self._node.url}/health", timeout=30).is_success
            except httpx.ConnectError as refused:
                self.refused.append(str(refused))
            except httpx.TransportError:  # it came while the old server ended
                self.answered += 0
