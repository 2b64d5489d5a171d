"""What whoever runs the service asks of it."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

from starlette.responses import Response

from messaging_channels.errors import MessagingError
from messaging_channels_gateway.api.request_context import gateway_of, json_response
from messaging_channels_gateway.events.recovery import DEAD_AFTER
from messaging_channels_gateway.events.targets import OPEN_AFTER, label_of
from messaging_channels_gateway.metrics import Snapshot

if TYPE_CHECKING:
    from starlette.requests import Request

    from messaging_channels import AsyncDispatcher
    from messaging_channels_gateway.gateway import Gateway
    from messaging_channels_gateway.metrics import QueueNumbers

_READY_TIMEOUT = 2.0
"""Seconds in which the ledger has to answer."""


async def health(request: Request) -> Response:
    """`GET /health`: whether the process answers."""
    del request
    return json_response({"status": "ok"})


async def ready(request: Request) -> Response:
    """`GET /ready`: whether messages can be written down, and so sent; and which providers have an account that cannot send."""
    gateway = gateway_of(request)
    asking = gateway.run_to_completion(_paused_accounts(gateway.dispatcher))
    done, _ = await asyncio.wait({asking}, timeout=_READY_TIMEOUT)
    try:
        await gateway.store.call(gateway.store.read, "SELECT 1")
        paused = asking.result() if done else []
    except (MessagingError, sqlite3.Error):
        return json_response({"status": "not ready"}, 503)
    if not done:
        asking.add_done_callback(lambda task: task.cancelled() or task.exception())
        return json_response({"status": "not ready"}, 503)
    return (
        json_response({"status": "stopping"}, 503)
        if gateway.stopping.is_set()
        else json_response({"status": "ready"} | ({"paused": paused} if paused else {}))
    )


async def _paused_accounts(dispatcher: AsyncDispatcher) -> list[str]:
    """Return which accounts cannot send, once the ledger has been written to."""
    await dispatcher.queue.check_writable()
    paused = await dispatcher.queue.paused_accounts()
    return sorted({f"{one.provider}: {one.reason}" for one in paused})


async def metrics(request: Request) -> Response:
    """`GET /metrics`: what Prometheus reads, without ids, addresses or names of tenants."""
    gateway = gateway_of(request)
    told = gateway.metrics.render(await _snapshot(gateway))
    return Response(told, media_type="text/plain; version=0.0.4")


async def _snapshot(gateway: Gateway) -> Snapshot:
    now = gateway.clock.now()
    deliveries, counts, failing = {"waiting": 0, "dead": 0}, (0, 0), dict[str, int]()
    with suppress(MessagingError, sqlite3.Error):
        rows = await gateway.store.call(gateway.store.read, _SELECT_DELIVERIES)
        deliveries |= {str(state): int(count) for state, count in rows}
        limits = (OPEN_AFTER, now - DEAD_AFTER)
        ((targets, nodes),) = await gateway.store.call(gateway.store.read, _SELECT_COUNTS, *limits)
        counts = (int(targets), int(nodes))
        rows = await gateway.store.call(gateway.store.read, _SELECT_FAILING, OPEN_AFTER)
        failing = {label_of(str(target)): int(failures) for target, failures in rows}
    opened = Counter(one.provider for one in gateway.dispatcher.circuits if one.open_until > now)
    waiting, told = gateway.reports.waiting, gateway.deliveries.counts
    return Snapshot(deliveries, *counts, await _stats(gateway), opened, told, waiting, failing)


async def _stats(gateway: Gateway) -> QueueNumbers | None:
    """Return how the queue stands, and count how long the ledger took to say so."""
    begun = time.perf_counter()
    try:
        async with asyncio.timeout(_READY_TIMEOUT):
            stats = await gateway.dispatcher.queue.stats()
    except (MessagingError, TimeoutError):
        return None
    gateway.metrics.count_ledger(time.perf_counter() - begun)
    return stats


_SELECT_DELIVERIES = "SELECT state, count(*) FROM messaging_channels_gateway_delivery WHERE due IS NOT NULL OR state = 'dead' GROUP BY state"
_SELECT_FAILING = "SELECT target, failures FROM messaging_channels_gateway_target WHERE failures >= ? ORDER BY failures DESC, target LIMIT 50"
_SELECT_COUNTS = (
    "SELECT (SELECT count(*) FROM messaging_channels_gateway_target WHERE failures >= ?),"
    " (SELECT count(*) FROM messaging_channels_gateway_node WHERE seen >= ?)"
)
