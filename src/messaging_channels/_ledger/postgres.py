"""The ledger in PostgreSQL, for more than one machine. Needs the extra `postgres` (psycopg 3 and its pool).

Steps of one message are committed together by writers with connections of their own (`postgres_writer`), the rest by a pool's.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from messaging_channels._ledger.address_privacy import AddressPrivacy
from messaging_channels._ledger.group_replies import (
    AnyPending,
    Pending,
    PendingInTask,
    PendingInThread,
    deliver,
    reply_in_task,
    reply_in_thread,
)
from messaging_channels._ledger.operation_limits import OperationLimits, limits_of, withdrawals
from messaging_channels._ledger.postgres_group import ALONE
from messaging_channels._ledger.postgres_statements import (
    CONNECTION_ERRORS,
    DIALECT,
    execute,
    run_flow,
    run_flow_async,
    unavailable_error,
    with_network_limits,
)
from messaging_channels._ledger.postgres_writer import WritersOfProcess
from messaging_channels._ledger.sql_dispatch import statements_for
from messaging_channels._ledger.sql_restored import opened_database
from messaging_channels._ledger.upgrade import prepare_schema
from messaging_channels._model import forks
from messaging_channels._model.arguments import require_positive
from messaging_channels._model.errors import LedgerUnavailable
from messaging_channels.plugins.exchange import Exchange, ExecutorPair
from messaging_channels.plugins.ledger import Operation
from messaging_channels.plugins.ledger_queue import ALL_OPERATIONS

_MAX_TRIES = 3
_CANCEL_TIMEOUT = 5.0
"""Seconds that a cancelled caller is kept for an operation to end."""


class PostgresLedger(AddressPrivacy):
    """Keeps records in the database that `conninfo` names. Safe in threads, tasks, processes, and over a fork."""

    _must_seal = True

    def __init__(
        self,
        conninfo: str,
        *,
        addresses: str = "masked",
        pepper: bytes = b"",
        keys: Sequence[bytes] = (),
        pool_size: int = 10,
        pool_timeout: float = 10.0,
        timeout: float = 30.0,
    ) -> None:
        """Connect to nothing yet. See AddressPrivacy for `addresses` and `pepper`. `keys` seal what waits, unless
        addresses are kept in the plain: the first one seals, all of them open. Without any, the pepper does; without
        that, nothing is taken in that would have to be sealed.

        `pool_size` is the most connections of one client for lists, statistics and maintenance; `pool_timeout` is how many seconds a call waits for one of
        them, or for a server that is away. Sending, looking a message up and reports have up to five more connections of their own.

        An operation takes at most `timeout` seconds, or what is left to `send(timeout=)` if that is less; then LedgerUnavailable is raised. An attempt
        that the server writes down later all the same is taken back.

        Raises:
            ValueError: `addresses` is not one of its words, or hashing lacks its pepper.
            InvalidArgument: a time-out is no positive number.
        """
        super().__init__(addresses, pepper, keys)
        require_positive(pool_timeout, "pool_timeout")
        require_positive(timeout, "timeout")
        self._pool_settings = _PoolSettings(conninfo, pool_size, float(pool_timeout), float(timeout))
        self._writers = WritersOfProcess(conninfo, pool_timeout)

    @property
    def conninfo(self) -> str:
        """How the database is reached, with its password: for a part of an application that keeps its own tables beside the ledger's."""
        return self._pool_settings.conninfo

    @property
    def executors(self) -> Mapping[type[Exchange[Any]], ExecutorPair]:
        """Executors of all ledger operations, sync and async. Each event loop has connections of its own."""
        made = ExecutorPair(
            lambda: _Sync(self._pool_settings, self._writers),
            lambda: _Async(self._pool_settings, self._writers),
        )
        return dict.fromkeys(ALL_OPERATIONS, made)

    def upgrade(self) -> int:
        """Bring the tables to the form of this version, however long that takes, and return of which version they were; 0 for none.

        Raises:
            InvalidSetting: they are of a newer version, or not ours.
            LedgerUnavailable: the database cannot be used.
        """
        try:
            with psycopg.connect(self._pool_settings.conninfo) as connection, connection.cursor() as cursor:
                return run_flow(cursor, prepare_schema(DIALECT, most_rows=0))
        except psycopg.Error as error:
            raise unavailable_error(error) from error


@dataclass(frozen=True, slots=True)
class _PoolSettings:
    conninfo: str = field(repr=False)
    pool_size: int
    pool_timeout: float
    timeout: float
    """Of an operation."""

    @property
    def bounded_conninfo(self) -> str:
        """How the database is reached, by connections that notice when its machine has vanished."""
        return make_conninfo(**with_network_limits(conninfo_to_dict(self.conninfo), self.timeout))

    def options(self) -> dict[str, Any]:
        seconds = min(self.pool_timeout, self.timeout)
        return {"min_size": 1, "max_size": self.pool_size, "timeout": seconds}


class _Sync(forks.FreshLock):
    """The writers, and for what they leave one pool for the threads of one dispatcher, opened when first needed in each process."""

    def __init__(self, pool_settings: _PoolSettings, writers: WritersOfProcess) -> None:
        super().__init__()
        self._pool_settings = pool_settings
        self._writers = writers
        self._pool: ConnectionPool[psycopg.Connection[Any]] | None = None

    def perform(self, exchange: Operation[Any]) -> Any:  # noqa: ANN401  the operation's own type decides
        limits = limits_of(exchange, self._pool_settings.timeout)
        writer = self._writers.writer_of(exchange)
        if writer is not None:
            pending: PendingInThread = Pending(exchange, Future(), limits)
            writer.submit(pending)
            reply = reply_in_thread(pending)
            if reply is not ALONE:
                return reply
        alone: PendingInThread = Pending(exchange, Future(), limits)
        name = "messaging-channels-operation"
        threading.Thread(target=self._perform_for, args=(alone,), name=name, daemon=True).start()
        return reply_in_thread(alone)

    def _perform_for(self, alone: PendingInThread) -> None:
        """Do an operation for a thread that may give up before the server answers."""
        try:
            reply = self._perform_alone(alone.operation)
        except Exception as error:  # noqa: BLE001  whatever it is, whoever waits is told
            reply = error
        deliver([alone], [reply], self._take_back)

    def _take_back(self, one: AnyPending) -> None:
        with suppress(LedgerUnavailable):
            self._perform_alone(one.operation)

    def _perform_alone(self, exchange: Operation[Any]) -> Any:  # noqa: ANN401  the operation's own type decides
        pool = self._pool or self._open_pool()
        for left in reversed(range(_MAX_TRIES)):
            try:
                with pool.connection() as connection, connection.cursor() as cursor:
                    return execute(cursor, exchange)
            except psycopg.Error as error:
                if not left or not isinstance(error, CONNECTION_ERRORS):
                    raise unavailable_error(error) from error
        raise AssertionError  # pragma: no cover  the last try returns or raises

    def close(self) -> None:
        self._writers.close(self._pool_settings.timeout)
        if self._pool is not None:
            self._pool.close()

    def after_fork_in_child(self) -> None:
        """Leave the connections to the parent: they are the parent's."""
        super().after_fork_in_child()
        forks.keep_for_ever(self._pool)
        self._pool = None

    def _open_pool(self) -> ConnectionPool[psycopg.Connection[Any]]:
        with self._lock:
            if self._pool is None:
                pool: ConnectionPool[psycopg.Connection[Any]] = ConnectionPool(
                    self._pool_settings.bounded_conninfo, open=True, **self._pool_settings.options()
                )
                try:
                    with pool.connection() as connection, connection.cursor() as cursor:
                        run_flow(cursor, opened_database(DIALECT, time.time()))
                except psycopg.Error as error:
                    pool.close()
                    raise unavailable_error(error) from error
                except BaseException:
                    pool.close()
                    raise
                self._pool = pool
            return self._pool


class _Async(forks.FreshLock):
    """The writers, and for what they leave a pool for the tasks of each event loop: a connection of one loop cannot be used in another."""

    def __init__(self, pool_settings: _PoolSettings, writers: WritersOfProcess) -> None:
        super().__init__()
        self._pool_settings = pool_settings
        self._writers = writers
        self._pools: WeakKeyDictionary[asyncio.AbstractEventLoop, _LoopPool] = WeakKeyDictionary()

    async def perform(self, exchange: Operation[Any]) -> Any:  # noqa: ANN401  the operation's own type decides
        writer = self._writers.writer_of(exchange)
        future = asyncio.get_running_loop().create_future()
        pending = Pending(exchange, future, limits_of(exchange, self._pool_settings.timeout))
        if writer is not None:
            writer.submit(pending)
            try:
                reply = await reply_in_task(pending, asyncio.shield(pending.future))
            except asyncio.CancelledError:
                task = asyncio.ensure_future(self._finish(pending))
                await asyncio.wait([task], timeout=_CANCEL_TIMEOUT)  # what is asked next has to find it done
                raise
            if reply is not ALONE:
                return reply
        return await self._pool_of_loop().perform(exchange, pending.limits)

    async def _finish(self, pending: PendingInTask) -> None:
        """Do for a caller that was cancelled what it asked for all the same."""
        with suppress(LedgerUnavailable):
            if await pending.future is ALONE:
                await self._pool_of_loop().perform(pending.operation, pending.limits)

    async def close(self) -> None:
        seconds = self._pool_settings.timeout
        await asyncio.get_running_loop().run_in_executor(None, self._writers.close, seconds)
        pool = self._pools.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            await pool.close()

    def after_fork_in_child(self) -> None:
        """Leave the connections to the parent: they are the parent's."""
        super().after_fork_in_child()
        forks.keep_for_ever(self._pools)
        self._pools = WeakKeyDictionary()

    def _pool_of_loop(self) -> _LoopPool:
        loop = asyncio.get_running_loop()
        pool = self._pools.get(loop)
        if pool is None:
            with self._lock:
                for other, old in list(self._pools.items()):
                    if other.is_closed():
                        old.abandon()
                        del self._pools[other]
                pool = self._pools[loop] = _LoopPool(self._pool_settings)
        return pool


class _LoopPool:
    """The pool of one event loop."""

    def __init__(self, pool_settings: _PoolSettings) -> None:
        self._connections: WeakSet[psycopg.AsyncConnection[Any]] = WeakSet()
        self._pool = AsyncConnectionPool(
            pool_settings.bounded_conninfo, open=False, configure=self._keep, **pool_settings.options()
        )
        self._timeout = pool_settings.timeout
        self._opening = asyncio.Lock()
        self._ready = False
        self._running: set[asyncio.Task[Any]] = set()

    async def perform(self, exchange: Operation[Any], limits: OperationLimits) -> Any:  # noqa: ANN401  the operation's own type decides
        # a caller that is cancelled or gives up stops waiting; what it asked for is done all the same
        task = self._begin(exchange)
        try:
            done, _ = await asyncio.wait([task], timeout=limits.seconds_left())
        except asyncio.CancelledError:
            await asyncio.wait([task], timeout=_CANCEL_TIMEOUT)  # what is asked next has to find it done
            raise
        if not done:
            task.add_done_callback(partial(self._take_back, exchange))
            raise limits.error()
        return task.result()

    def _begin(self, exchange: Operation[Any]) -> asyncio.Task[Any]:
        task = asyncio.ensure_future(self._perform(exchange))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    def _take_back(self, exchange: Operation[Any], task: asyncio.Task[Any]) -> None:
        """Take back what was done for somebody who had given up."""
        if not task.cancelled() and task.exception() is None:
            for one in withdrawals(exchange, task.result()):
                self._begin(one).add_done_callback(_hear_the_end)

    async def close(self) -> None:
        if self._running:
            await asyncio.wait(self._running, timeout=self._timeout)
        await self._pool.close()

    def abandon(self) -> None:
        """Close the connections of a loop that has ended."""
        for connection in self._connections:
            connection.pgconn.finish()

    async def _keep(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connections.add(connection)

    async def _perform(self, exchange: Operation[Any]) -> Any:  # noqa: ANN401  the operation's own type decides
        for left in reversed(range(_MAX_TRIES)):
            try:
                if not self._ready:
                    await self._open()
                async with self._pool.connection() as connection, connection.cursor() as cursor:
                    return await run_flow_async(cursor, statements_for(exchange, DIALECT))
            except psycopg.Error as error:
                if not left or not isinstance(error, CONNECTION_ERRORS):
                    raise unavailable_error(error) from error
        raise AssertionError  # pragma: no cover  the last try returns or raises

    async def _open(self) -> None:
        async with self._opening:
            if not self._ready:
                await self._pool.open()
                async with self._pool.connection() as connection, connection.cursor() as cursor:
                    await run_flow_async(cursor, opened_database(DIALECT, time.time()))
                self._ready = True


def _hear_the_end(task: asyncio.Task[Any]) -> None:
    """Leave no exception unheard: nobody waits for what is taken back."""
    if not task.cancelled():
        task.exception()
