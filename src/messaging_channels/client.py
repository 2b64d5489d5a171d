"""The two front doors. They take the same words and run the same flows; only the waiting differs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from itertools import islice
from random import random
from typing import TYPE_CHECKING, Any, ClassVar, Self

from messaging_channels.addressing import Addressing
from messaging_channels.bulk import CHUNK, Bulk, Each, paired
from messaging_channels.channels import BUILT_IN, Channel
from messaging_channels.dispatch import Dispatch
from messaging_channels.exchange import ask
from messaging_channels.journey import USUAL, Options, Terms
from messaging_channels.ledger import Browse, Find
from messaging_channels.ledger.memory import Memory
from messaging_channels.ledger.within import EXECUTORS as WITHIN
from messaging_channels.ledger.within import Within
from messaging_channels.messages import Codec
from messaging_channels.observer import Observer
from messaging_channels.queue_doors import AsyncQueueDoor, QueueDoor
from messaging_channels.queueing import Enqueued, Queueing, QueueOptions, kinds
from messaging_channels.recording import Recording
from messaging_channels.reports import Reports
from messaging_channels.routing import Route, routed
from messaging_channels.transport import AsyncTransport, Clock, HttpSettings, Transport
from messaging_channels.wakers import EXECUTORS as WAKE_UP
from messaging_channels.wakers import Waker, WakeUp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Unpack

    from messaging_channels.events import Event
    from messaging_channels.exchange import Exchange, Executors
    from messaging_channels.fallback import Fallback
    from messaging_channels.ledger import Ledger, Record
    from messaging_channels.messages import Message
    from messaging_channels.provider import Provider
    from messaging_channels.rates import Rate
    from messaging_channels.receipts import Receipt
    from messaging_channels.recipients import RecipientResolver
    from messaging_channels.vetoes import Veto
    from messaging_channels.webhooks import Received, WebhookCall


class _Door:
    """What both doors are made of: a dispatch, and a transport of their own colour."""

    _driver: ClassVar[type[Transport | AsyncTransport]]

    def __init__(
        self,
        providers: Iterable[Provider],
        *,
        routes: Mapping[str, Route] | None = None,
        resolvers: Iterable[RecipientResolver] = (),
        accounts: Mapping[str, Iterable[Provider]] | None = None,
        channels: Iterable[Channel] = (),
        ledger: Ledger | Recording | None = None,
        vetoes: Iterable[Veto] = (),
        rates: Mapping[str, Rate] | None = None,
        wakers: Iterable[Waker] = (),
        observer: Observer | None = None,
        http: HttpSettings | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Put a dispatcher together. Nothing is connected yet.

        Args:
            providers: those of the platform's own account.
            routes: by channel name. A channel without one is served by the providers that carry it, in the order given.
            resolvers: asked in order for recipients that are not addresses.
            accounts: the providers that hold other accounts' credentials, by the names that resolvers return.
            channels: besides SMS, WhatsApp and email.
            ledger: where every message is recorded; in a `Recording`, with times other than the usual. Without one, only messages with an
                idempotency key are, in memory, as long as the dispatcher lives.
            vetoes: rules that may forbid a message, asked in order.
            rates: the most that a provider may be asked for each account and sender, by the provider's name.
            wakers: have a worker look at an enqueued message at once; see `messaging_channels.wakers`.
            observer: hears of every attempt and event.
            http: time-outs, proxy, certificates.
            clock: stands for the machine's, in tests.

        Raises:
            UnknownProvider: a route names a provider that is not given.
        """
        held = {None: _by_name(providers)} | {name: _by_name(own) for name, own in (accounts or {}).items()}
        every = {provider.name: provider for own in held.values() for provider in own.values()}
        known = (*BUILT_IN, *channels)
        settings, time = http or HttpSettings(), clock or Clock()
        recording = (
            ledger if isinstance(ledger, Recording) else Recording(ledger or Memory(), ledger is not None)
        )
        rules, hears = tuple(vetoes), observer or Observer()
        self._reports = Reports(held, {one.name: one for one in known}, recording, hears, rules, time.now)
        self._dispatch = Dispatch(
            addressing=Addressing(
                {kind: channel for channel in known for kind in channel.carries}, tuple(resolvers)
            ),
            accounts=held,
            routes=routed(known, every, routes or {}),
            observer=hears,
            recording=recording,
            reports=self._reports,
            vetoes=rules,
            rates=rates or {},
            clock=time.now,
            chance=random,
            timeouts=settings.timeouts,
        )
        self._queueing = Queueing(self._dispatch, Codec(kinds(known, every.values())), tuple(wakers))
        executors: dict[type[Exchange[Any]], Executors] = dict(recording.ledger.executors)
        executors |= {Within: WITHIN, WakeUp: WAKE_UP}
        for provider in every.values():
            executors.update(provider.executors)
        self._transport = self._driver(settings, executors, time)

    @property
    def providers(self) -> tuple[str, ...]:
        """The names of the providers of all accounts."""
        return tuple(dict.fromkeys(name for held in self._dispatch.accounts.values() for name in held))

    @classmethod
    def configured(
        cls,
        settings: Mapping[str, Any] | None = None,
        *,
        resolvers: Iterable[RecipientResolver] = (),
        vetoes: Iterable[Veto] = (),
    ) -> Self:
        """Make a dispatcher from the installed plugins and the configuration.

        Values come from `settings`, then the environment, then the TOML file; see the reference page on configuration. Resolvers that are
        given here are asked before those of plugins.

        Raises:
            ConfigurationError: a setting is missing or malformed, or a provider that is named is unknown or broken.
        """
        from messaging_channels.configuration import Configuration  # noqa: PLC0415  pydantic comes with it

        parts = Configuration.read(settings).parts(resolvers)
        return cls(vetoes=[*parts.pop("vetoes"), *vetoes], **parts)


class Dispatcher(_Door):
    """Sends messages, waiting in the caller's thread. One serves many threads at once; close it when done."""

    _driver = Transport
    _transport: Transport

    def send(self, message: Message, *, to: Any, **options: Unpack[Options]) -> Receipt:  # noqa: ANN401  resolvers take anything
        """Send one message to one recipient: an address, its text, or whatever a resolver understands.

        Returns the receipt of a message that a provider took, or may have taken (`receipt.outcome` is then `unknown`). The options
        are those of `journey.Terms`: `idempotency_key`, `scope`, `deadline`, `on_unknown`, `wait_in_progress`.

        Raises:
            BadInput: the message or the recipient cannot be sent as it is. Nothing left the machine.
            ConfigurationError: the deployment cannot send it. Nothing left the machine.
            IdempotencyInProgress: an earlier call with that key has not ended.
            LedgerUnavailable: it could not be written down first, so nothing was sent.
            Rejected: the provider refused it for good.
            NotSent: certainly nothing went out; it may safely be sent again.
        """
        return self._transport.run(self._dispatch.send(message, to, Terms(**options) if options else USUAL))

    def send_each(
        self,
        message: Message | Iterable[Message],
        *,
        to: Iterable[Any],
        **options: Unpack[Options],
    ) -> Iterator[Each]:
        """Send one message to many recipients, or one of several to each, in the provider's batches. Takes iterators of any length.

        Yields what became of each as it is known, not always in order: a recipient that cannot be sent to harms no other one, and its error is in
        `Each.error`. An idempotency key stands for the whole call: each address under it is sent to once, also when the call is repeated.
        """
        pairs = paired(message, to)
        while chunk := list(islice(pairs, CHUNK)):
            bulk = Bulk(self._dispatch, Terms(**options))
            yield from self._transport.run(bulk.entered(chunk))
            while bulk.pending:
                yield from self._transport.run(bulk.advanced())

    def receive(self, provider: str, call: WebhookCall, *, account: str | None = None) -> Received:
        """Have a provider prove and read a call that was made to our webhook address, and keep what it tells.

        Answer the caller with `Received.answer`. An event that was heard before is in the result, but no observer hears of it again.

        Raises:
            WebhookRefused: nothing proves that the call is the provider's. Answer it with 401.
            UnknownProvider: there is no such provider for that account.
            LedgerUnavailable: it could not be kept. Answer with 503, so that the provider calls again.
        """
        return self._transport.run(self._reports.receive(provider, call, account))

    def fetch_reports(self) -> Sequence[Event]:
        """Fetch what is new of the messages sent, from every provider that offers it, and keep it.

        Raises:
            ExchangeFailed: a provider could not be asked.
            LedgerUnavailable: it could not be kept.
        """
        return self._transport.run(self._reports.fetch())

    def enqueue(self, message: Message | Fallback, *, to: Any, **options: Unpack[QueueOptions]) -> Enqueued:  # noqa: ANN401
        """Take a message in, to be sent by a worker: it is in the ledger when this returns, and will be sent, or told of.

        Takes what `send` takes, a `Fallback` too, and the options of `queueing.Times`: `send_at`, `window`, `priority`. Its recipient is looked
        up now; the rules are asked when it is due. With `within`, a connection (or session) of `sqlite3`, psycopg or SQLAlchemy to the
        ledger's database, it is a part of the transaction that is open there: rolled back with it, it was never there.

        Raises:
            BadInput: the message or the recipient cannot be sent as it is; see `send`.
            ConfigurationError: the deployment cannot send it.
            LedgerUnavailable: it could not be kept.
        """
        return self._transport.run(self._queueing.enqueue(message, to, options))

    @property
    def queue(self) -> QueueDoor:
        """What can be done with messages that wait: cancel, replay, erase, and see how the queue stands."""
        return QueueDoor(self._transport.run, self._queueing)

    def find(
        self,
        message_id: str | None = None,
        *,
        provider: str | None = None,
        provider_id: str | None = None,
        idempotency_key: str | None = None,
        scope: str = "",
    ) -> Record | None:
        """Look a record up by our id, by the provider's, or by its idempotency key.

        Raises:
            LedgerUnavailable: it could not be read.
        """
        return self._transport.run(ask(Find(message_id, provider, provider_id, scope, idempotency_key)))

    def browse(
        self,
        *,
        scope: str = "",
        limit: int = 50,
        before: str | None = None,
        channel: str | None = None,
        group_id: int | None = None,
        since: float | None = None,
        until: float | None = None,
    ) -> Sequence[Record]:
        """Return records of one scope, the newest first, a page of at most `limit`: the next one is `before` the last id. See `ledger.Browse`.

        Raises:
            LedgerUnavailable: it could not be read.
        """
        return self._transport.run(ask(Browse(scope, limit, before, channel, group_id, since, until)))

    def settle(self, *, limit: int = 100) -> Sequence[Record]:
        """Ask providers about up to `limit` messages whose outcome is unknown, and return their records. Call it now and then.

        A message is asked about 30 s, 2 min, 10 min and 1 h after the attempt; what is unknown then stays so, until a report tells.

        Raises:
            LedgerUnavailable: it could not be read or written.
        """
        return self._transport.run(self._reports.settle(limit))

    def close(self) -> None:
        """Close every connection. A ledger that was given stays open: it is the caller's."""
        self._transport.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()


class AsyncDispatcher(_Door):
    """Sends messages, waiting in an event loop. One serves many tasks of that loop at once; close it when done."""

    _driver = AsyncTransport
    _transport: AsyncTransport

    async def send(self, message: Message, *, to: Any, **options: Unpack[Options]) -> Receipt:  # noqa: ANN401  resolvers take anything
        """See `Dispatcher.send`. When cancelled, the message may or may not have been sent; its record says so."""
        return await self._transport.run(
            self._dispatch.send(message, to, Terms(**options) if options else USUAL)
        )

    async def send_each(
        self,
        message: Message | Iterable[Message],
        *,
        to: Iterable[Any],
        **options: Unpack[Options],
    ) -> AsyncIterator[Each]:
        """See `Dispatcher.send_each`."""
        pairs = paired(message, to)
        while chunk := list(islice(pairs, CHUNK)):
            bulk = Bulk(self._dispatch, Terms(**options))
            for each in await self._transport.run(bulk.entered(chunk)):
                yield each
            while bulk.pending:
                for each in await self._transport.run(bulk.advanced()):
                    yield each

    async def receive(self, provider: str, call: WebhookCall, *, account: str | None = None) -> Received:
        """See `Dispatcher.receive`."""
        return await self._transport.run(self._reports.receive(provider, call, account))

    async def enqueue(
        self,
        message: Message | Fallback,
        *,
        to: Any,  # noqa: ANN401  resolvers take anything
        **options: Unpack[QueueOptions],
    ) -> Enqueued:
        """See `Dispatcher.enqueue`; the connection of `within` is an asynchronous one, or one of `sqlite3`."""
        return await self._transport.run(self._queueing.enqueue(message, to, options))

    @property
    def queue(self) -> AsyncQueueDoor:
        """See `Dispatcher.queue`."""
        return AsyncQueueDoor(self._transport.run, self._queueing)

    async def fetch_reports(self) -> Sequence[Event]:
        """See `Dispatcher.fetch_reports`."""
        return await self._transport.run(self._reports.fetch())

    async def find(
        self,
        message_id: str | None = None,
        *,
        provider: str | None = None,
        provider_id: str | None = None,
        idempotency_key: str | None = None,
        scope: str = "",
    ) -> Record | None:
        """See `Dispatcher.find`."""
        return await self._transport.run(ask(Find(message_id, provider, provider_id, scope, idempotency_key)))

    async def browse(
        self,
        *,
        scope: str = "",
        limit: int = 50,
        before: str | None = None,
        channel: str | None = None,
        group_id: int | None = None,
        since: float | None = None,
        until: float | None = None,
    ) -> Sequence[Record]:
        """See `Dispatcher.browse`."""
        return await self._transport.run(ask(Browse(scope, limit, before, channel, group_id, since, until)))

    async def settle(self, *, limit: int = 100) -> Sequence[Record]:
        """See `Dispatcher.settle`."""
        return await self._transport.run(self._reports.settle(limit))

    async def close(self) -> None:
        """Close every connection. A ledger that was given stays open: it is the caller's."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self.close()


def _by_name(providers: Iterable[Provider]) -> dict[str, Provider]:
    return {provider.name: provider for provider in providers}
