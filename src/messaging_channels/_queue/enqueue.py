"""Taking messages in to be sent later: in the ledger when the call returns. A worker sends them (`messaging_channels._client.worker`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict

from messaging_channels._ledger.caller_transaction import InTransaction
from messaging_channels._ledger.lazy_memory import LazyMemoryLedger
from messaging_channels._model import errors
from messaging_channels._model.status import PENDING_QUEUED, Status
from messaging_channels._queue.candidates import require_reports, require_sendable
from messaging_channels._queue.enqueue_options import PRIORITIES, EnqueueOptions
from messaging_channels._queue.local_notifier import LocalNotifier
from messaging_channels._queue.payload import QueuePayload, Step
from messaging_channels._sending.send_options import SendOptions
from messaging_channels.messages import Codec, Message, digest_of, fingerprint
from messaging_channels.messages.fallback import Fallback
from messaging_channels.plugins.attachments import read_attachments
from messaging_channels.plugins.exchange import Flow, ask
from messaging_channels.plugins.ledger import Transaction
from messaging_channels.plugins.ledger_queue import Enqueue, IncrementCounters
from messaging_channels.plugins.notifiers import NotifyWorkers, QueueNotifier
from messaging_channels.plugins.observer import trace_of

if TYPE_CHECKING:
    from datetime import timedelta

    from messaging_channels._model.addresses import Address
    from messaging_channels._sending.pipeline import SendPipeline
    from messaging_channels.plugins.channels import Channel
    from messaging_channels.plugins.ledger import MessageRecord
    from messaging_channels.plugins.provider import Envelope, Provider
    from messaging_channels.policies.windows import SendWindow

_LedgerReply: TypeAlias = "MessageRecord | errors.LedgerUnavailable | None"
MAX_TRANSACTION_SIZE = 500
"""How many messages of one call are taken in by one transaction: what bounds the memory, and for how long nobody else writes."""


class EnqueueKeywords(TypedDict, total=False):
    """What a caller may ask of a message that is to be sent later, by keyword. See `SendOptions` and `EnqueueOptions`."""

    idempotency_key: str | None
    scope: str
    expires_in: float | timedelta | None
    """Seconds after which it is no longer sent."""
    on_unknown: Literal["hold", "resend"]
    in_progress_timeout: float | timedelta
    send_at: datetime | float | None
    window: SendWindow | None
    priority: Literal["high", "normal", "low"]
    transaction: Any


@dataclass(frozen=True, slots=True)
class QueuedReceipt:
    """The receipt of a message that we took, and that will be sent when it is due. Its repr shows the address masked."""

    id: str
    """Ours: the one in the `MessageRecord`, and the one to cancel it by."""
    channel: str
    destination: Address
    status: Status
    not_before: float
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
class EnqueueResult:
    """The result of one recipient of many."""

    to: Any = field(repr=False)
    """As it was given."""
    receipt: QueuedReceipt | None
    """None if it was not taken in."""
    error: errors.MessagingError | None = None
    """Exception that `enqueue` would have raised for this recipient; None if the message was stored."""


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A message that may be taken in."""

    operation: Enqueue
    to: Address

    def receipt(self, record: MessageRecord | None) -> QueuedReceipt:
        """Return its receipt, by what the ledger replied.

        Raises:
            IdempotencyKeyReused: its key stands for another message or recipient.
        """
        new = self.operation
        if record is None:
            return QueuedReceipt(new.id, new.channel, self.to, PENDING_QUEUED, new.due)
        if record.fingerprint not in ("", new.fingerprint):
            raise errors.IdempotencyKeyReused(record.id)
        return QueuedReceipt(
            record.id, record.channel, self.to, record.status, record.created_at, replayed=True
        )


@dataclass(frozen=True, slots=True)
class Enqueuer:
    """Everything that taking a message in needs. One serves all threads and tasks."""

    pipeline: SendPipeline
    codec: Codec
    notifiers: Sequence[QueueNotifier] = ()
    local_notifier: LocalNotifier = field(default_factory=LocalNotifier)

    def write_probe(self) -> IncrementCounters:
        """Return an operation that writes and changes nothing."""
        return IncrementCounters(self.now(), "readiness", {"readiness.probed": 0})

    def enqueue(
        self,
        message: Message | Fallback,
        to: Any,  # noqa: ANN401  resolvers take anything
        options: Mapping[str, Any],
    ) -> Flow[QueuedReceipt]:
        """Take one message in. See `Dispatcher.enqueue`."""
        self.require_ledger()
        enqueue_options, send_options, transaction = _split_options(options)
        prepared = yield from self._prepare(message, to, enqueue_options, send_options)
        record = yield from ask(
            prepared.operation if transaction is None else InTransaction(transaction, prepared.operation)
        )
        enqueued = prepared.receipt(record)
        if transaction is None and not enqueued.replayed:
            self.local_notifier.notify()
            for (
                waker
            ) in self.notifiers:  # one that fails loses nothing: the worker finds the message by itself
                yield from ask(NotifyWorkers(waker, enqueued.id, enqueued.not_before))
        return enqueued

    def enqueue_each(
        self, chunk: Iterable[tuple[Message | Fallback, Any]], options: Mapping[str, Any]
    ) -> Flow[Sequence[EnqueueResult]]:
        """Take several messages in, those that can be, in one transaction. See `Dispatcher.enqueue_each`."""
        self.require_ledger()
        enqueue_options, send_options, transaction = _split_options(options)
        enqueue_options.not_before(self.pipeline.clock())  # what is wrong for all is told once
        all_prepared: list[tuple[Any, _Prepared | errors.MessagingError]] = []
        given: Message | Fallback | None = None
        read: Message | Fallback | None = None
        for message, to in chunk:
            try:
                if read is None or message is not given:  # the files of one message are read once
                    read, given = (yield from self._with_files(message)), message
                all_prepared.append(
                    (to, (yield from self._prepare(read, to, enqueue_options, send_options, is_bulk=True)))
                )
            except errors.MessagingError as error:
                all_prepared.append((to, error))
        operations = [one.operation for _, one in all_prepared if isinstance(one, _Prepared)]
        replies = iter((yield from self._insert_all(operations, transaction)))
        if transaction is None:
            self.local_notifier.notify()
        return [
            _result(to, order, next(replies))
            if isinstance(order, _Prepared)
            else EnqueueResult(to, None, order)
            for to, order in all_prepared
        ]

    def _with_files(self, message: Message | Fallback) -> Flow[Message | Fallback]:
        if isinstance(message, Fallback):
            return message
        return (yield from read_attachments(message))

    def require_ledger(self) -> None:
        """Refuse a queue of which nothing would be left when the process ends.

        Raises:
            InvalidSetting: the dispatcher was given no ledger, or one that would keep what waits more openly than addresses.
        """
        if isinstance(self.pipeline.recorder.options.ledger, LazyMemoryLedger):
            raise errors.InvalidSetting(
                "is missing: a queued message is stored in a ledger, where a worker finds it",
                setting="ledger",
                source="the dispatcher",
                hint="pass ledger=SqliteLedger(Path('ledger.sqlite3')), or set"
                " MESSAGING_CHANNELS_LEDGER_URL=sqlite:///ledger.sqlite3",
            )
        self.pipeline.recorder.options.require_seal()

    def now(self) -> float:
        """Return the time: seconds since the epoch, UTC."""
        return self.pipeline.clock()

    def _prepare(
        self,
        message: Message | Fallback,
        to: Any,  # noqa: ANN401  resolvers take anything
        enqueue_options: EnqueueOptions,
        send_options: SendOptions,
        *,
        is_bulk: bool = False,
    ) -> Flow[_Prepared]:
        """Find out whom it is for and when it is due. Nothing is written down yet."""
        found = yield from self._resolve_steps(message, to)
        now, first = self.pipeline.clock(), found[0][0]
        if is_bulk:
            send_options = send_options.for_recipient(first.channel, first.to.plain)
        trace = trace_of(self.pipeline.observer, first.channel, first.id)
        payload = _payload(message, found, send_options, trace).with_window(enqueue_options.window)
        due = payload.next_open(enqueue_options.not_before(now))
        deadline = None if send_options.timeout is None else now + send_options.timeout
        if deadline is not None and due >= deadline:
            raise errors.InvalidMessage(
                "ends before the message may be sent",
                field="expires_in",
                hint="give more, or an earlier time",
            )
        priority = PRIORITIES[enqueue_options.priority]
        return _Prepared(
            self._operation(first, found[0][1], payload, send_options, now, due, priority, deadline), first.to
        )

    def _insert_all(self, operations: Sequence[Enqueue], transaction: Any) -> Flow[Sequence[_LedgerReply]]:  # noqa: ANN401
        """Write them down in one transaction. What became of each is told in the order given."""
        if not operations:
            return ()
        # always in the same order, so that two calls with the same keys wait for each other and not in a circle
        order = sorted(range(len(operations)), key=lambda index: operations[index].idempotency_key or "")
        together = Transaction(tuple(operations[index] for index in order))
        try:
            replies = yield from ask(
                together if transaction is None else InTransaction(transaction, together)
            )
        except errors.LedgerUnavailable as error:
            return [error] * len(operations)
        told = dict(zip(order, replies, strict=True))
        return [told[index] for index in range(len(operations))]

    def _resolve_steps(
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
                envelope, account = yield from self.pipeline.envelopes.build(one, to, self.pipeline.clock())
            except errors.UnresolvedRecipient as error:
                lacking = lacking or error
                continue
            providers = self.pipeline.selector.select(envelope, account).providers.values()
            require_sendable(providers, envelope)
            if len(steps) > 1 and not found:
                require_reports(providers, envelope.channel)
            found.append((envelope, account))
        if lacking is not None and not found:
            raise lacking
        return found

    def _operation(
        self,
        first: Envelope,
        account: str | None,
        payload: QueuePayload,
        send_options: SendOptions,
        now: float,
        due: float,
        priority: int,
        deadline: float | None,
    ) -> Enqueue:
        recording = self.pipeline.recorder.options
        return Enqueue(
            id=first.id,
            channel=first.channel,
            message_type=type(first.message).__name__,
            account=account,
            address=recording.ledger.stored_address(first.to.plain, first.to.masked),
            recipient=next(iter(recording.recipient_digests(first.to.plain)), ""),
            digest=digest_of(first.id, getattr(first.message, "text", None) or ""),
            fingerprint="" if send_options.idempotency_key is None else _fingerprint(payload),
            scope=send_options.scope,
            idempotency_key=send_options.idempotency_key,
            expires=max(now, due) + recording.idempotency_ttl,
            at=now,
            due=due,
            priority=priority,
            deadline=deadline,
            payload=recording.sealed(payload.to_json(self.codec)),
            recipient_digests=" ".join(
                dict.fromkeys(recording.waiting_digests(one.to.plain)[0] for one in payload.steps)
            ),
            steps=len(payload.steps),
        )


def storable_types(channels: Iterable[Channel], providers: Iterable[Provider]) -> Iterable[type]:
    """Yield the types of whatever a message that waits may hold."""
    for channel in channels:
        yield from (channel.address_type, *channel.message_types)
    for provider in providers:
        yield from provider.capabilities.provider_options


def _payload(
    message: Message | Fallback,
    envelopes: Sequence[tuple[Envelope, str | None]],
    send_options: SendOptions,
    trace: str,
) -> QueuePayload:
    steps = [Step(envelope.message, envelope.to, account) for envelope, account in envelopes]
    if isinstance(message, Fallback):
        follow = message.on_unknown == "next"
        return QueuePayload(steps, send_options.on_unknown, message.after, follow, trace=trace)
    return QueuePayload(steps, send_options.on_unknown, trace=trace)


def _fingerprint(payload: QueuePayload) -> str:
    """Return that of `send` for a single message, so that both know each other's keys."""
    prints = [fingerprint(one.message, one.to.plain, one.account) for one in payload.steps]
    return prints[0] if len(prints) == 1 else sha256("".join(prints).encode()).hexdigest()


def _split_options(options: Mapping[str, Any]) -> tuple[EnqueueOptions, SendOptions, Any]:
    times = EnqueueOptions(**{name: options[name] for name in _ENQUEUE_FIELDS if name in options})
    rest = {
        name: one
        for name, one in options.items()
        if name not in (*_ENQUEUE_FIELDS, "transaction", "expires_in")
    }
    try:
        terms = SendOptions(timeout=options.get("expires_in"), **rest)
    except errors.InvalidMessage as wrong:
        if wrong.field != "timeout":
            raise
        raise errors.InvalidMessage(wrong.problem, field="expires_in", hint=wrong.hint) from None
    return times, terms, options.get("transaction")


def _result(to: Any, order: _Prepared, reply: _LedgerReply) -> EnqueueResult:  # noqa: ANN401  resolvers take anything
    if isinstance(reply, errors.LedgerUnavailable):
        return EnqueueResult(to, None, reply)
    try:
        return EnqueueResult(to, order.receipt(reply))
    except errors.IdempotencyKeyReused as error:
        return EnqueueResult(to, None, error)


_ENQUEUE_FIELDS = ("send_at", "window", "priority")
