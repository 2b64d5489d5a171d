"""One message on its way: what the caller wants of it, what was decided so far, and the receipt at its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from math import inf
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from messaging_channels._model import errors
from messaging_channels._model.durations import require_number
from messaging_channels._model.outcomes import AttemptResult, Outcome, Reason
from messaging_channels._model.receipts import Attempt, Receipt, Skipped, deciding_attempt
from messaging_channels._model.send_failed import AccountError, NotSent, Rejected, SendFailed
from messaging_channels._model.status import PENDING_NOT_SENT, Status
from messaging_channels._model.values import fast_frozen
from messaging_channels._sending.decision import Decision, Stop, TryProvider, accepted_by, next_step

if TYPE_CHECKING:
    from messaging_channels._sending.provider_selection import Selection
    from messaging_channels.plugins.ledger import MessageRecord, Operation
    from messaging_channels.plugins.provider import Envelope, Provider


class SendKeywords(TypedDict, total=False):
    """What a caller may ask of one message, by keyword. See `SendOptions`."""

    idempotency_key: str | None
    scope: str
    timeout: float | None
    on_unknown: Literal["hold", "resend"]
    in_progress_timeout: float
    confirms: str


_MAX_KEY_LENGTH = 255
_ACCEPTED, _UNKNOWN = Outcome.ACCEPTED, Outcome.UNKNOWN  # to find a member takes Python 3.11 0.2 µs


@dataclass(frozen=True, slots=True)
class SendOptions:
    """What a caller asks of one message."""

    idempotency_key: str | None = None
    """The same key sends at most once, in whatever process, as long as the ledger keeps it. At most 255 characters."""
    scope: str = ""
    """Whose key it is: keys of two scopes never meet. Such as a tenant's name."""
    timeout: float | None = None
    """Seconds after which no attempt begins and no phase of an exchange goes on."""
    on_unknown: Literal["hold", "resend"] = "hold"
    """`hold`: what may have been sent is never sent again. `resend`: a second copy is better than none."""
    in_progress_timeout: float = 0.0
    """Seconds to wait for an earlier call with the same key, before IdempotencyKeyInUse is raised."""
    confirms: str = ""
    """The id of an opt-out (`ConsentStatement.id`) that this message confirms to the person, without any marketing in it.

    That opt-out does not block it, for five minutes after it was kept; and it goes out once, whatever the key.
    """

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            InvalidMessage: the key is empty, longer than 255 characters or no text that a database can hold, or the deadline has passed.
        """
        if self.confirms:
            object.__setattr__(
                self, "idempotency_key", f"consent-confirmation/{self.confirms}"[:_MAX_KEY_LENGTH]
            )
        if self.idempotency_key is not None and not 1 <= len(self.idempotency_key) <= _MAX_KEY_LENGTH:
            raise errors.InvalidMessage(
                f"{len(self.idempotency_key)} characters", field="idempotency_key", hint="use 1 to 255"
            )
        if self.idempotency_key is not None and not _is_storable(self.idempotency_key + self.scope):
            raise errors.InvalidMessage(
                "it holds NUL or a lone surrogate", field="idempotency_key or scope", hint="leave that out"
            )
        for name in ("timeout", "in_progress_timeout"):
            if (given := getattr(self, name)) is not None:
                require_number(given, name)
        if self.timeout is not None and self.timeout <= 0:
            raise errors.InvalidMessage("it has passed", field="timeout", hint="give seconds from now")
        if self.on_unknown not in ("hold", "resend"):
            raise errors.InvalidMessage(
                "it is neither hold nor resend", field="on_unknown", hint="choose one of them"
            )

    def for_recipient(self, channel: str, plain: str) -> SendOptions:
        """Return the terms of one recipient of many: under the call's key, the key of its address."""
        if self.idempotency_key is None:
            return self
        digest = sha256(repr((self.idempotency_key, channel, plain)).encode()).hexdigest()
        return replace(self, idempotency_key=f"{self.idempotency_key[:100]}/{digest}")


DEFAULT_OPTIONS = SendOptions()
"""What is asked of a message where nothing is said."""


@fast_frozen(frozen=True, slots=True)
class ExistingRecord:
    """The message's idempotency key is taken: what is to be done follows from the record."""

    record: MessageRecord


@fast_frozen(frozen=True, slots=True)
class QueueContext:
    """What a worker knows of a message that waited."""

    message_id: str
    earlier_attempts: int
    """How many attempts were made before this round."""
    has_more_steps: bool
    """Whether another step of a fallback may follow, whatever becomes of this one."""


@dataclass(eq=False)
class SendState:
    """One message on its way. Belongs to one flow at a time. Without slots, so that what stays as it is costs nothing."""

    envelope: Envelope
    account: str | None
    selection: Selection
    providers: Mapping[str, Provider]
    """Those that may still be asked, by name, in order."""
    skipped: tuple[Skipped, ...]
    options: SendOptions
    started_at: float
    """Seconds since the epoch, UTC."""
    lease_owner: str = field(default="", init=False)
    fingerprint: str = field(default="", init=False)
    is_recorded: bool = field(default=False, init=False)
    """Whether the ledger holds it."""
    attempts: tuple[Attempt, ...] = field(default=(), init=False)
    accepted: Attempt | None = field(default=None, init=False)
    """The attempt of this call that was accepted."""
    refusals: tuple[tuple[str, errors.BadInput | errors.ConfigurationError], ...] = field(
        default=(), init=False
    )
    """By provider: why those that were passed over cannot send it."""
    next_attempt_number: int = field(default=1, init=False)
    """Of the attempt that would be made next."""
    step: Decision | ExistingRecord | None = field(default=None, init=False)
    """What comes next; None until that was decided first."""
    error: errors.MessagingError | None = field(default=None, init=False)
    """What the caller gets instead of a receipt, unless it is about the outcome."""
    status: Status | None = field(default=None, init=False)
    replayed: bool = field(default=False, init=False)
    is_counted: bool = field(default=False, init=False)
    """Whether the rules let it through, and do not know yet how it ended."""
    retry_after: float | None = field(default=None, init=False)
    """Seconds until another try may succeed, where no provider was asked."""
    is_bulk: bool = field(default=False, init=False)
    not_before: float = field(default=0.0, init=False)
    """When the provider may be asked next."""
    original_recipient: Any = field(default=None, init=False, repr=False)
    """The recipient in the caller's words, of one of many."""
    unwritten: Operation[Any] | None = field(default=None, init=False)
    """The end of its last attempt, if the ledger could not write it down: nothing follows before that is done."""
    queue_context: QueueContext | None = field(default=None, init=False)
    """Set if a worker sends it."""

    @property
    def id(self) -> str:
        """Our id of the message; that of the envelope may name a step of it."""
        return self.queue_context.message_id if self.queue_context else self.envelope.id

    @property
    def is_done(self) -> bool:
        """Whether nothing comes next."""
        return self.error is not None or isinstance(self.step, Stop)

    def seconds_left(self, now: float) -> float:
        """Return for how long a further attempt may be waited for."""
        limits = (self.selection.route.retry.max_elapsed, self.options.timeout)
        return min(limit for limit in limits if limit is not None) - max(0.0, now - self.started_at)

    def max_wait(self, now: float) -> float:
        """Return for how long a place under a rate may be waited for: among many, as long as it takes."""
        if not self.is_bulk:
            return self.seconds_left(now)
        return inf if self.options.timeout is None else self.options.timeout - (now - self.started_at)

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
        if not (others or resting or self.attempts) and self.queue_context:
            return False
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
            self.error = _joint_refusal(self.envelope.channel, self.refusals)
        return True

    def record_attempt(self, attempt: Attempt, now: float, chance: Callable[[], float]) -> None:
        """Go on after an attempt: decide what follows."""
        self.attempts += (attempt,)
        self.next_attempt_number += 1
        if attempt.outcome is _ACCEPTED:
            self.step, self.accepted = accepted_by(attempt.provider), attempt
            return
        self.step = self._next_step(now, chance)

    def _next_step(self, now: float, chance: Callable[[], float]) -> Decision:
        return next_step(
            self.providers,
            self.attempts,
            retry=self.selection.route.retry,
            seconds_left=lambda: self.seconds_left(now),
            resend=self.options.on_unknown == "resend",
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
        result, envelope = decided.result if decided else None, self.envelope
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
        kind: type[SendFailed] = Rejected if receipt.outcome is Outcome.REJECTED else NotSent
        if kind is NotSent and result is not None and result.reason.policy.is_account_fault:
            kind = AccountError
        if last is None or result is None:
            text, wait = receipt.stop_reason, self.retry_after
        else:
            text, wait = f"{last.provider}: {result.reason} ({result.detail})", result.retry_after
        return kind(
            f"channel {receipt.channel!r}: {text}; message {receipt.id}", receipt=receipt, retry_after=wait
        )


def _joint_refusal(
    channel: str, refusals: tuple[tuple[str, errors.BadInput | errors.ConfigurationError], ...]
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


def _is_storable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in text
