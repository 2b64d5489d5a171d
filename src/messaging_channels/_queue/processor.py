"""What a worker does with the messages that are due: one round, described without colour. Every step may be cut off by a crash, and is taken up again.

What follows is read from the record, never remembered: a message whose attempt may have gone out is not sent again, one of which nothing
went out is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from messaging_channels._ledger._rows import step_id
from messaging_channels._model import errors
from messaging_channels._model.ids import random_digits
from messaging_channels._model.outcomes import RULES, Kind, Outcome, Reason
from messaging_channels._model.receipts import deciding, refused
from messaging_channels._model.status import (
    DELIVERED_TO_HANDSET,
    EXPIRED_BEFORE_SENT,
    REJECTED_BY_RULE,
    Group,
)
from messaging_channels._queue.payload import Letter, Letters
from messaging_channels._sending.attempt import LATE
from messaging_channels._sending.decision import Stop
from messaging_channels._sending.send_state import Journey, Queued
from messaging_channels.messages import Codec, Undecodable, digest_of
from messaging_channels.plugins.exchange import Flow, ask
from messaging_channels.plugins.ledger import Together
from messaging_channels.plugins.ledger_queue import NEVER, Claim, Count, Job, NextStep, Proceed, State
from messaging_channels.plugins.provider import Envelope

if TYPE_CHECKING:
    from messaging_channels._model.receipts import Attempt
    from messaging_channels._sending.pipeline import Dispatch
    from messaging_channels.plugins.ledger import Record

Ending: TypeAlias = "tuple[str, Proceed | NextStep]"
"""What is counted, and what is written down."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a worker goes on with a message that certainly was not sent. Times in seconds."""

    rounds: int = 12
    """After which it becomes a dead letter. A round is what one `send` would do: several attempts, at several providers."""
    first_wait: float = 5.0
    longest_wait: float = 900.0

    def wait(self, tries: int, asked: float | None, chance: float) -> float:
        """Return how long to wait after so many rounds: what was asked for, else a bound that doubles, and of that between a half and all."""
        bound = min(self.longest_wait, self.first_wait * 2.0 ** min(tries - 1, 30))
        return max(asked or 0.0, bound * (1 + chance) / 2)


@dataclass(slots=True)
class _Claimed:
    """A message that a round has in hand."""

    job: Job
    letters: Letters
    journey: Journey | None = None

    @property
    def letter(self) -> Letter:
        return self.letters.steps[self.job.step - 1]

    @property
    def more(self) -> bool:
        return self.job.step < len(self.letters.steps)


@dataclass(frozen=True, slots=True)
class Work:
    """Does rounds for one worker. One serves all its threads or tasks."""

    dispatch: Dispatch
    codec: Codec
    name: str
    patience: Patience = field(default_factory=Patience)

    def round(self, limit: int, message_id: str | None = None) -> Flow[int]:
        """Claim what is due, send it, and write down what follows. Return how many were claimed."""
        now, holder = self.dispatch.clock(), random_digits()
        claim = Claim(holder, now, now + self.dispatch.recorder.options.lease, limit, message_id)
        jobs = yield from ask(claim)
        endings: list[Ending] = []
        sending: list[_Claimed] = []
        for job in jobs:
            end = yield from self._taken(job, holder, sending)
            endings += [end] if end else []
        yield from self._written(endings)
        while under_way := [one.journey for one in sending if one.journey and not one.journey.done]:
            yield from self.dispatch.advanced(under_way)
        yield from self._written([end for one in sending if (end := self._sent(one, holder))])
        return len(jobs)

    def _written(self, endings: Sequence[Ending]) -> Flow[None]:
        """Write endings down in one step, and count those that still were ours."""
        if not endings:
            return
        replies = yield from ask(Together(tuple(operation for _, operation in endings)))
        counts = Counter(what for (what, _), ours in zip(endings, replies, strict=True) if ours and what)
        if counts:
            yield from ask(Count(self.dispatch.clock(), self.name, dict(counts)))

    def _taken(self, job: Job, holder: str, sending: list[_Claimed]) -> Flow[Ending | None]:
        """Decide what a claimed message needs. One that is to be sent is added to `sending`."""
        try:
            claimed = _Claimed(job, Letters.loaded(self.codec, job.payload))
            return (yield from self._decided(claimed, holder, sending))
        except errors.LedgerUnavailable:
            raise
        except errors.MessagingError as error:
            return "dead", self._ending(job, holder, State.DEAD, stopped=str(error))
        except Exception as fault:  # noqa: BLE001  one message that cannot be dealt with must not stop the others
            why = str(fault) if isinstance(fault, Undecodable) else f"{type(fault).__name__} was raised"
            return "dead", self._ending(job, holder, State.DEAD, stopped=why)

    def _decided(self, claimed: _Claimed, holder: str, sending: list[_Claimed]) -> Flow[Ending | None]:
        job = claimed.job
        if job.record is not None:
            end = yield from self._resumed(claimed, job.record, holder)
            if end is not None:
                return end
        now = self.dispatch.clock()
        if job.deadline is not None and now >= job.deadline:
            return "expired", self._ending(
                job, holder, None, stopped="its deadline passed", status=EXPIRED_BEFORE_SENT
            )
        opens = claimed.letters.opens(now)
        if opens > now:
            return "", self._ending(job, holder, State.WAITING, due=_until(job, opens), tries=job.tries)
        return (yield from self._entered(claimed, holder, sending))

    def _entered(self, claimed: _Claimed, holder: str, sending: list[_Claimed]) -> Flow[Ending | None]:
        """Set it on its way, or say why not."""
        job, letter, now = claimed.job, claimed.letter, self.dispatch.clock()
        terms = claimed.letters.terms(None if job.deadline is None else max(job.deadline - now, 0.001))
        queued = Queued(job.message_id, len(job.record.attempts) if job.record else 0, claimed.more)
        try:
            envelope = self._envelope(job, letter)
            claimed.journey = yield from self.dispatch.taken_up(
                envelope, letter.account, terms, queued, holder
            )
        except errors.Vetoed as veto:
            if veto.__cause__ is not None:  # the rule could not be asked: later, perhaps
                return self._again(claimed, holder, None)
            if claimed.more:
                return "passed_on", self._next(claimed, holder)
            return "rejected", self._ending(job, holder, None, stopped=str(veto), status=REJECTED_BY_RULE)
        sending.append(claimed)
        return None

    def _envelope(self, job: Job, letter: Letter) -> Envelope:
        channel = self.dispatch.addressing.channel_of(letter.message)
        return Envelope(step_id(job.message_id, job.step), channel.name, letter.message, letter.to)

    def _resumed(self, claimed: _Claimed, record: Record, holder: str) -> Flow[Ending | None]:
        """Read what became of earlier attempts. Return None if it may be sent (again)."""
        job, now = claimed.job, self.dispatch.clock()
        if any(attempt.open for attempt in record.attempts):
            if record.lease > now:  # somebody is at it
                return "", self._ending(job, holder, job.state, due=record.lease, tries=job.tries)
            record = yield from self.dispatch.recorder.buried(record, now)
        if record.status.rank >= DELIVERED_TO_HANDSET.rank:
            return "", self._ending(job, holder, None)
        kind = _standing(job, record)[0]
        if kind is Kind.UNKNOWN and job.state is State.HELD:
            record = yield from self.dispatch.reports.looked_up(record, claimed.letter.to)
            kind = _standing(job, record)[0]
            if kind is Kind.UNKNOWN:
                return "", self._held(job, holder, job.tries + 1)
        if job.state is State.SENT and kind in (Kind.ACCEPTED, Kind.UNKNOWN):
            return self._checked(claimed, record, holder)
        outcome = _standing(job, record)[1]
        reason = outcome.reason if outcome else None
        again = outcome is None or _may_repeat(outcome)
        copies = claimed.letters.on_unknown == "resend" and not refused(_present(job, record))
        if again or (kind is Kind.UNKNOWN and copies):
            return None
        return self._follows(claimed, holder, kind, reason, "its attempts had ended so")

    def _checked(self, claimed: _Claimed, record: Record, holder: str) -> Ending:
        """Look at a step that was accepted: whether it failed, or its time is over."""
        job = claimed.job
        last = max((one.started + one.duration for one in record.attempts), default=job.created)
        standing = job.standing
        failed = standing is not None and standing.final and standing.group is not Group.DELIVERED
        if failed or self.dispatch.clock() >= last + claimed.letters.after:
            return "passed_on", self._next(claimed, holder)
        return "", self._ending(job, holder, State.SENT, due=last + claimed.letters.after)

    def _sent(self, claimed: _Claimed, holder: str) -> Ending | None:
        """Say what follows an attempt, or that none was made. None if it is no longer ours."""
        journey = claimed.journey
        if journey is None or journey.error is not None:
            return None
        attempt, kind = deciding(journey.attempts)
        outcome = attempt.outcome if attempt else None
        if outcome is None or (kind is Kind.NOT_SENT and _may_repeat(outcome)):
            asked = journey.retry_after if outcome is None else outcome.retry_after
            return self._again(claimed, holder, asked, attempted=outcome is not None)
        stopped = journey.step.why if isinstance(journey.step, Stop) else ""
        return self._follows(claimed, holder, kind, outcome.reason, f"{stopped}: {outcome.detail}")

    def _follows(self, claimed: _Claimed, holder: str, kind: Kind, reason: Reason | None, why: str) -> Ending:
        """Say what follows the end of a step."""
        job = claimed.job
        if kind is Kind.ACCEPTED or (
            kind is Kind.UNKNOWN and claimed.more and claimed.letters.follow_unknown
        ):
            if not claimed.more:
                return "accepted", self._ending(job, holder, None)
            due = self.dispatch.clock() + claimed.letters.after
            return kind.value, self._ending(job, holder, State.SENT, due=due)
        if kind is Kind.UNKNOWN:
            return "unknown", self._held(job, holder, 0)
        if kind is Kind.REJECTED and claimed.more:
            return "passed_on", self._next(claimed, holder)
        if reason in _OURS:
            return "dead", self._ending(job, holder, State.DEAD, stopped=why)
        return "rejected", self._ending(job, holder, None, stopped=why)

    def _again(
        self, claimed: _Claimed, holder: str, asked: float | None, *, attempted: bool = True
    ) -> Ending:
        """Have it tried later; or give it up."""
        job, patience = claimed.job, self.patience
        tries = job.tries + int(attempted)
        if tries >= patience.rounds:
            if claimed.more:
                return "passed_on", self._next(claimed, holder)
            why = f"nothing could be sent in {tries} rounds"
            return "dead", self._ending(job, holder, State.DEAD, stopped=why)
        wait = patience.wait(max(tries, 1), asked, self.dispatch.chance()) if attempted else asked or 1.0
        due = claimed.letters.opens(self.dispatch.clock() + wait)
        return "retried", self._ending(job, holder, State.WAITING, due=_until(job, due), tries=tries)

    def _held(self, job: Job, holder: str, looks: int) -> Proceed:
        """Look at it again when its provider may know more; when that was done often enough, leave it until a report comes."""
        schedule = self.dispatch.recorder.options.schedule
        due = self.dispatch.clock() + schedule[looks] if looks < len(schedule) else NEVER
        return self._ending(job, holder, State.HELD, due=due, tries=looks)

    def _next(self, claimed: _Claimed, holder: str) -> NextStep:
        job = claimed.job
        envelope = self._envelope(replace(job, step=job.step + 1), claimed.letters.steps[job.step])
        return NextStep(
            message_id=job.message_id,
            holder=holder,
            at=self.dispatch.clock(),
            step=job.step + 1,
            channel=envelope.channel,
            kind=type(envelope.message).__name__,
            address=self.dispatch.recorder.options.ledger.keep(envelope.to.plain, envelope.to.masked),
            digest=digest_of(job.message_id, getattr(envelope.message, "text", None) or ""),
        )

    def _ending(self, job: Job, holder: str, state: State | None, **more: object) -> Proceed:
        return Proceed(job.message_id, holder, self.dispatch.clock(), state, **more)  # type: ignore[arg-type]


def _standing(job: Job, record: Record) -> tuple[Kind, Outcome | None]:
    """Return how the attempts of the present step stand, and the outcome that decided."""
    attempt, kind = deciding(_present(job, record))
    return kind, attempt.outcome if attempt else None


def _present(job: Job, record: Record) -> Sequence[Attempt]:
    """Return the attempts of the present step."""
    return [one for one in record.attempts if one.number > job.base]


def _may_repeat(outcome: Outcome) -> bool:
    """Whether a later round may do better: also where a worker was too slow for its lease, and so sent nothing."""
    return RULES[outcome.reason].retry or outcome.detail == LATE.detail


def _until(job: Job, due: float) -> float:
    """Return when to look again: at its deadline at the latest."""
    return due if job.deadline is None else min(due, job.deadline)


_OURS = frozenset({Reason.LOCAL, Reason.AUTH, Reason.FUNDS, Reason.ROUTE})
"""Ends that are ours to mend, so that the message may be tried again as it is."""
