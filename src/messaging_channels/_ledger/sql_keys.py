"""For how long an idempotency key stands: by the clock, and by the days on which the ledger was used meanwhile.

A clock may have been wrong when the key was kept, or may be wrong now. That its time is over is believed only when keys were kept on as many other days
since: a clock that is set, by however much, adds one day at most.
"""

from __future__ import annotations

from messaging_channels._ledger.sql_types import StatementFlow

_HOUR, _DAY = 3600.0, 86400.0
_UNKNOWN_LIFE = 7 * _DAY
"""Of a key that an earlier version kept with an end before its beginning, since the clock was set between the two: the default."""


def observe_key(message_id: str, now: float) -> StatementFlow[None]:
    """Write down that a key is kept in this hour, and after which other hours."""
    yield OBSERVE_HOUR, (hour_of(now),)
    yield (
        (
            "INSERT INTO messaging_channels_key (message_id, place) SELECT ?, max(place) FROM messaging_channels_hour WHERE true"
            " ON CONFLICT DO NOTHING"
        ),
        (message_id,),
    )


def hour_of(moment: float) -> int:
    """Return the number of an hour."""
    return int(moment // _HOUR)


def is_key_over(message_id: str, created_at: float, expires: float, now: float) -> StatementFlow[bool]:
    """Whether the key of a message is free again."""
    if expires > now:
        return False
    life = expires - created_at if created_at <= expires else _UNKNOWN_LIFE
    unit = 1 if life < 2 * _DAY else 24
    needed = int(life // (unit * _HOUR))
    if needed == 0:
        return True
    yield OBSERVE_HOUR, (hour_of(now),)
    hours = yield (
        "SELECT hour FROM messaging_channels_hour WHERE place > coalesce((SELECT place FROM messaging_channels_key WHERE message_id = ?), 0)",
        (message_id,),
    )
    return len({hour // unit for (hour,) in hours}) >= needed


OBSERVE_HOUR = (
    "INSERT INTO messaging_channels_hour (hour, place) SELECT ?, coalesce(max(place), 0) + 1 FROM messaging_channels_hour"
    " WHERE true ON CONFLICT DO NOTHING"
)
