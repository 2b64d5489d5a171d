"""Values made by the thousand: frozen for the type checkers, and plain at run time, where a frozen one takes three times as long to make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as fast_frozen
else:
    from dataclasses import dataclass

    def fast_frozen(*, frozen: bool, slots: bool) -> Any:  # noqa: ANN401, ARG001  as `dataclass`
        """Make a class of values, comparable and hashable. Nothing assigns to them: the type checkers see to it."""
        return dataclass(slots=slots, unsafe_hash=True)


__all__ = ["fast_frozen"]
