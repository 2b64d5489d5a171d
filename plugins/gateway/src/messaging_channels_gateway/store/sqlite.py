"""What the gateway itself keeps, in a SQLite file: the embedded default, for the processes of one machine.

One thread writes. Reads are point reads of a local file, quicker than a change of threads, so they may be made from the event loop.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from messaging_channels.errors import InvalidSetting
from messaging_channels.plugins import create_private, require_path
from messaging_channels_gateway.store.state import Connection, Result, Rows
from messaging_channels_gateway.store.tables import prepare_tables

_BUSY_TIMEOUT = 30.0


class SqliteConnection:
    """One connection; see `Connection`."""

    serial = "INTEGER PRIMARY KEY AUTOINCREMENT"
    skip_locked = ""
    is_own_file = True

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def execute(self, statement: str, values: Sequence[Any] = ()) -> Rows:
        """See `Connection`."""
        return self._database.execute(statement, tuple(values)).fetchall()

    def execute_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """See `Connection`."""
        if rows:
            self._database.executemany(statement, rows)

    def lock(self, name: str) -> None:
        """Do nothing: only one transaction that writes is under way at a time."""

    def has_table(self, name: str) -> bool:
        """See `Connection`."""
        return bool(self.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (name,)))


class Store:
    """The open file; see `StateStore`. Only its owner may read it: it holds the secrets that sign webhooks."""

    whole = "CAST({} AS INTEGER)"

    def __init__(self, path: Path) -> None:
        """Open the file, and make what is missing in it.

        Raises:
            InvalidSetting: it is of a newer version of the gateway, or cannot be used.
        """
        self._path = path = require_path(path, "gateway.database") or path
        try:
            create_private(path)
            self._writing = _open_database(path)
        except (OSError, sqlite3.Error) as error:
            raise _unusable(path, error) from error
        self._read_lock = threading.Lock()
        self._write_lock = threading.Lock()
        self._connection: Connection = SqliteConnection(self._writing)
        try:
            self.run_transaction(prepare_tables)
        except BaseException:
            self._writing.close()
            raise
        self._reading = _open_database(path)
        self._thread = ThreadPoolExecutor(1, "messaging-channels-gateway")

    def read(self, statement: str, *values: Any) -> Rows:  # noqa: ANN401  whatever SQL takes
        """See `StateStore`."""
        with self._read_lock:
            return self._reading.execute(statement, values).fetchall()

    async def call(self, function: Callable[..., Result], *given: Any) -> Result:  # noqa: ANN401
        """See `StateStore`: a point read of a file is quicker than a change of threads."""
        return function(*given)

    async def read_aside(self, statement: str, *values: Any) -> Rows:  # noqa: ANN401  whatever SQL takes
        """See `StateStore`: in a thread, on a connection of its own."""

        def read() -> Rows:
            with closing(_open_database(self._path)) as database:
                return database.execute(statement, values).fetchall()

        return await asyncio.to_thread(read)

    def run_transaction(self, work: Callable[[Connection], Result]) -> Result:
        """See `StateStore`."""
        with self._write_lock:
            self._writing.execute("BEGIN IMMEDIATE")
            try:
                result = work(self._connection)
                self._writing.execute("COMMIT")
            except BaseException:
                if self._writing.in_transaction:  # a full disk has ended it already
                    self._writing.execute("ROLLBACK")
                raise
            return result

    async def run_transaction_async(self, work: Callable[[Connection], Result]) -> Result:
        """See `StateStore`."""
        return await asyncio.shield(
            asyncio.get_running_loop().run_in_executor(self._thread, self.run_transaction, work)
        )

    def empty_log(self) -> None:
        """See `StateStore`."""
        with self._write_lock:
            self._writing.execute("PRAGMA busy_timeout = 1000")
            with suppress(sqlite3.OperationalError):
                self._writing.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            self._writing.execute(f"PRAGMA busy_timeout = {int(_BUSY_TIMEOUT * 1000)}")

    def close(self) -> None:
        """See `StateStore`."""
        self._thread.shutdown()
        self._writing.close()
        self._reading.close()


def _unusable(path: Path, error: Exception) -> InvalidSetting:
    return InvalidSetting(
        f"cannot be used ({type(error).__name__}: {error}): {path}",
        setting="gateway.database",
        source="the file",
        hint="name a file in a folder that may be written to",
    )


def _open_database(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=_BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")  # a commit survives a power cut
    database.execute("PRAGMA secure_delete = ON")  # nothing can be read any more that was deleted
    return database
