"""Access to the operator's page: who looks, whose messages may be seen, logging in and out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlsplit

from starlette.responses import RedirectResponse, Response

from messaging_channels_gateway.api.request_context import gateway_of
from messaging_channels_gateway.auth.operators import SESSION_COOKIE, SESSION_SECONDS, Operator
from messaging_channels_gateway.auth.proxies import is_same_origin, public_url
from messaging_channels_gateway.pages.message_content import LIBRARY
from messaging_channels_gateway.pages.rendering import base_of, page
from messaging_channels_gateway.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from starlette.requests import Request

    from messaging_channels_gateway.gateway import Gateway

_MAX_FORM = 256 * 1024


@dataclass(frozen=True, slots=True)
class View:
    """What a page of the operator needs: who looks, at whose messages."""

    request: Request
    gateway: Gateway
    operator: Operator
    tenants: Sequence[str]
    """Those that may be chosen."""
    tenant: str
    """The one that is."""

    @property
    def scope(self) -> str:
        """The scope of the tenant's records in the ledger."""
        return "" if self.tenant == LIBRARY else self.tenant

    @property
    def may_operate(self) -> bool:
        """Whether the operator may do what concerns every tenant, such as having an account go on."""
        scopes = self.operator.scopes
        return "operate" in scopes or (self.operator.tenant is None and "send:advanced" in scopes)

    def require_operate(self) -> None:
        """Insist on that.

        Raises:
            Problem: `forbidden`.
        """
        if not self.may_operate:
            raise Problem("forbidden", "the API key lacks the scope operate")

    def page(self, template: str, status: int = 200, **values: object) -> Response:
        """Return a page with the navigation."""
        more = {
            "operator": self.operator,
            "tenants": self.tenants,
            "tenant": self.tenant,
            "may_operate": self.may_operate,
        }
        return page(self.request, template, status, **more, **values)


def for_operators(show: Callable[[View], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint of a page that only operators see; others are sent to the login."""

    async def endpoint(request: Request) -> Response:
        gateway = _require_page(request)
        operator = await gateway.operators.identify(request)
        if operator is None:
            wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"{base_of(request)}/operator/login?next={quote(wanted, safe='')}", 303)
        request.state.key_id = operator.key_id or "proxy"
        if request.method == "POST" and not is_same_origin(request, gateway.settings):
            raise Problem("forbidden", "the form must be sent by a page of this service")
        return await show(await gateway.store.call(_view, request, gateway, operator))

    endpoint.__name__, endpoint.__doc__ = show.__name__, show.__doc__
    return endpoint


async def login_page(request: Request) -> Response:
    """`GET /operator/login`."""
    gateway = _require_page(request)
    return _login(request, proxy=gateway.settings.operator_header is not None)


async def login(request: Request) -> Response:
    """`POST /operator/login`: an API key that may read messages opens a session of twelve hours."""
    gateway = _require_page(request)
    if not is_same_origin(request, gateway.settings):
        raise Problem("forbidden", "the form must be sent by a page of this service")
    form = await form_of(request)
    try:
        caller = await gateway.api_keys.authenticate_async([form.get("key", "").strip()])
    except Problem:
        return _login(request, "That is no valid API key.", 401)
    if not {"read:messages", "operate"} & caller.scopes:
        return _login(request, "That API key may not read messages: it lacks the scope read:messages.", 403)
    answer = RedirectResponse(_next(request, form.get("next", "")), 303)
    answer.set_cookie(
        SESSION_COOKIE, await gateway.store.call(gateway.operators.open_session, caller), max_age=SESSION_SECONDS, path=f"{base_of(request)}/operator",
        secure=public_url(request, gateway.settings).startswith("https:"), httponly=True, samesite="strict",
    )  # fmt: skip
    return answer


async def logout(request: Request) -> Response:
    """`POST /operator/logout`."""
    gateway = _require_page(request)
    if not is_same_origin(request, gateway.settings):
        raise Problem("forbidden", "the form must be sent by a page of this service")
    answer = RedirectResponse(f"{base_of(request)}/operator/login", 303)
    answer.delete_cookie(
        SESSION_COOKIE, path=f"{base_of(request)}/operator", httponly=True, samesite="strict"
    )
    return answer


async def form_of(request: Request) -> Mapping[str, str]:
    """Return the fields of a form, the last of each name.

    Raises:
        Problem: `unsupported_media_type`, `too_large` or `slow_body`.
    """
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise Problem("unsupported_media_type", "send a form: application/x-www-form-urlencoded")
    body = await gateway_of(request).limits.read_body(request, _MAX_FORM)
    pairs = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[-1] for name, values in pairs.items()}


def _login(request: Request, problem: str = "", status: int = 200, *, proxy: bool = False) -> Response:
    wanted = request.query_params.get("next", "")
    return page(request, "login.html", status, problem=problem, next=wanted, proxy=proxy)


def _next(request: Request, wanted: str) -> str:
    """Return where to go after the login: a page of the operator, whatever was asked for."""
    start, parts = f"{base_of(request)}/operator", urlsplit(wanted)
    inside = parts.path == start or parts.path.startswith(f"{start}/")
    plain = not (parts.scheme or parts.netloc or "\\" in wanted or not wanted.isprintable() or ".." in wanted)
    return wanted if inside and plain and wanted.startswith(start) else start


def _require_page(request: Request) -> Gateway:
    gateway = gateway_of(request)
    if not gateway.settings.operator_page:
        raise Problem("not_found", "page not found")
    return gateway


def _view(request: Request, gateway: Gateway, operator: Operator) -> View:
    if operator.tenant is not None:
        return View(request, gateway, operator, [operator.tenant], operator.tenant)
    caller = gateway.api_keys.find(operator.key_id) if operator.key_id else None
    own = caller.tenant if caller else gateway.settings.inbound_tenant
    known = sorted({own, *gateway.api_keys.tenants(), *gateway.settings.tenants})
    tenants = [*known, LIBRARY]
    wanted = request.query_params.get("tenant", own)
    return View(request, gateway, operator, tenants, wanted if wanted in tenants else own)
