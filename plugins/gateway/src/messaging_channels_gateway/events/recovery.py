"""What a process that died had not told: each writes down from when on its messages may be untold, and whoever runs tells them after it.

So a start looks at the messages of a few seconds, however many there were yesterday.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from secrets import token_hex
from typing import TYPE_CHECKING

from messaging_channels_gateway.store.state import statement_work, statements_work

if TYPE_CHECKING:
    from messaging_channels_gateway.store.state import Connection, StateStore

DAY = 86400.0
"""How far back is looked where nothing says from when on: after an upgrade, or when a poll of a provider was cut off."""
DEAD_AFTER = 30.0
"""Seconds without a sign of life after which a process is taken to be dead."""
MARK_INTERVAL = 2.0
"""Seconds between two times at which a process writes down how far everything is told."""
_MARGIN = 1.0
"""Seconds that are looked at beyond what two marks say."""
_CLEAN = 0.0
"""Stands for the last sign of life of a process that told everything before it ended."""


@dataclass(frozen=True, slots=True)
class Untold:
    """Messages whose notices may be missing."""

    periods: Sequence[tuple[float, float]]
    """In which they were begun: seconds since the epoch, UTC."""
    nodes: Sequence[str] = ()
    """The processes whose messages they are: their marks are deleted once all is told."""


class NodeMarks:
    """The marks of all processes, and this one's among them."""

    def __init__(self, store: StateStore, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self.name = token_hex(8)

    async def write(self, told: float) -> None:
        """Write down that all messages of this process from before then were told, and that it lives."""
        await self._store.run_transaction_async(statement_work(_WRITE, self.name, told, self._clock()))

    async def end(self, told: float) -> None:
        """Write down that this process ends, with everything told."""
        await self._store.run_transaction_async(statement_work(_WRITE, self.name, told, _CLEAN))

    async def find_at_start(self) -> Untold:
        """Return what any process may have left: a process that lives still tells its own, and to find that twice does no harm."""
        rows = await self._read()
        periods = _periods(rows) if rows else [last_day(self._clock())]
        return Untold(periods, self._dead(rows))

    async def find_dead(self) -> Untold | None:
        """Return what processes left that died meanwhile; None if none did."""
        rows = await self._read()
        dead = self._dead(rows)
        if not dead:
            return None
        return Untold(_periods([row for row in rows if row[0] in dead]), dead)

    async def delete(self, untold: Untold) -> None:
        """Delete the marks of processes whose messages are told. A mark of one that lives after all is written again by itself."""
        gone = "DELETE FROM messaging_channels_gateway_node WHERE id = ? AND seen < ?"
        limit = self._clock() - DEAD_AFTER
        await self._store.run_transaction_async(
            statements_work([(gone, (name, limit)) for name in untold.nodes])
        )

    async def _read(self) -> Sequence[tuple[str, float, float]]:
        asked = "SELECT id, told, seen FROM messaging_channels_gateway_node WHERE id <> ?"
        rows = await self._store.call(self._store.read, asked, self.name)
        return [(str(name), float(told), float(seen)) for name, told, seen in rows]

    def _dead(self, rows: Sequence[tuple[str, float, float]]) -> Sequence[str]:
        limit = self._clock() - DEAD_AFTER
        return [name for name, _, seen in rows if seen < limit]


def last_day(now: float) -> tuple[float, float]:
    """Return the period in which is looked where nothing says more."""
    return now - DAY, now + _MARGIN


def _periods(rows: Sequence[tuple[str, float, float]]) -> Sequence[tuple[float, float]]:
    """Return when those processes may have begun messages that they did not tell of: none after their last sign of life and the next one that did not come.

    Periods that overlap are one.
    """
    found: list[tuple[float, float]] = []
    for _, told, seen in sorted(rows, key=lambda row: row[1]):
        since, until = told - _MARGIN, seen + MARK_INTERVAL + _MARGIN
        if seen == _CLEAN:
            continue
        if found and since <= found[-1][1]:
            since, until = found[-1][0], max(found.pop()[1], until)
        found.append((since, until))
    return found


@dataclass(slots=True)
class WorkLease:
    """Who does a piece of work that one process at a time does. `was_cut_off`: whoever did it before died in the middle of it."""

    is_ours: bool = False
    was_cut_off: bool = False


@asynccontextmanager
async def leased(
    store: StateStore, name: str, holder: str, clock: Callable[[], float], *, seconds: float, pause: float
) -> AsyncGenerator[WorkLease]:
    """Hold the lease of some work for the block, if nobody else does. Nobody does the work again for `pause` seconds after it."""
    found = await store.run_transaction_async(
        partial(_take, name=name, holder=holder, now=clock(), until=clock() + seconds)
    )
    yield found
    if found.is_ours:  # a block that failed keeps the lease, and says with it that it was cut off
        await store.run_transaction_async(statement_work(_RELEASE, clock() + pause, name, holder))


def _take(database: Connection, *, name: str, holder: str, now: float, until: float) -> WorkLease:
    database.lock(f"lease {name}")
    asked = "SELECT holder, until, working_since FROM messaging_channels_gateway_lease WHERE name = ?"
    rows = database.execute(asked, (name,))
    if rows and rows[0][1] > now and rows[0][0] != holder:
        return WorkLease()
    database.execute(_TAKE, (name, holder, until, now))
    return WorkLease(is_ours=True, was_cut_off=bool(rows and rows[0][2] is not None))


_WRITE = (
    "INSERT INTO messaging_channels_gateway_node (id, told, seen) VALUES (?, ?, ?)"
    " ON CONFLICT (id) DO UPDATE SET told = excluded.told, seen = excluded.seen"
)
_TAKE = (
    "INSERT INTO messaging_channels_gateway_lease (name, holder, until, working_since) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until, working_since = excluded.working_since"
)
_RELEASE = "UPDATE messaging_channels_gateway_lease SET until = ?, working_since = NULL WHERE name = ? AND holder = ?"
