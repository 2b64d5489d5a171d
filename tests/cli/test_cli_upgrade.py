"""The commands of the page on upgrades, run one after the other: with messages in the queue, forth and back, while a worker runs."""

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
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from old_schemas import VERSION_2

from messaging_channels import Dispatcher, Sms, SqliteLedger
from messaging_channels._cli.main import main
from messaging_channels._config.settings import Configuration

if TYPE_CHECKING:
    import pytest

PAGE = (Path(__file__).parents[2] / "docs/operations/upgrade.md").read_text("utf-8")
COMMANDS = [line.split()[1:] for line in re.findall(r"^ *(messaging-channels .+)$", PAGE, re.MULTILINE)]
WAITING = 12
_MESSAGE = (
    "id, channel, kind, account, address, created, status, version, scope, idempotency_key, expires, fingerprint, digest,"
    " holder, lease, stopped, checks, next_check_at, event_count"
)
_QUEUE = "message_id, state, step, steps, base, tries, created, due, priority, deadline, holder, payload"


def _ledger() -> Path:
    return Path(os.environ["MESSAGING_CHANNELS_HOME"]) / "ledger.sqlite3"


def _enqueue(path: Path, count: int) -> list[str]:
    with Dispatcher(
        **Configuration.read(use_sandbox_defaults=True).dispatcher_arguments()
        | {"ledger": SqliteLedger(path, addresses="plain", owned=True)}
    ) as dispatcher:
        return [
            dispatcher.enqueue(Sms("hello"), to=f"4477009{n:05}").id for n in range(10_000, 10_000 + count)
        ]


def _as_version_2(made: Path, path: Path) -> None:
    """Write what waits in a ledger into one as version 2 of the schema had it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as old, closing(sqlite3.connect(made)) as new, old:
        for statement in VERSION_2:
            old.execute(statement)
        for one in new.execute(f"SELECT {_MESSAGE} FROM messaging_channels_message").fetchall():
            old.execute(f"INSERT INTO message ({_MESSAGE}) VALUES ({', '.join('?' * len(one))})", one)
        for one in new.execute(f"SELECT {_QUEUE} FROM messaging_channels_queue").fetchall():
            values = ", ".join("?" * len(one))
            old.execute(f"INSERT INTO queue ({_QUEUE}, recipients) VALUES ({values}, '')", one)


def _sent(capsys: pytest.CaptureFixture[str]) -> list[str]:
    capsys.readouterr()
    assert main(["sandbox", "list"]) == 0
    return [one["messageId"] for one in json.loads(capsys.readouterr().out)["messages"]]


def test_a_ledger_with_messages_in_the_queue_is_upgraded_and_each_is_sent_once(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MESSAGING_CHANNELS_LEDGER_ADDRESSES", "plain")
    ids = _enqueue(tmp_path / "made.sqlite3", WAITING)
    _as_version_2(tmp_path / "made.sqlite3", _ledger())
    backup, upgrade, stats = COMMANDS[:3]
    assert main(backup) == 0

    assert main(upgrade) == 0
    capsys.readouterr()
    assert main(stats) == 0
    assert json.loads(capsys.readouterr().out)["byState"] == {"waiting": WAITING}
    assert main(["worker", "--drain"]) == 0

    assert sorted(_sent(capsys)) == sorted(ids)
    with closing(sqlite3.connect(backup[-1])) as old:  # which the earlier version opens as it did
        old.execute("CREATE INDEX IF NOT EXISTS message_scope ON message (scope, id)")
        assert old.execute("SELECT count(*) FROM queue").fetchall() == [(WAITING,)]


def test_the_way_back_sends_nothing_twice(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = _ledger()
    path.parent.mkdir(parents=True, exist_ok=True)
    ids = _enqueue(path, WAITING)
    backup, decide = COMMANDS[0], COMMANDS[-1]
    monkeypatch.setenv("MESSAGING_CHANNELS_LEDGER_ADDRESSES", "plain")
    assert main(backup) == 0
    assert main(["worker", "--drain"]) == 0
    for beside in ("-wal", "-shm"):
        path.with_name(path.name + beside).unlink(missing_ok=True)
    shutil.copyfile(backup[-1], path)

    assert main(["worker", "--drain"]) == 5, "nothing is sent from a copy before somebody decides"
    assert main(decide) in (0, 1)
    assert main(["worker", "--drain"]) == 0

    assert sorted(_sent(capsys)) == sorted(ids)


def test_an_earlier_version_of_the_library_refuses_a_later_ledger_and_sends_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = _ledger()
    path.parent.mkdir(parents=True, exist_ok=True)
    _enqueue(path, 1)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE messaging_channels_schema SET version = version + 1")

    assert main(["worker", "--drain"]) != 0

    assert "Upgrade messaging-channels here too" in capsys.readouterr().err
    assert _sent(capsys) == []


def test_a_backup_while_a_worker_runs_and_programs_enqueue_is_whole(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = _ledger()
    path.parent.mkdir(parents=True, exist_ok=True)
    monkeypatch.setenv("MESSAGING_CHANNELS_LEDGER_ADDRESSES", "plain")
    first = _enqueue(path, 5)
    command = [sys.executable, "-m", "messaging_channels._cli.main", "worker", "--poll-interval", "0.05"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=dict(os.environ)) as worker:
        assert worker.stderr is not None
        worker.stderr.readline()
        copies = []
        for number in range(2):
            _enqueue(path, 5)
            assert main(["ledger", "backup", f"copy-{number}.sqlite3"]) == 0
            copies.append(tmp_path / f"copy-{number}.sqlite3")
        with Dispatcher([], ledger=SqliteLedger(path, addresses="plain", owned=True)) as dispatcher:
            until = time.monotonic() + 60
            while dispatcher.queue.stats().by_state and time.monotonic() < until:
                time.sleep(0.05)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0

    counts = []
    for copy in copies:
        with closing(sqlite3.connect(copy)) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            ((count,),) = database.execute("SELECT count(*) FROM messaging_channels_message").fetchall()
            counts.append(count)
    assert counts == [10, 15]
    sent = _sent(capsys)
    assert (len(sent), len(set(sent))) == (15, 15)
    assert set(first) <= set(sent)
