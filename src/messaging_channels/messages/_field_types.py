"""What a field of a message may hold, read from its annotation, so that a wrong type is refused before any provider meets it."""

from __future__ import annotations

import collections.abc
import re
import sys
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime, time, timedelta
from typing import Any, Literal, NamedTuple, Union, cast, get_args, get_origin

Check = Callable[[Any], bool]
"""Whether a value may stand somewhere."""


class FieldRule(NamedTuple):
    """What one field may hold."""

    name: str
    kinds: tuple[type, ...] | None
    """Its types, where `isinstance` alone decides."""
    is_plain: bool
    """Whether `isinstance` says all: not of numbers, among which True is none, nor of what holds other values."""
    is_list: bool
    """Whether it holds several values, so that one text is a mistake."""
    check: Check
    """Whether a value may stand there, which is sealed already."""
    words: str
    takes_none: bool
    """Whether None may stand there."""


def rules_of(kind: type) -> tuple[FieldRule, ...]:
    """Return what the fields of a dataclass may hold. An annotation that cannot be read allows everything."""
    space = {**_NAMES, **vars(sys.modules.get(kind.__module__, typing))}
    return tuple(_rule(one.name, str(one.type), _read(one.type, space)) for one in fields(cast("Any", kind)))


def _rule(name: str, text: str, hint: Any) -> FieldRule:  # noqa: ANN401  an annotation
    kinds = _kinds(hint)
    words_of_kinds = kinds if kinds != _WIDER[float] else (float,)
    check = _check(hint)
    is_list = any(text.startswith(word) for word in _LISTS) or text.endswith("Parameters")
    return FieldRule(
        name,
        kinds,
        kinds is not None and all(one in _PLAIN for one in kinds),
        is_list,
        check,
        _words(words_of_kinds, text),
        hint is not _UNREAD and check(None),
    )


def _read(annotation: Any, space: dict[str, Any]) -> Any:  # noqa: ANN401  whatever it says
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, space)  # noqa: S307  the text of a class body, as typing.get_type_hints does
    except Exception:  # noqa: BLE001  a name that is known to type checkers only
        return _UNREAD


def _kinds(hint: Any) -> tuple[type, ...] | None:  # noqa: ANN401  an annotation
    """Return the types of which a value must be one; None if that does not say all."""
    if hint is None:
        return (type(None),)
    if get_origin(hint) in _UNIONS:
        return _kinds_of_union(hint)
    is_class = isinstance(hint, type) and hint is not Any and get_origin(hint) is None
    if is_class and not getattr(hint, "_is_protocol", False):
        own = cast("type", hint)
        return _WIDER.get(own, (own,))
    return None


def _kinds_of_union(hint: Any) -> tuple[type, ...] | None:  # noqa: ANN401  an annotation
    found = [_kinds(one) for one in get_args(hint)]
    return None if None in found else tuple(one for kinds in found for one in kinds or ())


def _check(hint: Any) -> Check:  # noqa: ANN401  an annotation
    kinds = _kinds(hint)
    if kinds is not None:
        return _check_of_kinds(kinds)
    origin, parts = get_origin(hint), get_args(hint)
    if origin in _UNIONS:
        return _check_of_any([_check(one) for one in parts])
    if origin is Literal:
        return lambda value: any(value == one and type(value) is type(one) for one in parts)
    return _check_of_holder(origin, parts) if parts else _anything


def _check_of_any(checks: Sequence[Check]) -> Check:
    return lambda value: any(one(value) for one in checks)


def _check_of_kinds(kinds: tuple[type, ...]) -> Check:
    takes_bool = bool in kinds or object in kinds
    return lambda value: isinstance(value, kinds) and (takes_bool or not isinstance(value, bool))


def _check_of_holder(origin: Any, parts: tuple[Any, ...]) -> Check:  # noqa: ANN401  of an annotation
    if origin is tuple and len(parts) == _OF_ONE_KIND and parts[1] is Ellipsis:
        return _check_of_many(tuple, _check(parts[0]))
    if origin in _ITERABLES:
        return _check_of_many((tuple, frozenset, set), _check(parts[0]))
    if origin in _MAPPINGS and len(parts) == _OF_ONE_KIND:
        return _check_of_pairs(_check(parts[0]), _check(parts[1]))
    return _anything


def _check_of_pairs(key: Check, own: Check) -> Check:
    def check(value: Any) -> bool:  # noqa: ANN401  whatever was given
        pairs = cast("Mapping[Any, Any]", value).items() if isinstance(value, Mapping) else None
        return pairs is not None and all(key(name) and own(one) for name, one in pairs)

    return check


def _check_of_many(holder: type | tuple[type, ...], check: Check) -> Check:
    return lambda value: isinstance(value, holder) and all(map(check, cast("Iterable[Any]", value)))


def _anything(_: object) -> bool:
    return True


def _words(kinds: tuple[type, ...] | None, text: str) -> str:
    if kinds is None and (many := _MANY.fullmatch(text)):
        return f"a list or tuple of {many[1]}"
    if kinds is None:
        return f"of the type {text}"
    known = dict.fromkeys(_WORDS.get(one, f"a {one.__name__}") for one in kinds)
    return " or ".join(known)


_MANY = re.compile(r"tuple\[(\w+), \.\.\.\]")


class _Unread:
    """Stands for an annotation that cannot be read."""


_UNREAD: Any = _Unread()
_OF_ONE_KIND = 2
_UNIONS = (Union, types.UnionType)
_ITERABLES = (collections.abc.Iterable, collections.abc.Sequence, list)
_MAPPINGS = (collections.abc.Mapping, dict)
_LISTS = ("tuple[", "list[", "dict[", "frozenset[", "Sequence[", "Iterable[", "Mapping[")
_WIDER: Mapping[type, tuple[type, ...]] = {
    float: (float, int),
    bytes: (bytes, bytearray, memoryview),
}
_PLAIN = frozenset({str, bool, timedelta, datetime, date, time, type(None)})
_WORDS: Mapping[type, str] = {
    str: "a text",
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    bytes: "bytes",
    bytearray: "bytes",
    memoryview: "bytes",
    timedelta: "a timedelta",
    type(None): "None",
}
_NAMES: dict[str, Any] = {
    "timedelta": timedelta,
    "datetime": datetime,
    "date": date,
    "time": time,
    "Mapping": collections.abc.Mapping,
    "Sequence": collections.abc.Sequence,
    "Iterable": collections.abc.Iterable,
    "Callable": cast("Any", collections.abc.Callable),
    "Any": Any,
}
"""What modules import for type checkers only."""
