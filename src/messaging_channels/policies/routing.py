"""Which providers serve a channel, in which order, and what may follow an attempt: pure decisions, without a clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from messaging_channels._model.errors import UnknownProvider

if TYPE_CHECKING:
    from messaging_channels.messages import Message
    from messaging_channels.plugins.channels import Channel
    from messaging_channels.plugins.provider import Envelope, Provider


@dataclass(frozen=True, slots=True)
class Retry:
    """How often, and for how long, a message that certainly was not sent is tried. Times in seconds."""

    attempts: int = 3
    """At each provider."""
    seconds: float = 10.0
    """After which no further attempt begins; also the most that a rate may make a message wait."""
    first_wait: float = 0.25
    longest_wait: float = 5.0
    """A provider that asks for more is not waited for."""

    def wait(self, tries: int, asked: float | None, chance: float) -> float | None:
        """Return how long to wait after `tries` attempts, None if it would be too long.

        What the provider asked for is obeyed; else the wait is drawn from 0 to a bound that doubles (full jitter); `chance` is from 0 to 1.
        """
        if asked is not None:
            return asked if asked <= self.longest_wait else None
        return chance * min(self.longest_wait, self.first_wait * 2.0 ** (tries - 1))


@dataclass(frozen=True, slots=True)
class Rest:
    """When a provider that keeps failing is left alone. Times in seconds."""

    failures: int = 5
    """In a row; a refusal of one message is none of the provider's."""
    seconds: float = 30.0
    """How long it rests; then one message probes it (half-open)."""
    probe: float = 1.0
    """How often one is probed all the same while every provider of the route rests."""


@dataclass(frozen=True, slots=True)
class When:
    """For which messages a provider is considered. What is empty does not matter."""

    prefixes: tuple[str, ...] = ()
    """How the address begins, without plus: `("44", "385")`; for mail, how its domain ends."""
    kinds: tuple[type[Message], ...] = ()
    accounts: tuple[str | None, ...] = ()
    """The tenants; None is the platform's own."""

    def fits(self, envelope: Envelope, account: str | None) -> bool:
        """Whether the provider is considered for that message."""
        return (
            (not self.kinds or isinstance(envelope.message, self.kinds))
            and (not self.accounts or account in self.accounts)
            and (not self.prefixes or _begins(envelope.to.plain, self.prefixes))
        )


ALWAYS = When()
"""Without conditions."""


@dataclass(frozen=True, slots=True)
class Via:
    """A provider on a route, with conditions."""

    provider: str
    weight: float | None = None
    """Those with a weight come first, in an order drawn by it; the others follow as they are named."""
    when: When = ALWAYS


@dataclass(frozen=True, slots=True, init=False)
class Route:
    """The providers of a channel, in the order in which they are asked: `Route("infobip", "twilio")`, `Route(Via("a", weight=9), Via("b", weight=1))`."""

    steps: tuple[Via, ...]
    retry: Retry
    rest: Rest

    def __init__(self, *providers: str | Via, retry: Retry | None = None, rest: Rest | None = None) -> None:
        """Name at least one provider.

        Raises:
            ValueError: none is named, or one twice.
        """
        steps = tuple(Via(one) if isinstance(one, str) else one for one in providers)
        if not steps or len({step.provider for step in steps}) != len(steps):
            message = "a Route names at least one provider, and none twice"
            raise ValueError(message)
        object.__setattr__(self, "steps", steps)
        object.__setattr__(self, "retry", retry or Retry())
        object.__setattr__(self, "rest", rest or Rest())

    @property
    def providers(self) -> tuple[str, ...]:
        """The names, as given."""
        return tuple(step.provider for step in self.steps)

    @property
    def blind(self) -> bool:
        """Whether it neither looks at addresses nor draws lots: alike messages take it alike."""
        return all(step.weight is None and not step.when.prefixes for step in self.steps)

    def ordered(self, chance: Callable[[], float]) -> Sequence[Via]:
        """Return the steps in the order for one message: the weighted ones as drawn, then the others."""
        if len(self.steps) == 1:
            return self.steps
        weighted = [step for step in self.steps if step.weight is not None]
        if not weighted:
            return self.steps
        drawn = sorted(weighted, key=lambda step: -(chance() ** (1 / max(step.weight or 0, 1e-9))))
        return [*drawn, *(step for step in self.steps if step.weight is None)]


def routed(
    channels: Iterable[Channel], providers: Mapping[str, Provider], given: Mapping[str, Route]
) -> dict[str, Route]:
    """Return a route for every channel: the given one, or all providers that carry the channel in their order.

    Raises:
        UnknownProvider: a route names a provider that there is not.
    """
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


def _begins(plain: str, prefixes: tuple[str, ...]) -> bool:
    if "@" in plain:
        return plain.lower().endswith(prefixes)
    return plain.startswith(tuple(prefix.lstrip("+") for prefix in prefixes))
