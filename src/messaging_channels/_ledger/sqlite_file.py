"""The file of a SQLite ledger: opened, brought to this version's schema, and watched. One that was lost, cut off or replaced by an older copy is refused.

With the records went what was sent under which key, so nothing may be sent as if they had never been. A small file beside the ledger (`NAME-in-use`) says that
it has been one, and of which generation: a number in the ledger that grows with every commit. An older copy has a smaller one, and a copy elsewhere has no such
file beside it.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from messaging_channels._ledger.driving import drive
from messaging_channels._ledger.sql_restored import mark_restored, watch_origin
from messaging_channels._ledger.sql_types import Dialect, Rows, Statement
from messaging_channels._ledger.tables import SCHEMA_VERSION, SELECT_VERSION
from messaging_channels._ledger.upgrade import MOST_ROWS, prepare_schema
from messaging_channels._model.errors import LedgerUnavailable
from messaging_channels._model.paths import close_to_others, create_private
from messaging_channels.plugins.ledger_retention import EraseRecipient

if TYPE_CHECKING:
    from messaging_channels.plugins.ledger import Operation

DIALECT = Dialect()
_BUSY_TIMEOUT = 30.0
_LOOK_INTERVAL = 10.0
"""Seconds after which a commit looks into the file past what its connection has in its memory."""
_MARKER_SIZE = 64
_LOG_TIMEOUT = 1000
"""Milliseconds for which others are waited for that use the log."""
_CHECKPOINT_PAGES = 4000
"""Pages of 4 KiB in the log after which it is put into the file: four times SQLite's own number, since a message changes some fifteen, mostly the same."""


class LedgerFile:
    """One file, as one thread of one process uses it; or the memory, where there is no path."""

    def __init__(self, path: Path | None) -> None:
        """Open nothing yet."""
        self._path = path
        self._id: tuple[int, int] | None = None
        self._size = self._modified = 0
        self._generation = 0
        self._next_generation = 0
        """That of the transaction that is open: it counts once that is committed, which a full disk may prevent."""
        self._looked_at = float("-inf")
        self._marker_file: int | None = None

    def open(
        self,
        *,
        most_rows: int = MOST_ROWS,
        seconds: float = _BUSY_TIMEOUT,
        accept_copy: bool = False,
    ) -> tuple[sqlite3.Connection, int]:
        """Return a connection, and of which version the tables were. Other processes are waited for, for so many seconds.

        With `accept_copy`, an older copy is opened, and marked as one.

        Raises:
            OSError: the file lost its records, or is an older copy.
            sqlite3.Error: it cannot be opened, or is no database.
            InvalidSetting: see `prepare_schema`.
        """
        if self._path is not None:
            create_private(self._path)
            for beside in ("-wal", "-shm"):  # left by a process that was killed, as open as the file was then
                close_to_others(self._path.with_name(f"{self._path.name}{beside}"))
        told = (
            self._told_generation()
        )  # before the file is read: other processes write on, and the marker follows the file
        database = sqlite3.connect(self._path or ":memory:", timeout=seconds, isolation_level=None)
        try:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = FULL")  # a commit survives a power cut
            database.execute("PRAGMA temp_store = MEMORY")  # else what undoes a statement goes to a file
            database.execute("PRAGMA secure_delete = ON")  # nothing can be read any more that was deleted
            database.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
            self._require_records(database)
            was_used = _was_used(database)
            version = _prepare(database, most_rows=most_rows)
            self._generation = _generation(database)
            self._check_copy(database, told, was_used=was_used, accept=accept_copy)
            drive(watch_origin(DIALECT, time.time()), lambda statement: fetch(database, statement))
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
        if found.st_mtime_ns != self._modified:  # by a checkpoint; or somebody wrote an older copy over it
            self._looked_at = float("-inf")
        self._size, self._modified = found.st_size, found.st_mtime_ns

    def grow(self, database: sqlite3.Connection) -> bool:
        """Raise the generation in the transaction that is open. Return whether it has one."""
        if self._path is None:
            return False
        if time.monotonic() - self._looked_at >= _LOOK_INTERVAL:
            with closing(sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT)) as other:
                self._require_at_least(_generation(other))  # past what this connection has in its memory
            self._looked_at = time.monotonic()
        self._next_generation = _raise_generation(database, self._generation)
        return True

    def close(self) -> None:
        """Let go of the file beside the ledger."""
        file, self._marker_file = self._marker_file, None
        if file is not None:
            os.close(file)

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

    def _check_copy(self, database: sqlite3.Connection, told: int, *, was_used: bool, accept: bool) -> None:
        problem = self._problem_of_copy(told, was_used=was_used)
        if problem and not accept:
            raise OSError(problem)
        if problem:
            self._mark_copy(database)

    def _problem_of_copy(self, told: int, *, was_used: bool) -> str:
        """Say what is wrong with an older copy than the ledger that was used last, or with a copy from elsewhere; nothing if it is neither."""
        if self._path is None:
            return ""
        if not self._marker.exists():
            return _FOREIGN_COPY.format(marker=self._marker.name) if was_used else ""
        return _OLD_COPY.format(generation=self._generation) if self._generation < told else ""

    def _require_at_least(self, found: int) -> None:
        if found < self._generation:
            raise OSError(_OLD_COPY.format(generation=found))

    def _told_generation(self) -> int:
        if self._path is None:
            return 0
        with suppress(
            OSError, ValueError, TypeError, KeyError
        ):  # as an earlier version left it, or half written
            return int(json.loads(self._marker.read_text())["generation"])
        return 0

    def _mark_copy(self, database: sqlite3.Connection) -> None:
        """Have nothing sent from a copy until somebody decides, and make it the one that is used from now on."""
        database.execute("BEGIN IMMEDIATE")
        drive(mark_restored(time.time()), lambda statement: fetch(database, statement))
        self._generation = _raise_generation(database, self._told_generation())
        database.execute("COMMIT")

    def write_marker(self) -> None:
        """Write down beside the file that it is a ledger, and its generation. Called after the commit, so that it is never ahead of the file."""
        if self._path is None:
            return
        self._generation = max(self._generation, self._next_generation)
        if self._marker_file is None:
            create_private(self._marker)
            self._marker_file = os.open(self._marker, os.O_RDWR)
        told = f'{{"generation": {self._generation}}}'.ljust(_MARKER_SIZE - 1) + "\n"
        _write_at_start(self._marker_file, told.encode())  # in one piece; an earlier version's was no longer

    @property
    def _marker(self) -> Path:
        assert self._path is not None  # noqa: S101  for the type checkers
        return self._path.with_name(f"{self._path.name}-in-use")


def unavailable_error(error: Exception, path: Path | None) -> LedgerUnavailable:
    """Name the fault, and the file unless its own words do."""
    told = f"{type(error).__name__}: {error}"
    return LedgerUnavailable(told if path is None or path.name in told else f"{told}, in {path}")


def clean_up(database: sqlite3.Connection, operations: Iterable[Operation[Any]]) -> bool:
    """Have nothing left in the log beside the file of a person who was erased. Where another process reads an older state just now, a later commit does it.

    Returns:
        Whether that was needed; the connection waits for others for `_LOG_TIMEOUT` then.
    """
    if not any(isinstance(one, EraseRecipient) for one in operations):
        return False
    database.execute(f"PRAGMA busy_timeout = {_LOG_TIMEOUT}")
    with suppress(sqlite3.OperationalError):
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return True


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


def _write_at_start(file: int, content: bytes) -> None:
    if hasattr(os, "pwrite"):  # one call of the system, not two
        os.pwrite(file, content, 0)
    else:
        os.lseek(file, 0, os.SEEK_SET)
        os.write(file, content)


def _generation(database: sqlite3.Connection) -> int:
    rows = database.execute("SELECT generation FROM messaging_channels_schema WHERE id = 1").fetchall()
    return int(rows[0][0]) if rows else 0


def _raise_generation(database: sqlite3.Connection, least: int) -> int:
    text = "UPDATE messaging_channels_schema SET generation = max(generation, ?) + 1 WHERE id = 1 RETURNING generation"
    ((generation,),) = database.execute(text, (least,)).fetchall()
    return int(generation)


def _was_used(database: sqlite3.Connection) -> bool:
    """Whether a writer of ours has written to it: then there is a file beside it. In a transaction of a caller none is made."""
    found = "SELECT 1 FROM sqlite_master WHERE name = 'messaging_channels_schema'"
    try:
        return bool(database.execute(found).fetchall()) and _generation(database) > 1
    except sqlite3.OperationalError:  # a table of that name which is not ours
        return False


_DECIDE = (
    "what was sent since is not in it, and would be sent again. Put the newer file back; or run `messaging-channels ledger restored`,"
    " which shows what may have been sent, and lets you decide"
)
_OLD_COPY = f"it is an older copy (generation {{generation}}) of the ledger that was used last: {_DECIDE}"
_FOREIGN_COPY = f"it is a copy, for there is no {{marker}} beside it: {_DECIDE}"
