"""Which providers serve a channel, in which order, and what may follow an attempt: pure decisions, without a clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from messaging_channels._values import value
from messaging_channels.errors import UnknownProvider
from messaging_channels.outcomes import RULES, Kind, Outcome, Reason

if TYPE_CHECKING:
    from messaging_channels.channels import Channel
    from messaging_channels.messages import Message
    from messaging_channels.provider import Envelope, Provider
    from messaging_channels.receipts import Attempt


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


@value(frozen=True, slots=True)
class Ask:
    """Ask that provider next."""

    provider: str
    wait: float = 0.0
    """Seconds to let pass before."""


@value(frozen=True, slots=True)
class Stop:
    """Ask nobody any more."""

    why: str


Step: TypeAlias = "Ask | Stop"


def next_step(
    names: Iterable[str],
    attempts: Sequence[Attempt],
    *,
    retry: Retry,
    left: Callable[[], float],
    resend: bool,
    chance: float,
) -> Step:
    """Say what follows these attempts.

    Args:
        names: the providers that may be asked, in order.
        attempts: those made so far, at least one.
        retry: the route's policy.
        left: tells what is left of the time for this message, in seconds.
        resend: whether the caller prefers a second copy to none.
        chance: from 0 to 1, for the jitter.
    """
    last = attempts[-1]
    if last.kind is Kind.ACCEPTED:
        return accepted_by(last.provider)
    ends = [attempt.outcome for attempt in attempts if attempt.outcome]
    if not all(_reached_nobody(end, resend=resend) for end in ends):
        return Stop(
            _HELD if any(end.kind is Kind.UNKNOWN for end in ends) else f"{last.provider} refused it for good"
        )
    repeats = [_repeat(name, attempts, retry, chance, resend=resend) for name in names]
    seconds = left()
    waits = [one for one in repeats if one is not None and one.wait < seconds]
    fresh = [name for name in names if all(attempt.provider != name for attempt in attempts)]
    again = next((one for one in waits if one.provider == last.provider), None)
    if again and (ends[-1].reason is Reason.THROTTLED or last.kind is Kind.UNKNOWN):
        return (
            again  # who asks to wait is waited for; and a second copy is least likely where the first one is
        )
    if fresh and may_pass_on(ends, resend=resend):
        return Ask(fresh[0])
    return (
        min(waits, key=lambda one: one.wait)
        if waits
        else Stop("no attempt was left that could begin in time")
    )


@lru_cache(maxsize=64)
def accepted_by(provider: str) -> Stop:
    """Say how most journeys end."""
    return Stop(f"{provider} accepted it")


def may_pass_on(outcomes: Iterable[Outcome], *, resend: bool = False) -> bool:
    """Whether another provider may be asked after these attempts: only if none of them can have reached anybody."""
    return all(
        RULES[outcome.reason].pass_on or (resend and outcome.kind is Kind.UNKNOWN) for outcome in outcomes
    )


def _reached_nobody(outcome: Outcome, *, resend: bool) -> bool:
    rule = RULES[outcome.reason]
    return rule.retry or rule.pass_on or (resend and rule.kind is Kind.UNKNOWN)


def _repeat(
    name: str, attempts: Sequence[Attempt], retry: Retry, chance: float, *, resend: bool
) -> Ask | None:
    """Return how that provider may be asked again, None if it may not."""
    own = [attempt.outcome for attempt in attempts if attempt.provider == name and attempt.outcome]
    if not own or len(own) >= retry.attempts:
        return None
    rule = RULES[own[-1].reason]
    if not (rule.retry or (resend and rule.kind is Kind.UNKNOWN)):
        return None
    wait = retry.wait(len(own), own[-1].retry_after, chance)
    return None if wait is None else Ask(name, wait)


def _begins(plain: str, prefixes: tuple[str, ...]) -> bool:
    if "@" in plain:
        return plain.lower().endswith(prefixes)
    return plain.startswith(tuple(prefix.lstrip("+") for prefix in prefixes))


_HELD = "it may have been sent: held until that is known"
