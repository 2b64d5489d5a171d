"""Submissions for threads: conversations on sockets. Connections are kept between mails."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

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


class Connection:
    """A socket, and the replies that came through it."""

    def __init__(self, server: Server, timeout: float) -> None:
        """Connect, with TLS from the first octet if that is the server's mode. Raises OSError."""
        self.state: ConnectionState | None = None
        self._server = server
        self._replies = ReplyParser()
        self._socket = socket.create_connection((server.host, server.port), timeout=timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if server.tls == "implicit":
            self._wrap()

    def secure(self) -> None:
        """Begin TLS.

        Raises:
            Lost: the server said more than it was asked, in clear: somebody may have put words into its mouth.
        """
        if self._replies.has_pending:
            raise ConnectionLost("words in clear after the reply to STARTTLS")
        self._socket.settimeout(self._server.timeouts.connect)
        self._wrap()

    def _wrap(self) -> None:
        context = self._server.context or ssl.create_default_context()
        try:
            self._socket = context.wrap_socket(self._socket, server_hostname=self._server.host)
        except BaseException:
            self._socket.close()
            raise

    def write(self, data: bytes) -> None:
        """Hand everything to the system. Raises OSError."""
        self._socket.settimeout(self._server.timeouts.data_block)
        self._socket.sendall(data)

    def read_reply(self, timeout: float) -> Reply:
        """Wait for the next reply. Raises OSError or Lost."""
        while (reply := self._replies.next_reply()) is None:
            self._socket.settimeout(timeout)
            data = self._socket.recv(65536)
            if not data:
                raise ConnectionLost("the connection was closed")
            self._replies.feed(data)
        return reply

    @property
    def is_closed(self) -> bool:
        """See Idle."""
        if self._replies.has_pending:
            return True
        self._socket.settimeout(0)
        try:
            self._socket.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        except OSError:
            return True
        return True

    def close(self, *, polite: bool) -> None:
        """Close it, after QUIT if polite."""
        if polite:
            with suppress(OSError):
                self._socket.settimeout(0)
                self._socket.sendall(QUIT)
        self._socket.close()


class Session:
    """Performs submissions for threads. See Executor."""

    def __init__(self) -> None:
        """Connect nothing yet."""
        self._pool: ConnectionPool[Connection] = ConnectionPool()
        self._slots: dict[Server, threading.Semaphore] = {}
        self._lock = threading.Lock()

    def perform(self, exchange: Submission) -> tuple[TransactionResult, ...]:
        """Send the letters and tell what became of each. Raises nothing but what is not the network's."""
        conversation = _Conversation(self._pool, exchange.server, self._slot(exchange.server))
        return conversation.perform(submit(exchange))

    def close(self) -> None:
        """Leave every idle connection politely."""
        for connection in self._pool.drain():
            connection.close(polite=True)

    def _slot(self, server: Server) -> threading.Semaphore:
        if not self._pool.check_process():
            self._slots, self._lock = {}, threading.Lock()  # those of the parent may never be released here
        with self._lock:
            return self._slots.setdefault(server, threading.Semaphore(server.pool.size))


class _Conversation(ConnectionHolder[Connection]):
    """One talk, on one connection at a time."""

    slot: threading.Semaphore

    def perform(self, talk: StepFlow[Result]) -> Result:
        advance: Callable[[Any], Step] = talk.send
        answer: Any = None
        try:
            while True:
                step = advance(answer)
                try:
                    answer, advance = _STEPS[type(step)](self, step), talk.send
                except (ConnectionLost, SessionRefused, OSError, UnicodeError) as error:
                    answer, advance = classify_error(error, step), talk.throw
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        finally:
            self.drop(CloseConnection())

    def reuse(self, step: ReuseConnection) -> ConnectionState | None:
        self.has_slot = self.slot.acquire(timeout=step.timeout)
        if not self.has_slot:
            raise ConnectionLost("all connections are in use", timed_out=True)
        self.current, stale = self.pool.acquire(self.server)
        for connection in stale:
            connection.close(polite=False)
        return self.current.state if self.current else None

    def connect(self, step: OpenConnection) -> None:
        self.current = Connection(self.server, step.timeout)

    def drop(self, step: CloseConnection) -> None:
        held, self.current = self.current, None
        if held:
            held.close(polite=step.polite)
        self.release_slot()


_STEPS: dict[type[Step], Callable[[_Conversation, Any], Any]] = {
    AwaitReply: lambda own, step: own.connection.read_reply(step.timeout),
    Send: lambda own, step: own.connection.write(step.data),
    StartTls: lambda own, _: own.connection.secure(),
    ReuseConnection: _Conversation.reuse,
    OpenConnection: _Conversation.connect,
    ReleaseConnection: _Conversation.keep_connection,
    CloseConnection: _Conversation.drop,
}
