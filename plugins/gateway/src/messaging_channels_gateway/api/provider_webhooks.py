"""What providers call: delivery reports and what people write, proved by the provider's plugin before anything is believed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from messaging_channels.errors import UnknownProvider, WebhooksNotSupported, WebhookVerificationError
from messaging_channels.plugins import WebhookRequest
from messaging_channels_gateway.api.request_context import gateway_of, path_id
from messaging_channels_gateway.problems import Problem

if TYPE_CHECKING:
    from starlette.requests import Request

    from messaging_channels_gateway.gateway import Gateway


async def receive_webhook(request: Request) -> Response:
    """`POST /v1/webhooks/{provider}`, and `/{account}` behind it for a tenant's own account.

    The provider gets its answer when all is kept: what is lost before, it brings again. Reports are recorded afterwards; see `ReportRecorder`.
    """
    gateway, provider = gateway_of(request), path_id(request, "provider")
    account = path_id(request, "account") if "account" in request.path_params else None
    settings = gateway.settings
    call = await WebhookRequest.from_starlette(
        _BoundedRequest(request, gateway),
        trusted_proxies=settings.trusted_proxies,
        public_url=settings.public_url or None,
    )
    call = replace(call, received_at=gateway.clock.now())
    try:
        taken = await gateway.reports.take(provider, call, account)
    except (WebhookVerificationError, WebhooksNotSupported):
        gateway.metrics.count_webhook(provider, "refused")
        raise Problem(
            "webhook_verification_failed", "the signature or the secret of the provider is missing or wrong"
        ) from None
    except UnknownProvider:
        raise Problem("not_found", "provider not found") from None
    if taken.is_recorded:
        await gateway.event_log.append(await gateway.notices_of(taken.result.events, account))
    gateway.metrics.count_webhook(provider, "taken")
    answer = taken.result.response
    return Response(answer.body, answer.status, dict(answer.headers))


@dataclass(frozen=True, slots=True)
class _BoundedRequest:
    """A request whose body is read up to the bound of the gateway's settings."""

    request: Request
    gateway: Gateway

    @property
    def scope(self) -> Any:  # noqa: ANN401  a dictionary of ASGI
        return self.request.scope

    async def body(self) -> bytes:
        return await self.gateway.limits.read_body(self.request, self.gateway.settings.max_webhook_bytes)
