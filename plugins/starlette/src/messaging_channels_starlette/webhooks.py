"""The addresses that providers and recipients call."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from messaging_channels import WebhookRequest
from messaging_channels.consent import UnsubscribeAsgiApp
from messaging_channels.errors import BadInput, LedgerUnavailable, UnknownProvider, WebhookVerificationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from messaging_channels import AsyncDispatcher
    from messaging_channels.consent import UnsubscribeLinks, UnsubscribePage

_METHODS = ["GET", "POST", "PUT"]
_PATHS = ("/webhooks/{provider}", "/webhooks/{provider}/{account}")


def webhook_routes(
    get_dispatcher: Callable[[], AsyncDispatcher], *, public_url: str, max_body_size: int
) -> list[Route]:
    """Return the routes for providers: with a slash at the end or without, since a redirect would lose the body."""

    async def webhook(request: Request) -> Response:
        body = await _read_body(request, max_body_size)
        if body is None:
            return PlainTextResponse("it is too large", 413)
        try:
            call = await webhook_request(
                request, body, public_url=public_url, received_at=get_dispatcher().queue.enqueuer.now()
            )
        except BadInput:
            return PlainTextResponse("it cannot be read", 400)
        return await _answer(get_dispatcher(), call, request.path_params)

    return [Route(f"{path}{end}", webhook, methods=_METHODS) for path in _PATHS for end in ("", "/")]


async def webhook_request(
    request: Request, body: bytes, *, public_url: str, received_at: float
) -> WebhookRequest:
    """Return a request, whose body was read already, as plugins read it: raw body, names of headers in lower case, and the URL as the provider called it.

    Raises:
        InvalidMessage: the body is not whole.
    """

    async def receive_again() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    again = Request(request.scope, receive_again)
    call = await WebhookRequest.from_starlette(again, public_url=public_url or None)
    return replace(call, received_at=received_at)


def unsubscribe_app(
    get_dispatcher: Callable[[], AsyncDispatcher],
    make_links: Callable[[AsyncDispatcher], UnsubscribeLinks],
    page: UnsubscribePage | None,
) -> ASGIApp:
    """Return the application for the links of mails: the page, and the one click of RFC 8058."""

    async def unsubscribe(scope: Scope, receive: Receive, send: Send) -> None:
        dispatcher = get_dispatcher()
        await UnsubscribeAsgiApp(make_links(dispatcher), dispatcher.consent, page=page)(scope, receive, send)

    return unsubscribe


async def _answer(dispatcher: AsyncDispatcher, call: WebhookRequest, named: dict[str, str]) -> Response:
    try:
        result = await dispatcher.handle_webhook(named["provider"], call, account=named.get("account"))
    except WebhookVerificationError:
        return PlainTextResponse("the signature or the secret of the provider is missing or wrong", 401)
    except UnknownProvider:
        return PlainTextResponse("provider not found", 404)
    except LedgerUnavailable:
        return PlainTextResponse("it could not be kept; call again", 503)
    except BadInput:
        return PlainTextResponse("it cannot be read", 400)
    answer = result.response
    return Response(answer.body, answer.status, dict(answer.headers))


async def _read_body(request: Request, limit: int) -> bytes | None:
    """Return the body; None if it is longer than `limit` octets."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > limit:
            return None
    return bytes(body)
