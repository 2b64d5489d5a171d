"""Where the links of mails lead: the one click of mail programs (RFC 8058), and the page for people, which needs no login and no JavaScript."""

from __future__ import annotations

from typing import TYPE_CHECKING

from messaging_channels_gateway.api.request_context import gateway_of
from messaging_channels_gateway.problems import Problem

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp


async def unsubscribe(request: Request) -> ASGIApp:
    """`GET` and `POST /unsubscribe/{token}`."""
    application = gateway_of(request).unsubscribe
    if application is None:
        raise Problem("not_found", "page not found")
    return application
