"""The application: which endpoint answers which path."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router

from messaging_channels_gateway import (
    directory,
    endpoints,
    incoming,
    operations,
    pages,
    reading,
    sending,
    stream,
)
from messaging_channels_gateway.edge import Edge

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from messaging_channels_gateway.gateway import Gateway

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]
ROUTES: tuple[tuple[str, str, Endpoint], ...] = (
    ("POST", "/v1/apps/message/{channel}", sending.to_address),
    ("POST", "/v1/users/{id}/message/{channel}", sending.to_user),
    ("POST", "/v1/identities/{id}/person/message/{channel}", sending.to_person),
    ("GET", "/v1/messages/{id}", reading.one_message),
    ("DELETE", "/v1/messages/{id}", reading.cancel),
    ("GET", "/v1/messages", reading.messages),
    ("PUT", "/v1/users/{id}", directory.put_user),
    ("GET", "/v1/users/{id}", directory.get_user),
    ("DELETE", "/v1/users/{id}", directory.delete_user),
    ("PUT", "/v1/identities/{id}", directory.put_identity),
    ("GET", "/v1/identities/{id}", directory.get_identity),
    ("DELETE", "/v1/identities/{id}", directory.delete_identity),
    ("POST", "/v1/webhooks/{provider}", incoming.receive),
    ("POST", "/v1/webhooks/{provider}/{account}", incoming.receive),
    ("GET", "/v1/webhooks/{provider}", incoming.receive),
    ("GET", "/v1/webhooks/{provider}/{account}", incoming.receive),
    ("POST", "/v1/webhook-endpoints", endpoints.make),
    ("GET", "/v1/webhook-endpoints", endpoints.listed),
    ("DELETE", "/v1/webhook-endpoints/{id}", endpoints.remove),
    ("POST", "/v1/webhook-endpoints/{id}/secret", endpoints.rotate),
    ("GET", "/v1/callback-secret", endpoints.signing_secret),
    ("GET", "/v1/webhook-deliveries", endpoints.deliveries),
    ("POST", "/v1/webhook-deliveries/{id}/retry", endpoints.again),
    ("GET", "/v1/events", stream.events),
    ("GET", "/health", operations.health),
    ("GET", "/ready", operations.ready),
    ("GET", "/metrics", operations.metrics),
    ("GET", "/openapi.json", pages.document),
    ("GET", "/docs", pages.docs),
    ("GET", "/docs.js", pages.docs_script),
    ("GET", "/development", pages.development),
    ("GET", "/development.js", pages.development_script),
    ("GET", "/development/messages", pages.development_messages),
    ("GET", "/style.css", pages.style),
)
"""Method, path and endpoint of everything that is answered."""


class Application:
    """The ASGI application of one gateway. It opens the background work with the server, and ends it with it."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

        @asynccontextmanager
        async def lifespan(_: object) -> AsyncGenerator[None]:
            async with gateway.running():
                yield

        router = Router(_routes(), redirect_slashes=False, lifespan=lifespan)
        self._app: ASGIApp = Edge(router, gateway.metrics)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        scope["gateway"] = self.gateway
        await self._app(scope, receive, send)


def _routes() -> list[Route]:
    """Return one route a path, which knows all methods of the path."""
    return [Route(path, _Methods(path)) for path in dict.fromkeys(path for _, path, _ in ROUTES)]


class _Methods:
    """The endpoints of one path, by method. Another method is answered with 405, and with those that there are."""

    def __init__(self, path: str) -> None:
        self._endpoints: dict[str, Endpoint] = {method: one for method, where, one in ROUTES if where == path}
        if "GET" in self._endpoints:
            self._endpoints["HEAD"] = self._endpoints["GET"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        endpoint = self._endpoints.get(scope["method"])
        if endpoint is None:
            raise HTTPException(405, headers={"allow": ", ".join(sorted(self._endpoints))})
        response = await endpoint(Request(scope, receive, send))
        await response(scope, receive, send)
