"""Reports that are taken into the durable inbound before their provider is answered, and recorded afterwards.

Whoever took them is their holder, and has them in memory; if it dies, another process claims them from the ledger when the lease is over.
"""

from __future__ import annotations

import json
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol

from messaging_channels._ledger.seal import SealBroken
from messaging_channels._model.errors import InvalidSetting
from messaging_channels._model.events import EngagementReceived, StatusChanged
from messaging_channels._model.ids import message_id, random_digits
from messaging_channels._model.time_left import bounded
from messaging_channels.messages import DecodeError
from messaging_channels.plugins.exchange import Flow, ask
from messaging_channels.plugins.ledger_inbound import (
    PLACE_DIGITS,
    ClaimInbound,
    FinishReports,
    InboundItem,
    PostponeInbound,
    TakeReports,
)
from messaging_channels.plugins.taken_reports import TakenReports

if TYPE_CHECKING:
    from messaging_channels._inbound.handlers import InboundHandlers
    from messaging_channels._model.events import Event
    from messaging_channels.consent.gate import ConsentGate

REPORTS = "reports"
"""Whose items those reports are that a worker records."""
LEASE = 30.0
"""Seconds after which another process records what was not recorded."""
_TIMEOUT = 10.0
"""Seconds for which one step of recording is waited for: a message that somebody holds locked delays the others no longer."""
_MAX_TRIES = 12
_MOST_REMEMBERED, _REMEMBERED_FOR = 20_000, 120.0
"""Keys, and seconds: not so long that a ledger which was restored from a copy would be taken for the one before."""
_FIRST_WAIT, _LONGEST_WAIT = 5.0, 900.0
_WAIT_FOR_KEY = 86400.0


class StoreEvents(Protocol):
    """Keeps events; see `Reports.store_events`."""

    def __call__(
        self, told: Sequence[Event], request: None, account: str | None
    ) -> Flow[Sequence[Event]]: ...


class RecentKeys:
    """The keys of reports that were kept in the last minutes: what a provider brings again is known without a look at the ledger."""

    def __init__(self) -> None:
        self._until: OrderedDict[str, float] = OrderedDict()

    def has(self, key: str) -> bool:
        """Whether a report was kept lately."""
        return self._until.get(key, 0.0) > time.monotonic()

    def add(self, keys: Iterable[str]) -> None:
        """Remember reports that are durable now."""
        until = time.monotonic() + _REMEMBERED_FOR
        for key in keys:
            self._until[key] = until
        with suppress(KeyError):  # another thread was quicker
            while len(self._until) > _MOST_REMEMBERED:
                self._until.popitem(last=False)


@dataclass(frozen=True, slots=True)
class ReportInbox:
    """Takes reports in and records them. One serves all threads and tasks."""

    handlers: InboundHandlers
    """How events are kept."""
    consent: ConsentGate | None
    """What people say is in force when the provider is answered."""
    store_events: StoreEvents
    clock: Callable[[], float]
    owner: str = field(default_factory=random_digits)
    """The holder of what is taken in: one name, so that many reports are forgotten in one step."""
    taken: RecentKeys = field(default_factory=RecentKeys)

    @property
    def is_kept(self) -> bool:
        """Whether the ledger can keep reports that wait."""
        return TakeReports in self.handlers.options.ledger.executors

    def may_wait(self, events: Sequence[Event]) -> bool:
        """Whether these events may be recorded after the answer: reports that the ledger can keep until then."""
        options = self.handlers.options
        if not events or not self.is_kept:
            return False
        if not all(isinstance(one, (StatusChanged, EngagementReceived)) for one in events):
            return False
        try:
            options.require_seal()
        except InvalidSetting:
            return False
        consent = self.consent
        return consent is None or not consent.operations(consent.hear(events), self.clock())

    def take(
        self, events: Sequence[Event], account: str | None, recorder: str, *, lease: float | None
    ) -> Flow[TakenReports | None]:
        """Keep reports in one small commit. Return what of them is new, if this process is to record it: within a `lease` of so many seconds."""
        events = [one for one in events if not self.taken.has(one.key)]
        if not events:
            return None
        now, owner = self.clock(), "" if lease is None else self.owner
        items = self._items(events, account, recorder, now)
        fresh = yield from ask(TakeReports(items, owner, now + (lease or 0.0)))
        self.taken.add(one.event_key for one in items)
        new = {one.key: one for one in events if one.key in fresh}
        if not new or lease is None:
            return None
        return TakenReports(recorder, account, tuple(new.values()), tuple(new), owner, 0, now)

    def _items(
        self, events: Sequence[Event], account: str | None, recorder: str, now: float
    ) -> tuple[InboundItem, ...]:
        handlers = self.handlers
        arrived = f"{message_id(now)[:12]}{next(handlers.counter):010x}"
        return tuple(
            InboundItem(
                event_key=event.key,
                handler=recorder,
                conversation=self._conversation(event),
                event_type=type(event).__name__,
                event=handlers.options.sealed(
                    json.dumps({"account": account, "event": json.loads(handlers.to_json(event))})
                ),
                call_id="",
                position=f"{arrived}{index:06x}",
                received_at=now,
            )
            for index, event in enumerate({one.key: one for one in events}.values())
        )

    def _conversation(self, event: Event) -> str:
        """Return a digest of the person, if one is named, by which it is found when the person is erased; and after it digits of the message."""
        about = getattr(event, "provider_id", "") or getattr(event, "message_id", "") or event.key
        to = getattr(event, "recipient", None)
        where = int(sha256(repr((event.provider, about)).encode()).hexdigest(), 16) % 10**PLACE_DIGITS
        person = self.handlers.options.inbound_digests(to.plain if to is not None else str(about))[0]
        return f"{person}{where:0{PLACE_DIGITS}}"

    def claim(self, recorder: str, limit: int, lease: float = LEASE) -> Flow[Sequence[TakenReports]]:
        """Become the holder of reports that nobody records: of a process that died, of one that had too many, and of those that failed before."""
        owner, now = random_digits(), self.clock()
        items = yield from ask(ClaimInbound(owner, now, now + lease, limit, (recorder,)))
        found: list[TakenReports] = []
        for item in items:
            one = TakenReports(recorder, None, (), (item.event_key,), owner, item.tries, item.received_at)
            try:
                told = json.loads(self.handlers.options.opened(item.event))
                found.append(replace(one, account=told["account"], events=(_report_of(self.handlers, told),)))
            except (SealBroken, InvalidSetting, DecodeError, ValueError, KeyError, TypeError) as fault:
                yield from self._postpone(one, fault)
        return found

    def record(self, taken: Sequence[TakenReports]) -> Flow[Sequence[TakenReports]]:
        """Record reports, as many as can be together. Return those that are recorded; the others are tried again later, or are dead letters.

        Raises:
            LedgerUnavailable: the ledger is away. Nothing else is lost or done twice if all of them are recorded again.
        """
        try:
            for account in dict.fromkeys(one.account for one in taken):
                own = [one.events for one in taken if one.account == account]
                yield from self._store(tuple(chain.from_iterable(own)), account)
        except GeneratorExit:
            raise
        except Exception:  # noqa: BLE001  one report that cannot be recorded stops no other one
            return (yield from self._record_each(taken))
        return taken

    def _record_each(self, taken: Sequence[TakenReports]) -> Flow[Sequence[TakenReports]]:
        recorded: list[TakenReports] = []
        for one in taken:
            try:
                yield from self._store(one.events, one.account)
            except GeneratorExit:
                raise
            except Exception as fault:  # noqa: BLE001  whatever it is, it is a dead letter in the end
                yield from self._postpone(one, fault)
            else:
                recorded.append(one)
        return recorded

    def _store(self, events: Sequence[Event], account: str | None) -> Flow[None]:
        yield from bounded(self.store_events(events, None, account), _TIMEOUT, self.clock)

    def finish(self, recorded: Sequence[TakenReports]) -> Flow[None]:
        """Forget reports that were recorded, and told to whoever is to hear of them."""
        for owner in dict.fromkeys((one.owner, one.recorder) for one in recorded):
            keys = [key for one in recorded if (one.owner, one.recorder) == owner for key in one.keys]
            yield from ask(FinishReports(tuple(keys), owner[1], owner[0]))

    def run_round(self, recorder: str, limit: int) -> Flow[int]:
        """Claim reports, record and forget them. Return how many that was."""
        taken = yield from self.claim(recorder, limit)
        if taken:
            recorded = yield from self.record(taken)
            yield from self.finish(recorded)
        return len(taken)

    def _postpone(self, one: TakenReports, fault: Exception) -> Flow[None]:
        tries = one.tries + 1
        is_over = tries >= _MAX_TRIES or isinstance(fault, (DecodeError, ValueError, KeyError, TypeError))
        if isinstance(fault, SealBroken):  # another process, or this one later, may have the key
            is_over = self.clock() - one.received_at >= _WAIT_FOR_KEY
        wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** min(tries - 1, _MAX_TRIES))
        _log.error(
            "%d reports could not be recorded at try %d (%s): %s",
            len(one.keys),
            tries,
            type(fault).__name__,
            "they are dead letters now" if is_over else f"they are tried again in {wait:.0f} s",
        )
        due = None if is_over else self.clock() + wait
        for key in one.keys:
            yield from ask(PostponeInbound(key, one.recorder, one.owner, due, type(fault).__name__))


def _report_of(handlers: InboundHandlers, told: Mapping[str, Any]) -> Event:
    """Return the report that was kept.

    Raises:
        DecodeError, ValueError, KeyError, TypeError: it is none.
    """
    event = handlers.codec.decode(told["event"])
    if not isinstance(event, (StatusChanged, EngagementReceived)):
        problem = f"kept as a report: {type(event).__name__}"
        raise TypeError(problem)
    return event


@dataclass(slots=True)
class InboundRounds:
    """The looks of one worker at what came in: at what handlers wait for in each round; at reports that were taken in once in each interval, and again at
    once where there were some.
    """

    inbox: ReportInbox
    interval: float
    """Seconds."""
    next_look: float = 0.0

    def run_round(self, limit: int) -> Flow[int]:
        """Record reports, and have handlers deal with what is due. Return the larger count."""
        recorded, handlers = (yield from self._record_reports(limit)), self.inbox.handlers
        if not handlers.registered:
            return recorded
        return max(recorded, (yield from handlers.run_round(limit)))

    def _record_reports(self, limit: int) -> Flow[int]:
        now = self.inbox.clock()
        if now < self.next_look or not self.inbox.is_kept:
            return 0
        self.next_look = now + self.interval
        count = yield from self.inbox.run_round(REPORTS, limit)
        if count:  # behind what was recorded the next report of a message may have waited
            self.next_look = 0.0
        return count


_log = logging.getLogger("messaging_channels._inbound.taken_reports")
