"""The settings of routes, rates, rules and the ledger, as values: what `[routes]`, `[retry]`, `[rate_limits]`, `[checks]` and `[ledger]` may hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from pydantic import BaseModel, ConfigDict, NonNegativeFloat, TypeAdapter, ValidationError

from messaging_channels._config.validation_words import example_hint, first_problem, hint_for
from messaging_channels._model.errors import InvalidArgument, InvalidSetting
from messaging_channels._model.nearest import did_you_mean
from messaging_channels._model.paths import create_private_folder
from messaging_channels._model.rate_limit import RateLimit
from messaging_channels._observability import opentelemetry as telemetry
from messaging_channels._observability.logs import LoggingObserver
from messaging_channels.plugins.observer import Observer
from messaging_channels.policies.checks import AllowedPrefixes, PreSendCheck, SuppressionList, VelocityLimit
from messaging_channels.policies.routing import CircuitBreaker, RetryPolicy, Route, RouteMatch, RouteTarget

if TYPE_CHECKING:
    from messaging_channels.plugins.channel_spec import ChannelSpec
    from messaging_channels.plugins.ledger import Ledger
    from messaging_channels.plugins.ledger_spec import LedgerSettings, LedgerSpec

Value = TypeVar("Value")


class _StrictModel(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


class _TargetTable(_StrictModel):
    provider: str
    weight: NonNegativeFloat | None = None
    prefixes: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()

    def target(self) -> RouteTarget:
        return RouteTarget(
            self.provider, self.weight, RouteMatch(prefixes=self.prefixes, accounts=self.accounts)
        )


class _RouteTable(_StrictModel):
    providers: tuple[str | _TargetTable, ...]
    retry: RetryPolicy | None = None
    circuit_breaker: CircuitBreaker | None = None


class _VelocityLimitTable(_StrictModel):
    per_number: RateLimit | None = None
    per_block: RateLimit | None = None
    per_account: RateLimit | None = None


class _ChecksTable(_StrictModel):
    allowed_prefixes: tuple[str, ...] | None = None
    suppression_list: bool = False
    velocity_limit: _VelocityLimitTable | None = None


class TelemetrySettings(_StrictModel):
    """Who watches."""

    opentelemetry: bool = False
    """Traces and metrics by OpenTelemetry. Needs the extra `otel`."""
    logs: bool = False
    """One log record for each attempt and event."""

    def observers(self, *, logs: bool = False) -> list[Observer]:
        """Return those that are turned on. With `logs`, log records in any case.

        Raises:
            InvalidSetting: OpenTelemetry is not installed.
        """
        found: list[Observer] = [LoggingObserver()] if self.logs or logs else []
        if self.opentelemetry:
            try:
                found.append(telemetry.OpenTelemetryObserver())
            except ImportError as missing:
                raise InvalidSetting(
                    "OpenTelemetry is not installed",
                    setting="telemetry.opentelemetry",
                    source="configuration",
                    hint="run pip install 'messaging-channels[otel]'",
                ) from missing
        return found


def telemetry_settings(
    section: Mapping[str, Any], variables: Callable[[str, Iterable[str]], Mapping[str, Any]]
) -> TelemetrySettings:
    """Return what a section and its variables say of who watches.

    Raises:
        InvalidSetting: it is malformed.
    """
    given = {**section, **variables("TELEMETRY", TelemetrySettings.model_fields)}
    return validate(TelemetrySettings, given, "telemetry")


def route(channel: str, value: Any, retry: RetryPolicy) -> Route:  # noqa: ANN401  as it stands in a file, a variable or code
    """Return a route from names separated by commas, a list, or a table with `providers`, `retry` and `circuit_breaker`.

    Raises:
        InvalidSetting: it names no provider, or one twice, or has a field that is unknown or malformed.
    """
    if isinstance(value, Route):
        return value
    given: Any = value.split(",") if isinstance(value, str) else value
    if not isinstance(given, Mapping):
        given = {"providers": _names(channel, given)}
    own = cast("Mapping[str, Any]", given)
    if isinstance(text := own.get("providers"), str):
        given = {**own, "providers": text.split(",")}
    table = validate(_RouteTable, given, f"routes.{channel}")
    try:
        named = [one.strip() if isinstance(one, str) else one.target() for one in table.providers]
        return Route(
            *(one for one in named if one), retry=table.retry or retry, circuit_breaker=table.circuit_breaker
        )
    except InvalidArgument as error:
        raise InvalidSetting(
            error.problem,
            setting=f"routes.{channel}",
            source="configuration",
            hint=f'write for example {channel} = ["sandbox"]',
        ) from error


def _names(channel: str, given: Any) -> Any:  # noqa: ANN401  as it stands in a file, a variable or code
    """Return the elements of a list, each a name or a table."""
    if isinstance(given, (list, tuple)) and not all(isinstance(one, (str, Mapping)) for one in given):  # pyright: ignore[reportUnknownVariableType]
        raise InvalidSetting(
            "must be a list of names of providers",
            setting=f"routes.{channel}",
            source="configuration",
            hint=f'write for example {channel} = ["sandbox"]',
        )
    return given  # pyright: ignore[reportUnknownVariableType]


def rate_limits(given: Mapping[str, Any]) -> dict[str, RateLimit]:
    """Return the rates by provider, from a number (a second) or a table with `limit`, `per` and `burst`.

    Raises:
        InvalidSetting: one is malformed.
    """
    tables: dict[str, Any] = {
        name: {"limit": one} if isinstance(one, (int, float, str)) else one for name, one in given.items()
    }
    return {name: validate(RateLimit, one, f"rate_limits.{name}") for name, one in tables.items()}


def checks(given: Mapping[str, Any], home: Path, *, share_limits: bool = False) -> list[PreSendCheck]:
    """Return the rules of `[checks]`. With `share_limits`, rates hold over all processes that share the ledger.

    Raises:
        InvalidSetting: one is unknown or malformed.
    """
    table = validate(_ChecksTable, given, "checks")
    rules: list[PreSendCheck] = []
    if table.suppression_list:
        create_private_folder(home)
        rules.append(SuppressionList(home / "suppression-list.sqlite3"))
    if table.allowed_prefixes is not None:
        rules.append(_allowed_prefixes(table.allowed_prefixes))
    if table.velocity_limit is not None:
        _require_a_limit(table.velocity_limit)
        rates = {name: getattr(table.velocity_limit, name) for name in _VelocityLimitTable.model_fields}
        rules.append(VelocityLimit(**rates, shared=share_limits))
    return rules


def _require_a_limit(table: _VelocityLimitTable) -> None:
    if table == _VelocityLimitTable():
        raise InvalidSetting(
            "has no limit, so nothing would be checked",
            setting="checks.velocity_limit",
            source="configuration",
            hint="write for example per_number = { limit = 5, per = 3600 } in [checks.velocity_limit]",
        )


def _allowed_prefixes(prefixes: tuple[str, ...]) -> AllowedPrefixes:
    try:
        return AllowedPrefixes(prefixes)
    except ValueError as error:
        raise InvalidSetting(
            "must hold digits of country codes",
            setting="checks.allowed_prefixes",
            source="configuration",
            hint='write for example allowed_prefixes = ["44", "385"]',
        ) from error


def ledger(settings: LedgerSettings, specs: Iterable[LedgerSpec]) -> Ledger:
    """Build the ledger that the URL's scheme names.

    Raises:
        InvalidSetting: no plugin supplies it, or a setting is malformed.
    """
    scheme, colon, _ = settings.url.get_secret_value().partition(":")
    known = {spec.scheme: spec for spec in specs}
    if scheme.lower() not in known:
        raise InvalidSetting(
            f"has the unknown scheme {scheme[:20]!r}" if colon else "has no scheme",
            setting="ledger.url",
            source="configuration",
            hint=f"begin it with one of {', '.join(sorted(known))}: for example sqlite:/var/lib/shop/ledger.sqlite3",
        )
    if settings.addresses == "hashed" and not settings.pepper.get_secret_value():
        raise InvalidSetting(
            'is missing, and addresses = "hashed" needs it',
            setting="ledger.pepper",
            source="configuration",
            hint="set MESSAGING_CHANNELS_LEDGER_PEPPER to a secret text",
        )
    try:
        return known[scheme.lower()].factory(settings)
    except (ValueError, ImportError) as error:
        raise InvalidSetting(
            str(error), setting="ledger", source="configuration", hint="correct [ledger]"
        ) from error


def validate(kind: type[Value], given: Any, setting: str) -> Value:  # noqa: ANN401  as it stands in a file
    """Return a value of that type.

    Raises:
        InvalidSetting: naming the field, never the value.
    """
    try:
        return TypeAdapter(kind).validate_python(given)
    except ValidationError as error:
        path, code, problem = first_problem(error)
        path = _without_kinds(path, given)
        raise InvalidSetting(
            problem,
            setting=".".join((setting, *path)),
            source="configuration",
            hint=hint_for(
                path[-1] if path else "",
                code,
                _model_at(kind, path),
                example_hint(f"{setting}.{'.'.join(path)}".rstrip("."), code, problem),
            ),
        ) from None


def _without_kinds(path: tuple[str, ...], given: Any) -> tuple[str, ...]:  # noqa: ANN401  as it stands in a file
    """Return a path without the steps that name the kind of a table (pydantic puts one after each union) and stand nowhere."""
    held, tree = list[str](), given
    for step in path[:-1]:
        if isinstance(tree, Mapping) and step in tree:
            held.append(step)
            tree = cast("Mapping[str, Any]", tree)[step]
    return (*held, *path[-1:])


def _model_at(kind: Any, path: tuple[str, ...]) -> type[BaseModel] | None:  # noqa: ANN401  any type
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) and len(path) == 1 else None


def recipient_paths(
    given: object, channels: Iterable[ChannelSpec], kind: Literal["user", "person"]
) -> dict[str, str]:
    """Return where the address of each channel stands in a document: what is given over what the channels themselves name.

    Raises:
        InvalidSetting: there is no such channel, or a path is no text.
    """
    own = validate(dict[str, str], given, f"recipients.{kind}")
    known = {one.name: one.path(kind) for one in channels}
    for name in own.keys() - known.keys():
        raise InvalidSetting(
            "there is no such channel",
            setting=f"recipients.{kind}.{name[:40]}",
            source="configuration",
            hint=did_you_mean(name, known),
        )
    return {name: path for name, path in {**known, **own}.items() if path}
