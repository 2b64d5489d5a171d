"""What every endpoint needs of a request: the gateway, the caller, the ids in the path, the body, the idempotency key."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic_core import to_json
from starlette.responses import Response

from messaging_channels_gateway.api import strict_json
from messaging_channels_gateway.problems import WORD, Problem

if TYPE_CHECKING:
    from starlette.requests import Request

    from messaging_channels_gateway.auth.api_keys import Caller
    from messaging_channels_gateway.gateway import Gateway

Json: TypeAlias = "dict[str, Any]"
_JSON = re.compile(r'application/json(\s*;\s*charset="?utf-8"?)?\s*', re.IGNORECASE)
_KEY = re.compile(r"[\x20-\x7e]{1,255}")


def gateway_of(request: Request) -> Gateway:
    """Return the gateway that serves a request."""
    gateway: Gateway = request.scope["gateway"]
    return gateway


async def authenticate(request: Request, scope: str) -> Caller:
    """Return who calls, with the right to do so.

    Raises:
        Problem: `unauthorised`, `too_many_requests` or `forbidden`.
    """
    gateway = gateway_of(request)
    caller = await gateway.api_keys.authenticate_async(header_values(request, b"x-api-key"))
    request.scope.setdefault("state", {})["key_id"] = caller.key_id
    gateway.limits.count_request(caller)
    caller.require_scope(scope)
    return caller


def header_values(request: Request, name: bytes) -> list[str]:
    """Return the values of a header, whose name is given in small letters."""
    return [value.decode("latin-1") for key, value in request.scope["headers"] if key == name]


def path_id(request: Request, name: str = "id") -> str:
    """Return an id of the path.

    Raises:
        Problem: `not_found`, if it is none.
    """
    given: str = request.path_params[name]
    if not WORD.fullmatch(given):
        raise Problem("not_found", "no resource with that id was found")
    return given


async def json_body(request: Request) -> Any:  # noqa: ANN401  any JSON
    """Return the body's value.

    Raises:
        Problem: `unsupported_media_type`, `too_large`, `slow_body` or `invalid_json`.
    """
    if not _JSON.fullmatch("".join(header_values(request, b"content-type")[:1])):
        raise Problem("unsupported_media_type", "send application/json in UTF-8")
    gateway = gateway_of(request)
    return strict_json.parse_json(await gateway.limits.read_body(request, gateway.settings.max_body_bytes))


def idempotency_key(request: Request) -> str | None:
    """Return the idempotency key. Given as a string of structured fields (in quotes), it is the same key as without.

    Raises:
        Problem: `invalid_idempotency_key`: given twice, empty, too long or not of visible ASCII.
    """
    given = header_values(request, b"idempotency-key")
    if not given:
        return None
    if len(given) > 1:
        raise Problem("invalid_idempotency_key", "the header Idempotency-Key was sent more than once")
    key = given[0]
    if len(key) > 1 and key.startswith('"') and key.endswith('"'):
        key = re.sub(r"\\(.)", r"\1", key[1:-1])
    if not _KEY.fullmatch(key):
        raise Problem(
            "invalid_idempotency_key", "Idempotency-Key must have 1 to 255 visible ASCII characters"
        )
    return key


def json_response(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return an answer of JSON."""
    return Response(to_json(value), status, headers, media_type="application/json")
