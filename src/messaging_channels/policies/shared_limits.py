"""Limits that hold over all processes that share a store: the ledger's database, or what a plugin brings. Each is asked for in flows.

A process asks for as many places at once as its callers wait for, so that it takes none that it does not use; what it took and did not use is over with the
time that it was for.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from messaging_channels._model.errors import LedgerUnavailable
from messaging_channels.plugins.exchange import Coalesce, Flow, ask
from messaging_channels.plugins.ledger_limits import (
    AcquireCircuitProbe,
    CircuitReport,
    Place,
    PlaceRequest,
    SharedRate,
    SyncCircuits,
    TakePlaces,
)

if TYPE_CHECKING:
    from messaging_channels._model.rate_limit import RateLimit
    from messaging_channels.policies.circuit_breaker import CircuitBreakers
    from messaging_channels.policies.routing import CircuitBreaker

_SYNC_INTERVAL = 1.0
"""Seconds after which what other processes say of providers is looked up again."""
_FAST, _SPARE = 0.1, 1.03
"""A rate with an interval below so many seconds is kept to with so much between two places.

A process that wakes 30 ms late then still exceeds nothing in any second.
"""
_MAX_TOGETHER = 500


def shared_rate(key: Hashable, rate: RateLimit, spare: int = 0) -> SharedRate:
    """Return a rate as processes share it, without a part of its burst. Its name is a digest: the key may hold an address."""
    interval = rate.interval * _SPARE if rate.interval <= _FAST else rate.interval
    return SharedRate(sha256(repr(key).encode()).hexdigest()[:40], interval, rate.burst - spare)


def spare_burst(rate: RateLimit) -> int:
    """Return the part of a burst that is not given out at once, but left as room for those that come late for their places."""
    return rate.burst // 2


def take_place(rates: tuple[SharedRate, ...], request: PlaceRequest, now: float) -> Flow[Place]:
    """Take a place under all these rates, together with other callers of this process that want one."""

    def take_all(requests: Sequence[PlaceRequest]) -> Flow[Sequence[Place]]:
        return take_places(rates, requests, now)

    place: Place = yield Coalesce(("places", rates), request, _MAX_TOGETHER, take_all, may_send=False)
    return place


def take_places(
    rates: tuple[SharedRate, ...], requests: Sequence[PlaceRequest], now: float
) -> Flow[Sequence[Place]]:
    """Take places for several messages at once: those who can wait least come first."""
    order = sorted(range(len(requests)), key=lambda place: requests[place].max_wait)
    taken = yield from ask(TakePlaces(rates, tuple(requests[place] for place in order), now))
    places = dict(zip(order, taken, strict=True))
    return [places[place] for place in range(len(requests))]


@dataclass(frozen=True, slots=True)
class WantedPlace:
    """What a message counts against."""

    limits: Sequence[tuple[Hashable, RateLimit]]
    request: PlaceRequest


class TakenPlaces:
    """Gives out, in the order in which they were wanted, places that were taken before. Stands for a `RateLimiter`."""

    def __init__(self, places: Sequence[Place], delays: Sequence[float]) -> None:
        """Take the places, and the pauses that were to come before them."""
        self._places = iter(zip(places, delays, strict=True))

    def reserve(
        self, limits: Sequence[tuple[Hashable, RateLimit]], now: float, max_wait: float
    ) -> tuple[bool, float]:
        """See RateLimiter."""
        del limits, now, max_wait  # they were asked with
        place, delay = next(self._places)
        return place.is_taken, max(0.0, place.wait - delay)


@dataclass(slots=True)
class SharedLimits:
    """What one dispatcher shares with other processes. One serves all threads and tasks."""

    circuits: CircuitBreakers
    _next_sync: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        """Have what happens to providers noted for the others."""
        self.circuits.journal = {}

    def reserve(self, wanted: Sequence[WantedPlace], now: float) -> Flow[TakenPlaces]:
        """Take a place for each of several messages, in order."""
        groups: dict[tuple[SharedRate, ...], list[int]] = {}
        for number, one in enumerate(wanted):
            groups.setdefault(_rates_of(one), []).append(number)
        found: dict[int, Place] = {}
        for shared, numbers in groups.items():
            requests = [wanted[number].request for number in numbers]
            if len(requests) == 1:
                found[numbers[0]] = yield from take_place(shared, requests[0], now)
            else:
                found.update(zip(numbers, (yield from take_places(shared, requests, now)), strict=True))
        places = [found[number] for number in range(len(wanted))]
        return TakenPlaces(places, [one.request.delay for one in wanted])

    def sync(self, key: tuple[str | None, str], policy: CircuitBreaker, now: float) -> Flow[None]:
        """Tell other processes what was seen of providers, hear what they saw, and find out who probes this one.

        Without the store, each process goes by what it sees itself.
        """
        with suppress(LedgerUnavailable):
            if self.circuits.journal or not self._next_sync - _SYNC_INTERVAL <= now < self._next_sync:
                self._next_sync = now + _SYNC_INTERVAL
                yield from self._sync(now)
            if self.circuits.any_failures:
                yield from self._acquire_probe(key, policy, now)

    def _sync(self, now: float) -> Flow[None]:
        told = self.circuits.take_journal()
        reports = tuple(
            CircuitReport(_circuit_name(key), failures, policy.failure_threshold, policy.reset_timeout)
            for key, (failures, policy) in told.items()
        )
        known: Mapping[str, float] = yield from ask(SyncCircuits(reports, now))
        self.circuits.adopt({_circuit_key(name): seconds for name, seconds in known.items()}, now)

    def _acquire_probe(self, key: tuple[str | None, str], policy: CircuitBreaker, now: float) -> Flow[None]:
        waits, is_early = self.circuits.waits_for_probe(key, now)
        if not waits:
            return
        interval = policy.half_open_interval if is_early else None
        probe = AcquireCircuitProbe(_circuit_name(key), policy.reset_timeout, now, interval)
        seconds = yield from ask(probe)
        if seconds > 0:
            self.circuits.extend_rest(key, now, seconds)
        else:
            self.circuits.allow_probe(key)


def _rates_of(wanted: WantedPlace) -> tuple[SharedRate, ...]:
    """Return the rates that a message counts against, each once."""
    made = (shared_rate(key, limit, spare_burst(limit)) for key, limit in wanted.limits)
    return tuple({rate.name: rate for rate in made}.values())


def _circuit_name(key: Hashable) -> str:
    assert isinstance(key, tuple)  # noqa: S101  keys of circuits are pairs of account and provider
    return f"{key[1]}/{key[0] or ''}"


def _circuit_key(name: str) -> Hashable:
    provider, _, account = name.partition("/")
    return account or None, provider
