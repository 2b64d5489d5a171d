"""Faults that an emulator can produce, on real sockets."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import StrEnum


class FaultKind(StrEnum):
    """The kind of a fault."""

    RESET = "reset"
    """The connection is closed with RST instead of an answer."""
    CLOSE = "close"
    """The connection is closed with FIN instead of an answer."""
    HANG = "hang"
    """No answer, until the client goes away."""
    CUT = "cut"
    """The answer ends in the middle of its body."""
    GARBAGE = "garbage"
    """The answer is no HTTP."""
    UNREADABLE = "unreadable"
    """A success whose body is a page of HTML."""
    STATUS = "status"
    """An answer of the given status with an empty body."""
    THROTTLE = "throttle"
    """429, with `retry-after` where seconds are given."""
    SLOW = "slow"
    """The right answer, after the given seconds."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault, and whether the emulator handles the request before it."""

    kind: FaultKind
    handled: bool = False
    """Whether the message is taken before things go wrong: what the client sees may be the same."""
    status: int = 500
    seconds: float | None = None
    """For `throttle` and `slow`."""
    times: int = 1
    path: str = ""
    """Only for requests whose path starts so."""

    @property
    def reaches_handler(self) -> bool:
        """Whether the request reaches the emulator's own code."""
        return self.handled or self.kind in (FaultKind.SLOW, FaultKind.CUT)


class FaultQueue:
    """The faults that are still to come, in order. Safe in threads."""

    def __init__(self) -> None:
        self._pending: list[tuple[Fault, int]] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        """Have the next `fault.times` requests that fit go wrong like that."""
        with self._lock:
            self._pending.append((fault, fault.times))

    def clear(self) -> None:
        """Have all go well again."""
        with self._lock:
            self._pending.clear()

    def pop_for(self, path: str) -> Fault | None:
        """Take the first fault that fits this request."""
        with self._lock:
            for index, (fault, left) in enumerate(self._pending):
                if path.startswith(fault.path):
                    self._pending[index] = (fault, left - 1)
                    if left <= 1:
                        del self._pending[index]
                    return fault
        return None
