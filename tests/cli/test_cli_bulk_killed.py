"""A bulk of a CSV file that is killed in the middle goes on where it stopped: each row is sent once."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from messaging_channels_twilio.emulator import ACCOUNT_SID, AUTH_TOKEN, OUR_NUMBER, TwilioEmulator

ROWS = {f"+447700900{number:03}": f"Ann {number}" for number in range(100)}


def _variables(folder: Path, url: str) -> dict[str, str]:
    twilio = {"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN, "sender": OUR_NUMBER, "base_url": url}
    own = {f"MESSAGING_CHANNELS_TWILIO_{name.upper()}": value for name, value in twilio.items()}
    return {
        **os.environ,
        **own,
        "MESSAGING_CHANNELS_HOME": str(folder / "home"),
        "MESSAGING_CHANNELS_ROUTE_SMS": "twilio",
        "MESSAGING_CHANNELS_LEDGER_URL": f"sqlite:{folder / 'ledger.sqlite3'}",
    }


def _let_leases_end(ledger: Path) -> None:
    """Let the two minutes pass in which a call that has not ended is taken to be alive."""
    with closing(sqlite3.connect(ledger)) as database, database:
        database.execute("UPDATE messaging_channels_message SET lease = 0 WHERE lease > 0")


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_each_row_is_sent_once_with_its_own_text_though_the_first_run_was_killed(tmp_path: Path) -> None:
    lines = [f"{number},{name}\n" for number, name in ROWS.items()]
    (tmp_path / "people.csv").write_text("phone,name\n" + "".join(lines), "utf-8")
    command = [sys.executable, "-m", "messaging_channels._cli.main", "send", "sms"]
    command += ["--csv", str(tmp_path / "people.csv"), "--text", "Hi {name}"]

    with TwilioEmulator() as emulator:
        environment = _variables(tmp_path, emulator.url)
        first = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        until = time.monotonic() + 60
        while len(emulator.messages) < 10 and time.monotonic() < until:
            time.sleep(0.001)  # until the vendor has taken some
        first.kill()
        first.communicate()
        _let_leases_end(tmp_path / "ledger.sqlite3")
        again = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        arrived = Counter((one["to"], one["body"]) for one in emulator.messages.values())

    rows = [json.loads(line) for line in again.stdout.splitlines()]
    told = {row["destination"]: row["status"]["name"] for row in rows}
    open_rows = {f"+{number}" for number, status in told.items() if status == "PENDING_UNKNOWN"}
    assert first.returncode < 0, "it ended before it was killed"
    assert max(arrived.values()) == 1
    assert {number: text for number, text in arrived if number not in open_rows} == {
        number: f"Hi {name}" for number, name in ROWS.items() if number not in open_rows
    }
    # what was on its way when the process died is told as unknown, and not sent a second time
    assert len(open_rows) < len(ROWS) - 10
    assert {f"+{number}" for number in told} == ROWS.keys()
    assert again.returncode == (1 if open_rows else 0)
