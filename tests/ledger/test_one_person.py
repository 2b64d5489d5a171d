"""All that is kept of one person is found, and nothing of anybody else. With a key that was exchanged, nobody is told that there is nothing."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import ClassVar

import psycopg
import pytest
from scripted import Scripted

from messaging_channels import (
    Dispatcher,
    Email,
    Fallback,
    PhoneNumber,
    PostgresLedger,
    Sandbox,
    Sms,
    SqliteLedger,
    User,
    WebhookRequest,
    WebhookResult,
    Worker,
)
from messaging_channels._ledger.seal import SealBroken
from messaging_channels._model.status import DELIVERED_TO_HANDSET
from messaging_channels.consent.store import any_address
from messaging_channels.errors import InvalidSetting
from messaging_channels.events import Event, MessageReceived, StatusChanged
from messaging_channels.plugins import Capabilities, MappingResolver, spellings
from messaging_channels.plugins.exchange import ask
from messaging_channels.plugins.ledger import Ledger
from messaging_channels.plugins.ledger_retention import Prune
from messaging_channels.testing.clock import START, ControlledClock

ANNA, ALIKE = "+447700900123", "+447700901123"
EITHER = Fallback([Sms("hello"), Email("hello", text="hello")], after=60)
PEOPLE = MappingResolver(
    {
        User("anna"): {"sms": "+447700900001", "email": "anna@example.com"},
        User("axel"): {"sms": "+447700900002", "email": "axel@example.com"},
    }
)
PERSON = PhoneNumber.parse(ANNA)


class Vendor(Scripted):
    """A provider whose webhook tells `[[kind, sender or our id, text], …]`."""

    capabilities: ClassVar[Capabilities] = Capabilities(
        {Sms: frozenset({"sender"}), Email: frozenset({"sender", "text"})}
    )
    has_reports = True

    def handle_webhook(self, request: WebhookRequest) -> WebhookResult:
        return WebhookResult([self._event(*one) for one in json.loads(request.body)])

    def _event(self, kind: str, who: str, text: str) -> Event:
        if kind == "status":
            return StatusChanged(
                provider=self.name,
                occurred_at=START,
                message_id=who,
                provider_id=text,
                status=DELIVERED_TO_HANDSET,
                raw={"to": text},
            )
        return MessageReceived(
            provider=self.name,
            occurred_at=START,
            event_id=text,
            raw={"text": text},
            channel="sms",
            provider_id=text,
            sender=PhoneNumber.parse(who),
            to="shop",
            text=text,
        )


class Place:
    """A database, the ledgers that are opened in it, and how much of what came in is in it."""

    def __init__(self, make: Callable[..., Ledger], count: Callable[[str], int]) -> None:
        self.make, self.count = make, count

    def kept(self) -> tuple[int, int]:
        return self.count("messaging_channels_inbound"), self.count("messaging_channels_inbound_call")


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "postgres":
        conninfo: str = request.getfixturevalue("postgres")

        def count(table: str) -> int:
            with psycopg.connect(conninfo) as database:
                return len(database.execute(f"SELECT 1 FROM {table}".encode()).fetchall())

        return Place(lambda **more: PostgresLedger(conninfo, **{"pepper": b"secret", **more}), count)
    path = tmp_path / "ledger.sqlite3"

    def count_in_file(table: str) -> int:
        with closing(sqlite3.connect(path)) as database:
            return len(database.execute(f"SELECT 1 FROM {table}").fetchall())

    return Place(lambda **more: SqliteLedger(path, **{"owned": True, **more}), count_in_file)


def _fail(_: Event) -> None:
    message = "not now"
    raise RuntimeError(message)


def _listening(ledger: Ledger, *kinds: type[Event], clock: ControlledClock | None = None) -> Dispatcher:
    dispatcher = Dispatcher([Vendor("vendor")], ledger=ledger, clock=clock or ControlledClock())
    for kind in kinds or (MessageReceived,):
        dispatcher.on(kind, name=kind.__name__)(_fail)
    return dispatcher


def _tell(dispatcher: Dispatcher, *told: tuple[str, str, str]) -> None:
    dispatcher.handle_webhook("vendor", WebhookRequest(json.dumps(told).encode(), {}))


@pytest.mark.parametrize("addresses", ["masked", "hashed", "none", "plain"])
def test_what_came_in_from_a_person_is_exported_and_erased_and_nothing_of_another(
    place: Place, addresses: str
) -> None:
    with _listening(place.make(addresses=addresses, pepper=b"secret")) as dispatcher:
        _tell(dispatcher, ("said", ANNA, "mine"))
        _tell(dispatcher, ("said", ALIKE, "other"))

    with Dispatcher([Sandbox()], ledger=place.make(addresses=addresses, pepper=b"secret")) as elsewhere:
        exported = elsewhere.queue.export_recipient(PERSON)
        erased = elsewhere.queue.erase_recipient(PERSON)
        again = elsewhere.queue.export_recipient(PERSON)
        left = elsewhere.inbound.waiting()

    (item,) = exported["inbound"]
    assert (item["event"]["text"], item["state"], item["call"]["method"]) == ("mine", "waiting", "POST")
    assert erased == 1
    assert again["inbound"] == []
    assert [json.loads(one.event)["text"] for one in left] == ["other"]
    assert place.kept() == (1, 1)


def test_a_dead_letter_of_a_person_is_erased_and_does_not_come_back(place: Place) -> None:
    clock = ControlledClock()
    with _listening(place.make(), clock=clock) as dispatcher:
        _tell(dispatcher, ("said", ANNA, "mine"))
        while not dispatcher.inbound.dead_letters():
            clock.advance(1000)
            Worker(dispatcher).drain()
        exported = dispatcher.queue.export_recipient(PERSON)
        erased = dispatcher.queue.erase_recipient(PERSON)
        _tell(dispatcher, ("said", ANNA, "mine"))

        assert [one["state"] for one in exported["inbound"]] == ["dead"]
        assert erased == 1
        assert (dispatcher.inbound.dead_letters(), dispatcher.inbound.waiting()) == ([], [])
    assert place.kept() == (0, 0)


@pytest.mark.parametrize("addresses", ["masked", "hashed", "plain"])
@pytest.mark.parametrize(
    ("kept", "asked"),
    [
        ("+525512345678", "+5215512345678"),
        ("+5215512345678", "+525512345678"),
        ("+5491123456789", "+541123456789"),
        ("+54111523456789", "+5491123456789"),
        ("+551187654321", "+5511987654321"),
        ("+5511987654321", "+551187654321"),
        ("+22961234567", "+2290161234567"),
        ("+22501020304", "+2250701020304"),
        ("+841691234567", "+84391234567"),
        ("Anna.Smith@example.com", "anna.smith@EXAMPLE.com"),
        ("anna@xn--bcher-kva.example", "ANNA@b\u00fccher.example"),
    ],
)
def test_a_person_is_found_under_every_form_of_its_address(addresses: str, kept: str, asked: str) -> None:
    ledger = SqliteLedger(addresses=addresses, pepper=b"secret", owned=True)
    with Dispatcher([Sandbox()], ledger=ledger) as dispatcher:
        message = Email("hello", text="hello") if "@" in kept else Sms("hello")
        sent = dispatcher.send(message, to=kept).id
        dispatcher.send(message, to="else@example.com" if "@" in kept else ALIKE)

        person = any_address(asked)
        exported = dispatcher.queue.export_recipient(person)
        erased = dispatcher.queue.erase_recipient(person)

    assert [one["messageId"] for one in exported["messages"]] == [sent]
    assert [len(one) for one in exported["elsewhere"].values()] == [1]
    assert erased == 1


def test_the_older_form_of_a_number_that_may_be_several_people_is_nobody_elses() -> None:
    forms = [one.plain for one in spellings(PhoneNumber.parse("+22501020304"))]

    assert forms == ["22501020304"]


def test_dead_letters_that_came_in_long_ago_are_pruned_and_what_waits_stays(place: Place) -> None:
    clock = ControlledClock()
    with _listening(place.make(), clock=clock) as dispatcher:
        for number in range(3):
            _tell(dispatcher, ("said", (ANNA, ALIKE)[number % 2], f"old {number}"))
        while len(dispatcher.inbound.dead_letters()) < 3:
            clock.advance(1000)
            Worker(dispatcher).drain()
        _tell(dispatcher, ("said", ANNA, "new"))
        page = [dispatcher.queue.run(ask(Prune(clock.now(), None, limit=2))) for _ in range(2)]
        left = dispatcher.inbound.waiting()

    assert [one.count for one in page] == [2, 1]
    assert [json.loads(one.event)["text"] for one in left] == ["new"]
    assert place.kept() == (1, 1)


def test_a_report_that_waits_about_a_message_to_a_person_is_erased_with_it(place: Place) -> None:
    with _listening(place.make(), StatusChanged) as dispatcher:
        mine, other = (dispatcher.send(Sms("hello"), to=to).id for to in (ANNA, ALIKE))
        _tell(dispatcher, ("status", mine, "447700900123"))
        _tell(dispatcher, ("status", other, "447700901123"))
        exported = dispatcher.queue.export_recipient(PERSON)
        dispatcher.queue.erase_recipient(PERSON)
        left = dispatcher.inbound.waiting()

    assert [one["event"]["message_id"] for one in exported["inbound"]] == [mine]
    assert [json.loads(one.event)["message_id"] for one in left] == [other]
    assert place.kept() == (1, 1)


@pytest.mark.parametrize("about", ["said", "status"])
def test_a_call_that_tells_of_several_people_goes_with_any_of_them_and_their_events_stay(
    place: Place, about: str
) -> None:
    with _listening(place.make()) as dispatcher:  # nobody deals with reports
        sent = dispatcher.send(Sms("hello"), to=ANNA).id
        _tell(dispatcher, (about, ANNA if about == "said" else sent, "mine"), ("said", ALIKE, "other"))
        before = place.kept()
        exported = dispatcher.queue.export_recipient(PhoneNumber.parse(ALIKE))
        dispatcher.queue.erase_recipient(PERSON)
        left = dispatcher.inbound.waiting()

    assert before[1] == 1
    assert [(one["event"]["text"], one["call"]) for one in exported["inbound"]] == [("other", None)]
    assert [json.loads(one.event)["text"] for one in left] == ["other"]
    assert place.kept() == (1, 0)


@pytest.mark.parametrize("addresses", ["masked", "hashed"])
def test_a_list_by_recipient_shows_nobody_who_only_looks_the_same(place: Place, addresses: str) -> None:
    with Dispatcher([Sandbox()], ledger=place.make(addresses=addresses, pepper=b"secret")) as dispatcher:
        ids = [dispatcher.send(Sms("hello"), to=to).id for to in (ANNA, ALIKE, ANNA)]

        pages = [[one.id for one in dispatcher.list_messages(to=to)] for to in (ANNA, ALIKE)]
        page = [one.id for one in dispatcher.list_messages(to=ANNA, limit=1, channel="sms")]

    assert pages == [[ids[2], ids[0]], [ids[1]]]
    assert page == [ids[2]]


def test_a_list_by_recipient_shows_the_later_step_of_a_fallback_to_that_person_alone(place: Place) -> None:
    clock = ControlledClock()
    with Dispatcher([Vendor("vendor")], ledger=place.make(), clock=clock, resolvers=[PEOPLE]) as dispatcher:
        anna, _ = (dispatcher.enqueue(EITHER, to=User(name)).id for name in ("anna", "axel"))
        for _ in range(3):
            Worker(dispatcher).drain()
            clock.advance(100)
        listed = [one.id for one in dispatcher.list_messages(to="anna@example.com")]
        nobody = dispatcher.list_messages(to="arne@example.com")

    assert listed == [anna]
    assert nobody == []


def test_messages_from_before_there_was_a_secret_are_listed_by_their_mask(postgres: str) -> None:
    with Dispatcher([Sandbox()], ledger=PostgresLedger(postgres)) as dispatcher:
        old = [dispatcher.send(Sms("hello"), to=to).id for to in (ANNA, ALIKE)]
    with Dispatcher([Sandbox()], ledger=PostgresLedger(postgres, pepper=b"secret")) as dispatcher:
        new = [dispatcher.send(Sms("hello"), to=to).id for to in (ANNA, ALIKE)]
        listed = {one.id for one in dispatcher.list_messages(to=ANNA)}

    assert listed == {*old, new[0]}


@pytest.mark.parametrize("addresses", ["masked", "hashed", "none"])
def test_a_key_that_was_exchanged_is_told_by_erase_and_export(place: Place, addresses: str) -> None:
    with Dispatcher([Sandbox()], ledger=place.make(addresses=addresses, pepper=b"first")) as dispatcher:
        dispatcher.send(Sms("hello"), to=ANNA)

    with Dispatcher([Sandbox()], ledger=place.make(addresses=addresses, pepper=b"second")) as dispatcher:
        for look in (dispatcher.queue.erase_recipient, dispatcher.queue.export_recipient):
            with pytest.raises(SealBroken, match="under a key that is not here"):
                look(PERSON)


def test_a_key_file_that_was_exchanged_is_told_until_it_is_put_back_or_its_records_are_forgotten(
    tmp_path: Path,
) -> None:
    path, clock = tmp_path / "ledger.sqlite3", ControlledClock()
    file = tmp_path / "ledger.sqlite3-key"

    def erase(*, days: float | None = None) -> int:
        with Dispatcher([Sandbox()], ledger=SqliteLedger(path, owned=True), clock=clock) as dispatcher:
            if days is not None:
                dispatcher.queue.prune(older_than=days)
            return dispatcher.queue.erase_recipient(PERSON)

    with Dispatcher([Sandbox()], ledger=SqliteLedger(path, owned=True), clock=clock) as dispatcher:
        dispatcher.send(Sms("hello"), to=ANNA)
    first, second = file.read_text(), secrets.token_hex(32)
    file.write_text(second)
    with pytest.raises(InvalidSetting, match="prune --retention-days"):
        erase()
    clock.advance(10)
    forgotten = erase(days=1)
    file.write_text(f"{second}\n{first}")

    assert forgotten == 0
    assert erase() == 0


def test_a_key_that_was_exchanged_and_is_kept_beside_the_new_one_still_finds_everybody(
    tmp_path: Path,
) -> None:
    path, file = tmp_path / "ledger.sqlite3", tmp_path / "ledger.sqlite3-key"
    for _ in range(2):
        with Dispatcher([Sandbox()], ledger=SqliteLedger(path, owned=True)) as dispatcher:
            dispatcher.send(Sms("hello"), to=ANNA)
        file.write_text(f"{secrets.token_hex(32)}\n{file.read_text()}")

    with Dispatcher([Sandbox()], ledger=SqliteLedger(path, owned=True)) as dispatcher:
        assert len(dispatcher.list_messages(to=ANNA)) == 2
        assert dispatcher.queue.erase_recipient(PERSON) == 2
