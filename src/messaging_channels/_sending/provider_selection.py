"""Who may send a message: the providers of its channel's route that hold the account and carry it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from messaging_channels._model import errors
from messaging_channels._model.receipts import Skipped
from messaging_channels._sending.decision import TryProvider
from messaging_channels.policies.routing import MATCH_ALL, Route

if TYPE_CHECKING:
    from messaging_channels.messages import Message
    from messaging_channels.plugins.provider import Envelope, Provider

Accounts: TypeAlias = "Mapping[str | None, Mapping[str, Provider]]"


@dataclass(frozen=True, slots=True)
class Selection:
    """Who may send a message."""

    route: Route
    providers: Mapping[str, Provider]
    """By name, in order."""
    skipped: tuple[Skipped, ...]
    candidates: tuple[str, ...]
    first_step: TryProvider
    """The step to begin with, if nobody rests."""


@dataclass(frozen=True, slots=True)
class ProviderSelector:
    """Chooses. One serves all threads and tasks."""

    accounts: Accounts
    """The providers by name, under the account whose credentials they hold; None is the platform's own."""
    routes: Mapping[str, Route]
    """By channel name."""
    chance: Callable[[], float]
    """From 0 to 1."""
    cache: dict[tuple[str | None, type[Message]], Selection] = field(default_factory=dict[Any, Any])
    """Those that hold for every message of a type and account: most do, and need not be made again."""

    def select(self, envelope: Envelope, account: str | None) -> Selection:
        """Find who may send a message.

        Raises:
            NoRoute: the channel has none, or no provider of it is for such a message.
            UnknownAccount: none of them has credentials for the account.
            Unsupported: none of them carries the message.
        """
        extra: Sequence[Any] = getattr(envelope.message, "provider_options", ())
        if not extra and (made := self.cache.get((account, type(envelope.message)))):
            return made
        choice = self._evaluate(envelope, account)
        kind, able = type(envelope.message), choice.providers.values()
        if (
            not choice.skipped
            and choice.route.is_static
            and all(one.capabilities.supports_all_fields(kind) for one in able)
        ):
            self.cache[account, kind] = choice
        return choice

    def _evaluate(self, envelope: Envelope, account: str | None) -> Selection:
        route = self.routes.get(envelope.channel)
        if route is None:
            raise errors.NoRoute(envelope.channel)
        held = self.accounts.get(account, {})
        able: dict[str, Provider] = {}
        skipped: list[Skipped] = []
        lacking = None
        for step in route.draw_order(self.chance):
            provider = held.get(step.provider)
            if provider is None:
                continue
            lack = provider.capabilities.unsupported(envelope.message)
            if lack is not None:
                lacking = lacking or (lack, provider.name)
                skipped.append(Skipped(provider.name, f"does not carry {lack}"))
            elif step.match is not MATCH_ALL and not step.match.matches(envelope, account):
                skipped.append(Skipped(provider.name, "is not for such a message"))
            else:
                able[provider.name] = provider
        _require_known_options(envelope.message, able)
        if not able and not skipped:
            raise errors.UnknownAccount(str(account), channel=envelope.channel)
        if not able:
            raise _none_able(envelope.channel, lacking, skipped)
        return Selection(route, able, tuple(skipped), tuple(able), TryProvider(next(iter(able))))


def _none_able(
    channel: str, lacking: tuple[str, str] | None, skipped: Sequence[Skipped]
) -> errors.Unsupported | errors.NoRoute:
    """Return the error that names every provider that was passed over, and why."""
    others = "; ".join(f"{one.provider} {one.reason}" for one in skipped if len(skipped) > 1)
    if lacking is None:
        problem = "no provider of it is for such a message" + (f" ({others})" if others else "")
        return errors.NoRoute(channel, problem=problem)
    hint = "leave it out, or route to one that does" + (f" (asked: {others})" if others else "")
    return errors.Unsupported(lacking[0], provider=lacking[1], hint=hint)


def _require_known_options(message: Message, candidates: Mapping[str, Provider]) -> None:
    """Refuse options that nobody who may be asked understands: they would be left out without a word.

    Raises:
        Unsupported: naming the options.
    """
    for extra in getattr(message, "provider_options", ()):
        provider = candidates.get(extra.provider)
        if provider is None or type(extra) not in provider.capabilities.provider_options:
            raise errors.Unsupported(
                type(extra).__name__,
                provider=extra.provider,
                hint="leave it out, or route to who understands it",
            )
