"""A message is a value: lists and mappings become ones that cannot change, and what no provider could send is refused when it is made."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, NoReturn, cast

from messaging_channels._model.errors import InvalidMessage


class FrozenDict(dict[Any, Any]):
    """A mapping that cannot be changed."""

    __slots__ = ()

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        message = "a message cannot be changed: make another one, with dataclasses.replace"
        raise TypeError(message)

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    def __reduce__(self) -> tuple[type[FrozenDict], tuple[dict[Any, Any]]]:
        """Pickle and copy as what it is made of."""
        return FrozenDict, (dict(self),)


def seal(value: object) -> None:
    """Bring the fields of a message, or of a part of one, into their immutable form.

    Raises:
        InvalidMessage: a text holds half a character, or stands where several are meant.
    """
    kind = type(value)
    if kind not in _fields:
        _fields[kind] = [(one.name, bool(_LIST.match(str(one.type)))) for one in fields(cast("Any", kind))]
    for name, is_list in _fields[kind]:
        given = getattr(value, name, None)
        if given is None or given is True or given is False or given == ():
            continue
        if is_list and isinstance(given, str):
            raise InvalidMessage(
                "one text was given where several are meant",
                field=f"{kind.__name__}.{name}",
                hint="give a list",
            )
        sealed = _sealed(given, kind, name)
        if sealed is not given:
            object.__setattr__(value, name, sealed)


def _sealed(given: Any, kind: type, name: str) -> Any:  # noqa: ANN401  whatever a message may hold
    if isinstance(given, str):
        if not given.isascii():
            _require_characters(given, kind, name)
        return given
    if isinstance(given, (list, tuple, Iterator)):
        return _sealed_tuple(cast("Any", given), kind, name)
    if isinstance(given, Mapping):
        pairs = cast("Mapping[Any, Any]", given).items()
        return FrozenDict({_sealed(key, kind, name): _sealed(one, kind, name) for key, one in pairs})
    if isinstance(given, (bytearray, memoryview)):
        return bytes(cast("bytes", given))
    if is_dataclass(given) and not isinstance(given, type):
        seal(given)
    return given


def _sealed_tuple(given: Iterable[Any], kind: type, name: str) -> Any:  # noqa: ANN401  a named tuple stays one
    before = tuple(given)
    made = tuple(_sealed(one, kind, name) for one in before)
    is_same = isinstance(given, tuple) and all(one is other for one, other in zip(made, before, strict=True))
    return given if is_same else made


def _require_characters(text: str, kind: type, name: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidMessage(
            "it holds half a character (a lone surrogate)", field=f"{kind.__name__}.{name}", hint="remove it"
        ) from None


_LIST = re.compile(r"(?:tuple|list|dict|frozenset|Sequence|Iterable|Mapping)\[|Parameters$")
_fields: dict[type, list[tuple[str, bool]]] = {}
