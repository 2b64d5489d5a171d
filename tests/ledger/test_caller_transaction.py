"""Messages enqueued inside a transaction of the caller's: kept if it is committed, never there if it is rolled back."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from scripted import Scripted

from messaging_channels import AsyncDispatcher, Dispatcher, Sms
from messaging_channels._client.worker import AsyncWorker, Worker
from messaging_channels._ledger.postgres import PostgresLedger
from messaging_channels._ledger.sqlite import SqliteLedger
from messaging_channels._model.errors import IdempotencyKeyReused, InvalidMessage
from messaging_channels.plugins.ledger import Ledger

sqlalchemy = pytest.importorskip("sqlalchemy")
TO = "+447700900123"
HELLO = Sms("hello")


@contextmanager
def _sqlite3(path: Path, _: str) -> Iterator[Any]:
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    yield connection
    connection.close()


@contextmanager
def _psycopg(_: Path, conninfo: str) -> Iterator[Any]:
    with psycopg.connect(conninfo, row_factory=dict_row) as connection:
        yield connection


@contextmanager
def _engine(url: str) -> Iterator[Any]:
    engine = sqlalchemy.create_engine(url)
    yield engine
    engine.dispose()


def _url(conninfo: str) -> str:
    parts = dict(part.split("=") for part in conninfo.split())
    return f"postgresql+psycopg://{parts['user']}@{parts['host']}:{parts['port']}/{parts['dbname']}"


@contextmanager
def _connection_on_sqlite(path: Path, _: str) -> Iterator[Any]:
    with _engine(f"sqlite:///{path}") as engine, engine.connect() as connection:
        yield connection


@contextmanager
def _session_on_postgres(_: Path, conninfo: str) -> Iterator[Any]:
    from sqlalchemy.orm import Session

    with _engine(_url(conninfo)) as engine, Session(engine) as session:
        yield session


CONNECTIONS = {
    "sqlite3": (_sqlite3, True),
    "psycopg": (_psycopg, False),
    "sqlalchemy-connection-sqlite": (_connection_on_sqlite, True),
    "sqlalchemy-session-postgres": (_session_on_postgres, False),
}


def _ledger(*, sqlite: bool, path: Path, conninfo: str) -> Ledger:
    return SqliteLedger(path) if sqlite else PostgresLedger(conninfo, keys=[b"secret"])


@pytest.mark.parametrize("name", CONNECTIONS)
@pytest.mark.parametrize("fresh", [True, False], ids=["fresh", "opened"])
def test_a_message_lives_and_dies_with_the_callers_transaction(
    name: str, postgres: str, tmp_path: Path, *, fresh: bool
) -> None:
    opened, sqlite = CONNECTIONS[name]
    path = tmp_path / "ledger.sqlite3"
    provider = Scripted("acme-sms")
    ledger = _ledger(sqlite=sqlite, path=path, conninfo=postgres)
    with Dispatcher([provider], ledger=ledger) as dispatcher, opened(path, postgres) as connection:
        if not fresh:
            assert dispatcher.get_message("nobody") is None
        worker = Worker(dispatcher)
        gone = dispatcher.enqueue(HELLO, to=TO, transaction=connection)
        connection.rollback()
        kept = dispatcher.enqueue(HELLO, to=TO, transaction=connection, idempotency_key="k")
        again = dispatcher.enqueue(HELLO, to=TO, transaction=connection, idempotency_key="k")
        assert (again.id, again.replayed) == (kept.id, True)
        with pytest.raises(IdempotencyKeyReused):
            dispatcher.enqueue(Sms("other"), to=TO, transaction=connection, idempotency_key="k")
        connection.commit()
        assert worker.drain() == 1
        assert [envelope.id for envelope in provider.asked] == [kept.id]
        assert dispatcher.get_message(gone.id) is None
    if isinstance(ledger, SqliteLedger):
        ledger.close()


@asynccontextmanager
async def _async_psycopg(conninfo: str) -> AsyncIterator[Any]:
    async with await psycopg.AsyncConnection.connect(conninfo, row_factory=dict_row) as connection:
        yield connection


@asynccontextmanager
async def _async_session(conninfo: str) -> AsyncIterator[Any]:
    from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

    engine = create_async_engine(_url(conninfo))
    async with AsyncSession(engine) as session:
        yield session
    await engine.dispose()


@pytest.mark.parametrize("opened", [_async_psycopg, _async_session], ids=["psycopg", "sqlalchemy-session"])
def test_so_does_one_in_an_event_loop(opened: Any, postgres: str) -> None:
    async def scenario() -> None:
        provider = Scripted("acme-sms")
        async with (
            AsyncDispatcher([provider], ledger=PostgresLedger(postgres, keys=[b"secret"])) as dispatcher,
            opened(postgres) as connection,
        ):
            gone = await dispatcher.enqueue(HELLO, to=TO, transaction=connection)
            await connection.rollback()
            kept = await dispatcher.enqueue(HELLO, to=TO, transaction=connection)
            await connection.commit()
            assert await AsyncWorker(dispatcher).drain() == 1
            assert [envelope.id for envelope in provider.asked] == [kept.id]
            assert await dispatcher.get_message(gone.id) is None

    asyncio.run(scenario())


def test_a_connection_of_sqlite3_serves_an_asynchronous_dispatcher_too(tmp_path: Path) -> None:
    async def scenario() -> None:
        path = tmp_path / "ledger.sqlite3"
        ledger = SqliteLedger(path)
        async with AsyncDispatcher([Scripted("acme-sms")], ledger=ledger) as dispatcher:
            connection = sqlite3.connect(path)
            await dispatcher.enqueue(HELLO, to=TO, transaction=connection)
            connection.commit()
            connection.close()
            assert await AsyncWorker(dispatcher).drain() == 1
        ledger.close()

    asyncio.run(scenario())


class RecordingNotifier:
    """A notifier that remembers whom it was told of."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    def notify(self, message_id: str, not_before: float) -> None:
        assert not_before > 0
        self.ids.append(message_id)

    async def notify_async(self, message_id: str, not_before: float) -> None:
        raise NotImplementedError


def test_nobody_is_woken_for_what_is_not_committed_and_a_running_worker_finds_it_by_itself(
    tmp_path: Path,
) -> None:
    path, notifier, sent = tmp_path / "ledger.sqlite3", RecordingNotifier(), threading.Event()
    ledger = SqliteLedger(path, owned=True)
    with Dispatcher([Scripted("acme-sms", sent.set)], ledger=ledger, notifiers=[notifier]) as dispatcher:
        worker = Worker(dispatcher, concurrency=1, poll_interval=0.05)
        running = threading.Thread(target=worker.run)
        running.start()
        connection = sqlite3.connect(path)
        dispatcher.enqueue(HELLO, to=TO, transaction=connection)
        connection.commit()
        connection.close()
        assert sent.wait(30)
        assert notifier.ids == []
        other = dispatcher.enqueue(HELLO, to=TO)
        assert notifier.ids == [other.id]
        worker.stop()
        running.join(30)


def test_another_writer_does_not_come_between_its_statements(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    with Dispatcher([Scripted("acme-sms")], ledger=SqliteLedger(path, owned=True)) as dispatcher:
        dispatcher.enqueue(HELLO, to=TO)
        other = sqlite3.connect(path, timeout=0, isolation_level=None)
        other.execute("CREATE TABLE other (number)")

        def write(_: str) -> None:
            with suppress(sqlite3.OperationalError):
                other.execute("INSERT INTO other VALUES (1)")

        connection = sqlite3.connect(path)
        connection.set_trace_callback(write)
        receipt = dispatcher.enqueue(HELLO, to=TO, transaction=connection)
        connection.set_trace_callback(None)
        connection.commit()
        connection.close()
        other.close()
        assert dispatcher.get_message(receipt.id) is not None


def test_a_connection_without_a_transaction_or_of_another_kind_is_refused(postgres: str) -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    with (
        Dispatcher([Scripted("acme-sms")], ledger=SqliteLedger(owned=True)) as dispatcher,
        psycopg.connect(postgres, autocommit=True) as autocommit,
    ):
        for wrong in (connection, autocommit, object()):
            with pytest.raises(InvalidMessage, match="transaction"):
                dispatcher.enqueue(HELLO, to=TO, transaction=wrong)
    connection.close()
