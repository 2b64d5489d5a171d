"""The event stream: server-sent events, each with its place in the order, so that a reader who comes back misses none.

Source of the format: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING

from starlette.responses import StreamingResponse

from messaging_channels_gateway.api.message_views import format_timestamp
from messaging_channels_gateway.api.request_context import authenticate, gateway_of
from messaging_channels_gateway.problems import Problem

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from messaging_channels_gateway.events.event_log import GatewayEvent
    from messaging_channels_gateway.gateway import Gateway

_HEARTBEAT = 15.0
_SEQUENCE = re.compile(r"[0-9]{1,18}", re.ASCII)
"""The number of an event: at most what 64 bits hold in the database."""


async def stream_events(request: Request) -> Response:
    """`GET /v1/events`: the tenant's events from now on, or from behind `last-event-id`."""
    caller, gateway = await authenticate(request, "read:events"), gateway_of(request)
    given = request.headers.get("last-event-id")
    if given is None:
        start = await gateway.store.call(gateway.event_log.last_sequence)
    elif _SEQUENCE.fullmatch(given):
        start = int(given)
    else:
        raise Problem("invalid_request", "the header last-event-id must be the number of an event")
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(
        _event_lines(gateway, caller.tenant, start), 200, headers, media_type="text/event-stream"
    )


async def _event_lines(gateway: Gateway, tenant: str, seq: int) -> AsyncIterator[str]:
    yield ": hello\n\n"
    quiet = 0.0
    while not gateway.stopping.is_set():
        page = await gateway.store.call(gateway.event_log.events_after, tenant, seq)
        for seq, notice in page:  # noqa: PLR1704  the place in the order goes on
            yield _format_event(seq, notice)
        quiet = 0.0 if page else quiet
        if not page:
            await _wait_for_events_or_stop(gateway)
            quiet += 1.0
            if quiet >= _HEARTBEAT:
                quiet = 0.0
                yield ": still here\n\n"


async def _wait_for_events_or_stop(gateway: Gateway) -> None:
    """Wait a moment for news, no longer than the service runs."""
    waits = [
        asyncio.create_task(gateway.event_log.wait_for_events(1.0)),
        asyncio.create_task(gateway.stopping.wait()),
    ]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waits:
            one.cancel()
            with suppress(asyncio.CancelledError):
                await one


def _format_event(seq: int, event: GatewayEvent) -> str:
    told = {
        "id": event.id,
        "type": event.name,
        "timestamp": format_timestamp(event.occurred_at),
        "data": event.data,
    }
    return f"id: {seq}\nevent: {event.name}\ndata: {json.dumps(told, ensure_ascii=True)}\n\n"
