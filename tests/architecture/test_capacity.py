"""The page on capacity says what the script computes from the measured figures."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
import capacity  # noqa: E402

sys.path.remove(str(ROOT / "benchmarks"))
FIGURES = json.loads((ROOT / "benchmarks/capacity.json").read_text("utf-8"))


def test_the_page_has_the_table_that_the_script_prints() -> None:
    page = (ROOT / "docs/operations/capacity.md").read_text("utf-8")

    assert capacity.table(FIGURES) in page, "python benchmarks/capacity.py"


def test_the_table_goes_up_to_a_thousand_million_messages_a_month() -> None:
    assert max(capacity.LOADS) * 30.5 >= 1e9


@pytest.mark.parametrize("name", ["workers", "server_cores", "connections", "disk_gb", "log_mb", "peak"])
def test_more_messages_never_need_less(name: str) -> None:
    found = [capacity.needs(load, FIGURES)[name] for load in capacity.LOADS]

    assert found == sorted(found)
    assert found[0] > 0
