"""Incidents as operators have them: nothing is lost or doubled, and each is seen. See `incidents.py`; `poe trials` runs all of them at full size."""

from __future__ import annotations

from pathlib import Path

import postgres
import pytest
from crash.incidents import INCIDENTS, run
from trials import SHARE

SMALL = ("restored-sqlite", "full-disk")
"""Those that take a few seconds each, for every run."""


@pytest.mark.trial
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", INCIDENTS if SHARE >= 1 else SMALL)
def test_an_incident_loses_and_doubles_nothing_and_is_seen(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if INCIDENTS[name][0] == "postgres" and postgres.binaries() is None:
        pytest.skip("PostgreSQL is not installed")
    report = run(name, tmp_path)
    with capsys.disabled():  # what it cost is a part of the result
        print(f"\n{report}")  # noqa: T201

    assert (report.lost, report.doubled, report.late) == (0, 0, 0)
    assert report.seen_by
