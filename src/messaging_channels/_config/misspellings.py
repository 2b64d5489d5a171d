"""Names in the environment, the file and code that mean nothing: refused, because a misspelt setting would be one that is silently off."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from messaging_channels._config.schema import settings_schema
from messaging_channels._config.schema_check import Misfit, example_for, misfits, words_for
from messaging_channels._config.sections import TelemetrySettings
from messaging_channels._model.errors import PUBLISHED, ConfigurationError, InvalidSetting, UnknownProvider
from messaging_channels._model.nearest import did_you_mean, nearest
from messaging_channels.plugins.ledger_spec import LedgerSettings
from messaging_channels.policies.routing import RetryPolicy

if TYPE_CHECKING:
    from pydantic import BaseModel

    from messaging_channels._config.plugin_manager import PluginManager
    from messaging_channels._config.toml_lines import TomlLines

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
    def variables(self) -> frozenset[str]:
        """The names of all variables, without the prefix."""
        models: dict[str, Iterable[str]] = {
            "retry": [one.name for one in fields(RetryPolicy)],
            "http": [one.name for one in fields(self.http)],
            "ledger": LedgerSettings.model_fields,
            "telemetry": TelemetrySettings.model_fields,
            "route": self.channels,
            **{name: [*spec.settings.model_fields, "dsn"] for name, spec in self.plugins.providers.items()},
            **{name: model.model_fields for name, model in self.sections.items()},
        }
        named = {_variable(section, name) for section, names in models.items() for name in names}
        own = {name for _, given in self._more if not isinstance(given, type) for name in given}
        return frozenset(named | own | _GENERAL)

    @cached_property
    def left_out(self) -> list[str]:
        """How the variables of plugins begin that are installed, and were not loaded: they are restricted, or broken."""
        names = list(self.plugins.left_out)
        names += [alias for failure in self.plugins.failed.values() for alias in failure.aliases]
        return [_variable(name, "") for name in names]

    @cached_property
    def _more(self) -> list[tuple[EntryPoint, Any]]:
        found: list[tuple[EntryPoint, Any]] = []
        for entry in entry_points(group=SETTINGS):
            try:
                found.append((entry, entry.load()))
            except Exception:  # noqa: BLE001, S112  a broken distribution is told of where it is used
                continue
        return found


def find_misspellings(
    known: KnownSettings,
    *,
    code: Mapping[str, Any],
    environment: Mapping[str, str],
    file: Mapping[str, Any],
    file_name: str,
    lines: TomlLines,
) -> Iterator[ConfigurationError]:
    """Yield an error for every name that means nothing: of a section, a key, a variable, a provider on a route, or the file itself."""
    if not file and not (Path(file_name).exists() or f"{known.prefix}CONFIG" in environment):
        yield from misnamed_files(Path(), file_name)
    yield from find_unknown_keys(known, code, "code")
    yield from find_unknown_variables(known, environment)
    yield from find_unknown_keys(known, file, file_name, lines)
    yield from find_unknown_plugins(known, code.get("plugins"), "code")
    yield from find_unknown_plugins(known, environment.get(f"{known.prefix}PLUGINS"), "the environment")
    yield from find_unknown_plugins(
        known, file.get("plugins"), f"{file_name} line {lines.line_of(('plugins',))}"
    )


def find_unrouted(
    known: KnownSettings,
    *,
    code: Mapping[str, Any],
    environment: Mapping[str, str],
    file: Mapping[str, Any],
    file_name: str,
    lines: TomlLines,
) -> Iterator[ConfigurationError]:
    """Yield an error for every provider that a route names in code, a variable or the file, and that no plugin supplies."""
    yield from find_unknown_providers(known, _routes_of(code), dict.fromkeys(_routes_of(code), "code"))
    named = {one: f"{known.prefix}{_variable('route', one)}" for one in known.channels}
    given = {one: environment[name] for one, name in named.items() if name in environment}
    yield from find_unknown_providers(known, given, named)
    found = {one: lines.line_of(("routes", one)) for one in _routes_of(file)}
    places = {one: f"{file_name} line {line}" for one, line in found.items()}
    yield from find_unknown_providers(known, _routes_of(file), places)


def _routes_of(given: Mapping[str, Any]) -> Mapping[str, Any]:
    routes = given.get("routes", {})
    return cast("Mapping[str, Any]", routes) if isinstance(routes, Mapping) else {}


def find_unknown_variables(
    known: KnownSettings, environment: Mapping[str, str]
) -> Iterator[ConfigurationError]:
    """Yield an error for every variable that is most likely meant for us, and means nothing."""
    for name, value in environment.items():
        if name.startswith(known.prefix):
            rest = name.removeprefix(known.prefix)
            if not _is_meant_otherwise(known, rest, value):
                yield _unknown_variable(known, name, rest)
        elif (right := _after_misspelt_prefix(known, name)) is not None:
            yield _invalid(name, "the environment", "is not read", f"did you mean {known.prefix}{right}?")


def find_unknown_keys(
    known: KnownSettings, given: Mapping[str, Any], source: str, lines: TomlLines | None = None
) -> Iterator[ConfigurationError]:
    """Yield an error for every section and key that means nothing, and every value of a wrong type, with its line if it stands in a file."""
    for one in misfits(dict(given), known.schema):
        line = lines.line_of(one.path) if lines else None
        yield from _error_of(known, given, one, f"{source} line {line}" if line else source)


def _error_of(
    known: KnownSettings, given: Mapping[str, Any], one: Misfit, where: str
) -> Iterator[ConfigurationError]:
    if one.expected:
        yield _wrong_type(one, where)
    elif not (_names_provider(one.path) and _is_table(given, one.path)):
        yield _unknown_key(known, one, where)
    elif not _is_of_failed_plugin(known, one.path[1]):
        yield UnknownProvider(one.path[1], known=tuple(known.providers), source=f"{where}, [{one.path[0]}]")


def _names_provider(path: tuple[str, ...]) -> bool:
    return len(path) == _SECTION_AND_PROVIDER and path[0] in ("providers", "rate_limits")


def _is_table(given: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    """Whether a setting may be that of a provider: a rate, or a table."""
    return path[0] == "rate_limits" or isinstance(given[path[0]][path[1]], Mapping)


def _wrong_type(one: Misfit, where: str) -> ConfigurationError:
    name, example = ".".join(one.path), example_for(one.expected)
    if one.in_list:
        hint = f"write for example {one.path[-1]} = [{example or '{ ... }'}]"
        return _invalid(name, where, f"must hold {words_for(one.expected)} in each place of its list", hint)
    hint = f"write for example {one.path[-1]} = {example}"
    if not example:
        hint = f"write [{name}], with a line for each of its keys"
    return _invalid(name, where, f"must be {words_for(one.expected)}", hint)


def _unknown_key(known: KnownSettings, one: Misfit, where: str) -> ConfigurationError:
    name, path = ".".join(one.path), one.path
    if len(path) == 1:
        return _invalid(f"[{name}]", where, "is not known", _hint_of_section(name, one.known))
    return _invalid(name, where, "is not known", _hint_of_key(known, path, one.known))


def _hint_of_key(known: KnownSettings, path: tuple[str, ...], siblings: Sequence[str]) -> str:
    """Return what to do about a key: the nearest one; where a level is missing, with that level."""
    owner = next(
        (one for one in known.plugins.providers.values() if path[-1] in one.settings.model_fields), None
    )
    if path[0] == "providers" and len(path) == _SECTION_AND_PROVIDER:
        return f"write it in the table of its provider, such as [providers.{owner.name if owner else 'NAME'}]"
    if path[0] == "accounts" and len(path) == _ACCOUNT_AND_PROVIDER and owner is not None:
        if path[1] in siblings:
            return f"write [accounts.ACCOUNT.{path[1]}], or [providers.{path[1]}] for your own account"
        return f"write it in the table of a provider, such as [accounts.{path[1]}.{owner.name}]"
    return did_you_mean(path[-1], siblings)


def find_unknown_plugins(known: KnownSettings, given: Any, source: str) -> Iterator[ConfigurationError]:  # noqa: ANN401  as it stands there
    """Yield an error for every plugin that is to be loaded and is not installed."""
    names = plugin_names(given, source)
    installed = {entry.name for entry in entry_points(group="messaging_channels")}
    for name in names or ():
        if name not in installed:
            setting = f"{known.prefix}PLUGINS" if source == "the environment" else "plugins"
            hint = did_you_mean(name, installed)
            yield _invalid(setting, source, f"names {name!r}, which is not an installed plugin", hint)


def plugin_names(given: object, source: str) -> list[str] | None:
    """Return the names of the plugins that alone are to be loaded, of a list or a text with commas; None for no restriction.

    Raises:
        InvalidSetting: it is neither.
    """
    if given is None:
        return None
    names = given.split(",") if isinstance(given, str) else given
    if not isinstance(names, (list, tuple)):
        raise _invalid("plugins", source, "must be a list of names", 'write plugins = ["twilio", "smtp"]')
    return [name for one in cast("list[object]", names) if (name := str(one).strip())]


def find_unknown_providers(
    known: KnownSettings, routes: Mapping[str, Any], places: Mapping[str, str]
) -> Iterator[ConfigurationError]:
    """Yield an error for every provider that a route names, and that no plugin supplies."""
    for channel, value in routes.items():
        for name in _providers_of_route(value):
            if name not in known.plugins.providers and not known.plugins.failed:
                yield UnknownProvider(name, known=tuple(known.providers), source=places[channel])


def misnamed_files(folder: Path, expected: str) -> Iterator[ConfigurationError]:
    """Yield an error for a file of the folder that is most likely meant to be our settings, under a name that is not read."""
    try:
        names = [one.name for one in folder.iterdir() if one.suffix.lower() in (".toml", ".tml")]
    except OSError:
        return
    for name in names:
        if name.count(".") == 1 and _MISNAMED.fullmatch(name.rpartition(".")[0].lower()):
            yield _invalid(name, "the working directory", "is not read", f"rename it to {expected}")


def _is_meant_otherwise(known: KnownSettings, rest: str, value: str) -> bool:
    return (
        rest in known.variables
        or any(rest.startswith(prefix) for prefix in known.left_out)
        or _KUBERNETES.search(rest) is not None
        or (rest.endswith("_PORT") and value.startswith(("tcp://", "udp://", "sctp://")))
    )


def _unknown_variable(known: KnownSettings, name: str, rest: str) -> ConfigurationError:
    for provider in PUBLISHED:
        if provider not in known.plugins.providers and rest.startswith(_variable(provider, "")):
            return _invalid(
                name,
                "the environment",
                f"is a setting of {provider}, whose plugin is not installed",
                f"run pip install messaging-channels-{provider}",
            )
    hint = _hint_of_variable(known, rest)
    failed = "; ".join(
        f"{one.name} could not be loaded ({one.problem})" for one in known.plugins.failed.values()
    )
    return _invalid(name, "the environment", "is not known", f"{hint}; {failed}" if failed else hint)


def _hint_of_variable(known: KnownSettings, rest: str) -> str:
    section = next((one for one in _FILE_ONLY if rest.startswith(f"{_variable(one, '')}")), None)
    if section is not None:
        return f"write it in [{section}] of messaging-channels.toml: no variable stands for it"
    if rest in ("ROUTE", "ROUTES"):
        return f"did you mean {known.prefix}ROUTE_<CHANNEL>, such as {known.prefix}ROUTE_SMS?"
    sender = f"{rest.removesuffix('_FROM')}_SENDER"
    near = sender if sender in known.variables else nearest(rest, known.variables)
    if near is None or not _is_of_section(rest, near):
        return "messaging-channels config --variables lists all names"
    return f"did you mean {known.prefix}{near}?"


def _is_of_section(rest: str, near: str) -> bool:
    """Whether a name is likely meant for the section of another one: `MAILGUN_API_KEY` is not `TELNYX_API_KEY`."""
    parts = rest.partition("_")[0], near.partition("_")[0]
    return near.endswith(rest) or rest.endswith(near) or nearest(parts[0], [parts[1]]) is not None


def _after_misspelt_prefix(known: KnownSettings, name: str) -> str | None:
    """Return the rest of the name of a variable whose beginning is nearly ours, and whose rest is one of ours."""
    upper = name.upper().replace("-", "_").replace(".", "_")
    found = _MISSPELT_PREFIX.match(upper)
    if found is None:
        return None
    rest = upper[found.end() :]
    return rest if rest in known.variables else None


def _hint_of_section(name: str, siblings: Sequence[str]) -> str:
    if name in PUBLISHED:
        return f"did you mean [providers.{name}]?"
    if name == "tool":
        return "in this file a section has no tool in its name, such as [routes]"
    if name == "gateway":
        return "run pip install messaging-channels-gateway"
    if (former := nearest(name, _FORMER)) is not None and nearest(name, siblings) is None:
        return f"did you mean [{_FORMER[former]}]?"
    return did_you_mean(name, siblings, "[{}]")


def _is_of_failed_plugin(known: KnownSettings, provider: str) -> bool:
    """Whether a plugin that could not be loaded may be the provider's: the error that names it comes when the provider is built."""
    return bool(known.plugins.failed) and nearest(provider, known.providers) is None


def _providers_of_route(value: Any) -> Iterator[str]:  # noqa: ANN401  as it stands in a file, a variable or code
    given = cast("Mapping[str, Any]", value).get("providers", ()) if isinstance(value, Mapping) else value
    named = given.split(",") if isinstance(given, str) else given
    for one in cast("list[Any]", named) if isinstance(named, (list, tuple)) else ():
        name = cast("Mapping[str, Any]", one).get("provider") if isinstance(one, Mapping) else one
        if isinstance(name, str) and name.strip():
            yield name.strip()


def _invalid(setting: str, source: str, problem: str, hint: str) -> InvalidSetting:
    return InvalidSetting(problem, setting=setting, source=source, hint=hint)


def _variable(section: str, name: str) -> str:
    return f"{section}_{name}".upper().replace("-", "_")


_FORMER = {
    "vetos": "checks",
    "limits": "rate_limits",
    "channels": "routes",
    "tenants": "accounts",
    "database": "ledger",
    "vendors": "providers",
}
"""What people call a section otherwise."""
_SECTION_AND_PROVIDER = 2
_ACCOUNT_AND_PROVIDER = 3
_FILE_ONLY = ("checks", "rate_limits", "accounts", "recipients")
"""Sections whose settings have no variables."""
_GENERAL = frozenset({"CONFIG", "PLUGINS", "HOME"}) | frozenset(
    {"SPECS", "FORBID_SKIPS", "STORM", "STORM_SEED", "TRIALS", "RECORDS"}  # of this project's own tests
)
_KUBERNETES = re.compile(
    r"_SERVICE_HOST$|_SERVICE_PORT(_[A-Z0-9_]+)?$|(^|_)PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$|^SERVICE_|^PORT$"
)
"""Variables that Kubernetes sets in every container of a cluster with a service called `messaging-channels` or `messaging-channels-...`."""
_MISSPELT_PREFIX = re.compile(r"M(E|A)?SS?(A|E)?G(E|ES|ING|IN|NG|GING)?_?CHAN+(E|L)*S?_")
_MISNAMED = re.compile(r"m(e|a)?ss?(a|e)?g(e|es|ing|in|ng|ging)?[-_ ]?chan+(e|l)*s?")
