"""What can be done with events that wait for a handler, sync or async."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from messaging_channels.plugins.exchange import Flow, ask
from messaging_channels.plugins.ledger_inbound import InboundItem, RetryInbound

if TYPE_CHECKING:
    from messaging_channels._inbound.handlers import InboundHandlers


@dataclass(frozen=True, slots=True)
class InboundClient:
    """The events of a `Dispatcher` that wait for its handlers. All of its methods raise LedgerUnavailable when the ledger could not be read or written."""

    run: Callable[[Flow[Any]], Any]
    handlers: InboundHandlers

    def waiting(self, *, limit: int = 100) -> Sequence[InboundItem]:
        """Return what no handler has dealt with yet, in the order in which it came."""
        return self.run(self.handlers.list_items(limit, is_dead=False))  # type: ignore[no-any-return]

    def dead_letters(self, *, limit: int = 100) -> Sequence[InboundItem]:
        """Return events with which a handler failed too often, in the order in which they came."""
        return self.run(self.handlers.list_items(limit, is_dead=True))  # type: ignore[no-any-return]

    def retry_dead_letters(self, event_key: str | None = None, *, limit: int = 1000) -> int:
        """Have dead letters dealt with again: those of one event, or up to `limit` of all. Return how many."""
        return self.run(ask(RetryInbound(self.handlers.clock(), event_key, limit)))  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class AsyncInboundClient:
    """The events of an `AsyncDispatcher` that wait for its handlers; see `InboundClient`."""

    run: Callable[[Flow[Any]], Awaitable[Any]]
    handlers: InboundHandlers

    async def waiting(self, *, limit: int = 100) -> Sequence[InboundItem]:
        """See `InboundClient.waiting`."""
        return await self.run(self.handlers.list_items(limit, is_dead=False))  # type: ignore[no-any-return]

    async def dead_letters(self, *, limit: int = 100) -> Sequence[InboundItem]:
        """See `InboundClient.dead_letters`."""
        return await self.run(self.handlers.list_items(limit, is_dead=True))  # type: ignore[no-any-return]

    async def retry_dead_letters(self, event_key: str | None = None, *, limit: int = 1000) -> int:
        """See `InboundClient.retry_dead_letters`."""
        return await self.run(ask(RetryInbound(self.handlers.clock(), event_key, limit)))  # type: ignore[no-any-return]
