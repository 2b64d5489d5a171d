"""The settings of routes, rates, rules and the ledger, as values: what `[routes]`, `[retry]`, `[rates]`, `[vetoes]` and `[ledger]` may hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from messaging_channels._model.errors import InvalidSetting
from messaging_channels._model.rate_limit import Rate
from messaging_channels._observability import opentelemetry as telemetry
from messaging_channels._observability.logs import Logs
from messaging_channels.plugins.observer import Observer
from messaging_channels.policies.checks import AllowedPrefixes, OptOuts, Velocity, Veto
from messaging_channels.policies.routing import Rest, Retry, Route, Via, When

if TYPE_CHECKING:
    from messaging_channels.plugins.ledger import Ledger
    from messaging_channels.plugins.ledger_spec import LedgerSettings, LedgerSpec

Value = TypeVar("Value")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


class _Step(_Strict):
    provider: str
    weight: float | None = None
    prefixes: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()

    def via(self) -> Via:
        return Via(self.provider, self.weight, When(prefixes=self.prefixes, accounts=self.accounts))


class _RouteTable(_Strict):
    providers: tuple[str | _Step, ...]
    retry: Retry | None = None
    rest: Rest | None = None


class _Velocity(_Strict):
    per_number: Rate | None = None
    per_block: Rate | None = None
    per_account: Rate | None = None


class _Vetoes(_Strict):
    allowed_prefixes: tuple[str, ...] | None = None
    opt_outs: bool = False
    velocity: _Velocity | None = None


class Telemetry(_Strict):
    """Who watches."""

    opentelemetry: bool = False
    logs: bool = False

    def observers(self) -> list[Observer]:
        """Return those that are turned on.

        Raises:
            InvalidSetting: OpenTelemetry is not installed.
        """
        found: list[Observer] = [Logs()] if self.logs else []
        if self.opentelemetry:
            try:
                found.append(telemetry.OpenTelemetry())
            except ImportError as missing:
                raise InvalidSetting(
                    "OpenTelemetry is not installed",
                    setting="telemetry.opentelemetry",
                    source="configuration",
                    remedy="pip install 'messaging-channels[otel]'",
                ) from missing
        return found


def route(channel: str, value: Any, retry: Retry) -> Route:  # noqa: ANN401  as it stands in a file, a variable or code
    """Return a route from names separated by commas, a list, or a table with `providers`, `retry` and `rest`.

    Raises:
        InvalidSetting: it names no provider, or one twice, or has a field that is unknown or malformed.
    """
    if isinstance(value, Route):
        return value
    given: Any = value.split(",") if isinstance(value, str) else value
    if not isinstance(given, Mapping):
        given = {"providers": given}
    table = parsed(_RouteTable, given, f"routes.{channel}")
    named = [one.strip() if isinstance(one, str) else one.via() for one in table.providers]
    try:
        return Route(*(one for one in named if one), retry=table.retry or retry, rest=table.rest)
    except ValueError as error:
        raise InvalidSetting(
            "names no provider, or one twice",
            setting=f"routes.{channel}",
            source="configuration",
            remedy="name providers, separated by commas",
        ) from error


def rates(given: Mapping[str, Any]) -> dict[str, Rate]:
    """Return the rates by provider, from a number (a second) or a table with `count`, `per` and `burst`.

    Raises:
        InvalidSetting: one is malformed.
    """
    tables: dict[str, Any] = {
        name: {"count": one} if isinstance(one, (int, float, str)) else one for name, one in given.items()
    }
    return {name: parsed(Rate, one, f"rates.{name}") for name, one in tables.items()}


def vetoes(given: Mapping[str, Any], home: Path) -> list[Veto]:
    """Return the rules of `[vetoes]`.

    Raises:
        InvalidSetting: one is unknown or malformed.
    """
    table = parsed(_Vetoes, given, "vetoes")
    rules: list[Veto] = []
    if table.opt_outs:
        home.mkdir(parents=True, exist_ok=True)
        rules.append(OptOuts(home / "opt-outs.sqlite3"))
    if table.allowed_prefixes is not None:
        rules.append(AllowedPrefixes(table.allowed_prefixes))
    if table.velocity is not None:
        rates = {name: getattr(table.velocity, name) for name in _Velocity.model_fields}
        rules.append(Velocity(**rates))
    return rules


def ledger(settings: LedgerSettings, specs: Iterable[LedgerSpec]) -> Ledger:
    """Build the ledger that the URL's scheme names.

    Raises:
        InvalidSetting: no plugin supplies it, or a setting is malformed.
    """
    scheme = settings.url.get_secret_value().partition(":")[0].lower()
    known = {spec.scheme: spec for spec in specs}
    if scheme not in known:
        raise InvalidSetting(
            f"no ledger has the scheme {scheme[:20]!r}",
            setting="ledger.url",
            source="configuration",
            remedy=f"use one of {', '.join(sorted(known))}",
        )
    try:
        return known[scheme].build(settings)
    except (ValueError, ImportError) as error:
        raise InvalidSetting(
            str(error), setting="ledger", source="configuration", remedy="see the reference on configuration"
        ) from error


def parsed(kind: type[Value], given: Any, setting: str) -> Value:  # noqa: ANN401  as it stands in a file
    """Return a value of that type.

    Raises:
        InvalidSetting: naming the field, never the value.
    """
    try:
        return TypeAdapter(kind).validate_python(given)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(str(step) for step in first["loc"] if isinstance(step, str) and step.isidentifier())
        raise InvalidSetting(
            f"is malformed ({first['type']})",
            setting=f"{setting}.{where}".rstrip("."),
            source="configuration",
            remedy="see the reference on configuration",
        ) from None
