from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from messaging_channels._cli.main import main
from messaging_channels_postmark.emulator import PostmarkEmulator
from messaging_channels_telnyx.emulator import TelnyxEmulator
from messaging_channels_twilio.emulator import TwilioEmulator

_KEY = "kp_live_0123456789abcdef"
_SENDER = "+12025550188"


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESSAGING_CHANNELS_TELNYX_API_KEY", _KEY)
    monkeypatch.setenv("MESSAGING_CHANNELS_TELNYX_SENDER", _SENDER)
    monkeypatch.setenv("MESSAGING_CHANNELS_POSTMARK_SERVER_TOKEN", _KEY)


@pytest.fixture
def telnyx() -> Iterator[TelnyxEmulator]:
    with TelnyxEmulator(api_key=_KEY) as vendor:
        yield vendor


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, dict[str, Any]]]:
    def run(name: str, *options: str) -> tuple[int, dict[str, Any]]:
        code = main(["plugin", "check", name, *options, "--json"])
        return code, json.loads(capsys.readouterr().out)

    return run


def _results(told: dict[str, Any]) -> dict[str, str]:
    return {one["id"]: one["result"] for one in told["rules"]}


def test_each_message_type_is_sent_to_the_sandbox_with_the_configured_account(
    telnyx: TelnyxEmulator, check: Callable[..., tuple[int, dict[str, Any]]]
) -> None:
    code, told = check("telnyx", "--live", telnyx.url, "--to", "+12025550123")

    assert (code, told["verdict"]) == (0, "passed")
    assert {one["from"] for one in telnyx.messages} == {_SENDER}
    assert {one["to"] for one in telnyx.messages} == {"+12025550123"}
    assert len(telnyx.messages) == 15


def test_a_recording_holds_no_secret_and_no_number_and_is_replayed_without_a_vendor(
    telnyx: TelnyxEmulator, check: Callable[..., tuple[int, dict[str, Any]]], tmp_path: Path
) -> None:
    path = tmp_path / "telnyx.json"
    check("telnyx", "--live", telnyx.url, "--to", "+12025550123", "--record", str(path))
    sent = len(telnyx.messages)

    code, told = check("telnyx", "--replay", str(path))

    assert (code, set(_results(told).values())) == (0, {"kept"})
    assert len(telnyx.messages) == sent
    for word in (_KEY, _SENDER[1:], "12025550123"):
        assert word not in path.read_text()


def test_a_request_that_is_no_longer_that_of_the_recording_is_found(
    telnyx: TelnyxEmulator, check: Callable[..., tuple[int, dict[str, Any]]], tmp_path: Path
) -> None:
    path = tmp_path / "telnyx.json"
    check("telnyx", "--live", telnyx.url, "--record", str(path), "--type", "Sms")
    path.write_text(path.read_text().replace("Canary words", "Other words"))

    code, told = check("telnyx", "--replay", str(path), "--type", "Sms", "--rule", "MC704")

    assert (code, _results(told)) == (1, {"MC704": "broken"})
    assert "body" in told["rules"][0]["findings"][0]["evidence"]


def test_a_vendor_that_refuses_what_the_fixtures_have_it_accept_is_found(
    check: Callable[..., tuple[int, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESSAGING_CHANNELS_TELNYX_API_KEY", "kp_live_of_nobody")
    with TelnyxEmulator(api_key=_KEY) as vendor:
        code, told = check("telnyx", "--live", vendor.url, "--type", "Sms")

    assert (code, _results(told)["MC701"], _results(told)["MC703"]) == (1, "broken", "kept")
    finding = told["rules"][0]["findings"][0]
    assert "credentials" in finding["evidence"]
    assert "POST " in finding["details"]
    assert "kp_live_of_nobody" not in finding["details"]


def test_a_vendor_that_takes_any_credentials_is_found(
    check: Callable[..., tuple[int, dict[str, Any]]],
) -> None:
    with TelnyxEmulator() as vendor:
        code, told = check("telnyx", "--live", vendor.url, "--type", "Sms")

    assert (code, _results(told)["MC703"]) == (1, "broken")


def test_mail_is_checked_and_replayed_in_the_same_way(
    check: Callable[..., tuple[int, dict[str, Any]]], tmp_path: Path
) -> None:
    path = tmp_path / "postmark.json"
    with PostmarkEmulator(server_token=_KEY) as vendor:
        code, _ = check("postmark", "--live", vendor.url, "--to", "ann@private.test", "--record", str(path))

    assert code == 0
    assert "ann@private.test" not in path.read_text()
    assert check("postmark", "--replay", str(path))[0] == 0


def test_text_messages_by_forms_are_checked_and_replayed_too(
    check: Callable[..., tuple[int, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path, account, token = tmp_path / "twilio.json", "AC" + "a1" * 16, "fedcba9876543210" * 2
    monkeypatch.setenv("MESSAGING_CHANNELS_TWILIO_ACCOUNT_SID", account)
    monkeypatch.setenv("MESSAGING_CHANNELS_TWILIO_AUTH_TOKEN", token)
    monkeypatch.setenv("MESSAGING_CHANNELS_TWILIO_SENDER", "+15005550006")
    with TwilioEmulator(account_sid=account, auth_token=token) as vendor:
        options = ("--live", vendor.url, "--to", "+12025550123", "--type", "Sms", "--record", str(path))
        code, told = check("twilio", *options)
        sent = len(vendor.messages)

    assert (code, told["verdict"], sent) == (0, "passed", 1)
    assert token not in path.read_text()
    assert not [number for number in ("12025550123", "15005550006") if number in path.read_text()]
    assert check("twilio", "--replay", str(path))[0] == 0


def test_a_type_that_the_recording_does_not_hold_is_told(
    telnyx: TelnyxEmulator, check: Callable[..., tuple[int, dict[str, Any]]], tmp_path: Path
) -> None:
    path = tmp_path / "telnyx.json"
    check("telnyx", "--live", telnyx.url, "--record", str(path), "--type", "Sms")

    assert check("telnyx", "--replay", str(path))[0] == 0
    code, told = check("telnyx", "--replay", str(path), "--type", "Mms")
    assert (code, _results(told)["MC704"]) == (1, "broken")
    assert "the recording holds 0" in json.dumps(told)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--to", "+12025550123"), "need --live URL"),
        (("--live", "http://127.0.0.1:9", "--replay", "x.json"), "give one of them"),
        (("--replay", "missing.json"), "cannot be read"),
        (("--live", "http://127.0.0.1:9", "--type", "Fax"), "sends no Fax"),
        (("--live", "http://127.0.0.1:9", "--rule", "MC111"), "no live rule MC111"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    options: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plugin", "check", "telnyx", *options]) == 2
    assert words in capsys.readouterr().err
