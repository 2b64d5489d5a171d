"""Messages as JSON and back: for those that wait in a ledger. A type must be known to be read, so what is stored cannot name anything else."""

from __future__ import annotations

import base64
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias, cast, get_args

from messaging_channels._model import addresses
from messaging_channels._model.errors import InvalidMessage

Json: TypeAlias = Any
"""What `json` reads and writes."""


class DecodeError(ValueError):
    """The stored message has an unknown type or value, for example of a plugin that is not installed."""


class UnknownType(DecodeError):
    """No type, or no field of a type, of that name is known here: a newer version, or a plugin that is not installed, stored it."""


class Codec:
    """Turns values of known types into JSON and back. Many threads may use an object at once."""

    def __init__(self, types: Iterable[type]) -> None:
        """Know these types, the dataclasses and enumerations of the modules that define them, and the built-in addresses."""
        modules = {sys.modules[kind.__module__] for kind in types} | {addresses}
        found = [
            kind
            for module in modules
            for value in vars(module).values()
            for kind in (value, *get_args(value))  # a name may stand for one of several types
            if isinstance(kind, type) and (is_dataclass(kind) or issubclass(kind, Enum))
        ]
        self._types = {_type_name(kind): kind for kind in found}

    def encode(self, value: Any) -> Json:  # noqa: ANN401  whatever a message may hold
        """Return the value as JSON can hold it.

        Raises:
            InvalidMessage: it is, or holds, something of a type that could not be read again.
        """
        if value is None or isinstance(value, (bool, int, float)) or type(value) is str:
            return value
        if isinstance(value, tuple):
            return [self.encode(one) for one in cast("tuple[Any, ...]", value)]
        if _type_name(type(cast("object", value))) in self._types:
            return self._encode_object(value)
        if isinstance(value, str) and not isinstance(value, Enum):
            return str.__str__(value)[:]  # a template's output is marked as safe; a copy is a plain one
        if isinstance(value, Mapping):
            return self._encode_mapping(cast("Mapping[Any, Any]", value))
        return self._encode_scalar(value)

    def _encode_mapping(self, value: Mapping[Any, Any]) -> Json:
        return {_TAG: "map", "of": [[self.encode(key), self.encode(one)] for key, one in value.items()]}

    def _encode_scalar(self, value: object) -> Json:
        for name, (kind, write, _) in _SCALARS.items():
            if isinstance(value, kind):
                return {_TAG: name, "of": self.encode(write(value))}
        raise InvalidMessage(
            "cannot be stored",
            field=type(value).__name__,
            hint="use plain values in the fields of a queued message",
        )

    def decode(self, stored: Json) -> Any:  # noqa: ANN401  what was encoded
        """Return the value, checked as when it was made first.

        Raises:
            DecodeError: it names a type that is not known here, or no longer fits it.
        """
        if isinstance(stored, list):
            return tuple(self.decode(one) for one in cast("list[Any]", stored))
        return self._decode_parts(cast("dict[str, Any]", stored)) if isinstance(stored, dict) else stored

    def _decode_parts(self, parts: Mapping[str, Any]) -> Any:  # noqa: ANN401  what was encoded
        name = parts.get(_TAG)
        if name == "map":
            return {self.decode(key): self.decode(one) for key, one in parts["of"]}
        if name not in _SCALARS and isinstance(name, str) and name not in self._types:
            raise UnknownType(f"the stored {name!r} is of a type that is not known here")
        try:
            if name in _SCALARS:
                return _SCALARS[name][2](self.decode(parts["of"]))
            return self._decode_object(self._types[str(name)], parts)
        except UnknownType:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise DecodeError(f"the stored {name!r} cannot be read: {type(error).__name__}") from None

    def _encode_object(self, value: Any) -> Json:  # noqa: ANN401  a dataclass or an enumeration
        name = _type_name(type(cast("object", value)))
        if isinstance(value, Enum):
            return {_TAG: name, "of": self.encode(value.value)}
        kept = {one: self.encode(getattr(value, one)) for one in _field_names(cast("Any", type(value)))}
        return {_TAG: name, **kept}

    def _decode_object(self, value_type: type, parts: Mapping[str, Any]) -> Any:  # noqa: ANN401
        if issubclass(value_type, Enum):
            return value_type(self.decode(parts["of"]))
        known = _field_names(cast("Any", value_type)).keys()
        kept = {name: one for name, one in parts.items() if name != _TAG}
        if not kept.keys() <= known:
            strange = min(kept.keys() - known)
            raise UnknownType(
                f"the stored {value_type.__name__} has a field that is not known here: {strange}"
            )
        for name, one in kept.items():
            if isinstance(one, (dict, list)):
                kept[name] = self.decode(one)
        return value_type(**kept)


@cache
def _field_names(value_type: type) -> dict[str, None]:
    """Return the names of what a dataclass is made of, in order."""
    return {one.name: None for one in fields(cast("Any", value_type)) if one.init}


def _type_name(value_type: type) -> str:
    """Return what a type is stored as: our own by their bare names, so that they may move; a plugin's with its package."""
    package = value_type.__module__.partition(".")[0]
    return value_type.__name__ if package == "messaging_channels" else f"{package}:{value_type.__name__}"


_TAG = "$"
_SCALARS: dict[str, tuple[type, Callable[[Any], Any], Callable[[Any], Any]]] = {
    "bytes": (bytes, lambda value: base64.b64encode(value).decode(), base64.b64decode),
    "list": (list, tuple, list),
    "set": (frozenset, lambda value: tuple(sorted(value, key=repr)), frozenset),
    "datetime": (datetime, datetime.isoformat, datetime.fromisoformat),
    "date": (date, date.isoformat, date.fromisoformat),
    "time": (time, time.isoformat, time.fromisoformat),
    "timedelta": (
        timedelta,
        lambda value: (value.days, value.seconds, value.microseconds),
        lambda parts: timedelta(*parts),
    ),
    "decimal": (Decimal, str, Decimal),
    "path": (Path, str, Path),
}
"""By name: the type, how it is written, and how it is read. A datetime is a date, so it comes first."""
