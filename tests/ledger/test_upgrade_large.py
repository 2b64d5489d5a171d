"""A database of the first schema with very many messages is upgraded whole: nothing of it is lost, and what waits in it goes out once."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from old_schemas import DELIVERED, PENDING, VERSION_1
from scripted import Scripted
from trials import scaled

from messaging_channels import Dispatcher, PhoneNumber, PostgresLedger, Sms, SqliteLedger, Worker
from messaging_channels._ledger.tables import SCHEMA_VERSION

if TYPE_CHECKING:
    from messaging_channels.plugins.ledger import Ledger

MESSAGES, WAITING = scaled(1_000_000, 1_000), 50
SENT_AT = 1_700_000_000.0
pytestmark = [pytest.mark.trial, pytest.mark.timeout(1800)]


def _key(number: int) -> str:
    return f"{int(SENT_AT * 1000) + number:012x}{number:020x}"


def _messages() -> Iterator[tuple[Any, ...]]:
    for number in range(MESSAGES + WAITING):
        waits, address = number >= MESSAGES, f"4477009{number % 100_000:05d}"
        key = f"order-{number}" if number % 1000 == 0 else None
        row = (_key(number), "sms", "Sms", None, address, SENT_AT + number / 1000)
        status = PENDING if waits or number % 2 else DELIVERED
        ends = ("queue", 1e12) if waits else ("", 0.0)
        yield (*row, status, 1, "", key, 4e9, "", "", *ends, "" if waits else "over", 0, None, 0)


def _attempts() -> Iterator[tuple[Any, ...]]:
    for number in range(MESSAGES):
        begun = SENT_AT + number / 1000
        yield (_key(number), 1, "vendor", None, begun, 0.0, 0.1, "accepted", PENDING, f"v{number}", "", None)


def _events() -> Iterator[tuple[Any, ...]]:
    for number in range(0, MESSAGES, 2):
        told = ("vendor", f"v{number}", "StatusChanged", SENT_AT + 1, DELIVERED, "", SENT_AT + 1)
        yield (hashlib.sha256(str(number).encode()).hexdigest()[:32], _key(number), *told)


def _jobs() -> Iterator[tuple[Any, ...]]:
    for number in range(MESSAGES, MESSAGES + WAITING):
        payload = PAYLOAD.replace("NUMBER", f"{number % 100_000:05d}")
        steps, times = (1, 1, 0, 0), (SENT_AT, SENT_AT)
        yield (_key(number), "waiting", *steps, *times, 1, None, "", payload, f" {number:032x} ")


PAYLOAD = (
    '{"steps":[[{"$":"Sms","text":"later","sender":null,"validity_period":null,"flash":false,"extra":[]},'
    '{"$":"PhoneNumber","digits":"4477009NUMBER"},null]],"onUnknown":"hold","after":0.0,"followUnknown":false,"window":null,"zones":[]}'
)
"""As the first version wrote it."""
TABLES: dict[str, Callable[[], Iterable[tuple[Any, ...]]]] = {
    "message": _messages,
    "attempt": _attempts,
    "event": _events,
    "queue": _jobs,
}


@pytest.fixture(params=["sqlite", "postgres"])
def large(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Ledger]:
    """A database as the first version left it."""
    if request.param == "sqlite":
        path = tmp_path / "ledger.sqlite3"
        with closing(sqlite3.connect(path)) as database, database:
            for statement in VERSION_1:
                database.execute(statement)
            for table, rows in TABLES.items():
                columns = len(database.execute(f"SELECT * FROM pragma_table_info('{table}')").fetchall())
                database.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * columns)})", rows())
        return lambda: SqliteLedger(path, addresses="plain", owned=True)
    conninfo = request.getfixturevalue("postgres")
    with psycopg.connect(conninfo) as connection:
        for statement in VERSION_1:
            connection.execute(statement.encode())
        for table, rows in TABLES.items():
            with connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN".encode()) as copied:
                for row in rows():
                    copied.write_row(row)
    return lambda: PostgresLedger(conninfo, addresses="plain")


def test_a_large_database_of_the_first_schema_is_upgraded_and_nothing_of_it_is_lost(
    large: Callable[[], Any],
) -> None:
    provider = Scripted("vendor")

    before = [large().upgrade(), large().upgrade()]
    with Dispatcher([provider], ledger=large()) as dispatcher:
        waiting = dispatcher.queue.stats().by_state
        kept = dispatcher.send(Sms("hello"), to="+447700900123", idempotency_key="order-0")
        delivered = dispatcher.list_messages(limit=1, status="DELIVERED_TO_HANDSET")
        erased = dispatcher.queue.erase_recipient(PhoneNumber.parse("+447700900077"))
        Worker(dispatcher).drain()
        left = dispatcher.queue.stats().by_state
        oldest = dispatcher.list_messages(limit=1, before=_key(1))

    assert before == [1, SCHEMA_VERSION]
    assert (waiting, left) == ({"waiting": WAITING}, {})
    assert (kept.replayed, kept.id) == (True, _key(0))
    assert [one.id for one in delivered] == [_key(MESSAGES - 2)]
    assert [one.events[0].event_type for one in delivered] == ["StatusChanged"]
    assert erased == len(range(77, MESSAGES, 100_000))
    assert sorted(one.id for one in provider.asked) == [_key(MESSAGES + number) for number in range(WAITING)]
    assert [one.id for one in oldest] == [_key(0)]
