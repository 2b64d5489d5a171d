"""One transaction of the SQLite writer: begun, done and committed."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from messaging_channels._ledger.sql_dispatch import statements_for
from messaging_channels._ledger.sqlite_file import DIALECT, LedgerFile
from messaging_channels._ledger.sqlite_sets import execute_sets
from messaging_channels._model.errors import LedgerUnavailable, MessagingError
from messaging_channels.plugins.ledger import Operation


class FileBusy(Exception):
    """Another process holds the file. Nothing was done."""


@contextmanager
def telling_busy() -> Generator[None]:
    """Raise FileBusy where another process holds the file."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            raise FileBusy from error
        raise


def begin(database: sqlite3.Connection) -> None:
    """Begin a transaction, waiting for other processes as long as the connection does.

    Raises:
        FileBusy: another process holds the file.
    """
    with telling_busy():
        database.execute("BEGIN IMMEDIATE")


def commit_all(database: sqlite3.Connection, file: LedgerFile, operations: list[Operation[Any]]) -> list[Any]:
    """Do them all in the transaction that was begun. One that fails is undone alone, and its exception stands in place of its reply."""
    changes = database.total_changes
    try:
        replies = _execute_all(database, operations)
    except sqlite3.OperationalError:
        raise
    except Exception:  # noqa: BLE001  seldom: done again, each so that it can be undone by itself
        database.execute("ROLLBACK")
        database.execute("BEGIN IMMEDIATE")
        replies = [_execute_or_undo(database, operation) for operation in operations]
    has_grown = database.total_changes != changes and file.grow(database)
    database.execute("COMMIT")
    if has_grown:
        file.write_marker()
    return replies


def _execute_all(database: sqlite3.Connection, operations: list[Operation[Any]]) -> list[Any]:
    """Do what can be done together, then each of the others."""
    done = execute_sets(database, operations) if len(operations) > 1 else {}
    return [
        done[place] if place in done else _execute(database, operation)
        for place, operation in enumerate(operations)
    ]


def _execute_or_undo(database: sqlite3.Connection, operation: Operation[Any]) -> Any:  # noqa: ANN401  the operation's own type decides
    database.execute("SAVEPOINT one")
    try:
        reply = _execute(database, operation)
    except sqlite3.OperationalError:
        raise
    except Exception as error:  # noqa: BLE001  whatever one operation meets, the writer lives on for the others
        database.execute("ROLLBACK TO one")
        reply = error if isinstance(error, MessagingError) else LedgerUnavailable(type(error).__name__)
    database.execute("RELEASE one")
    return reply


def _execute(database: sqlite3.Connection, operation: Operation[Any]) -> Any:  # noqa: ANN401  the operation's own type decides
    flow, execute = statements_for(operation, DIALECT), database.execute
    rows: Any = None
    try:  # as `drive` does, for the one who does nothing else
        while True:
            rows = execute(*flow.send(rows)).fetchall()
    except StopIteration as done:
        return done.value
