"""Who is asked first about a message."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from messaging_channels._model.receipts import Skipped
from messaging_channels._sending.decision import Stop, TryProvider

if TYPE_CHECKING:
    from messaging_channels._sending.send_state import SendState
    from messaging_channels.policies.circuit_breaker import CircuitBreakers


def first_candidate(
    state: SendState, circuits: CircuitBreakers, clock: Callable[[], float]
) -> TryProvider | Stop:
    """Choose who is asked first: the first that does not rest; if all of them rest, the one that may be probed."""
    if not circuits.any_failures:
        return state.selection.first_step
    now = clock()
    route, keys = state.selection.route, [(state.request.account, name) for name in state.providers]
    awake = [key for key in keys if not circuits.is_open(key, now)]
    if not awake:
        key, wait = circuits.half_open_candidate(keys, route.circuit_breaker, now)
        if key is None:
            state.retry_after = wait
            return Stop("every provider circuit open after failures")
        awake = [key]
    resting = [name for account, name in keys if (account, name) not in awake]
    state.skipped += tuple(Skipped(name, "circuit open after failures") for name in resting)
    state.providers = {name: one for name, one in state.providers.items() if name not in resting}
    return TryProvider(next(iter(state.providers)))
