"""The gateway: everything that its endpoints use, made once and closed once, and what it does in the background."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import sqlite3
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
from messaging_channels.errors import MessagingError
from messaging_channels.plugins import CompositeObserver
from messaging_channels.testing import Clock
from messaging_channels_gateway.auth.api_keys import ApiKeys
from messaging_channels_gateway.auth.limits import RequestLimits
from messaging_channels_gateway.auth.operators import Operators
from messaging_channels_gateway.auth.url_guard import UrlGuard
from messaging_channels_gateway.directory.tenants import DEMONSTRATION, account_of, tenant_resolver
from messaging_channels_gateway.events.deliveries import WebhookDeliveries, expire_deliveries
from messaging_channels_gateway.events.event_log import (
    EventLog,
    GatewayEvent,
    events_of_provider_event,
    events_of_record,
)
from messaging_channels_gateway.events.recovery import MARK_INTERVAL, NodeMarks, Untold, last_day, leased
from messaging_channels_gateway.events.report_recorder import ReportRecorder
from messaging_channels_gateway.events.scheduling import ScheduleWatcher
from messaging_channels_gateway.metrics import Metrics
from messaging_channels_gateway.shared_timer import SharedTimer
from messaging_channels_gateway.store.idempotency import IDEMPOTENCY_TTL
from messaging_channels_gateway.store.opening import open_store
from messaging_channels_gateway.store.preview_store import PreviewStore
from messaging_channels_gateway.store.state import statements_work

if TYPE_CHECKING:
    from messaging_channels import Configuration
    from messaging_channels.events import Event
    from messaging_channels.plugins import Ledger, MessageRecord, Provider, RecipientResolver, TakenReports
    from messaging_channels_gateway.settings import GatewaySettings
    from messaging_channels_gateway.store.state import StateStore

Result = TypeVar("Result")
_LOG = logging.getLogger("messaging_channels.gateway")
_POLL_LEASE = 300.0
_REPORT_LEASE = 30.0
_START_TIMEOUT = 5.0
"""Seconds for which the start waits for the database; the rest is done meanwhile."""
_MAX_SCHEDULE_POLL_INTERVAL = 1.0
"""Seconds between looks at what is due, at most."""


@dataclass(slots=True)
class Gateway:
    """What the endpoints use. One object serves one event loop."""

    settings: GatewaySettings
    dispatcher: AsyncDispatcher
    ledger: Ledger
    store: StateStore
    api_keys: ApiKeys
    url_guard: UrlGuard
    event_log: EventLog
    reports: ReportRecorder
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
    marks: NodeMarks = field(kw_only=True)
    send_timer: SharedTimer = field(init=False)
    """Ends the waiting for what is sent."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when open streams have to end."""
    _running: dict[asyncio.Task[Any], float] = field(default_factory=dict[asyncio.Task[Any], float])
    """What goes on without its caller, and when it was begun."""

    def __post_init__(self) -> None:
        """Make what follows from the settings."""
        self.send_timer = SharedTimer(self.settings.send_timeout)

    def run_to_completion(self, work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
        """Have something done that goes on if its caller stops waiting; stopping waits for it."""
        task = asyncio.create_task(work)
        self._running[task] = self.clock.now()
        task.add_done_callback(self._running.pop)
        return task

    def account_of(self, tenant: str) -> str | None:
        """Return the account from which a tenant's Persons are written to, None if it has none."""
        return account_of(self.settings, self.accounts, tenant)

    def tenant_of(self, account: str | None) -> str:
        """Return to which tenant belongs what comes in on an account."""
        if account is None:
            return self.settings.inbound_tenant
        named = (name for name, tenant in self.settings.tenants.items() if tenant.account == account)
        return next(named, self.settings.inbound_tenant if account == DEMONSTRATION else account)

    async def tell_reports(self, recorded: Sequence[TakenReports]) -> None:
        """Tell of reports that are recorded; the notices are durable on return."""
        told = await asyncio.gather(*(self.notices_of(one.events, one.account) for one in recorded))
        await self.event_log.append(notice for notices in told for notice in notices)

    async def notices_of(self, events: Sequence[Event], account: str | None) -> list[GatewayEvent]:
        """Return whom these events are for. A report of a message that is in no tenant is nobody's."""
        notices: list[GatewayEvent] = []
        for event in events:
            record = await record_of(self.dispatcher, event)
            if record is None or record.scope:
                notices += events_of_provider_event(event, record, self.tenant_of(account))
        return notices

    async def _record_reports(self) -> None:
        await self.reports.run(self.tell_reports)

    async def _recover_soon(self) -> None:
        """Tell of what was left, and go on without that where the database does not answer: it is told when it does."""
        try:
            async with asyncio.timeout(_START_TIMEOUT):
                await self.recover()
        except (MessagingError, sqlite3.Error, TimeoutError) as error:
            _LOG.error(
                "events of an earlier process could not be recovered (%s); tried again later",
                type(error).__name__,
            )
            self.run_to_completion(self._restart_on_failure(self.recover))

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Do what is to be done in the background, until the block is left; then finish what was begun, and close everything."""
        await self._recover_soon()
        # what is unknown is settled by the gateway itself, which tells of it
        worker = AsyncWorker(
            self.dispatcher,
            concurrency=4,
            poll_interval=schedule_poll_interval(self.settings),
            reconcile_interval=None,
        )
        sending = asyncio.create_task(self._restart_on_failure(worker.run))
        work = (
            self.deliveries.run,
            self.schedule.run,
            self._record_reports,
            self._poll_providers,
            self._purge,
            self._mark,
        )
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
            await self.reports.flush(self.tell_reports)
            await self.event_log.flush()
            await self.close()

    async def recover(self) -> None:
        """Tell of what processes before knew and had not told: messages from behind their marks, whose notices are missing."""
        untold = await self.marks.find_at_start()
        await self.marks.write(self._told())
        await self._tell(untold)

    async def _tell(self, untold: Untold) -> None:
        for tenant in await self.store.call(self.api_keys.tenants):
            for period in untold.periods:
                async for record in self._records(tenant, *period):
                    self.event_log.append_soon(events_of_record(record), since=period[0])
        for since, _ in untold.periods:
            await self.schedule.recover(since)
        await self.event_log.flush()
        if self.event_log.oldest_waiting == math.inf:
            await self.marks.delete(untold)

    def _told(self) -> float:
        """Return from when on messages of this process may be untold."""
        return min(self.clock.now(), self.event_log.oldest_waiting, *self._running.values())

    async def _mark(self) -> None:
        """Write down how far everything is told, and tell what processes left that died."""
        while True:
            await self.clock.sleep_async(MARK_INTERVAL)
            await self.marks.write(self._told())
            untold = await self.marks.find_dead()
            if untold is not None:
                await self._tell(untold)

    async def close(self) -> None:
        """Close everything."""
        with contextlib.suppress(MessagingError, sqlite3.Error):
            await self.marks.end(self._told())
        await self.dispatcher.close()
        await self.deliveries.close()
        await asyncio.to_thread(self.store.close)

    async def _records(self, tenant: str, since: float, until: float) -> AsyncIterator[MessageRecord]:
        before = None
        while page := await self.dispatcher.list_messages(
            scope=tenant, since=since, until=until, before=before, limit=200
        ):
            for record in page:
                yield record
            before = page[-1].id

    async def _poll_providers(self) -> None:
        """Fetch the reports that no webhook brings, and settle what is unknown."""
        interval = self.settings.poll_interval or (1.0 if self.sandbox_only else 30.0)
        while True:
            await self.clock.sleep_async(interval)
            one_at_a_time = leased(
                self.store, "poll", self.marks.name, self.clock.now, seconds=_POLL_LEASE, pause=interval * 0.9
            )
            async with one_at_a_time as lease:
                if lease.was_cut_off:
                    await self._tell(Untold([last_day(self.clock.now())]))
                if lease.is_ours:
                    await self._poll_once()

    async def _poll_once(self) -> None:
        events: list[GatewayEvent] = []
        for event in await self.dispatcher.fetch_reports():
            record = await record_of(self.dispatcher, event)
            events += events_of_record(record) if record and record.scope else []
        for record in await self.dispatcher.reconcile():
            events += events_of_record(record) if record.scope else []
        await self.event_log.append(events)

    async def _purge(self) -> None:
        """Forget old events, deliveries and calls."""
        while True:
            now = self.clock.now()
            old = now - self.settings.event_retention_days * 86400
            await self.store.run_transaction_async(expire_deliveries(now))
            await self.store.run_transaction_async(
                statements_work(
                    [
                        (
                            "DELETE FROM messaging_channels_gateway_delivery WHERE event_id IN (SELECT id FROM messaging_channels_gateway_event WHERE at < ?)",
                            (old,),
                        ),
                        ("DELETE FROM messaging_channels_gateway_event WHERE at < ?", (old,)),
                        ("DELETE FROM messaging_channels_gateway_target WHERE seen < ?", (old,)),
                        (
                            "DELETE FROM messaging_channels_gateway_call WHERE created < ?",
                            (min(old, now - IDEMPOTENCY_TTL),),
                        ),
                        (
                            "DELETE FROM messaging_channels_gateway_schedule WHERE send_at < ?",
                            (min(old, now - IDEMPOTENCY_TTL),),
                        ),
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
        parts["accounts"] = {DEMONSTRATION: parts["providers"]}
    ledger: Ledger = parts.pop("ledger") or SqliteLedger(settings.home / "ledger.sqlite3", owned=True)
    store = open_store(settings, ledger)
    accounts = frozenset(parts["accounts"])
    given = parts["resolvers"]
    parts["resolvers"] = [*given, tenant_resolver(configuration, settings, store, accounts, given)]
    guard = UrlGuard(frozenset(settings.allowed_callback_hosts))
    events = EventLog(store)
    metrics = Metrics()
    own = parts.get("observer")
    parts["observer"] = CompositeObserver(own, metrics) if own else metrics
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
        reports=ReportRecorder(dispatcher, settings.report_wait, min(_REPORT_LEASE, settings.lease)),
        marks=NodeMarks(store, time.now),
        metrics=metrics,
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
