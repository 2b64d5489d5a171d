"""What waits is kept no more openly than addresses are: sealed, under digests that nobody can compute who has the database alone, or refused."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import psycopg
import pytest
from scripted import Scripted

from messaging_channels import (
    Dispatcher,
    Email,
    EmailAddress,
    Fallback,
    PhoneNumber,
    PostgresLedger,
    Sms,
    SqliteLedger,
    User,
    WebhookRequest,
    WebhookResult,
    Worker,
)
from messaging_channels.errors import InvalidSetting
from messaging_channels.events import MessageReceived
from messaging_channels.plugins import Capabilities, MappingResolver
from messaging_channels.testing.clock import ControlledClock

TO, MAIL, TEXT = "+447700900123", "anna@example.com", "my PIN is 998877"
EITHER = Fallback([Sms("hello"), Email("hello", text="hello")], after=60)
PEOPLE = MappingResolver(
    {
        User("anna"): {"sms": TO, "email": MAIL},
        User("axel"): {"sms": "+441632960123", "email": "axel@example.com"},
    }
)


class Vendor(Scripted):
    """A provider of two channels whose webhook tells of one message."""

    capabilities: ClassVar[Capabilities] = Capabilities(
        {Sms: frozenset({"sender"}), Email: frozenset({"sender", "text"})}
    )
    has_reports = True

    def handle_webhook(self, request: WebhookRequest) -> WebhookResult:
        told = MessageReceived(
            provider=self.name,
            occurred_at=1.0,
            event_id=request.body.decode(),
            raw={"text": TEXT, "from": TO},
            channel="sms",
            provider_id=request.body.decode(),
            sender=PhoneNumber.parse(TO),
            to="shop",
            text=TEXT,
        )
        return WebhookResult([told])


Make = Callable[..., Any]
Dump = Callable[[], str]


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Make, Dump]:
    """What makes a ledger in one database, and what prints all that is in the database."""
    if request.param == "postgres":
        conninfo: str = request.getfixturevalue("postgres")

        def dump_postgres() -> str:
            with psycopg.connect(conninfo) as database:
                names = database.execute(
                    "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
                ).fetchall()
                return _printed(
                    names, lambda name: database.execute(f"SELECT * FROM {name}".encode()).fetchall()
                )

        return (lambda **more: PostgresLedger(conninfo, **{"keys": [b"secret"], **more})), dump_postgres
    path = tmp_path / "ledger.sqlite3"

    def dump_sqlite() -> str:
        with closing(sqlite3.connect(path)) as database:
            names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            return _printed(names, lambda name: database.execute(f"SELECT * FROM {name}").fetchall())

    return (lambda **more: SqliteLedger(path, owned=True, **more)), dump_sqlite


def _printed(names: Iterable[tuple[Any, ...]], rows: Callable[[str], list[Any]]) -> str:
    return repr({name: rows(name) for (name,) in names})


def _digests(of: str) -> set[str]:
    """Return what anybody could compute of an address."""
    spellings = {of, of.lstrip("+"), repr(("vendor", "sms", of.lstrip("+"))), repr(("vendor", "sms", of))}
    return {hashlib.sha256(one.encode()).hexdigest()[:32] for one in spellings}


@pytest.mark.parametrize("addresses", ["masked", "none"])
def test_neither_a_recipient_nor_a_sender_can_be_guessed_from_the_database(
    place: tuple[Make, Dump], addresses: str
) -> None:
    make, dump = place
    with Dispatcher([Vendor("vendor")], ledger=make(addresses=addresses), resolvers=[PEOPLE]) as dispatcher:
        dispatcher.on(MessageReceived, name="replies")(print)
        dispatcher.enqueue(EITHER, to=User("anna"))
        dispatcher.enqueue(Sms("hello"), to=TO)
        dispatcher.handle_webhook("vendor", WebhookRequest(b"1", {}))
        kept = dump()
        waiting = dispatcher.inbound.waiting()

    assert [word for word in (TEXT, TO[1:], MAIL, "hello") if word in kept] == []
    assert [one for of in (TO, MAIL) for one in _digests(of) if one in kept] == []
    assert [json.loads(one.event)["text"] for one in waiting] == [TEXT]


def test_a_sealed_event_reaches_its_handler_in_another_process(place: tuple[Make, Dump]) -> None:
    make, _ = place
    heard: list[str] = []
    with Dispatcher([Vendor("vendor")], ledger=make()) as dispatcher:
        dispatcher.on(MessageReceived, name="replies")(print)
        dispatcher.handle_webhook("vendor", WebhookRequest(b"1", {}))
    with Dispatcher([Vendor("vendor")], ledger=make()) as dispatcher:
        dispatcher.on(MessageReceived, name="replies")(lambda event: heard.append(event.text))
        Worker(dispatcher).drain()
        waiting = dispatcher.inbound.waiting()

    assert heard == [TEXT]
    assert waiting == []


def test_an_event_that_no_key_here_opens_waits_for_the_key_and_becomes_a_dead_letter_after_a_day(
    postgres: str,
) -> None:
    heard: list[str] = []
    clock = ControlledClock()

    def worked(key: bytes, *, later: float) -> tuple[int, int]:
        """Return how many events wait and how many are dead letters, after a worker with that key."""
        clock.advance(later)
        ledger = PostgresLedger(postgres, keys=[key])
        with Dispatcher([Vendor("vendor")], ledger=ledger, clock=clock) as dispatcher:
            dispatcher.on(MessageReceived, name="replies")(lambda event: heard.append(event.text))
            if not later:
                dispatcher.handle_webhook("vendor", WebhookRequest(b"1", {}))
            else:
                dispatcher.inbound.retry_dead_letters()
                Worker(dispatcher).drain()
            return len(dispatcher.inbound.waiting()), len(dispatcher.inbound.dead_letters())

    assert worked(b"old", later=0.0) == (1, 0)
    assert worked(b"new", later=60.0) == (1, 0)
    assert worked(b"new", later=86400.0) == (0, 1)
    assert worked(b"old", later=60.0) == (0, 0)
    assert heard == [TEXT]


@pytest.mark.parametrize("person", [PhoneNumber.parse(TO), MAIL], ids=["first step", "later step"])
def test_who_is_a_later_step_of_a_fallback_is_found_and_forgotten(
    place: tuple[Make, Dump], person: Any
) -> None:

    make, _ = place
    to = EmailAddress.parse(person) if isinstance(person, str) else person
    with Dispatcher([Vendor("vendor")], ledger=make(pepper=b"pepper"), resolvers=[PEOPLE]) as dispatcher:
        dispatcher.enqueue(EITHER, to=User("anna"))
        dispatcher.enqueue(EITHER, to=User("axel"))

        found = [len(dispatcher.queue.export_recipient(to)["messages"]), dispatcher.queue.erase_recipient(to)]
        left = dispatcher.queue.stats().by_state

    assert found == [1, 1]
    assert left == {"waiting": 1}


@pytest.mark.parametrize("addresses", ["masked", "none"])
def test_postgresql_without_a_key_takes_in_nothing_that_waits_and_says_which_line_to_add(
    postgres: str, addresses: str
) -> None:
    provider = Vendor("vendor")
    with Dispatcher([provider], ledger=PostgresLedger(postgres, addresses=addresses)) as dispatcher:
        for refused in (
            lambda: dispatcher.enqueue(Sms("hello"), to=TO),
            lambda: list(dispatcher.enqueue_each(Sms("hello"), to=[TO])),
            lambda: Worker(dispatcher),
            lambda: dispatcher.on(MessageReceived, name="replies"),
        ):
            with pytest.raises(InvalidSetting, match="MESSAGING_CHANNELS_LEDGER_KEYS="):
                refused()
        sent = dispatcher.send(Sms("hello"), to=TO)

    assert str(sent.outcome) == "accepted"


@pytest.mark.parametrize(
    "more",
    [{"addresses": "plain"}, {"keys": [b"secret"]}, {"pepper": b"pepper", "addresses": "hashed"}],
    ids=str,
)
def test_postgresql_with_a_key_or_with_plain_addresses_takes_messages_in(
    postgres: str, more: dict[str, Any]
) -> None:
    with Dispatcher([Vendor("vendor")], ledger=PostgresLedger(postgres, **more)) as dispatcher:
        dispatcher.enqueue(Sms("hello"), to=TO)
        sent = Worker(dispatcher).drain()

    assert sent == 1
