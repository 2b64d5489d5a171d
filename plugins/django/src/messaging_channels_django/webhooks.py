"""The views that providers and recipients call. All are exempt from CSRF checks: what calls them has no cookie, and is proved by its signature."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from messaging_channels import WebhookRequest
from messaging_channels.consent import UnsubscribeWsgiApp
from messaging_channels.errors import BadInput, LedgerUnavailable, UnknownProvider, WebhookVerificationError
from messaging_channels_django.dispatchers import get_dispatcher
from messaging_channels_django.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from messaging_channels.consent import UnsubscribeLinks, UnsubscribePage


@csrf_exempt
def webhook(request: HttpRequest, provider: str, account: str | None = None) -> HttpResponse:
    """Have the provider's plugin prove and read a call, and keep what it tells; the signals tell receivers of it.

    401 where nothing proves the caller, 404 for a provider that is not configured, 503 where nothing could be kept, so that the provider calls again.
    """
    try:
        result = get_dispatcher().handle_webhook(provider, webhook_request(request), account=account)
    except WebhookVerificationError:
        return HttpResponse(
            "the signature or the secret of the provider is missing or wrong",
            status=401,
            content_type="text/plain",
        )
    except UnknownProvider:
        return HttpResponse("provider not found", status=404, content_type="text/plain")
    except LedgerUnavailable:
        return HttpResponse("it could not be kept; call again", status=503, content_type="text/plain")
    except BadInput:
        return HttpResponse("it cannot be read", status=400, content_type="text/plain")
    answer = result.response
    return HttpResponse(answer.body, status=answer.status, headers=dict(answer.headers))


def webhook_request(request: HttpRequest) -> WebhookRequest:
    """Return a request as plugins read it: raw body, names of headers in lower case, and the URL as the provider called it."""
    call = WebhookRequest.from_django(request, public_url=read_settings().public_url or None)
    return replace(call, received_at=get_dispatcher().queue.enqueuer.now())


def unsubscribe_view(
    make_links: Callable[[], UnsubscribeLinks], *, page: UnsubscribePage | None = None
) -> Callable[..., HttpResponse]:
    """Return a view for the links of mails: the page, and the one click of RFC 8058. `make_links` is called at each request, when a dispatcher is there.

    path("unsubscribe/<token>", unsubscribe_view(links))
    """

    @csrf_exempt
    def unsubscribe(request: HttpRequest, **_: Any) -> HttpResponse:  # noqa: ANN401  what the path captures
        response = HttpResponse()

        def start_response(status: str, headers: Iterable[tuple[str, str]]) -> None:
            response.status_code = int(status[:3])
            for name, value in headers:
                response[name] = value

        body = request.body
        environ = {
            "REQUEST_METHOD": request.method,
            "PATH_INFO": request.path,
            "CONTENT_TYPE": request.META.get("CONTENT_TYPE", ""),
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
        }
        app = UnsubscribeWsgiApp(make_links(), get_dispatcher().consent, page=page)
        response.content = b"".join(app(environ, start_response))
        return response

    return unsubscribe
