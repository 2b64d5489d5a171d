"""What was said is kept where messages are, and asked in the step in which an attempt is written down."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scripted import Scripted

from messaging_channels import (
    AsyncDispatcher,
    Dispatcher,
    Email,
    EmailAddress,
    Fallback,
    LedgerOptions,
    PhoneNumber,
    PostgresLedger,
    Rejected,
    Sandbox,
    Sms,
    SqliteLedger,
    WhatsAppText,
    Worker,
)
from messaging_channels._model import status as statuses
from messaging_channels._model.events import MessageReceived, OptedIn, OptedOut, StatusChanged
from messaging_channels._model.failure_reasons import Advice
from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels.consent import ConsentPolicy, ConsentStatement, StatementKind
from messaging_channels.errors import MessageBlocked
from messaging_channels.events import FailureReason
from messaging_channels.plugins import Ledger, WhatsAppUserId
from messaging_channels.testing.clock import ControlledClock

TO = "+447700900123"
PERSON = PhoneNumber.parse(TO)


@pytest.fixture(params=["memory", "file", "postgres"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    if request.param == "postgres":
        yield PostgresLedger(request.getfixturevalue("postgres"), keys=[b"secret"])
        return
    kept = SqliteLedger(tmp_path / "ledger.sqlite3" if request.param == "file" else None)
    yield kept
    kept.close()


def _hear(dispatcher: Dispatcher, *events: Any) -> None:
    dispatcher._transport.run(dispatcher._reports.store_events(events))  # noqa: SLF001  no vendor is needed for it


def _written(text: str, at: float, **more: Any) -> MessageReceived:
    values: dict[str, Any] = {
        "provider": "x", "occurred_at": at, "event_id": f"e{at}", "channel": "sms", "provider_id": f"p{at}", "sender": PERSON,
        "to": "447700900000", "text": text,
    }  # fmt: skip
    return MessageReceived(**{**values, **more})


def _blocked(dispatcher: Dispatcher, message: Any = None, to: Any = TO, **options: Any) -> bool:
    try:
        dispatcher.send(message or Sms("News"), to=to, **options)
    except MessageBlocked as blocked:
        return blocked.entry is not None and "900123" not in str(blocked)
    return False


def test_stop_and_start_hold_for_every_dispatcher_of_the_ledger(ledger: Ledger) -> None:
    with (
        Dispatcher([Sandbox()], ledger=ledger) as one,
        Dispatcher([Sandbox()], ledger=ledger) as two,
    ):
        assert not _blocked(two)
        _hear(one, _written("Stop.", 100.0))
        assert _blocked(two)
        assert _blocked(two, idempotency_key="k")
        assert _blocked(two, Sms("Code", category="authentication"))
        assert not _blocked(two, WhatsAppText("News"))
        assert not _blocked(two, to="+447700900124")
        _hear(one, _written("START", 200.0))
        assert not _blocked(two)
        assert not _blocked(two, idempotency_key="k")
        _hear(two, _written("STOP", 150.0))
        assert not _blocked(one)  # it came late, and was said before


def test_what_is_likely_suppresses_unless_it_is_set_otherwise(ledger: Ledger) -> None:
    with Dispatcher([Sandbox()], ledger=ledger, consent=ConsentPolicy(likely="report")) as careful:
        _hear(careful, _written("please stop texting me", 100.0))
        assert not _blocked(careful)
    with Dispatcher([Sandbox()], ledger=ledger) as dispatcher:
        _hear(dispatcher, _written("please stop texting me", 101.0))
        assert _blocked(dispatcher)


def test_a_message_that_waits_is_asked_about_when_it_is_due_and_ends_as_suppressed(ledger: Ledger) -> None:
    provider = Sandbox()
    with Dispatcher([provider], ledger=ledger) as dispatcher:
        queued = dispatcher.enqueue(Sms("News"), to=TO)
        code = dispatcher.enqueue(Sms("Code", category="authentication"), to=TO)
        _hear(
            dispatcher,
            OptedOut(provider="x", occurred_at=1.0, channel="sms", address=PERSON, category="marketing"),
        )
        Worker(dispatcher).drain()
        record = dispatcher.get_message(queued.id)
        assert record is not None
        assert (record.status.name, record.status.final) == ("REJECTED_SUPPRESSED", True)
        entry = dispatcher.consent.find("sms", TO)
        assert entry is not None
        assert entry.id in record.stop_reason
        assert dispatcher.queue.stats().total.get("suppressed") == 1
        sent = dispatcher.get_message(code.id)
        assert sent is not None
        assert sent.outcome == "accepted"
        assert len(provider.outbox.messages()) == 1


def test_between_the_steps_of_a_fallback_it_is_asked_again(ledger: Ledger) -> None:
    provider = Sandbox()
    with Dispatcher([provider], ledger=ledger) as dispatcher:
        _hear(dispatcher, _written("STOP", 100.0, channel="whatsapp"))
        first = dispatcher.enqueue(Fallback([WhatsAppText("News"), Sms("News")]), to=TO)
        Worker(dispatcher).drain()
        Worker(dispatcher).drain()
        record = dispatcher.get_message(first.id)
        assert record is not None
        assert record.outcome == "accepted"
        _hear(dispatcher, _written("STOP", 101.0))
        second = dispatcher.enqueue(Fallback([WhatsAppText("News"), Sms("News")]), to=TO)
        Worker(dispatcher).drain()
        Worker(dispatcher).drain()
        record = dispatcher.get_message(second.id)
        assert record is not None
        assert record.status.name == "REJECTED_SUPPRESSED"
    assert len(provider.outbox.messages()) == 1


def test_of_many_recipients_those_who_opted_out_end_as_suppressed(ledger: Ledger) -> None:
    with Dispatcher([Sandbox()], ledger=ledger) as dispatcher:
        dispatcher.consent.add("sms", "+44 7700 900123")
        results = {one.to: one for one in dispatcher.send_each(Sms("News"), to=[TO, "+447700900124"])}
        assert results["+447700900124"].error is None
        blocked = results[TO]
        assert isinstance(blocked.error, MessageBlocked)
        assert blocked.error.entry is not None
        assert blocked.status is not None
        assert (blocked.status.name, blocked.status.final) == ("REJECTED_SUPPRESSED", True)


def test_one_text_of_a_recipient_is_one_recipient(ledger: Ledger) -> None:
    with Dispatcher([Sandbox()], ledger=ledger) as dispatcher:
        assert [one.error for one in dispatcher.send_each(Sms("News"), to=TO)] == [None]
        assert len([*dispatcher.enqueue_each(Sms("News"), to=TO)]) == 1


def test_a_repeated_call_is_answered_as_before_although_the_person_opted_out_since(ledger: Ledger) -> None:
    with Dispatcher([Sandbox()], ledger=ledger) as dispatcher:
        first = dispatcher.send(Sms("News"), to=TO, idempotency_key="k")
        _hear(dispatcher, _written("STOP", 100.0))
        assert dispatcher.send(Sms("News"), to=TO, idempotency_key="k").id == first.id


def test_messages_that_are_not_recorded_are_asked_about_too(ledger: Ledger) -> None:
    options = LedgerOptions(ledger, record_all=False)
    with (
        Dispatcher([Sandbox()], ledger=options) as one,
        Dispatcher([Sandbox()], ledger=ledger) as two,
    ):
        _hear(two, _written("STOP", 100.0))
        assert _blocked(one)
        assert [type(each.error) for each in one.send_each(Sms("News"), to=[TO])] == [MessageBlocked]
    with Dispatcher([Sandbox()]) as alone:
        assert not _blocked(alone)
        _hear(alone, _written("STOP", 100.0))
        assert _blocked(alone)


def test_a_whatsapp_user_and_their_number_are_one_person_once_both_were_seen(ledger: Ledger) -> None:
    user = WhatsAppUserId("US.13491208655302741918")
    with Dispatcher([Sandbox()], ledger=ledger) as dispatcher:
        _hear(dispatcher, _written("STOP", 100.0, channel="whatsapp"))
        assert not _blocked(dispatcher, WhatsAppText("News"), user)
        _hear(dispatcher, _written("hello", 101.0, channel="whatsapp", aliases=(user,)))
        assert _blocked(dispatcher, WhatsAppText("News"), user)
        start = OptedIn(provider="x", occurred_at=200.0, channel="whatsapp", address=user)
        _hear(dispatcher, start)
        assert not _blocked(dispatcher, WhatsAppText("News"))


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("5215555550100", "+52 55 5555 0100"), ("+541123456789", "+54 9 11 2345 6789"), ("551187654321", "+55 11 9 8765 4321"),
        ("22507123456", "+225 07 07 12 34 56"), ("2250707123456", "+225 07 12 34 56"), ("22990011234", "+229 01 90 01 12 34"),
        ("24106031234", "+241 66 03 12 34"),
    ],
)  # fmt: skip
def test_an_opt_out_holds_for_every_spelling_of_the_number(said: str, written: str) -> None:
    with Dispatcher([Sandbox()], ledger=SqliteLedger(owned=True)) as dispatcher:
        _hear(
            dispatcher,
            OptedOut(provider="x", occurred_at=1.0, channel="sms", address=PhoneNumber.parse(said)),
        )
        assert _blocked(dispatcher, to=written)
        assert dispatcher.consent.remove("sms", written) == 1
        assert not _blocked(dispatcher, to=written)


def test_an_operator_lifts_opt_outs_and_complaints_by_their_kind_only(ledger: Ledger) -> None:
    with Dispatcher([Sandbox()], ledger=ledger) as dispatcher:
        stop = OptedOut(provider="x", occurred_at=1.0, channel="email", address=PERSON, reason="complaint")
        mail = "zoe@example.com"
        dispatcher.consent.add("email", mail, kind="complaint")
        assert stop.reason == "complaint"
        assert dispatcher.consent.remove("email", mail) == 0
        assert _blocked(dispatcher, Email("News", "text"), mail)
        assert dispatcher.consent.remove("email", mail, kinds=["complaint"]) == 1
        assert not _blocked(dispatcher, Email("News", "text"), mail)
        dispatcher.consent.add("email", mail, kind="complaint")  # another one, later
        assert _blocked(dispatcher, Email("News", "text"), mail)
        assert [one.kind for one in dispatcher.consent.show("email", "Zoe@EXAMPLE.com")][:2] == [
            StatementKind.COMPLAINT, StatementKind.LIFTED,
        ]  # fmt: skip
        assert len([*dispatcher.consent.export()]) == 3


def test_digests_stand_in_place_of_addresses(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    ledger = SqliteLedger(path, addresses="hashed", pepper=b"secret")
    with Dispatcher([Sandbox()], ledger=ledger) as dispatcher:
        _hear(dispatcher, _written("STOP", 100.0))
        assert _blocked(dispatcher)
    ledger.close()
    assert b"900123" not in path.read_bytes()


def test_no_message_that_begins_after_a_stop_was_stored_is_accepted(postgres: str) -> None:
    people = [f"+4477009{number:05}" for number in range(40)]
    late: list[str] = []

    def stop(dispatcher: Dispatcher, stopped: set[str]) -> None:
        for number, person in enumerate(people):
            _hear(dispatcher, _written("STOP", 1.0 + number, sender=PhoneNumber.parse(person)))
            stopped.add(person)

    def send(stopped: set[str]) -> None:
        with Dispatcher(
            [Scripted("one")], ledger=PostgresLedger(postgres, keys=[b"secret"], pool_size=2)
        ) as own:
            for person in people:
                known = person in stopped
                if not _blocked(own, to=person) and known:
                    late.append(person)

    stopped: set[str] = set()
    with Dispatcher(
        [Scripted("one")], ledger=PostgresLedger(postgres, keys=[b"secret"], pool_size=2)
    ) as dispatcher:
        dispatcher.send(Sms("hello"), to=TO)  # the schema is there
        threads = [threading.Thread(target=send, args=(stopped,)) for _ in range(3)]
        threads.append(threading.Thread(target=stop, args=(dispatcher, stopped)))
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    assert late == []


def _failed(failure: FailureReason, at: float, to: str = TO) -> StatusChanged:
    address = EmailAddress.parse(to) if "@" in to else PhoneNumber.parse(to)
    return StatusChanged(
        provider="x", occurred_at=at, event_id=f"{failure}{at}", message_id=f"m{at}", status=statuses.known(2, 9),
        recipient=address, failure=failure,
        advice=frozenset({Advice.SUPPRESS_ADDRESS}) if "@" in to else frozenset({Advice.OTHER_CHANNEL}),
    )  # fmt: skip


def test_a_hard_bounce_suppresses_mail_until_it_is_lifted_and_codes_too(ledger: Ledger) -> None:
    mail = "zoe@example.com"
    with Dispatcher([Sandbox()], ledger=ledger) as dispatcher:
        _hear(dispatcher, _failed(FailureReason.UNKNOWN_RECIPIENT, 1.0, mail))
        assert _blocked(dispatcher, Email("Code", "text", category="authentication"), mail)
        assert not _blocked(dispatcher)
        assert dispatcher.consent.remove("email", mail) == 1
        assert not _blocked(dispatcher, Email("News", "text"), mail)


def test_a_number_that_is_unknown_counts_once_it_was_said_twice_and_for_thirty_days(ledger: Ledger) -> None:
    clock = ControlledClock()
    with Dispatcher([Sandbox()], ledger=ledger, clock=clock) as dispatcher:
        _hear(dispatcher, _failed(FailureReason.UNKNOWN_RECIPIENT, clock.now()))
        _hear(dispatcher, _failed(FailureReason.UNKNOWN_RECIPIENT, clock.now()))
        assert not _blocked(dispatcher)
        _hear(dispatcher, _failed(FailureReason.UNKNOWN_RECIPIENT, clock.now() + 1))
        assert _blocked(dispatcher)
        clock.advance(30 * 86400 + 2)
        assert not _blocked(dispatcher)


def test_what_a_provider_refuses_since_the_person_opted_out_there_is_kept(ledger: Ledger) -> None:
    refused = AttemptResult.of(Reason.RECIPIENT, "opted out", failure=FailureReason.OPTED_OUT)
    with Dispatcher([Scripted("one", refused, Reason.ACCEPTED)], ledger=ledger) as dispatcher:
        with pytest.raises(Rejected):
            dispatcher.send(Sms("News"), to=TO)
        assert _blocked(dispatcher)
        _hear(dispatcher, _written("START", time.time() + 1))
        assert not _blocked(dispatcher)


def test_an_opt_out_is_confirmed_once_and_within_five_minutes(ledger: Ledger) -> None:
    clock = ControlledClock()
    with Dispatcher([Scripted("one")], ledger=ledger, clock=clock) as dispatcher:
        _hear(dispatcher, _written("STOP", clock.now()))
        entry = dispatcher.consent.find("sms", TO)
        assert entry is not None
        words = Sms("You get no more messages from us.")
        first = dispatcher.send(words, to=TO, confirms=entry.id)
        assert dispatcher.send(words, to=TO, confirms=entry.id).id == first.id
        assert _blocked(dispatcher)
        _hear(dispatcher, _written("STOP", clock.now(), event_id="another", provider_id="another"))
        assert _blocked(dispatcher, confirms=entry.id + "x")
        other = next(one for one in dispatcher.consent.show("sms", TO) if one.id != entry.id)
        clock.advance(301)
        assert _blocked(dispatcher, confirms=other.id)


def test_an_asynchronous_dispatcher_has_the_same_consent(ledger: Ledger) -> None:
    async def use() -> list[ConsentStatement]:
        async with AsyncDispatcher([Sandbox()], ledger=ledger) as dispatcher:
            consent = dispatcher.consent
            await consent.add("sms", TO)
            assert await consent.find("sms", TO) is not None
            with pytest.raises(MessageBlocked):
                await dispatcher.send(Sms("News"), to=TO)
            assert await consent.remove("sms", TO) == 1
            assert await consent.find("sms", TO) is None
            assert len(await consent.show("*", TO)) == 2
            assert consent.recipient_key(PERSON)
            return [one async for one in consent.export()]

    assert [one.kind for one in asyncio.run(use())] == [StatementKind.OPTED_OUT, StatementKind.LIFTED]
