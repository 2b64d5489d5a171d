"""What successful answers hold: for the description of the interface. The endpoints write them without a detour over these models."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Time: TypeAlias = str


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)


class StatusAnswer(_Answer):
    """Where a message stands, as Infobip words it."""

    group_id: int
    group_name: str = Field(examples=["PENDING"])
    id: int
    name: str = Field(examples=["PENDING_ACCEPTED"])
    description: str


class Refusal(_Answer):
    """Why one recipient of several got no message."""

    code: str
    title: str
    detail: str


class SentMessage(_Answer):
    """One recipient's message."""

    message_id: str
    status: StatusAnswer
    destination: str
    error: Refusal | None = None


class Sent(_Answer):
    """The answer of every call that sends."""

    messages: list[SentMessage]


class AttemptAnswer(_Answer):
    """One provider that was asked."""

    number: int
    provider: str
    started_at: Time
    seconds: float
    outcome: Literal["accepted", "rejected", "not_sent", "unknown"]
    reason: str
    provider_id: str | None


class EventAnswer(_Answer):
    """One report that came."""

    kind: str
    at: Time
    status: StatusAnswer | None


class MessageAnswer(_Answer):
    """All that is known of a message. The destination is masked."""

    message_id: str
    channel: str
    type: str
    destination: str
    created_at: Time
    send_at: Time | None
    status: StatusAnswer
    version: int
    outcome: Literal["accepted", "rejected", "not_sent", "unknown"]
    idempotency_key: str | None
    attempts: list[AttemptAnswer]
    events: list[EventAnswer]


class MessageList(_Answer):
    """A page of messages; `next` is the cursor of the one after it."""

    messages: list[MessageAnswer]
    next: str | None


class EntryAnswer(BaseModel):
    """A User or an Identity."""

    id: str
    created_at: int
    owner: str
    deleted: bool
    error: None
    data: dict[str, Any]


class EndpointAnswer(_Answer):
    """Where events are posted."""

    id: str
    url: str
    events: list[str] | Literal["*"]
    created_at: Time
    failing_since: Time | None
    disabled: str


class MadeEndpoint(EndpointAnswer):
    """The same, with the secret that signs: shown only now."""

    secret: str


class EndpointList(_Answer):
    """All of them."""

    endpoints: list[EndpointAnswer]


class Secret(_Answer):
    """A secret that signs."""

    secret: str


class EndpointSecret(Secret):
    """A secret that signs, and whose it is."""

    id: str


class DeliveryAnswer(_Answer):
    """One event on its way to one URL."""

    id: str
    event_id: str
    event: str
    endpoint: str | None
    url: str
    attempts: int
    state: Literal["waiting", "done", "dead"]
    problem: str


class DeliveryList(_Answer):
    """The last of a state."""

    deliveries: list[DeliveryAnswer]


class Revived(_Answer):
    """A delivery that is tried again."""

    id: str
    state: str


class State(_Answer):
    """How the service is."""

    status: str


class Fault(_Answer):
    """Where a request does not fit."""

    pointer: str
    problem: str


class ProblemAnswer(_Answer):
    """Problem details (RFC 9457). Act on `code`, which is stable."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    name: str
    message: str
    data: list[Fault] | dict[str, Any]
    errors: list[Fault] | None = None
    messages: list[SentMessage] | None = None
