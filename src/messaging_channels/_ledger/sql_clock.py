"""Times in the ledger when a clock is set back: those that were reckoned from it are moved with it."""

from __future__ import annotations

from messaging_channels._ledger.sql_types import Dialect, StatementFlow
from messaging_channels.plugins.ledger_queue import NEVER


def follow_clock(now: float, dialect: Dialect) -> StatementFlow[None]:
    """Move times that were set by a clock that has since been set back, so that nothing waits for a time that is far away.

    Only times that were reckoned from the clock are moved: leases, and waits before a repetition or a look-up. A time that the caller named stands.
    What the transaction writes by its own clock afterwards is seen by whoever moves times later, since nobody does meanwhile.
    """
    if dialect.clock_shared:
        yield dialect.clock_shared, ()
    ((seen, latest),) = yield (
        "SELECT (SELECT at FROM messaging_channels_clock WHERE name = 'queue'), (SELECT max(created) FROM messaging_channels_queue)",
        (),
    )
    if seen is None:
        yield (
            "INSERT INTO messaging_channels_clock (name, at) VALUES ('queue', ?) ON CONFLICT DO NOTHING",
            (now,),
        )
    back = max(seen or now, latest or now) - now
    if back <= _CLOCK_TOLERANCE:
        if back < -_CLOCK_INTERVAL:
            yield "UPDATE messaging_channels_clock SET at = ? WHERE name = 'queue' AND at < ?", (now, now)
        return
    if dialect.clock_exclusive and not (yield dialect.clock_exclusive, ())[0][0]:
        return  # others are at work: the next one who is alone moves them
    yield "UPDATE messaging_channels_clock SET at = ? WHERE name = 'queue'", (now,)
    yield (
        _QUEUE_SET_BACK,
        (
            now,
            back,
            now,
            back,
            now,
            now,
            NEVER,
            back,
            now,
            back,
            now,
            now,
            back,
            now,
            back,
            now,
            now,
            now,
            NEVER,
        ),
    )
    for statement in _SET_BACK:
        yield statement, (back, now, back, now, now, NEVER)


def follow_later(due: float, reckoned_at: float, dialect: Dialect) -> StatementFlow[float]:
    """Return a time as the clock has it now, if that was set back since the time was reckoned: its message is moved no more."""
    if dialect.clock_shared:
        yield dialect.clock_shared, ()
    ((seen,),) = yield "SELECT (SELECT at FROM messaging_channels_clock WHERE name = 'queue')", ()
    back = 0.0 if seen is None else reckoned_at - seen
    return due - back if back > _LONG_TURN and due < NEVER else due


_IS_RECKONED = "due > ? AND due < ? AND (holder <> '' OR tries > 0 OR state <> 'waiting' OR due <= created)"
_QUEUE_SET_BACK = (
    "UPDATE messaging_channels_queue SET ready_at = CASE WHEN ready_at <= ? OR ready_at > created THEN ready_at"  # noqa: S608  our own words
    " WHEN ready_at - ? > ? THEN ready_at - ? ELSE ? END,"
    f" due = CASE WHEN NOT ({_IS_RECKONED}) THEN due WHEN due - ? > ? THEN due - ? ELSE ? END,"
    f" created = CASE WHEN created <= ? THEN created WHEN created - ? > ? THEN created - ? ELSE ? END WHERE created > ? OR ({_IS_RECKONED})"
)
"""Both times in one statement and alike: a message that is enqueued meanwhile, by a process that still had the old time, keeps both, and so is seen next
time; and what was due when it was enqueued still is."""
_SET_BACK = (
    (
        "UPDATE messaging_channels_message SET next_check_at = CASE WHEN next_check_at - ? > ? THEN next_check_at - ? ELSE ? END"
        " WHERE next_check_at > ? AND next_check_at < ?"
    ),
    "UPDATE messaging_channels_message SET lease = CASE WHEN lease - ? > ? THEN lease - ? ELSE ? END WHERE lease > ? AND lease < ?",
    (
        "UPDATE messaging_channels_paused_account SET next_probe_at = CASE WHEN next_probe_at - ? > ? THEN next_probe_at - ? ELSE ? END"
        " WHERE next_probe_at > ? AND next_probe_at < ?"
    ),
)
_CLOCK_TOLERANCE = 300.0
"""Seconds by which the clocks of machines may differ. More is a clock that was set."""
_CLOCK_INTERVAL = 60.0
_LONG_TURN = 3600.0
"""Seconds for which a worker may have been at one message, with nobody else at work: so far the last time that was seen may lie behind."""
