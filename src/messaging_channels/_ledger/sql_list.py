"""Pages of records, in SQL: as fast in a ledger of a million messages as in one of a thousand, by whatever they are filtered.

One index holds channel, status and id. Which channels and statuses there are is found by leaps over it; of each, the newest messages are then read in order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from messaging_channels._ledger.sql_types import StatementFlow
from messaging_channels.plugins import ledger as op

_Kind: TypeAlias = "tuple[str, int, str]"
"""A channel, the group of a status, and its name."""


def list_ids(operation: op.ListMessages) -> StatementFlow[list[str]]:
    """Return the ids of a page."""
    bounds, values = _bounds(operation)
    if operation.addresses:
        return (yield from _ids_by_address(operation, bounds, values))
    if (operation.channel, operation.group_id, operation.status) == (None, None, None):
        rows = yield (
            f"SELECT id FROM messaging_channels_message WHERE scope = ?{bounds} ORDER BY id DESC LIMIT ?",  # noqa: S608
            (operation.scope, *values, operation.limit),
        )
        return [key for (key,) in rows]
    found: list[str] = []
    for kind in (yield from _kinds(operation)):
        rows = yield (
            f"SELECT id FROM messaging_channels_message WHERE scope = ? AND {_OF_KIND}{bounds} ORDER BY id DESC LIMIT ?",  # noqa: S608
            (operation.scope, *kind, *values, operation.limit),
        )
        found += [key for (key,) in rows]
    return sorted(found, reverse=True)[: operation.limit]


def _bounds(operation: op.ListMessages) -> tuple[str, tuple[Any, ...]]:
    """Return the conditions of a page on ids, which sort by time, and on the time itself."""
    asked: dict[str, Any] = {}
    if operation.before is not None:
        asked["id < ?"] = operation.before
    if operation.since is not None:
        asked |= {"id >= ?": id_at(operation.since), "created >= ?": operation.since}
    if operation.until is not None:
        asked |= {"id < ? ": id_at(operation.until + 0.001), "created < ?": operation.until}
    return "".join(f" AND {condition}" for condition in asked), tuple(asked.values())


def _ids_by_address(
    operation: op.ListMessages, bounds: str, values: tuple[Any, ...]
) -> StatementFlow[list[str]]:
    """Return the ids of messages to some addresses, those of later steps of a fallback too."""
    given = {
        "channel = ?": operation.channel,
        "status_group = ?": operation.group_id,
        "status_name = ?": operation.status,
    }
    asked = {condition: value for condition, value in given.items() if value is not None}
    where = "".join(f" AND {condition}" for condition in asked)
    found: set[str] = set()
    for condition, person in _conditions(operation):
        rows = yield (
            (
                f"SELECT id FROM messaging_channels_message WHERE {condition} AND scope = ?{where}{bounds}"  # noqa: S608
                " ORDER BY id DESC LIMIT ?"
            ),
            (*person, operation.scope, *asked.values(), *values, operation.limit),
        )
        found |= {key for (key,) in rows}
    return sorted(found, reverse=True)[: operation.limit]


def _conditions(operation: op.ListMessages) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield what the messages of a person fulfill, one or the other: where a digest tells people apart, the address alone is no proof."""
    for address in operation.addresses:
        yield _ALONE, (address,)
        if not operation.recipients:
            yield _OF_STEP.format(more=""), (address,)
            continue
        yield _OF_STEP.format(more=_WITHOUT_DIGEST), (address,)
        for digest in operation.waiting_recipients:
            yield _OF_STEP.format(more=_WITH_DIGEST), (address, digest)
    for digest in operation.recipients:
        yield "recipient = ? AND recipient <> ''", (digest,)


def _kinds(operation: op.ListMessages) -> StatementFlow[Sequence[_Kind]]:
    """Return the channels and statuses that messages of the scope have, of those that are asked for."""
    found: list[_Kind] = []
    at: _Kind = (operation.channel or "", _FIRST if operation.group_id is None else operation.group_id, "")
    while (leap := (yield from _next_kind(operation.scope, at))) and operation.channel in (None, leap[0]):
        at = channel, group, name = leap
        if operation.group_id is not None and group != operation.group_id:
            at = (channel, operation.group_id if group < operation.group_id else _LAST, "")
        elif operation.status in (None, name):
            found.append(leap)
    return found


def _next_kind(scope: str, at: _Kind) -> StatementFlow[_Kind | None]:
    """Return the kind that follows in the index. Each statement leaps over one column: all entries that are equal in it are passed over at once."""
    channel, group, name = at
    for where, values in (
        ("channel = ? AND status_group = ? AND status_name > ?", (channel, group, name)),
        ("channel = ? AND status_group > ?", (channel, group)),
        ("channel > ?", (channel,)),
    ):
        rows = yield (f"{_SELECT_KIND} {where} {_IN_ORDER}", (scope, *values))
        if rows:
            return rows[0][0], rows[0][1], rows[0][2]
    return None


def id_at(at: float) -> str:
    """Return what ids of messages are not below that were made from then on."""
    return f"{max(0, int(at * 1000)):012x}"


def created_at(message_id: str, at: float) -> float:
    """Return when a message was created: in the millisecond that its id names, so that it is found by the one and the other alike."""
    try:
        made = int(message_id[:12], 16)
    except ValueError:
        return at
    return min(max(at, made / 1000), (made + 0.999) / 1000) if len(message_id) >= _ID_LENGTH else at


_ALONE = "address = ? AND address <> '' AND recipient = ''"
_OF_STEP = (
    "id IN (SELECT message_id FROM messaging_channels_step AS step WHERE address = ? AND address <> ''{more})"
)
_DIGEST = (
    "SELECT 1 FROM messaging_channels_fallback_recipient AS known WHERE known.message_id = step.message_id"
)
_WITHOUT_DIGEST, _WITH_DIGEST = (
    f" AND NOT EXISTS ({_DIGEST})",
    f" AND EXISTS ({_DIGEST} AND known.recipient = ?)",
)
_OF_KIND = "channel = ? AND status_group = ? AND status_name = ?"
_SELECT_KIND = "SELECT channel, status_group, status_name FROM messaging_channels_message WHERE scope = ? AND"
_IN_ORDER = "ORDER BY channel, status_group, status_name LIMIT 1"
_FIRST, _LAST = -1, 2_147_483_647
_ID_LENGTH = 32
"""Of an id that `_model.ids` made: 12 digits of milliseconds, and 20 random ones."""
