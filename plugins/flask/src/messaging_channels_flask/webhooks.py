"""The addresses that providers and recipients call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as BaseResponse

from messaging_channels import WebhookRequest
from messaging_channels.consent import UnsubscribeWsgiApp
from messaging_channels.errors import BadInput, LedgerUnavailable, UnknownProvider, WebhookVerificationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from messaging_channels import Dispatcher
    from messaging_channels.consent import UnsubscribeLinks, UnsubscribePage

_METHODS = ["GET", "POST", "PUT"]
_RULES = ("/webhooks/<provider>", "/webhooks/<provider>/<account>")


def webhook_blueprint(
    get_dispatcher: Callable[[], Dispatcher], get_public_url: Callable[[], str]
) -> Blueprint:
    """Return the rules for providers, with a slash at the end or without: a redirect would lose the body."""
    blueprint = Blueprint("messaging_channels", __name__)

    def webhook(provider: str, account: str | None = None) -> Response:
        dispatcher = get_dispatcher()
        call = _webhook_request(get_public_url(), dispatcher.queue.enqueuer.now())
        return _answer(dispatcher, call, provider, account)

    for rule in _RULES:
        blueprint.add_url_rule(rule, "webhook", webhook, methods=_METHODS, strict_slashes=False)
    return blueprint


def unsubscribe_rule(
    blueprint: Blueprint,
    get_dispatcher: Callable[[], Dispatcher],
    rule: str,
    make_links: Callable[[Dispatcher], UnsubscribeLinks],
    page: UnsubscribePage | None,
) -> None:
    """Add the page behind the links of mails, and the one click of RFC 8058."""

    def unsubscribe(**_: Any) -> BaseResponse:  # noqa: ANN401  what the rule captures
        dispatcher = get_dispatcher()
        return BaseResponse.from_app(
            UnsubscribeWsgiApp(make_links(dispatcher), dispatcher.consent, page=page), request.environ
        )

    def add(state: Any) -> None:  # noqa: ANN401  Flask's own
        state.app.add_url_rule(rule, "messaging_channels_unsubscribe", unsubscribe, methods=["GET", "POST"])

    blueprint.record(add)


def _webhook_request(public_url: str, received_at: float) -> WebhookRequest:
    """Return the request as plugins read it: raw body, names of headers in lower case, and the URL as the provider called it."""
    raw = str(
        request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or request.full_path.rstrip("?")
    )
    target = raw if raw.startswith("/") else request.full_path.rstrip("?")
    return WebhookRequest(
        body=request.get_data(),
        headers={name.lower(): value for name, value in request.headers.items()},
        url=(public_url or request.host_url.rstrip("/")) + target,
        method=request.method,
        received_at=received_at,
    )


def _answer(dispatcher: Dispatcher, call: WebhookRequest, provider: str, account: str | None) -> Response:
    try:
        result = dispatcher.handle_webhook(provider, call, account=account)
    except WebhookVerificationError:
        return _text("the signature or the secret of the provider is missing or wrong", 401)
    except UnknownProvider:
        return _text("provider not found", 404)
    except LedgerUnavailable:
        return _text("it could not be kept; call again", 503)
    except BadInput:
        return _text("it cannot be read", 400)
    answer = result.response
    return Response(answer.body, answer.status, dict(answer.headers))


def _text(text: str, status: int) -> Response:
    return Response(text, status, content_type="text/plain")
