"""Which providers serve a channel, in which order, and what may follow an attempt: pure decisions, without a clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, cast

from messaging_channels._model.arguments import kind_of, require_count, require_instance, require_seconds
from messaging_channels._model.errors import InvalidArgument, UnknownProvider
from messaging_channels._model.nearest import did_you_mean
from messaging_channels._model.values import as_texts

if TYPE_CHECKING:
    from messaging_channels.messages import Message
    from messaging_channels.plugins.channels import Channel
    from messaging_channels.plugins.provider import Envelope, Provider


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often, and for how long, a message that certainly was not sent is tried. Times in seconds."""

    max_attempts: int = 3
    """Attempts at each provider."""
    max_elapsed: float = 10.0
    """Seconds after which no further attempt begins. Also the longest wait for a rate limit."""
    initial_interval: float = 0.25
    """Seconds: upper bound of the first random wait. The bound doubles with each attempt."""
    max_interval: float = 5.0
    """Seconds: longest wait. If the provider asks for more, the dispatcher tries the next provider."""

    def __post_init__(self) -> None:
        """Refuse what can never be meant.

        Raises:
            InvalidArgument: there would be no attempt, or a time is no number of seconds, or so long that milliseconds are meant.
        """
        require_count(self.max_attempts, "RetryPolicy.max_attempts")
        for name in ("max_elapsed", "initial_interval", "max_interval"):
            require_seconds(getattr(self, name), f"RetryPolicy.{name}", longest=_LONGEST[name])

    def delay(self, tries: int, retry_after: float | None, chance: float) -> float | None:
        """Return how long to wait after `tries` attempts, None if it would be too long.

        What the provider asked for is obeyed; else the wait is drawn from 0 to a bound that doubles (full jitter); `chance` is from 0 to 1.
        """
        if retry_after is not None:
            return retry_after if retry_after <= self.max_interval else None
        return chance * min(self.max_interval, self.initial_interval * 2.0 ** (tries - 1))


@dataclass(frozen=True, slots=True)
class CircuitBreaker:
    """When a provider that keeps failing is left alone. Times in seconds."""

    failure_threshold: int = 5
    """Failures in a row after which the provider is not used. A rejected message is no failure of the provider."""
    reset_timeout: float = 30.0
    """Seconds until one message is sent as a trial (half-open)."""
    half_open_interval: float = 1.0
    """Seconds between trials while all providers of the route are stopped."""

    def __post_init__(self) -> None:
        """Refuse what can never be meant.

        Raises:
            InvalidArgument: a number is not positive, or a time so long that milliseconds are meant.
        """
        require_count(self.failure_threshold, "CircuitBreaker.failure_threshold")
        for name in ("reset_timeout", "half_open_interval"):
            require_seconds(getattr(self, name), f"CircuitBreaker.{name}", longest=_LONGEST[name])


@dataclass(frozen=True, slots=True)
class RouteMatch:
    """For which messages a provider is considered. What is empty does not matter."""

    prefixes: tuple[str, ...] = ()
    """Beginnings of the address, without plus: `("44", "385")`; for email, ends of the domain."""
    message_types: tuple[type[Message], ...] = ()
    """Message types. Empty: all."""
    accounts: tuple[str | None, ...] = ()
    """Accounts (tenants); None is the platform's own. Empty: all."""

    def __post_init__(self) -> None:
        """Take a text as one prefix, and as one account: never letter by letter."""
        object.__setattr__(self, "prefixes", as_texts(self.prefixes))
        if isinstance(self.accounts, str):
            object.__setattr__(self, "accounts", (self.accounts,))

    def matches(self, envelope: Envelope, account: str | None) -> bool:
        """Whether the provider may send this message."""
        return (
            (not self.message_types or isinstance(envelope.message, self.message_types))
            and (not self.accounts or account in self.accounts)
            and (not self.prefixes or _has_prefix(envelope.to.plain, self.prefixes))
        )


MATCH_ALL = RouteMatch()
"""Without conditions."""


@dataclass(frozen=True, slots=True)
class RouteTarget:
    """A provider on a route, with conditions."""

    provider: str
    weight: float | None = None
    """Those with a weight come first, in an order drawn by it; the others follow as they are named."""
    match: RouteMatch = MATCH_ALL

    def __post_init__(self) -> None:
        """Check the weight.

        Raises:
            InvalidArgument: it is no number of at least 0.
        """
        weight: object = self.weight
        is_number = isinstance(weight, (int, float)) and not isinstance(weight, bool)
        if weight is not None and not (is_number and 0 <= self.weight < inf):  # type: ignore[operator]  # pyright: ignore[reportOptionalOperand]
            raise InvalidArgument(
                f"must be a number of at least 0, got {weight if is_number else kind_of(weight)}",
                argument="RouteTarget.weight",
                hint="give for example weight=3",
            )


@dataclass(frozen=True, slots=True, init=False)
class Route:
    """The providers of a channel, in the order in which they are asked: `Route("infobip", "twilio")`, or
    `Route(RouteTarget("a", weight=9), RouteTarget("b", weight=1))`.
    """

    targets: tuple[RouteTarget, ...]
    retry: RetryPolicy
    circuit_breaker: CircuitBreaker

    def __init__(
        self,
        *providers: str | RouteTarget,
        retry: RetryPolicy | None = None,
        circuit_breaker: CircuitBreaker | None = None,
    ) -> None:
        """Name at least one provider.

        Raises:
            InvalidArgument: none is named, or one twice, or one by what is neither a text nor a RouteTarget.
        """
        targets = tuple(_as_target(one, number) for number, one in enumerate(providers))
        names = [step.provider for step in targets]
        if not names:
            raise InvalidArgument(
                "names no provider", argument="Route", hint='write for example Route("twilio")'
            )
        if len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise InvalidArgument(f"names {twice!r} twice", argument="Route", hint="leave one out")
        for name, given, kind in (
            ("retry", retry, RetryPolicy),
            ("circuit_breaker", circuit_breaker, CircuitBreaker),
        ):
            if given is not None:
                require_instance(given, kind, f"Route.{name}", f"give {kind.__name__}(...)")
        object.__setattr__(self, "targets", targets)
        object.__setattr__(self, "retry", retry or RetryPolicy())
        object.__setattr__(self, "circuit_breaker", circuit_breaker or CircuitBreaker())

    @property
    def providers(self) -> tuple[str, ...]:
        """The names, as given."""
        return tuple(step.provider for step in self.targets)

    @property
    def is_static(self) -> bool:
        """Whether it neither looks at addresses nor draws lots: alike messages take it alike."""
        return all(step.weight is None and not step.match.prefixes for step in self.targets)

    def draw_order(self, chance: Callable[[], float]) -> Sequence[RouteTarget]:
        """Return the steps in the order for one message: the weighted ones as drawn, then the others."""
        if len(self.targets) == 1:
            return self.targets
        weighted = [step for step in self.targets if step.weight is not None]
        if not weighted:
            return self.targets
        drawn = sorted(weighted, key=lambda step: -(chance() ** (1 / max(step.weight or 0, 1e-9))))
        return [*drawn, *(step for step in self.targets if step.weight is None)]


def as_route(value: object, argument: str) -> Route:
    """Return a route, given as one, as names of providers in a list, or in a text with commas between them.

    Raises:
        InvalidArgument: it is none of these.
    """
    if isinstance(value, Route):
        return value
    if isinstance(value, RouteTarget):
        return Route(value)
    if isinstance(value, str):
        return Route(*(one.strip() for one in value.split(",") if one.strip()))
    if isinstance(value, (list, tuple)):
        return Route(*cast("Sequence[str | RouteTarget]", value))
    raise InvalidArgument(
        f"must be a Route or names of providers, got {kind_of(value)}",
        argument=argument,
        hint='write for example Route("twilio")',
    )


def _as_target(given: object, number: int) -> RouteTarget:
    if isinstance(given, RouteTarget):
        return given
    if isinstance(given, str) and given:
        return RouteTarget(given)
    raise InvalidArgument(
        f"must be the name of a provider or a RouteTarget, got {kind_of(given)}",
        argument=f"Route.providers[{number}]",
        hint='write for example Route("infobip", "twilio")',
    )


def resolve_routes(
    channels: Iterable[Channel],
    providers: Mapping[str, Provider],
    given_routes: Mapping[str, Route | str | Sequence[str]],
) -> dict[str, Route]:
    """Return a route for every channel: the given one, or all providers that carry the channel in their order.

    Raises:
        UnknownProvider: a route names a provider that there is not.
    """
    if not isinstance(given_routes, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidArgument(
            f"must be a mapping, got {kind_of(given_routes)}",
            argument="routes",
            hint='write {"sms": Route("twilio")}',
        )
    able = {channel.name: [*_able(providers, channel)] for channel in channels}
    routes = {name: Route(*names) for name, names in able.items() if names}
    for name, value in given_routes.items():
        if name not in able:
            raise InvalidArgument(
                f"names the channel {name!r}, which there is not",
                argument="routes",
                hint=did_you_mean(str(name), able),
            )
        routes[name] = as_route(value, f"routes[{name!r}]")
    unknown = [name for route in routes.values() for name in route.providers if name not in providers]
    if unknown:
        raise UnknownProvider(unknown[0], known=tuple(providers))
    return routes


def _able(providers: Mapping[str, Provider], channel: Channel) -> Iterator[str]:
    """Return the names of the providers that carry any message of a channel."""
    for name, provider in providers.items():
        if not provider.capabilities.message_types.keys().isdisjoint(channel.message_types):
            yield name


def _has_prefix(plain: str, prefixes: tuple[str, ...]) -> bool:
    if "@" in plain:
        return plain.lower().endswith(prefixes)
    return plain.startswith(tuple(prefix.lstrip("+") for prefix in prefixes))


_LONGEST: Mapping[str, float] = {
    "max_elapsed": 6 * 3600.0,
    "initial_interval": 3600.0,
    "max_interval": 3600.0,
    "reset_timeout": 6 * 3600.0,
    "half_open_interval": 3600.0,
}
"""Seconds above which a time is most likely one in milliseconds."""
