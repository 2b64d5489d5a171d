"""How a database that was restored from a copy is known, and what is done until somebody has decided about it, in SQL. See `_ledger.sql`.

PostgreSQL: a row says by which transaction, and in which database, it was written. One that was written by another one came from a dump or another database.
SQLite: see `_ledger.sqlite_file`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from messaging_channels._ledger.sql import load_record, mark_crashed
from messaging_channels._ledger.sql_pause import RESTORED, is_copy, is_paused
from messaging_channels._ledger.sql_stop import stop_message
from messaging_channels._ledger.sql_types import Dialect, Rows, StatementFlow, status_to_json
from messaging_channels._ledger.status_merge import recompute_status
from messaging_channels._ledger.upgrade import prepare_schema
from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels.plugins import ledger_restored as r
from messaging_channels.plugins.ledger import MessageRecord
from messaging_channels.plugins.ledger_queue import QUEUE_OWNER

_HINT = "nothing that waits is sent, and no message with an idempotency key, until somebody decides: messaging-channels ledger restored"


def opened_database(dialect: Dialect, now: float) -> StatementFlow[int]:
    """Have the tables there, and find out whether they came from a copy. See `prepare_schema`."""
    version = yield from prepare_schema(dialect)
    yield from watch_origin(dialect, now)
    return version


def watch_origin(dialect: Dialect, now: float) -> StatementFlow[bool]:
    """Write down where the database is, once; find out whether it came from a copy, and say so in the log. Return whether nothing is sent.

    It runs in a transaction of its own, without savepoints: by its number the row is known later.
    """
    if (yield from is_copy(dialect)):
        yield from mark_restored(now)
        yield dialect.note_origin or "", (now,)
    elif dialect.note_origin and not (yield "SELECT 1 FROM messaging_channels_written WHERE id = 1", ()):
        yield dialect.note_origin, (now,)
    paused = yield from is_paused(dialect)
    if paused:
        _log.error("the ledger was restored from a copy: %s", _HINT)
    return paused


def mark_restored(now: float) -> StatementFlow[None]:
    """Have nothing sent from now on."""
    ((clock, newest),) = yield (
        (
            "SELECT (SELECT at FROM messaging_channels_clock WHERE name = 'queue'),"
            " (SELECT created FROM messaging_channels_message ORDER BY id DESC LIMIT 1)"
        ),
        (),
    )
    copied_at = max(clock or 0.0, newest or 0.0) or now
    for name, at in ((RESTORED, now), ("copied", min(now, copied_at))):
        yield (
            (
                "INSERT INTO messaging_channels_clock (name, at) VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET at = excluded.at"
            ),
            (name, at),
        )


def _get_copy(operation: r.GetRestoredCopy, dialect: Dialect) -> StatementFlow[r.RestoredCopy | None]:
    if not (yield from watch_origin(dialect, operation.now)):
        return None
    times = yield "SELECT name, at FROM messaging_channels_clock WHERE name IN ('restored', 'copied')", ()
    known: dict[str, float] = dict(times)
    rows: Rows = yield (
        "SELECT state, count(*) FROM messaging_channels_queue WHERE state IN ('waiting', 'sent') AND created <= ? GROUP BY state",
        (known[RESTORED],),
    )
    counts: dict[str, int] = dict(rows)
    return r.RestoredCopy(
        known[RESTORED], known.get("copied", 0.0), counts.get("waiting", 0), counts.get("sent", 0)
    )


def _list_jobs(operation: r.ListRestoredJobs, _: Dialect) -> StatementFlow[Sequence[r.RestoredJob]]:
    rows = yield (
        (
            "SELECT message_id, step, payload FROM messaging_channels_queue WHERE message_id > ? AND state = 'waiting' AND created <="
            " (SELECT at FROM messaging_channels_clock WHERE name = 'restored') ORDER BY message_id LIMIT ?"
        ),
        (operation.after, operation.limit),
    )
    return [r.RestoredJob(*row) for row in rows]


def _hold_job(operation: r.HoldRestoredJob, dialect: Dialect) -> StatementFlow[MessageRecord | None]:
    key = operation.message_id
    held = yield (
        f"SELECT state FROM messaging_channels_queue WHERE message_id = ?{dialect.for_update}",  # noqa: S608
        (key,),
    )
    if not held or held[0][0] != "waiting":
        return None
    yield f"SELECT id FROM messaging_channels_message WHERE id = ?{dialect.for_update}", (key,)  # noqa: S608
    yield from mark_crashed(key)
    ((since,),) = yield "SELECT (SELECT at FROM messaging_channels_clock WHERE name = 'copied')", ()
    ((last,),) = yield (
        "SELECT coalesce(max(number), 0) FROM messaging_channels_attempt WHERE message_id = ?",
        (key,),
    )
    known = AttemptResult.of(
        Reason.PROCESS_CRASHED, "the ledger was restored from a copy: it may have been sent since"
    )
    begun = operation.at if since is None else since
    for number, provider in enumerate(operation.providers, last + 1):
        yield (
            _INSERT_ATTEMPT,
            (
                key,
                number,
                provider,
                operation.account,
                begun,
                max(0.0, operation.at - begun),
                known.reason.value,
                known.outcome.value,
                status_to_json(known.status),
                known.detail,
            ),
        )
    yield (
        "UPDATE messaging_channels_queue SET state = 'held', holder = '', due = ?, tries = 0 WHERE message_id = ?",
        (operation.at, key),
    )
    yield (
        "UPDATE messaging_channels_message SET holder = ?, lease = ? WHERE id = ?",
        (QUEUE_OWNER, operation.at, key),
    )
    yield from recompute_status(key)
    return (yield from load_record("id = ?", key))


def _mark(operation: r.MarkRestored, _: Dialect) -> StatementFlow[None]:
    yield from mark_restored(operation.at)


def _resume(operation: r.ResumeRestored, dialect: Dialect) -> StatementFlow[None]:
    ended = yield (
        (
            "DELETE FROM messaging_channels_queue WHERE state = 'sent' AND step < steps AND created <="
            " (SELECT at FROM messaging_channels_clock WHERE name = 'restored') RETURNING message_id"
        ),
        (),
    )
    for (key,) in ended:
        yield from stop_message(
            key, "the ledger was restored from a copy: a later step may have been sent", None, operation.at
        )
    yield "DELETE FROM messaging_channels_clock WHERE name IN ('restored', 'copied')", ()
    if dialect.note_origin:
        yield dialect.note_origin, (operation.at,)


_INSERT_ATTEMPT = (
    "INSERT INTO messaging_channels_attempt (message_id, number, provider, account, started, waited, duration, reason, outcome,"
    " status, detail) VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
HANDLERS: dict[type[Any], Callable[[Any, Dialect], StatementFlow[Any]]] = {
    r.GetRestoredCopy: _get_copy,
    r.ListRestoredJobs: _list_jobs,
    r.HoldRestoredJob: _hold_job,
    r.ResumeRestored: _resume,
    r.MarkRestored: _mark,
}
_log = logging.getLogger("messaging_channels._ledger")
