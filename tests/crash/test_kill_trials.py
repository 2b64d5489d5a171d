"""Workers and enqueuers killed at random, the database too, wake-ups lost and repeated: nothing is doubled and nothing lost. See `kill_trials.py`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import postgres as postgres_server
import pytest
from crash import kill_trials
from trials import scaled

TESTS = Path(__file__).parents[1]
TRIALS = scaled(20, least=2)


@pytest.fixture(params=["sqlite", "postgres"])
def told(request: pytest.FixtureRequest, tmp_path: Path) -> list[dict[str, Any]]:
    """What the trials told, a line each."""
    if request.param == "postgres" and postgres_server.binaries() is None:
        pytest.skip("PostgreSQL is not installed")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
    with (tmp_path / "log").open("w", encoding="utf-8") as log:
        ended = subprocess.run(
            [sys.executable, "-m", "crash.kill_trials", request.param, str(TRIALS), "1"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            check=False,
        )
    assert ended.returncode == 0, (tmp_path / "log").read_text("utf-8")[-2000:]
    return [json.loads(line) for line in ended.stdout.splitlines()]


@pytest.mark.trial
@pytest.mark.timeout(600)
def test_no_message_is_doubled_or_lost_whoever_is_killed(
    told: list[dict[str, Any]], capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    kinds, unknown = Counter[str](), Counter[str]()
    for trial in told:
        kinds.update(trial["kinds"])
        unknown.update(trial["unknown"])
    with capsys.disabled():  # how often what happened is a part of the result
        many = {
            name: sum(trial[name] for trial in told)
            for name in ("kills", "restarts", "wakings lost", "wakings repeated", "settled")
        }
        shown = f"{len(told)} trials on {request.node.callspec.params['told']}, {many}, {kinds.total()} messages: {dict(kinds)},"
        more = f"left unknown by {dict(unknown)}"
        print(f"\n{shown} {more}")  # noqa: T201

    assert len(told) == TRIALS
    assert many["wakings lost"] > 0 < many["wakings repeated"]
    assert bool(many["restarts"]) == ("postgres" in shown)
    assert [trial["doubled"] for trial in told if trial["doubled"]] == []
    assert [trial["lost"] for trial in told if trial["lost"]] == []
    assert kinds.total() == TRIALS * kill_trials.MESSAGES
    assert set(kinds) <= {"accepted", "unknown"}
