"""A database comes to the schema of this version, whatever left it; and one that is not ours is refused, not touched."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from old_schemas import VERSION_1, VERSION_2, rows
from scripted import Scripted

from messaging_channels import Dispatcher, MessagingError, PhoneNumber, Sms, SqliteLedger
from messaging_channels._client.worker import Worker
from messaging_channels._ledger.driving import drive
from messaging_channels._ledger.postgres import PostgresLedger
from messaging_channels._ledger.sqlite_file import DIALECT, fetch
from messaging_channels._ledger.tables import SCHEMA, SCHEMA_VERSION
from messaging_channels._ledger.upgrade import prepare_schema
from messaging_channels.errors import InvalidSetting
from messaging_channels.plugins.exchange import ask
from messaging_channels.plugins.ledger import Ledger
from messaging_channels.plugins.ledger_reports import StoreReportCursor

TO = "+447700900123"
CURSORS = "messaging_channels_report_cursor"


class Place:
    """A database that a ledger may be opened in, and looked into beside it."""

    def __init__(self, made: Callable[[], Any], tell: Callable[..., list[Any]], columns: str) -> None:
        self.make, self.tell, self.columns = made, tell, columns

    def tables(self) -> dict[str, set[tuple[Any, ...]]]:
        """Return the columns of every table of ours."""
        found: dict[str, set[tuple[Any, ...]]] = {}
        for table, *column in self.tell(self.columns):
            found.setdefault(table, set()).add(tuple(column))
        return found


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "postgres":
        conninfo = request.getfixturevalue("postgres")

        def ask_postgres(text: str, values: tuple[object, ...] = ()) -> list[Any]:
            with psycopg.connect(conninfo) as connection:
                asked = connection.execute(text.replace("?", "%s").encode(), values or None)
                return asked.fetchall() if asked.description else []

        yield Place(
            lambda: PostgresLedger(conninfo, addresses="plain"),
            ask_postgres,
            "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns"
            " WHERE table_name LIKE 'messaging_channels%'",
        )
        return
    path = tmp_path / "ledger.sqlite3"

    def ask_sqlite(text: str, values: tuple[object, ...] = ()) -> list[Any]:
        with closing(sqlite3.connect(path)) as connection, connection:
            return connection.execute(text, values).fetchall()

    yield Place(
        lambda: SqliteLedger(path, addresses="plain", owned=True),
        ask_sqlite,
        'SELECT t.name, c.name, c.type, c."notnull", c.dflt_value FROM sqlite_master AS t, pragma_table_info(t.name) AS c'
        " WHERE t.name LIKE 'messaging_channels%' AND t.type = 'table'",
    )


def _used(ledger: Ledger) -> Dispatcher:
    return Dispatcher([Scripted("vendor")], ledger=ledger)


def _filled(place: Place, version: int) -> None:
    for statement in {1: VERSION_1, 2: VERSION_2}[version]:
        place.tell(statement)
    for statement, values in rows(version):
        place.tell(statement, values)


@pytest.mark.parametrize("version", [1, 2])
def test_what_an_earlier_version_left_is_read_as_it_was(place: Place, version: int) -> None:
    _filled(place, version)

    with _used(place.make()) as dispatcher:
        records = dispatcher.list_messages()
        rejected = dispatcher.list_messages(group_id=5)
        again = dispatcher.send(Sms("hello"), to=TO)

    ends = [str(one.attempts[0].result and one.attempts[0].result.reason) for one in reversed(records)]
    assert ends == [
        "accepted",
        "accepted.duplicate",
        "rejected.recipient",
        "not_sent.credentials",
        "unknown.process_crashed",
    ]
    assert [one.idempotency_key for one in rejected] == ["order-2"]
    assert str(again.outcome) == "accepted"


def test_a_key_of_the_first_version_stands(place: Place) -> None:
    _filled(place, 1)
    provider = Scripted("vendor")

    with Dispatcher([provider], ledger=place.make()) as dispatcher:
        receipt = dispatcher.send(Sms("hello"), to=TO, idempotency_key="order-0")

    assert receipt.replayed
    assert not provider.asked


@pytest.mark.parametrize("version", [1, 2])
def test_an_upgraded_database_has_the_tables_of_a_new_one(place: Place, version: int, tmp_path: Path) -> None:
    _filled(place, version)
    with _used(place.make()) as dispatcher:
        dispatcher.list_messages()
    upgraded = place.tables()

    place.tell("DROP VIEW message")
    for table in upgraded:
        place.tell(f"DROP TABLE {table}")
    for beside in tmp_path.iterdir():
        beside.unlink()
    with _used(place.make()) as dispatcher:
        dispatcher.list_messages()

    assert upgraded == place.tables()


@pytest.mark.parametrize("version", [1, 2])
def test_an_earlier_version_refuses_a_database_that_was_upgraded(place: Place, version: int) -> None:
    _filled(place, version)
    with _used(place.make()) as dispatcher:
        dispatcher.list_messages()

    with pytest.raises((sqlite3.Error, psycopg.Error)):  # what it did whenever it opened one
        place.tell("CREATE INDEX message_scope ON message (scope, id)")
    with pytest.raises((sqlite3.Error, psycopg.Error)):  # and when it had it open already
        place.tell("INSERT INTO message (id) VALUES ('m')")


def test_a_database_of_a_later_version_is_refused_before_anything_is_sent(place: Place) -> None:
    provider = Scripted("vendor")
    with _used(place.make()) as dispatcher:
        dispatcher.list_messages()
    place.tell(f"UPDATE messaging_channels_schema SET version = {SCHEMA_VERSION + 1}")

    with Dispatcher([provider], ledger=place.make()) as dispatcher, pytest.raises(InvalidSetting) as refused:
        dispatcher.send(Sms("hello"), to=TO)

    assert refused.value.setting == "ledger"
    assert "upgrade messaging-channels" in refused.value.hint
    assert not provider.asked


@pytest.mark.parametrize("table", ["messaging_channels_message", "messaging_channels_schema", CURSORS])
def test_a_table_of_our_name_that_is_not_ours_is_named_and_left_alone(place: Place, table: str) -> None:
    place.tell(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, title TEXT)")
    place.tell(f"INSERT INTO {table} VALUES (1, 'theirs')")

    with _used(place.make()) as dispatcher, pytest.raises(InvalidSetting, match=table):
        dispatcher.send(Sms("hello"), to=TO)

    assert place.tell(f"SELECT * FROM {table}") == [(1, "theirs")]


@pytest.mark.parametrize("column", ["body TEXT", "channel TEXT, kind TEXT, account TEXT, address TEXT"])
def test_an_application_keeps_its_own_tables_of_common_names(place: Place, column: str) -> None:
    theirs = ("message", "attempt", "event", "queue", "step", "counter", "failure", "consent_statement")
    for table in theirs:
        place.tell(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, {column})")
        place.tell(f"INSERT INTO {table} (id) VALUES (1)")

    with _used(place.make()) as dispatcher:
        dispatcher.enqueue(Sms("hello"), to=TO)
        sent = Worker(dispatcher).drain()

    assert sent == 1
    assert [place.tell(f"SELECT count(*) FROM {table}") for table in theirs] == [[(1,)]] * len(theirs)


def test_a_large_database_is_upgraded_only_when_an_operator_says_so() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        for statement in VERSION_2:
            database.execute(statement)
        for text, values in rows(2):
            database.execute(text, values)

        with pytest.raises(InvalidSetting, match="ledger upgrade"):
            drive(prepare_schema(DIALECT, most_rows=4), lambda statement: fetch(database, statement))
        version = drive(prepare_schema(DIALECT, most_rows=5), lambda statement: fetch(database, statement))

    assert version == 2


def test_an_operator_upgrades_a_database_once(place: Place) -> None:
    _filled(place, 1)

    assert [place.make().upgrade(), place.make().upgrade()] == [1, SCHEMA_VERSION]
    with _used(place.make()) as dispatcher:
        assert len(dispatcher.list_messages()) == 5


def test_an_upgrade_that_is_cut_off_leaves_the_database_as_it_was(place: Place) -> None:
    _filled(place, 2)
    place.tell("CREATE TABLE messaging_channels_event (id INTEGER PRIMARY KEY)")

    with _used(place.make()) as dispatcher, pytest.raises(MessagingError):
        dispatcher.send(Sms("hello"), to=TO)
    place.tell("DROP TABLE messaging_channels_event")
    with _used(place.make()) as dispatcher:
        assert len(dispatcher.list_messages()) == 5


def test_every_table_and_index_has_our_prefix() -> None:
    assert all("IF NOT EXISTS messaging_channels_" in statement for statement in SCHEMA)


def test_a_database_without_the_table_of_cursors_gets_it_and_loses_nothing(place: Place) -> None:
    with _used(place.make()) as dispatcher:
        sent = dispatcher.send(Sms("hello"), to=TO, idempotency_key="order-1")
    place.tell(f"DROP TABLE {CURSORS}")

    with _used(place.make()) as dispatcher:
        again = dispatcher.send(Sms("hello"), to=TO, idempotency_key="order-1")

    assert (again.id, again.replayed) == (sent.id, True)
    assert {column for column, *_ in place.tables()[CURSORS]} == {"provider", "account", "mark"}


def test_a_cursor_is_in_a_backup_and_stands_when_everybody_is_forgotten(place: Place, tmp_path: Path) -> None:
    with _used(place.make()) as dispatcher:
        dispatcher.send(Sms("hello"), to=TO)
        dispatcher.queue.run(ask(StoreReportCursor("vendor", None, "page-7")))
        dispatcher.queue.erase_recipient(PhoneNumber.parse(TO))
        dispatcher.queue.prune(older_than=0)
        dispatcher.queue.delete_records(older_than=0)
    kept = [place.tell(f"SELECT mark FROM {CURSORS}")]
    if isinstance(made := place.make(), SqliteLedger):
        made.backup(tmp_path / "copy.sqlite3")
        with closing(sqlite3.connect(tmp_path / "copy.sqlite3")) as copy:
            kept.append(copy.execute(f"SELECT mark FROM {CURSORS}").fetchall())

    assert kept == [[("page-7",)]] * len(kept)
