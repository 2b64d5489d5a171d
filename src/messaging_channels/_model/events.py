"""What comes back later: delivery reports, what people write, and what they want or do not want.

Every event is an immutable value that may come late, repeatedly and out of order. `key` tells repetitions: two events with the same key are the same
event.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

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
    """Base class of all events."""

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
        """Key that repetitions of this event share: 32 hexadecimal digits."""
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
    group_id: str | None = None
    """The group that the message was sent to; None for a message to one person."""
    participant: Address | None = field(default=None, repr=False)
    """The member of the group whom the report is about."""

    def _identity(self) -> tuple[Any, ...]:
        return (self.message_id, self.provider_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChanged(_MessageEvent):
    """A delivery report. Fold it in with `status.merge`."""

    status: Status
    detail: str = ""
    """For the operator: the provider's error code and text. No whole address, no body."""
    parts: int | None = None
    """Where a provider reports on every part of a long message under an id of its own: how many parts there are, 0 if it does not say. Then the worst of them
    is the message's. None for a report on the whole message."""
    failure: FailureReason | None = None
    """Why it was not delivered, in the same words for every vendor; None where nothing failed. Where the plugin names none, what the status tells."""
    advice: frozenset[Advice] = BY_FAILURE
    """Recommended actions. Never to send again if a copy may be on its way."""
    vendor_code: str = ""
    """The vendor's own code, such as `30003`."""
    vendor_text: str = ""
    """The vendor's own words, with whatever may be somebody's number or address hidden."""
    recipient: Address | None = field(default=None, repr=False)
    """Recipient that the report is about, if one message goes to several: for an email, the recipient or a person who gets a copy."""
    channel: str = ""
    """The channel that it speaks of, where the vendor may have used another one than it was asked for (its own fallback); empty where it does not say."""

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
        told = (self.message_id, self.provider_id, self.status.group_id, self.status.id, self.detail)
        return (*told, self.channel) if self.channel else told


class EngagementType(StrEnum):
    """Action of a person on a message."""

    READ = "read"
    OPENED = "opened"
    CLICKED = "clicked"
    PLAYED = "played"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngagementReceived(_MessageEvent):
    """A person read, opened, clicked or played a message. An engagement changes no status."""

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
    """A person wrote to us. What `kind` does not say in the other fields is in `raw`. Answer to `reply_address`."""

    channel: str
    provider_id: str
    sender: Address = field(repr=False)
    """Address of the person who wrote."""
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
    """Name that the person uses."""
    confidence: float = 1.0
    """How sure the plugin is that somebody wrote this, from 0 to 1. Below 1 it may be a report that the plugin could not read."""
    group_id: str | None = None
    """The group it was written in; None for a message to us alone."""
    aliases: tuple[Address, ...] = field(default=(), repr=False)
    """Further addresses of the same person, such as the WhatsApp user id beside the number."""

    @property
    def reply_address(self) -> Address:
        """Address for an answer: the group if the message came from a group, otherwise the person."""
        return _reply_address(self.sender, self.group_id)

    def _identity(self) -> tuple[Any, ...]:
        return (self.channel, self.provider_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageEdited(_Event):
    """A person changed a message that was written before."""

    channel: str
    provider_id: str
    """The provider's id of the change."""
    original_id: str
    """The provider's id of the message that was changed."""
    sender: Address = field(repr=False)
    to: str = field(repr=False)
    """The number it was written to."""
    kind: str = "text"
    """As of `MessageReceived`."""
    text: str | None = field(default=None, repr=False)
    """The new words."""
    media: tuple[InboundMedia, ...] = field(default=(), repr=False)
    group_id: str | None = None

    def _identity(self) -> tuple[Any, ...]:
        return (self.channel, self.provider_id, self.original_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRevoked(_Event):
    """A person deleted an earlier message."""

    channel: str
    provider_id: str
    """The provider's id of the revocation."""
    original_id: str
    """The provider's id of the message that was taken back."""
    sender: Address = field(repr=False)
    to: str = field(repr=False)
    group_id: str | None = None

    def _identity(self) -> tuple[Any, ...]:
        return (self.channel, self.provider_id, self.original_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageEchoed(_Event):
    """The business wrote to a person by other means, such as the app on a phone."""

    channel: str
    provider_id: str
    sender: str = field(repr=False)
    """The number of the business."""
    to: Address = field(repr=False)
    """The person."""
    kind: str = "text"
    """As of `MessageReceived`; `edit` and `revoke` change the message `original_id`."""
    text: str | None = field(default=None, repr=False)
    payload: str | None = field(default=None, repr=False)
    location: tuple[float, float] | None = field(default=None, repr=False)
    media: tuple[InboundMedia, ...] = field(default=(), repr=False)
    reply_to: str | None = None
    original_id: str | None = None
    """The provider's id of the message that was edited or revoked."""
    group_id: str | None = None

    def _identity(self) -> tuple[Any, ...]:
        return (self.channel, self.provider_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallChanged(_Event):
    """A call began, rang, was answered or ended."""

    channel: str
    call_id: str
    """The provider's id of the call."""
    state: str
    """The provider's word in lower case, such as `connect`, `ringing`, `accepted`, `rejected`, `terminate`."""
    outgoing: bool = False
    """Whether the business called."""
    person: Address | None = field(default=None, repr=False)
    """Address of the person who called or was called."""
    number: str = field(default="", repr=False)
    """The number of the business."""
    result: str = ""
    """How it ended, in the provider's words."""
    duration: float | None = None
    """Seconds."""
    message_id: str = ""
    """Our id that was given to the provider with the call."""

    def _identity(self) -> tuple[Any, ...]:
        return (self.channel, self.call_id, self.state, self.result)


@dataclass(frozen=True, slots=True, kw_only=True)
class _ConsentEvent(_Event):
    """Base class of events in which a person says what to receive."""

    channel: str
    address: Address = field(repr=False)
    reason: str = ""
    """Such as `keyword STOP`, `complaint`, `list-unsubscribe`."""
    category: str = ""
    """Category that the statement is limited to, such as `marketing`; empty for every message of the channel."""
    certainty: Literal["certain", "likely"] = "certain"
    """`likely` if words were understood that are no keyword, such as "please stop texting me"."""
    aliases: tuple[Address, ...] = field(default=(), repr=False)
    """Further addresses of the same person, such as the WhatsApp user id beside the number."""

    def _identity(self) -> tuple[Any, ...]:
        return (self.channel, self.address.plain, self.reason, self.category)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptedOut(_ConsentEvent):
    """A person wants no more messages on this channel, or must not be sent any."""

    kind: Literal["", "opted_out", "complaint", "blocked", "legal", "undeliverable"] = ""
    """Kind of the statement. Default: a complaint if the reason is `complaint`, else an opt-out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OptedIn(_ConsentEvent):
    """A person wants messages on this channel, again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HelpRequested(_ConsentEvent):
    """A person asks for help (HELP, INFO). This event changes no consent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountUpdated(_Event):
    """Something about an account of ours changed at the provider: its state, its limits, one of its numbers."""

    account_id: str
    """The provider's id of the account."""
    kind: str
    """The provider's word for what changed, such as `account_update`."""
    change: str = ""
    """The provider's word for what happened, such as `ACCOUNT_DELETED`."""
    number: str = field(default="", repr=False)
    """The number of ours that it is about, where it is about one."""

    def _identity(self) -> tuple[Any, ...]:
        return (self.account_id, self.kind, self.change, repr(self.raw))


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateUpdated(_Event):
    """A template of ours was judged, paused, or put into another category."""

    account_id: str
    """The provider's id of the account that holds it."""
    template_id: str
    name: str = ""
    language: str = ""
    kind: str
    """The provider's word for what changed, such as `message_template_status_update`."""
    change: str = ""
    """New value, in the provider's words, such as `APPROVED` or `MARKETING`."""
    previous: str = ""
    """Value before the change."""
    reason: str = ""
    """Why, in the provider's words."""

    def _identity(self) -> tuple[Any, ...]:
        return (self.account_id, self.template_id, self.kind, self.change, repr(self.raw))


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownEvent(_Event):
    """A report of a kind that the plugin does not know, kept as it came."""

    kind: str = ""
    """The provider's word for it."""


Event: TypeAlias = (
    StatusChanged
    | EngagementReceived
    | MessageReceived
    | MessageEdited
    | MessageRevoked
    | MessageEchoed
    | CallChanged
    | OptedOut
    | OptedIn
    | HelpRequested
    | AccountUpdated
    | TemplateUpdated
    | UnknownEvent
)
_DELIVERED = 3


def _reply_address(sender: Address, group_id: str | None) -> Address:
    from messaging_channels._model.addresses import WhatsAppGroupId  # noqa: PLC0415  needed for groups alone

    return sender if group_id is None else WhatsAppGroupId(group_id)
