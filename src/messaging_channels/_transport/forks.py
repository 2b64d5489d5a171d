"""What a forked child must not go on with: the parent's connections, locks and threads."""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class Forkable(Protocol):
    """Holds what belongs to one process."""

    def reset_after_fork(self) -> None:
        """In a forked child: let go of what belongs to the parent, without closing it."""


_ALIVE: WeakSet[Forkable] = WeakSet()


def reset_in_child(holder: Forkable) -> None:
    """Have it told in every forked child, as long as it lives."""
    _ALIVE.add(holder)


def _tell_all() -> None:
    for holder in list(_ALIVE):
        holder.reset_after_fork()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_tell_all)
