"""One operation inside a transaction that the caller began: kept if it is committed, and never seen if it is rolled back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from messaging_channels._ledger.driving import drive, drive_async, to_percent_style
from messaging_channels._ledger.sql_dispatch import statements_for
from messaging_channels._ledger.sql_types import Dialect, Statement, StatementFlow
from messaging_channels._ledger.upgrade import prepare_schema
from messaging_channels._model.errors import InvalidMessage
from messaging_channels.plugins.exchange import Exchange, ExecutorPair
from messaging_channels.plugins.ledger import Operation


@dataclass(frozen=True, slots=True)
class InTransaction(Exchange[Any]):
    """Perform an operation on the caller's connection, which has a transaction open. Reply the operation's.

    The connection is one of `sqlite3`, psycopg or SQLAlchemy (a connection or a session), to the database that holds the ledger.
    """

    connection: Any = field(repr=False)
    operation: Operation[Any]
    may_send: bool = False


def _with_schema(operation: Operation[Any], dialect: Dialect) -> StatementFlow[Any]:
    """Add the ledger's tables first, should they be missing: a part of the caller's transaction too."""
    yield from prepare_schema(dialect)
    return (yield from statements_for(operation, dialect))


def _sqlite(connection: Any, statement: Statement) -> Any:  # noqa: ANN401  whatever the driver returns
    cursor = connection.cursor()
    cursor.row_factory = None
    return cursor.execute(*statement).fetchall()


def _psycopg(connection: Any, statement: Statement) -> Any:  # noqa: ANN401
    from psycopg.rows import tuple_row  # noqa: PLC0415  only where it is used

    with connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(*to_percent_style(statement))
        return cursor.fetchall() if cursor.description else []


async def _psycopg_async(connection: Any, statement: Statement) -> Any:  # noqa: ANN401
    from psycopg.rows import tuple_row  # noqa: PLC0415  only where it is used

    async with connection.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(*to_percent_style(statement))
        return await cursor.fetchall() if cursor.description else []


def _sqlalchemy(connection: Any, statement: Statement) -> Any:  # noqa: ANN401
    result = connection.exec_driver_sql(*_with_paramstyle(connection, statement))
    return [tuple(row) for row in result] if result.returns_rows else []


async def _sqlalchemy_async(connection: Any, statement: Statement) -> Any:  # noqa: ANN401
    result = await connection.exec_driver_sql(*_with_paramstyle(connection, statement))
    return [tuple(row) for row in result] if result.returns_rows else []


class _Sync:
    """Drives the statements on a connection that waits in a thread."""

    def perform(self, exchange: InTransaction) -> Any:  # noqa: ANN401  the operation's own type decides
        connection, library = _opened(exchange.connection)
        if library not in _SYNC:
            raise _unusable_error(connection)
        _require_transaction(connection, library)
        flow, run = _with_schema(exchange.operation, _dialect(connection, library)), _SYNC[library]
        return drive(flow, lambda statement: run(connection, statement))

    def close(self) -> None:
        """Hold nothing."""


class _Async:
    """Drives the statements on a connection that waits in a loop; on one that blocks, where each statement is short (`sqlite3`)."""

    async def perform(self, exchange: InTransaction) -> Any:  # noqa: ANN401  the operation's own type decides
        connection, library = _opened(exchange.connection)
        if library == "sqlite3":
            return _Sync().perform(exchange)
        if library not in _ASYNC:
            raise _unusable_error(connection)
        if library == "sqlalchemy async session":
            connection, library = await connection.connection(), "sqlalchemy async"
        _require_transaction(connection, library)
        flow, run = _with_schema(exchange.operation, _dialect(connection, library)), _ASYNC[library]
        return await drive_async(flow, lambda statement: run(connection, statement))

    async def close(self) -> None:
        """Hold nothing."""


def _opened(given: Any) -> tuple[Any, str]:  # noqa: ANN401  any library's
    """Return the connection behind what was given, and which library it is of."""
    for kind in type(given).__mro__:
        library = _LIBRARIES.get(f"{kind.__module__.partition('.')[0]}.{kind.__name__}")
        if library == "sqlalchemy session":
            return given.connection(), "sqlalchemy"
        if library:
            return given, library
    raise _unusable_error(given)


def _require_transaction(connection: Any, library: str) -> None:  # noqa: ANN401
    """Refuse a connection that would commit each statement by itself; begin the transaction where the driver begins them by itself."""
    if library == "sqlite3" and not connection.in_transaction:
        if connection.isolation_level is None:
            raise _no_transaction_error()
        connection.execute("BEGIN IMMEDIATE")  # one that begins by reading may not write if another has since
    if library.startswith("psycopg") and connection.autocommit and not connection.info.transaction_status:
        raise _no_transaction_error()


def _dialect(connection: Any, library: str) -> Dialect:  # noqa: ANN401
    if library == "sqlite3" or (library.startswith("sqlalchemy") and connection.dialect.name == "sqlite"):
        return Dialect()
    from messaging_channels._ledger.postgres_statements import DIALECT  # noqa: PLC0415  psycopg comes with it

    return DIALECT


def _with_paramstyle(connection: Any, statement: Statement) -> Any:  # noqa: ANN401
    style = connection.dialect.paramstyle
    if style == "qmark":
        return statement
    if style in ("format", "pyformat"):
        text, values = to_percent_style(statement)
        return text.decode(), values
    raise _unusable_error(connection)


def _unusable_error(connection: object) -> InvalidMessage:
    return InvalidMessage(
        f"must be a database connection, got {type(connection).__name__}",
        field="transaction",
        hint="give one of sqlite3, psycopg or SQLAlchemy (psycopg or sqlite), sync for a Dispatcher, async for an AsyncDispatcher",
    )


def _no_transaction_error() -> InvalidMessage:
    return InvalidMessage(
        "the connection has no transaction open, and would commit each statement by itself",
        field="transaction",
        hint="begin one first",
    )


_LIBRARIES: Mapping[str, str] = {
    "sqlite3.Connection": "sqlite3",
    "psycopg.Connection": "psycopg",
    "psycopg.AsyncConnection": "psycopg async",
    "sqlalchemy.Connection": "sqlalchemy",
    "sqlalchemy.Session": "sqlalchemy session",
    "sqlalchemy.scoped_session": "sqlalchemy session",
    "sqlalchemy.AsyncConnection": "sqlalchemy async",
    "sqlalchemy.AsyncSession": "sqlalchemy async session",
}
"""By the package and name of the class, so that none of them needs to be installed."""
_SYNC = {"sqlite3": _sqlite, "psycopg": _psycopg, "sqlalchemy": _sqlalchemy}
_ASYNC = {
    "psycopg async": _psycopg_async,
    "sqlalchemy async": _sqlalchemy_async,
    "sqlalchemy async session": _sqlalchemy_async,
}
EXECUTORS = ExecutorPair(_Sync, _Async)
