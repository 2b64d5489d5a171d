"""How long a worker goes on with a message that was not sent."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QueueRetryPolicy:
    """How long a worker goes on with a message that certainly was not sent. Times in seconds."""

    max_rounds: int = 12
    """After which it becomes a dead letter. A round is what one `send` would do: several attempts, at several providers."""
    max_crashes: int = 5
    """How many workers may die with a message in hand before it becomes a dead letter."""
    initial_interval: float = 5.0
    max_interval: float = 900.0

    def delay(self, tries: int, retry_after: float | None, chance: float) -> float:
        """Return how long to wait after so many rounds: what was asked for, else a bound that doubles, and of that between a half and all."""
        bound = min(self.max_interval, self.initial_interval * 2.0 ** min(tries - 1, 30))
        return max(retry_after or 0.0, bound * (1 + chance) / 2)
