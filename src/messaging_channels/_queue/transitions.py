"""What a worker does next with a message: decided from the job, its record and the time, without asking or writing anything."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, StrEnum, auto
from typing import TYPE_CHECKING

from messaging_channels._model.outcomes import AttemptResult, Outcome, Reason
from messaging_channels._model.receipts import deciding_attempt, was_rejected
from messaging_channels._model.status import DELIVERED_TO_HANDSET, StatusGroup
from messaging_channels.plugins.ledger_queue import State

if TYPE_CHECKING:
    from messaging_channels._model.receipts import Attempt
    from messaging_channels._queue.payload import QueuePayload
    from messaging_channels.plugins.ledger import MessageRecord
    from messaging_channels.plugins.ledger_queue import Job


class Transition(Enum):
    """What follows for a claimed message."""

    SEND = auto()
    """It is sent, or sent again: certainly nothing went out, or the caller prefers a second copy to none."""
    WAIT_FOR_HOLDER = auto()
    """Somebody else is at it, until the lease ends."""
    MARK_CRASHED = auto()
    """Who was at it died: its open attempt is written down as unknown, and it is decided again."""
    LOOK_UP = auto()
    """Its provider is asked what became of it."""
    HOLD = auto()
    """Nobody knows yet whether it was sent: it is looked at again later."""
    CHECK_STEP = auto()
    """A step was accepted: whether it failed since, or its time is over, decides about the next one."""
    AWAIT_REPORT = auto()
    """It waits for a report, or for the time of its next step."""
    CHECK_DELIVERY = auto()
    """The time of a step is over: its provider is asked before the next one begins."""
    NEXT_STEP = auto()
    RETRY = auto()
    """A later round may do better."""
    WAIT_FOR_ACCOUNT = auto()
    """Its account cannot send: that is no fault of the message."""
    ACCEPT = auto()
    """A provider has taken it, and nothing is left to do."""
    FORGET = auto()
    """Nothing is left to do, and that was counted before."""
    REJECT = auto()
    """It was refused for good."""
    GIVE_UP = auto()
    """It becomes a dead letter: somebody has to mend something first."""


class JobEvent(StrEnum):
    """What is counted of messages that wait."""

    ACCEPTED = "accepted"
    UNKNOWN = "unknown"
    REJECTED = "rejected"
    SUPPRESSED = "suppressed"
    RETRIED = "retried"
    PAUSED = "paused"
    FAILED_OVER = "failed_over"
    EXPIRED = "expired"
    DEAD = "dead"


def decide(job: Job, record: MessageRecord, now: float, payload: QueuePayload) -> Transition:
    """Say what follows from the record of earlier attempts."""
    if any(attempt.in_progress for attempt in record.attempts):
        return Transition.WAIT_FOR_HOLDER if record.lease > now else Transition.MARK_CRASHED
    return decide_ended(job, record, payload)


def decide_ended(job: Job, record: MessageRecord, payload: QueuePayload) -> Transition:
    """Say what follows when no attempt is under way."""
    if record.status.rank >= DELIVERED_TO_HANDSET.rank:
        return Transition.FORGET
    outcome, _ = step_outcome(job, record)
    return _OF_STATE.get((job.state, outcome)) or _decide_by_result(job, record, payload)


def decide_looked_up(job: Job, record: MessageRecord, payload: QueuePayload) -> Transition:
    """Say what follows once the provider of an attempt that may have been sent was asked."""
    outcome, _ = step_outcome(job, record)
    return Transition.HOLD if outcome is Outcome.UNKNOWN else _decide_by_result(job, record, payload)


def decide_step(job: Job, record: MessageRecord, now: float, payload: QueuePayload) -> Transition:
    """Say what follows a step of a fallback that was accepted: the next one if it failed, or if its time is over."""
    status = job.step_status
    if status is not None and status.final and status.group is not StatusGroup.DELIVERED:
        return Transition.NEXT_STEP
    is_over = now >= step_ended_at(job, record, now) + payload.after
    return Transition.CHECK_DELIVERY if is_over else Transition.AWAIT_REPORT


def decide_delivery(record: MessageRecord) -> Transition:
    """Say what follows once the provider was asked whether a step arrived."""
    is_delivered = record.status.rank >= DELIVERED_TO_HANDSET.rank
    return Transition.FORGET if is_delivered else Transition.NEXT_STEP


def decide_end(
    outcome: Outcome, reason: Reason | None, *, has_more_steps: bool, follow_unknown: bool = False
) -> Transition:
    """Say what follows the end of a step that is not to be tried again."""
    found = _OF_END.get((outcome, has_more_steps))
    if outcome is Outcome.UNKNOWN and has_more_steps and follow_unknown:
        return Transition.AWAIT_REPORT
    return found or (Transition.GIVE_UP if reason in _OPERATOR_REASONS else Transition.REJECT)


def decide_round(
    attempts: Sequence[Attempt], *, has_more_steps: bool, follow_unknown: bool = False
) -> Transition:
    """Say what follows the attempts of a round; none were made where nobody could be asked."""
    attempt, outcome = deciding_attempt(attempts)
    result = attempt.result if attempt else None
    if result is not None and result.reason.policy.is_account_fault:
        return Transition.NEXT_STEP if has_more_steps else Transition.WAIT_FOR_ACCOUNT
    if result is None or (outcome is Outcome.NOT_SENT and may_retry(result)):
        return Transition.RETRY
    return decide_end(outcome, result.reason, has_more_steps=has_more_steps, follow_unknown=follow_unknown)


def decide_retry(tries: int, max_rounds: int, *, has_more_steps: bool) -> Transition:
    """Say what follows a round in which nothing could be sent."""
    if tries < max_rounds:
        return Transition.RETRY
    return Transition.NEXT_STEP if has_more_steps else Transition.GIVE_UP


def step_outcome(job: Job, record: MessageRecord) -> tuple[Outcome, AttemptResult | None]:
    """Return how the attempts of the present step stand, and the result that decided."""
    attempt, outcome = deciding_attempt(step_attempts(job, record))
    return outcome, attempt.result if attempt else None


def step_attempts(job: Job, record: MessageRecord) -> Sequence[Attempt]:
    """Return the attempts of the present step."""
    return [one for one in record.attempts if one.number > job.base]


def step_ended_at(job: Job, record: MessageRecord, now: float) -> float:
    """Return when the last attempt ended: seconds since the epoch, UTC."""
    return max((min(now, one.started_at + one.duration) for one in record.attempts), default=job.created)


def may_retry(result: AttemptResult) -> bool:
    """Whether a later round may do better: also where a worker was too slow for its lease, and so sent nothing."""
    policy = result.reason.policy
    return policy.retryable or policy.is_account_fault or result.reason is Reason.LEASE_EXPIRED


def _decide_by_result(job: Job, record: MessageRecord, payload: QueuePayload) -> Transition:
    outcome, result = step_outcome(job, record)
    wants_copy = payload.on_unknown == "resend" and not was_rejected(step_attempts(job, record))
    if result is None or may_retry(result) or (outcome is Outcome.UNKNOWN and wants_copy):
        return Transition.SEND
    return decide_end(
        outcome,
        result.reason,
        has_more_steps=job.step < len(payload.steps),
        follow_unknown=payload.follow_unknown,
    )


_OF_STATE = {
    (State.HELD, Outcome.UNKNOWN): Transition.LOOK_UP,
    (State.SENT, Outcome.ACCEPTED): Transition.CHECK_STEP,
    (State.SENT, Outcome.UNKNOWN): Transition.CHECK_STEP,
}
"""By what the message waited for, and how its step stands. Where nothing stands here, the result decides."""
_OF_END = {
    (Outcome.ACCEPTED, False): Transition.ACCEPT,
    (Outcome.ACCEPTED, True): Transition.AWAIT_REPORT,
    (Outcome.UNKNOWN, False): Transition.HOLD,
    (Outcome.UNKNOWN, True): Transition.HOLD,
    (Outcome.REJECTED, True): Transition.NEXT_STEP,
}
"""By how a step ended, and whether another one follows. Elsewhere it is over: for good, or until somebody mends what is ours."""
_OPERATOR_REASONS = frozenset({Reason.INTERNAL_ERROR, Reason.NO_COVERAGE})
"""Ends that are ours to mend, so that the message may be tried again as it is."""
