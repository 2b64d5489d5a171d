"""Plugins are loaded one by one: a broken one is kept with its exception, which is raised when that plugin is asked for."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import Distribution, EntryPoint
from typing import TYPE_CHECKING, Any

import pluggy

from messaging_channels._config import builtin_plugin as builtin
from messaging_channels._config.installed import installed
from messaging_channels._model.errors import PluginLoadError, UnknownProvider
from messaging_channels.plugins.channels import BUILT_IN, ChannelSpec, channel_problem
from messaging_channels.plugins.hooks import PROJECT, Hooks
from messaging_channels.plugins.observer import Observer, notify
from messaging_channels.plugins.provider import PROVIDER_API_VERSION, ProviderSpec

if TYPE_CHECKING:
    from messaging_channels._model.events import Event
    from messaging_channels._model.receipts import Attempt
    from messaging_channels.plugins.ledger_spec import LedgerSpec
    from messaging_channels.plugins.notifiers import QueueNotifier
    from messaging_channels.plugins.pre_send import PreSendCheck
    from messaging_channels.plugins.resolvers import RecipientResolver


@dataclass(frozen=True, slots=True)
class PluginFailure:
    """A plugin that could not be used."""

    name: str
    """Of its entry point."""
    origin: str
    """The distribution it comes with, and its version; else what the entry point names."""
    aliases: frozenset[str]
    """Beginnings of the names by which its providers may be asked for."""
    error: BaseException

    @property
    def problem(self) -> str:
        """Where it comes from and what was raised, in one line."""
        words = " ".join(str(self.error).split())[:_MAX_WORDS]
        said = f"{type(self.error).__name__}: {words}" if words else type(self.error).__name__
        return f"{self.origin}: {said}"

    def is_meant_by(self, provider: str) -> bool:
        """Whether the provider of that name is most likely one of this plugin's."""
        asked = _normalized(provider)
        return any(asked == alias or asked.startswith(f"{alias}-") for alias in self.aliases)


@dataclass(frozen=True, slots=True)
class PluginManager(Observer):
    """The plugins that were loaded, and what they registered."""

    manager: pluggy.PluginManager = field(repr=False)
    failed: dict[str, PluginFailure]
    """By the name of the entry point; of two providers with one name, by that."""
    origins: dict[str, PluginOrigin] = field(default_factory=dict[str, "PluginOrigin"])
    """By the name of the entry point."""
    left_out: set[str] = field(default_factory=set[str])
    """The names of the entry points of installed plugins that were not to be loaded."""

    @property
    def channels(self) -> Sequence[ChannelSpec]:
        """All registered channels, the built-in ones first. One whose name or message type is taken is left out, and its plugin noted."""
        found: list[ChannelSpec] = list(BUILT_IN)
        for plugin, channel in self._collect_by_plugin("register_channels"):
            try:
                spec = ChannelSpec.of(channel)
            except (AttributeError, TypeError) as fault:
                self._note(plugin, fault)
                continue
            if spec in found:
                continue
            problem = channel_problem(spec, found)
            if problem:
                self._note(plugin, ValueError(problem))
            else:
                found.append(spec)
        return found

    @property
    def checks(self) -> Sequence[PreSendCheck]:
        """All registered rules."""
        return self._collect("register_checks")

    @property
    def notifiers(self) -> Sequence[QueueNotifier]:
        """All registered notifiers of workers."""
        return self._collect("register_notifiers")

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
        suppliers: dict[str, list[tuple[str, ProviderSpec]]] = {}
        for plugin, spec in self._collect_by_plugin("register_providers"):
            if isinstance(spec, ProviderSpec):
                suppliers.setdefault(spec.name, []).append((plugin, spec))
            else:
                self._note(
                    plugin, TypeError(f"register_providers returns {type(spec).__name__}, not ProviderSpec")
                )
        for name, supplied in suppliers.items():
            if len(supplied) > 1:
                origins = " and ".join(self._origin(plugin).text for plugin, _ in supplied)
                problem = ValueError("two plugins supply a provider of that name")
                self.failed[name] = PluginFailure(name, origins, frozenset({_normalized(name)}), problem)
        return {name: supplied[0][1] for name, supplied in suppliers.items() if len(supplied) == 1}

    def provider(self, name: str) -> ProviderSpec:
        """Return the spec of that provider.

        Raises:
            PluginLoadError: its plugin could not be loaded, or was built for another contract.
            UnknownProvider: no plugin supplies it; the error names those that could not be loaded.
        """
        spec = self.providers.get(name)
        if spec is None:
            raise self._missing(name)
        if spec.api_version != PROVIDER_API_VERSION:
            problem = f"it was built for contract {spec.api_version}, this is contract {PROVIDER_API_VERSION}"
            raise PluginLoadError(name, problem=problem)
        return spec

    def attempt_finished(self, attempt: Attempt) -> None:
        """Call the hook of every plugin; see `Hooks`."""
        self._tell("attempt_finished", attempt)

    def event_received(self, event: Event) -> None:
        """Call the hook of every plugin; see `Hooks`."""
        self._tell("event_received", event)

    def load(self, entry: EntryPoint) -> None:
        """Import and register a plugin, or note why that cannot be done."""
        self.origins[entry.name] = PluginOrigin.of(entry)
        try:
            self.manager.register(entry.load(), entry.name)
        except KeyboardInterrupt:
            raise
        except BaseException as fault:  # noqa: BLE001  whatever importing a plugin raises, SystemExit too
            self._note(entry.name, fault)

    def _missing(self, name: str) -> PluginLoadError | UnknownProvider:
        meant = self.failed.get(name) or next(
            (one for one in self.failed.values() if one.is_meant_by(name)), None
        )
        if meant is not None:
            error = PluginLoadError(name, problem=meant.problem)
            error.__cause__ = meant.error
            return error
        broken = tuple(f"{one.name} ({one.problem})" for one in self.failed.values())
        return UnknownProvider(name, known=tuple(self.providers), failed=broken)

    def _collect(self, hook: str) -> list[Any]:
        return [one for _, one in self._collect_by_plugin(hook)]

    def _collect_by_plugin(self, hook: str) -> list[tuple[str, Any]]:
        """Call a registering hook plugin by plugin, so that one that raises breaks itself only."""
        found: list[tuple[str, Any]] = []
        for implementation in getattr(self.manager.hook, hook).get_hookimpls():
            plugin = implementation.plugin_name
            try:
                found += [(plugin, one) for one in implementation.function() or ()]
            except KeyboardInterrupt:
                raise
            except BaseException as fault:  # noqa: BLE001  whatever a plugin raises
                self._note(plugin, fault)
        return found

    def _tell(self, hook: str, fact: object) -> None:
        """Call an observing hook plugin by plugin, the last registered first, so that what one raises silences no other."""
        for implementation in reversed(getattr(self.manager.hook, hook).get_hookimpls()):
            if implementation.argnames:
                notify(implementation.function, fact)
            else:
                notify(_without_argument(implementation.function), fact)

    def _origin(self, plugin: str) -> PluginOrigin:
        return self.origins.get(plugin) or PluginOrigin(plugin, frozenset({_normalized(plugin)}))

    def _note(self, plugin: str, fault: BaseException) -> None:
        """Remember why a plugin is not there, and tell the operator once."""
        origin, known = self._origin(plugin), self.failed.get(plugin)
        failure = PluginFailure(plugin, origin.text, origin.aliases, fault)
        if known is None or known.problem != failure.problem:
            _LOG.warning("plugin %s is left out: %s", plugin, failure.problem)
        self.failed[plugin] = failure


@dataclass(frozen=True, slots=True)
class PluginOrigin:
    """Where a plugin comes from."""

    text: str
    aliases: frozenset[str]

    @classmethod
    def of(cls, entry: EntryPoint) -> PluginOrigin:
        """Read it from an entry point."""
        module = entry.value.partition(":")[0].partition(".")[0]
        named, release = _name_and_version(entry.dist) if entry.dist else ("", "")
        names = [entry.name, module, named]
        aliases = {_normalized(name).removeprefix(_COMMON_PREFIX) for name in names}
        text = f"{named} {release}" if entry.dist else f"module {module}"
        return cls(text, frozenset(aliases - {""}))


def load_plugins(
    *,
    only: Collection[str] | None = None,
    extra: Iterable[object] = (),
    entries: Iterable[EntryPoint] | None = None,
) -> PluginManager:
    """Load the built-in plugin, the installed ones, and `extra` ones given as objects.

    `only` restricts the installed ones to these entry-point names; what is not named is not imported. `entries` stands for what is
    installed, in tests. One that cannot be loaded, whatever it raises, is noted and harms no other.
    """
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Hooks)
    manager.register(builtin, "builtin")
    plugins = PluginManager(manager, {})
    for entry in installed(PROJECT) if entries is None else entries:
        if only is not None and entry.name not in only:
            plugins.left_out.add(entry.name)
        else:
            plugins.load(entry)
    for plugin in extra:
        manager.register(plugin)
    return plugins


@lru_cache(maxsize=256)
def _name_and_version(distribution: Distribution) -> tuple[str, str]:
    """Return what the metadata of a distribution says: to parse it takes a millisecond."""
    return distribution.name, distribution.version


def _without_argument(function: Callable[[], object]) -> Callable[[object], None]:
    def call(_: object) -> None:
        function()

    return call


def _normalized(name: str) -> str:
    """Return a name in the form in which distributions are compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


_LOG = logging.getLogger("messaging_channels.plugins")
_COMMON_PREFIX = "messaging-channels-"
_MAX_WORDS = 300
