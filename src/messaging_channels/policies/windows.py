"""When a person may be written to: hours of the day, in the person's own time zone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from messaging_channels._model.addresses import PhoneNumber
from messaging_channels._model.errors import InvalidMessage
from messaging_channels.policies._table_zones import ZONES

if TYPE_CHECKING:
    from messaging_channels._model.addresses import Address


@dataclass(frozen=True, slots=True)
class SendWindow:
    """From `start` (inclusive) to `end` (exclusive) on `days`, such as `SendWindow("09:00", "20:00", days=range(5))`.

    Without a `zone`, the time zones are those of the country whose calling code the number begins with; where a country has several, the
    window is open only when it is in all of them.
    """

    start: time | str
    end: time | str
    days: Sequence[int] = range(7)
    """0 is Monday."""
    timezone: str | Callable[[Address], str] | None = None
    """An IANA name such as `Europe/London`, or a function that knows the recipient's."""

    def __post_init__(self) -> None:
        """Parse the times.

        Raises:
            InvalidMessage: a time is none, or it never opens.
        """
        for name in ("start", "end"):
            object.__setattr__(self, name, _parse_time(getattr(self, name), name))
        if not isinstance(self.days, Iterable) or isinstance(self.days, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise _invalid("days must be a list of numbers, 0 for Monday", "write for example range(5)")
        object.__setattr__(self, "days", tuple(self.days))
        start, end = self.hours
        if not start < end:
            raise _invalid(
                f"ends ({end:%H:%M}) before it starts ({start:%H:%M})", "overnight windows are not supported"
            )
        if not self.days or not set(self.days) <= set(range(7)):
            raise _invalid("never opens: days must be from 0 (Monday) to 6", "write for example range(5)")
        if self.timezone is not None and not isinstance(self.timezone, str) and not callable(self.timezone):  # pyright: ignore[reportUnnecessaryIsInstance, reportUnnecessaryComparison]
            raise _invalid("timezone must be an IANA name or a function", 'write for example "Europe/London"')

    @property
    def hours(self) -> tuple[time, time]:
        """Start and end, parsed."""
        assert isinstance(self.start, time)  # noqa: S101  for the type checkers: parsed when it was made
        assert isinstance(self.end, time)  # noqa: S101
        return self.start, self.end

    def timezones(self, to: Address) -> tuple[str, ...]:
        """Return the time zones in which it has to be open for that recipient.

        Raises:
            InvalidMessage: the recipient's time zone is not known.
        """
        names: tuple[str, ...]
        if self.timezone is not None:
            names = (self.timezone if isinstance(self.timezone, str) else self.timezone(to),)
        elif isinstance(to, PhoneNumber):
            prefixes = (to.digits[:length] for length in range(_LONGEST, 0, -1))
            names = next((ZONES[prefix] for prefix in prefixes if prefix in ZONES), ())
        else:
            names = ()
        if not names:
            raise _invalid(
                "needs a time zone for this recipient", "pass SendWindow(..., timezone='Europe/London')"
            )
        for name in names:
            _timezone(name)
        return names

    def next_opening(self, at: float, timezones: Sequence[str]) -> float:
        """Return the first moment from `at` on at which it is open in all these zones: seconds since the epoch, UTC.

        Raises:
            InvalidMessage: there is none within a year.
        """
        moment, known = at, [_timezone(name) for name in timezones]
        for _ in range(_TRIES):
            later = max(self._next_opening(moment, zone) for zone in known)
            if later == moment:
                return moment
            moment = later
        raise _invalid(
            "is never open in all time zones of the recipient's country at the same time",
            "pass SendWindow(..., timezone='Europe/London')",
        )

    def _next_opening(self, at: float, zone: ZoneInfo) -> float:
        local = datetime.fromtimestamp(at, zone)
        start, end = self.hours
        if local.weekday() in self.days and start <= local.time() < end:
            return at
        for ahead in range(9):
            day = local.date() + timedelta(days=ahead)
            opening = datetime.combine(day, start, zone).timestamp()
            if opening > at and day.weekday() in self.days:
                return opening
        raise _invalid("has no days", "name at least one day")  # pragma: no cover  every week has its days


def _parse_time(value: object, name: str) -> time:
    if isinstance(value, time):
        return value
    try:
        return time.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        given = repr(value[:20]) if isinstance(value, str) else type(value).__name__
        raise _invalid(f"{name} must be a time, got {given}", "write it as 09:00") from None


def _timezone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _invalid(
            f"has an unknown time zone: {name!r}",
            "use an IANA name such as Europe/London; on Windows, pip install tzdata",
        ) from None


def _invalid(problem: str, hint: str) -> InvalidMessage:
    return InvalidMessage(problem, field="SendWindow", hint=hint)


_LONGEST = 4
_TRIES = 800
