"""What a worker does with the messages that are due: one round, sync and async alike. Every step may be cut off by a crash, and is taken up again.

What follows is read from the record, never remembered: a message whose attempt may have gone out is not sent again, one of which nothing
went out is.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from messaging_channels._ledger.schema import step_message_id
from messaging_channels._model import errors
from messaging_channels._model.ids import random_digits
from messaging_channels._model.outcomes import AttemptResult, Outcome, Reason
from messaging_channels._model.receipts import deciding_attempt, was_rejected
from messaging_channels._model.status import (
    DELIVERED_TO_HANDSET,
    EXPIRED_BEFORE_SENT,
    REJECTED_BY_RULE,
    REJECTED_PLATFORM,
    REJECTED_SUPPRESSED,
    StatusGroup,
)
from messaging_channels._queue.accounts import AccountPauses
from messaging_channels._queue.candidates import capped_by_deadline, is_ours, prefer_other_providers
from messaging_channels._queue.payload import QueuePayload, Step
from messaging_channels._sending.attempt import LEASE_EXPIRED
from messaging_channels._sending.decision import Stop
from messaging_channels._sending.send_state import QueueContext, SendState
from messaging_channels.messages import Codec, DecodeError, digest_of
from messaging_channels.plugins.exchange import Flow, ask
from messaging_channels.plugins.ledger import Transaction
from messaging_channels.plugins.ledger_queue import (
    NEVER,
    AdvanceFallback,
    Claim,
    IncrementCounters,
    Job,
    State,
    UpdateJob,
)
from messaging_channels.plugins.provider import Envelope

if TYPE_CHECKING:
    from messaging_channels._model.receipts import Attempt
    from messaging_channels._sending.pipeline import SendPipeline
    from messaging_channels.plugins.ledger import MessageRecord

Transition: TypeAlias = "tuple[str, UpdateJob | AdvanceFallback | Transaction]"
"""What is counted, and what is written down."""


@dataclass(frozen=True, slots=True)
class QueueRetryPolicy:
    """How long a worker goes on with a message that certainly was not sent. Times in seconds."""

    max_rounds: int = 12
    """After which it becomes a dead letter. A round is what one `send` would do: several attempts, at several providers."""
    max_crashes: int = 5
    """How many workers may die with a message in hand before it becomes a dead letter."""
    initial_interval: float = 5.0
    max_interval: float = 900.0

    def delay(self, tries: int, retry_after: float | None, chance: float) -> float:
        """Return how long to wait after so many rounds: what was asked for, else a bound that doubles, and of that between a half and all."""
        bound = min(self.max_interval, self.initial_interval * 2.0 ** min(tries - 1, 30))
        return max(retry_after or 0.0, bound * (1 + chance) / 2)


@dataclass(slots=True)
class _ClaimedJob:
    """A message that a round has in hand."""

    job: Job
    payload: QueuePayload
    state: SendState | None = None

    @property
    def step(self) -> Step:
        return self.payload.steps[self.job.step - 1]

    @property
    def has_more_steps(self) -> bool:
        return self.job.step < len(self.payload.steps)


@dataclass(slots=True)
class _Round:
    """What one round has in hand."""

    pauses: AccountPauses
    sending: list[_ClaimedJob] = field(default_factory=list["_ClaimedJob"])


@dataclass(frozen=True, slots=True)
class JobProcessor:
    """Does rounds for one worker. One serves all its threads or tasks."""

    pipeline: SendPipeline
    codec: Codec
    name: str
    retry: QueueRetryPolicy = field(default_factory=QueueRetryPolicy)
    ended_owners: deque[str] = field(default_factory=lambda: deque(maxlen=100), init=False, repr=False)
    """Holders of rounds that ended without giving all of their messages back: nobody died with those."""

    def run_round(self, limit: int, message_id: str | None = None) -> Flow[int]:
        """Claim what is due, send it, and write down what follows. Return how many were claimed."""
        now, lease_owner = self.pipeline.clock(), random_digits()
        ended = tuple(self.ended_owners)
        lease = now + self.pipeline.recorder.options.lease
        jobs = yield from ask(Claim(lease_owner, now, lease, limit, message_id, ended))
        for one in ended:
            with suppress(ValueError):  # another round has told of it at the same time
                self.ended_owners.remove(one)
        try:
            given_back = (yield from self._process(jobs, lease_owner)) if jobs else 0
        except Exception:
            self.ended_owners.append(lease_owner)
            raise
        if given_back < len(jobs):
            self.ended_owners.append(lease_owner)
        return len(jobs)

    def _process(self, jobs: Sequence[Job], lease_owner: str) -> Flow[int]:
        """Send what was claimed, and write down what follows. Return of how many that was written."""
        turn = _Round(AccountPauses(self.pipeline.clock, self.pipeline.chance))
        yield from turn.pauses.load()
        transitions: list[Transition] = []
        for job in jobs:
            end = yield from self._start(job, lease_owner, turn)
            transitions += [end] if end else []
        given_back = yield from self._write_transitions(transitions)
        while under_way := [one.state for one in turn.sending if one.state and not one.state.is_done]:
            yield from self.pipeline.step(under_way)
        yield from turn.pauses.record([one.state for one in turn.sending if one.state])
        ends = [end for one in turn.sending if (end := self._after_send(one, lease_owner, turn))]
        return given_back + (yield from self._write_transitions(ends))

    def _write_transitions(self, transitions: Sequence[Transition]) -> Flow[int]:
        """Write endings down in one step, and count those that still were ours. Return how many those are."""
        if not transitions:
            return 0
        replies = yield from ask(Transaction(tuple(operation for _, operation in transitions)))
        told = [what for (what, _), reply in zip(transitions, replies, strict=True) if is_ours(reply)]
        counts = Counter(filter(None, told))
        if counts:
            yield from ask(IncrementCounters(self.pipeline.clock(), self.name, dict(counts)))
        return len(told)

    def _start(self, job: Job, holder: str, turn: _Round) -> Flow[Transition | None]:
        """Decide what a claimed message needs. One that is to be sent is added to the round."""
        try:
            if job.crashes >= self.retry.max_crashes:
                return (yield from self._set_aside(job, holder))
            claimed = _ClaimedJob(job, QueuePayload.from_json(self.codec, job.payload))
            return (yield from self._decide(claimed, holder, turn))
        except errors.LedgerUnavailable:
            raise
        except (errors.InvalidMessage, errors.InvalidAddress) as error:
            return "rejected", self._update_job(
                job, holder, None, stop_reason=str(error), status=REJECTED_PLATFORM
            )
        except errors.MessagingError as error:
            return "dead", self._update_job(job, holder, State.DEAD, stop_reason=str(error))
        except Exception as fault:  # noqa: BLE001  one message that cannot be dealt with must not stop the others
            why = str(fault) if isinstance(fault, DecodeError) else f"{type(fault).__name__} was raised"
            return "dead", self._update_job(job, holder, State.DEAD, stop_reason=why)

    def _set_aside(self, job: Job, holder: str) -> Flow[Transition]:
        """Give up a message with which workers died: a dead letter, or held for good where it may have been sent."""
        record, why = job.record, f"{job.crashes} workers died with it in hand"
        if record is not None and any(one.in_progress for one in record.attempts):
            record = yield from self.pipeline.recorder.mark_crashed(record, self.pipeline.clock())
        if record is not None and _step_outcome(job, record)[0] in (Outcome.ACCEPTED, Outcome.UNKNOWN):
            return "unknown", self._update_job(job, holder, State.HELD, due=NEVER, stop_reason=why)
        return "dead", self._update_job(job, holder, State.DEAD, stop_reason=why)

    def _decide(self, claimed: _ClaimedJob, holder: str, turn: _Round) -> Flow[Transition | None]:
        job = claimed.job
        if job.record is not None:
            end = yield from self._decide_from_record(claimed, job.record, holder)
            if end is not None:
                return end
        now = self.pipeline.clock()
        if job.deadline is not None and now >= job.deadline:
            return "expired", self._update_job(
                job, holder, None, stop_reason="its deadline passed", status=EXPIRED_BEFORE_SENT
            )
        opens = claimed.payload.next_open(now)
        if opens > now:
            return "", self._update_job(
                job, holder, State.WAITING, due=capped_by_deadline(job, opens), tries=job.tries
            )
        return (yield from self._prepare_send(claimed, holder, turn))

    def _prepare_send(self, claimed: _ClaimedJob, holder: str, turn: _Round) -> Flow[Transition | None]:
        """Set it on its way, or say why not."""
        job, letter, now = claimed.job, claimed.step, self.pipeline.clock()
        terms = claimed.payload.send_options(None if job.deadline is None else max(job.deadline - now, 0.001))
        queued = QueueContext(
            job.message_id, len(job.record.attempts) if job.record else 0, claimed.has_more_steps
        )
        try:
            envelope = self._envelope(job, letter)
            claimed.state = yield from self.pipeline.prepare_queued(
                envelope, letter.account, terms, queued, holder
            )
        except errors.MessageBlocked as blocked:
            return self._after_block(claimed, holder, blocked)
        if job.record is not None:
            prefer_other_providers(claimed.state, job.record, job.base)
        due = yield from turn.pauses.leave_out(claimed.state)
        if due is not None:
            return self._wait_for_account(claimed, holder, due)
        turn.sending.append(claimed)
        return None

    def _after_block(self, claimed: _ClaimedJob, holder: str, blocked: errors.MessageBlocked) -> Transition:
        """Say what follows where a rule, or what the person said, forbids a step."""
        if blocked.__cause__ is not None:  # the rule could not be asked: later, perhaps
            return self._retry_later(claimed, holder, None)
        if claimed.has_more_steps:
            return "failed_over", self._next_step(claimed, holder)
        what, status = (
            ("rejected", REJECTED_BY_RULE) if blocked.entry is None else ("suppressed", REJECTED_SUPPRESSED)
        )
        why = str(blocked) if blocked.entry is None else f"{blocked} [{blocked.entry.id}]"
        return what, self._update_job(claimed.job, holder, None, stop_reason=why, status=status)

    def _envelope(self, job: Job, step: Step) -> Envelope:
        channel = self.pipeline.envelopes.channel_for(step.message)
        return Envelope(step_message_id(job.message_id, job.step), channel.name, step.message, step.to)

    def _decide_from_record(
        self, claimed: _ClaimedJob, record: MessageRecord, holder: str
    ) -> Flow[Transition | None]:
        """Read what became of earlier attempts. Return None if it may be sent (again)."""
        job, now = claimed.job, self.pipeline.clock()
        if any(attempt.in_progress for attempt in record.attempts):
            if record.lease > now:  # somebody is at it
                return "", self._update_job(job, holder, State.HELD, due=record.lease)
            record = yield from self.pipeline.recorder.mark_crashed(record, now)
        if record.status.rank >= DELIVERED_TO_HANDSET.rank:
            return "", self._update_job(job, holder, None)
        outcome = _step_outcome(job, record)[0]
        if outcome is Outcome.UNKNOWN and job.state is State.HELD:
            record = yield from self.pipeline.reports.look_up(record, claimed.step.to)
            outcome = _step_outcome(job, record)[0]
            if outcome is Outcome.UNKNOWN:
                return "", self._hold(job, holder, job.tries + 1)
        if job.state is State.SENT and outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN):
            return (yield from self._check_fallback(claimed, record, holder))
        result = _step_outcome(job, record)[1]
        reason = result.reason if result else None
        again = result is None or _may_retry(result)
        copies = claimed.payload.on_unknown == "resend" and not was_rejected(_step_attempts(job, record))
        if again or (outcome is Outcome.UNKNOWN and copies):
            return None
        return self._finish_step(claimed, holder, outcome, reason, "its attempts had ended so")

    def _check_fallback(self, claimed: _ClaimedJob, record: MessageRecord, holder: str) -> Flow[Transition]:
        """Look at a step that was accepted: whether it failed, or its time is over. Before the next one its provider is asked, where it can be."""
        job, now = claimed.job, self.pipeline.clock()
        last = max((min(now, one.started_at + one.duration) for one in record.attempts), default=job.created)
        standing = job.step_status
        failed = standing is not None and standing.final and standing.group is not StatusGroup.DELIVERED
        if not failed and now < last + claimed.payload.after:
            return "", self._update_job(job, holder, State.SENT, due=last + claimed.payload.after)
        if not failed:
            record = yield from self.pipeline.reports.check_delivery(record, claimed.step.to)
            if record.status.rank >= DELIVERED_TO_HANDSET.rank:
                return "", self._update_job(job, holder, None)
        return "failed_over", self._next_step(claimed, holder)

    def _after_send(self, claimed: _ClaimedJob, holder: str, turn: _Round) -> Transition | None:
        """Say what follows an attempt, or that none was made. None if it is no longer ours.

        Where the end of the attempt could not be written down, it is written together with what follows.
        """
        end = self._next_transition(claimed, holder, turn)
        if end is None or claimed.state is None or claimed.state.unwritten is None:
            return end
        return end[0], Transaction((claimed.state.unwritten, end[1]))

    def _next_transition(self, claimed: _ClaimedJob, holder: str, turn: _Round) -> Transition | None:
        state = claimed.state
        if state is not None and isinstance(state.error, errors.MessageBlocked):
            return self._after_block(claimed, holder, state.error)
        if state is None or state.error is not None:
            return None
        attempt, outcome = deciding_attempt(state.attempts)
        result = attempt.result if attempt else None
        if attempt is not None and result is not None and result.reason.policy.is_account_fault:
            if claimed.has_more_steps:
                return "failed_over", self._next_step(claimed, holder)
            return self._wait_for_account(claimed, holder, turn.pauses.next_try(attempt))
        if result is None or (outcome is Outcome.NOT_SENT and _may_retry(result)):
            asked = state.retry_after if result is None else result.retry_after
            return self._retry_later(claimed, holder, asked, attempted=result is not None)
        stopped = state.step.reason if isinstance(state.step, Stop) else ""
        return self._finish_step(claimed, holder, outcome, result.reason, f"{stopped}: {result.detail}")

    def _finish_step(
        self, claimed: _ClaimedJob, holder: str, outcome: Outcome, reason: Reason | None, why: str
    ) -> Transition:
        """Say what follows the end of a step."""
        job = claimed.job
        if outcome is Outcome.ACCEPTED or (
            outcome is Outcome.UNKNOWN and claimed.has_more_steps and claimed.payload.follow_unknown
        ):
            if not claimed.has_more_steps:
                return "accepted", self._update_job(job, holder, None)
            due = self.pipeline.clock() + claimed.payload.after
            return outcome.value, self._update_job(job, holder, State.SENT, due=due)
        if outcome is Outcome.UNKNOWN:
            return "unknown", self._hold(job, holder, 0)
        if outcome is Outcome.REJECTED and claimed.has_more_steps:
            return "failed_over", self._next_step(claimed, holder)
        if reason in _OPERATOR_REASONS:
            return "dead", self._update_job(job, holder, State.DEAD, stop_reason=why)
        return "rejected", self._update_job(job, holder, None, stop_reason=why)

    def _retry_later(
        self, claimed: _ClaimedJob, holder: str, asked: float | None, *, attempted: bool = True
    ) -> Transition:
        """Have it tried later; or give it up."""
        job, retry = claimed.job, self.retry
        tries = job.tries + int(attempted)
        if tries >= retry.max_rounds:
            if claimed.has_more_steps:
                return "failed_over", self._next_step(claimed, holder)
            why = f"nothing could be sent in {tries} rounds"
            return "dead", self._update_job(job, holder, State.DEAD, stop_reason=why)
        wait = retry.delay(max(tries, 1), asked, self.pipeline.chance()) if attempted else asked or 1.0
        due = claimed.payload.next_open(self.pipeline.clock() + wait)
        tries = max(1, tries)  # no longer due when its caller named: a clock that is set back moves it
        return "retried", self._update_job(
            job, holder, State.WAITING, due=capped_by_deadline(job, due), tries=tries
        )

    def _wait_for_account(self, claimed: _ClaimedJob, holder: str, due: float) -> Transition:
        """Have it wait until its account can send again: that is no fault of the message, and counts against it in no way."""
        job, at = claimed.job, claimed.payload.next_open(due)
        tries = max(1, job.tries)
        return "paused", self._update_job(
            job, holder, State.WAITING, due=capped_by_deadline(job, at), tries=tries
        )

    def _hold(self, job: Job, holder: str, looks: int) -> UpdateJob:
        """Look at it again when its provider may know more; when that was done often enough, leave it until a report comes."""
        schedule = self.pipeline.recorder.options.reconcile_after
        due = self.pipeline.clock() + schedule[looks] if looks < len(schedule) else NEVER
        return self._update_job(job, holder, State.HELD, due=due, tries=looks)

    def _next_step(self, claimed: _ClaimedJob, holder: str) -> AdvanceFallback:
        job = claimed.job
        envelope = self._envelope(replace(job, step=job.step + 1), claimed.payload.steps[job.step])
        return AdvanceFallback(
            message_id=job.message_id,
            lease_owner=holder,
            at=self.pipeline.clock(),
            step=job.step + 1,
            channel=envelope.channel,
            message_type=type(envelope.message).__name__,
            address=self.pipeline.recorder.options.ledger.stored_address(
                envelope.to.plain, envelope.to.masked
            ),
            digest=digest_of(job.message_id, getattr(envelope.message, "text", None) or ""),
        )

    def _update_job(self, job: Job, lease_owner: str, state: State | None, **more: object) -> UpdateJob:
        return UpdateJob(job.message_id, lease_owner, self.pipeline.clock(), state, **more)  # type: ignore[arg-type]


def _step_outcome(job: Job, record: MessageRecord) -> tuple[Outcome, AttemptResult | None]:
    """Return how the attempts of the present step stand, and the outcome that decided."""
    attempt, outcome = deciding_attempt(_step_attempts(job, record))
    return outcome, attempt.result if attempt else None


def _step_attempts(job: Job, record: MessageRecord) -> Sequence[Attempt]:
    """Return the attempts of the present step."""
    return [one for one in record.attempts if one.number > job.base]


def _may_retry(result: AttemptResult) -> bool:
    """Whether a later round may do better: also where a worker was too slow for its lease, and so sent nothing."""
    policy = result.reason.policy
    return policy.retryable or policy.is_account_fault or result.detail == LEASE_EXPIRED.detail


_OPERATOR_REASONS = frozenset({Reason.INTERNAL_ERROR, Reason.NO_COVERAGE})
"""Ends that are ours to mend, so that the message may be tried again as it is."""
