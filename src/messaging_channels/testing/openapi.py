"""A vendor's OpenAPI document as a check of requests and answers, for emulators. Properties that it does not name are refused. Needs `jsonschema`."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias, cast

Json: TypeAlias = dict[str, Any]
Problem: TypeAlias = tuple[str, str]
"""Where, such as `messages[0].sender`, and what is wrong there."""

_REFERENCE = "#/components/schemas/"
_LONGEST = 200


class OpenApiDocument:
    """A document of OpenAPI 3.1. Immutable; many threads may use one."""

    def __init__(self, document: Json) -> None:
        """Take the parsed document."""
        self.document = document
        self._routes = [(_pattern(path), path) for path in document.get("paths", {})]

    @classmethod
    def read(cls, path: Path) -> OpenApiDocument:
        """Read a document from a file of JSON.

        Raises:
            OSError: it cannot be read.
            ValueError: it is no JSON.
        """
        return cls(json.loads(path.read_text("utf-8")))

    def find(self, method: str, path: str) -> Json | None:
        """Return the operation of a call, by its path or a template that fits it; None if there is none."""
        known = self.document.get("paths", {})
        fitting = (
            [path] if path in known else [name for pattern, name in self._routes if pattern.fullmatch(path)]
        )
        found = (known[name].get(method.lower()) for name in fitting)
        return next((cast("Json", one) for one in found if one), None)

    def request_problems(
        self,
        method: str,
        path: str,
        body: object = None,
        query: Iterable[str] = (),
    ) -> list[Problem]:
        """Return what is wrong with a call of this API: its body, and the names of its query. Nothing for a call that the document does not have."""
        operation = self.find(method, path)
        if operation is None:
            return []
        named = {one["name"] for one in map(self._parameter, operation.get("parameters", []))}
        problems = [(name, "is not known") for name in query if name not in named]
        schema = _json_schema(operation.get("requestBody", {}))
        return problems if schema is None else problems + self.problems(schema, body)

    def form_problems(self, method: str, path: str, fields: Mapping[str, Any]) -> list[Problem]:
        """Return what is wrong with some fields of a form, each by itself: an unknown name, or a value that its schema does not allow."""
        body = (self.find(method, path) or {}).get("requestBody", {}).get("content", {})
        schema = self.resolved(body.get("application/x-www-form-urlencoded", {}).get("schema", {}))
        known = cast("Mapping[str, Json]", schema.get("properties", {}))
        return [
            (name, problem)
            for name, value in fields.items()
            for problem in (
                [text for _, text in self.problems(known[name], value)] if name in known else ["is not known"]
            )
        ]

    def response_problems(self, method: str, path: str, status: int, body: Any) -> list[Problem]:  # noqa: ANN401  JSON
        """Return what is wrong with the answer to such a call. Nothing for a status that the document does not describe."""
        operation = self.find(method, path) or {}
        answer = operation.get("responses", {}).get(str(status), {})
        schema = _json_schema(answer)
        return [] if schema is None else self.problems(schema, body)

    def problems(self, schema: Json, value: Any) -> list[Problem]:  # noqa: ANN401  JSON
        """Return what a schema does not allow of a value, and the properties that it does not name."""
        library: Any = import_module("jsonschema")  # slow to import, and a thing of tests
        validator = library.Draft202012Validator(self.expanded(schema, value), format_checker=_formats())
        found: Iterable[Any] = validator.iter_errors(value)
        return [(_where(one.absolute_path), str(one.message)[:_LONGEST]) for one in found]

    def resolved(self, schema: Json) -> Json:
        """Follow references, and put together what `allOf` spreads."""
        while "$ref" in schema:
            name = schema["$ref"].removeprefix(_REFERENCE)
            others = {key: value for key, value in schema.items() if key != "$ref"}
            schema = {**self.document["components"]["schemas"][name], **others}
        merged = {key: value for key, value in schema.items() if key != "allOf"}
        for part in map(self.resolved, schema.get("allOf", [])):
            merged["properties"] = {**part.get("properties", {}), **merged.get("properties", {})}
            merged["required"] = [*part.get("required", []), *merged.get("required", [])]
            merged.setdefault("type", part.get("type", "object"))
            if "discriminator" in part and "allOf" not in schema:
                merged["discriminator"] = part["discriminator"]
        return merged

    def expanded(self, schema: Json, value: Any) -> Json:  # noqa: ANN401  JSON
        """Return the schema without references, as far as this value needs it."""
        plain = self.resolved(schema)
        mapping = plain.get("discriminator", {}).get("mapping")
        if mapping:
            given = cast("Json", value) if isinstance(value, dict) else {}
            chosen = given.get(plain["discriminator"]["propertyName"])
            return (
                self.expanded({"$ref": mapping[chosen]}, value)
                if isinstance(chosen, str) and chosen in mapping
                else {"not": {}}
            )
        for several in ("oneOf", "anyOf"):
            if several in plain:
                return {"anyOf": [self.expanded(one, value) for one in plain[several]]}
        return self._expanded_members(plain, value)

    def _expanded_members(self, plain: Json, value: Any) -> Json:  # noqa: ANN401  JSON
        if isinstance(value, list) and "items" in plain:
            items = [self.expanded(plain["items"], one) for one in cast("list[Any]", value)]
            return {**_without(plain, "items"), "prefixItems": items}
        if isinstance(value, dict) and "properties" in plain:
            given = cast("Json", value)
            known = {name: self.expanded(one, given.get(name)) for name, one in plain["properties"].items()}
            return {**plain, "properties": known, "additionalProperties": self._others(plain)}
        return _without(plain, "additionalProperties", "properties", "items")

    def _others(self, plain: Json) -> Json | bool:
        """Return what properties may hold that are not named: nothing, unless the schema says so itself."""
        others = plain.get("additionalProperties", False)
        return self.expanded(cast("Json", others), None) if isinstance(others, dict) else bool(others)

    def _parameter(self, parameter: Json) -> Json:
        name = parameter.get("$ref", "").rpartition("/")[2]
        return self.document["components"]["parameters"][name] if name else parameter


def _without(members: Json, *names: str) -> Json:
    return {key: value for key, value in members.items() if key not in names}


class OpenApiChecks:
    """The documents of one vendor together: each call is checked by the one that has it."""

    def __init__(self, documents: Sequence[OpenApiDocument]) -> None:
        """Check by these; by none, nothing is wrong."""
        self._documents = documents

    @classmethod
    def read(cls, folder: Path | None, pattern: str) -> OpenApiChecks:
        """Read the documents of a folder whose names fit, such as `infobip_*.json`. Without a folder there are none."""
        return cls([] if folder is None else _read_all(folder, pattern))

    def request_problems(
        self,
        method: str,
        path: str,
        body: object = None,
        query: Mapping[str, str] | None = None,
    ) -> list[Problem]:
        """Return the problems of a request, by the document that contains the call; none without such a document."""
        found = self._find(method, path)
        return found.request_problems(method, path, body, query or {}) if found else []

    def form_problems(self, method: str, path: str, fields: Mapping[str, Any]) -> list[Problem]:
        """Return the problems of a form, by the document that contains the call; none without such a document."""
        found = self._find(method, path)
        return found.form_problems(method, path, fields) if found else []

    def response_problems(self, method: str, path: str, status: int, body: Any) -> list[Problem]:  # noqa: ANN401
        """Return the problems of a response, by the document that contains the call; none without such a document."""
        found = self._find(method, path)
        return found.response_problems(method, path, status, body) if found else []

    def knows(self, method: str, path: str) -> bool:
        """Whether a document contains this call."""
        return self._find(method, path) is not None

    def _find(self, method: str, path: str) -> OpenApiDocument | None:
        return next((one for one in self._documents if one.find(method, path) is not None), None)


@lru_cache(maxsize=8)
def _read_all(folder: Path, pattern: str) -> Sequence[OpenApiDocument]:
    """Read documents once: they are large."""
    return [OpenApiDocument.read(one) for one in sorted(folder.glob(pattern))]


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile("[^/]+".join(map(re.escape, re.split(r"\{[^}]+\}", path))))


def _json_schema(content: Json) -> Json | None:
    return cast("Json | None", content.get("content", {}).get("application/json", {}).get("schema"))


def _where(steps: Iterable[str | int]) -> str:
    named = (f"[{one}]" if isinstance(one, int) else f".{one}" for one in steps)
    return "".join(named).removeprefix(".")


@lru_cache(maxsize=1)
def _formats() -> Any:  # noqa: ANN401  a class of an optional package
    """Return the checks of formats: times in the spellings that vendors use, and base64."""
    library: Any = import_module("jsonschema")
    formats = library.FormatChecker(formats=())
    for name, check in (("date-time", datetime.fromisoformat), ("byte", _parse_base64)):
        formats.checks(name, raises=ValueError)(_texts_only(check))
    return formats


def _texts_only(check: Any) -> Any:  # noqa: ANN401  a function of the text
    def allows(value: object) -> bool:
        if isinstance(value, str):
            check(value)
        return True

    return allows


def _parse_base64(text: str) -> Iterator[int]:
    return iter(b64decode(text, validate=True))
