"""A clock under control: what waits for it goes on at once, and it says afterwards how long that would have taken."""

from __future__ import annotations

import asyncio
import threading

from messaging_channels._transport.clock import Clock

START = 1_790_000_000.0
"""What time it is at first: in September 2026."""


class ControlledClock(Clock):
    """A clock for tests: it moves only when code waits or when you advance it. Thread-safe."""

    def __init__(self, start: float = START) -> None:
        """Start at that time: seconds since the epoch, UTC."""
        self._now = start
        self._lock = threading.Lock()
        self.waits: list[float] = []
        """How long each wait would have taken, in order."""

    def now(self) -> float:
        """Return the controlled time: seconds since the epoch, UTC."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Advance the clock without waiting."""
        with self._lock:
            self.waits.append(seconds)
            self._now += seconds

    async def sleep_async(self, seconds: float) -> None:
        """Let the time pass at once; other tasks get their turn."""
        self.sleep(seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        """Move it on, as between two acts of a test."""
        with self._lock:
            self._now += seconds
