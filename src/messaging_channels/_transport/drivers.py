"""Where I/O happens: drivers that run flows, in a thread or in an event loop. Only here is a clock, a socket or a loop touched.

TLS certificates are always verified; there is no switch that turns it off.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Any, Self, TypeVar

from messaging_channels._model import forks
from messaging_channels._model.errors import InvalidSetting
from messaging_channels._transport.clock import Clock
from messaging_channels._transport.coalescing import AsyncCoalescer, Coalescer
from messaging_channels._transport.gather import TaskGather, ThreadGather
from messaging_channels._transport.settings import HttpSettings
from messaging_channels.plugins.exchange import (
    AsyncExecutor,
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


class Transport(forks.FreshLock):
    """Runs flows for synchronous callers. Serves many threads at once; close it when done."""

    def __init__(
        self,
        http: HttpSettings | None = None,
        executors: Mapping[type[Exchange[Any]], ExecutorPair] | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Open nothing yet: each executor is built when the first exchange of its type comes."""
        super().__init__()
        settings, self._clock = http or HttpSettings(), clock or Clock()
        self._factories: dict[type[Exchange[Any]], Callable[[], Executor]] = {
            HttpRequest: lambda: _http_backend(settings).HttpExecutor(settings),
            **{kind: made.sync for kind, made in (executors or {}).items()},
        }
        self._begin()

    def _begin(self) -> None:
        self._built: dict[Callable[[], Executor], Executor] = {}
        self._threads = ThreadGather(self.run)
        self._perform: dict[type[Exchange[Any]], Callable[[Any], Any]] = {
            CurrentTime: lambda _: self._clock.now(),
            Sleep: lambda exchange: self._clock.sleep(exchange.seconds),
            BlockingCall: lambda exchange: exchange.function(),
            Coalesce: Coalescer(self.run).perform,
            Gather: self._threads.perform,
        }

    def after_fork_in_child(self) -> None:
        """Begin anew: connections, threads and whoever waits for company are the parent's."""
        super().after_fork_in_child()
        forks.keep_for_ever((self._built, self._threads))
        if self._factories:
            self._begin()

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
            self._perform = dict.fromkeys(self._perform, _raise_closed)
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
                maker = _factory(self._factories, kind)
                if maker not in self._built:
                    self._built[maker] = maker()
                self._perform[kind] = _with_hook(self._built[maker].perform)
            return self._perform[kind]


class AsyncTransport(forks.FreshLock):
    """Runs flows for the tasks of one event loop. Close it when done."""

    def __init__(
        self,
        http: HttpSettings | None = None,
        executors: Mapping[type[Exchange[Any]], ExecutorPair] | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Open nothing yet: each executor is built when the first exchange of its type comes."""
        super().__init__()
        settings, self._clock = http or HttpSettings(), clock or Clock()
        self._factories: dict[type[Exchange[Any]], Callable[[], AsyncExecutor]] = {
            HttpRequest: lambda: _http_backend(settings).AsyncHttpExecutor(settings),
            **{kind: made.asynchronous for kind, made in (executors or {}).items()},
        }
        self._begin()

    def _begin(self) -> None:
        import asyncio  # noqa: PLC0415  half of the import time of the whole package

        self._built: dict[Callable[[], AsyncExecutor], AsyncExecutor] = {}
        self._perform: dict[type[Exchange[Any]], Callable[[Any], Any]] = {
            Sleep: lambda exchange: self._clock.sleep_async(exchange.seconds),
            BlockingCall: lambda exchange: asyncio.to_thread(exchange.function),
            Coalesce: AsyncCoalescer(self.run).perform,
            Gather: TaskGather(self.run).perform,
        }

    def after_fork_in_child(self) -> None:
        """Begin anew: connections and tasks are the parent's."""
        super().after_fork_in_child()
        forks.keep_for_ever(self._built)
        if self._factories:
            self._begin()

    async def run(self, flow: Flow[Result]) -> Result:
        """Run a flow to its end and return its result. What an exchange raises, a cancellation too, is raised into the flow."""
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
                    reply = await (self._perform.get(kind) or self._executor(kind))(exchange)
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
        self._factories.clear()
        self._perform = dict.fromkeys(self._perform, _raise_closed)
        built, self._built = list(self._built.values()), {}
        for executor in built:
            await executor.close()

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self.close()

    def _executor(self, kind: type[Exchange[Any]]) -> Callable[[Any], Any]:
        maker = _factory(self._factories, kind)
        if maker not in self._built:
            self._built[maker] = maker()
        self._perform[kind] = _with_hook_async(self._built[maker].perform)
        return self._perform[kind]


Factory = TypeVar("Factory")


def _factory(factories: Mapping[type[Exchange[Any]], Factory], kind: type[Exchange[Any]]) -> Factory:
    if not factories:
        _raise_closed()
    if kind not in factories:
        message = (
            f"nothing performs exchanges of type {kind.__name__}: name an executor in Provider.executors"
        )
        raise TypeError(message)
    return factories[kind]


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


def _raise_closed(*_: object) -> Any:  # noqa: ANN401  stands where an executor stood
    message = "the dispatcher was closed"
    raise RuntimeError(message)


def _import_in_lasting_thread(name: str) -> None:
    """Import a module, if there is such, so that the thread that does it outlives its use: pyreqwest 0.15 crashes the process once that one has ended."""
    if name in sys.modules or threading.current_thread() is threading.main_thread():
        return
    imported = threading.Event()

    def load() -> None:
        try:
            import_module(name)
        except ImportError:
            return
        finally:
            imported.set()
        threading.Event().wait()

    threading.Thread(target=load, name=f"messaging-channels keeps {name}", daemon=True).start()
    imported.wait()


def _http_backend(settings: HttpSettings) -> Any:  # noqa: ANN401  a module
    """Import the module that stands on the chosen HTTP client."""
    from messaging_channels._transport import httpx_backend  # noqa: PLC0415  imported with the first request, not with us

    if settings.client == "httpx" or (settings.client == "auto" and settings.client_certificate):
        return httpx_backend
    if (
        _pyreqwest_users and os.getpid() not in _pyreqwest_users
    ):  # its threads did not survive the fork: it would hang
        return httpx_backend
    _import_in_lasting_thread("pyreqwest.client")
    try:
        from messaging_channels._transport import pyreqwest_backend  # noqa: PLC0415
    except ImportError as missing:
        if settings.client == "auto":
            return httpx_backend
        raise InvalidSetting(
            "pyreqwest is not installed",
            setting="http.client",
            source="configuration",
            hint="pip install 'messaging-channels[fast]'",
        ) from missing
    _pyreqwest_users.add(os.getpid())
    return pyreqwest_backend


_pyreqwest_users: set[int] = set()
"""The processes that used it: this one, or those that it was forked from."""
