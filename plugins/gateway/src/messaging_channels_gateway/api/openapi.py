"""The interface, described as OpenAPI 3.1 has it, from the models that check the bodies and the table of operations.

Source of the form: https://spec.openapis.org/oas/v3.1.0
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from functools import lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

from pydantic.json_schema import models_json_schema

from messaging_channels_gateway._table_problems import PROBLEMS
from messaging_channels_gateway.api._table_examples import ID, examples_of, tomorrow
from messaging_channels_gateway.api._table_operations import OPERATIONS, Operation
from messaging_channels_gateway.api.response_models import ProblemResponse
from messaging_channels_gateway.problems import MEDIA_TYPE, WORD

if TYPE_CHECKING:
    from pydantic import BaseModel

    from messaging_channels_gateway.api.request_context import Json

_REF = "#/components/schemas/"
_AUTHENTICATED_PROBLEMS = ("unauthorised", "forbidden", "too_many_requests")
_BODY_PROBLEMS = ("invalid_json", "too_large", "unsupported_media_type", "invalid_body", "slow_body")
_COMMON_PROBLEMS = ("invalid_request", "internal", "ledger_unavailable", "configuration")
_CREATED = 201


@lru_cache(maxsize=2)
def openapi_document(day: date | None = None) -> Json:
    """Return the document. Times in its examples are those of the day after `day`, without one of tomorrow."""
    day = day or datetime.now(UTC).date()
    paths: dict[str, Json] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _describe_operation(operation, day)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "messaging-channels",
            "version": version("messaging-channels-gateway"),
            "description": "Send messages over any channel, and know what became of each message.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{"apiKey": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"}},
            "schemas": _schemas(day),
        },
    }


def _describe_operation(operation: Operation, day: date) -> Json:
    told: Json = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "parameters": [*_parameters(operation)],
        "responses": _responses(operation),
    }
    if operation.scope is None:
        told["security"] = []
    else:
        told["description"] = f"Needs the scope `{operation.scope}`."
    if operation.body is not None:
        told["requestBody"] = {
            "required": True,
            "content": {
                "application/json": {
                    "schema": _schema_ref(operation.body),
                    "examples": {
                        name: {"summary": summary, "value": value}
                        for name, (summary, value) in examples_of(operation.id, day).items()
                    },
                }
            },
        }
    return told


def _parameters(operation: Operation) -> Iterable[Json]:
    for name in re.findall(r"{(\w+)}", operation.path):
        schema = {"type": "string", "pattern": f"^{WORD.pattern}$", "examples": [ID]}
        yield {"name": name, "in": "path", "required": True, "schema": schema}
    if operation.idempotent:
        schema = {"type": "string", "pattern": "^[!#-~]{1,255}$", "examples": ["27373fabc392933deffda"]}
        words = "The same key sends at most once: a repetition gets the same answer, with the header `idempotent-replayed`."
        yield {"name": "idempotency-key", "in": "header", "schema": schema, "description": words}
    if operation.id == "stream_events":
        schema = {"type": "string", "pattern": "^[0-9]{1,15}$"}
        yield {"name": "last-event-id", "in": "header", "schema": schema, "description": "Where to go on."}
    if operation.query is not None:
        for name, schema in operation.query.model_json_schema()["properties"].items():
            yield {"name": name, "in": "query", "schema": _without_null(schema)}


def _without_null(schema: Json) -> Json:
    """Return the schema of a parameter, which is left out and never null."""
    kept = {name: value for name, value in schema.items() if name not in ("anyOf", "default", "title")}
    choices = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
    return {**choices[0], **kept} if "anyOf" in schema else {**kept, "default": schema["default"]}


def _responses(operation: Operation) -> Json:
    responses: Json = {str(operation.status): _success(operation)}
    if operation.method == "PUT":
        responses[str(_CREATED)] = {**_success(operation), "description": "Made."}
    if operation.id == "ready":
        responses["503"] = {**_success(operation), "description": "Not now."}
    codes = (
        *operation.problems,
        *(_AUTHENTICATED_PROBLEMS if operation.scope else ()),
        *(_BODY_PROBLEMS if operation.body else ()),
        *_COMMON_PROBLEMS,
    )
    for status in sorted({PROBLEMS[code][0] for code in codes}):
        titles = [
            f"`{code}`: {PROBLEMS[code][1]}" for code in dict.fromkeys(codes) if PROBLEMS[code][0] == status
        ]
        responses.setdefault(
            str(status),
            {
                "description": "; ".join(titles),
                "content": {MEDIA_TYPE: {"schema": _schema_ref(ProblemResponse)}},
            },
        )
    return responses


def _success(operation: Operation) -> Json:
    if operation.response is None:
        return {"description": "Done."}
    if isinstance(operation.response, str):
        return {"description": "As asked.", "content": {operation.response: {"schema": {"type": "string"}}}}
    told: Json = {
        "description": "As asked.",
        "content": {"application/json": {"schema": _schema_ref(operation.response)}},
    }
    if operation.idempotent:
        words = "`true` if this is the answer to an earlier call with the same key."
        told["headers"] = {"idempotent-replayed": {"schema": {"type": "string"}, "description": words}}
    return told


def _schema_ref(model: type[BaseModel]) -> Json:
    return {"$ref": f"{_REF}{model.__name__}"}


def _schemas(day: date) -> dict[str, Any]:
    models: set[type[BaseModel]] = {
        one
        for operation in OPERATIONS
        for one in (operation.response, operation.body)
        if isinstance(one, type)
    }
    models.add(ProblemResponse)
    by_name = {model.__name__: model for model in models}
    ordered: list[tuple[type[BaseModel], Literal["validation"]]] = [
        (by_name[name], "validation") for name in sorted(by_name)
    ]
    _, schemas = models_json_schema(ordered, ref_template=f"{_REF}{{model}}")
    for schema in schemas["$defs"].values():
        if "sendAt" in schema.get("properties", {}):
            schema["properties"]["sendAt"]["examples"] = [tomorrow(day)]
    return dict(schemas["$defs"])
