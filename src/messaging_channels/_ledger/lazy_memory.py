"""The ledger of a dispatcher that was given none: in memory, and made only when a message with an idempotency key comes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from messaging_channels._ledger.address_privacy import AddressPrivacy
from messaging_channels.plugins.exchange import Exchange, ExecutorPair
from messaging_channels.plugins.ledger_queue import ALL_OPERATIONS

if TYPE_CHECKING:
    from messaging_channels.plugins.exchange import AsyncExecutor, Executor


class LazyMemoryLedger(AddressPrivacy):
    """Keeps records as long as the dispatcher lives."""

    @property
    def executors(self) -> Mapping[type[Exchange[Any]], ExecutorPair]:
        """See Ledger."""
        return dict.fromkeys(ALL_OPERATIONS, ExecutorPair(_sync, _async, is_shared=True))


def _sync() -> Executor:
    from messaging_channels._ledger.sqlite import SqliteLedger  # noqa: PLC0415  sqlite3 is slow to import

    return next(iter(SqliteLedger(owned=True).executors.values())).sync()


def _async() -> AsyncExecutor:
    from messaging_channels._ledger.sqlite import SqliteLedger  # noqa: PLC0415  sqlite3 is slow to import

    return next(iter(SqliteLedger(owned=True).executors.values())).asynchronous()
