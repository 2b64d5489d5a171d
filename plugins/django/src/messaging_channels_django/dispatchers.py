"""The dispatcher of the process: made when it is first asked for, and closed when the process ends.

It is safe where a server forks after the application was loaded: connections and threads begin anew in each child.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from messaging_channels import AsyncDispatcher, Configuration, Dispatcher
from messaging_channels.plugins import CompositeObserver, QueueNotifier
from messaging_channels_django.ledgers import build_ledger
from messaging_channels_django.settings import SETTING, DjangoSettings, import_parts, read_settings
from messaging_channels_django.signals import SignalObserver

AnyDispatcher = TypeVar("AnyDispatcher", Dispatcher, AsyncDispatcher)


class _OfProcess(Generic[AnyDispatcher]):
    """The one dispatcher of a kind, and what stands for it in tests."""

    def __init__(self, kind: type[AnyDispatcher]) -> None:
        self._kind: type[AnyDispatcher] = kind
        self._lock = threading.Lock()
        self._own: AnyDispatcher | None = None
        self.replacement: AnyDispatcher | None = None

    def get(self) -> AnyDispatcher:
        found = self.replacement or self._own
        if found is not None:
            return found
        with self._lock:
            if self._own is None:
                self._own = self._kind(**dispatcher_arguments(read_settings()))
            return self._own

    def pop(self) -> AnyDispatcher | None:
        with self._lock:
            own, self._own = self._own, None
        return own


_SYNC = _OfProcess(Dispatcher)
_ASYNC = _OfProcess(AsyncDispatcher)


def get_dispatcher() -> Dispatcher:
    """Return the dispatcher of this process, for threads: views, commands, tasks.

    Raises:
        ImproperlyConfigured: `MESSAGING_CHANNELS` is malformed.
        ConfigurationError: a setting of a provider is missing or malformed.
    """
    return _SYNC.get()


def get_async_dispatcher() -> AsyncDispatcher:
    """Return the dispatcher of this process for asynchronous views. Raises what `get_dispatcher` raises."""
    return _ASYNC.get()


@contextmanager
def use_dispatcher(
    dispatcher: Dispatcher, async_dispatcher: AsyncDispatcher | None = None
) -> Generator[None]:
    """Have every thread of the process use these instead, such as those of an `Outbox`, as long as the block lasts."""
    before = _SYNC.replacement, _ASYNC.replacement
    _SYNC.replacement, _ASYNC.replacement = dispatcher, async_dispatcher
    try:
        yield
    finally:
        _SYNC.replacement, _ASYNC.replacement = before


def ledger_database() -> str | None:
    """Return the alias of Django's database that holds the ledger of `get_dispatcher`; None if it lies elsewhere."""
    return None if _SYNC.replacement else read_settings().ledger_database


def notifiers_of_project() -> Sequence[QueueNotifier]:
    """Return the notifiers that the settings name."""
    return () if _SYNC.replacement else import_parts(read_settings().notifiers)


def dispatcher_arguments(settings: DjangoSettings) -> dict[str, Any]:
    """Return the arguments of a dispatcher of this project.

    Raises:
        ImproperlyConfigured: a dotted path leads nowhere, or the database cannot hold a ledger.
        ConfigurationError: a setting is missing or malformed.
    """
    configuration = Configuration.read(settings.config, use_sandbox_defaults=settings.sandbox)
    arguments = configuration.dispatcher_arguments(import_parts(settings.resolvers))
    if settings.ledger_database is not None:
        arguments["ledger"] = build_ledger(settings.ledger_database)
    return {
        **arguments,
        "checks": [*import_parts(settings.checks), *arguments["checks"]],
        "notifiers": import_parts(settings.notifiers),
        "observer": CompositeObserver(arguments["observer"], SignalObserver()),
    }


def close() -> None:
    """Close the dispatcher of this process; the next call makes another one."""
    own = _SYNC.pop()
    if own is not None:
        own.close()
    _ASYNC.pop()  # it belongs to a loop, which has ended or closes its connections itself


def reset_for_setting(*, setting: str, **_: object) -> None:
    """Close the dispatcher when the settings it was made from are overridden, as tests do."""
    if setting in (SETTING, "DATABASES"):
        close()


atexit.register(close)
