"""Answers as nobody would document them: any status, any body, cut anywhere, with values of other types in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any, TypeAlias, cast

from hypothesis import strategies as st

from messaging_channels.plugins.exchange import HttpResponse

Path: TypeAlias = "tuple[str | int, ...]"

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
STATUSES = st.sampled_from(
    (200, 201, 202, 204, 301, 400, 401, 403, 404, 409, 422, 429, 500, 502, 503)
) | st.integers(100, 599)
PLAUSIBLE_ERROR = json.dumps(
    dict.fromkeys(("error", "message", "code", "status", "title", "detail", "description"), "busy")
).encode()
"""A fault as many vendors word it."""
UNREADABLE_BODIES = (
    b"",
    b"<html>busy</html>",
    b"\xff\xfe\x00",
    b"null",
    b"[]",
    b"{}",
    b'"ok"',
    b"0",
    b"[" * 5000,
)


def responses(good: HttpResponse) -> st.SearchStrategy[HttpResponse]:
    """Return answers of any status, with any body and with what is near the good one."""
    headers = st.sampled_from(({}, dict(good.headers), {"retry-after": "soon"}, {"retry-after": "-1"}))
    return st.builds(HttpResponse, STATUSES, headers, bodies(good.body))


def bodies(good: bytes) -> st.SearchStrategy[bytes]:
    """Return any bytes, any JSON, the good body cut, and the good body with one value replaced or left out."""
    near: list[st.SearchStrategy[bytes]] = [
        st.integers(0, max(0, len(good) - 1)).map(lambda end: good[:end]),
        st.binary(max_size=30),
        st.sampled_from(UNREADABLE_BODIES),
        VALUES.map(to_json),
    ]
    tree = parse_json(good)
    if paths := list(all_paths(tree)):
        pairs = st.tuples(st.sampled_from(paths), VALUES)
        near.append(pairs.map(lambda pair: to_json(with_value(tree, *pair))))
        near.append(st.sampled_from(paths).map(lambda path: to_json(without_value(tree, path))))
    return st.one_of(*near)


def parse_json(body: bytes) -> Any:  # noqa: ANN401  whatever it holds
    """Return the body parsed as JSON; None if it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def to_json(tree: object) -> bytes:
    """Return it as JSON."""
    return json.dumps(tree).encode()


def all_paths(tree: object, path: Path = ()) -> Iterator[Path]:
    """Return the path of every value in a tree of JSON."""
    yield path
    if isinstance(tree, dict):
        for name, inner in cast("dict[str, Any]", tree).items():
            yield from all_paths(inner, (*path, name))
    if isinstance(tree, list):
        for index, inner in enumerate(cast("list[Any]", tree)):
            yield from all_paths(inner, (*path, index))


def value_at(tree: Any, path: Path) -> Any:  # noqa: ANN401  whatever is there
    """Return the value at a path."""
    for step in path:
        tree = tree[step]
    return tree


def with_value(tree: Any, path: Path, value: object) -> Any:  # noqa: ANN401  a tree of JSON
    """Return the tree with another value at a path."""
    if not path:
        return value
    changed = deepcopy(tree)
    value_at(changed, path[:-1])[path[-1]] = value
    return changed


def without_value(tree: Any, path: Path) -> Any:  # noqa: ANN401  a tree of JSON
    """Return the tree without the value at a path."""
    if not path:
        return None
    changed = deepcopy(tree)
    del value_at(changed, path[:-1])[path[-1]]
    return changed


def leaf_paths(tree: Any, types: tuple[type, ...] = (str, int, float)) -> list[Path]:  # noqa: ANN401
    """Return the paths of the values of some types."""
    return [path for path in all_paths(tree) if type(value_at(tree, path)) in types]


def list_paths(tree: Any, length: int) -> list[Path]:  # noqa: ANN401  a tree of JSON
    """Return the paths of the lists of that length."""
    return [
        path
        for path in all_paths(tree)
        if isinstance(value_at(tree, path), list)
        and len(cast("Sequence[Any]", value_at(tree, path))) == length
    ]
