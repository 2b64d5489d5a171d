"""How much is kept, and for how long, in SQL: one recipient is forgotten or told everything; what is old goes in small steps. See `_ledger.sql`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from messaging_channels._ledger import sql_inbound_of as inbound
from messaging_channels._ledger.address_privacy import DIGEST_MARK, KEY_ID_LENGTH
from messaging_channels._ledger.failures import attempt_source
from messaging_channels._ledger.sql import load_record
from messaging_channels._ledger.sql_keys import is_key_over
from messaging_channels._ledger.sql_list import id_at
from messaging_channels._ledger.sql_stats import fold_counters
from messaging_channels._ledger.sql_stop import stop_message
from messaging_channels._ledger.sql_types import Dialect, Rows, StatementFlow
from messaging_channels._model.status import REJECTED_CANCELLED
from messaging_channels.plugins import ledger_retention as r
from messaging_channels.plugins.ledger_queue import NEVER


class _Recipient(Protocol):
    @property
    def recipient_digest(self) -> str: ...
    @property
    def stored_addresses(self) -> tuple[str, ...]: ...
    @property
    def recipients(self) -> tuple[str, ...]: ...


def _ids_of(person: _Recipient) -> StatementFlow[set[str]]:
    """Return the ids of all messages to a person, later steps of a fallback and what waits included."""
    found: set[str] = set()
    known = [
        *(("address", one) for one in person.stored_addresses),
        *(("recipient", one) for one in person.recipients),
    ]
    for column, value in known:
        for source in ("id FROM messaging_channels_message", "message_id FROM messaging_channels_step"):
            alone = " AND recipient = ''" if column == "address" else ""  # of another one there is a digest
            rows = yield f"SELECT {source} WHERE {column} = ? AND {column} <> ''{alone}", (value,)
            found |= {key for (key,) in rows}
    for digest in {person.recipient_digest, *person.recipients}:
        rows = yield (
            "SELECT message_id FROM messaging_channels_fallback_recipient WHERE recipient = ?",
            (digest,),
        )
        found |= {key for (key,) in rows}
    return found


def _erase_recipient(operation: r.EraseRecipient, dialect: Dialect) -> StatementFlow[int]:
    keys = sorted((yield from _ids_of(operation)))
    waiting: set[str] = set()
    for key in keys:  # the rows of the queue first, then those of messages, each in one order
        rows = yield (
            f"SELECT message_id FROM messaging_channels_queue WHERE message_id = ?{dialect.for_update}",  # noqa: S608
            (key,),
        )
        waiting |= {found for (found,) in rows}
    for key in keys:
        if key in waiting:
            yield "DELETE FROM messaging_channels_queue WHERE message_id = ?", (key,)
            yield from stop_message(key, "erased on request", REJECTED_CANCELLED, operation.at)
        yield "UPDATE messaging_channels_message SET address = '', recipient = '' WHERE id = ?", (key,)
        yield "UPDATE messaging_channels_step SET address = '', recipient = '' WHERE message_id = ?", (key,)
        yield "DELETE FROM messaging_channels_fallback_recipient WHERE message_id = ?", (key,)
        yield from forget_words(" = ?", (key,))
    events = yield from inbound.erase(operation.conversations, keys)
    yield from _erase_from_consent(operation)
    return len(keys) + events


def _erase_from_consent(operation: r.EraseRecipient) -> StatementFlow[None]:
    """Take a person's address out of what was said. That stays, under a digest: whoever opted out is not written to again."""
    for person in operation.consent_keys:
        yield (
            "UPDATE messaging_channels_consent_statement SET address = '' WHERE recipient = ? AND address <> ''",
            (person,),
        )
        for plain in operation.stored_addresses:
            yield (
                (
                    "UPDATE messaging_channels_consent_statement SET reason = replace(reason, ?, ''),"
                    " evidence = replace(evidence, ?, '') WHERE recipient = ?"
                    " AND (replace(reason, ?, '') <> reason OR replace(evidence, ?, '') <> evidence)"
                ),
                (plain, plain, person, plain, plain),
            )


def forget_words(which: str, values: tuple[Any, ...]) -> StatementFlow[None]:
    """Forget what vendors and operators wrote about messages, in which the address or the text may stand. What it means stays."""
    attempts = yield (
        f"SELECT message_id, number FROM messaging_channels_attempt WHERE message_id{which}",  # noqa: S608  constants
        values,
    )
    events = yield f"SELECT key FROM messaging_channels_event WHERE message_id{which}", values  # noqa: S608
    sources = [*(key for (key,) in events), *(attempt_source(*attempt) for attempt in attempts)]
    for some in _parts(sources):
        marks = ", ".join("?" * len(some))
        yield (
            f"UPDATE messaging_channels_failure SET vendor_text = '' WHERE source IN ({marks}) AND vendor_text <> ''",  # noqa: S608
            some,
        )
    yield (
        f"UPDATE messaging_channels_attempt SET detail = '' WHERE message_id{which} AND detail <> ''",  # noqa: S608
        values,
    )
    yield (
        (
            "UPDATE messaging_channels_event SET detail = CASE WHEN substr(detail, 1, 5) = 'copy:' THEN 'copy:' ELSE '' END"  # noqa: S608
            f" WHERE message_id{which} AND kind <> 'EngagementReceived' AND detail NOT IN ('', 'copy:')"
        ),
        values,
    )


def _list_recipient(operation: r.ListRecipient, _: Dialect) -> StatementFlow[Sequence[r.KeptMessage]]:
    kept: list[r.KeptMessage] = []
    for key in sorted((yield from _ids_of(operation))):
        record = yield from load_record("id = ?", key)
        rows = yield "SELECT payload FROM messaging_channels_queue WHERE message_id = ?", (key,)
        if record is not None:
            kept.append(r.KeptMessage(record, rows[0][0] if rows else None))
    return kept


def _list_recipient_inbound(
    operation: r.ListRecipientInbound, _: Dialect
) -> StatementFlow[Sequence[r.KeptInbound]]:
    keys = sorted((yield from _ids_of(operation)))
    return (yield from inbound.list_kept(operation.conversations, keys))


def _list_digest_keys(_: r.ListDigestKeys, __: Dialect) -> StatementFlow[Sequence[str]]:
    """Leap over the index from one id to the next: each is the beginning of all digests that were made with its secret."""
    found: list[str] = []
    after = DIGEST_MARK
    while True:
        text = "SELECT min(recipient) FROM messaging_channels_message WHERE recipient > ? AND recipient <> ''"
        ((least,),) = yield text, (after,)
        if not least or least[:KEY_ID_LENGTH] in found:
            return found
        found.append(least[:KEY_ID_LENGTH])
        after = f"{found[-1]}g"  # behind all hexadecimal digits


def _prune(operation: r.Prune, dialect: Dialect) -> StatementFlow[r.PrunedPage]:
    after = operation.after or (yield from _pruned_up_to())
    keys = yield (
        "SELECT id FROM messaging_channels_message WHERE id > ? AND id < ? ORDER BY id LIMIT ?",
        (after, id_at(operation.before), operation.limit),
    )
    if not keys:
        events = yield from inbound.prune(operation.before, operation.limit, dialect)
        if events == operation.limit:
            return r.PrunedPage(events, after or id_at(operation.before))
        yield from _keep_pruned_up_to(operation.before)
        yield from fold_counters(int(operation.before // 60), dialect)
        return r.PrunedPage(events, None)
    between = (after, keys[-1][0])
    for name, table in (("message_id", "queue"), ("id", "message")) if dialect.for_update else ():
        yield (  # in one order: whoever locks several waits for nobody in a circle
            f"SELECT 1 FROM messaging_channels_{table} WHERE {name} > ? AND {name} <= ? ORDER BY {name}{dialect.for_update}",  # noqa: S608
            between,
        )
    over = yield (
        (
            "DELETE FROM messaging_channels_queue WHERE message_id > ? AND message_id <= ?"
            " AND (state = 'dead' OR (state = 'held' AND due >= ?)) RETURNING message_id"
        ),
        (*between, NEVER),
    )
    touched = {key for (key,) in over}
    for table, name in (("messaging_channels_message", "id"), ("messaging_channels_step", "message_id")):
        rows = yield (
            (
                f"UPDATE {table} SET address = '', recipient = '' WHERE {name} > ? AND {name} <= ?"  # noqa: S608  constants
                " AND (address <> '' OR recipient <> '') AND NOT EXISTS (SELECT 1 FROM messaging_channels_queue AS queue"
                f" WHERE queue.message_id = {table}.{name}) RETURNING {name}, 1"
            ),
            between,
        )
        touched |= {row[0] for row in rows}
    yield (
        (
            "DELETE FROM messaging_channels_fallback_recipient WHERE message_id > ? AND message_id <= ? AND NOT EXISTS (SELECT 1"
            " FROM messaging_channels_queue AS queue WHERE queue.message_id = messaging_channels_fallback_recipient.message_id)"
        ),
        between,
    )
    yield from forget_words(" > ? AND message_id <= ?", between)
    return r.PrunedPage(len(touched), keys[-1][0])


def _pruned_up_to() -> StatementFlow[str]:
    """Return the id up to which nothing is left to forget, but for what waited then and does no longer."""
    rows = yield "SELECT at FROM messaging_channels_clock WHERE name = 'pruned'", ()
    return id_at(rows[0][0]) if rows else ""


def _keep_pruned_up_to(before: float) -> StatementFlow[None]:
    ((oldest,),) = yield "SELECT min(message_id) FROM messaging_channels_queue", ()
    try:
        waits_since = before if oldest is None else int(oldest[:12], 16) / 1000 - 1
    except ValueError:
        return
    yield (
        "INSERT INTO messaging_channels_clock (name, at) VALUES ('pruned', ?) ON CONFLICT (name) DO UPDATE SET at = excluded.at",
        (max(0.0, min(before, waits_since)),),
    )


def _delete_records(operation: r.DeleteRecords, dialect: Dialect) -> StatementFlow[r.PrunedPage]:
    rows = yield (
        _SELECT_PAGE.format(lock=dialect.skip_locked),
        (operation.now, operation.after or "", id_at(operation.before), operation.limit),
    )
    if not rows:
        return (yield from _delete_orphans(operation))
    over: list[str] = []
    for key, created, expires, idempotency_key, is_over in rows:
        stands = idempotency_key is not None and not (
            yield from is_key_over(key, created, expires, operation.now)
        )
        if is_over and not stands:
            over.append(key)
    yield from _delete_all_of(over)
    return r.PrunedPage(len(over), rows[-1][0])


def _delete_orphans(operation: r.DeleteRecords) -> StatementFlow[r.PrunedPage]:
    """Delete events about messages that nobody knows; what is left of them goes with the next step."""
    gone = yield _DELETE_ORPHANS, (operation.before, operation.limit)
    yield from _delete_where("failure", "source", [key for (key,) in gone])
    return r.PrunedPage(0, id_at(operation.before) if len(gone) == operation.limit else None)


def _delete_all_of(keys: Sequence[str]) -> StatementFlow[None]:
    """Remove all that is kept of messages, which are locked."""
    events = yield from _delete_where("event", "message_id", keys, "key")
    attempts = yield from _delete_where("attempt", "message_id", keys, "message_id, number")
    sources = [*(key for (key,) in events), *(attempt_source(key, number) for key, number in attempts)]
    yield from _delete_where("failure", "source", sources)
    for table in ("step", "key", "crashed_claim", "fallback_recipient"):
        yield from _delete_where(table, "message_id", keys)
    yield from _delete_where("message", "id", keys)


def _delete_where(table: str, column: str, values: Sequence[str], returned: str = "1") -> StatementFlow[Rows]:
    """Delete rows by the value of a column. Return what is asked of them."""
    found: Rows = []
    for some in _parts(values):
        marks = ", ".join("?" * len(some))
        found += yield (
            f"DELETE FROM messaging_channels_{table} WHERE {column} IN ({marks}) RETURNING {returned}",  # noqa: S608  our own words
            some,
        )
    return found


def _parts(values: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield as many values at a time as one statement takes."""
    for start in range(0, len(values), _MOST_VALUES):
        yield tuple(values[start : start + _MOST_VALUES])


_MOST_VALUES = 500
_DELETE_ORPHANS = (
    "DELETE FROM messaging_channels_event WHERE key IN (SELECT key FROM messaging_channels_event"
    " WHERE message_id IS NULL AND heard_at < ? ORDER BY heard_at LIMIT ?) RETURNING key"
)
_SELECT_PAGE = (
    "SELECT id, created, expires, idempotency_key, lease <= ?"
    " AND (SELECT count(*) FROM messaging_channels_queue AS queue WHERE queue.message_id = message.id) = 0"
    " AND (SELECT count(*) FROM messaging_channels_attempt AS attempt WHERE attempt.message_id = message.id AND attempt.outcome IS NULL) = 0"
    " FROM (SELECT id, created, expires, idempotency_key, lease FROM messaging_channels_message"
    " WHERE id > ? AND id < ? ORDER BY id LIMIT ?{lock}) AS message ORDER BY id"
)
"""So many messages are looked at, whatever is to be done with them: what there is beside them makes it no slower."""
HANDLERS: dict[type[Any], Callable[[Any, Dialect], StatementFlow[Any]]] = {
    r.EraseRecipient: _erase_recipient,
    r.ListRecipient: _list_recipient,
    r.ListRecipientInbound: _list_recipient_inbound,
    r.ListDigestKeys: _list_digest_keys,
    r.Prune: _prune,
    r.DeleteRecords: _delete_records,
}
