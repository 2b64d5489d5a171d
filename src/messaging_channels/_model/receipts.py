"""The record of one message: what the caller gets, and what an operator reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from messaging_channels._model.outcomes import Kind, Outcome
from messaging_channels._model.values import value

if TYPE_CHECKING:
    from messaging_channels._model.addresses import Address
    from messaging_channels._model.status import Status


@value(frozen=True, slots=True)
class Attempt:
    """One provider asked about one message. Holds no address and no content."""

    message_id: str
    channel: str
    provider: str
    account: str | None
    outcome: Outcome | None
    """None only in a ledger's record: it was begun, and has not ended."""
    started: float
    """Seconds since the epoch, UTC."""
    duration: float
    """Seconds."""
    number: int = 1
    """Counted from 1 over all providers."""
    waited: float = 0.0
    """Seconds that were waited before it: for a rate, or before a repetition."""

    @property
    def open(self) -> bool:
        """Whether it was begun and has not ended."""
        return self.outcome is None

    @property
    def kind(self) -> Kind:
        """How it ended; unknown as long as it has not."""
        return Kind.UNKNOWN if self.outcome is None else self.outcome.kind

    def as_dict(self) -> dict[str, Any]:
        """Return the attempt as JSON can hold it."""
        outcome = self.outcome
        return {
            "number": self.number,
            "provider": self.provider,
            "account": self.account,
            "started": self.started,
            "waited": self.waited,
            "duration": self.duration,
            "outcome": self.kind,
            "reason": outcome.reason if outcome else "open",
            "detail": outcome.detail if outcome else "",
            "providerId": outcome.provider_id if outcome else None,
        }


@value(frozen=True, slots=True)
class Skipped:
    """A provider of the route that was not asked, and why."""

    provider: str
    why: str


@value(frozen=True, slots=True)
class Receipt:
    """What became of a message so far, and how that was decided. Its repr shows the address masked."""

    id: str
    """Ours, the same over all attempts and at every provider that lets us choose one."""
    channel: str
    destination: Address
    status: Status
    attempts: tuple[Attempt, ...]
    """In order, each with its outcome, its duration and what was waited before it."""
    skipped: tuple[Skipped, ...] = ()
    """Who was not asked, and why."""
    considered: tuple[str, ...] = ()
    """The providers that could carry it, in the order in which they would be asked."""
    stopped: str = ""
    """Why no further attempt was made."""
    replayed: bool = False
    """Whether this is the answer to an earlier call with the same idempotency key."""

    @property
    def outcome(self) -> Kind:
        """How the message stands. `unknown` means that it may have been sent."""
        return deciding(self.attempts)[1]

    @property
    def provider(self) -> str | None:
        """The provider of the attempt that decided; None if none was asked."""
        attempt = deciding(self.attempts)[0]
        return attempt.provider if attempt else None

    @property
    def provider_id(self) -> str | None:
        """The provider's own id of the message, if it gave one."""
        outcome = self._outcome
        return outcome.provider_id if outcome else None

    @property
    def native(self) -> Any:  # noqa: ANN401  whatever the provider answered
        """The provider's answer as it came."""
        outcome = self._outcome
        return outcome.native if outcome else None

    @property
    def _outcome(self) -> Outcome | None:
        attempt = deciding(self.attempts)[0]
        return attempt.outcome if attempt else None

    def as_dict(self) -> dict[str, Any]:
        """Return the message's element of an HTTP answer: id, status, and the address in full."""
        return {
            "messageId": self.id,
            "status": self.status.as_dict(),
            "destination": self.destination.plain,
        }

    def explained(self) -> list[str]:
        """Return the decisions in words, a line each, for an operator: no address, no content."""
        lines = [f"considered: {', '.join(self.considered) or 'nobody'}"]
        lines += [f"skipped {one.provider}: {one.why}" for one in self.skipped]
        lines += [_told(attempt) for attempt in self.attempts]
        return [*lines, f"stopped: {self.stopped}"] if self.stopped else lines


def deciding(attempts: Sequence[Attempt]) -> tuple[Attempt | None, Kind]:
    """Return the attempt that decides how a message stands: one that was accepted, else one that may have been, else the last."""
    if len(attempts) > 1:
        for kind in (Kind.ACCEPTED, Kind.UNKNOWN):
            for attempt in reversed(attempts):
                if attempt.kind is kind:
                    return attempt, kind
    return (attempts[-1], attempts[-1].kind) if attempts else (None, Kind.NOT_SENT)


def refused(attempts: Sequence[Attempt]) -> bool:
    """Whether a provider refused the message for good, for a reason of the message's own: then no copy is sent either."""
    return any(
        one.outcome is not None and one.kind is Kind.REJECTED and not one.outcome.reason.rule.pass_on
        for one in attempts
    )


def _told(attempt: Attempt) -> str:
    wait = f" after {attempt.waited:.1f} s" if attempt.waited else ""
    reason = attempt.outcome.reason if attempt.outcome else "not ended"
    detail = f" ({attempt.outcome.detail})" if attempt.outcome and attempt.outcome.detail else ""
    return f"tried {attempt.provider}{wait}: {attempt.kind}, {reason}{detail}, {attempt.duration:.3f} s"
