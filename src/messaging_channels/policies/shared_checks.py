"""What the checks of velocity and spending do where all processes count together. What was not sent is given back with the next message of the process."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from messaging_channels.plugins.exchange import Coalesce, Flow, ask
from messaging_channels.plugins.ledger_limits import PlaceRequest, SpendBudget, TakePlaces
from messaging_channels.policies.shared_limits import shared_rate

if TYPE_CHECKING:
    from messaging_channels._model.rate_limit import RateLimit

_UNIT = 1_000_000
"""Budgets are counted in millionths, so that they come out even."""
_MAX_TOGETHER = 500


def too_many(what: str, wait: float) -> str:
    """Say that a rate forbids a message."""
    return f"too many messages to one {what}; the next one is possible in {wait:.0f} s"


class SharedVelocity:
    """Places that all processes take from the same rates."""

    def __init__(self) -> None:
        self._returned: Counter[str] = Counter()
        self._intervals: dict[str, float] = {}
        self._lock = threading.Lock()

    def check(self, keys: Sequence[tuple[str, Hashable, RateLimit]], now: float) -> Flow[str | None]:
        """Take a place under each rate, or return why there is none now."""
        rates = {shared_rate(key, rate).name: (what, shared_rate(key, rate)) for what, key, rate in keys}
        if not rates:
            return None
        operation = TakePlaces(
            tuple(rate for _, rate in rates.values()), (PlaceRequest(0.0),), now, self._take_returned()
        )
        (place,) = yield from ask(operation)
        return None if place.is_taken else too_many(rates[place.limited_by][0], place.wait)

    def release(self, limits: Sequence[tuple[Hashable, RateLimit]]) -> None:
        """Give places back that were taken and not used."""
        with self._lock:
            for one in (shared_rate(key, rate) for key, rate in limits):
                self._returned[one.name] += 1
                self._intervals[one.name] = one.interval

    def _take_returned(self) -> dict[str, float]:
        with self._lock:
            returned = {name: count * self._intervals[name] for name, count in self._returned.items()}
            self._returned.clear()
            self._intervals.clear()
        return returned


class SharedBudget:
    """What all processes spend of the same budgets."""

    def __init__(self, per_day: float) -> None:
        self._limit = round(per_day * _UNIT)
        self._pending: dict[str, tuple[str, int, int]] = {}
        """By message: of which budget and day it may have taken how much."""
        self._returned: Counter[tuple[str, int]] = Counter()
        self._lock = threading.Lock()

    def spend(self, message_id: str, account: str | None, price: float, day: int) -> Flow[bool]:
        """Take the price out of the account's budget of the day; return False if it is not left."""
        name, amount = f"spend/{account or ''}", round(price * _UNIT)

        def spend_all(amounts: Sequence[int]) -> Flow[Sequence[bool]]:
            with self._lock:
                returned = self._returned.pop((name, day), 0)
            return (yield from ask(SpendBudget(name, tuple(amounts), self._limit, day, returned)))

        granted: bool = yield Coalesce(
            (id(self), name, day), amount, _MAX_TOGETHER, spend_all, may_send=False
        )
        if granted:
            with self._lock:
                if any(one[1] != day for one in self._pending.values()):
                    self._pending = {key: one for key, one in self._pending.items() if one[1] == day}
                self._pending[message_id] = name, day, amount
        return granted

    def finish(self, message_id: str, *, sent: bool) -> None:
        """Hear how a message ended: what was not sent is given back."""
        with self._lock:
            name, day, amount = self._pending.pop(message_id, ("", 0, 0))
            if not sent and amount:
                self._returned[name, day] += amount
