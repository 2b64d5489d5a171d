"""What became of one attempt, and what may follow.

A provider only says what an answer means: a `Reason` of the closed list. What that allows is decided here, once for all providers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from messaging_channels._model import status as statuses
from messaging_channels._model._table_failures import REASONS
from messaging_channels._model.failure_reasons import Advice, FailureReason
from messaging_channels._model.failures import (
    BY_FAILURE,
    NO_ADVICE,
    cleaned_code,
    cleaned_text,
    safe_advice,
)
from messaging_channels._model.status import Status
from messaging_channels._model.values import fast_frozen


class Outcome(StrEnum):
    """The four ends an attempt can have."""

    ACCEPTED = "accepted"
    """The provider said that it took the message."""
    REJECTED = "rejected"
    """The provider refused it for good."""
    NOT_SENT = "not_sent"
    """Certainly nothing went out."""
    UNKNOWN = "unknown"
    """The message may have been sent. It is not repeated and not passed to another provider, unless the caller asked for that."""


class Reason(StrEnum):
    """Why an attempt ended as it did."""

    __hash__ = str.__hash__  # an Enum's own is slow, and every message is looked up by it

    policy: ReasonPolicy
    """Meaning and consequences of the reason: its entry of `REASON_POLICIES`."""

    ACCEPTED = "accepted"
    """The provider accepted the message."""
    DUPLICATE = "accepted.duplicate"
    """The provider received this message id before: accepted then."""
    INVALID = "rejected.invalid"
    """The provider says that the message or the request is malformed."""
    RECIPIENT = "rejected.recipient"
    """This recipient can't be reached or must not be: invalid number, opted out, blocked."""
    POLICY = "rejected.policy"
    """A rule of the provider prevents the message: template not approved, session closed, sender not registered."""
    CREDENTIALS = "not_sent.credentials"
    """The credentials are wrong or lack a permission."""
    INSUFFICIENT_CREDIT = "not_sent.insufficient_credit"
    """The account has no credit, or a quota is used up."""
    NO_COVERAGE = "rejected.no_coverage"
    """The provider doesn't reach this destination; another provider may."""
    THROTTLED = "not_sent.throttled"
    """Too fast, or a documented "try later"."""
    UNREACHABLE = "not_sent.unreachable"
    """No connection was made, so no byte of the request was sent."""
    NOT_FOUND = "not_sent.not_found"
    """A later look-up proved that the provider never received the message."""
    MISDIRECTED = "not_sent.misdirected"
    """Something else than the provider answered: a redirect, a proxy, a login page. The provider never received the message."""
    INTERNAL_ERROR = "not_sent.internal_error"
    """A fault on our side before the first byte, most likely a bug in a plugin."""
    LEASE_EXPIRED = "not_sent.lease_expired"
    """The attempt's turn came after its lease, so another process may have the message. Nothing was sent by this one."""
    UNREADABLE_RESPONSE = "unknown.unreadable_response"
    """A success whose response is unreadable or names no message: most likely sent."""
    TIMEOUT = "unknown.timeout"
    """No response in time, after the request may have been written."""
    CONNECTION = "unknown.connection"
    """The connection ended or the response was not HTTP, after the request may have been written."""
    SERVER_ERROR = "unknown.server_error"
    """A server error (5xx) that the provider doesn't document as harmless."""
    PLUGIN = "unknown.plugin"
    """The provider's plugin failed after the request may have been written."""
    CANCELLED = "unknown.cancelled"
    """The caller cancelled after the request may have been written."""
    PROCESS_CRASHED = "unknown.process_crashed"
    """The process died during the attempt, or its result could not be stored."""


@dataclass(frozen=True, slots=True)
class ReasonPolicy:
    """Meaning of a reason, and what may follow it."""

    outcome: Outcome
    status: Status
    retryable: bool = False
    """The same provider may be asked again, after a wait."""
    failover: bool = False
    """Another provider of the channel may be asked."""
    is_account_fault: bool = False
    """Whether the reason concerns the account and not the message: the message stays in the queue."""


_PENDING = statuses.PENDING_ACCEPTED
_UNKNOWN = ReasonPolicy(Outcome.UNKNOWN, statuses.PENDING_UNKNOWN)
_TRY_LATER = ReasonPolicy(Outcome.NOT_SENT, statuses.PENDING_NOT_SENT, retryable=True, failover=True)
_TRY_OTHER = ReasonPolicy(Outcome.REJECTED, statuses.REJECTED_PLATFORM, failover=True)
_ACCOUNT = ReasonPolicy(Outcome.NOT_SENT, statuses.PENDING_NOT_SENT, failover=True, is_account_fault=True)
_REFUSED = ReasonPolicy(Outcome.REJECTED, statuses.REJECTED_PLATFORM)

REASON_POLICIES: dict[Reason, ReasonPolicy] = {
    Reason.ACCEPTED: ReasonPolicy(Outcome.ACCEPTED, _PENDING),
    Reason.DUPLICATE: ReasonPolicy(Outcome.ACCEPTED, _PENDING),
    Reason.INVALID: _REFUSED,
    Reason.RECIPIENT: ReasonPolicy(Outcome.REJECTED, statuses.REJECTED_DESTINATION),
    Reason.POLICY: _REFUSED,
    Reason.CREDENTIALS: _ACCOUNT,
    Reason.INSUFFICIENT_CREDIT: _ACCOUNT,
    Reason.NO_COVERAGE: _TRY_OTHER,
    Reason.THROTTLED: _TRY_LATER,
    Reason.UNREACHABLE: _TRY_LATER,
    Reason.NOT_FOUND: _TRY_LATER,
    Reason.MISDIRECTED: _TRY_LATER,
    Reason.INTERNAL_ERROR: ReasonPolicy(Outcome.NOT_SENT, statuses.PENDING_NOT_SENT),
    Reason.LEASE_EXPIRED: ReasonPolicy(Outcome.NOT_SENT, statuses.PENDING_NOT_SENT),
    Reason.UNREADABLE_RESPONSE: _UNKNOWN,
    Reason.TIMEOUT: _UNKNOWN,
    Reason.CONNECTION: _UNKNOWN,
    Reason.SERVER_ERROR: _UNKNOWN,
    Reason.PLUGIN: _UNKNOWN,
    Reason.CANCELLED: _UNKNOWN,
    Reason.PROCESS_CRASHED: _UNKNOWN,
}
for _reason, _rule in REASON_POLICIES.items():
    _reason.policy = _rule


@fast_frozen(frozen=True, slots=True)
class AttemptResult:
    """The meaning of a provider's response for one message."""

    reason: Reason
    status: Status
    """In the provider's words where it gave a status, else the reason's own."""
    provider_id: str | None = None
    """The provider's id of the message."""
    detail: str = ""
    """For the operator: the provider's code and text. No secret, no whole address, no body."""
    retry_after: float | None = None
    """Seconds the provider asked to wait."""
    raw_response: Any = field(default=None, repr=False)
    """The answer as the provider gave it."""
    request_rejected: bool = False
    """Whether the request was refused as a whole, for whatever reason: of several messages in it, some may be faultless."""
    failure: FailureReason | None = None
    """Why it was not delivered, in the same words for every vendor; None for what was accepted. Where the plugin names none, what `reason` tells."""
    advice: frozenset[Advice] = BY_FAILURE
    """Recommended actions. Never to send again if a copy may be on its way."""
    vendor_code: str = ""
    """The vendor's own code, such as `30003`."""
    vendor_text: str = ""
    """The vendor's own words, with whatever may be somebody's number or address hidden."""
    cause: BaseException | None = field(default=None, repr=False, compare=False)
    """The exception behind a fault on our side. It stays in this process: a copy that is pickled is without it."""

    def __post_init__(self) -> None:
        """Complete the failure and its advice, and clean the vendor's words."""
        outcome = self.reason.policy.outcome
        if outcome is _ACCEPTED:
            failure, advice = None, NO_ADVICE
        else:
            failure = self.failure or REASONS.get(self.reason, FailureReason.UNKNOWN)
            advice = safe_advice(failure, self.advice, may_be_under_way=outcome is Outcome.UNKNOWN)
            if outcome is Outcome.REJECTED and failure is FailureReason.UNKNOWN:
                advice -= _RETRY  # refused for good, for whatever reason
        if failure is not self.failure:
            object.__setattr__(self, "failure", failure)
        object.__setattr__(self, "advice", advice)
        if self.vendor_code or self.vendor_text:
            object.__setattr__(self, "vendor_code", cleaned_code(self.vendor_code))
            object.__setattr__(self, "vendor_text", cleaned_text(self.vendor_text))

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave the exception out: it may hold what cannot be pickled."""
        given = (getattr(self, name) for name in self.__slots__ if name != "cause")
        return type(self), tuple(given)

    @property
    def outcome(self) -> Outcome:
        """Which of the four ends it is."""
        return self.reason.policy.outcome

    @classmethod
    def of(
        cls,
        reason: Reason,
        detail: str = "",
        *,
        status: Status | None = None,
        provider_id: str | None = None,
        retry_after: float | None = None,
        raw_response: Any = None,  # noqa: ANN401  whatever the provider answered
        request_rejected: bool = False,
        failure: FailureReason | None = None,
        advice: frozenset[Advice] = BY_FAILURE,
        vendor_code: str = "",
        vendor_text: str = "",
        cause: BaseException | None = None,
    ) -> AttemptResult:
        """Make an outcome; its status is the reason's own unless the provider gave one. `FailureTable.fields` gives the four about the failure."""
        return cls(
            reason,
            status or REASON_POLICIES[reason].status,
            provider_id,
            detail,
            retry_after,
            raw_response,
            request_rejected,
            failure,
            advice,
            vendor_code,
            vendor_text,
            cause,
        )


_ACCEPTED = Outcome.ACCEPTED  # to find a member takes Python 3.11 0.2 µs
_RETRY = frozenset({Advice.RETRY_LATER})
