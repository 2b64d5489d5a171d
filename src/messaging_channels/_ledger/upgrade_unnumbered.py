"""The steps from the schemas that had no number: how their tables are known, and what is done to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from messaging_channels._ledger.tables import COLUMNS

if TYPE_CHECKING:
    from messaging_channels._ledger.sql_types import Dialect, StatementFlow

FIRST_WITH_PREFIX = 3
ADDED = {
    "message": frozenset({"status_group", "status_id", "status_name", "recipient"}),
    "attempt": frozenset({"outcome"}),
    "step": frozenset({"recipient"}),
    "queue": frozenset({"ready_at"}),
}
"""The columns that versions from 3 on add, by the name a table had before."""
GONE = {"queue": frozenset({"recipients"})}
"""Those that they take away."""
TABLES = {
    "message": "messaging_channels_message",
    "attempt": "messaging_channels_attempt",
    "event": "messaging_channels_event",
    "queue": "messaging_channels_queue",
    "step": "messaging_channels_step",
    "counter": "messaging_channels_counter",
    "failure": "messaging_channels_failure",
    "crashed_claim": "messaging_channels_crashed_claim",
    "paused_account": "messaging_channels_paused_account",
    "ledger_clock": "messaging_channels_clock",
    "ledger_hour": "messaging_channels_hour",
    "ledger_key": "messaging_channels_key",
    "consent_statement": "messaging_channels_consent_statement",
    "consent_link": "messaging_channels_consent_link",
}
"""The names that tables had in version 2, and have since."""
_RENAMED = {"looks": "checks", "look_at": "next_check_at", "heard": "event_count"}
"""Columns of `message` in version 1, and their names since."""
_REASONS = {
    "duplicate_of_earlier": "accepted.duplicate",
    "not_sent.invalid": "rejected.invalid",
    "not_sent.recipient": "rejected.recipient",
    "not_sent.policy": "rejected.policy",
    "not_sent.auth": "not_sent.credentials",
    "not_sent.funds": "not_sent.insufficient_credit",
    "not_sent.route": "rejected.no_coverage",
    "not_sent.absent": "not_sent.not_found",
    "not_sent.local": "not_sent.internal_error",
    "unknown.unidentified": "unknown.unreadable_response",
    "unknown.server": "unknown.server_error",
    "unknown.crash": "unknown.process_crashed",
}
"""Reasons as version 1 wrote them, and as they are read."""


_WORDS_OF_PAYLOADS = (
    ('"extra":[', '"provider_options":['),
    ('"$":"Card"', '"$":"CarouselCard"'),
    ('"$":"UrlSuffix"', '"$":"UrlParameter"'),
    ('"offer_ends":', '"offer_expires_at":'),
    ('"body":[', '"parameters":['),
    ('"body":{"$":"map"', '"parameters":{"$":"map"'),
)
"""Fields and types of messages that wait, as version 1 wrote them. In a message's text a backslash precedes every quotation mark: none is changed."""


def _columns_before(table: str) -> frozenset[str]:
    return COLUMNS[TABLES[table]] - ADDED.get(table, frozenset()) | GONE.get(table, frozenset())


def find_version(columns_of: Callable[[str], StatementFlow[frozenset[str]]]) -> StatementFlow[int]:
    """Return which unnumbered version the database holds; 0 if none, as where an application has a table `message` of its own."""
    columns = yield from columns_of("message")
    if columns == _columns_before("message"):
        return 2
    return 1 if columns == _columns_before("message") - {*_RENAMED.values()} | {*_RENAMED} else 0


def use_words_of_the_field(dialect: Dialect) -> StatementFlow[None]:
    """From version 1 to 2: columns, the table of counters and reasons have other names."""
    for before, after in _RENAMED.items():
        yield f"ALTER TABLE message RENAME COLUMN {before} TO {after}", ()
    if (yield dialect.columns, ("tally",)) and not (yield dialect.columns, ("counter",)):
        yield "ALTER TABLE tally RENAME TO counter", ()
    whens = " ".join(f"WHEN '{before}' THEN '{after}'" for before, after in _REASONS.items())
    known = ", ".join(f"'{before}'" for before in _REASONS)
    yield f"UPDATE attempt SET reason = CASE reason {whens} END WHERE reason IN ({known})", ()  # noqa: S608
    yield (
        "UPDATE message SET fingerprint = ''",
        (),
    )  # messages have other fields since: what was made of the old ones fits none
    payload = "payload"
    for before, after in _WORDS_OF_PAYLOADS:
        payload = f"replace({payload}, '{before}', '{after}')"
    yield f"UPDATE queue SET payload = {payload}", ()  # noqa: S608  constants
    yield "UPDATE event SET kind = 'EngagementReceived' WHERE kind = 'Engaged'", ()


def add_prefix(dialect: Dialect) -> StatementFlow[None]:
    """From version 2 to 3: every table has our prefix, and what is looked for has columns of its own.

    A view takes the place of `message`: an older version cannot put its index on it, and so refuses the database.
    """
    for before, after in TABLES.items():
        columns = frozenset(name for (name,) in (yield dialect.columns, (before,)))
        if columns != _columns_before(before):
            continue  # there is none, or it is the application's
        for (index,) in (yield dialect.indexes, (before,)):
            yield f'DROP INDEX "{index}"', ()
        yield f"ALTER TABLE {before} RENAME TO {after}", ()
    for table, column, kind in _NEW_COLUMNS:
        if (yield dialect.columns, (table,)):
            yield f"ALTER TABLE {table} ADD COLUMN {column} {kind}", ()
    yield dialect.fill_status, ()
    yield _FILL_OUTCOME, ()
    yield (
        "CREATE VIEW message AS SELECT 'its tables are named messaging_channels_... since version 3' AS moved",
        (),
    )


_NEW_COLUMNS = (
    ("messaging_channels_message", "status_group", "INTEGER NOT NULL DEFAULT 1"),
    ("messaging_channels_message", "status_id", "INTEGER NOT NULL DEFAULT 1002"),
    ("messaging_channels_message", "status_name", "TEXT NOT NULL DEFAULT 'PENDING_NOT_SENT'"),
    ("messaging_channels_message", "recipient", "TEXT NOT NULL DEFAULT ''"),
    ("messaging_channels_attempt", "outcome", "TEXT"),
    ("messaging_channels_step", "recipient", "TEXT NOT NULL DEFAULT ''"),
)
_FILL_OUTCOME = (
    "UPDATE messaging_channels_attempt SET outcome = CASE WHEN reason LIKE 'accepted%' THEN 'accepted'"
    " WHEN reason LIKE 'rejected.%' THEN 'rejected' WHEN reason LIKE 'not_sent.%' THEN 'not_sent'"
    " ELSE 'unknown' END WHERE reason IS NOT NULL"
)
