"""A ledger that was restored from a copy sends nothing twice: it is known as a copy, nothing is sent, vendors are asked, and somebody decides."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import postgres as postgres_server
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from scripted import Scripted

from messaging_channels import Dispatcher, PostgresLedger, Sms, SqliteLedger, Worker
from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels.errors import LedgerUnavailable
from messaging_channels.plugins import Flow, LookupRequest

TO, COUNT = "+447700900123", 90


class Silent(Scripted):
    """A provider that takes everything, and can be asked nothing."""


class Asked(Scripted):
    """A provider that tells what it took."""

    def look_up(self, request: LookupRequest) -> Flow[AttemptResult | None]:
        yield from ()
        found = [one for one in self.asked if one.id == request.message_id]
        return AttemptResult.of(
            Reason.ACCEPTED if found else Reason.NOT_FOUND, provider_id=request.message_id
        )


class Place:
    """A database that is copied and restored."""

    def __init__(
        self, ledger: Callable[[], Any], copy: Callable[[], None], restore: Callable[[], None]
    ) -> None:
        self.ledger, self.copy, self.restore = ledger, copy, restore

    def dispatcher(self, provider: Scripted) -> Dispatcher:
        return Dispatcher([provider], ledger=self.ledger())

    def work(self, provider: Scripted) -> int:
        """Have a worker drain the queue; return how many messages went out."""
        before = len(provider.asked)
        with self.dispatcher(provider) as dispatcher:
            Worker(dispatcher).drain()
        return len(provider.asked) - before

    def enqueue(self, count: int) -> None:
        with self.dispatcher(Silent("vendor")) as dispatcher:
            assert all(
                one.receipt
                for one in dispatcher.enqueue_each(Sms("hello"), to=[TO] * count, idempotency_key=None)
            )


def _tool(conninfo: str, name: str, *options: str) -> None:
    where: dict[str, Any] = conninfo_to_dict(conninfo)
    programs = postgres_server.binaries()
    assert programs is not None
    command = [
        str(programs / name),
        "-h",
        where["host"],
        "-p",
        str(where["port"]),
        "-U",
        where["user"],
        *options,
    ]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "LC_ALL": "C"})


def _on_postgres(conninfo: str, folder: Path, way: str) -> Place:
    name, dump = str(conninfo_to_dict(conninfo)["dbname"]), str(folder / "dump")

    def copy() -> None:
        if way == "template":
            _tool(conninfo, "createdb", "-T", name, f"{name}_copy")
        else:
            _tool(conninfo, "pg_dump", "-Fc", "-f", dump, *(["--data-only"] if way == "rows" else []), name)

    def restore() -> None:
        if way == "template":
            with psycopg.connect(conninfo.replace(name, "postgres"), autocommit=True) as other:
                other.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
                other.execute(f"ALTER DATABASE {name}_copy RENAME TO {name}".encode())
        elif way == "rows":
            with psycopg.connect(conninfo) as emptied:
                found = emptied.execute(
                    "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
                ).fetchall()
                emptied.execute(f"TRUNCATE {', '.join(table for (table,) in found)}".encode())
            _tool(conninfo, "pg_restore", "-d", name, "--data-only", "--disable-triggers", dump)
        else:
            _tool(conninfo, "pg_restore", "-d", name, "--clean", "--if-exists", dump)

    return Place(lambda: PostgresLedger(conninfo, addresses="plain"), copy, restore)


def _on_sqlite(folder: Path, way: str) -> Place:
    path, copied = folder / "ledger.sqlite3", folder / "copies" / "ledger.sqlite3"

    def copy() -> None:
        if way == "backup":
            SqliteLedger(path).backup(copied)
        else:
            copied.parent.mkdir()
            shutil.copyfile(path, copied)

    def restore() -> None:
        for beside in ("-wal", "-shm"):
            path.with_name(path.name + beside).unlink(missing_ok=True)
        if way == "elsewhere":
            path.with_name(f"{path.name}-in-use").unlink()
        shutil.copyfile(copied, path)

    return Place(lambda: SqliteLedger(path, addresses="plain", owned=True), copy, restore)


@pytest.fixture(
    params=[
        "sqlite-backup",
        "sqlite-file",
        "sqlite-elsewhere",
        "postgres-dump",
        "postgres-rows",
        "postgres-template",
    ]
)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    kind, _, way = request.param.partition("-")
    if kind == "sqlite":
        yield _on_sqlite(tmp_path, way)
    else:
        yield _on_postgres(request.getfixturevalue("postgres"), tmp_path, way)


def _accept(place: Place) -> None:
    """Do what the command does first: a file is refused until somebody goes on with it."""
    ledger = place.ledger()
    if isinstance(ledger, SqliteLedger):
        with pytest.raises(LedgerUnavailable, match="messaging-channels ledger restored"), closing(ledger):
            place.work(Silent("vendor"))
        ledger.accept_copy()


def test_what_was_sent_since_the_copy_is_not_sent_again_where_the_vendor_can_be_asked(place: Place) -> None:
    provider = Asked("vendor")
    place.enqueue(COUNT)
    place.copy()
    assert place.work(provider) == COUNT
    place.restore()
    _accept(place)

    again = place.work(provider)
    with place.dispatcher(provider) as dispatcher:
        copy = dispatcher.queue.restored_copy()
        result = dispatcher.queue.hold_restored()
        over = dispatcher.queue.restored_copy()
    later = place.work(provider)

    assert (again, later, len({one.id for one in provider.asked})) == (0, 0, COUNT)
    assert copy is not None
    assert copy.waiting == COUNT
    assert result is not None
    assert (result.sent, result.not_sent, result.held) == (COUNT, 0, 0)
    assert over is None


def test_what_a_vendor_cannot_tell_is_held_until_somebody_decides(place: Place) -> None:
    provider = Silent("vendor")
    place.enqueue(2)
    place.copy()
    assert place.work(provider) == 2
    place.restore()
    _accept(place)

    with place.dispatcher(provider) as dispatcher:
        result = dispatcher.queue.hold_restored()
        held = [one.id for one in dispatcher.list_unknown()]
        before = place.work(provider)
        dispatcher.resolve(held[0], "sent", by="operator", why="it is in the vendor's list")
        dispatcher.resolve(held[1], "not-sent", by="operator", why="it is not")
    after = place.work(provider)

    assert result is not None
    assert (result.held, len(held), before, after) == (2, 2, 0, 1)
    assert provider.asked[-1].id == held[1]


def test_a_key_is_refused_until_somebody_decides_and_a_message_without_one_is_sent(place: Place) -> None:
    provider = Silent("vendor")
    place.enqueue(1)
    place.copy()
    with place.dispatcher(provider) as dispatcher:
        dispatcher.send(Sms("hello"), to=TO, idempotency_key="order-1")
    place.restore()
    _accept(place)

    with place.dispatcher(provider) as dispatcher:
        with pytest.raises(LedgerUnavailable, match="messaging-channels ledger restored"):
            dispatcher.send(Sms("hello"), to=TO, idempotency_key="order-1")
        with pytest.raises(LedgerUnavailable, match="messaging-channels ledger restored"):
            dispatcher.enqueue(Sms("hello"), to=TO, idempotency_key="order-2")
        free = dispatcher.send(Sms("hello"), to=TO)
        dispatcher.queue.resume_restored()
        decided = dispatcher.send(Sms("hello"), to=TO, idempotency_key="order-3")

    assert [str(free.outcome), str(decided.outcome)] == ["accepted", "accepted"]
    assert place.work(provider) == 1


def test_a_worker_that_runs_while_the_database_is_restored_sends_nothing_twice(place: Place) -> None:
    provider = Silent("vendor")
    place.enqueue(3)
    place.copy()
    with place.dispatcher(provider) as dispatcher:
        worker = Worker(dispatcher)
        worker.drain()
        place.restore()
        for _ in range(3):
            try:
                worker.drain()
            except LedgerUnavailable:
                continue

    assert len(provider.asked) == 3


def test_a_database_that_was_not_restored_is_no_copy_however_often_it_is_opened(place: Place) -> None:
    provider = Silent("vendor")
    place.enqueue(2)
    place.copy()
    for _ in range(3):
        with place.dispatcher(provider) as dispatcher:
            assert dispatcher.queue.restored_copy() is None

    assert place.work(provider) == 2


def test_a_backup_of_a_ledger_in_use_holds_all_that_was_written(tmp_path: Path) -> None:
    ledger, copied = SqliteLedger(tmp_path / "ledger.sqlite3", owned=True), tmp_path / "new" / "copy.sqlite3"
    with Dispatcher([Silent("vendor")], ledger=ledger) as dispatcher:
        for _ in range(20):
            dispatcher.enqueue(Sms("hello"), to=TO)
        ledger.backup(copied)
    with closing(sqlite3.connect(copied)) as database:
        found = database.execute("SELECT count(*) FROM messaging_channels_queue").fetchall()

    assert found == [(20,)]
    assert copied.stat().st_mode & 0o077 == 0
