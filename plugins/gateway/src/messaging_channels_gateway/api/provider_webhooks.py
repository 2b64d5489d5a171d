"""What providers call: delivery reports and what people write, proved by the provider's plugin before anything is believed."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from starlette.responses import Response

from messaging_channels.errors import UnknownProvider, WebhookVerificationError
from messaging_channels.plugins import WebhookRequest
from messaging_channels_gateway.api.request_context import gateway_of, path_id
from messaging_channels_gateway.events.event_log import GatewayEvent, events_of_provider_event
from messaging_channels_gateway.gateway import record_of
from messaging_channels_gateway.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from messaging_channels.events import Event
    from messaging_channels_gateway.gateway import Gateway
    from messaging_channels_gateway.settings import GatewaySettings


async def receive_webhook(request: Request) -> Response:
    """`POST /v1/webhooks/{provider}`, and `/{account}` behind it for a tenant's own account.

    The provider gets its answer when all is kept: what is lost before, it brings again.
    """
    gateway, provider = gateway_of(request), path_id(request, "provider")
    account = path_id(request, "account") if "account" in request.path_params else None
    call = WebhookRequest(
        await gateway.limits.read_body(request, gateway.settings.max_webhook_bytes),
        {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in request.headers.raw},
        public_url(request, gateway.settings),
        request.method,
        gateway.clock.now(),
    )
    try:
        received = await gateway.dispatcher.handle_webhook(provider, call, account=account)
    except UnknownProvider:
        raise Problem("not_found", "no provider is called that") from None
    except WebhookVerificationError:
        gateway.metrics.count_webhook(provider, "refused")
        raise Problem(
            "webhook_verification_failed", "nothing proves that the call is the provider's"
        ) from None
    await gateway.event_log.append(await _gateway_events(gateway, received.events, account))
    gateway.metrics.count_webhook(provider, "taken")
    answer = received.response
    return Response(answer.body, answer.status, dict(answer.headers))


async def _gateway_events(
    gateway: Gateway, events: Sequence[Event], account: str | None
) -> list[GatewayEvent]:
    """Return whom these events are for. A report of a message that is in no tenant is nobody's."""
    notices: list[GatewayEvent] = []
    for event in events:
        record = await record_of(gateway.dispatcher, event)
        if record is None or record.scope:
            notices += events_of_provider_event(event, record, gateway.tenant_of(account))
    return notices


def public_url(request: Request, settings: GatewaySettings) -> str:
    """Return the URL that the provider called, as the world sees it: some of them sign it.

    What proxies say is believed only from those that are trusted, and only from the nearest of them.
    """
    path = request.scope.get("raw_path", b"").decode("latin-1") or request.url.path
    query = request.scope["query_string"].decode("latin-1")
    target = f"{path.partition('?')[0]}?{query}" if query else path.partition("?")[0]
    if settings.public_url:
        return settings.public_url.rstrip("/") + target
    scheme, host = request.url.scheme, request.headers.get("host", "")
    if request.client and _is_trusted_proxy(request.client.host, settings):
        scheme = _last_header_value(request, "x-forwarded-proto") or scheme
        host = _last_header_value(request, "x-forwarded-host") or host
    return f"{scheme}://{host}{target}"


def _is_trusted_proxy(client: str, settings: GatewaySettings) -> bool:
    try:
        address = ip_address(client)
    except ValueError:
        return False
    return any(address in ip_network(network) for network in settings.trusted_proxies)


def _last_header_value(request: Request, name: str) -> str:
    values = ",".join(request.headers.getlist(name))
    return values.rpartition(",")[2].strip()
