"""What is written down about a message, and when: the intent before the effect, and the outcome before the receipt."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from messaging_channels._model import errors
from messaging_channels._model.ids import random_digits
from messaging_channels._model.outcomes import AttemptResult, Outcome, Reason
from messaging_channels._model.receipts import deciding_attempt, was_rejected
from messaging_channels._model.statements import ConsentStatement
from messaging_channels._sending.decision import Stop
from messaging_channels._sending.send_state import ExistingRecord, SendState
from messaging_channels.consent.gate import ConsentGate, suppressed_error
from messaging_channels.messages import digest_of
from messaging_channels.plugins.exchange import Flow, Sleep, ask
from messaging_channels.plugins.ledger import (
    AttemptIntent,
    FinishAttempt,
    GetMessage,
    MessageRecord,
    Operation,
    RecordUnsent,
    ReleaseReservation,
    ReserveMessage,
    StartAttempt,
    TakeLease,
    Transaction,
)

if TYPE_CHECKING:
    from messaging_channels._ledger.options import LedgerOptions
    from messaging_channels.plugins.provider import Provider

_POLL_INTERVAL = 0.05


@dataclass(frozen=True, slots=True)
class AttemptRecorder:
    """Writes down what a dispatcher does. One serves all threads and tasks."""

    options: LedgerOptions
    consent: ConsentGate | None = None
    """Asked, in the step in which an attempt is written down, whether the person wants the message."""

    def start(
        self, states: Sequence[SendState], provider: Provider, now: float, delay: float
    ) -> Flow[Sequence[SendState]]:
        """Write down that they are about to be sent. Return those that may be; the others have an error, or another call's record, as their next step."""
        if (
            len(states) > 1
        ):  # in one order for all callers, so that two of them never wait for each other's keys
            states = sorted(states, key=lambda one: one.options.idempotency_key or "")
        intents = [self._start_operation(one, provider.name, now, delay) for one in states]
        unwritten = [one.unwritten for one in states if one.unwritten is not None]
        try:
            replies = (yield from _perform([*unwritten, *intents]))[len(unwritten) :]
        except errors.LedgerUnavailable as error:
            for state in states:
                state.error = error
            return []
        except GeneratorExit:
            raise
        except BaseException:  # the caller stopped waiting, and nothing left the machine
            yield Transaction(
                tuple(
                    ReleaseReservation(one.id, one.lease_owner)
                    for one in intents
                    if isinstance(one, ReserveMessage)
                )
            )
            raise
        for state, intent, reply in zip(states, intents, replies, strict=True):
            state.unwritten = None
            if isinstance(reply, ConsentStatement):
                state.error = suppressed_error(reply)
            elif isinstance(intent, ReserveMessage):
                state.is_recorded = reply is None
                state.step = state.step if reply is None else existing_record(reply)
            elif not reply:
                yield from self._yield_to_other(state)
        return [one for one in states if one.error is None and not isinstance(one.step, ExistingRecord)]

    def _yield_to_other(self, state: SendState) -> Flow[None]:
        """Go on from the record: a report says that it was sent, or another call has it. A worker leaves it to who has it."""
        record = None if state.queue_context else (yield from ask(GetMessage(message_id=state.id)))
        if record is None:
            state.error = errors.IdempotencyKeyInUse(state.id, retry_after=self.options.lease)
        else:
            state.step = existing_record(record)

    def leased_until(self, states: Sequence[SendState], begun: float) -> float:
        """Return until when an attempt begun then is its caller's alone: after that, a call with the same key takes it for dead."""
        return begun + self.options.lease if any(one.is_recorded for one in states) else math.inf

    def finish(self, states: Sequence[SendState], now: float) -> Flow[None]:
        """Write down how the last attempt of each ended. Where that fails, the record stays open, which reads as unknown."""
        ended = [one for one in states if one.is_recorded]
        if not ended:
            return
        ends = [self._finish_operation(one, now) for one in ended]
        said: Sequence[Operation[Any]] = ()
        if self.consent is not None:
            said = self.consent.failures(
                [(one.envelope, one.attempts[-1]) for one in ended if one.attempts], now
            )
        try:
            replies = yield from _perform([*ends, *said])
        except errors.LedgerUnavailable:
            import logging  # noqa: PLC0415  not needed where all goes well

            log = logging.getLogger("messaging_channels._sending.recorder")
            log.exception(
                "the outcomes of %d messages were not kept; their records read as unknown", len(ended)
            )
            for state, end in zip(ended, ends, strict=True):
                state.unwritten = end
            return
        for state, status in zip(ended, replies[: len(ended)], strict=True):
            state.status = status

    def record_unsent(self, states: Sequence[SendState], now: float) -> Flow[None]:
        """Write down those for which nobody could be asked: an error that names a message leads to its record."""
        unsent = [one for one in states if self._is_unrecorded(one)]
        for state in unsent:
            try:
                yield from ask(self._unsent_operation(state, now))
            except errors.LedgerUnavailable:
                return  # nothing was sent, and nothing is known of it: as if it had never been asked for

    def _is_unrecorded(self, state: SendState) -> bool:
        is_unsent = isinstance(state.step, Stop) and state.error is None and not state.attempts
        kept = self.options.record_all or state.options.idempotency_key is not None
        return is_unsent and kept and not (state.is_recorded or state.replayed or state.queue_context)

    def _unsent_operation(self, state: SendState, now: float) -> RecordUnsent:
        envelope, options = state.envelope, state.options
        return RecordUnsent(
            id=envelope.id,
            channel=envelope.channel,
            message_type=type(envelope.message).__name__,
            account=state.account,
            address=self.options.ledger.stored_address(envelope.to.plain, envelope.to.masked),
            digest=digest_of(envelope.id, getattr(envelope.message, "text", None) or ""),
            fingerprint=state.fingerprint,
            scope=options.scope,
            idempotency_key=options.idempotency_key,
            expires=now + self.options.idempotency_ttl,
            at=now,
            stop_reason=state.step.reason if isinstance(state.step, Stop) else "",
        )

    def wait_for_existing(
        self, state: SendState, record: MessageRecord, clock: Callable[[], float]
    ) -> Flow[MessageRecord]:
        """Return the record that holds the state's key when nothing of it is under way: wait for its call, or find that it died.

        Raises:
            IdempotencyKeyReused: it is of another message or recipient.
            IdempotencyKeyInUse: its call has not ended in the time that the caller would wait.
        """
        if record.fingerprint != state.fingerprint:
            raise errors.IdempotencyKeyReused(record.id)
        if record.in_progress and state.is_bulk:  # by this very call, perhaps, which has gone on since
            record = (yield from ask(GetMessage(message_id=record.id))) or record
        left = state.options.in_progress_timeout  # counted down: a clock may be set back
        while record.in_progress:
            now = clock()
            if now >= record.lease:
                return (yield from self.mark_crashed(record, now))
            if left <= 0:  # what waits to be sent is not held by a lease
                wait = min(record.lease - now, self.options.lease)
                raise errors.IdempotencyKeyInUse(record.id, retry_after=wait)
            yield from ask(Sleep(_POLL_INTERVAL))
            left -= _POLL_INTERVAL
            again = yield from ask(GetMessage(message_id=record.id))
            if again is None:  # refused before anything left the machine, and forgotten
                raise errors.IdempotencyKeyInUse(record.id, retry_after=_POLL_INTERVAL)
            record = again
        return record

    def take_over(self, state: SendState, record: MessageRecord, now: float) -> Flow[None]:
        """Become the one who may go on with a recorded message.

        Raises:
            IdempotencyKeyInUse: another call was quicker.
        """
        holder = random_digits()
        take = TakeLease(
            record.id, record.lease_owner, holder, now + self.options.lease, len(record.attempts)
        )
        if not (yield from ask(take)):
            raise errors.IdempotencyKeyInUse(record.id, retry_after=self.options.lease)
        state.lease_owner, state.is_recorded = holder, True

    def mark_crashed(self, record: MessageRecord, now: float) -> Flow[MessageRecord]:
        """Write down that the attempt of a call that died is unknown."""
        crash = AttemptResult.of(Reason.PROCESS_CRASHED, "its process died before the answer was kept")
        for attempt in record.attempts:
            if attempt.in_progress:
                look_at = now + self.options.reconcile_after[0]
                yield from ask(
                    FinishAttempt(record.id, attempt.number, crash, now, look_at, "its process died")
                )
        return (yield from ask(GetMessage(message_id=record.id))) or record

    def _start_operation(self, state: SendState, provider: str, now: float, delay: float) -> Operation[Any]:
        envelope, terms = state.envelope, state.options
        begun = AttemptIntent(state.id, state.next_attempt_number, provider, state.account, now, delay)
        asked = self.consent.query(envelope, now, state.options.confirms) if self.consent else None
        if state.is_recorded:
            return StartAttempt(
                begun,
                state.lease_owner,
                now + self.options.lease,
                queued=state.queue_context is not None,
                consent=asked,
            )
        state.lease_owner = random_digits()
        return ReserveMessage(
            id=envelope.id,
            channel=envelope.channel,
            message_type=type(envelope.message).__name__,
            account=state.account,
            address=self.options.ledger.stored_address(envelope.to.plain, envelope.to.masked),
            digest=digest_of(envelope.id, getattr(envelope.message, "text", None) or ""),
            fingerprint=state.fingerprint,
            scope=terms.scope,
            idempotency_key=terms.idempotency_key,
            expires=now + self.options.idempotency_ttl,
            lease_owner=state.lease_owner,
            lease=now + self.options.lease,
            first_attempt=begun,
            consent=asked,
        )

    def _finish_operation(self, state: SendState, now: float) -> Operation[Any]:
        outcome = state.attempts[-1].result if state.attempts else None
        if outcome is None:
            return ReleaseReservation(state.id, state.lease_owner)
        nobody = outcome.outcome in (Outcome.REJECTED, Outcome.NOT_SENT)
        more = nobody and state.queue_context is not None and state.queue_context.has_more_steps
        why = state.step.reason if isinstance(state.step, Stop) and not more else ""
        number, look_at = state.attempts[-1].number, now + self.options.reconcile_after[0]
        return FinishAttempt(state.id, number, outcome, now, look_at, why)


def existing_record(record: MessageRecord) -> ExistingRecord:
    """Return the step of a state whose key is taken."""
    return ExistingRecord(record)


def resume_from(state: SendState, record: MessageRecord) -> bool:
    """Let a state go on as the message of that record. Return whether it may be tried again; if not, the answer is replayed."""
    state.envelope = replace(state.envelope, id=record.id)
    state.attempts, state.next_attempt_number = record.attempts, len(record.attempts) + 1
    state.status = record.status
    if _may_resume(state, record):
        return True
    state.replayed = True
    state.step = Stop(record.stop_reason or "an earlier call with this key was answered so")
    return False


def _may_resume(state: SendState, record: MessageRecord) -> bool:
    """Whether certainly nothing went out, for no reason of the message's own; or the caller prefers a second copy to none."""
    attempt, outcome = deciding_attempt(record.attempts)
    if outcome is Outcome.UNKNOWN:
        return state.options.on_unknown == "resend" and not was_rejected(record.attempts)
    result = attempt.result if attempt else None
    return result is None or outcome is Outcome.NOT_SENT or result.reason.policy.failover


def _perform(operations: Sequence[Operation[Any]]) -> Flow[Sequence[Any]]:
    """Do them in one step."""
    if len(operations) == 1:
        return ((yield operations[0]),)
    return (yield from ask(Transaction(tuple(operations))))
