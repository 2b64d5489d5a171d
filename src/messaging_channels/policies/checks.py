"""Rules of ours that may forbid a message before anything leaves the machine: opted out, not an allowed country, too many, too dear.

A rule that cannot be asked forbids (it fails closed). Rules are asked in order, once for each message, before its idempotency key is reserved.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from messaging_channels._model.addresses import PhoneNumber
from messaging_channels._model.consent import category_of
from messaging_channels._model.errors import MessageBlocked
from messaging_channels._model.events import Event
from messaging_channels._model.identity import identity
from messaging_channels._model.rate_limit import RateLimit
from messaging_channels._model.statements import ConsentStatement, StatementKind
from messaging_channels._model.values import as_texts
from messaging_channels.plugins.channel_addresses import address_on
from messaging_channels.plugins.exchange import BlockingCall, CurrentTime, Flow, ask
from messaging_channels.plugins.pre_send import PreSendCheck
from messaging_channels.policies.rate_limiter import RateLimiter
from messaging_channels.policies.shared_checks import SharedBudget, SharedVelocity, too_many
from messaging_channels.policies.suppression import StatementStore

if TYPE_CHECKING:
    from messaging_channels._model.addresses import Address
    from messaging_channels.plugins.provider import Envelope

__all__ = ["AllowedPrefixes", "PreSendCheck", "SpendLimit", "SuppressionList", "VelocityLimit"]

_DAY_SECONDS = 86400.0
_LINE = 4
"""How many last digits tell subscribers of one block of numbers apart."""


class SuppressionList(PreSendCheck):
    """Blocks recipients who opted out. A list beside the ledger, in memory or in a SQLite file, which receives opt-outs and opt-ins from webhooks.

    It keeps digests of addresses, the same for every spelling of a number or mail address, and what was said about them (`find_blocking`). A ledger keeps
    the same where all processes share it, and needs no such list.
    """

    name: ClassVar[str] = "suppression list"

    def __init__(self, path: str | Path | None = None, *, pepper: bytes = b"") -> None:
        """Open the file, or keep everything in memory. With a secret `pepper`, digests cannot be turned back by trying all numbers."""
        self._store = StatementStore(path, pepper)

    def add(
        self,
        channel: str,
        address: str | Address,
        reason: str = "by hand",
        *,
        category: str = "",
        kind: StatementKind = StatementKind.OPTED_OUT,
        expires_at: float | None = None,
    ) -> None:
        """Put an address, in whatever spelling, on the list: for all messages, or those of a category.

        Raises:
            InvalidAddress: it is no address of that channel.
        """
        self._store.add(address_on(channel, address), channel, kind, reason, category, expires_at)

    def remove(self, channel: str, address: str | Address) -> None:
        """Take an address, in whatever spelling, off the list: whatever blocked it so far, blocks it no longer.

        Raises:
            InvalidAddress: it is no address of that channel.
        """
        self._store.lift(address_on(channel, address), channel)

    def check(self, envelope: Envelope, account: str | None) -> Flow[str | None]:  # noqa: ARG002  whoever it is for
        """Block a message to a person who opted out. The exception holds the entry.

        Raises:
            MessageBlocked: An entry of the list blocks the message.
        """
        category = category_of(envelope.message)
        entry: ConsentStatement | None = yield from ask(
            BlockingCall(lambda: self._store.find(envelope.to, envelope.channel, category), may_send=False)
        )
        if entry is not None:
            raise MessageBlocked(str(entry), check=self.name, entry=entry)
        return None

    def event_received(self, event: Event) -> None:
        """Store the opt-out, complaint or bounce of an event. Safe in threads."""
        self._store.record(event)

    def export_recipient(self, to: Address) -> Flow[Sequence[Mapping[str, Any]]]:
        """See SupportsErasure."""
        said = yield from ask(BlockingCall(lambda: self._store.list_statements(to), may_send=False))
        return [one.as_dict() for one in said]

    def erase_recipient(self, to: Address) -> Flow[int]:
        """See SupportsErasure. What was said stays, under a digest: whoever opted out is not written to again."""
        return (yield from ask(BlockingCall(lambda: self._store.erase(to), may_send=False)))

    def close(self) -> None:
        """Close the file."""
        self._store.close()

    def __del__(self) -> None:
        """Close the file with the last reference to it."""
        if hasattr(self, "_store"):
            self._store.close()


class AllowedPrefixes(PreSendCheck):
    """Only numbers that begin so, such as `("44", "385")`; addresses that are no phone numbers are not its business."""

    name: ClassVar[str] = "allowed prefixes"

    def __init__(
        self, prefixes: str | Iterable[str], *, accounts: str | Iterable[str | None] | None = None
    ) -> None:
        """Name the prefixes without or with a plus, and the accounts it holds for (all, if none are named). A text is one of them.

        Raises:
            ValueError: a prefix is empty, or holds more than digits.
        """
        self._prefixes = tuple(_prefix(one) for one in as_texts(prefixes))
        names = (accounts,) if isinstance(accounts, str) else accounts
        self._accounts = None if names is None else frozenset(names)

    def check(self, envelope: Envelope, account: str | None) -> Flow[str | None]:
        """Block a message to a number with another prefix. Other kinds of addresses, and accounts without this check, pass."""
        yield from ()
        number = envelope.to
        if not isinstance(number, PhoneNumber) or (
            self._accounts is not None and account not in self._accounts
        ):
            return None
        return None if number.digits.startswith(self._prefixes) else "the number's prefix is not on the list"


class VelocityLimit(PreSendCheck):
    """How many messages a number, a block of numbers (all but the last four digits) and an account may get in a time.

    A block that suddenly gets many messages is how SMS pumping looks.
    """

    name: ClassVar[str] = "velocity limit"

    def __init__(
        self,
        *,
        per_number: RateLimit | None = None,
        per_block: RateLimit | None = None,
        per_account: RateLimit | None = None,
        shared: bool = False,
    ) -> None:
        """Name the rates; what has none is not limited. With `shared`, they hold over all processes that share the ledger."""
        self._rate_limits = (("number", per_number), ("block", per_block), ("account", per_account))
        self._rate_limiter = RateLimiter()
        self._shared = SharedVelocity() if shared else None

    def check(self, envelope: Envelope, account: str | None) -> Flow[str | None]:
        """Block a message if the number, its block or its account had too many. All spellings of a number count as one.

        Messages that were rejected or not sent do not count.
        """
        now = yield from ask(CurrentTime())
        if self._shared is not None:
            return (yield from self._shared.check(list(self._keys(envelope, account)), now))
        taken: list[tuple[Hashable, RateLimit]] = []
        for what, key, rate in self._keys(envelope, account):
            free, wait = self._rate_limiter.reserve([(key, rate)], now, 0.0)
            if not free:
                self._rate_limiter.release(taken)
                return too_many(what, wait)
            taken.append((key, rate))
        return None

    def finish(self, envelope: Envelope, account: str | None, *, sent: bool) -> None:
        """Give the places back if the message was not sent."""
        if not sent:
            (self._shared or self._rate_limiter).release(
                [(key, rate) for _, key, rate in self._keys(envelope, account)]
            )

    def _keys(self, envelope: Envelope, account: str | None) -> Iterator[tuple[str, Hashable, RateLimit]]:
        """Yield what a message counts against. Blocks are of phone numbers: other addresses have none."""
        who = identity(envelope.to)
        block = who[:-_LINE] if isinstance(envelope.to, PhoneNumber) else None
        keys = {"number": who, "block": block, "account": account or ""}
        for what, rate in self._rate_limits:
            if rate is not None and keys[what] is not None:
                yield what, (what, envelope.channel, account, keys[what]), rate


class SpendLimit(PreSendCheck):
    """Blocks messages above a daily budget of an account (UTC), by a price that you name."""

    name: ClassVar[str] = "spend limit"

    def __init__(self, price: Callable[[Envelope], float], per_day: float, *, shared: bool = False) -> None:
        """Take what a message costs, and the most for each account and day, in the same unit. With `shared`, all processes that share the ledger spend it."""
        self._price = price
        self._per_day = per_day
        self._spent: dict[tuple[str | None, int], float] = {}
        self._pending: dict[str, tuple[tuple[str | None, int], float]] = {}
        """By message: what it would cost whom, until it is known how it ended."""
        self._lock = threading.Lock()
        self._shared = SharedBudget(per_day) if shared else None

    def check(self, envelope: Envelope, account: str | None) -> Flow[str | None]:
        """Block a message that would exceed the budget of the day (UTC) of its account. Messages that were rejected or not sent cost nothing."""
        now = yield from ask(CurrentTime())
        price, day = self._price(envelope), int(now // _DAY_SECONDS)
        if self._shared is not None:
            granted = yield from self._shared.spend(envelope.id, account, price, day)
            return None if granted else f"the day's limit of {self._per_day:g} is used up"
        key = (account, day)
        with self._lock:
            spent = self._spent.get(key, 0.0) + price
            if spent > self._per_day:
                return f"the daily limit of {self._per_day:g} is used up"
            if any(other[1] != day for other in self._spent):
                self._spent = {other: one for other, one in self._spent.items() if other[1] == day}
                self._pending = {name: one for name, one in self._pending.items() if one[0][1] == day}
            self._spent[key] = spent
            self._pending[envelope.id] = (key, price)
        return None

    def finish(self, envelope: Envelope, account: str | None, *, sent: bool) -> None:  # noqa: ARG002  it was noted with the price
        """Give the price back if the message was not sent."""
        if self._shared is not None:
            self._shared.finish(envelope.id, sent=sent)
            return
        with self._lock:
            key, price = self._pending.pop(envelope.id, (("", 0), 0.0))
            if not sent and key in self._spent:
                self._spent[key] -= price


def run_check(check: PreSendCheck, envelope: Envelope, account: str | None) -> Flow[None]:
    """Ask one rule; a rule that cannot be asked forbids."""
    try:
        why = yield from check.check(envelope, account)
    except MessageBlocked:
        raise
    except Exception as fault:
        raise MessageBlocked(
            f"the check raised {type(fault).__name__}, so the message was blocked",
            check=check.name,
            hint="fix the check",
        ) from fault
    if why is not None:
        raise MessageBlocked(why, check=check.name)


def _prefix(text: object) -> str:
    digits = text.strip().removeprefix("+").replace(" ", "") if isinstance(text, str) else ""
    if not digits.isascii() or not digits.isdecimal():
        message = 'AllowedPrefixes needs digits of country codes as texts, such as "44"'
        raise ValueError(message)
    return digits
