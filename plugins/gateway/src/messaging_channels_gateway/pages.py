"""The pages for people: the calls described, and in development what was sent. They load nothing from elsewhere."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from starlette.responses import Response

from messaging_channels_gateway.calls import answer, gateway_of
from messaging_channels_gateway.openapi import described
from messaging_channels_gateway.problems import Problem

if TYPE_CHECKING:
    from starlette.requests import Request

    from messaging_channels_gateway.calls import Json
    from messaging_channels_gateway.showcase import Shown

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src data:;"
    " frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost", "[::1]"})


async def document(request: Request) -> Response:
    """`GET /openapi.json`."""
    del request
    return answer(described())


async def docs(request: Request) -> Response:
    """`GET /docs`."""
    del request
    return _page("docs.html", "text/html")


async def docs_script(request: Request) -> Response:
    """`GET /docs.js`."""
    del request
    return _page("docs.js", "text/javascript")


async def style(request: Request) -> Response:
    """`GET /style.css`."""
    del request
    return _page("style.css", "text/css")


async def development(request: Request) -> Response:
    """`GET /development`."""
    _near(request)
    return _page("development.html", "text/html")


async def development_script(request: Request) -> Response:
    """`GET /development.js`."""
    _near(request)
    return _page("development.js", "text/javascript")


async def development_messages(request: Request) -> Response:
    """`GET /development/messages`: what was sent lately, with its content and how it stands."""
    _near(request)
    gateway = gateway_of(request)
    shown = gateway.showcase.messages() if gateway.showcase else ()
    messages: list[Json] = []
    for one in shown:
        record = await gateway.dispatcher.find(one.id)
        status = record.status if record else one.status
        messages.append({**_told(one), "status": status.as_dict()})
    return answer({"messages": messages})


def _told(shown: Shown) -> Json:
    return {
        "messageId": shown.id,
        "realm": shown.realm,
        "channel": shown.channel,
        "destination": shown.destination,
        "content": shown.content,
    }


def _near(request: Request) -> None:
    """Show it to this machine only, and to no page of elsewhere that made its name lead here.

    Raises:
        Problem: `not_found`.
    """
    host = request.headers.get("host", "").rpartition(":")[0] or request.headers.get("host", "")
    client = request.client.host if request.client else ""
    if gateway_of(request).showcase is None or host not in _LOOPBACK or client not in _LOOPBACK:
        raise Problem("not_found", "there is nothing at this path")


def _page(name: str, media_type: str) -> Response:
    return Response(_read(name), 200, {"content-security-policy": _POLICY}, media_type=media_type)


@cache
def _read(name: str) -> bytes:
    return (files("messaging_channels_gateway") / "static" / name).read_bytes()
