"""How statements of the ledger are performed on a connection of psycopg."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg_pool import PoolTimeout

from messaging_channels._ledger.driving import drive, drive_async, to_percent_style
from messaging_channels._ledger.sql_dispatch import statements_for
from messaging_channels._ledger.sql_types import Dialect, Result, Rows, Statement, StatementFlow
from messaging_channels._ledger.tables import (
    FILL_STATUS_POSTGRES,
    FOLD_COUNTERS_POSTGRES,
    FOLD_COUNTS_POSTGRES,
    NOTE_ORIGIN_POSTGRES,
    ORIGIN_CHECK_POSTGRES,
    SCHEMA_CHECK_POSTGRES,
    TRIGGERS_POSTGRES,
    UPGRADE_LOCK_POSTGRES,
)
from messaging_channels._model.errors import LedgerUnavailable

if TYPE_CHECKING:
    from messaging_channels.plugins.ledger import Operation

_CLOCK_LOCK = "hashtextextended('messaging-channels clock', 0)"
CLOCK_SHARED = f"SELECT pg_advisory_xact_lock_shared({_CLOCK_LOCK})"
DIALECT = Dialect(
    for_update=" FOR UPDATE",
    skip_locked=" FOR UPDATE SKIP LOCKED",
    schema_check=SCHEMA_CHECK_POSTGRES,
    advisory_lock="SELECT pg_advisory_xact_lock(hashtextextended(?, 0))",
    clock_shared=CLOCK_SHARED,
    clock_exclusive=f"SELECT pg_try_advisory_xact_lock({_CLOCK_LOCK})",
    schema_lock="SELECT pg_advisory_xact_lock(hashtextextended('messaging-channels schema', 0))",
    columns="SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(?::text) AND attnum > 0 AND NOT attisdropped",
    indexes="SELECT relname FROM pg_index JOIN pg_class ON oid = indexrelid WHERE indrelid = to_regclass(?::text) AND NOT indisprimary",
    fill_status=FILL_STATUS_POSTGRES,
    clock="SELECT extract(epoch FROM clock_timestamp())::float8 + 0 * ?::float8",
    origin_check=ORIGIN_CHECK_POSTGRES,
    note_origin=NOTE_ORIGIN_POSTGRES,
    triggers=TRIGGERS_POSTGRES,
    fold_counts=FOLD_COUNTS_POSTGRES,
    fold_counters=FOLD_COUNTERS_POSTGRES,
    upgrade_lock=UPGRADE_LOCK_POSTGRES,
    commit_later="SET LOCAL synchronous_commit = off",
)
CONNECTION_ERRORS = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout)


def execute(cursor: psycopg.Cursor[Any], operation: Operation[Any]) -> Any:  # noqa: ANN401  the operation's own type decides
    """Do an operation by its own statements."""
    return run_flow(cursor, statements_for(operation, DIALECT))


def run_flow(cursor: psycopg.Cursor[Any], flow: StatementFlow[Result]) -> Result:
    """Perform the statements of a flow, and return what it returns."""
    return drive(flow, lambda statement: _fetch(cursor, statement))


async def run_flow_async(cursor: psycopg.AsyncCursor[Any], flow: StatementFlow[Result]) -> Result:
    """See `run_flow`."""
    return await drive_async(flow, lambda statement: _fetch_async(cursor, statement))


def _fetch(cursor: psycopg.Cursor[Any], statement: Statement) -> Rows:
    cursor.execute(*to_percent_style(statement))
    return cursor.fetchall() if cursor.description else []


async def _fetch_async(cursor: psycopg.AsyncCursor[Any], statement: Statement) -> Rows:
    await cursor.execute(*to_percent_style(statement))
    return await cursor.fetchall() if cursor.description else []


def unavailable_error(error: Exception) -> LedgerUnavailable:
    """Name the fault. The server's own text may hold the values of a row."""
    return LedgerUnavailable(type(error).__name__)


def with_network_limits(options: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """Return options of libpq by which a connection to a machine that has vanished is given up after about so many seconds."""
    third = max(1, round(seconds / 3))
    limits = {
        "tcp_user_timeout": max(1000, round(1000 * seconds)),
        "keepalives_idle": third,
        "keepalives_interval": third,
        "keepalives_count": 2,
    }
    return {**limits, **options}
