"""Samples of every public value and error of the library and its plugins, found by walking their modules and made from their annotations."""

from __future__ import annotations

import dataclasses
import enum
import importlib
import inspect
import pkgutil
import sys
import types
import typing
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from pydantic import BaseModel

from messaging_channels import (
    EmailAddress,
    PhoneNumber,
    Sms,
)
from messaging_channels.errors import NoRoute
from messaging_channels_smtp import SmtpEmailOptions

CORE = "messaging_channels"


class NotAValue(TypeError):
    """A class holds what is no value: a function, a connection, a plugin's object."""


def packages() -> list[str]:
    """Return the core's and the plugins' packages that are installed."""
    found = {one.name for one in pkgutil.iter_modules() if one.ispkg and one.name.startswith(f"{CORE}_")}
    return sorted({CORE} | found)


@cache
def modules() -> tuple[types.ModuleType, ...]:
    """Import every module whose requirements are there."""
    found: list[types.ModuleType] = []
    for package in packages():
        root = importlib.import_module(package)
        found.append(root)
        for one in pkgutil.walk_packages(root.__path__, f"{package}.", onerror=lambda _: None):
            if not {"template", "__main__", "tests"} & set(one.name.split(".")):
                try:
                    found.append(importlib.import_module(one.name))
                except Exception:  # noqa: BLE001  an extra or a framework that is not set up
                    continue
    return tuple(found)


@cache
def classes() -> tuple[type, ...]:
    """Return every class that one of them defines, but for private ones."""
    found = {
        one
        for module in modules()
        for one in vars(module).values()
        if issubclass(type(one), type)
        and one.__module__ == module.__name__
        and not one.__name__.startswith("_")
    }
    return tuple(sorted(found, key=lambda one: (one.__module__, one.__qualname__)))


def errors() -> list[type[Exception]]:
    """Return the exceptions."""
    return [one for one in classes() if issubclass(one, Exception)]


def values() -> Iterator[tuple[type, Any]]:
    """Yield each class of values with a sample of it."""
    for kind in classes():
        if (
            dataclasses.is_dataclass(kind)
            and not issubclass(kind, Exception)
            and not inspect.isabstract(kind)
        ):
            try:
                yield kind, sample(kind)
            except NotAValue:
                continue


def models() -> Iterator[tuple[type[BaseModel], BaseModel]]:
    """Yield each model of pydantic with a sample of it: settings of plugins, and what the gateway takes and answers."""
    for kind in classes():
        if issubclass(kind, BaseModel):
            try:
                yield kind, sample(kind)
            except (NotAValue, ValueError):  # one whose fields are checked together: as it is without a check
                yield kind, kind.model_construct()


def error_of(kind: type[Exception]) -> Exception:
    """Make an error as a caller does, from what its constructor takes."""
    if kind.__name__ in _EXAMPLES:
        return kind(*_EXAMPLES[kind.__name__])
    if not isinstance(kind.__init__, types.FunctionType):
        return kind("what happened")
    hints = _hints(kind.__init__)
    given: dict[str, Any] = {}
    first: list[Any] = []
    for name, one in inspect.signature(kind).parameters.items():
        if one.kind is one.VAR_KEYWORD:
            continue
        value = sample(hints.get(name, Any))
        if one.kind in (one.POSITIONAL_ONLY, one.VAR_POSITIONAL):
            first.append(value)
        else:
            given[name] = value
    return kind(*first, **given)


def sample(hint: Any) -> Any:
    """Return a value of a type.

    Raises:
        NotAValue: it is none of values.
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(hint, Hashable) and hint in _SIMPLE:
        return _SIMPLE[hint]
    if getattr(hint, "__name__", "") in _BY_NAME and getattr(hint, "_is_protocol", True):
        return _BY_NAME[hint.__name__]
    if isinstance(hint, typing.TypeVar):
        return sample(hint.__bound__ or (hint.__constraints__ or (Any,))[0])
    if origin in (typing.Union, types.UnionType):
        return _first([one for one in arguments if one is not type(None)])
    if origin in (typing.Annotated, typing.ClassVar, typing.Literal):
        return arguments[0] if origin is typing.Literal else sample(arguments[0])
    return _sample_of_class(hint) if origin is None else _sample_of_many(origin, arguments)


def _first(hints: Sequence[Any]) -> Any:
    for one in hints:
        try:
            return sample(one)
        except NotAValue:
            continue
    raise NotAValue(str(hints))


def _sample_of_many(origin: Any, arguments: Sequence[Any]) -> Any:
    if origin is tuple:
        return tuple(sample(one) for one in arguments if one is not ...)
    if issubclass(origin, (frozenset, set)):
        return frozenset([sample(arguments[0])])
    if issubclass(origin, Mapping):
        return {sample(arguments[0]): sample(arguments[1])}
    if origin is list:
        return [sample(arguments[0])]
    if issubclass(Sequence, origin):  # a sequence, or any iterable or collection
        return (sample(arguments[0]),)
    if dataclasses.is_dataclass(origin):
        return _sample_of_class(origin)
    raise NotAValue(str(origin))


def _sample_of_class(kind: Any) -> Any:
    if not isinstance(kind, type):
        raise NotAValue(str(kind))
    if issubclass(kind, enum.Enum):
        return next(iter(kind))
    if not dataclasses.is_dataclass(kind):
        raise NotAValue(kind.__name__)
    hints = _hints(kind)
    given = {one.name: sample(hints.get(one.name, Any)) for one in dataclasses.fields(kind)}
    with suppress(Exception):  # where it checks nothing, or the samples please it
        return kind(**{one.name: given[one.name] for one in dataclasses.fields(kind) if one.init})
    made = object.__new__(kind)  # what is refused as input is not asked: it is to arrive as it is
    for name, value in given.items():
        object.__setattr__(made, name, value)
    return made


@cache
def _types_by_name() -> dict[str, Any]:
    """Return the classes and unions of every module."""
    found: dict[str, Any] = {}
    for module in modules():
        for name, one in vars(module).items():
            if issubclass(type(one), type) or type(one).__module__ in ("types", "typing"):
                found.setdefault(name, one)
    return found


@cache
def _hints(of: Any) -> dict[str, Any]:
    """Return annotations, also those that are imported for type checkers only."""
    with suppress(NameError, TypeError, AttributeError):
        return typing.get_type_hints(of)
    own = vars(sys.modules[of.__module__])
    known = {name: one for name, one in _types_by_name().items() if name not in own}
    with suppress(NameError, TypeError, AttributeError):
        return typing.get_type_hints(of, localns=known)
    return {}


def same(one: Any, other: Any) -> bool:
    """Whether two values are alike in everything; two errors are, if their classes, texts and attributes are."""
    if type(one) is not type(other):
        return False
    if isinstance(one, BaseException):
        return same((one.args, str(one), vars(one)), (other.args, str(other), vars(other)))
    if dataclasses.is_dataclass(one):
        return all(
            same(getattr(one, field.name), getattr(other, field.name))
            for field in dataclasses.fields(one)
            if field.compare
        )
    if isinstance(one, (tuple, list)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return bool(one == other)


def raise_it(error: Exception) -> NoReturn:
    """Raise an error where it was sent to."""
    raise error


_SIMPLE: dict[Any, Any] = {
    Any: "anything",
    object: "anything",
    str: "text",
    int: 7,
    float: 1.5,
    complex: 1j,
    bool: True,
    bytes: b"bytes",
    type(None): None,
    Path: Path("file"),
    Decimal: Decimal("1.5"),
    datetime: datetime(2030, 1, 1, tzinfo=UTC),
    date: date(2030, 1, 1),
    time: time(9),
    tzinfo: UTC,
    timedelta: timedelta(seconds=1),
    Exception: ValueError("text"),
    BaseException: ValueError("text"),
    PhoneNumber: PhoneNumber.parse("+447700900123"),
    EmailAddress: EmailAddress.parse("anna@example.com"),
}
_BY_NAME: dict[str, Any] = {
    "Address": _SIMPLE[PhoneNumber],
    "Message": Sms("hello"),
    "ProviderOptions": SmtpEmailOptions(),
    "MessagingError": NoRoute("sms"),
}
"""Of protocols and base classes."""
_EXAMPLES: dict[str, tuple[Any, ...]] = {"Problem": ("not_found", "it is not there")}
"""What errors take that know a list of codes."""
