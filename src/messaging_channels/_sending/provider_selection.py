"""Who may send a message: the providers of its channel's route that hold the account and carry it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from messaging_channels._model import errors
from messaging_channels._model.receipts import Skipped
from messaging_channels._sending.decision import TryProvider
from messaging_channels.plugins.provider import SupportsSenderCheck
from messaging_channels.policies.routing import MATCH_ALL, Route

if TYPE_CHECKING:
    from messaging_channels.messages import Message
    from messaging_channels.plugins.provider import Envelope, Provider
    from messaging_channels.policies.routing import RouteTarget

Accounts: TypeAlias = "Mapping[str | None, Mapping[str, Provider]]"


@dataclass(frozen=True, slots=True)
class Eligible:
    """A provider that may send the message."""

    provider: Provider


@dataclass(frozen=True, slots=True)
class Unfit:
    """A provider that may not, and why."""

    provider: str
    lacks: str | None
    """The part of the message that it does not carry; None if the route keeps such messages from it."""
    setting: str | None = None
    """The setting that its account lacks for a message that names no sender."""

    @property
    def reason(self) -> str:
        """The same in words."""
        if self.setting is not None:
            return f"has no sender: set {self.setting}, or name one in the message"
        return "is not for such a message" if self.lacks is None else f"does not carry {self.lacks}"


Candidate: TypeAlias = "Eligible | Unfit"
_Fields: TypeAlias = "tuple[tuple[str, Any], ...]"
"""Optional fields of a message, with their defaults."""


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
    missing_senders: Mapping[tuple[str | None, str, str], str] = field(default_factory=dict[Any, Any])
    """By account, provider and channel: the setting that it lacks for messages that name no sender."""
    cache: dict[tuple[str | None, type[Message]], Selection] = field(default_factory=dict[Any, Any])
    """Those that hold for every message of a type and account: most do, and need not be made again."""
    plain: dict[tuple[str | None, type[Message]], tuple[Selection, _Fields]] = field(
        default_factory=dict[Any, Any]
    )
    """Those that hold for messages of a type and account in which some fields, that a provider does not carry, are as they are by default."""

    def select(self, envelope: Envelope, account: str | None) -> Selection:
        """Find who may send a message.

        Raises:
            NoRoute: the channel has none, or no provider of it is for such a message.
            UnknownAccount: none of them has credentials for the account.
            Unsupported: none of them carries the message.
        """
        message = envelope.message
        key = account, type(message)
        extra: Sequence[Any] = getattr(message, "provider_options", ())
        if not extra:
            if made := self.cache.get(key):
                return made
            known = self.plain.get(key)
            if known is not None and _is_plain(message, known[1]):
                return known[0]
        selection = self._evaluate(envelope, account)
        if not extra and key not in self.plain and selection.route.is_static and not selection.skipped:
            self._keep(key, selection, envelope.channel)
        return selection

    def smallest_batch(self) -> int:
        """Return how many messages the provider takes in one request that takes the fewest, of those on a route."""
        named = {target.provider for route in self.routes.values() for target in route.targets}
        held = (one for own in self.accounts.values() for name, one in own.items() if name in named)
        return min((one.capabilities.max_batch_size for one in held), default=1)

    def _keep(self, key: tuple[str | None, type[Message]], selection: Selection, channel: str) -> None:
        """Keep a selection for the messages that are alike."""
        account, kind = key
        if any((account, name, channel) in self.missing_senders for name in selection.candidates):
            return
        if _carries_all(selection, kind):
            self.cache[key] = selection
        else:
            carried = (one.capabilities.unsupported_fields(kind) for one in selection.providers.values())
            self.plain[key] = (
                selection,
                tuple({name: (name, one) for own in carried for name, one in own}.values()),
            )

    def _evaluate(self, envelope: Envelope, account: str | None) -> Selection:
        route = self.routes.get(envelope.channel)
        if route is None:
            raise errors.NoRoute(envelope.channel)
        held = self.accounts.get(account, {})
        candidates = [
            _evaluate(target, held[target.provider], envelope, account)
            for target in route.draw_order(self.chance)
            if target.provider in held
        ]
        if self.missing_senders:
            candidates = self._without_senderless(candidates, envelope, account)
        able = {one.provider.name: one.provider for one in candidates if isinstance(one, Eligible)}
        unfit = [one for one in candidates if isinstance(one, Unfit)]
        _require_known_options(envelope.message, able)
        if not able:
            raise _nobody(unfit, envelope.channel, account)
        skipped = tuple(Skipped(one.provider, one.reason) for one in unfit)
        return Selection(route, able, skipped, tuple(able), TryProvider(next(iter(able))))

    def _without_senderless(
        self, candidates: list[Candidate], envelope: Envelope, account: str | None
    ) -> list[Candidate]:
        """Leave those out that have no sender for a message that names none, as long as another one is left; else each says itself what it lacks."""
        message = envelope.message
        if getattr(message, "sender", None) or getattr(message, "provider_options", ()):
            return candidates
        fit: list[Candidate] = []
        for one in candidates:
            name = one.provider.name if isinstance(one, Eligible) else ""
            setting = self.missing_senders.get((account, name, envelope.channel))
            fit.append(one if setting is None else Unfit(name, None, setting))
        return fit if any(isinstance(one, Eligible) for one in fit) else candidates


def find_missing_senders(
    accounts: Accounts, routes: Mapping[str, Route]
) -> Mapping[tuple[str | None, str, str], str]:
    """Ask the providers of every account and route once whether they can send messages that name no sender.

    Returns:
        The setting that is missing, by account, provider and channel.
    """
    asked = {
        (account, target.provider, channel): _missing_sender(held.get(target.provider), channel)
        for channel, route in routes.items()
        for account, held in accounts.items()
        for target in route.targets
    }
    return {place: setting for place, setting in asked.items() if setting is not None}


def _missing_sender(provider: Provider | None, channel: str) -> str | None:
    return provider.missing_sender(channel) if isinstance(provider, SupportsSenderCheck) else None


def _evaluate(target: RouteTarget, provider: Provider, envelope: Envelope, account: str | None) -> Candidate:
    """Say whether one provider of a route may send a message."""
    lacks = provider.capabilities.unsupported(envelope.message)
    is_matched = target.match is MATCH_ALL or target.match.matches(envelope, account)
    return Eligible(provider) if lacks is None and is_matched else Unfit(provider.name, lacks)


def _carries_all(selection: Selection, kind: type[Message]) -> bool:
    """Whether every message of that type would be sent by the same, whatever its fields hold: then no provider looks at it."""
    return all(one.capabilities.supports_all_fields(kind) for one in selection.providers.values())


def _is_plain(message: Message, fields_: _Fields) -> bool:
    """Whether nothing of a message has to be looked at: it holds no files, and these fields are as they are by default."""
    for name, default in fields_:
        if getattr(message, name) != default:
            return False
    return not message.uploads


def _nobody(unfit: Sequence[Unfit], channel: str, account: str | None) -> errors.MessagingError:
    """Return the error that names every provider that may not send a message, and why."""
    if not unfit:
        return errors.UnknownAccount(str(account), channel=channel)
    others = "; ".join(f"{one.provider} {one.reason}" for one in unfit if len(unfit) > 1)
    lacking = next((one for one in unfit if one.lacks is not None), None)
    if lacking is None or lacking.lacks is None:
        problem = "no provider of it is for such a message" + (f" ({others})" if others else "")
        return errors.NoRoute(channel, problem=problem)
    hint = "leave it out, or route to one that does" + (f" (asked: {others})" if others else "")
    return errors.Unsupported(lacking.lacks, provider=lacking.provider, hint=hint)


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
                hint="remove it, or route to a provider that supports it",
            )
