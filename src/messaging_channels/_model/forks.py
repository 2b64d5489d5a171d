"""What a fork leaves behind: whoever holds a thread, a lock or a file lets go of it before a fork, and begins anew in the child.

A child inherits memory, but no thread; a lock that another thread held stays locked in it for ever, and SQLite takes the locks of its parent for
its own (https://www.sqlite.org/howtocorrupt.html, section 2.6).
"""

from __future__ import annotations

import os
import threading
from typing import Any, Protocol
from weakref import WeakSet


class ForkAware(Protocol):
    """An object that is told of forks of its process."""

    def before_fork(self) -> None:
        """Let go of what may not be inherited. Called in the parent, in the thread that forks."""
        ...

    def after_fork_in_parent(self) -> None:
        """Go on."""
        ...

    def after_fork_in_child(self) -> None:
        """Begin anew. No other thread exists."""
        ...


class FreshLock:
    """The base of an object whose `_lock` is a new one in each child."""

    def __init__(self) -> None:
        """Make the lock."""
        self._lock = threading.Lock()
        register(self)

    def before_fork(self) -> None:
        """See ForkAware."""

    def after_fork_in_parent(self) -> None:
        """See ForkAware."""

    def after_fork_in_child(self) -> None:
        """See ForkAware."""
        self._lock = threading.Lock()


def register(one: ForkAware) -> None:
    """Tell an object of forks as long as it lives."""
    _live.add(one)


def keep_for_ever(inherited: Any) -> None:  # noqa: ANN401  whatever the parent owns
    """Hold on to what belongs to the parent: as garbage it would be closed, over the parent's own connection."""
    _inherited.append(inherited)


def _before() -> None:
    _forking[:] = list(_live)
    for one in _forking:
        one.before_fork()


def _after_in_parent() -> None:
    for one in _forking:
        one.after_fork_in_parent()
    _forking.clear()


def _after_in_child() -> None:
    for one in _forking:
        one.after_fork_in_child()
    _forking.clear()


_live: WeakSet[ForkAware] = WeakSet()
_forking: list[ForkAware] = []
_inherited: list[Any] = []
if hasattr(os, "register_at_fork"):  # pragma: no branch  there is no fork on Windows
    os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
