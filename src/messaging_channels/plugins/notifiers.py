"""Wake-ups by an engine of your own: "look at message X now". At least once is enough, and none or many do no harm.

What is to be sent stands in the ledger. A worker looks there every second or so anyway; a waker only makes it look at once, and on whichever machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from messaging_channels.plugins.exchange import Exchange, Executors


class Waker(Protocol):
    """Has some worker look at a message when it is due. Called from many threads or tasks, right after the message was kept.

    What it raises is logged and changes nothing. Hand over the id and nothing else: it is all that `Worker.look` needs.
    """

    def wake(self, message_id: str, due: float) -> None:
        """Hand over in a thread. `due` is in seconds since the epoch, UTC."""
        ...

    async def wake_async(self, message_id: str, due: float) -> None:
        """Hand over in an event loop."""
        ...


@dataclass(frozen=True, slots=True)
class WakeUp(Exchange[None]):
    """Hand a message's id to a waker."""

    waker: Waker
    message_id: str
    due: float
    effect: bool = False


class _Sync:
    def perform(self, exchange: WakeUp) -> None:
        try:
            exchange.waker.wake(exchange.message_id, exchange.due)
        except Exception as why:  # noqa: BLE001  whatever an engine raises
            _lost(exchange, why)

    def close(self) -> None:
        """Hold nothing."""


class _Async:
    async def perform(self, exchange: WakeUp) -> None:
        try:
            await exchange.waker.wake_async(exchange.message_id, exchange.due)
        except Exception as why:  # noqa: BLE001  whatever an engine raises
            _lost(exchange, why)

    async def close(self) -> None:
        """Hold nothing."""


def _lost(exchange: WakeUp, why: Exception) -> None:
    import logging  # noqa: PLC0415  not needed where engines are well behaved

    log = logging.getLogger("messaging_channels.plugins.notifiers")
    text = "a wake-up was lost; message %s is found by the next look"
    log.error(text, exchange.message_id, exc_info=why)


EXECUTORS = Executors(_Sync, _Async)
