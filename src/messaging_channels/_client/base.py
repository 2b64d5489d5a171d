"""What both clients share: how they are made; `dispatcher` gives their parts to callers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from messaging_channels._client import capture
from messaging_channels._client.arguments import (
    SEND_OPTIONS,
    as_enqueue_options,
    as_moment,
    as_options,
    as_status_group,
    as_status_name,
    check_alternatives,
    check_list,
    check_lookup,
    check_message,
    check_messages,
    check_recipient,
)
from messaging_channels._client.wiring import wire
from messaging_channels._config.dispatcher_config import DispatcherConfig
from messaging_channels._model import errors
from messaging_channels._model.addresses import Address
from messaging_channels._model.arguments import kind_of
from messaging_channels._model.time_left import bounded
from messaging_channels._sending.send_options import DEFAULT_OPTIONS, SendOptions
from messaging_channels._transport.drivers import AsyncTransport, Transport
from messaging_channels.messages import Message
from messaging_channels.plugins.ledger import GetMessage, ListMessages
from messaging_channels.policies.circuit_breaker import CircuitState

if TYPE_CHECKING:
    from messaging_channels._client.preferred import Alternatives, RecipientChannels
    from messaging_channels._inbound.handlers import Handler
    from messaging_channels._ledger.options import LedgerOptions
    from messaging_channels._model.events import Event
    from messaging_channels._model.rate_limit import RateLimit
    from messaging_channels._model.receipts import Receipt
    from messaging_channels._transport.clock import Clock
    from messaging_channels._transport.settings import HttpSettings
    from messaging_channels.consent.policy import ConsentPolicy
    from messaging_channels.plugins.channels import Channel
    from messaging_channels.plugins.exchange import Flow
    from messaging_channels.plugins.ledger import Ledger
    from messaging_channels.plugins.ledger_limits import LimitStore
    from messaging_channels.plugins.notifiers import QueueNotifier
    from messaging_channels.plugins.observer import Observer
    from messaging_channels.plugins.provider import Provider
    from messaging_channels.plugins.resolvers import RecipientResolver
    from messaging_channels.policies.checks import PreSendCheck
    from messaging_channels.policies.routing import Route


class BaseDispatcher:
    """What both clients share: a send pipeline, and a transport, sync or async."""

    _transport_type: ClassVar[type[Transport | AsyncTransport]]

    def __init__(  # noqa: PLR0913  keyword-only options
        self,
        providers: Iterable[Provider],
        *,
        routes: Mapping[str, Route | str | Sequence[str]] | None = None,
        resolvers: Iterable[RecipientResolver] = (),
        accounts: Mapping[str, Iterable[Provider]] | None = None,
        channels: Iterable[Channel] = (),
        ledger: Ledger | LedgerOptions | None = None,
        consent: ConsentPolicy | None = None,
        checks: Iterable[PreSendCheck] = (),
        rate_limits: Mapping[str, RateLimit | float] | None = None,
        shared_limits: LimitStore | bool = False,
        notifiers: Iterable[QueueNotifier] = (),
        observer: Observer | None = None,
        http: HttpSettings | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Put a dispatcher together. Nothing is connected yet.

        Args:
            providers: those of the platform's own account.
            routes: by channel name: a `Route`, or the names of providers in order (a list, or a text with commas). A channel
                without one is served by the providers that carry it, in the order given.
            resolvers: asked in order for recipients that are not addresses.
            accounts: the providers that hold other accounts' credentials, by the names that resolvers return.
            channels: besides the built-in ones.
            ledger: where every message is recorded; in `LedgerOptions`, with times other than the usual. Without one, only messages with an
                idempotency key are, in memory, as long as the dispatcher lives.
            consent: how what people say about being written to is understood. It is kept in the ledger, which is asked before every message.
            checks: pre-send checks that may block a message, asked in order.
            rate_limits: the most that a provider may be asked for each account and sender, by the provider's name; a number counts messages a second.
            shared_limits: whether rates and circuit breakers hold over all processes that share the ledger; or where else they are kept. Checks
                that are `shared` are asked there too.
            notifiers: have a worker look at an enqueued message at once; see `messaging_channels.plugins.notifiers`.
            observer: hears of every attempt and event.
            http: time-outs, proxy, certificates.
            clock: stands for the machine's, in tests.

        Raises:
            UnknownProvider: a route names a provider that is not given.
            InvalidSetting: the name or a message type of a channel is taken; limits are to be shared, and the ledger does not keep them.
            InvalidArgument: an argument is of a wrong type, such as a class instead of an instance, or two providers have one name.
        """
        self._open(
            DispatcherConfig(
                providers=providers,
                routes=routes or {},
                resolvers=resolvers,
                accounts=accounts or {},
                channels=channels,
                ledger=ledger,
                consent=consent,
                checks=checks,
                rate_limits=rate_limits or {},
                shared_limits=shared_limits,
                notifiers=notifiers,
                observer=observer,
                http=http,
                clock=clock,
            )
        )

    def _open(self, config: DispatcherConfig) -> None:
        services = wire(config)
        self._pipeline, self._reports = services.pipeline, services.reports
        self._consent, self._enqueuer = services.consent, services.enqueuer
        self._transport = self._transport_type(services.http, services.executors, services.clock)

    @classmethod
    def from_parts(cls, config: DispatcherConfig) -> Self:
        """Make a dispatcher of parts that were put together before, such as by `Configuration.build`.

        Raises:
            UnknownProvider: a route names a provider that is not given.
        """
        made = cls.__new__(cls)
        made._open(config)  # noqa: SLF001  of its own class
        return made

    @property
    def _recipients(self) -> RecipientChannels:
        from messaging_channels._client.preferred import RecipientChannels  # noqa: PLC0415  rarely needed

        return RecipientChannels(self._pipeline, self._reports.channels)

    def _send(
        self,
        message: Alternatives,
        to: Any,  # noqa: ANN401  resolvers take anything
        via: str | None,
        keywords: Mapping[str, Any],
    ) -> Flow[Receipt]:
        """Return the flow that sends a message, by its own channel or the first that the recipient prefers.

        Raises:
            InvalidArgument: the message, the recipient or an option cannot be meant; `via` is none that there is.
        """
        options = SendOptions(**as_options(keywords, SEND_OPTIONS, "send")) if keywords else DEFAULT_OPTIONS
        if via is None and isinstance(message, Message):  # as most are
            if not isinstance(to, (str, Address)):
                self._check(message, to, "send")
            flow = self._pipeline.send(message, to, options)
            return flow if options.timeout is None else bounded(flow, options.timeout, self._pipeline.clock)
        self._check(message, to, "send")
        if via not in (None, "preferred"):
            given = repr(via)[:40] if isinstance(cast("object", via), str) else kind_of(via)
            raise errors.InvalidArgument(
                f'must be "preferred", got {given}', argument="via", hint='leave it out, or give "preferred"'
            )
        flow = self._recipients.send(message, to, options)
        return bounded(flow, options.timeout, self._pipeline.clock)

    def on(
        self, event_type: type[Event], *, name: str | None = None, in_place: bool = False
    ) -> Callable[[Handler], Handler]:
        """Register a handler of events that come in, as a decorator: `@dispatcher.on(MessageReceived)`.

        The event is in the ledger when `handle_webhook` returns. A worker of a dispatcher with the same handler deals with it then: in the order in which
        events of one conversation came, again after a wait where the handler raised, and as a dead letter in the end. Each event is handled once; only where
        a process dies while its handler runs it is handled again: give `event.key` to whatever must not happen twice.

        Args:
            event_type: such as `MessageReceived`; a subclass is one too.
            name: the handler's name in the ledger, the same in every process (the function's own).
            in_place: whether `handle_webhook` itself calls it, once the event is in the ledger. Where that fails, a worker tries again.

        Raises:
            InvalidSetting: there is a handler of that name.
        """
        return self._reports.handlers.register(event_type, name=name, in_place=in_place)

    @property
    def providers(self) -> tuple[str, ...]:
        """The names of the providers of all accounts."""
        return tuple(
            dict.fromkeys(name for held in self._pipeline.selector.accounts.values() for name in held)
        )

    @property
    def circuits(self) -> Sequence[CircuitState]:
        """The providers that failed lately in this process, and until when those are left alone whose circuit breaker is open."""
        states = self._pipeline.circuits.states(self._pipeline.clock())
        named: list[tuple[tuple[str | None, str], int, float]] = [
            (cast("tuple[str | None, str]", key), failures, until) for key, failures, until in states
        ]
        return [CircuitState(name, account, failures, until) for (account, name), failures, until in named]

    def _check(self, message: object, to: object, call: str) -> None:
        """Refuse what can be no message or no recipient.

        Raises:
            InvalidArgument: it is of a wrong type.
        """
        if not isinstance(message, Message):
            check_alternatives(message, call=call)
        if not isinstance(to, (str, Address)):
            check_recipient(to, call=call, has_resolvers=bool(self._pipeline.envelopes.resolvers))

    def _bulk_options(self, message: object, to: object, keywords: Mapping[str, Any]) -> SendOptions:
        """Return the options of many messages; see `_check`."""
        check_messages(message, to, call="send_each")
        return SendOptions(**as_options(keywords, SEND_OPTIONS, "send_each"))

    def _enqueue_options(self, message: object, to: object, options: dict[str, Any]) -> dict[str, Any]:
        """Return the options of one message that is to wait; see `_check`."""
        check_message(message, call="enqueue", takes_fallback=True)
        check_recipient(to, call="enqueue", has_resolvers=bool(self._pipeline.envelopes.resolvers))
        return as_enqueue_options(options, "enqueue")

    def _lookup(
        self,
        message_id: str | None,
        provider: str | None,
        provider_id: str | None,
        scope: str,
        key: str | None,
    ) -> GetMessage:
        check_lookup(message_id, provider, provider_id, key)
        return GetMessage(message_id, provider, provider_id, scope, key)

    def _listing(self, wanted: dict[str, Any], to: Address | str | None) -> ListMessages:
        """Return the operation that lists records; `wanted` are the keywords of `list_messages`."""
        check_list(wanted["limit"], **{name: wanted[name] for name in ("scope", "before", "channel")})
        return ListMessages(
            wanted["scope"],
            wanted["limit"],
            wanted["before"],
            wanted["channel"],
            as_status_group(wanted["group_id"]),
            as_moment(wanted["since"], "since"),
            as_moment(wanted["until"], "until"),
            as_status_name(wanted["status"]),
            *self._stored_addresses(to, wanted["channel"]),
        )

    def _stored_addresses(self, to: Address | str | None, channel: str | None) -> tuple[tuple[str, ...], ...]:
        """Return an address as records keep it, in the form of each channel that has such a one, and the digests of the person, if there are any.

        Raises:
            InvalidAddress: no channel has such an address.
            InvalidMessage: the ledger keeps no addresses.
        """
        if to is None:
            return ()
        channels = [one for name, one in self._reports.channels.items() if channel in (None, name)]
        found = _parse_for_each(channels, to) if isinstance(to, str) else [to]
        options = self._pipeline.recorder.options
        ledger = options.ledger
        stored = {ledger.stored_address(one.plain, one.masked) for one in found}
        if "" in stored:
            raise errors.InvalidMessage(
                "the ledger keeps no addresses", field="to", hint="look for other properties"
            )
        return tuple(sorted(stored)), *options.digests_of({one.plain for one in found})

    @classmethod
    def from_config(
        cls,
        settings: Mapping[str, Any] | None = None,
        *,
        resolvers: Iterable[RecipientResolver] = (),
        checks: Iterable[PreSendCheck] = (),
    ) -> Self:
        """Make a dispatcher from the installed plugins and the configuration.

        Values come from `settings`, then the environment, then the TOML file; see the reference page on configuration. Resolvers that are
        given here are asked before those of plugins.

        Raises:
            ConfigurationError: a setting is missing or malformed, or a provider that is named is unknown or broken.
        """
        from messaging_channels._config.settings import Configuration  # noqa: PLC0415  pydantic comes with it

        configuration = Configuration.read(settings)
        if capture.hook is not None:  # an outbox of a test
            return cls(**capture.hook(configuration, list(resolvers), list(checks)))
        return cls.from_parts(configuration.build(resolvers, checks))


def _parse_for_each(channels: Iterable[Channel], text: str) -> list[Address]:
    """Return what a text is on each channel where it is an address.

    Raises:
        InvalidAddress: it is none anywhere.
    """
    found: list[Address] = []
    refusal: errors.InvalidAddress | None = None
    for one in channels:
        try:
            found.append(one.parse(text))
        except errors.InvalidAddress as error:
            refusal = refusal or error
    if not found and refusal is not None:
        raise refusal
    return found
