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
    HttpResponse,
    Sleep,
)
from messaging_channels.plugins.provider import Provider, SupportsWebhooks
from messaging_channels.testing import canaries
from messaging_channels.testing.conformance.context import Case
from messaging_channels.testing.conformance.flow_runner import NOW, Played, is_outward, shown
from messaging_channels.testing.conformance.responses import over_answers
from messaging_channels.testing.conformance.rules import NotApplicable
from messaging_channels.testing.conformance.side_effects import deeds, open_sockets
from messaging_channels.testing.emulator import Emulator, Request

_PATIENCE = 3.0


def idle(case: Case) -> Iterator[str]:
    """MC501."""
    _ = case.good
    yield from deeds(lambda: _stepped(case))
    if isinstance(case.provider, SupportsWebhooks) and case.vectors.sign_webhook:
        for webhook in case.vectors.webhooks[:1]:
            call = case.vectors.sign_webhook(webhook.body, canaries.SECRET)
            case.provider.handle_webhook(call)
            yield from deeds(lambda: case.provider.handle_webhook(call))  # type: ignore[attr-defined]  # noqa: B023


def cancelled(case: Case) -> Iterator[str]:
    """MC502."""
    length = _length(case)
    for stop in range(length):
        for fault in (asyncio.CancelledError(), KeyboardInterrupt(), GeneratorExit()):
            if words := _interrupted(case, stop, fault):
                yield f"{type(fault).__name__} at exchange {stop}: {words}"
                return


def no_socket_left(case: Case) -> Iterator[str]:
    """MC503."""
    with _vendor(case) as url:
        for colour in (_threaded, _looped):
            before = open_sockets()
            colour(case.build(url=url), case)
            if (left := _left(before)) > 0:
                yield f"{left} sockets are open after {colour.__name__[1:]} use and `close`"


def both_colours(case: Case) -> Iterator[str]:
    """MC504."""
    with _vendor(case) as url:
        told = [colour(case.build(url=url), case) for colour in (_threaded, _looped)]
    if told[0] != told[1]:
        yield f"a thread is told {told[0]}, an event loop {told[1]}"


def side_by_side(case: Case) -> Iterator[str]:
    """MC505."""
    one, other = case.envelope(), case.envelope(number=1)
    alone = [case.sent(envelope, provider=case.build()) for envelope in (one, other)]
    if any(played.raised is not None for played in alone):
        return
    together = _interleaved(case, case.provider.send((one,)), case.provider.send((other,)))
    for apart, beside in zip(alone, together, strict=True):
        if [shown(exchange) for exchange in apart.asked] != [shown(exchange) for exchange in beside.asked]:
            yield "two sends that take turns make other requests than each alone"
        elif beside.raised is not None or _reasons(apart) != _reasons(beside):
            yield "two sends that take turns end otherwise than each alone"


def ends(case: Case) -> Iterator[str]:
    """MC506."""
    yield from over_answers(case, lambda played: "it asks for ever" if played.endless else "")


def _stepped(case: Case) -> None:
    """Go through a send, with nothing but the provider's own code doing anything."""
    replies, flow, reply = iter(case.good.replies), case.build().send((case.envelope(),)), None
    while True:
        try:
            exchange = flow.send(reply)
        except StopIteration:
            return
        if isinstance(exchange, BlockingCall):
            flow.close()
            return
        reply = NOW if isinstance(exchange, CurrentTime) else next(replies) if is_outward(exchange) else None


def _length(case: Case) -> int:
    """Return after how many exchanges of any kind a send that goes well has ended."""
    flow, reply = case.provider.send((case.envelope(),)), None
    for number in range(100):
        try:
            reply = _answered(case, flow.send(reply))
        except StopIteration:
            return number
    flow.close()
    return 0


def _interrupted(case: Case, stop: int, fault: BaseException) -> str:
    flow, reply = case.provider.send((case.envelope(),)), None
    for _ in range(stop):
        reply = _answered(case, flow.send(reply))
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
        _shut(flow)


def _shut(flow: Flow[Any]) -> None:
    try:
        flow.close()
    except RuntimeError:
        return


def _answered(case: Case, exchange: Exchange[Any]) -> Any:  # noqa: ANN401  the exchange's own type decides
    if isinstance(exchange, CurrentTime):
        return NOW
    if isinstance(exchange, BlockingCall):
        return exchange.function()
    return None if isinstance(exchange, Sleep) else case.vectors.success_response(exchange)


def _interleaved(case: Case, *flows: Flow[Any]) -> list[Played]:
    """Run flows in turns, an exchange each."""
    running: dict[int, tuple[Flow[Any], Any]] = {index: (flow, None) for index, flow in enumerate(flows)}
    done = [Played() for _ in flows]
    while running:
        for index, (flow, reply) in list(running.items()):
            try:
                exchange = flow.send(reply)
            except StopIteration as end:
                done[index].result = end.value
                del running[index]
                continue
            except Exception as fault:  # noqa: BLE001  what a provider may raise is what the rules are about
                done[index].raised = fault
                del running[index]
                continue
            if is_outward(exchange):
                done[index].asked.append(exchange)
            running[index] = (flow, _answered(case, exchange))
    return done


def _reasons(played: Played) -> list[tuple[Reason, str | None]]:
    return [(one.reason, one.provider_id) for one in played.result]


class _Accepting(Emulator):
    """A vendor on loopback that says what the vectors say."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self._accepts = case.vectors.success_response

    def handle(self, request: Request) -> HttpResponse:
        """Answer as the vectors do."""
        query = "&".join(f"{name}={value}" for name, value in request.query.items())
        url = f"{self.url}{request.path}{'?' if query else ''}{query}"
        answer: HttpResponse = self._accepts(HttpRequest(request.method, url, request.headers, request.body))
        return answer


@contextmanager
def _vendor(case: Case) -> Generator[str]:
    own = case.vectors.server
    if own is None and not all(isinstance(one, HttpRequest) for one in case.good.asked):
        why = "the vectors give no `server` of its protocol"
        raise NotApplicable(why)
    served: AbstractContextManager[Any] = _Accepting(case) if own is None else own()
    with served as started:
        yield started if isinstance(started, str) else started.url


def _threaded(provider: Provider, case: Case) -> list[str]:
    with Transport(executors=provider.executors) as transport:
        return _told(transport.run(attempt_batch(provider, (case.envelope(),))))


def _looped(provider: Provider, case: Case) -> list[str]:
    async def run() -> list[str]:
        async with AsyncTransport(executors=provider.executors) as transport:
            return _told(await transport.run(attempt_batch(provider, (case.envelope(),))))

    return asyncio.run(run())


def _told(ends: Sequence[AttemptEnd]) -> list[str]:
    return [end.reason if isinstance(end, AttemptResult) else type(end).__name__ for end in ends]


def _left(before: int) -> int:
    """Return how many sockets more are open, once those that are being closed had time for it."""
    until = time.monotonic() + _PATIENCE
    while (left := open_sockets() - before) > 0 and time.monotonic() < until:
        time.sleep(0.02)
    return left
