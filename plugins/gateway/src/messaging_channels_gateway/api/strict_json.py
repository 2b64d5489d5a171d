"""JSON as RFC 8259 has it, and nothing more: what two parsers could understand differently is refused, and the place is named.

Python's own parser takes NaN, repeated names, lone surrogates, UTF-16 and a byte-order mark; none of them passes here.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

from messaging_channels_gateway.problems import Problem, line_and_column

_BOM = "\ufeff"
_MAX_DEPTH = 64


def parse_json(body: bytes) -> Any:  # noqa: ANN401  any JSON
    """Return the value of a document.

    Raises:
        Problem: `invalid_json`, with the place of the fault.
    """
    text = _decoded(body)
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise _malformed(text, error) from None
    except RecursionError:
        raise _invalid_json(f"the body is nested more than {_MAX_DEPTH} levels deep") from None
    except ValueError:
        raise _invalid_json("a number has too many digits") from None
    if "\\u" in text and not _require_encodable(value):
        raise _invalid_json("a string contains an unpaired surrogate")
    if text.count("{") + text.count("[") > _MAX_DEPTH and _depth(value) > _MAX_DEPTH:
        raise _invalid_json(f"the body is nested more than {_MAX_DEPTH} levels deep")
    return value


def _decoded(body: bytes) -> str:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _invalid_json(f"the body is not UTF-8 at byte {error.start + 1}") from None
    if text.startswith(_BOM):
        raise _invalid_json("the body starts with a byte-order mark: line 1 column 1")
    return text


def _malformed(text: str, error: json.JSONDecodeError) -> Problem:
    """Name the fault and its place; a comma before a closing bracket is the one that people make."""
    comma = _trailing_comma_position(text, error.pos)
    if comma is not None:
        closing = text[comma + 1 :].lstrip()[0]
        return _invalid_json(f"a comma stands before the closing {closing}: {line_and_column(text, comma)}")
    return _invalid_json(f"it is malformed at {line_and_column(text, error.pos)}")


def _trailing_comma_position(text: str, position: int) -> int | None:
    """Return where a trailing comma stands, if that is the fault. Versions of Python point to the comma or behind it."""
    at = position if text[position : position + 1] == "," else len(text[:position].rstrip()) - 1
    if at < 0 or text[at] != "," or text[at + 1 :].lstrip()[:1] not in ("}", "]"):
        return None
    return at


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _invalid_json("an object has the same key twice")
    return value


def _constant(_: str) -> NoReturn:
    raise _invalid_json("NaN and Infinity are not valid in JSON")


def _number(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise _invalid_json("a number is too large")
    return value


def _require_encodable(value: Any) -> bool:  # noqa: ANN401  any JSON
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _depth(value: Any) -> int:  # noqa: ANN401  any JSON
    """Count the levels of objects and arrays, without recursion."""
    depth, level = 0, _containers([value])
    while level and depth <= _MAX_DEPTH:
        depth += 1
        level = [inner for one in level for inner in _containers(one)]
    return depth


def _containers(value: Any) -> list[Any]:  # noqa: ANN401  an object or an array
    """Return the objects and arrays right within one."""
    parts: Any = value.values() if isinstance(value, dict) else value  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return [part for part in parts if isinstance(part, (dict, list))]


def _invalid_json(problem: str) -> Problem:
    return Problem("invalid_json", problem)


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_float=_number)
