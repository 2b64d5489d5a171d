"""The numbers of the queue as Prometheus reads them, and the port of a worker; read back by Prometheus's own client."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from messaging_channels._cli.exposition import render, serving_metrics
from messaging_channels._cli.main import main
from messaging_channels._model.errors import LedgerUnavailable
from messaging_channels.plugins.ledger_queue import Metric, QueueStats, metrics

STATS = QueueStats({"dead": 2}, 3, 4.5, {}, {}, {"accepted": 7, "unknown": 1})


def test_every_number_has_a_help_and_a_type() -> None:
    families = {one.name: one for one in text_string_to_metric_families(render(metrics(STATS)))}
    assert {name: one.type for name, one in families.items()} == {
        "messaging_channels_queue_messages": "gauge",
        "messaging_channels_queue_ready": "gauge",
        "messaging_channels_queue_oldest_age_seconds": "gauge",
        "messaging_channels_queue_events": "counter",
    }
    assert all(one.documentation.endswith(".") for one in families.values())
    accepted = families["messaging_channels_queue_events"].samples[0]
    assert (accepted.labels, accepted.value) == ({"event": "accepted"}, 7)


@pytest.mark.parametrize("path", ["/metrics", "/health"])
def test_a_worker_says_how_it_is_and_that_its_ledger_does_not_answer(path: str) -> None:
    is_away = False

    def read() -> Sequence[Metric]:
        if is_away:
            raise LedgerUnavailable("OperationalError")
        return metrics(STATS)

    with serving_metrics(0, read) as port:
        url = f"http://127.0.0.1:{port}"
        found = httpx.get(url + path)
        assert (found.status_code, found.headers["content-type"].partition(";")[0]) == (200, "text/plain")
        assert ("queue_ready 3" in found.text) is (path == "/metrics")
        assert httpx.get(url + "/other").status_code == 404
        is_away = True
        assert (httpx.get(url + path).status_code, httpx.get(url + path).text) == (
            503,
            "ledger_unavailable\n",
        )
    with pytest.raises(httpx.TransportError):
        httpx.get(url + path)


@pytest.mark.parametrize("command", [["worker", "--metrics-port", "0"], ["queue", "stats", "--prometheus"]])
def test_without_its_client_a_command_says_what_to_install(
    command: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    monkeypatch.setenv("MESSAGING_CHANNELS_LEDGER_URL", f"sqlite:{tmp_path / 'ledger.sqlite3'}")

    assert main(command) == 3
    assert "pip install 'messaging-channels[metrics]'" in capsys.readouterr().err
