"""What Prometheus reads of a gateway, and the rules and the dashboard that are shipped for it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

import messaging_channels_gateway
from messaging_channels._cli.exposition import HELP

OF_WORKERS = {re.sub(r"_total$", "", name) for name in HELP}
"""What a worker's own port tells."""
SHIPPED = Path(messaging_channels_gateway.__file__).parent / "monitoring"
LABELS = {
    "method",
    "route",
    "status",
    "channel",
    "outcome",
    "provider",
    "result",
    "end",
    "state",
    "event",
    "reason",
    "le",
    "endpoint",
}
OF_PROMETHEUS = {"instance"}
"""Labels that Prometheus adds."""


def _families(served: Any) -> dict[str, Any]:
    text = httpx.get(f"{served.url}/metrics").text
    return {one.name: one for one in text_string_to_metric_families(text)}


def _expressions() -> list[str]:
    rules = yaml.safe_load((SHIPPED / "alerts.yaml").read_text("utf-8"))
    alerts = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    board = json.loads((SHIPPED / "dashboard.json").read_text("utf-8"))
    return alerts + [target["expr"] for panel in board["panels"] for target in panel["targets"]]


@pytest.fixture(scope="module")
def served(serve_once: Any) -> Any:
    return serve_once()


def test_every_family_has_help_and_type_and_labels_of_few_values(served: Any) -> None:
    message = served.sms(to="447700900177").json()["messages"][0]["messageId"]
    served.until(message, "DELIVERED")
    found = _families(served)
    for family in found.values():
        assert family.documentation
        assert family.type in ("counter", "gauge", "histogram")
        assert {name for sample in family.samples for name in sample.labels} <= LABELS
    shown = httpx.get(f"{served.url}/metrics").text
    assert served.tenant + '"' not in shown
    assert "447700900177" not in shown
    assert message not in shown
    attempts = found["messaging_channels_attempts"].samples
    assert [(one.labels["provider"], one.labels["outcome"]) for one in attempts] == [("sandbox", "accepted")]
    assert found["messaging_channels_ledger_up"].samples[0].value == 1
    assert found["messaging_channels_nodes"].samples[0].value == 1


def test_prometheus_is_content_with_what_a_gateway_tells(served: Any) -> None:
    text, promtool = httpx.get(f"{served.url}/metrics").text, shutil.which("promtool")
    for family in text_string_to_metric_families(text):
        assert family.documentation
        assert family.type != "unknown"
    if promtool is not None:  # where it is at hand, it has the last word
        checked = subprocess.run(
            [promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr


def test_times_are_told_apart_from_a_millisecond_to_a_minute(served: Any) -> None:
    for name in ("request_seconds", "ledger_seconds"):
        samples = _families(served)[f"messaging_channels_{name}"].samples
        bounds = [float(one.labels["le"]) for one in samples if one.name.endswith("_bucket")]
        assert (bounds[0], bounds[-2], bounds[-1]) == (0.001, 60.0, float("inf"))


@pytest.mark.parametrize("expression", _expressions())
def test_rules_and_dashboard_name_metrics_and_labels_that_are_there(expression: str, served: Any) -> None:
    found = _families(served)
    names = set(re.findall(r"messaging_channels_\w+", expression))
    plain = {re.sub(r"_(total|bucket)$", "", name) for name in names}
    assert plain <= {*found, *OF_WORKERS}
    labels = {label for group in re.findall(r"by \(([^)]*)\)", expression) for label in group.split(", ")}
    assert labels <= LABELS | OF_PROMETHEUS


def test_the_rules_are_sound_to_prometheus_itself() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        rules = yaml.safe_load((SHIPPED / "alerts.yaml").read_text("utf-8"))
        for rule in rules["groups"][0]["rules"]:
            assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
            assert rule["annotations"]["summary"]
        return
    checked = subprocess.run(
        [promtool, "check", "rules", str(SHIPPED / "alerts.yaml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
