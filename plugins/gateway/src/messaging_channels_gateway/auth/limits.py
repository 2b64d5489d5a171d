"""How much is taken in: the size of bodies, the time they take, and how many calls come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from messaging_channels.policies import RateLimit, RateLimiter
from messaging_channels_gateway.problems import Problem

if TYPE_CHECKING:
    from starlette.requests import Request

    from messaging_channels_gateway.auth.api_keys import Caller
    from messaging_channels_gateway.settings import GatewaySettings


BODY_IS_HERE = "messaging_channels.body_is_here"
"""Stands in the scope of a request whose body came with its head: nobody has to be waited for."""


class RequestLimits:
    """Counts calls by key and by tenant. State of one process."""

    def __init__(self, settings: GatewaySettings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._rate_limiter = RateLimiter()
        self._key_limit = RateLimit(settings.key_rate_limit, burst=settings.rate_limit_burst)
        self._tenant_limit = RateLimit(settings.tenant_rate_limit, burst=settings.rate_limit_burst)

    def count_request(self, caller: Caller) -> None:
        """Count a call.

        Raises:
            Problem: `too_many_requests`, with the time to wait.
        """
        limits = [(("key", caller.key_id), self._key_limit), (("tenant", caller.tenant), self._tenant_limit)]
        taken, wait = self._rate_limiter.reserve(limits, self._clock(), 0.0)
        if not taken:
            raise Problem(
                "too_many_requests",
                "the API key or its tenant has reached its rate limit: wait for the seconds in retry-after",
                retry_after=wait,
            )

    async def read_body(self, request: Request, max_bytes: int) -> bytes:
        """Read a body, no further than it may go.

        Raises:
            Problem: `too_large`, before it is read where it says so itself; or `slow_body`.
        """
        told = request.headers.get("content-length", "0")
        if not told.isdecimal() or int(told[:18]) > max_bytes:
            raise _too_large(max_bytes)
        try:
            if BODY_IS_HERE in request.scope:
                return await _read_body(request, max_bytes)
            async with asyncio.timeout(self._settings.body_timeout):
                return await _read_body(request, max_bytes)
        except TimeoutError:
            seconds = self._settings.body_timeout
            raise Problem(
                "slow_body", f"the body must arrive within {seconds:g} s", headers={"connection": "close"}
            ) from None
        except ClientDisconnect:
            raise Problem("invalid_request", "the connection was closed before the body ended") from None


async def _read_body(request: Request, max_bytes: int) -> bytes:
    body, has_more = b"", True
    while has_more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        has_more = message.get("more_body", False)
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
    return body


def _too_large(max_bytes: int) -> Problem:
    return Problem("too_large", f"at most {max_bytes} bytes are taken", headers={"connection": "close"})
