"""The dispatcher of an application: opened when the application starts, closed when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Self

from starlette.routing import Router

from messaging_channels import AsyncDispatcher, AsyncWorker, Configuration
from messaging_channels.errors import InvalidSetting
from messaging_channels.plugins import CompositeObserver
from messaging_channels_starlette.handlers import EventHandlers, Handler
from messaging_channels_starlette.webhooks import unsubscribe_app, webhook_routes

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from messaging_channels.consent import UnsubscribeLinks, UnsubscribePage
    from messaging_channels.plugins import RecipientResolver

_MAX_BODY_SIZE = 1024 * 1024


class Messaging:
    """Ties a dispatcher to the lifespan of an application. Make it where the application is made: nothing is connected, or read, before the start."""

    def __init__(
        self,
        make_arguments: Callable[[], Mapping[str, Any]],
        *,
        public_url: str = "",
        max_body_size: int = _MAX_BODY_SIZE,
        worker: Mapping[str, Any] | None = None,
    ) -> None:
        """Say how the dispatcher is made, each time the application starts.

        Args:
            make_arguments: returns the arguments of an `AsyncDispatcher`, such as `lambda: {"providers": [Sandbox()]}`.
            public_url: what webhook addresses begin with, as providers call them, such as `https://shop.example.com`. Empty for what the request says; behind
                a proxy that needs the server to read its headers (`uvicorn --proxy-headers`).
            max_body_size: octets that a webhook may have.
            worker: the keywords of an `AsyncWorker` that sends what waits, in the loop of the application (`{}` for the usual). None for no worker here.
        """
        self.handlers = EventHandlers()
        self._make_arguments = make_arguments
        self._worker_options = worker
        self._current: AsyncDispatcher | None = None
        self._replacement: AsyncDispatcher | None = None
        self.webhooks = Router(
            webhook_routes(self.get_dispatcher, public_url=public_url, max_body_size=max_body_size),
            redirect_slashes=False,
        )

    @classmethod
    def from_config(
        cls,
        settings: Mapping[str, Any] | None = None,
        *,
        sandbox: bool = False,
        resolvers: tuple[RecipientResolver, ...] = (),
        **options: Any,  # noqa: ANN401  those of the constructor
    ) -> Self:
        """Make it from the installed plugins and the configuration, which is read at the start.

        With `sandbox`, the sandbox sends where no provider is configured, for development; the ledger is then a file in `MESSAGING_CHANNELS_HOME`.
        """

        def make_arguments() -> Mapping[str, Any]:
            return Configuration.read(settings, use_sandbox_defaults=sandbox).dispatcher_arguments(resolvers)

        return cls(make_arguments, **options)

    @property
    def dispatcher(self) -> AsyncDispatcher:
        """The dispatcher of the running application.

        Raises:
            InvalidSetting: the application has not started, or was made without the lifespan.
        """
        found = self._replacement or self._current
        if found is None:
            raise InvalidSetting(
                "is not open, since the application has not started",
                setting="dispatcher",
                source="messaging_channels_starlette",
                hint="make the application with lifespan=messaging.lifespan; in tests, use `with TestClient(app)`",
            )
        return found

    def get_dispatcher(self) -> AsyncDispatcher:
        """Return the dispatcher: a dependency of FastAPI, `Depends(messaging.get_dispatcher)`. Raises what `dispatcher` raises."""
        return self.dispatcher

    def on(self, *event_types: type) -> Callable[[Handler], Handler]:
        """Register a function for what providers report, after it was kept: `@messaging.on(MessageReceived)`. It may be asynchronous."""
        return self.handlers.on(*event_types)

    @asynccontextmanager
    async def lifespan(self, _app: Any = None) -> AsyncGenerator[None]:  # noqa: ANN401  Starlette or FastAPI
        """Open the dispatcher, and close it at the end; what handlers and the worker have begun is ended first.

        An application with a lifespan of its own enters it there: `async with messaging.lifespan(app): yield`.
        """
        if self._replacement is not None:
            async with self._running(self._replacement):
                yield
            return
        async with self._open() as dispatcher:
            self._current = dispatcher
            try:
                async with self._running(dispatcher):
                    yield
            finally:
                self._current = None

    @contextmanager
    def replaced(self, dispatcher: AsyncDispatcher) -> Generator[None]:
        """Have the application use this one instead, such as `outbox.async_dispatcher`, as long as the block lasts."""
        before, self._replacement = self._replacement, dispatcher
        try:
            yield
        finally:
            self._replacement = before

    def unsubscribe(
        self,
        make_links: Callable[[AsyncDispatcher], UnsubscribeLinks],
        *,
        page: UnsubscribePage | None = None,
    ) -> ASGIApp:
        """Return the application behind the links of mails: `app.mount("/unsubscribe", messaging.unsubscribe(links))`."""
        return unsubscribe_app(self.get_dispatcher, make_links, page)

    def _open(self) -> AsyncDispatcher:
        arguments = dict(self._make_arguments())
        given = [one for one in (arguments.pop("observer", None), self.handlers) if one is not None]
        return AsyncDispatcher(**arguments, observer=CompositeObserver(*given))

    @asynccontextmanager
    async def _running(self, dispatcher: AsyncDispatcher) -> AsyncGenerator[None]:
        if self._worker_options is None:
            yield
        else:
            worker = AsyncWorker(dispatcher, **self._worker_options)
            task = asyncio.create_task(worker.run())
            try:
                yield
            finally:
                worker.stop()
                await task
        await self.handlers.finish()
