"""Plugins are loaded one by one: a broken one is kept with its exception, which is raised when that plugin is asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

import pluggy

from messaging_channels._config import builtin_plugin as builtin
from messaging_channels._model.errors import PluginLoadError, UnknownProvider
from messaging_channels.plugins.hooks import PROJECT, Hooks
from messaging_channels.plugins.observer import Observer
from messaging_channels.plugins.provider import PROVIDER_API_VERSION

if TYPE_CHECKING:
    from messaging_channels._model.events import Event
    from messaging_channels._model.receipts import Attempt
    from messaging_channels.plugins.channels import Channel
    from messaging_channels.plugins.ledger_spec import LedgerSpec
    from messaging_channels.plugins.provider import ProviderSpec
    from messaging_channels.plugins.resolvers import RecipientResolver


@dataclass(frozen=True, slots=True)
class PluginManager(Observer):
    """The plugins that were loaded, and what they registered."""

    manager: pluggy.PluginManager = field(repr=False)
    failed: dict[str, Exception]
    """By the name of the entry point."""

    @property
    def channels(self) -> Sequence[Channel]:
        """All registered channels."""
        return self._collect("register_channels")

    @property
    def ledgers(self) -> Sequence[LedgerSpec]:
        """All registered specs of ledgers."""
        return self._collect("register_ledgers")

    @property
    def resolvers(self) -> Sequence[RecipientResolver]:
        """All registered resolvers."""
        return self._collect("register_resolvers")

    @property
    def providers(self) -> dict[str, ProviderSpec]:
        """All registered provider specs by name. Of two with one name, none is taken: see `provider`."""
        specs: dict[str, ProviderSpec] = {}
        for spec in self._collect("register_providers"):
            if spec.name in specs:
                self.failed[spec.name] = ValueError("two plugins supply a provider of that name")
            specs[spec.name] = spec
        return {name: spec for name, spec in specs.items() if name not in self.failed}

    def provider(self, name: str) -> ProviderSpec:
        """Return the spec of that provider.

        Raises:
            PluginLoadError: its plugin could not be loaded, or was built for another contract.
            UnknownProvider: no plugin supplies it.
        """
        known = self.providers
        if name in self.failed:
            raise PluginLoadError(name, problem=type(self.failed[name]).__name__) from self.failed[name]
        if name not in known:
            raise UnknownProvider(name, known=tuple(known))
        if known[name].api_version != PROVIDER_API_VERSION:
            problem = f"it was built for contract {known[name].api_version}, this is contract {PROVIDER_API_VERSION}"
            raise PluginLoadError(name, problem=problem)
        return known[name]

    def attempt_finished(self, attempt: Attempt) -> None:
        """Tell every plugin; see Hooks."""
        self._call_hook("attempt_finished", attempt=attempt)

    def event_received(self, event: Event) -> None:
        """Tell every plugin; see Hooks."""
        self._call_hook("event_received", event=event)

    def _collect(self, hook: str) -> list[Any]:
        """Call a registering hook plugin by plugin, so that one that raises breaks itself only."""
        found: list[Any] = []
        for implementation in getattr(self.manager.hook, hook).get_hookimpls():
            try:
                found += implementation.function()
            except Exception as fault:  # noqa: BLE001  whatever a plugin raises
                self.failed[implementation.plugin_name] = fault
        return found

    def _call_hook(self, hook: str, **facts: object) -> None:
        getattr(self.manager.hook, hook)(**facts)


def load_plugins(
    *,
    only: Collection[str] | None = None,
    extra: Iterable[object] = (),
    entries: Iterable[EntryPoint] | None = None,
) -> PluginManager:
    """Load the built-in plugin, the installed ones, and `extra` ones given as objects.

    `only` restricts the installed ones to these entry-point names; what is not named is not imported. `entries` stands for what is
    installed, in tests.
    """
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Hooks)
    manager.register(builtin, "builtin")
    plugins = PluginManager(manager, {})
    for entry in entry_points(group=PROJECT) if entries is None else entries:
        if only is None or entry.name in only:
            try:
                manager.register(entry.load(), entry.name)
            except Exception as fault:  # noqa: BLE001  whatever importing a plugin raises
                plugins.failed[entry.name] = fault
    for plugin in extra:
        manager.register(plugin)
    return plugins
