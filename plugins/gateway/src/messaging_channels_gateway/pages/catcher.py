"""The page of the development: what the application sent, through this gateway or through the library beside it, as it comes.

It has no login, so it is shown to programs of this machine only; see `proxies.is_from_this_machine`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from messaging_channels_gateway.api.request_context import gateway_of, json_response
from messaging_channels_gateway.auth.proxies import is_from_this_machine, is_trusted_proxy, public_url
from messaging_channels_gateway.pages.message_content import file_response, find_message, recent_messages
from messaging_channels_gateway.pages.rendering import page
from messaging_channels_gateway.problems import Problem

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from messaging_channels.plugins import Status
    from messaging_channels_gateway.api.request_context import Json
    from messaging_channels_gateway.gateway import Gateway
    from messaging_channels_gateway.store.preview_store import PreviewMessage


async def preview(request: Request) -> Response:
    """`GET /preview`."""
    gateway = _require_local(request)
    shown = [(one, await _status(gateway, one)) for one in await recent_messages(gateway)]
    return page(request, "preview.html", shown=shown)


async def preview_messages(request: Request) -> Response:
    """`GET /preview/messages`: the same for programs."""
    gateway = _require_local(request)
    messages: list[Json] = [
        {
            "messageId": one.id,
            "tenant": one.tenant,
            "channel": one.channel,
            "destination": one.destination,
            "content": one.content.parts,
            "files": [
                {"filename": file.filename, "contentType": file.content_type} for file in one.content.files
            ],
            "status": (await _status(gateway, one)).as_dict(),
        }
        for one in await recent_messages(gateway)
    ]
    return json_response({"messages": messages})


async def preview_file(request: Request) -> Response:
    """`GET /preview/{id}/files/{position}`: a file of a mail."""
    gateway = _require_local(request)
    message = await find_message(gateway, request.path_params["id"])
    return file_response(message, request.path_params["position"])


async def _status(gateway: Gateway, message: PreviewMessage) -> Status:
    record = await gateway.dispatcher.get_message(message.id)
    return record.status if record else message.status


def _require_local(request: Request) -> Gateway:
    """Return the gateway, to this machine only, or by the names that are configured.

    Raises:
        Problem: `not_found`.
    """
    gateway = gateway_of(request)
    if not gateway.is_development or not (is_from_this_machine(request) or _is_configured(request, gateway)):
        raise Problem("not_found", "page not found")
    return gateway


def _is_configured(request: Request, gateway: Gateway) -> bool:
    settings, client = gateway.settings, request.client
    host = public_url(request, settings).partition("://")[2].partition("/")[0]
    return client is not None and is_trusted_proxy(client.host, settings) and host in settings.preview_hosts
