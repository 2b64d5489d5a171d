"""The ledger in a SQLite file, or in memory: one writer, and whatever waits for it is committed together.

Needs nothing but the standard library. A file may be shared by processes of one machine, not over a network file system.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from messaging_channels._ledger.address_privacy import AddressPrivacy
from messaging_channels._ledger.schema import SCHEMA
from messaging_channels._ledger.sql_dispatch import statements_for
from messaging_channels._ledger.sql_types import Dialect
from messaging_channels._model.errors import LedgerUnavailable
from messaging_channels.plugins.exchange import Exchange, ExecutorPair
from messaging_channels.plugins.ledger import Operation
from messaging_channels.plugins.ledger_queue import ALL_OPERATIONS

DIALECT = Dialect()
_MAX_GROUP_SIZE = 512
_BUSY_TIMEOUT = 30.0


class SqliteLedger(AddressPrivacy):
    """Keeps records in the file `path`, or in memory as long as this object lives. Safe in threads, tasks, processes and over a fork."""

    def __init__(
        self,
        path: Path | None = None,
        *,
        addresses: str = "masked",
        pepper: bytes = b"",
        owned: bool = False,
    ) -> None:
        """Open nothing yet. See KeptAddresses for `addresses` and `pepper`. One that is `owned` is closed with its dispatcher.

        Raises:
            ValueError: `addresses` is not one of its words, or hashing lacks its pepper.
        """
        super().__init__(addresses, pepper)
        self._path = path
        self.owned = owned
        self._writer: _Writer | None = None
        self._lock = threading.Lock()

    @property
    def executors(self) -> Mapping[type[Exchange[Any]], ExecutorPair]:
        """See Ledger."""
        made = ExecutorPair(lambda: _Sync(self), lambda: _Async(self), is_shared=True)
        return dict.fromkeys(ALL_OPERATIONS, made)

    def submit(self, operation: Operation[Any]) -> Future[Any]:
        """Have an operation done by the writer; the future holds its reply once it is durable."""
        writer = self._writer
        if writer is None or writer.owner != os.getpid():
            with self._lock:
                if self._writer is None or self._writer.owner != os.getpid():
                    self._writer = _Writer(self._path)
                writer = self._writer
        return writer.submit(operation)

    def close(self) -> None:
        """Do what is waiting, then close the file. A later operation opens it again; what was in memory is lost."""
        with self._lock:
            writer, self._writer = self._writer, None
        if writer is not None and writer.owner == os.getpid():
            writer.close()


class _Writer:
    """The one thread that touches the database. Operations that wait are done in one transaction and committed once."""

    def __init__(self, path: Path | None) -> None:
        self.owner = os.getpid()
        self._path = path
        self._waiting: deque[tuple[Operation[Any], Future[Any]]] = deque()
        self._condition = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="messaging-channels-ledger", daemon=True)
        self._thread.start()

    def submit(self, operation: Operation[Any]) -> Future[Any]:
        future: Future[Any] = Future()
        with self._condition:
            self._waiting.append((operation, future))
            self._condition.notify()
        return future

    def close(self) -> None:
        with self._condition:
            self._closing = True
            self._condition.notify()
        self._thread.join()

    def _run(self) -> None:
        database = None
        while group := self._next_group():
            replies: list[Any]
            try:
                database = database or _open(self._path)
                replies = _commit_all(database, [operation for operation, _ in group])
            except (sqlite3.Error, OSError) as error:
                replies = [LedgerUnavailable(f"{type(error).__name__}: {error}")] * len(group)
                _roll_back(database)
            for (_, future), reply in zip(group, replies, strict=True):
                if isinstance(reply, Exception):
                    future.set_exception(reply)
                else:
                    future.set_result(reply)
        if database is not None:
            database.close()

    def _next_group(self) -> list[tuple[Operation[Any], Future[Any]]]:
        """Wait for work and return all that waits; nothing when it is time to go."""
        with self._condition:
            while not self._waiting and not self._closing:
                self._condition.wait()
            count = min(len(self._waiting), _MAX_GROUP_SIZE)
            return [self._waiting.popleft() for _ in range(count)]


def _open(path: Path | None) -> sqlite3.Connection:
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(path or ":memory:", timeout=_BUSY_TIMEOUT, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")  # a commit survives a power cut
    for statement in SCHEMA:
        database.execute(statement)
    return database


def _commit_all(database: sqlite3.Connection, operations: list[Operation[Any]]) -> list[Any]:
    """Do them all in one transaction. One that fails is undone alone, and its exception stands in place of its reply."""
    database.execute("BEGIN IMMEDIATE")
    replies: list[Any] = []
    for operation in operations:
        database.execute("SAVEPOINT one")
        try:
            replies.append(_execute(database, operation))
        except sqlite3.OperationalError:
            raise
        except Exception as error:  # noqa: BLE001  whatever one operation meets, the writer lives on for the others
            database.execute("ROLLBACK TO one")
            replies.append(LedgerUnavailable(type(error).__name__))
        database.execute("RELEASE one")
    database.execute("COMMIT")
    return replies


def _execute(database: sqlite3.Connection, operation: Operation[Any]) -> Any:  # noqa: ANN401  the operation's own type decides
    flow = statements_for(operation, DIALECT)
    rows: Any = None
    try:
        while True:
            rows = database.execute(*flow.send(rows)).fetchall()
    except StopIteration as done:
        return done.value


def _roll_back(database: sqlite3.Connection | None) -> None:
    if database is not None and database.in_transaction:
        database.execute("ROLLBACK")


class _Sync:
    def __init__(self, ledger: SqliteLedger) -> None:
        self._ledger = ledger

    def perform(self, exchange: Operation[Any]) -> Any:  # noqa: ANN401  the operation's own type decides
        return self._ledger.submit(exchange).result()

    def close(self) -> None:
        if self._ledger.owned:
            self._ledger.close()


class _Async:
    def __init__(self, ledger: SqliteLedger) -> None:
        self._ledger = ledger

    async def perform(self, exchange: Operation[Any]) -> Any:  # noqa: ANN401  the operation's own type decides
        # a cancelled caller stops waiting; what it asked for is done all the same
        return await asyncio.shield(asyncio.wrap_future(self._ledger.submit(exchange)))

    async def close(self) -> None:
        if self._ledger.owned:
            self._ledger.close()
