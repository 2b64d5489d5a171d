"""Whatever way a person's address and words came in, an export names them, and after an erasure no file and no table holds them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from scripted import Scripted
from stored_text import stored_text

from messaging_channels import (
    Dispatcher,
    Email,
    EmailAddress,
    PhoneNumber,
    PostgresLedger,
    Sandbox,
    Sms,
    SqliteLedger,
    WebhookRequest,
    WebhookResult,
)
from messaging_channels.events import Event, MessageReceived, OptedOut, StatusChanged
from messaging_channels.plugins import AttemptResult, Capabilities, Reason
from messaging_channels.plugins import status as statuses
from messaging_channels.plugins.ledger import Ledger
from messaging_channels.policies import SuppressionList
from messaging_channels.testing.clock import START, ControlledClock

TO, DIGITS, MAIL, WORDS = "+447700900731", "447700900731", "zoe.q@example.com", "xyzzy"
OTHER = "+447700900842"
PLACES = ("sqlite, plain", "sqlite, masked", "sqlite, hashed", "postgres, plain", "postgres, masked")


class Vendor(Scripted):
    """Refuses in words that hold the address and the text; reports, and hears what people write."""

    capabilities: ClassVar[Capabilities] = Capabilities(
        {Sms: frozenset({"sender"}), Email: frozenset({"text"})}
    )

    def send(self, batch: Sequence[Any]) -> Any:
        yield from ()
        return [
            AttemptResult.of(
                Reason.UNREACHABLE,
                f"the number {one.to.plain} is not valid, text {one.message.text}",
                vendor_code="21211",
                vendor_text=f"+{one.to.plain}: refused {one.message.text}",
            )
            for one in batch
        ]

    def handle_webhook(self, request: WebhookRequest) -> WebhookResult:
        return WebhookResult([self._event(*one) for one in json.loads(request.body)])

    def _event(self, kind: str, who: str, text: str) -> Event:
        if kind == "status":
            return StatusChanged(
                provider=self.name,
                occurred_at=START,
                message_id=who,
                provider_id=who,
                status=statuses.known(2, 9),
                detail=text,
                vendor_code="30003",
                vendor_text=text,
                raw={"to": text},
            )
        if kind == "stop":
            return OptedOut(
                provider=self.name,
                occurred_at=START,
                event_id=f"stop-{who[-3:]}",
                channel="sms",
                address=PhoneNumber.parse(who),
                reason=f"wrote {text}",
                raw={},
            )
        return MessageReceived(
            provider=self.name,
            occurred_at=START,
            event_id=f"id-{len(text)}-{who[-3:]}",
            raw={"text": text},
            channel="sms",
            provider_id=f"id-{len(text)}-{who[-3:]}",
            sender=PhoneNumber.parse(who),
            to="shop",
            text=text,
        )


class Home:
    """Where everything is kept, and what can be read there."""

    def __init__(self, folder: Path, kind: str, conninfo: str) -> None:
        self.folder = folder
        self.mode = kind.partition(", ")[2]
        self.conninfo = conninfo

    def ledger(self) -> Ledger:
        if self.conninfo:
            return PostgresLedger(self.conninfo, addresses=self.mode, pepper=b"secret")
        return SqliteLedger(self.folder / "ledger.sqlite3", addresses=self.mode, pepper=b"secret", owned=True)

    def text(self) -> str:
        return stored_text(self.folder, self.conninfo)


@pytest.fixture(params=PLACES)
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    kind: str = request.param
    return Home(tmp_path, kind, request.getfixturevalue("postgres") if kind.startswith("postgres") else "")


def _fail(_: Event) -> None:
    message = "not now"
    raise RuntimeError(message)


@pytest.fixture
def dispatcher(home: Home) -> Iterator[Dispatcher]:
    clock = ControlledClock()
    suppressed = SuppressionList(home.folder / "suppressed.sqlite3")
    suppressed.add("sms", TO, f"asked from {DIGITS}", category="news")
    made = Dispatcher(
        [Sandbox(home.folder / "sandbox.sqlite3"), Vendor("vendor")],
        routes={"sms": ["vendor", "sandbox"], "email": ["sandbox"]},
        ledger=home.ledger(),
        checks=[suppressed],
        clock=clock,
    )
    made.on(MessageReceived, name="heard")(_fail)
    made.on(StatusChanged, name="told")(_fail)
    with made:
        yield made
    suppressed.close()


def _hear(dispatcher: Dispatcher, *told: tuple[str, str, str]) -> None:
    dispatcher.handle_webhook("vendor", WebhookRequest(json.dumps(told).encode(), {}))


def _plant(dispatcher: Dispatcher, to: str, words: str) -> None:
    """Have words of a person, and its address, kept in every way there is."""
    sms = Sms(f"sent {words}", category="transactional")
    sent = dispatcher.send(sms, to=to)
    list(dispatcher.send_each(replace(sms, text=f"bulk {words}"), to=[to]))
    dispatcher.enqueue(replace(sms, text=f"waits {words}"), to=to, send_at=START + 1e6)
    _hear(dispatcher, ("status", sent.id, f"{to} {words} reported"))
    _hear(dispatcher, ("said", to, f"said {words}"))
    _hear(dispatcher, ("stop", to, f"{to[1:]}"))


def test_nothing_of_a_person_is_left_in_any_file_or_table_after_an_erasure(
    home: Home, dispatcher: Dispatcher
) -> None:
    _plant(dispatcher, TO, WORDS)
    mail = Email("hello", text=f"mail {WORDS}", cc=[MAIL], category="transactional")
    dispatcher.send(mail, to=MAIL)
    _plant(dispatcher, OTHER, "plugh")

    exported = json.dumps(
        [dispatcher.queue.export_recipient(one) for one in (PhoneNumber.parse(TO), EmailAddress.parse(MAIL))]
    ).lower()
    for one in (PhoneNumber.parse(TO), EmailAddress.parse("Zoe.Q@example.com")):
        dispatcher.queue.erase_recipient(one)
    left = home.text()
    others = json.dumps(dispatcher.queue.export_recipient(PhoneNumber.parse(OTHER)))

    told = [f"{word} {WORDS}" for word in ("sent", "refused sent", "bulk", "waits", "said", "mail")]
    assert [one for one in (*told, f"{WORDS} reported", "wrote 4", "asked from") if one not in exported] == []
    assert [one for one in (WORDS, DIGITS, MAIL) if one in left] == []
    assert [one for one in ("sent", "bulk", "waits", "said") if f"{one} plugh" not in others] == []


def test_the_words_of_a_vendor_hold_no_address_where_the_ledger_masks_it_and_none_at_all_after_pruning(
    home: Home, dispatcher: Dispatcher
) -> None:
    sent = dispatcher.send(Sms(WORDS, category="transactional"), to=TO).id
    record = dispatcher.get_message(sent)
    assert record is not None
    before = [one.result.detail for one in record.attempts if one.result]

    dispatcher.queue.prune(older_than=-10)
    after = dispatcher.get_message(sent)

    number = DIGITS if home.mode == "plain" else "+44•••••••731"
    assert before[0] == f"the number {number} is not valid, text {WORDS}"
    assert after is not None
    left = [
        (one.result.detail, one.result.vendor_text, one.result.vendor_code)
        for one in after.attempts
        if one.result
    ]
    assert left[0] == ("", "", "21211")
