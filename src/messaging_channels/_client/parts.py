"""The parts of a dispatcher, taken or refused before it is put together: a class for an instance, a text for a list, two providers of one name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from messaging_channels._config.dispatcher_config import DispatcherConfig
from messaging_channels._ledger.options import LedgerOptions
from messaging_channels._model.arguments import (
    kind_of,
    require_instance,
    require_text,
)
from messaging_channels._model.errors import InvalidArgument
from messaging_channels._model.nearest import did_you_mean, nearest
from messaging_channels._model.rate_limit import RateLimit
from messaging_channels._transport.clock import Clock
from messaging_channels._transport.settings import HttpSettings
from messaging_channels.consent.policy import ConsentPolicy

PROVIDER = ("name", "capabilities", "send")
"""What every provider has."""
CHANNEL = ("name", "message_types", "address_type", "parse")
"""What every channel has."""


def check_config(config: DispatcherConfig) -> DispatcherConfig:
    """Return the parts of a dispatcher, each iterable as a list.

    Raises:
        InvalidArgument: one is of a wrong type, such as a class instead of an instance, or two providers of an account have one name.
    """
    check_parts(
        ledger=config.ledger,
        consent=config.consent,
        observer=config.observer,
        http=config.http,
        clock=config.clock,
    )
    providers = as_parts(config.providers, "providers", PROVIDER, "Sandbox()")
    accounts = as_accounts(config.accounts)
    require_distinct(providers, "providers")
    for name, own in accounts.items():
        require_distinct(own, f"accounts[{name!r}]")
    resolvers, checks, channels = as_lists(config.resolvers, config.checks, config.channels)
    return replace(
        config,
        providers=providers,
        accounts=accounts,
        resolvers=resolvers,
        checks=checks,
        channels=channels,
    )


def as_parts(given: object, argument: str, methods: Sequence[str], example: str) -> list[Any]:
    """Return the parts of a dispatcher that are given as an iterable, each with the methods that it must have.

    Raises:
        InvalidArgument: it is no iterable, or one of them is a class, or something else.
    """
    if isinstance(given, (str, bytes, type)) or not isinstance(given, Iterable):
        raise InvalidArgument(
            f"must be a list, got {kind_of(given)}", argument=argument, hint=f"write {argument}=[{example}]"
        )
    parts = list(cast("Iterable[Any]", given))
    for number, one in enumerate(parts):
        _require_part(one, f"{argument}[{number}]", methods, example)
    return parts


def as_lists(resolvers: object, checks: object, channels: object) -> tuple[list[Any], list[Any], list[Any]]:
    """Return the resolvers, checks and channels of a dispatcher; see `as_parts`."""
    return (
        as_parts(resolvers, "resolvers", ("resolve",), "MappingResolver({...})"),
        as_parts(checks, "checks", ("check",), "VelocityLimit(...)"),
        as_parts(channels, "channels", CHANNEL, "a Channel"),
    )


def as_accounts(given: object) -> dict[str, list[Any]]:
    """Return the providers of each account.

    Raises:
        InvalidArgument: it is no mapping of names to lists of providers.
    """
    named = _as_mapping(given, "accounts", '{"shop": [Twilio(...)]}')
    return {
        name: as_parts(own, f"accounts[{name!r}]", PROVIDER, "Twilio(...)") for name, own in named.items()
    }


def as_rate_limits(given: object, providers: Iterable[str]) -> dict[str, RateLimit]:
    """Return the rate of each provider; a number counts messages a second.

    Raises:
        InvalidArgument: it is no mapping, a provider is not known, or a rate is none.
    """
    named, known = _as_mapping(given, "rate_limits", '{"twilio": RateLimit(80)}'), set(providers)
    rates: dict[str, RateLimit] = {}
    for name, rate in named.items():
        if name not in known and nearest(name, known) is not None:
            raise InvalidArgument(
                f"names {name!r}, which is none of this dispatcher's providers",
                argument="rate_limits",
                hint=did_you_mean(name, known, "{!r}"),
            )
        if isinstance(rate, (int, float)) and not isinstance(rate, bool):
            rate = RateLimit(rate)  # noqa: PLW2901  a number of messages a second
        require_instance(rate, RateLimit, f"rate_limits[{name!r}]", "give for example RateLimit(80)")
        rates[name] = cast("RateLimit", rate)
    return rates


def require_distinct(providers: Iterable[Any], argument: str) -> None:
    """Refuse two providers of one name.

    Raises:
        InvalidArgument: there are two.
    """
    names: set[str] = set()
    for provider in providers:
        if provider.name in names:
            raise InvalidArgument(
                f"holds two providers named {provider.name!r}",
                argument=argument,
                hint="leave one out, or give one an account of its own: accounts={...}",
            )
        names.add(provider.name)


def check_parts(*, ledger: object, consent: object, observer: object, http: object, clock: object) -> None:
    """Refuse a part that is of another type, or a class.

    Raises:
        InvalidArgument: one is.
    """
    if ledger is not None and not isinstance(ledger, LedgerOptions):
        _require_part(
            ledger, "ledger", ("executors", "stored_address"), 'SqliteLedger(Path("ledger.sqlite3"))'
        )
    if observer is not None:
        _require_part(observer, "observer", ("attempt_finished", "event_received"), "LoggingObserver()")
    for name, value, kind in (
        ("consent", consent, ConsentPolicy),
        ("http", http, HttpSettings),
        ("clock", clock, Clock),
    ):
        if value is not None:
            require_instance(value, kind, name, f"give for example {kind.__name__}()")


def _require_part(one: Any, argument: str, members: Sequence[str], example: str) -> None:  # noqa: ANN401
    if isinstance(one, type):
        raise InvalidArgument(
            f"is the class {one.__name__}", argument=argument, hint=f"pass an instance, {one.__name__}(...)"
        )
    if not all(hasattr(one, name) for name in members):
        raise InvalidArgument(
            f"must be such as {example}, got {kind_of(one)}", argument=argument, hint=f"write {example}"
        )


def _as_mapping(given: object, argument: str, example: str) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise InvalidArgument(
            f"must be a mapping, got {kind_of(given)}", argument=argument, hint=f"write {argument}={example}"
        )
    named = dict(cast("Mapping[Any, Any]", given))
    for name in named:
        require_text(name, f"a name in {argument}")
    return named
