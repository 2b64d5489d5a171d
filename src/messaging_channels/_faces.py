"""Public modules that import a name where it is first used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy(
    face: str, homes: Mapping[str, tuple[str, ...]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the `__getattr__` and `__dir__` of a module whose names live elsewhere: by module below `messaging_channels`."""
    home_of = {name: home for home, names in homes.items() for name in names}

    def find(name: str) -> Any:  # noqa: ANN401  any of the names
        if name not in home_of:
            message = f"module {face!r} has no attribute {name!r}"
            raise AttributeError(message)
        home = import_module(f"messaging_channels.{home_of[name]}")
        found = getattr(home, name, None) or import_module(f"{home.__name__}.{name}")
        setattr(import_module(face), name, found)  # the next look-up finds it at once
        return found

    return find, lambda: sorted(home_of)
