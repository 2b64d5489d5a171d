"""What both doors are made of: put together here, opened in `client`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from random import random
from typing import TYPE_CHECKING, Any, ClassVar, Self

from messaging_channels._inbound.webhooks import Reports
from messaging_channels._ledger.memory import Memory
from messaging_channels._ledger.options import Recording
from messaging_channels._ledger.within import EXECUTORS as WITHIN
from messaging_channels._ledger.within import Within
from messaging_channels._queue.enqueue import Queueing, kinds
from messaging_channels._sending.envelopes import Addressing
from messaging_channels._sending.pipeline import Dispatch
from messaging_channels._sending.provider_selection import Choosing
from messaging_channels._sending.recorder import AttemptRecorder
from messaging_channels._transport.clock import Clock
from messaging_channels._transport.drivers import AsyncTransport, Transport
from messaging_channels._transport.settings import HttpSettings
from messaging_channels.messages import Codec
from messaging_channels.plugins.channels import BUILT_IN, Channel
from messaging_channels.plugins.notifiers import EXECUTORS as WAKE_UP
from messaging_channels.plugins.notifiers import Waker, WakeUp
from messaging_channels.plugins.observer import Observer
from messaging_channels.policies.routing import Route, routed

if TYPE_CHECKING:
    from messaging_channels._model.rate_limit import Rate
    from messaging_channels.plugins.exchange import Exchange, Executors
    from messaging_channels.plugins.ledger import Ledger
    from messaging_channels.plugins.provider import Provider
    from messaging_channels.plugins.resolvers import RecipientResolver
    from messaging_channels.policies.checks import Veto


class Door:
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
            wakers: have a worker look at an enqueued message at once; see `messaging_channels.plugins.notifiers`.
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
        options = (
            ledger if isinstance(ledger, Recording) else Recording(ledger or Memory(), ledger is not None)
        )
        rules = tuple(vetoes)
        self._reports = Reports(held, {one.name: one for one in known}, options, observer, rules, time.now)
        self._dispatch = Dispatch(
            addressing=Addressing(
                {kind: channel for channel in known for kind in channel.carries}, tuple(resolvers)
            ),
            choosing=Choosing(held, routed(known, every, routes or {}), random),
            observer=observer,
            recorder=AttemptRecorder(options),
            reports=self._reports,
            vetoes=rules,
            rates=rates or {},
            clock=time.now,
            chance=random,
            timeouts=settings.timeouts,
        )
        self._queueing = Queueing(self._dispatch, Codec(kinds(known, every.values())), tuple(wakers))
        executors: dict[type[Exchange[Any]], Executors] = dict(options.ledger.executors)
        executors |= {Within: WITHIN, WakeUp: WAKE_UP}
        for provider in every.values():
            executors.update(provider.executors)
        self._transport = self._driver(settings, executors, time)

    @property
    def providers(self) -> tuple[str, ...]:
        """The names of the providers of all accounts."""
        return tuple(
            dict.fromkeys(name for held in self._dispatch.choosing.accounts.values() for name in held)
        )

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
        from messaging_channels._config.settings import Configuration  # noqa: PLC0415  pydantic comes with it

        parts = Configuration.read(settings).parts(resolvers)
        return cls(vetoes=[*parts.pop("vetoes"), *vetoes], **parts)


def _by_name(providers: Iterable[Provider]) -> dict[str, Provider]:
    return {provider.name: provider for provider in providers}
