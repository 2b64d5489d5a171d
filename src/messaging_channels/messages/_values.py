"""A message is a value: lists and mappings become ones that cannot change, and an unpaired surrogate is refused before it is sent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import timedelta
from typing import Any, NoReturn, cast

from messaging_channels._model.errors import InvalidMessage


class FrozenDict(dict[Any, Any]):
    """A mapping that cannot be changed."""

    __slots__ = ()

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        message = "messages are immutable: make another one with dataclasses.replace"
        raise TypeError(message)

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    def __reduce__(self) -> tuple[type[FrozenDict], tuple[dict[Any, Any]]]:
        """Pickle and copy as what it is made of."""
        return FrozenDict, (dict(self),)


def seal(value: object) -> None:
    """Bring the fields of a message, or of a part of one, into their immutable form.

    Raises:
        InvalidMessage: a text stands where several are meant, or a field is of a wrong type.
    """
    table = _FIELDS[type(value)]
    for name, kinds in table.simple:
        given = getattr(value, name, None)
        if not isinstance(given, kinds):
            raise _wrong_type_error(type(value), name, given, kinds)
    for name, is_list in table.others:
        given = getattr(value, name, None)
        if isinstance(given, str):
            if is_list:
                raise _one_text_error(type(value), name)
        elif given is not None and given != ():
            object.__setattr__(value, name, _sealed(given))


def require_characters(value: object) -> None:
    """Refuse an unpaired surrogate anywhere in a message, or in a part of one: no provider and no database could write it.

    Raises:
        InvalidMessage: naming the type and the field, never the text.
    """
    kind = type(value)
    for name in _FIELDS[kind].names:
        given = getattr(value, name, None)
        if isinstance(given, str):
            if not given.isascii():
                _require_encodable(given, f"{kind.__name__}.{name}")
        elif given is not None and given is not False and given != ():
            _require_nested_characters(given, f"{kind.__name__}.{name}")


def _require_nested_characters(value: object, field: str) -> None:
    if isinstance(value, str):
        _require_encodable(value, field)
    elif isinstance(value, tuple):
        for one in cast("tuple[Any, ...]", value):
            _require_nested_characters(one, field)
    elif isinstance(value, Mapping):
        for pair in cast("Mapping[Any, Any]", value).items():
            _require_nested_characters(pair, field)
    elif is_dataclass(value) and not isinstance(value, type):
        require_characters(value)


@dataclass(frozen=True, slots=True)
class _Fields:
    """The fields of a type, as they are looked at."""

    names: Sequence[str]
    simple: Sequence[tuple[str, tuple[type, ...]]]
    """Those that hold a text, a time, or whether something is so: with the types that they may have."""
    others: Sequence[tuple[str, bool]]
    """The others: with whether each holds several values."""


class _FieldTable(dict[type, _Fields]):
    """The fields of types, each looked up once."""

    def __missing__(self, kind: type) -> _Fields:
        found = {one.name: str(one.type) for one in fields(cast("Any", kind))}
        self[kind] = made = _Fields(
            tuple(found),
            [(name, _SIMPLE[noted]) for name, noted in found.items() if noted in _SIMPLE],
            [(name, bool(_LIST.match(noted))) for name, noted in found.items() if noted not in _SIMPLE],
        )
        return made


def _wrong_type_error(kind: type, name: str, given: object, kinds: tuple[type, ...]) -> InvalidMessage:
    wanted = " or ".join(_WORDS[one] for one in kinds)
    what = "None" if given is None else type(given).__name__
    return InvalidMessage(
        f"must be {wanted}, got {what}", field=f"{kind.__name__}.{name}", hint="change its type"
    )


def _sealed(given: Any) -> Any:  # noqa: ANN401  whatever a message may hold
    if isinstance(given, (list, tuple, Iterator)):
        return _sealed_tuple(cast("Any", given))
    if isinstance(given, Mapping):
        pairs = cast("Mapping[Any, Any]", given).items()
        return FrozenDict({key: _sealed(one) for key, one in pairs})
    if isinstance(given, (bytearray, memoryview)):
        return bytes(cast("bytes", given))
    if is_dataclass(given) and not isinstance(given, type):
        seal(given)
    return given


def _sealed_tuple(given: Iterable[Any]) -> Any:  # noqa: ANN401  a named tuple stays one
    before = tuple(given)
    made = tuple(_sealed(one) for one in before)
    is_same = isinstance(given, tuple) and all(one is other for one, other in zip(made, before, strict=True))
    return given if is_same else made


def _one_text_error(kind: type, name: str) -> InvalidMessage:
    field = f"{kind.__name__}.{name}"
    return InvalidMessage("must be a list or tuple, got one text", field=field, hint="put it into a list")


def _require_encodable(text: str, field: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidMessage(
            f"contains an unpaired surrogate (index {error.start})",
            field=field,
            hint="remove it, or repair the text where it was cut",
        ) from None


_LIST = re.compile(r"(?:tuple|list|dict|frozenset|Sequence|Iterable|Mapping)\[|Parameters$")
_SIMPLE: Mapping[str, tuple[type, ...]] = {
    "str": (str,),
    "str | None": (str, type(None)),
    "bool": (bool,),
    "timedelta | None": (timedelta, type(None)),
}
"""By how a field is annotated. Others are checked by the message itself."""
_WORDS: Mapping[type, str] = {
    str: "a text",
    bool: "True or False",
    timedelta: "a timedelta",
    type(None): "None",
}
_FIELDS = _FieldTable()
