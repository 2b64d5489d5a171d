"""How the queue stands, in SQL: by counters and the ends of indexes, so that a million messages that wait take no longer than a thousand."""

from __future__ import annotations

from collections.abc import Callable
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


def _get_queue_stats(operation: q.GetQueueStats, dialect: Dialect) -> StatementFlow[q.QueueStats]:
    by_state = yield from _count_states(dialect)
    ready = yield from _count_ready(operation.now, by_state.get(State.WAITING.value, 0))
    counts: list[dict[str, int]] = []
    for minutes in (1, 60, NEVER):
        rows: Rows = yield (
            "SELECT what, sum(number) FROM messaging_channels_counter WHERE minute > ? GROUP BY what",
            (max(-1, int(operation.now // 60 - minutes)),),
        )
        counts.append({what: int(number) for what, number in rows if number})
    paused = yield from load_paused_accounts()
    ((first,),) = yield "SELECT min(ready_at) FROM messaging_channels_queue WHERE state = 'waiting'", ()
    age = 0.0 if first is None else max(0.0, operation.now - first)
    ((restored,),) = yield "SELECT (SELECT at FROM messaging_channels_clock WHERE name = 'restored')", ()
    workers = yield from load_workers(operation.now, dialect)
    return q.QueueStats(by_state, ready, age, counts[0], counts[1], counts[2], paused, restored, *workers)


def _count_states(dialect: Dialect) -> StatementFlow[dict[str, int]]:
    rows = yield "SELECT state, sum(number), count(*) FROM messaging_channels_queue_count GROUP BY state", ()
    if dialect.fold_counts and sum(row[2] for row in rows) > _MANY_ROWS:
        yield dialect.fold_counts, ()
    return {state: int(number) for state, number, _ in rows if number > 0}


def _count_ready(now: float, waiting: int) -> StatementFlow[int]:
    """Return how many messages are due: those, or all but those that are not, whichever are fewer.

    Where there are more than 1,000 of both, return those that were counted: there are at least so many.
    """
    due, is_all = yield from _count_up_to(_MOST_COUNTED, "due <= ?", now)
    if is_all:
        return min(due, waiting)
    later, is_all = yield from _count_up_to(_MOST_COUNTED, f"due < {NEVER} AND due > ?", now)
    return max(due, waiting - later) if is_all else due


def _count_up_to(most: int, condition: str, now: float) -> StatementFlow[tuple[int, bool]]:
    """Return how many messages wait for which that holds, and whether those are all: no more rows than `most` of each priority are looked at."""
    count, is_all = 0, True
    for priority in _PRIORITIES:
        ((seen, found),) = yield (
            (
                "SELECT count(*), count(CASE WHEN state = 'waiting' THEN 1 END) FROM (SELECT state FROM messaging_channels_queue"  # noqa: S608
                f" WHERE priority = ? AND {condition} ORDER BY due LIMIT {most}) AS looked_at"
            ),
            (priority, now),
        )
        count, is_all = count + found, is_all and seen < most
    return count, is_all


HANDLERS: dict[type[Any], Callable[[Any, Dialect], StatementFlow[Any]]] = {q.GetQueueStats: _get_queue_stats}
