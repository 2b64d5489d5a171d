"""Submissions for the tasks of an event loop: conversations on asyncio transports. Connections are kept between mails."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar, cast

from messaging_channels_smtp.connection_pool import ConnectionHolder, ConnectionPool, classify_error
from messaging_channels_smtp.protocol.commands import QUIT
from messaging_channels_smtp.protocol.mail import TransactionResult
from messaging_channels_smtp.protocol.replies import ConnectionLost, Reply, ReplyParser
from messaging_channels_smtp.protocol.server import ConnectionState, Server
from messaging_channels_smtp.protocol.steps import (
    AwaitReply,
    CloseConnection,
    OpenConnection,
    ReleaseConnection,
    ReuseConnection,
    Send,
    SessionRefused,
    StartTls,
    Step,
    StepFlow,
)
from messaging_channels_smtp.protocol.submission import Submission, submit

Result = TypeVar("Result")

_QUIT_TIMEOUT = 2.0
"""Seconds a closing connection is waited for."""


class AsyncConnection(asyncio.Protocol):
    """A transport, and the replies that came through it."""

    def __init__(self, server: Server) -> None:
        """Wait to be connected."""
        self.state: ConnectionState | None = None
        self._server = server
        self._replies = ReplyParser()
        self._news = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._ended = False
        self._closed = asyncio.Event()
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def open(cls, server: Server, timeout: float) -> AsyncConnection:  # noqa: ASYNC109  seconds for this one step
        """Connect, with TLS from the first octet if that is the server's mode. Raises OSError."""
        private: dict[str, Any] = {}
        if server.tls == "implicit":
            private = {
                "ssl": server.context or ssl.create_default_context(),
                "server_hostname": server.host,
                "ssl_shutdown_timeout": _QUIT_TIMEOUT,
            }
        async with asyncio.timeout(timeout):
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: cls(server), server.host, server.port, **private
            )
        return connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport. See asyncio.Protocol."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take what came. See asyncio.Protocol."""
        self._replies.feed(data)
        self._news.set()

    def eof_received(self) -> bool:
        """Note that nothing more will come. See asyncio.Protocol."""
        self._ended = True
        self._news.set()
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  what is known by then
        """Wake whoever waits. See asyncio.Protocol."""
        self._ended = True
        self._news.set()
        self._writable.set()
        self._closed.set()

    def pause_writing(self) -> None:
        """Have the next write wait. See asyncio.Protocol."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Let writing go on. See asyncio.Protocol."""
        self._writable.set()

    @property
    def transport(self) -> asyncio.Transport:
        """What is written to."""
        assert self._transport is not None  # noqa: S101  for the type checkers: only connected ones are handed out
        return self._transport

    async def secure(self) -> None:
        """Begin TLS.

        Raises:
            Lost: the server said more than it was asked, in clear: somebody may have put words into its mouth.
        """
        if self._replies.has_pending:
            raise ConnectionLost("words in clear after the reply to STARTTLS")
        secured = await asyncio.get_running_loop().start_tls(
            self.transport,
            self,
            self._server.context or ssl.create_default_context(),
            server_hostname=self._server.host,
            ssl_handshake_timeout=self._server.timeouts.connect,
            ssl_shutdown_timeout=_QUIT_TIMEOUT,
        )
        if secured is None:
            raise ConnectionLost("the connection was closed")
        self._transport = secured

    async def write(self, data: bytes) -> None:
        """Hand everything to the loop, and wait while it has too much to write. Raises Lost or TimeoutError."""
        if self._ended:
            raise ConnectionLost("the connection was closed")
        self.transport.write(data)
        if not self._writable.is_set():
            async with asyncio.timeout(self._server.timeouts.data_block):
                await self._writable.wait()

    async def read_reply(self, timeout: float) -> Reply:  # noqa: ASYNC109  seconds for this one step
        """Wait for the next reply. Raises Lost or TimeoutError."""
        while (reply := self._replies.next_reply()) is None:
            if self._ended:
                raise ConnectionLost("the connection was closed")
            self._news.clear()
            async with asyncio.timeout(timeout):
                await self._news.wait()
        return reply

    @property
    def is_closed(self) -> bool:
        """See Idle."""
        return self._ended or self._replies.has_pending or self.transport.is_closing()

    async def close(self, *, polite: bool) -> None:
        """Close it, after QUIT if polite."""
        if polite and not self._ended:
            self.transport.write(QUIT)
            self.transport.close()
            with suppress(TimeoutError):
                async with asyncio.timeout(_QUIT_TIMEOUT):
                    await self._closed.wait()
        self.abort()
        await self._closed.wait()

    def abort(self) -> None:
        """Close it at once, whatever is still to be written."""
        self.transport.abort()


class AsyncSession:
    """Performs submissions for the tasks of one event loop. See AsyncExecutor."""

    def __init__(self) -> None:
        """Connect nothing yet."""
        self._pool: ConnectionPool[AsyncConnection] = ConnectionPool()
        self._slots: dict[Server, asyncio.Semaphore] = {}

    async def perform(self, exchange: Submission) -> tuple[TransactionResult, ...]:
        """Send the letters and tell what became of each. When cancelled, its connection is closed."""
        slot = self._slots.setdefault(exchange.server, asyncio.Semaphore(exchange.server.pool.size))
        return await _Conversation(self._pool, exchange.server, slot).perform(submit(exchange))

    async def close(self) -> None:
        """Leave every idle connection politely."""
        await asyncio.gather(*(connection.close(polite=True) for connection in self._pool.drain()))


class _Conversation(ConnectionHolder[AsyncConnection]):
    """One talk, on one connection at a time."""

    slot: asyncio.Semaphore

    async def perform(self, talk: StepFlow[Result]) -> Result:
        advance: Callable[[Any], Step] = talk.send
        answer: Any = None
        try:
            while True:
                step = advance(answer)
                try:
                    answer, advance = await _STEPS[type(step)](self, step), talk.send
                except (ConnectionLost, SessionRefused, OSError, UnicodeError) as error:
                    answer, advance = classify_error(error, step), talk.throw
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        finally:
            if self.current:
                self.current.abort()
            self.release_slot()

    async def reuse(self, step: ReuseConnection) -> ConnectionState | None:
        async with asyncio.timeout(step.timeout):
            self.has_slot = await self.slot.acquire()
        self.current, stale = self.pool.acquire(self.server)
        for connection in stale:
            await connection.close(polite=False)
        return self.current.state if self.current else None

    async def connect(self, step: OpenConnection) -> None:
        self.current = await AsyncConnection.open(self.server, step.timeout)

    async def keep(self, step: ReleaseConnection) -> None:
        self.keep_connection(step)

    async def drop(self, step: CloseConnection) -> None:
        if self.current:
            await self.current.close(polite=step.polite)
            self.current = None
        self.release_slot()


_STEPS: dict[type[Step], Callable[[_Conversation, Any], Any]] = {
    AwaitReply: lambda own, step: own.connection.read_reply(step.timeout),
    Send: lambda own, step: own.connection.write(step.data),
    StartTls: lambda own, _: own.connection.secure(),
    ReuseConnection: _Conversation.reuse,
    OpenConnection: _Conversation.connect,
    ReleaseConnection: _Conversation.keep,
    CloseConnection: _Conversation.drop,
}
