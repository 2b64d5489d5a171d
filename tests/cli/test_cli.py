from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from messaging_channels._cli.main import main


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MESSAGING_CHANNELS_SANDBOX_HANG", "0.01")
    monkeypatch.setenv("MESSAGING_CHANNELS_RETRY_MAX_ATTEMPTS", "1")


def _run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any, str]:
    code = main(arguments)
    printed = capsys.readouterr()
    return code, json.loads(printed.out) if printed.out else None, printed.err


def test_a_first_message_prints_the_documented_shape(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["send", "sms", "--to", "38598123456", "--text", "My text message"]) == 0
    out = capsys.readouterr().out
    message_id = json.loads(out)["messages"][0]["messageId"]

    assert out == (
        '{"messages":[{"messageId":"' + message_id + '","status":{"groupId":1,"groupName":"PENDING","id":26,'
        '"name":"PENDING_ACCEPTED","description":"Message sent to next instance"},"destination":"38598123456"}]}\n'
    )


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("sms", "--to", "38598123456", "--text", "x"), 0),
        (("whatsapp", "--to", "38598123456", "--text", "x"), 0),
        (("whatsapp", "--to", "38598123456", "--template", "code", "--parameter", "4821"), 0),
        (("email", "--to", "zoe@example.com", "--subject", "s", "--text", "x", "--html", "<b>x</b>"), 0),
        (("sms", "--to", "447700900003", "--text", "x"), 1),
        (("sms", "--to", "nonsense", "--text", "x"), 2),
        (("sms", "--to", "447700900001", "--text", "x"), 4),
        (("sms", "--to", "447700900002", "--text", "x"), 5),
    ],
)
def test_exit_codes_tell_what_became_of_it(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int
) -> None:
    assert _run(capsys, "send", *arguments)[0] == code


def test_wrong_configuration_exits_with_3(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESSAGING_CHANNELS_ROUTE_SMS", "acme-sms")
    code, out, err = _run(capsys, "send", "sms", "--to", "38598123456", "--text", "x")

    assert (code, out) == (3, None)
    assert "acme-sms" in err


def test_what_the_sandbox_took_is_listed_across_processes_and_forgotten(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["send", "email", "--to", "zoe@example.com", "--subject", "s", "--text", "hi", "--attach", __file__])
    main(["send", "sms", "--to", "447700900004", "--text", "x"])
    capsys.readouterr()
    mail, sms = _run(capsys, "sandbox", "list")[1]["messages"]

    assert mail["content"]["text"] == "hi"
    assert mail["status"]["name"] == "DELIVERED_TO_HANDSET"
    assert sms["status"]["name"] == "EXPIRED_EXPIRED"
    assert _run(capsys, "sandbox", "clear")[2] == "2 messages forgotten\n"
    assert _run(capsys, "sandbox", "list")[1] == {"messages": []}


def test_lists_are_json(capsys: pytest.CaptureFixture[str]) -> None:
    providers = _run(capsys, "providers")[1]["providers"]
    assert {"name": "sandbox", "settings": ["home", "hang"]} in providers
    channels = {one["name"]: one for one in _run(capsys, "channels")[1]["channels"]}
    assert set(channels) >= {"sms", "whatsapp", "email"}
    settings = _run(capsys, "config")[1]["settings"]

    assert {"sandbox.hang", "home"} <= {one["name"] for one in settings}
    assert len(_run(capsys, "sandbox", "addresses")[1]["addresses"]) == 6


@pytest.mark.parametrize("arguments", [["--help"], ["send", "sms", "--help"], ["sandbox", "--help"]])
def test_help_teaches(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 0
    assert "usage: messaging-channels" in capsys.readouterr().out


def test_a_sent_message_can_be_looked_up_with_its_attempts_and_reports(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, sent, _ = _run(capsys, "send", "sms", "--to", "447700900123", "--text", "hello")
    message_id = sent["messages"][0]["messageId"]
    assert _run(capsys, "reports", "fetch")[2] == "1 reports fetched and kept\n"
    code, record, _ = _run(capsys, "messages", "show", message_id)

    assert code == 0
    assert (record["outcome"], record["status"]["groupName"]) == ("accepted", "DELIVERED")
    assert [attempt["provider"] for attempt in record["attempts"]] == ["sandbox"]
    assert record["stopReason"] == "sandbox accepted it"
    assert "447700900123" not in json.dumps(record)
    assert _run(capsys, "messages", "show", "nobody")[0] == 1


def test_what_may_have_been_sent_can_be_asked_about(capsys: pytest.CaptureFixture[str]) -> None:
    code, sent, err = _run(capsys, "send", "sms", "--to", "447700900003", "--text", "hello")

    assert (code, sent["messages"][0]["status"]["name"]) == (1, "PENDING_UNKNOWN")
    assert "held until that is known" in err
    assert _run(capsys, "messages", "reconcile")[:2] == (0, {"messages": []})


def test_a_key_on_the_command_line_sends_once(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("send", "sms", "--to", "447700900123", "--text", "hello", "--idempotency-key", "k")

    assert _run(capsys, *arguments)[1] == _run(capsys, *arguments)[1]
    assert len(_run(capsys, "sandbox", "list")[1]["messages"]) == 1


def test_a_file_of_recipients_is_sent_to_line_by_line_and_a_bad_line_harms_no_other(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "numbers"
    file.write_text("447700900123\n\nnonsense\n447700900124\n")
    code = main(["send", "sms", "--to-file", str(file), "--text", "hello"])
    printed = capsys.readouterr()
    told = [json.loads(line) for line in printed.out.splitlines()]

    assert code == 2
    assert printed.err == "3 done, 1 failed\n"
    assert {one["destination"]: one.get("error") for one in told} == {
        "nonsense": "invalid_address",
        "447700900123": None,
        "447700900124": None,
    }


@pytest.mark.skipif(sys.platform == "win32", reason="there is no pseudo-terminal")
def test_on_a_terminal_it_shows_how_far_it_has_come(tmp_path: Path) -> None:
    file = tmp_path / "numbers"
    file.write_text("".join(f"447700900{number:03}\n" for number in range(200, 450)))
    screen, terminal = os.openpty()
    arguments = ["send", "sms", "--to-file", str(file), "--text", "hello"]
    with (tmp_path / "answers").open("wb") as answers:
        ended = subprocess.run(
            [sys.executable, "-m", "messaging_channels._cli.main", *arguments],
            stdout=answers,
            stderr=terminal,
            check=False,
        )
    os.close(terminal)
    shown = os.read(screen, 4096).decode().split("\r")
    os.close(screen)

    assert ended.returncode == 0
    assert [line.strip() for line in shown if line.strip()] == [
        "100 done, 0 failed",
        "200 done, 0 failed",
        "250 done, 0 failed",
    ]


def _installed(where: Path, commands: str) -> None:
    about = where / "acme-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1\n", "utf-8")
    (about / "entry_points.txt").write_text(f"[messaging_channels.commands]\n{commands}\n", "utf-8")
    (where / "acme_commands.py").write_text(
        "def hello(parser):\n"
        "    parser.add_argument('--times', type=int, default=1)\n"
        "    parser.set_defaults(run=lambda options: print('hello ' * options.times) or 0)\n",
        "utf-8",
    )


def test_a_distribution_adds_a_command_that_is_imported_only_when_asked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delitem(sys.modules, "acme_commands", raising=False)
    _installed(tmp_path, "hello = acme_commands:hello\nlost = no_such_module:lost")
    monkeypatch.syspath_prepend(tmp_path)
    assert main(["channels"]) == 0
    assert "acme_commands" not in sys.modules
    capsys.readouterr()
    assert main(["hello", "--times", "2"]) == 0
    assert capsys.readouterr().out == "hello hello \n"

    with pytest.raises(ModuleNotFoundError):
        main(["lost"])


def test_a_distribution_replaces_no_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _installed(tmp_path, "channels = acme_commands:hello")
    monkeypatch.syspath_prepend(tmp_path)

    assert {one["name"] for one in _run(capsys, "channels")[1]["channels"]} >= {"sms", "whatsapp", "email"}
