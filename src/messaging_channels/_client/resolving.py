"""What both clients offer for messages whose outcome is unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from messaging_channels._client.arguments import check_list
from messaging_channels._client.base import BaseDispatcher
from messaging_channels._queue.resolving import resolve
from messaging_channels._transport.drivers import AsyncTransport, Transport
from messaging_channels.plugins.exchange import ask
from messaging_channels.plugins.ledger_resolve import ListUnresolved

if TYPE_CHECKING:
    from collections.abc import Sequence

    from messaging_channels._queue.resolving import ResolvedAs
    from messaging_channels.plugins.ledger import MessageRecord


class ResolvingDispatcher(BaseDispatcher):
    """The part of `Dispatcher` about unknown outcomes."""

    _transport: Transport

    def list_unknown(self, *, limit: int = 50, before: str | None = None) -> Sequence[MessageRecord]:
        """Return the records whose outcome is unknown, queued or sent directly, of all scopes, the newest first: a page of at most `limit`.

        The next page is `before` the last id.

        Raises:
            InvalidArgument: the limit is no positive number.
            LedgerUnavailable: it could not be read.
        """
        check_list(limit)
        return self._transport.run(ask(ListUnresolved(self._reports.clock(), limit, before)))

    def resolve(self, message_id: str, resolved_as: ResolvedAs, *, by: str, why: str) -> MessageRecord:
        """Record a person's decision whether a message whose outcome is unknown was sent, and return its record.

        `by` (who decides) and `why` (what was found at the provider) are kept in the record: 1 to 500 characters each. A queued message that was
        not sent is sent again by a worker, within its deadline; a direct one may be sent again with the same idempotency key. A report
        that proves the contrary later counts more than the decision.

        Raises:
            CannotResolve: there is no such message, its outcome is known, or an attempt is under way.
            InvalidMessage: `by`, `why` or `resolved_as` cannot be meant.
            LedgerUnavailable: it could not be written.
        """
        return self._transport.run(
            resolve(message_id, resolved_as, by=by, why=why, now=self._reports.clock())
        )


class AsyncResolvingDispatcher(BaseDispatcher):
    """The part of `AsyncDispatcher` about unknown outcomes."""

    _transport: AsyncTransport

    async def list_unknown(self, *, limit: int = 50, before: str | None = None) -> Sequence[MessageRecord]:
        """See `Dispatcher.list_unknown`."""
        check_list(limit)
        return await self._transport.run(ask(ListUnresolved(self._reports.clock(), limit, before)))

    async def resolve(self, message_id: str, resolved_as: ResolvedAs, *, by: str, why: str) -> MessageRecord:
        """See `Dispatcher.resolve`."""
        flow = resolve(message_id, resolved_as, by=by, why=why, now=self._reports.clock())
        return await self._transport.run(flow)
