"""Messages that wait for their time: how they get into the ledger's queue, and how it is told what its worker did with them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from messaging_channels.errors import MessagingError
from messaging_channels.plugins import Kind
from messaging_channels_gateway.events import of_dead_letter, of_record
from messaging_channels_gateway.store import all_of, executed

if TYPE_CHECKING:
    from messaging_channels import AsyncDispatcher, Enqueued
    from messaging_channels.messages import Message
    from messaging_channels.plugins import Record
    from messaging_channels_gateway.events import Events, Notice
    from messaging_channels_gateway.store import Store

End: TypeAlias = "Enqueued | MessagingError"

_AT_ONCE = 100
_LONGEST = 60.0
"""Seconds between looks at a message that is late."""
_LOST = 600.0
"""Seconds after its time at which a message that is not in the ledger is taken to be none: its call was refused, or died."""
_GIVEN_UP = 30.0
"""Seconds after which a message that stopped is a dead letter for certain, and not between two rounds of the worker."""


async def enqueued(
    dispatcher: AsyncDispatcher,
    message: Message,
    to: Sequence[tuple[Any, str]],
    *,
    at: float,
    scope: str,
) -> list[End]:
    """Take a message in for each recipient under its key; return what became of each, in order. Those of one chunk are committed together."""

    async def one(whom: Any, key: str) -> End:  # noqa: ANN401  an address, or somebody of the realm
        try:
            return await dispatcher.enqueue(message, to=whom, idempotency_key=key, scope=scope, send_at=at)
        except MessagingError as error:
            return error

    ends: list[End] = []
    for start in range(0, len(to), _AT_ONCE):
        ends += await asyncio.gather(*(one(*pair) for pair in to[start : start + _AT_ONCE]))
    return ends


class Schedule:
    """Knows when messages are to be sent, and looks what became of them when it was time. One loop runs it."""

    def __init__(
        self,
        store: Store,
        dispatcher: AsyncDispatcher,
        events: Events,
        clock: Callable[[], float],
        look: float,
    ) -> None:
        """Look at nothing yet. `look` is how many seconds are between looks."""
        self._store = store
        self._dispatcher = dispatcher
        self._events = events
        self._clock = clock
        self._look = look

    def time_of(self, record: Record) -> float | None:
        """Return when a message was, or is, to be sent; None if it did not have to wait. Seconds since the epoch, UTC."""
        if record.idempotency_key is None:
            return None
        asked = "SELECT send_at FROM schedule WHERE realm = ? AND idempotency_key = ?"
        rows = self._store.read(asked, record.scope, record.idempotency_key)
        return float(rows[0][0]) if rows else None

    async def cancelled(self, record: Record) -> Record | None:
        """Cancel a message; return its record, or None if it is too late. What waits for its time is looked at soon, whatever happens to us."""
        soon = (
            "UPDATE schedule SET look_at = 0 WHERE realm = ? AND idempotency_key = ? AND look_at IS NOT NULL"
        )
        await self._store.changed(executed(soon, record.scope, record.idempotency_key))
        if not await self._dispatcher.queue.cancel(record.id):
            return None
        ended = await self._dispatcher.find(record.id)
        self._events.later(of_record(ended) if ended else [])
        return ended

    async def recover(self, since: float) -> None:
        """Look again at what was to be sent since then: the process before may have died before it told."""
        await self._store.changed(executed("UPDATE schedule SET look_at = send_at WHERE send_at >= ?", since))

    async def run(self) -> None:
        """Tell of what was sent at its time, until cancelled."""
        while True:
            if not await self.step():
                await asyncio.sleep(self._look)

    async def step(self) -> int:
        """Look at messages whose time has come, and tell what became of them; return how many ended."""
        now = self._clock()
        asked = (
            "SELECT realm, idempotency_key, send_at FROM schedule WHERE look_at <= ? ORDER BY look_at LIMIT ?"
        )
        rows = self._store.read(asked, now, _AT_ONCE)
        finding = (self._dispatcher.find(idempotency_key=key, scope=realm) for realm, key, _ in rows)
        notices: list[Notice] = []
        places: list[tuple[float | None, str, str]] = []
        for (realm, key, send_at), record in zip(rows, await asyncio.gather(*finding), strict=True):
            news = _news(record, now) if record else None
            over = news is not None or (record is None and now - send_at > _LOST)
            notices += news or []
            places.append((None if over else max(send_at, now + self._wait(now - send_at)), realm, key))
        await self._events.keep(notices)
        placed = "UPDATE schedule SET look_at = ? WHERE realm = ? AND idempotency_key = ?"
        if places:
            await self._store.changed(all_of([(placed, place) for place in places]))
        return sum(place[0] is None for place in places)

    def _wait(self, late: float) -> float:
        """Return how long to wait before the next look at a message that is so late."""
        return min(_LONGEST, self._look + max(0.0, late) / 10)


def _news(record: Record, now: float) -> list[Notice] | None:
    """Return what is to be told of a message whose time had come; None if that is to be seen."""
    if record.outcome is Kind.ACCEPTED or record.status.final:
        return of_record(record)
    dead = record.stopped and record.outcome is Kind.NOT_SENT and now - record.lease > _GIVEN_UP
    return of_dead_letter(record) if dead else None
