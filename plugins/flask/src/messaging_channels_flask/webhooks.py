"""The addresses that providers and recipients call."""

from __future__ import annotations

from dataclasses import replace
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
        return _answer(get_dispatcher(), get_public_url(), provider, account)

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


def _answer(dispatcher: Dispatcher, public_url: str, provider: str, account: str | None) -> Response:
    try:
        call = WebhookRequest.from_flask(request, public_url=public_url or None)
        call = replace(call, received_at=dispatcher.queue.enqueuer.now())
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
