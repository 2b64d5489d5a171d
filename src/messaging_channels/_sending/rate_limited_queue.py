"""When each of several messages may go out: after the pause that was decided, and at its place under the provider's rates."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING

from messaging_channels._model.values import fast_frozen
from messaging_channels._sending.decision import TryProvider
from messaging_channels.plugins.provider import Provider, SupportsRateLimits

if TYPE_CHECKING:
    from messaging_channels._model.rate_limit import RateLimit
    from messaging_channels._sending.send_state import SendState
    from messaging_channels.policies.rate_limiter import RateLimiter
    from messaging_channels.policies.shared_limits import TakenPlaces


@fast_frozen(frozen=True, slots=True)
class Batch:
    """Messages that may go out now, in one request."""

    states: list[SendState]
    delay: float
    """Seconds that were waited for the last of them."""


class RateLimitedQueue:
    """Messages of one account for one provider, in the order in which they are due. Belongs to one flow."""

    __slots__ = ("_entered_at", "_seen_at", "left_out", "waiting")

    def __init__(
        self,
        states: Sequence[SendState],
        provider: Provider,
        rate_limit: RateLimit | None,
        limiter: RateLimiter | TakenPlaces,
        now: float,
    ) -> None:
        """Give each its place; those for which there is none in time go on to the next provider.

        Args:
            states: whose next step is to ask that provider.
            provider: may name rates of its own.
            rate_limit: for each sender, besides those.
            limiter: gives out the places.
            now: seconds since the epoch, UTC.
        """
        self._entered_at = self._seen_at = now
        self.waiting: list[tuple[float, SendState]] = []
        """With when each is due, the first first."""
        self.left_out: list[SendState] = []
        """Those that found no place."""
        # asking the protocol itself (isinstance) takes ten times as long
        named: SupportsRateLimits | None = provider if hasattr(provider, "rate_limits") else None  # type: ignore[assignment]
        for state in states:
            due = now + state.step.delay if isinstance(state.step, TryProvider) else now
            limits = limits_of(state, provider.name, named, rate_limit) if named or rate_limit else ()
            if limits:
                is_taken, wait = limiter.reserve(limits, due, state.max_wait(now) - (due - now))
                if not is_taken:
                    state.skip_provider(provider.name, "its rate leaves no place in time", wait)
                    self.left_out.append(state)
                    continue
                due += wait
            self.waiting.append((due, state))
        self.waiting.sort(key=itemgetter(0))

    def ready(self, now: float, batch_size: int, max_batches: int) -> list[Batch]:
        """Take what is due out of those that wait, the first first, as batches; none if nothing is."""
        if now < self._seen_at:
            self._follow_clock(now - self._seen_at)
        self._seen_at = now
        batches: list[Batch] = []
        soon = now + _MIN_SECONDS
        while self.waiting and self.waiting[0][0] <= soon and len(batches) < max_batches:
            part = [one for one in self.waiting[:batch_size] if one[0] <= soon]
            del self.waiting[: len(part)]
            delay = max(0.0, part[-1][0] - self._entered_at)
            batches.append(Batch([state for _, state in part], delay))
        return batches

    def merge(self, other: RateLimitedQueue) -> None:
        """Take in the messages of another queue."""
        self.waiting = sorted([*self.waiting, *other.waiting], key=itemgetter(0))
        self.left_out += other.left_out

    def seconds_left(self) -> float:
        """Return how long after the last look the first of them is due."""
        return self.waiting[0][0] - self._seen_at

    def _follow_clock(self, step: float) -> None:
        """Keep the pauses as long as they are where the clock was set back: nobody waits for it."""
        self.waiting = [(due + step, state) for due, state in self.waiting]
        self._entered_at += step


def limits_of(
    state: SendState, name: str, named: SupportsRateLimits | None, rate_limit: RateLimit | None
) -> list[tuple[Hashable, RateLimit]]:
    """Return what a message counts against: the provider's own rates, and that of its sender."""
    request = state.request
    own = named.rate_limits(request.envelope) if named else ()
    limits: list[tuple[Hashable, RateLimit]] = [((request.account, name, key), one) for key, one in own]
    if rate_limit is not None:
        sender = getattr(request.envelope.message, "sender", None)
        limits.append(((request.account, name, "sender", str(sender)), rate_limit))
    return limits


_MIN_SECONDS = 0.001
"""That do not count."""
