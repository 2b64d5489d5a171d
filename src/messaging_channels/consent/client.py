"""Consent from either dispatcher: `dispatcher.consent`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from messaging_channels._model.statements import StatementKind
from messaging_channels.consent.store import ConsentStore

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from messaging_channels._model.addresses import Address
    from messaging_channels._model.statements import ConsentStatement
    from messaging_channels.plugins.exchange import Flow


class StatementKeywords(TypedDict, total=False):
    """What may be told of a statement. See `ConsentClient.add`."""

    kind: StatementKind | str
    category: str
    reason: str
    evidence: str
    source: str
    said_at: float | None
    expires_at: float | None


@dataclass(frozen=True, slots=True)
class ConsentClient:
    """The consent of a `Dispatcher`. Addresses in any spelling. All methods raise LedgerUnavailable when the ledger could not be read or written."""

    run: Callable[[Flow[Any]], Any]
    store: ConsentStore

    def recipient_key(self, address: Address) -> str:
        """Return the key by which the ledger names a person: for `UnsubscribeLinks`."""
        return self.store.gate.keys.key(address)

    def show(self, channel: str, address: str | Address) -> Sequence[ConsentStatement]:
        """Return all that was said about an address on a channel (`*` for all), in the order in which it was kept.

        Raises:
            InvalidAddress: it is no address of that channel.
        """
        return self.run(self.store.show(channel, address))  # type: ignore[no-any-return]

    def find(
        self, channel: str, address: str | Address, *, category: str | None = None
    ) -> ConsentStatement | None:
        """Return the statement that blocks messages of this category (default: `marketing`); None if there is none."""
        return self.run(self.store.find(channel, address, category))  # type: ignore[no-any-return]

    def add(
        self, channel: str, address: str | Address, **about: Unpack[StatementKeywords]
    ) -> ConsentStatement:
        """Keep what was said, and return it.

        Args:
            channel: such as `sms`.
            address: in any spelling.
            **about: `kind` (default: an opt-out), `category` (empty: every message), `reason`, `evidence`, `source` (`operator`), `said_at`
                (now) and `expires_at` (never), both in seconds since the epoch, UTC.

        Raises:
            InvalidAddress: it is no address of that channel.
            ConfigurationError: the ledger keeps no consent.
        """
        return self.run(self.store.add(channel, address, **about))  # type: ignore[no-any-return]

    def record(self, statements: Iterable[ConsentStatement]) -> int:
        """Keep statements, each once, such as those of an import. Return how many were new."""
        return self.run(self.store.record(statements))  # type: ignore[no-any-return]

    def remove(
        self, channel: str, address: str | Address, *, reason: str = "by hand", kinds: Iterable[str] = ()
    ) -> int:
        """Lift what blocks an address: opt-outs, blocks and bounces, or the `kinds` that are named, such as `complaint`. Return how many."""
        return self.run(self.store.remove(channel, address, reason=reason, kinds=frozenset(kinds)))  # type: ignore[no-any-return]

    def export(self) -> Iterator[ConsentStatement]:
        """Yield everything that was ever said, in the order in which it was kept."""
        last = None
        while page := self.run(self.store.page(last)):
            yield from page
            last = page[-1]


@dataclass(frozen=True, slots=True)
class AsyncConsentClient:
    """The consent of an `AsyncDispatcher`; see `ConsentClient`."""

    run: Callable[[Flow[Any]], Awaitable[Any]]
    store: ConsentStore

    def recipient_key(self, address: Address) -> str:
        """Return the digest of an address: see `ConsentClient.recipient_key`."""
        return self.store.gate.keys.key(address)

    async def show(self, channel: str, address: str | Address) -> Sequence[ConsentStatement]:
        """Return the statements about an address: see `ConsentClient.show`."""
        return await self.run(self.store.show(channel, address))  # type: ignore[no-any-return]

    async def find(
        self, channel: str, address: str | Address, *, category: str | None = None
    ) -> ConsentStatement | None:
        """Return the statement that blocks an address, or None: see `ConsentClient.find`."""
        return await self.run(self.store.find(channel, address, category))  # type: ignore[no-any-return]

    async def add(
        self, channel: str, address: str | Address, **about: Unpack[StatementKeywords]
    ) -> ConsentStatement:
        """Store a statement about an address: see `ConsentClient.add`."""
        return await self.run(self.store.add(channel, address, **about))  # type: ignore[no-any-return]

    async def record(self, statements: Iterable[ConsentStatement]) -> int:
        """Store the statement of an event: see `ConsentClient.record`."""
        return await self.run(self.store.record(statements))  # type: ignore[no-any-return]

    async def remove(
        self, channel: str, address: str | Address, *, reason: str = "by hand", kinds: Iterable[str] = ()
    ) -> int:
        """Lift what blocks an address: see `ConsentClient.remove`."""
        return await self.run(self.store.remove(channel, address, reason=reason, kinds=frozenset(kinds)))  # type: ignore[no-any-return]

    async def export(self) -> AsyncIterator[ConsentStatement]:
        """Return all statements in pages: see `ConsentClient.export`."""
        last = None
        while page := await self.run(self.store.page(last)):
            for one in page:
                yield one
            last = page[-1]
