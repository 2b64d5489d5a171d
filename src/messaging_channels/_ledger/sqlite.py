"""The ledger in a SQLite file, or in memory: one writer, and whatever waits for it is committed together.

Needs nothing but the standard library. A file may be shared by processes of one machine, not over a network file system.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

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
from messaging_channels._ledger.operation_limits import limits_of
from messaging_channels._ledger.secret_file import secrets_of
from messaging_channels._ledger.sqlite_backup import back_up
from messaging_channels._ledger.sqlite_file import DIALECT, LedgerFile, clean_up, unavailable_error
from messaging_channels._ledger.sqlite_transaction import FileBusy, begin, commit_all, telling_busy
from messaging_channels._ledger.upgrade import MOST_ROWS
from messaging_channels._model import forks
from messaging_channels._model.arguments import require_positive
from messaging_channels._model.errors import InvalidSetting, LedgerUnavailable, MessagingError
from messaging_channels._model.paths import require_path
from messaging_channels.plugins.exchange import Exchange, ExecutorPair
from messaging_channels.plugins.ledger import Operation
from messaging_channels.plugins.ledger_queue import ALL_OPERATIONS

__all__ = ["DIALECT", "SqliteLedger"]

_MAX_GROUP_SIZE = 512
_LONGEST_WAIT = 1.0
"""Seconds for which the writer waits for another process before it looks whose time is over."""


class SqliteLedger(AddressPrivacy):
    """Keeps records in the file `path`, or in memory as long as this object lives. Safe in threads, tasks, processes and over a fork."""

    def __init__(
        self,
        path: str | Path | None = None,
        *,
        addresses: str = "masked",
        pepper: bytes = b"",
        keys: Sequence[bytes] = (),
        owned: bool = False,
        timeout: float = 30.0,
    ) -> None:
        """Open nothing yet. See AddressPrivacy for `addresses` and `pepper`. One that is `owned` is closed with its dispatcher.

        An operation takes at most `timeout` seconds, the wait for its turn and for other processes included, or what is left to `send(timeout=)` if
        that is less; then it is not done, and LedgerUnavailable is raised.

        `keys` seal what waits, unless addresses are kept in the plain: the first one seals, all of them open. Without any, the key beside the file does.

        Raises:
            ValueError: `addresses` is not one of its words, or hashing lacks its pepper.
            InvalidSetting: `path` is no path.
            InvalidArgument: `timeout` is no positive number.
        """
        super().__init__(addresses, pepper, keys)
        require_positive(timeout, "timeout")
        self._timeout = float(timeout)
        self._path = require_path(path, "ledger.path")
        self.owned = owned
        self._writer: _Writer | None = None
        self._secrets: tuple[bytes, ...] = ()
        self._lock = threading.Lock()
        self._is_left_to_parent = False
        forks.register(self)

    @property
    def executors(self) -> Mapping[type[Exchange[Any]], ExecutorPair]:
        """Executors of all ledger operations, sync and async. One async executor serves all event loops."""
        made = ExecutorPair(lambda: _Sync(self), lambda: _Async(self), is_shared=True)
        return dict.fromkeys(ALL_OPERATIONS, made)

    def perform(self, exchange: Operation[Any]) -> Any:  # noqa: ANN401  the operation's own type decides
        """Have an operation done by the writer, and return its reply once it is durable. Safe in threads.

        Raises:
            LedgerUnavailable: it took too long, or the file cannot be used.
            InvalidSetting: the records are in the memory of the process that forked this one.
        """
        pending: PendingInThread = Pending(exchange, Future(), limits_of(exchange, self._timeout))
        (self._writer or self._open_writer()).submit(pending)
        return reply_in_thread(pending)

    async def perform_in_task(self, exchange: Operation[Any]) -> Any:  # noqa: ANN401  the operation's own type decides
        """Do the same for a task of the running loop. One that is cancelled stops waiting; what it asked for is done all the same."""
        future = asyncio.get_running_loop().create_future()
        pending: PendingInTask = Pending(exchange, future, limits_of(exchange, self._timeout))
        (self._writer or self._open_writer()).submit(pending)
        return await reply_in_task(pending)

    def _open_writer(self) -> _Writer:
        with self._lock:
            if self._is_left_to_parent:
                raise _left_to_parent_error()
            if self._writer is None:
                self._writer = _Writer(self._path)
            return self._writer

    def _secrets_of_seal(self) -> tuple[bytes, ...]:
        """Those that were given; then those beside the file, which sealed before any were given."""
        if self._path is None:
            return self._seal_keys
        is_only_given = self._seal_keys and not self._path.with_name(f"{self._path.name}-key").exists()
        return self._seal_keys if is_only_given else (*self._seal_keys, *self._own_secrets())

    def _digest_keys(self) -> tuple[bytes, ...]:
        return (*super()._digest_keys(), *self._own_secrets())

    def _own_secrets(self) -> tuple[bytes, ...]:
        if not self._secrets:
            with self._lock:
                self._secrets = self._secrets or secrets_of(self._path)
        return self._secrets

    def upgrade(self) -> int:
        """Bring the tables to the form of this version, however long that takes, and return of which version they were; 0 for none.

        Raises:
            InvalidSetting: they are of a newer version, or not ours.
            LedgerUnavailable: the file cannot be used.
        """
        try:
            return self._open_once(most_rows=0)
        except (sqlite3.Error, OSError) as error:
            raise unavailable_error(error, self._path) from error

    def accept_copy(self) -> None:
        """Go on with a file that is an older copy of the ledger: no waiting message is sent until an operator decides. Any other file stays as it is.

        Raises:
            LedgerUnavailable: the file cannot be used.
        """
        try:
            self._open_once(accept_copy=True)
        except (sqlite3.Error, OSError) as error:
            raise unavailable_error(error, self._path) from error

    def backup(self, path: str | Path) -> None:
        """Copy the ledger as it stands, while it is in use, to a new file that only its owner may read. A plain copy of the file lacks what is in its log.

        Raises:
            LedgerUnavailable: the ledger cannot be read, or the copy not written.
            InvalidSetting: `path` is no path, or there is something.
        """
        back_up(self._path, require_path(path, "path"))

    def _open_once(self, *, most_rows: int = MOST_ROWS, accept_copy: bool = False) -> int:
        file = LedgerFile(self._path)
        try:
            database, version = file.open(most_rows=most_rows, accept_copy=accept_copy)
            database.close()
        finally:
            file.close()
        return version

    def close(self) -> None:
        """Do what is waiting, then close the file. A later operation opens it again; what was in memory is lost."""
        with self._lock:
            writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    def before_fork(self) -> None:
        """Close the file: a child that inherited it would take the parent's locks for its own, and write where nobody reads."""
        self._lock.acquire()
        if self._writer is not None:
            self._writer.pause()

    def after_fork_in_parent(self) -> None:
        """Go on; the file is opened again by the next operation."""
        if self._writer is not None:
            self._writer.resume()
        self._lock.release()

    def after_fork_in_child(self) -> None:
        """Begin with a writer of this process. What is in memory stays the parent's: two copies would each send under the same key."""
        self._lock = threading.Lock()
        if self._writer is not None:
            forks.keep_for_ever(self._writer)
            self._is_left_to_parent = self._path is None
        self._writer = None


class _Writer:
    """The one thread that touches the database. Operations that wait are done in one transaction and committed once."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        given: SimpleQueue[AnyPending | None] = SimpleQueue()
        self._given = given
        """What is to be done; None wakes the thread, to look what else is wanted of it."""
        self.submit: Callable[[AnyPending], None] = given.put
        """Has an operation done."""
        self._put_back: list[AnyPending] = []
        self._closing = False
        self._pausing = False
        self._is_paused, self._is_resumed = threading.Event(), threading.Event()
        self._database: sqlite3.Connection | None = None
        self._busy_timeout = -1
        """Milliseconds; less than none as long as the connection was not told."""
        self._file = LedgerFile(path)
        self._thread = threading.Thread(target=self._run, name="messaging-channels-ledger", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing = True
        self._given.put(None)
        self._thread.join()

    def pause(self) -> None:
        """Return when nothing is under way and the file is closed."""
        self._pausing = True
        self._given.put(None)
        self._is_paused.wait()

    def resume(self) -> None:
        self._pausing = False
        self._is_paused.clear()
        self._is_resumed.set()

    def _run(self) -> None:
        while taken := self._next_group():
            group = self._without_late(taken)
            if not group:
                continue
            replies: list[Any]
            try:
                replies = self._commit(group)
            except FileBusy:
                self._put_back = group  # those whose time is over are told at the next look
                continue
            except MessagingError as error:
                replies = [error] * len(group)
            except Exception as error:  # noqa: BLE001  whatever it is, those who wait are told, and the writer lives on
                replies = [unavailable_error(error, self._path)] * len(group)
                self._roll_back()
            deliver(group, replies, self.submit)
        self._close_database()

    def _commit(self, group: list[AnyPending]) -> list[Any]:
        """Do them all in one transaction, and return their replies.

        Raises:
            FileBusy: another process holds the file.
        """
        seconds = max(min(one.limits.begin for one in group) - time.monotonic(), 0.0)
        database, operations = self._opened(seconds), [one.operation for one in group]
        self._wait_at_most(database, seconds)
        begin(database)
        replies = commit_all(database, self._file, operations)
        if clean_up(database, operations):
            self._busy_timeout = -1
        return replies

    def _without_late(self, group: list[AnyPending]) -> list[AnyPending]:
        """Return those that may still be begun; tell the others."""
        now = time.monotonic()
        late = [one for one in group if one.limits.begin <= now]
        problem = (
            "the file was locked, or others were before, for longer than its timeout: database is locked"
        )
        deliver(late, [LedgerUnavailable(problem) for _ in late], self.submit)
        return [one for one in group if one.limits.begin > now] if late else group

    def _next_group(self) -> list[AnyPending]:
        """Wait for work and return all that waits; nothing when it is time to go."""
        group, self._put_back = self._put_back, []
        while len(group) < _MAX_GROUP_SIZE:
            if self._pausing:
                self._stand_still()
            try:
                one = self._given.get(block=not (group or self._closing))
            except Empty:
                break
            if one is not None:
                group.append(one)
        return group

    def _stand_still(self) -> None:
        """Close the file until the writer is resumed."""
        if self._path is not None:
            self._close_database()
        self._is_paused.set()
        self._is_resumed.wait()
        self._is_resumed.clear()

    def _opened(self, seconds: float) -> sqlite3.Connection:
        """Open the file, once, waiting for other processes at most so long; see to it that it is the same still.

        Raises:
            FileBusy: another process holds it.
        """
        if self._database is None:
            with telling_busy():
                self._database, _ = self._file.open(seconds=seconds)
            self._busy_timeout = -1
        else:
            self._file.require_same()
        return self._database

    def _wait_at_most(self, database: sqlite3.Connection, seconds: float) -> None:
        """Have it wait for other processes at most so long. A shorter wait is begun anew; so the limit is seldom another one, and is not told again."""
        wanted = int(min(seconds, _LONGEST_WAIT) * 1000)
        if wanted != self._busy_timeout:
            database.execute(f"PRAGMA busy_timeout = {wanted}")
            self._busy_timeout = wanted

    def _roll_back(self) -> None:
        if self._database is not None and self._database.in_transaction:
            with suppress(sqlite3.Error):
                self._database.execute("ROLLBACK")

    def _close_database(self) -> None:
        database, self._database = self._database, None
        if database is not None:
            database.close()
        self._file.close()


def _left_to_parent_error() -> InvalidSetting:
    return InvalidSetting(
        "its records are in the memory of the process that forked this one",
        setting="ledger",
        source="code",
        hint="give a ledger in a file, SqliteLedger(Path('ledger.sqlite3')), or make the dispatcher after the fork",
    )


class _Sync:
    def __init__(self, ledger: SqliteLedger) -> None:
        self._ledger = ledger
        self.perform = ledger.perform

    def close(self) -> None:
        if self._ledger.owned:
            self._ledger.close()


class _Async:
    def __init__(self, ledger: SqliteLedger) -> None:
        self._ledger = ledger
        self.perform = ledger.perform_in_task

    async def close(self) -> None:
        if self._ledger.owned:
            self._ledger.close()
