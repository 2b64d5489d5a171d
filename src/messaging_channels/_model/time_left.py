"""How much time is left to a call: known to whatever is done for it, such as an operation of a ledger."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, TypeVar

Result = TypeVar("Result")

TIME_LEFT: ContextVar[Callable[[], float] | None] = ContextVar("messaging_channels_time_left", default=None)
"""Returns the seconds that are left to the call under way; None where it has no bound."""
_LEAST, _SHARE = 0.15, 0.1


def bounded(
    flow: Generator[Any, Any, Result],
    seconds: float | None,
    clock: Callable[[], float],
    begun: float | None = None,
) -> Generator[Any, Any, Result]:
    """Return a flow whose operations on a ledger wait no longer than until `seconds` after `begun` (default: its start); itself where there is no bound.

    What has to be written down at the very end has 0.15 s all the same, or a tenth of `seconds`.
    """
    return flow if seconds is None else _bounded(flow, seconds, clock, begun)


def _bounded(
    flow: Generator[Any, Any, Result], seconds: float, clock: Callable[[], float], begun: float | None
) -> Generator[Any, Any, Result]:
    start, least = clock() if begun is None else begun, max(_LEAST, _SHARE * seconds)
    token = TIME_LEFT.set(lambda: max(seconds - max(0.0, clock() - start), least))
    try:
        return (yield from flow)
    finally:
        with suppress(ValueError):  # the driver is gone, and with it the context of the call
            TIME_LEFT.reset(token)
