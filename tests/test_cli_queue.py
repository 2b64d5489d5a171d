from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest  # noqa: TC002  its plugin reads the annotations

from messaging_channels import Dispatcher, Sms
from messaging_channels.cli import main
from messaging_channels.configuration import Configuration
from messaging_channels.ledger.queue import Queue, metrics


def _enqueued(to: str = "38598123456") -> str:
    with Dispatcher(**Configuration.read(embedded=True).parts()) as dispatcher:
        return dispatcher.enqueue(Sms("hello"), to=to).id


def test_the_worker_sends_what_waits_and_the_queue_shows_it(capsys: pytest.CaptureFixture[str]) -> None:
    _enqueued()
    assert main(["queue"]) == 0
    assert json.loads(capsys.readouterr().out)["states"] == {"waiting": 1}
    assert main(["work", "--once"]) == 0
    assert main(["queue"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["states"], shown["ever"]) == ({}, {"accepted": 1})


def test_the_queue_cancels_lists_and_replays(capsys: pytest.CaptureFixture[str]) -> None:
    key = _enqueued()
    assert main(["queue", "--cancel", key]) == 0
    assert main(["queue", "--cancel", key]) == 1
    assert main(["queue", "--replay", "all"]) == 0
    capsys.readouterr()
    assert main(["queue", "--dead"]) == 0
    assert json.loads(capsys.readouterr().out) == {"messages": []}


def test_metrics_are_numbers_for_whatever_exporter(capsys: pytest.CaptureFixture[str]) -> None:
    _enqueued()
    assert main(["queue", "--metrics"]) == 0
    assert 'messaging_channels_queue_messages{state="waiting"} 1\n' in capsys.readouterr().out
    found = metrics(Queue({"dead": 2}, 3, 4.5, {}, {}, {"accepted": 7}))
    told = {
        (one.name.removeprefix("messaging_channels_queue_"), *one.labels.values()): one.value for one in found
    }
    assert told == {
        ("messages", "waiting"): 0, ("messages", "sent"): 0, ("messages", "held"): 0, ("messages", "dead"): 2,
        ("due",): 3, ("age_seconds",): 4.5, ("ended_total", "accepted"): 7,
    }  # fmt: skip


def test_a_worker_process_ends_what_it_began_when_it_is_told_to_stop() -> None:
    _enqueued()
    command = [sys.executable, "-m", "messaging_channels.cli", "work", "--poll", "0.1", "--keep", "30"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=dict(os.environ)) as worker:
        assert worker.stderr is not None
        assert "working" in worker.stderr.readline()
        with Dispatcher(**Configuration.read(embedded=True).parts()) as dispatcher:
            until = time.monotonic() + 60
            while dispatcher.queue.stand().states and time.monotonic() < until:
                time.sleep(0.05)
            assert dispatcher.queue.stand().states == {}
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0
        assert "stopped" in worker.stderr.read()
