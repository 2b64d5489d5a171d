"""Signals: what the observer of a dispatcher hears, for receivers of Django.

    @receiver(event_received, sender=MessageReceived)
    def answer(sender, event, **kwargs): ...

Receivers run where the message was sent or the webhook was read: in a thread of a request, or of the worker. What one of them raises is logged and keeps no
other from hearing. Under an asynchronous dispatcher they run in the event loop, where Django's ORM may not be used: have a task do it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.db import close_old_connections
from django.dispatch import Signal

from messaging_channels.plugins import Observer

if TYPE_CHECKING:
    from messaging_channels.events import Event
    from messaging_channels.plugins import Attempt

event_received = Signal()
"""A provider reported something new, once each. `sender` is the type of the event, such as `StatusChanged`; `event` the event."""
attempt_finished = Signal()
"""A provider was asked about a message. `sender` is the provider's name; `attempt` the attempt."""


class SignalObserver(Observer):
    """Sends the signals."""

    in_worker: ClassVar[bool] = False
    """Whether no request ends here, at whose end Django would close database connections that are too old."""

    def attempt_finished(self, attempt: Attempt) -> None:
        """See Observer."""
        attempt_finished.send_robust(attempt.provider, attempt=attempt)
        self._end()

    def event_received(self, event: Event) -> None:
        """See Observer."""
        event_received.send_robust(type(event), event=event)
        self._end()

    def _end(self) -> None:
        if self.in_worker:
            close_old_connections()
