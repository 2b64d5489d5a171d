"""What successful answers hold: for the description of the interface. The endpoints write them without a detour over these models."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Time: TypeAlias = str


class _ResponseModel(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)


class StatusResponse(_ResponseModel):
    """Where a message stands, as Infobip words it."""

    group_id: int
    group_name: str = Field(examples=["PENDING"])
    id: int
    name: str = Field(examples=["PENDING_ACCEPTED"])
    description: str


class RecipientError(_ResponseModel):
    """Why one recipient of several got no message."""

    code: str
    title: str
    detail: str


class SentMessage(_ResponseModel):
    """One recipient's message."""

    message_id: str
    status: StatusResponse
    destination: str
    error: RecipientError | None = None


class SendResponse(_ResponseModel):
    """The answer of every call that sends."""

    messages: list[SentMessage]


class _FailureResponse(_ResponseModel):
    """Why it failed, in the same words for every vendor, what may be done, and the vendor's own code and words."""

    failure: str | None
    advice: list[str]
    vendor_code: str
    vendor_text: str


class AttemptResponse(_FailureResponse):
    """One provider that was asked."""

    number: int
    provider: str
    started_at: Time
    seconds: float
    outcome: Literal["accepted", "rejected", "not_sent", "unknown"]
    reason: str
    provider_id: str | None


class EventResponse(_FailureResponse):
    """One report that came."""

    event_type: str
    at: Time
    status: StatusResponse | None


class MessageResponse(_FailureResponse):
    """All that is known of a message. The destination is masked."""

    message_id: str
    channel: str
    type: str
    destination: str
    created_at: Time
    send_at: Time | None
    status: StatusResponse
    version: int
    outcome: Literal["accepted", "rejected", "not_sent", "unknown"]
    idempotency_key: str | None
    attempts: list[AttemptResponse]
    events: list[EventResponse]


class MessageList(_ResponseModel):
    """A page of messages; `next` is the cursor of the one after it."""

    messages: list[MessageResponse]
    next: str | None


class EntryResponse(BaseModel):
    """A User or an Identity."""

    id: str
    created_at: int
    owner: str
    deleted: bool
    error: None
    data: dict[str, Any]


class EndpointResponse(_ResponseModel):
    """Where events are posted."""

    id: str
    url: str
    events: list[str] | Literal["*"]
    created_at: Time
    failing_since: Time | None
    disabled: str


class CreatedEndpoint(EndpointResponse):
    """The same, with the secret that signs: shown only now."""

    secret: str


class EndpointList(_ResponseModel):
    """All of them."""

    endpoints: list[EndpointResponse]


class Secret(_ResponseModel):
    """A secret that signs."""

    secret: str


class EndpointSecret(Secret):
    """A secret that signs, and whose it is."""

    id: str


class DeliveryResponse(_ResponseModel):
    """One event on its way to one URL."""

    id: str
    event_id: str
    event: str
    endpoint: str | None
    url: str
    attempts: int
    state: Literal["waiting", "done", "dead"]
    problem: str


class DeliveryList(_ResponseModel):
    """The last of a state."""

    deliveries: list[DeliveryResponse]


class RetriedDelivery(_ResponseModel):
    """A delivery that is tried again."""

    id: str
    state: str


class RetriedEndpoint(_ResponseModel):
    """An endpoint to which all that waits is delivered at once."""

    id: str
    retried: int
    """How many deliveries."""


class KeptOfRecipient(_ResponseModel):
    """All that is kept of one recipient."""

    address: str
    messages: list[dict[str, Any]]
    """With attempts and events; `waiting` holds what is still to be sent."""
    inbound: list[dict[str, Any]]
    """Events that wait for a handler of an application, or are dead letters."""
    consent: list[dict[str, Any]]
    elsewhere: dict[str, list[dict[str, Any]]]
    """What providers and pre-send checks keep in files of their own, by their names."""
    gateway: dict[str, list[dict[str, Any]]]
    """What the gateway itself keeps: `notices`, entries of the `directory`, and `calls` with a callback URL in which the address stands."""


class ErasedRecipient(_ResponseModel):
    """How much forgot the recipient."""

    messages: int
    """Messages and waiting events of the ledger."""
    notices: int
    """Notices of the gateway: what the recipient wrote, and links that it opened."""
    directory: int
    """Entries of the directory."""
    calls: int
    """Calls with a callback URL in which the address stood."""


class ServiceState(_ResponseModel):
    """How the service is."""

    status: str
    paused: list[str] = []
    """Providers with an account that cannot send, such as `twilio: not_sent.credentials`: its messages wait until that is mended."""


class FieldError(_ResponseModel):
    """Where a request does not fit."""

    pointer: str
    problem: str
    field: str | None = None
    """The name that was given, where there is none such."""
    did_you_mean: str | None = None
    """A name that there is."""


class ProblemResponse(_ResponseModel):
    """Problem details (RFC 9457). Act on `code`, which is stable."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    name: str
    message: str
    data: list[FieldError] | dict[str, Any]
    errors: list[FieldError] | None = None
    messages: list[SentMessage] | None = None
