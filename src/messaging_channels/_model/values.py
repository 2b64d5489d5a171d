"""Values made by the thousand: frozen for the type checkers, and plain at run time, where a frozen one takes three times as long to make."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as fast_frozen
else:
    from dataclasses import dataclass

    def fast_frozen(*, frozen: bool, slots: bool) -> Any:  # noqa: ANN401, ARG001  as `dataclass`
        """Make a class of values, comparable and hashable. Nothing assigns to them: the type checkers see to it."""
        return dataclass(slots=slots, unsafe_hash=True)


def as_texts(given: str | Iterable[str]) -> tuple[str, ...]:
    """Return several texts as they are, and one text as one: never its letters."""
    return (given,) if isinstance(given, str) else tuple(given)


__all__ = ["as_texts", "fast_frozen"]
