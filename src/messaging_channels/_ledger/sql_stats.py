"""How the queue stands, in SQL: by counters and the ends of indexes, so that a million messages that wait take no longer than a thousand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from messaging_channels._ledger.sql_accounts import load_paused_accounts
from messaging_channels._ledger.sql_types import Dialect, Rows, StatementFlow
from messaging_channels._ledger.sql_workers import load_workers
from messaging_channels.plugins import ledger_queue as q
from messaging_channels.plugins.ledger_queue import NEVER, State

_PRIORITIES = (0, 1, 2)
_MOST_COUNTED = 1_000
"""Up to how many rows of a priority are looked at to find how many messages are ready."""
_MANY_ROWS = 64
"""Counts of so many connections are put together."""
_NOT_DUE_OTHERWISE = frozenset({State.WAITING.value, State.DEAD.value})
"""Where messages are in no other states, whatever is due waits: nobody asks each for its state."""
_MINUTES_KEPT, _MOST_MINUTES = 61, 30
"""For how long minutes are counted each, and how many more may be before they are put together."""


def _get_queue_stats(operation: q.GetQueueStats, dialect: Dialect) -> StatementFlow[q.QueueStats]:
    by_state = yield from _count_states(dialect)
    ready = yield from _count_ready(operation.now, by_state)
    counts: list[dict[str, int]] = []
    minute = int(operation.now // 60)
    for minutes in (1, 60, NEVER):
        rows: Rows = yield (
            "SELECT what, sum(number) FROM messaging_channels_counter WHERE minute > ? GROUP BY what",
            (max(-1, int(minute - minutes)),),
        )
        counts.append({what: int(number) for what, number in rows if number})
    yield from fold_counters(minute - _MINUTES_KEPT, dialect, _MOST_MINUTES)
    paused = yield from load_paused_accounts()
    ((first,),) = yield "SELECT min(ready_at) FROM messaging_channels_queue WHERE state = 'waiting'", ()
    age = 0.0 if first is None else max(0.0, operation.now - first)
    ((restored,),) = yield "SELECT (SELECT at FROM messaging_channels_clock WHERE name = 'restored')", ()
    workers = yield from load_workers(operation.now, dialect)
    return q.QueueStats(by_state, ready, age, counts[0], counts[1], counts[2], paused, restored, *workers)


def fold_counters(before: int, dialect: Dialect, most_minutes: int = 0) -> StatementFlow[None]:
    """Put counters of the minutes before one together, if they begin more than so many minutes before it: one row for each thing that is counted, in place
    of one for each minute and worker.
    """
    ((oldest,),) = yield "SELECT min(minute) FROM messaging_channels_counter WHERE minute > 0", ()
    if oldest is None or oldest >= before - most_minutes:
        return
    for statement in dialect.fold_counters:
        yield statement, (before,)


def _count_states(dialect: Dialect) -> StatementFlow[dict[str, int]]:
    rows = yield "SELECT state, sum(number), count(*) FROM messaging_channels_queue_count GROUP BY state", ()
    if dialect.fold_counts and sum(row[2] for row in rows) > _MANY_ROWS:
        yield dialect.fold_counts, ()
    return {state: int(number) for state, number, _ in rows if number > 0}


def _count_ready(now: float, by_state: Mapping[str, int]) -> StatementFlow[int]:
    """Return how many messages are due: those, or all but those that are not, whichever are fewer.

    Where there are more than 1,000 of both, return those that were counted: there are at least so many.
    """
    waiting = by_state.get(State.WAITING.value, 0)
    if not waiting:
        return 0
    looked_at = _DUE_OF_ALL if by_state.keys() <= _NOT_DUE_OTHERWISE else _DUE_OF_WAITING
    due, is_all = yield from _count_up_to(looked_at, "due <= ?", now)
    if is_all:
        return min(due, waiting)
    later, is_all = yield from _count_up_to(looked_at, f"due < {NEVER} AND due > ?", now)
    return max(due, waiting - later) if is_all else due


def _count_up_to(looked_at: str, condition: str, now: float) -> StatementFlow[tuple[int, bool]]:
    """Return how many messages wait for which that holds, and whether those are all: no more rows than 1,000 of each priority are looked at."""
    ((*found,),) = yield looked_at.format(condition=condition), (now,) * len(_PRIORITIES)
    seen, waiting = found[::2], found[1::2]
    return sum(waiting), max(seen) < _MOST_COUNTED


def _count_of_each(columns: str, column: str) -> str:
    """Return the statement that looks at rows of each priority: how many there were, and how many of them wait."""
    counted = (
        f"(SELECT {columns} FROM (SELECT {column} FROM messaging_channels_queue WHERE priority = {priority}"  # noqa: S608  our own words
        f" AND {{condition}} ORDER BY due LIMIT {_MOST_COUNTED}) AS looked_at) AS of_{priority}"
        for priority in _PRIORITIES
    )
    return f"SELECT * FROM {', '.join(counted)}"  # noqa: S608  our own words


_DUE_OF_ALL = _count_of_each("count(*) AS seen, count(*) AS waiting", "1")
_DUE_OF_WAITING = _count_of_each("count(*), count(CASE WHEN state = 'waiting' THEN 1 END)", "state")
HANDLERS: dict[type[Any], Callable[[Any, Dialect], StatementFlow[Any]]] = {q.GetQueueStats: _get_queue_stats}
