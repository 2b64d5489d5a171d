"""When a message that waits is to be sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from messaging_channels._model import errors
from messaging_channels._model.arguments import LONGEST_DURATION
from messaging_channels._model.durations import require_number

if TYPE_CHECKING:
    from messaging_channels.policies.windows import SendWindow

_LONGEST_WAIT = 15 * 366 * 86400.0
PRIORITIES = {"high": 0, "normal": 1, "low": 2}


@dataclass(frozen=True, slots=True)
class EnqueueOptions:
    """When a message is to be sent."""

    send_at: datetime | float | None = None
    """Not before: a time with its time zone, or seconds since the epoch. None for at once."""
    window: SendWindow | None = None
    """At which hours its recipient may be written to."""
    priority: Literal["high", "normal", "low"] = "normal"
    """`high`, `normal` or `low`. While messages of a higher priority are due, no message of a lower one is sent."""

    def not_before(self, now: float) -> float:
        """Return the time not before which it is sent, seconds since the epoch.

        Raises:
            InvalidMessage: the time has no time zone, or there is no such priority.
        """
        if self.priority not in PRIORITIES:
            raise errors.InvalidMessage(
                f"must be high, normal or low, got {self.priority!r}",
                field="priority",
                hint="choose one of them",
            )
        if isinstance(self.send_at, datetime):
            if self.send_at.tzinfo is None:
                raise errors.InvalidMessage(
                    "has no time zone", field="send_at", hint="give tzinfo, such as datetime.UTC"
                )
            return _at_the_earliest(now, self.send_at.timestamp())
        return now if self.send_at is None else _at_the_earliest(now, self.send_at)


def _at_the_earliest(now: float, at: float) -> float:
    """Return a time to send, or now if it has passed.

    Raises:
        InvalidMessage: it cannot be meant: no number of seconds, or years away.
    """
    require_number(at, "send_at")
    if at - now > _LONGEST_WAIT:
        raise errors.InvalidMessage(
            "is decades away from now", field="send_at", hint="give seconds since 1970, not milliseconds"
        )
    if at < 0 or (0 < at < LONGEST_DURATION and now - at > _LONGEST_WAIT):
        hint = "give seconds since 1970, or datetime.now(UTC) + timedelta(...)"
        raise errors.InvalidMessage(
            "is decades ago: a number of seconds from now?", field="send_at", hint=hint
        )
    return max(now, at)
