"""Every operation of the ledger with its statements."""

from __future__ import annotations

from typing import Any

from messaging_channels._ledger import sql, sql_queue
from messaging_channels._ledger.sql_types import Dialect, Steps
from messaging_channels.plugins.ledger import Operation, Transaction


def steps(operation: Operation[Any], dialect: Dialect) -> Steps[Any]:
    """Return the statements of an operation, as a generator that returns its reply."""
    if isinstance(operation, Transaction):
        return _together(operation, dialect)
    return _STEPS[type(operation)](operation, dialect)


def _together(operation: Transaction, dialect: Dialect) -> Steps[list[Any]]:
    replies: list[Any] = []
    for one in operation.operations:
        replies.append((yield from steps(one, dialect)))  # noqa: PERF401  a comprehension cannot yield
    return replies


_STEPS = {**sql.STEPS, **sql_queue.STEPS}
