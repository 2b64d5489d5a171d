"""The gateway: everything that its endpoints use, made once and closed once, and what it does in the background."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from messaging_channels import AsyncDispatcher, AsyncWorker, Pace, Recording, Sandbox, SqliteLedger
from messaging_channels.testing import Clock
from messaging_channels_gateway import recipients
from messaging_channels_gateway import settings as configured
from messaging_channels_gateway.deliveries import Deliveries
from messaging_channels_gateway.events import Events, of_record
from messaging_channels_gateway.guard import Guard
from messaging_channels_gateway.keys import Keys
from messaging_channels_gateway.limits import Limits
from messaging_channels_gateway.metrics import Metrics
from messaging_channels_gateway.promises import KEY_LIFE
from messaging_channels_gateway.scheduling import Schedule
from messaging_channels_gateway.showcase import Showcase
from messaging_channels_gateway.store import Store, all_of

if TYPE_CHECKING:
    from messaging_channels import Configuration
    from messaging_channels.plugins import Ledger, RecipientResolver, Record
    from messaging_channels_gateway.settings import Settings, Source

Result = TypeVar("Result")
_LOG = logging.getLogger("messaging_channels.gateway")
_RECOVERED = 86400.0
"""Seconds back from the start in which messages are looked through for notices that were lost with the process before."""
_LOOK = 1.0
"""Seconds between looks at what is due, at most."""
_DEMONSTRATION = "(demonstration)"
"""The account of every realm where nothing is configured: the sandbox plays the tenant's provider too."""


@dataclass(slots=True)
class Gateway:
    """What the endpoints use. One object serves one event loop."""

    settings: Settings
    dispatcher: AsyncDispatcher
    ledger: Ledger
    store: Store
    keys: Keys
    guard: Guard
    events: Events
    deliveries: Deliveries
    schedule: Schedule
    limits: Limits
    clock: Clock
    accounts: frozenset[str]
    """The accounts that have providers."""
    embedded: bool
    """Whether nothing but the sandbox is configured."""
    showcase: Showcase | None
    """What was sent, for the page of the development."""
    metrics: Metrics = field(default_factory=Metrics)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when open streams have to end."""
    _running: set[asyncio.Task[Any]] = field(default_factory=set[Any])

    def tracked(self, work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
        """Have something done that goes on if its caller stops waiting; stopping waits for it."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    def account_of(self, realm: str) -> str | None:
        """Return the account from which a realm's Persons are written to, None if it has none."""
        return account_of(self.settings, self.accounts, realm)

    def realm_of(self, account: str | None) -> str:
        """Return to which realm belongs what comes in on an account."""
        if account is None:
            return self.settings.inbound_realm
        named = (name for name, realm in self.settings.realms.items() if realm.account == account)
        return next(named, self.settings.inbound_realm if account == _DEMONSTRATION else account)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Do what is to be done in the background, until the block is left; then finish what was begun, and close everything."""
        await self.recover()
        # what is unknown is settled by the gateway itself, which tells of it
        worker = AsyncWorker(self.dispatcher, Pace(lanes=4, poll=look_of(self.settings), settle=None))
        sending = asyncio.create_task(self._for_ever(worker.run))
        work = (self.deliveries.run, self.schedule.run, self._poll, self._purge)
        tasks = [asyncio.create_task(self._for_ever(one)) for one in work]
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
            await self.events.flushed()
            await self.close()

    async def recover(self) -> None:
        """Tell of what the process before knew and had not told: messages of the last day whose notices are missing."""
        since = self.clock.now() - _RECOVERED
        for realm in self.keys.realms():
            async for record in self._records(realm, since):
                self.events.later(of_record(record))
        await self.schedule.recover(since)
        await self.events.flushed()

    async def close(self) -> None:
        """Close everything."""
        await self.dispatcher.close()
        await self.deliveries.close()
        await asyncio.to_thread(self.store.close)

    async def _records(self, realm: str, since: float) -> AsyncIterator[Record]:
        before = None
        while page := await self.dispatcher.browse(scope=realm, since=since, before=before, limit=200):
            for record in page:
                yield record
            before = page[-1].id

    async def _poll(self) -> None:
        """Fetch the reports that no webhook brings, and settle what is unknown."""
        while True:
            await self.clock.sleep_async(self.settings.poll or (1.0 if self.embedded else 30.0))
            for event in await self.dispatcher.fetch_reports():
                record = await self._record_of(event)
                self.events.later(of_record(record) if record and record.scope else [])
            for record in await self.dispatcher.settle():
                self.events.later(of_record(record) if record.scope else [])

    async def _record_of(self, event: Any) -> Record | None:  # noqa: ANN401  any event
        return await record_of(self.dispatcher, event)

    async def _purge(self) -> None:
        """Forget old events, deliveries and calls."""
        while True:
            now = self.clock.now()
            old = now - self.settings.keep_days * 86400
            await self.store.changed(
                all_of(
                    [
                        (
                            "DELETE FROM delivery WHERE event_id IN (SELECT id FROM event WHERE at < ?)",
                            (old,),
                        ),
                        ("DELETE FROM event WHERE at < ?", (old,)),
                        ("DELETE FROM call WHERE created < ?", (min(old, now - KEY_LIFE),)),
                        ("DELETE FROM schedule WHERE send_at < ?", (min(old, now - KEY_LIFE),)),
                    ]
                )
            )
            await self.clock.sleep_async(3600.0)

    async def _for_ever(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do something until it ends because we stop; again whenever it fails, a moment later."""
        while not self.stopping.is_set():
            try:
                await work()
            except Exception as fault:  # noqa: BLE001  whatever it is, the next round may go well
                _LOG.error("%s failed: %s", getattr(work, "__name__", "work"), type(fault).__name__)
                await asyncio.sleep(1.0)


def look_of(settings: Settings) -> float:
    """Return how many seconds are between looks at messages that are due."""
    return min(_LOOK, settings.poll or _LOOK)


async def record_of(dispatcher: AsyncDispatcher, event: Any) -> Record | None:  # noqa: ANN401  any event
    """Return the record of the message that an event is about, if it is known."""
    message_id, provider_id = getattr(event, "message_id", None), getattr(event, "provider_id", None)
    record = await dispatcher.find(message_id) if message_id else None
    if record is None and provider_id and message_id is not None:
        record = await dispatcher.find(provider=event.provider, provider_id=provider_id)
    return record


def account_of(settings: Settings, accounts: Iterable[str], realm: str) -> str | None:
    """Return the account of a realm: the one that is set, else the one of its own name, if that has providers."""
    chosen = settings.realms[realm].account if realm in settings.realms else None
    named = chosen or (realm if realm in accounts else _DEMONSTRATION)
    return named if named in accounts else None


def opened(
    configuration: Configuration,
    settings: Settings,
    *,
    resolvers: Iterable[RecipientResolver] = (),
    clock: Clock | None = None,
) -> Gateway:
    """Make a gateway. Nothing is connected yet, but its files are open.

    Raises:
        ConfigurationError: a setting is missing or malformed, or a provider is unknown or broken.
    """
    time = clock or Clock()
    parts = configuration.parts(resolvers)
    embedded = all(isinstance(provider, Sandbox) for provider in parts["providers"])
    if embedded and not parts["accounts"]:
        parts["accounts"] = {_DEMONSTRATION: parts["providers"]}
    store = Store(settings.home / "gateway.sqlite3")
    ledger: Ledger = parts.pop("ledger") or SqliteLedger(settings.home / "ledger.sqlite3", owned=True)
    accounts = frozenset(parts["accounts"])
    given = parts["resolvers"]
    parts["resolvers"] = [*given, _realms(configuration, settings, store, accounts, given)]
    guard = Guard(frozenset(settings.callback_hosts))
    events = Events(store)
    dispatcher = AsyncDispatcher(**parts, ledger=Recording(ledger, lease=settings.lease), clock=time)
    development = embedded if settings.development is None else settings.development
    return Gateway(
        settings=settings,
        dispatcher=dispatcher,
        ledger=ledger,
        store=store,
        keys=Keys(store, time.now),
        guard=guard,
        events=events,
        deliveries=Deliveries(store, events, guard, time.now),
        schedule=Schedule(store, dispatcher, events, time.now, look_of(settings)),
        limits=Limits(settings, time.now),
        clock=time,
        accounts=accounts,
        embedded=embedded,
        showcase=Showcase() if development else None,
    )


def _realms(
    configuration: Configuration,
    settings: Settings,
    store: Store,
    accounts: frozenset[str],
    resolvers: Iterable[RecipientResolver],
) -> recipients.Realms:
    """Return the resolver: for each realm its own sources, made when first needed."""
    known = tuple(resolvers)
    made: dict[tuple[str, str], recipients.Finds] = {}

    def of(side: str) -> Callable[[str], recipients.Finds]:
        def finds(realm: str) -> recipients.Finds:
            if (side, realm) not in made:
                source: Source = getattr(settings.realms.get(realm, configured.Realm()), side)
                account = account_of(settings, accounts, realm)
                made[side, realm] = _source(source, store, known, configuration, account)
            return made[side, realm]

        return finds

    return recipients.Realms(of("users"), of("persons"), lambda realm: account_of(settings, accounts, realm))


def _source(
    source: Source,
    store: Store,
    resolvers: tuple[RecipientResolver, ...],
    configuration: Configuration,
    account: str | None,
) -> recipients.Finds:
    match source:
        case configured.Directory():
            return recipients.of_store(store)
        case configured.JsonFile():
            return recipients.of_file(source.path)
        case configured.Sql():
            return recipients.Table(source.database.get_secret_value(), source.query)
        case configured.HttpService():
            return recipients.Service(source.url, {source.header: source.secret.get_secret_value()})
        case configured.Plugins():
            return recipients.Asked(resolvers)
        case configured.People():
            return recipients.Asked((_people(configuration, account),))


def _people(configuration: Configuration, account: str | None) -> RecipientResolver:
    """Return the resolver of an account's Infobip People."""
    from importlib import import_module  # noqa: PLC0415  rarely needed

    people: Any = import_module("messaging_channels_infobip.people")  # a plugin that need not be installed

    spec = configuration.plugins.provider("infobip")
    values: Mapping[str, Any] = {
        one.name.rpartition(".")[2]: one.value for one in configuration.settings(spec, account)
    }
    resolver: RecipientResolver = people.PeopleResolver(
        {account: people.People(base_url=values["base_url"], api_key=str(values["api_key"]))}
    )
    return resolver
