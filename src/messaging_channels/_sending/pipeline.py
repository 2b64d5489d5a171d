"""The path of a message, from the caller's words to the receipt. It describes I/O and performs none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from messaging_channels._inbound.webhooks import Reports
from messaging_channels._model import errors
from messaging_channels._model.outcomes import Outcome
from messaging_channels._model.receipts import Receipt
from messaging_channels._sending.attempt import AttemptLimits, limit_flow
from messaging_channels._sending.batch_sender import BatchSender
from messaging_channels._sending.check_runner import ask_checks, ask_consent, finish_checks
from messaging_channels._sending.decision import Stop, TryProvider
from messaging_channels._sending.envelopes import EnvelopeBuilder
from messaging_channels._sending.first_candidate import first_candidate
from messaging_channels._sending.provider_selection import ProviderSelector
from messaging_channels._sending.rate_limited_queue import Batch, RateLimitedQueue
from messaging_channels._sending.recorder import AttemptRecorder
from messaging_channels._sending.send_options import SendOptions
from messaging_channels._sending.send_state import (
    ExistingRecord,
    QueueContext,
    SendRequest,
    SendState,
)
from messaging_channels._sending.shared_places import line_up, renew_places
from messaging_channels.messages import fingerprint
from messaging_channels.plugins.exchange import Flow, Gather, Sleep, Timeouts
from messaging_channels.plugins.ledger import GetMessage
from messaging_channels.plugins.observer import Observer
from messaging_channels.plugins.provider import Envelope, Provider, SupportsRateLimits
from messaging_channels.policies.checks import PreSendCheck
from messaging_channels.policies.circuit_breaker import CircuitBreakers
from messaging_channels.policies.rate_limiter import RateLimiter

if TYPE_CHECKING:
    from messaging_channels._model.rate_limit import RateLimit
    from messaging_channels._model.statements import ConsentStatement
    from messaging_channels._sending.recorder import PlannedEnds
    from messaging_channels.messages import Message
    from messaging_channels.plugins.ledger import MessageRecord
    from messaging_channels.plugins.recipients import ResolvedRecipient
    from messaging_channels.policies.shared_limits import SharedLimits


@dataclass(frozen=True, slots=True)
class SendPipeline:
    """Everything a message meets on its way. One serves all threads and tasks."""

    envelopes: EnvelopeBuilder
    selector: ProviderSelector
    observer: Observer | None
    recorder: AttemptRecorder
    reports: Reports
    checks: Sequence[PreSendCheck]
    rate_limits: Mapping[str, RateLimit]
    """By provider: for each account and sender."""
    clock: Callable[[], float]
    """Seconds since the epoch, UTC."""
    chance: Callable[[], float]
    """From 0 to 1."""
    timeouts: Timeouts
    """The transport's own, which a deadline may shorten."""
    circuits: CircuitBreakers = field(default_factory=CircuitBreakers)
    limiter: RateLimiter = field(default_factory=RateLimiter)
    shared: SharedLimits | None = None
    """What holds over processes; None if each goes by itself."""
    sender: BatchSender = field(init=False)

    def __post_init__(self) -> None:
        """Give the sender what it needs of this."""
        made = BatchSender(
            self.recorder, self.observer, self.circuits, self.clock, self.chance, self.timeouts
        )
        object.__setattr__(self, "sender", made)

    def send(self, message: Message, to: Any, options: SendOptions) -> Flow[Receipt]:  # noqa: ANN401  resolvers take anything
        """Send one message to one recipient. See `Dispatcher.send`."""
        state = yield from self.prepare(message, to, options)
        while state.error is None and not isinstance(state.step, Stop):
            if isinstance(state.step, TryProvider):
                yield from self.send_group([state], state.step.provider)
            else:
                yield from self.step([state])
        if not state.attempts:
            yield from self.recorder.record_unsent([state], self.clock())
        return state.result()

    def confirm(
        self, message: Message, to: ResolvedRecipient, entry: ConsentStatement, key: str
    ) -> Flow[Receipt]:
        """Send the message that confirms an opt-out: once under its key, and in a short time, since a webhook waits for it."""
        options = SendOptions(confirms=entry.id, idempotency_key=key, timeout=_CONFIRMATION_TIMEOUT)
        return (yield from self.send(message, to, options))

    def prepare(
        self,
        message: Message,
        to: Any,  # noqa: ANN401  resolvers take anything
        options: SendOptions,
        *,
        is_bulk: bool = False,
    ) -> Flow[SendState]:
        """Find out whom it is for and who may send it, and whether it may be sent. Nothing is written down yet.

        For one of many the idempotency key stands for the whole call: each address has a key of its own under it.
        """
        now = self.clock()
        built, timeout = self.envelopes.build(message, to, now), options.timeout
        if timeout is not None:
            limits = AttemptLimits(self.clock, deadline=now + timeout, default_timeouts=self.timeouts)
            built = limit_flow(built, limits)
        envelope, account = yield from built
        selection, digest = self.selector.select(envelope, account), ""
        if options.idempotency_key is not None:
            digest = fingerprint(message, envelope.to.plain, account)
            if is_bulk:
                options = options.for_recipient(envelope.channel, envelope.to.plain)
        is_recorded = self.recorder.options.record_all or options.idempotency_key is not None
        request = SendRequest(envelope.id, envelope, account, options, now, is_recorded, digest, is_bulk, to)
        state = SendState(request, selection, selection.providers, selection.skipped, selection.first_step)
        if options.idempotency_key is not None:
            known: MessageRecord | None = yield GetMessage(
                scope=options.scope, idempotency_key=options.idempotency_key
            )
            if known is not None and known.expires > now:
                state.step = ExistingRecord(known)
                return state
        if (
            self.checks
            or timeout is not None
            or self.circuits.any_failures
            or self.recorder.consent.asks_unrecorded
        ):
            yield from self._begin_in_time(state)
        return state

    def _begin_in_time(self, state: SendState) -> Flow[None]:
        """See `_begin`. Nobody is asked when the time is over already, such as after a slow lookup of the recipient."""
        timeout = state.request.options.timeout
        if timeout is not None and self.clock() >= state.request.started_at + timeout:
            state.step = Stop("its time was over before anybody could be asked")
        else:
            yield from self._begin(state)

    def _begin(self, state: SendState) -> Flow[None]:
        """Ask the rules, and leave out who rests.

        Raises:
            MessageBlocked: a rule forbids it.
        """
        yield from ask_checks(self.checks, state)
        consent = self.recorder.consent
        if consent.asks_unrecorded and not state.request.is_recorded:
            yield from ask_consent(self.checks, state, consent, self.clock())
        state.step = first_candidate(state, self.circuits, self.clock)
        if state.is_done:
            finish_checks(self.checks, [state])

    def prepare_queued(
        self, envelope: Envelope, account: str | None, options: SendOptions, queued: QueueContext, holder: str
    ) -> Flow[SendState]:
        """Set a message that waited on its way. Its record is there; `holder` has claimed it."""
        now, chosen = self.clock(), self.selector.select(envelope, account)
        is_recorded = self.recorder.options.record_all or options.idempotency_key is not None
        request = SendRequest(
            queued.message_id, envelope, account, options, now, is_recorded, queue_context=queued
        )
        state = SendState(request, chosen, chosen.providers, chosen.skipped, chosen.first_step)
        state.lease_owner, state.next_attempt_number = holder, queued.earlier_attempts + 1
        yield from self._begin(state)
        return state

    def resume(self, state: SendState, record: MessageRecord) -> Flow[None]:
        """Decide what a call does whose idempotency key is taken: replay the answer, refuse, or take the message up again.

        Raises:
            IdempotencyKeyReused: the key stands for another message or recipient.
            IdempotencyKeyInUse: an earlier call has not ended.
            MessageBlocked: it would be taken up again, and a rule forbids it.
        """
        record = yield from self.recorder.wait_for_existing(state.request, record, self.clock)
        if record.outcome is Outcome.UNKNOWN:
            record = yield from self.reports.look_up(record, state.request.envelope.to)
        if state.resume(record):
            yield from self._begin(state)
            state.lease_owner = yield from self.recorder.take_over(record, self.clock())

    def step(self, states: Sequence[SendState], ends: PlannedEnds | None = None) -> Flow[None]:
        """Take the next step with each of them; those for one provider and account go together, as its batches."""
        groups: dict[tuple[str | None, str], list[SendState]] = {}
        for state in states:
            step = state.step
            if isinstance(step, TryProvider):
                groups.setdefault((state.request.account, step.provider), []).append(state)
            elif isinstance(step, ExistingRecord):
                try:
                    yield from self.resume(state, step.record)
                except errors.MessagingError as error:
                    state.error = error
                if state.is_done:
                    finish_checks(self.checks, [state])
        for (_, name), group in groups.items():
            yield from self.send_group(group, name, ends)

    def send_group(
        self, group: Sequence[SendState], name: str, ends: PlannedEnds | None = None
    ) -> Flow[None]:
        """Ask one provider about messages of one account, each when its time has come, and tell the rules of those that are done.

        A worker has lanes for several batches at once; of each of them a crash should leave no more than one unknown: it keeps in `ends` what has ended and
        is written down together with the next intent.
        """
        first, now, rate_limit = group[0], self.clock(), self.rate_limits.get(name)
        provider = first.providers[name]
        # most messages wait for nothing: a queue would take a tenth of their time
        may_wait = len(group) > 1 or rate_limit or self.shared or self.circuits.any_failures
        named: SupportsRateLimits | None = provider if hasattr(provider, "rate_limits") else None  # type: ignore[assignment]
        has_rates = named is not None and bool(named.rate_limits(first.request.envelope))
        if not (may_wait or has_rates or (isinstance(first.step, TryProvider) and first.step.delay)):
            yield from self.sender.send(group, provider, now, 0.0, ends)
            left_out: Sequence[SendState] = ()
        else:
            left_out = yield from self._send_in_turn(group, provider, rate_limit, ends)
        if left_out or self.checks:
            yield from self._end_group(group, left_out)

    def _send_in_turn(
        self,
        group: Sequence[SendState],
        provider: Provider,
        rate_limit: RateLimit | None,
        ends: PlannedEnds | None,
    ) -> Flow[Sequence[SendState]]:
        """Send each when its time has come. Return those that found no place."""
        now, shared = self.clock(), self.shared
        if shared is None:
            queue = RateLimitedQueue(group, provider, rate_limit, self.limiter, now)
        else:
            queue = yield from line_up(group, provider, rate_limit, shared, self.clock)
            now = self.clock()
        try:
            while queue.waiting:
                if shared is None or not (
                    yield from renew_places(queue, provider, rate_limit, shared, self.clock)
                ):
                    yield from self._send_due(queue, provider, now, ends)
                now = self.clock()
        except GeneratorExit:
            raise
        except BaseException:
            yield from self.recorder.finish((), now, ends)
            raise
        return queue.left_out

    def _send_due(
        self, queue: RateLimitedQueue, provider: Provider, now: float, ends: PlannedEnds | None
    ) -> Flow[None]:
        """Send what is due, or wait until something is."""
        first = queue.waiting[0][1]
        one_by_one = self.circuits.any_failures or first.request.queue_context
        most = 1 if one_by_one else _MAX_CONCURRENT_BATCHES
        batches = queue.ready(now, provider.capabilities.max_batch_size, most)
        if not batches:
            yield from self.recorder.finish((), now, ends)
            yield Sleep(queue.seconds_left())
            return
        if self.circuits.any_failures:
            batches = [one for one in batches if self._try_acquire(one, queue, provider, now)]
        flows = [self.sender.send(one.states, provider, now, one.delay, ends) for one in batches]
        if len(flows) == 1:
            yield from flows[0]
        elif flows:
            yield Gather(flows)

    def _end_group(self, group: Sequence[SendState], left_out: Sequence[SendState]) -> Flow[None]:
        """Write down how those ended that found no place, and tell the rules of all that are done."""
        if left_out and group[0].request.is_recorded:
            ended = [one for one in left_out if one.is_done and one.attempts]
            yield from self.recorder.finish(ended, self.clock())
        if self.checks:
            finish_checks(self.checks, [one for one in group if one.is_done])

    def _try_acquire(self, batch: Batch, queue: RateLimitedQueue, provider: Provider, now: float) -> bool:
        """Say whether the provider may be asked about a batch; if not, its messages go on to the next."""
        first = batch.states[0]
        breaker = first.selection.route.circuit_breaker
        if self.circuits.try_acquire((first.request.account, provider.name), breaker, now):
            return True
        for state in batch.states:
            state.skip_provider(provider.name, "circuit open after failures", breaker.reset_timeout)
        queue.left_out += batch.states
        return False


_CONFIRMATION_TIMEOUT = 10.0
_MAX_CONCURRENT_BATCHES = 4  # of one call
