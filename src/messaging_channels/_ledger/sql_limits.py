"""The operations on limits that processes share, in SQL. See `_ledger.sql`.

Who takes places commits without waiting for the disk: what is lost with the server is a few milliseconds of a rate, which have passed when it is back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from messaging_channels._ledger.sql_types import Dialect, StatementFlow
from messaging_channels.plugins import ledger_limits as op

CLOCK_TOLERANCE = 5.0
"""Seconds by which clocks may differ, or run back; more is a clock that was set."""
_FORGET_AFTER = 60.0
_FORGET_AT_ONCE = 100


def _take_places(operation: op.TakePlaces, dialect: Dialect) -> StatementFlow[Sequence[op.Place]]:
    if dialect.commit_later:
        yield dialect.commit_later, ()
    names = sorted({one.name for one in operation.rates} | set(operation.returned))
    rows = yield from _lock_rates(names, operation.now, dialect)
    now = yield from _now(operation.now, dialect)  # once the rows are locked: that may have taken a while
    due = {name: _followed(next_free, seen, now) for name, (next_free, seen) in rows.items()}
    for name, seconds in operation.returned.items():
        due[name] -= seconds
    places = [_take(operation.rates, one, due, now) for one in operation.requests]
    for name in names:
        yield (
            "UPDATE messaging_channels_shared_rate SET next_free = ?, seen = ? WHERE name = ?",
            (due[name], now, name),
        )
    return places


def _take(
    rates: Sequence[op.SharedRate], request: op.PlaceRequest, due: dict[str, float], now: float
) -> op.Place:
    """Take one place under all rates, as `policies.RateLimiter` does in one process."""
    at = now + request.delay
    waits = [_wait(one, due[one.name], at) for one in rates]
    longest = max(range(len(rates)), key=waits.__getitem__)
    wait = waits[longest] + request.delay
    if wait > request.max_wait:
        return op.Place(is_taken=False, wait=wait, limited_by=rates[longest].name)
    for one, own in zip(rates, waits, strict=True):
        due[one.name] = max(due[one.name], at) + (waits[longest] - own) + one.interval
    return op.Place(is_taken=True, wait=wait, limited_by=rates[longest].name)


def _wait(rate: op.SharedRate, due: float, at: float) -> float:
    return max(0.0, max(due, at) - (rate.burst - 1) * rate.interval - at)


def _lock_rates(
    names: Sequence[str], now: float, dialect: Dialect
) -> StatementFlow[dict[str, tuple[float, float]]]:
    """Return next place and last use of each, with the rows locked in one order for all callers."""
    marks = ", ".join("?" * len(names))
    text = f"SELECT name, next_free, seen FROM messaging_channels_shared_rate WHERE name IN ({marks}) ORDER BY name{dialect.for_update}"  # noqa: S608  constants
    rows = yield text, tuple(names)
    if len(rows) < len(names):
        for name in names:
            yield (
                "INSERT INTO messaging_channels_shared_rate (name, next_free, seen) VALUES (?, 0, 0) ON CONFLICT DO NOTHING",
                (name,),
            )
        rows = yield text, tuple(names)
        at = yield from _now(now, dialect)
        yield (
            (
                "DELETE FROM messaging_channels_shared_rate WHERE name IN (SELECT name FROM messaging_channels_shared_rate"  # noqa: S608
                f" WHERE next_free > 0 AND next_free < ? AND name NOT IN ({marks}) ORDER BY next_free LIMIT ?{dialect.skip_locked})"
            ),
            (at - _FORGET_AFTER, *names, _FORGET_AT_ONCE),
        )
    return {name: (next_free, seen) for name, next_free, seen in rows}


def _followed(next_free: float, seen: float, now: float) -> float:
    """Follow a clock that was set back: places given out before it must not delay anybody for as long."""
    return next_free - (seen - now) if seen - now > CLOCK_TOLERANCE else next_free


def _now(given: float, dialect: Dialect) -> StatementFlow[float]:
    """Return the time of the store: the database's on a server, the machine's on a file."""
    ((now,),) = yield dialect.clock, (given,)
    return float(now)


def _spend_budget(operation: op.SpendBudget, dialect: Dialect) -> StatementFlow[Sequence[bool]]:
    key = (operation.name,)
    text = f"SELECT spent, day FROM messaging_channels_shared_budget WHERE name = ?{dialect.for_update}"  # noqa: S608  a constant
    rows = yield text, key
    if not rows:
        yield (
            "INSERT INTO messaging_channels_shared_budget (name, spent, day) VALUES (?, 0, ?) ON CONFLICT DO NOTHING",
            (operation.name, operation.day),
        )
        rows = yield text, key
    ((spent, day),) = rows
    spent = 0 if day < operation.day else max(0, spent - operation.returned)
    granted: list[bool] = []
    for amount in operation.amounts:
        granted.append(day <= operation.day and spent + amount <= operation.limit)
        spent += amount if granted[-1] else 0
    if day <= operation.day:
        yield (
            "UPDATE messaging_channels_shared_budget SET spent = ?, day = ? WHERE name = ?",
            (spent, operation.day, operation.name),
        )
    return granted


def _sync_circuits(operation: op.SyncCircuits, dialect: Dialect) -> StatementFlow[Mapping[str, float]]:
    now = yield from _now(operation.now, dialect)
    for one in sorted(operation.reports, key=lambda report: report.name):
        if not one.failures:
            yield "DELETE FROM messaging_channels_shared_circuit WHERE name = ?", (one.name,)
            continue
        opened = (one.failure_threshold, now + one.reset_timeout)
        until = "CASE WHEN {} >= ? THEN CAST(? AS DOUBLE PRECISION) ELSE 0 END"
        yield (
            (
                "INSERT INTO messaging_channels_shared_circuit (name, failures, open_until, probed_at, seen)"  # noqa: S608
                f" VALUES (?, ?, {until.format('CAST(? AS INTEGER)')}, 0, ?)"
                " ON CONFLICT (name) DO UPDATE SET failures = messaging_channels_shared_circuit.failures + excluded.failures, seen = excluded.seen,"
                f" open_until = {until.format('messaging_channels_shared_circuit.failures + excluded.failures')}"
            ),
            (one.name, one.failures, one.failures, *opened, now, *opened),
        )
    rows = yield (
        "SELECT name, open_until, seen FROM messaging_channels_shared_circuit WHERE open_until > 0",
        (),
    )
    return {name: _followed(until, seen, now) - now for name, until, seen in rows}


def _acquire_probe(operation: op.AcquireCircuitProbe, dialect: Dialect) -> StatementFlow[float]:
    text = f"SELECT open_until, seen, probed_at FROM messaging_channels_shared_circuit WHERE name = ? AND open_until > 0{dialect.for_update}"  # noqa: S608  a constant
    rows = yield text, (operation.name,)
    now = yield from _now(operation.now, dialect)
    if not rows:
        return 0.0
    ((until, seen, probed_at),) = rows
    left = _followed(until, seen, now) - now
    if operation.half_open_interval is not None:
        left = min(left, _followed(probed_at, seen, now) + operation.half_open_interval - now)
    if left > 0:
        return left
    yield (
        "UPDATE messaging_channels_shared_circuit SET open_until = ?, probed_at = ?, seen = ? WHERE name = ?",
        (now + operation.reset_timeout, now, now, operation.name),
    )
    return 0.0


HANDLERS: dict[type[Any], Callable[[Any, Dialect], StatementFlow[Any]]] = {
    op.TakePlaces: _take_places,
    op.SpendBudget: _spend_budget,
    op.SyncCircuits: _sync_circuits,
    op.AcquireCircuitProbe: _acquire_probe,
}
