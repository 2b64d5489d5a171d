"""Statements as rows of a table, in SQLite and PostgreSQL alike. Nothing in it is ever changed."""

from __future__ import annotations

from typing import Any

from messaging_channels._model.statements import ConsentStatement, StatementKind

COLUMNS = (
    "id, recipient, channel, kind, said_at, recorded_at, category, source, reason, evidence, certainty, expires_at,"
    " lifts, address"
)


def statement_tables(table: str) -> tuple[str, str]:
    """Return what makes the table of that name, and its index."""
    return (
        (
            f"CREATE TABLE IF NOT EXISTS {table} ("
            "id TEXT PRIMARY KEY, recipient TEXT NOT NULL, channel TEXT NOT NULL, kind TEXT NOT NULL, said_at DOUBLE PRECISION,"
            " recorded_at DOUBLE PRECISION NOT NULL, category TEXT NOT NULL, source TEXT NOT NULL, reason TEXT NOT NULL,"
            " evidence TEXT NOT NULL, certainty TEXT NOT NULL, expires_at DOUBLE PRECISION, lifts TEXT NOT NULL,"
            " address TEXT NOT NULL)"
        ),
        f"CREATE INDEX IF NOT EXISTS {table}_recipient ON {table} (recipient)",
    )


def statement_values(one: ConsentStatement) -> tuple[Any, ...]:
    """Return a statement as a row, in the order of `COLUMNS`."""
    return (
        one.id,
        one.recipient,
        one.channel,
        one.kind.value,
        one.said_at,
        one.recorded_at,
        one.category,
        one.source,
        one.reason,
        one.evidence,
        one.certainty,
        one.expires_at,
        one.lifts,
        one.address,
    )


def statement_from_row(row: tuple[Any, ...]) -> ConsentStatement:
    """Return the statement of a row."""
    key, recipient, channel, kind, *rest = row
    return ConsentStatement(key, recipient, channel, StatementKind(kind), *rest)


def insert_statement(one: ConsentStatement, table: str) -> tuple[str, tuple[Any, ...]]:
    """Return what keeps a statement in the table of that name, unless it is there; a row comes back if it was not."""
    return (
        (
            f"INSERT INTO {table} ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608  constants
            " ON CONFLICT DO NOTHING RETURNING id"
        ),
        tuple(map(_clean, statement_values(one))),
    )


def _clean(value: Any) -> Any:  # noqa: ANN401  a column's value
    """Return what people and vendors wrote as a database can hold it: without NUL and lone surrogates."""
    if not isinstance(value, str):
        return value
    return value.replace("\x00", "").encode("utf-8", "replace").decode()
