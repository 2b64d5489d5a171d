"""One recipient is forgotten, or told everything, and nobody else; and what is old goes in small steps."""

from __future__ import annotations

import json
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from regression_server import until
from scripted import Scripted

from messaging_channels import (
    Dispatcher,
    Email,
    EmailAddress,
    PhoneNumber,
    PostgresLedger,
    Sandbox,
    Sms,
    Worker,
)
from messaging_channels._ledger.sqlite import SqliteLedger
from messaging_channels._model.events import StatusChanged
from messaging_channels._model.outcomes import Reason
from messaging_channels._model.status import DELIVERED_TO_HANDSET
from messaging_channels.errors import InvalidSetting
from messaging_channels.plugins.ledger import Ledger, RecordEvent, Transaction
from messaging_channels.plugins.ledger_queue import GetQueueStats, IncrementCounters
from messaging_channels.plugins.ledger_retention import DeleteRecords
from messaging_channels.testing.clock import ControlledClock

if TYPE_CHECKING:
    from ledgers import Do

TO, ALIKE = "+447700900123", "+441632960123"
DAY = 86400.0


@pytest.fixture(params=["sqlite-file", "postgres"])
def masked(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """A ledger that masks addresses, and can tell apart people whose masked addresses are alike."""
    if request.param == "postgres":
        yield PostgresLedger(request.getfixturevalue("postgres"), pepper=b"secret")
        return
    ledger = SqliteLedger(tmp_path / "ledger.sqlite3")
    yield ledger
    ledger.close()


@pytest.mark.parametrize(
    ("message", "mine", "other"),
    [
        (Sms("hello"), TO, ALIKE),
        (Email("hello", text="hello"), "anna@example.com", "axel@example.com"),
    ],
    ids=["number", "mail"],
)
def test_who_is_erased_takes_nobody_along(
    masked: Ledger, message: Sms | Email, mine: str, other: str
) -> None:
    person = EmailAddress.parse(mine) if "@" in mine else PhoneNumber.parse(mine)
    with Dispatcher([Sandbox()], ledger=masked) as dispatcher:
        ids = [dispatcher.send(message, to=to).id for to in (mine, other)]

        erased = dispatcher.queue.erase_recipient(person)
        records = [dispatcher.get_message(key) for key in ids]

    assert erased == 1
    assert [bool(record and record.address) for record in records] == [False, True]


def test_what_waits_for_who_is_erased_is_not_sent(masked: Ledger) -> None:
    with Dispatcher([Sandbox()], ledger=masked) as dispatcher:
        for to in (TO, ALIKE):
            dispatcher.enqueue(Sms("hello"), to=to)

        dispatcher.queue.erase_recipient(PhoneNumber.parse(TO))
        left = dispatcher.queue.stats().by_state

    assert left == {"waiting": 1}


def test_an_opt_out_stands_after_its_person_was_erased_without_the_address(masked: Ledger) -> None:
    with Dispatcher([Sandbox()], ledger=masked) as dispatcher:
        dispatcher.consent.add("sms", TO)

        dispatcher.queue.erase_recipient(PhoneNumber.parse(TO))
        (said,) = dispatcher.consent.show("sms", TO)

    assert (said.kind, said.address) == ("opted_out", "")


def test_an_export_holds_all_of_one_person_and_nothing_of_another(masked: Ledger) -> None:
    with Dispatcher([Sandbox()], ledger=masked) as dispatcher:
        sent = dispatcher.send(Sms("hello"), to=TO).id
        waiting = dispatcher.enqueue(Sms("later"), to=TO, send_at=4e9 / 2).id
        dispatcher.send(Sms("hello"), to=ALIKE)
        dispatcher.consent.add("sms", TO)

        kept = dispatcher.queue.export_recipient(PhoneNumber.parse(TO))

    assert [one["messageId"] for one in kept["messages"]] == [sent, waiting]
    assert [one["waiting"] is not None for one in kept["messages"]] == [False, True]
    assert [one["kind"] for one in kept["consent"]] == ["opted_out"]
    assert "later" in json.dumps(kept)


def test_a_ledger_without_a_secret_says_so_and_forgets_nobody(postgres: str) -> None:
    with Dispatcher([Sandbox()], ledger=PostgresLedger(postgres)) as dispatcher:
        key = dispatcher.send(Sms("hello"), to=TO).id

        with pytest.raises(InvalidSetting, match="PEPPER"):
            dispatcher.queue.erase_recipient(PhoneNumber.parse(TO))
        record = dispatcher.get_message(key)

    assert record is not None
    assert record.address


def test_the_key_of_a_ledger_in_a_file_is_private_and_serves_the_next_process(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"

    for _ in range(2):
        with Dispatcher([Sandbox()], ledger=SqliteLedger(path, owned=True)) as dispatcher:
            dispatcher.send(Sms("hello"), to=TO)
    with Dispatcher([Sandbox()], ledger=SqliteLedger(path, owned=True)) as dispatcher:
        erased = dispatcher.queue.erase_recipient(PhoneNumber.parse(TO))

    assert erased == 2
    assert stat.S_IMODE((tmp_path / "ledger.sqlite3-key").stat().st_mode) == 0o600


def test_records_that_are_old_are_deleted_unless_their_key_stands_or_they_wait(ledger: Ledger) -> None:
    clock = ControlledClock()
    with Dispatcher([Scripted("vendor", Reason.ACCEPTED)], ledger=ledger, clock=clock) as dispatcher:
        over = dispatcher.send(Sms("hello"), to=TO).id
        clock.advance(25 * DAY)
        keyed = dispatcher.send(Sms("hello"), to=TO, idempotency_key="order-1").id
        waits = dispatcher.enqueue(Sms("hello"), to=TO, send_at=clock.now() + 300 * DAY).id
        clock.advance(2 * DAY)
        young = dispatcher.send(Sms("hello"), to=TO).id

        deleted = dispatcher.queue.delete_records(older_than=DAY)
        left = [one.id for one in dispatcher.list_messages()]

    assert deleted == 1
    assert over not in left
    assert set(left) == {keyed, waits, young}


def test_pruning_comes_through_a_ledger_of_several_steps(ledger: Ledger) -> None:
    clock = ControlledClock()
    with Dispatcher([Scripted("vendor")], ledger=ledger, clock=clock) as dispatcher:
        numbers = [f"+4477009{number:05d}" for number in range(1200)]
        assert all(one.receipt for one in dispatcher.send_each(Sms("hello"), to=numbers))
        clock.advance(DAY)

        counts = [dispatcher.queue.prune(older_than=DAY / 2) for _ in range(2)]
        left = [one for one in dispatcher.list_messages(limit=2000) if one.address]

    assert counts == [1200, 0]
    assert left == []


def test_reports_about_unknown_messages_are_deleted_however_many_there_are(do: Do) -> None:
    at = 1_800_000_000.0
    told = [
        StatusChanged(
            provider="vendor", occurred_at=at, provider_id=f"v{number}", status=DELIVERED_TO_HANDSET
        )
        for number in range(450)
    ]
    do(Transaction(tuple(RecordEvent(event, at + number) for number, event in enumerate(told))))

    pages, after = 0, None
    while pages == 0 or after is not None:
        page = do(DeleteRecords(before=at + 440, now=at + DAY, after=after))
        pages, after = pages + 1, page.after
    again = [do(RecordEvent(event, at + DAY)).is_new for event in told]

    assert again == [True] * 440 + [False] * 10
    assert pages == 3


def test_what_was_counted_in_minutes_long_ago_is_put_together_and_still_counts(do: Do) -> None:
    at = 1_800_000_000.0
    for minute in range(200):
        do(IncrementCounters(at + 60 * minute, f"worker {minute % 3}", {"accepted": 2, "rejected": 1}))

    stats = [do(GetQueueStats(at + 60 * 199)) for _ in range(2)]

    assert [one.total for one in stats] == [{"accepted": 400, "rejected": 200}] * 2
    assert [one.last_hour for one in stats] == [{"accepted": 120, "rejected": 60}] * 2


def test_a_ledger_that_counted_for_days_holds_the_counts_of_its_last_hour_alone(tmp_path: Path) -> None:
    clock, path = ControlledClock(), tmp_path / "ledger.sqlite3"
    with Dispatcher([Scripted("vendor")], ledger=SqliteLedger(path, owned=True), clock=clock) as dispatcher:
        for _ in range(50):
            dispatcher.enqueue(Sms("hello"), to=TO)
            Worker(dispatcher).drain()
            clock.advance(600.0)
        total = dispatcher.queue.stats().total
    with closing(sqlite3.connect(path)) as database:
        ((rows,),) = database.execute("SELECT count(*) FROM messaging_channels_counter").fetchall()

    assert total["accepted"] == 50
    assert rows < 15


@pytest.mark.parametrize(("keeps", "left"), [({}, 3), ({"record_retention": DAY}, 1)], ids=["none", "a day"])
def test_a_worker_deletes_records_that_are_older_than_it_was_told(
    ledger: Ledger, keeps: dict[str, float], left: int
) -> None:
    clock = ControlledClock()
    with Dispatcher([Scripted("vendor")], ledger=ledger, clock=clock) as dispatcher:
        for _ in range(2):
            dispatcher.send(Sms("hello"), to=TO)
        clock.advance(2 * DAY)
        dispatcher.send(Sms("hello"), to=TO)
        worker = Worker(dispatcher, reconcile_interval=0.01, **keeps)
        running = threading.Thread(target=worker.run)
        running.start()
        until(lambda: len(dispatcher.list_messages()) == left, 20.0)
        worker.stop()
        running.join()

        assert len(dispatcher.list_messages()) == left
