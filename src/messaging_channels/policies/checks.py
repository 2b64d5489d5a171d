"""Rules of ours that may forbid a message before anything leaves the machine: opted out, not an allowed country, too many, too dear.

A rule that cannot be asked forbids (it fails closed). Rules are asked in order, once for each message, before its idempotency key is reserved.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from messaging_channels._model.errors import MessageBlocked
from messaging_channels._model.events import Event, OptedIn, OptedOut
from messaging_channels._model.rate_limit import RateLimit
from messaging_channels.plugins.exchange import BlockingCall, CurrentTime, Flow, ask
from messaging_channels.policies.rate_limiter import RateLimiter

if TYPE_CHECKING:
    from messaging_channels.plugins.provider import Envelope

_DAY_SECONDS = 86400.0
_LINE = 4
"""How many last digits tell subscribers of one block of numbers apart."""


class PreSendCheck:
    """A rule. One object serves many threads and tasks."""

    name: ClassVar[str]
    """What `errors.MessageBlocked.check` says."""

    def check(self, envelope: Envelope, account: str | None) -> Flow[str | None]:
        """Return why the message is forbidden, in words without its address or content; None if it is not."""
        raise NotImplementedError

    def event_received(self, event: Event) -> None:
        """Hear of what came in, such as an opt-out. Must not block for long."""


class SuppressionList(PreSendCheck):
    """Who wants no messages, by channel. Hears opt-outs and opt-ins by itself; keeps digests of addresses, in memory or in a SQLite file."""

    name: ClassVar[str] = "suppression list"

    def __init__(self, path: Path | None = None) -> None:
        """Open the file, or keep everything in memory."""
        import sqlite3  # noqa: PLC0415  slow to import, and most programs make none

        self._lock = threading.Lock()
        self._database = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS suppressed (digest TEXT PRIMARY KEY, reason TEXT NOT NULL)"
        )

    def add(self, channel: str, plain: str, reason: str = "by hand") -> None:
        """Put an address (in its plain form) on the list."""
        self._write("INSERT OR REPLACE INTO suppressed VALUES (?, ?)", (_digest(channel, plain), reason))

    def remove(self, channel: str, plain: str) -> None:
        """Take an address off the list."""
        self._write("DELETE FROM suppressed WHERE digest = ?", (_digest(channel, plain),))

    def check(self, envelope: Envelope, account: str | None) -> Flow[str | None]:  # noqa: ARG002  whoever it is for
        """See PreSendCheck."""
        return (
            yield from ask(
                BlockingCall(lambda: self._reason(envelope.channel, envelope.to.plain), may_send=False)
            )
        )

    def event_received(self, event: Event) -> None:
        """See PreSendCheck. Who wants no marketing alone still gets codes and receipts, so such a choice is not kept here."""
        if isinstance(event, (OptedOut, OptedIn)) and event.category:
            return
        if isinstance(event, OptedOut):
            self.add(event.channel, event.address.plain, event.reason)
        elif isinstance(event, OptedIn):
            self.remove(event.channel, event.address.plain)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def __del__(self) -> None:
        """Close the file with the last reference to it."""
        if hasattr(self, "_database"):
            self._database.close()

    def _reason(self, channel: str, plain: str) -> str | None:
        with self._lock:
            rows = self._database.execute(
                "SELECT reason FROM suppressed WHERE digest = ?", (_digest(channel, plain),)
            ).fetchall()
        return f"the recipient wants no messages ({rows[0][0]})" if rows else None

    def _write(self, statement: str, values: tuple[str, ...]) -> None:
        with self._lock:
            self._database.execute(statement, values)


class AllowedPrefixes(PreSendCheck):
    """Only numbers that begin so, such as `("44", "385")`; mail addresses are not its business."""

    name: ClassVar[str] = "allowed prefixes"

    def __init__(self, prefixes: Iterable[str], *, accounts: Iterable[str | None] | None = None) -> None:
        """Name the prefixes without or with a plus, and the accounts it holds for (all, if none are named)."""
        self._prefixes = tuple(prefix.lstrip("+") for prefix in prefixes)
        self._accounts = None if accounts is None else frozenset(accounts)

    def check(self, envelope: Envelope, account: str | None) -> Flow[str | None]:
        """See PreSendCheck."""
        yield from ()
        plain = envelope.to.plain
        if "@" in plain or (self._accounts is not None and account not in self._accounts):
            return None
        return None if plain.startswith(self._prefixes) else "the number's prefix is not on the list"


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
    ) -> None:
        """Name the rates; what has none is not limited."""
        self._rate_limits = (("number", per_number), ("block", per_block), ("account", per_account))
        self._rate_limiter = RateLimiter()

    def check(self, envelope: Envelope, account: str | None) -> Flow[str | None]:
        """See PreSendCheck. What it lets through counts, whatever becomes of it."""
        now = yield from ask(CurrentTime())
        plain = envelope.to.plain
        keys = {"number": plain, "block": None if "@" in plain else plain[:-_LINE], "account": account or ""}
        for what, rate in self._rate_limits:
            if rate is not None and keys[what] is not None:
                key = (what, envelope.channel, account, keys[what])
                taken, wait = self._rate_limiter.reserve([(key, rate)], now, 0.0)
                if not taken:
                    return f"too many messages to one {what}; the next may go in {wait:.0f} s"
        return None


class SpendLimit(PreSendCheck):
    """What an account may spend in a day (UTC), by a price you name."""

    name: ClassVar[str] = "spend limit"

    def __init__(self, price: Callable[[Envelope], float], per_day: float) -> None:
        """Take what a message costs, and the most for each account and day, in the same unit."""
        self._price = price
        self._per_day = per_day
        self._spent: dict[tuple[str | None, int], float] = {}
        self._lock = threading.Lock()

    def check(self, envelope: Envelope, account: str | None) -> Flow[str | None]:
        """See PreSendCheck. What it lets through counts, whatever becomes of it."""
        now = yield from ask(CurrentTime())
        price, day = self._price(envelope), int(now // _DAY_SECONDS)
        with self._lock:
            spent = self._spent.get((account, day), 0.0) + price
            if spent > self._per_day:
                return f"the day's limit of {self._per_day:g} is used up"
            self._spent = {key: one for key, one in self._spent.items() if key[1] == day}
            self._spent[account, day] = spent
        return None


def run_check(check: PreSendCheck, envelope: Envelope, account: str | None) -> Flow[None]:
    """Ask one rule; a rule that cannot be asked forbids."""
    try:
        why = yield from check.check(envelope, account)
    except Exception as fault:
        raise MessageBlocked(
            f"it could not be asked ({type(fault).__name__})", check=check.name, hint="mend the rule"
        ) from fault
    if why is not None:
        raise MessageBlocked(why, check=check.name)


def _digest(channel: str, plain: str) -> str:
    return sha256(f"{channel}\x1f{plain.lower()}".encode()).hexdigest()
