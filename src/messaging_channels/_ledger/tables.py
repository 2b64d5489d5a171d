"""The ledger's tables, the same for SQLite and PostgreSQL. Times are seconds since the epoch, UTC.

All of them begin with `messaging_channels_`, so that an application with tables of any name may share the database. What an older version left is brought
to this form by the steps of `_ledger.upgrade`.
"""

from __future__ import annotations

import re

from messaging_channels._model.consent_rows import statement_tables

SCHEMA_VERSION = 5
"""1 and 2 were not numbered, and their tables had no prefix. A database of a higher number is refused."""
CREATE_VERSION = (
    "CREATE TABLE IF NOT EXISTS messaging_channels_schema ("
    "id INTEGER PRIMARY KEY, version INTEGER NOT NULL, ledger TEXT NOT NULL, generation BIGINT NOT NULL)"
)
SELECT_VERSION = "SELECT version FROM messaging_channels_schema WHERE id = 1"
CREATE_QUEUE_COUNT = (
    "CREATE TABLE IF NOT EXISTS messaging_channels_queue_count ("
    "state TEXT NOT NULL, backend INTEGER NOT NULL, number BIGINT NOT NULL, PRIMARY KEY (state, backend))"
)
"""How many messages wait, by what for: kept by triggers, so that nobody counts rows. Each connection of PostgreSQL has rows of its own."""
CREATE_FALLBACK_RECIPIENT = (
    "CREATE TABLE IF NOT EXISTS messaging_channels_fallback_recipient ("
    "recipient TEXT NOT NULL, message_id TEXT NOT NULL, PRIMARY KEY (recipient, message_id))"
)
"""Digests of the addresses of a message that has more than one: its later steps may go to others than its first."""
SCHEMA = (
    CREATE_VERSION,
    (
        "CREATE TABLE IF NOT EXISTS messaging_channels_message ("
        "id TEXT PRIMARY KEY, channel TEXT NOT NULL, kind TEXT NOT NULL, account TEXT, address TEXT NOT NULL,"
        " created DOUBLE PRECISION NOT NULL, status TEXT NOT NULL, version INTEGER NOT NULL,"
        " scope TEXT NOT NULL, idempotency_key TEXT,"
        " expires DOUBLE PRECISION NOT NULL, fingerprint TEXT NOT NULL, digest TEXT NOT NULL, holder TEXT NOT NULL,"
        " lease DOUBLE PRECISION NOT NULL, stopped TEXT NOT NULL, checks INTEGER NOT NULL, next_check_at DOUBLE PRECISION,"
        " event_count INTEGER NOT NULL, status_group INTEGER NOT NULL DEFAULT 1, status_id INTEGER NOT NULL DEFAULT 1002,"
        " status_name TEXT NOT NULL DEFAULT 'PENDING_NOT_SENT', recipient TEXT NOT NULL DEFAULT '')"
    ),
    (
        "CREATE UNIQUE INDEX IF NOT EXISTS messaging_channels_message_key ON messaging_channels_message (scope, idempotency_key)"
        " WHERE idempotency_key IS NOT NULL"
    ),
    "CREATE INDEX IF NOT EXISTS messaging_channels_message_scope ON messaging_channels_message (scope, id)",
    (
        "CREATE INDEX IF NOT EXISTS messaging_channels_message_kind ON messaging_channels_message"
        " (scope, channel, status_group, status_name, id)"
    ),
    (
        "CREATE INDEX IF NOT EXISTS messaging_channels_message_address_alone ON messaging_channels_message (address, id)"
        " WHERE address <> '' AND recipient = ''"
    ),
    (
        "CREATE INDEX IF NOT EXISTS messaging_channels_message_recipient ON messaging_channels_message (recipient)"
        " WHERE recipient <> ''"
    ),
    (
        "CREATE INDEX IF NOT EXISTS messaging_channels_message_next_check ON messaging_channels_message (next_check_at)"
        " WHERE next_check_at IS NOT NULL"
    ),
    (
        "CREATE TABLE IF NOT EXISTS messaging_channels_attempt ("
        "message_id TEXT NOT NULL, number INTEGER NOT NULL, provider TEXT NOT NULL, account TEXT,"
        " started DOUBLE PRECISION NOT NULL, waited DOUBLE PRECISION NOT NULL, duration DOUBLE PRECISION, reason TEXT,"
        " status TEXT, provider_id TEXT, detail TEXT, retry_after DOUBLE PRECISION, outcome TEXT,"
        " PRIMARY KEY (message_id, number))"
    ),
    (
        "CREATE INDEX IF NOT EXISTS messaging_channels_attempt_provider ON messaging_channels_attempt (provider, provider_id)"
        " WHERE provider_id IS NOT NULL"
    ),
    (
        "CREATE TABLE IF NOT EXISTS messaging_channels_event ("
        "key TEXT PRIMARY KEY, message_id TEXT, provider TEXT NOT NULL, provider_id TEXT, kind TEXT NOT NULL,"
        " at DOUBLE PRECISION NOT NULL, status TEXT, detail TEXT NOT NULL, heard_at DOUBLE PRECISION NOT NULL)"
    ),
    (
        "CREATE INDEX IF NOT EXISTS messaging_channels_event_message ON messaging_channels_event (message_id)"
        " WHERE message_id IS NOT NULL"
    ),
    (
        "CREATE INDEX IF NOT EXISTS messaging_channels_event_orphan ON messaging_channels_event (provider, provider_id)"
        " WHERE message_id IS NULL"
    ),
    (
        "CREATE INDEX IF NOT EXISTS messaging_channels_event_unmatched ON messaging_channels_event (heard_at)"
        " WHERE message_id IS NULL"
    ),
    (
        "CREATE TABLE IF NOT EXISTS messaging_channels_queue ("
        "message_id TEXT PRIMARY KEY, state TEXT NOT NULL, step INTEGER NOT NULL, steps INTEGER NOT NULL, base INTEGER NOT NULL,"
        " tries INTEGER NOT NULL, created DOUBLE PRECISION NOT NULL, due DOUBLE PRECISION NOT NULL, priority INTEGER NOT NULL,"
        " deadline DOUBLE PRECISION, holder TEXT NOT NULL, payload TEXT NOT NULL, ready_at DOUBLE PRECISION NOT NULL DEFAULT 0)"
    ),
    "CREATE INDEX IF NOT EXISTS messaging_channels_queue_due ON messaging_channels_queue (priority, due, state)",
    "CREATE INDEX IF NOT EXISTS messaging_channels_queue_ready ON messaging_channels_queue (ready_at) WHERE state = 'waiting'",
    "CREATE INDEX IF NOT EXISTS messaging_channels_queue_dead ON messaging_channels_queue (message_id) WHERE state = 'dead'",
    CREATE_QUEUE_COUNT,
    CREATE_FALLBACK_RECIPIENT,
    (
        "CREATE INDEX IF NOT EXISTS messaging_channels_fallback_recipient_message ON messaging_channels_fallback_recipient"
        " (message_id)"
    ),
    (
        "CREATE TABLE IF NOT EXISTS messaging_channels_written ("
        "id INTEGER PRIMARY KEY, transaction_id BIGINT NOT NULL, place TEXT NOT NULL, at DOUBLE PRECISION NOT NULL)"
    ),
    "CREATE INDEX IF NOT EXISTS messaging_channels_queue_created ON messaging_channels_queue (created)",
    (
        "CREATE TABLE IF NOT EXISTS messaging_channels_step ("
        "message_id TEXT NOT NULL, step INTEGER NOT NULL, base INTEGER NOT NULL, channel TEXT NOT NULL, kind TEXT NOT NULL,"
        " address TEXT NOT NULL, digest TEXT NOT NULL, recipient TEXT NOT NULL DEFAULT '', PRIMARY KEY (message_id, step))"
    ),
    (
        "CREATE INDEX IF NOT EXISTS messaging_channels_step_address ON messaging_channels_step (address, message_id)"
        " WHERE address <> ''"
    ),
    (
        "CREATE INDEX IF NOT EXISTS messaging_channels_step_recipient ON messaging_channels_step (recipient)"
        " WHERE recipient <> ''"
    ),
    (
        "CREATE TABLE IF NOT EXISTS messaging_channels_counter ("
        "minute INTEGER NOT NULL, worker TEXT NOT NULL, what TEXT NOT NULL, number INTEGER NOT NULL,"
        " PRIMARY KEY (minute, worker, what))"
    ),
    (
        "CREATE TABLE IF NOT EXISTS messaging_channels_failure ("
        "source TEXT PRIMARY KEY, reason TEXT NOT NULL, advice TEXT NOT NULL, vendor_code TEXT NOT NULL,"
        " vendor_text TEXT NOT NULL)"
    ),
    (
        "CREATE TABLE IF NOT EXISTS messaging_channels_crashed_claim ("
        "message_id TEXT PRIMARY KEY, number INTEGER NOT NULL)"
    ),
    (
        "CREATE TABLE IF NOT EXISTS messaging_channels_paused_account ("
        "provider TEXT NOT NULL, account TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL,"
        " since DOUBLE PRECISION NOT NULL, next_probe_at DOUBLE PRECISION NOT NULL, probes INTEGER NOT NULL,"
        " PRIMARY KEY (provider, account))"
    ),
    "CREATE TABLE IF NOT EXISTS messaging_channels_clock (name TEXT PRIMARY KEY, at DOUBLE PRECISION NOT NULL)",
    "CREATE TABLE IF NOT EXISTS messaging_channels_hour (hour BIGINT PRIMARY KEY, place INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS messaging_channels_key (message_id TEXT PRIMARY KEY, place INTEGER NOT NULL)",
    (
        "CREATE TABLE IF NOT EXISTS messaging_channels_inbound ("
        "event_key TEXT NOT NULL, handler TEXT NOT NULL, conversation TEXT NOT NULL, event_type TEXT NOT NULL,"
        " event TEXT NOT NULL, call_id TEXT NOT NULL, position TEXT NOT NULL, received_at DOUBLE PRECISION NOT NULL,"
        " due DOUBLE PRECISION, tries INTEGER NOT NULL, holder TEXT NOT NULL, error TEXT NOT NULL,"
        " PRIMARY KEY (event_key, handler))"
    ),
    (
        "CREATE INDEX IF NOT EXISTS messaging_channels_inbound_due ON messaging_channels_inbound (due, position)"
        " WHERE due IS NOT NULL"
    ),
    (
        "CREATE INDEX IF NOT EXISTS messaging_channels_inbound_conversation ON messaging_channels_inbound"
        " (conversation, handler, position)"
    ),
    "CREATE INDEX IF NOT EXISTS messaging_channels_inbound_told ON messaging_channels_inbound (call_id)",
    "CREATE TABLE IF NOT EXISTS messaging_channels_inbound_call (id TEXT PRIMARY KEY, call TEXT NOT NULL)",
    *statement_tables(CONSENT_TABLE := "messaging_channels_consent_statement"),
    f"CREATE INDEX IF NOT EXISTS {CONSENT_TABLE}_recorded ON {CONSENT_TABLE} (recorded_at, id)",
    (
        "CREATE TABLE IF NOT EXISTS messaging_channels_consent_link ("
        "recipient TEXT NOT NULL, other TEXT NOT NULL, linked_at DOUBLE PRECISION NOT NULL, PRIMARY KEY (recipient, other))"
    ),
    (
        "CREATE TABLE IF NOT EXISTS messaging_channels_shared_rate ("
        "name TEXT PRIMARY KEY, next_free DOUBLE PRECISION NOT NULL, seen DOUBLE PRECISION NOT NULL)"
    ),
    "CREATE INDEX IF NOT EXISTS messaging_channels_shared_rate_next_free ON messaging_channels_shared_rate (next_free)",
    "CREATE TABLE IF NOT EXISTS messaging_channels_shared_budget (name TEXT PRIMARY KEY, spent BIGINT NOT NULL, day INTEGER NOT NULL)",
    (
        "CREATE TABLE IF NOT EXISTS messaging_channels_report_cursor ("
        "provider TEXT NOT NULL, account TEXT NOT NULL, mark TEXT NOT NULL, PRIMARY KEY (provider, account))"
    ),
    (
        "CREATE TABLE IF NOT EXISTS messaging_channels_shared_circuit ("
        "name TEXT PRIMARY KEY, failures INTEGER NOT NULL, open_until DOUBLE PRECISION NOT NULL,"
        " probed_at DOUBLE PRECISION NOT NULL, seen DOUBLE PRECISION NOT NULL)"
    ),
)
"""In the order in which they are made. Whatever is there already stays as it is."""

COLUMNS: dict[str, frozenset[str]] = {
    made[1]: frozenset(re.findall(r"(?:^|, )([a-z_]+) [A-Z]", made[2]))
    for statement in SCHEMA
    if (made := re.match(r"CREATE TABLE IF NOT EXISTS (\w+) \((.+)\)$", statement))
}
"""The names of the columns of each table: by them a table is known as ours."""
_TABLES_AND_INDEXES = [re.findall(r"IF NOT EXISTS (\w+)", statement)[0] for statement in SCHEMA]
SCHEMA_CHECK_SQLITE, SCHEMA_CHECK_POSTGRES = (
    f"SELECT 1 WHERE {len(_TABLES_AND_INDEXES)} = (SELECT count(DISTINCT {column}) FROM {table} WHERE {column} IN ('{names}'){visible})"  # noqa: S608
    for names in ("', '".join(_TABLES_AND_INDEXES),)
    for column, table, visible in (
        ("name", "sqlite_master", ""),
        ("relname", "pg_class", " AND pg_table_is_visible(oid)"),
    )
)
"""What finds a row where nothing of the schema is missing. Creating what is there already would wait for everybody who writes."""
_COUNT_SQLITE = (
    "INSERT INTO messaging_channels_queue_count (state, backend, number) VALUES ({state}, 0, {change})"
    " ON CONFLICT (state, backend) DO UPDATE SET number = number + excluded.number;"
)
_COUNT_POSTGRES = (
    "INSERT INTO messaging_channels_queue_count AS kept (state, backend, number) {found}"
    " ON CONFLICT (state, backend) DO UPDATE SET number = kept.number + excluded.number;"
)
_ADDED, _GONE = (
    _COUNT_SQLITE.format(state=f"{row}.state", change=change) for row, change in (("NEW", 1), ("OLD", -1))
)
TRIGGERS_SQLITE = tuple(
    f"CREATE TRIGGER IF NOT EXISTS messaging_channels_queue_{name} AFTER {when} BEGIN {count} END"
    for name, when, count in (
        ("added", "INSERT ON messaging_channels_queue", _ADDED),
        ("deleted", "DELETE ON messaging_channels_queue", _GONE),
        (
            "changed",
            "UPDATE OF state ON messaging_channels_queue WHEN NEW.state <> OLD.state",
            f"{_ADDED} {_GONE}",
        ),
    )
)
_FOUND_ADDED, _FOUND_GONE = (
    f"SELECT state, pg_backend_pid(), {sign}count(*) FROM changed GROUP BY state"  # noqa: S608  our own words
    for sign in ("", "-")
)
_FOUND_CHANGED = "VALUES (NEW.state, pg_backend_pid(), 1), (OLD.state, pg_backend_pid(), -1)"
TRIGGERS_POSTGRES = tuple(
    statement
    for name, when, found in (
        (
            "added",
            "AFTER INSERT ON messaging_channels_queue REFERENCING NEW TABLE AS changed FOR EACH STATEMENT",
            _FOUND_ADDED,
        ),
        (
            "deleted",
            "AFTER DELETE ON messaging_channels_queue REFERENCING OLD TABLE AS changed FOR EACH STATEMENT",
            _FOUND_GONE,
        ),
        (
            "changed",
            "AFTER UPDATE OF state ON messaging_channels_queue FOR EACH ROW WHEN (NEW.state <> OLD.state)",
            _FOUND_CHANGED,
        ),
    )
    for statement in (
        (
            f"CREATE OR REPLACE FUNCTION messaging_channels_queue_{name}() RETURNS trigger LANGUAGE plpgsql AS"
            f" 'BEGIN {_COUNT_POSTGRES.format(found=found)} RETURN NULL; END'"
        ),
        (
            "DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_trigger WHERE tgrelid = to_regclass('messaging_channels_queue')"  # noqa: S608  our own words
            f" AND tgname = 'messaging_channels_queue_{name}') THEN CREATE TRIGGER messaging_channels_queue_{name} {when}"
            f" EXECUTE FUNCTION messaging_channels_queue_{name}(); END IF; END $$"
        ),
    )
)
"""What counts the messages that wait. A connection of PostgreSQL adds to rows that are its own, so that none waits for another."""
FOLD_COUNTS_POSTGRES = (
    "WITH gone AS (DELETE FROM messaging_channels_queue_count AS kept WHERE backend <> 0 AND NOT EXISTS"
    " (SELECT 1 FROM pg_stat_activity WHERE pid = kept.backend) RETURNING state, number)"
    " INSERT INTO messaging_channels_queue_count AS kept (state, backend, number)"
    " SELECT state, 0, sum(number) FROM gone GROUP BY state ORDER BY state"
    " ON CONFLICT (state, backend) DO UPDATE SET number = kept.number + excluded.number"
)
"""What puts the rows of connections that have ended together."""
UPGRADE_LOCK_POSTGRES = (
    "DO $$ DECLARE names text := (SELECT string_agg(one::regclass::text, ', ') FROM unnest(ARRAY[{names}]) AS found (one)"
    " WHERE to_regclass(one) IS NOT NULL); BEGIN FOR tried IN 1..600 LOOP BEGIN"
    " PERFORM set_config('lock_timeout', '100ms', true);"
    " EXECUTE 'LOCK TABLE ' || names || ' IN ACCESS EXCLUSIVE MODE'; EXIT;"
    " EXCEPTION WHEN lock_not_available OR deadlock_detected THEN PERFORM pg_sleep(0.02 * random()); END; END LOOP;"
    " PERFORM set_config('lock_timeout', '0', true); END $$"
)
"""What takes all tables before any of them is changed. It lets go of them again, and does not wait in a circle with who uses them in another order."""
_ADD_TO_FOLDED = " ON CONFLICT (minute, worker, what) DO UPDATE SET number = messaging_channels_counter.number + excluded.number"
FOLD_COUNTERS_SQLITE = (
    (
        "INSERT INTO messaging_channels_counter (minute, worker, what, number) SELECT 0, 'all', what, sum(number)"  # noqa: S608  our own words
        f" FROM messaging_channels_counter WHERE minute > 0 AND minute < ? GROUP BY what{_ADD_TO_FOLDED}"
    ),
    "DELETE FROM messaging_channels_counter WHERE minute > 0 AND minute < ?",
)
FOLD_COUNTERS_POSTGRES = (
    (
        "WITH gone AS (DELETE FROM messaging_channels_counter WHERE minute > 0 AND minute < ? RETURNING what, number)"  # noqa: S608  our own words
        " INSERT INTO messaging_channels_counter (minute, worker, what, number)"
        f" SELECT 0, 'all', what, sum(number) FROM gone GROUP BY what ORDER BY what{_ADD_TO_FOLDED}"
    ),
)
"""What puts the counters of past minutes together, into rows of minute 0."""
_DATABASE = "(SELECT oid::text FROM pg_database WHERE datname = current_database())"
ORIGIN_CHECK_POSTGRES = (
    "SELECT 1 FROM messaging_channels_written WHERE id = 1 AND"  # noqa: S608  our own words
    f" (transaction_id <> xmin::text::bigint OR place <> {_DATABASE})"
)
"""What finds a row where that of the table was written by another transaction than it says, as a dump does, or in another database."""
NOTE_ORIGIN_POSTGRES = (
    "INSERT INTO messaging_channels_written (id, transaction_id, place, at)"
    f" SELECT 1, txid_current() & 4294967295, {_DATABASE}, ? ON CONFLICT (id) DO UPDATE SET"
    " transaction_id = excluded.transaction_id, place = excluded.place, at = excluded.at"
)
FILL_STATUS_SQLITE = (
    "UPDATE messaging_channels_message SET status_group = json_extract(status, '$.groupId'),"
    " status_id = json_extract(status, '$.id'), status_name = json_extract(status, '$.name')"
    " WHERE json_valid(status) AND json_extract(status, '$.name') IS NOT NULL"
)
FILL_STATUS_POSTGRES = (
    "UPDATE messaging_channels_message SET status_group = (status::json->>'groupId')::integer,"
    " status_id = (status::json->>'id')::integer, status_name = status::json->>'name'"
)
