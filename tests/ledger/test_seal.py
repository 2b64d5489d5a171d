"""What waits is sealed where addresses are not kept in the plain, and opened with whichever of the keys sealed it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from scripted import Scripted

from messaging_channels import Dispatcher, PhoneNumber, PostgresLedger, Sms, SqliteLedger, Worker
from messaging_channels.errors import InvalidSetting
from messaging_channels.testing.clock import ControlledClock

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

    def work(self, keys: Sequence[bytes], later: float = 0.0) -> tuple[int, list[str]]:
        """Return how many messages went out, so many seconds later, and why the others are dead letters."""
        provider, clock = Scripted("vendor"), ControlledClock(time.time() + later)
        with Dispatcher([provider], ledger=self.ledger(keys), clock=clock) as dispatcher:
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


def test_what_no_key_here_opens_waits_for_the_key_and_goes_out_with_it(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    place.enqueue([OLD])
    place.enqueue([NEW, OLD])

    without = place.work([NEW])
    told = caplog.text
    later = place.work([NEW, OLD], later=60.0)

    assert (without, later) == ((1, []), (1, []))
    assert "sealed with a key that is not here" in told


def test_what_no_key_opens_for_a_day_is_a_dead_letter_that_can_be_replayed(place: Place) -> None:
    place.enqueue([OLD])

    (sent, (why,)) = place.work([NEW], later=2 * 86400.0)
    with Dispatcher([Scripted("vendor")], ledger=place.ledger([OLD])) as dispatcher:
        replayed = dispatcher.queue.retry_dead_letters()

    assert (sent, replayed) == (0, 1)
    assert "sealed with a key that is not here" in why
    assert place.work([OLD], later=2 * 86400.0) == (1, [])


def test_a_ledger_that_keeps_addresses_in_the_plain_opens_what_was_sealed_before(place: Place) -> None:
    place.enqueue([OLD])
    provider = Scripted("vendor")

    with Dispatcher([provider], ledger=place.ledger([OLD], "plain")) as dispatcher:
        Worker(dispatcher).drain()

    assert len(provider.asked) == 1


def test_a_key_is_rotated_without_losing_what_waits(place: Place) -> None:
    place.enqueue([OLD])
    place.enqueue([NEW, OLD])

    assert place.work([NEW, OLD]) == (2, [])


def test_what_waited_before_there_was_a_seal_is_sent(place: Place) -> None:
    place.enqueue([], addresses="plain")

    assert TEXT in place.payloads()
    assert place.work([NEW]) == (1, [])


class File:
    """A ledger in a file, in which something waits that is sealed with the key beside it."""

    def __init__(self, folder: Path) -> None:
        self.path, self.key = folder / "ledger.sqlite3", folder / "ledger.sqlite3-key"
        with self.dispatcher(Scripted("vendor")) as dispatcher:
            dispatcher.enqueue(Sms(TEXT), to=TO)

    def dispatcher(self, provider: Scripted, keys: Sequence[bytes] = (), later: float = 0.0) -> Dispatcher:
        ledger = SqliteLedger(self.path, owned=True, keys=keys)
        return Dispatcher([provider], ledger=ledger, clock=ControlledClock(time.time() + later))

    def work(self, keys: Sequence[bytes] = (), later: float = 0.0) -> int:
        provider = Scripted("vendor")
        with self.dispatcher(provider, keys, later) as dispatcher:
            Worker(dispatcher).drain()
        return len(provider.asked)


@pytest.mark.parametrize(
    "found", [None, b"", b"\n", b"no key\n", b"\xff\xfe", b"abcd\n", b"ab" * 31 + b"a"], ids=repr
)
def test_a_key_file_that_is_missing_or_spoiled_is_told_and_nothing_is_lost(
    found: bytes | None, tmp_path: Path
) -> None:
    file = File(tmp_path)
    kept = file.key.read_bytes()
    if found is None:
        file.key.unlink()
    else:
        file.key.write_bytes(found)

    with file.dispatcher(Scripted("vendor")) as dispatcher:
        for act in (
            lambda: dispatcher.send(Sms(TEXT), to=TO),
            lambda: dispatcher.enqueue(Sms(TEXT), to=TO),
            lambda: dispatcher.queue.erase_recipient(PhoneNumber.parse(TO)),
            lambda: dispatcher.queue.export_recipient(PhoneNumber.parse(TO)),
        ):
            with pytest.raises(InvalidSetting, match=r"ledger\.sqlite3-key"):
                act()
    worked = file.work()
    file.key.write_bytes(kept)

    assert (worked, file.work(later=60.0)) == (0, 1)


def test_keys_that_are_given_later_leave_the_one_beside_the_file_in_force(tmp_path: Path) -> None:
    file = File(tmp_path)

    assert file.work([NEW]) == 1


def test_a_key_file_may_hold_older_keys_too(tmp_path: Path) -> None:
    file = File(tmp_path)
    file.key.write_bytes(b"cd" * 32 + b"\n" + file.key.read_bytes())

    with file.dispatcher(Scripted("vendor")) as dispatcher:
        (known,) = dispatcher.queue.export_recipient(PhoneNumber.parse(TO))["messages"]
        dispatcher.enqueue(Sms(TEXT), to=TO)

    assert known["waiting"] is not None
    assert file.work() == 2


@pytest.mark.parametrize(
    ("name", "given"),
    [
        *(("keys", given) for given in ("abc", b"raw", None, {}, [b"a", None], [b""], ["text"])),
        *(("pepper", given) for given in ("text", 5, None)),
    ],
    ids=repr,
)
@pytest.mark.parametrize(
    "make", [SqliteLedger, lambda **more: PostgresLedger("", **more)], ids=["sqlite", "postgres"]
)
def test_keys_and_peppers_that_are_no_bytes_are_refused_at_once(make: Any, name: str, given: object) -> None:
    with pytest.raises(InvalidSetting, match=name):
        make(**{name: given})


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
