"""Every operation of the ledger with its statements."""

from __future__ import annotations

from typing import Any

from messaging_channels._ledger import sql, sql_accounts, sql_queue
from messaging_channels._ledger.sql_types import Dialect, StatementFlow
from messaging_channels.plugins.ledger import Operation, Transaction


def statements_for(operation: Operation[Any], dialect: Dialect) -> StatementFlow[Any]:
    """Return the statements of an operation, as a generator that returns its reply."""
    if isinstance(operation, Transaction):
        return _transaction(operation, dialect)
    return _HANDLERS[type(operation)](operation, dialect)


def _transaction(operation: Transaction, dialect: Dialect) -> StatementFlow[list[Any]]:
    replies: list[Any] = []
    for one in operation.operations:
        replies.append((yield from statements_for(one, dialect)))  # noqa: PERF401  a comprehension cannot yield
    return replies


_HANDLERS = {**sql.HANDLERS, **sql_queue.HANDLERS, **sql_accounts.HANDLERS}
