"""Every call of the interface: what it takes, what it answers, and what can go wrong with it. The document of OpenAPI is made from this."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from messaging_channels_gateway.api import directory_endpoints as directory
from messaging_channels_gateway.api import recipients, request_models, response_models, webhook_endpoints
from messaging_channels_gateway.api.message_views import ListQuery
from messaging_channels_gateway.auth.api_keys import OPERATE
from messaging_channels_gateway.channels import CHANNELS, title_of

if TYPE_CHECKING:
    from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class Operation:
    """One call."""

    method: str
    path: str
    tag: str
    summary: str
    response: type[BaseModel] | str | None
    """A model; or the media type of something else; or None for nothing."""
    status: int = 200
    scope: str | None = None
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    idempotent: bool = False
    problems: tuple[str, ...] = ()
    path_values: dict[str, str] = field(default_factory=dict[str, str])
    """Values of the path that are put in before it is described."""
    id: str = ""


_SEND = (
    "message_blocked",
    "invalid_idempotency_key",
    "invalid_address",
    "invalid_message",
    "invalid_url",
    "invalid_send_at",
    "unsupported",
    "idempotency_key_reused",
    "idempotency_key_in_use",
    "rejected",
    "not_sent",
    "no_route",
    "still_sending",
)
_NAMED = ("not_found", "no_address", "recipient_inactive")


def _send_operations(channel: str) -> tuple[Operation, ...]:
    title, scope = title_of(CHANNELS[channel]), f"send:{channel}"
    persons = (*_SEND, *_NAMED, "cdp_extension_missing")
    return tuple(
        Operation(
            "POST", path, tag, f"Send {title} {whom}", response_models.SendResponse, scope=scope, body=body, idempotent=True,
            problems=problems, id=f"send_{channel}_to_{tag.lower()}",
        )
        for path, tag, whom, body, problems in (
            (f"/v1/apps/message/{channel}", "Addresses", "to an address", request_models.ADDRESS_BODIES[channel], _SEND),
            (f"/v1/users/{{id}}/message/{channel}", "Users", "to a User", request_models.RECIPIENT_BODIES[channel], (*_SEND, *_NAMED)),
            (f"/v1/identities/{{id}}/person/message/{channel}", "Persons", "to the Person of an Identity", request_models.RECIPIENT_BODIES[channel], persons),
        )
    )  # fmt: skip


_READ, _WRITE, _HOOKS = "read:directory", "write:directory", "manage:webhooks"
_USER, _IDENTITY = "/v1/users/{id}", "/v1/identities/{id}"
_ENDPOINTS, _DELIVERIES = "/v1/webhook-endpoints", "/v1/webhook-deliveries"
_NONE = ("not_found",)

OPERATIONS: tuple[Operation, ...] = (
    *(one for channel in CHANNELS for one in _send_operations(channel)),
    Operation("GET", "/v1/messages/{id}", "Messages", "What became of a message", response_models.MessageResponse, scope="read:messages", problems=_NONE, id="get_message"),
    Operation("DELETE", "/v1/messages/{id}", "Messages", "Cancel a message that waits for its time", response_models.MessageResponse, scope="send:advanced", problems=("not_found", "not_cancellable"), id="cancel_message"),
    Operation("GET", "/v1/messages", "Messages", "The tenant's messages, the newest first", response_models.MessageList, scope="read:messages", query=ListQuery, problems=("invalid_query",), id="list_messages"),
    Operation("GET", "/v1/events", "Messages", "The event stream (server-sent events)", "text/event-stream", scope="read:events", problems=("invalid_request",), id="stream_events"),
    Operation("PUT", _USER, "Directory", "Write a User", response_models.EntryResponse, scope=_WRITE, body=directory.UserBody, problems=_NONE, id="put_user"),
    Operation("GET", _USER, "Directory", "Read a User", response_models.EntryResponse, scope=_READ, problems=_NONE, id="get_user"),
    Operation("DELETE", _USER, "Directory", "Remove a User", None, 204, scope=_WRITE, problems=_NONE, id="delete_user"),
    Operation("PUT", _IDENTITY, "Directory", "Write an Identity and its Person", response_models.EntryResponse, scope=_WRITE, body=directory.IdentityBody, problems=_NONE, id="put_identity"),
    Operation("GET", _IDENTITY, "Directory", "Read an Identity", response_models.EntryResponse, scope=_READ, problems=_NONE, id="get_identity"),
    Operation("DELETE", _IDENTITY, "Directory", "Remove an Identity", None, 204, scope=_WRITE, problems=_NONE, id="delete_identity"),
    Operation("POST", _ENDPOINTS, "Webhooks", "Have events posted to a URL", response_models.CreatedEndpoint, 201, scope=_HOOKS, body=webhook_endpoints.EndpointBody, problems=("invalid_url",), id="create_endpoint"),
    Operation("GET", _ENDPOINTS, "Webhooks", "The endpoints", response_models.EndpointList, scope=_HOOKS, id="list_endpoints"),
    Operation("DELETE", f"{_ENDPOINTS}/{{id}}", "Webhooks", "Remove an endpoint", None, 204, scope=_HOOKS, problems=_NONE, id="delete_endpoint"),
    Operation("POST", f"{_ENDPOINTS}/{{id}}/secret", "Webhooks", "A new secret; until it is rotated again, both sign", response_models.EndpointSecret, scope=_HOOKS, problems=_NONE, id="rotate_secret"),
    Operation("POST", f"{_ENDPOINTS}/{{id}}/retry", "Webhooks", "Deliver all that waits for an endpoint, and its dead letters, at once", response_models.RetriedEndpoint, 202, scope=_HOOKS, problems=_NONE, id="retry_endpoint"),
    Operation("GET", "/v1/callback-secret", "Webhooks", "What signs the calls to callback URLs", response_models.Secret, scope=_HOOKS, id="get_callback_secret"),
    Operation("GET", _DELIVERIES, "Webhooks", "Deliveries that wait, are done, or are dead letters", response_models.DeliveryList, scope=_HOOKS, query=webhook_endpoints.DeliveryQuery, problems=("invalid_query",), id="list_deliveries"),
    Operation("POST", f"{_DELIVERIES}/{{id}}/retry", "Webhooks", "Deliver a dead letter, or what waits, at once", response_models.RetriedDelivery, 202, scope=_HOOKS, problems=_NONE, id="retry_delivery"),
    Operation("POST", "/v1/recipients/export", "Service", "All that is kept of one recipient, over all tenants", response_models.KeptOfRecipient, scope=OPERATE, body=recipients.RecipientBody, problems=("invalid_address",), id="export_recipient"),
    Operation("POST", "/v1/recipients/erase", "Service", "Forget one recipient, over all tenants", response_models.ErasedRecipient, scope=OPERATE, body=recipients.RecipientBody, problems=("invalid_address",), id="erase_recipient"),
    Operation("GET", "/health", "Service", "Whether the process answers", response_models.ServiceState, id="health"),
    Operation("GET", "/ready", "Service", "Whether messages can be sent (503 if not)", response_models.ServiceState, id="ready"),
    Operation("GET", "/metrics", "Service", "Counters for Prometheus", "text/plain", id="metrics"),
)  # fmt: skip
"""The webhooks of providers are theirs to describe, and are not here."""
