"""The vendor's calls as trees: with something unheard of in them, otherwise written, with the times and the lists they hold."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast
from urllib.parse import parse_qsl, urlencode

from messaging_channels._model import events
from messaging_channels.testing.conformance.flow_runner import NOW
from messaging_channels.testing.conformance.malformed import (
    Path,
    all_paths,
    leaf_paths,
    parse_json,
    to_json,
    value_at,
    with_value,
    without_value,
)

UNHEARD = "canary_unheard_of"
_COLLECTIONS: tuple[Any, ...] = (UNHEARD, None, [], {}, [None])
"""What takes the place of a list or of an object."""
_S, _MS = (1e9, 5e9), (1e12, 5e12)
_A_DAY, _CODE, _SECONDS_LENGTH = 86_400, 10_000, 10
ID_NAME = re.compile(r"(^|[._-])(id|sid|uuid)$|(Id|ID|Sid|Uuid|UUID)$")
"""The name of a field that holds an id."""
NO_IDS = ("None", "null", "undefined", "nan", "[]", "{}")
"""Words for nothing, as a program writes them by mistake."""


def with_word(body: bytes, path: Path, word: str) -> bytes:
    """Return the call with another word at a place."""
    return body_of(body, with_value(tree_of(body), path, word))


def tree_of(body: bytes) -> Any:  # noqa: ANN401
    """Return a call as a tree: JSON, or the pairs of a form; None for anything else."""
    tree = parse_json(body)
    if tree is not None or b"\n" in body:
        return tree
    return [list(pair) for pair in parse_qsl(body.decode("latin-1"), keep_blank_values=True)] or None


def body_of(body: bytes, tree: Any) -> bytes:  # noqa: ANN401
    """Return a changed tree as the call was written: JSON, or a form."""
    return (
        to_json(tree) if parse_json(body) is not None else urlencode([tuple(pair) for pair in tree]).encode()
    )


def spoilt_bodies(body: bytes) -> Iterator[tuple[Path, bytes]]:
    """Return the call with each of its values replaced by what nobody has heard of, and with a field more."""
    tree = tree_of(body)
    if tree is None:
        return
    if parse_json(body) is None:
        for path in [one for one in leaf_paths(tree, (str,)) if one[-1] != 0]:
            yield from ((path, body_of(body, with_value(tree, path, other))) for other in (UNHEARD, ""))
        return
    for path in leaf_paths(tree, (str, int, float, bool)):
        others: tuple[Any, ...] = (UNHEARD, None, 10**18, [], {})
        yield from ((path, body_of(body, with_value(tree, path, other))) for other in others)
    for path in all_paths(tree):
        yield from _spoilt_members(tree, path)


def _spoilt_members(tree: Any, path: Path) -> Iterator[tuple[Path, bytes]]:  # noqa: ANN401  JSON
    """Yield the call without what is at a path, with another collection in its place, and with a field more."""
    value = value_at(tree, path)
    if path and isinstance(value, (dict, list)):
        yield from ((path, to_json(with_value(tree, path, other))) for other in _COLLECTIONS)
    if path:
        yield path, to_json(without_value(tree, path))
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        yield path, to_json(with_value(tree, path, {**members, UNHEARD: {"a": [1]}}))


def unheard_at(body: bytes, path: Path) -> bytes:
    """Return the call with a word at a place that nobody has heard of."""
    return with_word(body, path, UNHEARD)


def all_unheard(body: bytes) -> bytes:
    """Return the call with every word and every code in it replaced."""
    tree = tree_of(body)
    for path in leaf_paths(tree, (str, int)):
        value = value_at(tree, path)
        is_name = parse_json(body) is None and path[-1] == 0
        if isinstance(value, str) and re.fullmatch(r"[A-Za-z_. -]+", value) and not is_name:
            tree = with_value(tree, path, UNHEARD)
        elif isinstance(value, int) and value < _CODE:
            tree = with_value(tree, path, 987654)
    return body if tree is None else body_of(body, tree)


def other_writings(tree: Any) -> Iterator[bytes]:  # noqa: ANN401
    """Return the same JSON, otherwise written."""
    yield json.dumps(tree, indent=2).encode()
    yield json.dumps(tree, separators=(",", ":"), ensure_ascii=False).encode()
    yield json.dumps(tree, separators=(" ,", " : ")).encode() + b"\n"


def times_of(body: bytes) -> set[float]:
    """Return every time that a call tells: seconds and milliseconds since the epoch, ISO 8601, RFC 5322."""
    tree = tree_of(body)
    return {at for path in leaf_paths(tree) for at in _as_times(value_at(tree, path))}


def is_id(text: str) -> bool:
    """Whether a text of a call may be an id: it has a digit, and is no time and no number to call."""
    return bool(re.search(r"[0-9]", text)) and not list(_as_times(text)) and not text.lstrip("+").isdigit()


def is_time(value: object) -> bool:
    """Whether a value of a call is a time, in any of the writings that `times_of` knows."""
    return any(True for _ in _as_times(value))


def _as_times(value: Any) -> Iterator[float]:  # noqa: ANN401
    text = str(value)
    if re.fullmatch(r"[0-9]{10,13}(\.[0-9]+)?", text):
        number = float(text)
        if _S[0] <= number <= _S[1]:
            yield number
        if _MS[0] <= number <= _MS[1]:
            yield number / 1000
        if re.fullmatch(r"[0-9]{10}|[0-9]{12}", text):
            yield from _from_digits(text)
    elif re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]", text):
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            return
        yield (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    elif re.match(r"[A-Z][a-z]{2}, [0-9]{1,2} [A-Z][a-z]{2} [0-9]{4}", text):
        yield parsedate_to_datetime(text).timestamp()


def is_stamp(name: str, value: str) -> bool:
    """Whether a header holds a time near that of the kit."""
    numbers = [
        float(one) for one in re.findall(r"(?<![0-9A-Za-z])[0-9]{10}(?:[0-9]{3})?(?![0-9A-Za-z])", value)
    ]
    near = any(abs(one - NOW) < _A_DAY or abs(one / 1000 - NOW) < _A_DAY for one in numbers)
    return near or ("timestamp" in name.lower() and bool(re.search(r"[0-9]", value)))


def event_lists(tree: Any, event: events.Event) -> list[Path]:  # noqa: ANN401
    """Return the lists of one element which holds the ids of an event."""
    ids = {one for one in (getattr(event, "message_id", ""), getattr(event, "provider_id", None)) if one}
    held = ((path, value_at(tree, path)) for path in all_paths(tree))
    return [path for path, one in held if ids and ids <= _texts_of_single(one)]


def _texts_of_single(held: Any) -> set[str]:  # noqa: ANN401  any value of JSON
    """Return the values within the only element of a list of objects; none of anything else."""
    if not isinstance(held, list) or len(cast("list[Any]", held)) != 1 or not isinstance(held[0], dict):
        return set()
    return {str(value_at(held[0], leaf)) for leaf in leaf_paths(held[0])}


def renumbered(element: Any) -> Any:  # noqa: ANN401
    """Return an element with other ids: every short text with a digit in it is changed."""
    for path in leaf_paths(element, (str,)):
        value = str(value_at(element, path))
        if is_id(value):
            element = with_value(
                element,
                path,
                re.sub(r"[0-9](?=[^0-9]*$)", lambda digit: str((int(digit[0]) + 1) % 10), value),
            )
    return element


def later(body: bytes, kept: frozenset[str]) -> bytes:
    """Return a call with other ids, but for those that are kept, and with other times."""
    tree = tree_of(body)
    for path in leaf_paths(tree, (str, int, float)):
        value = value_at(tree, path)
        is_name = parse_json(body) is None and path[-1] == 0
        if is_name or str(value) in kept:
            continue
        holds_kept = any(one and one in str(value) for one in kept)
        tree = with_value(tree, path, f"{value}7" if holds_kept else _later(value))
    return body if tree is None else body_of(body, tree)


def _later(value: Any) -> Any:  # noqa: ANN401  a leaf of JSON
    """Return a time some seconds later, or an id with another last digit; anything else as it is."""
    if isinstance(value, (int, float)):
        return (
            value + 77 if _S[0] <= value <= _S[1] else value + 77_000 if _MS[0] <= value <= _MS[1] else value
        )
    if re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}", value):
        return f"{value[:15]}{(int(value[15]) + 1) % 10}{value[16:]}"
    if re.fullmatch(r"[0-9]{10}|[0-9]{13}", value) and _S[0] <= float(value[:10]) <= _S[1]:
        return str(int(value) + (77 if len(value) == _SECONDS_LENGTH else 77_000))
    if not is_id(value):
        return value
    return re.sub(r"[0-9](?=[^0-9]*$)", lambda digit: str((int(digit[0]) + 1) % 10), value)


@contextmanager
def time_zone(name: str) -> Generator[None]:
    """Let the machine have another time zone meanwhile."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = name
    time.tzset()
    try:
        yield
    finally:
        os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
        time.tzset()


def _from_digits(text: str) -> Iterator[float]:
    """Read YYMMDDHHMM and YYMMDDHHMMSS, as of the SMPP protocol."""
    try:
        yield datetime.strptime(text.ljust(12, "0"), "%y%m%d%H%M%S").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return
