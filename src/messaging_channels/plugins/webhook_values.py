"""Reading what vendors send without an exception: JSON objects, values in them, times."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

from messaging_channels.plugins.exchange import HttpResponse

_LATEST_SECONDS = 1e11
"""A larger number of a time counts milliseconds."""


def json_object(body: bytes) -> dict[str, Any]:
    """Return the object in a JSON body; an empty one if the body has none."""
    try:
        told: Any = HttpResponse(200, {}, body).json()
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", told) if isinstance(told, dict) else {}


def value_at(tree: Any, *path: str | int) -> Any:  # noqa: ANN401  a tree of JSON
    """Return the value at a path of names and numbers in parsed JSON; None where there is none."""
    for step in path:
        if isinstance(step, str) and isinstance(tree, Mapping):
            tree = cast("Mapping[str, Any]", tree).get(step)
        elif isinstance(step, int) and isinstance(tree, list) and -len(tree) <= step < len(tree):  # pyright: ignore[reportUnknownArgumentType]
            tree = cast("list[Any]", tree)[step]
        else:
            return None
    return tree


def text_at(tree: Any, *path: str | int) -> str | None:  # noqa: ANN401  a tree of JSON
    """Return the text at a path in parsed JSON; None where there is none, or something else."""
    found = value_at(tree, *path)
    return found if isinstance(found, str) else None


def timestamp(value: Any) -> float | None:  # noqa: ANN401  whatever a vendor sends
    """Return a vendor's time in seconds since the epoch, UTC: of a number of seconds or milliseconds, ISO 8601 or RFC 5322; None for anything else.

    A time without a zone is taken for UTC.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)) or (
        isinstance(value, str) and re.fullmatch(r"[0-9]{1,17}(\.[0-9]+)?", value)
    ):
        return _from_number(value)
    return _from_text(value) if isinstance(value, str) else None


def _from_number(value: str | float) -> float | None:
    try:
        number = float(value)
    except OverflowError:
        return None
    if not math.isfinite(number) or number < 0:
        return None
    return number / 1000 if number >= _LATEST_SECONDS else number


def _from_text(text: str) -> float | None:
    from email.utils import parsedate_to_datetime  # noqa: PLC0415  slow to import

    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            at = parse(text)
            return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None
