"""Entry points of installed distributions, read once for each state of the module path: to read them again takes 10 ms with 250 distributions."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from importlib.metadata import EntryPoints, entry_points
from typing import cast


def installed(group: str) -> EntryPoints:
    """Return the entry points of a group. A distribution that was installed or removed meanwhile is noticed, as its folder changes."""
    return _read(_state()).select(group=group)


@lru_cache(maxsize=1)
def _read(state: object) -> EntryPoints:  # noqa: ARG001  the key
    # what 3.11 returns for all groups is selected from in the same way
    return cast("EntryPoints", entry_points())


def _state() -> tuple[object, ...]:
    return (len(sys.meta_path), *((path, _changed(path)) for path in sys.path))


def _changed(path: str) -> int:
    """Return when something in a folder was last added or removed: nanoseconds since the epoch, 0 for what is no folder."""
    try:
        return os.stat(path or ".").st_mtime_ns  # noqa: PTH116  twenty of them for each configuration
    except (OSError, ValueError):
        return 0
