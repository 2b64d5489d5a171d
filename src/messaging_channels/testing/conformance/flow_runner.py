"""Flows without I/O: what a provider asks for is answered from the vectors, and recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from messaging_channels._model.outcomes import AttemptResult
from messaging_channels.plugins.exchange import BlockingCall, CurrentTime, Exchange, Flow, HttpRequest, Sleep

NOW = 1_790_000_000.0
"""What time it is in the kit."""
MOST = 500
"""No flow needs more exchanges than this and five for each envelope."""


@dataclass(slots=True)
class Played:
    """What a flow did."""

    asked: list[Exchange[Any]] = field(default_factory=list[Exchange[Any]])
    """The exchanges with the vendor, in order: all but the clock, waits and calls of functions."""
    replies: list[Any] = field(default_factory=list[Any])
    """What each of them was answered."""
    result: Any = None
    raised: BaseException | None = None
    endless: bool = False

    @property
    def outcomes(self) -> Sequence[AttemptResult]:
        """What a send told; nothing if it raised or did not end."""
        return [] if self.result is None else cast("Sequence[AttemptResult]", self.result)

    @property
    def problem(self) -> str:
        """Which exception ended it, in words; empty if none did."""
        return "" if self.raised is None else f"{type(self.raised).__name__} was raised"


def play(
    flow: Flow[Any],
    answer: Callable[[Any], Any],
    *,
    at: Mapping[int, Any] | None = None,
    most: int = MOST,
) -> Played:
    """Run a flow. `at` replaces the reply to the nth exchange with the vendor; an exception there is raised into the flow."""
    played = Played()
    advance: Callable[[Any], Exchange[Any]] = flow.send
    reply: Any = None
    for _ in range(most):
        try:
            exchange = advance(reply)
        except StopIteration as done:
            played.result = done.value
            return played
        except BaseException as fault:  # noqa: BLE001  what a provider may raise is what the rules are about
            played.raised = fault
            return played
        reply = _reply(exchange, answer, at or {}, played)
        advance = flow.throw if isinstance(reply, BaseException) else flow.send
    flow.close()
    played.endless = True
    return played


def is_outward(exchange: Exchange[Any]) -> bool:
    """Whether the exchange is with the vendor."""
    return not isinstance(exchange, (CurrentTime, Sleep, BlockingCall))


def _reply(
    exchange: Exchange[Any], answer: Callable[[Any], Any], at: Mapping[int, Any], played: Played
) -> Any:  # noqa: ANN401  the exchange's own type decides
    if isinstance(exchange, CurrentTime):
        return NOW
    if isinstance(exchange, Sleep):
        return None
    if isinstance(exchange, BlockingCall):
        return _called(exchange)
    index = len(played.asked)
    played.asked.append(exchange)
    reply = at[index] if index in at else answer(exchange)
    played.replies.append(reply)
    return reply


def _called(exchange: BlockingCall[Any]) -> Any:  # noqa: ANN401  whatever the function returns
    try:
        return exchange.function()
    except Exception as fault:  # noqa: BLE001  as the transport does: raised into the flow
        return fault


def shown(exchange: Exchange[Any]) -> Any:  # noqa: ANN401  something to compare
    """Return what of an exchange reaches the vendor, for comparison."""
    if isinstance(exchange, HttpRequest):
        return (exchange.method, exchange.url, dict(exchange.headers), exchange.body)
    return exchange
