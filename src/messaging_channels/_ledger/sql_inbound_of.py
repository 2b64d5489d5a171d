"""What came in from one person and waits, or is a dead letter, in SQL: found by the beginning of a conversation, or by the message that it is about."""

from __future__ import annotations

import json
from collections.abc import Sequence

from messaging_channels._ledger.sql_inbound import COLUMNS, DELETE_CALL
from messaging_channels._ledger.sql_types import Dialect, Rows, StatementFlow
from messaging_channels.plugins.ledger_inbound import OF_SEVERAL, PLACE_DIGITS, InboundItem
from messaging_channels.plugins.ledger_retention import KeptInbound


def erase(conversations: Sequence[str], message_ids: Sequence[str]) -> StatementFlow[int]:
    """Delete the items, and the calls that brought them or tell of the person. Return how many events it was."""
    events: set[str] = set()
    calls: set[str] = set()
    for row in (yield from _items_of(conversations, message_ids)):
        gone = yield (
            "DELETE FROM messaging_channels_inbound WHERE event_key = ? AND handler = ? RETURNING call_id",
            row[:2],
        )
        events |= {row[0] for _ in gone}
        calls |= {call_id for (call_id,) in gone}
    calls |= yield from _calls_about(conversations, message_ids)
    for call_id in sorted(calls):  # what it tells of others is in their events
        yield "DELETE FROM messaging_channels_inbound_call WHERE id = ?", (call_id,)
    return len(events)


def prune(before: float, limit: int, dialect: Dialect) -> StatementFlow[int]:
    """Delete up to so many dead letters that came in before a time, and calls of which nothing is left. Return how many."""
    gone = yield (
        (
            "DELETE FROM messaging_channels_inbound WHERE (event_key, handler) IN (SELECT event_key, handler"  # noqa: S608
            " FROM messaging_channels_inbound WHERE due IS NULL AND received_at < ? ORDER BY position, handler"
            f" LIMIT ?{dialect.for_update}) RETURNING call_id"
        ),
        (before, limit),
    )
    for call_id in sorted({call_id for (call_id,) in gone}):
        yield DELETE_CALL, (call_id, call_id)
    return len(gone)


def list_kept(
    conversations: Sequence[str], message_ids: Sequence[str]
) -> StatementFlow[Sequence[KeptInbound]]:
    """Return the items, in the order in which they came."""
    kept: list[KeptInbound] = []
    for *columns, due in (yield from _items_of(conversations, message_ids)):
        item = InboundItem(*columns)
        rows: Rows = []
        if not item.call_id.startswith(OF_SEVERAL):
            rows = yield "SELECT call FROM messaging_channels_inbound_call WHERE id = ?", (item.call_id,)
        kept.append(KeptInbound(item, due is None, rows[0][0] if rows else ""))
    return kept


def _items_of(conversations: Sequence[str], message_ids: Sequence[str]) -> StatementFlow[Rows]:
    """Return rows of items, in the order in which they came, which is the one in which they are locked."""
    found: Rows = []
    for start in conversations:
        found += yield (
            f"{_SELECT} WHERE conversation >= ? AND conversation <= ?",
            (f"{start}{'0' * PLACE_DIGITS}", f"{start}{'9' * PLACE_DIGITS}"),
        )
    for message_id in message_ids:
        found += yield (
            f"{_SELECT} WHERE event_key IN (SELECT key FROM messaging_channels_event WHERE message_id = ?)",  # noqa: S608  constants
            (message_id,),
        )
    told = {(row[_POSITION], row[1]): row for row in found}
    return [told[key] for key in sorted(told)]


def _calls_about(conversations: Sequence[str], message_ids: Sequence[str]) -> StatementFlow[set[str]]:
    """Return the ids of calls that tell of several people, of whom the person is one: its own event may have been dealt with."""
    rows = yield "SELECT id, call FROM messaging_channels_inbound_call WHERE id >= ?", (OF_SEVERAL,)
    if not rows:
        return set()
    wanted = set(conversations)
    for message_id in message_ids:
        keys = yield "SELECT key FROM messaging_channels_event WHERE message_id = ?", (message_id,)
        wanted |= {key for (key,) in keys}
    return {call_id for call_id, call in rows if wanted & set(json.loads(call.partition("\n")[0]))}


_SELECT = f"SELECT {COLUMNS}, due FROM messaging_channels_inbound"  # noqa: S608  constants
_POSITION = COLUMNS.split(", ").index("position")
