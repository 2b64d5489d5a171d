"""The gateway: everything that its endpoints use, made once and closed once, and what it does in the background."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from messaging_channels import (
    AsyncDispatcher,
    AsyncWorker,
    LedgerOptions,
    Sandbox,
    SqliteLedger,
)
from messaging_channels.consent import UnsubscribeAsgiApp, UnsubscribeLinks
from messaging_channels.testing import Clock
from messaging_channels_gateway import settings as configured
from messaging_channels_gateway.auth.api_keys import ApiKeys
from messaging_channels_gateway.auth.limits import RequestLimits
from messaging_channels_gateway.auth.operators import Operators
from messaging_channels_gateway.auth.url_guard import UrlGuard
from messaging_channels_gateway.directory import resolvers as recipients
from messaging_channels_gateway.events.deliveries import WebhookDeliveries
from messaging_channels_gateway.events.event_log import EventLog, events_of_record
from messaging_channels_gateway.events.scheduling import ScheduleWatcher
from messaging_channels_gateway.metrics import Metrics
from messaging_channels_gateway.store.idempotency import IDEMPOTENCY_TTL
from messaging_channels_gateway.store.preview_store import PreviewStore
from messaging_channels_gateway.store.sqlite import Store, statements_work

if TYPE_CHECKING:
    from messaging_channels import Configuration
    from messaging_channels.plugins import Ledger, MessageRecord, Provider, RecipientResolver
    from messaging_channels_gateway.settings import GatewaySettings, Source

Result = TypeVar("Result")
_LOG = logging.getLogger("messaging_channels.gateway")
_RECOVERY_PERIOD = 86400.0
"""Seconds back from the start in which messages are looked through for notices that were lost with the process before."""
_MAX_SCHEDULE_POLL_INTERVAL = 1.0
"""Seconds between looks at what is due, at most."""
_DEMONSTRATION = "(demonstration)"
"""The account of every tenant where nothing is configured: the sandbox plays the tenant's provider too."""


@dataclass(slots=True)
class Gateway:
    """What the endpoints use. One object serves one event loop."""

    settings: GatewaySettings
    dispatcher: AsyncDispatcher
    ledger: Ledger
    store: Store
    api_keys: ApiKeys
    url_guard: UrlGuard
    event_log: EventLog
    deliveries: WebhookDeliveries
    schedule: ScheduleWatcher
    limits: RequestLimits
    clock: Clock
    accounts: frozenset[str]
    """The accounts that have providers."""
    sandbox_only: bool
    """Whether nothing but the sandbox is configured."""
    is_development: bool
    """Whether there is the page of the development."""
    preview_store: PreviewStore | None
    """What was sent, for that page, and for the operator's where it keeps content."""
    sandbox: Sandbox | None
    """The sandbox, if it is configured: what other programs gave it is shown too."""
    operators: Operators
    unsubscribe: UnsubscribeAsgiApp | None
    """What answers the links by which people leave a list of mails; None if nothing signs them."""
    configured: Sequence[Mapping[str, str]] = ()
    """Every setting with its source, secrets hidden."""
    metrics: Metrics = field(default_factory=Metrics)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when open streams have to end."""
    _running: set[asyncio.Task[Any]] = field(default_factory=set[Any])

    def run_to_completion(self, work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
        """Have something done that goes on if its caller stops waiting; stopping waits for it."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    def account_of(self, tenant: str) -> str | None:
        """Return the account from which a tenant's Persons are written to, None if it has none."""
        return account_of(self.settings, self.accounts, tenant)

    def tenant_of(self, account: str | None) -> str:
        """Return to which tenant belongs what comes in on an account."""
        if account is None:
            return self.settings.inbound_tenant
        named = (name for name, tenant in self.settings.tenants.items() if tenant.account == account)
        return next(named, self.settings.inbound_tenant if account == _DEMONSTRATION else account)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Do what is to be done in the background, until the block is left; then finish what was begun, and close everything."""
        await self.recover()
        # what is unknown is settled by the gateway itself, which tells of it
        worker = AsyncWorker(
            self.dispatcher,
            concurrency=4,
            poll_interval=schedule_poll_interval(self.settings),
            reconcile_interval=None,
        )
        sending = asyncio.create_task(self._restart_on_failure(worker.run))
        work = (self.deliveries.run, self.schedule.run, self._poll_providers, self._purge)
        tasks = [asyncio.create_task(self._restart_on_failure(one)) for one in work]
        try:
            yield
        finally:
            self.stopping.set()
            await asyncio.gather(*self._running, return_exceptions=True)
            worker.stop()
            await sending
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.event_log.flush()
            await self.close()

    async def recover(self) -> None:
        """Tell of what the process before knew and had not told: messages of the last day whose notices are missing."""
        since = self.clock.now() - _RECOVERY_PERIOD
        for tenant in self.api_keys.tenants():
            async for record in self._records(tenant, since):
                self.event_log.append_soon(events_of_record(record))
        await self.schedule.recover(since)
        await self.event_log.flush()

    async def close(self) -> None:
        """Close everything."""
        await self.dispatcher.close()
        await self.deliveries.close()
        await asyncio.to_thread(self.store.close)

    async def _records(self, tenant: str, since: float) -> AsyncIterator[MessageRecord]:
        before = None
        while page := await self.dispatcher.list_messages(
            scope=tenant, since=since, before=before, limit=200
        ):
            for record in page:
                yield record
            before = page[-1].id

    async def _poll_providers(self) -> None:
        """Fetch the reports that no webhook brings, and settle what is unknown."""
        while True:
            await self.clock.sleep_async(self.settings.poll_interval or (1.0 if self.sandbox_only else 30.0))
            for event in await self.dispatcher.fetch_reports():
                record = await self._record_of(event)
                self.event_log.append_soon(events_of_record(record) if record and record.scope else [])
            for record in await self.dispatcher.reconcile():
                self.event_log.append_soon(events_of_record(record) if record.scope else [])

    async def _record_of(self, event: Any) -> MessageRecord | None:  # noqa: ANN401  any event
        return await record_of(self.dispatcher, event)

    async def _purge(self) -> None:
        """Forget old events, deliveries and calls."""
        while True:
            now = self.clock.now()
            old = now - self.settings.event_retention_days * 86400
            await self.store.run_transaction_async(
                statements_work(
                    [
                        (
                            "DELETE FROM delivery WHERE event_id IN (SELECT id FROM event WHERE at < ?)",
                            (old,),
                        ),
                        ("DELETE FROM event WHERE at < ?", (old,)),
                        ("DELETE FROM call WHERE created < ?", (min(old, now - IDEMPOTENCY_TTL),)),
                        ("DELETE FROM schedule WHERE send_at < ?", (min(old, now - IDEMPOTENCY_TTL),)),
                    ]
                )
            )
            await self.clock.sleep_async(3600.0)

    async def _restart_on_failure(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do something until it ends because we stop; again whenever it fails, a moment later."""
        while not self.stopping.is_set():
            try:
                await work()
            except Exception as fault:  # noqa: BLE001  whatever it is, the next round may go well
                _LOG.error("%s failed: %s", getattr(work, "__name__", "work"), type(fault).__name__)
                await asyncio.sleep(1.0)


def schedule_poll_interval(settings: GatewaySettings) -> float:
    """Return how many seconds are between looks at messages that are due."""
    return min(_MAX_SCHEDULE_POLL_INTERVAL, settings.poll_interval or _MAX_SCHEDULE_POLL_INTERVAL)


async def record_of(dispatcher: AsyncDispatcher, event: Any) -> MessageRecord | None:  # noqa: ANN401  any event
    """Return the record of the message that an event is about, if it is known."""
    message_id, provider_id = getattr(event, "message_id", None), getattr(event, "provider_id", None)
    record = await dispatcher.get_message(message_id) if message_id else None
    if record is None and provider_id and message_id is not None:
        record = await dispatcher.get_message(provider=event.provider, provider_id=provider_id)
    return record


def account_of(settings: GatewaySettings, accounts: Iterable[str], tenant: str) -> str | None:
    """Return the account of a tenant: the one that is set, else the one of its own name, if that has providers."""
    chosen = settings.tenants[tenant].account if tenant in settings.tenants else None
    named = chosen or (tenant if tenant in accounts else _DEMONSTRATION)
    return named if named in accounts else None


def open_gateway(
    configuration: Configuration,
    settings: GatewaySettings,
    *,
    resolvers: Iterable[RecipientResolver] = (),
    clock: Clock | None = None,
) -> Gateway:
    """Make a gateway. Nothing is connected yet, but its files are open.

    Raises:
        ConfigurationError: a setting is missing or malformed, or a provider is unknown or broken.
    """
    time = clock or Clock()
    parts = configuration.dispatcher_arguments(resolvers)
    given_providers: list[Provider] = [*parts["providers"]]
    embedded = all(isinstance(provider, Sandbox) for provider in given_providers)
    if embedded and not parts["accounts"]:
        parts["accounts"] = {_DEMONSTRATION: parts["providers"]}
    store = Store(settings.home / "gateway.sqlite3")
    ledger: Ledger = parts.pop("ledger") or SqliteLedger(settings.home / "ledger.sqlite3", owned=True)
    accounts = frozenset(parts["accounts"])
    given = parts["resolvers"]
    parts["resolvers"] = [*given, _tenant_resolver(configuration, settings, store, accounts, given)]
    guard = UrlGuard(frozenset(settings.allowed_callback_hosts))
    events = EventLog(store)
    dispatcher = AsyncDispatcher(**parts, ledger=LedgerOptions(ledger, lease=settings.lease), clock=time)
    development = embedded if settings.preview is None else settings.preview
    api_keys = ApiKeys(store, time.now)
    return Gateway(
        settings=settings,
        dispatcher=dispatcher,
        ledger=ledger,
        store=store,
        api_keys=api_keys,
        url_guard=guard,
        event_log=events,
        deliveries=WebhookDeliveries(store, events, guard, time.now),
        schedule=ScheduleWatcher(store, dispatcher, events, time.now, schedule_poll_interval(settings)),
        limits=RequestLimits(settings, time.now),
        clock=time,
        accounts=accounts,
        sandbox_only=embedded,
        is_development=development,
        preview_store=PreviewStore() if development or settings.keep_content else None,
        sandbox=_sandbox_of(given_providers),
        operators=Operators(store, api_keys, settings, time.now),
        unsubscribe=_unsubscribe(settings, dispatcher),
        configured=configuration.describe(),
    )


def _sandbox_of(providers: Iterable[Provider]) -> Sandbox | None:
    return next((one for one in providers if isinstance(one, Sandbox)), None)


def _unsubscribe(settings: GatewaySettings, dispatcher: AsyncDispatcher) -> UnsubscribeAsgiApp | None:
    """Return the application behind the links, for the URL by which the world reaches us."""
    secrets = [one.get_secret_value() for one in settings.unsubscribe_secrets]
    if not secrets:
        return None
    base_url = f"{(settings.public_url or '').rstrip('/')}/unsubscribe"
    links = UnsubscribeLinks(base_url, secrets, dispatcher.consent.recipient_key)
    return UnsubscribeAsgiApp(links, dispatcher.consent)


def _tenant_resolver(
    configuration: Configuration,
    settings: GatewaySettings,
    store: Store,
    accounts: frozenset[str],
    resolvers: Iterable[RecipientResolver],
) -> recipients.TenantResolver:
    """Return the resolver: for each tenant its own sources, made when first needed."""
    known = tuple(resolvers)
    made: dict[tuple[str, str], recipients.RecipientSource] = {}

    def of(side: str) -> Callable[[str], recipients.RecipientSource]:
        def finds(tenant: str) -> recipients.RecipientSource:
            if (side, tenant) not in made:
                source: Source = getattr(settings.tenants.get(tenant, configured.TenantSettings()), side)
                account = account_of(settings, accounts, tenant)
                made[side, tenant] = _recipient_source(source, store, known, configuration, account)
            return made[side, tenant]

        return finds

    return recipients.TenantResolver(
        of("users"), of("persons"), lambda tenant: account_of(settings, accounts, tenant)
    )


def _recipient_source(
    source: Source,
    store: Store,
    resolvers: tuple[RecipientResolver, ...],
    configuration: Configuration,
    account: str | None,
) -> recipients.RecipientSource:
    match source:
        case configured.DirectorySource():
            return recipients.source_of_store(store, recipients.paths_of(configuration))
        case configured.JsonFileSource():
            return recipients.source_of_file(source.path, recipients.paths_of(configuration))
        case configured.SqlSource():
            return recipients.SqlRecipientSource(source.database.get_secret_value(), source.query)
        case configured.HttpSource():
            headers = {source.header: source.secret.get_secret_value()}
            return recipients.HttpRecipientSource(source.url, headers, recipients.paths_of(configuration))
        case configured.PluginsSource():
            return recipients.ResolverSource(resolvers)
        case configured.InfobipPeopleSource():
            return recipients.ResolverSource((_people_resolver(configuration, account),))


def _people_resolver(configuration: Configuration, account: str | None) -> RecipientResolver:
    """Return the resolver of an account's Infobip People."""
    from importlib import import_module  # noqa: PLC0415  rarely needed

    infobip: Any = import_module(
        "messaging_channels_infobip.people.client"
    )  # a plugin that need not be installed

    spec = configuration.plugins.provider("infobip")
    values: Mapping[str, Any] = {
        one.name.rpartition(".")[2]: one.value for one in configuration.settings(spec, account)
    }
    resolver: RecipientResolver = infobip.PeopleResolver(
        {account: infobip.PeopleClient(base_url=values["base_url"], api_key=str(values["api_key"]))}
    )
    return resolver
