"""What a worker does next is decided from job, record and time alone; and nothing that may have gone out is sent again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from messaging_channels import Sms
from messaging_channels._model.addresses import PhoneNumber
from messaging_channels._model.outcomes import AttemptResult, Outcome, Reason
from messaging_channels._model.receipts import Attempt
from messaging_channels._model.status import DELIVERED_TO_HANDSET, PENDING_ACCEPTED, Status, known_statuses
from messaging_channels._queue.payload import QueuePayload, Step
from messaging_channels._queue.transitions import (
    Transition,
    decide,
    decide_ended,
    decide_looked_up,
    decide_retry,
    decide_round,
    step_outcome,
)
from messaging_channels.plugins.ledger import MessageRecord
from messaging_channels.plugins.ledger_queue import Job, State

NOW = 1000.0
TO = PhoneNumber.parse("+447700900123")
STEP = Step(Sms("hello"), TO, None)
RESULTS = st.sampled_from(list(Reason)).map(AttemptResult.of)
STATUSES = st.sampled_from([status for _, status in known_statuses()])
PAYLOADS = st.builds(
    QueuePayload,
    st.integers(1, 3).map(lambda count: [STEP] * count),
    st.sampled_from(["hold", "resend"]),
    st.sampled_from([0.0, 60.0]),
    st.booleans(),
)


@st.composite
def _records(draw: st.DrawFn, *, may_be_open: bool = True) -> MessageRecord:
    ends = draw(st.lists(RESULTS, max_size=4))
    results: list[AttemptResult | None] = [*ends]
    if may_be_open and draw(st.booleans()):
        results.append(None)
    attempts = tuple(
        Attempt("m", "sms", "vendor", None, result, NOW - 10, 1.0, number)
        for number, result in enumerate(results, 1)
    )
    return _record(attempts, draw(STATUSES), draw(st.sampled_from([NOW - 1, NOW + 1])))


def _record(attempts: tuple[Attempt, ...], status: Status, lease: float = NOW - 1) -> MessageRecord:
    return MessageRecord(
        "m", "sms", "Sms", None, "", 1.0, status, 0, attempts, (), "", None, 0.0, "", "", "", lease, ""
    )


JOBS = st.builds(
    Job,
    st.just("m"),
    st.sampled_from(list(State)),
    st.just(1),
    st.integers(0, 2),
    st.integers(0, 13),
    st.just(900.0),
    st.none(),
    st.just(""),
    st.none(),
    st.one_of(st.none(), STATUSES),
)


@given(JOBS, _records(), PAYLOADS)
def test_a_message_is_never_sent_while_or_after_it_may_have_gone_out_unless_a_copy_is_wanted(
    job: Job, record: MessageRecord, payload: QueuePayload
) -> None:
    transition = decide(job, record, NOW, payload)

    if transition is Transition.SEND:
        assert not any(one.in_progress for one in record.attempts)
        outcome, _ = step_outcome(job, record)
        assert outcome is not Outcome.ACCEPTED
        assert outcome is not Outcome.UNKNOWN or payload.on_unknown == "resend"


@given(JOBS, _records(), PAYLOADS)
def test_an_open_attempt_is_waited_for_until_its_lease_ends(
    job: Job, record: MessageRecord, payload: QueuePayload
) -> None:
    transition = decide(job, record, NOW, payload)

    is_open = any(one.in_progress for one in record.attempts)
    assert (transition is Transition.WAIT_FOR_HOLDER) == (is_open and record.lease > NOW)
    assert (transition is Transition.MARK_CRASHED) == (is_open and record.lease <= NOW)


@given(JOBS, _records(may_be_open=False), PAYLOADS)
def test_what_was_delivered_is_left_alone(job: Job, record: MessageRecord, payload: QueuePayload) -> None:
    delivered = _record(record.attempts, DELIVERED_TO_HANDSET)

    assert decide_ended(job, delivered, payload) is Transition.FORGET


@given(JOBS, _records(may_be_open=False), PAYLOADS)
def test_what_stays_unknown_after_its_provider_was_asked_is_held(
    job: Job, record: MessageRecord, payload: QueuePayload
) -> None:
    unknown = step_outcome(job, record)[0] is Outcome.UNKNOWN

    assert (decide_looked_up(job, record, payload) is Transition.HOLD) == unknown


@given(_records(may_be_open=False), st.booleans(), st.booleans())
def test_a_round_that_may_have_sent_something_is_not_tried_again(
    record: MessageRecord, has_more: bool, follow: bool
) -> None:
    transition = decide_round(record.attempts, has_more_steps=has_more, follow_unknown=follow)

    if record.outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN):
        assert transition not in (Transition.RETRY, Transition.GIVE_UP, Transition.REJECT)


def test_a_worker_that_was_too_slow_for_its_lease_tries_again() -> None:
    late = Attempt("m", "sms", "vendor", None, AttemptResult.of(Reason.LEASE_EXPIRED), NOW, 0.0, 1)
    job = Job("m", State.WAITING, 1, 0, 0, 900.0, None, "", None, None)

    again = decide(job, _record((late,), PENDING_ACCEPTED), NOW, QueuePayload([STEP]))

    assert (again, decide_round([late], has_more_steps=False)) == (Transition.SEND, Transition.RETRY)


@given(st.integers(0, 20), st.integers(1, 20), st.booleans())
def test_rounds_are_counted_out(tries: int, most: int, has_more: bool) -> None:
    over = Transition.NEXT_STEP if has_more else Transition.GIVE_UP

    assert decide_retry(tries, most, has_more_steps=has_more) is (Transition.RETRY if tries < most else over)
