"""Everything that a setting may be called, with the plugins that are installed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cached_property
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

from messaging_channels._config.installed import installed
from messaging_channels._config.schema import settings_schema
from messaging_channels._config.sections import TelemetrySettings
from messaging_channels.plugins.ledger_spec import LedgerSettings
from messaging_channels.policies.routing import RetryPolicy

if TYPE_CHECKING:
    from pydantic import BaseModel

    from messaging_channels._config.plugin_manager import PluginManager

SETTINGS = "messaging_channels.settings"
"""The entry-point group of settings that a distribution reads beside those of providers: the name is that of the section, the object a pydantic model,
or a collection of names of variables (without `MESSAGING_CHANNELS_`)."""


@dataclass(frozen=True)
class KnownSettings:
    """Everything that a setting may be called."""

    prefix: str
    plugins: PluginManager
    http: type[Any]

    @cached_property
    def sections(self) -> dict[str, type[BaseModel]]:
        """The models of the sections that installed distributions add."""
        return {entry.name: model for entry, model in self._more if isinstance(model, type)}

    @cached_property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of a file."""
        models = {name: spec.settings for name, spec in self.plugins.providers.items()}
        return settings_schema(models, self.channels, self.http, self.sections)

    @cached_property
    def channels(self) -> list[str]:
        """The names of the channels."""
        return [channel.name for channel in self.plugins.channels]

    @cached_property
    def providers(self) -> list[str]:
        """The names of the providers whose plugins are installed."""
        return list(self.plugins.providers)

    @cached_property
    def keys_by_section(self) -> dict[str, list[str]]:
        """The keys that have variables, by section."""
        models: dict[str, Iterable[str]] = {
            "retry": [one.name for one in fields(RetryPolicy)],
            "http": [one.name for one in fields(self.http)],
            "ledger": LedgerSettings.model_fields,
            "telemetry": TelemetrySettings.model_fields,
            "route": self.channels,
            **{name: [*spec.settings.model_fields, "dsn"] for name, spec in self.plugins.providers.items()},
            **{name: model.model_fields for name, model in self.sections.items()},
        }
        return {section: list(names) for section, names in models.items()}

    @cached_property
    def variables(self) -> frozenset[str]:
        """The names of all variables, without the prefix."""
        named = {
            variable_for(section, name) for section, names in self.keys_by_section.items() for name in names
        }
        own = {name for _, given in self._more if not isinstance(given, type) for name in given}
        return frozenset(named | own | _GENERAL)

    @cached_property
    def left_out(self) -> list[str]:
        """How the variables of plugins begin that are installed, and were not loaded: they are restricted, or broken."""
        names = list(self.plugins.left_out)
        names += [alias for failure in self.plugins.failed.values() for alias in failure.aliases]
        return [variable_for(name, "") for name in names]

    @cached_property
    def _more(self) -> list[tuple[EntryPoint, Any]]:
        found: list[tuple[EntryPoint, Any]] = []
        for entry in installed(SETTINGS):
            try:
                found.append((entry, entry.load()))
            except Exception:  # noqa: BLE001, S112  a broken distribution is told of where it is used
                continue
        return found


def variable_for(section: str, name: str) -> str:
    """Return the name of the variable of a setting, without the prefix."""
    return f"{section}_{name}".upper().replace("-", "_")


_GENERAL = frozenset({"CONFIG", "PLUGINS", "HOME"}) | frozenset(
    {"SPECS", "FORBID_SKIPS", "STORM", "STORM_SEED", "TRIALS", "RECORDS"}  # of this project's own tests
)
