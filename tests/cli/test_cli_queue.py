from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from scripted import Scripted

from messaging_channels import Dispatcher, Sms, Worker
from messaging_channels._cli.main import main
from messaging_channels._config.settings import Configuration
from messaging_channels._model.outcomes import Reason
from messaging_channels.plugins.ledger_queue import QueueStats, metrics


def _enqueued(to: str = "38598123456") -> str:
    with Dispatcher(**Configuration.read(use_sandbox_defaults=True).dispatcher_arguments()) as dispatcher:
        return dispatcher.enqueue(Sms("hello"), to=to).id


def test_the_worker_sends_what_waits_and_the_queue_shows_it(capsys: pytest.CaptureFixture[str]) -> None:
    _enqueued()
    assert main(["queue", "stats"]) == 0
    assert json.loads(capsys.readouterr().out)["byState"] == {"waiting": 1}
    assert main(["worker", "--drain"]) == 0
    assert main(["queue", "stats"]) == 0
    shown = json.loads(capsys.readouterr().out)

    assert (shown["byState"], shown["total"]) == ({}, {"accepted": 1})


def test_a_message_is_enqueued_with_its_times_and_told_as_send_tells_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    times = ("--send-at", "2040-01-31T09:00+01:00", "--window", "09:00-20:00", "--timezone", "Europe/London")
    more = ("--priority", "low", "--expires-in", "1e9", "--idempotency-key", "k")
    command = ["enqueue", "sms", "--to", "38598123456", "--text", "hello", *times, *more]
    assert main(command) == 0
    printed = json.loads(capsys.readouterr().out)
    (message,) = printed["messages"]
    assert (message["status"]["name"], message["destination"]) == ("PENDING_QUEUED", "38598123456")
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out) == printed
    assert main(["queue", "stats"]) == 0
    shown = json.loads(capsys.readouterr().out)

    assert (shown["byState"], shown["ready"]) == ({"waiting": 1}, 0)


@pytest.mark.parametrize(
    "channel",
    [
        ("whatsapp", "--template", "code", "--parameter", "4821", "--to", "38598123456"),
        ("email", "--subject", "s", "--text", "x", "--attach", __file__, "--to", "zoe@example.com"),
    ],
)
def test_every_channel_can_be_enqueued(capsys: pytest.CaptureFixture[str], channel: tuple[str, ...]) -> None:
    assert main(["enqueue", *channel]) == 0
    (message,) = json.loads(capsys.readouterr().out)["messages"]
    assert main(["worker", "--drain"]) == 0
    capsys.readouterr()

    assert main(["messages", "show", message["messageId"]]) == 0
    assert json.loads(capsys.readouterr().out)["outcome"] == "accepted"


def test_a_file_of_recipients_is_enqueued_line_by_line_and_a_bad_line_harms_no_other(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "numbers"
    file.write_text("447700900123\n\nnonsense\n447700900124\n")
    assert main(["enqueue", "sms", "--to-file", str(file), "--text", "hello"]) == 2
    printed = capsys.readouterr()
    told = [json.loads(line) for line in printed.out.splitlines()]

    assert printed.err == "3 done, 1 failed\n"
    assert [one.get("error") for one in told] == [None, "invalid_address", None]
    assert main(["worker", "--drain"]) == 0
    assert main(["queue", "stats"]) == 0
    assert json.loads(capsys.readouterr().out)["total"] == {"accepted": 2}


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (("--window", "nine to five"), "09:00"),
        (("--timezone", "Europe/London"), "09:00"),
        (("--window", "09:00-20:00", "--timezone", "Middle/Earth"), "Middle/Earth"),
    ],
)
def test_times_that_cannot_be_meant_are_wrong_input(
    capsys: pytest.CaptureFixture[str], wrong: tuple[str, ...], word: str
) -> None:
    assert main(["enqueue", "sms", "--to", "38598123456", "--text", "x", *wrong]) == 2
    assert word in capsys.readouterr().err


@pytest.mark.parametrize(
    "time", ["soon", "2040-01-31T09:00", "2040-01-31", "2210976000", "2040-13-31T09:00Z", ""]
)
def test_a_time_that_is_none_says_how_to_write_one(capsys: pytest.CaptureFixture[str], time: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["enqueue", "sms", "--to", "38598123456", "--text", "x", "--send-at", time])

    assert ended.value.code == 2
    assert "2030-01-31T09:00+01:00" in capsys.readouterr().err


def test_the_queue_cancels_lists_and_retries(capsys: pytest.CaptureFixture[str]) -> None:
    key = _enqueued()
    assert main(["messages", "cancel", key]) == 0
    assert main(["messages", "cancel", key]) == 2
    assert main(["queue", "retry", "--all"]) == 0
    assert "0 dead letters" in capsys.readouterr().err
    assert main(["queue", "retry", key]) == 2
    assert "no dead letter with id" in capsys.readouterr().err
    capsys.readouterr()

    assert main(["queue", "dead-letters"]) == 0
    assert json.loads(capsys.readouterr().out) == {"messages": []}


def test_paused_accounts_are_resumed_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    ledger = Configuration.read(use_sandbox_defaults=True).dispatcher_arguments()["ledger"]
    with Dispatcher([Scripted("sandbox", Reason.CREDENTIALS)], ledger=ledger) as dispatcher:
        dispatcher.enqueue(Sms("hello"), to="+447700900123")
        Worker(dispatcher).drain()
    assert main(["queue", "resume"]) == 0
    assert "1 paused accounts are tried again" in capsys.readouterr().err
    assert main(["worker", "--drain"]) == 0
    assert main(["queue", "resume"]) == 0
    assert "0 paused accounts" in capsys.readouterr().err


def test_retrying_all_says_what_is_left_beyond_its_limit(capsys: pytest.CaptureFixture[str]) -> None:
    ledger = Configuration.read(use_sandbox_defaults=True).dispatcher_arguments()["ledger"]
    with Dispatcher([Scripted("sandbox", Reason.CREDENTIALS)], ledger=ledger) as dispatcher:
        found = dispatcher.enqueue_each(Sms("hello"), to=["+447700900123"] * 1003, expires_in=1e6)
        assert sum(1 for one in found if one.receipt) == 1003
    path = next(Path(os.environ["MESSAGING_CHANNELS_HOME"]).glob("ledger.sqlite3"))
    with sqlite3.connect(path) as database:
        database.execute("UPDATE messaging_channels_queue SET state = 'dead', due = 1e12")

    assert main(["queue", "retry", "--all"]) == 0
    first = capsys.readouterr().err
    assert main(["queue", "retry", "--all"]) == 0
    second = capsys.readouterr().err

    assert "1000 dead letters will be tried again" in first
    assert "3 dead letters are left: run it again" in first
    assert second == "3 dead letters will be tried again\n"


@pytest.mark.parametrize(
    "command", [["queue", "retry"], ["messages", "cancel"], ["messages", "show"]], ids=" ".join
)
@pytest.mark.parametrize("unknown", ["nobody", "0" * 32, "' OR 1=1", "é"])
def test_an_unknown_id_is_an_error_with_an_exit_code(
    command: list[str], unknown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _enqueued()

    assert main([*command, unknown]) == 2
    assert "not_found" in capsys.readouterr().err


def test_the_commands_of_the_page_on_backups_keep_a_restored_ledger_from_sending_twice(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parents[2] / "docs/operations/backup-and-restore.md").read_text("utf-8")
    backup, look, decide = (
        line.split()[1:] for line in re.findall(r"^ *(messaging-channels .+)$", page, re.MULTILINE)
    )
    monkeypatch.chdir(tmp_path)
    path = Path(os.environ["MESSAGING_CHANNELS_HOME"]) / "ledger.sqlite3"
    _enqueued()
    assert main(look) == 0
    assert "nothing is to be done" in capsys.readouterr().err
    assert main(backup) == 0
    assert main(["worker", "--drain"]) == 0
    for beside in ("-wal", "-shm"):
        path.with_name(path.name + beside).unlink(missing_ok=True)
    shutil.copyfile(backup[-1], path)

    assert main(["worker", "--drain"]) == 5
    assert "messaging-channels ledger restored" in capsys.readouterr().err
    assert main(look) == 1
    assert json.loads(capsys.readouterr().out)["waiting"] == 1
    assert main(["worker", "--drain"]) == 0
    assert main(decide) in (0, 1)
    told = json.loads(capsys.readouterr().out)
    assert main(["worker", "--drain"]) == 0
    capsys.readouterr()
    assert main(["sandbox", "list"]) == 0
    sent = json.loads(capsys.readouterr().out)["messages"]

    assert told["sent"] + told["held"] == 1
    assert len(sent) == 1


def test_a_ledger_that_somebody_calls_a_copy_sends_nothing_until_it_is_decided(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _enqueued()
    assert main(["ledger", "restored", "--mark"]) == 1
    assert main(["worker", "--drain"]) == 0
    capsys.readouterr()
    assert main(["queue", "stats"]) == 0
    paused = json.loads(capsys.readouterr().out)
    assert main(["ledger", "restored", "--decide", "send"]) == 0
    assert main(["worker", "--drain"]) == 0

    assert paused["restoredAt"] > 0
    assert "1 messages processed" in capsys.readouterr().err


def test_metrics_are_numbers_for_whatever_exporter(capsys: pytest.CaptureFixture[str]) -> None:
    _enqueued()
    assert main(["queue", "stats", "--prometheus"]) == 0
    assert 'messaging_channels_queue_messages{state="waiting"} 1.0\n' in capsys.readouterr().out
    found = metrics(QueueStats({"dead": 2}, 3, 4.5, {}, {}, {"accepted": 7}))
    told = {
        (one.name.removeprefix("messaging_channels_queue_"), *one.labels.values()): one.value for one in found
    }

    assert told == {
        ("messages", "waiting"): 0, ("messages", "sent"): 0, ("messages", "held"): 0, ("messages", "dead"): 2,
        ("ready",): 3, ("oldest_age_seconds",): 4.5, ("events_total", "accepted"): 7,
    }  # fmt: skip


def test_a_worker_process_ends_what_it_began_when_it_is_told_to_stop() -> None:
    _enqueued()
    command = [
        sys.executable,
        "-m",
        "messaging_channels._cli.main",
        "worker",
        "--poll-interval",
        "0.1",
        "--retention-days",
        "30",
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=dict(os.environ)) as worker:
        assert worker.stderr is not None
        assert "worker started" in worker.stderr.readline()
        with Dispatcher(**Configuration.read(use_sandbox_defaults=True).dispatcher_arguments()) as dispatcher:
            until = time.monotonic() + 60
            while dispatcher.queue.stats().by_state and time.monotonic() < until:
                time.sleep(0.05)
            assert dispatcher.queue.stats().by_state == {}
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0
        assert "stopped" in worker.stderr.read()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGHUP on Windows")
def test_a_worker_reads_its_configuration_again_and_keeps_the_old_one_if_that_is_wrong(
    tmp_path: Path,
) -> None:
    settings = tmp_path / "messaging-channels.toml"
    settings.write_text("[routes]\nsms = 'sandbox'\n")
    command = [sys.executable, "-m", "messaging_channels._cli.main", "worker", "--poll-interval", "0.1"]
    environment = {**os.environ, "MESSAGING_CHANNELS_CONFIG": str(settings)}
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=environment, cwd=tmp_path
    ) as worker:
        assert worker.stderr is not None
        told = [worker.stderr.readline()]
        for text in ("[routes]\nsms = 'nobody'\n", "[routes]\nsms = 'sandbox'\n[retry]\nmax_attempts = 2\n"):
            settings.write_text(text)
            worker.send_signal(signal.SIGHUP)
            told.append(worker.stderr.readline())
        _enqueued()
        with Dispatcher(**Configuration.read(use_sandbox_defaults=True).dispatcher_arguments()) as dispatcher:
            until = time.monotonic() + 60
            while dispatcher.queue.stats().by_state and time.monotonic() < until:
                time.sleep(0.05)
            left = dispatcher.queue.stats().by_state
        worker.send_signal(signal.SIGTERM)
        ended = worker.wait(60)

    assert ["worker started" in told[0], "not reloaded" in told[1], "configuration reloaded" in told[2]] == [
        True
    ] * 3
    assert (left, ended) == ({}, 0)


@pytest.mark.parametrize(
    "arguments",
    [
        ["queue"],
        ["queue", "retry"],
        ["queue", "retry", "some-id", "--all"],
        ["queue", "--dead"],
        ["messages", "cancel"],
        ["messages", "fetch"],
        ["check", "sandbox"],
        ["new-plugin", "acme-sms"],
    ],
)
def test_a_command_that_says_too_little_or_too_much_is_wrong_input(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: messaging-channels" in capsys.readouterr().err
