"""The example `examples/telegram` as it is installed: the command line and the gateway send on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback import OK, Peer, Server

pytestmark = pytest.mark.slow
EXAMPLE = Path(__file__).parents[2] / "examples" / "telegram" / "src"
TOKEN = "900100:made-up-token-of-the-emulator"
THROUGH_THE_GATEWAY = """
import json, threading
import httpx
from messaging_channels import Configuration
from messaging_channels_gateway import GatewaySettings
from messaging_channels_gateway.gateway import open_gateway
from messaging_channels_gateway.server import Server

configuration = Configuration.read(use_sandbox_defaults=True)
gateway = open_gateway(configuration, GatewaySettings.read(configuration, poll_interval=60))
server = Server(gateway, "127.0.0.1", 0)
thread = threading.Thread(target=server.run, daemon=True)
thread.start()
while not server.started:
    thread.join(0.005)
url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
with httpx.Client(base_url=url, headers={"x-api-key": gateway.api_keys.create("test")}, timeout=20) as client:
    body = {"content": {"text": "by the gateway", "silent": True}}
    sent = client.post("/v1/apps/message/telegram", json={"to": "900100200", **body})
    client.put("/v1/users/u1", json={"channel": {"telegram": "900100201"}})
    to_user = client.post("/v1/users/u1/message/telegram", json=body)
    wrong = client.post("/v1/apps/message/telegram", json={"to": "no chat!", **body})
gateway.stopping.set()
server.should_exit = True
thread.join(20)
print(json.dumps([one.json() for one in (sent, to_user, wrong)]))
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with what an installation writes beside the packages."""
    info = tmp_path / "installed" / "messaging_channels_telegram-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: messaging-channels-telegram\nVersion: 0.1.0\n"
    )
    (info / "entry_points.txt").write_text(
        "[messaging_channels]\ntelegram = messaging_channels_telegram.plugin\n"
        "[messaging_channels.fixtures]\ntelegram = messaging_channels_telegram.conformance:FIXTURES\n"
    )
    return tmp_path


@pytest.fixture
def vendor() -> Iterator[tuple[str, list[dict[str, object]]]]:
    """A bot's API, and what it took."""
    taken: list[dict[str, object]] = []

    def answer(peer: Peer) -> None:
        while request := peer.read_request():
            head, _, body = request.partition(b"\r\n\r\n")
            assert head.startswith(f"POST /bot{TOKEN}/sendMessage ".encode())
            taken.append(json.loads(body))
            told = json.dumps({"ok": True, "result": {"message_id": len(taken)}}).encode()
            peer.answer(OK.partition(b"\r\n")[0] + b"\r\ncontent-length: %d\r\n\r\n" % len(told) + told)

    with Server(answer) as server:
        yield server.url, taken


def _run(home: Path, url: str, *command: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(home / "installed"), str(EXAMPLE), *filter(None, sys.path)])
    settings = {"TOKEN": TOKEN, "BASE_URL": url}
    environment = {
        **os.environ,
        **{f"MESSAGING_CHANNELS_TELEGRAM_{name}": value for name, value in settings.items()},
        "MESSAGING_CHANNELS_ROUTE_TELEGRAM": "telegram",
        "MESSAGING_CHANNELS_HOME": str(home / "home"),
        "PYTHONPATH": path,
    }
    return subprocess.run(
        [sys.executable, *command], cwd=home, env=environment, capture_output=True, text=True, check=False
    )


def test_the_command_line_sends_to_a_chat(home: Path, vendor: tuple[str, list[dict[str, object]]]) -> None:
    url, taken = vendor

    done = _run(
        home,
        url,
        "-m",
        "messaging_channels._cli.main",
        *("send", "telegram", "--to", "900100200", "--text", "by the command line", "--silent"),
    )

    assert done.returncode == 0, done.stderr
    assert [(one["chat_id"], one["text"], one["disable_notification"]) for one in taken] == [
        ("900100200", "by the command line", True)
    ]


def test_the_gateway_sends_to_a_chat_and_to_a_user(
    home: Path, vendor: tuple[str, list[dict[str, object]]]
) -> None:
    url, taken = vendor

    done = _run(home, url, "-c", THROUGH_THE_GATEWAY)

    assert done.returncode == 0, done.stderr
    sent, to_user, wrong = json.loads(done.stdout.splitlines()[-1])
    assert [one["messages"][0]["destination"] for one in (sent, to_user)] == ["900100200", "900100201"]
    assert wrong["code"] == "invalid_address"
    assert [one["chat_id"] for one in taken] == ["900100200", "900100201"]
    assert {one["text"] for one in taken} == {"by the gateway"}


def test_the_tutorials_emulator_runs_from_the_command_line_and_takes_what_is_sent(home: Path) -> None:
    path = os.pathsep.join([str(EXAMPLE), *filter(None, sys.path)])
    command = [sys.executable, "-m", "messaging_channels_telegram.emulator", "--port", "0"]
    with subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.PIPE, text=True
    ) as emulator:
        assert emulator.stdout is not None
        url = emulator.stdout.readline().strip()
        done = [
            _run(home, url, "-m", "messaging_channels._cli.main", "send", "telegram", *words)
            for words in (
                ("--to", "900100200", "--text", "Hello"),
                (
                    "--to",
                    "900100200",
                    "--content",
                    '{"type": "photo", "url": "https://files.example.com/hat.jpg"}',
                ),
                ("--to", "900100901", "--text", "Hello"),
            )
        ]
        emulator.terminate()

    assert [one.returncode for one in done] == [0, 0, 4], done


def test_the_kit_checks_the_installed_example(home: Path) -> None:
    done = _run(
        home,
        "http://127.0.0.1:9",
        "-m",
        "messaging_channels._cli.main",
        *("plugin", "check", "telegram", "--examples", "5", "--json"),
    )

    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout)["verdict"] == "passed"
