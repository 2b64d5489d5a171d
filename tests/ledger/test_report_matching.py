"""What a report proves is decided over the attempts of a message; as one statement over three tables decided it before."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from messaging_channels._ledger.report_matching import (
    RecordedAttempt,
    ReportOrigin,
    attempts_proven,
    attempts_without_id,
    match_report,
)
from messaging_channels._model.outcomes import Reason

REASONS = (None, Reason.ACCEPTED, Reason.NOT_FOUND, Reason.THROTTLED, Reason.INVALID, Reason.TIMEOUT)
PROVEN = """
SELECT number FROM attempt WHERE
  (outcome = 'unknown' OR reason = 'not_sent.not_found' AND NOT EXISTS (SELECT 1 FROM attempt AS other
    WHERE other.provider = attempt.provider AND (other.outcome IS NULL OR other.outcome IN ('accepted', 'unknown'))))
  AND EXISTS (SELECT 1 FROM event WHERE event.provider = attempt.provider AND NOT EXISTS (SELECT 1 FROM attempt AS named
    WHERE named.provider = event.provider AND named.provider_id = event.provider_id AND EXISTS (SELECT 1 FROM step
      WHERE (named.number <= step.base) <> (attempt.number <= step.base))))
ORDER BY number
"""
WITHOUT_ID = """
SELECT number FROM attempt WHERE provider = :provider AND provider_id IS NULL
  AND (outcome IS NULL OR outcome IN ('accepted', 'unknown')) AND NOT EXISTS (SELECT 1 FROM attempt AS named
    WHERE named.provider = attempt.provider AND named.provider_id = :id)
ORDER BY number
"""
NAMES, IDS = st.sampled_from(["one", "other"]), st.sampled_from([None, "a", "b"])
ATTEMPTS = st.lists(st.tuples(NAMES, st.sampled_from(REASONS), IDS), max_size=5)
ORIGINS = st.lists(st.builds(ReportOrigin, NAMES, IDS), max_size=4)
BASES = st.lists(st.integers(0, 4), max_size=2, unique=True).map(sorted)


def _recorded(drawn: list[tuple[str, Reason | None, str | None]]) -> list[RecordedAttempt]:
    return [
        RecordedAttempt(
            number, provider, None if reason is None else reason.policy.outcome, reason, provider_id
        )
        for number, (provider, reason, provider_id) in enumerate(drawn, 1)
    ]


def _asked(
    statement: str,
    attempts: list[RecordedAttempt],
    origins: list[ReportOrigin],
    bases: list[int],
    **values: Any,
) -> list[int]:
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(
            "CREATE TABLE attempt (number, provider, outcome, reason, provider_id);"
            "CREATE TABLE event (provider, provider_id); CREATE TABLE step (base);"
        )
        database.executemany(
            "INSERT INTO attempt VALUES (?, ?, ?, ?, ?)",
            [(one.number, one.provider, one.outcome, one.reason, one.provider_id) for one in attempts],
        )
        database.executemany(
            "INSERT INTO event VALUES (?, ?)", [(one.provider, one.provider_id) for one in origins]
        )
        database.executemany("INSERT INTO step VALUES (?)", [(base,) for base in bases])
        return [number for (number,) in database.execute(statement, values)]


@given(ATTEMPTS, ORIGINS, BASES)
def test_reports_prove_what_one_statement_over_all_tables_proved(
    drawn: list[tuple[str, Reason | None, str | None]], origins: list[ReportOrigin], bases: list[int]
) -> None:
    attempts = _recorded(drawn)

    proven = [one.number for one in attempts_proven(origins, attempts, bases)]

    assert proven == _asked(PROVEN, attempts, origins, bases)


@given(ATTEMPTS, NAMES, st.sampled_from(["a", "b"]))
def test_a_report_tells_the_id_of_attempts_that_one_statement_named(
    drawn: list[tuple[str, Reason | None, str | None]], provider: str, provider_id: str
) -> None:
    attempts = _recorded(drawn)

    named = [one.number for one in attempts_without_id(ReportOrigin(provider, provider_id), attempts)]

    assert named == _asked(WITHOUT_ID, attempts, [], [], provider=provider, id=provider_id)


@given(ATTEMPTS, NAMES, IDS)
def test_a_report_is_about_the_last_attempt_with_its_id_or_else_the_last_at_its_provider(
    drawn: list[tuple[str, Reason | None, str | None]], provider: str, provider_id: str | None
) -> None:
    attempts = _recorded(drawn)

    found = match_report(ReportOrigin(provider, provider_id), attempts)

    own = [one for one in attempts if one.provider == provider]
    named = [one for one in own if provider_id and one.outcome and one.provider_id == provider_id]
    assert found == (named or own or [None])[-1]
