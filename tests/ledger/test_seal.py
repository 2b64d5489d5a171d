"""What waits is sealed where addresses are not kept in the plain, and opened with whichever of the keys sealed it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from scripted import Scripted

from messaging_channels import Dispatcher, PostgresLedger, Sms, SqliteLedger, Worker

TO, TEXT = "+447700900123", "Your PIN is 998877"
NEW, OLD = b"the new secret", b"the old secret"


class Place:
    """A database, and ledgers in it."""

    def __init__(self, request: pytest.FixtureRequest, folder: Path) -> None:
        self.path = folder / "ledger.sqlite3"
        self.conninfo = request.getfixturevalue("postgres") if request.param == "postgres" else ""

    def ledger(self, keys: Sequence[bytes], addresses: str = "masked") -> Any:
        if self.conninfo:
            return PostgresLedger(self.conninfo, addresses=addresses, keys=keys)
        return SqliteLedger(self.path, addresses=addresses, keys=keys, owned=True)

    def payloads(self) -> str:
        text = "SELECT payload FROM messaging_channels_queue"
        if self.conninfo:
            with psycopg.connect(self.conninfo) as connection:
                return repr(connection.execute(text).fetchall())
        with closing(sqlite3.connect(self.path)) as database:
            return repr(database.execute(text).fetchall())

    def enqueue(self, keys: Sequence[bytes], addresses: str = "masked") -> None:
        with Dispatcher([Scripted("vendor")], ledger=self.ledger(keys, addresses)) as dispatcher:
            dispatcher.enqueue(Sms(TEXT), to=TO)

    def work(self, keys: Sequence[bytes]) -> tuple[int, list[str]]:
        """Return how many messages went out, and why the others are dead letters."""
        provider = Scripted("vendor")
        with Dispatcher([provider], ledger=self.ledger(keys)) as dispatcher:
            Worker(dispatcher).drain()
            return len(provider.asked), [one.stop_reason for one in dispatcher.queue.dead_letters()]


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return Place(request, tmp_path)


def test_neither_text_nor_address_of_what_waits_can_be_read_from_the_database(place: Place) -> None:
    place.enqueue([NEW])

    kept = place.payloads()

    assert TEXT not in kept
    assert TO[1:] not in kept
    assert place.work([NEW]) == (1, [])


def test_what_an_earlier_key_sealed_is_opened_and_what_no_key_opens_is_told(place: Place) -> None:
    place.enqueue([OLD])
    place.enqueue([NEW, OLD])

    lost = place.work([NEW])

    assert lost == (1, ["what waits was sealed with a key that is not here"])


def test_a_key_is_rotated_without_losing_what_waits(place: Place) -> None:
    place.enqueue([OLD])
    place.enqueue([NEW, OLD])

    assert place.work([NEW, OLD]) == (2, [])


def test_what_waited_before_there_was_a_seal_is_sent(place: Place) -> None:
    place.enqueue([], addresses="plain")

    assert TEXT in place.payloads()
    assert place.work([NEW]) == (1, [])


def test_a_ledger_in_a_file_seals_with_the_key_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    with Dispatcher([Scripted("vendor")], ledger=SqliteLedger(path, owned=True)) as dispatcher:
        dispatcher.enqueue(Sms(TEXT), to=TO)
    kept = b"".join(one.read_bytes() for one in tmp_path.iterdir())
    provider = Scripted("vendor")

    with Dispatcher([provider], ledger=SqliteLedger(path, owned=True)) as dispatcher:
        Worker(dispatcher).drain()

    assert TEXT.encode() not in kept
    assert len(provider.asked) == 1
