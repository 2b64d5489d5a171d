"""How long one operation of a ledger may take, and what takes it back that was done after its caller had given up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from messaging_channels._model.errors import LedgerUnavailable
from messaging_channels._model.time_left import TIME_LEFT
from messaging_channels._model.values import fast_frozen
from messaging_channels.plugins.ledger import (
    FinishAttempt,
    Operation,
    RecordEvent,
    RecordUnsent,
    ReleaseReservation,
    ReserveMessage,
    StartAttempt,
    Transaction,
    WithdrawAttempt,
)
from messaging_channels.plugins.ledger_retention import RETENTION_OPERATIONS

_GRACE = 0.1
"""Seconds that the caller waits on: whoever does the operation knows better why it took too long."""
_MAINTENANCE = 3600.0
_OF_ENDS = (FinishAttempt, RecordEvent, RecordUnsent, ReleaseReservation, WithdrawAttempt)


@fast_frozen(frozen=True, slots=True)
class OperationLimits:
    """Until when an operation may be begun, and until when its caller waits, on the clock of `time.monotonic`."""

    begin: float
    wait: float
    seconds: float
    """What the caller was to wait."""

    def seconds_left(self) -> float:
        """Return how long the caller waits from now."""
        return max(self.wait - time.monotonic(), 0.0)

    def error(self) -> LedgerUnavailable:
        """Return what the caller is told who has waited for so long."""
        return LedgerUnavailable(
            f"no answer within {self.seconds:.3g} s: the database is locked, overloaded or away"
        )


def limits_of(operation: Operation[Any], timeout: float) -> OperationLimits:
    """Return the limits of an operation that is given now: the ledger's `timeout`, or what is left to the call if that is less.

    One step of pruning, of erasing or of telling one recipient everything has to begin within `timeout`; its caller waits as long as it takes, at most an
    hour: what goes on is not told as failed.
    What writes down an end is done all the same when its caller has given up: only the ledger's own time-out holds for it then.
    """
    now, left = time.monotonic(), TIME_LEFT.get()
    if isinstance(operation, RETENTION_OPERATIONS):
        return OperationLimits(now + timeout, now + _MAINTENANCE, _MAINTENANCE)
    if left is None:
        return OperationLimits(now + timeout, now + timeout + _GRACE, timeout)
    seconds = min(timeout, left())
    begin = now + (timeout if _writes_end(operation) else seconds)
    return OperationLimits(begin, now + seconds + _GRACE, seconds)


def _writes_end(operation: Operation[Any]) -> bool:
    if isinstance(operation, Transaction):
        return all(isinstance(one, _OF_ENDS) for one in operation.operations)
    return isinstance(operation, _OF_ENDS)


def withdrawals(operation: Operation[Any], reply: Any) -> Iterator[Operation[Any]]:  # noqa: ANN401  the operation's own type decides
    """Yield what takes back the attempts that an operation wrote down: nobody makes them, since its caller was told that nothing was written."""
    if isinstance(operation, Transaction) and isinstance(reply, list):
        for one, own in zip(operation.operations, reply, strict=True):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            yield from withdrawals(one, own)
    elif isinstance(operation, ReserveMessage) and reply is None:
        yield ReleaseReservation(operation.id, operation.lease_owner)
    elif isinstance(operation, StartAttempt) and reply is True:
        yield WithdrawAttempt(operation.intent.message_id, operation.intent.number, operation.lease_owner)
