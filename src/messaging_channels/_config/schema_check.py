"""What of a settings file does not fit its schema: keys that nothing knows, and values of a wrong type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, cast


@dataclass(frozen=True, slots=True)
class Misfit:
    """A key or a value that does not fit."""

    path: tuple[str, ...]
    known: tuple[str, ...] = ()
    """Of a key that is not known: the keys that are."""
    expected: tuple[str, ...] = ()
    """Of a value of a wrong type: the types that fit, as JSON schema names them."""
    in_list: bool = False
    """Whether the value is one of a list."""
    choices: tuple[str, ...] = ()
    """Of a value of a wrong type: the texts of which one is allowed, where not every text is."""


def misfits(value: Any, schema: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[Misfit]:  # noqa: ANN401  as it stands in a file
    """Yield every key that the schema does not have, and every value of a type that it does not allow there.

    A text passes for a number, a boolean or a list, because it may be a spelling of one: the reader of that setting decides.
    """
    branches = _branches(schema)
    if not _fits(value, branches):
        yield Misfit(path, expected=_kinds_of(branches), choices=_choices_of(branches))
    elif isinstance(value, dict):
        yield from _of_table(cast("dict[str, Any]", value), branches, path)
    elif isinstance(value, list):
        inner = [one["items"] for one in branches if "items" in one]
        for item, items in product(cast("list[Any]", value), inner):
            yield from (_in_list(one, path) for one in misfits(item, items, path))


def words_for(expected: tuple[str, ...]) -> str:
    """Return what a value must be: `a number or a table`."""
    return " or ".join(_WORDS[kind] for kind in expected)


def example_for(one: Misfit) -> str:
    """Return a value that fits, as TOML has it; nothing for a table."""
    if one.choices:
        return f'"{one.choices[0]}"'
    return next((_EXAMPLES[kind] for kind in one.expected if kind in _EXAMPLES), "")


def _in_list(one: Misfit, path: tuple[str, ...]) -> Misfit:
    return replace(one, in_list=True) if one.path == path else one


def _of_table(
    table: Mapping[str, Any], schemas: list[Mapping[str, Any]], path: tuple[str, ...]
) -> Iterator[Misfit]:
    tables = [one for one in schemas if one.get("type") == "object"]
    if not tables:
        return
    known, others = _properties_of(tables), _other_keys_of(tables)
    for key, value in table.items():
        inside = [known[key]] if key in known else others
        if not inside:
            yield Misfit((*path, key), known=tuple(sorted(known)))
        for schema in inside:
            yield from misfits(value, _as_schema(schema), (*path, key))


def _properties_of(tables: list[Mapping[str, Any]]) -> dict[str, Any]:
    return {key: inner for one in tables for key, inner in one.get("properties", {}).items()}


def _other_keys_of(tables: list[Mapping[str, Any]]) -> list[Any]:
    """Return the schemas of keys without a name of their own; nothing where there may be none."""
    return [more for one in tables if (more := one.get("additionalProperties", False)) is not False]


def _as_schema(schema: Any) -> Mapping[str, Any]:  # noqa: ANN401  JSON schema has `true` for anything
    return cast("Mapping[str, Any]", schema) if isinstance(schema, dict) else {}


def _fits(value: Any, branches: list[Mapping[str, Any]]) -> bool:  # noqa: ANN401  as it stands in a file
    kinds = {one.get("type") for one in branches}
    if kinds == {"object"}:
        return isinstance(value, dict)
    given = next((taken for kind, taken in _TAKEN if isinstance(value, kind)), None)
    return given is None or not kinds <= _WORDS.keys() | {"null"} or bool(kinds & given)


def _kinds_of(branches: list[Mapping[str, Any]]) -> tuple[str, ...]:
    kinds = [str(one["type"]) for one in branches if one.get("type") in _WORDS]
    return tuple(dict.fromkeys(kinds))


def _choices_of(branches: list[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(str(choice) for one in branches for choice in one.get("enum", ()))


def _branches(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    inner = schema.get("anyOf", schema.get("oneOf", []))
    return [branch for one in inner for branch in _branches(one)] or [schema]


_TAKEN: tuple[tuple[type[Any], frozenset[str]], ...] = (
    (bool, frozenset({"boolean"})),
    (int, frozenset({"integer", "number", "boolean"})),
    (float, frozenset({"integer", "number"})),
    (str, frozenset({"string", "integer", "number", "boolean", "array"})),
    (list, frozenset({"array"})),
    (dict, frozenset({"object"})),
)
"""The types of JSON schema that a value of each type of TOML may be given for; bool goes first, because True is an int."""
_WORDS = {
    "object": "a table",
    "array": "a list",
    "string": "a text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
}
_EXAMPLES = {
    "array": '["..."]',
    "string": '"..."',
    "number": "30",
    "integer": "3",
    "boolean": "true",
}
