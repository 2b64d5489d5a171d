"""Where an application wants to hear of events, and what could not be delivered there."""

from __future__ import annotations

from functools import partial
from secrets import token_hex
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from messaging_channels_gateway.api.message_views import format_timestamp, validate_query
from messaging_channels_gateway.api.request_context import (
    authenticate,
    gateway_of,
    json_body,
    json_response,
    path_id,
)
from messaging_channels_gateway.api.request_models import RequestModel, Url, validate_body
from messaging_channels_gateway.events.deliveries import callback_secret
from messaging_channels_gateway.events.standard_webhooks import new_secret
from messaging_channels_gateway.events.targets import retry_now
from messaging_channels_gateway.problems import Problem
from messaging_channels_gateway.store.state import statement_work

if TYPE_CHECKING:
    from starlette.requests import Request

    from messaging_channels_gateway.api.request_context import Json
    from messaging_channels_gateway.store.state import Rows

EventName = Annotated[str, Field(pattern=r"^[a-z]+\.(message|contact)\.[a-z_]+$", max_length=64)]
_DIGITS = 19
_FIELDS = "id, url, events, created, failing_since, disabled"


class EndpointBody(RequestModel):
    """Where to post events."""

    url: Url
    events: Annotated[list[EventName], Field(min_length=1, max_length=50)] | Literal["*"] = Field(
        default="*", description="Their names; `*` for all."
    )


class DeliveryQuery(BaseModel):
    """Which deliveries."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    state: Literal["waiting", "done", "dead"] = "dead"


async def create_endpoint(request: Request) -> Response:
    """`POST /v1/webhook-endpoints`: answers with the secret, which is shown only now."""
    caller, gateway = await authenticate(request, "manage:webhooks"), gateway_of(request)
    body = validate_body(EndpointBody, await json_body(request))
    await gateway.url_guard.require_public(body.url)
    events = body.events if isinstance(body.events, str) else ",".join(body.events)
    key, secret, now = f"ep_{token_hex(12)}", new_secret(), gateway.clock.now()
    written = "INSERT INTO messaging_channels_gateway_endpoint (id, tenant, url, events, secret, created) VALUES (?, ?, ?, ?, ?, ?)"
    await gateway.store.run_transaction_async(
        statement_work(written, key, caller.tenant, body.url, events, secret, now)
    )
    return json_response({**_endpoint_json((key, body.url, events, now, None, "")), "secret": secret}, 201)


async def list_endpoints(request: Request) -> Response:
    """`GET /v1/webhook-endpoints`."""
    caller = await authenticate(request, "manage:webhooks")
    asked = f"SELECT {_FIELDS} FROM messaging_channels_gateway_endpoint WHERE tenant = ? ORDER BY created, id"  # noqa: S608  constants
    rows = await _read(request, asked, caller.tenant)
    return json_response({"endpoints": [_endpoint_json(row) for row in rows]})


async def delete_endpoint(request: Request) -> Response:
    """`DELETE /v1/webhook-endpoints/{id}`."""
    caller, key = await authenticate(request, "manage:webhooks"), path_id(request)
    gone = "DELETE FROM messaging_channels_gateway_endpoint WHERE tenant = ? AND id = ? RETURNING id"
    if not await gateway_of(request).store.run_transaction_async(statement_work(gone, caller.tenant, key)):
        raise _not_found()
    return Response(status_code=204)


async def rotate_secret(request: Request) -> Response:
    """`POST /v1/webhook-endpoints/{id}/secret`: a new secret. Until it is rotated again, both sign. Enables a disabled endpoint."""
    caller, key, secret = await authenticate(request, "manage:webhooks"), path_id(request), new_secret()
    changed = (
        "UPDATE messaging_channels_gateway_endpoint SET old_secret = secret, secret = ?, disabled = '', failing_since = NULL"
        " WHERE tenant = ? AND id = ? RETURNING id"
    )
    if not await gateway_of(request).store.run_transaction_async(
        statement_work(changed, secret, caller.tenant, key)
    ):
        raise _not_found()
    return json_response({"id": key, "secret": secret})


async def get_callback_secret(request: Request) -> Response:
    """`GET /v1/callback-secret`: what signs the calls to the callback URLs of this tenant's messages."""
    caller = await authenticate(request, "manage:webhooks")
    return json_response({"secret": await callback_secret(gateway_of(request).store, caller.tenant)})


async def list_deliveries(request: Request) -> Response:
    """`GET /v1/webhook-deliveries`: the last 200 of a state; without a word, the dead letters."""
    caller = await authenticate(request, "manage:webhooks")
    state = validate_query(DeliveryQuery, request).state
    asked = (
        "SELECT delivery.id, event_id, name, endpoint, url, attempts, state, problem FROM messaging_channels_gateway_delivery AS delivery"
        " JOIN messaging_channels_gateway_event AS event ON event.id = event_id WHERE delivery.tenant = ? AND state = ? ORDER BY delivery.id DESC LIMIT 200"
    )
    names = ("id", "eventId", "event", "endpoint", "url", "attempts", "state", "problem")
    rows = await _read(request, asked, caller.tenant, state)
    return json_response(
        {"deliveries": [{**dict(zip(names, row, strict=True)), "id": str(row[0])} for row in rows]}
    )


async def retry_delivery(request: Request) -> Response:
    """`POST /v1/webhook-deliveries/{id}/retry`: have a dead letter, or what waits, delivered at once."""
    caller, key = await authenticate(request, "manage:webhooks"), path_id(request)
    number = int(key) if key.isdecimal() and len(key) < _DIGITS else -1
    if not await _retry(request, "tenant = ? AND id = ?", caller.tenant, number):
        raise _not_found()
    return json_response({"id": key, "state": "waiting"}, 202)


async def retry_endpoint(request: Request) -> Response:
    """`POST /v1/webhook-endpoints/{id}/retry`: have all that waits for an endpoint, and its dead letters, delivered at once. Enables a disabled endpoint."""
    caller, key = await authenticate(request, "manage:webhooks"), path_id(request)
    enabled = (
        "UPDATE messaging_channels_gateway_endpoint SET disabled = '', failing_since = NULL"
        " WHERE tenant = ? AND id = ? RETURNING id"
    )
    if not await gateway_of(request).store.run_transaction_async(statement_work(enabled, caller.tenant, key)):
        raise _not_found()
    count = await _retry(request, "tenant = ? AND endpoint = ?", caller.tenant, key)
    return json_response({"id": key, "retried": count}, 202)


async def _retry(request: Request, where: str, *values: object) -> int:
    """Have deliveries made at once; return how many that are."""
    gateway = gateway_of(request)
    work = partial(retry_now, where=where, values=values, now=gateway.clock.now())
    return len(await gateway.store.run_transaction_async(work))


async def _read(request: Request, statement: str, *values: object) -> Rows:
    store = gateway_of(request).store
    return await store.call(store.read, statement, *values)


def _endpoint_json(row: tuple[Any, ...]) -> Json:
    key, url, events, created, failing, disabled = row
    return {
        "id": key,
        "url": url,
        "events": events if events == "*" else events.split(","),
        "createdAt": format_timestamp(created),
        "failingSince": format_timestamp(failing) if failing else None,
        "disabled": disabled,
    }


def _not_found() -> Problem:
    return Problem("not_found", "there is none with that id")
