"""Settings from code, environment, DSNs and a TOML file, and where each of them came from.

For every provider and field, the first of these that has a value wins: code, `MESSAGING_CHANNELS_<PROVIDER>_<FIELD>`, the DSN in
`MESSAGING_CHANNELS_<PROVIDER>_DSN`, `[providers.<provider>]` in the file. The file is named by `MESSAGING_CHANNELS_CONFIG`, or is
`messaging-channels.toml` in the working directory.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import SecretStr, TypeAdapter, ValidationError

from messaging_channels._config import plugin_manager as plugin_module
from messaging_channels._config import sections as policies
from messaging_channels._config.dispatcher_config import DispatcherConfig
from messaging_channels._config.dsn import parse_dsn
from messaging_channels._config.plugin_manager import PluginManager
from messaging_channels._model.errors import InvalidSetting
from messaging_channels._transport.settings import ClientCertificate, HttpSettings
from messaging_channels.plugins.exchange import Timeouts
from messaging_channels.plugins.ledger_spec import LedgerSettings
from messaging_channels.plugins.observer import CompositeObserver, Observer
from messaging_channels.policies.routing import RetryPolicy, Route

if TYPE_CHECKING:
    from messaging_channels.plugins.channel_spec import ChannelSpec
    from messaging_channels.plugins.ledger import Ledger
    from messaging_channels.plugins.provider import Provider, ProviderSpec
    from messaging_channels.plugins.resolvers import RecipientResolver
    from messaging_channels.policies.checks import PreSendCheck

PREFIX = "MESSAGING_CHANNELS_"
FILE = "messaging-channels.toml"


@dataclass(frozen=True, slots=True)
class Setting:
    """One value and where it came from. Its repr shows no value."""

    name: str
    """Such as `infobip.base_url`."""
    value: Any
    source: str

    def __repr__(self) -> str:
        """Show name and source."""
        return f"Setting({self.name}, from {self.source})"


@dataclass(frozen=True, slots=True)
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

    @classmethod
    def read(
        cls,
        overrides: Mapping[str, Any] | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        use_sandbox_defaults: bool = False,
    ) -> Configuration:
        """Read the environment and the file, and load the plugins. `code` has the file's shape.

        Raises:
            InvalidSetting: the file cannot be read.
        """
        variables = dict(os.environ if environment is None else environment)
        name = variables.get(f"{PREFIX}CONFIG", FILE)
        file = _toml(Path(name), must_exist=f"{PREFIX}CONFIG" in variables)
        only = variables.get(f"{PREFIX}PLUGINS") or (overrides or {}).get("plugins") or file.get("plugins")
        allowed = only.split(",") if isinstance(only, str) else only
        return cls(
            overrides or {},
            variables,
            file,
            name,
            plugin_module.load_plugins(only=allowed),
            use_sandbox_defaults=use_sandbox_defaults,
        )

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
        self, resolvers: Iterable[RecipientResolver] = (), checks: Iterable[PreSendCheck] = ()
    ) -> DispatcherConfig:
        """Return the parts of a dispatcher. Resolvers that are given here are asked before those of plugins, checks after them.

        Raises:
            ConfigurationError: a setting is missing or malformed, or a provider is unknown or broken.
        """
        routes = self.routes()
        names = dict.fromkeys([name for route in routes.values() for name in route.providers])
        names |= dict.fromkeys(self.configured_providers())
        return DispatcherConfig(
            providers=[self.provider(name) for name in names],
            accounts={
                account: [self.provider(name, account) for name in own]
                for account, own in self._section("accounts").items()
            },
            routes=routes,
            resolvers=[*resolvers, *self.plugins.resolvers],
            channels=self.plugins.channels,
            observer=self.observer(),
            http=self.http(),
            ledger=self.ledger(),
            rate_limits=policies.rate_limits(self._section("rate_limits")),
            shared_limits=self._shares_limits(),
            checks=[
                *policies.checks(self._section("checks"), self.home, share_limits=self._shares_limits()),
                *self.plugins.checks,
                *checks,
            ],
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
        own = policies.validate(
            dict[str, str], self._section("recipients").get(kind, {}), f"recipients.{kind}"
        )
        known = {one.name: one.path(kind) for one in self.plugins.channels}
        for name in own.keys() - known.keys():
            raise InvalidSetting(
                "there is no such channel",
                setting=f"recipients.{kind}.{name[:40]}",
                source="configuration",
                hint=f"use one of {', '.join(sorted(known))}",
            )
        return {name: path for name, path in {**known, **own}.items() if path}

    def observer(self) -> Observer:
        """Return who hears what happened: the plugins, and what `[telemetry]` turns on.

        Raises:
            InvalidSetting: it is malformed, or OpenTelemetry is not installed.
        """
        given = self._section("telemetry") | self._variables(
            "TELEMETRY", policies.TelemetrySettings.model_fields
        )
        return CompositeObserver(
            self.plugins, *policies.validate(policies.TelemetrySettings, given, "telemetry").observers()
        )

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
        try:
            settings = spec.settings.model_validate(values)
        except ValidationError as error:
            raise _invalid(error, given, name, account) from None
        return spec.build(settings)

    def settings(self, spec: ProviderSpec, account: str | None = None) -> list[Setting]:
        """Return the values that are given for a provider, each with its source."""
        layers = self._account_layers(spec, account) if account else self._layers(spec)
        found: dict[str, Setting] = {}
        for source, values in layers:
            for field, value in values.items():
                found.setdefault(field, Setting(f"{spec.name}.{field}", value, source))
        return list(found.values())

    def http(self) -> HttpSettings:
        """Return how HTTP requests are made, from `[http]` and `MESSAGING_CHANNELS_HTTP_<FIELD>`."""
        given = self._variables("HTTP", _HTTP_FIELDS)
        values = {**self.file.get("http", {}), **given, **self.overrides.get("http", {})}
        try:
            http = TypeAdapter(_HttpFields).validate_python(values)
        except ValidationError as error:
            where = ".".join(str(step) for step in error.errors(include_input=False)[0]["loc"])
            raise InvalidSetting(
                "is malformed", setting=f"http.{where}", source="configuration", hint="see the reference"
            ) from None
        return http.settings()

    def describe(self) -> list[dict[str, str]]:
        """Return every setting with its source, secrets hidden."""
        rows = [
            {"name": f"routes.{name}", "value": ",".join(route.providers), "source": "configuration"}
            for name, route in self.routes().items()
        ]
        for spec in self.plugins.providers.values():
            rows += [
                {"name": one.name, "value": _display_value(spec, one), "source": one.source}
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
            (f"environment variable {prefix}DSN", _dsn(spec, self.environment.get(f"{prefix}DSN"))),
            (f"file {self.file_name}", self.file.get("providers", {}).get(spec.name, {})),
        ]

    def _account_layers(self, spec: ProviderSpec, account: str) -> list[tuple[str, Mapping[str, Any]]]:
        return [
            ("code", self.overrides.get("accounts", {}).get(account, {}).get(spec.name, {})),
            (f"file {self.file_name}", self.file.get("accounts", {}).get(account, {}).get(spec.name, {})),
        ]


@dataclass(slots=True)
class _HttpFields:
    connect_timeout: float = 10.0
    """Seconds for connecting and for TLS."""
    write_timeout: float = 30.0
    """Seconds for writing the request."""
    read_timeout: float = 30.0
    """Seconds for the complete response."""
    total_timeout: float | None = None
    """Seconds for the whole exchange. Default: the longest of the three."""
    proxy: str | None = None
    """Proxy: `http://user:password@host:port`. Proxy variables of the environment are ignored."""
    ca_file: Path | None = None
    """File with certificates to trust instead of the usual ones (PEM)."""
    client_certificate: Path | None = None
    """Certificate of this machine (PEM)."""
    client_key: Path | None = None
    """Key of the certificate (PEM)."""
    client_key_password: str | None = None
    """Password of the key."""
    keepalive_expiry: float = 5.0
    """Seconds that an idle connection is kept."""
    client: str = "auto"
    """`auto`, `httpx` or `pyreqwest`. `auto` uses pyreqwest if it is installed and the other settings allow it."""

    def settings(self) -> HttpSettings:
        return HttpSettings(
            timeouts=Timeouts(
                self.connect_timeout, self.write_timeout, self.read_timeout, self.total_timeout
            ),
            proxy=self.proxy,
            ca_file=self.ca_file,
            client_certificate=ClientCertificate(
                self.client_certificate, self.client_key, self.client_key_password
            )
            if self.client_certificate
            else None,
            keepalive_expiry=self.keepalive_expiry,
            client=self.client,  # type: ignore[arg-type]
        )


_ARGUMENTS = (
    "providers",
    "accounts",
    "routes",
    "resolvers",
    "channels",
    "observer",
    "http",
    "ledger",
    "rate_limits",
    "shared_limits",
    "checks",
    "notifiers",
)
"""What the settings say of a dispatcher."""
_HTTP_FIELDS = tuple(_HttpFields.__slots__)


def _prefix(provider: str) -> str:
    return f"{PREFIX}{provider.upper().replace('-', '_')}_"


def _toml(path: Path, *, must_exist: bool) -> dict[str, Any]:
    if not must_exist and not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidSetting(
            f"the file cannot be read ({type(error).__name__})",
            setting=str(path),
            source=f"{PREFIX}CONFIG" if must_exist else "the working directory",
            hint="check that it exists and is TOML",
        ) from error


def _dsn(spec: ProviderSpec, dsn: str | None) -> dict[str, Any]:
    if dsn is None:
        return {}
    return dict(parse_dsn(dsn, spec.dsn, provider=spec.name, source="environment"))


def _invalid(error: ValidationError, given: list[Setting], name: str, account: str | None) -> InvalidSetting:
    """Explain the first problem by field and source; never by the value."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    field = str(first["loc"][0]) if first["loc"] else ""
    sources = {setting.name.rpartition(".")[2]: setting.source for setting in given}
    place = f"[accounts.{account}.{name}]" if account else f"{_prefix(name)}{field.upper()}"
    return InvalidSetting(
        "is missing" if first["type"] == "missing" else f"is malformed ({first['type']})",
        setting=f"{name}.{field}",
        source=sources.get(field, "nowhere"),
        hint=f"set {place}",
    )


def _display_value(spec: ProviderSpec, setting: Setting) -> str:
    field = spec.settings.model_fields.get(setting.name.rpartition(".")[2])
    secret = field is None or SecretStr in (field.annotation, *getattr(field.annotation, "__args__", ()))
    return "(secret)" if secret else str(setting.value)
