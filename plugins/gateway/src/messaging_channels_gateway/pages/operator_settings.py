"""How it is configured: every setting with its value and where that came from; secrets are never shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, SecretStr

from messaging_channels_gateway.pages.operator_access import View, for_operators
from messaging_channels_gateway.problems import Problem
from messaging_channels_gateway.settings import GatewaySettings, TenantSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.responses import Response


@for_operators
async def settings(view: View) -> Response:
    """`GET /operator/settings`: for operators of every tenant."""
    if view.operator.tenant is not None:
        raise Problem("forbidden", "the API key lacks the scope operate")
    gateway = view.gateway
    named = {name: gateway.settings.tenants.get(name, TenantSettings()) for name in view.tenants[:-1]}
    return view.page(
        "settings.html",
        gateway_rows=[
            _row(gateway.settings, name) for name in GatewaySettings.model_fields if name != "tenants"
        ],
        tenant_rows=[
            (name, gateway.account_of(name), list(_source(one.users)), list(_source(one.persons)))
            for name, one in named.items()
        ],
        rows=gateway.configured,
        keys=await view.gateway.store.call(gateway.api_keys.list_keys),
    )


def _row(model: GatewaySettings, name: str) -> tuple[str, str, str, bool]:
    """Return name, value, meaning, and whether it is the default."""
    field, value = GatewaySettings.model_fields[name], getattr(model, name)
    return name, _shown(value), field.description or "", value == field.default


def _shown(value: Any) -> str:  # noqa: ANN401  any setting
    if isinstance(value, SecretStr):
        return "(secret)" if value.get_secret_value() else ""
    if isinstance(value, (list, tuple)):
        return ", ".join(_shown(one) for one in value)  # pyright: ignore[reportUnknownVariableType]
    return "" if value is None else str(value)


def _source(source: BaseModel) -> Iterator[tuple[str, str]]:
    for name in type(source).model_fields:
        value = getattr(source, name)
        yield name, "(secret)" if name in ("database", "url") else _shown(value)
