"""The operations on cursors of fetched reports, in SQL. See `_ledger.sql`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from messaging_channels._ledger.sql_types import Dialect, StatementFlow
from messaging_channels.plugins import ledger_reports as r


def _get_cursor(operation: r.GetReportCursor, _: Dialect) -> StatementFlow[str | None]:
    rows = yield (
        "SELECT mark FROM messaging_channels_report_cursor WHERE provider = ? AND account = ?",
        (operation.provider, operation.account or ""),
    )
    return rows[0][0] if rows else None


def _store_cursor(operation: r.StoreReportCursor, _: Dialect) -> StatementFlow[None]:
    yield (
        (
            "INSERT INTO messaging_channels_report_cursor (provider, account, mark) VALUES (?, ?, ?)"
            " ON CONFLICT (provider, account) DO UPDATE SET mark = excluded.mark"
        ),
        (operation.provider, operation.account or "", operation.cursor),
    )


HANDLERS: dict[type[Any], Callable[[Any, Dialect], StatementFlow[Any]]] = {
    r.GetReportCursor: _get_cursor,
    r.StoreReportCursor: _store_cursor,
}
