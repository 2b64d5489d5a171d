"""The gateway's own tables, the same for SQLite and PostgreSQL. Times are seconds since the epoch, UTC.

All of them begin with `messaging_channels_gateway_`, so that they may stand beside the ledger's and an application's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from messaging_channels.errors import InvalidSetting

if TYPE_CHECKING:
    from messaging_channels_gateway.store.state import Connection

SCHEMA_VERSION = 2
"""Version 1 had no number and no prefix. A database of a higher number is refused."""
PREFIX = "messaging_channels_gateway_"
SERIAL = "{serial}"
"""Stands for a primary key that counts upwards, which each database writes in its own way."""
TABLES = (
    "key",
    "entry",
    "endpoint",
    "call",
    "schedule",
    "signing",
    "event",
    "delivery",
)
"""Those of version 1, in the order in which they are copied."""
_OLD_INDEXES = ("schedule_next_check", "event_tenant", "delivery_due", "delivery_state")
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS messaging_channels_gateway_schema (id INTEGER PRIMARY KEY, version INTEGER NOT NULL)",
    (
        "CREATE TABLE IF NOT EXISTS messaging_channels_gateway_key (id TEXT PRIMARY KEY, digest TEXT NOT NULL, tenant TEXT NOT NULL,"
        " name TEXT NOT NULL, scopes TEXT NOT NULL, created DOUBLE PRECISION NOT NULL, expires DOUBLE PRECISION)"
    ),
    (
        "CREATE TABLE IF NOT EXISTS messaging_channels_gateway_entry (tenant TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL,"
        " document TEXT NOT NULL, PRIMARY KEY (tenant, kind, id))"
    ),
    (
        "CREATE TABLE IF NOT EXISTS messaging_channels_gateway_endpoint (id TEXT PRIMARY KEY, tenant TEXT NOT NULL, url TEXT NOT NULL,"
        " events TEXT NOT NULL, secret TEXT NOT NULL, old_secret TEXT, created DOUBLE PRECISION NOT NULL,"
        " failing_since DOUBLE PRECISION, disabled TEXT NOT NULL DEFAULT '')"
    ),
    "CREATE INDEX IF NOT EXISTS messaging_channels_gateway_endpoint_tenant ON messaging_channels_gateway_endpoint (tenant)",
    (
        "CREATE TABLE IF NOT EXISTS messaging_channels_gateway_call (tenant TEXT NOT NULL, idempotency_key TEXT NOT NULL,"
        " fingerprint TEXT NOT NULL, callback_url TEXT, created DOUBLE PRECISION NOT NULL, PRIMARY KEY (tenant, idempotency_key))"
    ),
    (
        "CREATE TABLE IF NOT EXISTS messaging_channels_gateway_schedule (tenant TEXT NOT NULL, idempotency_key TEXT NOT NULL,"
        " send_at DOUBLE PRECISION NOT NULL, next_check_at DOUBLE PRECISION, PRIMARY KEY (tenant, idempotency_key))"
    ),
    (
        "CREATE INDEX IF NOT EXISTS messaging_channels_gateway_schedule_next_check ON messaging_channels_gateway_schedule (next_check_at)"
        " WHERE next_check_at IS NOT NULL"
    ),
    "CREATE INDEX IF NOT EXISTS messaging_channels_gateway_schedule_send_at ON messaging_channels_gateway_schedule (send_at)",
    "CREATE TABLE IF NOT EXISTS messaging_channels_gateway_signing (tenant TEXT PRIMARY KEY, secret TEXT NOT NULL)",
    (
        f"CREATE TABLE IF NOT EXISTS messaging_channels_gateway_event (seq {SERIAL}, id TEXT NOT NULL UNIQUE, tenant TEXT NOT NULL,"
        " name TEXT NOT NULL, at DOUBLE PRECISION NOT NULL, data TEXT NOT NULL)"
    ),
    "CREATE INDEX IF NOT EXISTS messaging_channels_gateway_event_tenant ON messaging_channels_gateway_event (tenant, seq)",
    "CREATE INDEX IF NOT EXISTS messaging_channels_gateway_event_at ON messaging_channels_gateway_event (at)",
    (
        f"CREATE TABLE IF NOT EXISTS messaging_channels_gateway_delivery (id {SERIAL}, event_id TEXT NOT NULL, tenant TEXT NOT NULL,"
        " endpoint TEXT, url TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, due DOUBLE PRECISION,"
        " state TEXT NOT NULL DEFAULT 'waiting', problem TEXT NOT NULL DEFAULT '', target TEXT NOT NULL DEFAULT '',"
        " holder TEXT NOT NULL DEFAULT '', UNIQUE (event_id, url))"
    ),
    (
        "CREATE INDEX IF NOT EXISTS messaging_channels_gateway_delivery_due ON messaging_channels_gateway_delivery (target, due, id)"
        " WHERE due IS NOT NULL"
    ),
    "CREATE INDEX IF NOT EXISTS messaging_channels_gateway_delivery_state ON messaging_channels_gateway_delivery (tenant, state, id)",
    (
        "CREATE TABLE IF NOT EXISTS messaging_channels_gateway_target (target TEXT PRIMARY KEY, failures INTEGER NOT NULL,"
        " open_until DOUBLE PRECISION NOT NULL, seen DOUBLE PRECISION NOT NULL)"
    ),
    (
        "CREATE TABLE IF NOT EXISTS messaging_channels_gateway_node (id TEXT PRIMARY KEY, told DOUBLE PRECISION NOT NULL,"
        " seen DOUBLE PRECISION NOT NULL)"
    ),
    (
        "CREATE TABLE IF NOT EXISTS messaging_channels_gateway_lease (name TEXT PRIMARY KEY, holder TEXT NOT NULL,"
        " until DOUBLE PRECISION NOT NULL, working_since DOUBLE PRECISION)"
    ),
)
"""In the order in which they are made. Whatever is there already stays as it is."""


def prepare_tables(database: Connection) -> bool:
    """Have the tables there in the form of this version, in the caller's transaction; return whether they are new.

    Raises:
        InvalidSetting: they are of a newer version of the gateway.
    """
    database.lock("schema")
    version = _version(database)
    if version > SCHEMA_VERSION:
        raise InvalidSetting(
            f"holds tables of version {version}, and this version of the gateway knows them up to {SCHEMA_VERSION}",
            setting="gateway.database",
            source="the database",
            hint="upgrade messaging-channels-gateway here too, or name another database",
        )
    if version < SCHEMA_VERSION:
        if version == 1:
            _add_prefix(database)
        for statement in SCHEMA:
            database.execute(statement.replace(SERIAL, database.serial))
        database.execute(
            "INSERT INTO messaging_channels_gateway_schema (id, version) VALUES (1, ?)"
            " ON CONFLICT (id) DO UPDATE SET version = excluded.version",
            (SCHEMA_VERSION,),
        )
    return version == 0


def _version(database: Connection) -> int:
    """Return of which version the tables are; 0 where there are none."""
    if database.has_table("messaging_channels_gateway_schema"):
        rows = database.execute("SELECT version FROM messaging_channels_gateway_schema WHERE id = 1")
        return int(rows[0][0]) if rows else 0
    # only a file of the gateway alone was ever without the prefix: elsewhere such names are somebody else's
    return 1 if database.is_own_file and database.has_table("delivery") else 0


def _add_prefix(database: Connection) -> None:
    """From version 1 to 2: names with the prefix, and who delivers what to whom."""
    for index in _OLD_INDEXES:
        database.execute(f"DROP INDEX IF EXISTS {index}")
    for table in TABLES:
        database.execute(f"ALTER TABLE {table} RENAME TO {PREFIX}{table}")
    database.execute(
        "ALTER TABLE messaging_channels_gateway_delivery ADD COLUMN target TEXT NOT NULL DEFAULT ''"
    )
    database.execute(
        "ALTER TABLE messaging_channels_gateway_delivery ADD COLUMN holder TEXT NOT NULL DEFAULT ''"
    )
    database.execute(
        "UPDATE messaging_channels_gateway_delivery SET target = tenant || ' ' || coalesce(endpoint, url)"
    )
