"""One suite of the operations on messages that wait, for every ledger, with the sync and the async client."""

from __future__ import annotations

import itertools
import sqlite3
import threading
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from ledgers import Do  # noqa: TC002  a module of the tests

from messaging_channels._ledger.postgres import PostgresLedger
from messaging_channels._ledger.postgres_statements import DIALECT
from messaging_channels._ledger.sql_dispatch import statements_for
from messaging_channels._ledger.sqlite import SqliteLedger
from messaging_channels._model import status as statuses
from messaging_channels._model.events import StatusChanged
from messaging_channels._model.outcomes import AttemptResult, Outcome, Reason
from messaging_channels._queue.payload import recipient_digest
from messaging_channels._transport.drivers import Transport
from messaging_channels.plugins.exchange import ask
from messaging_channels.plugins.ledger import (
    AttemptIntent,
    FinishAttempt,
    GetMessage,
    Ledger,
    MessageRecord,
    RecordEvent,
    ReleaseReservation,
    ReserveMessage,
    StartAttempt,
    Transaction,
)
from messaging_channels.plugins.ledger_queue import (
    NEVER,
    AdvanceFallback,
    Cancel,
    Claim,
    Enqueue,
    GetQueueStats,
    IncrementCounters,
    Job,
    ListDeadLetters,
    RetryDeadLetters,
    State,
    UpdateJob,
)
from messaging_channels.plugins.ledger_retention import EraseRecipient, Prune

NOW = 1_000_000.0
PLAIN = "447700900123"
_ids = itertools.count()


def _new(key: str | None = None, *, due: float = NOW, **more: Any) -> Enqueue:
    at = more.pop("at", NOW)
    values: dict[str, Any] = {
        "id": f"{int(at * 1000):012x}{next(_ids):020x}",
        "channel": "sms",
        "message_type": "Sms",
        "account": None,
        "address": PLAIN,
        "digest": "d",
        "fingerprint": "f",
        "scope": "",
        "idempotency_key": key,
        "expires": at + 100,
        "at": at,
        "due": due,
        "priority": 1,
        "deadline": None,
        "payload": "{}",
        "recipient_digests": f" {recipient_digest(PLAIN)} ",
    }
    return Enqueue(**(values | more))


def _claimed(
    do: Do, holder: str = "w1", *, now: float = NOW, limit: int = 10, lease: float = 10
) -> list[Job]:
    return list(do(Claim(holder, now, now + lease, limit)))


def _begin(key: str, holder: str = "w1", number: int = 1, at: float = NOW) -> StartAttempt:
    return StartAttempt(AttemptIntent(key, number, "acme-sms", None, at), holder, at + 20, queued=True)


def _finish(
    key: str, reason: Reason, number: int = 1, *, stopped: str = "stopped so", provider_id: str | None = None
) -> FinishAttempt:
    return FinishAttempt(
        key, number, AttemptResult.of(reason, "why", provider_id=provider_id), NOW + 2, NOW + 30, stopped
    )


def _record(do: Do, key: str) -> MessageRecord:
    found: MessageRecord | None = do(GetMessage(key))
    assert found is not None
    return found


def _report(status: statuses.Status, **more: Any) -> StatusChanged:
    return StatusChanged(provider="acme-sms", status=status, occurred_at=NOW + 5, **more)


def test_a_message_that_waits_has_a_record_and_is_claimed_when_it_is_due(do: Do) -> None:
    new = _new("key", due=NOW + 5)
    assert do(new) is None
    found = _record(do, new.id)
    assert (found.status, found.attempts, found.in_progress) == (statuses.PENDING_QUEUED, (), True)
    assert _claimed(do) == []
    (job,) = _claimed(do, now=NOW + 5)

    assert (job.message_id, job.state, job.step, job.base, job.tries) == (new.id, State.WAITING, 1, 0, 0)
    assert (job.payload, job.record, job.created, job.deadline) == ("{}", None, NOW, None)


def test_a_key_is_taken_once_and_the_second_gets_the_record(do: Do) -> None:
    first = _new("key")

    assert [do(first), do(first)] == [None, None]
    assert do(_new("key")).id == first.id
    assert do(_new("key", scope="other")) is None
    assert do(_new("key", at=NOW + 101)) is None
    assert len(_claimed(do)) == 3


def test_what_is_claimed_is_claimed_by_nobody_else_until_the_lease_ends(do: Do) -> None:
    new = _new()
    do(new)

    assert len(_claimed(do, "w1")) == 1
    assert _claimed(do, "w2", now=NOW + 9) == []
    assert len(_claimed(do, "w2", now=NOW + 11)) == 1
    assert do(_begin(new.id, "w1")) is False
    assert _record(do, new.id).attempts == ()
    assert do(_begin(new.id, "w2")) is True


def test_the_intent_keeps_the_claim_and_a_claim_alone_makes_nothing_unknown(do: Do) -> None:
    new = _new()
    do(new)
    _claimed(do, "w1")
    assert do(_begin(new.id, "w1", at=NOW + 5)) is True
    assert _claimed(do, "w2", now=NOW + 24) == []
    (job,) = _claimed(do, "w2", now=NOW + 26)

    assert job.record is not None
    assert [attempt.in_progress for attempt in job.record.attempts] == [True]


def test_the_urgent_goes_before_the_early_and_the_early_before_the_late(do: Do) -> None:
    late, early = _new(due=NOW - 1), _new(due=NOW - 5)
    low, high = _new(due=NOW - 9, priority=2), _new(due=NOW, priority=0)
    do(Transaction((late, early, low, high)))

    assert [job.message_id for job in _claimed(do, limit=3)] == [high.id, early.id, late.id]
    assert [job.message_id for job in _claimed(do)] == [low.id]


def test_one_message_is_claimed_by_its_id_only_when_it_is_due(do: Do) -> None:
    new, other = _new(due=NOW + 5), _new()
    do(Transaction((new, other)))

    assert do(Claim("w1", NOW, NOW + 10, 1, new.id)) == ()
    assert [job.message_id for job in do(Claim("w1", NOW + 5, NOW + 10, 1, new.id))] == [new.id]
    assert do(Claim("w2", NOW + 5, NOW + 10, 1, new.id)) == ()
    assert do(Claim("w2", NOW + 5, NOW + 10, 1, "nobody")) == ()


def test_a_message_that_was_accepted_waits_for_nothing_and_its_record_stays(do: Do) -> None:
    new = _new()
    do(new)
    _claimed(do)
    do(_begin(new.id))
    do(_finish(new.id, Reason.ACCEPTED))
    end = UpdateJob(new.id, "w1", NOW + 3, None)

    assert [do(end), do(end)] == [True, False]
    assert _claimed(do, now=NOW + 1000) == []
    assert _record(do, new.id).outcome is Outcome.ACCEPTED


def test_a_message_that_waits_for_its_next_try_says_that_nothing_was_sent(do: Do) -> None:
    new = _new()
    do(new)
    _claimed(do)
    do(_begin(new.id))
    do(_finish(new.id, Reason.THROTTLED))
    assert do(UpdateJob(new.id, "w1", NOW + 3, State.WAITING, NOW + 60, 1)) is True
    found = _record(do, new.id)
    assert (found.status, found.stop_reason) == (statuses.PENDING_NOT_SENT, "")
    assert _claimed(do, now=NOW + 59) == []
    (job,) = _claimed(do, "w2", now=NOW + 60)

    assert job.tries == 1
    assert do(_begin(new.id, "w2", 2)) is True
    assert do(_finish(new.id, Reason.ACCEPTED, 2)) == statuses.PENDING_ACCEPTED


def test_who_lost_the_claim_decides_nothing(do: Do) -> None:
    new = _new()
    do(new)
    _claimed(do, "w1")
    _claimed(do, "w2", now=NOW + 11)

    assert do(UpdateJob(new.id, "w1", NOW + 12, None)) is False
    assert do(AdvanceFallback(new.id, "w1", NOW + 12, 2, "sms", "Sms", "", "")) is False
    assert do(UpdateJob(new.id, "w2", NOW + 12, State.WAITING, NOW + 12)) is True


@pytest.mark.parametrize("status", [statuses.EXPIRED_BEFORE_SENT, statuses.REJECTED_BY_RULE])
def test_what_ends_without_an_attempt_keeps_its_status_whatever_is_reported(
    do: Do, status: statuses.Status
) -> None:
    new = _new()
    do(new)
    _claimed(do)
    assert do(UpdateJob(new.id, "w1", NOW, None, stop_reason="so", status=status)) is True
    assert (_record(do, new.id).status, _record(do, new.id).stop_reason) == (status, "so")
    do(RecordEvent(_report(statuses.DELIVERED_TO_HANDSET, message_id=new.id), NOW))

    assert _record(do, new.id).status == status


def test_a_message_is_cancelled_only_while_certainly_nothing_went_out(do: Do) -> None:
    waiting, claimed, begun, tried, over = (_new() for _ in range(5))
    do(Transaction((claimed, begun, tried, over)))
    _claimed(do)
    do(waiting)
    for key, reason in ((tried.id, Reason.UNREACHABLE), (over.id, Reason.ACCEPTED)):
        do(_begin(key))
        do(_finish(key, reason))
    do(_begin(begun.id))
    told = {one.id: do(Cancel(one.id, NOW)) for one in (waiting, claimed, begun, tried, over)}

    assert told == {waiting.id: True, claimed.id: True, begun.id: False, tried.id: True, over.id: False}
    assert do(Cancel(waiting.id, NOW)) is False
    assert do(_begin(claimed.id)) is False
    assert _record(do, claimed.id).status == statuses.REJECTED_CANCELLED
    assert do(GetQueueStats(NOW)).total == {"cancelled": 3}


def test_dead_letters_are_listed_and_replayed(do: Do) -> None:
    news = [_new(), _new(), _new()]
    do(Transaction(tuple(news)))
    _claimed(do)
    for new in news:
        do(_begin(new.id))
        do(_finish(new.id, Reason.CREDENTIALS))
        do(UpdateJob(new.id, "w1", NOW + 3, State.DEAD, NEVER, 1, stop_reason="credentials"))
    found = do(ListDeadLetters(2))
    assert [record.id for record in found] == [news[2].id, news[1].id]
    assert [record.id for record in do(ListDeadLetters(2, found[-1].id))] == [news[0].id]
    assert (found[0].status, found[0].stop_reason) == (statuses.PENDING_NOT_SENT, "credentials")
    assert do(RetryDeadLetters(NOW + 5, news[0].id)) == 1
    assert _record(do, news[0].id).status == statuses.PENDING_QUEUED
    (job,) = _claimed(do, now=NOW + 5)

    assert (job.message_id, job.tries, job.base) == (news[0].id, 0, 1)
    assert do(RetryDeadLetters(NOW + 5)) == 2
    assert do(ListDeadLetters(10)) == []


def test_the_queue_tells_its_depth_its_age_and_what_became_of_messages(do: Do) -> None:
    do(Transaction((_new(due=NOW - 30), _new(due=NOW - 10), _new(due=NOW + 100))))
    do(IncrementCounters(NOW - 90, "w1", {"accepted": 3, "dead": 1}))
    do(IncrementCounters(NOW, "w1", {"accepted": 1}))
    do(IncrementCounters(NOW, "w2", {"accepted": 2}))
    stand = do(GetQueueStats(NOW))

    assert (stand.by_state, stand.ready, stand.oldest_age_seconds) == ({"waiting": 3}, 2, 30.0)
    assert (stand.last_minute, stand.last_hour) == ({"accepted": 3}, {"accepted": 6, "dead": 1})
    assert stand.as_dict()["total"] == {"accepted": 6, "dead": 1}


def test_erasing_a_recipient_ends_what_waits_and_forgets_its_address_everywhere(do: Do) -> None:
    mine, other = (
        _new(),
        _new(address="447700900124", recipient_digests=f" {recipient_digest('447700900124')} "),
    )
    sent = _new()
    do(sent)
    _claimed(do)
    do(_begin(sent.id))
    do(_finish(sent.id, Reason.ACCEPTED))
    do(UpdateJob(sent.id, "w1", NOW, None))
    do(Transaction((mine, other)))

    assert do(EraseRecipient(recipient_digest(PLAIN), (PLAIN,), NOW)) == 2
    assert [_record(do, one.id).address for one in (mine, sent, other)] == ["", "", "447700900124"]
    assert _record(do, mine.id).status == statuses.REJECTED_CANCELLED
    assert _record(do, sent.id).status == statuses.PENDING_ACCEPTED
    assert [job.message_id for job in _claimed(do, "w2")] == [other.id]
    assert do(EraseRecipient(recipient_digest(PLAIN), (PLAIN,), NOW)) == 0


def test_what_is_old_is_forgotten_unless_something_is_still_to_be_done(do: Do) -> None:
    old, waiting, dead = (_new() for _ in range(3))
    young = _new(at=NOW + 50)
    do(Transaction((old, dead)))
    _claimed(do)
    do(Transaction((waiting, young)))
    do(UpdateJob(old.id, "w1", NOW, None))
    do(UpdateJob(dead.id, "w1", NOW, State.DEAD, stop_reason="so"))
    assert do(Prune(NOW + 40)).count == 2
    addresses = [_record(do, one.id).address for one in (old, dead, waiting, young)]

    assert addresses == ["", "", PLAIN, PLAIN]
    assert do(ListDeadLetters(10)) == []
    assert do(Prune(NOW + 40)).count == 0


def _accepted_step(do: Do, **more: Any) -> Enqueue:
    new = _new(steps=2, **more)
    do(new)
    _claimed(do)
    do(_begin(new.id))
    do(_finish(new.id, Reason.ACCEPTED, provider_id="p1"))
    do(UpdateJob(new.id, "w1", NOW + 3, State.SENT, NOW + 300))
    return new


def _step(key: str, holder: str = "w2", at: float = NOW + 300) -> AdvanceFallback:
    return AdvanceFallback(key, holder, at, 2, "email", "Email", "z@example.com", "d2")


def test_a_fallback_goes_on_once_and_its_second_attempt_has_an_id_of_its_own(do: Do) -> None:
    new = _accepted_step(do)
    assert _claimed(do, "w2", now=NOW + 299) == []
    (job,) = _claimed(do, "w2", now=NOW + 300)
    assert job.state is State.SENT
    assert [do(_step(new.id)), do(_step(new.id))] == [True, False]
    (job,) = _claimed(do, "w3", now=NOW + 301)
    assert (job.state, job.step, job.base) == (State.WAITING, 2, 1)
    do(_begin(new.id, "w3", 2))
    do(_finish(new.id, Reason.ACCEPTED, 2, provider_id="p2"))
    attempts = _record(do, new.id).attempts

    assert [(one.message_id, one.channel) for one in attempts] == [(new.id, "sms"), (f"{new.id}-2", "email")]


def test_a_report_of_delivery_that_comes_first_keeps_a_fallback_from_going_on(do: Do) -> None:
    new = _accepted_step(do)
    _claimed(do, "w2", now=NOW + 300)
    do(RecordEvent(_report(statuses.DELIVERED_TO_HANDSET, provider_id="p1"), NOW + 300))

    assert do(_step(new.id)) is False


@pytest.mark.parametrize("status", [statuses.DELIVERED_TO_HANDSET, statuses.EXPIRED_EXPIRED])
def test_a_final_report_has_the_fallback_looked_at_at_once(do: Do, status: statuses.Status) -> None:
    new = _accepted_step(do)
    do(RecordEvent(_report(status, message_id=new.id), NOW + 10))
    (job,) = _claimed(do, "w2", now=NOW + 10)

    assert job.step_status == status


def test_a_failed_step_is_no_failure_of_the_message_as_long_as_another_follows(do: Do) -> None:
    new = _accepted_step(do)
    do(RecordEvent(_report(statuses.EXPIRED_EXPIRED, provider_id="p1"), NOW + 10))
    assert _record(do, new.id).status == statuses.PENDING_ACCEPTED
    _claimed(do, "w2", now=NOW + 10)
    do(_step(new.id))
    _claimed(do, "w2", now=NOW + 300)
    do(_begin(new.id, "w2", 2))
    do(_finish(new.id, Reason.ACCEPTED, 2, provider_id="p2"))
    do(UpdateJob(new.id, "w2", NOW, None))
    assert _record(do, new.id).status == statuses.PENDING_ACCEPTED
    do(RecordEvent(_report(statuses.known(2, 9), provider_id="p2"), NOW + 400))

    assert _record(do, new.id).status == statuses.known(2, 9)


def test_a_late_delivery_that_crosses_the_second_message_is_kept_and_counted(do: Do) -> None:
    new = _accepted_step(do)
    _claimed(do, "w2", now=NOW + 300)
    do(_step(new.id))
    _claimed(do, "w2", now=NOW + 300)
    do(_begin(new.id, "w2", 2))
    do(_finish(new.id, Reason.ACCEPTED, 2, provider_id="p2"))
    late = _report(statuses.DELIVERED_TO_HANDSET, provider_id="p1")
    assert do(RecordEvent(late, NOW + 301)).status == statuses.DELIVERED_TO_HANDSET
    do(RecordEvent(late, NOW + 302))
    do(RecordEvent(_report(statuses.DELIVERED_TO_HANDSET, provider_id="p2"), NOW + 303))

    assert do(GetQueueStats(NOW + 303)).total == {"overlapped": 1}


def test_a_report_names_a_step_by_its_own_id(do: Do) -> None:
    new = _accepted_step(do)
    _claimed(do, "w2", now=NOW + 300)
    do(_step(new.id))
    heard = do(RecordEvent(_report(statuses.DELIVERED_TO_HANDSET, message_id=f"{new.id}-2"), NOW + 301))

    assert heard.message_id == new.id


def test_a_held_message_is_looked_at_when_anything_is_heard_of_it(do: Do) -> None:
    new = _new()
    do(new)
    _claimed(do)
    do(_begin(new.id))
    do(_finish(new.id, Reason.TIMEOUT))
    do(UpdateJob(new.id, "w1", NOW, State.HELD, NEVER))
    do(RecordEvent(_report(statuses.PENDING_ENROUTE, message_id=new.id), NOW + 10))
    (job,) = _claimed(do, "w2", now=NOW + 10)

    assert job.record is not None
    assert job.record.outcome is Outcome.ACCEPTED


def test_many_threads_claim_every_message_once(ledger: Ledger) -> None:
    news = [_new() for _ in range(60)]
    claimed: list[str] = []
    with Transport(executors=ledger.executors) as transport:
        transport.run(ask(Transaction(tuple(news))))
        start = threading.Barrier(6)

        def work(name: str) -> None:
            start.wait()
            while jobs := transport.run(ask(Claim(name, NOW, NOW + 10, 4))):
                claimed.extend(job.message_id for job in jobs)

        threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert sorted(claimed) == sorted(new.id for new in news)


def test_a_repeated_enqueue_adds_nothing(do: Do) -> None:
    new = _new()
    do(new)
    do(replace(new, payload='{"other":1}'))
    (job,) = _claimed(do)

    assert job.payload == "{}"


@pytest.mark.parametrize("days", [400, 30, 6.5, 1, -1, -400])
def test_a_key_stands_though_the_clock_was_set_between_a_message_s_id_and_its_step(
    do: Do, days: float
) -> None:
    begun, life = NOW + 86400 * days, 7 * 86400.0
    made = f"{int(begun * 1000):012x}{next(_ids):020x}"
    assert do(replace(_new("key", expires=NOW + life), id=made)) is None

    for later in (1.0, 8 * 86400.0, 8 * 86400.0 + 1):  # the clock is set once more
        again = do(replace(_new("key"), at=NOW + later, expires=NOW + later + life))
        assert again is not None
        assert again.id == made


def test_a_key_that_an_earlier_version_kept_with_an_end_before_its_beginning_is_not_free_at_once(
    tmp_path: Path,
) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.sqlite3", addresses="plain")
    first = _new("key", expires=NOW + 7 * 86400.0)
    assert ledger.perform(first) is None
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite3")) as database, database:
        database.execute("UPDATE messaging_channels_message SET created = ?", (NOW + 400 * 86400.0,))

    again = ledger.perform(replace(_new("key"), at=NOW + 8 * 86400.0))

    assert again.id == first.id
    ledger.close()


def test_a_key_that_is_released_while_it_is_looked_at_is_free(postgres: str) -> None:
    """Step by step, with a `send` that is refused and forgets its reservation between two statements."""
    sender, new = "0" * 32, _new("key")
    first = AttemptIntent(sender, 1, "acme-sms", None, NOW)
    key = ("", "d", "f", "", "key", NOW + 100)
    with (
        Transport(executors=PostgresLedger(postgres).executors) as transport,
        psycopg.connect(postgres) as connection,
        suppress(StopIteration),
    ):
        transport.run(ask(ReserveMessage(sender, "sms", "Sms", None, *key, "w0", NOW + 10, first)))
        flow, rows = statements_for(new, DIALECT), None
        while True:
            text, values = flow.send(rows)
            cursor = connection.execute(text.replace("?", "%s").encode(), values)
            rows = cursor.fetchall() if cursor.description else []
            transport.run(ask(ReleaseReservation(sender, "w0")))
    with Transport(executors=PostgresLedger(postgres).executors) as transport:
        assert _record(lambda operation: transport.run(ask(operation)), new.id).idempotency_key == "key"
        assert len(transport.run(ask(Claim("w1", NOW, NOW + 10, 1)))) == 1
