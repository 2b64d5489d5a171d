"""Wake-ups by an engine of your own: "look at message X now". At least once is enough, and none or many do no harm.

What is to be sent stands in the ledger. A worker looks there every second or so anyway; a waker only makes it look at once, and on whichever machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from messaging_channels.plugins.exchange import Exchange, ExecutorPair


class QueueNotifier(Protocol):
    """Starts a worker for a message when it is due. Called from many threads or tasks, after the message was stored.

    What it raises is logged and changes nothing. Hand over the id and nothing else: it is all that `Worker.look` needs.
    """

    def notify(self, message_id: str, not_before: float) -> None:
        """Hand over in a thread. `due` is in seconds since the epoch, UTC."""
        ...

    async def notify_async(self, message_id: str, not_before: float) -> None:
        """Hand over in an event loop."""
        ...


@dataclass(frozen=True, slots=True)
class NotifyWorkers(Exchange[None]):
    """Hand a message's id to a waker."""

    notifier: QueueNotifier
    message_id: str
    not_before: float
    may_send: bool = False


class _Sync:
    def perform(self, exchange: NotifyWorkers) -> None:
        try:
            exchange.notifier.notify(exchange.message_id, exchange.not_before)
        except Exception as why:  # noqa: BLE001  whatever an engine raises
            _log_failure(exchange, why)

    def close(self) -> None:
        """Hold nothing."""


class _Async:
    async def perform(self, exchange: NotifyWorkers) -> None:
        try:
            await exchange.notifier.notify_async(exchange.message_id, exchange.not_before)
        except Exception as why:  # noqa: BLE001  whatever an engine raises
            _log_failure(exchange, why)

    async def close(self) -> None:
        """Hold nothing."""


def _log_failure(exchange: NotifyWorkers, why: Exception) -> None:
    import logging  # noqa: PLC0415  not needed where engines are well behaved

    log = logging.getLogger("messaging_channels.plugins.notifiers")
    text = "queue notification failed for message %s; a worker finds the message at its next poll"
    log.error(text, exchange.message_id, exc_info=why)


EXECUTORS = ExecutorPair(_Sync, _Async)
