"""Outgoing webhooks: each notice to each endpoint that wants it, until it is taken, or is a dead letter."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex
from typing import TYPE_CHECKING

import httpcore

from messaging_channels.errors import LedgerUnavailable
from messaging_channels_gateway.auth.url_guard import GuardedBackend, UrlGuard
from messaging_channels_gateway.events import targets
from messaging_channels_gateway.events.standard_webhooks import new_secret, sign
from messaging_channels_gateway.problems import Problem
from messaging_channels_gateway.store.state import statement_work

if TYPE_CHECKING:
    from messaging_channels_gateway.events.event_log import EventLog
    from messaging_channels_gateway.store.state import Connection, StateStore

_log = logging.getLogger(__name__)
RETRY_DELAYS = (5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 50400.0, 72000.0, 86400.0)
"""Seconds before each repetition, as Standard Webhooks recommends it; after the last one it is a dead letter."""
_MAX_AGE = 4 * 86400.0
"""Seconds after its event at which a delivery is given up, if its target was out of reach meanwhile and used up no repetitions."""
_DISABLE_AFTER = 5 * 86400.0
"""Seconds of nothing but failures, after which an endpoint is disabled."""
_TIMEOUT = 15.0
_POLL_INTERVAL = 1.0
_MAX_RESPONSE_BYTES = 65536
_GONE, _TOO_SLOW, _TOO_MANY, _SERVER_ERROR = 410, 408, 429, 500
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
    target: str


class WebhookDeliveries:
    """Sends what is due. One loop runs it; other processes on the same store may do so too, and each delivery is made by one of them."""

    def __init__(
        self,
        store: StateStore,
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
            max_connections=targets.MAX_CONCURRENT,
            keepalive_expiry=5.0,
        )
        self._holder = token_hex(8)
        self._under_way: dict[asyncio.Task[None], str] = {}
        """The calls that are being made, and their targets."""
        self.counts: Counter[str] = Counter()
        """How many calls were `taken` and `failed`, since the start."""

    async def run(self) -> None:
        """Send what is due, and wait for more, until cancelled."""
        while True:
            if not await self._start_due():
                news = asyncio.ensure_future(self._events.wait_for_events(_POLL_INTERVAL))
                try:
                    await asyncio.wait({news, *self._under_way}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    news.cancel()

    async def deliver_due(self) -> int:
        """Send what is due now, as far as the bounds allow; return how many deliveries that were."""
        started = await self._start_due()
        await asyncio.gather(*started)
        return len(started)

    async def close(self) -> None:
        """Finish what is under way, and close every connection."""
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self._pool.aclose()

    async def _start_due(self) -> Sequence[asyncio.Task[None]]:
        """Begin the calls that are due, without waiting for their answers."""
        busy = list(self._under_way.values())
        if len(busy) >= targets.MAX_CONCURRENT:
            return ()
        claims = targets.DueDeliveries(self._clock(), self._holder, busy)
        rows = await self._store.run_transaction_async(claims)
        return [self._start(Delivery(*row)) for row in rows]

    def _start(self, delivery: Delivery) -> asyncio.Task[None]:
        task = asyncio.create_task(self._deliver(delivery))
        self._under_way[task] = delivery.target
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task]
        if not task.cancelled() and (fault := task.exception()) is not None:
            _log.error(
                "a delivery could not be recorded (%s): it is made again after its lease",
                type(fault).__name__,
            )

    async def _deliver(self, delivery: Delivery) -> None:
        try:
            status = await self._post(delivery)
        except LedgerUnavailable:
            raise
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
                await self._record_failure(delivery, f"HTTP {status}", status)

    async def _post(self, delivery: Delivery) -> int:
        """Make one call, and return the status of the answer. Its body is read to a limit, and not kept."""
        self._url_guard.split_url(delivery.url)
        secrets, body = await self._store.call(self._content, delivery)
        headers = sign(secrets, delivery.event_id, int(self._clock()), body)
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

    def _content(self, delivery: Delivery) -> tuple[list[str], bytes]:
        """Return the secrets that sign, and the body."""
        return self._secrets(delivery), self._body(delivery.event_id)

    def _body(self, event_id: str) -> bytes:
        asked = "SELECT name, at, data FROM messaging_channels_gateway_event WHERE id = ?"
        name, at, data = self._store.read(asked, event_id)[0]
        when = datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
        told = {"type": name, "timestamp": when, "data": json.loads(data)}
        return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()

    def _secrets(self, delivery: Delivery) -> list[str]:
        """Return the secrets that sign: the endpoint's own, two of them while it is being changed, or the tenant's for callback URLs."""
        if delivery.endpoint is None:
            asked = "SELECT secret FROM messaging_channels_gateway_signing WHERE tenant = ?"
            return [row[0] for row in self._store.read(asked, delivery.tenant)]
        asked = "SELECT secret, old_secret FROM messaging_channels_gateway_endpoint WHERE id = ?"
        rows = self._store.read(asked, delivery.endpoint)
        return [secret for row in rows for secret in row if secret]

    async def _record_success(self, delivery: Delivery) -> None:
        self.counts["taken"] += 1
        now = self._clock()

        def work(database: Connection) -> None:
            database.execute(
                "UPDATE messaging_channels_gateway_delivery SET state = 'done', due = NULL, problem = '', holder = '' WHERE id = ?",
                (delivery.id,),
            )
            _clear_failing(database, delivery.endpoint)
            targets.record_reached(database, delivery.target, now)

        await self._store.run_transaction_async(work)

    async def _record_failure(self, delivery: Delivery, problem: str, status: int = 0) -> None:
        self.counts["failed"] += 1
        now, again = self._clock(), delivery.attempts - 1
        is_over = status == _GONE or again >= len(self._retry_delays)
        due = None if is_over else now + self._retry_delays[again]
        is_outage = status in (0, _TOO_SLOW, _TOO_MANY) or status >= _SERVER_ERROR

        def work(database: Connection) -> None:
            database.execute(
                "UPDATE messaging_channels_gateway_delivery SET state = ?, due = ?, problem = ?, holder = '' WHERE id = ? AND holder = ?",
                ("dead" if is_over else "waiting", due, problem, delivery.id, self._holder),
            )
            if is_outage:
                targets.record_unreached(database, delivery.target, now)
            if delivery.endpoint is not None:
                _record_failing(database, delivery.endpoint, now, is_gone=status == _GONE)

        await self._store.run_transaction_async(work)


def _clear_failing(database: Connection, endpoint: str | None) -> None:
    database.execute(
        "UPDATE messaging_channels_gateway_endpoint SET failing_since = NULL WHERE id = ? AND failing_since IS NOT NULL",
        (endpoint,),
    )


def _record_failing(database: Connection, endpoint: str, now: float, *, is_gone: bool) -> None:
    """Remember since when an endpoint fails; disable one that has failed for too long, or says that it is gone."""
    database.execute(
        "UPDATE messaging_channels_gateway_endpoint SET failing_since = coalesce(failing_since, ?) WHERE id = ?",
        (now, endpoint),
    )
    why, limit = (
        ("it answered 410", now + 1) if is_gone else ("it failed for five days", now - _DISABLE_AFTER)
    )
    disabled = database.execute(
        "UPDATE messaging_channels_gateway_endpoint SET disabled = ? WHERE id = ? AND failing_since < ? RETURNING id",
        (why, endpoint, limit),
    )
    if disabled:  # what waits for it would wait for ever: `retry` brings it back
        database.execute(
            "UPDATE messaging_channels_gateway_delivery SET state = 'dead', due = NULL,"
            " problem = CASE WHEN problem = '' THEN 'the endpoint is disabled' ELSE problem END"
            " WHERE endpoint = ? AND state = 'waiting' AND holder = ''",
            (endpoint,),
        )


def expire_deliveries(now: float) -> Callable[[Connection], None]:
    """Return the work that makes dead letters of what has waited for longer than the whole schedule, because its target was not reached."""

    def work(database: Connection) -> None:
        database.execute(
            "UPDATE messaging_channels_gateway_delivery SET state = 'dead', due = NULL,"
            " problem = CASE WHEN problem = '' THEN 'its host was not reached' ELSE problem END"
            " WHERE state = 'waiting' AND holder = '' AND attempts > 0 AND event_id IN"
            " (SELECT id FROM messaging_channels_gateway_event WHERE at < ?)",
            (now - _MAX_AGE,),
        )

    return work


async def callback_secret(store: StateStore, tenant: str) -> str:
    """Return the secret that signs what goes to the callback URLs of a tenant's calls; it is made when first needed."""
    asked = "SELECT secret FROM messaging_channels_gateway_signing WHERE tenant = ?"
    made = "INSERT INTO messaging_channels_gateway_signing VALUES (?, ?) ON CONFLICT DO NOTHING"
    found = await store.call(store.read, asked, tenant)
    if not found:
        await store.run_transaction_async(statement_work(made, tenant, new_secret()))
        found = await store.call(store.read, asked, tenant)
    return str(found[0][0])
