"""The path of a message, from the caller's words to the receipt. It describes I/O and performs none."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from messaging_channels import errors
from messaging_channels.addressing import Addressing
from messaging_channels.attempts import Evidence, Limit, Turn, attempt, shared
from messaging_channels.exchange import AtOnce, Flow, Share, Timeouts, Wait, ask
from messaging_channels.health import Health
from messaging_channels.journey import Journey, Known, Queued, Terms
from messaging_channels.ledger import Find
from messaging_channels.messages import fingerprint
from messaging_channels.observer import Observer, tell
from messaging_channels.outcomes import Kind, Outcome, Reason
from messaging_channels.pacing import Pacer
from messaging_channels.provider import Envelope, KeepsCompany, LimitsRates, Provider
from messaging_channels.receipts import Attempt, Receipt, Skipped
from messaging_channels.recording import Recording, adopted, known
from messaging_channels.reports import Reports
from messaging_channels.routing import ALWAYS, Ask, Route, Stop
from messaging_channels.vetoes import Veto, vetoed

if TYPE_CHECKING:
    from messaging_channels.attempts import End
    from messaging_channels.ledger import Record
    from messaging_channels.messages import Message
    from messaging_channels.rates import Rate
    from messaging_channels.vetoes import Veto

Accounts: TypeAlias = "Mapping[str | None, Mapping[str, Provider]]"


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Everything a message meets on its way. One serves all threads and tasks."""

    addressing: Addressing
    accounts: Accounts
    """The providers by name, under the account whose credentials they hold; None is the platform's own."""
    routes: Mapping[str, Route]
    """By channel name."""
    observer: Observer
    recording: Recording
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
        envelope, account = yield from self.addressing.envelope(message, to, self.clock())
        now = self.clock()
        if one_of_many:
            terms = terms.for_one(envelope.channel, envelope.to.plain)
        journey = self.routed(envelope, account, terms, now)
        journey.one_of_many = one_of_many
        if terms.idempotency_key is not None:
            journey.fingerprint = fingerprint(message, envelope.to.plain, account)
            record = yield from ask(Find(scope=terms.scope, idempotency_key=terms.idempotency_key))
            if record is not None and record.expires > now:
                journey.step = known(record)
                return journey
        yield from self._entered(journey)
        return journey

    def taken_up(
        self, envelope: Envelope, account: str | None, terms: Terms, queued: Queued, holder: str
    ) -> Flow[Journey]:
        """Set a message that waited on its way. Its record is there; `holder` has claimed it."""
        journey = self.routed(envelope, account, terms, self.clock())
        journey.queued, journey.holder, journey.recorded = queued, holder, True
        yield from self._entered(journey)
        return journey

    def resumed(self, journey: Journey, record: Record) -> Flow[None]:
        """Decide what a call does whose idempotency key is taken: replay the answer, refuse, or take the message up again.

        Raises:
            IdempotencyKeyReused: the key stands for another message or recipient.
            IdempotencyInProgress: an earlier call has not ended.
            Vetoed: it would be taken up again, and a rule forbids it.
        """
        record = yield from self.recording.ended(journey, record, self.clock)
        if record.outcome is Kind.UNKNOWN:
            record = yield from self.reports.looked_up(record, journey.envelope.to)
        if adopted(journey, record):
            yield from self._entered(journey)
            yield from self.recording.taken(journey, record, self.clock())

    def _entered(self, journey: Journey) -> Flow[None]:
        """Ask the rules, and choose who is asked first."""
        for veto in self.vetoes:
            yield from vetoed(veto, journey.envelope, journey.account)
        journey.step = self._first(journey, self.clock())

    def advanced(self, journeys: Sequence[Journey]) -> Flow[None]:
        """Take the next step with each of them; those for one provider and account go together, as its batches."""
        groups: dict[tuple[str | None, str], list[Journey]] = {}
        for journey in journeys:
            if isinstance(journey.step, Ask):
                groups.setdefault((journey.account, journey.step.provider), []).append(journey)
            elif isinstance(journey.step, Known):
                try:
                    yield from self.resumed(journey, journey.step.record)
                except errors.MessagingError as error:
                    journey.error = error
        for (_, name), group in groups.items():
            yield from self.asked(group, name)

    def asked(self, group: Sequence[Journey], name: str) -> Flow[None]:
        """Ask one provider about messages of one account, each when its time has come: write the intent down, ask, write down how it ended."""
        provider, entered = group[0].providers[name], self.clock()
        waiting, seen = self._paced(group, provider, entered), entered
        while waiting:
            now = self.clock()
            if now < seen:  # it was set back: nobody waits for it
                waiting = [(due + now - seen, journey) for due, journey in waiting]
                entered += now - seen
            seen = now
            if waiting[0][0] > now + _SHORTEST:
                yield from ask(Wait(waiting[0][0] - now))
                continue
            rounds = self._rounds(waiting, provider, now, entered)
            if len(rounds) == 1:
                yield from rounds[0]
            elif rounds:
                yield from ask(AtOnce(rounds))
        if self._keeps(group[0]):
            given_up = [
                journey for journey in group if journey.done and journey.attempts and journey.retry_after
            ]
            yield from self.recording.finished(given_up, self.clock())

    def _rounds(
        self, waiting: list[tuple[float, Journey]], provider: Provider, now: float, entered: float
    ) -> Sequence[Flow[None]]:
        """Take what is due out of those that wait, by the provider's batches: some at once, but one by one where something failed lately.

        A worker has lanes for that; of each of them a crash should leave no more than one batch unknown.
        """
        rounds: list[Flow[None]] = []
        most = 1 if self.health.any or waiting[0][1].queued else _AT_ONCE
        while waiting and len(rounds) < most:
            ready = [pair for pair in waiting[: provider.capabilities.batch] if pair[0] <= now + _SHORTEST]
            if not ready:
                break
            part = [journey for _, journey in ready]
            del waiting[: len(ready)]
            if self.health.claim((part[0].account, provider.name), part[0].route.rest, now):
                rounds.append(self._round(part, provider, now, max(0.0, ready[-1][0] - entered)))
                continue
            for journey in part:
                journey.skip(provider.name, "rests after failures", journey.route.rest.seconds)
        return rounds

    def _round(self, part: Sequence[Journey], provider: Provider, now: float, waited: float) -> Flow[None]:
        if self._keeps(part[0]):
            part = yield from self.recording.begun(part, provider, now, waited)
        if part:
            yield from self._attempted(part, provider, now, waited)

    def _attempted(
        self, part: Sequence[Journey], provider: Provider, started: float, waited: float
    ) -> Flow[None]:
        evidence = Evidence()
        try:
            until = self.recording.held_until(part, started)
            ends = yield from self._ends(part, provider, evidence, until)
        except (
            GeneratorExit
        ):  # the driver is gone: nothing can be written any more, and the record stays open
            raise
        except BaseException:
            reason = Reason.CANCELLED if evidence.may_have_been_sent else Reason.LOCAL
            for journey in part:
                self._ended(
                    journey, provider, Outcome.of(reason, "the caller stopped waiting"), started, waited
                )
            yield from self.recording.finished(part, self.clock())
            raise
        for journey, end in zip(part, ends, strict=True):
            self._ended(journey, provider, end, started, waited)
        if self._keeps(part[0]):
            yield from self.recording.finished(part, self.clock())

    def _keeps(self, journey: Journey) -> bool:
        """Whether such messages are recorded: all of a group or none, since they have the same terms."""
        return self.recording.everything or journey.terms.idempotency_key is not None

    def _ends(
        self, part: Sequence[Journey], provider: Provider, evidence: Evidence, until: float
    ) -> Flow[Sequence[End]]:
        """Ask, together with other callers where the provider takes batches and nobody is in a hurry."""
        first = part[0]
        most = provider.capabilities.batch
        alone = len(part) > 1 or most == 1 or first.terms.deadline is not None
        company = None if alone else _company(provider, first.envelope)
        if company is not None:
            evidence.may_have_been_sent = True  # it may go out in another caller's request
            end: End = yield Share(
                (first.account, provider.name, company),
                Turn(first.envelope, until),
                most,
                lambda turns: shared(provider, turns, self.clock),
            )
            return (end,)
        limit = None
        if first.terms.deadline is not None:
            left = first.started + first.terms.deadline - self.clock()
            limit = Limit(max(left, _SHORTEST), self.timeouts)
        batch = [one.envelope for one in part]
        return (
            yield from attempt(
                provider, batch, limit=limit, evidence=evidence, late=lambda: self.clock() >= until
            )
        )

    def _ended(self, journey: Journey, provider: Provider, end: End, started: float, waited: float) -> None:
        """Record an attempt, and decide what follows. What only the first may raise is, after another attempt, a part of the record."""
        if not isinstance(end, Outcome):
            if not journey.attempts and not journey.queued:
                journey.error = end
                return
            end = Outcome.of(Reason.LOCAL, str(end))
        now = self.clock()
        envelope = journey.envelope
        record = Attempt(
            journey.id,
            envelope.channel,
            provider.name,
            journey.account,
            end,
            started,
            now - started,
            journey.number,
            waited,
        )
        journey.attempts.append(record)
        self.health.ended((journey.account, provider.name), end.reason, journey.route.rest, now)
        journey.advance(now, self.chance())
        tell(self.observer.attempt_finished, record)

    def _paced(self, group: Sequence[Journey], provider: Provider, now: float) -> list[tuple[float, Journey]]:
        """Give each its place under the rates; return when each is due, the first first."""
        waiting: list[tuple[float, Journey]] = []
        paced = bool(self.rates) or hasattr(provider, "limits")
        for journey in group:
            step = journey.step
            wait = step.wait if isinstance(step, Ask) else 0.0
            limits = self._limits(journey, provider) if paced else None
            if limits:
                taken, pace = self.pacer.reserve(limits, now + wait, journey.patience(now) - wait)
                if not taken:
                    journey.skip(provider.name, "its rate leaves no place in time", pace)
                    continue
                wait += pace
            waiting.append((now + wait, journey))
        return waiting if len(waiting) == 1 else sorted(waiting, key=lambda pair: pair[0])

    def _limits(self, journey: Journey, provider: Provider) -> list[tuple[Hashable, Rate]]:
        envelope, account, name = journey.envelope, journey.account, provider.name
        named: LimitsRates | None = provider if hasattr(provider, "limits") else None  # type: ignore[assignment]
        own = named.limits(envelope) if named is not None else ()
        limits: list[tuple[Hashable, Rate]] = [((account, name, key), rate) for key, rate in own]
        if name in self.rates:
            sender = getattr(envelope.message, "sender", None)
            limits.append(((account, name, "sender", str(sender)), self.rates[name]))
        return limits

    def _first(self, journey: Journey, now: float) -> Ask | Stop:
        """Choose who is asked first: the first that does not rest; if all of them rest, the one that may be probed."""
        if not self.health.any:
            return Ask(next(iter(journey.providers)))
        route, keys = journey.route, [(journey.account, name) for name in journey.providers]
        awake = [key for key in keys if not self.health.rests(key, now)]
        if not awake:
            key, wait = self.health.probe(keys, route.rest, now)
            if key is None:
                journey.retry_after = wait
                return Stop("every provider rests after failures")
            awake = [key]
        resting = [name for account, name in keys if (account, name) not in awake]
        journey.skipped += [Skipped(name, "rests after failures") for name in resting]
        journey.providers = {name: one for name, one in journey.providers.items() if name not in resting}
        return Ask(next(iter(journey.providers)))

    def routed(self, envelope: Envelope, account: str | None, terms: Terms, now: float) -> Journey:
        """Find who may send it.

        Raises:
            NoRoute: the channel has none, or no provider of it is for such a message.
            UnknownAccount: none of them has credentials for the account.
            Unsupported: none of them carries the message.
        """
        route = self.routes.get(envelope.channel)
        if route is None:
            raise errors.NoRoute(envelope.channel)
        held = self.accounts.get(account, {})
        able: dict[str, Provider] = {}
        skipped: list[Skipped] = []
        lacking = None
        for step in route.ordered(self.chance):
            provider = held.get(step.provider)
            if provider is None:
                continue
            lack = provider.capabilities.unsupported(envelope.message)
            if lack is not None:
                lacking = lacking or errors.Unsupported(
                    lack, provider=provider.name, remedy="leave it out, or route to one that does"
                )
                skipped.append(Skipped(provider.name, f"does not carry {lack}"))
            elif step.when is not ALWAYS and not step.when.fits(envelope, account):
                skipped.append(Skipped(provider.name, "is not for such a message"))
            else:
                able[provider.name] = provider
        _require_heard(envelope.message, able)
        if not able and not skipped:
            raise errors.UnknownAccount(str(account), channel=envelope.channel)
        if not able:
            raise lacking or errors.NoRoute(
                envelope.channel, problem="no provider of it is for such a message"
            )
        return Journey(envelope, account, route, able, terms, now, tuple(able), skipped)


def _require_heard(message: Message, able: Mapping[str, Provider]) -> None:
    """Refuse options that nobody who may be asked understands: they would be left out without a word.

    Raises:
        Unsupported: naming the options.
    """
    for extra in getattr(message, "extra", ()):
        provider = able.get(extra.provider)
        if provider is None or type(extra) not in provider.capabilities.extras:
            raise errors.Unsupported(
                type(extra).__name__,
                provider=extra.provider,
                remedy="leave it out, or route to who understands it",
            )


def _company(provider: Provider, envelope: Envelope) -> Hashable | None:
    """Return with which other messages this one may share a request, None if with none."""
    # asking the protocol itself (isinstance) takes ten times as long
    able: KeepsCompany | None = provider if hasattr(provider, "company") else None  # type: ignore[assignment]
    return "" if able is None else able.company(envelope)


_AT_ONCE = 4
"""How many batches of one call are under way at once."""
_SHORTEST = 0.001
"""Seconds that do not count: so much an exchange is given although the deadline has just passed."""
