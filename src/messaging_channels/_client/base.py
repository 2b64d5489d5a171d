"""What both clients share: the parts are put together here, and `dispatcher` gives them to callers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from random import random
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from messaging_channels._client import capture
from messaging_channels._client.arguments import (
    PROVIDER,
    as_accounts,
    as_enqueue_options,
    as_lists,
    as_moment,
    as_parts,
    as_rate_limits,
    as_send_options,
    as_status_group,
    as_status_name,
    check_list,
    check_lookup,
    check_message,
    check_messages,
    check_parts,
    check_recipient,
)
from messaging_channels._inbound.webhooks import Reports
from messaging_channels._ledger.caller_transaction import EXECUTORS as WITHIN
from messaging_channels._ledger.caller_transaction import InTransaction
from messaging_channels._ledger.lazy_memory import LazyMemoryLedger
from messaging_channels._ledger.options import LedgerOptions
from messaging_channels._model import errors
from messaging_channels._model.addresses import Address
from messaging_channels._queue.enqueue import Enqueuer, storable_types
from messaging_channels._sending.envelopes import EnvelopeBuilder
from messaging_channels._sending.pipeline import SendPipeline
from messaging_channels._sending.provider_selection import ProviderSelector
from messaging_channels._sending.recorder import AttemptRecorder
from messaging_channels._sending.send_options import DEFAULT_OPTIONS, SendOptions
from messaging_channels._transport.clock import Clock
from messaging_channels._transport.drivers import AsyncTransport, Transport
from messaging_channels._transport.settings import HttpSettings
from messaging_channels.consent.gate import ConsentGate
from messaging_channels.consent.policy import ConsentPolicy
from messaging_channels.consent.store import ConsentStore
from messaging_channels.messages import Codec, Message
from messaging_channels.plugins.channels import Channel, ChannelSpec, collect_channels
from messaging_channels.plugins.ledger import GetMessage, ListMessages
from messaging_channels.plugins.ledger_limits import LimitStore, TakePlaces
from messaging_channels.plugins.notifiers import EXECUTORS as WAKE_UP
from messaging_channels.plugins.notifiers import NotifyWorkers, QueueNotifier
from messaging_channels.plugins.observer import Observer
from messaging_channels.plugins.provider import LearnsChannels
from messaging_channels.policies.circuit_breaker import CircuitBreakers, CircuitState
from messaging_channels.policies.routing import Route, resolve_routes
from messaging_channels.policies.shared_limits import SharedLimits

if TYPE_CHECKING:
    from messaging_channels._model.rate_limit import RateLimit
    from messaging_channels.plugins.exchange import Exchange, ExecutorPair
    from messaging_channels.plugins.ledger import Ledger
    from messaging_channels.plugins.provider import Provider
    from messaging_channels.plugins.resolvers import RecipientResolver
    from messaging_channels.policies.checks import PreSendCheck


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
        check_parts(ledger=ledger, consent=consent, observer=observer, http=http, clock=clock)
        accounts_by_name = _accounts(as_parts(providers, "providers", PROVIDER, "Sandbox()"), accounts or {})
        resolvers, checks, channels = as_lists(resolvers, checks, channels)
        every = {provider.name: provider for own in accounts_by_name.values() for provider in own.values()}
        known = {one.name: one for one in collect_channels(channels)}
        _tell_channels(every.values(), known.values())
        settings, time, options = http or HttpSettings(), clock or Clock(), _ledger_options(ledger)
        rules, gate = tuple(checks), ConsentGate(options, consent or ConsentPolicy(), known)
        self._reports = Reports(accounts_by_name, known, options, observer, rules, time.now, gate)
        self._consent = ConsentStore(gate, time.now)
        circuits = CircuitBreakers()
        self._pipeline = SendPipeline(
            envelopes=_envelopes(known.values(), resolvers),
            selector=ProviderSelector(
                accounts_by_name, resolve_routes(known.values(), every, routes or {}), random
            ),
            observer=observer,
            recorder=AttemptRecorder(options, gate),
            reports=self._reports,
            checks=rules,
            rate_limits=as_rate_limits(rate_limits or {}, every),
            clock=time.now,
            chance=random,
            timeouts=settings.timeouts,
            circuits=circuits,
            shared=SharedLimits(circuits) if shared_limits else None,
        )
        self._enqueuer = Enqueuer(
            self._pipeline, Codec(storable_types(known.values(), every.values())), tuple(notifiers)
        )
        executors = _executors(options, _limit_executors(shared_limits, options), every.values())
        self._transport = self._transport_type(settings, executors, time)

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

    def _send_options(self, message: object, to: object, options: dict[str, Any], call: str) -> SendOptions:
        """Return the options of one message.

        Raises:
            InvalidArgument: the message or the recipient is of a wrong type, or an option cannot be meant.
        """
        if not isinstance(message, Message):
            check_message(message, call=call)
        if not isinstance(to, (str, Address)):
            check_recipient(to, call=call, has_resolvers=bool(self._pipeline.envelopes.resolvers))
        return SendOptions(**as_send_options(options, call)) if options else DEFAULT_OPTIONS

    def _bulk_options(self, message: object, to: object, options: dict[str, Any]) -> SendOptions:
        """Return the options of many messages; see `_send_options`."""
        check_messages(message, to, call="send_each")
        return SendOptions(**as_send_options(options, "send_each"))

    def _enqueue_options(self, message: object, to: object, options: dict[str, Any]) -> dict[str, Any]:
        """Return the options of one message that is to wait; see `_send_options`."""
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
            self._stored_addresses(to, wanted["channel"]),
        )

    def _stored_addresses(self, to: Address | str | None, channel: str | None) -> tuple[str, ...]:
        """Return an address as records keep it, in the form of each channel that has such a one.

        Raises:
            InvalidAddress: no channel has such an address.
            InvalidMessage: the ledger keeps no addresses.
        """
        if to is None:
            return ()
        channels = [one for name, one in self._reports.channels.items() if channel in (None, name)]
        found = _parse_for_each(channels, to) if isinstance(to, str) else [to]
        ledger = self._pipeline.recorder.options.ledger
        stored = {ledger.stored_address(one.plain, one.masked) for one in found}
        if "" in stored:
            raise errors.InvalidMessage(
                "the ledger keeps no addresses", field="to", hint="look for other properties"
            )
        return tuple(sorted(stored))

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
        parts = configuration.dispatcher_arguments(resolvers)
        return cls(checks=[*parts.pop("checks"), *checks], **parts)


def _envelopes(known: Iterable[ChannelSpec], resolvers: Iterable[RecipientResolver]) -> EnvelopeBuilder:
    return EnvelopeBuilder({kind: one for one in known for kind in one.message_types}, tuple(resolvers))


def _tell_channels(providers: Iterable[Provider], known: Iterable[ChannelSpec]) -> None:
    for one in providers:
        if isinstance(one, LearnsChannels):
            one.learn_channels(tuple(known))


def _accounts(
    own: Iterable[Provider], accounts: Mapping[str, Iterable[Provider]]
) -> dict[str | None, dict[str, Provider]]:
    """Return the providers by name, under their accounts; None is the platform's own."""
    return {None: _by_name(own, "providers")} | {
        name: _by_name(held, f"accounts[{name!r}]") for name, held in as_accounts(accounts).items()
    }


def _by_name(providers: Iterable[Provider], argument: str) -> dict[str, Provider]:
    named: dict[str, Provider] = {}
    for provider in providers:
        if provider.name in named:
            raise errors.InvalidArgument(
                f"holds two providers named {provider.name!r}",
                argument=argument,
                hint="leave one out, or give one an account of its own: accounts={...}",
            )
        named[provider.name] = provider
    return named


def _ledger_options(ledger: Ledger | LedgerOptions | None) -> LedgerOptions:
    if isinstance(ledger, LedgerOptions):
        return ledger
    return LedgerOptions(ledger or LazyMemoryLedger(), ledger is not None)


def _executors(
    options: LedgerOptions,
    limits: Mapping[type[Exchange[Any]], ExecutorPair],
    providers: Iterable[Provider],
) -> dict[type[Exchange[Any]], ExecutorPair]:
    """Return what performs the exchanges of the ledger, of shared limits and of providers."""
    made = {**options.ledger.executors, InTransaction: WITHIN, NotifyWorkers: WAKE_UP, **limits}
    for provider in providers:
        made.update(provider.executors)
    return made


def _limit_executors(
    shared: LimitStore | bool, options: LedgerOptions
) -> Mapping[type[Exchange[Any]], ExecutorPair]:
    """Return what performs the operations on shared limits besides the ledger.

    Raises:
        InvalidSetting: the ledger is to, and cannot.
    """
    if not isinstance(shared, bool):
        return shared.executors
    kept = TakePlaces in options.ledger.executors and not isinstance(options.ledger, LazyMemoryLedger)
    if shared and not kept:
        raise errors.InvalidSetting(
            "the ledger keeps no limits for several processes",
            setting="shared_limits",
            source="code",
            hint="give a ledger in PostgreSQL or in a SQLite file",
        )
    return {}


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
