"""What waits for one writer: operations with whoever is told the reply, a thread or a task. A loop is woken once for a whole group."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from functools import partial
from typing import Any, Generic, TypeAlias, TypeVar

from messaging_channels._ledger.operation_limits import OperationLimits, limits_of, withdrawals
from messaging_channels._ledger.reply_timer import reply_timer_of
from messaging_channels._model.values import fast_frozen
from messaging_channels.plugins.ledger import Operation, Transaction

_Future_co = TypeVar("_Future_co", bound="Future[Any] | asyncio.Future[Any]", covariant=True)
_Told: TypeAlias = "tuple[PendingInTask, Any]"
Submit: TypeAlias = "Callable[[AnyPending], object]"
"""Has an operation done by the same writer."""


@fast_frozen(slots=True, frozen=True)
class Pending(Generic[_Future_co]):
    """An operation that waits, and who is told its reply, or the exception that stands in its place."""

    operation: Operation[Any]
    future: _Future_co
    limits: OperationLimits
    """It is not begun any more when they are over."""


PendingInThread: TypeAlias = "Pending[Future[Any]]"
PendingInTask: TypeAlias = "Pending[asyncio.Future[Any]]"
AnyPending: TypeAlias = "Pending[Future[Any] | asyncio.Future[Any]]"


def reply_in_thread(one: PendingInThread) -> Any:  # noqa: ANN401  the operation's own type decides
    """Wait for the reply, and return it or raise the exception that stands in its place.

    Raises:
        LedgerUnavailable: it took too long. What is still done of it is taken back.
    """
    future = one.future
    try:
        return future.result(max(one.limits.wait - time.monotonic(), 0.0))
    except TimeoutError:
        if future.cancel():
            raise one.limits.error() from None
        return future.result()  # it came just now


async def reply_in_task(one: PendingInTask, awaited: Awaitable[Any] | None = None) -> Any:  # noqa: ANN401  the operation's own type decides
    """See `reply_in_thread`. When the task is cancelled, so is the future, unless something else is `awaited`, such as its shield."""
    timer = reply_timer_of(one.future.get_loop())
    timer.watch(one.future, one.limits)
    try:
        return await (awaited or one.future)
    finally:
        timer.discard(one.future)


def deliver(group: Sequence[AnyPending], replies: Sequence[Any], submit: Submit) -> None:
    """Tell all of them their replies. What was written for those who have given up is taken back by what is submitted."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Told]] = {}
    for one, reply in zip(group, replies, strict=True):
        if isinstance(one.future, Future):
            try:
                _tell(one.future, reply)
            except InvalidStateError:
                take_back(one.operation, reply, submit)
        else:
            by_loop.setdefault(one.future.get_loop(), []).append((one, reply))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    for loop, told in by_loop.items():
        with suppress(RuntimeError):  # the loop has ended, and with it whoever waited
            loop.call_soon_threadsafe(partial(_tell_all, told, submit))


def _tell_all(told: Sequence[_Told], submit: Submit) -> None:
    for one, reply in told:
        if one.future.done():
            take_back(one.operation, reply, submit)
        else:
            _tell(one.future, reply)


def take_back(operation: Operation[Any], reply: Any, submit: Submit) -> None:  # noqa: ANN401  the operation's own type decides
    """Have what takes back what was done too late; see `withdrawals`."""
    taken_back = tuple(withdrawals(operation, reply))
    if (
        taken_back
    ):  # together: what a writer cannot do as sets it leaves to the caller otherwise, and there is none
        operation = Transaction(taken_back)
        submit(Pending(operation, Future(), limits_of(operation, _LONGEST)))


def _tell(future: Future[Any] | asyncio.Future[Any], reply: Any) -> None:  # noqa: ANN401  an operation's own type decides
    if isinstance(reply, Exception):
        future.set_exception(reply)
    else:
        future.set_result(reply)


_LONGEST = 3600.0
"""Seconds in which what was done too late is taken back: nobody waits for it."""
