"""The time of one HTTP exchange: no phase of it, and not the whole, takes longer than allowed, however slowly the other side drips."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httpcore

if TYPE_CHECKING:
    from messaging_channels.plugins.exchange import Timeouts


class Deadline:
    """Until when the exchange under way on one connection may go on. Belongs to one exchange at a time."""

    __slots__ = ("_answer_until", "_read", "_until", "is_written", "tunnel_to")

    def __init__(self) -> None:
        self._until = self._answer_until = self._read = 0.0
        self.is_written = False
        """Whether a byte of the request may have left for its receiver."""
        self.tunnel_to: str | None = None
        """The host at the end of the tunnel, until something was written through it."""

    def begin(self, timeouts: Timeouts, *, tunnel_to: str | None) -> None:
        """Count from now. A request that goes through a proxy's tunnel is not written before the tunnel stands."""
        self._until = time.monotonic() + timeouts.limit
        self._read, self._answer_until = timeouts.read, 0.0
        self.tunnel_to = tunnel_to
        self.is_written = tunnel_to is None

    def connect_seconds(self, most: float) -> float:
        """Return how long connecting may take now.

        Raises:
            httpcore.ConnectTimeout: no time is left.
        """
        return _at_most(most, self._until, httpcore.ConnectTimeout)

    def write_seconds(self, most: float, secured_for: str | None) -> float:
        """Return how long the next write may take, on a connection that is private to that host.

        Raises:
            httpcore.WriteTimeout: no time is left.
        """
        self._answer_until = 0.0
        if not self.is_written and secured_for == self.tunnel_to:
            self.is_written = True
        return _at_most(most, self._until, httpcore.WriteTimeout)

    def read_seconds(self) -> float:
        """Return how long the next read may take: all of the answer has to come in the time of `Timeouts.read`.

        Raises:
            httpcore.ReadTimeout: no time is left.
        """
        now = time.monotonic()
        if not self._answer_until:
            self._answer_until = min(self._until, now + self._read)
        left = self._answer_until - now
        if left <= 0:
            raise httpcore.ReadTimeout
        return left


def _at_most(most: float, until: float, error: type[httpcore.TimeoutException]) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise error
    return min(most, left)
