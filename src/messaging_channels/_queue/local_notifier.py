"""Tells workers of the same process at once that something waits."""

from __future__ import annotations

from collections.abc import Callable


class LocalNotifier:
    """Tells the workers of this process that something was enqueued."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[], None]] = []

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Have a function called, from any thread, whenever something was enqueued."""
        self._listeners.append(listener)

    def unsubscribe(self, listener: Callable[[], None]) -> None:
        """Call it no more."""
        self._listeners.remove(listener)

    def notify(self) -> None:
        """Call all of them."""
        for listener in tuple(self._listeners):
            listener()
