"""The operation by which a worker gives a sign of life, and what is known of workers from it."""

from __future__ import annotations

from typing import Any

from messaging_channels._model.values import fast_frozen
from messaging_channels.plugins.ledger import Operation

HEARTBEAT_INTERVAL = 10.0
"""Seconds between two signs of life of a worker."""
DEAD_AFTER = 45.0
"""Seconds without a sign of life after which a worker counts no more."""


@fast_frozen(frozen=True, slots=True)
class RecordHeartbeat(Operation[None]):
    """Write down that a worker is at work. Where several machines share the database, its clock counts."""

    worker: str
    at: float
    """Seconds since the epoch, UTC."""
    ended: bool = False
    """Whether it has just been stopped: it counts no more, and was seen now."""


WORKER_OPERATIONS: tuple[type[Operation[Any]], ...] = (RecordHeartbeat,)
