"""What whoever runs the service asks of it."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse

from messaging_channels.errors import MessagingError
from messaging_channels_gateway.api.request_context import gateway_of, json_response

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from messaging_channels import AsyncDispatcher

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
    """`GET /metrics`: counters, without ids, addresses or names of tenants."""
    gateway = gateway_of(request)
    counted = await gateway.store.call(
        gateway.store.read,
        "SELECT state, count(*) FROM messaging_channels_gateway_delivery WHERE state != 'done' GROUP BY state",
    )
    states = {"waiting": 0, "dead": 0} | {str(state): int(count) for state, count in counted}
    return PlainTextResponse(gateway.metrics.render(states), media_type="text/plain; version=0.0.4")
