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
    results = [attempt.result for attempt in attempts if attempt.result]
    possible = [_retry_of(name, attempts, retry, chance, resend=resend) for name in names]
    seconds = seconds_left()
    retries = [one for one in possible if one is not None and one.delay < seconds]
    return (
        _stop_for_good(last, results, resend=resend)
        or _retry_same_provider(last, retries)
        or _fail_over(names, attempts, results, resend=resend)
        or min(retries, key=lambda one: one.delay, default=None)
        or _NO_ATTEMPT_LEFT
    )


def _stop_for_good(last: Attempt, results: Sequence[AttemptResult], *, resend: bool) -> Stop | None:
    """Stop where an attempt may have sent it, or was refused for good."""
    if all(_is_certainly_unsent(result, resend=resend) for result in results):
        return None
    if any(result.outcome is Outcome.UNKNOWN for result in results):
        return _AWAITING_OUTCOME
    return Stop(f"{last.provider} refused it for good")


def _retry_same_provider(last: Attempt, retries: Iterable[TryProvider]) -> TryProvider | None:
    """Wait for who asks to be waited for, and make a second copy where the first one is, if anywhere."""
    is_throttled = last.result is not None and last.result.reason is Reason.THROTTLED
    if not is_throttled and last.outcome is not Outcome.UNKNOWN:
        return None
    return next((one for one in retries if one.provider == last.provider), None)


def _fail_over(
    names: Iterable[str], attempts: Sequence[Attempt], results: Sequence[AttemptResult], *, resend: bool
) -> TryProvider | None:
    """Ask the next provider that was not asked, if no attempt can have reached anybody."""
    if not may_fail_over(results, resend=resend):
        return None
    asked = {attempt.provider for attempt in attempts}
    return next((TryProvider(name) for name in names if name not in asked), None)


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


_AWAITING_OUTCOME = Stop("it may have been sent: held until that is known")
_NO_ATTEMPT_LEFT = Stop("no attempt was left that could begin in time")
