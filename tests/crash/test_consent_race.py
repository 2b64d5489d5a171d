"""A STOP that was stored before a send began holds, whichever process sends. See `consent_race.py`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from trials import scaled

TESTS = Path(__file__).parents[1]
MESSAGES = scaled(10_000)
PROCESSES = 8


@pytest.mark.trial
@pytest.mark.timeout(600)
def test_no_message_is_sent_to_whom_has_opted_out_before_whichever_process_sends(
    postgres: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "crash.consent_race", postgres, str(MESSAGES), str(PROCESSES)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    told = json.loads(ran.stdout)
    with capsys.disabled():
        print(f"\nconsent race: {told}")  # noqa: T201  the counts are what one wants to see

    assert told["late"] == 0
    assert told["blocked"] > 0
    assert told["sent"] + told["blocked"] == MESSAGES // (PROCESSES - 1) * (PROCESSES - 1)
