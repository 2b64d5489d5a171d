"""Operations of a group that are alike, as one statement over their rows, for SQLite: each step of a statement lets other threads run first.

A set does the usual case only. What it does not confirm has changed nothing, and is done by the operation's own statements (`_ledger.sql`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, TypeAlias

from messaging_channels._ledger.sql_ends import attempt_end_row, first_end_row, is_usual_end
from messaging_channels._ledger.sql_insert import INSERT_COLUMNS, attempt_row, first_message_row
from messaging_channels._ledger.sql_keys import OBSERVE_HOUR, hour_of
from messaging_channels.plugins.ledger import FinishAttempt, Operation, ReserveMessage

Replies: TypeAlias = "dict[int, Any]"
"""By the place of the operation in its group."""
_LARGEST = 32
"""Rows of one statement. Sizes are powers of two, so that few statements are prepared."""


def execute_sets(database: sqlite3.Connection, operations: Sequence[Operation[Any]]) -> Replies:
    """Do what can be done by sets, in the transaction that is open; return the replies. The others are as if they had not been asked for."""
    replies: Replies = {}
    for kind, suits, perform in _SETS:
        placed = {place: one for place, one in enumerate(operations) if type(one) is kind and suits(one)}
        if len(placed) > 1:
            replies |= perform(database, placed)
    return replies


def _reserve(database: sqlite3.Connection, placed: Mapping[int, ReserveMessage]) -> Replies:
    """Take messages in, with their first attempts: all about whose person nothing was said, and whose key is free."""
    hours = {hour_of(one.first_attempt.started_at) for one in placed.values() if one.idempotency_key}
    usual = _without_doubtful(database, placed, keys_are_known=_are_keys_known(database, hours))
    taken = _insert_free(database, usual)
    keyed = [(one.id,) for one in taken.values() if one.idempotency_key]
    if keyed:
        database.execute(OBSERVE_HOUR, tuple(hours))
        _write(database, _insert_keys, keyed)
    _write(database, _insert_attempts, [attempt_row(one.first_attempt) for one in taken.values()])
    return dict.fromkeys(taken)


def _are_keys_known(database: sqlite3.Connection, hours: set[int]) -> bool:
    """Whether keys of these hours can be kept together: of one hour, in a ledger that is no copy."""
    return len(hours) <= 1 and not (hours and database.execute(_SELECT_PAUSED).fetchall())


def _without_doubtful(
    database: sqlite3.Connection, placed: Mapping[int, ReserveMessage], *, keys_are_known: bool
) -> Mapping[int, ReserveMessage]:
    """Leave out those about whose person something was said, and others of the same key: the first of them gets it."""
    told = {key for one in placed.values() for key in _people(one)}
    said = {key for (key,) in _fetch(database, _select_said, [(key,) for key in told])}
    doubtful = [one for one in placed.values() if not said.isdisjoint(_people(one))]
    if not keys_are_known:
        doubtful = list(placed.values())
    ids, keys = {one.id for one in doubtful}, {_key(one) for one in doubtful}
    return {place: one for place, one in placed.items() if one.id not in ids and _key(one) not in keys}


def _people(one: ReserveMessage) -> Sequence[str]:
    return () if one.consent is None else one.consent.recipients


def _key(one: ReserveMessage) -> tuple[str, str]:
    """Return what no other message may have; its id where it has no key."""
    return (one.scope, one.id) if one.idempotency_key is None else (one.scope, one.idempotency_key)


def _insert_free(
    database: sqlite3.Connection, usual: Mapping[int, ReserveMessage]
) -> Mapping[int, ReserveMessage]:
    """Take in whose key is free, and return those."""
    before = database.total_changes
    _write(database, _insert_messages, [first_message_row(one) for one in usual.values()])
    if database.total_changes - before == len(usual):
        return usual
    named = [(one.id, one.lease_owner) for one in usual.values()]
    taken = {key for (key,) in _fetch(database, _select_taken, named)}
    return {place: one for place, one in usual.items() if one.id in taken}


def _finish(database: sqlite3.Connection, placed: Mapping[int, FinishAttempt]) -> Replies:
    """Write down how first attempts ended of which nothing was heard before."""
    ended = {
        key for (key,) in _fetch(database, _end_attempts, [attempt_end_row(one) for one in placed.values()])
    }
    rows = {place: first_end_row(one) for place, one in placed.items() if one.message_id in ended}
    _write(database, _end_messages, [row for _, row in rows.values()])
    return {place: status for place, (status, _) in rows.items()}


def _write(
    database: sqlite3.Connection, statement: Callable[[int], str], rows: Sequence[tuple[Any, ...]]
) -> None:
    for part in _parts(rows):
        database.execute(statement(len(part)), [value for row in part for value in row])


def _fetch(
    database: sqlite3.Connection, statement: Callable[[int], str], rows: Sequence[tuple[Any, ...]]
) -> Iterator[tuple[Any, ...]]:
    for part in _parts(rows):
        yield from database.execute(statement(len(part)), [value for row in part for value in row])


def _parts(rows: Sequence[tuple[Any, ...]]) -> Iterator[Sequence[tuple[Any, ...]]]:
    """Yield the rows in parts whose sizes are powers of two."""
    start = 0
    while left := len(rows) - start:
        size = min(_LARGEST, 1 << (left.bit_length() - 1))
        yield rows[start : start + size]
        start += size


def _values(columns: int, rows: int) -> str:
    row = f"({', '.join('?' * columns)})"
    return f"(VALUES {', '.join([row] * rows)})"


@cache
def _select_said(rows: int) -> str:
    """Of some keys those under which anything was said, or which are linked to others."""
    return (
        f"SELECT n.column1 FROM {_values(1, rows)} AS n WHERE EXISTS (SELECT 1 FROM messaging_channels_consent_statement"  # noqa: S608
        " WHERE recipient = n.column1) OR EXISTS (SELECT 1 FROM messaging_channels_consent_link WHERE recipient = n.column1)"
    )


@cache
def _insert_messages(rows: int) -> str:
    values = _values(len(INSERT_COLUMNS.split(",")), rows)
    return f"INSERT INTO messaging_channels_message ({INSERT_COLUMNS}) SELECT * FROM {values} WHERE true ON CONFLICT DO NOTHING"  # noqa: S608


@cache
def _select_taken(rows: int) -> str:
    return (
        f"SELECT n.column1 FROM {_values(2, rows)} AS n CROSS JOIN messaging_channels_message AS message"  # noqa: S608
        " ON message.id = n.column1 AND message.holder = n.column2"
    )


@cache
def _insert_keys(rows: int) -> str:
    return (
        "INSERT INTO messaging_channels_key (message_id, place) SELECT n.column1, (SELECT max(place)"  # noqa: S608
        f" FROM messaging_channels_hour) FROM {_values(1, rows)} AS n WHERE true ON CONFLICT DO NOTHING"
    )


@cache
def _insert_attempts(rows: int) -> str:
    return (
        "INSERT INTO messaging_channels_attempt (message_id, number, provider, account, started, waited)"  # noqa: S608
        f" SELECT * FROM {_values(6, rows)} WHERE true ON CONFLICT DO NOTHING"
    )


@cache
def _end_attempts(rows: int) -> str:
    return (
        f"UPDATE messaging_channels_attempt AS attempt SET {_ATTEMPT_END} FROM {_values(9, rows)} AS n"  # noqa: S608
        " WHERE attempt.message_id = n.column8 AND attempt.number = n.column9 AND attempt.outcome IS NULL"
        " AND (SELECT event_count FROM messaging_channels_message WHERE id = n.column8) = 0"
        " AND NOT EXISTS (SELECT 1 FROM messaging_channels_attempt AS other WHERE other.message_id = n.column8 AND other.number <> n.column9)"
        " AND NOT EXISTS (SELECT 1 FROM messaging_channels_event AS event WHERE event.provider = attempt.provider"
        " AND event.provider_id = coalesce(n.column4, attempt.provider_id) AND event.message_id IS NULL) RETURNING message_id"
    )


@cache
def _end_messages(rows: int) -> str:
    return f"UPDATE messaging_channels_message AS message SET {_MESSAGE_END} FROM {_values(7, rows)} AS n WHERE message.id = n.column7"  # noqa: S608


_ATTEMPT_END = (
    "reason = n.column1, outcome = n.column2, status = n.column3, provider_id = coalesce(n.column4, provider_id),"
    " detail = n.column5, retry_after = n.column6, duration = n.column7 - started"
)
_MESSAGE_END = (
    "status = n.column1, status_group = n.column2, status_id = n.column3, status_name = n.column4, version = version + 1,"
    " stopped = n.column5, next_check_at = NULL, lease = coalesce(n.column6, lease)"
)
_SELECT_PAUSED = "SELECT 1 FROM messaging_channels_clock WHERE name = 'restored'"
_SETS: Sequence[tuple[type[Any], Callable[[Any], bool], Callable[[sqlite3.Connection, Any], Replies]]] = (
    (ReserveMessage, lambda _: True, _reserve),
    (FinishAttempt, is_usual_end, _finish),
)
