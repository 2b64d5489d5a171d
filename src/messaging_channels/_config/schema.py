"""The JSON schema of a settings file: what editors complete and check, and what tells a known key from a misspelt one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, cast

from pydantic import BaseModel, TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError

from messaging_channels._config import sections
from messaging_channels._model.rate_limit import RateLimit
from messaging_channels.plugins.ledger_spec import LedgerSettings
from messaging_channels.policies.routing import RetryPolicy

SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def settings_schema(
    providers: Mapping[str, type[BaseModel]],
    channels: Iterable[str],
    http: type,
    more: Mapping[str, type[BaseModel]],
) -> dict[str, Any]:
    """Return the schema of a file: `providers` and `more` are the models of the providers' settings and of further sections, by name."""
    names, channels = list(providers), list(channels)
    path = {"type": "string", "description": "Where the address stands in the document."}
    routes = {
        "anyOf": [{"type": "string"}, {"type": "array"}, _schema_of(sections._RouteTable)]  # noqa: SLF001  of this package
    }
    rate = {"anyOf": [{"type": "number"}, {"type": "string"}, _schema_of(RateLimit)]}
    models = {name: _without_required(_schema_of(model)) for name, model in providers.items()}
    parts: dict[str, Any] = {
        "plugins": {
            "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
            "description": "Load only these installed plugins, by entry-point name.",
        },
        "routes": _table(dict.fromkeys(channels, routes), "The providers of each channel, in order."),
        "retry": _schema_of(RetryPolicy),
        "recipients": _table(
            {kind: _table(dict.fromkeys(channels, path), "") for kind in ("user", "person")},
            "Where the address of each channel stands in the document of a User or a Person.",
        ),
        "rate_limits": _table(dict.fromkeys(names, rate), "How much a provider may be asked for."),
        "checks": _schema_of(sections._ChecksTable),  # noqa: SLF001  of this package
        "ledger": _without_required(_schema_of(LedgerSettings)),
        "telemetry": _schema_of(sections.TelemetrySettings),
        "http": _schema_of(http),
        "providers": _table(models, "The settings of each provider."),
        "accounts": {
            "type": "object",
            "description": "The credentials of tenants: [accounts.<account>.<provider>].",
            "additionalProperties": _table(models, "The providers of one account."),
        },
        **{name: _without_required(_schema_of(model)) for name, model in more.items()},
    }
    return {"$schema": SCHEMA_DIALECT, "title": "messaging-channels.toml", **_table(parts, "")}


def _table(properties: Mapping[str, Any], description: str) -> dict[str, Any]:
    described = {"description": description} if description else {}
    return {
        "type": "object",
        **described,
        "properties": dict(properties),
        "additionalProperties": False,
    }


def _without_required(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema that asks for nothing: what is missing in the file may stand in a variable."""
    return {name: value for name, value in schema.items() if name != "required"}


@cache
def _schema_of(kind: type[Any]) -> dict[str, Any]:
    """Return the schema of a model with its definitions in their places; of one that has none, the names of its fields."""
    try:
        schema = TypeAdapter(kind).json_schema(by_alias=False)
    except (PydanticInvalidForJsonSchema, PydanticSchemaGenerationError):
        return _table({key: {} for key in getattr(kind, "model_fields", ())}, "")
    return cast("dict[str, Any]", _inlined(schema, schema.get("$defs", {}), ()))


def _inlined(node: Any, definitions: Mapping[str, Any], seen: tuple[str, ...]) -> Any:  # noqa: ANN401  a tree of JSON
    if isinstance(node, list):
        return [_inlined(one, definitions, seen) for one in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    tree = cast("dict[str, Any]", node)
    if "$ref" in tree:
        name = str(tree["$ref"]).rpartition("/")[2]
        rest = {key: value for key, value in tree.items() if key != "$ref"}
        return {} if name in seen else _inlined(definitions.get(name, {}), definitions, (*seen, name)) | rest
    return {key: _inlined(value, definitions, seen) for key, value in _kept(tree).items()}


def _kept(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Return a node without what only a schema with definitions needs; a table with named keys has no others."""
    kept = {key: value for key, value in tree.items() if key != "$defs"}
    if isinstance(kept.get("discriminator"), (str, dict)):
        del kept["discriminator"]
    if tree.get("type") == "object" and "properties" in tree:
        kept.setdefault("additionalProperties", False)
    return kept
