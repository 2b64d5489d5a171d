"""How a database comes to the schema of this version: made afresh, brought there by numbered steps, or refused with a reason.

A step is a flow of statements, in one transaction with all others. What an older version wrote stays readable; the older version itself refuses the database
afterwards, rather than begin anew in it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING

from messaging_channels._ledger import upgrade_unnumbered
from messaging_channels._ledger.sql_insert import add_fallback_recipients
from messaging_channels._ledger.tables import (
    COLUMNS,
    CREATE_FALLBACK_RECIPIENT,
    CREATE_QUEUE_COUNT,
    CREATE_VERSION,
    SCHEMA,
    SCHEMA_VERSION,
    SELECT_VERSION,
)
from messaging_channels._model.errors import InvalidSetting

if TYPE_CHECKING:
    from messaging_channels._ledger.sql_types import Dialect, StatementFlow

MOST_ROWS = 2_000_000
"""Up to how many messages a database is upgraded when it is opened. A larger one keeps others waiting for too long: that is for an operator to begin."""


def prepare_schema(dialect: Dialect, *, most_rows: int = MOST_ROWS) -> StatementFlow[int]:
    """Have the tables there in the form of this version. Return from which version they were brought there; 0 for a new database.

    Args:
        dialect: of the database.
        most_rows: up to how many messages it is upgraded by the way; 0 for any number, where an operator asked for it.

    Raises:
        InvalidSetting: the database is of a newer version of this library, holds tables that are not ours, or is too large to be upgraded by the way.
    """
    if (yield from _is_ready(dialect)):
        return SCHEMA_VERSION
    if dialect.schema_lock:
        yield dialect.schema_lock, ()
        if (yield from _is_ready(dialect)):
            return SCHEMA_VERSION  # another process made them meanwhile, and is at work with them already
    version = yield from find_version(dialect)
    if version > SCHEMA_VERSION:
        raise _newer_error(version)
    if 0 < version < SCHEMA_VERSION and most_rows:
        yield from _require_small(version, most_rows)
    if version:
        yield from _take_steps(version, dialect)
    yield from _create_missing(dialect)
    yield (
        (
            "INSERT INTO messaging_channels_schema (id, version, ledger, generation) VALUES (1, ?, ?, 1)"
            " ON CONFLICT (id) DO UPDATE SET version = excluded.version"
        ),
        (SCHEMA_VERSION, secrets.token_hex(8)),
    )
    return version


def _take_steps(version: int, dialect: Dialect) -> StatementFlow[None]:
    """Bring the tables from that version to this one: all of them are taken before any is changed."""
    if dialect.upgrade_lock:
        names = upgrade_unnumbered.TABLES if version < upgrade_unnumbered.FIRST_WITH_PREFIX else COLUMNS
        yield dialect.upgrade_lock.format(names=", ".join(f"'{name}'" for name in names)), ()
    for number in range(version, SCHEMA_VERSION):
        yield from STEPS[number](dialect)


def _is_ready(dialect: Dialect) -> StatementFlow[bool]:
    """Whether nothing is missing."""
    return bool((yield dialect.schema_check, ())) and (yield from _read_version()) == SCHEMA_VERSION


def find_version(dialect: Dialect) -> StatementFlow[int]:
    """Return of which version the tables are; 0 where there are none of ours.

    Raises:
        InvalidSetting: a table of our name is not ours.
    """
    columns = yield from columns_of(dialect, "messaging_channels_schema")
    if columns:
        if not columns >= COLUMNS["messaging_channels_schema"]:
            raise foreign_error("messaging_channels_schema")
        return (yield from _read_version())
    return (yield from upgrade_unnumbered.find_version(lambda table: columns_of(dialect, table)))


def columns_of(dialect: Dialect, table: str) -> StatementFlow[frozenset[str]]:
    """Return the names of a table's columns; none if there is no such table."""
    rows = yield dialect.columns, (table,)
    return frozenset(name for (name,) in rows)


def _read_version() -> StatementFlow[int]:
    rows = yield SELECT_VERSION, ()
    return int(rows[0][0]) if rows else 0


def _require_small(version: int, most_rows: int) -> StatementFlow[None]:
    table = "messaging_channels_message" if version >= upgrade_unnumbered.FIRST_WITH_PREFIX else "message"
    ((count,),) = yield f"SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT {most_rows + 1}) AS found", ()  # noqa: S608
    if count > most_rows:
        raise InvalidSetting(
            f"its tables are of version {version}, and hold so many messages that the upgrade takes a while",
            setting="ledger",
            source="the database",
            hint="run `messaging-channels ledger upgrade` when nobody else uses it",
        )


def _create_missing(dialect: Dialect) -> StatementFlow[None]:
    """Make what is not there, once whatever is there is known as ours."""
    for table, expected in COLUMNS.items():
        columns = yield from columns_of(dialect, table)
        if columns and not columns >= expected:
            raise foreign_error(table)
    for statement in (*SCHEMA, *dialect.triggers):
        yield statement, ()


def foreign_error(table: str) -> InvalidSetting:
    """Return the error of a table that has a name of ours and is somebody else's."""
    return InvalidSetting(
        f"the table {table} in it was not made by this library: it has other columns",
        setting="ledger",
        source="the database",
        hint="name another database or schema for the ledger, or rename that table",
    )


def _newer_error(version: int) -> InvalidSetting:
    return InvalidSetting(
        f"its tables are of version {version}, and this version of messaging-channels knows them up to {SCHEMA_VERSION}",
        setting="ledger",
        source="the database",
        hint="upgrade messaging-channels here too, or name another ledger",
    )


def _add_prefix(dialect: Dialect) -> StatementFlow[None]:
    yield CREATE_VERSION, ()
    yield from upgrade_unnumbered.add_prefix(dialect)


def _add_inbound(_: Dialect) -> StatementFlow[None]:
    """From version 3 to 4: tables for what came in, made with all that is missing."""
    yield from ()


def _count_without_rows(dialect: Dialect) -> StatementFlow[None]:
    """From version 4 to 5: what waits is counted as it comes and goes, and a recipient is found by an index in place of a search through texts."""
    yield CREATE_QUEUE_COUNT, ()
    yield CREATE_FALLBACK_RECIPIENT, ()
    yield (
        "DROP INDEX IF EXISTS messaging_channels_message_address",
        (),
    )  # one of those that have no digest is enough
    if not (yield from columns_of(dialect, "messaging_channels_queue")):
        return
    yield "ALTER TABLE messaging_channels_queue ADD COLUMN ready_at DOUBLE PRECISION NOT NULL DEFAULT 0", ()
    rows = yield "SELECT message_id, recipients FROM messaging_channels_queue WHERE steps > 1", ()
    for message_id, recipients in rows:
        yield from add_fallback_recipients(message_id, recipients)
    yield "ALTER TABLE messaging_channels_queue DROP COLUMN recipients", ()
    yield "DROP INDEX IF EXISTS messaging_channels_queue_due", ()
    yield _FILL_READY_AT, ()
    yield (
        (
            "INSERT INTO messaging_channels_queue_count (state, backend, number)"
            " SELECT state, 0, count(*) FROM messaging_channels_queue GROUP BY state"
        ),
        (),
    )


_FILL_READY_AT = (
    "UPDATE messaging_channels_queue SET ready_at = CASE WHEN tries = 0 THEN due ELSE coalesce((SELECT min(started)"
    " FROM messaging_channels_attempt AS attempt WHERE attempt.message_id = messaging_channels_queue.message_id"
    " AND attempt.number > messaging_channels_queue.base), created) END"
)
STEPS: dict[int, Callable[[Dialect], StatementFlow[None]]] = {
    1: upgrade_unnumbered.use_words_of_the_field,
    2: _add_prefix,
    3: _add_inbound,
    4: _count_without_rows,
}
"""By the version from which each leads to the next."""
