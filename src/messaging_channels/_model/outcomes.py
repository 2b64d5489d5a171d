"""What became of one attempt, and what may follow.

A provider only says what an answer means: a `Reason` of the closed list. What that allows is decided here, once for all providers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from messaging_channels._model import status as statuses
from messaging_channels._model.status import Status
from messaging_channels._model.values import value


class Kind(StrEnum):
    """The four ends an attempt can have."""

    ACCEPTED = "accepted"
    """The provider said that it took the message."""
    REJECTED = "rejected"
    """The provider refused it for good."""
    NOT_SENT = "not_sent"
    """Certainly nothing went out."""
    UNKNOWN = "unknown"
    """It may have gone out. Never repeated and never passed on, unless the caller chose so."""


class Reason(StrEnum):
    """Why an attempt ended as it did."""

    __hash__ = str.__hash__  # an Enum's own is slow, and every message is looked up by it

    rule: Rule
    """What it means and allows: its entry of `RULES`."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate_of_earlier"
    """The provider had taken this very id before: accepted, then."""
    INVALID = "not_sent.invalid"
    """The content or the request is malformed in the provider's eyes."""
    RECIPIENT = "not_sent.recipient"
    """This recipient cannot or must not be reached: bad number, opted out, blocked."""
    POLICY = "not_sent.policy"
    """A rule forbids it: template not approved, session closed, sender not registered."""
    AUTH = "not_sent.auth"
    """Our credentials are wrong or lack a right."""
    FUNDS = "not_sent.funds"
    """No credit, or a quota is used up."""
    ROUTE = "not_sent.route"
    """The provider has no way to that destination, though another may."""
    THROTTLED = "not_sent.throttled"
    """Too fast, or a documented "try later"."""
    UNREACHABLE = "not_sent.unreachable"
    """No connection came about, so no byte of the request left."""
    ABSENT = "not_sent.absent"
    """The provider was asked later, and proves that it never took the message."""
    LOCAL = "not_sent.local"
    """A fault on our side before the first byte: a bug, most likely in a plugin."""
    UNIDENTIFIED = "unknown.unidentified"
    """A success whose answer could not be read or names no message: most likely sent."""
    TIMEOUT = "unknown.timeout"
    CONNECTION = "unknown.connection"
    """Reset, closed or garbage after the request may have been written."""
    SERVER = "unknown.server"
    """A fault at the provider (5xx) that it does not document as harmless."""
    PLUGIN = "unknown.plugin"
    """The provider's plugin failed after the request may have been written."""
    CANCELLED = "unknown.cancelled"
    """The caller stopped waiting after the request may have been written."""
    CRASH = "unknown.crash"
    """The process died, or was lost, between the intent and the answer."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a reason means and allows."""

    kind: Kind
    status: Status
    retry: bool = False
    """The same provider may be asked again, after a wait."""
    pass_on: bool = False
    """Another provider of the channel may be asked."""


_PENDING = statuses.PENDING_ACCEPTED
_UNKNOWN = Rule(Kind.UNKNOWN, statuses.PENDING_UNKNOWN)
_TRY_LATER = Rule(Kind.NOT_SENT, statuses.PENDING_NOT_SENT, retry=True, pass_on=True)
_TRY_OTHER = Rule(Kind.REJECTED, statuses.REJECTED_PLATFORM, pass_on=True)
_REFUSED = Rule(Kind.REJECTED, statuses.REJECTED_PLATFORM)

RULES: dict[Reason, Rule] = {
    Reason.ACCEPTED: Rule(Kind.ACCEPTED, _PENDING),
    Reason.DUPLICATE: Rule(Kind.ACCEPTED, _PENDING),
    Reason.INVALID: _REFUSED,
    Reason.RECIPIENT: Rule(Kind.REJECTED, statuses.REJECTED_DESTINATION),
    Reason.POLICY: _REFUSED,
    Reason.AUTH: _TRY_OTHER,
    Reason.FUNDS: _TRY_OTHER,
    Reason.ROUTE: _TRY_OTHER,
    Reason.THROTTLED: _TRY_LATER,
    Reason.UNREACHABLE: _TRY_LATER,
    Reason.ABSENT: _TRY_LATER,
    Reason.LOCAL: Rule(Kind.NOT_SENT, statuses.PENDING_NOT_SENT),
    Reason.UNIDENTIFIED: _UNKNOWN,
    Reason.TIMEOUT: _UNKNOWN,
    Reason.CONNECTION: _UNKNOWN,
    Reason.SERVER: _UNKNOWN,
    Reason.PLUGIN: _UNKNOWN,
    Reason.CANCELLED: _UNKNOWN,
    Reason.CRASH: _UNKNOWN,
}
for _reason, _rule in RULES.items():
    _reason.rule = _rule


@value(frozen=True, slots=True)
class Outcome:
    """What a provider's answer means for one message."""

    reason: Reason
    status: Status
    """In the provider's words where it gave a status, else the reason's own."""
    provider_id: str | None = None
    """The provider's id of the message."""
    detail: str = ""
    """For the operator: the provider's code and text. No secret, no whole address, no body."""
    retry_after: float | None = None
    """Seconds the provider asked to wait."""
    native: Any = field(default=None, repr=False)
    """The answer as the provider gave it."""
    whole_request: bool = False
    """Whether the request was refused as a whole, for whatever reason: of several messages in it, some may be faultless."""

    @property
    def kind(self) -> Kind:
        """Which of the four ends it is."""
        return self.reason.rule.kind

    @classmethod
    def of(
        cls,
        reason: Reason,
        detail: str = "",
        *,
        status: Status | None = None,
        provider_id: str | None = None,
        retry_after: float | None = None,
        native: Any = None,  # noqa: ANN401  whatever the provider answered
        whole_request: bool = False,
    ) -> Outcome:
        """Make an outcome; its status is the reason's own unless the provider gave one."""
        return cls(
            reason, status or RULES[reason].status, provider_id, detail, retry_after, native, whole_request
        )
