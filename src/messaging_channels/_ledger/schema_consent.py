"""The tables of consent: what was said, and which keys are of one person. Nothing in them is ever changed."""

from __future__ import annotations

from messaging_channels._model.consent_rows import STATEMENT_INDEX, STATEMENT_TABLE

CONSENT_SCHEMA = (
    STATEMENT_TABLE,
    STATEMENT_INDEX,
    "CREATE INDEX IF NOT EXISTS consent_statement_recorded ON consent_statement (recorded_at, id)",
    (
        "CREATE TABLE IF NOT EXISTS consent_link ("
        "recipient TEXT NOT NULL, other TEXT NOT NULL, linked_at DOUBLE PRECISION NOT NULL, PRIMARY KEY (recipient, other))"
    ),
)
