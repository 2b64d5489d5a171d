"""The operations by which processes share limits: rates, budgets and circuit breakers. A ledger performs them, or a store of a plugin.

A store has a clock of its own that all of them go by; waits are in seconds from its reply. Each operation is atomic. What a process took and did not use
is over with the time that it was for, so nothing has to be given back by one that died.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, Protocol

from messaging_channels._model.values import fast_frozen
from messaging_channels.plugins.ledger import Operation

if TYPE_CHECKING:
    from messaging_channels.plugins.exchange import Exchange, ExecutorPair


@fast_frozen(frozen=True, slots=True)
class SharedRate:
    """A rate that processes share."""

    name: str
    """Name of the rate: the same text in every process. Contains no plain address."""
    interval: float
    """Seconds between two places."""
    burst: int
    """How many places may be used at once."""


@fast_frozen(frozen=True, slots=True)
class PlaceRequest:
    """A message that needs a place under each of its rates."""

    max_wait: float
    """Seconds: a place that is further away is not taken."""
    delay: float = 0.0
    """Seconds before which it will not be used."""


@fast_frozen(frozen=True, slots=True)
class Place:
    """The reply for one message."""

    is_taken: bool
    wait: float
    """Seconds until the place, taken or not."""
    limited_by: str = ""
    """The name of the rate for which it is that long."""


@fast_frozen(frozen=True, slots=True)
class TakePlaces(Operation[Sequence[Place]]):
    """Take the next places under all these rates at once (generic cell rate algorithm), one for each message, in the order given."""

    rates: tuple[SharedRate, ...]
    requests: tuple[PlaceRequest, ...]
    now: float
    """The caller's clock, for a store that has none of its own: seconds since the epoch, UTC."""
    returned: Mapping[str, float] = field(default_factory=dict[str, float])
    """By the name of a rate, the seconds of places that were taken before and not used."""


@fast_frozen(frozen=True, slots=True)
class SpendBudget(Operation[Sequence[bool]]):
    """Spend amounts from a budget, each if it is left in full. Reply which were."""

    name: str
    amounts: tuple[int, ...]
    limit: int
    day: int
    """The day (UTC) that it is for, counted from 1970-01-01; earlier days are forgotten."""
    returned: int = 0
    """Amount that was spent before and not used."""


@fast_frozen(frozen=True, slots=True)
class CircuitReport:
    """Successes and failures of a provider in one process since its last report to the store."""

    name: str
    failures: int
    """In a row; 0 if it works (again)."""
    failure_threshold: int
    """From how many failures in a row, of all processes together, it is left alone."""
    reset_timeout: float
    """For how many seconds."""


@fast_frozen(frozen=True, slots=True)
class SyncCircuits(Operation[Mapping[str, float]]):
    """Report what was seen. Reply with the seconds for which each open circuit stays open; 0 or less for one that waits for a probe."""

    reports: tuple[CircuitReport, ...]
    now: float


@fast_frozen(frozen=True, slots=True)
class AcquireCircuitProbe(Operation[float]):
    """Be the one that probes a provider whose rest is over. Reply 0 if so, else the seconds until another one may.

    The circuit is then open for the others until a report follows, or for another rest.
    """

    name: str
    reset_timeout: float
    now: float
    half_open_interval: float | None = None
    """Where nobody else can be asked: seconds after the last probe, although the rest is not over."""


class LimitStore(Protocol):
    """Where processes share limits. Many threads and tasks may use an object at once."""

    @property
    def executors(self) -> Mapping[type[Exchange[Any]], ExecutorPair]:
        """How `LIMIT_OPERATIONS` are performed, sync and async."""
        ...


LIMIT_OPERATIONS: tuple[type[Operation[Any]], ...] = (
    TakePlaces,
    SpendBudget,
    SyncCircuits,
    AcquireCircuitProbe,
)
