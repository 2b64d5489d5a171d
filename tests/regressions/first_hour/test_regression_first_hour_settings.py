"""What is misspelt or missing in a first set-up is named to whoever wrote it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest

from messaging_channels import Dispatcher
from messaging_channels._cli.main import main
from messaging_channels._config.settings import Configuration
from messaging_channels._model.errors import MessagingError, PluginLoadError
from messaging_channels_gateway import GatewaySettings
from messaging_channels_gateway.gateway import open_gateway
from messaging_channels_gateway.server import Server

SMS = ("send", "sms", "--to", "+447700900123", "--text", "Hello")
MAIL = ("send", "email", "--to", "zoe@example.com", "--subject", "Hi", "--text", "text")


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def _told(*words: str) -> tuple[int, str]:
    """Run the command line; return its exit code and what it says beside its result."""
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()) as said:
        code = main(list(words))
    return code, said.getvalue()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MESSAGING_CHANNELS_ROUT_SMS", "twilio"),
        ("MESSAGING_CHANNELS_ROUTES_SMS", "sandbox"),
        ("MESSAGING_CHANNELS_TWILO_AUTH_TOKEN", "made-up"),
    ],
)
def test_a_misspelt_variable_of_ours_is_named(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)

    _, said = _told(*SMS)

    assert name in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('[route]\nsms = "sandbox"\n', "route"),
        ('[provider.twilio]\nsender = "+447700900000"\n', "provider"),
        ('rotes = "sandbox"\n', "rotes"),
    ],
    ids=["route", "provider", "rotes"],
)
def test_a_table_or_key_of_the_file_that_means_nothing_is_named(
    text: str, wrong: str, tmp_path: Path
) -> None:
    (tmp_path / "messaging-channels.toml").write_text(text, "utf-8")

    _, said = _told(*SMS)

    assert wrong in said
    assert "Traceback" not in said


def test_a_file_without_a_mistake_is_not_complained_about(tmp_path: Path) -> None:
    (tmp_path / "messaging-channels.toml").write_text('[routes]\nsms = ["sandbox"]\n', "utf-8")

    code, said = _told(*SMS)

    assert (code, said) == (0, "sent to the sandbox: nothing left this machine\n")


@pytest.mark.parametrize("file", ["nofile.pdf", "folder"])
def test_an_attachment_that_cannot_be_read_is_named_and_the_command_is_wrong(
    file: str, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()

    code, said = _told(*MAIL, "--attach", file)

    assert code in {2, 3}
    assert file in said


def _left_over(folder: Path) -> None:
    """Lay out what is left of a distribution when its folder is deleted: that its plugin `acme` supplied something."""
    about = folder / "acme_plug-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-plug\nVersion: 1.0\n", "utf-8")
    (about / "entry_points.txt").write_text("[messaging_channels]\nacme = acme_plug\n", "utf-8")


def _refusal_of_shop(provider: str) -> MessagingError:
    settings = {"providers": {provider: {"token": "t"}}, "routes": {"sms": [provider]}}
    with pytest.raises(MessagingError) as caught:
        Dispatcher.from_config(settings)
    return caught.value


@pytest.mark.parametrize(
    "provider",
    [
        "acme-sms",
        "acme",
    ],
)
def test_a_plugin_that_cannot_be_imported_is_named_whatever_its_providers_are_called(
    provider: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _left_over(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    refusal = _refusal_of_shop(provider)

    assert isinstance(refusal, PluginLoadError) or "acme_plug" in str(refusal)


@contextmanager
def _gateway() -> Iterator[httpx.Client]:
    configuration = Configuration.read(use_sandbox_defaults=True)
    gateway = open_gateway(configuration, GatewaySettings.read(configuration))
    server = Server(gateway, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.005)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    key = gateway.api_keys.create("test")
    with httpx.Client(base_url=url, headers={"x-api-key": key}, timeout=20) as client:
        try:
            yield client
        finally:
            gateway.stopping.set()
            server.should_exit = True
            thread.join(20)


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("sendat", {"to": "447700900123", "content": {"text": "Hi"}, "sendat": "2026-12-01T00:00:00Z"}),
        ("txt", {"to": "447700900123", "content": {"text": "Hi", "txt": "Hi"}}),
    ],
)
def test_the_gateway_names_the_field_that_it_does_not_know(field: str, body: dict[str, Any]) -> None:
    with _gateway() as client:
        answer = client.post("/v1/apps/message/sms", json=body)

    assert answer.is_client_error
    assert field in answer.text
