"""What is written beside an application is nobody's but its owner's."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from messaging_channels import Dispatcher, Email, Sandbox, Sms, SqliteLedger
from messaging_channels._cli.main import main
from messaging_channels.messages import write_preview
from messaging_channels.policies import SuppressionList

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such modes on Windows")


@pytest.fixture(autouse=True, params=[0o000, 0o022, 0o077, 0o277, 0o777], ids=oct)
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def test_files_of_the_ledger_the_sandbox_and_the_suppression_list_are_private(tmp_path: Path) -> None:
    home = tmp_path / "deep" / "home"
    ledger = SqliteLedger(home / "ledger.sqlite3", owned=True)
    checks = [SuppressionList(home / "suppression-list.sqlite3")]

    with Dispatcher([Sandbox(home / "sandbox.sqlite3")], ledger=ledger, checks=checks) as dispatcher:
        dispatcher.send(Sms("hello"), to="+447700900123", idempotency_key="order-1")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in home.iterdir()}

    assert {"ledger.sqlite3", "sandbox.sqlite3", "suppression-list.sqlite3"} <= modes.keys()
    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o077} == {}
    assert [stat.S_IMODE(one.stat().st_mode) for one in (home, home.parent)] == [0o700, 0o700]
    assert not any(mode & 0o600 != 0o600 for mode in modes.values())


def test_what_the_command_line_writes_is_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opt_outs, settings = tmp_path / "opt-outs.csv", tmp_path / "new" / "settings.toml"
    monkeypatch.setenv("MESSAGING_CHANNELS_HOME", str(tmp_path / "home"))

    for command in (["consent", "export", str(opt_outs)], ["init", "--file", str(settings)]):
        assert main(command) == 0

    assert [stat.S_IMODE(one.stat().st_mode) for one in (opt_outs, settings)] == [0o600, 0o600]


def test_the_preview_of_a_mail_is_private(tmp_path: Path) -> None:
    mail = Email("hello", text="Your PIN is 998877")

    written = write_preview(mail, tmp_path / "shown" / "mails", name="1", to="anna@example.com", now=0.0)

    assert [stat.S_IMODE(one.stat().st_mode) for one in (written.eml, written.page)] == [0o600, 0o600]
    assert stat.S_IMODE(written.eml.parent.stat().st_mode) == 0o700
