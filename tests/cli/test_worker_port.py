"""The port of a worker: its numbers as Prometheus' own tools read them, and a health that knows of lanes and of the ledger."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from scripted import Scripted

from messaging_channels import Dispatcher, Route, Sms, SqliteLedger, Worker
from messaging_channels._cli.exposition import render
from messaging_channels._cli.main import main
from messaging_channels._cli.worker_port import WorkerPort
from messaging_channels._model.outcomes import Reason
from messaging_channels.plugins import Flow
from messaging_channels.plugins.ledger_queue import Metric

TO = "+447700900123"


class Hanging(Scripted):
    """A provider that answers when the test says so."""

    answer = threading.Event()

    def send(self, batch: Any) -> Flow[Any]:
        assert self.answer.wait(60)
        return super().send(batch)


@contextmanager
def _port(*providers: Scripted, **options: Any) -> Iterator[tuple[WorkerPort, str]]:
    port, ledger = WorkerPort(), SqliteLedger(owned=True, addresses="plain")
    routes = {"sms": Route(*(one.name for one in providers))}
    with Dispatcher(providers, ledger=ledger, routes=routes, observer=port.counts) as dispatcher:
        port.dispatcher = dispatcher
        port.worker = worker = Worker(dispatcher, concurrency=2, poll_interval=0.05, **options)
        running = threading.Thread(target=worker.run)
        running.start()
        with port.serving(argparse.Namespace(metrics_port=0, metrics_host="127.0.0.1")) as number:
            yield port, f"http://127.0.0.1:{number}"
        worker.stop()
        running.join(30)


def _families(url: str) -> dict[str, Any]:
    return {one.name: one for one in text_string_to_metric_families(httpx.get(f"{url}/metrics").text)}


def _value(url: str, name: str, **labels: str) -> float:
    samples = [sample for one in _families(url).values() for sample in one.samples]
    return float(
        sum(one.value for one in samples if one.name == name and labels.items() <= one.labels.items())
    )


def _until(url: str, name: str, value: float, **labels: str) -> None:
    until = time.monotonic() + 30
    while _value(url, name, **labels) != value:
        assert time.monotonic() < until
        threading.Event().wait(0.02)


def test_a_worker_counts_attempts_by_provider_and_times_them() -> None:
    with _port(Scripted("first", Reason.UNREACHABLE), Scripted("second")) as (port, url):
        assert port.dispatcher is not None
        port.dispatcher.enqueue(Sms("hello"), to=TO)
        _until(url, "messaging_channels_attempts_total", 1, provider="second", outcome="accepted")
        families, text = _families(url), httpx.get(f"{url}/metrics").text
        _until(url, "messaging_channels_workers", 1)

    assert _sums(families["messaging_channels_attempts"]) == {"first": 1, "second": 1}
    reasons = families["messaging_channels_attempt_reasons"].samples
    assert {(one.labels["provider"], one.labels["reason"]) for one in reasons} == {
        ("first", "not_sent.unreachable"),
        ("second", "accepted"),
    }
    seconds = families["messaging_channels_attempt_seconds"]
    bounds = [
        one.labels["le"]
        for one in seconds.samples
        if one.labels.get("provider") == "second" and "le" in one.labels
    ]
    assert (seconds.type, bounds[0], bounds[-2], bounds[-1]) == ("histogram", "0.001", "60.0", "+Inf")
    assert all(one.documentation.endswith(".") for one in families.values())
    assert TO[1:] not in text
    promtool = shutil.which("promtool")
    if promtool is not None:
        checked = subprocess.run(
            [promtool, "check", "metrics"], input=text, text=True, capture_output=True, check=False
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr


def _sums(family: Any) -> dict[str, float]:
    return {one.labels["provider"]: one.value for one in family.samples}


def test_a_lane_that_hangs_is_not_healthy() -> None:
    Hanging.answer.clear()
    with _port(Hanging("slow"), lane_timeout=0.2) as (port, url):
        assert port.dispatcher is not None
        assert httpx.get(f"{url}/health").text == "ok\n"
        port.dispatcher.enqueue(Sms("hello"), to=TO)
        _until(url, "messaging_channels_worker_lanes", 1, state="stuck")
        found = httpx.get(f"{url}/health")
        Hanging.answer.set()
        _until(url, "messaging_channels_worker_lanes", 0, state="stuck")
        after = httpx.get(f"{url}/health")

    assert (found.status_code, after.status_code) == (503, 200)
    assert found.text.startswith("lanes_stuck: 1 of 2 lanes")


@pytest.mark.parametrize("fault", ["raises", "hangs"])
def test_a_ledger_that_does_not_answer_is_not_healthy_and_the_other_numbers_are_told(fault: str) -> None:
    release = threading.Event()

    class Away:
        def check_writable(self) -> None:
            if fault == "hangs":
                release.wait(60)
            raise_unavailable()

        stats = check_writable

    with _port(Scripted("first")) as (port, url):
        working = port.dispatcher
        port.dispatcher = cast("Any", _Fake(Away()))
        found, numbers = httpx.get(f"{url}/health", timeout=30), httpx.get(f"{url}/metrics", timeout=30)
        release.set()
        port.dispatcher = working

    assert (found.status_code, found.text) == (503, "ledger_unavailable\n")
    assert numbers.status_code == 200
    assert "messaging_channels_ledger_up 0.0\n" in numbers.text
    assert 'messaging_channels_worker_lanes{state="stuck"} 0' in numbers.text


class _Fake:
    circuits = ()

    def __init__(self, queue: object) -> None:
        self.queue = queue


def raise_unavailable() -> None:
    from messaging_channels.errors import LedgerUnavailable

    raise LedgerUnavailable("OperationalError")


@pytest.mark.parametrize("value", ['a "name"', "back\\slash", "two\nlines", "é", ""])
def test_a_label_holds_any_value(value: str) -> None:
    text = render([Metric("messaging_channels_queue_paused", {"account": value, "provider": "acme"}, 1)])
    (family,) = text_string_to_metric_families(text)

    assert family.samples[0].labels == {"account": value, "provider": "acme"}


@pytest.mark.parametrize("value", [0, 7, 1_234_567, 12_345_678_901, 0.1, 1e-7, 4.5, float("inf")])
def test_a_number_is_told_as_it_is(value: float) -> None:
    (family,) = text_string_to_metric_families(render([Metric("messaging_channels_queue_ready", {}, value)]))

    assert family.samples[0].value == value


def test_queue_stats_says_that_no_worker_was_seen(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert main(["queue", "stats"]) == 0
    assert "no worker has ever been seen" in capsys.readouterr().out
    assert main(["worker", "--drain"]) == 0
    assert main(["queue", "stats"]) == 0

    assert "no worker has been seen since" in capsys.readouterr().out
