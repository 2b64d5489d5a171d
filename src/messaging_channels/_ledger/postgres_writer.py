"""The writers of a process to PostgreSQL: what waits is committed together, for threads and the tasks of any loop alike.

There are five, each with a connection of its own, so that nobody waits behind what others want: the usual steps of sending as sets, other steps of one
message and looks at one, reports that are taken in, what providers tell, and places under shared rates.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

import psycopg
from psycopg.conninfo import conninfo_to_dict

from messaging_channels._ledger.group_replies import AnyPending, deliver
from messaging_channels._ledger.postgres_arrays import register
from messaging_channels._ledger.postgres_group import ALONE, Group, flatten, may_be_grouped
from messaging_channels._ledger.postgres_intake import Intake, is_of_intake, prepare
from messaging_channels._ledger.postgres_lockstep import Lockstep, is_of_calls, is_of_reports
from messaging_channels._ledger.postgres_places import Places, is_of_places
from messaging_channels._ledger.postgres_statements import (
    DIALECT,
    run_flow,
    unavailable_error,
    with_network_limits,
)
from messaging_channels._ledger.sql_restored import opened_database
from messaging_channels._model import forks

if TYPE_CHECKING:
    from messaging_channels.plugins.ledger import Operation

_MAX_PARTS = 512
"""Of one group: what bounds for how long nobody is told."""
_MAX_STEPS = 64
"""Of one group of operations that are done by their own statements."""
_MAX_TRIES = 3
_Kind: TypeAlias = "type[Group | Intake | Lockstep | Places]"
_FIRST_WAIT, _LONGEST_WAIT = 0.02, 0.5
_PAUSE_PER_OPERATION, _LONGEST_PAUSE = 0.0002, 0.002
"""Seconds that a group waits for others who are about to ask, by how many there were in the one before: fewer and larger groups cost a fifth less."""


class Writer:
    """A thread with a connection of its own."""

    def __init__(self, conninfo: str, patience: float, kind: _Kind) -> None:
        """Connect with the first operation. A server that is away is waited for as long as `patience` seconds."""
        self._conninfo = conninfo
        self._patience = patience
        self._kind = kind
        self._max_parts = _MAX_PARTS if kind in (Group, Intake) else _MAX_STEPS
        self._waiting: deque[AnyPending] = deque()
        self._condition = threading.Condition()
        self._is_closing = False
        self._pause = 0.0
        self._connection: psycopg.Connection[Any] | None = None
        self._thread = threading.Thread(target=self._run, name="messaging-channels-writer", daemon=True)
        self._thread.start()

    def submit(self, one: AnyPending) -> bool:
        """Have an operation done together with others. Return False if the writer has ended."""
        with self._condition:
            if self._is_closing:
                return False
            self._waiting.append(one)
            self._condition.notify()
        return True

    def close(self, seconds: float) -> None:
        """Do what waits, then disconnect. A server that does not answer is waited for so long."""
        with self._condition:
            self._is_closing = True
            self._condition.notify()
        self._thread.join(seconds)

    def _run(self) -> None:
        while taken := self._next_group():
            group = self._without_late(taken)
            if group:
                deliver(group, self._write([one.operation for one in group]), self._submit_anyhow)
        self._disconnect()

    def _without_late(self, group: list[AnyPending]) -> list[AnyPending]:
        """Return those that may still be begun; tell the others."""
        now = time.monotonic()
        late = [one for one in group if one.limits.begin <= now]
        deliver(late, [one.limits.error() for one in late], self._submit_anyhow)
        return [one for one in group if one.limits.begin > now] if late else group

    def _submit_anyhow(self, one: AnyPending) -> None:
        """Take back what was done too late, also while the writer is closing: this thread looks once more before it ends."""
        with self._condition:
            self._waiting.append(one)
            self._condition.notify()

    def _next_group(self) -> list[AnyPending]:
        """Wait for work and return what waits, as far as it fits; nothing when it is time to go."""
        group: list[AnyPending] = []
        parts = 0
        with self._condition:
            while not (self._waiting or self._is_closing):
                self._condition.wait()
        if self._pause and not self._is_closing:
            time.sleep(self._pause)
        with self._condition:
            while self._waiting and (not group or parts < self._max_parts):
                group.append(self._waiting.popleft())
                parts += len(flatten(group[-1].operation))
        if self._kind is Group:  # alone, nobody is waited for
            self._pause = min((len(group) - 1) * _PAUSE_PER_OPERATION, _LONGEST_PAUSE)
        return group

    def _write(self, operations: Sequence[Any]) -> Sequence[Any]:
        """Return their replies. Where the server refused any of it, nothing was written, and each caller does its own part by itself."""
        until = time.monotonic() + self._patience
        for _ in range(_MAX_TRIES):
            connection = self._connection_or_error(until)
            if isinstance(connection, Exception):
                return [connection] * len(operations)
            try:
                return self._kind(operations).write(connection)
            except Exception:  # noqa: BLE001  whatever one operation meets, the writer lives on for the others
                if not self._is_lost(connection):
                    break
        return [ALONE] * len(operations)

    def _connection_or_error(self, until: float) -> psycopg.Connection[Any] | Exception:
        try:
            return self._connected(until)
        except psycopg.Error as error:
            return unavailable_error(error)
        except Exception as error:  # noqa: BLE001  the tables are not ours, or of another version
            return error

    def _is_lost(self, connection: psycopg.Connection[Any]) -> bool:
        """Undo what was begun; say whether the connection is gone."""
        with suppress(psycopg.Error):
            connection.execute(b"ROLLBACK")
            return False
        self._disconnect()
        return True

    def _connected(self, until: float) -> psycopg.Connection[Any]:
        wait = _FIRST_WAIT
        while self._connection is None or self._connection.closed:
            try:
                self._connection = self._connect()
            except psycopg.OperationalError:
                if time.monotonic() + wait > until or self._is_closing:
                    raise
                time.sleep(wait)
                wait = min(2 * wait, _LONGEST_WAIT)
        return self._connection

    def _connect(self) -> psycopg.Connection[Any]:
        """Connect, in no more time than a caller waits for one of the pool's connections."""
        options: dict[str, Any] = conninfo_to_dict(self._conninfo)
        options.setdefault("connect_timeout", max(2, round(self._patience)))
        options = with_network_limits(options, self._patience)
        connection = psycopg.connect(**options, autocommit=True, prepare_threshold=0)
        register(connection)
        try:
            with connection.transaction(), connection.cursor() as cursor:
                run_flow(cursor, opened_database(DIALECT, time.time()))
            if self._kind is Intake:
                prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error):
                connection.close()


class WritersOfProcess:
    """Those of one ledger."""

    def __init__(self, conninfo: str, patience: float) -> None:
        self._sets = WriterOfProcess(conninfo, patience, Group)
        self._calls = WriterOfProcess(conninfo, patience, Lockstep)
        self._intake = WriterOfProcess(conninfo, patience, Intake)
        self._reports = WriterOfProcess(conninfo, patience, Lockstep)
        self._places = WriterOfProcess(conninfo, patience, Places)

    def writer_of(self, operation: Operation[Any]) -> WriterOfProcess | None:
        """Return who does an operation together with others; None for one that would hold them up."""
        if may_be_grouped(operation):
            return self._sets
        if is_of_intake(operation):
            return self._intake
        if is_of_reports(operation):
            return self._reports
        if is_of_calls(operation):
            return self._calls
        return self._places if is_of_places(operation) else None

    def close(self, seconds: float) -> None:
        """Do what waits, then end: in so many seconds, whatever the server does."""
        until = time.monotonic() + seconds
        for one in (self._sets, self._calls, self._intake, self._reports, self._places):
            one.close(max(until - time.monotonic(), 0.0))


class WriterOfProcess(forks.FreshLock):
    """The writer of one kind that callers share, begun with the first operation of each process, and anew after all of them have left."""

    def __init__(self, conninfo: str, patience: float, kind: _Kind) -> None:
        super().__init__()
        self._conninfo, self._patience, self._kind = conninfo, patience, kind
        self._writer: Writer | None = None

    def submit(self, one: AnyPending) -> None:
        """Have an operation done together with others."""
        while not (self._writer or self._start()).submit(one):
            self._start()

    def close(self, seconds: float) -> None:
        """Do what waits, then end, in so many seconds. A later operation begins anew."""
        with self._lock:
            writer, self._writer = self._writer, None
        if writer is not None:
            writer.close(seconds)

    def after_fork_in_child(self) -> None:
        """Leave the connection to the parent: it is the parent's."""
        super().after_fork_in_child()
        forks.keep_for_ever(self._writer)
        self._writer = None

    def _start(self) -> Writer:
        with self._lock:
            if self._writer is None:
                self._writer = Writer(self._conninfo, self._patience, self._kind)
            return self._writer
