"""A message is a value: lists and mappings become ones that cannot change, and an unpaired surrogate is refused before it is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from operator import attrgetter
from typing import Any, NoReturn, cast

from messaging_channels._model.errors import InvalidMessage
from messaging_channels.messages._field_types import FieldRule, rules_of


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
    kinds = table.simple_types(value)
    if (
        kinds not in table.accepted
    ):  # most messages of a type have fields of the same types: this takes half of their time
        _require_simple_types(value, table)
        table.accepted.add(kinds)
    for rule in table.others:
        given = getattr(value, rule.name, _NOTHING)
        if given is None and rule.takes_none:
            continue
        if given is not _NOTHING or rule.kinds is not None:
            object.__setattr__(value, rule.name, _sealed_field(value, rule, given))


def _require_simple_types(value: object, table: _Fields) -> None:
    for rule in table.simple:
        given = getattr(value, rule.name)
        if not isinstance(given, rule.kinds or ()):
            raise _wrong_type_error(type(value), rule, given)


def _sealed_field(value: object, rule: FieldRule, given: object) -> object:
    """Return what a field holds in its immutable form.

    Raises:
        InvalidMessage: it is not of the field's type.
    """
    if rule.is_list and isinstance(given, str):
        raise _one_text_error(type(value), rule.name)
    sealed = _sealed(given)
    if not rule.check(sealed):
        raise _wrong_type_error(type(value), rule, given)
    return sealed


def require_characters(value: object) -> None:
    """Refuse an unpaired surrogate anywhere in a message, or in a part of one: no provider and no database could write it.

    Raises:
        InvalidMessage: naming the type and the field, never the text.
    """
    for given in filter(None, _FIELDS[type(value)].values(value)):
        if not (isinstance(given, str) and given.isascii()):
            return _require_characters_of_fields(value)
    return None


def _require_characters_of_fields(value: object) -> None:
    kind = type(value)
    for name in _FIELDS[kind].names:
        _require_nested_characters(getattr(value, name, None), f"{kind.__name__}.{name}")


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
    simple: Sequence[FieldRule]
    """Those of which `isinstance` says all."""
    others: Sequence[FieldRule]
    values: Callable[[Any], tuple[Any, ...]]
    """Returns the values of all fields."""
    simple_types: Callable[[Any], tuple[type, ...]]
    """Returns the types of the values of the simple ones."""
    accepted: set[tuple[type, ...]]
    """Types of the simple ones that were found right."""


class _FieldTable(dict[type, _Fields]):
    """What the fields of types may hold, read once for each type."""

    def __missing__(self, kind: type) -> _Fields:
        rules = rules_of(kind)
        names, simple = [one.name for one in rules], [one for one in rules if one.is_plain]
        self[kind] = made = _Fields(
            names,
            simple,
            [one for one in rules if not one.is_plain],
            _getter(names),
            _getter([f"{one.name}.__class__" for one in simple]),
            set(),
        )
        return made


def _getter(names: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    """Return what reads attributes of a value at once; `attrgetter` makes a tuple of two names and more."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda value: tuple(attrgetter(name)(value) for name in names)


def _wrong_type_error(kind: type, rule: FieldRule, given: object) -> InvalidMessage:
    what = "None" if given is None else type(given).__name__
    return InvalidMessage(
        f"must be {rule.words}, got {what}", field=f"{kind.__name__}.{rule.name}", hint="change its type"
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


_NOTHING: tuple[Any, ...] = ()  # Python has one empty tuple
_FIELDS = _FieldTable()
