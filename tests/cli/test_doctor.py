"""The doctor finds what keeps a first message from going out, and asks each vendor's emulator without sending anything."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from messaging_channels import Dispatcher, Sandbox, Sms, SqliteLedger
from messaging_channels._cli.main import main
from messaging_channels._transport.clock import Clock
from messaging_channels_infobip.emulator import InfobipEmulator
from messaging_channels_smtp.emulator.server import SmtpEmulator
from messaging_channels_twilio.emulator import ACCOUNT_SID, AUTH_TOKEN, OUR_NUMBER, TwilioEmulator
from messaging_channels_vonage.emulator import VonageEmulator
from messaging_channels_whatsapp_cloud.emulator import NUMBER_ID, TOKEN, WhatsAppCloudEmulator

FILE = "messaging-channels.toml"


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, tuple[str, str]]]:
    code = main(["doctor", *arguments])
    findings = json.loads(capsys.readouterr().out)["findings"]
    return code, {one["subject"]: (one["level"], f"{one['words']} {one['remedy']}") for one in findings}


def test_without_settings_everything_is_well_but_nothing_leaves_the_machine(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, found = _told(capsys)

    assert code == 0
    assert found["route sms"][0] == "warning"
    assert found["ledger"][0] == "ok"
    assert found["worker"][0] == "ok"


def test_every_misspelt_setting_is_found_at_once(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / FILE).write_text('[retry]\nmax_attemps = 1\n[routes]\nsms = "twillio"\n', "utf-8")
    monkeypatch.setenv("MESSAGING_CHANNELS_ROUT_SMS", "sandbox")
    code = main(["doctor"])
    told = capsys.readouterr().err

    assert code == 3
    assert all(
        word in told
        for word in ("max_attempts", "'twilio'", "MESSAGING_CHANNELS_ROUTE_SMS", "line 2", "line 4")
    )


def test_a_file_that_is_no_toml_is_one_finding(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / FILE).write_text("[routes\n", "utf-8")

    code, found = _told(capsys)

    assert (code, found["settings"][0]) == (3, "error")


def test_a_ledger_that_cannot_be_written_is_an_error(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    (folder / "ledger.db").write_bytes(b"this is no database, and never was one" * 40)
    (folder / FILE).write_text('[ledger]\nurl = "sqlite:ledger.db"\n', "utf-8")

    code, found = _told(capsys)

    assert (code, found["ledger"][0]) == (3, "error")


def test_messages_that_are_due_ask_for_a_worker(capsys: pytest.CaptureFixture[str]) -> None:
    main(["enqueue", "sms", "--to", "447700900123", "--text", "x"])
    capsys.readouterr()

    code, found = _told(capsys)

    assert (code, found["worker"][0]) == (0, "warning")
    assert "messaging-channels worker" in found["worker"][1]


def _settings(stack: ExitStack, vendor: str) -> dict[str, Any]:
    if vendor == "twilio":
        url = stack.enter_context(TwilioEmulator()).url
        return {"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN, "sender": OUR_NUMBER, "base_url": url}
    if vendor == "infobip":
        return {"base_url": stack.enter_context(InfobipEmulator(api_key="k" * 20)).url, "api_key": "k" * 20}
    if vendor == "vonage":
        url = stack.enter_context(VonageEmulator(api_key="abcd1234", api_secret="s" * 16)).url
        return {"api_key": "abcd1234", "api_secret": "s" * 16, "base_url": url}
    if vendor == "smtp":
        port = stack.enter_context(SmtpEmulator()).port
        return {"host": "127.0.0.1", "port": port, "tls": "none", "sender": "shop@example.com"}
    emulator = stack.enter_context(WhatsAppCloudEmulator())
    return {"base_url": emulator.url, "access_token": TOKEN, "sender": NUMBER_ID}


WRONG = {
    "twilio": "auth_token",
    "infobip": "api_key",
    "vonage": "api_secret",
    "whatsapp-cloud": "access_token",
}


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def _write(folder: Path, vendor: str, settings: dict[str, Any]) -> None:
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    (folder / FILE).write_text("\n".join([f"[providers.{vendor}]", *lines]), "utf-8")


@pytest.mark.parametrize("vendor", [*WRONG, "smtp"])
def test_a_vendor_accepts_right_credentials(
    vendor: str, stack: ExitStack, capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    _write(folder, vendor, _settings(stack, vendor))

    code, found = _told(capsys)

    assert code == 0, found
    assert found[f"{vendor} credentials"][0] == ("warning" if vendor == "smtp" else "ok")
    assert found[f"{vendor} DNS"][0] == "ok"


@pytest.mark.parametrize("vendor", list(WRONG))
def test_a_vendor_refuses_wrong_credentials(
    vendor: str, stack: ExitStack, capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    settings = _settings(stack, vendor) | {WRONG[vendor]: "0" * 32}
    _write(folder, vendor, settings)

    code, found = _told(capsys)

    assert (code, found[f"{vendor} credentials"][0]) == (3, "error")
    assert WRONG[vendor] in found[f"{vendor} credentials"][1]
    assert "0" * 32 not in str(found)


def test_a_number_that_is_not_in_the_account_is_found(
    stack: ExitStack, capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    _write(folder, "twilio", _settings(stack, "twilio") | {"sender": "+447700900999"})

    code, found = _told(capsys)

    assert (code, found["twilio sender"][0]) == (3, "error")


def test_a_host_that_does_not_answer_is_an_error_of_its_own(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    settings = {"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN, "base_url": f"http://127.0.0.1:{port}"}
    _write(folder, "twilio", settings)

    code, found = _told(capsys)

    assert (code, found["twilio connection"][0]) == (3, "error")
    assert "twilio credentials" not in found


def test_a_host_without_an_address_is_an_error_of_dns(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    settings = {"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN, "base_url": "https://vendor.invalid"}
    _write(folder, "twilio", settings)

    code, found = _told(capsys)

    assert (code, found["twilio DNS"][0]) == (3, "error")
    assert "vendor.invalid" in found["twilio DNS"][1]


def test_a_host_that_does_not_speak_tls_is_an_error_of_the_connection(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"https://127.0.0.1:{server.getsockname()[1]}"
        _write(folder, "twilio", {"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN, "base_url": url})
        threading.Thread(target=_answer_in_clear_text, args=(server,), daemon=True).start()
        code, found = _told(capsys)

    assert (code, found["twilio connection"][0]) == (3, "error")
    assert "ca_file" in found["twilio connection"][1]


def _answer_in_clear_text(server: socket.socket) -> None:
    caller, _ = server.accept()
    with caller:
        caller.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


class AnHourAgo(BaseHTTPRequestHandler):
    """A vendor whose clock is an hour behind ours."""

    def do_GET(self) -> None:
        self.send_response_only(401)
        self.send_header("date", formatdate(time.time() - 3600, usegmt=True))
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its name there
        pass


def test_a_clock_that_differs_from_the_vendors_is_an_error(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), AnHourAgo) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        _write(folder, "twilio", {"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN, "base_url": url})
        code, found = _told(capsys)
        server.shutdown()

    assert (code, found["clock"][0]) == (3, "error")
    assert "ahead of that of twilio" in found["clock"][1]


@pytest.mark.parametrize("vendor", ["whatsapp-cloud", "vonage"])
def test_webhooks_that_cannot_be_verified_are_found(
    vendor: str, stack: ExitStack, capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    _write(folder, vendor, _settings(stack, vendor))

    _, found = _told(capsys)

    assert found[f"{vendor} webhooks"][0] == "warning"
    assert "set webhook_" in found[f"{vendor} webhooks"][1]


class FiveMinutesAgo(Clock):
    def now(self) -> float:
        return super().now() - 300


def test_messages_that_nobody_has_sent_for_minutes_are_an_error_and_opt_outs_are_kept(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    (folder / FILE).write_text('[ledger]\nurl = "sqlite:ledger.db"\n', "utf-8")
    ledger = SqliteLedger(folder / "ledger.db", owned=True)
    with Dispatcher([Sandbox()], ledger=ledger, clock=FiveMinutesAgo()) as dispatcher:
        dispatcher.enqueue(Sms("Hi"), to="+447700900123")

    code, found = _told(capsys)

    assert (code, found["worker"][0], found["opt-outs"][0]) == (3, "error", "ok")
    assert "messaging-channels worker" in found["worker"][1]


def test_offline_nothing_is_asked(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    _write(folder, "twilio", {"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN})

    code, found = _told(capsys, "--offline")

    assert code == 0
    assert not any(subject.startswith("twilio") for subject in found)
