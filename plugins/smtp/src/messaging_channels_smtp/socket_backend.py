"""Submissions for threads: conversations on sockets. Connections are kept between mails."""

from __future__ import annotations

import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from messaging_channels.plugins import resolve_host
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


class Connection:
    """A socket, and the replies that came through it."""

    def __init__(self, server: Server, timeout: float) -> None:
        """Connect within so many seconds, with TLS from the first octet if that is the server's mode. Raises OSError."""
        self.state: ConnectionState | None = None
        self._server = server
        self._replies = ReplyParser()
        deadline = time.monotonic() + timeout
        self._socket = _connect(server.host, server.port, deadline)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if server.tls == "implicit":
            self._wrap(deadline)

    @property
    def own_name(self) -> str:
        """What this machine is called in EHLO."""
        return name_for_ehlo(self._socket.getsockname()[0])

    def secure(self, timeout: float) -> None:
        """Begin TLS.

        Raises:
            ConnectionLost: the server said more than it was asked, in clear: somebody may have put words into its mouth.
        """
        if self._replies.has_pending:
            raise ConnectionLost("unencrypted data after the reply to STARTTLS")
        self._wrap(time.monotonic() + timeout)

    def _wrap(self, deadline: float) -> None:
        context = self._server.context or ssl.create_default_context()
        try:
            self._socket.settimeout(_seconds_until(deadline))
            self._socket = context.wrap_socket(self._socket, server_hostname=self._server.host)
        except BaseException:
            self._socket.close()
            raise

    def write(self, data: bytes, timeout: float, *, interruptible: bool) -> bool:
        """Hand everything to the system, and return False; or, if a reply may end that and one came, return True. Raises OSError."""
        if interruptible:
            return self._write_until_answered(memoryview(data), time.monotonic() + timeout)
        self._socket.settimeout(timeout)
        self._socket.sendall(data)
        return False

    def _write_until_answered(self, data: memoryview, deadline: float) -> bool:
        self._socket.settimeout(0)
        while data:
            if self._was_answered():
                return True
            try:
                data = data[self._socket.send(data) :]
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                self._wait(_seconds_until(deadline))
            except OSError:
                if self._was_answered():
                    return True
                raise
        return False

    def _wait(self, timeout: float) -> None:
        """Wait until there is something to read, or room to write. Raises TimeoutError."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ | selectors.EVENT_WRITE)
            if not selector.select(timeout):
                raise TimeoutError

    def _was_answered(self) -> bool:
        """Take what has come, without waiting. Raises OSError or ConnectionLost."""
        try:
            data = self._socket.recv(65536)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return self._replies.has_pending
        self._take(data)
        return True

    def read_reply(self, timeout: float) -> Reply:
        """Wait for the next reply, for so many seconds in all. Raises OSError or ConnectionLost."""
        if (reply := self._replies.next_reply()) is not None:
            return reply
        deadline = time.monotonic() + timeout
        self._socket.settimeout(timeout)
        while True:
            self._take(self._socket.recv(65536))
            if (reply := self._replies.next_reply()) is not None:
                return reply
            self._socket.settimeout(_seconds_until(deadline))

    def _take(self, data: bytes) -> None:
        if not data:
            raise ConnectionLost("the connection was closed")
        self._replies.feed(data)

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


def _connect(host: str, port: int, deadline: float) -> socket.socket:
    """Connect to the first address of a host that answers, before the deadline. Raises OSError."""
    failure: OSError = OSError("no address")
    for address in resolve_host(host, port, _seconds_until(deadline)):
        try:
            return socket.create_connection((address, port), _seconds_until(deadline))
        except OSError as error:
            failure = error
    raise failure


def _seconds_until(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class Session:
    """Performs submissions for threads. See Executor."""

    def __init__(self) -> None:
        """Connect nothing yet."""
        self._pool: ConnectionPool[Connection] = ConnectionPool()
        self._slots: dict[Server, threading.Semaphore] = {}
        self._lock = threading.Lock()

    def perform(self, exchange: Submission) -> tuple[TransactionResult, ...]:
        """Send the letters and tell what became of each. Raises nothing but what is not the network's."""
        return self.run(exchange.server, submit(exchange))

    def run(self, server: Server, talk: StepFlow[Result]) -> Result:
        """Perform any conversation with a server."""
        return _Conversation(self._pool, server, self._slot(server)).perform(talk)

    def close(self) -> None:
        """Leave every idle connection politely."""
        for connection in self._pool.drain():
            connection.close(polite=True)

    def _slot(self, server: Server) -> threading.Semaphore:
        if not self._pool.check_process():
            self._slots, self._lock = {}, threading.Lock()  # those of the parent may never be released here
        with self._lock:
            slot = self._slots.get(server)
            if slot is None:
                slot = self._slots[server] = threading.Semaphore(server.pool.size)
            return slot


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

    def connect(self, step: OpenConnection) -> str:
        self.current = Connection(self.server, self.seconds_left(step.timeout))
        return self.current.own_name

    def write(self, step: Send) -> bool:
        seconds = self.seconds_left(self.server.timeouts.data_block)
        return self.connection.write(step.data, seconds, interruptible=step.interruptible)

    def read_reply(self, step: AwaitReply) -> Reply:
        return self.connection.read_reply(self.seconds_left(step.timeout) if step.in_limit else step.timeout)

    def start_tls(self, _: StartTls) -> None:
        self.connection.secure(self.seconds_left(self.server.timeouts.connect))

    def drop(self, step: CloseConnection) -> None:
        held, self.current = self.current, None
        if held:
            held.close(polite=step.polite)
        self.release_slot()


_STEPS: dict[type[Step], Callable[[_Conversation, Any], Any]] = {
    AwaitReply: _Conversation.read_reply,
    Send: _Conversation.write,
    LimitTime: _Conversation.limit_time,
    StartTls: _Conversation.start_tls,
    ReuseConnection: _Conversation.reuse,
    OpenConnection: _Conversation.connect,
    ReleaseConnection: _Conversation.keep_connection,
    CloseConnection: _Conversation.drop,
}
