"""Observers of attempts and events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from messaging_channels._model.events import Event
    from messaging_channels._model.receipts import Attempt


class Observer:
    """Receives attempts and events. Exceptions are logged and change nothing. Called from many threads and tasks."""

    def attempt_finished(self, attempt: Attempt) -> None:
        """Receive one attempt."""

    def event_received(self, event: Event) -> None:
        """Receive one event of a provider, once."""

    def message_enqueued(self, channel: str, message_id: str) -> str:  # noqa: ARG002  for subclasses
        """Hear that a message is about to be stored to be sent later.

        Return what its attempts carry as `trace`, such as a W3C `traceparent`; empty for nothing.
        """
        return ""


class CompositeObserver(Observer):
    """Several observers as one. What one of them raises keeps no other from hearing."""

    def __init__(self, *observers: Observer) -> None:
        """Call them in this order."""
        self._observers: Sequence[Observer] = observers

    def attempt_finished(self, attempt: Attempt) -> None:
        """Pass the attempt to every observer. An exception of an observer goes to the log and stops no other observer."""
        for observer in self._observers:
            notify(observer.attempt_finished, attempt)

    def event_received(self, event: Event) -> None:
        """Pass the event to every observer, as `attempt_finished` does."""
        for observer in self._observers:
            notify(observer.event_received, event)

    def message_enqueued(self, channel: str, message_id: str) -> str:
        """Ask every observer; return the first answer that is not empty, such as a `traceparent`."""
        told = [trace_of(observer, channel, message_id) for observer in self._observers]
        return next(filter(None, told), "")


def trace_of(observer: Observer | None, channel: str, message_id: str) -> str:
    """Let an observer hear that a message is enqueued, and return its trace. What it raises is logged, and one without that method says nothing."""
    found: list[str] = []
    tell = getattr(observer, "message_enqueued", None)
    if tell is not None:
        notify(lambda value: found.append(str(tell(channel, value))), message_id)
    return next(iter(found), "")


def notify(callback: Callable[[Any], None], value: object) -> None:
    """Let an observer hear of something. What it raises is logged and changes nothing."""
    try:
        callback(value)
    except (KeyboardInterrupt, SystemExit, GeneratorExit):  # from a signal: the process is to end
        raise
    except BaseException:
        import logging  # noqa: PLC0415  not needed where observers are well behaved

        logging.getLogger("messaging_channels.plugins.observer").exception(
            "observer %s raised", getattr(callback, "__qualname__", type(callback).__name__)
        )
