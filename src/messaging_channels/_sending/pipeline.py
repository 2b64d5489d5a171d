"""The path of a message, from the caller's words to the receipt. It describes I/O and performs none."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import inf
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from messaging_channels._inbound.webhooks import Reports
from messaging_channels._model import errors
from messaging_channels._model.outcomes import AttemptResult, Outcome, Reason
from messaging_channels._model.receipts import Attempt, Receipt
from messaging_channels._sending.attempt import (
    PendingEnvelope,
    SentFlag,
    TimeBudget,
    attempt_batch,
    attempt_coalesced,
    warn_if_misdirected,
)
from messaging_channels._sending.check_runner import ask_checks, ask_consent, finish_checks
from messaging_channels._sending.decision import TryProvider
from messaging_channels._sending.envelopes import EnvelopeBuilder
from messaging_channels._sending.first_candidate import first_candidate
from messaging_channels._sending.grouping import applicable_rate_limits, batch_key
from messaging_channels._sending.provider_selection import ProviderSelector
from messaging_channels._sending.recorder import AttemptRecorder, existing_record, resume_from
from messaging_channels._sending.send_state import (
    ExistingRecord,
    QueueContext,
    SendOptions,
    SendState,
    attempt_result,
)
from messaging_channels._sending.shared_places import MAX_LATENESS, take_shared_places
from messaging_channels.messages import fingerprint
from messaging_channels.plugins.exchange import Coalesce, Flow, Gather, Sleep, Timeouts, ask
from messaging_channels.plugins.ledger import GetMessage
from messaging_channels.plugins.observer import Observer, notify
from messaging_channels.plugins.provider import Envelope, Provider, SupportsRateLimits
from messaging_channels.policies.checks import PreSendCheck
from messaging_channels.policies.circuit_breaker import CircuitBreakers
from messaging_channels.policies.rate_limiter import RateLimiter

if TYPE_CHECKING:
    from messaging_channels._model.rate_limit import RateLimit
    from messaging_channels._sending.attempt import AttemptEnd
    from messaging_channels.messages import Message
    from messaging_channels.plugins.ledger import MessageRecord
    from messaging_channels.policies.shared_limits import SharedLimits, TakenPlaces


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

    def send(self, message: Message, to: Any, options: SendOptions) -> Flow[Receipt]:  # noqa: ANN401  resolvers take anything
        """Send one message to one recipient. See `Dispatcher.send`."""
        state = yield from self.prepare(message, to, options)
        while not state.is_done:
            if isinstance(state.step, TryProvider):
                yield from self.send_group([state], state.step.provider)
            else:
                yield from self.step([state])
        if not state.attempts:
            yield from self.recorder.record_unsent([state], self.clock())
        return state.result()

    def prepare(
        self,
        message: Message,
        to: Any,  # noqa: ANN401  resolvers take anything
        options: SendOptions,
        *,
        one_of_many: bool = False,
    ) -> Flow[SendState]:
        """Find out whom it is for and who may send it, and whether it may be sent. Nothing is written down yet.

        For one of many the idempotency key stands for the whole call: each address has a key of its own under it.
        """
        if isinstance(to, str) and self.is_fast(options):
            return self.prepare_fast(message, to, options)
        envelope, account = yield from self.envelopes.build(message, to, self.clock())
        state = self._new_state(envelope, account, options, self.clock())
        state.is_bulk = one_of_many
        if options.idempotency_key is None or not (yield from self._find_existing(state)):
            yield from self._run_checks(state)
            state.step = first_candidate(state, self.circuits, self.clock)
            if state.is_done:
                finish_checks(self.checks, [state])
        return state

    def is_fast(self, options: SendOptions) -> bool:
        """Whether there is neither a key nor a rule to be asked for, as most often."""
        consent = self.recorder.consent
        return (
            options.idempotency_key is None
            and not self.checks
            and not (consent is not None and consent.asks_unrecorded)
        )

    def prepare_fast(self, message: Message, to: str, options: SendOptions) -> SendState:
        """Do as `prepared`, at once: for an address in text, where it asks nothing."""
        now = self.clock()
        state = self._new_state(self.envelopes.build_for_address(message, to, now), None, options, now)
        state.step = first_candidate(state, self.circuits, self.clock)
        return state

    def _new_state(
        self, envelope: Envelope, account: str | None, terms: SendOptions, now: float
    ) -> SendState:
        choice = self.selector.select(envelope, account)
        return SendState(envelope, account, choice, choice.providers, choice.skipped, terms, now)

    def _find_existing(self, state: SendState) -> Flow[bool]:
        """Look for the record that holds its key."""
        envelope = state.envelope
        if state.is_bulk:
            state.options = state.options.for_recipient(envelope.channel, envelope.to.plain)
        terms = state.options
        state.fingerprint = fingerprint(envelope.message, envelope.to.plain, state.account)
        record = yield from ask(GetMessage(scope=terms.scope, idempotency_key=terms.idempotency_key))
        if record is None or record.expires <= state.started_at:
            return False
        state.step = existing_record(record)
        return True

    def prepare_queued(
        self, envelope: Envelope, account: str | None, options: SendOptions, queued: QueueContext, holder: str
    ) -> Flow[SendState]:
        """Set a message that waited on its way. Its record is there; `holder` has claimed it."""
        state = self._new_state(envelope, account, options, self.clock())
        state.queue_context, state.lease_owner, state.is_recorded = queued, holder, True
        state.next_attempt_number = queued.earlier_attempts + 1
        yield from self._run_checks(state)
        state.step = first_candidate(state, self.circuits, self.clock)
        if state.is_done:
            finish_checks(self.checks, [state])
        return state

    def resume(self, state: SendState, record: MessageRecord) -> Flow[None]:
        """Decide what a call does whose idempotency key is taken: replay the answer, refuse, or take the message up again.

        Raises:
            IdempotencyKeyReused: the key stands for another message or recipient.
            IdempotencyKeyInUse: an earlier call has not ended.
            MessageBlocked: it would be taken up again, and a rule forbids it.
        """
        record = yield from self.recorder.wait_for_existing(state, record, self.clock)
        if record.outcome is Outcome.UNKNOWN:
            record = yield from self.reports.look_up(record, state.envelope.to)
        if resume_from(state, record):
            yield from self._run_checks(state)
            state.step = first_candidate(state, self.circuits, self.clock)
            yield from self.recorder.take_over(state, record, self.clock())

    def _run_checks(self, state: SendState) -> Flow[None]:
        yield from ask_checks(self.checks, state)
        consent = self.recorder.consent
        if consent is not None and consent.asks_unrecorded and not self._records([state]):
            yield from ask_consent(self.checks, state, consent, self.clock())

    def step(self, states: Sequence[SendState]) -> Flow[None]:
        """Take the next step with each of them; those for one provider and account go together, as its batches."""
        groups: dict[tuple[str | None, str], list[SendState]] = {}
        for state in states:
            step = state.step
            if isinstance(step, TryProvider):
                groups.setdefault((state.account, step.provider), []).append(state)
            elif isinstance(step, ExistingRecord):
                try:
                    yield from self.resume(state, step.record)
                except errors.MessagingError as error:
                    state.error = error
                if state.is_done:
                    finish_checks(self.checks, [state])
        for (_, name), group in groups.items():
            yield from self.send_group(group, name)

    def send_group(self, group: Sequence[SendState], name: str) -> Flow[None]:
        """Ask one provider about messages of one account, and tell the rules of those that are done."""
        limiter: RateLimiter | TakenPlaces | None = self.limiter
        if self.shared is not None:
            limits_of = partial(self._limits_of, group[0].providers[name])
            limiter = yield from take_shared_places(
                self.shared, group, name, limits_of, self.clock(), self.limiter
            )
        if limiter is not None:
            yield from self._send_group(group, name, limiter)
        if self.checks:
            finish_checks(self.checks, [one for one in group if one.is_done])

    def _send_group(
        self, group: Sequence[SendState], name: str, limiter: RateLimiter | TakenPlaces
    ) -> Flow[None]:
        """Ask one provider about messages of one account, each when its time has come: write the intent down, ask, write down how it ended."""
        provider, entered = group[0].providers[name], self.clock()
        waiting, seen = self._wait_for_rate_limits(group, provider, entered, limiter), entered
        if (
            waiting
            and len(group) == 1
            and waiting[0].not_before <= entered
            and not self.circuits.any_failures
        ):
            return (yield from self._send_batch(group, provider, entered, 0.0))  # the usual case
        while waiting:
            now = self.clock()
            if now < seen:  # it was set back: nobody waits for it
                for state in waiting:
                    state.not_before += now - seen
                entered += now - seen
            seen = now
            if self.shared is not None and waiting[0].not_before < now - MAX_LATENESS:
                waiting = yield from self._renew_places(self.shared, waiting, provider, now)
                if not waiting:
                    break
            if waiting[0].not_before > now + _MIN_SECONDS:
                yield from ask(Sleep(waiting[0].not_before - now))
                continue
            rounds = self._due_batches(waiting, provider, now, entered)
            if len(rounds) == 1:
                yield from rounds[0]
            elif rounds:
                yield from ask(Gather(rounds))
        if self._records(group):
            given_up = [state for state in group if state.is_done and state.attempts and state.retry_after]
            yield from self.recorder.finish(given_up, self.clock())

    def _renew_places(
        self, shared: SharedLimits, waiting: list[SendState], provider: Provider, now: float
    ) -> Flow[list[SendState]]:
        """Take new places for those that come too late for theirs: others use the time by now."""
        limits_of = partial(self._limits_of, provider)
        late = [one for one in waiting if one.not_before < now - MAX_LATENESS and limits_of(one)]
        if not late:
            return waiting
        limiter = yield from take_shared_places(shared, late, provider.name, limits_of, now, self.limiter)
        again = [] if limiter is None else self._wait_for_rate_limits(late, provider, now, limiter)
        rest = [one for one in waiting if one not in late]
        return sorted([*rest, *again], key=attrgetter("not_before"))

    def _due_batches(
        self, waiting: list[SendState], provider: Provider, now: float, entered: float
    ) -> Sequence[Flow[None]]:
        """Take what is due out of those that wait, by the provider's batches: some at once, but one by one where something failed lately.

        A worker has lanes for that; of each of them a crash should leave no more than one batch unknown.
        """
        rounds: list[Flow[None]] = []
        most = 1 if self.circuits.any_failures or waiting[0].queue_context else _MAX_CONCURRENT_BATCHES
        soon = now + _MIN_SECONDS
        while waiting and len(rounds) < most and waiting[0].not_before <= soon:
            part = waiting[: provider.capabilities.max_batch_size]
            if part[-1].not_before > soon:
                part = [state for state in part if state.not_before <= soon]
            del waiting[: len(part)]
            if not self.circuits.any_failures or self._try_acquire(part[0], provider, now):
                rounds.append(self._send_batch(part, provider, now, max(0.0, part[-1].not_before - entered)))
                continue
            for state in part:
                state.skip_provider(
                    provider.name,
                    "circuit open after failures",
                    state.selection.route.circuit_breaker.reset_timeout,
                )
        return rounds

    def _try_acquire(self, state: SendState, provider: Provider, now: float) -> bool:
        return self.circuits.try_acquire(
            (state.account, provider.name), state.selection.route.circuit_breaker, now
        )

    def _send_batch(
        self, part: Sequence[SendState], provider: Provider, now: float, waited: float
    ) -> Flow[None]:
        attempted = self._send_recorded if self._records(part) else self._send_unrecorded
        return attempted(part, provider, now, waited)

    def _send_recorded(
        self, part: Sequence[SendState], provider: Provider, now: float, waited: float
    ) -> Flow[None]:
        part = yield from self.recorder.start(part, provider, now, waited)
        if part:
            until = self.recorder.leased_until(part, now)
            yield from self._send_unrecorded(part, provider, now, waited, until)
            yield from self.recorder.finish(part, self.clock())

    def _send_unrecorded(
        self,
        part: Sequence[SendState],
        provider: Provider,
        started: float,
        waited: float,
        until: float = inf,
    ) -> Flow[None]:
        evidence = SentFlag()
        try:
            ends = yield from self._results(part, provider, evidence, until)
        except GeneratorExit:  # the driver is gone: nothing can be written, and the record stays open
            raise
        except BaseException:
            reason = Reason.CANCELLED if evidence.may_have_been_sent else Reason.INTERNAL_ERROR
            self._apply_results(
                part,
                provider,
                [AttemptResult.of(reason, "the caller stopped waiting")] * len(part),
                started,
                waited,
            )
            yield from self.recorder.finish(part, self.clock())
            raise
        self._apply_results(part, provider, ends, started, waited)

    def _records(self, group: Sequence[SendState]) -> bool:
        """Whether such messages are recorded: all of a group or none, since they have the same terms."""
        return self.recorder.options.record_all or group[0].options.idempotency_key is not None

    def _results(
        self, part: Sequence[SendState], provider: Provider, evidence: SentFlag, until: float
    ) -> Flow[Sequence[AttemptEnd]]:
        """Ask, together with other callers where the provider takes batches and nobody is in a hurry."""
        first, deadline = part[0], part[0].options.timeout
        if len(part) == 1 and deadline is None and provider.capabilities.max_batch_size > 1:
            company = batch_key(provider, first.envelope)
            if company is not None:
                evidence.may_have_been_sent = True  # it may go out in another caller's request
                return self._coalesced(first, provider, company, until)
        limit = None
        if deadline is not None:
            limit = TimeBudget(first.started_at + deadline, self.clock, self.timeouts)
        batch = [one.envelope for one in part]
        late = None if until == inf else lambda: self.clock() >= until
        return attempt_batch(provider, batch, budget=limit, sent_flag=evidence, is_expired=late)

    def _coalesced(
        self, state: SendState, provider: Provider, company: Hashable, until: float
    ) -> Flow[Sequence[AttemptEnd]]:
        end: AttemptEnd = yield Coalesce(
            (state.account, provider.name, company),
            PendingEnvelope(state.envelope, until),
            provider.capabilities.max_batch_size,
            lambda turns: attempt_coalesced(provider, turns, self.clock),
        )
        return (end,)

    def _apply_results(
        self,
        part: Sequence[SendState],
        provider: Provider,
        ends: Sequence[AttemptEnd],
        started: float,
        waited: float,
    ) -> None:
        """Record an attempt of each, and decide what follows. What only the first may raise is, after another attempt, a part of the record."""
        now, name, observer = self.clock(), provider.name, self.observer
        duration = now - started
        for state, end in zip(part, ends, strict=True):
            if not isinstance(end, AttemptResult) and state.pass_over(name, end, now, self.chance):
                continue
            end = attempt_result(end, is_queued=state.queue_context is not None)  # noqa: PLW2901
            account, channel = state.account, state.envelope.channel
            number = state.next_attempt_number
            attempt = Attempt(state.id, channel, name, account, end, started, duration, number, waited)
            if end.reason is not _ACCEPTED or self.circuits.any_failures:
                warn_if_misdirected(end, name)
                self.circuits.record((account, name), end.reason, state.selection.route.circuit_breaker, now)
            state.record_attempt(attempt, now, self.chance)
            if observer is not None:
                notify(observer.attempt_finished, attempt)

    def _wait_for_rate_limits(
        self, group: Sequence[SendState], provider: Provider, now: float, limiter: RateLimiter | TakenPlaces
    ) -> list[SendState]:
        """Give each its place under the rates; return them as they are due, the first first."""
        waiting: list[SendState] = []
        name = provider.name
        for state in group:
            step = state.step
            due = now + step.delay if isinstance(step, TryProvider) else now
            limits = self._limits_of(provider, state)
            if limits:
                taken, pace = limiter.reserve(limits, due, state.max_wait(now) - (due - now))
                if not taken:
                    state.skip_provider(name, "its rate leaves no place in time", pace)
                    continue
                due += pace
            state.not_before = due
            waiting.append(state)
        return waiting if len(waiting) == 1 else sorted(waiting, key=attrgetter("not_before"))

    def _limits_of(self, provider: Provider, state: SendState) -> Sequence[tuple[Hashable, RateLimit]]:
        rate = self.rate_limits.get(provider.name)
        # asking the protocol itself (isinstance) takes ten times as long
        named: SupportsRateLimits | None = provider if hasattr(provider, "rate_limits") else None  # type: ignore[assignment]
        own = named.rate_limits(state.envelope) if named is not None else ()
        return applicable_rate_limits(state, provider.name, own, rate) if own or rate is not None else ()


_ACCEPTED = Reason.ACCEPTED  # to find a member takes Python 3.11 0.2 µs
_MAX_CONCURRENT_BATCHES = 4  # of one call
_MIN_SECONDS = 0.001  # that do not count: so much an exchange is given although the deadline has just passed
