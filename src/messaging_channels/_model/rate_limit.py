"""How often something may be done: rates as values, and the arithmetic that keeps to them (GCRA). It reads no clock."""

from __future__ import annotations

from dataclasses import dataclass

from messaging_channels._model.arguments import require_count, require_positive


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `count` in `per` seconds on the long run, of which `burst` may come at once.

    In any window of w seconds at most `burst + w * limit / per` are let through. `RateLimit(80)` is 80 a second without any burst.
    """

    limit: float
    per: float = 1.0
    burst: int = 1

    def __post_init__(self) -> None:
        """Refuse what can never let anything through.

        Raises:
            InvalidArgument: a number is not positive, or none.
        """
        for name in ("limit", "per"):
            require_positive(getattr(self, name), f"RateLimit.{name}")
        require_count(self.burst, "RateLimit.burst")

    @property
    def interval(self) -> float:
        """Seconds between two that keep to the rate."""
        return self.per / self.limit


def reserve(due: float, rate: RateLimit, now: float) -> tuple[float, float]:
    """Take the next place. Return when the one after it is due, and how many seconds to wait for this one.

    `due` is what the last call returned, 0.0 at first. (Generic cell rate algorithm, as in ITU-T I.371; `due` is the theoretical
    arrival time.)
    """
    start = max(due, now)
    wait = max(0.0, start - (rate.burst - 1) * rate.interval - now)
    return start + rate.interval, wait
