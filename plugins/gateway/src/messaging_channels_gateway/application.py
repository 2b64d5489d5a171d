"""The application: which endpoint answers which path."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Route, Router

from messaging_channels_gateway.api import (
    admin_endpoints,
    event_stream,
    message_views,
    provider_webhooks,
    recipients,
    sending,
    webhook_endpoints,
)
from messaging_channels_gateway.api import directory_endpoints as directory
from messaging_channels_gateway.api.middleware import ErrorMiddleware
from messaging_channels_gateway.channels import CHANNELS
from messaging_channels_gateway.pages import (
    catcher,
    operator_access,
    operator_actions,
    operator_consent,
    operator_directory,
    operator_messages,
    operator_overview,
    operator_settings,
)
from messaging_channels_gateway.pages import endpoints as pages
from messaging_channels_gateway.pages.unsubscribe import unsubscribe

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from messaging_channels_gateway.gateway import Gateway

Endpoint: TypeAlias = Callable[[Request], Awaitable["ASGIApp"]]
PAGES: tuple[tuple[str, str, Endpoint], ...] = (
    ("GET", "/", pages.home),
    ("GET", "/openapi.json", pages.openapi),
    ("GET", "/docs", pages.docs_page),
    ("GET", "/assets/{name}", pages.asset),
    ("GET", "/preview", catcher.preview),
    ("GET", "/preview/messages", catcher.preview_messages),
    ("GET", "/preview/{id}/files/{position}", catcher.preview_file),
    ("GET", "/unsubscribe/{token}", unsubscribe),
    ("POST", "/unsubscribe/{token}", unsubscribe),
    ("GET", "/operator", operator_overview.overview),
    ("GET", "/operator/login", operator_access.login_page),
    ("POST", "/operator/login", operator_access.login),
    ("POST", "/operator/logout", operator_access.logout),
    ("GET", "/operator/messages", operator_messages.messages),
    ("GET", "/operator/messages/{id}", operator_messages.message),
    ("GET", "/operator/messages/{id}/files/{position}", operator_messages.message_file),
    ("GET", "/operator/queue", operator_overview.queue),
    ("POST", "/operator/queue/retry", operator_actions.retry_dead_letters),
    ("POST", "/operator/queue/resume", operator_actions.resume_account),
    ("GET", "/operator/consent", operator_consent.consent),
    ("POST", "/operator/consent", operator_consent.write_consent),
    ("GET", "/operator/users", operator_directory.users),
    ("GET", "/operator/users/{id}", operator_directory.user),
    ("POST", "/operator/users/{id}", operator_directory.user),
    ("GET", "/operator/persons", operator_directory.persons),
    ("GET", "/operator/persons/{id}", operator_directory.person),
    ("POST", "/operator/persons/{id}", operator_directory.person),
    ("GET", "/operator/settings", operator_settings.settings),
)
"""Those for people."""
ROUTES: tuple[tuple[str, str, Endpoint], ...] = (
    ("POST", "/v1/apps/message/{channel}", sending.send_to_address),
    ("POST", "/v1/users/{id}/message/{channel}", sending.send_to_user),
    ("POST", "/v1/identities/{id}/person/message/{channel}", sending.send_to_person),
    ("GET", "/v1/messages/{id}", message_views.get_message),
    ("DELETE", "/v1/messages/{id}", message_views.cancel_message),
    ("GET", "/v1/messages", message_views.list_messages),
    ("PUT", "/v1/users/{id}", directory.put_user),
    ("GET", "/v1/users/{id}", directory.get_user),
    ("DELETE", "/v1/users/{id}", directory.delete_user),
    ("PUT", "/v1/identities/{id}", directory.put_identity),
    ("GET", "/v1/identities/{id}", directory.get_identity),
    ("DELETE", "/v1/identities/{id}", directory.delete_identity),
    ("POST", "/v1/recipients/export", recipients.export_recipient),
    ("POST", "/v1/recipients/erase", recipients.erase_recipient),
    ("POST", "/v1/webhooks/{provider}", provider_webhooks.receive_webhook),
    ("POST", "/v1/webhooks/{provider}/{account}", provider_webhooks.receive_webhook),
    ("GET", "/v1/webhooks/{provider}", provider_webhooks.receive_webhook),
    ("GET", "/v1/webhooks/{provider}/{account}", provider_webhooks.receive_webhook),
    ("POST", "/v1/webhook-endpoints", webhook_endpoints.create_endpoint),
    ("GET", "/v1/webhook-endpoints", webhook_endpoints.list_endpoints),
    ("DELETE", "/v1/webhook-endpoints/{id}", webhook_endpoints.delete_endpoint),
    ("POST", "/v1/webhook-endpoints/{id}/secret", webhook_endpoints.rotate_secret),
    ("POST", "/v1/webhook-endpoints/{id}/retry", webhook_endpoints.retry_endpoint),
    ("GET", "/v1/callback-secret", webhook_endpoints.get_callback_secret),
    ("GET", "/v1/webhook-deliveries", webhook_endpoints.list_deliveries),
    ("POST", "/v1/webhook-deliveries/{id}/retry", webhook_endpoints.retry_delivery),
    ("GET", "/v1/events", event_stream.stream_events),
    ("GET", "/health", admin_endpoints.health),
    ("GET", "/ready", admin_endpoints.ready),
    ("GET", "/metrics", admin_endpoints.metrics),
    *PAGES,
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

        routes = _routes()
        router = Router(routes, redirect_slashes=False, lifespan=lifespan)
        self._app: ASGIApp = ErrorMiddleware(_ShortCut(router, routes), gateway.metrics)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        scope["gateway"] = self.gateway
        await self._app(scope, receive, send)


def _routes() -> list[Route]:
    """Return one route a path, which knows all methods of the path."""
    return [Route(path, _MethodRouter(path)) for path in dict.fromkeys(path for _, path, _ in ROUTES)]


class _ShortCut:
    """Finds the calls to an address by their whole path, without a search through the patterns of all routes."""

    def __init__(self, router: Router, routes: list[Route]) -> None:
        self._router = router
        path = "/v1/apps/message/{channel}"
        self._route = next(one for one in routes if one.path == path)
        self._channels = {path.format(channel=channel): channel for channel in CHANNELS}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        channel = self._channels.get(scope.get("path", ""))
        if channel is None or scope.get("root_path"):
            await self._router(scope, receive, send)
            return
        scope["route"], scope["path_params"] = self._route, {"channel": channel}
        await self._route.app(scope, receive, send)


class _MethodRouter:
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
