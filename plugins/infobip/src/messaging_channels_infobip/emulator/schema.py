"""A small language of rules for JSON: what a field may hold, and what is wrong where."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, cast

from messaging_channels_infobip.dates import parse_date

Problem: TypeAlias = tuple[str, str]
"""Where, and what is wrong there."""


class Rule(Protocol):
    """What a value must be."""

    def problems(self, value: Any, at: str) -> Iterator[Problem]:  # noqa: ANN401  whatever came
        """Tell everything that is wrong."""
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """Text of some length, or one of some words."""

    at_least: int = 0
    at_most: int | None = None
    words: frozenset[str] = frozenset()

    def problems(self, value: Any, at: str) -> Iterator[Problem]:  # noqa: ANN401
        """See Rule."""
        if not isinstance(value, str):
            yield at, "must be a string"
        elif self.words and value not in self.words:
            yield at, "must be one of the documented values"
        elif not self.at_least <= len(value) <= (self.at_most or len(value)):
            yield at, f"size must be between {self.at_least} and {self.at_most or 'any'}"


def enum_of(*known: str) -> Text:
    """One of these."""
    return Text(words=frozenset(known))


@dataclass(frozen=True, slots=True)
class Number:
    """A number within limits."""

    low: float = float("-inf")
    high: float = float("inf")
    whole: bool = True

    def problems(self, value: Any, at: str) -> Iterator[Problem]:  # noqa: ANN401
        """See Rule."""
        if isinstance(value, bool) or not isinstance(value, int if self.whole else (int, float)):
            yield at, "must be a whole number" if self.whole else "must be a number"
        elif not self.low <= value <= self.high:
            yield at, f"must be between {self.low} and {self.high}"


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of these numbers."""

    known: tuple[int, ...]

    def problems(self, value: Any, at: str) -> Iterator[Problem]:  # noqa: ANN401
        """See Rule."""
        if isinstance(value, bool) or value not in self.known:
            yield at, f"must be one of {', '.join(map(str, self.known))}"


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    def problems(self, value: Any, at: str) -> Iterator[Problem]:  # noqa: ANN401
        """See Rule."""
        if not isinstance(value, bool):
            yield at, "must be true or false"


@dataclass(frozen=True, slots=True)
class Free:
    """Any object."""

    def problems(self, value: Any, at: str) -> Iterator[Problem]:  # noqa: ANN401
        """See Rule."""
        if not isinstance(value, dict):
            yield at, "must be an object"


@dataclass(frozen=True, slots=True)
class Many:
    """A list."""

    of: Rule
    at_least: int = 0
    at_most: int | None = None

    def problems(self, value: Any, at: str) -> Iterator[Problem]:  # noqa: ANN401
        """See Rule."""
        if not isinstance(value, list):
            yield at, "must be a list"
            return
        listed = cast("list[Any]", value)
        if not self.at_least <= len(listed) <= (self.at_most or len(listed)):
            yield at, f"size must be between {self.at_least} and {self.at_most or 'any'}"
        for index, one in enumerate(listed):
            yield from self.of.problems(one, f"{at}[{index}]")


@dataclass(frozen=True, slots=True)
class Either:
    """What one of these allows."""

    rules: tuple[Rule, ...]

    def problems(self, value: Any, at: str) -> Iterator[Problem]:  # noqa: ANN401
        """See Rule. Of what none allows, the first says what is wrong."""
        found = [list(rule.problems(value, at)) for rule in self.rules]
        yield from () if any(not one for one in found) else found[0]


@dataclass(frozen=True, slots=True)
class Time:
    """A time (ISO 8601), with or without a zone."""

    def problems(self, value: Any, at: str) -> Iterator[Problem]:  # noqa: ANN401
        """See Rule."""
        if parse_date(value, default=-1.0) < 0 or not isinstance(value, str):
            yield at, "must be a date and a time"


@dataclass(frozen=True, slots=True)
class Base64:
    """Bytes as base64 (RFC 4648), and what else they must be."""

    of: Callable[[bytes], str] = lambda _: ""
    """Says what is wrong with them; empty for nothing."""

    def problems(self, value: Any, at: str) -> Iterator[Problem]:  # noqa: ANN401
        """See Rule."""
        try:
            problem = self.of(b64decode(value, validate=True))
        except (ValueError, TypeError):
            problem = "must be base64"
        if problem:
            yield at, problem


UNKNOWN = "is not known"


@dataclass(frozen=True, slots=True)
class Object:
    """An object. The names of required fields end in `*`; what is not named is refused, where the real API ignores it."""

    fields: Mapping[str, Rule]

    def problems(self, value: Any, at: str) -> Iterator[Problem]:  # noqa: ANN401
        """See Rule."""
        if not isinstance(value, dict):
            yield at, "must be an object"
            return
        given = cast("dict[str, Any]", value)
        prefix = f"{at}." if at else ""
        known = {name.rstrip("*") for name in self.fields}
        for name in given.keys() - known:
            yield prefix + name, UNKNOWN
        for name, rule in self.fields.items():
            plain = name.rstrip("*")
            if plain in given:
                yield from rule.problems(given[plain], prefix + plain)
            elif plain != name:
                yield prefix + plain, "must not be null"


@dataclass(frozen=True, slots=True)
class Variants:
    """An object whose `type` decides about its other fields."""

    kinds: Mapping[str, Mapping[str, Rule]] = field(default_factory=dict[str, Mapping[str, Rule]])

    def problems(self, value: Any, at: str) -> Iterator[Problem]:  # noqa: ANN401
        """See Rule."""
        kind = cast("dict[str, Any]", value).get("type") if isinstance(value, dict) else None
        if kind not in self.kinds:
            yield f"{at}.type", "must be one of the documented values"
            return
        yield from Object({"type*": Text(), **self.kinds[str(kind)]}).problems(value, at)
