"""The signs of life of workers, in SQL: rows in the table of clocks, one for each worker, and one for those that were stopped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from messaging_channels._ledger.sql_types import Dialect, StatementFlow
from messaging_channels.plugins import ledger_workers as w

_PREFIX = "worker/"
_IS_WORKER = f"substr(name, 1, {len(_PREFIX)}) = '{_PREFIX}'"
_FORGOTTEN_AFTER = 86400.0
_WRITE = "INSERT INTO messaging_channels_clock (name, at) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET at = excluded.at"


def load_workers(given: float, dialect: Dialect) -> StatementFlow[tuple[int, float | None, float | None]]:
    """Return how many workers live, for how many seconds none has been seen (None where none ever was), and how far ahead the asking clock is."""
    now = yield from _now(given, dialect)
    ((count, latest),) = yield (
        (
            f"SELECT count(CASE WHEN at > ? AND name <> '{_PREFIX}' THEN 1 END), max(at) FROM messaging_channels_clock"  # noqa: S608  our own words
            f" WHERE {_IS_WORKER} AND at < ?"  # a later one was written by a clock that has since been set back
        ),
        (now - w.DEAD_AFTER, now + w.DEAD_AFTER),
    )
    ahead = given - now if dialect.clock_shared else None  # a file has no clock of its own
    return int(count), None if latest is None else max(0.0, now - latest), ahead


def _record_heartbeat(operation: w.RecordHeartbeat, dialect: Dialect) -> StatementFlow[None]:
    now = yield from _now(operation.at, dialect)
    own = f"{_PREFIX}{operation.worker}"
    if operation.ended:
        yield "DELETE FROM messaging_channels_clock WHERE name = ?", (own,)
        yield _WRITE, (_PREFIX, now)
        return
    yield _WRITE, (own, now)
    yield (  # one of those that died long ago: one row at a time, so that nobody waits in a circle
        (
            "DELETE FROM messaging_channels_clock WHERE name = (SELECT name FROM messaging_channels_clock"  # noqa: S608  our own words
            f" WHERE {_IS_WORKER} AND (at < ? OR at > ?) ORDER BY name LIMIT 1)"
        ),
        (now - _FORGOTTEN_AFTER, now + _FORGOTTEN_AFTER),
    )


def _now(given: float, dialect: Dialect) -> StatementFlow[float]:
    ((now,),) = yield dialect.clock, (given,)
    return float(now)


HANDLERS: dict[type[Any], Callable[[Any, Dialect], StatementFlow[Any]]] = {
    w.RecordHeartbeat: _record_heartbeat
}
