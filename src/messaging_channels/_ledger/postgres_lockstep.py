"""Operations that no set takes, many in one transaction of PostgreSQL: each by its own statements, and all of their next ones in one round trip.

The parts of a `Transaction` are as operations of their own: all of the group is written, or nothing. Two about one message, or one name of a provider,
go one after the other: within one transaction no lock would hold the second off.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from messaging_channels._ledger import postgres_sets as sets
from messaging_channels._ledger.driving import to_percent_style
from messaging_channels._ledger.postgres_group import flatten
from messaging_channels._ledger.postgres_statements import DIALECT
from messaging_channels._ledger.schema import root_message_id
from messaging_channels._ledger.sql_dispatch import statements_for
from messaging_channels._ledger.sql_types import Statement, StatementFlow, clean_text
from messaging_channels.plugins.ledger import (
    FinishAttempt,
    GetMessage,
    Operation,
    RecordEvent,
    ReleaseReservation,
    TakeLease,
    Transaction,
)
from messaging_channels.plugins.ledger_inbound import StoreInbound
from messaging_channels.plugins.ledger_queue import AdvanceFallback, UpdateJob

if TYPE_CHECKING:
    import psycopg

_OF_CALLS = (AdvanceFallback, FinishAttempt, GetMessage, ReleaseReservation, TakeLease, UpdateJob)
_OTHER = ("", "other")
"""The name of what is not known to be of one message: such go one after the other."""


def is_of_reports(operation: Operation[Any]) -> bool:
    """Whether providers tell something by it."""
    if isinstance(operation, Transaction):
        return any(isinstance(one, RecordEvent) for one in operation.operations)
    return isinstance(operation, RecordEvent)


def is_of_calls(operation: Operation[Any]) -> bool:
    """Whether it is a short step of one message."""
    parts = flatten(operation)
    return bool(parts) and all(isinstance(one, _OF_CALLS) for one in parts)


_PlacedFlow: TypeAlias = "tuple[int, StatementFlow[Any]]"
"""With the place of its operation."""


class Lockstep:
    """Operations that are done together."""

    def __init__(self, operations: Sequence[Operation[Any]]) -> None:
        """Take them. Nothing is done yet."""
        self._operations = operations
        self._parts = [part for one in operations for part in flatten(one)]
        self._replies: list[Any] = [None] * len(self._parts)

    def write(self, connection: psycopg.Connection[Any]) -> list[Any]:
        """Do them on a connection that commits by itself, and return the replies in order. Raises psycopg.Error: nothing was written."""
        named = sorted({name for one in self._parts for name in _provider_names(one)})
        with connection.pipeline() as pipeline:
            connection.execute(b"BEGIN")
            connection.execute(sets.PREPARE)
            self._lock_messages(connection)
            found: list[tuple[str, str, str]] = []
            if named:
                cursor = connection.execute(*sets.set_of(_FIND_MESSAGES, named))
                pipeline.sync()
                found = cursor.fetchall()
            known = {(provider, provider_id): key for provider, provider_id, key in found}
            for wave in self._waves(known):
                self._perform(connection, pipeline, wave)
            connection.execute(b"COMMIT")
            pipeline.sync()
        replies = iter(self._replies)
        return [
            [next(replies) for _ in one.operations] if isinstance(one, Transaction) else next(replies)
            for one in self._operations
        ]

    def _lock_messages(self, connection: psycopg.Connection[Any]) -> None:
        """Lock what several steps will change in the order that all keep to, so that no two writers wait in a circle: names of providers, jobs, messages."""
        keys = sorted({key for one in self._parts if (key := _changed_message(one))})
        if len(keys) < _FEWEST_LOCKED or any(map(is_of_reports, self._parts)):
            return
        ends = _named_ends(self._parts)
        if ends:
            connection.execute(*sets.set_of(_LOCK_PROVIDER_IDS, ends))
        for statement in (_LOCK_JOBS, sets.LOCK_MESSAGES):
            connection.execute(*sets.set_of(statement, [(key,) for key in keys]))

    def _waves(self, known: dict[tuple[str, str], str]) -> Iterator[list[int]]:
        """Yield what may go at the same time, in the order in which the names of reports are locked everywhere."""
        waves: list[list[int]] = []
        last: dict[tuple[str, str], int] = {}
        for place, one in enumerate(self._parts):
            names = set(_names(one))
            names |= {("", known[name]) for name in names if name in known}
            wave = max((last[name] + 1 for name in names if name in last), default=0)
            last.update(dict.fromkeys(names, wave))
            if wave == len(waves):
                waves.append([])
            waves[wave].append(place)
        for together in waves:
            yield sorted(together, key=self._lock_name)

    def _lock_name(self, place: int) -> tuple[str, str]:
        return min(_provider_names(self._parts[place]), default=("", ""))

    def _perform(
        self, connection: psycopg.Connection[Any], pipeline: psycopg.Pipeline, wave: Sequence[int]
    ) -> None:
        """Do some of them, statement by statement."""
        flows = [(place, statements_for(self._parts[place], DIALECT)) for place in wave]
        waiting = self._advance(flows, [None] * len(flows))
        while waiting:
            cursors = [connection.execute(*to_percent_style(asked)) for _, asked in waiting]
            pipeline.sync()
            heard = [one.fetchall() if one.description else [] for one in cursors]
            waiting = self._advance([own for own, _ in waiting], heard)

    def _advance(
        self, flows: Sequence[_PlacedFlow], heard: Sequence[Any]
    ) -> list[tuple[_PlacedFlow, Statement]]:
        """Return the flows that go on, each with its next statement. Of those that end, the reply is kept."""
        going: list[tuple[_PlacedFlow, Statement]] = []
        for own, rows in zip(flows, heard, strict=True):
            place, flow = own
            try:
                going.append((own, flow.send(rows)))
            except StopIteration as done:
                self._replies[place] = done.value
        return going


def _changed_message(operation: Operation[Any]) -> str | None:
    """Return the id of the message whose row a step locks."""
    if isinstance(operation, GetMessage) or not isinstance(operation, _OF_CALLS):
        return None
    return operation.message_id


def _named_ends(parts: Sequence[Operation[Any]]) -> list[tuple[str, int, str | None]]:
    """Return the ends of attempts of which the provider told its id, which they lock."""
    return [
        (one.message_id, one.number, clean_text(one.result.provider_id))
        for one in parts
        if isinstance(one, FinishAttempt) and one.result.provider_id
    ]


def _names(operation: Operation[Any]) -> Iterator[tuple[str, str]]:
    """Yield by what an operation may meet another one: ids of ours, with no provider before them, and ids of providers."""
    yield from _provider_names(operation)
    if isinstance(operation, StoreInbound):
        yield from (("event", one.event_key) for one in operation.items)
        return
    if isinstance(operation, RecordEvent):
        yield "event", operation.event.key
        key = root_message_id(clean_text(getattr(operation.event, "message_id", None)) or "")
    elif isinstance(operation, _OF_CALLS):
        key = operation.message_id or ""
    else:
        yield _OTHER
        return
    if key:
        yield "", key


def _provider_names(operation: Operation[Any]) -> Iterator[tuple[str, str]]:
    """Yield the ids of providers under which an operation may find a message."""
    of = operation.event if isinstance(operation, RecordEvent) else operation
    provider_id = clean_text(getattr(of, "provider_id", None))
    if provider_id:
        yield getattr(of, "provider", ""), provider_id


_FEWEST_LOCKED = 2
"""One message alone is locked by its own statements."""
_LOCK_PROVIDER_IDS = sets.LOCK_PROVIDER_IDS.replace(
    b"attempt.number = 1", b"attempt.number = n.number"
).replace(
    b"unnest(%b::text[], %b::text[]) AS n(id, provider_id)",
    b"unnest(%b::text[], %b::int[], %b::text[]) AS n(id, number, provider_id)",
)
_LOCK_JOBS = b"SELECT 1 FROM messaging_channels_queue WHERE message_id = ANY (%b::text[]) ORDER BY message_id FOR UPDATE"
_FIND_MESSAGES = (
    b"SELECT n.provider, n.provider_id, attempt.message_id FROM unnest(%b::text[], %b::text[]) AS n(provider, provider_id)"
    b" JOIN messaging_channels_attempt AS attempt ON attempt.provider = n.provider AND attempt.provider_id = n.provider_id"
)
