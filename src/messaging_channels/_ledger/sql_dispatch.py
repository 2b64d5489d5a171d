"""Every operation of the ledger with its statements."""

from __future__ import annotations

from typing import Any

from messaging_channels._ledger import (
    sql,
    sql_accounts,
    sql_consent,
    sql_inbound,
    sql_limits,
    sql_queue,
    sql_reports,
    sql_resolve,
    sql_restored,
    sql_retention,
    sql_stats,
    sql_workers,
)
from messaging_channels._ledger.sql_types import Dialect, StatementFlow
from messaging_channels.plugins.ledger import Operation, ReserveMessage, StartAttempt, Transaction


def statements_for(operation: Operation[Any], dialect: Dialect) -> StatementFlow[Any]:
    """Return the statements of an operation, as a generator that returns its reply."""
    if isinstance(operation, Transaction):
        return _transaction(operation, dialect)
    if isinstance(operation, (ReserveMessage, StartAttempt)) and operation.consent is not None:
        return _unless_suppressed(operation, dialect)
    return _HANDLERS[type(operation)](operation, dialect)


def _transaction(operation: Transaction, dialect: Dialect) -> StatementFlow[list[Any]]:
    replies: list[Any] = []
    for one in operation.operations:
        replies.append((yield from statements_for(one, dialect)))  # noqa: PERF401  a comprehension cannot yield
    return replies


def _unless_suppressed(operation: ReserveMessage | StartAttempt, dialect: Dialect) -> StatementFlow[Any]:
    """Write an intent down unless something that was said forbids the message: that is the reply then."""
    assert operation.consent is not None  # noqa: S101  for the type checkers
    entry = yield from sql_consent.find_suppression(operation.consent)
    return entry or (yield from _HANDLERS[type(operation)](operation, dialect))


_HANDLERS = {
    **sql.HANDLERS,
    **sql_queue.HANDLERS,
    **sql_resolve.HANDLERS,
    **sql_stats.HANDLERS,
    **sql_restored.HANDLERS,
    **sql_consent.HANDLERS,
    **sql_accounts.HANDLERS,
    **sql_retention.HANDLERS,
    **sql_limits.HANDLERS,
    **sql_inbound.HANDLERS,
    **sql_reports.HANDLERS,
    **sql_workers.HANDLERS,
}
