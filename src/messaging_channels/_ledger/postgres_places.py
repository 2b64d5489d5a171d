"""Places under a rate that processes share, taken on PostgreSQL in one round trip.

The row of the rate is locked for as long as the server needs for two statements. By steps that the client waits between, a process that gets no processor
for a moment holds all others up with its lock: four of them on two busy cores used half of what a rate allowed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from messaging_channels._ledger.postgres_group import ALONE
from messaging_channels._ledger.sql_limits import CLOCK_TOLERANCE
from messaging_channels.plugins.ledger import Operation
from messaging_channels.plugins.ledger_limits import Place, TakePlaces

if TYPE_CHECKING:
    import psycopg


def is_of_places(operation: Operation[Any]) -> bool:
    """Whether it takes places under one rate, none of which is to be used later than at once."""
    return (
        isinstance(operation, TakePlaces)
        and len(operation.rates) == 1
        and bool(operation.requests)
        and not operation.returned
        and not any(one.delay for one in operation.requests)
    )


class Places:
    """Places that are taken together."""

    def __init__(self, operations: Sequence[TakePlaces]) -> None:
        """Take what is asked for. Nothing is done yet."""
        self._operations = operations

    def write(self, connection: psycopg.Connection[Any]) -> list[Any]:
        """Take them on a connection that commits by itself, and return the replies in order. Raises psycopg.Error: none was taken.

        Where the row is not there yet, the clock was set, or there are not enough, the caller takes its own by its own statements.
        """
        order = sorted(range(len(self._operations)), key=lambda place: self._operations[place].rates[0].name)
        with connection.pipeline() as pipeline:
            connection.execute(b"BEGIN")
            connection.execute(_SETTINGS)  # what is lost with the server is a few milliseconds of a rate
            cursors = {place: connection.execute(_TAKE, _values(self._operations[place])) for place in order}
            connection.execute(b"COMMIT")
            pipeline.sync()
        rows = {place: cursor.fetchall() for place, cursor in cursors.items()}
        return [
            _places(one, rows[place][0][0]) if rows[place] else ALONE
            for place, one in enumerate(self._operations)
        ]


def _values(operation: TakePlaces) -> dict[str, Any]:
    rate, count = operation.rates[0], len(operation.requests)
    least = min(one.max_wait for one in operation.requests)
    return {
        "name": rate.name,
        "taken": count * rate.interval,
        "longest": min(1e9, least) + (rate.burst - count) * rate.interval,
        "tolerance": CLOCK_TOLERANCE,
    }


def _places(operation: TakePlaces, ahead: float) -> list[Place]:
    """Return the places, the first of which is due so many seconds after the reply, but for the burst."""
    rate = operation.rates[0]
    waits = (
        max(0.0, ahead - (rate.burst - 1 - number) * rate.interval)
        for number in range(len(operation.requests))
    )
    return [Place(is_taken=True, wait=wait, limited_by=rate.name) for wait in waits]


_NOW = "extract(epoch FROM clock_timestamp())::float8"
"""Asked once the row is locked: that may have taken a while."""
_SETTINGS = b"SELECT set_config('synchronous_commit', 'off', true), set_config('lock_timeout', '200ms', true)"
_TAKE = (
    "WITH locked AS MATERIALIZED (SELECT name, next_free, seen FROM messaging_channels_shared_rate WHERE name = %(name)s FOR UPDATE),"  # noqa: S608
    f" known AS MATERIALIZED (SELECT name, next_free, seen, {_NOW} AS now FROM locked)"
    " UPDATE messaging_channels_shared_rate AS rate SET next_free = greatest(known.next_free, known.now) + %(taken)s, seen = known.now"
    " FROM known WHERE rate.name = known.name AND known.seen - known.now <= %(tolerance)s"
    " AND greatest(known.next_free - known.now, 0) <= %(longest)s"
    " RETURNING greatest(known.next_free - known.now, 0)"
).encode()
