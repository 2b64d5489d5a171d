"""The path of a message, from the caller's words to the receipt. It describes I/O and performs none."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from messaging_channels._inbound.webhooks import Reports
from messaging_channels._model import errors
from messaging_channels._model.outcomes import Kind, Outcome, Reason
from messaging_channels._model.receipts import Attempt, Receipt, Skipped
from messaging_channels._sending.attempt import Evidence, Limit, Turn, attempt, shared
from messaging_channels._sending.decision import Ask, Stop
from messaging_channels._sending.envelopes import Addressing
from messaging_channels._sending.provider_selection import Choosing
from messaging_channels._sending.recorder import AttemptRecorder, adopted, known
from messaging_channels._sending.send_state import Journey, Known, Queued, Terms
from messaging_channels.messages import fingerprint
from messaging_channels.plugins.exchange import AtOnce, Flow, Share, Timeouts, Wait, ask
from messaging_channels.plugins.ledger import Find
from messaging_channels.plugins.observer import Observer, tell
from messaging_channels.plugins.provider import Envelope, KeepsCompany, LimitsRates, Provider
from messaging_channels.policies.checks import Veto, vetoed
from messaging_channels.policies.circuit_breaker import Health
from messaging_channels.policies.rate_limiter import Pacer

if TYPE_CHECKING:
    from messaging_channels._model.rate_limit import Rate
    from messaging_channels._sending.attempt import End
    from messaging_channels.messages import Message
    from messaging_channels.plugins.ledger import Record
    from messaging_channels.policies.checks import Veto


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Everything a message meets on its way. One serves all threads and tasks."""

    addressing: Addressing
    choosing: Choosing
    observer: Observer | None
    recorder: AttemptRecorder
    reports: Reports
    vetoes: Sequence[Veto]
    rates: Mapping[str, Rate]
    """By provider: for each account and sender."""
    clock: Callable[[], float]
    """Seconds since the epoch, UTC."""
    chance: Callable[[], float]
    """From 0 to 1."""
    timeouts: Timeouts
    """The transport's own, which a deadline may shorten."""
    health: Health = field(default_factory=Health)
    pacer: Pacer = field(default_factory=Pacer)

    def send(self, message: Message, to: Any, terms: Terms) -> Flow[Receipt]:  # noqa: ANN401  resolvers take anything
        """Send one message to one recipient. See `Dispatcher.send`."""
        journey = yield from self.prepared(message, to, terms)
        while not journey.done:
            if isinstance(journey.step, Ask):
                yield from self.asked([journey], journey.step.provider)
            else:
                yield from self.advanced([journey])
        return journey.told()

    def prepared(
        self,
        message: Message,
        to: Any,  # noqa: ANN401  resolvers take anything
        terms: Terms,
        *,
        one_of_many: bool = False,
    ) -> Flow[Journey]:
        """Find out whom it is for and who may send it, and whether it may be sent. Nothing is written down yet.

        For one of many the idempotency key stands for the whole call: each address has a key of its own under it.
        """
        if isinstance(to, str) and self.asks_nothing(terms):
            return self.started(message, to, terms)
        envelope, account = yield from self.addressing.envelope(message, to, self.clock())
        journey = self._journey(envelope, account, terms, self.clock())
        journey.one_of_many = one_of_many
        if terms.idempotency_key is None or not (yield from self._was_known(journey)):
            yield from self._allowed(journey)
            journey.step = self._first(journey)
        return journey

    def asks_nothing(self, terms: Terms) -> bool:
        """Whether there is neither a key nor a rule to be asked for, as most often."""
        return terms.idempotency_key is None and not self.vetoes

    def started(self, message: Message, to: str, terms: Terms) -> Journey:
        """Do as `prepared`, at once: for an address in text, where it asks nothing."""
        now = self.clock()
        journey = self._journey(self.addressing.addressed(message, to, now), None, terms, now)
        journey.step = self._first(journey)
        return journey

    def _journey(self, envelope: Envelope, account: str | None, terms: Terms, now: float) -> Journey:
        choice = self.choosing.choice(envelope, account)
        return Journey(envelope, account, choice, choice.providers, choice.skipped, terms, now)

    def _was_known(self, journey: Journey) -> Flow[bool]:
        """Look for the record that holds its key."""
        envelope = journey.envelope
        if journey.one_of_many:
            journey.terms = journey.terms.for_one(envelope.channel, envelope.to.plain)
        terms = journey.terms
        journey.fingerprint = fingerprint(envelope.message, envelope.to.plain, journey.account)
        record = yield from ask(Find(scope=terms.scope, idempotency_key=terms.idempotency_key))
        if record is None or record.expires <= journey.started:
            return False
        journey.step = known(record)
        return True

    def taken_up(
        self, envelope: Envelope, account: str | None, terms: Terms, queued: Queued, holder: str
    ) -> Flow[Journey]:
        """Set a message that waited on its way. Its record is there; `holder` has claimed it."""
        journey = self._journey(envelope, account, terms, self.clock())
        journey.queued, journey.holder, journey.recorded = queued, holder, True
        journey.number = queued.earlier + 1
        yield from self._allowed(journey)
        journey.step = self._first(journey)
        return journey

    def resumed(self, journey: Journey, record: Record) -> Flow[None]:
        """Decide what a call does whose idempotency key is taken: replay the answer, refuse, or take the message up again.

        Raises:
            IdempotencyKeyReused: the key stands for another message or recipient.
            IdempotencyInProgress: an earlier call has not ended.
            Vetoed: it would be taken up again, and a rule forbids it.
        """
        record = yield from self.recorder.ended(journey, record, self.clock)
        if record.outcome is Kind.UNKNOWN:
            record = yield from self.reports.looked_up(record, journey.envelope.to)
        if adopted(journey, record):
            yield from self._allowed(journey)
            journey.step = self._first(journey)
            yield from self.recorder.taken(journey, record, self.clock())

    def _allowed(self, journey: Journey) -> Flow[None]:
        for veto in self.vetoes:
            yield from vetoed(veto, journey.envelope, journey.account)

    def advanced(self, journeys: Sequence[Journey]) -> Flow[None]:
        """Take the next step with each of them; those for one provider and account go together, as its batches."""
        groups: dict[tuple[str | None, str], list[Journey]] = {}
        for journey in journeys:
            step = journey.step
            if isinstance(step, Ask):
                groups.setdefault((journey.account, step.provider), []).append(journey)
            elif isinstance(step, Known):
                try:
                    yield from self.resumed(journey, step.record)
                except errors.MessagingError as error:
                    journey.error = error
        for (_, name), group in groups.items():
            yield from self.asked(group, name)

    def asked(self, group: Sequence[Journey], name: str) -> Flow[None]:
        """Ask one provider about messages of one account, each when its time has come: write the intent down, ask, write down how it ended."""
        provider, entered = group[0].providers[name], self.clock()
        waiting, seen = self._paced(group, provider, entered), entered
        if waiting and len(group) == 1 and waiting[0].due <= entered and not self.health.any:
            return (yield from self._round(group, provider, entered, 0.0))  # the usual case
        while waiting:
            now = self.clock()
            if now < seen:  # it was set back: nobody waits for it
                for journey in waiting:
                    journey.due += now - seen
                entered += now - seen
            seen = now
            if waiting[0].due > now + _SHORTEST:
                yield from ask(Wait(waiting[0].due - now))
                continue
            rounds = self._rounds(waiting, provider, now, entered)
            if len(rounds) == 1:
                yield from rounds[0]
            elif rounds:
                yield from ask(AtOnce(rounds))
        if self._keeps(group):
            given_up = [
                journey for journey in group if journey.done and journey.attempts and journey.retry_after
            ]
            yield from self.recorder.finished(given_up, self.clock())

    def _rounds(
        self, waiting: list[Journey], provider: Provider, now: float, entered: float
    ) -> Sequence[Flow[None]]:
        """Take what is due out of those that wait, by the provider's batches: some at once, but one by one where something failed lately.

        A worker has lanes for that; of each of them a crash should leave no more than one batch unknown.
        """
        rounds: list[Flow[None]] = []
        most = 1 if self.health.any or waiting[0].queued else _AT_ONCE
        soon = now + _SHORTEST
        while waiting and len(rounds) < most and waiting[0].due <= soon:
            part = waiting[: provider.capabilities.batch]
            if part[-1].due > soon:
                part = [journey for journey in part if journey.due <= soon]
            del waiting[: len(part)]
            if not self.health.any or self._claimed(part[0], provider, now):
                rounds.append(self._round(part, provider, now, max(0.0, part[-1].due - entered)))
                continue
            for journey in part:
                journey.skip(provider.name, "rests after failures", journey.choice.route.rest.seconds)
        return rounds

    def _claimed(self, journey: Journey, provider: Provider, now: float) -> bool:
        return self.health.claim((journey.account, provider.name), journey.choice.route.rest, now)

    def _round(self, part: Sequence[Journey], provider: Provider, now: float, waited: float) -> Flow[None]:
        attempted = self._recorded if self._keeps(part) else self._attempted
        return attempted(part, provider, now, waited)

    def _recorded(self, part: Sequence[Journey], provider: Provider, now: float, waited: float) -> Flow[None]:
        part = yield from self.recorder.begun(part, provider, now, waited)
        if part:
            until = self.recorder.held_until(part, now)
            yield from self._attempted(part, provider, now, waited, until)
            yield from self.recorder.finished(part, self.clock())

    def _attempted(
        self,
        part: Sequence[Journey],
        provider: Provider,
        started: float,
        waited: float,
        until: float = inf,
    ) -> Flow[None]:
        evidence = Evidence()
        try:
            ends = yield from self._ends(part, provider, evidence, until)
        except GeneratorExit:  # the driver is gone: nothing can be written, and the record stays open
            raise
        except BaseException:
            reason = Reason.CANCELLED if evidence.may_have_been_sent else Reason.LOCAL
            self._ended(part, provider, [Outcome.of(reason, _GONE)] * len(part), started, waited)
            yield from self.recorder.finished(part, self.clock())
            raise
        self._ended(part, provider, ends, started, waited)

    def _keeps(self, group: Sequence[Journey]) -> bool:
        """Whether such messages are recorded: all of a group or none, since they have the same terms."""
        return self.recorder.options.everything or group[0].terms.idempotency_key is not None

    def _ends(
        self, part: Sequence[Journey], provider: Provider, evidence: Evidence, until: float
    ) -> Flow[Sequence[End]]:
        """Ask, together with other callers where the provider takes batches and nobody is in a hurry."""
        first, deadline = part[0], part[0].terms.deadline
        if len(part) == 1 and deadline is None and provider.capabilities.batch > 1:
            company = _company(provider, first.envelope)
            if company is not None:
                evidence.may_have_been_sent = True  # it may go out in another caller's request
                return self._end_in_company(first, provider, company, until)
        limit = None
        if deadline is not None:
            limit = Limit(max(first.started + deadline - self.clock(), _SHORTEST), self.timeouts)
        batch = [one.envelope for one in part]
        late = None if until == inf else lambda: self.clock() >= until
        return attempt(provider, batch, limit=limit, evidence=evidence, late=late)

    def _end_in_company(
        self, journey: Journey, provider: Provider, company: Hashable, until: float
    ) -> Flow[Sequence[End]]:
        end: End = yield Share(
            (journey.account, provider.name, company),
            Turn(journey.envelope, until),
            provider.capabilities.batch,
            lambda turns: shared(provider, turns, self.clock),
        )
        return (end,)

    def _ended(
        self,
        part: Sequence[Journey],
        provider: Provider,
        ends: Sequence[End],
        started: float,
        waited: float,
    ) -> None:
        """Record an attempt of each, and decide what follows. What only the first may raise is, after another attempt, a part of the record."""
        now, name, observer = self.clock(), provider.name, self.observer
        duration = now - started
        for journey, end in zip(part, ends, strict=True):
            if not isinstance(end, Outcome):
                if not journey.attempts and not journey.queued:
                    journey.error = end
                    continue
                end = Outcome.of(Reason.LOCAL, str(end))  # noqa: PLW2901
            account, channel = journey.account, journey.envelope.channel
            attempt = Attempt(
                journey.id, channel, name, account, end, started, duration, journey.number, waited
            )
            if end.reason is not _ACCEPTED or self.health.any:
                self.health.ended((account, name), end.reason, journey.choice.route.rest, now)
            journey.advance(attempt, now, self.chance)
            if observer is not None:
                tell(observer.attempt_finished, attempt)

    def _paced(self, group: Sequence[Journey], provider: Provider, now: float) -> list[Journey]:
        """Give each its place under the rates; return them as they are due, the first first."""
        waiting: list[Journey] = []
        name, rate = provider.name, self.rates.get(provider.name)
        # asking the protocol itself (isinstance) takes ten times as long
        named: LimitsRates | None = provider if hasattr(provider, "limits") else None  # type: ignore[assignment]
        for journey in group:
            step = journey.step
            due = now + step.wait if isinstance(step, Ask) else now
            own = named.limits(journey.envelope) if named is not None else ()
            if own or rate is not None:
                limits = _limits(journey, name, own, rate)
                taken, pace = self.pacer.reserve(limits, due, journey.patience(now) - (due - now))
                if not taken:
                    journey.skip(name, "its rate leaves no place in time", pace)
                    continue
                due += pace
            journey.due = due
            waiting.append(journey)
        return waiting if len(waiting) == 1 else sorted(waiting, key=attrgetter("due"))

    def _first(self, journey: Journey) -> Ask | Stop:
        """Choose who is asked first: the first that does not rest; if all of them rest, the one that may be probed."""
        if not self.health.any:
            return journey.choice.first
        now = self.clock()
        route, keys = journey.choice.route, [(journey.account, name) for name in journey.providers]
        awake = [key for key in keys if not self.health.rests(key, now)]
        if not awake:
            key, wait = self.health.probe(keys, route.rest, now)
            if key is None:
                journey.retry_after = wait
                return Stop("every provider rests after failures")
            awake = [key]
        resting = [name for account, name in keys if (account, name) not in awake]
        journey.skipped += tuple(Skipped(name, "rests after failures") for name in resting)
        journey.providers = {name: one for name, one in journey.providers.items() if name not in resting}
        return Ask(next(iter(journey.providers)))


def _limits(
    journey: Journey, name: str, own: Sequence[tuple[Hashable, Rate]], rate: Rate | None
) -> list[tuple[Hashable, Rate]]:
    """Return what a message counts against: the provider's own rates, and that of its sender."""
    limits: list[tuple[Hashable, Rate]] = [((journey.account, name, key), one) for key, one in own]
    if rate is not None:
        sender = getattr(journey.envelope.message, "sender", None)
        limits.append(((journey.account, name, "sender", str(sender)), rate))
    return limits


def _company(provider: Provider, envelope: Envelope) -> Hashable | None:
    """Return with which other messages this one may share a request, None if with none."""
    able: KeepsCompany | None = provider if hasattr(provider, "company") else None  # type: ignore[assignment]
    return "" if able is None else able.company(envelope)


_ACCEPTED = Reason.ACCEPTED  # to find a member takes Python 3.11 0.2 µs
_GONE = "the caller stopped waiting"
_AT_ONCE = 4
"""How many batches of one call are under way at once."""
_SHORTEST = 0.001
"""Seconds that do not count: so much an exchange is given although the deadline has just passed."""
