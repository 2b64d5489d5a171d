"""A ledger's file that is cut off, removed or replaced, under a process or between two, is told of before anything is sent."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from scripted import Scripted

from messaging_channels import Dispatcher, Sms, SqliteLedger
from messaging_channels.errors import LedgerUnavailable

TO = "+447700900123"


def _beside(path: Path, name: str) -> Path:
    return path.with_name(path.name + name)


def _forget_log(path: Path) -> None:
    for name in ("-wal", "-shm"):
        _beside(path, name).unlink(missing_ok=True)


def _empty(path: Path, _: Path) -> None:
    _forget_log(path)
    os.truncate(path, 0)


def _halve(path: Path, _: Path) -> None:
    _forget_log(path)
    os.truncate(path, path.stat().st_size // 2 // 4096 * 4096)


def _cut_within_a_page(path: Path, _: Path) -> None:
    _forget_log(path)
    os.truncate(path, path.stat().st_size - 5000)


def _remove(path: Path, _: Path) -> None:
    _forget_log(path)
    path.unlink()


def _replace_by_older(path: Path, older: Path) -> None:
    _forget_log(path)
    shutil.copyfile(older, _beside(path, "-new"))
    _beside(path, "-new").replace(path)


def _write_older_over(path: Path, older: Path) -> None:
    _forget_log(path)
    with older.open("rb") as source, path.open("r+b") as target:
        shutil.copyfileobj(source, target)
        target.truncate()


def _replace_by_another(path: Path, older: Path) -> None:
    other = older.with_name("another.sqlite3")
    _sent(other, "another")
    _forget_log(other)
    _replace_by_older(path, other)


def _write_garbage(path: Path, _: Path) -> None:
    _forget_log(path)
    path.write_bytes(os.urandom(20_000))


LOSSES = (
    _empty, _halve, _cut_within_a_page, _remove, _replace_by_older, _write_older_over, _replace_by_another, _write_garbage,
)  # fmt: skip


def _dispatcher(path: Path, provider: Scripted) -> Dispatcher:
    return Dispatcher([provider], ledger=SqliteLedger(path, owned=True))


def _sent(path: Path, key: str) -> None:
    with _dispatcher(path, Scripted("vendor")) as dispatcher:
        dispatcher.send(Sms("hello"), to=TO, idempotency_key=key)


def _used(folder: Path) -> tuple[Path, Path]:
    """Return a ledger that was used, and a backup of it from before the last message."""
    path, older = folder / "ledger.sqlite3", folder / "copies" / "older.sqlite3"
    for number in range(3):
        _sent(path, f"before {number}")
    SqliteLedger(path).backup(older)
    _sent(path, "order-1")
    return path, older


@pytest.mark.parametrize("lose", LOSSES, ids=lambda lose: lose.__name__.strip("_"))
def test_between_two_processes(lose: Callable[[Path, Path], None], tmp_path: Path) -> None:
    path, older = _used(tmp_path)
    lose(path, older)
    provider = Scripted("vendor")

    with _dispatcher(path, provider) as dispatcher:
        for key in ("order-1", "order-2"):
            with pytest.raises(LedgerUnavailable):
                dispatcher.send(Sms("hello"), to=TO, idempotency_key=key)

    assert provider.asked == []


@pytest.mark.parametrize("lose", LOSSES, ids=lambda lose: lose.__name__.strip("_"))
def test_under_a_process(lose: Callable[[Path, Path], None], tmp_path: Path) -> None:
    path, older = _used(tmp_path)
    provider = Scripted("vendor")
    with _dispatcher(path, provider) as dispatcher:
        dispatcher.send(Sms("hello"), to=TO, idempotency_key="order-2")
        lose(path, older)
        before = len(provider.asked)

        with pytest.raises(LedgerUnavailable):
            dispatcher.send(Sms("hello"), to=TO, idempotency_key="order-3")
        sent = len(provider.asked) - before

    assert sent == 0


@pytest.mark.parametrize("beside", ["-wal", "-shm", "-key"])
def test_what_lies_beside_a_ledger_at_rest_may_be_missing(beside: str, tmp_path: Path) -> None:
    path, _ = _used(tmp_path)
    _beside(path, beside).unlink(missing_ok=True)

    with _dispatcher(path, Scripted("vendor")) as dispatcher:
        again = dispatcher.send(Sms("hello"), to=TO, idempotency_key="order-1")

    assert again.replayed


def test_an_empty_file_that_was_never_a_ledger_becomes_one(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite3").touch()

    _sent(tmp_path / "ledger.sqlite3", "order-1")

    assert (tmp_path / "ledger.sqlite3-in-use").exists()
