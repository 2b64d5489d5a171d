"""What the gateway itself keeps, in a SQLite file: keys, the directory, endpoints, events and their deliveries. Messages are the ledger's.

One thread writes. Reads are point reads of a local file, quicker than a change of threads, so they may be made from the event loop.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

Result = TypeVar("Result")
Rows: TypeAlias = "list[tuple[Any, ...]]"

_BUSY_TIMEOUT = 30.0
_SCHEMA = (
    (
        "CREATE TABLE IF NOT EXISTS key (id TEXT PRIMARY KEY, digest TEXT NOT NULL, tenant TEXT NOT NULL, name TEXT NOT NULL,"
        " scopes TEXT NOT NULL, created REAL NOT NULL, expires REAL)"
    ),
    (
        "CREATE TABLE IF NOT EXISTS entry (tenant TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, document TEXT NOT NULL,"
        " PRIMARY KEY (tenant, kind, id)) WITHOUT ROWID"
    ),
    (
        "CREATE TABLE IF NOT EXISTS endpoint (id TEXT PRIMARY KEY, tenant TEXT NOT NULL, url TEXT NOT NULL, events TEXT NOT NULL,"
        " secret TEXT NOT NULL, old_secret TEXT, created REAL NOT NULL, failing_since REAL, disabled TEXT NOT NULL DEFAULT '')"
    ),
    (
        "CREATE TABLE IF NOT EXISTS call (tenant TEXT NOT NULL, idempotency_key TEXT NOT NULL, fingerprint TEXT NOT NULL,"
        " callback_url TEXT, created REAL NOT NULL, PRIMARY KEY (tenant, idempotency_key)) WITHOUT ROWID"
    ),
    (
        "CREATE TABLE IF NOT EXISTS schedule (tenant TEXT NOT NULL, idempotency_key TEXT NOT NULL, send_at REAL NOT NULL,"
        " next_check_at REAL, PRIMARY KEY (tenant, idempotency_key)) WITHOUT ROWID"
    ),
    "CREATE INDEX IF NOT EXISTS schedule_next_check ON schedule (next_check_at) WHERE next_check_at IS NOT NULL",
    "CREATE TABLE IF NOT EXISTS signing (tenant TEXT PRIMARY KEY, secret TEXT NOT NULL) WITHOUT ROWID",
    (
        "CREATE TABLE IF NOT EXISTS event (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, tenant TEXT NOT NULL,"
        " name TEXT NOT NULL, at REAL NOT NULL, data TEXT NOT NULL)"
    ),
    "CREATE INDEX IF NOT EXISTS event_tenant ON event (tenant, seq)",
    (
        "CREATE TABLE IF NOT EXISTS delivery (id INTEGER PRIMARY KEY, event_id TEXT NOT NULL, tenant TEXT NOT NULL, endpoint TEXT,"
        " url TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, due REAL, state TEXT NOT NULL DEFAULT 'waiting',"
        " problem TEXT NOT NULL DEFAULT '', UNIQUE (event_id, url))"
    ),
    "CREATE INDEX IF NOT EXISTS delivery_due ON delivery (due) WHERE due IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS delivery_state ON delivery (tenant, state, id)",
)


class Store:
    """The open file. Safe in threads and tasks, and between processes of one machine. Close it when done."""

    def __init__(self, path: Path) -> None:
        """Open the file, and make what is missing in it. Only its owner may read it: it holds the secrets that sign webhooks."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        self._writing = _open_database(path)
        for statement in _SCHEMA:
            self._writing.execute(statement)
        self._path = path
        self._reading = _open_database(path)
        self._read_lock = threading.Lock()
        self._write_lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, "messaging-channels-gateway")

    def read(self, statement: str, *values: Any) -> Rows:  # noqa: ANN401  whatever SQL takes
        """Return the rows of a SELECT."""
        with self._read_lock:
            return self._reading.execute(statement, values).fetchall()

    async def read_aside(self, statement: str, *values: Any) -> Rows:  # noqa: ANN401  whatever SQL takes
        """Return the rows of a SELECT that looks at many rows: in a thread, on a connection of its own, so that nobody waits for it."""

        def read() -> Rows:
            with closing(_open_database(self._path)) as database:
                return database.execute(statement, values).fetchall()

        return await asyncio.to_thread(read)

    def run_transaction(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Do some work in one transaction that is durable on return. It waits for the disk: not for event loops."""
        with self._write_lock:
            self._writing.execute("BEGIN IMMEDIATE")
            try:
                result = work(self._writing)
            except BaseException:
                self._writing.execute("ROLLBACK")
                raise
            self._writing.execute("COMMIT")
            return result

    async def run_transaction_async(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Do the same from an event loop. A cancelled caller stops waiting; the work is done all the same."""
        return await asyncio.shield(
            asyncio.get_running_loop().run_in_executor(self._thread, self.run_transaction, work)
        )

    def close(self) -> None:
        """Finish what is under way, and close the file."""
        self._thread.shutdown()
        self._writing.close()
        self._reading.close()


def statement_work(statement: str, *values: Any) -> Callable[[sqlite3.Connection], Rows]:  # noqa: ANN401
    """Return the work of one statement; it returns the rows that the statement does."""
    return lambda database: database.execute(statement, values).fetchall()


def statements_work(
    statements: Iterable[tuple[str, tuple[Any, ...]]],
) -> Callable[[sqlite3.Connection], None]:
    """Return the work of several statements, in order."""

    def work(database: sqlite3.Connection) -> None:
        for statement, values in statements:
            database.execute(statement, values)

    return work


def _open_database(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=_BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")  # a commit survives a power cut
    return database
