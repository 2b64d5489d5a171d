"""What is wrong with a setting, in words: pydantic's codes are for programs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from messaging_channels._config.other_words import hint_of_key
from messaging_channels._model.errors import InvalidAddress, InvalidSetting

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

    from messaging_channels.plugins.provider import ProviderSpec

_WORDS: Mapping[str, str] = {
    "missing": "is missing",
    "missing_argument": "is missing",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be a text",
    "string_sub_type": "must be a text",
    "path_type": "must be a path",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "set_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "dataclass_type": "must be a table",
    "url_parsing": "must be a URL",
    "url_type": "must be a URL",
    "url_scheme": "must be an http(s) URL",
    "string_too_short": "is too short",
    "string_too_long": "is too long",
    "string_pattern_mismatch": "has a wrong form",
    "union_tag_not_found": "must be a table that names its kind",
}
_LIMITS: Mapping[str, tuple[str, str]] = {
    "greater_than": ("gt", "must be greater than"),
    "greater_than_equal": ("ge", "must be at least"),
    "less_than": ("lt", "must be less than"),
    "less_than_equal": ("le", "must be at most"),
    "literal_error": ("expected", "must be"),
    "enum": ("expected", "must be"),
    "union_tag_invalid": ("expected_tags", "must be of one of the kinds"),
}
UNKNOWN_KEYS = frozenset({"extra_forbidden", "unexpected_keyword_argument", "no_such_attribute"})


def first_problem(error: ValidationError) -> tuple[tuple[str, ...], str, str]:
    """Return where the worst problem is, as names of fields, its code, and words for it that show no value.

    A key that nothing knows goes first: it explains why another one is missing. Of two on one level, what is wrong goes before what is missing.
    """
    found = error.errors(include_input=False, include_url=False)
    chosen = next((one for one in found if one["type"] in UNKNOWN_KEYS), None)
    deepest = chosen or max(
        found, key=lambda one: (len(_field_names(one["loc"])), not one["type"].startswith("missing"))
    )
    path = _field_names(deepest["loc"])
    field = getattr(deepest.get("ctx", {}).get("error"), "field", None)
    if isinstance(field, str) and "." in field:
        path = (*path, field.rpartition(".")[2])
    return path, deepest["type"], _describe(deepest)


def hint_for(where: str, code: str, model: type[BaseModel] | None, otherwise: str) -> str:
    """Return what to do about a problem."""
    if code in UNKNOWN_KEYS and model is not None:
        return hint_of_key(where, model.model_fields)
    return otherwise


def example_hint(setting: str, code: str, problem: str) -> str:
    """Return a line that sets it rightly, where the problem says of what type it must be."""
    key = setting.rpartition(".")[2]
    if code in _TABLES:
        return f"write [{setting}], with a line for each of its keys"
    if code == "missing":
        section = setting.rpartition(".")[0]
        variable = f"MESSAGING_CHANNELS_{section}_{key}".upper()
        more = f", or set {variable}" if section in _WITH_VARIABLES else ""
        return f'add {key} = "..." to [{section}]{more}'
    example = next((shown for words, shown in _EXAMPLES.items() if words in problem), None)
    if code == "union_tag_invalid" and (expected := re.search(r"'([^']*)'", problem)):
        return f'write for example kind = "{expected[1]}" in [{setting}]'
    if code in ("literal_error", "enum") and (expected := re.search(r"'([^']*)'", problem)):
        example = f'"{expected[1]}"'
    return f"write for example {key} = {example}" if example else "correct the value"


def provider_error(
    error: ValidationError,
    sources: Mapping[str, str],
    spec: ProviderSpec,
    prefix: str,
    account: str | None,
    place: str,
) -> InvalidSetting:
    """Explain the worst problem by field and source, or the place of its provider; never by the value."""
    path, code, problem = first_problem(error)
    field_name = path[0] if path else ""
    table = f"[accounts.{account}.{spec.name}]" if account else f"[providers.{spec.name}]"
    variable = "" if account else f"{prefix}{field_name.upper()}, or "
    return InvalidSetting(
        problem,
        setting=".".join((spec.name, *path)),
        source=sources.get(f"{spec.name}.{field_name}", place),
        hint=hint_for(field_name, code, spec.settings, f"set {variable}{field_name} in {table}"),
    )


def _describe(problem: Any) -> str:  # noqa: ANN401  pydantic's own dictionary
    code, context = str(problem["type"]), problem.get("ctx", {})
    if code in UNKNOWN_KEYS:
        return "is not known"
    if code in _LIMITS:
        name, words = _LIMITS[code]
        limit = context.get(name)
        return f"{words} {f'{limit:g}' if isinstance(limit, float) else limit}"
    if code == "value_error" and isinstance(context.get("error"), ValueError):
        return _own_words(context["error"])
    return _WORDS.get(code, f"is malformed ({code})")


def _own_words(error: ValueError) -> str:
    """Return the words of an error of ours, which shows no value; of another one only that there was one."""
    problem = getattr(error, "problem", None)
    if isinstance(error, InvalidAddress):
        return f"is not an address: {problem}"
    return str(problem) if isinstance(problem, str) else "is malformed (value_error)"


def _field_names(where: Iterable[int | str]) -> tuple[str, ...]:
    """Return the names of fields in a location; positions and the names of types in unions are left out."""
    texts = (step for step in where if isinstance(step, str))
    return tuple(step for step in texts if _FIELD.fullmatch(step) and step not in _TYPES)


_WITH_VARIABLES = ("ledger", "retry", "http", "telemetry")
_TABLES = frozenset({"dict_type", "model_type", "model_attributes_type", "dataclass_type"})
_EXAMPLES = {
    "whole number": "3",
    "number": "30",
    "true or false": "true",
    "a list": '["..."]',
    "a text": '"..."',
    "a path": '"/path/to/file"',
    "positive": "1",
    "greater than": "1",
    "at least": "1",
    "at most": "30",
}
"""By words of the problem, of which the first that stands there is taken."""
_FIELD = re.compile(r"[a-z_][a-z0-9_-]*")
_TYPES = frozenset({"str", "int", "float", "bool", "list", "tuple", "dict", "set", "bytes", "none"})
