"""What is written down about a message, and when: the intent before the effect, and the outcome before the receipt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

from messaging_channels._model import errors
from messaging_channels._model.ids import random_digits
from messaging_channels._model.outcomes import AttemptResult, Outcome, Reason
from messaging_channels._model.statements import ConsentStatement
from messaging_channels._sending.decision import Stop
from messaging_channels._sending.send_state import (
    Conflict,
    Failed,
    SendRequest,
    SendState,
    Started,
    StartResult,
)
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
    WithdrawAttempt,
)

if TYPE_CHECKING:
    from messaging_channels._ledger.options import LedgerOptions
    from messaging_channels.plugins.provider import Provider

_POLL_INTERVAL = 0.05
PlannedEnds: TypeAlias = "list[tuple[SendState, Operation[Any]]]"
"""Whose attempt is over, with what writes that down."""
_GRANTED: dict[type[Operation[Any]], object] = {ReserveMessage: None, StartAttempt: True}
"""The replies that let an attempt be made."""


class NewRow(TypedDict):
    """What a ledger keeps of a message when it takes it in. See `InsertMessage`."""

    id: str
    channel: str
    message_type: str
    account: str | None
    address: str
    recipient: str
    digest: str
    fingerprint: str
    scope: str
    idempotency_key: str | None
    expires: float


@dataclass(frozen=True, slots=True)
class AttemptRecorder:
    """Writes down what a dispatcher does. One serves all threads and tasks."""

    options: LedgerOptions
    consent: ConsentGate
    """Asked, in the step in which an attempt is written down, whether the person wants the message."""

    def start(
        self,
        states: Sequence[SendState],
        provider: Provider,
        now: float,
        delay: float,
        ends: PlannedEnds | None = None,
    ) -> Flow[Sequence[SendState]]:
        """Write down that they are about to be sent, and in the same step how those before ended. Return those that may be; the others hear why not."""
        # in one order for all callers, so that no two of them wait for each other's keys
        states = sorted(states, key=lambda one: one.request.options.idempotency_key or "")
        intents = [self._intent(one, provider.name, now, delay) for one in states]
        unwritten = [one.unwritten for one in states if one.unwritten is not None]
        try:
            replies: Sequence[Any] = yield from _write(ends or [], [*unwritten, *intents])
        except errors.LedgerUnavailable as error:
            replies = [error] * (len(unwritten) + len(intents))
        except GeneratorExit:
            raise
        except BaseException:  # the caller stopped waiting, and nothing left the machine
            yield from _release(intents)
            raise
        started: list[SendState] = []
        for state, intent, reply in zip(states, intents, replies[len(unwritten) :], strict=True):
            is_ours = reply is _GRANTED[type(intent)]
            result = Started(intent.lease_owner) if is_ours else (yield from self._refusal(state, reply))
            if state.apply_start(result):
                started.append(state)
        return started

    def plan_ends(self, states: Sequence[SendState], now: float) -> PlannedEnds:
        """Return what writes down that attempts were accepted. Where no other intent follows, `finish` does it."""
        return [end for one in states for end in self._ends(one, now)]

    def _refusal(
        self, state: SendState, reply: ConsentStatement | MessageRecord | errors.LedgerUnavailable | bool
    ) -> Flow[StartResult]:
        """Say why an attempt may not be made: nothing was written, the person does not want it, it was sent, or another call has it."""
        if isinstance(reply, errors.LedgerUnavailable):
            return Failed(reply)
        if isinstance(reply, ConsentStatement):
            return Failed(suppressed_error(reply))
        if isinstance(reply, MessageRecord):
            return Conflict(reply)
        request = state.request
        try:  # a worker leaves it to who has it
            record = None if request.queue_context else (yield GetMessage(message_id=request.message_id))
        except errors.LedgerUnavailable as error:
            return Failed(error)
        if record is not None:
            return Conflict(record)
        return Failed(errors.IdempotencyKeyInUse(request.message_id, retry_after=self.options.lease))

    def finish(self, states: Sequence[SendState], now: float, ends: PlannedEnds | None = None) -> Flow[None]:
        """Write down how the last attempt of each that is recorded ended, and what that says about the addresses; and in the same step the `ends` before.

        Where that fails, the records stay open, which reads as unknown.
        """
        planned = [] if ends is None else ends
        planned += [end for one in states for end in self._ends(one, now)]
        failed = [one for one, end in planned if isinstance(end, FinishAttempt) and not one.accepted]
        count, said = len(planned), self._consent_operations(failed, now) if failed else ()
        try:
            if planned:
                yield from _write(planned, said)
        except errors.LedgerUnavailable as error:
            _log_unwritten(count, error)

    def _consent_operations(self, states: Sequence[SendState], now: float) -> Sequence[Operation[Any]]:
        """Return what keeps what the last attempts say about the addresses."""
        last = [(one.request.envelope, one.attempts[-1]) for one in states if one.attempts]
        failed = [(envelope, one) for envelope, one in last if one.result and one.result.failure]
        return self.consent.failures(failed, now) if failed else ()

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
        is_held = state.lease_owner or state.replayed or state.request.queue_context
        return is_unsent and state.request.is_recorded and not is_held

    def _unsent_operation(self, state: SendState, now: float) -> RecordUnsent:
        reason = state.step.reason if isinstance(state.step, Stop) else ""
        return RecordUnsent(**self._new_row(state.request, now), at=now, stop_reason=reason)

    def _new_row(self, request: SendRequest, now: float) -> NewRow:
        """Return what is kept of a message that is not known yet."""
        envelope, options = request.envelope, request.options
        return {
            "id": envelope.id,
            "channel": envelope.channel,
            "message_type": type(envelope.message).__name__,
            "account": request.account,
            "address": self.options.ledger.stored_address(envelope.to.plain, envelope.to.masked),
            "recipient": next(iter(self.options.recipient_digests(envelope.to.plain)), ""),
            "digest": digest_of(envelope.id, getattr(envelope.message, "text", None) or ""),
            "fingerprint": request.fingerprint,
            "scope": options.scope,
            "idempotency_key": options.idempotency_key,
            "expires": now + self.options.idempotency_ttl,
        }

    def wait_for_existing(
        self, request: SendRequest, record: MessageRecord, clock: Callable[[], float]
    ) -> Flow[MessageRecord]:
        """Return the record that holds the message's key when nothing of it is under way: wait for its call, or find that it died.

        Raises:
            IdempotencyKeyReused: it is of another message or recipient.
            IdempotencyKeyInUse: its call has not ended in the time that the caller would wait.
        """
        if record.fingerprint not in ("", request.fingerprint):
            raise errors.IdempotencyKeyReused(record.id)
        if record.in_progress and request.is_bulk:  # by this very call, perhaps, which has gone on since
            record = (yield from ask(GetMessage(message_id=record.id))) or record
        left = request.options.in_progress_timeout  # counted down: a clock may be set back
        if request.options.timeout is not None:
            left = min(left, request.options.timeout - max(0.0, clock() - request.started_at))
        while record.in_progress:
            now = clock()
            if now >= record.lease:
                return (yield from self.mark_crashed(record, now))
            if left <= 0:  # what waits to be sent is not held by a lease
                wait = min(record.lease - now, self.options.lease)
                raise errors.IdempotencyKeyInUse(record.id, retry_after=wait)
            yield from ask(Sleep(min(left, _POLL_INTERVAL)))
            left -= _POLL_INTERVAL
            again = yield from ask(GetMessage(message_id=record.id))
            if again is None:  # refused before anything left the machine, and forgotten
                raise errors.IdempotencyKeyInUse(record.id, retry_after=_POLL_INTERVAL)
            record = again
        return record

    def take_over(self, record: MessageRecord, now: float) -> Flow[str]:
        """Become the one who may go on with a recorded message. Return the name under which we hold it.

        Raises:
            IdempotencyKeyInUse: another call was quicker.
        """
        holder = random_digits()
        lease = now + self.options.lease
        if not (yield TakeLease(record.id, record.lease_owner, holder, lease, len(record.attempts))):
            raise errors.IdempotencyKeyInUse(record.id, retry_after=self.options.lease)
        return holder

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

    def _intent(
        self, state: SendState, provider: str, now: float, delay: float
    ) -> ReserveMessage | StartAttempt:
        """Return what writes down that the next attempt is about to be made; with a message's first, the message too."""
        request, lease = state.request, now + self.options.lease
        attempt = AttemptIntent(
            request.message_id, state.next_attempt_number, provider, request.account, now, delay
        )
        asked = self.consent.query(request.envelope, now, request.options.confirms)
        if state.lease_owner:
            is_queued = request.queue_context is not None
            return StartAttempt(attempt, state.lease_owner, lease, queued=is_queued, consent=asked)
        return ReserveMessage(
            **self._new_row(request, now),
            lease_owner=random_digits(),
            lease=lease,
            first_attempt=attempt,
            consent=asked,
        )

    def _ends(self, state: SendState, now: float) -> PlannedEnds:
        """Return what writes down how the last attempt ended; where none was made, what takes it back, and gives the key free where nothing follows."""
        if not state.lease_owner:
            return []
        request, result = state.request, state.attempts[-1].result if state.attempts else None
        withdrawn: PlannedEnds = [(state, _withdrawal(state))] if state.is_passed_over else []
        if state.is_passed_over and not state.is_done:
            return withdrawn
        if result is None:
            return [*withdrawn, (state, ReleaseReservation(request.message_id, state.lease_owner))]
        is_unsent = result.reason.policy.outcome in (Outcome.REJECTED, Outcome.NOT_SENT)
        has_more = is_unsent and request.queue_context is not None and request.queue_context.has_more_steps
        why = state.step.reason if isinstance(state.step, Stop) and not has_more else ""
        if result.detail or result.vendor_text:
            result = self.options.without_address(result, request.envelope.to)
        number, look_at = state.attempts[-1].number, now + self.options.reconcile_after[0]
        end = FinishAttempt(request.message_id, number, result, now, look_at, why)
        return [*withdrawn, (state, end)]


def _write(ends: PlannedEnds, others: Sequence[Operation[Any]]) -> Flow[Sequence[Any]]:
    """Write ends down, and in the same step what `others` say; return the replies to these. Each message hears whether its end was written.

    Raises:
        LedgerUnavailable: nothing was written.
    """
    both = [*(end for _, end in ends), *others]
    try:
        if len(both) == 1:
            replies: Sequence[Any] = ((yield both[0]),)
        else:
            replies = yield from ask(Transaction(tuple(both)))
    except errors.LedgerUnavailable:
        leave_unwritten(ends)
        raise
    count = len(ends)
    for (state, end), reply in zip(ends, replies[:count], strict=True):
        if not isinstance(end, WithdrawAttempt):
            state.status = reply
    ends.clear()
    return replies[count:]


def leave_unwritten(ends: PlannedEnds) -> None:
    """Leave ends to whoever writes down what follows: a worker does both in one step."""
    for state, end in ends:
        state.unwritten = end
    ends.clear()


def _log_unwritten(count: int, error: Exception) -> None:
    import logging  # noqa: PLC0415  not needed where all goes well

    log = logging.getLogger("messaging_channels._sending.recorder")
    log.error("could not store the results of %d messages; they are now unknown", count, exc_info=error)


def _withdrawal(state: SendState) -> WithdrawAttempt:
    return WithdrawAttempt(state.request.message_id, state.next_attempt_number, state.lease_owner)


def _release(intents: Sequence[ReserveMessage | StartAttempt]) -> Flow[None]:
    """Give the keys of messages free that were about to be sent."""
    reserved = [one for one in intents if isinstance(one, ReserveMessage)]
    yield from ask(Transaction(tuple(ReleaseReservation(one.id, one.lease_owner) for one in reserved)))
