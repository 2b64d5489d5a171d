"""Whether the lanes of a worker move: one that stands still for longer than any request may take hangs, and the worker is not healthy."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, TypeVar

from messaging_channels.plugins.exchange import Exchange, Flow, ask
from messaging_channels.plugins.ledger_workers import RecordHeartbeat

if TYPE_CHECKING:
    from messaging_channels._sending.pipeline import SendPipeline
    from messaging_channels.plugins.ledger import Ledger

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class WorkerHealth:
    """How the lanes of a worker are at the moment."""

    lanes: int
    busy: int
    """How many have something in hand."""
    stuck: int
    """How many stand still for longer than `lane_timeout`, or have died."""
    longest_seconds: float
    """For how many seconds the one that stands still the longest does."""

    @property
    def is_healthy(self) -> bool:
        """Whether all lanes work or wait for work."""
        return self.stuck == 0

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {
            "healthy": self.is_healthy,
            "lanes": self.lanes,
            "busy": self.busy,
            "stuck": self.stuck,
            "longestSeconds": round(self.longest_seconds, 3),
        }


@dataclass(slots=True)
class LaneWatch:
    """Sees the steps of one lane. Its lane writes, others read."""

    moved_at: float | None = None
    """When it took its last step, on the clock of `time.monotonic`; None while it waits for work."""
    has_died: bool = False

    def watch(self, flow: Flow[Result]) -> Flow[Result]:
        """Run a round, and note each of its steps."""
        advance: Callable[[Any], Exchange[Any]] = flow.send
        reply: Any = None
        try:
            while True:
                self.moved_at = time.monotonic()
                try:
                    exchange = advance(reply)
                except StopIteration as ended:
                    result: Result = ended.value
                    return result
                advance = flow.send
                try:
                    reply = yield exchange
                except GeneratorExit:
                    flow.close()
                    raise
                except BaseException as failure:  # noqa: BLE001  the flow decides what it means
                    advance, reply = flow.throw, failure
        finally:
            self.moved_at = None


@dataclass(slots=True)
class WorkerWatch:
    """Sees all lanes of a worker, and has the ledger know that it lives."""

    name: str
    lane_timeout: float
    """Seconds."""
    ledger: Ledger
    clock: Callable[[], float]
    """Seconds since the epoch, UTC."""
    lanes: list[LaneWatch] = field(default_factory=list["LaneWatch"])

    @classmethod
    def of(cls, pipeline: SendPipeline, name: str, lane_timeout: float | None) -> Self:
        """Return the watch of a worker of that name; without `lane_timeout`, a lane may stand still for as long as the ledger's lease."""
        recording = pipeline.recorder.options
        seconds = recording.lease if lane_timeout is None else lane_timeout
        return cls(name, seconds, recording.ledger, pipeline.clock)

    def begin(self, count: int) -> None:
        """Look at so many lanes from now on."""
        self.lanes = [LaneWatch() for _ in range(count)]

    def health(self) -> WorkerHealth:
        """Return how they are."""
        now = time.monotonic()
        moved = [one.moved_at for one in self.lanes]
        still = [now - at for at in moved if at is not None]
        died = sum(one.has_died for one in self.lanes)
        stuck = died + sum(seconds > self.lane_timeout for seconds in still)
        return WorkerHealth(len(self.lanes), len(still), stuck, max(still, default=0.0))

    def beat(self, *, ended: bool = False) -> Flow[None]:
        """Give a sign of life, unless every lane hangs. A ledger that is away, or cannot keep it, is no fault of the worker."""
        health = self.health()
        if RecordHeartbeat not in self.ledger.executors or (health.lanes and health.stuck >= health.lanes):
            return
        try:
            yield from ask(RecordHeartbeat(self.name, self.clock(), ended))
        except Exception as why:  # noqa: BLE001  the next one may be kept
            _LOG.warning("worker: the heartbeat could not be stored (%s)", why)


_LOG = logging.getLogger("messaging_channels._client.worker")
