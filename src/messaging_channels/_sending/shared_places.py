"""The places of messages under rates that processes share: taken before the messages are lined up, and anew for those that come too late for theirs."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from math import inf
from typing import TYPE_CHECKING

from messaging_channels._model.errors import LedgerUnavailable
from messaging_channels._sending.decision import TryProvider
from messaging_channels._sending.rate_limited_queue import RateLimitedQueue, limits_of
from messaging_channels.plugins.exchange import Flow
from messaging_channels.plugins.ledger_limits import PlaceRequest
from messaging_channels.policies.shared_limits import SharedLimits, TakenPlaces, WantedPlace, spare_burst

if TYPE_CHECKING:
    from messaging_channels._model.rate_limit import RateLimit
    from messaging_channels._sending.send_state import SendState
    from messaging_channels.plugins.provider import Provider, SupportsRateLimits

_MAX_LATENESS = 0.03
"""Seconds after which a place that was taken is over, where no burst leaves room for more."""


def line_up(
    states: Sequence[SendState],
    provider: Provider,
    rate_limit: RateLimit | None,
    shared: SharedLimits,
    clock: Callable[[], float],
) -> Flow[RateLimitedQueue]:
    """Hear what other processes say of the provider, and give each message its place.

    Where the store cannot be asked, the messages have that error, and nothing may be sent.
    """
    first = states[0]
    yield from shared.sync(
        (first.request.account, provider.name), first.selection.route.circuit_breaker, clock()
    )
    return (yield from _take_places(states, provider, rate_limit, shared, clock))


def renew_places(
    queue: RateLimitedQueue,
    provider: Provider,
    rate_limit: RateLimit | None,
    shared: SharedLimits,
    clock: Callable[[], float],
) -> Flow[bool]:
    """Take new places for those that come too late for theirs: others use the time by now. Return whether there were any."""
    now = clock()
    if queue.waiting[0][0] >= now - _MAX_LATENESS:
        return False
    late = [
        state
        for due, state in queue.waiting
        if due < now - _max_lateness(_limits(state, provider, rate_limit))
    ]
    if not late:
        return False
    queue.waiting = [one for one in queue.waiting if one[1] not in late]
    queue.merge((yield from _take_places(late, provider, rate_limit, shared, clock)))
    return True


def _take_places(
    states: Sequence[SendState],
    provider: Provider,
    rate_limit: RateLimit | None,
    shared: SharedLimits,
    clock: Callable[[], float],
) -> Flow[RateLimitedQueue]:
    wanted: list[WantedPlace] = []
    now = clock()
    for state in states:
        if limits := _limits(state, provider, rate_limit):
            delay = state.step.delay if isinstance(state.step, TryProvider) else 0.0
            wanted.append(WantedPlace(limits, PlaceRequest(max(0.0, state.max_wait(now)), delay)))
    try:
        places = yield from shared.reserve(wanted, now)
    except LedgerUnavailable as error:
        for state in states:
            state.error = error
        return RateLimitedQueue((), provider, rate_limit, TakenPlaces((), ()), now)
    return RateLimitedQueue(
        states, provider, rate_limit, places, now
    )  # a slow reply makes nobody late unnoticed


def _max_lateness(limits: Sequence[tuple[Hashable, RateLimit]]) -> float:
    """Return the seconds after which a place is over.

    The part of a burst that is not given out at once is room for those that come late, and for slow questions.
    """
    return min((_MAX_LATENESS + spare_burst(one) * one.interval / 2 for _, one in limits), default=inf)


def _limits(
    state: SendState, provider: Provider, rate_limit: RateLimit | None
) -> Sequence[tuple[Hashable, RateLimit]]:
    # asking the protocol itself (isinstance) takes ten times as long
    named: SupportsRateLimits | None = provider if hasattr(provider, "rate_limits") else None  # type: ignore[assignment]
    return limits_of(state, provider.name, named, rate_limit) if named or rate_limit else ()
