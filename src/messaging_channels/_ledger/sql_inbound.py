"""The operations on what came in and waits for the application, in SQL. See `_ledger.sql`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from messaging_channels._ledger.sql_types import Dialect, StatementFlow
from messaging_channels.plugins import ledger_inbound as i


def _store_inbound(operation: i.StoreInbound, _: Dialect) -> StatementFlow[None]:
    is_new = False
    for one in operation.items:
        kept = yield (
            _INSERT,
            (
                one.event_key,
                one.handler,
                one.conversation,
                one.event_type,
                one.event,
                operation.call_id,
                one.position,
                one.received_at,
                one.received_at,
                one.event_key,
            ),
        )
        is_new = is_new or bool(kept)
    if is_new and operation.call_id:
        yield (
            "INSERT INTO messaging_channels_inbound_call (id, call) VALUES (?, ?) ON CONFLICT DO NOTHING",
            (operation.call_id, operation.call),
        )


def _claim_inbound(operation: i.ClaimInbound, dialect: Dialect) -> StatementFlow[Sequence[i.InboundItem]]:
    if not operation.handlers:
        return ()
    marks = ", ".join("?" * len(operation.handlers))
    rows = yield (
        (
            f"SELECT {COLUMNS} FROM messaging_channels_inbound AS item WHERE due <= ? AND handler IN ({marks})"  # noqa: S608
            " AND NOT EXISTS (SELECT 1 FROM messaging_channels_inbound AS earlier WHERE earlier.conversation = item.conversation"
            " AND earlier.handler = item.handler AND earlier.position < item.position AND earlier.due IS NOT NULL)"
            f" ORDER BY due, position LIMIT ?{dialect.skip_locked}"
        ),
        (operation.now, *operation.handlers, operation.limit),
    )
    for row in rows:
        yield (
            "UPDATE messaging_channels_inbound SET holder = ?, due = ?, tries = tries + 1 WHERE event_key = ? AND handler = ?",
            (operation.lease_owner, operation.lease, row[0], row[1]),
        )
    return [i.InboundItem(*row) for row in rows]


def _finish_inbound(operation: i.FinishInbound, _: Dialect) -> StatementFlow[bool]:
    gone = yield (
        (
            "DELETE FROM messaging_channels_inbound WHERE event_key = ? AND handler = ? AND holder = ? RETURNING call_id"
        ),
        (operation.event_key, operation.handler, operation.lease_owner),
    )
    for (call_id,) in gone:
        yield DELETE_CALL, (call_id, call_id)
    return bool(gone)


def _postpone_inbound(operation: i.PostponeInbound, _: Dialect) -> StatementFlow[bool]:
    held = yield (
        (
            "UPDATE messaging_channels_inbound SET due = ?, holder = '', error = ?"
            " WHERE event_key = ? AND handler = ? AND holder = ? RETURNING event_key"
        ),
        (operation.due, operation.error, operation.event_key, operation.handler, operation.lease_owner),
    )
    return bool(held)


def _list_inbound(operation: i.ListInbound, _: Dialect) -> StatementFlow[Sequence[i.InboundItem]]:
    which = "due IS NULL" if operation.is_dead else "due IS NOT NULL"
    rows = yield (
        f"SELECT {COLUMNS} FROM messaging_channels_inbound WHERE {which} ORDER BY position LIMIT ?",  # noqa: S608  constants
        (operation.limit,),
    )
    return [i.InboundItem(*row) for row in rows]


def _retry_inbound(operation: i.RetryInbound, dialect: Dialect) -> StatementFlow[int]:
    which = "AND event_key = ?" if operation.event_key else ""
    rows = yield (
        (
            "UPDATE messaging_channels_inbound SET due = ?, tries = 0 WHERE (event_key, handler) IN (SELECT event_key, handler"  # noqa: S608
            f" FROM messaging_channels_inbound WHERE due IS NULL {which} ORDER BY position, handler LIMIT ?"
            f"{dialect.for_update}) RETURNING event_key"
        ),
        (operation.at, *filter(None, (operation.event_key,)), operation.limit),
    )
    return len(rows)


def _take_reports(operation: i.TakeReports, _: Dialect) -> StatementFlow[frozenset[str]]:
    new: set[str] = set()
    for row in take_rows(operation):
        new |= {key for (key,) in (yield _TAKE, (*row, row[0]))}
    return frozenset(new)


def _finish_reports(operation: i.FinishReports, _: Dialect) -> StatementFlow[None]:
    for key in sorted(operation.event_keys):
        yield (
            "DELETE FROM messaging_channels_inbound WHERE event_key = ? AND handler = ? AND holder = ?",
            (key, operation.handler, operation.lease_owner),
        )


def take_rows(operation: i.TakeReports) -> list[tuple[Any, ...]]:
    """Return the columns of reports that are taken in, by their keys: in the order in which everybody inserts them."""
    return [
        (
            one.event_key,
            one.handler,
            one.conversation,
            one.event_type,
            one.event,
            one.position,
            float(one.received_at),
            float(operation.due),
            operation.lease_owner,
        )
        for one in sorted(operation.items, key=lambda item: item.event_key)
    ]


COLUMNS = "event_key, handler, conversation, event_type, event, call_id, position, received_at, tries, error"
DELETE_CALL = (
    "DELETE FROM messaging_channels_inbound_call WHERE id = ?"
    " AND NOT EXISTS (SELECT 1 FROM messaging_channels_inbound WHERE call_id = ?)"
)
"""What deletes a call of which nothing is left."""
_INSERT = (
    "INSERT INTO messaging_channels_inbound (event_key, handler, conversation, event_type, event, call_id, position, received_at,"
    " due, tries, holder, error) SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, '', ''"
    " WHERE NOT EXISTS (SELECT 1 FROM messaging_channels_event WHERE key = ?) ON CONFLICT DO NOTHING RETURNING event_key"
)
_TAKE = (
    "INSERT INTO messaging_channels_inbound (event_key, handler, conversation, event_type, event, call_id, position, received_at,"
    " due, tries, holder, error) SELECT ?, ?, ?, ?, ?, '', ?, ?, ?, 0, ?, ''"
    " WHERE NOT EXISTS (SELECT 1 FROM messaging_channels_event WHERE key = ?) ON CONFLICT DO NOTHING RETURNING event_key"
)
HANDLERS: dict[type[Any], Callable[[Any, Dialect], StatementFlow[Any]]] = {
    i.StoreInbound: _store_inbound,
    i.ClaimInbound: _claim_inbound,
    i.FinishInbound: _finish_inbound,
    i.PostponeInbound: _postpone_inbound,
    i.ListInbound: _list_inbound,
    i.RetryInbound: _retry_inbound,
    i.TakeReports: _take_reports,
    i.FinishReports: _finish_reports,
}
