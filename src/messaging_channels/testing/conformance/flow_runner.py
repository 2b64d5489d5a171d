"""Flows without I/O: what a provider asks for is answered from the fixtures, and recorded."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from messaging_channels._model.outcomes import AttemptResult
from messaging_channels.plugins.exchange import BlockingCall, CurrentTime, Exchange, Flow, HttpRequest, Sleep

NOW = 1_790_000_000.0
"""What time it is in the kit."""
MAX_EXCHANGES = 500
"""No flow needs more exchanges than this and five for each envelope."""
_SHOWN_BODY, _SHOWN_REQUESTS = 2000, 5


@dataclass(slots=True)
class FlowTrace:
    """What a flow did."""

    exchanges: list[Exchange[Any]] = field(default_factory=list[Exchange[Any]])
    """The exchanges with the vendor, in order: all but the clock, waits and calls of functions."""
    replies: list[Any] = field(default_factory=list[Any])
    """What each of them was answered."""
    result: Any = None
    exception: BaseException | None = None
    did_not_end: bool = False

    @property
    def results(self) -> Sequence[AttemptResult]:
        """What a send told; nothing if it raised or did not end."""
        return [] if self.result is None else cast("Sequence[AttemptResult]", self.result)

    @property
    def problem(self) -> str:
        """Which exception ended it, in words; empty if none did."""
        return "" if self.exception is None else f"{type(self.exception).__name__} was raised"

    @property
    def sending(self) -> list[Exchange[Any]]:
        """The exchanges that may have sent something."""
        return [one for one in self.exchanges if one.may_send]

    @property
    def description(self) -> str:
        """The requests in full with the statuses they were answered with, and the traceback of what ended it."""
        shown = [
            describe_request(exchange, reply)
            for exchange, reply in list(zip(self.exchanges, self.replies, strict=False))[-_SHOWN_REQUESTS:]
        ]
        if self.exception is not None:
            shown.append("".join(traceback.format_exception(self.exception)).rstrip())
        return "\n\n".join(shown)


def run_flow(
    flow: Flow[Any],
    responder: Callable[[Any], Any],
    *,
    replies_at: Mapping[int, Any] | None = None,
    max_exchanges: int = MAX_EXCHANGES,
) -> FlowTrace:
    """Run a flow. `at` replaces the reply to the nth exchange with the vendor; an exception there is raised into the flow."""
    played = FlowTrace()
    advance: Callable[[Any], Exchange[Any]] = flow.send
    reply: Any = None
    for _ in range(max_exchanges):
        try:
            exchange = advance(reply)
        except StopIteration as done:
            played.result = done.value
            return played
        except BaseException as fault:  # noqa: BLE001  what a provider may raise is what the rules are about
            played.exception = fault
            return played
        reply = _reply(exchange, responder, replies_at or {}, played)
        advance = flow.throw if isinstance(reply, BaseException) else flow.send
    flow.close()
    played.did_not_end = True
    return played


def is_with_vendor(exchange: Exchange[Any]) -> bool:
    """Whether the exchange is with the vendor."""
    return not isinstance(exchange, (CurrentTime, Sleep, BlockingCall))


def kind_of(exchange: Exchange[Any]) -> tuple[object, ...]:
    """Return what an exchange has in common with its repetitions: the method and the URL without its query, or the type."""
    if isinstance(exchange, HttpRequest):
        return (exchange.method, exchange.url.partition("?")[0])
    return (type(exchange),)


def describe_request(exchange: Exchange[Any], reply: Any = None) -> str:  # noqa: ANN401  any reply
    """Return an exchange in full, for a finding."""
    if not isinstance(exchange, HttpRequest):
        return f"{exchange!r}"
    lines = [
        f"{exchange.method} {exchange.url}",
        *(f"{name}: {value}" for name, value in exchange.headers.items()),
    ]
    body = exchange.body[:_SHOWN_BODY].decode("utf-8", "backslashreplace")
    status = getattr(reply, "status", None)
    answered = f"\n=> HTTP {status}" if status is not None else f"\n=> {type(reply).__name__}"
    return "\n".join([*lines, "", body]) + answered


def _reply(
    exchange: Exchange[Any], responder: Callable[[Any], Any], replies_at: Mapping[int, Any], trace: FlowTrace
) -> Any:  # noqa: ANN401  the exchange's own type decides
    if isinstance(exchange, CurrentTime):
        return NOW
    if isinstance(exchange, Sleep):
        return None
    if isinstance(exchange, BlockingCall):
        return _call_function(exchange)
    index = len(trace.exchanges)
    trace.exchanges.append(_as_it_is_now(exchange))
    reply = replies_at[index] if index in replies_at else responder(exchange)
    trace.replies.append(reply)
    return reply


def _as_it_is_now(exchange: Exchange[Any]) -> Exchange[Any]:
    """Return the exchange with headers of its own, which nobody changes afterwards."""
    if isinstance(exchange, HttpRequest):
        return replace(exchange, headers=dict(exchange.headers))
    return exchange


def _call_function(exchange: BlockingCall[Any]) -> Any:  # noqa: ANN401  whatever the function returns
    try:
        return exchange.function()
    except Exception as fault:  # noqa: BLE001  as the transport does: raised into the flow
        return fault
