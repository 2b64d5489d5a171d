"""What drives the statements of an operation: on a connection that waits in a thread, or in a loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any

from messaging_channels._ledger.sql_types import Result, Rows, Statement, StatementFlow


def drive(flow: StatementFlow[Result], execute: Callable[[Statement], Rows]) -> Result:
    """Have every statement executed, and return what the flow returns."""
    rows: Any = None
    try:
        while True:
            rows = execute(flow.send(rows))
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]


async def drive_async(flow: StatementFlow[Result], execute: Callable[[Statement], Awaitable[Rows]]) -> Result:
    """See `drive`."""
    rows: Any = None
    try:
        while True:
            rows = await execute(flow.send(rows))
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]


def to_percent_style(statement: Statement) -> tuple[bytes, tuple[Any, ...]]:
    """Return a statement as psycopg takes it."""
    text, values = statement
    return _percent_style(text), values


@lru_cache(maxsize=1024)
def _percent_style(text: str) -> bytes:
    return text.replace("%", "%%").replace("?", "%s").encode()
