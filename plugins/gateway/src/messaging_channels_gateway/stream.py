"""The event stream: server-sent events, each with its place in the order, so that a reader who comes back misses none.

Source of the format: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING

from starlette.responses import StreamingResponse

from messaging_channels_gateway.calls import caller_of, gateway_of
from messaging_channels_gateway.problems import Problem
from messaging_channels_gateway.reading import moment

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from messaging_channels_gateway.events import Notice
    from messaging_channels_gateway.gateway import Gateway

_HEARTBEAT = 15.0
_LARGEST = 1 << 62


async def events(request: Request) -> Response:
    """`GET /v1/events`: the realm's events from now on, or from behind `last-event-id`."""
    caller, gateway = caller_of(request, "read:events"), gateway_of(request)
    given = request.headers.get("last-event-id")
    if given is None:
        start = gateway.events.last()
    elif given.isascii() and given.isdecimal() and int(given[:20]) < _LARGEST:
        start = int(given)
    else:
        raise Problem("invalid_request", "last-event-id is the number of an event")
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(
        _lines(gateway, caller.realm, start), 200, headers, media_type="text/event-stream"
    )


async def _lines(gateway: Gateway, realm: str, seq: int) -> AsyncIterator[str]:
    yield ": hello\n\n"
    quiet = 0.0
    while not gateway.stopping.is_set():
        page = gateway.events.since(realm, seq)
        for seq, notice in page:  # noqa: PLR1704  the place in the order goes on
            yield _written(seq, notice)
        quiet = 0.0 if page else quiet
        if not page:
            await _news_or_end(gateway)
            quiet += 1.0
            if quiet >= _HEARTBEAT:
                quiet = 0.0
                yield ": still here\n\n"


async def _news_or_end(gateway: Gateway) -> None:
    """Wait a moment for news, no longer than the service runs."""
    waits = [asyncio.create_task(gateway.events.news(1.0)), asyncio.create_task(gateway.stopping.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waits:
            one.cancel()
            with suppress(asyncio.CancelledError):
                await one


def _written(seq: int, notice: Notice) -> str:
    told = {"id": notice.id, "type": notice.name, "timestamp": moment(notice.at), "data": notice.data}
    return f"id: {seq}\nevent: {notice.name}\ndata: {json.dumps(told, ensure_ascii=True)}\n\n"
