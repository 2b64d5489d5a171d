"""What may follow the attempts of a message: a pure decision, without a clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from messaging_channels._model.outcomes import REASON_POLICIES, AttemptResult, Outcome, Reason
from messaging_channels._model.values import fast_frozen

if TYPE_CHECKING:
    from messaging_channels._model.receipts import Attempt
    from messaging_channels.policies.routing import RetryPolicy


@fast_frozen(frozen=True, slots=True)
class TryProvider:
    """Ask that provider next."""

    provider: str
    delay: float = 0.0
    """Seconds to let pass before."""


@fast_frozen(frozen=True, slots=True)
class Stop:
    """Ask nobody any more."""

    reason: str


Decision: TypeAlias = "TryProvider | Stop"


def next_step(
    names: Iterable[str],
    attempts: Sequence[Attempt],
    *,
    retry: RetryPolicy,
    seconds_left: Callable[[], float],
    resend: bool,
    chance: float,
) -> Decision:
    """Say what follows these attempts.

    Args:
        names: the providers that may be asked, in order.
        attempts: those made so far, at least one.
        retry: the route's policy.
        seconds_left: tells what is left of the time for this message, in seconds.
        resend: whether the caller prefers a second copy to none.
        chance: from 0 to 1, for the jitter.
    """
    last = attempts[-1]
    if last.outcome is Outcome.ACCEPTED:
        return accepted_by(last.provider)
    ends = [attempt.result for attempt in attempts if attempt.result]
    if not all(_is_certainly_unsent(end, resend=resend) for end in ends):
        return Stop(
            _AWAITING_OUTCOME
            if any(end.outcome is Outcome.UNKNOWN for end in ends)
            else f"{last.provider} refused it for good"
        )
    repeats = [_retry_of(name, attempts, retry, chance, resend=resend) for name in names]
    seconds = seconds_left()
    waits = [one for one in repeats if one is not None and one.delay < seconds]
    fresh = [name for name in names if all(attempt.provider != name for attempt in attempts)]
    again = next((one for one in waits if one.provider == last.provider), None)
    if again and (ends[-1].reason is Reason.THROTTLED or last.outcome is Outcome.UNKNOWN):
        return (
            again  # who asks to wait is waited for; and a second copy is least likely where the first one is
        )
    if fresh and may_fail_over(ends, resend=resend):
        return TryProvider(fresh[0])
    return (
        min(waits, key=lambda one: one.delay)
        if waits
        else Stop("no attempt was left that could begin in time")
    )


@lru_cache(maxsize=64)
def accepted_by(provider: str) -> Stop:
    """Say how most states end."""
    return Stop(f"{provider} accepted it")


def may_fail_over(outcomes: Iterable[AttemptResult], *, resend: bool = False) -> bool:
    """Whether another provider may be asked after these attempts: only if none of them can have reached anybody."""
    return all(
        REASON_POLICIES[result.reason].failover or (resend and result.outcome is Outcome.UNKNOWN)
        for result in outcomes
    )


def _is_certainly_unsent(result: AttemptResult, *, resend: bool) -> bool:
    rule = REASON_POLICIES[result.reason]
    return rule.retryable or rule.failover or (resend and rule.outcome is Outcome.UNKNOWN)


def _retry_of(
    name: str, attempts: Sequence[Attempt], retry: RetryPolicy, chance: float, *, resend: bool
) -> TryProvider | None:
    """Return how that provider may be asked again, None if it may not."""
    own = [attempt.result for attempt in attempts if attempt.provider == name and attempt.result]
    if not own or len(own) >= retry.max_attempts:
        return None
    rule = REASON_POLICIES[own[-1].reason]
    if not (rule.retryable or (resend and rule.outcome is Outcome.UNKNOWN)):
        return None
    wait = retry.delay(len(own), own[-1].retry_after, chance)
    return None if wait is None else TryProvider(name, wait)


_AWAITING_OUTCOME = "it may have been sent: held until that is known"
