"""Reports that are taken first into the durable inbound: kept when the provider is answered, recorded later, in order, once."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from scripted import Scripted

from messaging_channels import (
    Dispatcher,
    PhoneNumber,
    Sms,
    SqliteLedger,
    WebhookRequest,
    WebhookResult,
    Worker,
)
from messaging_channels._ledger.postgres import PostgresLedger
from messaging_channels._model.status import known
from messaging_channels.errors import WebhookVerificationError
from messaging_channels.events import Event, OptedOut, StatusChanged
from messaging_channels.plugins import Attempt, Observer
from messaging_channels.plugins.exchange import ask
from messaging_channels.plugins.ledger import Ledger
from messaging_channels.plugins.ledger_inbound import InboundItem, TakeReports
from messaging_channels.testing.clock import START, ControlledClock

DELIVERED, EXPIRED, ON_ITS_WAY = known(3, 5), known(4, 15), known(1, 3)
STATUSES = {"delivered": DELIVERED, "expired": EXPIRED, "on its way": ON_ITS_WAY}
TO = "+447700900123"


class Vendor(Scripted):
    """A provider whose webhook tells `[[provider_id, word, seconds], …]`; the word "stop" is an opt-out."""

    def handle_webhook(self, request: WebhookRequest) -> WebhookResult:
        if "forged" in request.headers:
            raise WebhookVerificationError("forged", provider=self.name, hint="refuse it")
        return WebhookResult([self._event(*one) for one in json.loads(request.body)])

    def _event(self, provider_id: str, word: str, at: float) -> Event:
        if word == "stop":
            to = PhoneNumber.parse(TO)
            return OptedOut(
                provider=self.name, occurred_at=START + at, channel="sms", address=to, reason="said so"
            )
        return StatusChanged(
            provider=self.name,
            occurred_at=START + at,
            provider_id=provider_id,
            status=STATUSES[word],
            raw={"as": ["it", "came"]},
        )


class Heard(Observer):
    def __init__(self) -> None:
        self.events: list[Event] = []

    def attempt_finished(self, attempt: Attempt) -> None:
        """Not asked for here."""

    def event_received(self, event: Event) -> None:
        self.events.append(event)


class Scene:
    """A dispatcher that has sent one message, and what its vendor calls."""

    def __init__(self, ledger: Ledger) -> None:
        self.clock, self.heard = ControlledClock(), Heard()
        self.dispatcher = Dispatcher([Vendor("vendor")], ledger=ledger, clock=self.clock, observer=self.heard)
        self.message = self.dispatcher.send(Sms("hello"), to=TO).id
        self.provider_id = f"vendor-{self.message}"

    def call(self, *told: tuple[str, str, float]) -> WebhookRequest:
        return WebhookRequest(json.dumps(told).encode(), {})

    def report(self, word: str, at: float = 1.0) -> WebhookResult:
        call = self.call((self.provider_id, word, at))
        return self.dispatcher.handle_webhook("vendor", call, later=True)

    def status(self) -> str:
        record = self.dispatcher.get_message(self.message)
        assert record is not None
        assert record.status.group is not None
        return record.status.group.name

    def work(self, *, later: float = 0.0) -> int:
        self.clock.advance(later)
        return Worker(self.dispatcher).drain()


def test_a_report_is_kept_when_its_provider_is_answered_and_a_worker_records_it(ledger: Ledger) -> None:
    scene = Scene(ledger)

    answer = scene.report("delivered")
    before = scene.status()
    kept = scene.dispatcher.inbound.waiting()
    scene.work()

    assert answer.response.status == 200
    assert (before, scene.status()) == ("PENDING", "DELIVERED")
    assert [(one.handler, one.event_type, TO in one.event) for one in kept] == [
        ("reports", "StatusChanged", False)
    ]
    assert scene.dispatcher.inbound.waiting() == []


def test_a_report_is_heard_once_however_often_it_is_brought(ledger: Ledger) -> None:
    scene = Scene(ledger)

    for _ in range(3):
        scene.report("delivered")
    scene.work()
    scene.report("delivered")
    scene.work()
    scene.dispatcher.handle_webhook("vendor", scene.call((scene.provider_id, "delivered", 1.0)))

    record = scene.dispatcher.get_message(scene.message)
    assert record is not None
    assert (len(record.events), len(scene.heard.events)) == (1, 1)
    assert scene.heard.events[0].raw == {"as": ["it", "came"]}


def test_a_report_that_comes_before_the_end_of_its_attempt_is_kept_for_it(ledger: Ledger) -> None:
    scene = Scene(ledger)

    def brings_the_report_first() -> None:
        early = scene.call((f"vendor-{provider.asked[0].id}", "delivered", 1.0))
        scene.dispatcher.handle_webhook("vendor", early, later=True)
        scene.work()

    provider = Vendor("vendor", brings_the_report_first)
    with Dispatcher([provider], ledger=ledger, clock=scene.clock) as other:
        sent = other.send(Sms("quickly delivered"), to=TO)
        record = other.get_message(sent.id)

    assert record is not None
    assert record.status == DELIVERED


def test_reports_of_one_message_wait_for_the_one_before_that_nobody_can_open(
    postgres_emptied: str,
) -> None:
    first = Scene(PostgresLedger(postgres_emptied, keys=[b"a key that only one process has"]))
    first.report("on its way", 1.0)
    second = Dispatcher(
        [Vendor("vendor")],
        ledger=PostgresLedger(postgres_emptied, keys=[b"another key of another process"]),
        clock=first.clock,
    )
    Worker(second).drain()  # cannot open it
    still = first.status()
    first.report("delivered", 2.0)
    first.work()
    first.work(later=6.0)

    record = first.dispatcher.get_message(first.message)
    second.close()
    assert still == "PENDING"
    assert record is not None
    assert [one.status for one in record.events] == [ON_ITS_WAY, DELIVERED]
    assert first.dispatcher.inbound.waiting() == []


def test_what_its_taker_has_not_recorded_another_process_records_after_the_lease(ledger: Ledger) -> None:
    scene = Scene(ledger)
    inbound = scene.dispatcher.inbound

    taken = inbound.take_webhook(
        "vendor", scene.call((scene.provider_id, "delivered", 1.0)), recorder="mine", lease=30.0
    )
    at_once = inbound.claim_reports("mine")
    scene.clock.advance(31.0)
    claimed = inbound.claim_reports("mine")
    inbound.finish_reports(inbound.record_reports(claimed))
    assert taken.reports is not None
    inbound.finish_reports(inbound.record_reports([taken.reports]))  # the first one was only slow

    record = scene.dispatcher.get_message(scene.message)
    assert (at_once, len(claimed)) == ([], 1)
    assert record is not None
    assert (scene.status(), len(record.events)) == ("DELIVERED", 1)
    assert inbound.waiting() == []


def test_what_was_taken_is_recorded_by_the_next_process_when_the_file_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    with closing(SqliteLedger(path)) as ledger:
        scene = Scene(ledger)
        scene.report("expired")
    with closing(SqliteLedger(path)) as again, Dispatcher([Vendor("vendor")], ledger=again) as dispatcher:
        Worker(dispatcher).drain()
        record = dispatcher.get_message(scene.message)

    assert record is not None
    assert record.status == EXPIRED


def test_what_cannot_be_read_is_a_dead_letter_and_holds_nobody_up(ledger: Ledger) -> None:
    scene = Scene(ledger)
    bad = InboundItem(
        "k" * 32, "reports", "c" * 48, "StatusChanged", '{"account": null, "event": 1}', "", "0", START
    )
    scene.dispatcher.queue.run(ask(TakeReports((bad,), "", START)))
    scene.report("delivered")
    scene.work()
    inbound = scene.dispatcher.inbound
    for _ in range(14):
        scene.work(later=901.0)
    dead = inbound.dead_letters()
    retried = inbound.retry_dead_letters(dead[0].event_key)

    assert scene.status() == "DELIVERED"
    assert ([one.event_key for one in dead], retried) == (["k" * 32], 1)
    assert [one.event_key for one in inbound.waiting()] == ["k" * 32]


def test_what_a_person_wants_is_in_force_when_the_provider_is_answered(ledger: Ledger) -> None:
    scene = Scene(ledger)

    call = scene.call((scene.provider_id, "delivered", 1.0), ("", "stop", 2.0))
    taken = scene.dispatcher.inbound.take_webhook("vendor", call, recorder="mine")

    assert (taken.is_recorded, taken.reports, scene.status()) == (True, None, "DELIVERED")
    assert scene.dispatcher.consent.find("sms", TO) is not None


def test_without_a_key_for_what_waits_a_report_is_recorded_at_once(postgres_emptied: str) -> None:
    scene = Scene(PostgresLedger(postgres_emptied))

    scene.report("delivered")

    assert scene.status() == "DELIVERED"
    scene.dispatcher.close()


def test_a_forged_call_is_taken_in_by_nobody(ledger: Ledger) -> None:
    scene = Scene(ledger)

    with pytest.raises(WebhookVerificationError):
        scene.dispatcher.handle_webhook("vendor", WebhookRequest(b"[]", {"forged": "1"}), later=True)

    assert scene.dispatcher.inbound.waiting() == []


def test_a_message_that_somebody_holds_locked_delays_no_answer(postgres_emptied: str) -> None:
    scene = Scene(PostgresLedger(postgres_emptied, addresses="plain"))
    with psycopg.connect(postgres_emptied) as holder:
        holder.execute("SELECT 1 FROM messaging_channels_message WHERE id = %s FOR UPDATE", [scene.message])
        answer = scene.report("delivered")
        kept = scene.dispatcher.inbound.waiting()
        holder.rollback()
    scene.work()

    assert (answer.response.status, len(kept), scene.status()) == (200, 1, "DELIVERED")
    scene.dispatcher.close()
