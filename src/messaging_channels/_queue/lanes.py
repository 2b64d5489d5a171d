"""How much a lane of a worker takes on, by how long the provider takes that it is for: a slow one costs its own share, and holds up nobody else.

A lane keeps of what it claimed what it can begin soon, and gives the rest back at once. Of slow providers together one lane stays free for the others.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from messaging_channels._sending.check_runner import finish_checks
from messaging_channels._sending.decision import TryProvider
from messaging_channels._sending.send_state import QueueContext
from messaging_channels.plugins.exchange import Exchange, Flow, Sleep, ask
from messaging_channels.plugins.ledger import FinishAttempt, StartAttempt, Transaction
from messaging_channels.plugins.ledger_queue import ReleaseJobs

if TYPE_CHECKING:
    from messaging_channels._queue.payload import QueuePayload, Step
    from messaging_channels._sending.send_state import SendState
    from messaging_channels.plugins.ledger_queue import Job
    from messaging_channels.policies.checks import PreSendCheck

_Key: TypeAlias = "tuple[str | None, str]"
"""An account, and a provider's name."""
Source: TypeAlias = "tuple[str, str | None]"
"""The channel and the account of messages, as the ledger finds them."""


@dataclass(slots=True)
class ClaimedJob:
    """A message that a round has in hand."""

    job: Job
    payload: QueuePayload
    source: Source
    state: SendState | None = None

    @property
    def step(self) -> Step:
        """The step that it is at."""
        return self.payload.steps[self.job.step - 1]

    @property
    def has_more_steps(self) -> bool:
        """Whether another step of a fallback may follow."""
        return self.job.step < len(self.payload.steps)

    @property
    def context(self) -> QueueContext:
        """What a send knows of the queue."""
        job = self.job
        earlier = len(job.record.attempts) if job.record else 0
        return QueueContext(job.message_id, earlier, self.has_more_steps, self.payload.trace)

    @property
    def is_unbegun(self) -> bool:
        """Whether it is still to be sent, and nothing was begun."""
        return self.state is not None and not self.state.is_done and not self.state.attempts


@dataclass(slots=True)
class Lanes:
    """What the lanes of one worker know of each other. One serves all of them."""

    count: int
    providers: int
    """How many providers it may send by: only where there are several one lane stays free of slow ones."""
    clock: Callable[[], float]
    """Seconds since the epoch, UTC."""
    is_stopping: Callable[[], bool]
    wake: Callable[[], None]
    """Has the other lanes look at once whether anything is due."""
    first_claim: float = math.inf
    """How many messages a lane claims as long as nobody knows how long a request takes: what is claimed beyond one request is given back then."""
    _seconds: dict[_Key, float] = field(default_factory=dict["_Key", float], init=False)
    """How long a request takes, of late."""
    _busy: Counter[_Key] = field(default_factory=Counter["_Key"], init=False)
    """How many lanes have requests for it in hand."""
    _sources: dict[_Key, set[Source]] = field(default_factory=dict["_Key", set[Source]], init=False)
    _claim: float = field(init=False)
    """How many messages a lane may claim: after it had to give some back, no more than twice what it kept."""
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __post_init__(self) -> None:
        """Begin with the first claim."""
        self._claim = self.first_claim

    def claim_terms(self, limit: int) -> tuple[int, tuple[Source, ...]]:
        """Return how many messages a lane claims, at most `limit`, and of which none: slow providers have all the lanes for them that they may."""
        with self._lock:
            full = [key for key in self._sources if not self._has_room(key)]
            left_out = sorted((one for key in full for one in self._sources[key]), key=str)
            return int(min(limit, self._claim)), tuple(left_out)

    @contextmanager
    def hold(self, sending: list[ClaimedJob]) -> Generator[list[ClaimedJob]]:
        """Take out of a round what is more than its lane can begin soon, and yield that; keep count of the rest until the round is over."""
        kept: dict[_Key, list[ClaimedJob]] = {}
        left: list[ClaimedJob] = []
        for one in sending:
            kept.setdefault(_key_of(one), []).append(one)
        with self._lock:
            for key, group in list(kept.items()):
                self._sources.setdefault(key, set()).update(one.source for one in group)
                most = self._most_messages(key, group[0]) if self._has_room(key) else 0
                left += group[most:]
                kept[key] = group[:most]
            taken = [key for key, group in kept.items() if group]
            self._bound_claims(kept, has_left=bool(left))
            self._busy.update(taken)
            taken.sort(key=lambda key: self._seconds.get(key, 0.0))
        sending[:] = [one for key in taken for one in kept[key]]
        try:
            yield left
        finally:
            with self._lock:
                self._busy.subtract(taken)

    def _bound_claims(self, kept: Mapping[_Key, Sequence[ClaimedJob]], *, has_left: bool) -> None:
        """Have lanes claim no more than twice what one kept that gave some back; and more again where all was kept, once it is known how long that takes."""
        if has_left:
            self._claim = 2 * max(1, sum(map(len, kept.values())))
        elif all(key in self._seconds for key in kept):
            self._claim = max(2, 2 * self._claim)

    def run(self, flow: Flow[None]) -> Flow[bool]:
        """Run the sending of a round. Return False if it was cut off before a request, since it is time to stop, or took too long already."""
        watch = _RoundWatch(self, self.clock())
        advance: Callable[[Any], Exchange[Any]] = flow.send
        reply: Any = None
        while True:
            try:
                exchange = advance(reply)
            except StopIteration:
                watch.end_request()
                return True
            except _CutOff:
                return False
            advance = flow.send
            try:
                reply = yield from watch.perform(exchange)
            except GeneratorExit:
                flow.close()
                raise
            except BaseException as failure:  # noqa: BLE001  the flow decides what it means
                advance, reply = flow.throw, failure

    def give_back(
        self, left: Sequence[ClaimedJob], lease_owner: str, checks: Sequence[PreSendCheck]
    ) -> Flow[None]:
        """Give back what was claimed and not begun: it is due as before."""
        if left:
            finish_checks(checks, [one.state for one in left if one.state])
            now = self.clock()
            released = tuple((one.job.message_id, _named_time(one.job)) for one in left if one.job.step == 1)
            # claims tell messages apart by their first step, which may go by another provider
            postponed = tuple((one.job.message_id, now + 1.0) for one in left if one.job.step > 1)
            yield from ask(ReleaseJobs(lease_owner, released, postponed, now))
            self.wake()

    def observe(self, key: _Key, seconds: float) -> None:
        """Learn how long a request to a provider took."""
        with self._lock:
            seconds = min(max(0.0, seconds), _LONGEST_REQUEST)  # a clock may be set meanwhile
            before = self._seconds.get(key, seconds)
            self._seconds[key] = seconds * _WEIGHT + before * (1 - _WEIGHT)

    def _most_messages(self, key: _Key, one: ClaimedJob) -> int:
        """Return how many messages a lane keeps: one request, or as many as take half a second."""
        assert one.state is not None  # noqa: S101  for the type checkers: it is to be sent
        size = one.state.providers[key[1]].capabilities.max_batch_size
        seconds = self._seconds.get(key)
        return (
            size if seconds is None else size * max(1, int(_ENOUGH / max(seconds, _ENOUGH / _MOST_REQUESTS)))
        )

    def _has_room(self, key: _Key) -> bool:
        """Whether one more lane may work for a provider. One that was not asked yet may be slow."""
        if self.providers <= 1 or not self._is_slow(key) or not self._busy[key]:
            return True
        others = min(max(1, len(self._sources) - 1), self.count // 2)
        slow = sum(number for other, number in self._busy.items() if self._is_slow(other))
        return self._busy[key] < max(1, self.count - others) and slow < self.count - 1

    def _is_slow(self, key: _Key) -> bool:
        return self._seconds.get(key, _SLOW) >= _SLOW


@dataclass(slots=True)
class _RoundWatch:
    """Looks at what a round does: how long its requests take, and whether another may begin."""

    lanes: Lanes
    begun_at: float
    key: _Key = (None, "")
    """Who was asked last."""
    asked_at: float | None = None
    """Since when a request is under way; None if there is none."""
    has_slept: bool = False

    def perform(self, exchange: Exchange[Any]) -> Flow[Any]:
        """Have it performed.

        Raises:
            _CutOff: it would begin a request, and it is too late for one.
        """
        start: StartAttempt | None = _part(exchange, StartAttempt)
        if start is not None or _part(exchange, FinishAttempt) is not None:
            self.end_request()
        if start is not None:
            self._require_time()
            self.key = start.intent.account, start.intent.provider
        try:
            if not isinstance(exchange, Sleep) or self.asked_at is not None:
                return (yield exchange)
            self.has_slept = True
            return (yield from self._sleep(exchange.seconds))
        finally:
            if start is not None:
                self.asked_at = self.lanes.clock()

    def end_request(self) -> None:
        """Learn how long a request took, if one was under way."""
        if self.asked_at is not None:
            self.lanes.observe(self.key, self.lanes.clock() - self.asked_at)
            self.asked_at = None

    def _require_time(self) -> None:
        is_late = not self.has_slept and self.lanes.clock() - self.begun_at > _LONGEST_ROUND
        if is_late or self.lanes.is_stopping():
            raise _CutOff

    def _sleep(self, seconds: float) -> Flow[None]:
        """Wait, but not when it is time to stop.

        Raises:
            _CutOff: it is.
        """
        while seconds > 0:
            if self.lanes.is_stopping():
                raise _CutOff
            yield Sleep(min(seconds, _SLICE))
            seconds -= _SLICE


class _CutOff(Exception):
    """Nothing more is begun in this round."""


def _key_of(one: ClaimedJob) -> _Key:
    assert one.state is not None  # noqa: S101  for the type checkers: it is to be sent
    step = one.state.step
    return one.state.request.account, step.provider if isinstance(step, TryProvider) else ""


def _named_time(job: Job) -> float | None:
    """Return the time that the caller named for a message; None if it was due when it was enqueued, or was tried before.

    A time that was reckoned from the clock is not written down again: the clock may have been set back since.
    """
    return job.due if job.tries == 0 and job.due > job.created else None


def unbegun(sending: Iterable[ClaimedJob]) -> Sequence[ClaimedJob]:
    """Return those of a round of which nothing was begun."""
    return [one for one in sending if one.is_unbegun]


def _part(exchange: Exchange[Any], kind: type[Any]) -> Any:  # noqa: ANN401  of that type
    """Return the first operation of a type in what is asked for; None without any."""
    if isinstance(exchange, Transaction):
        return next((one for one in exchange.operations if isinstance(one, kind)), None)
    return exchange if isinstance(exchange, kind) else None


_ENOUGH = 0.5
"""Seconds of work that a lane keeps."""
_MOST_REQUESTS = 200
_SLOW = 0.5
"""Seconds for one request from which on a provider is slow."""
_LONGEST_ROUND = 2.0
"""Seconds after which a lane begins nothing more of what it claimed: another one may be free."""
_LONGEST_REQUEST = 60.0
_SLICE = 0.25
"""Seconds after which who waits for a place under a rate looks whether it is time to stop."""
_WEIGHT = 0.3
"""Of the last request in the average."""
