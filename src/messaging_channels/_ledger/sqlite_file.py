"""The file of a SQLite ledger: opened, brought to this version's schema, and watched. One that was lost, cut off or replaced by an older copy is refused.

With the records went what was sent under which key, so nothing may be sent as if they had never been. A small file beside the ledger (`NAME-in-use`) says that
it has been one, and of which generation: a number in the ledger that grows every few seconds as long as it is written to. An older copy has a smaller one.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

from messaging_channels._ledger.driving import drive
from messaging_channels._ledger.sql_types import Dialect, Rows, Statement
from messaging_channels._ledger.tables import SCHEMA_VERSION, SELECT_VERSION
from messaging_channels._ledger.upgrade import MOST_ROWS, prepare_schema
from messaging_channels._model.paths import create_private

DIALECT = Dialect()
_BUSY_TIMEOUT = 30.0
GENERATION_INTERVAL = 10.0
"""Seconds after which the generation grows with the next commit: a copy that is older than that is known as one."""


class LedgerFile:
    """One file, as one thread of one process uses it; or the memory, where there is no path."""

    def __init__(self, path: Path | None) -> None:
        """Open nothing yet."""
        self._path = path
        self._id: tuple[int, int] | None = None
        self._size = 0
        self._generation = 0
        self._grown_at = float("-inf")

    def open(
        self, *, most_rows: int = MOST_ROWS, seconds: float = _BUSY_TIMEOUT
    ) -> tuple[sqlite3.Connection, int]:
        """Return a connection, and of which version the tables were. Other processes are waited for, for so many seconds.

        Raises:
            OSError: the file lost its records, or is an older copy.
            sqlite3.Error: it cannot be opened, or is no database.
            InvalidSetting: see `prepare_schema`.
        """
        if self._path is not None:
            create_private(self._path)
        database = sqlite3.connect(self._path or ":memory:", timeout=seconds, isolation_level=None)
        try:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = FULL")  # a commit survives a power cut
            self._require_records(database)
            version = _prepare(database, most_rows=most_rows)
            self._generation = _generation(database)
            self._require_newest()
        except BaseException:
            database.close()
            raise
        self._remember()
        self.write_marker()
        return database, version

    def require_same(self) -> None:
        """Refuse a file that was deleted, replaced or cut off since it was opened: nobody would read what is written."""
        if self._path is None:
            return
        found = os.stat(self._path)  # noqa: PTH116  once a commit: a Path takes twice as long
        if (found.st_dev, found.st_ino) != self._id:
            message = "its file was deleted or replaced while it was in use: put it back, then start anew"
            raise OSError(message)
        if found.st_size < self._size:
            self._require_whole()
        self._size = found.st_size

    def grow(self, database: sqlite3.Connection) -> bool:
        """Raise the generation, in the transaction that is open, if it is time for that. Return whether it was."""
        if self._path is None or time.monotonic() - self._grown_at < GENERATION_INTERVAL:
            return False
        with closing(sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT)) as other:
            self._require_at_least(_generation(other))  # past what this connection has in its memory
        text = "UPDATE messaging_channels_schema SET generation = generation + 1 WHERE id = 1 RETURNING generation"
        ((self._generation,),) = database.execute(text).fetchall()
        self._grown_at = time.monotonic()
        return True

    def _remember(self) -> None:
        if self._path is not None:
            found = self._path.stat()
            self._id, self._size = (found.st_dev, found.st_ino), found.st_size

    def _require_whole(self) -> None:
        """Let a file be smaller that was tidied (VACUUM), and refuse one that was cut off."""
        assert self._path is not None  # noqa: S101  for the type checkers
        with closing(sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT)) as other:
            if other.execute("PRAGMA quick_check(1)").fetchall() != [("ok",)]:
                message = (
                    "its file was cut off while it was in use: restore it from a backup, then start anew"
                )
                raise OSError(message)
            self._require_at_least(_generation(other))

    def _require_at_least(self, found: int) -> None:
        if found < self._generation:
            raise self._old_copy_error(found)

    def _require_records(self, database: sqlite3.Connection) -> None:
        """Refuse a file that had records and has none."""
        names = "('messaging_channels_message', 'message')"
        if (
            self._path is not None
            and self._marker.exists()
            and not database.execute(f"SELECT 1 FROM sqlite_master WHERE name IN {names}").fetchall()  # noqa: S608
        ):
            message = (
                f"it lost its records: restore it from a backup, or delete {self._marker.name} to begin anew"
                " without what it knew"
            )
            raise OSError(message)

    def _require_newest(self) -> None:
        """Refuse an older copy than the one that was used last."""
        if self._path is None or not self._marker.exists():
            return
        with suppress(ValueError, TypeError, KeyError):  # as an earlier version left it, or half written
            told = json.loads(self._marker.read_text())
            if self._generation < told["generation"]:
                raise self._old_copy_error(self._generation)

    def _old_copy_error(self, found: int) -> OSError:
        return OSError(
            f"it is an older copy (generation {found}) of the ledger that was used last: what was sent since is not in it, and would be"
            f" sent again. Put the newer file back, or delete {self._marker.name} to go on with this one all the same"
        )

    def write_marker(self) -> None:
        """Write down beside the file that it is a ledger, and its generation. Called after the commit, so that it is never ahead of the file."""
        if self._path is None:
            return
        new = self._marker.with_name(f"{self._marker.name}.{os.getpid()}-{threading.get_ident()}")
        new.unlink(missing_ok=True)
        create_private(new)
        new.write_text(json.dumps({"generation": self._generation}))
        new.replace(self._marker)

    @property
    def _marker(self) -> Path:
        assert self._path is not None  # noqa: S101  for the type checkers
        return self._path.with_name(f"{self._path.name}-in-use")


def fetch(database: sqlite3.Connection, statement: Statement) -> Rows:
    """Execute one statement, and return its rows."""
    return database.execute(*statement).fetchall()


def _prepare(database: sqlite3.Connection, *, most_rows: int) -> int:
    """Have the tables there. Nothing is locked where nothing is missing."""
    if fetch(database, (DIALECT.schema_check, ())) and fetch(database, (SELECT_VERSION, ())) == [
        (SCHEMA_VERSION,)
    ]:
        return SCHEMA_VERSION
    database.execute("BEGIN IMMEDIATE")
    try:
        flow = prepare_schema(DIALECT, most_rows=most_rows)
        version = drive(flow, lambda statement: fetch(database, statement))
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise
    return version


def _generation(database: sqlite3.Connection) -> int:
    rows = database.execute("SELECT generation FROM messaging_channels_schema WHERE id = 1").fetchall()
    return int(rows[0][0]) if rows else 0
