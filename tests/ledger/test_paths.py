"""Whatever is given as the path of a ledger, a sandbox or a suppression list works, or is refused at once in words that say why."""

from __future__ import annotations

import os
import socket
import stat
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from scripted import Scripted

from messaging_channels import Dispatcher, Sandbox, Sms, SqliteLedger
from messaging_channels.errors import InvalidSetting, LedgerUnavailable
from messaging_channels.policies import SuppressionList

TO = "+447700900123"


class Named:
    """An object that names a path."""

    def __init__(self, path: Any) -> None:
        self.path = path

    def __fspath__(self) -> Any:
        return self.path

    def __repr__(self) -> str:
        return f"Named({self.path!r})"


class Raising(os.PathLike[str]):
    """An object that should name a path, and fails."""

    def __fspath__(self) -> str:
        message = "hush"
        raise RuntimeError(message)

    def __repr__(self) -> str:
        return "Raising()"


def _send(ledger: SqliteLedger) -> None:
    with Dispatcher([Scripted("vendor")], ledger=ledger) as dispatcher, closing(ledger):
        dispatcher.send(Sms("hello"), to=TO, idempotency_key="order-1")


@pytest.mark.parametrize("make", [SqliteLedger, Sandbox, SuppressionList], ids=lambda made: made.__name__)
@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (b"/tmp/ledger", "got bytes"),
        (5, "got int"),
        (True, "got bool"),
        (["ledger"], "got list"),
        (NotImplemented, "got NotImplementedType"),
        (Named(b"ledger"), "got Named"),
        ("", "is empty"),
        (" ", "is empty"),
        ("a\0b", "NUL"),
        ("postgresql://shop:hush@example.com/db", "is a URL"),
        ("sqlite:////var/lib/ledger", "is a URL"),
        ("file:ledger.sqlite3?mode=memory", "is a URL"),
        (Path("https://example.com/hush"), "is a URL"),
        ("~nobody-of-that-name/ledger", "home folder"),
        ("ledgers/", "names a folder"),
        (Raising(), "cannot tell its path"),
        (os.sep, "folder"),
        (Path(), "is a folder"),
        (os.devnull, "is a device"),
    ],
    ids=repr,
)
def test_what_is_no_path_of_a_file_is_refused_at_once(
    make: Callable[[Any], object], given: object, problem: str
) -> None:
    with pytest.raises(InvalidSetting, match=problem) as refused:
        make(given)

    assert "hush" not in str(refused.value)


@pytest.mark.skipif(sys.platform == "win32", reason="there are none on Windows")
@pytest.mark.parametrize("kind", ["pipe", "socket", "folder"])
def test_what_lies_there_and_is_no_file_is_refused_at_once(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    with socket.socket(socket.AF_UNIX) as opened:
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "socket":
            opened.bind(str(path))
        else:
            path.mkdir()

        with pytest.raises(InvalidSetting, match=r"is a (device|folder)"):
            SqliteLedger(path)


@pytest.mark.parametrize(
    "name",
    ["ledger", "deep/folder/ledger", " with blanks ", "100%20?mode=ro#x", "new\nline", "ünïcode-账本", "a:b"],
    ids=repr,
)
@pytest.mark.parametrize("form", [str, Path, Named], ids=lambda form: form.__name__)
def test_any_name_of_a_file_serves(name: str, form: Callable[[str], Any], tmp_path: Path) -> None:
    _send(SqliteLedger(form(str(tmp_path / name))))

    assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    _send(SqliteLedger("~/ledger"))

    assert (tmp_path / "ledger").exists()
    assert not (tmp_path / "~").exists()


def test_the_name_of_a_database_in_memory_makes_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    _send(SqliteLedger(":memory:"))
    _send(SqliteLedger(Path(":memory:")))

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["file/ledger", "x" * 300, "loop"])
def test_a_path_that_cannot_be_opened_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")

    with pytest.raises(LedgerUnavailable, match=name[:200]):
        _send(SqliteLedger(tmp_path / name))


@pytest.mark.parametrize("make", [Sandbox, SuppressionList], ids=lambda made: made.__name__)
@pytest.mark.parametrize("name", ["file/below", "x" * 300, "loop", "garbage"])
def test_a_file_beside_the_ledger_that_cannot_be_used_is_refused_with_its_name(
    make: Callable[[Any], object], name: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "garbage").write_bytes(b"no database" * 100)

    with pytest.raises(InvalidSetting, match=f"cannot be used.*{name[:200]}"):
        make(tmp_path / name)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such modes on Windows")
def test_a_file_that_everybody_could_read_is_closed_and_one_of_a_group_stays_so(tmp_path: Path) -> None:
    modes = {}
    for before in (0o644, 0o666, 0o604, 0o660, 0o640):
        path = tmp_path / oct(before)
        path.touch()
        path.chmod(before)
        _send(SqliteLedger(path))
        modes[before] = stat.S_IMODE(path.stat().st_mode)

    assert modes == {0o644: 0o600, 0o666: 0o600, 0o604: 0o600, 0o660: 0o660, 0o640: 0o640}


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such modes on Windows")
@pytest.mark.parametrize("beside", ["", "-key", "-in-use", "-wal", "-shm"])
def test_whatever_lies_beside_a_ledger_is_closed_to_others_too(beside: str, tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    with closing(SqliteLedger(path)) as held, Dispatcher([Scripted("vendor")], ledger=held) as dispatcher:
        dispatcher.send(Sms("hello"), to=TO)
        path.with_name(f"ledger{beside}").chmod(0o666)

        _send(SqliteLedger(path))
        mode = stat.S_IMODE(path.with_name(f"ledger{beside}").stat().st_mode)

    assert mode == 0o600
