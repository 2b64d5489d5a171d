"""Connections of an asyncio event loop, kept to the deadline of the exchange: a network backend of httpcore.

Whatever comes on a connection while nobody reads is kept in sight, so that a left-over answer is never read as the next one: also behind TLS, where the
socket itself does not show it.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import httpcore

from messaging_channels._transport.deadlines import Deadline
from messaging_channels.plugins.host_lookup import resolve_host_async

if TYPE_CHECKING:
    import ssl

_MAX_BUFFERED = 256 * 1024
"""Bytes that wait to be read, from which on the other side is made to wait."""


class LoopNetwork(httpcore.AsyncNetworkBackend):
    """Connects for one connection pool. `deadline` is that of the exchange under way."""

    def __init__(self) -> None:
        self.deadline = Deadline()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  httpcore's contract
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002  none is ever set
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first of the host's addresses that answers. See httpcore."""
        loop = asyncio.get_running_loop()
        options: dict[str, Any] = {"local_addr": (local_address, 0)} if local_address else {}
        seconds = self.deadline.connect_seconds(timeout or 0.0)

        async def connect(address: str) -> Incoming:
            return (await loop.create_connection(Incoming, address, port, **options))[1]

        async with _connecting(seconds):
            protocol = await _connect_first(await resolve_host_async(host, port, seconds), connect)
        return LoopStream(protocol, self.deadline)


class LoopStream(httpcore.AsyncNetworkStream):
    """One connection. Its reads and writes end with the deadline."""

    def __init__(self, incoming: Incoming, deadline: Deadline) -> None:
        self._incoming = incoming
        self._deadline = deadline
        self._secured_for: str | None = None

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002, ASYNC109  the deadline knows it
        """See httpcore."""
        incoming, seconds = self._incoming, self._deadline.read_seconds()
        if not incoming.has_news:
            try:
                async with asyncio.timeout(seconds):
                    await incoming.wait_for_news()
            except TimeoutError:
                raise httpcore.ReadTimeout from None
        return incoming.take(max_bytes)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109  httpcore's contract
        """Hand everything to the loop, and wait while it has too much to write. See httpcore."""
        incoming = self._incoming
        seconds = self._deadline.write_seconds(timeout or 0.0, self._secured_for)
        if incoming.is_lost or incoming.transport.is_closing():
            raise httpcore.WriteError
        incoming.transport.write(buffer)
        if incoming.must_wait:
            try:
                async with asyncio.timeout(seconds):
                    await incoming.wait_until_writable()
            except TimeoutError:
                raise httpcore.WriteTimeout from None

    async def aclose(self) -> None:
        """End the connection, without waiting for the other side. See httpcore."""
        self._incoming.transport.abort()
        await asyncio.sleep(0)  # the loop closes the socket with its next round

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  httpcore's contract
    ) -> httpcore.AsyncNetworkStream:
        """See httpcore."""
        incoming, seconds = self._incoming, self._deadline.connect_seconds(timeout or 0.0)
        try:
            async with _connecting(seconds):
                secured = await asyncio.get_running_loop().start_tls(
                    incoming.transport, incoming, ssl_context, server_hostname=server_hostname
                )
            incoming.transport, self._secured_for = _require_secured(secured), server_hostname
        except BaseException:
            incoming.transport.abort()
            raise
        return self

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401  httpcore's contract
        """See httpcore. `is_readable` is what an idle connection must not be."""
        if info == "is_readable":
            return self._incoming.has_news or _has_unread(self._incoming.transport)
        return self._incoming.transport.get_extra_info(info)


class Incoming(asyncio.Protocol):
    """What came on a connection and was not read yet."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._data = bytearray()
        self._error: Exception | None = None
        self._is_over = self._is_paused = False
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self.must_wait = self.is_lost = False

    @property
    def has_news(self) -> bool:
        """Whether a read would return at once: with data, or because there is none any more."""
        return bool(self._data) or self._is_over

    def take(self, max_bytes: int) -> bytes:
        """Return what came, nothing at the end.

        Raises:
            httpcore.ReadError: the connection broke.
        """
        if not self._data and self._error is not None:
            raise httpcore.ReadError(type(self._error).__name__) from self._error
        taken = bytes(self._data[:max_bytes])
        del self._data[:max_bytes]
        if self._is_paused and len(self._data) < _MAX_BUFFERED:
            self._is_paused = False
            self.transport.resume_reading()
        return taken

    async def wait_for_news(self) -> None:
        """Wait for data or the end."""
        self._reader = asyncio.get_running_loop().create_future()
        try:
            await self._reader
        finally:
            self._reader = None

    async def wait_until_writable(self) -> None:
        """Wait until most of what was written has left."""
        self._writer = asyncio.get_running_loop().create_future()
        try:
            await self._writer
        finally:
            self._writer = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        self._data += data
        if len(self._data) >= _MAX_BUFFERED and not self._is_paused:
            self._is_paused = True
            self.transport.pause_reading()
        _wake(self._reader)

    def eof_received(self) -> bool:
        """Keep the way out open: the request may still be under way. See asyncio."""
        self._is_over = True
        _wake(self._reader)
        return self.transport.get_extra_info("ssl_object") is None

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self._is_over = self.is_lost = True
        self._error = exc
        self.resume_writing()
        _wake(self._reader)

    def pause_writing(self) -> None:
        """See asyncio."""
        self.must_wait = True

    def resume_writing(self) -> None:
        """See asyncio."""
        self.must_wait = False
        _wake(self._writer)


def _has_unread(transport: asyncio.Transport) -> bool:
    """Whether something came that the loop has not taken from the socket yet."""
    descriptor: int = transport.get_extra_info("socket").fileno()
    if descriptor < 0:
        return True
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([descriptor], [], [], 0)[0])
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def _require_secured(transport: asyncio.Transport | None) -> asyncio.Transport:
    """Return it; asyncio gives none if the connection was closed meanwhile."""
    if transport is None:
        raise httpcore.ConnectError
    return transport


def _wake(waiting: asyncio.Future[None] | None) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(None)


async def _connect_first(
    addresses: list[str], connect: Callable[[str], Coroutine[Any, Any, Incoming]]
) -> Incoming:
    """Connect to the first address that answers; each but the first begins a moment after the one before (RFC 8305)."""
    if len(addresses) == 1:
        return await connect(addresses[0])
    waiting, failure = list(addresses), cast("BaseException", OSError("no address"))
    pending, done = set[asyncio.Task[Incoming]](), set[asyncio.Task[Incoming]]()
    try:
        while waiting or pending:
            if waiting:
                pending.add(asyncio.ensure_future(connect(waiting.pop(0))))
            delay = _HAPPY_EYEBALLS_DELAY if waiting else None
            done, pending = await asyncio.wait(pending, timeout=delay, return_when=asyncio.FIRST_COMPLETED)
            for one in [*done]:
                if (error := one.exception()) is None:
                    done.remove(one)
                    return one.result()
                failure = error
    finally:
        _give_up(done | pending)
    raise failure


def _give_up(tasks: Iterable[asyncio.Task[Incoming]]) -> None:
    """Close what nobody needs any more."""
    for one in tasks:
        if not one.done():
            one.cancel()
        elif not one.cancelled() and one.exception() is None:
            one.result().transport.abort()


@asynccontextmanager
async def _connecting(seconds: float) -> AsyncGenerator[None]:
    """Give up after so many seconds, and name what goes wrong as httpcore does."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise httpcore.ConnectTimeout from error
    except (OSError, UnicodeError) as error:  # ssl.SSLError is one; a name that is none
        raise httpcore.ConnectError(type(error).__name__) from error


_HAPPY_EYEBALLS_DELAY = 0.25
"""Seconds after which the next address is tried as well (RFC 8305)."""
