"""What a worker does with the messages that are due: one round, sync and async alike. Every step may be cut off by a crash, and is taken up again.

What follows is read from the record, never remembered: what may have gone out is not sent again, what did not is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from messaging_channels._ledger.schema import step_message_id
from messaging_channels._ledger.seal import SealBroken
from messaging_channels._model import errors
from messaging_channels._model.ids import random_digits
from messaging_channels._model.outcomes import Outcome
from messaging_channels._model.receipts import deciding_attempt
from messaging_channels._model.status import (
    EXPIRED_BEFORE_SENT,
    REJECTED_BY_RULE,
    REJECTED_PLATFORM,
    REJECTED_SUPPRESSED,
)
from messaging_channels._queue.accounts import AccountPauses
from messaging_channels._queue.candidates import capped_by_deadline, prefer_other_providers
from messaging_channels._queue.job_ends import PlannedEnd, write_ends
from messaging_channels._queue.lanes import ClaimedJob, Lanes, unbegun
from messaging_channels._queue.newer_types import leave_to_others
from messaging_channels._queue.payload import QueuePayload, Step
from messaging_channels._queue.retry_policy import QueueRetryPolicy
from messaging_channels._queue.transitions import (
    JobEvent,
    Transition,
    decide,
    decide_delivery,
    decide_ended,
    decide_looked_up,
    decide_retry,
    decide_round,
    decide_step,
    step_ended_at,
    step_outcome,
)
from messaging_channels._sending.decision import Stop
from messaging_channels._sending.recorder import leave_unwritten
from messaging_channels.messages import Codec, DecodeError, digest_of
from messaging_channels.messages._codec import UnknownType
from messaging_channels.plugins.exchange import Flow, ask
from messaging_channels.plugins.ledger import Transaction
from messaging_channels.plugins.ledger_queue import (
    NEVER,
    AdvanceFallback,
    Claim,
    Job,
    ListPausedAccounts,
    State,
    UpdateJob,
)
from messaging_channels.plugins.provider import Envelope

if TYPE_CHECKING:
    from messaging_channels._sending.pipeline import SendPipeline
    from messaging_channels._sending.recorder import PlannedEnds
    from messaging_channels.plugins.ledger import MessageRecord


@dataclass(slots=True)
class _Round:
    """What one round has in hand."""

    pauses: AccountPauses
    sending: list[ClaimedJob] = field(default_factory=list["ClaimedJob"])


@dataclass(frozen=True, slots=True)
class JobProcessor:
    """Does rounds for one worker. One serves all its threads or tasks."""

    pipeline: SendPipeline
    codec: Codec
    name: str
    retry: QueueRetryPolicy = field(default_factory=QueueRetryPolicy)
    ended_owners: deque[str] = field(default_factory=lambda: deque(maxlen=100), init=False, repr=False)
    """Holders of rounds that ended without giving all of their messages back: nobody died with those."""

    def run_round(
        self, limit: int, message_id: str | None = None, *, lanes: Lanes | None = None
    ) -> Flow[int]:
        """Claim what is due, send it, and write down what follows. Return how many were dealt with.

        One of several lanes gives back what it cannot begin soon, and wakes the others, before anything is sent.
        """
        now, lease_owner = self.pipeline.clock(), random_digits()
        ended = tuple(self.ended_owners)
        lease = now + self.pipeline.recorder.options.lease
        limit, left_out = lanes.claim_terms(limit) if lanes else (limit, ())
        claim = Claim(lease_owner, now, lease, limit, message_id, ended, left_out)
        jobs, paused = yield from ask(Transaction((claim, ListPausedAccounts())))
        for one in ended:
            with suppress(ValueError):  # another round has told of it at the same time
                self.ended_owners.remove(one)
        if len(jobs) == limit and lanes is not None:
            lanes.wake()
        try:
            turn = _Round(AccountPauses(self.pipeline.clock, self.pipeline.chance, paused))
            given_back, left = (yield from self._process(jobs, lease_owner, turn, lanes)) if jobs else (0, 0)
        except Exception:
            self.ended_owners.append(lease_owner)
            raise
        if given_back < len(jobs):
            self.ended_owners.append(lease_owner)
        return len(jobs) - left

    def _process(
        self, jobs: Sequence[Job], lease_owner: str, turn: _Round, lanes: Lanes | None
    ) -> Flow[tuple[int, int]]:
        """Send what was claimed, and write down what follows. Return of how many that was written, and how many are left as they were."""
        transitions: list[PlannedEnd] = []
        for job in jobs:
            end = yield from self._start(job, lease_owner, turn)
            transitions += [end] if end else []
        given_back = yield from write_ends(transitions, self.name, self.pipeline.clock())
        left = yield from self._send_share(turn, lease_owner, lanes)
        yield from turn.pauses.record([one.state for one in turn.sending if one.state])
        ends = [end for one in turn.sending if (end := self._after_send(one, lease_owner, turn))]
        return given_back + left + (yield from write_ends(ends, self.name, self.pipeline.clock())), left

    def _send(self, turn: _Round) -> Flow[None]:
        """Send them, one request after the other. The end of one is written with the intent of the next, and the last one's with what follows for all."""
        ends: PlannedEnds = []
        try:
            while under_way := [one.state for one in turn.sending if one.state and not one.state.is_done]:
                yield from self.pipeline.step(under_way, ends)
        except GeneratorExit:
            raise
        except BaseException:
            yield from self.pipeline.recorder.finish((), self.pipeline.clock(), ends)
            raise
        leave_unwritten(ends)

    def _send_share(self, turn: _Round, lease_owner: str, lanes: Lanes | None) -> Flow[int]:
        """Send what a lane can begin soon. Return how many were given back, before and when it was cut off."""
        if lanes is None:
            yield from self._send(turn)
            return 0
        with lanes.hold(turn.sending) as left:
            yield from lanes.give_back(left, lease_owner, self.pipeline.checks)
            is_whole = yield from lanes.run(self._send(turn))
        if is_whole:
            return len(left)
        rest = unbegun(turn.sending)
        turn.sending = [one for one in turn.sending if one not in rest]
        yield from lanes.give_back(rest, lease_owner, self.pipeline.checks)
        return len(left) + len(rest)

    def _start(self, job: Job, holder: str, turn: _Round) -> Flow[PlannedEnd | None]:
        """Decide what a claimed message needs. One that is to be sent is added to the round."""
        try:
            if job.crashes >= self.retry.max_crashes:
                return (yield from self._set_aside(job, holder))
            opened = self.pipeline.recorder.options.opened(job.payload)
            payload = QueuePayload.from_json(self.codec, opened)
            first = payload.steps[0]
            channel = self.pipeline.envelopes.channel_for(first.message).name
            claimed = ClaimedJob(job, payload, (channel, first.account))
            return (yield from self._decide(claimed, holder, turn))
        except errors.LedgerUnavailable:
            raise
        except (UnknownType, SealBroken) as fault:
            return leave_to_others(job, holder, self.pipeline.clock(), fault)
        except (errors.InvalidMessage, errors.InvalidAddress) as error:
            return JobEvent.REJECTED, self._update_job(
                job, holder, None, stop_reason=str(error), status=REJECTED_PLATFORM
            )
        except errors.MessagingError as error:
            return JobEvent.DEAD, self._update_job(job, holder, State.DEAD, stop_reason=str(error))
        except Exception as fault:  # noqa: BLE001  one message that cannot be dealt with must not stop the others
            why = str(fault) if isinstance(fault, DecodeError) else f"{type(fault).__name__} was raised"
            return JobEvent.DEAD, self._update_job(job, holder, State.DEAD, stop_reason=why)

    def _set_aside(self, job: Job, holder: str) -> Flow[PlannedEnd]:
        """Give up a message with which workers died: a dead letter, or held for good where it may have been sent."""
        record, why = job.record, f"{job.crashes} workers died with it in hand"
        if record is not None and any(one.in_progress for one in record.attempts):
            record = yield from self.pipeline.recorder.mark_crashed(record, self.pipeline.clock())
        if record is not None and step_outcome(job, record)[0] in (Outcome.ACCEPTED, Outcome.UNKNOWN):
            return JobEvent.UNKNOWN, self._update_job(job, holder, State.HELD, due=NEVER, stop_reason=why)
        return JobEvent.DEAD, self._update_job(job, holder, State.DEAD, stop_reason=why)

    def _decide(self, claimed: ClaimedJob, holder: str, turn: _Round) -> Flow[PlannedEnd | None]:
        job = claimed.job
        if job.record is not None:
            end = yield from self._decide_from_record(claimed, job.record, holder)
            if end is not None:
                return end
        now = self.pipeline.clock()
        if job.deadline is not None and now >= job.deadline:
            return JobEvent.EXPIRED, self._update_job(
                job, holder, None, stop_reason="its deadline passed", status=EXPIRED_BEFORE_SENT
            )
        opens = claimed.payload.next_open(now)
        if opens > now:
            return None, self._update_job(
                job, holder, State.WAITING, due=capped_by_deadline(job, opens), tries=job.tries
            )
        return (yield from self._prepare_send(claimed, holder, turn))

    def _prepare_send(self, claimed: ClaimedJob, holder: str, turn: _Round) -> Flow[PlannedEnd | None]:
        """Set it on its way, or say why not."""
        job, letter, now = claimed.job, claimed.step, self.pipeline.clock()
        terms = claimed.payload.send_options(None if job.deadline is None else max(job.deadline - now, 0.001))
        try:
            envelope = self._envelope(job, letter)
            claimed.state = yield from self.pipeline.prepare_queued(
                envelope, letter.account, terms, claimed.context, holder
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

    def _after_block(self, claimed: ClaimedJob, holder: str, blocked: errors.MessageBlocked) -> PlannedEnd:
        """Say what follows where a rule, or what the person said, forbids a step."""
        if blocked.__cause__ is not None:  # the rule could not be asked: later, perhaps
            return self._retry_later(claimed, holder, None)
        if claimed.has_more_steps:
            return JobEvent.FAILED_OVER, self._next_step(claimed, holder)
        what, status = (
            (JobEvent.REJECTED, REJECTED_BY_RULE)
            if blocked.entry is None
            else (JobEvent.SUPPRESSED, REJECTED_SUPPRESSED)
        )
        why = str(blocked) if blocked.entry is None else f"{blocked} [{blocked.entry.id}]"
        return what, self._update_job(claimed.job, holder, None, stop_reason=why, status=status)

    def _envelope(self, job: Job, step: Step) -> Envelope:
        channel = self.pipeline.envelopes.channel_for(step.message)
        return Envelope(step_message_id(job.message_id, job.step), channel.name, step.message, step.to)

    def _decide_from_record(
        self, claimed: ClaimedJob, record: MessageRecord, holder: str
    ) -> Flow[PlannedEnd | None]:
        """Read what became of earlier attempts. Return None if it may be sent (again)."""
        job, now, payload = claimed.job, self.pipeline.clock(), claimed.payload
        transition = decide(job, record, now, payload)
        if transition is Transition.WAIT_FOR_HOLDER:
            return None, self._update_job(job, holder, State.HELD, due=record.lease)
        if transition is Transition.MARK_CRASHED:
            record = yield from self.pipeline.recorder.mark_crashed(record, now)
            transition = decide_ended(job, record, payload)
        looks = 0
        if transition is Transition.LOOK_UP:
            record = yield from self.pipeline.reports.look_up(record, claimed.step.to)
            transition = decide_looked_up(job, record, payload)
            looks = job.tries + 1 if transition is Transition.HOLD else 0
        if transition is Transition.CHECK_STEP:
            return (yield from self._check_step(claimed, record, holder))
        if transition is Transition.SEND:
            return None
        if looks:
            return None, self._hold(job, holder, looks)
        return self._plan(
            transition, claimed, holder, step_outcome(job, record)[0], "its attempts had ended so"
        )

    def _check_step(self, claimed: ClaimedJob, record: MessageRecord, holder: str) -> Flow[PlannedEnd]:
        """Look at a step that was accepted. Before the next one its provider is asked, where it can be."""
        job, now = claimed.job, self.pipeline.clock()
        transition = decide_step(job, record, now, claimed.payload)
        if transition is Transition.AWAIT_REPORT:
            due = step_ended_at(job, record, now) + claimed.payload.after
            return None, self._update_job(job, holder, State.SENT, due=due)
        if transition is Transition.CHECK_DELIVERY:
            record = yield from self.pipeline.reports.check_delivery(record, claimed.step.to)
            transition = decide_delivery(record)
        return self._plan(transition, claimed, holder, Outcome.ACCEPTED, "")

    def _after_send(self, claimed: ClaimedJob, holder: str, turn: _Round) -> PlannedEnd | None:
        """Say what follows an attempt, or that none was made. None if it is no longer ours.

        Where the end of the attempt could not be written down, it is written together with what follows.
        """
        end = self._next_transition(claimed, holder, turn)
        if end is None or claimed.state is None or claimed.state.unwritten is None:
            return end
        return end[0], Transaction((claimed.state.unwritten, end[1]))

    def _next_transition(self, claimed: ClaimedJob, holder: str, turn: _Round) -> PlannedEnd | None:
        state = claimed.state
        if state is not None and isinstance(state.error, errors.MessageBlocked):
            return self._after_block(claimed, holder, state.error)
        if state is None or state.error is not None:
            return None
        attempt, outcome = deciding_attempt(state.attempts)
        result = attempt.result if attempt else None
        transition = decide_round(
            state.attempts,
            has_more_steps=claimed.has_more_steps,
            follow_unknown=claimed.payload.follow_unknown,
        )
        if transition is Transition.WAIT_FOR_ACCOUNT and attempt is not None:
            return self._wait_for_account(claimed, holder, turn.pauses.next_try(attempt))
        if transition is Transition.RETRY:
            asked = state.retry_after if result is None else result.retry_after
            return self._retry_later(claimed, holder, asked, attempted=result is not None)
        stopped = state.step.reason if isinstance(state.step, Stop) else ""
        return self._plan(
            transition, claimed, holder, outcome, f"{stopped}: {result.detail if result else ''}"
        )

    def _plan(
        self, transition: Transition, claimed: ClaimedJob, holder: str, outcome: Outcome, why: str
    ) -> PlannedEnd:
        """Return what is counted and written down for a transition that asks nobody."""
        job = claimed.job
        match transition:
            case Transition.FORGET | Transition.ACCEPT:
                told = JobEvent.ACCEPTED if transition is Transition.ACCEPT else None
                return told, self._update_job(job, holder, None)
            case Transition.AWAIT_REPORT:
                due = self.pipeline.clock() + claimed.payload.after
                return JobEvent(outcome.value), self._update_job(job, holder, State.SENT, due=due)
            case Transition.HOLD:
                return JobEvent.UNKNOWN, self._hold(job, holder, 0)
            case Transition.NEXT_STEP:
                return JobEvent.FAILED_OVER, self._next_step(claimed, holder)
            case Transition.GIVE_UP:
                return JobEvent.DEAD, self._update_job(job, holder, State.DEAD, stop_reason=why)
            case _:
                return JobEvent.REJECTED, self._update_job(job, holder, None, stop_reason=why)

    def _retry_later(
        self, claimed: ClaimedJob, holder: str, asked: float | None, *, attempted: bool = True
    ) -> PlannedEnd:
        """Have it tried later; or give it up."""
        job, retry = claimed.job, self.retry
        tries = job.tries + int(attempted)
        transition = decide_retry(tries, retry.max_rounds, has_more_steps=claimed.has_more_steps)
        if transition is not Transition.RETRY:
            why = f"nothing could be sent in {tries} rounds"
            return self._plan(transition, claimed, holder, Outcome.NOT_SENT, why)
        wait = retry.delay(max(tries, 1), asked, self.pipeline.chance()) if attempted else asked or 1.0
        due = claimed.payload.next_open(self.pipeline.clock() + wait)
        tries = max(1, tries)  # no longer due when its caller named: a clock that is set back moves it
        return JobEvent.RETRIED, self._update_job(
            job, holder, State.WAITING, due=capped_by_deadline(job, due), tries=tries
        )

    def _wait_for_account(self, claimed: ClaimedJob, holder: str, due: float) -> PlannedEnd:
        """Have it wait until its account can send again: that is no fault of the message, and counts against it in no way."""
        job, at = claimed.job, claimed.payload.next_open(due)
        tries = max(1, job.tries)
        return JobEvent.PAUSED, self._update_job(
            job, holder, State.WAITING, due=capped_by_deadline(job, at), tries=tries
        )

    def _hold(self, job: Job, holder: str, looks: int) -> UpdateJob:
        """Look at it again when its provider may know more; when that was done often enough, leave it until a report comes."""
        schedule = self.pipeline.recorder.options.reconcile_after
        due = self.pipeline.clock() + schedule[looks] if looks < len(schedule) else NEVER
        return self._update_job(job, holder, State.HELD, due=due, tries=looks)

    def _next_step(self, claimed: ClaimedJob, holder: str) -> AdvanceFallback:
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
