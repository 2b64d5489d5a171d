"""Submissions for threads: conversations on sockets. Connections are kept between mails."""

from __future__ import annotations

import select
import selectors
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
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
        self._is_private = False
        """Whether TLS lies between us and the socket: what has come may be held there already."""
        deadline = time.monotonic() + timeout
        self._socket = _connect(server.host, server.port, deadline)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._readiness = _Readiness(self._socket.fileno())
        if server.tls == "implicit":
            self._wrap(deadline)
        else:
            self._socket.setblocking(False)

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
            self._socket.setblocking(False)
            self._is_private = True
        except BaseException:
            self._socket.close()
            raise

    def write(self, data: bytes, timeout: float, *, interruptible: bool) -> bool:
        """Hand everything to the system, and return False; or, if a reply may end that and one came, return True. Raises OSError."""
        if interruptible:
            return self._write_until_answered(memoryview(data), time.monotonic() + timeout)
        if (written := self._write_some(data)) < len(data):
            self._write_rest(memoryview(data)[written:], time.monotonic() + timeout)
        return False

    def _write_some(self, data: bytes | memoryview) -> int:
        """Write as much as the system takes at once."""
        try:
            return self._socket.send(data)
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            return 0

    def _write_rest(self, data: memoryview, deadline: float) -> None:
        while data:
            try:
                data = data[self._socket.send(data) :]
            except (BlockingIOError, ssl.SSLWantWriteError):
                self._readiness.wait(_seconds_until(deadline), selectors.EVENT_WRITE)
            except ssl.SSLWantReadError:
                self._readiness.wait(_seconds_until(deadline))

    def _write_until_answered(self, data: memoryview, deadline: float) -> bool:
        while data:
            if self._was_answered():
                return True
            try:
                written = self._write_some(data)
            except OSError:
                if self._was_answered():
                    return True
                raise
            data = data[written:]
            if not written:
                self._readiness.wait(_seconds_until(deadline), selectors.EVENT_READ | selectors.EVENT_WRITE)
        return False

    def _was_answered(self) -> bool:
        """Take what has come, without waiting. Raises OSError or ConnectionLost."""
        try:
            data = self._socket.recv(_READ_OCTETS)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return self._replies.has_pending
        self._take(data)
        return True

    def replies_at_hand(self, most: int) -> list[Reply]:
        """Return the replies that have come already, but no more than `most`. Raises ConnectionLost."""
        return self._replies.next_replies(most)

    def read_replies(self, most: int, timeout: float) -> list[Reply]:
        """Wait for a reply that has not come yet, for so many seconds in all; return it and those with it. Raises OSError or ConnectionLost."""
        deadline, left = time.monotonic() + timeout, timeout
        while True:
            self._take(self._receive(left, deadline))
            if replies := self._replies.next_replies(most):
                return replies
            left = _seconds_until(deadline)

    def _receive(self, left: float, deadline: float) -> bytes:
        """Wait for something to read, for the seconds that are left, and return it; nothing at the end of the connection."""
        if not self._is_private:
            self._readiness.wait(left)
        while True:
            try:
                return self._socket.recv(_READ_OCTETS)
            except (BlockingIOError, ssl.SSLWantReadError):
                self._readiness.wait(_seconds_until(deadline))
            except ssl.SSLWantWriteError:
                self._readiness.wait(_seconds_until(deadline), selectors.EVENT_WRITE)

    def _take(self, data: bytes) -> None:
        if not data:
            raise ConnectionLost("the connection was closed")
        self._replies.feed(data)

    @property
    def is_closed(self) -> bool:
        """See Idle."""
        if self._replies.has_pending:
            return True
        if not self._is_private and not self._readiness.is_readable:
            return False
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
                self._socket.send(QUIT)
        self._socket.close()


class _Readiness:
    """Waits for a socket that never blocks: half the system calls of one with a time-out."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._poll: Any = None
        if sys.platform != "win32":
            self._poll = select.poll()
            self._poll.register(descriptor, select.POLLIN)

    @property
    def is_readable(self) -> bool:
        """Whether something has come, or the end."""
        return bool(self._poll.poll(0)) if self._poll else True

    def wait(self, timeout: float, events: int = selectors.EVENT_READ) -> None:
        """Wait so many seconds at most until it can be read, or what `events` says. Raises TimeoutError."""
        seconds = min(timeout, _LONGEST_WAIT)
        if self._poll and events == selectors.EVENT_READ:
            if self._poll.poll(seconds * 1000):
                return
        else:
            with selectors.DefaultSelector() as selector:
                selector.register(self._descriptor, events)
                if selector.select(seconds):
                    return
        raise TimeoutError


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
        self._slots: dict[Server, _Slots] = {}
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

    def _slot(self, server: Server) -> _Slots:
        if not self._pool.check_process():
            self._slots, self._lock = {}, threading.Lock()  # those of the parent may never be released here
        if (slot := self._slots.get(server)) is None:
            with self._lock:
                slot = self._slots.setdefault(server, _Slots(server.pool.size))
        return slot


class _Slots:
    """Places among the connections that a server is given at once. A queue of them takes a tenth of a semaphore's time."""

    def __init__(self, count: int) -> None:
        self._free: SimpleQueue[None] = SimpleQueue()
        for _ in range(count):
            self._free.put(None)

    def acquire(self, timeout: float) -> bool:
        """Take one, and say whether there was one in time."""
        try:
            self._free.get(timeout=min(timeout, _LONGEST_WAIT))
        except Empty:
            return False
        return True

    def release(self) -> None:
        """Give it back."""
        self._free.put(None)


class _Conversation(ConnectionHolder[Connection]):
    """One talk, on one connection at a time."""

    slot: _Slots

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
            if self.current or self.has_slot:
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

    def read_replies(self, step: AwaitReply) -> list[Reply]:
        connection = self.connection
        return connection.replies_at_hand(step.most) or connection.read_replies(
            step.most, self.seconds_left(step.timeout) if step.in_limit else step.timeout
        )

    def start_tls(self, _: StartTls) -> None:
        self.connection.secure(self.seconds_left(self.server.timeouts.connect))

    def drop(self, step: CloseConnection) -> None:
        held, self.current = self.current, None
        if held:
            held.close(polite=step.polite)
        self.release_slot()


_READ_OCTETS = 65536
_LONGEST_WAIT = 86400.0
"""Seconds: more than the system's counters hold is no time-out."""
_STEPS: dict[type[Step], Callable[[_Conversation, Any], Any]] = {
    AwaitReply: _Conversation.read_replies,
    Send: _Conversation.write,
    LimitTime: _Conversation.limit_time,
    StartTls: _Conversation.start_tls,
    ReuseConnection: _Conversation.reuse,
    OpenConnection: _Conversation.connect,
    ReleaseConnection: _Conversation.keep_connection,
    CloseConnection: _Conversation.drop,
}
