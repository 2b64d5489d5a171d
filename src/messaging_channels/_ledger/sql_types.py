"""The words in which operations of the ledger are written, and what differs between two databases."""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias, TypeVar

from messaging_channels._ledger.schema import read_status
from messaging_channels._ledger.tables import (
    FILL_STATUS_SQLITE,
    FOLD_COUNTERS_SQLITE,
    SCHEMA_CHECK_SQLITE,
    TRIGGERS_SQLITE,
)
from messaging_channels._model.status import PENDING_UNKNOWN, Status

Result = TypeVar("Result")
Statement: TypeAlias = "tuple[str, tuple[Any, ...]]"
Rows: TypeAlias = "list[tuple[Any, ...]]"
StatementFlow: TypeAlias = "Generator[Statement, Rows, Result]"


@dataclass(frozen=True, slots=True)
class Dialect:
    """Where two databases differ."""

    for_update: str = ""
    """Appended to a SELECT whose row will be changed."""
    skip_locked: str = ""
    """Appended to a SELECT of rows of which any will do."""
    schema_check: str = SCHEMA_CHECK_SQLITE
    """A statement that finds a row where nothing of the schema is missing."""
    advisory_lock: str | None = None
    """A statement that takes a lock by name until the end of the transaction, where one writer at a time is not given anyway."""
    clock_shared: str | None = None
    """A statement that holds off, until the end of the transaction, whoever would move times because the clock was set back."""
    clock_exclusive: str | None = None
    """A statement that finds true if nobody else is at work with times of the clock, and holds them off until the end of the transaction."""
    schema_lock: str | None = None
    """A statement that takes the lock under which tables are made, where one writer at a time is not given anyway."""
    columns: str = "SELECT name FROM pragma_table_info(?)"
    """A SELECT of the names of a table's columns."""
    indexes: str = "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL"
    """A SELECT of the names of a table's indexes, but for that of its key."""
    fill_status: str = FILL_STATUS_SQLITE
    """What fills the columns of a status from its text."""
    clock: str = "SELECT CAST(? AS DOUBLE PRECISION)"
    """A statement that returns the time of the store, seconds since the epoch, UTC; it is given the caller's."""
    origin_check: str | None = None
    """A statement that finds a row where the database came from a dump or another database, if that can be told from within."""
    note_origin: str | None = None
    """A statement, given the time, that writes down which database this is, by the transaction that writes it."""
    triggers: tuple[str, ...] = TRIGGERS_SQLITE
    """Statements that make the triggers which count what waits."""
    fold_counts: str | None = None
    """A statement that puts the counts of connections together that have ended, where each connection counts by itself."""
    fold_counters: tuple[str, ...] = FOLD_COUNTERS_SQLITE
    """Statements, each given a minute, that put the counters before it together. Nothing that is counted meanwhile is lost."""
    upgrade_lock: str | None = None
    """A statement that keeps others from tables that are about to be changed, where one writer at a time is not given anyway. `{names}` are their names."""
    commit_later: str | None = None
    """A statement after which the transaction is committed without waiting for the disk."""


def take_lock(dialect: Dialect, *name: str) -> StatementFlow[None]:
    """Take a lock by name until the end of the transaction."""
    if dialect.advisory_lock:
        yield dialect.advisory_lock, ("\x1f".join(name),)


def increment_counter(now: float, worker: str, what: str, number: int) -> Statement:
    """Return the statement that adds to a counter."""
    return (
        (
            "INSERT INTO messaging_channels_counter (minute, worker, what, number) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (minute, worker, what) DO UPDATE SET number = messaging_channels_counter.number + excluded.number"
        ),
        (int(now // 60), worker, what, number),
    )


@lru_cache(maxsize=256)
def status_to_json(status: Status) -> str:
    """Return a status as it is kept."""
    return json.dumps(status.as_dict())


SET_STATUS = "status = ?, status_group = ?, status_id = ?, status_name = ?"
"""In an UPDATE; its values are those of `status_values`."""


@lru_cache(maxsize=256)
def status_values(status: Status) -> tuple[str, int, int, str]:
    """Return a status as it is kept, and what it is looked up by."""
    return status_to_json(status), status.group_id, status.id, clean_text(status.name) or ""


def clean_text(text: str | None) -> str | None:
    """Return what a provider wrote as a database can hold it: without NUL and lone surrogates."""
    return text and text.replace("\x00", "").encode("utf-8", "replace").decode()


def report_to_json(status: Status, parts: int | None, channel: str = "") -> str:
    """Return what a report says as it is kept: the status, of how many parts it tells of one (None if of the whole), and the channel if it names it."""
    more: dict[str, object] = {} if parts is None else {"parts": parts}
    return json.dumps({**status.as_dict(), **more, **({"channel": channel} if channel else {})})


def report_from_json(text: str) -> tuple[Status, int | None]:
    """Return what a report said that was kept."""
    try:
        parts = json.loads(text).get("parts")
    except (AttributeError, ValueError):  # what cannot be read harms no other record
        parts = None
    return read_status(text, PENDING_UNKNOWN), parts


def status_from_json(text: str) -> Status:
    """Return a status that was kept."""
    return read_status(text, PENDING_UNKNOWN)
