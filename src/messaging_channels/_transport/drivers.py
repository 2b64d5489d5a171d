"""Where I/O happens: drivers that run flows, in a thread or in an event loop. Only here is a clock, a socket or a loop touched.

TLS certificates are always verified; there is no switch that turns it off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Self, TypeVar

from messaging_channels._model.forks import FreshLock, keep_for_ever
from messaging_channels._transport.clock import Clock
from messaging_channels._transport.coalescing import Coalescer
from messaging_channels._transport.event_loops import LoopExecutors, factory_of, raise_closed
from messaging_channels._transport.gather import ThreadGather
from messaging_channels._transport.http_clients import http_backend, require_usable_settings
from messaging_channels._transport.settings import HttpSettings
from messaging_channels.plugins.exchange import (
    BlockingCall,
    Coalesce,
    CurrentTime,
    Exchange,
    Executor,
    ExecutorPair,
    Flow,
    Gather,
    HttpRequest,
    Sleep,
)

Result = TypeVar("Result")

exchange_hook: Callable[[Exchange[Any]], AbstractContextManager[None]] | None = None
"""Stands around every exchange with the outside, in whatever transport, where it was set before the first of them. For the test kit, which sees to it
that no test reaches a real provider."""


class Transport(FreshLock):
    """Runs flows for synchronous callers. Serves many threads at once; close it when done."""

    def __init__(
        self,
        http: HttpSettings | None = None,
        executors: Mapping[type[Exchange[Any]], ExecutorPair] | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Open nothing yet: each executor is built when the first exchange of its type comes.

        Raises:
            InvalidSetting: no request could be made with these settings.
        """
        super().__init__()
        settings, time = http or HttpSettings(), clock or Clock()
        require_usable_settings(settings)
        self._factories: dict[type[Exchange[Any]], Callable[[], Executor]] = {
            HttpRequest: lambda: http_backend(settings).HttpExecutor(settings, time.now),
            **{kind: made.sync for kind, made in (executors or {}).items()},
        }
        self._built: dict[Callable[[], Executor], Executor] = {}
        self._threads = ThreadGather(self.run)
        self._perform: dict[type[Exchange[Any]], Callable[[Any], Any]] = {
            CurrentTime: lambda _: time.now(),
            Sleep: lambda exchange: time.sleep(exchange.seconds),
            BlockingCall: lambda exchange: exchange.function(),
            Coalesce: Coalescer(self.run).submit,
            Gather: self._threads.perform,
        }

    def after_fork_in_child(self) -> None:
        """Leave what the parent opened to the parent, and open anew when it is needed."""
        super().after_fork_in_child()
        keep_for_ever((self._built, self._perform))
        own = {kind: perform for kind, perform in self._perform.items() if kind not in self._factories}
        own[Coalesce] = Coalescer(self.run).submit
        self._perform, self._built = own, {}

    def run(self, flow: Flow[Result]) -> Result:
        """Run a flow to its end and return its result. What an exchange raises is raised into the flow."""
        advance: Callable[[Any], Exchange[Any]]
        reply: Any = None
        advance = send = flow.send
        try:
            while True:
                exchange = advance(reply)
                try:
                    kind = type(exchange)
                    reply = (self._perform.get(kind) or self._executor(kind))(exchange)
                    advance = send
                except BaseException as failure:  # noqa: BLE001  the flow decides what it means
                    advance, reply = flow.throw, failure
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]

    def close(self) -> None:
        """Close every connection. The transport may not be used afterwards."""
        with self._lock:
            self._factories.clear()
            self._perform = dict.fromkeys(self._perform, raise_closed)
            built, self._built = list(self._built.values()), {}
        self._threads.close()
        for executor in built:
            executor.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def _executor(self, kind: type[Exchange[Any]]) -> Callable[[Any], Any]:
        with self._lock:
            if kind not in self._perform:
                maker = factory_of(self._factories, kind)
                if maker not in self._built:
                    self._built[maker] = maker()
                self._perform[kind] = _with_hook(self._built[maker].perform)
            return self._perform[kind]


class AsyncTransport:
    """Runs flows for the tasks of asyncio event loops, each of which has connections of its own, closed when the loop ends. Close it when done."""

    def __init__(
        self,
        http: HttpSettings | None = None,
        executors: Mapping[type[Exchange[Any]], ExecutorPair] | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Open nothing yet: each executor is built when the first exchange of its type comes.

        Raises:
            InvalidSetting: no request could be made with these settings.
        """
        settings, self._clock = http or HttpSettings(), clock or Clock()
        require_usable_settings(settings)
        time = self._clock.now
        http_pair = ExecutorPair(
            _no_executor, lambda: http_backend(settings).AsyncHttpExecutor(settings, time)
        )
        self._loops = LoopExecutors(
            {HttpRequest: http_pair, **(executors or {})}, self.run, self._clock, _with_hook_async
        )

    async def run(self, flow: Flow[Result]) -> Result:
        """Run a flow to its end and return its result. What an exchange raises, a cancellation too, is raised into the flow.

        Raises:
            ConfigurationError: no asyncio event loop is running; nothing was done.
        """
        performers = self._loops.current()
        advance: Callable[[Any], Exchange[Any]]
        reply: Any = None
        advance = send = flow.send
        try:
            while True:
                exchange = advance(reply)
                kind = type(exchange)
                if kind is CurrentTime:
                    advance, reply = send, self._clock.now()
                    continue
                try:
                    reply = await (performers.by_kind.get(kind) or performers.build(kind))(exchange)
                    advance = send
                except GeneratorExit:  # the loop is gone: nothing can be awaited any more
                    flow.close()
                    raise
                except BaseException as failure:  # noqa: BLE001  the flow decides what it means
                    advance, reply = flow.throw, failure
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]

    async def close(self) -> None:
        """Close every connection. The transport may not be used afterwards."""
        await self._loops.close()

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self.close()


def _with_hook(perform: Callable[[Any], Any]) -> Callable[[Any], Any]:
    if exchange_hook is None:
        return perform
    watching = exchange_hook

    def performing(exchange: Any) -> Any:  # noqa: ANN401  the exchange's own type decides
        with watching(exchange):
            return perform(exchange)

    return performing


def _with_hook_async(perform: Callable[[Any], Any]) -> Callable[[Any], Any]:
    if exchange_hook is None:
        return perform
    watching = exchange_hook

    async def performing(exchange: Any) -> Any:  # noqa: ANN401  the exchange's own type decides
        with watching(exchange):
            return await perform(exchange)

    return performing


def _no_executor() -> Executor:
    raise NotImplementedError
