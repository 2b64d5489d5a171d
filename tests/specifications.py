"""The vendors' OpenAPI documents, as tests need them: strict checks of what we send, and generated samples of what we read.

The documents are not ours to ship. They are looked for beside the repository; tests skip where they are not.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import strategies as st

FOLDER = Path(os.environ.get("MESSAGING_CHANNELS_SPECS", Path(__file__).parents[2] / "shared" / "specs"))

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Specification:
    """One document."""

    document: Json

    def request_schema(self, method: str, path: str) -> Json:
        """Return the schema of the JSON body of an operation."""
        schema: Json = self.operation(method, path)["requestBody"]["content"]["application/json"]["schema"]
        return schema

    def operation(self, method: str, path: str) -> Json:
        operation: Json = self.document["paths"][path][method.lower()]
        return operation

    def answers(self, method: str, path: str) -> dict[str, Json]:
        """Return the schemas of the JSON answers of an operation, by their HTTP status."""
        return {
            status: answer["content"]["application/json"]["schema"]
            for status, answer in self.operation(method, path)["responses"].items()
            if "schema" in answer.get("content", {}).get("application/json", {})
        }

    def webhooks(self) -> dict[str, Json]:
        """Return the schemas of the JSON bodies of all webhooks."""
        return {
            name: call["post"]["requestBody"]["content"]["application/json"]["schema"]
            for name, call in self.document.get("webhooks", {}).items()
            if "application/json" in call["post"]["requestBody"]["content"]
        }

    def check(self, schema: Json, value: Any) -> None:
        """Refuse a value that the schema does not allow, and properties that it does not name."""
        jsonschema.Draft202012Validator(self._expanded(schema, value)).validate(value)

    def resolved(self, schema: Json) -> Json:
        """Follow references, and put together what `allOf` spreads."""
        while "$ref" in schema:
            name = schema["$ref"].removeprefix("#/components/schemas/")
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

    def _expanded(self, schema: Json, value: Any) -> Json:
        """Return the schema without references, as far as this value needs it."""
        plain = self.resolved(schema)
        mapping = plain.get("discriminator", {}).get("mapping")
        if mapping:
            chosen = value.get(plain["discriminator"]["propertyName"]) if isinstance(value, dict) else None
            return (
                self._expanded({"$ref": mapping[chosen]}, value)
                if isinstance(chosen, str) and chosen in mapping
                else {"not": {}}
            )
        for several in ("oneOf", "anyOf"):
            if several in plain:
                return {"anyOf": [self._expanded(one, value) for one in plain[several]]}
        if isinstance(value, list) and "items" in plain:
            items = [self._expanded(plain["items"], one) for one in value]
            return {**{key: plain[key] for key in plain if key != "items"}, "prefixItems": items}
        if isinstance(value, dict) and "properties" in plain:
            known = {name: self._expanded(one, value.get(name)) for name, one in plain["properties"].items()}
            return {**plain, "properties": known, "additionalProperties": False}
        return {
            key: plain[key] for key in plain if key not in ("additionalProperties", "properties", "items")
        }

    def samples(self, schema: Json, depth: int = 6) -> st.SearchStrategy[Any]:
        """Generate values of a schema: with unknown words beside its enumerations, and unknown properties."""
        plain = self.resolved(schema)
        mapping = plain.get("discriminator", {}).get("mapping")
        if mapping and depth > 0:
            tag = plain["discriminator"]["propertyName"]
            return st.one_of([self._tagged(ref, tag, word, depth) for word, ref in mapping.items()])
        for several in ("oneOf", "anyOf"):
            if several in plain:
                return st.one_of([self.samples(one, depth) for one in plain[several]])
        return self._sample(plain, depth)

    def _tagged(self, ref: str, tag: str, word: str, depth: int) -> st.SearchStrategy[Any]:
        return self.samples({"$ref": ref}, depth - 1).map(lambda value: {**value, tag: word})

    def _sample(self, plain: Json, depth: int) -> st.SearchStrategy[Any]:
        kind = plain.get("type")
        if "enum" in plain:
            return st.sampled_from([*plain["enum"], "A_WORD_OF_TOMORROW"])
        if kind == "array":
            return st.lists(self.samples(plain["items"], depth - 1), max_size=3 if depth > 0 else 0)
        if kind == "object" or "properties" in plain:
            return self._objects(plain, depth)
        return _SCALARS.get((kind, plain.get("format")), _SCALARS.get((kind, None), _TEXTS))

    def _objects(self, plain: Json, depth: int) -> st.SearchStrategy[Any]:
        if depth <= 0:
            return st.just({})
        required = set(plain.get("required", []))
        members = {name: self.samples(one, depth - 1) for name, one in plain.get("properties", {}).items()}
        more = {"aPropertyOfTomorrow": _TEXTS}
        return st.fixed_dictionaries(
            {name: one for name, one in members.items() if name in required},
            optional={name: one for name, one in members.items() if name not in required} | more,
        )


@lru_cache
def _read(name: str) -> Specification | None:
    file = FOLDER / f"{name}.json"
    return Specification(json.loads(file.read_text("utf-8"))) if file.exists() else None


def specification(name: str) -> Specification:
    """Return the document of that name; skip the test where it is not."""
    found = _read(name)
    if found is None:
        pytest.skip("the official specification is not here: set MESSAGING_CHANNELS_SPECS to its folder")
    return found


_TEXTS = st.text(max_size=12) | st.sampled_from(["447700900123", "zoe@example.com", "12", "{}"])
_DATES = st.datetimes().flatmap(
    lambda at: st.sampled_from(
        [
            f"{at:%Y-%m-%dT%H:%M:%S}.000+0100",
            f"{at:%Y-%m-%dT%H:%M:%S}+05:30",
            f"{at:%Y-%m-%dT%H:%M:%S}Z",
            f"{at:%Y-%m-%dT%H:%M:%S}",
        ]
    )
)
_SCALARS: dict[tuple[str | None, str | None], st.SearchStrategy[Any]] = {
    ("string", "date-time"): _DATES,
    ("integer", "int32"): st.integers(-(2**31), 2**31 - 1),
    ("integer", None): st.integers(-(2**63), 2**63 - 1),
    ("number", None): st.floats(allow_nan=False, allow_infinity=False) | st.integers(0, 2**50),
    ("boolean", None): st.booleans(),
}
