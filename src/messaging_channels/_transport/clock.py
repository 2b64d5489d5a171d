"""Time, as a dispatcher and its transport see it."""

from __future__ import annotations

import time
from collections.abc import Callable


class Clock:
    """The machine's clock. Tests use a subclass."""

    now: Callable[[], float] = staticmethod(time.time)
    """Returns the seconds since the epoch, UTC."""

    def sleep(self, seconds: float) -> None:
        """Wait in a thread."""
        time.sleep(seconds)

    async def sleep_async(self, seconds: float) -> None:
        """Wait in an event loop."""
        import asyncio  # noqa: PLC0415  half of the import time of the whole package

        await asyncio.sleep(seconds)
