"""Submissions for threads: conversations on sockets. Connections are kept between mails."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from messaging_channels_smtp.idle import Conversing, IdleLines, named
from messaging_channels_smtp.protocol.commands import QUIT
from messaging_channels_smtp.protocol.letters import Delivery
from messaging_channels_smtp.protocol.replies import Lost, Replies, Reply
from messaging_channels_smtp.protocol.server import Line, Server
from messaging_channels_smtp.protocol.steps import (
    Await,
    Connect,
    Drop,
    Keep,
    Refused,
    Reuse,
    Secure,
    Send,
    Step,
    Talk,
)
from messaging_channels_smtp.protocol.submission import Submission, submitted

Result = TypeVar("Result")


class Connection:
    """A socket, and the replies that came through it."""

    def __init__(self, server: Server, seconds: float) -> None:
        """Connect, with TLS from the first octet if that is the server's mode. Raises OSError."""
        self.line: Line | None = None
        self._server = server
        self._replies = Replies()
        self._socket = socket.create_connection((server.host, server.port), timeout=seconds)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if server.tls == "implicit":
            self._wrap()

    def secure(self) -> None:
        """Begin TLS.

        Raises:
            Lost: the server said more than it was asked, in clear: somebody may have put words into its mouth.
        """
        if self._replies.pending:
            raise Lost("words in clear after the reply to STARTTLS")
        self._socket.settimeout(self._server.patience.connect)
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
        self._socket.settimeout(self._server.patience.block)
        self._socket.sendall(data)

    def reply(self, seconds: float) -> Reply:
        """Wait for the next reply. Raises OSError or Lost."""
        while (reply := self._replies.next()) is None:
            self._socket.settimeout(seconds)
            data = self._socket.recv(65536)
            if not data:
                raise Lost("the connection was closed")
            self._replies.feed(data)
        return reply

    @property
    def gone(self) -> bool:
        """See Idle."""
        if self._replies.pending:
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
        self._idle: IdleLines[Connection] = IdleLines()
        self._slots: dict[Server, threading.Semaphore] = {}
        self._lock = threading.Lock()

    def perform(self, exchange: Submission) -> tuple[Delivery, ...]:
        """Send the letters and tell what became of each. Raises nothing but what is not the network's."""
        conversation = _Conversation(self._idle, exchange.server, self._slot(exchange.server))
        return conversation.run(submitted(exchange))

    def close(self) -> None:
        """Leave every idle connection politely."""
        for connection in self._idle.drain():
            connection.close(polite=True)

    def _slot(self, server: Server) -> threading.Semaphore:
        if not self._idle.owned():
            self._slots, self._lock = {}, threading.Lock()  # those of the parent may never be released here
        with self._lock:
            return self._slots.setdefault(server, threading.Semaphore(server.limits.connections))


class _Conversation(Conversing[Connection]):
    """One talk, on one connection at a time."""

    slot: threading.Semaphore

    def run(self, talk: Talk[Result]) -> Result:
        advance: Callable[[Any], Step] = talk.send
        answer: Any = None
        try:
            while True:
                step = advance(answer)
                try:
                    answer, advance = _STEPS[type(step)](self, step), talk.send
                except (Lost, Refused, OSError, UnicodeError) as error:
                    answer, advance = named(error, step), talk.throw
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        finally:
            self.drop(Drop())

    def reuse(self, step: Reuse) -> Line | None:
        self.has_slot = self.slot.acquire(timeout=step.seconds)
        if not self.has_slot:
            raise Lost("all connections are in use", timed_out=True)
        self.held, stale = self.idle.take(self.server)
        for connection in stale:
            connection.close(polite=False)
        return self.held.line if self.held else None

    def connect(self, step: Connect) -> None:
        self.held = Connection(self.server, step.seconds)

    def drop(self, step: Drop) -> None:
        held, self.held = self.held, None
        if held:
            held.close(polite=step.polite)
        self.give_slot_back()


_STEPS: dict[type[Step], Callable[[_Conversation, Any], Any]] = {
    Await: lambda own, step: own.connection.reply(step.seconds),
    Send: lambda own, step: own.connection.write(step.data),
    Secure: lambda own, _: own.connection.secure(),
    Reuse: _Conversation.reuse,
    Connect: _Conversation.connect,
    Keep: _Conversation.kept,
    Drop: _Conversation.drop,
}
