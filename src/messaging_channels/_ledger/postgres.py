"""The ledger in PostgreSQL, for more than one machine. Needs the extra `postgres` (psycopg 3 and its pool).

Whatever can be asked in one database transaction is; the pool's connections are what commits together.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool, ConnectionPool, PoolTimeout

from messaging_channels._ledger.address_privacy import KeptAddresses
from messaging_channels._ledger.schema import COMPLETE_IN_POSTGRES, SCHEMA
from messaging_channels._ledger.sql_dispatch import steps
from messaging_channels._ledger.sql_types import Dialect, Statement
from messaging_channels._model.errors import LedgerUnavailable
from messaging_channels.plugins.exchange import Exchange, ExecutorPair
from messaging_channels.plugins.ledger import Operation
from messaging_channels.plugins.ledger_queue import EVERY

DIALECT = Dialect(
    " FOR UPDATE",
    " FOR UPDATE SKIP LOCKED",
    COMPLETE_IN_POSTGRES,
    "SELECT pg_advisory_xact_lock(hashtextextended(?, 0))",
)
_CREATING = "SELECT pg_advisory_xact_lock(hashtextextended('messaging-channels schema', 0))"
_TRIES = 3
_CANCEL_TIMEOUT = 5.0
"""Seconds that a cancelled caller is kept for an operation to end."""


class PostgresLedger(KeptAddresses):
    """Keeps records in the database that `conninfo` names. Safe in threads, tasks, processes, and over a fork."""

    def __init__(
        self,
        conninfo: str,
        *,
        addresses: str = "masked",
        pepper: bytes = b"",
        pool_size: int = 10,
        pool_timeout: float = 10.0,
    ) -> None:
        """Connect to nothing yet. See KeptAddresses for `addresses` and `pepper`.

        `connections` is the most of one door; `patience` is for how many seconds one of them is waited for.

        Raises:
            ValueError: `addresses` is not one of its words, or hashing lacks its pepper.
        """
        super().__init__(addresses, pepper)
        self._how = _PoolSettings(conninfo, pool_size, pool_timeout)

    @property
    def executors(self) -> Mapping[type[Exchange[Any]], ExecutorPair]:
        """See Ledger."""
        made = ExecutorPair(lambda: _Sync(self._how), lambda: _Async(self._how))
        return dict.fromkeys(EVERY, made)


@dataclass(frozen=True, slots=True)
class _PoolSettings:
    conninfo: str = field(repr=False)
    pool_size: int
    pool_timeout: float

    def options(self) -> dict[str, Any]:
        return {"min_size": 1, "max_size": self.pool_size, "timeout": self.pool_timeout}


class _Sync:
    """One pool for the threads of one door. Made and opened when the first operation comes."""

    def __init__(self, how: _PoolSettings) -> None:
        self._how = how
        self._pool = self._opened()
        self._owner = os.getpid()

    def perform(self, exchange: Operation[Any]) -> Any:  # noqa: ANN401  the operation's own type decides
        if self._owner != os.getpid():  # a fork: the parent's connections are the parent's
            self._pool, self._owner = self._opened(), os.getpid()
        for left in reversed(range(_TRIES)):
            try:
                with self._pool.connection() as connection, connection.cursor() as cursor:
                    return _done(cursor, exchange)
            except psycopg.Error as error:
                if not left or not isinstance(error, _FAULTS):
                    raise _unavailable(error) from error
        raise AssertionError  # pragma: no cover  the last try returns or raises

    def close(self) -> None:
        if self._owner == os.getpid():
            self._pool.close()

    def _opened(self) -> ConnectionPool[psycopg.Connection[Any]]:
        pool: ConnectionPool[psycopg.Connection[Any]] = ConnectionPool(
            self._how.conninfo, open=True, **self._how.options()
        )
        try:
            with pool.connection() as connection:
                if not connection.execute(DIALECT.complete.encode()).fetchall():
                    for statement in (_CREATING, *SCHEMA):
                        connection.execute(statement.encode())
        except _FAULTS as error:
            pool.close()
            raise _unavailable(error) from error
        return pool


class _Async:
    """One pool for the tasks of one door's loop."""

    def __init__(self, how: _PoolSettings) -> None:
        self._pool = AsyncConnectionPool(how.conninfo, open=False, **how.options())
        self._opening = asyncio.Lock()
        self._ready = False
        self._running: set[asyncio.Task[Any]] = set()

    async def perform(self, exchange: Operation[Any]) -> Any:  # noqa: ANN401  the operation's own type decides
        # a cancelled caller stops waiting; what it asked for is done all the same
        task = asyncio.ensure_future(self._performed(exchange))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait([task], timeout=_CANCEL_TIMEOUT)  # what is asked next has to find it done
            raise

    async def close(self) -> None:
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._pool.close()

    async def _performed(self, exchange: Operation[Any]) -> Any:  # noqa: ANN401  the operation's own type decides
        for left in reversed(range(_TRIES)):
            try:
                if not self._ready:
                    await self._open()
                async with self._pool.connection() as connection, connection.cursor() as cursor:
                    return await _done_async(cursor, exchange)
            except psycopg.Error as error:
                if not left or not isinstance(error, _FAULTS):
                    raise _unavailable(error) from error
        raise AssertionError  # pragma: no cover  the last try returns or raises

    async def _open(self) -> None:
        async with self._opening:
            if not self._ready:
                await self._pool.open()
                async with self._pool.connection() as connection:
                    found = await connection.execute(DIALECT.complete.encode())
                    if not await found.fetchall():
                        for statement in (_CREATING, *SCHEMA):
                            await connection.execute(statement.encode())
                self._ready = True


def _done(cursor: psycopg.Cursor[Any], operation: Operation[Any]) -> Any:  # noqa: ANN401
    flow = steps(operation, DIALECT)
    rows: Any = None
    try:
        while True:
            cursor.execute(*_translated(flow.send(rows)))
            rows = cursor.fetchall() if cursor.description else []
    except StopIteration as done:
        return done.value


async def _done_async(cursor: psycopg.AsyncCursor[Any], operation: Operation[Any]) -> Any:  # noqa: ANN401
    flow = steps(operation, DIALECT)
    rows: Any = None
    try:
        while True:
            await cursor.execute(*_translated(flow.send(rows)))
            rows = await cursor.fetchall() if cursor.description else []
    except StopIteration as done:
        return done.value


def _translated(statement: Statement) -> tuple[bytes, tuple[Any, ...]]:
    text, values = statement
    return text.replace("%", "%%").replace("?", "%s").encode(), values


def _unavailable(error: Exception) -> LedgerUnavailable:
    """Name the fault. The server's own text may hold the values of a row."""
    return LedgerUnavailable(type(error).__name__)


_FAULTS = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout)
