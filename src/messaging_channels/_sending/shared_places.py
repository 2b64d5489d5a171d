"""The places of messages under rates that processes share, taken before the messages are lined up."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING

from messaging_channels._model.errors import LedgerUnavailable
from messaging_channels._sending.decision import TryProvider
from messaging_channels.plugins.exchange import Flow
from messaging_channels.plugins.ledger_limits import PlaceRequest
from messaging_channels.policies.shared_limits import SharedLimits, WantedPlace

if TYPE_CHECKING:
    from messaging_channels._model.rate_limit import RateLimit
    from messaging_channels._sending.send_state import SendState
    from messaging_channels.policies.rate_limiter import RateLimiter
    from messaging_channels.policies.shared_limits import TakenPlaces


MAX_LATENESS = 0.03
"""Seconds after which a place that was taken is over."""


def take_shared_places(
    shared: SharedLimits,
    states: Sequence[SendState],
    provider: str,
    limits_of: Callable[[SendState], Sequence[tuple[Hashable, RateLimit]]],
    now: float,
    limiter: RateLimiter,
) -> Flow[RateLimiter | TakenPlaces | None]:
    """Hear what other processes say of the provider, and take the places that these messages need. Return what gives them out.

    None if the store cannot be asked: the messages have that error then, and nothing may be sent.
    """
    first = states[0]
    yield from shared.sync((first.account, provider), first.selection.route.circuit_breaker, now)
    wanted: list[WantedPlace] = []
    for state in states:
        if limits := limits_of(state):
            delay = state.step.delay if isinstance(state.step, TryProvider) else 0.0
            wanted.append(WantedPlace(limits, PlaceRequest(max(0.0, state.max_wait(now)), delay)))
    if not wanted:
        return limiter
    try:
        return (yield from shared.reserve(wanted, now))
    except LedgerUnavailable as error:
        for state in states:
            state.error = error
        return None
