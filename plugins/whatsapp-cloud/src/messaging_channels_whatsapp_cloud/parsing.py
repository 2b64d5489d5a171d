"""Reading what came from outside, whatever it is: each function returns None or nothing for what it is not."""

from __future__ import annotations

import json
from typing import Any, cast

from pydantic_core import from_json


def parse_json(body: bytes) -> object:
    """Return a body parsed as JSON; None if it is none. An escape of half a character, which strict parsers refuse, becomes a question mark."""
    try:
        return from_json(body.removeprefix(b"\xef\xbb\xbf"))
    except ValueError:
        pass
    try:
        return json.loads(json.dumps(json.loads(body), ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def get_member(value: object, name: str) -> Any:  # noqa: ANN401  whatever came
    """Return a member of a JSON object."""
    return cast("dict[str, Any]", value).get(name) if isinstance(value, dict) else None


def is_object(value: object) -> bool:
    """Whether it is a JSON object."""
    return isinstance(value, dict)


def as_object(value: object) -> dict[str, Any]:
    """Return a JSON object."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def as_objects(value: object) -> list[dict[str, Any]]:
    """Return the JSON objects of a list."""
    found = cast("list[Any]", value) if isinstance(value, list) else []
    return [as_object(one) for one in found if isinstance(one, dict)]


def non_empty_text(value: object) -> str | None:
    """Return a text that is not empty."""
    return value if isinstance(value, str) and value else None


def parse_integer(value: object) -> int | None:
    """Return a whole number, be it written as a text."""
    if type(value) is int:
        return value if abs(value) < _LARGEST else None
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= _LONGEST:
        return int(value)
    return None


def parse_degrees(value: object) -> float | None:
    """Return a finite number, be it written as a text."""
    try:
        number = float(value) if isinstance(value, (int, float, str)) else float("nan")
    except (ValueError, OverflowError):
        return None
    return number if abs(number) <= _CIRCLE else None


_LONGEST = 18
_LARGEST = 10**_LONGEST
_CIRCLE = 360.0
