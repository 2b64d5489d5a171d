"""Taking messages in to be sent later: in the ledger when the call returns. A worker sends them (`messaging_channels._client.worker`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from messaging_channels._ledger.within import Within
from messaging_channels._model import errors
from messaging_channels._model.status import PENDING_QUEUED, Status
from messaging_channels._queue.payload import Letter, Letters, recipient
from messaging_channels._sending.send_state import Options, Terms
from messaging_channels.messages import Codec, Message, digest_of, fingerprint
from messaging_channels.messages.fallback import Fallback
from messaging_channels.plugins.exchange import Flow, ask
from messaging_channels.plugins.ledger import Together
from messaging_channels.plugins.ledger_queue import Enqueue, Erase
from messaging_channels.plugins.notifiers import Waker, WakeUp

if TYPE_CHECKING:
    from messaging_channels._model.addresses import Address
    from messaging_channels._sending.pipeline import Dispatch
    from messaging_channels.plugins.channels import Channel
    from messaging_channels.plugins.ledger import Record
    from messaging_channels.plugins.provider import Envelope, Provider
    from messaging_channels.policies.windows import Window

_Reply: TypeAlias = "Record | errors.LedgerUnavailable | None"
TOGETHER = 500
"""How many messages of one call are taken in by one transaction: what bounds the memory, and for how long nobody else writes."""
PRIORITIES = {"high": 0, "normal": 1, "low": 2}


class QueueOptions(Options, total=False):
    """What a caller may ask of a message that is to be sent later, by keyword. See `Terms` and `Times`."""

    send_at: datetime | float | None
    window: Window | None
    priority: Literal["high", "normal", "low"]
    within: Any


@dataclass(frozen=True, slots=True)
class Times:
    """When a message is to be sent."""

    send_at: datetime | float | None = None
    """Not before: a time with its time zone, or seconds since the epoch. None for at once."""
    window: Window | None = None
    """At which hours its recipient may be written to."""
    priority: Literal["high", "normal", "low"] = "normal"
    """What is due goes out in this order: as long as there is anything of a higher priority, nothing of a lower one."""

    def due(self, now: float) -> float:
        """Return the time not before which it is sent, seconds since the epoch.

        Raises:
            InvalidMessage: the time has no time zone, or there is no such priority.
        """
        if self.priority not in PRIORITIES:
            raise errors.InvalidMessage(
                "there is none of that name", field="priority", remedy="use high, normal or low"
            )
        if isinstance(self.send_at, datetime):
            if self.send_at.tzinfo is None:
                raise errors.InvalidMessage(
                    "it has no time zone", field="send_at", remedy="give tzinfo, such as datetime.UTC"
                )
            return max(now, self.send_at.timestamp())
        return now if self.send_at is None else max(now, self.send_at)


class Signal:
    """Tells the workers of this process that something was enqueued."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[], None]] = []

    def listen(self, listener: Callable[[], None]) -> None:
        """Have a function called, from any thread, whenever something was enqueued."""
        self._listeners.append(listener)

    def forget(self, listener: Callable[[], None]) -> None:
        """Call it no more."""
        self._listeners.remove(listener)

    def give(self) -> None:
        """Call all of them."""
        for listener in tuple(self._listeners):
            listener()


@dataclass(frozen=True, slots=True)
class Enqueued:
    """The receipt of a message that we took, and that will be sent when it is due. Its repr shows the address masked."""

    id: str
    """Ours: the one in the `Record`, and the one to cancel it by."""
    channel: str
    destination: Address
    status: Status
    due: float
    """Not before: seconds since the epoch, UTC."""
    replayed: bool = False
    """Whether this is the answer to an earlier call with the same idempotency key; the status is then as it stands now."""

    def as_dict(self) -> dict[str, Any]:
        """Return the message's element of an HTTP answer: id, status, and the address in full."""
        return {
            "messageId": self.id,
            "status": self.status.as_dict(),
            "destination": self.destination.plain,
        }


@dataclass(frozen=True, slots=True)
class EachEnqueued:
    """What became of one recipient of many."""

    to: Any = field(repr=False)
    """As it was given."""
    receipt: Enqueued | None
    """None if it was not taken in."""
    error: errors.MessagingError | None = None
    """What `enqueue` would have raised."""


@dataclass(frozen=True, slots=True)
class _Order:
    """A message that may be taken in."""

    new: Enqueue
    to: Address

    def told(self, record: Record | None) -> Enqueued:
        """Return its receipt, by what the ledger replied.

        Raises:
            IdempotencyKeyReused: its key stands for another message or recipient.
        """
        new = self.new
        if record is None:
            return Enqueued(new.id, new.channel, self.to, PENDING_QUEUED, new.due)
        if record.fingerprint != new.fingerprint:
            raise errors.IdempotencyKeyReused(record.id)
        return Enqueued(record.id, record.channel, self.to, record.status, record.created, replayed=True)


@dataclass(frozen=True, slots=True)
class Queueing:
    """Everything that taking a message in needs. One serves all threads and tasks."""

    dispatch: Dispatch
    codec: Codec
    wakers: Sequence[Waker] = ()
    signal: Signal = field(default_factory=Signal)

    def enqueue(self, message: Message | Fallback, to: Any, options: Mapping[str, Any]) -> Flow[Enqueued]:  # noqa: ANN401
        """Take one message in. See `Dispatcher.enqueue`."""
        times, terms, within = _asked(options)
        order = yield from self._order(message, to, times, terms)
        record = yield from ask(order.new if within is None else Within(within, order.new))
        enqueued = order.told(record)
        if within is None and not enqueued.replayed:
            self.signal.give()
            for waker in self.wakers:  # one that fails loses nothing: the worker finds the message by itself
                yield from ask(WakeUp(waker, enqueued.id, enqueued.due))
        return enqueued

    def enqueue_each(
        self, chunk: Iterable[tuple[Message | Fallback, Any]], options: Mapping[str, Any]
    ) -> Flow[Sequence[EachEnqueued]]:
        """Take several messages in, those that can be, in one transaction. See `Dispatcher.enqueue_each`."""
        times, terms, within = _asked(options)
        times.due(self.dispatch.clock())  # what is wrong for all is told once
        orders: list[tuple[Any, _Order | errors.MessagingError]] = []
        for message, to in chunk:
            try:
                orders.append((to, (yield from self._order(message, to, times, terms, one_of_many=True))))
            except errors.MessagingError as error:
                orders.append((to, error))
        news = [one.new for _, one in orders if isinstance(one, _Order)]
        replies = iter((yield from self._kept(news, within)))
        if within is None:
            self.signal.give()
        return [
            _told(to, order, next(replies)) if isinstance(order, _Order) else EachEnqueued(to, None, order)
            for to, order in orders
        ]

    def now(self) -> float:
        """Return the time: seconds since the epoch, UTC."""
        return self.dispatch.clock()

    def erase(self, plain: str, masked: str) -> Flow[int]:
        """Forget a recipient. See `Dispatcher.erase`."""
        kept = self.dispatch.recorder.options.ledger.keep(plain, masked)
        return (yield from ask(Erase(recipient(plain), (plain, kept), self.dispatch.clock())))

    def _order(
        self,
        message: Message | Fallback,
        to: Any,  # noqa: ANN401  resolvers take anything
        times: Times,
        terms: Terms,
        *,
        one_of_many: bool = False,
    ) -> Flow[_Order]:
        """Find out whom it is for and when it is due. Nothing is written down yet."""
        found = yield from self._addressed(message, to)
        now, first = self.dispatch.clock(), found[0][0]
        if one_of_many:
            terms = terms.for_one(first.channel, first.to.plain)
        letters = _letters(message, found, terms).in_zones(times.window)
        due = letters.opens(times.due(now))
        deadline = None if terms.deadline is None else now + terms.deadline
        if deadline is not None and due >= deadline:
            raise errors.InvalidMessage(
                "it passes before the message may be sent",
                field="deadline",
                remedy="give more, or an earlier time",
            )
        priority = PRIORITIES[times.priority]
        return _Order(
            self._operation(first, found[0][1], letters, terms, now, due, priority, deadline), first.to
        )

    def _kept(self, news: Sequence[Enqueue], within: Any) -> Flow[Sequence[_Reply]]:  # noqa: ANN401
        """Write them down in one transaction. What became of each is told in the order given."""
        if not news:
            return ()
        # always in the same order, so that two calls with the same keys wait for each other and not in a circle
        order = sorted(range(len(news)), key=lambda index: news[index].idempotency_key or "")
        together = Together(tuple(news[index] for index in order))
        try:
            replies = yield from ask(together if within is None else Within(within, together))
        except errors.LedgerUnavailable as error:
            return [error] * len(news)
        told = dict(zip(order, replies, strict=True))
        return [told[index] for index in range(len(news))]

    def _addressed(
        self,
        message: Message | Fallback,
        to: Any,  # noqa: ANN401  resolvers take anything
    ) -> Flow[list[tuple[Envelope, str | None]]]:
        """Find out whom each step is for, and that somebody could send it; a recipient who has no address for a step does without it."""
        steps = message.steps if isinstance(message, Fallback) else (message,)
        found: list[tuple[Envelope, str | None]] = []
        lacking: errors.UnresolvedRecipient | None = None
        for one in steps:
            try:
                envelope, account = yield from self.dispatch.addressing.envelope(
                    one, to, self.dispatch.clock()
                )
            except errors.UnresolvedRecipient as error:
                lacking = lacking or error
                continue
            self.dispatch.choosing.choice(envelope, account)
            found.append((envelope, account))
        if lacking is not None and not found:
            raise lacking
        return found

    def _operation(
        self,
        first: Envelope,
        account: str | None,
        letters: Letters,
        terms: Terms,
        now: float,
        due: float,
        priority: int,
        deadline: float | None,
    ) -> Enqueue:
        recording = self.dispatch.recorder.options
        return Enqueue(
            id=first.id,
            channel=first.channel,
            kind=type(first.message).__name__,
            account=account,
            address=recording.ledger.keep(first.to.plain, first.to.masked),
            digest=digest_of(first.id, getattr(first.message, "text", None) or ""),
            fingerprint="" if terms.idempotency_key is None else _fingerprint(letters),
            scope=terms.scope,
            idempotency_key=terms.idempotency_key,
            expires=max(now, due) + recording.key_life,
            at=now,
            due=due,
            priority=priority,
            deadline=deadline,
            payload=letters.dumped(self.codec),
            recipients=letters.recipients,
            steps=len(letters.steps),
        )


def kinds(channels: Iterable[Channel], providers: Iterable[Provider]) -> Iterable[type]:
    """Yield the types of whatever a message that waits may hold."""
    for channel in channels:
        yield from (channel.address_type, *channel.carries)
    for provider in providers:
        yield from provider.capabilities.extras


def _letters(
    message: Message | Fallback, found: Sequence[tuple[Envelope, str | None]], terms: Terms
) -> Letters:
    steps = [Letter(envelope.message, envelope.to, account) for envelope, account in found]
    if isinstance(message, Fallback):
        return Letters(steps, terms.on_unknown, message.after, message.on_unknown == "next")
    return Letters(steps, terms.on_unknown)


def _fingerprint(letters: Letters) -> str:
    """Return that of `send` for a single message, so that both know each other's keys."""
    prints = [fingerprint(one.message, one.to.plain, one.account) for one in letters.steps]
    return prints[0] if len(prints) == 1 else sha256("".join(prints).encode()).hexdigest()


def _asked(options: Mapping[str, Any]) -> tuple[Times, Terms, Any]:
    times = Times(**{name: options[name] for name in _TIMES if name in options})
    terms = Terms(**{name: one for name, one in options.items() if name not in (*_TIMES, "within")})
    return times, terms, options.get("within")


def _told(to: Any, order: _Order, reply: _Reply) -> EachEnqueued:  # noqa: ANN401  resolvers take anything
    if isinstance(reply, errors.LedgerUnavailable):
        return EachEnqueued(to, None, reply)
    try:
        return EachEnqueued(to, order.told(reply))
    except errors.IdempotencyKeyReused as error:
        return EachEnqueued(to, None, error)


_TIMES = ("send_at", "window", "priority")
