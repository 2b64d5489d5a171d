"""Settings from code, environment, DSNs and a TOML file, and where each of them came from.

For every provider and field, the first of these that has a value wins: code, `MESSAGING_CHANNELS_<PROVIDER>_<FIELD>`, the DSN in
`MESSAGING_CHANNELS_<PROVIDER>_DSN`, `[providers.<provider>]` in the file. The file is named by `MESSAGING_CHANNELS_CONFIG`, or is
`messaging-channels.toml` in the working directory.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from messaging_channels._config import plugin_manager as plugin_module
from messaging_channels._config import sections as policies
from messaging_channels._config.dispatcher_config import DispatcherConfig
from messaging_channels._config.dsn import parse_given_dsn
from messaging_channels._config.http_fields import HttpFields
from messaging_channels._config.known_settings import KnownSettings
from messaging_channels._config.misspellings import find_misspellings, find_unrouted, plugin_names
from messaging_channels._config.places import Places, Setting, placing_arguments
from messaging_channels._config.plugin_manager import PluginManager
from messaging_channels._config.route_checks import require_carried_channels
from messaging_channels._config.toml_lines import TomlLines, read_settings_file
from messaging_channels._config.validation_words import provider_error
from messaging_channels._model.errors import ConfigurationError, InvalidSetting
from messaging_channels._transport.http_clients import require_usable_settings
from messaging_channels._transport.settings import HttpSettings
from messaging_channels.plugins.ledger_spec import LedgerSettings
from messaging_channels.plugins.observer import CompositeObserver, Observer
from messaging_channels.plugins.resolvers import PathResolver
from messaging_channels.policies.routing import RetryPolicy, Route

if TYPE_CHECKING:
    from messaging_channels.plugins.channel_spec import ChannelSpec
    from messaging_channels.plugins.ledger import Ledger
    from messaging_channels.plugins.provider import Provider, ProviderSpec
    from messaging_channels.plugins.resolvers import RecipientResolver
    from messaging_channels.policies.checks import PreSendCheck

PREFIX = "MESSAGING_CHANNELS_"
FILE = "messaging-channels.toml"
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Configuration:
    """Everything a dispatcher is configured with."""

    overrides: Mapping[str, Any]
    environment: Mapping[str, str]
    file: Mapping[str, Any]
    file_name: str
    plugins: PluginManager
    prefix: ClassVar[str] = PREFIX
    use_sandbox_defaults: bool = False
    """Whether channels without a route are served by the sandbox, when no provider is configured at all."""
    lines: TomlLines = field(default_factory=TomlLines, repr=False)
    """On which lines of the file its settings stand."""

    @classmethod
    def read(
        cls,
        overrides: Mapping[str, Any] | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        use_sandbox_defaults: bool = False,
        check: bool = True,
    ) -> Configuration:
        """Read the environment and the file, and load the plugins.

        Args:
            overrides: settings in the file's shape, which go before all others.
            environment: stands for the variables of the process.
            use_sandbox_defaults: serve channels without a route by the sandbox, when no provider is configured at all.
            check: refuse names that nothing knows. Without it `misspellings` lists them.

        Raises:
            InvalidSetting: the file cannot be read, or a section, key or variable is not known.
            UnknownProvider: a section or route names a provider that no installed plugin supplies.
        """
        variables = dict(os.environ if environment is None else environment)
        name = variables.get(f"{PREFIX}CONFIG", FILE)
        if not name.strip():
            raise InvalidSetting(
                "is empty",
                setting=f"{PREFIX}CONFIG",
                source="environment",
                hint=f"give a path, or unset {PREFIX}CONFIG",
            )
        file, lines = read_settings_file(Path(name), must_exist=f"{PREFIX}CONFIG" in variables)
        in_file = f"{name} line {lines.line_of(('plugins',))}"
        allowed = plugin_names(variables.get(f"{PREFIX}PLUGINS") or None, "the environment")
        allowed = allowed or plugin_names((overrides or {}).get("plugins"), "code")
        allowed = allowed or plugin_names(file.get("plugins"), in_file) or None
        configuration = cls(
            overrides or {},
            variables,
            file,
            name,
            plugin_module.load_plugins(only=allowed),
            use_sandbox_defaults=use_sandbox_defaults,
            lines=lines,
        )
        for problem in configuration.misspellings() if check else ():
            raise problem
        return configuration

    @cached_property
    def known(self) -> KnownSettings:
        """Names that settings may have, with the loaded plugins."""
        return KnownSettings(PREFIX, self.plugins, HttpFields)

    def misspellings(self) -> Iterator[ConfigurationError]:
        """Yield an error for every name in code, the environment and the file that means nothing, with the nearest known one."""
        yield from find_misspellings(self.known, **self._sources())

    def unknown_providers(self) -> Iterator[ConfigurationError]:
        """Yield an error for every provider that a route names, and that no installed plugin supplies."""
        yield from find_unrouted(self.known, **self._sources())

    def _sources(self) -> dict[str, Any]:
        names = ("environment", "file", "file_name", "lines")
        return {"code": self.overrides, **{name: getattr(self, name) for name in names}}

    @property
    def _places(self) -> Places:
        return Places(self.overrides, self.environment, PREFIX, self.file_name, self.lines)

    @staticmethod
    @cache
    def installed_channels() -> tuple[ChannelSpec, ...]:
        """Return the channels of the built-in and all installed plugins, whatever the configuration is. They are loaded once in a process."""
        return tuple(plugin_module.load_plugins().channels)

    @property
    def home(self) -> Path:
        """The directory of the embedded defaults, such as the sandbox's file."""
        given = self.environment.get(f"{PREFIX}HOME")
        return Path(given) if given else Path.home() / ".messaging-channels"

    def build(
        self,
        resolvers: Iterable[RecipientResolver] = (),
        checks: Iterable[PreSendCheck] = (),
        *,
        observers: Iterable[Observer] = (),
        logs: bool = False,
    ) -> DispatcherConfig:
        """Return the parts of a dispatcher. Resolvers that are given here are asked before those of plugins, checks after them; `logs` turns logs on.

        Raises:
            ConfigurationError: a setting is missing or malformed, or a provider is unknown or broken.
        """
        with self._places.placing():
            return self._build(resolvers, checks, CompositeObserver(self.observer(logs=logs), *observers))

    def _build(
        self, resolvers: Iterable[RecipientResolver], checks: Iterable[PreSendCheck], observer: Observer
    ) -> DispatcherConfig:
        routes = self.routes()
        for problem in self.unknown_providers():
            raise problem
        for kind in ("user", "person"):
            self.recipient_paths(kind)
        require_usable_settings(self.http())
        names = dict.fromkeys([name for route in routes.values() for name in route.providers])
        names |= dict.fromkeys(self.configured_providers())
        providers = [self.provider(name) for name in names]
        require_carried_channels(routes, providers, self.plugins.channels)
        return DispatcherConfig(
            providers=providers,
            accounts={
                account: [self.provider(name, account) for name in own]
                for account, own in self._section("accounts").items()
            },
            routes=routes,
            resolvers=[self._with_paths(one) for one in (*resolvers, *self.plugins.resolvers)],
            channels=self.plugins.channels,
            observer=observer,
            http=self.http(),
            ledger=self.ledger(),
            rate_limits=policies.rate_limits(self._section("rate_limits")),
            shared_limits=self._shares_limits(),
            checks=[*self.checks(), *checks],
            notifiers=self.plugins.notifiers,
        )

    def dispatcher_arguments(self, resolvers: Iterable[RecipientResolver] = ()) -> dict[str, Any]:
        """Return the same as keywords of a dispatcher, for who changes some of them. See `build`."""
        config = self.build(resolvers)
        return {name: getattr(config, name) for name in _ARGUMENTS}

    def recipient_paths(self, kind: Literal["user", "person"]) -> dict[str, str]:
        """Return where the address of each channel stands in the document of a User or a Person: `[recipients.user]` and `[recipients.person]` of the file
        over what the channels themselves name.

        Raises:
            InvalidSetting: there is no such channel, or a path is no text.
        """
        with self._places.placing():
            return policies.recipient_paths(
                self._section("recipients").get(kind, {}), self.plugins.channels, kind
            )

    def _with_paths(self, resolver: RecipientResolver) -> RecipientResolver:
        """Return the resolver with the paths of this configuration, if it reads paths and has none of its own."""
        if not self._section("recipients") or not isinstance(resolver, PathResolver):
            return resolver
        return resolver.with_paths(self.recipient_paths)

    def accounts(self) -> dict[str, list[str]]:
        """Return the names of the providers that hold each account's own credentials."""
        return {account: list(own) for account, own in self._section("accounts").items()}

    def checks(self) -> list[PreSendCheck]:
        """Build the checks of `[checks]`."""
        built = policies.checks(self._section("checks"), self.home, share_limits=self._shares_limits())
        return [*built, *self.plugins.checks]

    def observer(self, *, logs: bool = False) -> Observer:
        """Return the observer of attempts and events: the plugins, what `[telemetry]` turns on, and with `logs` log records in any case.

        Raises:
            InvalidSetting: it is malformed, or OpenTelemetry is not installed.
        """
        return CompositeObserver(self.plugins, *self.telemetry().observers(logs=logs))

    def telemetry(self) -> policies.TelemetrySettings:
        """Return what `[telemetry]` and its variables say."""
        return policies.telemetry_settings(self._section("telemetry"), self._variables)

    def ledger(self) -> Ledger | None:
        """Build the ledger of `[ledger]` and `MESSAGING_CHANNELS_LEDGER_<FIELD>`; for the embedded defaults, a file in `home`.

        Raises:
            InvalidSetting: it is malformed, or nothing supplies it.
        """
        given = self._section("ledger") | self._variables("LEDGER", LedgerSettings.model_fields)
        if self.use_sandbox_defaults:
            given.setdefault("url", f"sqlite:{self.home / 'ledger.sqlite3'}")
        if not given:
            return None
        settings = policies.validate(LedgerSettings, given, "ledger")
        return policies.ledger(settings, self.plugins.ledgers)

    def _shares_limits(self) -> bool:
        """Whether limits hold over all processes that share the ledger: `shared_limits` of `[ledger]`."""
        given = self._section("ledger") | self._variables("LEDGER", ["shared_limits"])
        return policies.validate(bool, given.get("shared_limits", False), "ledger.shared_limits")

    def routes(self) -> dict[str, Route]:
        """Return the routes by channel name."""
        given = self._section("retry") | self._variables(
            "RETRY", [field.name for field in fields(RetryPolicy)]
        )
        retry = policies.validate(RetryPolicy, given, "retry")
        routes = {name: policies.route(name, value, retry) for name, value in self._section("routes").items()}
        for channel in self.plugins.channels:
            variable = f"{PREFIX}ROUTE_{channel.name.upper().replace('-', '_')}"
            if variable in self.environment and channel.name not in self.overrides.get("routes", {}):
                routes[channel.name] = policies.route(channel.name, self.environment[variable], retry)
            elif self.use_sandbox_defaults and not self.configured_providers() and channel.name not in routes:
                routes[channel.name] = Route("sandbox", retry=retry)
        return routes

    def configured_providers(self) -> list[str]:
        """Return the names of the providers for which some setting of the platform's own account is given."""
        unknown = set(self._section("providers")) - set(self.plugins.providers)
        for name in unknown:
            self.plugins.provider(name)  # says why it is not there
        return [name for name, spec in self.plugins.providers.items() if self.settings(spec)]

    def provider(self, name: str, account: str | None = None) -> Provider:
        """Build a provider from its settings.

        Raises:
            ConfigurationError: it is unknown or broken, or a setting is missing or malformed.
        """
        spec = self.plugins.provider(name)
        given = self.settings(spec, account)
        values = {setting.name.rpartition(".")[2]: setting.value for setting in given}
        if "home" in spec.settings.model_fields:
            values.setdefault("home", self.home)
        sources = {one.name: one.source for one in given}
        place = self._places.place_of_provider(name, account, self.routes())
        try:
            settings = spec.settings.model_validate(values)
        except ValidationError as error:
            raise provider_error(error, sources, spec, _prefix(name), account, place) from None
        with placing_arguments(name, sources, place):
            return spec.build(settings)

    def settings(self, spec: ProviderSpec, account: str | None = None) -> list[Setting]:
        """Return the values that are given for a provider, each with its source."""
        layers = self._account_layers(spec, account) if account else self._layers(spec)
        found: dict[str, Setting] = {}
        for source, values in layers:
            for name, value in values.items():
                found.setdefault(name, Setting(f"{spec.name}.{name}", value, source))
        return list(found.values())

    def http(self) -> HttpSettings:
        """Return how HTTP requests are made, from `[http]` and `MESSAGING_CHANNELS_HTTP_<FIELD>`."""
        given = self._variables("HTTP", [one.name for one in fields(HttpFields)])
        values = {**self.file.get("http", {}), **given, **self.overrides.get("http", {})}
        return policies.validate(HttpFields, values, "http").settings()

    def section(self, name: str, model: type[Model], **given: Any) -> Model:  # noqa: ANN401  any field
        """Return a plugin's own section; `given` goes before `MESSAGING_CHANNELS_<NAME>_<FIELD>`, and that before the file.

        A field `home` without a value is the directory of the embedded defaults.

        Raises:
            InvalidSetting: a setting is missing or malformed. It names the variable, or the file and its line.
        """
        code = {**self.overrides.get(name, {}), **given}
        variables = self._variables(name.upper().replace("-", "_"), model.model_fields)
        home = {"home": self.home} if "home" in model.model_fields else {}
        with replace(self._places, overrides={name: code}).placing():
            return policies.validate(model, {**home, **self.file.get(name, {}), **variables, **code}, name)

    def describe(self) -> list[dict[str, str]]:
        """Return every setting with its source, secrets hidden."""
        rows = [
            {"name": f"routes.{name}", "value": ",".join(route.providers), "source": "configuration"}
            for name, route in self.routes().items()
        ]
        for spec in self.plugins.providers.values():
            rows += [
                {"name": one.name, "value": one.shown(spec), "source": one.source}
                for one in self.settings(spec)
            ]
        return [*rows, {"name": "home", "value": str(self.home), "source": f"{PREFIX}HOME or default"}]

    def _variables(self, section: str, names: Iterable[str]) -> dict[str, str]:
        """Return the fields of a section that the environment gives."""
        variables = {name: f"{PREFIX}{section}_{name.upper()}" for name in names}
        return {name: self.environment[one] for name, one in variables.items() if one in self.environment}

    def _section(self, name: str) -> dict[str, Any]:
        return {**self.file.get(name, {}), **self.overrides.get(name, {})}

    def _layers(self, spec: ProviderSpec) -> list[tuple[str, Mapping[str, Any]]]:
        prefix = _prefix(spec.name)
        variables = {
            field: (f"environment variable {prefix}{field.upper()}", self.environment[prefix + field.upper()])
            for field in spec.settings.model_fields
            if prefix + field.upper() in self.environment
        }
        return [
            ("code", self.overrides.get("providers", {}).get(spec.name, {})),
            *((source, {field: value}) for field, (source, value) in variables.items()),
            (
                f"environment variable {prefix}DSN",
                parse_given_dsn(self.environment.get(f"{prefix}DSN"), spec.dsn, spec.name),
            ),
            *self._file_layers("providers", spec.name),
        ]

    def _account_layers(self, spec: ProviderSpec, account: str) -> list[tuple[str, Mapping[str, Any]]]:
        return [
            ("code", self.overrides.get("accounts", {}).get(account, {}).get(spec.name, {})),
            *self._file_layers("accounts", account, spec.name),
        ]

    def _file_layers(self, *path: str) -> list[tuple[str, Mapping[str, Any]]]:
        """Return each field of a table of the file with its line."""
        table: Any = self.file
        for step in path:
            table = table.get(step, {})
        layers: list[tuple[str, Mapping[str, Any]]] = []
        for name, value in table.items():
            line = self.lines.line_of((*path, name))
            place = f"file {self.file_name}" + (f" line {line}" if line else "")
            layers.append((place, {name: value}))
        return layers


_ARGUMENTS = [one.name for one in fields(DispatcherConfig) if one.name not in ("consent", "clock")]
"""What the settings say of a dispatcher."""


def _prefix(provider: str) -> str:
    return f"{PREFIX}{provider.upper().replace('-', '_')}_"
