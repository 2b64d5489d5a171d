"""The wiring: which part of a dispatcher knows which other one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from random import random
from typing import TYPE_CHECKING, Any

from messaging_channels._client.parts import as_rate_limits, check_config
from messaging_channels._inbound.handlers import EXECUTORS as HANDLERS
from messaging_channels._inbound.handlers import RunHandler
from messaging_channels._inbound.webhooks import Reports
from messaging_channels._ledger.caller_transaction import EXECUTORS as WITHIN
from messaging_channels._ledger.caller_transaction import InTransaction
from messaging_channels._ledger.lazy_memory import LazyMemoryLedger
from messaging_channels._ledger.options import LedgerOptions
from messaging_channels._model import errors
from messaging_channels._queue.enqueue import Enqueuer, storable_types
from messaging_channels._sending.envelopes import EnvelopeBuilder
from messaging_channels._sending.pipeline import SendPipeline
from messaging_channels._sending.provider_selection import ProviderSelector, find_missing_senders
from messaging_channels._sending.recorder import AttemptRecorder
from messaging_channels._transport.clock import Clock
from messaging_channels._transport.settings import HttpSettings
from messaging_channels.consent.confirmation import Confirmations
from messaging_channels.consent.gate import ConsentGate
from messaging_channels.consent.policy import ConsentPolicy
from messaging_channels.consent.store import ConsentStore
from messaging_channels.messages import Codec
from messaging_channels.plugins.channels import collect_channels
from messaging_channels.plugins.ledger_limits import LimitStore, TakePlaces
from messaging_channels.plugins.notifiers import EXECUTORS as WAKE_UP
from messaging_channels.plugins.notifiers import NotifyWorkers
from messaging_channels.plugins.provider import LearnsChannels
from messaging_channels.policies.circuit_breaker import CircuitBreakers
from messaging_channels.policies.routing import resolve_routes
from messaging_channels.policies.shared_limits import SharedLimits

if TYPE_CHECKING:
    from messaging_channels._config.dispatcher_config import DispatcherConfig
    from messaging_channels.plugins.exchange import Exchange, ExecutorPair
    from messaging_channels.plugins.ledger import Ledger
    from messaging_channels.plugins.provider import Provider


@dataclass(frozen=True, slots=True)
class Services:
    """What a client offers its callers, and what its transport needs."""

    pipeline: SendPipeline
    reports: Reports
    consent: ConsentStore
    enqueuer: Enqueuer
    http: HttpSettings
    executors: Mapping[type[Exchange[Any]], ExecutorPair]
    clock: Clock


def wire(config: DispatcherConfig) -> Services:
    """Put the parts of a dispatcher together. Nothing is connected yet.

    Raises:
        UnknownProvider: a route names a provider that is not given.
        InvalidSetting: the name or a message type of a channel is taken; limits are to be shared, and the ledger does not keep them.
        InvalidArgument: a part is of a wrong type, or two providers of an account have one name.
    """
    config = check_config(config)
    accounts = {None: _by_name(config.providers)} | {
        name: _by_name(own) for name, own in config.accounts.items()
    }
    every = {provider.name: provider for own in accounts.values() for provider in own.values()}
    known = {one.name: one for one in collect_channels(config.channels)}
    channels = tuple(known.values())
    for provider in every.values():
        if isinstance(provider, LearnsChannels):
            provider.learn_channels(channels)
    http, clock, options = config.http or HttpSettings(), config.clock or Clock(), _options(config.ledger)
    checks, ledger = tuple(config.checks), options.ledger
    is_temporary = isinstance(ledger, LazyMemoryLedger)
    gate = ConsentGate(ledger, options.record_all, is_temporary, config.consent or ConsentPolicy(), known)
    reports = Reports(accounts, known, options, config.observer, checks, clock.now, gate)
    circuits, routes = CircuitBreakers(), resolve_routes(channels, every, config.routes)
    pipeline = SendPipeline(
        envelopes=EnvelopeBuilder(
            {kind: one for one in channels for kind in one.message_types}, tuple(config.resolvers)
        ),
        selector=ProviderSelector(accounts, routes, random, find_missing_senders(accounts, routes)),
        observer=config.observer,
        recorder=AttemptRecorder(options, gate),
        reports=reports,
        checks=checks,
        rate_limits=as_rate_limits(config.rate_limits, every),
        clock=clock.now,
        chance=random,
        timeouts=http.timeouts,
        circuits=circuits,
        shared=SharedLimits(circuits) if config.shared_limits else None,
    )
    if gate.policy.confirmation is not None and gate.is_kept:
        gate.confirm = Confirmations(gate, gate.policy.confirmation, pipeline.confirm, clock.now).confirm
    codec = Codec(storable_types(channels, every.values()))
    return Services(
        pipeline=pipeline,
        reports=reports,
        consent=ConsentStore(gate, clock.now),
        enqueuer=Enqueuer(pipeline, codec, tuple(config.notifiers)),
        http=http,
        executors=_executors(options, _limit_executors(config.shared_limits, options), every.values()),
        clock=clock,
    )


def _executors(
    options: LedgerOptions,
    limits: Mapping[type[Exchange[Any]], ExecutorPair],
    providers: Iterable[Provider],
) -> dict[type[Exchange[Any]], ExecutorPair]:
    """Return what performs the exchanges of the ledger, of shared limits and of providers."""
    made = {
        **options.ledger.executors,
        InTransaction: WITHIN,
        NotifyWorkers: WAKE_UP,
        RunHandler: HANDLERS,
        **limits,
    }
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
            "the ledger does not support limits of several processes",
            setting="shared_limits",
            source="code",
            hint="give a ledger in PostgreSQL or in a SQLite file",
        )
    return {}


def _by_name(providers: Iterable[Provider]) -> dict[str, Provider]:
    return {provider.name: provider for provider in providers}


def _options(ledger: Ledger | LedgerOptions | None) -> LedgerOptions:
    if isinstance(ledger, LedgerOptions):
        return ledger
    return LedgerOptions(ledger or LazyMemoryLedger(), ledger is not None)
