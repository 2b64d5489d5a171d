"""A difference in full, line by line, behind the words of a finding."""

from __future__ import annotations

from difflib import unified_diff
from pprint import pformat
from typing import Any, Self

_WIDTH = 100


class Difference(str):
    """The words of a finding, and what was expected and what was seen as a diff; equal to the words alone."""

    __slots__ = ("diff",)
    diff: str

    def __new__(cls, words: str, *, expected: Any, seen: Any, names: tuple[str, str]) -> Self:  # noqa: ANN401  any values
        """Compare two values, or the lines of two texts."""
        made = super().__new__(cls, words)
        lines = unified_diff(_lines(expected), _lines(seen), *names, lineterm="")
        made.diff = "\n".join(lines)
        return made


def diff_of(words: str) -> str:
    """Return the diff behind the words of a finding; empty where there is none."""
    return words.diff if isinstance(words, Difference) else ""


def _lines(value: Any) -> list[str]:  # noqa: ANN401  any value
    return (value if isinstance(value, str) and "\n" in value else pformat(value, width=_WIDTH)).splitlines()
