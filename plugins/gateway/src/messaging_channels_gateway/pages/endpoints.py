"""The pages for everybody: what this is, and the calls described. They load nothing from elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

from starlette.responses import Response

from messaging_channels_gateway._table_problems import PROBLEMS
from messaging_channels_gateway.api.openapi import openapi_document
from messaging_channels_gateway.api.request_context import gateway_of, json_response
from messaging_channels_gateway.auth.proxies import is_from_this_machine
from messaging_channels_gateway.pages.rendering import base_of, page, static_file
from messaging_channels_gateway.problems import Problem

if TYPE_CHECKING:
    from starlette.requests import Request

_ASSETS = {
    "style.css": "text/css",
    "docs.js": "text/javascript",
    "live.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
}


async def home(request: Request) -> Response:
    """`GET /`: what this is and where to go; as JSON for programs."""
    gateway, base = gateway_of(request), base_of(request)
    shows = gateway.preview_store is not None and gateway.is_development and is_from_this_machine(request)
    places = {
        "docs": f"{base}/docs",
        "openapi": f"{base}/openapi.json",
        "operator": f"{base}/operator" if gateway.settings.operator_page else None,
        "preview": f"{base}/preview" if shows else None,
        "health": f"{base}/health",
        "ready": f"{base}/ready",
        "metrics": f"{base}/metrics",
    }
    told = {"name": "messaging-channels", "version": version("messaging-channels-gateway"), **places}
    if "text/html" not in request.headers.get("accept", ""):
        return json_response(told)
    return page(
        request,
        "home.html",
        places=places,
        version=told["version"],
        has_keys=bool(await gateway.store.call(gateway.api_keys.tenants)),
    )


async def openapi(request: Request) -> Response:
    """`GET /openapi.json`."""
    day = datetime.fromtimestamp(gateway_of(request).clock.now(), UTC).date()
    return json_response(openapi_document(day))


async def docs_page(request: Request) -> Response:
    """`GET /docs`: the document in Swagger UI, and every problem by its code."""
    has_viewer = static_file("swagger-ui-bundle.js") is not None
    return page(request, "docs.html", problems=sorted(PROBLEMS.items()), has_viewer=has_viewer)


async def asset(request: Request) -> Response:
    """`GET /assets/{name}`: styles and scripts."""
    name: str = request.path_params["name"]
    content = static_file(name) if name in _ASSETS else None
    if content is None:
        raise Problem("not_found", "file not found")
    headers = {"cache-control": "public, max-age=300"}
    return Response(content, 200, headers, media_type=f"{_ASSETS[name]}; charset=utf-8")
