"""Functions that hear of events: asynchronous ones in the loop, others in a thread."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.concurrency import run_in_threadpool

from messaging_channels.plugins import Observer

if TYPE_CHECKING:
    from messaging_channels.events import Event

Handler = TypeVar("Handler", bound=Callable[[Any], Any])
_LOG = logging.getLogger(__name__)


class EventHandlers(Observer):
    """Calls the functions that want an event, each event once. What one of them raises is logged and keeps no other from hearing."""

    def __init__(self) -> None:
        """Begin with none."""
        self._handlers: list[tuple[tuple[type, ...], Callable[[Any], Any]]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def on(self, *event_types: type) -> Callable[[Handler], Handler]:
        """Register a function for events of these types, or of any: `@messaging.on(MessageReceived)`."""

        def register(handler: Handler) -> Handler:
            self._handlers.append((event_types or (object,), handler))
            return handler

        return register

    def event_received(self, event: Event) -> None:
        """Call the handlers of this type of event, as tasks of the running loop, after the event was stored. The provider does not wait for them."""
        for event_types, handler in self._handlers:
            if isinstance(event, event_types):
                task = asyncio.get_running_loop().create_task(_call(handler, event))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def finish(self) -> None:
        """Wait until the functions that run have ended."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))


async def _call(handler: Callable[[Any], Any], event: Event) -> None:
    try:
        if inspect.iscoroutinefunction(handler):
            await handler(event)
        else:
            await run_in_threadpool(handler, event)
    except Exception:  # noqa: BLE001  whatever the application raises
        _LOG.exception("a handler of %s failed", type(event).__name__)
