"""Messages that wait for their time: how they get into the ledger's queue, and how it is told what its worker did with them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from messaging_channels.errors import MessagingError
from messaging_channels.plugins import Outcome
from messaging_channels_gateway.events.event_log import events_of_dead_letter, events_of_record
from messaging_channels_gateway.store.state import statement_work, statements_work

if TYPE_CHECKING:
    from messaging_channels import AsyncDispatcher, QueuedReceipt
    from messaging_channels.messages import Message
    from messaging_channels.plugins import MessageRecord
    from messaging_channels_gateway.events.event_log import EventLog, GatewayEvent
    from messaging_channels_gateway.store.state import StateStore

EnqueueOutcome: TypeAlias = "QueuedReceipt | MessagingError"

_BATCH_SIZE = 100
_MAX_DELAY = 60.0
"""Seconds between looks at a message that is late."""
_MISSING_AFTER = 600.0
"""Seconds after its time at which a message that is not in the ledger is taken to be none: its call was refused, or died."""
_DEAD_AFTER = 30.0
"""Seconds after which a message that stopped is a dead letter for certain, and not between two rounds of the worker."""


async def enqueue_scheduled(
    dispatcher: AsyncDispatcher,
    message: Message,
    to: Sequence[tuple[Any, str]],
    *,
    at: float,
    scope: str,
) -> list[EnqueueOutcome]:
    """Take a message in for each recipient under its key; return what became of each, in order. Those of one chunk are committed together."""

    async def one(whom: Any, key: str) -> EnqueueOutcome:  # noqa: ANN401  an address, or somebody of the tenant
        try:
            return await dispatcher.enqueue(message, to=whom, idempotency_key=key, scope=scope, send_at=at)
        except MessagingError as error:
            return error

    ends: list[EnqueueOutcome] = []
    for start in range(0, len(to), _BATCH_SIZE):
        ends += await asyncio.gather(*(one(*pair) for pair in to[start : start + _BATCH_SIZE]))
    return ends


class ScheduleWatcher:
    """Knows when messages are to be sent, and looks what became of them when it was time. One loop runs it."""

    def __init__(
        self,
        store: StateStore,
        dispatcher: AsyncDispatcher,
        events: EventLog,
        clock: Callable[[], float],
        poll_interval: float,
    ) -> None:
        """Look at nothing yet. `look` is how many seconds are between looks."""
        self._store = store
        self._dispatcher = dispatcher
        self._events = events
        self._clock = clock
        self._poll_interval = poll_interval

    def scheduled_time_of(self, record: MessageRecord) -> float | None:
        """Return when a message was, or is, to be sent; None if it did not have to wait. Seconds since the epoch, UTC."""
        if record.idempotency_key is None:
            return None
        asked = (
            "SELECT send_at FROM messaging_channels_gateway_schedule WHERE tenant = ? AND idempotency_key = ?"
        )
        rows = self._store.read(asked, record.scope, record.idempotency_key)
        return float(rows[0][0]) if rows else None

    async def cancel(self, record: MessageRecord) -> MessageRecord | None:
        """Cancel a message; return its record, or None if it is too late. What waits for its time is looked at soon, whatever happens to us."""
        soon = "UPDATE messaging_channels_gateway_schedule SET next_check_at = 0 WHERE tenant = ? AND idempotency_key = ? AND next_check_at IS NOT NULL"
        await self._store.run_transaction_async(statement_work(soon, record.scope, record.idempotency_key))
        if not await self._dispatcher.queue.cancel(record.id):
            return None
        ended = await self._dispatcher.get_message(record.id)
        self._events.append_soon(events_of_record(ended) if ended else [])
        return ended

    async def recover(self, since: float) -> None:
        """Look again at what was to be sent since then: the process before may have died before it told."""
        await self._store.run_transaction_async(
            statement_work(
                "UPDATE messaging_channels_gateway_schedule SET next_check_at = send_at WHERE send_at >= ?",
                since,
            )
        )

    async def run(self) -> None:
        """Tell of what was sent at its time, until cancelled."""
        while True:
            if not await self.check_due():
                await asyncio.sleep(self._poll_interval)

    async def check_due(self) -> int:
        """Look at messages whose time has come, and tell what became of them; return how many ended."""
        now = self._clock()
        asked = "SELECT tenant, idempotency_key, send_at FROM messaging_channels_gateway_schedule WHERE next_check_at <= ? ORDER BY next_check_at LIMIT ?"
        rows = await self._store.call(self._store.read, asked, now, _BATCH_SIZE)
        finding = (self._dispatcher.get_message(idempotency_key=key, scope=tenant) for tenant, key, _ in rows)
        notices: list[GatewayEvent] = []
        places: list[tuple[float | None, str, str]] = []
        for (tenant, key, send_at), record in zip(rows, await asyncio.gather(*finding), strict=True):
            news = _final_events(record, now) if record else None
            over = news is not None or (record is None and now - send_at > _MISSING_AFTER)
            notices += news or []
            places.append(
                (None if over else max(send_at, now + self._next_delay(now - send_at)), tenant, key)
            )
        await self._events.append(notices)
        placed = "UPDATE messaging_channels_gateway_schedule SET next_check_at = ? WHERE tenant = ? AND idempotency_key = ?"
        if places:
            await self._store.run_transaction_async(statements_work([(placed, place) for place in places]))
        return sum(place[0] is None for place in places)

    def _next_delay(self, late: float) -> float:
        """Return how long to wait before the next look at a message that is so late."""
        return min(_MAX_DELAY, self._poll_interval + max(0.0, late) / 10)


def _final_events(record: MessageRecord, now: float) -> list[GatewayEvent] | None:
    """Return what is to be told of a message whose time had come; None if that is to be seen."""
    if record.outcome is Outcome.ACCEPTED or record.status.final:
        return events_of_record(record)
    dead = record.stop_reason and record.outcome is Outcome.NOT_SENT and now - record.lease > _DEAD_AFTER
    return events_of_dead_letter(record) if dead else None
