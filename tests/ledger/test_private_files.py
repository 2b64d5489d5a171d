"""What is written beside an application is nobody's but its owner's."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from messaging_channels import Dispatcher, Sandbox, Sms, SqliteLedger
from messaging_channels.policies import SuppressionList

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such modes on Windows")


@pytest.fixture(autouse=True, params=[0o000, 0o022, 0o077], ids=oct)
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def test_files_of_the_ledger_the_sandbox_and_the_suppression_list_are_private(tmp_path: Path) -> None:
    home = tmp_path / "home"
    ledger = SqliteLedger(home / "ledger.sqlite3", owned=True)
    checks = [SuppressionList(home / "suppression-list.sqlite3")]

    with Dispatcher([Sandbox(home / "sandbox.sqlite3")], ledger=ledger, checks=checks) as dispatcher:
        dispatcher.send(Sms("hello"), to="+447700900123", idempotency_key="order-1")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in home.iterdir()}

    assert {"ledger.sqlite3", "sandbox.sqlite3", "suppression-list.sqlite3"} <= modes.keys()
    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o077} == {}
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
