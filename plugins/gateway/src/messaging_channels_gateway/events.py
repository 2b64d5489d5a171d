"""What an application hears: one notice for each thing that became of a message or came in, kept before anybody is told.

A notice has an id that is the same however often it is found out, so that writing it twice writes it once. That is why nothing is lost
when the process dies: whoever finds the same out again writes the same notice.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from messaging_channels.events import Engaged, Event, MessageReceived, OptedIn, OptedOut
from messaging_channels.plugins import Group, Kind, Status

if TYPE_CHECKING:
    from messaging_channels.plugins import Record
    from messaging_channels_gateway.store import Store

_WORDS = {
    Group.DELIVERED: "delivered",
    Group.EXPIRED: "expired",
    Group.UNDELIVERABLE: "failed",
    Group.REJECTED: "failed",
}
"""How the name of a notice ends, by the group of the status."""
NAMES = tuple(
    f"{channel}.message.{word}"
    for channel in ("sms", "whatsapp", "email")
    for word in ("sent", "delivered", "expired", "failed", "seen", "opened", "clicked", "played", "received")
)
_GATHERED = 0.02
"""Seconds for which notices are gathered before they are written together: the disk is for the ledger first."""
_DIGEST = 64
"""Characters behind a key that stands for several recipients, in the key of one of them; see `Terms.for_one`."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that an application hears."""

    id: str
    realm: str
    name: str
    """Such as `sms.message.sent`."""
    at: float
    """Seconds since the epoch, UTC."""
    data: dict[str, Any] = field(repr=False)
    call: str | None = None
    """The idempotency key of the call that sent the message: to find its callback URL."""


def of_message(
    realm: str,
    message_id: str,
    channel: str,
    status: Status,
    outcome: Kind,
    *,
    version: int,
    at: float,
    call: str | None,
) -> list[Notice]:
    """Return all that is to be told of a message that stands so: that it was sent, and what became of it."""
    words = ["sent"] if outcome is Kind.ACCEPTED else []
    end = _WORDS.get(status.group) if status.group else None
    words += [end] if end else []
    data = _about(message_id, channel, status, version)
    return [
        Notice(
            _id(realm, message_id, word, status if word == end else None),
            realm,
            f"{channel}.message.{word}",
            at,
            data,
            call,
        )
        for word in words
    ]


def of_record(record: Record) -> list[Notice]:
    """Return all that is to be told of a recorded message."""
    started = (attempt.started for attempt in record.attempts)
    at = max([record.created, *started, *(event.at for event in record.events)])
    return of_message(
        record.scope,
        record.id,
        record.channel,
        record.status,
        record.outcome,
        version=record.version,
        at=at,
        call=record.idempotency_key,
    )


def of_dead_letter(record: Record) -> list[Notice]:
    """Return what is to be told of a message that nobody goes on with, although nothing was sent."""
    name, told = f"{record.channel}.message.failed", _id(record.scope, record.id, "failed", record.status)
    data = _about(record.id, record.channel, record.status, record.version)
    return [Notice(told, record.scope, name, record.lease, data, record.idempotency_key)]


def of_event(event: Event, record: Record | None, realm: str) -> list[Notice]:
    """Return what is to be told of something that a provider reported."""
    if record is not None:
        engaged = [_engaged(event, record)] if isinstance(event, Engaged) else []
        return [*of_record(record), *engaged]
    if isinstance(event, MessageReceived):
        return [Notice(event.key, realm, f"{event.channel}.message.received", event.at, _received(event))]
    if isinstance(event, (OptedOut, OptedIn)):
        word = "opted_out" if isinstance(event, OptedOut) else "opted_in"
        data = {"channel": event.channel, "address": event.address.plain, "why": event.why}
        return [Notice(event.key, realm, f"{event.channel}.contact.{word}", event.at, data)]
    return []


def _engaged(event: Engaged, record: Record) -> Notice:
    data = _about(record.id, record.channel, record.status, record.version)
    data |= {"url": event.url} if event.url else {}
    name = f"{record.channel}.message.{event.act}"
    return Notice(event.key, record.scope, name, event.at, data, record.idempotency_key)


def _about(message_id: str, channel: str, status: Status, version: int) -> dict[str, Any]:
    return {"messageId": message_id, "channel": channel, "status": status.as_dict(), "version": version}


def _received(event: MessageReceived) -> dict[str, Any]:
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


def _id(realm: str, message_id: str, word: str, status: Status | None) -> str:
    told = (realm, message_id, word, (status.group_id, status.id) if status else None)
    return sha256(repr(told).encode()).hexdigest()[:32]


class Events:
    """Keeps notices, and with each of them who is to be told. Those that wait are written in one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[Notice] = []
        self._flushing: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    def later(self, notices: Iterable[Notice]) -> None:
        """Keep notices soon, without waiting. What the process loses by dying is found out again when it starts."""
        self._waiting += notices
        if self._waiting and (self._flushing is None or self._flushing.done()):
            self._flushing = asyncio.create_task(self._flush())

    async def keep(self, notices: Iterable[Notice]) -> None:
        """Keep notices; they are durable on return."""
        batch = list(notices)
        if batch:
            await self._store.changed(partial(_kept, notices=batch))
            self._tell()

    async def flushed(self) -> None:
        """Wait until nothing waits to be written."""
        while self._flushing is not None and not self._flushing.done():
            await self._flushing

    async def news(self, seconds: float) -> None:
        """Wait until something was kept, but not for ever: another process may keep things too."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()

    def since(self, realm: str, seq: int, most: int = 100) -> Sequence[tuple[int, Notice]]:
        """Return the notices of a realm after a place in the order, with theirs."""
        statement = (
            "SELECT seq, id, name, at, data FROM event WHERE realm = ? AND seq > ? ORDER BY seq LIMIT ?"
        )
        return [
            (place, Notice(key, realm, name, at, json.loads(data)))
            for place, key, name, at, data in self._store.read(statement, realm, seq, most)
        ]

    def last(self) -> int:
        """Return the place of the last notice."""
        return int(self._store.read("SELECT coalesce(max(seq), 0) FROM event")[0][0])

    async def _flush(self) -> None:
        while self._waiting:
            await asyncio.sleep(_GATHERED)
            batch, self._waiting = self._waiting, []
            await self._store.changed(partial(_kept, notices=batch))
            self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


def _kept(database: sqlite3.Connection, notices: Sequence[Notice]) -> None:
    for notice in notices:
        fresh = database.execute(
            "INSERT INTO event (id, realm, name, at, data) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING seq",
            (notice.id, notice.realm, notice.name, notice.at, json.dumps(notice.data, ensure_ascii=False)),
        ).fetchall()
        if fresh:
            for endpoint, url in _listeners(database, notice):
                database.execute(
                    "INSERT INTO delivery (event_id, realm, endpoint, url, due) VALUES (?, ?, ?, ?, 0) ON CONFLICT DO NOTHING",
                    (notice.id, notice.realm, endpoint, url),
                )


def _listeners(database: sqlite3.Connection, notice: Notice) -> list[tuple[str | None, str]]:
    """Return who is to be told: the endpoints of the realm that want it, and the callback URL of the message's call."""
    statement = "SELECT id, url, events FROM endpoint WHERE realm = ? AND disabled = ''"
    found: list[tuple[str | None, str]] = [
        (key, url)
        for key, url, events in database.execute(statement, (notice.realm,))
        if events == "*" or notice.name in events.split(",")
    ]
    if notice.call is not None:
        shared, _, digest = notice.call.rpartition("/")
        keys = (notice.realm, notice.call, shared if len(digest) == _DIGEST else notice.call)
        statement = "SELECT callback_url FROM call WHERE realm = ? AND idempotency_key IN (?, ?) AND callback_url IS NOT NULL"
        found += [(None, url) for (url,) in database.execute(statement, keys)]
    return found
