"""The embedded directory: Users and Identities in the shape of the system before, as far as messages need it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pydantic import ConfigDict, Field, create_model
from pydantic.alias_generators import to_camel
from starlette.responses import Response

from messaging_channels_gateway.api.request_context import (
    authenticate,
    gateway_of,
    json_body,
    json_response,
    path_id,
)
from messaging_channels_gateway.api.request_models import Line, RequestModel, validate_body
from messaging_channels_gateway.channels import CHANNELS
from messaging_channels_gateway.problems import Problem
from messaging_channels_gateway.store.state import statement_work

if TYPE_CHECKING:
    from starlette.requests import Request

    from messaging_channels_gateway.api.request_context import Json
    from messaging_channels_gateway.gateway import Gateway


class Document(RequestModel):
    """A part of an entry. Fields that are not named here are kept as they came, and mean nothing to messages."""

    model_config = ConfigDict(
        extra="allow", strict=True, frozen=True, hide_input_in_errors=True, alias_generator=to_camel
    )


if TYPE_CHECKING:
    ChannelAddresses: TypeAlias = Document
else:
    ChannelAddresses = create_model(
        "ChannelAddresses",
        __base__=Document,
        __doc__="Where a User is reached.",
        **{name: (Line | None, Field(default=None, alias=name)) for name in CHANNELS},
    )


class UserBody(Document):
    """A User. A password is taken, and kept nowhere."""

    username: str | None = Field(default=None, max_length=320)
    password: str | None = Field(default=None, max_length=1024, repr=False)
    identity: str | None = Field(default=None, max_length=64)
    scopes: str | None = Field(default=None, max_length=320)
    roles: str | None = Field(default=None, max_length=320)
    channel: ChannelAddresses = ChannelAddresses()
    data: dict[str, Any] = Field(default_factory=dict[str, Any])
    active: bool = True


class Phone(Document):
    """A number of a Person."""

    number: Line


class Mailbox(Document):
    """A mail address of a Person."""

    address: Line


class ContactInformation(Document):
    """Where a Person is reached: the first of each."""

    phone: list[Phone] = Field(default=[], max_length=100)
    email: list[Mailbox] = Field(default=[], max_length=100)


class PersonBody(Document):
    """The Person of an Identity, as People has it."""

    first_name: str | None = Field(default=None, max_length=320)
    last_name: str | None = Field(default=None, max_length=320)
    contact_information: ContactInformation = ContactInformation()
    custom_attributes: dict[str, Any] = Field(default_factory=dict[str, Any])


class IdentityBody(Document):
    """An Identity, with its Person."""

    type: Literal["neutral", "person", "company"] = "neutral"
    country: str | None = Field(default=None, pattern="^[A-Z]{2}$")
    currency: str | None = Field(default=None, pattern="^[A-Z]{3}$")
    alias: str | None = Field(default=None, max_length=320)
    company: int | str | None = None
    person: PersonBody | int | str | None = None
    """The person, or the id that People has for it."""
    data: dict[str, Any] = Field(default_factory=dict[str, Any])


BODIES: dict[str, type[RequestModel]] = {"user": UserBody, "identity": IdentityBody}


async def put_user(request: Request) -> Response:
    """`PUT /v1/users/{id}`."""
    return await _put(request, "user")


async def get_user(request: Request) -> Response:
    """`GET /v1/users/{id}`."""
    return await _get(request, "user")


async def delete_user(request: Request) -> Response:
    """`DELETE /v1/users/{id}`."""
    return await _delete(request, "user")


async def put_identity(request: Request) -> Response:
    """`PUT /v1/identities/{id}`."""
    return await _put(request, "identity")


async def get_identity(request: Request) -> Response:
    """`GET /v1/identities/{id}`."""
    return await _get(request, "identity")


async def delete_identity(request: Request) -> Response:
    """`DELETE /v1/identities/{id}`."""
    return await _delete(request, "identity")


async def _put(request: Request, kind: str) -> Response:
    """Make an entry, or put another in its place."""
    caller, key, gateway = (
        await authenticate(request, "write:directory"),
        path_id(request),
        gateway_of(request),
    )
    body = validate_body(BODIES[kind], await json_body(request))
    document, is_new = await write_entry(gateway, (caller.tenant, kind, key), body, caller.key_id)
    return json_response(document, 201 if is_new else 200)


async def write_entry(
    gateway: Gateway, place: tuple[str, str, str], body: RequestModel, owner: str
) -> tuple[Json, bool]:
    """Write an entry at tenant, kind and id; return its document, and whether it is new. A password is not kept."""
    given = body.model_dump(by_alias=True, exclude={"password"}, exclude_none=True)
    kept = {name: value for name, value in given.items() if name not in _OWN}
    before = await _entry(gateway, *place)
    created = before["created_at"] if before else int(gateway.clock.now() * 1000)
    document = {
        "id": place[2],
        **kept,
        "created_at": created,
        "owner": owner,
        "deleted": False,
        "error": None,
    }
    written = "INSERT INTO messaging_channels_gateway_entry VALUES (?, ?, ?, ?) ON CONFLICT (tenant, kind, id) DO UPDATE SET document = excluded.document"
    await gateway.store.run_transaction_async(statement_work(written, *place, json.dumps(document)))
    return document, before is None


async def _get(request: Request, kind: str) -> Response:
    caller, key = await authenticate(request, "read:directory"), path_id(request)
    entry = await _entry(gateway_of(request), caller.tenant, kind, key)
    if entry is None:
        raise _not_found()
    return json_response(entry)


async def _delete(request: Request, kind: str) -> Response:
    caller, key = await authenticate(request, "write:directory"), path_id(request)
    gone = (
        "DELETE FROM messaging_channels_gateway_entry WHERE tenant = ? AND kind = ? AND id = ? RETURNING id"
    )
    if not await gateway_of(request).store.run_transaction_async(
        statement_work(gone, caller.tenant, kind, key)
    ):
        raise _not_found()
    return Response(status_code=204)


_OWN = frozenset({"id", "created_at", "owner", "deleted", "deleted_at", "error"})
"""What the directory itself says of an entry, whatever was given."""


async def _entry(gateway: Gateway, tenant: str, kind: str, key: str) -> Json | None:
    asked = "SELECT document FROM messaging_channels_gateway_entry WHERE tenant = ? AND kind = ? AND id = ?"
    rows = await gateway.store.call(gateway.store.read, asked, tenant, kind, key)
    return json.loads(rows[0][0]) if rows else None


def _not_found() -> Problem:
    return Problem("not_found", "the directory has none with that id")
