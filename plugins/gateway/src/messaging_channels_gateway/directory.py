"""The embedded directory: Users and Identities in the shape of the system before, as far as messages need it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field
from starlette.responses import Response

from messaging_channels_gateway.bodies import Body, Line, fitted
from messaging_channels_gateway.calls import answer, caller_of, gateway_of, id_in, json_in
from messaging_channels_gateway.problems import Problem
from messaging_channels_gateway.store import executed

if TYPE_CHECKING:
    from starlette.requests import Request

    from messaging_channels_gateway.calls import Json


class ChannelAddresses(Body):
    """Where a User is reached."""

    sms: Line | None = None
    whatsapp: Line | None = None
    email: Line | None = None


class UserBody(Body):
    """A User. A password is taken, and kept nowhere."""

    username: str | None = Field(default=None, max_length=320)
    password: str | None = Field(default=None, max_length=1024, repr=False)
    identity: str | None = Field(default=None, max_length=64)
    scopes: str | None = Field(default=None, max_length=320)
    roles: str | None = Field(default=None, max_length=320)
    channel: ChannelAddresses = ChannelAddresses()
    data: dict[str, Any] = Field(default_factory=dict[str, Any])
    active: bool = True


class Phone(Body):
    """A number of a Person."""

    number: Line


class Mailbox(Body):
    """A mail address of a Person."""

    address: Line


class ContactInformation(Body):
    """Where a Person is reached: the first of each."""

    phone: list[Phone] = Field(default=[], max_length=100)
    email: list[Mailbox] = Field(default=[], max_length=100)


class PersonBody(Body):
    """The Person of an Identity."""

    first_name: str | None = Field(default=None, max_length=320)
    last_name: str | None = Field(default=None, max_length=320)
    contact_information: ContactInformation = ContactInformation()
    custom_attributes: dict[str, Any] = Field(default_factory=dict[str, Any])


class IdentityBody(Body):
    """An Identity, with its Person."""

    type: Literal["neutral", "person", "company"] = "neutral"
    country: str | None = Field(default=None, pattern="^[A-Z]{2}$")
    currency: str | None = Field(default=None, pattern="^[A-Z]{3}$")
    alias: str | None = Field(default=None, max_length=320)
    company: int | None = None
    person: PersonBody | None = None
    data: dict[str, Any] = Field(default_factory=dict[str, Any])


BODIES: dict[str, type[Body]] = {"user": UserBody, "identity": IdentityBody}


async def put_user(request: Request) -> Response:
    """`PUT /v1/users/{id}`."""
    return await _put(request, "user")


async def get_user(request: Request) -> Response:
    """`GET /v1/users/{id}`."""
    return _get(request, "user")


async def delete_user(request: Request) -> Response:
    """`DELETE /v1/users/{id}`."""
    return await _delete(request, "user")


async def put_identity(request: Request) -> Response:
    """`PUT /v1/identities/{id}`."""
    return await _put(request, "identity")


async def get_identity(request: Request) -> Response:
    """`GET /v1/identities/{id}`."""
    return _get(request, "identity")


async def delete_identity(request: Request) -> Response:
    """`DELETE /v1/identities/{id}`."""
    return await _delete(request, "identity")


async def _put(request: Request, kind: str) -> Response:
    """Make an entry, or put another in its place."""
    caller, key, gateway = caller_of(request, "write:directory"), id_in(request), gateway_of(request)
    body = fitted(BODIES[kind], await json_in(request))
    kept = body.model_dump(by_alias=True, exclude={"password"}, exclude_none=True)
    before = _entry(request, kind, caller.realm, key)
    created = before["created_at"] if before else int(gateway.clock.now() * 1000)
    document = {
        "id": key,
        **kept,
        "created_at": created,
        "owner": caller.key_id,
        "deleted": False,
        "error": None,
    }
    written = "INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?)"
    await gateway.store.changed(executed(written, caller.realm, kind, key, json.dumps(document)))
    return answer(document, 200 if before else 201)


def _get(request: Request, kind: str) -> Response:
    caller, key = caller_of(request, "read:directory"), id_in(request)
    entry = _entry(request, kind, caller.realm, key)
    if entry is None:
        raise _none()
    return answer(entry)


async def _delete(request: Request, kind: str) -> Response:
    caller, key = caller_of(request, "write:directory"), id_in(request)
    gone = "DELETE FROM entry WHERE realm = ? AND kind = ? AND id = ? RETURNING id"
    if not await gateway_of(request).store.changed(executed(gone, caller.realm, kind, key)):
        raise _none()
    return Response(status_code=204)


def _entry(request: Request, kind: str, realm: str, key: str) -> Json | None:
    asked = "SELECT document FROM entry WHERE realm = ? AND kind = ? AND id = ?"
    rows = gateway_of(request).store.read(asked, realm, kind, key)
    return json.loads(rows[0][0]) if rows else None


def _none() -> Problem:
    return Problem("not_found", "the directory has none with that id")
