"""Connections between mails: kept by server, the last one used first."""

from __future__ import annotations

import os
import ssl
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from messaging_channels_smtp.protocol.replies import Lost
from messaging_channels_smtp.protocol.steps import Connect, Refused, Secure, Stage, Step

if TYPE_CHECKING:
    from messaging_channels_smtp.protocol.server import Line, Server
    from messaging_channels_smtp.protocol.steps import Keep


class Idle(Protocol):
    """What is kept."""

    line: Line | None
    """What the two sides agreed on."""

    @property
    def gone(self) -> bool:
        """Whether the server has closed it, or said something unasked (it does so before it closes)."""
        ...


Kept = TypeVar("Kept", bound=Idle)


class Slot(Protocol):
    """A place among the connections that a server is given at once."""

    def release(self) -> None:
        """Give it back."""


class IdleLines(Generic[Kept]):
    """Idle connections by server. Safe in threads; a forked child starts empty, and leaves its parent's connections alone."""

    def __init__(self) -> None:
        """Keep nothing yet."""
        self._free: dict[Server, list[tuple[float, Kept]]] = {}
        self._owner = os.getpid()
        self._inherited: list[object] = []

    def take(self, server: Server) -> tuple[Kept | None, list[Kept]]:
        """Return a usable connection that nobody else uses, if there is one, and those to be closed."""
        self.owned()
        free, stale = self._free.setdefault(server, []), list[Kept]()
        while free:
            with suppress(IndexError):  # another thread took the last one
                since, one = free.pop()
                if time.monotonic() - since < server.limits.idle and not one.gone:
                    return one, stale
                stale.append(one)
        return None, stale

    def keep(self, server: Server, one: Kept) -> None:
        """Keep a connection for the next mail."""
        self._free.setdefault(server, []).append((time.monotonic(), one))

    def drain(self) -> list[Kept]:
        """Return all that is kept, to be closed."""
        self.owned()
        free, self._free = self._free, {}
        return [one for kept in free.values() for _, one in kept]

    def owned(self) -> bool:
        """Return False, once, in a forked child; closing what it inherited would end the parent's sessions."""
        if self._owner == os.getpid():
            return True
        self._inherited.append(self._free)
        self._free, self._owner = {}, os.getpid()
        return False


class Conversing(Generic[Kept]):
    """What one conversation holds: a slot, and one connection at a time. Belongs to one thread or task."""

    def __init__(self, idle: IdleLines[Kept], server: Server, slot: Slot) -> None:
        """Hold nothing yet."""
        self.idle = idle
        self.server = server
        self.slot = slot
        self.has_slot = False
        self.held: Kept | None = None

    @property
    def connection(self) -> Kept:
        """The one at hand."""
        assert self.held is not None  # noqa: S101  for the type checkers: every talk begins with Reuse or Connect
        return self.held

    def kept(self, step: Keep) -> None:
        """Leave the connection to the next conversation."""
        self.connection.line = step.line
        self.idle.keep(self.server, self.connection)
        self.held = None
        self.give_slot_back()

    def give_slot_back(self) -> None:
        """Let another one connect."""
        if self.has_slot:
            self.has_slot = False
            self.slot.release()


def named(error: Exception, step: Step) -> Lost | Refused:
    """Name what went wrong in a step, without the error's own text: it may hold an address."""
    if isinstance(error, (Lost, Refused)):
        return error
    if isinstance(error, ssl.SSLError) and isinstance(step, (Connect, Secure)):
        return Refused(Stage.TLS, getattr(error, "verify_message", "") or error.reason or "TLS failed")
    return Lost(type(error).__name__, timed_out=isinstance(error, TimeoutError))
