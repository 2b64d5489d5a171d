"""The tables of settings outside the providers: section, variable, type, default, meaning."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import MISSING, fields
from typing import Any

from markdown import field_texts, table, type_name
from provider_tables import setting_rows

from messaging_channels._config.http_fields import HttpFields
from messaging_channels._config.sections import TelemetrySettings
from messaging_channels.plugins import LedgerSettings
from messaging_channels.policies import CircuitBreaker, RetryPolicy
from messaging_channels_gateway.settings import GatewaySettings

_HEAD = ("Setting", "Variable", "Type", "Default", "Meaning")


def parts() -> dict[str, Callable[[], str]]:
    """Return the generated parts of the page on configuration."""
    return {
        "ledger": lambda: _of_model(LedgerSettings, "MESSAGING_CHANNELS_LEDGER_"),
        "telemetry": lambda: _of_model(TelemetrySettings, "MESSAGING_CHANNELS_TELEMETRY_"),
        "retry": lambda: table(_HEAD, _of_fields(RetryPolicy, "MESSAGING_CHANNELS_RETRY_")),
        "circuit-breaker": lambda: table(_HEAD, _of_fields(CircuitBreaker, "")),
        "http": lambda: table(_HEAD, _of_fields(HttpFields, "MESSAGING_CHANNELS_HTTP_")),
    }


def gateway_parts() -> dict[str, Callable[[], str]]:
    """Return the generated part of the gateway's page."""
    return {"settings": lambda: _of_model(GatewaySettings, "MESSAGING_CHANNELS_GATEWAY_")}


def _of_model(model: type[Any], prefix: str) -> str:
    return table(
        _HEAD,
        (
            (name, variable, kind, default, words)
            for name, variable, kind, default, _, words, _ in setting_rows(model, prefix)
        ),
    )


def _of_fields(kind: type[Any], prefix: str) -> Iterator[Sequence[str]]:
    texts = field_texts(kind)
    for field in fields(kind):
        value = field.default if field.default is not MISSING else None
        shown = "none" if value is None else f"`{value:g}`" if isinstance(value, float) else f"`{value}`"
        variable = f"`{prefix}{field.name.upper()}`" if prefix else ""
        yield (f"`{field.name}`", variable, type_name(field.type), shown, texts.get(field.name, ""))
