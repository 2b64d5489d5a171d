"""One message on its way: what the caller wants of it, what was decided so far, and the receipt at its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import TYPE_CHECKING, Any, TypeAlias

from messaging_channels._model import errors
from messaging_channels._model.outcomes import AttemptResult, Outcome, Reason
from messaging_channels._model.receipts import Attempt, Receipt, Skipped, deciding_attempt, was_rejected
from messaging_channels._model.send_failed import AccountError, InternalError, NotSent, Rejected, SendFailed
from messaging_channels._model.status import PENDING_NOT_SENT, Status
from messaging_channels._model.values import fast_frozen
from messaging_channels._sending.decision import Decision, Stop, TryProvider, accepted_by, next_step

if TYPE_CHECKING:
    from messaging_channels._sending.provider_selection import Selection
    from messaging_channels._sending.send_options import SendOptions
    from messaging_channels.plugins.ledger import MessageRecord, Operation
    from messaging_channels.plugins.provider import Envelope, Provider


_ACCEPTED, _UNKNOWN = Outcome.ACCEPTED, Outcome.UNKNOWN  # to find a member takes Python 3.11 0.2 µs


@fast_frozen(frozen=True, slots=True)
class ExistingRecord:
    """The message's idempotency key is taken: what is to be done follows from the record."""

    record: MessageRecord


@fast_frozen(frozen=True, slots=True)
class Started:
    """An attempt was written down, and is ours to make."""

    lease_owner: str


@fast_frozen(frozen=True, slots=True)
class Conflict:
    """Another call holds the key, or the message."""

    record: MessageRecord


@fast_frozen(frozen=True, slots=True)
class Failed:
    """Nothing may be sent."""

    error: errors.MessagingError


StartResult: TypeAlias = "Started | Conflict | Failed"


@fast_frozen(frozen=True, slots=True)
class QueueContext:
    """What a worker knows of a message that waited."""

    message_id: str
    earlier_attempts: int
    """How many attempts were made before this round."""
    has_more_steps: bool
    """Whether another step of a fallback may follow, whatever becomes of this one."""
    trace: str = ""
    """See `Attempt.trace`."""


@fast_frozen(frozen=True, slots=True)
class SendRequest:
    """What is to be sent, to whom, and on which terms."""

    message_id: str
    """Ours; that of the envelope may name a step of it."""
    envelope: Envelope
    account: str | None
    options: SendOptions
    started_at: float
    """Seconds since the epoch, UTC."""
    is_recorded: bool
    """Whether the ledger keeps it."""
    fingerprint: str = ""
    is_bulk: bool = False
    """Whether it is one of many of a call."""
    original_recipient: Any = field(default=None, repr=False)
    """The recipient in the caller's words."""
    queue_context: QueueContext | None = None
    """Set if a worker sends it."""


@dataclass(eq=False)
class SendState:
    """How far one message is. Belongs to one flow at a time. Without slots, so that what stays as it is costs nothing."""

    request: SendRequest
    selection: Selection
    providers: Mapping[str, Provider]
    """Those that may still be asked, by name, in order."""
    skipped: tuple[Skipped, ...]
    step: Decision | ExistingRecord
    """What comes next."""
    lease_owner: str = field(default="", init=False)
    """Under which name we hold its record; empty as long as there is none of ours."""
    attempts: tuple[Attempt, ...] = field(default=(), init=False)
    accepted: Attempt | None = field(default=None, init=False)
    """The attempt of this call that was accepted."""
    refusals: tuple[tuple[str, errors.BadInput | errors.ConfigurationError], ...] = field(
        default=(), init=False
    )
    """By provider: why those that were passed over cannot send it."""
    is_passed_over: bool = False
    """Whether the attempt that was written down last was refused by its provider before anything left the machine."""
    next_attempt_number: int = field(default=1, init=False)
    """Of the attempt that would be made next."""
    error: errors.MessagingError | None = field(default=None, init=False)
    """What the caller gets instead of a receipt, unless it is about the outcome."""
    status: Status | None = field(default=None, init=False)
    replayed: bool = field(default=False, init=False)
    is_counted: bool = field(default=False, init=False)
    """Whether the rules let it through, and do not know yet how it ended."""
    retry_after: float | None = field(default=None, init=False)
    """Seconds until another try may succeed, where no provider was asked."""
    unwritten: Operation[Any] | None = field(default=None, init=False)
    """The end of its last attempt, if the ledger could not write it down: nothing follows before that is done."""

    @property
    def is_done(self) -> bool:
        """Whether nothing comes next."""
        return self.error is not None or isinstance(self.step, Stop)

    def seconds_left(self, now: float) -> float:
        """Return for how long a further attempt may be waited for."""
        request, longest = self.request, self.selection.route.retry.max_elapsed
        if request.options.timeout is not None:
            longest = min(longest, request.options.timeout)
        return longest - max(0.0, now - request.started_at)

    def max_wait(self, now: float) -> float:
        """Return for how long a place under a rate may be waited for: among many, as long as it takes."""
        request = self.request
        if not request.is_bulk:
            return self.seconds_left(now)
        timeout = request.options.timeout
        return inf if timeout is None else timeout - (now - request.started_at)

    def skip_provider(self, name: str, reason: str, retry_after: float) -> None:
        """Leave a provider out, and go on to the next."""
        self.skipped += (Skipped(name, reason),)
        self.retry_after = min(retry_after, self.retry_after or retry_after)
        self.providers = {other: one for other, one in self.providers.items() if other != name}
        self.step = (
            TryProvider(next(iter(self.providers)))
            if self.providers
            else Stop(f"nobody was left to ask: {name} {reason}")
        )

    def pass_over(
        self,
        name: str,
        refusal: errors.BadInput | errors.ConfigurationError,
        now: float,
        chance: Callable[[], float],
    ) -> bool:
        """Leave out a provider that cannot send this message, and go on to the next; False if that has to end as an attempt.

        Where none remains, the caller gets the refusal, or one that names all of them. What attempts before it said goes first.
        """
        others = {other: one for other, one in self.providers.items() if other != name}
        resting = set(self.selection.providers) - {name, *(one for one, _ in self.refusals)}
        if not (others or resting or self.attempts) and self.request.queue_context:
            return False
        self.is_passed_over = True
        self.refusals += ((name, refusal),)
        self.skipped += (Skipped(name, str(refusal)),)
        self.providers = others
        if self.attempts:
            self.step = self._next_step(now, chance)
        elif others:
            self.step = TryProvider(next(iter(others)))
        elif resting:
            self.step = Stop(f"only {', '.join(sorted(resting))} can send it, and may not be asked now")
        else:
            self.error = joint_refusal(self.request.envelope.channel, self.refusals)
        return True

    def apply_start(self, result: StartResult) -> bool:
        """Hear whether the next attempt was written down; return whether it may be made."""
        self.unwritten, self.is_passed_over = None, False
        if isinstance(result, Started):
            self.lease_owner = result.lease_owner
            return True
        if isinstance(result, Conflict):
            self.step = ExistingRecord(result.record)
        else:
            self.error = result.error
        return False

    def add_attempt(self, attempt: Attempt, now: float, chance: Callable[[], float]) -> None:
        """Go on after an attempt: decide what follows."""
        self.attempts += (attempt,)
        self.next_attempt_number += 1
        if attempt.result is not None and attempt.result.reason.policy.outcome is _ACCEPTED:
            self.step, self.accepted = accepted_by(attempt.provider), attempt
            return
        self.step = self._next_step(now, chance)

    def resume(self, record: MessageRecord) -> bool:
        """Go on as the message of that record. Return whether it may be tried again; if not, the answer is replayed."""
        request = self.request
        self.request = replace(
            request, message_id=record.id, envelope=replace(request.envelope, id=record.id)
        )
        self.attempts, self.next_attempt_number = record.attempts, len(record.attempts) + 1
        self.status = record.status
        if self._may_resume(record.attempts):
            return True
        self.replayed = True
        self.step = Stop(record.stop_reason or "an earlier call with this key was answered so")
        return False

    def _may_resume(self, attempts: Sequence[Attempt]) -> bool:
        """Whether certainly nothing went out, for no reason of the message's own; or the caller prefers a second copy to none."""
        attempt, outcome = deciding_attempt(attempts)
        if outcome is Outcome.UNKNOWN:
            return self.request.options.on_unknown == "resend" and not was_rejected(attempts)
        result = attempt.result if attempt else None
        return result is None or outcome is Outcome.NOT_SENT or result.reason.policy.failover

    def _next_step(self, now: float, chance: Callable[[], float]) -> Decision:
        return next_step(
            self.providers,
            self.attempts,
            retry=self.selection.route.retry,
            seconds_left=lambda: self.seconds_left(now),
            resend=self.request.options.on_unknown == "resend",
            chance=chance(),
        )

    def result(self) -> Receipt:
        """Return the receipt of what was or may have been sent.

        Raises:
            MessagingError: it was refused, or certainly not sent.
        """
        if self.error is not None:
            raise self.error
        accepted = self.accepted
        decided, outcome = (accepted, _ACCEPTED) if accepted else deciding_attempt(self.attempts)
        result, envelope = decided.result if decided else None, self.request.envelope
        receipt = Receipt(
            envelope.id,
            envelope.channel,
            envelope.to,
            self.status or (result.status if result else PENDING_NOT_SENT),
            self.attempts,
            self.skipped,
            self.selection.candidates,
            self.step.reason if isinstance(self.step, Stop) else "",
            self.replayed,
        )
        if outcome is _ACCEPTED or outcome is _UNKNOWN:
            return receipt
        raise self._error(receipt) from (result.cause if result else None)

    def _error(self, receipt: Receipt) -> SendFailed:
        last = self.attempts[-1] if self.attempts else None
        result = last.result if last else None
        if result is not None and result.reason is Reason.INTERNAL_ERROR:
            said = f"{receipt.attempts[-1].provider}: {result.reason} ({result.detail}); nothing was sent; message {receipt.id}"
            return InternalError.of(result.cause, f"channel {receipt.channel!r}: {said}", receipt=receipt)
        kind: type[SendFailed] = Rejected if receipt.outcome is Outcome.REJECTED else NotSent
        if kind is NotSent and result is not None and result.reason.policy.is_account_fault:
            kind = AccountError
        if last is None or result is None:
            text, wait = receipt.stop_reason, self.retry_after
        else:
            text, wait = f"{last.provider}: {result.reason} ({result.detail})", result.retry_after
        text += "".join(f"; {one.provider} was not asked: {one.reason}" for one in self.skipped)
        return kind(
            f"channel {receipt.channel!r}: {text}; message {receipt.id}", receipt=receipt, retry_after=wait
        )


def joint_refusal(
    channel: str, refusals: Sequence[tuple[str, errors.BadInput | errors.ConfigurationError]]
) -> errors.MessagingError:
    """Return why no provider can send it: the one refusal, or one that names them all."""
    if len(refusals) == 1:
        return refusals[0][1]
    said = "; ".join(f"{name}: {refusal}" for name, refusal in refusals)
    if any(isinstance(refusal, errors.BadInput) for _, refusal in refusals):
        joint: errors.MessagingError = errors.NoRoute(channel, problem=f"no provider can send it ({said})")
    else:
        joint = errors.ConfigurationError(f"no provider of channel {channel!r} can send it: {said}")
    joint.__cause__ = refusals[0][1]
    return joint


def attempt_result(
    end: AttemptResult | errors.BadInput | errors.ConfigurationError, *, is_queued: bool
) -> AttemptResult:
    """Return how an attempt ended, also where the plugin refused it before anything left the machine.

    What waited and cannot be sent as it is ends for good; nothing ends by a fault of the account, whatever status the provider gives that.
    """
    if not isinstance(end, AttemptResult):
        for_good = is_queued and isinstance(end, (errors.InvalidMessage, errors.InvalidAddress))
        return AttemptResult.of(Reason.INVALID if for_good else Reason.INTERNAL_ERROR, str(end))
    policy = end.reason.policy
    return replace(end, status=policy.status) if policy.is_account_fault and end.status.final else end
