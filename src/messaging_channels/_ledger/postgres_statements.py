"""How statements of the ledger are performed on a connection of psycopg, for threads."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg_pool import PoolTimeout

from messaging_channels._ledger.schema import SCHEMA, SCHEMA_CHECK_POSTGRES
from messaging_channels._ledger.sql_dispatch import statements_for
from messaging_channels._ledger.sql_types import Dialect, Statement, StatementFlow
from messaging_channels._model.errors import LedgerUnavailable
from messaging_channels.plugins.ledger import Operation

DIALECT = Dialect(
    " FOR UPDATE",
    " FOR UPDATE SKIP LOCKED",
    SCHEMA_CHECK_POSTGRES,
    "SELECT pg_advisory_xact_lock(hashtextextended(?, 0))",
    "SELECT extract(epoch FROM clock_timestamp())::float8 + 0 * ?::float8",
    "SET LOCAL synchronous_commit = off",
)
SCHEMA_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('messaging-channels schema', 0))"
CONNECTION_ERRORS = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout)


def create_schema(connection: psycopg.Connection[Any]) -> None:
    """Create what is missing of the ledger's tables, in one transaction."""
    with connection.transaction():
        if not connection.execute(DIALECT.schema_check.encode()).fetchall():
            for statement in (SCHEMA_LOCK, *SCHEMA):
                connection.execute(statement.encode())


def execute(cursor: psycopg.Cursor[Any], operation: Operation[Any]) -> Any:  # noqa: ANN401  the operation's own type decides
    """Do an operation by its own statements."""
    return run_flow(cursor, statements_for(operation, DIALECT))


def run_flow(cursor: psycopg.Cursor[Any], flow: StatementFlow[Any]) -> Any:  # noqa: ANN401  the flow's own type decides
    """Perform the statements of a flow, and return what it returns."""
    rows: Any = None
    try:
        while True:
            cursor.execute(*to_percent_style(flow.send(rows)))
            rows = cursor.fetchall() if cursor.description else []
    except StopIteration as done:
        return done.value


def to_percent_style(statement: Statement) -> tuple[bytes, tuple[Any, ...]]:
    """Return a statement as psycopg reads it."""
    text, values = statement
    return text.replace("%", "%%").replace("?", "%s").encode(), values


def unavailable_error(error: Exception) -> LedgerUnavailable:
    """Name the fault. The server's own text may hold the values of a row."""
    return LedgerUnavailable(type(error).__name__)
