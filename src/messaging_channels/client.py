"""The two front doors. They take the same words and run the same flows; only the waiting differs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

from messaging_channels.channels import BUILT_IN, Channel
from messaging_channels.dispatch import Dispatch, Observer
from messaging_channels.errors import UnknownProvider
from messaging_channels.routing import Route
from messaging_channels.transport import AsyncTransport, HttpSettings, Transport

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from messaging_channels.events import Event
    from messaging_channels.exchange import Exchange, Executors
    from messaging_channels.messages import Message
    from messaging_channels.provider import Provider
    from messaging_channels.receipts import Receipt
    from messaging_channels.recipients import RecipientResolver


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
        observer: Observer | None = None,
        http: HttpSettings | None = None,
    ) -> None:
        """Put a dispatcher together. Nothing is connected yet.

        Args:
            providers: those of the platform's own account.
            routes: by channel name. A channel without one is served by the providers that carry it, in the order given.
            resolvers: asked in order for recipients that are not addresses.
            accounts: the providers that hold other accounts' credentials, by the names that resolvers return.
            channels: besides SMS, WhatsApp and email.
            observer: hears of every attempt and event.
            http: time-outs, proxy, certificates.

        Raises:
            UnknownProvider: a route names a provider that is not given.
        """
        named = {None: _by_name(providers)}
        held = named | {account: _by_name(own) for account, own in (accounts or {}).items()}
        every = {provider.name: provider for own in held.values() for provider in own.values()}
        known = (*BUILT_IN, *channels)
        self._dispatch = Dispatch(
            channels={kind: channel for channel in known for kind in channel.carries},
            accounts=held,
            routes=_routes(known, every, routes or {}),
            resolvers=tuple(resolvers),
            observer=observer or Observer(),
        )
        executors: dict[type[Exchange[Any]], Executors] = {}
        for provider in every.values():
            executors.update(provider.executors)
        self._transport = self._driver(http, executors)

    @classmethod
    def configured(
        cls,
        settings: Mapping[str, Any] | None = None,
        *,
        resolvers: Iterable[RecipientResolver] = (),
    ) -> Self:
        """Make a dispatcher from the installed plugins and the configuration.

        Values come from `settings`, then the environment, then the TOML file; see the reference page on configuration. Resolvers that are
        given here are asked before those of plugins.

        Raises:
            ConfigurationError: a setting is missing or malformed, or a provider that is named is unknown or broken.
        """
        from messaging_channels.configuration import Configuration  # noqa: PLC0415  pydantic comes with it

        return cls(**Configuration.read(settings).parts(resolvers))


class Dispatcher(_Door):
    """Sends messages, waiting in the caller's thread. One serves many threads at once; close it when done."""

    _driver = Transport
    _transport: Transport

    def send(self, message: Message, *, to: Any) -> Receipt:  # noqa: ANN401  resolvers take anything
        """Send one message to one recipient: an address, its text, or whatever a resolver understands.

        Returns the receipt of a message that a provider took, or may have taken (`receipt.outcome` is then `unknown`).

        Raises:
            BadInput: the message or the recipient cannot be sent as it is. Nothing left the machine.
            ConfigurationError: the deployment cannot send it. Nothing left the machine.
            Rejected: the provider refused it for good.
            NotSent: certainly nothing went out; it may safely be sent again.
        """
        return self._transport.run(self._dispatch.send(message, to))

    def fetch_reports(self) -> Sequence[Event]:
        """Fetch what is new of the messages sent, from every provider that offers it.

        Raises:
            ExchangeFailed: a provider could not be asked.
        """
        return self._transport.run(self._dispatch.fetch_reports())

    def close(self) -> None:
        """Close every connection."""
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

    async def send(self, message: Message, *, to: Any) -> Receipt:  # noqa: ANN401  resolvers take anything
        """See `Dispatcher.send`. When cancelled, the message may or may not have been sent."""
        return await self._transport.run(self._dispatch.send(message, to))

    async def fetch_reports(self) -> Sequence[Event]:
        """See `Dispatcher.fetch_reports`."""
        return await self._transport.run(self._dispatch.fetch_reports())

    async def close(self) -> None:
        """Close every connection."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self.close()


def _by_name(providers: Iterable[Provider]) -> dict[str, Provider]:
    return {provider.name: provider for provider in providers}


def _routes(
    channels: Iterable[Channel], providers: Mapping[str, Provider], given: Mapping[str, Route]
) -> dict[str, Route]:
    routes = dict(given)
    for channel in channels:
        able = [
            name
            for name, provider in providers.items()
            if any(kind in provider.capabilities.carries for kind in channel.carries)
        ]
        if able:
            routes.setdefault(channel.name, Route(*able))
    for route in routes.values():
        for name in route.providers:
            if name not in providers:
                raise UnknownProvider(name, known=tuple(providers))
    return routes
