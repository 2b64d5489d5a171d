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

from messaging_channels_gateway.auth.url_guard import GuardedBackend, UrlGuard
from messaging_channels_gateway.events.standard_webhooks import new_secret, sign
from messaging_channels_gateway.problems import Problem
from messaging_channels_gateway.store.sqlite import Store, statement_work, statements_work

if TYPE_CHECKING:
    from messaging_channels_gateway.events.event_log import EventLog

RETRY_DELAYS = (5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 50400.0, 72000.0, 86400.0)
"""Seconds before each repetition, as Standard Webhooks recommends it; after the last one it is a dead letter."""
_DISABLE_AFTER = 5 * 86400.0
"""Seconds of nothing but failures, after which an endpoint is disabled."""
_TIMEOUT = 15.0
_LEASE = 60.0
_MAX_CONCURRENT = 20
_MAX_RESPONSE_BYTES = 65536
_GONE = 410
_SUCCESS = 2


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notice on its way to one URL."""

    id: int
    tenant: str
    endpoint: str | None
    url: str
    attempts: int
    event_id: str


class WebhookDeliveries:
    """Sends what is due. One loop runs it; another process of the same machine may do so too."""

    def __init__(
        self,
        store: Store,
        events: EventLog,
        url_guard: UrlGuard,
        clock: Callable[[], float],
        *,
        retry_delays: Sequence[float] = RETRY_DELAYS,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Send nothing yet. `tls` stands for the usual trust, in tests."""
        self._store = store
        self._events = events
        self._url_guard = url_guard
        self._clock = clock
        self._retry_delays = retry_delays
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            network_backend=GuardedBackend(url_guard),
            max_connections=_MAX_CONCURRENT,
            keepalive_expiry=5.0,
        )

    async def run(self) -> None:
        """Send what is due, and wait for more, until cancelled."""
        while True:
            if not await self.deliver_due():
                await self._events.wait_for_events(1.0)

    async def deliver_due(self) -> int:
        """Send what is due now, each once; return how many that were."""
        due = await self._store.run_transaction_async(
            statement_work(
                "UPDATE delivery SET due = ?, attempts = attempts + 1 WHERE id IN (SELECT id FROM delivery WHERE due <= ?"
                " ORDER BY due LIMIT ?) RETURNING id, tenant, endpoint, url, attempts, event_id",
                self._clock() + _LEASE,
                self._clock(),
                _MAX_CONCURRENT,
            )
        )
        await asyncio.gather(*(self._deliver(Delivery(*row)) for row in due))
        return len(due)

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.aclose()

    async def _deliver(self, delivery: Delivery) -> None:
        try:
            status = await self._post(delivery)
        except (
            httpcore.NetworkError,
            httpcore.ProtocolError,
            httpcore.TimeoutException,
            TimeoutError,
        ) as error:
            await self._record_failure(delivery, type(error).__name__)
        except (httpcore.UnsupportedProtocol, Problem):
            await self._record_failure(delivery, "the URL leads to a private address, or is malformed")
        else:
            if status // 100 == _SUCCESS:
                await self._record_success(delivery)
            else:
                await self._record_failure(delivery, f"HTTP {status}", gone=status == _GONE)

    async def _post(self, delivery: Delivery) -> int:
        """Make one call, and return the status of the answer. Its body is read to a limit, and not kept."""
        self._url_guard.split_url(delivery.url)
        body = self._body(delivery.event_id)
        at = int(self._clock())
        headers = sign(self._secrets(delivery), delivery.event_id, at, body)
        headers |= {"content-type": "application/json", "user-agent": "messaging-channels"}
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        async with (
            asyncio.timeout(_TIMEOUT),
            self._pool.stream("POST", delivery.url, headers=pairs, content=body) as answer,
        ):
            size = 0
            async for part in answer.aiter_stream():
                size += len(part)
                if size > _MAX_RESPONSE_BYTES:
                    break
            return int(answer.status)

    def _body(self, event_id: str) -> bytes:
        name, at, data = self._store.read("SELECT name, at, data FROM event WHERE id = ?", event_id)[0]
        when = datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
        told = {"type": name, "timestamp": when, "data": json.loads(data)}
        return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()

    def _secrets(self, delivery: Delivery) -> list[str]:
        """Return the secrets that sign: the endpoint's own, two of them while it is being changed, or the tenant's for callback URLs."""
        if delivery.endpoint is None:
            return [
                row[0]
                for row in self._store.read("SELECT secret FROM signing WHERE tenant = ?", delivery.tenant)
            ]
        rows = self._store.read("SELECT secret, old_secret FROM endpoint WHERE id = ?", delivery.endpoint)
        return [secret for row in rows for secret in row if secret]

    async def _record_success(self, delivery: Delivery) -> None:
        await self._store.run_transaction_async(
            statements_work(
                [
                    (
                        "UPDATE delivery SET state = 'done', due = NULL, problem = '' WHERE id = ?",
                        (delivery.id,),
                    ),
                    ("UPDATE endpoint SET failing_since = NULL WHERE id = ?", (delivery.endpoint,)),
                ]
            )
        )

    async def _record_failure(self, delivery: Delivery, problem: str, *, gone: bool = False) -> None:
        now = self._clock()
        again = delivery.attempts - 1
        if gone or again >= len(self._retry_delays):
            end = "UPDATE delivery SET state = 'dead', due = NULL, problem = ? WHERE id = ?"
            steps: list[tuple[str, tuple[Any, ...]]] = [(end, (problem, delivery.id))]
        else:
            due = now + self._retry_delays[again]
            steps = [("UPDATE delivery SET due = ?, problem = ? WHERE id = ?", (due, problem, delivery.id))]
        steps.append(
            (
                "UPDATE endpoint SET failing_since = coalesce(failing_since, ?) WHERE id = ?",
                (now, delivery.endpoint),
            )
        )
        why = "it answered 410" if gone else "it failed for five days"
        limit = now + 1 if gone else now - _DISABLE_AFTER
        steps.append(
            (
                "UPDATE endpoint SET disabled = ? WHERE id = ? AND failing_since < ?",
                (why, delivery.endpoint, limit),
            )
        )
        await self._store.run_transaction_async(statements_work(steps))


async def callback_secret(store: Store, tenant: str) -> str:
    """Return the secret that signs what goes to the callback URLs of a tenant's calls; it is made when first needed."""
    made = statement_work("INSERT INTO signing VALUES (?, ?) ON CONFLICT DO NOTHING", tenant, new_secret())
    found = store.read("SELECT secret FROM signing WHERE tenant = ?", tenant)
    if not found:
        await store.run_transaction_async(made)
        found = store.read("SELECT secret FROM signing WHERE tenant = ?", tenant)
    return str(found[0][0])
