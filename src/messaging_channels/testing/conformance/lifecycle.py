"""Rules on how a provider lives: what it does itself, how it ends, and what it leaves behind (MC5xx)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels._sending.attempt import AttemptEnd, attempt_batch
from messaging_channels._transport.drivers import AsyncTransport, Transport
from messaging_channels.plugins.exchange import (
    BlockingCall,
    CurrentTime,
    Exchange,
    Flow,
    HttpRequest,
    Sleep,
)
from messaging_channels.plugins.provider import Provider, SupportsWebhooks
from messaging_channels.testing import canaries
from messaging_channels.testing.conformance.comparison import differing
from messaging_channels.testing.conformance.context import ConformanceContext
from messaging_channels.testing.conformance.flow_runner import NOW, FlowTrace, is_with_vendor
from messaging_channels.testing.conformance.responses import for_each_malformed_reply
from messaging_channels.testing.conformance.rules import NotApplicable
from messaging_channels.testing.conformance.side_effects import count_open_sockets, forbidden_calls
from messaging_channels.testing.conformance.vendor_server import AcceptingEmulator
from messaging_channels.testing.fixtures import sign_at

_CLOSE_TIMEOUT = 3.0


def provider_does_no_io(context: ConformanceContext) -> Iterator[str]:
    """MC501."""
    _ = context.successful_send
    yield from forbidden_calls(lambda: _run_without_io(context))
    if isinstance(context.provider, SupportsWebhooks) and context.fixtures.sign_webhook:
        for webhook in context.fixtures.webhooks[:1]:
            call = sign_at(context.fixtures, webhook.body, canaries.SECRET, NOW)
            context.provider.handle_webhook(call)
            yield from forbidden_calls(lambda: context.provider.handle_webhook(call))  # type: ignore[attr-defined]  # noqa: B023


def cancellation_is_propagated(context: ConformanceContext) -> Iterator[str]:
    """MC502."""
    length = _count_exchanges(context)
    for stop in range(length):
        for fault in (asyncio.CancelledError(), KeyboardInterrupt(), GeneratorExit()):
            if words := _interrupt_problem(context, stop, fault):
                yield f"{type(fault).__name__} at exchange {stop}: {words}"
                return


def no_socket_is_left_open(context: ConformanceContext) -> Iterator[str]:
    """MC503."""
    with _vendor_server(context) as url:
        for run in (_sync_result, _async_result):
            before = count_open_sockets()
            run(context.build(url=url), context)
            if (left := _sockets_left(before)) > 0:
                yield f"{left} sockets are open after {run.__name__[1:]} use and `close`"


def sync_and_async_agree(context: ConformanceContext) -> Iterator[str]:
    """MC504."""
    with _vendor_server(context) as url:
        told = [run(context.build(url=url), context) for run in (_sync_result, _async_result)]
    if told[0] != told[1]:
        yield f"a thread is told {told[0]}, an event loop {told[1]}"


def interleaved_sends_are_independent(context: ConformanceContext) -> Iterator[str]:
    """MC505."""
    one, other = context.envelope(), context.envelope(number=1)
    alone = [context.send(envelope, provider=context.build()) for envelope in (one, other)]
    if any(played.exception is not None for played in alone):
        return
    if context.vendor is not None:
        why = "its exchanges are made by a blocking SDK, within one step: the rule applies to flows"
        raise NotApplicable(why)
    shared = context.build()
    together = _run_interleaved(context, shared.send((one,)), shared.send((other,)))
    for apart, beside in zip(alone, together, strict=True):
        if differing(apart.sending, beside.sending) - context.volatile:
            yield "two sends that take turns make other requests than each alone"
        elif beside.exception is not None or _reasons(apart) != _reasons(beside):
            yield "two sends that take turns end otherwise than each alone"


def flow_ends(context: ConformanceContext) -> Iterator[str]:
    """MC506."""
    yield from for_each_malformed_reply(
        context, lambda played: "it asks for ever" if played.did_not_end else ""
    )


def _run_without_io(context: ConformanceContext) -> None:
    """Go through a send, with nothing but the provider's own code doing anything."""
    replies, flow, reply = (
        iter(context.successful_send.replies),
        context.build().send((context.envelope(),)),
        None,
    )
    while True:
        try:
            exchange = flow.send(reply)
        except StopIteration:
            return
        if isinstance(exchange, BlockingCall):
            flow.close()
            return
        reply = (
            NOW if isinstance(exchange, CurrentTime) else next(replies) if is_with_vendor(exchange) else None
        )


def _count_exchanges(context: ConformanceContext) -> int:
    """Return after how many exchanges of any kind a send that goes well has ended."""
    flow, reply = context.build().send((context.envelope(),)), None
    for number in range(100):
        try:
            reply = _reply_to(context, flow.send(reply))
        except StopIteration:
            return number
    flow.close()
    return 0


def _interrupt_problem(context: ConformanceContext, stop: int, fault: BaseException) -> str:
    flow, reply = context.build().send((context.envelope(),)), None
    for _ in range(stop):
        reply = _reply_to(context, flow.send(reply))
    flow.send(reply)
    try:
        flow.throw(fault)
    except StopIteration:
        return "it went on as if nothing had happened"
    except BaseException as raised:  # noqa: BLE001  which one is the question
        return "" if raised is fault else f"it became {type(raised).__name__}"
    else:
        return "it asked for more"
    finally:
        _close_flow(flow)


def _close_flow(flow: Flow[Any]) -> None:
    try:
        flow.close()
    except RuntimeError:
        return


def _reply_to(context: ConformanceContext, exchange: Exchange[Any]) -> Any:  # noqa: ANN401  the exchange's own type decides
    if isinstance(exchange, CurrentTime):
        return NOW
    if isinstance(exchange, BlockingCall):
        return exchange.function()
    return None if isinstance(exchange, Sleep) else context.fixtures.success_response(exchange)


def _run_interleaved(context: ConformanceContext, *flows: Flow[Any]) -> list[FlowTrace]:
    """Run flows in turns, an exchange each."""
    done = [FlowTrace() for _ in flows]
    replies: dict[int, Any] = dict.fromkeys(range(len(flows)))
    while replies:
        for index, reply in list(replies.items()):
            exchange = _next_exchange(flows[index], reply, done[index])
            if exchange is None:
                del replies[index]
            else:
                replies[index] = _reply_to(context, exchange)
    return done


def _next_exchange(flow: Flow[Any], reply: Any, trace: FlowTrace) -> Exchange[Any] | None:  # noqa: ANN401
    """Go on with a flow, and note what it asks for or how it ends; None at its end."""
    try:
        exchange = flow.send(reply)
    except StopIteration as end:
        trace.result = end.value
        return None
    except Exception as fault:  # noqa: BLE001  what a provider may raise is what the rules are about
        trace.exception = fault
        return None
    if is_with_vendor(exchange):
        trace.exchanges.append(exchange)
    return exchange


def _reasons(trace: FlowTrace) -> list[tuple[Reason, str | None]]:
    return [(one.reason, one.provider_id) for one in trace.result]


@contextmanager
def _vendor_server(context: ConformanceContext) -> Generator[str]:
    own = context.fixtures.server
    if own is None and not all(isinstance(one, HttpRequest) for one in context.successful_send.exchanges):
        why = "it sends no HTTP requests: give a `server` of its protocol in the fixtures"
        raise NotApplicable(why)
    served: AbstractContextManager[Any] = (
        AcceptingEmulator(context.fixtures.success_response) if own is None else own()
    )
    with served as started:
        yield started if isinstance(started, str) else started.url


def _sync_result(provider: Provider, context: ConformanceContext) -> list[str]:
    with Transport(executors=provider.executors) as transport:
        return _told(transport.run(attempt_batch(provider, (context.envelope(),))))


def _async_result(provider: Provider, context: ConformanceContext) -> list[str]:
    async def run() -> list[str]:
        async with AsyncTransport(executors=provider.executors) as transport:
            return _told(await transport.run(attempt_batch(provider, (context.envelope(),))))

    return asyncio.run(run())


def _told(ends: Sequence[AttemptEnd]) -> list[str]:
    return [end.reason if isinstance(end, AttemptResult) else type(end).__name__ for end in ends]


def _sockets_left(before: int) -> int:
    """Return how many sockets more are open, once those that are being closed had time for it."""
    until = time.monotonic() + _CLOSE_TIMEOUT
    while (left := count_open_sockets() - before) > 0 and time.monotonic() < until:
        time.sleep(0.02)
    return left
