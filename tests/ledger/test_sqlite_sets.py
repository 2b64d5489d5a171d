"""What SQLite does together leaves the same tables and the same replies as each operation by itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from ledgers import reservation

from messaging_channels._ledger.sqlite_file import LedgerFile
from messaging_channels._ledger.sqlite_sets import execute_sets
from messaging_channels._ledger.sqlite_transaction import begin, commit_all
from messaging_channels._ledger.tables import COLUMNS
from messaging_channels._model.events import StatusChanged
from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels._model.statements import ConsentQuery, ConsentStatement, StatementKind
from messaging_channels._model.status import DELIVERED_TO_HANDSET
from messaging_channels.plugins.ledger import (
    FinishAttempt,
    MessageRecord,
    Operation,
    RecordEvent,
    ReserveMessage,
)
from messaging_channels.plugins.ledger_consent import LinkRecipients, RecordStatements

NOW = 1_000_000.0
_PEOPLE = ("nobody said anything", "opted out", "opted in", "linked")
_SAID = tuple(
    ConsentStatement(f"s{number}", person, "*", kind, NOW - 9, NOW - 9)
    for number, (person, kind) in enumerate(
        [
            ("opted out", StatementKind.OPTED_OUT),
            ("opted in", StatementKind.OPTED_IN),
            ("other", StatementKind.OPTED_OUT),
        ]
    )
)


@contextmanager
def _opened(path: Path | None = None) -> Generator[tuple[sqlite3.Connection, LedgerFile]]:
    file = LedgerFile(path)
    database, _ = file.open()
    with closing(database):
        yield database, file


def _do(database: sqlite3.Connection, file: LedgerFile, operations: Sequence[Operation[Any]]) -> list[Any]:
    begin(database)
    return commit_all(database, file, list(operations))


def _one_by_one(operations: Sequence[Operation[Any]], before: Sequence[Operation[Any]]) -> Any:
    with _opened() as (database, file):
        for one in before:
            _do(database, file, [one])
        replies = [_do(database, file, [one])[0] for one in operations]
        return replies, _rows(database)


def _together(operations: Sequence[Operation[Any]], before: Sequence[Operation[Any]]) -> Any:
    with _opened() as (database, file):
        _do(database, file, before)
        replies = _do(database, file, operations)
        return replies, _rows(database)


def _rows(database: sqlite3.Connection) -> dict[str, list[tuple[Any, ...]]]:
    tables = (one for one in COLUMNS if one != "messaging_channels_schema")
    return {one: sorted(database.execute(f"SELECT * FROM {one}").fetchall(), key=repr) for one in tables}


def _reserve(number: int, key: str | None = None, person: str = "", hour: int = 0) -> ReserveMessage:
    at = NOW + hour * 3600
    made = reservation(f"{number:012x}", at=at, idempotency_key=key, expires=at + 100)
    query = ConsentQuery((person, f"{person}, spelled otherwise"), "whatsapp", "", at) if person else None
    return replace(made, consent=query, lease_owner=f"owner {number}")


def _finish(number: int, reason: Reason, provider_id: str | None, stop: str = "over") -> FinishAttempt:
    result = AttemptResult.of(reason, "a detail\x00", provider_id=provider_id, retry_after=1.5)
    return FinishAttempt(f"{number:012x}", 1, result, NOW + 1.1, NOW + 30, stop)


def _report(number: int) -> RecordEvent:
    told = StatusChanged(
        provider="acme-sms", occurred_at=NOW, provider_id=f"p{number}", status=DELIVERED_TO_HANDSET
    )
    return RecordEvent(told, NOW)


_reservations = st.builds(
    _reserve,
    st.integers(0, 12),
    st.sampled_from([None, None, "a", "b", "c"]),
    st.sampled_from(["", *_PEOPLE]),
    st.sampled_from([0, 0, 0, 1]),
)
_BEFORE = (RecordStatements(_SAID), LinkRecipients((("linked", "other"),), NOW))


@given(st.lists(_reservations, min_size=2, max_size=70))
@example([_reserve(1, "a"), _reserve(2, "a"), _reserve(1, "a")])
@example([_reserve(1, "a"), _reserve(2, "b", hour=1)])
@example([_reserve(1, "a", "opted in"), _reserve(2, "a")])
@example([_reserve(1, person="opted out"), _reserve(2, person="opted in"), _reserve(3)])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_messages_taken_in_together_are_taken_in_as_each_by_itself(wanted: list[ReserveMessage]) -> None:
    of_id = {one.id: one for one in reversed(wanted)}  # one that is asked for again is the same
    asked: list[Operation[Any]] = [of_id[one.id] for one in wanted]
    assert _together(asked, _BEFORE) == _one_by_one(asked, _BEFORE)


_ends = st.builds(
    _finish,
    st.integers(0, 15),
    st.sampled_from([Reason.ACCEPTED, Reason.ACCEPTED, Reason.TIMEOUT, Reason.THROTTLED, Reason.INVALID]),
    st.one_of(st.none(), st.integers(0, 15).map("p{}".format)),
    st.sampled_from(["", "over"]),
)


@given(st.lists(_ends, min_size=2, max_size=40), st.sets(st.integers(0, 15)))
@example([_finish(1, Reason.ACCEPTED, "p1"), _finish(2, Reason.ACCEPTED, "p2")], {1})
@example([_finish(1, Reason.ACCEPTED, "p1"), _finish(1, Reason.TIMEOUT, None)], set())
@example([_finish(1, Reason.ACCEPTED, "p1"), _finish(99, Reason.ACCEPTED, "p99")], set())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_attempts_ended_together_end_as_each_by_itself(
    ended: list[FinishAttempt], reported: set[int]
) -> None:
    unlike = {one.message_id: one for one in reversed(ended)}  # a second end of one attempt is late
    before: list[Operation[Any]] = [
        *(_reserve(number) for number in range(16)),
        *map(_report, sorted(reported)),
    ]
    asked: list[Operation[Any]] = [*unlike.values()]
    assert _together(asked, before) == _one_by_one(asked, before)


def test_of_two_ends_of_one_attempt_the_first_holds() -> None:
    with _opened() as (database, file):
        _do(database, file, [_reserve(1), _reserve(2)])
        _do(database, file, [_finish(1, Reason.ACCEPTED, "p1"), _finish(1, Reason.CREDENTIALS, None)])
        kept = database.execute(
            "SELECT outcome FROM messaging_channels_attempt ORDER BY message_id"
        ).fetchall()
    assert kept == [("accepted",), (None,)]


def test_a_key_waits_for_a_decision_about_a_copy(tmp_path: Path) -> None:
    with _opened(tmp_path / "ledger.sqlite3") as (database, file):
        database.execute("INSERT INTO messaging_channels_clock VALUES ('restored', 1)")
        replies = _do(database, file, [_reserve(1, "a"), _reserve(2), _reserve(3)])
    assert [type(one).__name__ for one in replies] == ["LedgerUnavailable", "NoneType", "NoneType"]


def test_the_second_of_two_with_one_key_gets_the_record_of_the_first_with_its_attempt() -> None:
    with _opened() as (database, file):
        replies = _do(database, file, [_reserve(1, "a"), _reserve(2, "a")])
    assert replies[0] is None
    assert isinstance(replies[1], MessageRecord)
    assert (replies[1].id, len(replies[1].attempts)) == (f"{1:012x}", 1)


@pytest.mark.parametrize("count", [2, 3, 31, 33, 100])
def test_most_of_a_group_is_done_by_sets(count: int) -> None:
    with _opened() as (database, _):
        begin(database)
        taken = execute_sets(database, [_reserve(number) for number in range(count)])
        ended = execute_sets(
            database, [_finish(number, Reason.ACCEPTED, f"p{number}") for number in range(count)]
        )
    assert len(taken) == len(ended) == count
