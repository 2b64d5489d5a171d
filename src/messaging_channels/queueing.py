"""Taking messages in to be sent later: in the ledger when the call returns. A worker sends them (`messaging_channels.worker`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal

from messaging_channels import errors
from messaging_channels.exchange import Flow, ask
from messaging_channels.fallback import Fallback
from messaging_channels.journey import Options, Terms
from messaging_channels.ledger.queue import Enqueue, Erase
from messaging_channels.ledger.within import Within
from messaging_channels.letters import Letter, Letters, recipient
from messaging_channels.messages import Codec, Message, digest_of, fingerprint
from messaging_channels.status import PENDING_QUEUED, Status
from messaging_channels.wakers import Waker, WakeUp

if TYPE_CHECKING:
    from messaging_channels.addresses import Address
    from messaging_channels.channels import Channel
    from messaging_channels.dispatch import Dispatch
    from messaging_channels.ledger import Record
    from messaging_channels.provider import Envelope, Provider
    from messaging_channels.windows import Window

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
class Queueing:
    """Everything that taking a message in needs. One serves all threads and tasks."""

    dispatch: Dispatch
    codec: Codec
    wakers: Sequence[Waker] = ()
    signal: Signal = field(default_factory=Signal)

    def enqueue(self, message: Message | Fallback, to: Any, options: Mapping[str, Any]) -> Flow[Enqueued]:  # noqa: ANN401
        """Take one message in. See `Dispatcher.enqueue`."""
        times = Times(**{name: options[name] for name in _TIMES if name in options})
        terms = Terms(**{name: one for name, one in options.items() if name not in (*_TIMES, "within")})
        found = yield from self._addressed(message, to, terms)
        now = self.dispatch.clock()
        first, account = found[0]
        letters = _letters(message, found, terms).in_zones(times.window)
        due = letters.opens(times.due(now))
        deadline = None if terms.deadline is None else now + terms.deadline
        if deadline is not None and due >= deadline:
            raise errors.InvalidMessage(
                "it passes before the message may be sent",
                field="deadline",
                remedy="give more, or an earlier time",
            )
        new = self._operation(first, account, letters, terms, now, due, PRIORITIES[times.priority], deadline)
        within = options.get("within")
        record = yield from ask(new if within is None else Within(within, new))
        if record is not None:
            return _replayed(record, new, first)
        if within is None:
            yield from self._woken(new)
        return Enqueued(new.id, new.channel, first.to, PENDING_QUEUED, due)

    def now(self) -> float:
        """Return the time: seconds since the epoch, UTC."""
        return self.dispatch.clock()

    def erase(self, plain: str, masked: str) -> Flow[int]:
        """Forget a recipient. See `Dispatcher.erase`."""
        kept = self.dispatch.recording.ledger.keep(plain, masked)
        return (yield from ask(Erase(recipient(plain), (plain, kept), self.dispatch.clock())))

    def _addressed(
        self,
        message: Message | Fallback,
        to: Any,  # noqa: ANN401  resolvers take anything
        terms: Terms,
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
            self.dispatch.routed(envelope, account, terms, self.dispatch.clock())
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
        recording = self.dispatch.recording
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

    def _woken(self, new: Enqueue) -> Flow[None]:
        """Tell whoever can look at it at once. A waker that fails loses nothing: the worker finds the message by itself."""
        self.signal.give()
        for waker in self.wakers:
            yield from ask(WakeUp(waker, new.id, new.due))


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


def _replayed(record: Record, new: Enqueue, first: Envelope) -> Enqueued:
    if record.fingerprint != new.fingerprint:
        raise errors.IdempotencyKeyReused(record.id)
    return Enqueued(record.id, record.channel, first.to, record.status, record.created, replayed=True)


_TIMES = ("send_at", "window", "priority")
