"""What comes back later: delivery reports, what people write, and what they want or do not want.

Every event is an immutable value that may come late, repeatedly and out of order. `key` tells repetitions: two events with the same key are the same
event.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeAlias

from messaging_channels._model.failure_reasons import Advice, FailureReason
from messaging_channels._model.failures import (
    BY_FAILURE,
    cleaned_code,
    cleaned_text,
    implied_failure,
    safe_advice,
)

if TYPE_CHECKING:
    from messaging_channels._model.addresses import Address
    from messaging_channels._model.status import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    """What every event has."""

    provider: str
    occurred_at: float
    """When it happened, in the provider's words: seconds since the epoch, UTC."""
    event_id: str | None = None
    """The provider's id of the event itself, where it gives one."""
    raw: Any = field(default=None, repr=False)
    """The report as it came."""
    source: bytes | None = field(default=None, repr=False)
    """The octets that were read, where the plugin keeps them: of a mail, its beginning up to a size that a setting gives."""

    @property
    def key(self) -> str:
        """What repetitions of this event have in common: 32 hexadecimal digits."""
        told = (self.event_id,) if self.event_id else (self.occurred_at, *self._identity())
        return sha256(repr((type(self).__name__, self.provider, *told)).encode()).hexdigest()[:32]

    def _identity(self) -> tuple[Any, ...]:
        return (repr(self.raw),)


@dataclass(frozen=True, slots=True, kw_only=True)
class _MessageEvent(_Event):
    """An event of a message that was sent."""

    message_id: str = ""
    """Ours, as given to the provider; empty where the provider carries none back."""
    provider_id: str | None = None

    def _identity(self) -> tuple[Any, ...]:
        return (self.message_id, self.provider_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChanged(_MessageEvent):
    """A delivery report. Fold it in with `status.merge`."""

    status: Status
    detail: str = ""
    """For the operator: the provider's error code and text. No whole address, no body."""
    failure: FailureReason | None = None
    """Why it was not delivered, in the same words for every vendor; None where nothing failed. Where the plugin names none, what the status tells."""
    advice: frozenset[Advice] = BY_FAILURE
    """What may be done about it. Never to send it again where a copy may be on its way."""
    vendor_code: str = ""
    """The vendor's own code, such as `30003`."""
    vendor_text: str = ""
    """The vendor's own words, with whatever may be somebody's number or address hidden."""
    recipient: Address | None = field(default=None, repr=False)
    """Whom the report speaks of, where one message may go to several: of a mail, its recipient or one who gets a copy."""

    def __post_init__(self) -> None:
        """Complete the failure and its advice."""
        failure = None if self.status.group_id == _DELIVERED else self.failure or implied_failure(self.status)
        advice = safe_advice(failure, self.advice, may_be_under_way=not self.status.final)
        object.__setattr__(self, "failure", failure)
        object.__setattr__(self, "advice", advice)
        if self.vendor_code or self.vendor_text:
            object.__setattr__(self, "vendor_code", cleaned_code(self.vendor_code))
            object.__setattr__(self, "vendor_text", cleaned_text(self.vendor_text))

    def _identity(self) -> tuple[Any, ...]:
        return (self.message_id, self.provider_id, self.status.group_id, self.status.id, self.detail)


class EngagementType(StrEnum):
    """What a person did with a message."""

    READ = "read"
    OPENED = "opened"
    CLICKED = "clicked"
    PLAYED = "played"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngagementReceived(_MessageEvent):
    """A person read, opened, clicked or played a message. It stands beside the status, and changes none."""

    engagement_type: EngagementType
    url: str | None = field(default=None, repr=False)
    """The link that was clicked."""

    def _identity(self) -> tuple[Any, ...]:
        return (self.message_id, self.provider_id, self.engagement_type, self.url)


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundMedia:
    """A file that came with a message, by its URL or by the provider's id."""

    url: str | None = field(default=None, repr=False)
    id: str | None = None
    content_type: str = ""
    filename: str | None = field(default=None, repr=False)
    caption: str | None = field(default=None, repr=False)
    content: bytes | None = field(default=None, repr=False)
    """The file itself, where it came with the report (mail)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageReceived(_Event):
    """A person wrote to us. What `kind` does not say in the other fields is in `raw`."""

    channel: str
    provider_id: str
    sender: Address = field(repr=False)
    """Who wrote."""
    to: str = field(repr=False)
    """The number or address it was written to."""
    kind: str = "text"
    """An open set: text, image, video, audio, document, sticker, location, contacts, button, list, reaction, flow, order, mail, unknown."""
    text: str | None = field(default=None, repr=False)
    subject: str | None = field(default=None, repr=False)
    html: str | None = field(default=None, repr=False)
    payload: str | None = field(default=None, repr=False)
    """The id of what was pressed or chosen, the emoji of a reaction, the JSON of a flow."""
    location: tuple[float, float] | None = field(default=None, repr=False)
    """Latitude and longitude in degrees."""
    media: tuple[InboundMedia, ...] = field(default=(), repr=False)
    reply_to: str | None = None
    """The provider's id of the message it answers or reacts to."""
    name: str | None = field(default=None, repr=False)
    """What the person calls itself."""
    confidence: float = 1.0
    """How sure the plugin is that somebody wrote this, from 0 to 1. Below 1 it may be a report that the plugin could not read."""

    def _identity(self) -> tuple[Any, ...]:
        return (self.channel, self.provider_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class _ConsentEvent(_Event):
    """What a person wants to receive."""

    channel: str
    address: Address = field(repr=False)
    reason: str = ""
    """Such as `keyword STOP`, `complaint`, `list-unsubscribe`."""
    category: str = ""
    """What alone is meant, such as `marketing`; empty for every message of the channel."""

    def _identity(self) -> tuple[Any, ...]:
        return (self.channel, self.address.plain, self.reason, self.category)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptedOut(_ConsentEvent):
    """A person wants no more messages on this channel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OptedIn(_ConsentEvent):
    """A person wants messages on this channel, again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownEvent(_Event):
    """A report of a kind that the plugin does not know, kept as it came."""

    kind: str = ""
    """The provider's word for it."""


Event: TypeAlias = "StatusChanged | EngagementReceived | MessageReceived | OptedOut | OptedIn | UnknownEvent"
_DELIVERED = 3
