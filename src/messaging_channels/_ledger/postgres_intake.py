"""Reports that are taken in before their provider is answered, many in one transaction of PostgreSQL and in one statement.

Nothing here locks a message: whoever holds one for long delays the recording of its reports, and no answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from messaging_channels._ledger import postgres_sets as sets
from messaging_channels._ledger.postgres_arrays import column
from messaging_channels._ledger.sql_inbound import take_rows
from messaging_channels.plugins.ledger_inbound import FinishReports, TakeReports

if TYPE_CHECKING:
    import psycopg

    from messaging_channels.plugins.ledger import Operation


def is_of_intake(operation: Operation[Any]) -> bool:
    """Whether it takes reports in, or forgets those that were recorded."""
    return isinstance(operation, (TakeReports, FinishReports))


class Intake:
    """Reports that are taken in together."""

    def __init__(self, operations: Sequence[TakeReports | FinishReports]) -> None:
        """Take them. Nothing is done yet."""
        self._operations = operations

    def write(self, connection: psycopg.Connection[Any]) -> list[Any]:
        """Do them on a connection that commits by itself, and return the replies in order. Raises psycopg.Error: nothing was written."""
        new = sorted(
            row for one in self._operations if isinstance(one, TakeReports) for row in take_rows(one)
        )
        over = [one for one in self._operations if isinstance(one, FinishReports)]
        fresh: set[str] = set()
        if new:  # one statement is a transaction by itself
            fresh = {key for (key,) in connection.execute(*sets.set_of(_TAKE, new)).fetchall()}
        if over:
            with connection.pipeline():
                connection.execute(b"BEGIN")
                connection.execute(sets.COMMIT_LATER)  # what is forgotten too late is recorded once more
                connection.execute(_FINISH, _finished(over))
                connection.execute(b"COMMIT")
        return [_reply(one, fresh) for one in self._operations]


def prepare(connection: psycopg.Connection[Any]) -> None:
    """Have a connection plan for this: by primary key, whatever the statistics of an empty table say."""
    connection.execute(sets.PREPARE.replace(b", true)", b", false)"))


def _finished(over: Sequence[FinishReports]) -> list[list[Any]]:
    """Return what `_FINISH` takes: each name once, since the index is asked for every pair of a key and a name."""
    keys = sorted({key for one in over for key in one.event_keys})
    handlers, holders = {one.handler for one in over}, {one.lease_owner for one in over}
    return [column(b"text", one) for one in (keys, sorted(handlers), sorted(holders))]


def _reply(operation: TakeReports | FinishReports, fresh: set[str]) -> frozenset[str] | None:
    """Return which keys of an operation are new: those of the first that names them."""
    if not isinstance(operation, TakeReports):
        return None
    own = fresh & {one.event_key for one in operation.items}
    fresh -= own
    return frozenset(own)


_TAKE = (
    b"INSERT INTO messaging_channels_inbound (event_key, handler, conversation, event_type, event, call_id, position, received_at,"
    b" due, tries, holder, error) SELECT n.event_key, n.handler, n.conversation, n.event_type, n.event, '', n.position,"
    b" n.received_at, n.due, 0, n.holder, '' FROM unnest(%b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[],"
    b" %b::float8[], %b::float8[], %b::text[]) AS n(event_key, handler, conversation, event_type, event, position, received_at,"
    b" due, holder) WHERE NOT EXISTS (SELECT 1 FROM messaging_channels_event AS heard WHERE heard.key = n.event_key)"
    b" ON CONFLICT DO NOTHING RETURNING event_key"
)
_FINISH = (
    b"DELETE FROM messaging_channels_inbound WHERE event_key = ANY (%b::text[]) AND handler = ANY (%b::text[])"
    b" AND holder = ANY (%b::text[])"
)
"""A holder is a random number of one claim, so no key meets another one's holder."""
