"""One suite that every ledger has to pass, with the sync and the async client."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledgers import Do, reservation

from messaging_channels._ledger.postgres import PostgresLedger
from messaging_channels._ledger.sqlite import SqliteLedger
from messaging_channels._ledger.status_merge import merged_status
from messaging_channels._model import status as statuses
from messaging_channels._model.addresses import PhoneNumber
from messaging_channels._model.errors import LedgerUnavailable
from messaging_channels._model.events import (
    EngagementReceived,
    EngagementType,
    MessageReceived,
    OptedOut,
    StatusChanged,
)
from messaging_channels._model.outcomes import REASON_POLICIES, AttemptResult, Outcome, Reason
from messaging_channels._model.receipts import Attempt
from messaging_channels._transport.drivers import Transport
from messaging_channels.plugins.exchange import ask
from messaging_channels.plugins.ledger import (
    AttemptIntent,
    FinishAttempt,
    GetMessage,
    Ledger,
    ListUnknown,
    MessageRecord,
    Operation,
    RecordEvent,
    ReleaseReservation,
    ReserveMessage,
    StartAttempt,
    TakeLease,
    Transaction,
)

NOW = 1_000_000.0
DELIVERED = statuses.DELIVERED_TO_HANDSET
EXPIRED = statuses.EXPIRED_EXPIRED
_ids = itertools.count()


def _reserve(
    key: str | None = None, *, holder: str = "h1", fingerprint: str = "f", at: float = NOW
) -> ReserveMessage:
    message_id = f"m{next(_ids)}"
    return reservation(
        message_id,
        at=at,
        lease_seconds=10.0,
        digest="d",
        fingerprint=fingerprint,
        idempotency_key=key,
        expires=at + 100,
        lease_owner=holder,
        first_attempt=AttemptIntent(message_id, 1, "acme-sms", None, at, 0.5),
    )


def _finish(
    message_id: str, reason: Reason, number: int = 1, *, provider_id: str | None = None, **more: Any
) -> FinishAttempt:
    outcome = AttemptResult.of(reason, "why", provider_id=provider_id, **more)
    return FinishAttempt(message_id, number, outcome, NOW + 2, NOW + 30, "stopped so")


def _report(
    status: statuses.Status, *, message_id: str = "", provider_id: str | None = None, at: float = NOW
) -> StatusChanged:
    return StatusChanged(
        provider="acme-sms",
        message_id=message_id,
        provider_id=provider_id,
        status=status,
        occurred_at=at,
        detail="code 7",
    )


def _find(do: Do, message_id: str) -> MessageRecord:
    record: MessageRecord | None = do(GetMessage(message_id))
    assert record is not None
    return record


def test_a_message_is_found_by_every_name_it_has(do: Do) -> None:
    new = _reserve("key")
    assert do(new) is None
    do(_finish(new.id, Reason.ACCEPTED, provider_id="p-1"))
    by_id, by_provider = do(GetMessage(new.id)), do(GetMessage(provider="acme-sms", provider_id="p-1"))
    assert by_id == by_provider == do(GetMessage(scope="", idempotency_key="key"))
    assert (by_id.message_type, by_id.address, by_id.outcome, by_id.stop_reason) == (
        "Sms",
        "447700900123",
        Outcome.ACCEPTED,
        "stopped so",
    )
    (attempt,) = by_id.attempts

    assert (attempt.provider, attempt.started_at, attempt.duration, attempt.delay) == (
        "acme-sms",
        NOW,
        2.0,
        0.5,
    )
    assert attempt.result == AttemptResult.of(Reason.ACCEPTED, "why", provider_id="p-1")
    assert do(GetMessage("nobody")) is None
    assert do(GetMessage(provider="other", provider_id="p-1")) is None


def test_a_key_is_reserved_once_and_the_second_gets_the_record(do: Do) -> None:
    first, second = _reserve("key"), _reserve("key", holder="h2")
    assert do(first) is None
    held = do(second)

    assert held.id == first.id
    assert held.in_progress
    assert do(GetMessage(second.id)) is None
    assert do(_reserve("other")) is None


def test_keys_of_two_scopes_never_meet_and_messages_without_a_key_are_all_different(do: Do) -> None:
    from dataclasses import replace

    assert do(replace(_reserve("key"), scope="a")) is None
    assert do(replace(_reserve("key"), scope="b")) is None
    assert do(_reserve()) is None
    assert do(_reserve()) is None


def test_a_key_is_free_again_when_its_time_has_passed(do: Do) -> None:
    first, later = _reserve("key"), _reserve("key", at=NOW + 101)

    assert do(first) is None
    assert do(later) is None
    assert do(GetMessage(scope="", idempotency_key="key")).id == later.id
    assert _find(do, first.id).idempotency_key is None


def test_every_operation_may_be_repeated(do: Do) -> None:
    new = _reserve("key")
    assert [do(new), do(new)] == [None, None]
    take = TakeLease(new.id, "h1", "h2", NOW + 20, 1)
    assert [do(take), do(take)] == [True, True]
    begin = StartAttempt(AttemptIntent(new.id, 2, "other-sms", None, NOW, 0.0), "h2", NOW + 30)
    assert [do(begin), do(begin)] == [True, True]
    finish = _finish(new.id, Reason.ACCEPTED, 2)

    assert do(finish) == do(finish) == statuses.PENDING_ACCEPTED
    assert len(_find(do, new.id).attempts) == 2


def test_only_the_holder_may_begin_an_attempt(do: Do) -> None:
    new = _reserve("key")
    do(new)

    assert do(TakeLease(new.id, "somebody else", "h2", NOW + 20, 1)) is False
    assert do(TakeLease(new.id, "h1", "h2", NOW + 20, 0)) is False
    assert do(TakeLease(new.id, "h1", "h2", NOW + 20, 1)) is True
    assert do(StartAttempt(AttemptIntent(new.id, 2, "acme-sms", None, NOW, 0.0), "h1", NOW + 20)) is False
    assert len(_find(do, new.id).attempts) == 1


def test_no_attempt_follows_one_that_a_report_has_settled_meanwhile(do: Do) -> None:
    new = _reserve()
    do(new)
    do(_finish(new.id, Reason.TIMEOUT))
    begin = StartAttempt(AttemptIntent(new.id, 2, "other-sms", None, NOW, 0.0), "h1", NOW + 20)

    assert do(RecordEvent(_report(DELIVERED, message_id=new.id), NOW)).is_new
    assert do(begin) is False
    assert [one.number for one in _find(do, new.id).attempts] == [1]


def test_a_refused_reservation_is_forgotten_and_its_key_is_free(do: Do) -> None:
    new = _reserve("key")
    do(new)
    do(ReleaseReservation(new.id, "somebody else"))
    assert do(GetMessage(new.id)) is not None
    do(ReleaseReservation(new.id, "h1"))

    assert do(GetMessage(new.id)) is None
    assert do(_reserve("key")) is None


def test_what_is_certain_is_not_changed_and_what_is_unknown_is_corrected(do: Do) -> None:
    new = _reserve()
    do(new)

    assert do(_finish(new.id, Reason.TIMEOUT)) == statuses.PENDING_UNKNOWN
    assert _find(do, new.id).outcome is Outcome.UNKNOWN
    assert do(_finish(new.id, Reason.ACCEPTED, provider_id="p")) == statuses.PENDING_ACCEPTED
    assert do(_finish(new.id, Reason.UNREACHABLE)) == statuses.PENDING_ACCEPTED
    assert _find(do, new.id).outcome is Outcome.ACCEPTED


def test_a_report_before_the_answer_was_kept_is_not_lost(do: Do) -> None:
    new = _reserve()
    do(new)
    assert do(RecordEvent(_report(DELIVERED, provider_id="p-2"), NOW)).message_id is None
    assert do(_finish(new.id, Reason.ACCEPTED, provider_id="p-2")) == DELIVERED
    record = _find(do, new.id)

    assert record.status == DELIVERED
    assert [one.status for one in record.events] == [DELIVERED]


def test_a_report_is_kept_once_and_settles_what_was_unknown(do: Do) -> None:
    new = _reserve()
    do(new)
    do(_finish(new.id, Reason.CONNECTION))
    report = RecordEvent(_report(EXPIRED, message_id=new.id, provider_id="p-3"), NOW)
    heard, again = do(report), do(report)
    assert (heard.is_new, heard.message_id, heard.status) == (True, new.id, EXPIRED)
    assert again.is_new is False
    record = _find(do, new.id)

    assert record.outcome is Outcome.ACCEPTED
    assert record.attempts[0].result is not None
    assert record.attempts[0].result.detail == "decided by a report"
    assert len(record.events) == 1


def test_a_report_while_the_attempt_is_open_settles_it_if_the_answer_is_then_lost(do: Do) -> None:
    new = _reserve()
    do(new)
    do(RecordEvent(_report(DELIVERED, message_id=new.id), NOW))
    assert _find(do, new.id).in_progress
    do(_finish(new.id, Reason.TIMEOUT))

    assert _find(do, new.id).outcome is Outcome.ACCEPTED


def test_a_report_of_another_provider_says_nothing_of_an_unknown_attempt(do: Do) -> None:
    from dataclasses import replace

    new = _reserve()
    do(new)
    do(_finish(new.id, Reason.TIMEOUT))
    do(RecordEvent(replace(_report(DELIVERED, message_id=new.id), provider="other-sms"), NOW))

    assert _find(do, new.id).outcome is Outcome.UNKNOWN
    assert _find(do, new.id).status == statuses.PENDING_UNKNOWN


def test_what_people_do_stands_beside_the_status(do: Do) -> None:
    new = _reserve()
    do(new)
    do(_finish(new.id, Reason.ACCEPTED, provider_id="p"))
    before = _find(do, new.id)
    do(
        RecordEvent(
            EngagementReceived(
                provider="acme-sms", occurred_at=NOW, provider_id="p", engagement_type=EngagementType.READ
            ),
            NOW,
        )
    )
    after = _find(do, new.id)

    assert (after.status, after.version) == (before.status, before.version)
    assert [(one.event_type, one.detail) for one in after.events] == [("EngagementReceived", "read")]


def test_what_came_in_is_told_fresh_once_and_its_words_are_not_kept(do: Do) -> None:
    phone = PhoneNumber.parse("447700900123")
    inbound = MessageReceived(
        provider="acme-sms",
        occurred_at=NOW,
        channel="sms",
        provider_id="in-1",
        sender=phone,
        to="447700900000",
        text="secret words",
    )
    stop = OptedOut(provider="acme-sms", occurred_at=NOW, channel="sms", address=phone, reason="keyword STOP")

    assert [do(RecordEvent(one, NOW)).is_new for one in (inbound, stop, inbound, stop)] == [
        True,
        True,
        False,
        False,
    ]


def test_the_version_grows_with_every_change_of_the_status_and_only_then(do: Do) -> None:
    new = _reserve()
    do(new)
    do(_finish(new.id, Reason.ACCEPTED))
    versions = [_find(do, new.id).version]
    for at, status in enumerate((statuses.known(1, 3), DELIVERED, DELIVERED, EXPIRED)):
        do(RecordEvent(_report(status, message_id=new.id, at=NOW + at), NOW))
        versions.append(_find(do, new.id).version)

    assert versions == [1, 2, 3, 3, 3]


def test_unknown_ones_are_asked_about_by_the_schedule_and_then_left(do: Do) -> None:
    unknown, accepted, open_one = _reserve(), _reserve(), _reserve()
    for new in (unknown, accepted, open_one):
        do(new)
    do(_finish(unknown.id, Reason.TIMEOUT))
    do(_finish(accepted.id, Reason.ACCEPTED))

    def due(now: float) -> list[str]:
        return [record.id for record in do(ListUnknown(now, 10, (30.0, 120.0)))]

    assert due(NOW + 5) == []
    assert due(NOW + 31) == [open_one.id, unknown.id]
    assert _find(do, open_one.id).attempts[0].result.reason is Reason.PROCESS_CRASHED  # type: ignore[union-attr]
    assert due(NOW + 32) == []
    assert sorted(due(NOW + 31 + 121)) == sorted([open_one.id, unknown.id])
    assert due(NOW + 10**9) == []


def test_several_operations_are_one_step(do: Do) -> None:
    one, two = _reserve("a"), _reserve("b")

    assert list(do(Transaction((one, two, _finish(one.id, Reason.ACCEPTED))))) == [
        None,
        None,
        statuses.PENDING_ACCEPTED,
    ]
    assert _find(do, two.id).in_progress


def test_of_many_threads_that_want_a_key_one_gets_it(ledger: Ledger) -> None:
    wanted = [_reserve("key", holder=str(number)) for number in range(16)]
    replies: list[Any] = []
    with Transport(executors=ledger.executors) as transport:
        start = threading.Barrier(len(wanted))

        def want(new: ReserveMessage) -> None:
            start.wait()
            replies.append(transport.run(ask(new)))

        threads = [threading.Thread(target=want, args=(new,)) for new in wanted]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert [reply for reply in replies if reply is None] == [None]
    assert len({reply.id for reply in replies if reply}) == 1


outcomes = st.sampled_from(Reason).map(AttemptResult.of)
reports = st.tuples(
    st.sampled_from(["a", "b"]), st.sampled_from([one for _, one in statuses.known_statuses()])
)


def _attempts(ends: Sequence[tuple[str, AttemptResult]]) -> list[Attempt]:
    return [
        Attempt("m", "sms", provider, None, end, 0.0, 0.0, number)
        for number, (provider, end) in enumerate(ends, 1)
    ]


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b"]), outcomes), max_size=4),
    st.lists(reports, max_size=6),
    st.randoms(),
)
def test_reports_in_any_order_and_any_number_say_the_same(
    ends: list[tuple[str, AttemptResult]], told: list[tuple[str, statuses.Status]], random: Any
) -> None:
    shuffled = told + told
    random.shuffle(shuffled)
    attempts = _attempts(ends)

    assert merged_status(attempts, told, stopped=True) == merged_status(attempts, shuffled, stopped=True)


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b"]), outcomes), min_size=1, max_size=4),
    st.lists(reports, max_size=6),
)
def test_the_rank_never_falls_as_reports_come(
    ends: list[tuple[str, AttemptResult]], told: list[tuple[str, statuses.Status]]
) -> None:
    attempts = _attempts(ends)
    ranks = [merged_status(attempts, told[:count], stopped=True).rank for count in range(len(told) + 1)]

    assert ranks == sorted(ranks)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.permutations(["finish", "report", "delivered", "seen"]),
    st.sampled_from([Reason.ACCEPTED, Reason.TIMEOUT]),
)
def test_any_order_of_answer_and_reports_gives_the_same_record(
    postgres: str, order: list[str], reason: Reason
) -> None:
    def record(ledger: Ledger) -> MessageRecord:
        with Transport(executors=ledger.executors) as transport:
            new = _reserve()
            steps: dict[str, Operation[Any]] = {
                "finish": _finish(new.id, reason, provider_id=f"p{new.id}"),
                "report": RecordEvent(_report(EXPIRED, provider_id=f"p{new.id}"), NOW),
                "delivered": RecordEvent(_report(DELIVERED, message_id=new.id), NOW),
                "seen": RecordEvent(
                    EngagementReceived(
                        provider="acme-sms",
                        occurred_at=NOW,
                        provider_id=f"p{new.id}",
                        engagement_type=EngagementType.READ,
                    ),
                    NOW,
                ),
            }
            transport.run(ask(new))
            for name in order:
                transport.run(ask(steps[name]))
            return _find(lambda operation: transport.run(ask(operation)), new.id)

    sqlite = SqliteLedger()
    for found in (record(sqlite), record(PostgresLedger(postgres))):
        assert (found.status, found.outcome) == (DELIVERED, Outcome.ACCEPTED)
        assert {one.event_type for one in found.events} == {"StatusChanged", "EngagementReceived"}
        assert len(found.events) == 3
    sqlite.close()


def test_a_database_that_cannot_be_reached_says_so_without_its_password() -> None:
    nowhere = PostgresLedger("host=127.0.0.1 port=1 user=x password=hush connect_timeout=1", pool_timeout=0.5)
    with Transport(executors=nowhere.executors) as transport, pytest.raises(LedgerUnavailable) as failed:
        transport.run(ask(_reserve()))

    assert "hush" not in f"{failed.value} {failed.value.__cause__}"


@pytest.mark.parametrize(
    ("addresses", "kept"),
    [("plain", "447700900123"), ("masked", "+4477•••••123"), ("hashed", "ba"), ("none", "")],
)
def test_an_address_is_kept_as_it_was_told(addresses: str, kept: str) -> None:
    ledger = SqliteLedger(addresses=addresses, pepper=b"pepper")
    found = ledger.stored_address("447700900123", "+4477•••••123")

    assert found == kept or (addresses == "hashed" and len(found) == 64)
    assert ledger.has_plain_addresses == (addresses == "plain")


def test_a_wrong_way_to_keep_addresses_is_refused() -> None:
    with pytest.raises(ValueError, match="pepper"):
        SqliteLedger(addresses="hashed")

    with pytest.raises(ValueError, match="plain"):
        SqliteLedger(addresses="somehow")


def test_every_kind_of_outcome_stands_in_the_rules() -> None:
    assert {REASON_POLICIES[reason].outcome for reason in Reason} == set(Outcome)
