"""How pages are made: templates of Jinja, which escape whatever they are given, and headers under which nothing is loaded from elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.requests import Request

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src 'self' data:;"
    " frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
_HEADERS = {
    "content-security-policy": POLICY,
    "referrer-policy": "same-origin",  # without a referrer, a browser does not say whose page a form is of
    "x-frame-options": "DENY",
}
MAIL_POLICY = "<meta http-equiv=\"content-security-policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">"
"""Stands before the html of a mail in its frame: it may run nothing and fetch nothing."""


def page(request: Request, template: str, status: int = 200, **values: Any) -> Response:  # noqa: ANN401  what the template takes
    """Return a page. Templates get `base`, the path below which the application is mounted."""
    base = request.scope.get("root_path", "")
    body = (
        _environment()
        .get_template(template)
        .render(base=base, path=request.url.path, MAIL_POLICY=MAIL_POLICY, **values)
    )
    return Response(body, status, _HEADERS, media_type="text/html; charset=utf-8")


def moment(at: float | None) -> str:
    """Return a time for people: UTC, to the second."""
    if at is None:
        return ""
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):  # as a provider told it
        return "(no time)"


def base_of(request: Request) -> str:
    """Return the path below which the application is mounted; empty if it is not."""
    return str(request.scope.get("root_path", ""))


def static_file(name: str) -> bytes | None:
    """Return a file of ours or of Swagger UI; None if it is not there, as in a checkout that was never built."""
    for folder in ("static", "vendor"):
        found = files("messaging_channels_gateway.pages") / folder / name
        if found.is_file():
            return found.read_bytes()
    return None


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("messaging_channels_gateway.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["moment"] = moment
    return made
