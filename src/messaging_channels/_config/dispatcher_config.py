"""What a dispatcher is put together of, as one value: from the keywords of `Dispatcher`, or from the settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from messaging_channels._ledger.options import LedgerOptions
    from messaging_channels._model.rate_limit import RateLimit
    from messaging_channels._transport.clock import Clock
    from messaging_channels._transport.settings import HttpSettings
    from messaging_channels.consent.policy import ConsentPolicy
    from messaging_channels.plugins.channels import Channel
    from messaging_channels.plugins.ledger import Ledger
    from messaging_channels.plugins.ledger_limits import LimitStore
    from messaging_channels.plugins.notifiers import QueueNotifier
    from messaging_channels.plugins.observer import Observer
    from messaging_channels.plugins.provider import Provider
    from messaging_channels.plugins.resolvers import RecipientResolver
    from messaging_channels.policies.checks import PreSendCheck
    from messaging_channels.policies.routing import Route


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatcherConfig:
    """The parts of a dispatcher. `Dispatcher` describes each of them."""

    providers: Iterable[Provider]
    routes: Mapping[str, Route | str | Sequence[str]] = field(
        default_factory=dict["str", "Route | str | Sequence[str]"]
    )
    resolvers: Iterable[RecipientResolver] = ()
    accounts: Mapping[str, Iterable[Provider]] = field(default_factory=dict["str", "Iterable[Provider]"])
    channels: Iterable[Channel] = ()
    ledger: Ledger | LedgerOptions | None = None
    consent: ConsentPolicy | None = None
    checks: Iterable[PreSendCheck] = ()
    rate_limits: Mapping[str, RateLimit | float] = field(default_factory=dict["str", "RateLimit | float"])
    shared_limits: LimitStore | bool = False
    notifiers: Iterable[QueueNotifier] = ()
    observer: Observer | None = None
    http: HttpSettings | None = None
    clock: Clock | None = None
