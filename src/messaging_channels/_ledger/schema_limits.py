"""The tables of limits that processes share. Their rows are forgotten when they limit nothing any more."""

from __future__ import annotations

LIMITS_SCHEMA = (
    (
        "CREATE TABLE IF NOT EXISTS shared_rate ("
        "name TEXT PRIMARY KEY, next_free DOUBLE PRECISION NOT NULL, seen DOUBLE PRECISION NOT NULL)"
    ),
    "CREATE INDEX IF NOT EXISTS shared_rate_next_free ON shared_rate (next_free)",
    "CREATE TABLE IF NOT EXISTS shared_budget (name TEXT PRIMARY KEY, spent BIGINT NOT NULL, day INTEGER NOT NULL)",
    (
        "CREATE TABLE IF NOT EXISTS shared_circuit ("
        "name TEXT PRIMARY KEY, failures INTEGER NOT NULL, open_until DOUBLE PRECISION NOT NULL,"
        " probed_at DOUBLE PRECISION NOT NULL, seen DOUBLE PRECISION NOT NULL)"
    ),
)
