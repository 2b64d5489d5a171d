"""JSON as RFC 8259 has it, and nothing more: what two parsers could understand differently is refused, and the place is named.

Python's own parser takes NaN, repeated names, lone surrogates, UTF-16 and a byte-order mark; none of them passes here.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

from messaging_channels_gateway.problems import Problem, place

_BOM = "\ufeff"
_DEEPEST = 64


def parsed(body: bytes) -> Any:  # noqa: ANN401  any JSON
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
        raise _refused(f"it is nested more than {_DEEPEST} levels deep") from None
    except ValueError:
        raise _refused("a number has too many digits") from None
    if "\\u" in text and not _encodable(value):
        raise _refused("a string holds half a surrogate pair")
    if text.count("{") + text.count("[") > _DEEPEST and _depth(value) > _DEEPEST:
        raise _refused(f"it is nested more than {_DEEPEST} levels deep")
    return value


def _decoded(body: bytes) -> str:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _refused(f"it is not UTF-8 at byte {error.start + 1}") from None
    if text.startswith(_BOM):
        raise _refused("it starts with a byte-order mark: line 1 column 1")
    return text


def _malformed(text: str, error: json.JSONDecodeError) -> Problem:
    """Name the fault and its place; a comma before a closing bracket is the one that people make."""
    comma = _comma_before(text, error.pos)
    if comma is not None:
        closing = text[comma + 1 :].lstrip()[0]
        return _refused(f"a comma stands before the closing {closing}: {place(text, comma)}")
    return _refused(f"it is malformed at {place(text, error.pos)}")


def _comma_before(text: str, position: int) -> int | None:
    """Return where a trailing comma stands, if that is the fault. Versions of Python point to the comma or behind it."""
    at = position if text[position : position + 1] == "," else len(text[:position].rstrip()) - 1
    if at < 0 or text[at] != "," or text[at + 1 :].lstrip()[:1] not in ("}", "]"):
        return None
    return at


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _refused("an object has the same name twice")
    return value


def _constant(_: str) -> NoReturn:
    raise _refused("NaN and Infinity are no numbers of JSON")


def _number(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise _refused("a number is too large")
    return value


def _encodable(value: Any) -> bool:  # noqa: ANN401  any JSON
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _depth(value: Any) -> int:  # noqa: ANN401  any JSON
    """Count the levels of objects and arrays, without recursion."""
    depth, level = 0, _containers([value])
    while level and depth <= _DEEPEST:
        depth += 1
        level = [inner for one in level for inner in _containers(one)]
    return depth


def _containers(value: Any) -> list[Any]:  # noqa: ANN401  an object or an array
    """Return the objects and arrays right within one."""
    parts: Any = value.values() if isinstance(value, dict) else value  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return [part for part in parts if isinstance(part, (dict, list))]


def _refused(why: str) -> Problem:
    return Problem("invalid_json", why)


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_float=_number)
