"""What an application hears: one notice for each thing that became of a message or came in, kept before anybody is told.

A notice has an id that is the same however often it is found out, so that writing it twice writes it once. That is why nothing is lost
when the process dies: whoever finds the same out again writes the same notice.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import math
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from messaging_channels.errors import MessagingError
from messaging_channels.events import EngagementReceived, Event, MessageReceived, OptedIn, OptedOut
from messaging_channels.plugins import Outcome, Status, StatusGroup
from messaging_channels_gateway.channels import CHANNELS
from messaging_channels_gateway.events.targets import target_of

if TYPE_CHECKING:
    from messaging_channels.plugins import MessageRecord
    from messaging_channels_gateway.store.state import Connection, Rows, StateStore

_EVENT_OF_GROUP = {
    StatusGroup.DELIVERED: "delivered",
    StatusGroup.EXPIRED: "expired",
    StatusGroup.UNDELIVERABLE: "failed",
    StatusGroup.REJECTED: "failed",
}
"""How the name of a notice ends, by the group of the status."""
EVENT_NAMES = tuple(
    f"{channel}.message.{word}"
    for channel in CHANNELS
    for word in ("sent", "delivered", "expired", "failed", "read", "opened", "clicked", "played", "received")
)
_WRITE_DELAY = 0.05
"""Seconds for which notices are gathered before they are written together: the disk is for the ledger first."""
_MAX_WRITE_DELAY = 1.0
_FLUSH_TIMEOUT = 5.0
_log = logging.getLogger(__name__)
_DIGEST = 64
"""Characters behind a key that stands for several recipients, in the key of one of them; see `SendOptions.for_one`."""


@dataclass(frozen=True, slots=True)
class GatewayEvent:
    """One thing that an application hears."""

    id: str
    tenant: str
    name: str
    """Such as `sms.message.sent`."""
    occurred_at: float
    """Seconds since the epoch, UTC."""
    data: dict[str, Any] = field(repr=False)
    idempotency_key: str | None = None
    """The idempotency key of the call that sent the message: to find its callback URL."""


def events_of_message(
    tenant: str,
    message_id: str,
    channel: str,
    status: Status,
    outcome: Outcome,
    *,
    version: int,
    at: float,
    idempotency_key: str | None,
) -> list[GatewayEvent]:
    """Return all that is to be told of a message that stands so: that it was sent, and what became of it."""
    words = ["sent"] if outcome is Outcome.ACCEPTED else []
    end = _EVENT_OF_GROUP.get(status.group) if status.group else None
    words += [end] if end else []
    data = _message_data(message_id, channel, status, version)
    return [
        GatewayEvent(
            _id(tenant, message_id, word, status if word == end else None),
            tenant,
            f"{channel}.message.{word}",
            at,
            data,
            idempotency_key,
        )
        for word in words
    ]


def events_of_record(record: MessageRecord) -> list[GatewayEvent]:
    """Return all that is to be told of a recorded message."""
    started = (attempt.started_at for attempt in record.attempts)
    at = max([record.created_at, *started, *(event.occurred_at for event in record.events)])
    return events_of_message(
        record.scope,
        record.id,
        record.channel,
        record.status,
        record.outcome,
        version=record.version,
        at=at,
        idempotency_key=record.idempotency_key,
    )


def events_of_dead_letter(record: MessageRecord) -> list[GatewayEvent]:
    """Return what is to be told of a message that nobody goes on with, although nothing was sent."""
    name, told = f"{record.channel}.message.failed", _id(record.scope, record.id, "failed", record.status)
    data = _message_data(record.id, record.channel, record.status, record.version)
    return [GatewayEvent(told, record.scope, name, record.lease, data, record.idempotency_key)]


def events_of_provider_event(event: Event, record: MessageRecord | None, tenant: str) -> list[GatewayEvent]:
    """Return what is to be told of something that a provider reported."""
    if record is not None:
        engaged = [_engagement_events(event, record)] if isinstance(event, EngagementReceived) else []
        return [*events_of_record(record), *engaged]
    if isinstance(event, MessageReceived):
        return [
            GatewayEvent(
                event.key,
                tenant,
                f"{event.channel}.message.received",
                event.occurred_at,
                _inbound_data(event),
            )
        ]
    if isinstance(event, (OptedOut, OptedIn)):
        word = "opted_out" if isinstance(event, OptedOut) else "opted_in"
        data = {"channel": event.channel, "address": event.address.plain, "reason": event.reason}
        return [GatewayEvent(event.key, tenant, f"{event.channel}.contact.{word}", event.occurred_at, data)]
    return []


def _engagement_events(event: EngagementReceived, record: MessageRecord) -> GatewayEvent:
    data = _message_data(record.id, record.channel, record.status, record.version)
    data |= {"url": event.url} if event.url else {}
    name = f"{record.channel}.message.{event.engagement_type}"
    return GatewayEvent(event.key, record.scope, name, event.occurred_at, data, record.idempotency_key)


def _message_data(message_id: str, channel: str, status: Status, version: int) -> dict[str, Any]:
    return {"messageId": message_id, "channel": channel, "status": status.as_dict(), "version": version}


def _inbound_data(event: MessageReceived) -> dict[str, Any]:
    told = {
        "channel": event.channel,
        "provider": event.provider,
        "providerId": event.provider_id,
        "sender": event.sender.plain,
        "to": event.to,
        "kind": event.kind,
        "text": event.text,
        "subject": event.subject,
        "html": event.html,
        "payload": event.payload,
        "replyTo": event.reply_to,
        "name": event.name,
        "media": [{"url": one.url, "id": one.id, "contentType": one.content_type} for one in event.media],
    }
    return {name: value for name, value in told.items() if value not in (None, [], "")}


def _id(tenant: str, message_id: str, word: str, status: Status | None) -> str:
    told = (tenant, message_id, word, (status.group_id, status.id) if status else None)
    return sha256(repr(told).encode()).hexdigest()[:32]


class EventLog:
    """Keeps notices, and with each of them who is to be told. Those that wait are written in one transaction."""

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self._waiting: list[tuple[float, GatewayEvent]] = []
        self._writing: Sequence[tuple[float, GatewayEvent]] = ()
        self._flushing: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    def append_soon(self, events: Iterable[GatewayEvent], *, since: float = math.inf) -> None:
        """Keep notices soon, without waiting. What the process loses by dying is found out again from the messages that were made after `since`."""
        self._waiting += [(since, one) for one in events]
        if self._waiting and (self._flushing is None or self._flushing.done()):
            self._flushing = asyncio.create_task(self._write_waiting())

    @property
    def oldest_waiting(self) -> float:
        """When the oldest message was begun whose notice is not written yet; infinity for none."""
        return min((since for since, _ in (*self._waiting, *self._writing)), default=math.inf)

    async def append(self, events: Iterable[GatewayEvent]) -> None:
        """Keep notices; they are durable on return."""
        batch = list(events)
        if batch:
            await self._store.run_transaction_async(partial(_insert_events, events=batch))
            self._wake_readers()

    async def flush(self) -> None:
        """Wait until nothing waits to be written, but for no database that stays away: what is lost is found out again at the next start."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FLUSH_TIMEOUT):
                while self._flushing is not None and not self._flushing.done():
                    await self._flushing

    async def wait_for_events(self, timeout: float) -> None:  # noqa: ASYNC109  seconds for this one step
        """Wait until something was kept, but not for ever: another process may keep things too."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._news.wait()

    def events_after(self, tenant: str, seq: int, limit: int = 100) -> Sequence[tuple[int, GatewayEvent]]:
        """Return the notices of a tenant after a place in the order, with theirs."""
        statement = "SELECT seq, id, name, at, data FROM messaging_channels_gateway_event WHERE tenant = ? AND seq > ? ORDER BY seq LIMIT ?"
        return [
            (place, GatewayEvent(key, tenant, name, at, json.loads(data)))
            for place, key, name, at, data in self._store.read(statement, tenant, seq, limit)
        ]

    def last_sequence(self) -> int:
        """Return the place of the last notice."""
        return int(
            self._store.read("SELECT coalesce(max(seq), 0) FROM messaging_channels_gateway_event")[0][0]
        )

    async def _write_waiting(self) -> None:
        delay = _WRITE_DELAY
        while self._waiting:
            await asyncio.sleep(delay)
            self._writing, self._waiting = self._waiting, []
            batch = [event for _, event in self._writing]
            try:
                await self._store.run_transaction_async(partial(_insert_events, events=batch))
            except (
                sqlite3.Error,
                OSError,
                MessagingError,
            ) as error:  # a full disk, for one: they are written when it is over
                _log.error("could not store %d notices (%s); they are tried again", len(batch), error)
                self._waiting = [*self._writing, *self._waiting]
                delay = min(2 * delay, _MAX_WRITE_DELAY)
            else:
                delay = _WRITE_DELAY
                self._wake_readers()
            finally:
                self._writing = ()

    def _wake_readers(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


def _insert_events(database: Connection, events: Sequence[GatewayEvent]) -> None:
    database.lock(
        "events"
    )  # their numbers become visible in order: who has read up to one misses none before it
    endpoints = {
        tenant: database.execute(_SELECT_ENDPOINTS, (tenant,)) for tenant in {one.tenant for one in events}
    }
    unheard: list[tuple[object, ...]] = []
    for notice in events:
        told = to_json(notice.data).decode()
        row = notice.id, notice.tenant, notice.name, notice.occurred_at, told
        if notice.idempotency_key is None and not endpoints[notice.tenant]:
            unheard.append(row)
            continue
        database.execute_many(_INSERT_EVENT, unheard)
        unheard = []
        if database.execute(f"{_INSERT_EVENT} RETURNING seq", row):
            _insert_deliveries(database, notice, endpoints[notice.tenant])
    database.execute_many(_INSERT_EVENT, unheard)


def _insert_deliveries(database: Connection, notice: GatewayEvent, endpoints: Rows) -> None:
    for endpoint, url in _webhook_targets(database, notice, endpoints):
        database.execute(
            "INSERT INTO messaging_channels_gateway_delivery (event_id, tenant, endpoint, url, due, target)"
            " VALUES (?, ?, ?, ?, 0, ?) ON CONFLICT DO NOTHING",
            (notice.id, notice.tenant, endpoint, url, target_of(notice.tenant, endpoint, url)),
        )


def _webhook_targets(
    database: Connection, event: GatewayEvent, endpoints: Rows
) -> list[tuple[str | None, str]]:
    """Return who is to be told: of the endpoints of the tenant those that want it, and the callback URL of the message's call."""
    found: list[tuple[str | None, str]] = [
        (key, url) for key, url, events in endpoints if events == "*" or event.name in events.split(",")
    ]
    if event.idempotency_key is not None:
        shared, _, digest = event.idempotency_key.rpartition("/")
        keys = (
            event.tenant,
            event.idempotency_key,
            shared if len(digest) == _DIGEST else event.idempotency_key,
        )
        statement = "SELECT callback_url FROM messaging_channels_gateway_call WHERE tenant = ? AND idempotency_key IN (?, ?) AND callback_url IS NOT NULL"
        found += [(None, url) for (url,) in database.execute(statement, keys)]
    return found


_INSERT_EVENT = (
    "INSERT INTO messaging_channels_gateway_event (id, tenant, name, at, data) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT DO NOTHING"
)
_SELECT_ENDPOINTS = (
    "SELECT id, url, events FROM messaging_channels_gateway_endpoint WHERE tenant = ? AND disabled = ''"
)
