"""Connections between mails: kept by server, the last one used first."""

from __future__ import annotations

import math
import os
import re
import socket
import ssl
import time
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from messaging_channels_smtp.protocol.replies import ConnectionLost
from messaging_channels_smtp.protocol.steps import OpenConnection, SessionRefused, Stage, StartTls, Step

if TYPE_CHECKING:
    from messaging_channels_smtp.protocol.server import ConnectionState, Server
    from messaging_channels_smtp.protocol.steps import LimitTime, ReleaseConnection


class PooledConnection(Protocol):
    """What is kept."""

    state: ConnectionState | None
    """What the two sides agreed on."""

    @property
    def is_closed(self) -> bool:
        """Whether the server has closed it, or said something unasked (it does so before it closes)."""
        ...


PooledType = TypeVar("PooledType", bound=PooledConnection)


class ConnectionSlot(Protocol):
    """A place among the connections that a server is given at once."""

    def release(self) -> None:
        """Give it back."""


class ConnectionPool(Generic[PooledType]):
    """Idle connections by server. Safe in threads; a forked child starts empty, and leaves its parent's connections alone."""

    def __init__(self) -> None:
        """Keep nothing yet."""
        self._idle: dict[Server, list[tuple[float, PooledType]]] = {}
        self._owner = os.getpid()
        self._inherited: list[object] = []

    def acquire(self, server: Server) -> tuple[PooledType | None, list[PooledType]]:
        """Return a usable connection that nobody else uses, if there is one, and those to be closed."""
        self.check_process()
        free = self._idle.get(server)
        stale: list[PooledType] = []
        while free:
            try:
                since, one = free.pop()
            except IndexError:  # another thread took the last one
                break
            if time.monotonic() - since < server.pool.keepalive_expiry and not one.is_closed:
                return one, stale
            stale.append(one)
        return None, stale

    def release(self, server: Server, connection: PooledType) -> None:
        """Keep a connection for the next mail."""
        self._idle.setdefault(server, []).append((time.monotonic(), connection))

    def drain(self) -> list[PooledType]:
        """Return all that is kept, to be closed."""
        self.check_process()
        free, self._idle = self._idle, {}
        return [one for kept in free.values() for _, one in kept]

    def check_process(self) -> bool:
        """Return False, once, in a forked child; closing what it inherited would end the parent's sessions."""
        if self._owner == os.getpid():
            return True
        self._inherited.append(self._idle)
        self._idle, self._owner = {}, os.getpid()
        return False


class ConnectionHolder(Generic[PooledType]):
    """What one conversation holds: a slot, and one connection at a time. Belongs to one thread or task."""

    def __init__(self, pool: ConnectionPool[PooledType], server: Server, slot: ConnectionSlot) -> None:
        """Hold nothing yet."""
        self.pool = pool
        self.server = server
        self.slot = slot
        self.has_slot = False
        self.current: PooledType | None = None
        self.deadline = math.inf

    @property
    def connection(self) -> PooledType:
        """The one at hand."""
        assert self.current is not None  # noqa: S101  for the type checkers: every talk begins with Reuse or Connect
        return self.current

    def keep_connection(self, step: ReleaseConnection) -> None:
        """Leave the connection to the next conversation."""
        self.connection.state = step.state
        self.pool.release(self.server, self.connection)
        self.current = None
        self.release_slot()

    def release_slot(self) -> None:
        """Let another one connect."""
        if self.has_slot:
            self.has_slot = False
            self.slot.release()

    def limit_time(self, step: LimitTime) -> None:
        """Begin a limit anew."""
        self.deadline = time.monotonic() + step.seconds

    def seconds_left(self, timeout: float) -> float:
        """Return a step's own seconds, or fewer where the limit is nearer.

        Raises:
            TimeoutError: the limit is over.
        """
        left = min(timeout, self.deadline - time.monotonic())
        if left <= 0:
            raise TimeoutError
        return left


def name_for_ehlo(local_address: str) -> str:
    """Return this machine's full name, or its address as a literal where it has none (RFC 5321 section 4.1.3). Asks no name server."""
    name = socket.gethostname().rstrip(".")
    if "." in name and _FULL_NAME.fullmatch(name) and not name.lower().startswith("localhost"):
        return name
    address = ip_address(local_address.partition("%")[0])
    if isinstance(address, IPv6Address):
        return f"[{address.ipv4_mapped}]" if address.ipv4_mapped else f"[IPv6:{address}]"
    return f"[{address}]"


def classify_error(error: Exception, step: Step) -> ConnectionLost | SessionRefused:
    """Name what went wrong in a step, without the error's own text: it may hold an address.

    A certificate that is not good, or a TLS that the two sides do not share, is a refusal; a handshake that ended early is a lost connection.
    """
    if isinstance(error, (ConnectionLost, SessionRefused)):
        return error
    if isinstance(error, ssl.SSLError) and isinstance(step, (OpenConnection, StartTls)):
        reason = error.reason or ""
        if isinstance(error, ssl.SSLCertVerificationError) or "ALERT" in reason or "PROTOCOL" in reason:
            return SessionRefused(Stage.TLS, getattr(error, "verify_message", "") or reason)
        return ConnectionLost(f"no TLS came about ({reason or type(error).__name__})")
    return ConnectionLost(type(error).__name__, timed_out=isinstance(error, TimeoutError))


_FULL_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")
