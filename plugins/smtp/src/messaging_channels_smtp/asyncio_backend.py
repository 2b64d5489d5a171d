"""Submissions for the tasks of an event loop: conversations on asyncio transports. Connections are kept between mails."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar, cast

from messaging_channels.plugins import resolve_host_async
from messaging_channels_smtp.connection_pool import (
    ConnectionHolder,
    ConnectionPool,
    classify_error,
    name_for_ehlo,
)
from messaging_channels_smtp.protocol.commands import QUIT
from messaging_channels_smtp.protocol.mail import TransactionResult
from messaging_channels_smtp.protocol.replies import ConnectionLost, Reply, ReplyParser
from messaging_channels_smtp.protocol.server import ConnectionState, Server
from messaging_channels_smtp.protocol.steps import (
    AwaitReply,
    CloseConnection,
    LimitTime,
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
_TURNS_OF_THE_LOOP = 2
"""After so many, the loop has told what it had to tell."""
_POLL = 0.002


class AsyncConnection(asyncio.Protocol):
    """A transport, and the replies that came through it."""

    def __init__(self, server: Server) -> None:
        """Wait to be connected."""
        self.state: ConnectionState | None = None
        self._server = server
        self._replies = ReplyParser()
        self._news = asyncio.Event()
        """Set by whatever happens."""
        self._paused = False
        self._ended = False
        """Nothing more will come."""
        self._lost = False
        """Nothing more will go."""
        self._transport: asyncio.Transport | None = None
        self._plain: asyncio.Transport | None = None
        """The transport below TLS."""

    @classmethod
    async def open(cls, server: Server, timeout: float) -> AsyncConnection:  # noqa: ASYNC109  seconds for this one step
        """Connect within so many seconds, with TLS from the first octet if that is the server's mode. Raises OSError."""
        async with asyncio.timeout(timeout):
            connection = await cls._connect(server, timeout)
            try:
                if server.tls == "implicit":
                    await connection.wrap()
            except BaseException:
                connection.abort()
                raise
        return connection

    @classmethod
    async def _connect(cls, server: Server, timeout: float) -> AsyncConnection:  # noqa: ASYNC109  for looking up the name
        failure: OSError = OSError("no address")
        for address in await resolve_host_async(server.host, server.port, timeout):
            try:
                made = await asyncio.get_running_loop().create_connection(
                    lambda: cls(server), address, server.port
                )
            except OSError as error:
                failure = error
            else:
                return made[1]
        raise failure

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport. See asyncio.Protocol."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=0)  # what is written has left us when writing goes on

    def data_received(self, data: bytes) -> None:
        """Take what came. See asyncio.Protocol."""
        self._replies.feed(data)
        self._news.set()

    def eof_received(self) -> bool:
        """Note that nothing more will come. See asyncio.Protocol."""
        self._ended = True
        self._news.set()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Take what the server said before it broke the connection, and wake whoever waits. See asyncio.Protocol."""
        if exc is not None and self._plain is None:
            self._read_last_words()
        self._ended = self._lost = True
        self._news.set()

    def _read_last_words(self) -> None:
        """Read what had come when writing failed: the loop reads no more then, but the system still has it."""
        with suppress(OSError, ValueError):
            self._replies.feed(os.read(self.transport.get_extra_info("socket").fileno(), 65536))

    def pause_writing(self) -> None:
        """Have the write wait. See asyncio.Protocol."""
        self._paused = True

    def resume_writing(self) -> None:
        """Let writing go on. See asyncio.Protocol."""
        self._paused = False
        self._news.set()

    @property
    def transport(self) -> asyncio.Transport:
        """What is written to."""
        assert self._transport is not None  # noqa: S101  for the type checkers: only connected ones are handed out
        return self._transport

    @property
    def own_name(self) -> str:
        """What this machine is called in EHLO."""
        return name_for_ehlo(self.transport.get_extra_info("sockname")[0])

    async def secure(self, timeout: float) -> None:  # noqa: ASYNC109  seconds for this one step
        """Begin TLS.

        Raises:
            ConnectionLost: the server said more than it was asked, in clear: somebody may have put words into its mouth.
        """
        if self._replies.has_pending:
            raise ConnectionLost("unencrypted data after the reply to STARTTLS")
        async with asyncio.timeout(timeout):
            await self.wrap()

    async def wrap(self) -> None:
        """Speak TLS from now on. What it is told of the connection meanwhile, it is told by what this raises."""
        self._plain = self.transport
        secured = await asyncio.get_running_loop().start_tls(
            self._plain,
            self,
            self._server.context or ssl.create_default_context(),
            server_hostname=self._server.host,
            ssl_shutdown_timeout=_QUIT_TIMEOUT,
        )
        if secured is None:
            raise ConnectionLost("the connection was closed")
        secured.set_write_buffer_limits(high=0)
        self._transport = secured

    async def write(self, data: bytes, timeout: float, *, interruptible: bool) -> bool:  # noqa: ASYNC109  likewise
        """Hand everything to the system, and return False; or, if a reply may end that and one came, return True.

        Raises:
            ConnectionLost: it is closed.
            TimeoutError: it was not taken off our hands.
        """
        if interruptible:
            for _ in range(_TURNS_OF_THE_LOOP):
                await asyncio.sleep(0)
        if interruptible and self._replies.has_pending:
            return True
        self._require_open()
        self.transport.write(data)
        async with asyncio.timeout(timeout):
            while (self._is_writing() and not self._lost) and not (
                interruptible and self._replies.has_pending
            ):
                self._news.clear()
                await self._wait_for_news()
        if interruptible and self._replies.has_pending:
            return True
        self._require_open(lost=True)
        return False

    def _is_writing(self) -> bool:
        return self._paused or bool(self._plain and self._plain.get_write_buffer_size())

    async def _wait_for_news(self) -> None:
        if self._paused or self._plain is None:
            await self._news.wait()
        else:  # TLS does not say when the transport below it has written everything
            await asyncio.sleep(_POLL)

    def _require_open(self, *, lost: bool = False) -> None:
        if self._lost or (self._ended and not lost):
            raise ConnectionLost("the connection was closed")

    def replies_at_hand(self, most: int) -> list[Reply]:
        """Return the replies that have come already, but no more than `most`. Raises ConnectionLost."""
        return self._replies.next_replies(most)

    async def read_replies(self, most: int, timeout: float) -> list[Reply]:  # noqa: ASYNC109  seconds for this one step
        """Wait for the next reply, for so many seconds in all; return it and those with it. Raises ConnectionLost or TimeoutError."""
        async with asyncio.timeout(timeout):
            while not (replies := self._replies.next_replies(most)):
                if self._ended:
                    raise ConnectionLost("the connection was closed")
                self._news.clear()
                await self._news.wait()
        return replies

    @property
    def is_closed(self) -> bool:
        """See PooledConnection."""
        return self._ended or self._replies.has_pending or self.transport.is_closing()

    async def close(self, *, polite: bool) -> None:
        """Close it, after QUIT if polite. Takes two seconds at most."""
        if polite and not self._ended:
            self.transport.write(QUIT)
            self.transport.close()
            with suppress(TimeoutError):
                async with asyncio.timeout(_QUIT_TIMEOUT):
                    while not self._lost:
                        self._news.clear()
                        await self._news.wait()
        self.abort()

    def abort(self) -> None:
        """Close it at once, whatever is still to be written."""
        self.transport.abort()
        if self._plain:
            self._plain.abort()


class AsyncSession:
    """Performs submissions for the tasks of one event loop. See AsyncExecutor."""

    def __init__(self) -> None:
        """Connect nothing yet."""
        self._pool: ConnectionPool[AsyncConnection] = ConnectionPool()
        self._slots: dict[Server, asyncio.Semaphore] = {}

    async def perform(self, exchange: Submission) -> tuple[TransactionResult, ...]:
        """Send the letters and tell what became of each. When cancelled, its connection is closed."""
        slot = self._slots.get(exchange.server)
        if slot is None:
            slot = self._slots[exchange.server] = asyncio.Semaphore(exchange.server.pool.size)
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
        try:
            async with asyncio.timeout(step.timeout):
                self.has_slot = await self.slot.acquire()
        except TimeoutError:
            raise ConnectionLost("all connections are in use", timed_out=True) from None
        self.current, stale = self.pool.acquire(self.server)
        for connection in stale:
            await connection.close(polite=False)
        return self.current.state if self.current else None

    async def connect(self, step: OpenConnection) -> str:
        self.current = await AsyncConnection.open(self.server, self.seconds_left(step.timeout))
        return self.current.own_name

    async def write(self, step: Send) -> bool:
        seconds = self.seconds_left(self.server.timeouts.data_block)
        return await self.connection.write(step.data, seconds, interruptible=step.interruptible)

    async def read_replies(self, step: AwaitReply) -> list[Reply]:
        if replies := self.connection.replies_at_hand(step.most):
            return replies
        seconds = self.seconds_left(step.timeout) if step.in_limit else step.timeout
        return await self.connection.read_replies(step.most, seconds)

    async def start_tls(self, _: StartTls) -> None:
        await self.connection.secure(self.seconds_left(self.server.timeouts.connect))

    async def begin_limit(self, step: LimitTime) -> None:
        self.limit_time(step)

    async def keep(self, step: ReleaseConnection) -> None:
        self.keep_connection(step)

    async def drop(self, step: CloseConnection) -> None:
        held, self.current = self.current, None
        self.release_slot()  # whatever becomes of the closing
        if held:
            await held.close(polite=step.polite)


_STEPS: dict[type[Step], Callable[[_Conversation, Any], Any]] = {
    AwaitReply: _Conversation.read_replies,
    Send: _Conversation.write,
    LimitTime: _Conversation.begin_limit,
    StartTls: _Conversation.start_tls,
    ReuseConnection: _Conversation.reuse,
    OpenConnection: _Conversation.connect,
    ReleaseConnection: _Conversation.keep,
    CloseConnection: _Conversation.drop,
}
