"""The pages for people: the calls described, and in development what was sent. They load nothing from elsewhere."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from starlette.responses import Response

from messaging_channels_gateway.api.openapi import openapi_document
from messaging_channels_gateway.api.request_context import gateway_of, json_response
from messaging_channels_gateway.problems import Problem

if TYPE_CHECKING:
    from starlette.requests import Request

    from messaging_channels_gateway.api.request_context import Json
    from messaging_channels_gateway.store.preview_store import PreviewMessage

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src data:;"
    " frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost", "[::1]"})


async def openapi(request: Request) -> Response:
    """`GET /openapi.json`."""
    del request
    return json_response(openapi_document())


async def docs_page(request: Request) -> Response:
    """`GET /docs`."""
    del request
    return _static_response("docs.html", "text/html")


async def docs_script(request: Request) -> Response:
    """`GET /docs.js`."""
    del request
    return _static_response("docs.js", "text/javascript")


async def style(request: Request) -> Response:
    """`GET /style.css`."""
    del request
    return _static_response("style.css", "text/css")


async def preview(request: Request) -> Response:
    """`GET /preview`."""
    _require_local(request)
    return _static_response("preview.html", "text/html")


async def preview_script(request: Request) -> Response:
    """`GET /preview.js`."""
    _require_local(request)
    return _static_response("preview.js", "text/javascript")


async def preview_messages(request: Request) -> Response:
    """`GET /preview/messages`: what was sent lately, with its content and how it stands."""
    _require_local(request)
    gateway = gateway_of(request)
    shown = gateway.preview_store.messages() if gateway.preview_store else ()
    messages: list[Json] = []
    for one in shown:
        record = await gateway.dispatcher.get_message(one.id)
        status = record.status if record else one.status
        messages.append({**_message_json(one), "status": status.as_dict()})
    return json_response({"messages": messages})


def _message_json(message: PreviewMessage) -> Json:
    return {
        "messageId": message.id,
        "tenant": message.tenant,
        "channel": message.channel,
        "destination": message.destination,
        "content": message.content,
    }


def _require_local(request: Request) -> None:
    """Show it to this machine only, and to no page of elsewhere that made its name lead here.

    Raises:
        Problem: `not_found`.
    """
    host = request.headers.get("host", "").rpartition(":")[0] or request.headers.get("host", "")
    client = request.client.host if request.client else ""
    if gateway_of(request).preview_store is None or host not in _LOOPBACK or client not in _LOOPBACK:
        raise Problem("not_found", "there is nothing at this path")


def _static_response(name: str, media_type: str) -> Response:
    return Response(_static_file(name), 200, {"content-security-policy": _POLICY}, media_type=media_type)


@cache
def _static_file(name: str) -> bytes:
    return (files("messaging_channels_gateway.pages") / "static" / name).read_bytes()
