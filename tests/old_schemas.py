"""Databases as earlier versions of the library left them: version 1 and version 2, neither of which was numbered."""

from __future__ import annotations

import json

_MESSAGE = (
    "CREATE TABLE message (id TEXT PRIMARY KEY, channel TEXT NOT NULL, kind TEXT NOT NULL, account TEXT, address TEXT NOT NULL,"
    " created DOUBLE PRECISION NOT NULL, status TEXT NOT NULL, version INTEGER NOT NULL, scope TEXT NOT NULL, idempotency_key TEXT,"
    " expires DOUBLE PRECISION NOT NULL, fingerprint TEXT NOT NULL, digest TEXT NOT NULL, holder TEXT NOT NULL,"
    " lease DOUBLE PRECISION NOT NULL, stopped TEXT NOT NULL, {checks} INTEGER NOT NULL, {next_check_at} DOUBLE PRECISION,"
    " {event_count} INTEGER NOT NULL)"
)
_TABLES = (
    "CREATE UNIQUE INDEX message_key ON message (scope, idempotency_key) WHERE idempotency_key IS NOT NULL",
    "CREATE INDEX message_scope ON message (scope, id)",
    (
        "CREATE TABLE attempt (message_id TEXT NOT NULL, number INTEGER NOT NULL, provider TEXT NOT NULL, account TEXT,"
        " started DOUBLE PRECISION NOT NULL, waited DOUBLE PRECISION NOT NULL, duration DOUBLE PRECISION, reason TEXT,"
        " status TEXT, provider_id TEXT, detail TEXT, retry_after DOUBLE PRECISION, PRIMARY KEY (message_id, number))"
    ),
    "CREATE INDEX attempt_provider ON attempt (provider, provider_id) WHERE provider_id IS NOT NULL",
    (
        "CREATE TABLE event (key TEXT PRIMARY KEY, message_id TEXT, provider TEXT NOT NULL, provider_id TEXT, kind TEXT NOT NULL,"
        " at DOUBLE PRECISION NOT NULL, status TEXT, detail TEXT NOT NULL, heard_at DOUBLE PRECISION NOT NULL)"
    ),
    "CREATE INDEX event_message ON event (message_id) WHERE message_id IS NOT NULL",
    "CREATE INDEX event_orphan ON event (provider, provider_id) WHERE message_id IS NULL",
    (
        "CREATE TABLE queue (message_id TEXT PRIMARY KEY, state TEXT NOT NULL, step INTEGER NOT NULL, steps INTEGER NOT NULL,"
        " base INTEGER NOT NULL, tries INTEGER NOT NULL, created DOUBLE PRECISION NOT NULL, due DOUBLE PRECISION NOT NULL,"
        " priority INTEGER NOT NULL, deadline DOUBLE PRECISION, holder TEXT NOT NULL, payload TEXT NOT NULL, recipients TEXT NOT NULL)"
    ),
    "CREATE INDEX queue_due ON queue (priority, due)",
    (
        "CREATE TABLE step (message_id TEXT NOT NULL, step INTEGER NOT NULL, base INTEGER NOT NULL, channel TEXT NOT NULL,"
        " kind TEXT NOT NULL, address TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (message_id, step))"
    ),
)
_COUNTS = (
    "CREATE TABLE {name} (minute INTEGER NOT NULL, worker TEXT NOT NULL, what TEXT NOT NULL, number INTEGER NOT NULL,"
    " PRIMARY KEY (minute, worker, what))"
)
VERSION_1 = (
    _MESSAGE.format(checks="looks", next_check_at="look_at", event_count="heard"),
    "CREATE INDEX message_look ON message (look_at) WHERE look_at IS NOT NULL",
    *_TABLES,
    _COUNTS.format(name="tally"),
)
VERSION_2 = (
    _MESSAGE.format(checks="checks", next_check_at="next_check_at", event_count="event_count"),
    "CREATE INDEX message_next_check ON message (next_check_at) WHERE next_check_at IS NOT NULL",
    *_TABLES,
    _COUNTS.format(name="counter"),
    (
        "CREATE TABLE consent_statement (id TEXT PRIMARY KEY, recipient TEXT NOT NULL, channel TEXT NOT NULL, kind TEXT NOT NULL,"
        " said_at DOUBLE PRECISION, recorded_at DOUBLE PRECISION NOT NULL, category TEXT NOT NULL, source TEXT NOT NULL,"
        " reason TEXT NOT NULL, evidence TEXT NOT NULL, certainty TEXT NOT NULL, expires_at DOUBLE PRECISION, lifts TEXT NOT NULL,"
        " address TEXT NOT NULL)"
    ),
    "CREATE INDEX consent_statement_recipient ON consent_statement (recipient)",
)
REASONS = {
    1: ("accepted", "duplicate_of_earlier", "not_sent.recipient", "not_sent.auth", "unknown.crash"),
    2: (
        "accepted",
        "accepted.duplicate",
        "rejected.recipient",
        "not_sent.credentials",
        "unknown.process_crashed",
    ),
}
"""The same reasons, as each version wrote them."""


def status_text(group: int, group_name: str, number: int, name: str) -> str:
    """Return a status as both versions kept it."""
    return json.dumps(
        {"groupId": group, "groupName": group_name, "id": number, "name": name, "description": ""}
    )


DELIVERED = status_text(3, "DELIVERED", 5, "DELIVERED_TO_HANDSET")
REJECTED = status_text(5, "REJECTED", 52, "REJECTED_DESTINATION")
PENDING = status_text(1, "PENDING", 26, "PENDING_ACCEPTED")


def rows(version: int) -> list[tuple[str, tuple[object, ...]]]:
    """Return the statements that fill a database: one message for each reason, the first of which was delivered."""
    found: list[tuple[str, tuple[object, ...]]] = []
    for number, reason in enumerate(REASONS[version]):
        key = f"{1_700_000_000_000 + number:012x}{number:020x}"
        status = (DELIVERED, PENDING, REJECTED, PENDING, PENDING)[number]
        found += [
            (
                "INSERT INTO message VALUES (?, 'sms', 'Sms', NULL, ?, ?, ?, 1, '', ?, 4e9, 'of its time', '', '', 0, 'over', 0, NULL, 0)",
                (key, "+44•••••••123", 1_700_000_000.0 + number, status, f"order-{number}"),
            ),
            (
                "INSERT INTO attempt VALUES (?, 1, 'vendor', NULL, 1.7e9, 0, 1, ?, ?, ?, '', NULL)",
                (key, reason, status, f"v{number}"),
            ),
        ]
    return found
