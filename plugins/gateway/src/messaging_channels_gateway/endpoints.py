"""Where an application wants to hear of events, and what could not be delivered there."""

from __future__ import annotations

from secrets import token_hex
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from messaging_channels_gateway.bodies import Body, Url, fitted
from messaging_channels_gateway.calls import answer, caller_of, gateway_of, id_in, json_in
from messaging_channels_gateway.deliveries import callback_secret
from messaging_channels_gateway.problems import Problem
from messaging_channels_gateway.reading import moment, queried
from messaging_channels_gateway.standard_webhooks import new_secret
from messaging_channels_gateway.store import executed

if TYPE_CHECKING:
    from starlette.requests import Request

    from messaging_channels_gateway.calls import Json

Name = Annotated[str, Field(pattern=r"^[a-z]+\.(message|contact)\.[a-z_]+$", max_length=64)]
_DIGITS = 19
_FIELDS = "id, url, events, created, failing_since, disabled"


class EndpointBody(Body):
    """Where to post events."""

    url: Url
    events: Annotated[list[Name], Field(min_length=1, max_length=50)] | Literal["*"] = Field(
        default="*", description="Their names; `*` for all."
    )


class DeliveryQuery(BaseModel):
    """Which deliveries."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    state: Literal["waiting", "done", "dead"] = "dead"


async def make(request: Request) -> Response:
    """`POST /v1/webhook-endpoints`: answers with the secret, which is shown only now."""
    caller, gateway = caller_of(request, "manage:webhooks"), gateway_of(request)
    body = fitted(EndpointBody, await json_in(request))
    await gateway.guard.check(body.url)
    events = body.events if isinstance(body.events, str) else ",".join(body.events)
    key, secret, now = f"ep_{token_hex(12)}", new_secret(), gateway.clock.now()
    written = "INSERT INTO endpoint (id, realm, url, events, secret, created) VALUES (?, ?, ?, ?, ?, ?)"
    await gateway.store.changed(executed(written, key, caller.realm, body.url, events, secret, now))
    return answer({**_shown((key, body.url, events, now, None, "")), "secret": secret}, 201)


async def listed(request: Request) -> Response:
    """`GET /v1/webhook-endpoints`."""
    caller = caller_of(request, "manage:webhooks")
    asked = f"SELECT {_FIELDS} FROM endpoint WHERE realm = ? ORDER BY created, id"  # noqa: S608  constants
    rows = gateway_of(request).store.read(asked, caller.realm)
    return answer({"endpoints": [_shown(row) for row in rows]})


async def remove(request: Request) -> Response:
    """`DELETE /v1/webhook-endpoints/{id}`."""
    caller, key = caller_of(request, "manage:webhooks"), id_in(request)
    gone = "DELETE FROM endpoint WHERE realm = ? AND id = ? RETURNING id"
    if not await gateway_of(request).store.changed(executed(gone, caller.realm, key)):
        raise _none()
    return Response(status_code=204)


async def rotate(request: Request) -> Response:
    """`POST /v1/webhook-endpoints/{id}/secret`: a new secret. Until it is rotated again, both sign. Enables a disabled endpoint."""
    caller, key, secret = caller_of(request, "manage:webhooks"), id_in(request), new_secret()
    changed = (
        "UPDATE endpoint SET old_secret = secret, secret = ?, disabled = '', failing_since = NULL"
        " WHERE realm = ? AND id = ? RETURNING id"
    )
    if not await gateway_of(request).store.changed(executed(changed, secret, caller.realm, key)):
        raise _none()
    return answer({"id": key, "secret": secret})


async def signing_secret(request: Request) -> Response:
    """`GET /v1/callback-secret`: what signs the calls to the callback URLs of this realm's messages."""
    caller = caller_of(request, "manage:webhooks")
    return answer({"secret": await callback_secret(gateway_of(request).store, caller.realm)})


async def deliveries(request: Request) -> Response:
    """`GET /v1/webhook-deliveries`: the last 200 of a state; without a word, the dead letters."""
    caller = caller_of(request, "manage:webhooks")
    state = queried(DeliveryQuery, request).state
    asked = (
        "SELECT delivery.id, event_id, name, endpoint, url, attempts, state, problem FROM delivery JOIN event"
        " ON event.id = event_id WHERE delivery.realm = ? AND state = ? ORDER BY delivery.id DESC LIMIT 200"
    )
    names = ("id", "eventId", "event", "endpoint", "url", "attempts", "state", "problem")
    rows = gateway_of(request).store.read(asked, caller.realm, state)
    return answer({"deliveries": [{**dict(zip(names, row, strict=True)), "id": str(row[0])} for row in rows]})


async def again(request: Request) -> Response:
    """`POST /v1/webhook-deliveries/{id}/retry`: have a dead letter delivered after all."""
    caller, key = caller_of(request, "manage:webhooks"), id_in(request)
    revived = (
        "UPDATE delivery SET state = 'waiting', due = ?, attempts = 0 WHERE realm = ? AND id = ? AND state = 'dead'"
        " RETURNING id"
    )
    number = int(key) if key.isdecimal() and len(key) < _DIGITS else -1
    now = gateway_of(request).clock.now()
    if not await gateway_of(request).store.changed(executed(revived, now, caller.realm, number)):
        raise _none()
    return answer({"id": key, "state": "waiting"}, 202)


def _shown(row: tuple[Any, ...]) -> Json:
    key, url, events, created, failing, disabled = row
    return {
        "id": key,
        "url": url,
        "events": events if events == "*" else events.split(","),
        "createdAt": moment(created),
        "failingSince": moment(failing) if failing else None,
        "disabled": disabled,
    }


def _none() -> Problem:
    return Problem("not_found", "there is none with that id")
