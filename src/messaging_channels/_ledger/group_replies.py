"""What waits for one writer: operations with whoever is told the reply, a thread or a task. A loop is woken once for a whole group."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from typing import Any, Generic, TypeAlias, TypeVar

from messaging_channels.plugins.ledger import Operation

_Future_co = TypeVar("_Future_co", bound="Future[Any] | asyncio.Future[Any]", covariant=True)
_Told: TypeAlias = "tuple[asyncio.Future[Any], Any]"


@dataclass(slots=True, frozen=True)
class Pending(Generic[_Future_co]):
    """An operation that waits, and who is told its reply, or the exception that stands in its place."""

    operation: Operation[Any]
    future: _Future_co
    deadline: float = inf
    """From then on it is not begun any more, on the clock of `time.monotonic`."""


PendingInThread: TypeAlias = "Pending[Future[Any]]"
PendingInTask: TypeAlias = "Pending[asyncio.Future[Any]]"
AnyPending: TypeAlias = "Pending[Future[Any] | asyncio.Future[Any]]"


def wait_in_thread(operation: Operation[Any], deadline: float = inf) -> PendingInThread:
    """Return an operation for which a thread waits."""
    return Pending(operation, Future(), deadline)


def wait_in_task(operation: Operation[Any], deadline: float = inf) -> PendingInTask:
    """Return an operation for which a task of the running loop waits."""
    return Pending(operation, asyncio.get_running_loop().create_future(), deadline)


def deliver(group: Sequence[AnyPending], replies: Sequence[Any]) -> None:
    """Tell all of them their replies."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Told]] = {}
    for one, reply in zip(group, replies, strict=True):
        if isinstance(one.future, Future):
            _tell(one.future, reply)
        else:
            by_loop.setdefault(one.future.get_loop(), []).append((one.future, reply))
    for loop, told in by_loop.items():
        with suppress(RuntimeError):  # the loop has ended, and with it whoever waited
            loop.call_soon_threadsafe(_tell_all, told)


def _tell_all(told: Sequence[_Told]) -> None:
    for future, reply in told:
        if not future.done():
            _tell(future, reply)


def _tell(future: Future[Any] | asyncio.Future[Any], reply: Any) -> None:  # noqa: ANN401  an operation's own type decides
    if isinstance(reply, Exception):
        future.set_exception(reply)
    else:
        future.set_result(reply)
