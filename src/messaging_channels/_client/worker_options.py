"""The keywords of a worker, and what they are without being given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from messaging_channels._model.arguments import (
    as_seconds,
    require_count,
    require_instance,
    require_positive,
)
from messaging_channels._queue.retry_policy import QueueRetryPolicy

if TYPE_CHECKING:
    from datetime import timedelta

DEFAULT_CONCURRENCY = 8
DEFAULT_POLL_INTERVAL = 1.0
DEFAULT_RECONCILE_INTERVAL = 30.0
DEFAULT_STOP_TIMEOUT = 25.0
"""Below the 30 s that Kubernetes waits after SIGTERM."""


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """The keywords of a worker, as it keeps them; see `Worker`. Times in seconds."""

    concurrency: int
    batch_size: int | None
    poll_interval: float
    reconcile_interval: float | None
    retention: float | None
    record_retention: float | None
    retry: QueueRetryPolicy | None
    stop_timeout: float
    lane_timeout: float | None


def check_worker_options(options: WorkerOptions) -> None:
    """Refuse numbers that cannot be meant.

    Raises:
        InvalidArgument: naming the keyword.
    """
    require_count(options.concurrency, "concurrency")
    if options.batch_size is not None:
        require_count(options.batch_size, "batch_size")
    require_positive(options.poll_interval, "poll_interval")
    if options.retry is not None:
        require_instance(options.retry, QueueRetryPolicy, "retry", "give QueueRetryPolicy(...)")


def as_optional_seconds(value: float | timedelta | None, name: str) -> float | None:
    return None if value is None else as_seconds(value, name, longest=float("inf"), least=1e-9)
