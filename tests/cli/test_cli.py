from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from messaging_channels import Configuration
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
    assert _run(capsys, "sandbox", "clear")[2] == "2 messages deleted\n"
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
    assert _run(capsys, "reports", "fetch")[2] == "1 reports stored\n"
    code, record, _ = _run(capsys, "messages", "show", message_id)

    assert code == 0
    assert (record["outcome"], record["status"]["groupName"]) == ("accepted", "DELIVERED")
    assert [attempt["provider"] for attempt in record["attempts"]] == ["sandbox"]
    assert record["stopReason"] == "sandbox accepted it"
    assert "447700900123" not in json.dumps(record)
    assert _run(capsys, "messages", "show", "nobody")[0] == 2


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
    shown = [line.strip() for line in os.read(screen, 65536).decode().split("\r") if line.strip()]
    os.close(screen)

    assert ended.returncode == 0
    assert shown[-1] == "250 done, 0 failed"
    assert all(re.match(r"\d+ of 250 done, 0 failed", line) for line in shown[:-1] if "done" in line), shown


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


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])

    assert ended.value.code == 0
    assert re.fullmatch(r"messaging-channels \d+\.\d+\.\d+\S*\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["sned", "sms"], "send"),
        (["send", "smss", "--to", "x", "--text", "x"], "sms"),
        (["messages", "lst"], "list"),
        (["send", "sms", "--to", "38598123456", "--txt", "x", "--text", "x"], "--text"),
        (["queue", "stat"], "stats"),
    ],
)
def test_a_misspelt_command_or_option_is_wrong_input_and_named(
    capsys: pytest.CaptureFixture[str], arguments: list[str], word: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2
    assert f"Did you mean {word}?" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--text-file", "missing.txt", "--to", "38598123456"),
        ("--text", "x", "--to-file", "missing.txt"),
        ("--text", "x", "--to-file", "."),
        ("--text", "x", "--csv", "missing.csv"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_and_nothing_may_have_been_sent(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    code, out, err = _run(capsys, "send", "sms", *arguments)

    assert (code, out) == (2, None)
    assert "missing" in err or "directory" in err


def test_a_file_that_is_not_utf_8_is_wrong_input(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "numbers").write_bytes(b"\xff\xfe3\x008\x00")

    code, _, err = _run(capsys, "send", "sms", "--text", "x", "--to-file", "numbers")

    assert code == 2
    assert "UTF-8" in err


def test_text_and_number_come_from_files_or_the_standard_input(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "text").write_text("Grüezi\n", "utf-8")
    monkeypatch.setattr(sys, "stdin", io.StringIO("447700900123\n"))
    assert _run(capsys, "send", "sms", "--text-file", "text", "--to", "-")[0] == 0
    monkeypatch.setattr(sys, "stdin", io.StringIO("From a pipe\n"))
    assert _run(capsys, "send", "sms", "--text-file", "-", "--to", "447700900124")[0] == 0
    monkeypatch.setattr(sys, "stdin", io.StringIO("447700900125\n\n447700900126\n"))
    assert main(["send", "sms", "--text", "Many", "--to-file", "-"]) == 0
    capsys.readouterr()

    sent = _run(capsys, "sandbox", "list")[1]["messages"]

    assert sorted((one["destination"], one["content"]["text"]) for one in sent) == [
        ("447700900123", "Grüezi"),
        ("447700900124", "From a pipe"),
        ("447700900125", "Many"),
        ("447700900126", "Many"),
    ]


def test_a_csv_file_fills_the_message_of_each_row_and_goes_on_where_it_stopped(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "people.csv").write_text(
        'phone;name\n447700900123;Ann\n447700900124;"Bo; Jr"\nnonsense;X\n', "utf-8"
    )
    command = ["send", "sms", "--csv", "people.csv", "--text", "Hi {name}, {{50%}} off"]
    assert main(command) == 2
    first = capsys.readouterr()
    assert main(command) == 2
    again = capsys.readouterr()

    texts = [one["content"]["text"] for one in _run(capsys, "sandbox", "list")[1]["messages"]]

    assert sorted(texts) == ["Hi Ann, {50%} off", "Hi Bo; Jr, {50%} off"]
    assert "3 done, 1 failed" in first.err
    assert "idempotency key: file/" in again.err


@pytest.mark.parametrize(
    ("text", "template", "word"),
    [
        ("phone,name\n447700900123,Ann\n", "Hi {nmae}", "did you mean {name}?"),
        ("phone,name\n447700900123\n", "Hi", "1 cells for 2 columns"),
        ("", "Hi", "names each column once"),
        ("phone,phone\n1,2\n", "Hi", "names each column once"),
        ("name\nAnn\n", "Hi", "--to-column"),
        ("phone,name\n", "Hi", "no recipients"),
        ("\n\n", "Hi", "names each column once"),
        ("447700900123\n447700900124\n", "Hi", "--to-column"),
        ("to,phone\n447700900123,447700900124\n", "Hi", "--to-column"),
        ('phone,name\n"447700900123,Ann\n', "Hi", "1 cells for 2 columns"),
    ],
)
def test_a_mistake_in_a_csv_file_is_found_before_anything_is_sent(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, template: str, word: str
) -> None:
    (tmp_path / "people.csv").write_text(text, "utf-8")

    code, out, err = _run(capsys, "send", "sms", "--csv", "people.csv", "--text", template)

    assert (code, out) == (2, None)
    assert word in err.lower()
    assert _run(capsys, "sandbox", "list")[1] == {"messages": []}


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("send", "sms", "--to-file", "empty", "--text", "x"), 2, "no recipients"),
        (("send", "sms", "--to-file", "numbers", "--to-column", "x", "--text", "x"), 2, "needs --csv"),
        (("send", "sms", "--csv", "folder", "--text", "x"), 2, "folder: is a directory"),
        (("send", "sms", "--to", "447700900123", "--text-file", "folder"), 2, "folder: is a directory"),
        (("send", "sms", "--to", "447700900123", "--text-file", "latin"), 2, "latin is not UTF-8"),
        (("send", "sms", "--csv", "latin", "--text", "x"), 2, "latin is not UTF-8"),
        (("send", "sms", "--to-file", "numbers/x", "--text", "x"), 2, "not a directory"),
        (
            (
                "send",
                "email",
                "--to",
                "zoe@example.com",
                "--subject",
                "s",
                "--text",
                "t",
                "--attach",
                "folder",
            ),
            2,
            "folder",
        ),
        (("init", "--file", "folder"), 2, "is a directory"),
        (("queue", "retry", ""), 2, "no dead letter"),
        (("queue", "retry", "nobody"), 2, "no dead letter"),
        (("messages", "list", "--status", "NOPE"), 2, "--status"),
        (("messages", "list", "--status", "PENDING_UNKOWN"), 2, "PENDING_UNKNOWN"),
        (("messages", "list", "--channel", "smss"), 2, "sms"),
        (("consent", "add", "--channel", "smss", "447700900123"), 2, "sms"),
        (("consent", "remove", "--channel", "sms", "447700900123"), 2, "no such statement"),
        (("consent", "import", "empty"), 2, "empty"),
        (("consent", "import", "folder"), 2, "is a directory"),
        (("plugin", "new", "acme", "--directory", "numbers"), 2, "numbers: not a directory"),
        (("config",), 0, ""),
    ],
)
def test_whatever_is_wrong_on_the_command_line_ends_with_words_and_its_code(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: tuple[str, ...], code: int, word: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty").touch()
    (tmp_path / "numbers").write_text("447700900123\n")
    (tmp_path / "latin").write_bytes("phone,name\n447700900123,Zo\xeb\n".encode("latin-1"))

    ended = main(arguments)

    assert ended == code
    assert word in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ("messages", "list", "--limit", "0"),
        ("messages", "list", "--limit", str(10**20)),
        ("messages", "unknown", "--limit", "0"),
        ("messages", "list", "--since", "2030-01-01"),
        ("queue", "dead-letters", "--limit", "-1"),
        ("worker", "--concurrency", "0"),
        ("worker", "--poll-interval", "nan"),
        ("worker", "--retention-days", "-1"),
        ("ledger", "prune", "--retention-days", "-1"),
        ("ledger", "prune", "--retention-days", "nan"),
        ("plugin", "check", "sandbox", "--examples", "0"),
        ("consent", "remove", "--channel", "sms", "447700900123", "--kind", "nope"),
        ("enqueue", "sms", "--to", "447700900123", "--text", "x", "--expires-in", "soon"),
    ],
)
def test_a_number_or_time_that_cannot_be_meant_is_refused_before_anything_is_done(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2
    assert arguments[-2] in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is full")
@pytest.mark.parametrize(
    ("command", "code"),
    [("config", 5), ("send sms --to 447700900123 --text x", 1), ("messages list", 5)],
)
def test_output_that_cannot_be_written_is_no_fault_of_the_command_and_says_nothing_of_what_was_sent(
    command: str, code: int
) -> None:
    words = f"{sys.executable} -m messaging_channels._cli.main {command} >/dev/full"
    ended = subprocess.run(["bash", "-c", words], capture_output=True, text=True, check=False)

    assert ended.returncode == code
    assert "the output cannot be written: no space left" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_standard_input_that_is_closed_is_wrong_input() -> None:
    words = f"{sys.executable} -m messaging_channels._cli.main send sms --to - --text x <&-"
    ended = subprocess.run(["bash", "-c", words], capture_output=True, text=True, check=False)

    assert (ended.returncode, "standard input is closed" in ended.stderr) == (2, True), ended.stderr


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("send sms --to 38598123456 --text x", 1),
        ("doctor --offline", 5),
        ("sandbox clear", 0),
    ],
)
def test_an_output_that_a_shell_closed_is_told_and_no_file_takes_its_place(command: str, code: int) -> None:
    words = f"{sys.executable} -m messaging_channels._cli.main {command} >&-"
    ended = subprocess.run(["bash", "-c", words], capture_output=True, text=True, check=False)

    assert (ended.returncode, "Traceback" in ended.stderr) == (code, False), ended.stderr
    assert "the output cannot be written" in ended.stderr or code == 0


@pytest.mark.parametrize(
    "command",
    [
        "messages list", "messages unknown", "messages reconcile", "queue stats", "queue dead-letters", "sandbox list",
        "sandbox addresses", "schema", "consent show zoe@example.com", "providers", "channels", "config",
        "doctor --offline",
    ],
)  # fmt: skip
def test_whatever_prints_json_may_be_asked_for_it(capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert main([*command.split(), "--json"]) == 0

    assert isinstance(json.loads(capsys.readouterr().out), dict)


@pytest.mark.parametrize(
    ("command", "reader", "code"),
    [
        ("completion bash", "head -c 1", 0),
        ("config --variables", "true", 0),
        ("completion zsh", "cat >/dev/full", None),
    ],
)
def test_a_reader_that_ends_early_is_no_wrong_input(command: str, reader: str, code: int | None) -> None:
    words = f"{sys.executable} -m messaging_channels._cli.main {command} | {reader}; echo ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", words], capture_output=True, text=True, check=False)

    assert "bad_input" not in ended.stderr
    assert "Traceback" not in ended.stderr
    assert code is None or ended.stdout.splitlines()[-1].endswith(str(code))


def test_a_standard_error_that_a_shell_closed_harms_nothing() -> None:
    words = f"{sys.executable} -m messaging_channels._cli.main send sms --to 38598123456 --text x 2>&-"
    ended = subprocess.run(["bash", "-c", words], capture_output=True, text=True, check=False)

    assert ended.returncode == 0
    assert json.loads(ended.stdout)["messages"][0]["status"]["name"] == "PENDING_ACCEPTED"


def test_a_backup_goes_over_no_file_that_is_there(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    main(["send", "sms", "--to", "38598123456", "--text", "x"])
    (tmp_path / "there").write_text("mine", "utf-8")
    capsys.readouterr()

    assert main(["ledger", "backup", "there"]) == 2
    assert "name a new file" in capsys.readouterr().err
    assert (tmp_path / "there").read_text("utf-8") == "mine"


def test_html_is_filled_with_what_is_escaped(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("email,name\nzoe@example.com,<b>Zoe\n", "utf-8")

    main(["send", "email", "--csv", "people.csv", "--subject", "For {name}", "--html", "<p>{name}</p>"])
    capsys.readouterr()
    (mail,) = _run(capsys, "sandbox", "list")[1]["messages"]

    assert mail["content"]["html"] == "<p>&lt;b&gt;Zoe</p>"
    assert mail["content"]["subject"] == "For <b>Zoe"


def test_a_dry_run_says_what_would_be_done_and_does_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "messaging-channels.toml").write_text('[checks]\nallowed_prefixes = ["44"]\n', "utf-8")
    code, told, err = _run(capsys, "send", "sms", "--to", "447700900123", "--text", "x", "--dry-run")
    assert (code, told["wouldSend"], told["providers"]) == (0, True, ["sandbox"])
    assert "nothing was sent" in err
    assert "447700900123" not in json.dumps(told)
    code, told, _ = _run(capsys, "send", "sms", "--to", "38598123456", "--text", "x", "--dry-run")
    assert (code, told["wouldSend"]) == (2, False)
    code, told, _ = _run(capsys, "send", "sms", "--to", "nonsense", "--text", "x", "--dry-run")
    assert (code, told["error"]) == (2, "invalid_address")

    assert _run(capsys, "sandbox", "list")[1] == {"messages": []}
    assert _run(capsys, "messages", "list")[1] == {"messages": []}


def test_what_became_of_a_message_is_explained_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    _, sent, _ = _run(capsys, "send", "sms", "--to", "447700900003", "--text", "hello")
    message_id = sent["messages"][0]["messageId"]

    assert main(["messages", "explain", message_id]) == 0

    told = capsys.readouterr().out
    assert "outcome: not known: it may have been sent" in told
    assert "do not send it again" in told
    assert main(["messages", "explain", "nobody"]) == 2


def test_a_message_is_watched_until_its_status_is_final(capsys: pytest.CaptureFixture[str]) -> None:
    _, sent, _ = _run(capsys, "send", "sms", "--to", "447700900123", "--text", "hello")
    message_id = sent["messages"][0]["messageId"]
    assert main(["messages", "watch", message_id, "--timeout", "0.01", "--interval", "0.01"]) == 1
    main(["reports", "fetch"])
    capsys.readouterr()

    code, told, _ = _run(capsys, "messages", "watch", message_id)

    assert (code, told["status"]["groupName"]) == (0, "DELIVERED")
    assert _run(capsys, "messages", "watch", "nobody")[0] == 2


@pytest.mark.skipif(sys.platform == "win32", reason="there is no pseudo-terminal")
@pytest.mark.parametrize(
    ("command", "head"),
    [(("messages", "list"), "ID"), (("channels",), "CHANNEL"), (("providers",), "PROVIDER")],
)
def test_a_terminal_shows_tables(command: tuple[str, ...], head: str) -> None:
    main(["send", "sms", "--to", "447700900123", "--text", "hello"])
    screen, terminal = os.openpty()
    words = [sys.executable, "-m", "messaging_channels._cli.main", *command]
    ended = subprocess.run(words, stdout=terminal, stderr=subprocess.DEVNULL, check=False)
    os.close(terminal)
    shown = os.read(screen, 65536).decode()
    os.close(screen)

    assert ended.returncode == 0
    assert shown.startswith(head)


def test_a_reader_who_goes_away_early_is_no_fault() -> None:
    command = f"{sys.executable} -m messaging_channels._cli.main config | head -c 1; exit ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)

    assert ended.returncode == 0
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_shell_completes_the_commands(capsys: pytest.CaptureFixture[str], shell: str) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out

    assert all(word in script for word in ("dead-letters", "--idempotency-key", "doctor"))


def test_a_first_file_can_be_read_and_says_what_each_setting_means(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["init"]) == 0
    text = (tmp_path / "messaging-channels.toml").read_text("utf-8")

    assert "[providers.twilio]" in text
    assert "MESSAGING_CHANNELS_TWILIO_AUTH_TOKEN" in text
    assert all(line.startswith(("#", "[")) or not line for line in text.splitlines())
    assert main(["config"]) == 0
    assert main(["init"]) == 2
    assert main(["init", "--force", "--provider", "smtp"]) == 0
    assert "[providers.twilio]" not in (tmp_path / "messaging-channels.toml").read_text("utf-8")
    assert main(["init", "--file", "x.toml", "--provider", "twillio"]) == 3
    capsys.readouterr()


def test_what_is_uncommented_in_a_first_file_is_known(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    main(["init"])
    path = tmp_path / "messaging-channels.toml"
    lines = path.read_text("utf-8").splitlines()
    path.write_text(
        "\n".join(line.removeprefix("# ") if re.match(r"# \w+ = ", line) else line for line in lines), "utf-8"
    )

    assert list(Configuration.read(check=False).misspellings()) == []
    schema = _run(capsys, "schema")[1]
    jsonschema.Draft202012Validator.check_schema(schema)


def test_the_schema_tells_a_right_file_from_a_misspelt_one(capsys: pytest.CaptureFixture[str]) -> None:
    validator = jsonschema.Draft202012Validator(_run(capsys, "schema")[1])

    assert validator.is_valid({"routes": {"sms": ["sandbox"]}, "retry": {"max_attempts": 2}})
    assert not validator.is_valid({"route": {"sms": ["sandbox"]}})
    assert not validator.is_valid({"retry": {"max_attemps": 2}})
    assert not validator.is_valid({"providers": {"twilio": {"sendr": "x"}}})


def test_every_variable_has_a_name_that_can_be_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "--variables"]) == 0
    names = capsys.readouterr().out.split()

    assert {
        "MESSAGING_CHANNELS_ROUTE_SMS",
        "MESSAGING_CHANNELS_TWILIO_AUTH_TOKEN",
        "MESSAGING_CHANNELS_GATEWAY_PUBLIC_URL",
    } <= {*names}
