"""How much is taken in: the size of bodies, the time they take, and how many calls come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from messaging_channels.policies import Pacer, Rate
from messaging_channels_gateway.problems import Problem

if TYPE_CHECKING:
    from starlette.requests import Request

    from messaging_channels_gateway.keys import Caller
    from messaging_channels_gateway.settings import Settings


class Limits:
    """Counts calls by key and by realm. State of one process."""

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._pacer = Pacer()
        self._key = Rate(settings.rate, burst=settings.burst)
        self._realm = Rate(settings.realm_rate, burst=settings.burst)

    def count(self, caller: Caller) -> None:
        """Count a call.

        Raises:
            Problem: `too_many_requests`, with the time to wait.
        """
        limits = [(("key", caller.key_id), self._key), (("realm", caller.realm), self._realm)]
        taken, wait = self._pacer.reserve(limits, self._clock(), 0.0)
        if not taken:
            raise Problem("too_many_requests", "this key or its realm calls too often", retry_after=wait)

    async def body(self, request: Request, at_most: int) -> bytes:
        """Read a body, no further than it may go.

        Raises:
            Problem: `too_large`, before it is read where it says so itself; or `slow_body`.
        """
        told = request.headers.get("content-length", "0")
        if not told.isdecimal() or int(told[:18]) > at_most:
            raise _too_large(at_most)
        try:
            async with asyncio.timeout(self._settings.body_seconds):
                return await _read(request, at_most)
        except TimeoutError:
            seconds = self._settings.body_seconds
            raise Problem(
                "slow_body", f"send it within {seconds:g} s", headers={"connection": "close"}
            ) from None
        except ClientDisconnect:
            raise Problem("invalid_request", "the connection was closed before the body ended") from None


async def _read(request: Request, at_most: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > at_most:
            raise _too_large(at_most)
        parts.append(part)
    return b"".join(parts)


def _too_large(at_most: int) -> Problem:
    return Problem("too_large", f"at most {at_most} bytes are taken", headers={"connection": "close"})
