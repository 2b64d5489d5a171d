"""Outgoing webhooks: each notice to each endpoint that wants it, until it is taken, or is a dead letter."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpcore

from messaging_channels_gateway.guard import Guard, GuardedBackend
from messaging_channels_gateway.problems import Problem
from messaging_channels_gateway.standard_webhooks import new_secret, signed
from messaging_channels_gateway.store import Store, all_of, executed

if TYPE_CHECKING:
    from messaging_channels_gateway.events import Events

SCHEDULE = (5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 50400.0, 72000.0, 86400.0)
"""Seconds before each repetition, as Standard Webhooks recommends it; after the last one it is a dead letter."""
_PATIENCE = 5 * 86400.0
"""Seconds of nothing but failures, after which an endpoint is disabled."""
_SECONDS = 15.0
_LEASE = 60.0
_AT_ONCE = 20
_LARGEST_ANSWER = 65536
_GONE = 410
_SUCCESS = 2


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notice on its way to one URL."""

    id: int
    realm: str
    endpoint: str | None
    url: str
    attempts: int
    event_id: str


class Deliveries:
    """Sends what is due. One loop runs it; another process of the same machine may do so too."""

    def __init__(
        self,
        store: Store,
        events: Events,
        guard: Guard,
        clock: Callable[[], float],
        *,
        schedule: Sequence[float] = SCHEDULE,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Send nothing yet. `tls` stands for the usual trust, in tests."""
        self._store = store
        self._events = events
        self._guard = guard
        self._clock = clock
        self._schedule = schedule
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            network_backend=GuardedBackend(guard),
            max_connections=_AT_ONCE,
            keepalive_expiry=5.0,
        )

    async def run(self) -> None:
        """Send what is due, and wait for more, until cancelled."""
        while True:
            if not await self.step():
                await self._events.news(1.0)

    async def step(self) -> int:
        """Send what is due now, each once; return how many that were."""
        due = await self._store.changed(
            executed(
                "UPDATE delivery SET due = ?, attempts = attempts + 1 WHERE id IN (SELECT id FROM delivery WHERE due <= ?"
                " ORDER BY due LIMIT ?) RETURNING id, realm, endpoint, url, attempts, event_id",
                self._clock() + _LEASE,
                self._clock(),
                _AT_ONCE,
            )
        )
        await asyncio.gather(*(self._delivered(Delivery(*row)) for row in due))
        return len(due)

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.aclose()

    async def _delivered(self, delivery: Delivery) -> None:
        try:
            status = await self._posted(delivery)
        except (
            httpcore.NetworkError,
            httpcore.ProtocolError,
            httpcore.TimeoutException,
            TimeoutError,
        ) as error:
            await self._failed(delivery, type(error).__name__)
        except (httpcore.UnsupportedProtocol, Problem):
            await self._failed(delivery, "the URL leads to a private address, or is malformed")
        else:
            if status // 100 == _SUCCESS:
                await self._taken(delivery)
            else:
                await self._failed(delivery, f"HTTP {status}", gone=status == _GONE)

    async def _posted(self, delivery: Delivery) -> int:
        """Make one call, and return the status of the answer. Its body is read to a limit, and not kept."""
        self._guard.parsed(delivery.url)
        body = self._body(delivery.event_id)
        at = int(self._clock())
        headers = signed(self._secrets(delivery), delivery.event_id, at, body)
        headers |= {"content-type": "application/json", "user-agent": "messaging-channels"}
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        async with (
            asyncio.timeout(_SECONDS),
            self._pool.stream("POST", delivery.url, headers=pairs, content=body) as answer,
        ):
            size = 0
            async for part in answer.aiter_stream():
                size += len(part)
                if size > _LARGEST_ANSWER:
                    break
            return int(answer.status)

    def _body(self, event_id: str) -> bytes:
        name, at, data = self._store.read("SELECT name, at, data FROM event WHERE id = ?", event_id)[0]
        when = datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
        told = {"type": name, "timestamp": when, "data": json.loads(data)}
        return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()

    def _secrets(self, delivery: Delivery) -> list[str]:
        """Return the secrets that sign: the endpoint's own, two of them while it is being changed, or the realm's for callback URLs."""
        if delivery.endpoint is None:
            return [
                row[0]
                for row in self._store.read("SELECT secret FROM signing WHERE realm = ?", delivery.realm)
            ]
        rows = self._store.read("SELECT secret, old_secret FROM endpoint WHERE id = ?", delivery.endpoint)
        return [secret for row in rows for secret in row if secret]

    async def _taken(self, delivery: Delivery) -> None:
        await self._store.changed(
            all_of(
                [
                    (
                        "UPDATE delivery SET state = 'done', due = NULL, problem = '' WHERE id = ?",
                        (delivery.id,),
                    ),
                    ("UPDATE endpoint SET failing_since = NULL WHERE id = ?", (delivery.endpoint,)),
                ]
            )
        )

    async def _failed(self, delivery: Delivery, problem: str, *, gone: bool = False) -> None:
        now = self._clock()
        again = delivery.attempts - 1
        if gone or again >= len(self._schedule):
            end = "UPDATE delivery SET state = 'dead', due = NULL, problem = ? WHERE id = ?"
            steps: list[tuple[str, tuple[Any, ...]]] = [(end, (problem, delivery.id))]
        else:
            due = now + self._schedule[again]
            steps = [("UPDATE delivery SET due = ?, problem = ? WHERE id = ?", (due, problem, delivery.id))]
        steps.append(
            (
                "UPDATE endpoint SET failing_since = coalesce(failing_since, ?) WHERE id = ?",
                (now, delivery.endpoint),
            )
        )
        why = "it answered 410" if gone else "it failed for five days"
        limit = now + 1 if gone else now - _PATIENCE
        steps.append(
            (
                "UPDATE endpoint SET disabled = ? WHERE id = ? AND failing_since < ?",
                (why, delivery.endpoint, limit),
            )
        )
        await self._store.changed(all_of(steps))


async def callback_secret(store: Store, realm: str) -> str:
    """Return the secret that signs what goes to the callback URLs of a realm's calls; it is made when first needed."""
    made = executed("INSERT INTO signing VALUES (?, ?) ON CONFLICT DO NOTHING", realm, new_secret())
    found = store.read("SELECT secret FROM signing WHERE realm = ?", realm)
    if not found:
        await store.changed(made)
        found = store.read("SELECT secret FROM signing WHERE realm = ?", realm)
    return str(found[0][0])
