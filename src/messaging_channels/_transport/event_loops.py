"""The executors of asynchronous callers: one set for each event loop, closed when its loop ends."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, TypeVar

from messaging_channels._model.errors import ConfigurationError, Phase, TransportError
from messaging_channels._model.forks import FreshLock, keep_for_ever
from messaging_channels._transport.coalescing import AsyncCoalescer
from messaging_channels._transport.gather import TaskGather
from messaging_channels.plugins.exchange import BlockingCall, Coalesce, Gather, Sleep

if TYPE_CHECKING:
    import asyncio

    from messaging_channels._transport.clock import Clock
    from messaging_channels.plugins.exchange import AsyncExecutor, Exchange, ExecutorPair

Perform: TypeAlias = Callable[[Any], Any]
Factory = TypeVar("Factory")


class TransportClosed(TransportError, RuntimeError):
    """The dispatcher was used after it was closed. Nothing left the machine."""

    def __init__(self) -> None:
        super().__init__("the dispatcher was closed", phase=Phase.LOCAL)


class UnknownExchange(TransportError, TypeError):
    """Nothing performs such an exchange. Nothing left the machine."""

    def __init__(self, kind: str) -> None:
        super().__init__(
            f"nothing performs exchanges of type {kind}: name an executor in Provider.executors",
            phase=Phase.LOCAL,
        )


class LoopPerformers:
    """What performs the exchanges of the tasks of one loop."""

    def __init__(self, owner: LoopExecutors) -> None:
        import asyncio  # noqa: PLC0415  imported by whoever runs a loop; slow for those who do not

        self._owner = owner
        self.built: dict[ExecutorPair, AsyncExecutor] = {}
        self.by_kind: dict[type[Exchange[Any]], Perform] = {
            Sleep: lambda exchange: owner.clock.sleep_async(exchange.seconds),
            BlockingCall: lambda exchange: asyncio.to_thread(exchange.function),
            Coalesce: AsyncCoalescer(owner.run).submit,
            Gather: TaskGather(owner.run).perform,
        }
        self.end: AsyncGenerator[None] | None = None
        """Closes the executors, when it is closed: the loop does so when it ends, if nobody did before."""

    def build(self, kind: type[Exchange[Any]]) -> Perform:
        """Build what performs such exchanges, with the first of them.

        Raises:
            TransportError: nothing performs them, or the transport was closed.
        """
        pair = factory_of(self._owner.pairs, kind)
        executor = self._owner.shared_executor(pair) if pair.is_shared else self.built.get(pair)
        if executor is None:
            executor = self.built[pair] = pair.asynchronous()
        perform = self.by_kind[kind] = self._owner.wrap(executor.perform)
        return perform

    async def close(self) -> None:
        """Close what was built."""
        self.by_kind = dict.fromkeys(self.by_kind, raise_closed)
        built, self.built = list(self.built.values()), {}
        for executor in built:
            await executor.close()


class LoopExecutors(FreshLock):
    """The executors of one transport, by event loop."""

    def __init__(
        self,
        pairs: Mapping[type[Exchange[Any]], ExecutorPair],
        run: Callable[[Any], Any],
        clock: Clock,
        wrap: Callable[[Perform], Perform],
    ) -> None:
        """Build nothing yet. `run` runs a flow; `wrap` stands around what performs an exchange."""
        super().__init__()
        self.pairs, self.run, self.clock, self.wrap = dict(pairs), run, clock, wrap
        self._loops: dict[asyncio.AbstractEventLoop, LoopPerformers] = {}
        self._shared: dict[ExecutorPair, AsyncExecutor] = {}

    def after_fork_in_child(self) -> None:
        """Leave what the parent opened to the parent, and open anew when it is needed."""
        super().after_fork_in_child()
        keep_for_ever((self._loops, self._shared))
        self._loops, self._shared = {}, {}

    def current(self) -> LoopPerformers:
        """Return those of the running loop.

        Raises:
            ConfigurationError: none is running.
        """
        from asyncio import get_running_loop  # noqa: PLC0415  imported by whoever runs a loop

        try:
            loop = get_running_loop()
        except RuntimeError:
            raise _no_loop_error() from None
        return self._loops.get(loop) or self._enter(loop)

    def shared_executor(self, pair: ExecutorPair) -> AsyncExecutor:
        """Return the one executor that serves all loops."""
        with self._lock:
            executor = self._shared.get(pair)
            if executor is None:
                executor = self._shared[pair] = pair.asynchronous()
            return executor

    async def close(self) -> None:
        """Close all executors: those of this loop now, those of another one in it."""
        import asyncio  # noqa: PLC0415

        self.pairs = {}
        with self._lock:
            loops, self._loops = list(self._loops.items()), {}
            shared, self._shared = list(self._shared.values()), {}
        for loop, performers in loops:
            if performers.end is None or loop.is_closed():
                continue
            if loop is asyncio.get_running_loop():
                await performers.end.aclose()
            elif loop.is_running():
                asyncio.run_coroutine_threadsafe(_end(performers.end), loop)
        for executor in shared:
            await executor.close()

    def _enter(self, loop: asyncio.AbstractEventLoop) -> LoopPerformers:
        performers = LoopPerformers(self)
        performers.end = self._until_loop_ends(loop, performers)
        with suppress(StopIteration):  # goes on to its yield, so that the loop knows of it
            performers.end.__anext__().send(None)
        with self._lock:
            for ended in [one for one in self._loops if one.is_closed()]:
                del self._loops[ended]
            self._loops[loop] = performers
        return performers

    async def _until_loop_ends(
        self, loop: asyncio.AbstractEventLoop, performers: LoopPerformers
    ) -> AsyncGenerator[None]:
        """Close the executors of a loop when this generator is closed. A loop that ends closes its generators (`shutdown_asyncgens`)."""
        try:
            yield
        finally:
            self._loops.pop(loop, None)
            await performers.close()


async def _end(generator: AsyncGenerator[None]) -> None:
    await generator.aclose()


def factory_of(factories: Mapping[type[Exchange[Any]], Factory], kind: type[Exchange[Any]]) -> Factory:
    """Return what makes the executor of such exchanges.

    Raises:
        TransportError: nothing performs them, or the transport was closed.
    """
    if not factories:
        raise_closed()
    if kind not in factories:
        raise UnknownExchange(kind.__name__)
    return factories[kind]


def raise_closed(*_: object) -> NoReturn:
    """Stand where an executor stood.

    Raises:
        TransportClosed: always.
    """
    raise TransportClosed


def _no_loop_error() -> ConfigurationError:
    return ConfigurationError(
        "AsyncDispatcher needs an asyncio event loop, and none is running here: under trio, use Dispatcher in a worker thread "
        "(trio.to_thread.run_sync), or run anyio with its asyncio backend. Nothing was sent"
    )
