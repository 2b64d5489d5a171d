"""What providers call: delivery reports and what people write, proved by the provider's plugin before anything is believed."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from starlette.responses import Response

from messaging_channels.errors import UnknownProvider, WebhookRefused
from messaging_channels.plugins import WebhookCall
from messaging_channels_gateway.calls import gateway_of, id_in
from messaging_channels_gateway.events import Notice, of_event
from messaging_channels_gateway.gateway import record_of
from messaging_channels_gateway.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from messaging_channels.events import Event
    from messaging_channels_gateway.gateway import Gateway
    from messaging_channels_gateway.settings import Settings


async def receive(request: Request) -> Response:
    """`POST /v1/webhooks/{provider}`, and `/{account}` behind it for a realm's own account.

    The provider gets its answer when all is kept: what is lost before, it brings again.
    """
    gateway, provider = gateway_of(request), id_in(request, "provider")
    account = id_in(request, "account") if "account" in request.path_params else None
    call = WebhookCall(
        await gateway.limits.body(request, gateway.settings.max_webhook),
        {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in request.headers.raw},
        public_url(request, gateway.settings),
        request.method,
        gateway.clock.now(),
    )
    try:
        received = await gateway.dispatcher.receive(provider, call, account=account)
    except UnknownProvider:
        raise Problem("not_found", "no provider is called that") from None
    except WebhookRefused:
        gateway.metrics.heard(provider, "refused")
        raise Problem("webhook_refused", "nothing proves that the call is the provider's") from None
    await gateway.events.keep(await _notices(gateway, received.events, account))
    gateway.metrics.heard(provider, "taken")
    answer = received.answer
    return Response(answer.body, answer.status, dict(answer.headers))


async def _notices(gateway: Gateway, events: Sequence[Event], account: str | None) -> list[Notice]:
    """Return whom these events are for. A report of a message that is in no realm is nobody's."""
    notices: list[Notice] = []
    for event in events:
        record = await record_of(gateway.dispatcher, event)
        if record is None or record.scope:
            notices += of_event(event, record, gateway.realm_of(account))
    return notices


def public_url(request: Request, settings: Settings) -> str:
    """Return the URL that the provider called, as the world sees it: some of them sign it.

    What proxies say is believed only from those that are trusted, and only from the nearest of them.
    """
    path = request.scope.get("raw_path", b"").decode("latin-1") or request.url.path
    query = request.scope["query_string"].decode("latin-1")
    target = f"{path.partition('?')[0]}?{query}" if query else path.partition("?")[0]
    if settings.public_url:
        return settings.public_url.rstrip("/") + target
    scheme, host = request.url.scheme, request.headers.get("host", "")
    if request.client and _trusted(request.client.host, settings):
        scheme = _last(request, "x-forwarded-proto") or scheme
        host = _last(request, "x-forwarded-host") or host
    return f"{scheme}://{host}{target}"


def _trusted(client: str, settings: Settings) -> bool:
    try:
        address = ip_address(client)
    except ValueError:
        return False
    return any(address in ip_network(network) for network in settings.trusted_proxies)


def _last(request: Request, name: str) -> str:
    values = ",".join(request.headers.getlist(name))
    return values.rpartition(",")[2].strip()
