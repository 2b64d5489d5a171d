"""The record of one message: what the caller gets, and what an operator reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, Protocol

from messaging_channels._model.outcomes import AttemptResult, Outcome
from messaging_channels._model.status import StatusGroup
from messaging_channels._model.values import fast_frozen

if TYPE_CHECKING:
    from messaging_channels._model.addresses import Address
    from messaging_channels._model.failure_reasons import Advice, FailureReason
    from messaging_channels._model.status import Status


@fast_frozen(frozen=True, slots=True)
class Attempt:
    """An attempt to send a message through one provider. Contains no address and no content."""

    message_id: str
    channel: str
    provider: str
    account: str | None
    result: AttemptResult | None
    """None only in a ledger's record: it was begun, and has not ended."""
    started_at: float
    """Seconds since the epoch, UTC."""
    duration: float
    """Seconds."""
    number: int = 1
    """Counted from 1 over all providers."""
    delay: float = 0.0
    """Seconds that were waited before it: for a rate, or before a repetition."""
    trace: str = field(default="", compare=False, repr=False)
    """Value that the observer returned when the message was enqueued, such as a W3C `traceparent`. Not stored in records."""

    @property
    def in_progress(self) -> bool:
        """Whether it was begun and has not ended."""
        return self.result is None

    @property
    def outcome(self) -> Outcome:
        """How it ended; unknown as long as it has not."""
        return Outcome.UNKNOWN if self.result is None else self.result.outcome

    def as_dict(self) -> dict[str, Any]:
        """Return the attempt as JSON can hold it."""
        result = self.result
        return {
            "number": self.number,
            "channel": self.channel,
            "provider": self.provider,
            "account": self.account,
            "startedAt": self.started_at,
            "delay": self.delay,
            "duration": self.duration,
            "outcome": self.outcome,
            "reason": result.reason if result else "in_progress",
            "detail": result.detail if result else "",
            "providerId": result.provider_id if result else None,
            **failure_as_dict(result),
        }


@fast_frozen(frozen=True, slots=True)
class RecordedEvent:
    """One event of a message, as it is kept: no address and no content."""

    event_type: str
    """The event's type, such as `StatusChanged`."""
    occurred_at: float
    """When it happened, in the provider's words: seconds since the epoch, UTC."""
    status: Status | None
    detail: str
    """The provider's code and text, or what a person did (`seen`)."""
    failure: FailureReason | None = None
    """See StatusChanged; so the next three."""
    advice: frozenset[Advice] = frozenset()
    vendor_code: str = ""
    vendor_text: str = ""
    channel: str = ""
    """The channel that a report named, or of a fallback that of the step it speaks of; empty where neither is known."""

    def as_dict(self) -> dict[str, Any]:
        """Return the event as JSON can hold it."""
        return {
            "eventType": self.event_type,
            "occurredAt": self.occurred_at,
            "detail": self.detail,
            "status": self.status.as_dict() if self.status else None,
            **({"channel": self.channel} if self.channel else {}),
            **failure_as_dict(self),
        }


@fast_frozen(frozen=True, slots=True)
class RecordedStep:
    """A step of a fallback after the first."""

    number: int
    """Counted from 1."""
    attempts_before: int
    channel: str
    message_type: str
    address: str
    """In the form that the ledger keeps (`LedgerSettings.addresses`)."""


@fast_frozen(frozen=True, slots=True)
class Skipped:
    """A provider of the route that was not asked, and why."""

    provider: str
    reason: str


@fast_frozen(frozen=True, slots=True)
class Receipt:
    """The result of a message: outcome, status and all attempts. Its repr masks the address."""

    id: str
    """Ours, the same over all attempts and at every provider that lets us choose one."""
    channel: str
    destination: Address
    status: Status
    attempts: tuple[Attempt, ...]
    """In order, each with its outcome, its duration and what was waited before it."""
    skipped: tuple[Skipped, ...] = ()
    """Providers that were not tried, each with the reason."""
    candidates: tuple[str, ...] = ()
    """The providers that could carry it, in the order in which they would be asked."""
    stop_reason: str = ""
    """Why no further attempt was made."""
    replayed: bool = False
    """Whether this is the answer to an earlier call with the same idempotency key."""

    def __str__(self) -> str:
        """Say in one line how it stands: no content, and the address masked."""
        by = f" by {self.provider}" if self.provider else ""
        return (
            f"{self.channel} {self.id} to {self.destination.masked}: {self.outcome}{by} ({self.status.name})"
        )

    @property
    def outcome(self) -> Outcome:
        """How the message stands. `unknown` means that it may have been sent."""
        return deciding_attempt(self.attempts)[1]

    @property
    def provider(self) -> str | None:
        """The provider of the deciding attempt; None without an attempt."""
        attempt = deciding_attempt(self.attempts)[0]
        return attempt.provider if attempt else None

    @property
    def provider_id(self) -> str | None:
        """The provider's own id of the message, if it gave one."""
        result = self._result
        return result.provider_id if result else None

    @property
    def failure(self) -> FailureReason | None:
        """Why it was not sent, in the same words for every vendor; None for what was accepted."""
        result = self._result
        return result.failure if result else None

    @property
    def advice(self) -> frozenset[Advice]:
        """Recommended actions. Never to send again if a copy may be on its way."""
        result = self._result
        return result.advice if result else frozenset()

    @property
    def vendor_code(self) -> str:
        """The vendor's own code; empty if it gave none."""
        result = self._result
        return result.vendor_code if result else ""

    @property
    def vendor_text(self) -> str:
        """The vendor's own words; empty if it gave none."""
        result = self._result
        return result.vendor_text if result else ""

    @property
    def raw_response(self) -> Any:  # noqa: ANN401  whatever the provider answered
        """The provider's answer as it came."""
        result = self._result
        return result.raw_response if result else None

    @property
    def _result(self) -> AttemptResult | None:
        attempt = deciding_attempt(self.attempts)[0]
        return attempt.result if attempt else None

    def as_dict(self) -> dict[str, Any]:
        """Return the message's element of an HTTP answer: id, status, and the address in full."""
        return {
            "messageId": self.id,
            "status": self.status.as_dict(),
            "destination": self.destination.plain,
        }

    def explain(self) -> list[str]:
        """Return the decisions in words, a line each, for an operator: no address, no content."""
        lines = [f"candidates: {', '.join(self.candidates) or 'nobody'}"]
        lines += [f"skipped {one.provider}: {one.reason}" for one in self.skipped]
        lines += [_describe(attempt) for attempt in self.attempts]
        return [*lines, f"stop reason: {self.stop_reason}"] if self.stop_reason else lines


def deciding_attempt(attempts: Sequence[Attempt]) -> tuple[Attempt | None, Outcome]:
    """Return the attempt that decides how a message stands: one that was accepted, else one that may have been, else the last."""
    if len(attempts) > 1:
        for outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN):
            for attempt in reversed(attempts):
                if attempt.outcome is outcome:
                    return attempt, outcome
    return (attempts[-1], attempts[-1].outcome) if attempts else (None, Outcome.NOT_SENT)


def was_rejected(attempts: Sequence[Attempt]) -> bool:
    """Whether a provider refused the message for good, for a reason of the message's own: then no copy is sent either."""
    return any(
        one.result is not None and one.outcome is Outcome.REJECTED and not one.result.reason.policy.failover
        for one in attempts
    )


def delivered_channels(events: Sequence[RecordedEvent], attempts: Sequence[Attempt]) -> tuple[str, ...]:
    """Return the channels on which a message was delivered, the first first: as reports name them, else that of the only attempt that was accepted."""
    delivered = [
        one for one in events if one.status is not None and one.status.group is StatusGroup.DELIVERED
    ]
    named = dict.fromkeys(
        one.channel for one in sorted(delivered, key=lambda one: one.occurred_at) if one.channel
    )
    if named or not delivered:
        return tuple(named)
    taken = {one.channel for one in attempts if one.outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN)}
    return tuple(taken) if len(taken) == 1 else ()


class ToldFailure(Protocol):
    """What tells of a failure: a result, a report as it is kept, a record."""

    @property
    def failure(self) -> FailureReason | None:
        """Why it was not delivered."""
        ...

    @property
    def advice(self) -> frozenset[Advice]:
        """What may be done about it."""
        ...

    @property
    def vendor_code(self) -> str:
        """The vendor's own code."""
        ...

    @property
    def vendor_text(self) -> str:
        """The vendor's own words."""
        ...


def failure_as_dict(told: ToldFailure | None) -> dict[str, Any]:
    """Return a failure as JSON can hold it."""
    return {
        "failure": told.failure if told else None,
        "advice": sorted(told.advice) if told else [],
        "vendorCode": told.vendor_code if told else "",
        "vendorText": told.vendor_text if told else "",
    }


def _describe(attempt: Attempt) -> str:
    wait = f" after {attempt.delay:.1f} s" if attempt.delay else ""
    reason = attempt.result.reason if attempt.result else "not ended"
    detail = f" ({attempt.result.detail})" if attempt.result and attempt.result.detail else ""
    return f"tried {attempt.provider}{wait}: {attempt.outcome}, {reason}{detail}, {attempt.duration:.3f} s"


def step_of(record: Any, attempt: Attempt) -> dict[str, Any]:  # noqa: ANN401  a record of a ledger
    """Return the message type and address of an attempt: those of its step."""
    message_type, address = record.message_type, record.address
    for step in record.steps:
        if attempt.number > step.attempts_before:
            message_type, address = step.message_type, step.address
    return {"type": message_type, "destination": address}
