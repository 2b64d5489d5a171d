"""What the gateway itself keeps: keys, the directory, endpoints, promises, events and their deliveries. Messages are the ledger's.

SQL is written once, with `?` for values; SQLite and PostgreSQL each perform it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

Result = TypeVar("Result")
Rows: TypeAlias = "list[tuple[Any, ...]]"


class Connection(Protocol):
    """What work of one transaction does its statements with."""

    serial: str
    """How a primary key is declared that counts upwards."""
    skip_locked: str
    """What a SELECT ends with that locks its rows and passes over those of others."""
    is_own_file: bool
    """Whether nobody else has tables in this database."""

    def execute(self, statement: str, values: Sequence[Any] = ()) -> Rows:
        """Perform a statement, and return its rows."""
        ...

    def execute_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """Perform a statement that returns nothing for each of some rows; nothing where there are none."""
        ...

    def lock(self, name: str) -> None:
        """Wait until no other transaction that locked this name is under way."""
        ...

    def has_table(self, name: str) -> bool:
        """Say whether there is a table of that name."""
        ...


class StateStore(Protocol):
    """The open store. Safe in threads and tasks, and between processes. Close it when done.

    All methods raise the database's own errors for a file, and `LedgerUnavailable` where a server does not answer.
    """

    whole: str
    """How an expression, put in for `{}`, is rounded down to a whole number."""

    def read(self, statement: str, *values: Any) -> Rows:  # noqa: ANN401  whatever SQL takes
        """Return the rows of a SELECT. It may wait for the database: from an event loop through `call`."""
        ...

    async def call(self, function: Callable[..., Result], *given: Any) -> Result:  # noqa: ANN401
        """Call what reads a few rows, without keeping the event loop waiting for a server."""
        ...

    async def read_aside(self, statement: str, *values: Any) -> Rows:  # noqa: ANN401  whatever SQL takes
        """Return the rows of a SELECT that looks at many rows, so that nobody waits for it."""
        ...

    def run_transaction(self, work: Callable[[Connection], Result]) -> Result:
        """Do some work in one transaction that is durable on return. It waits for the disk: not for event loops."""
        ...

    async def run_transaction_async(self, work: Callable[[Connection], Result]) -> Result:
        """Do the same from an event loop. A cancelled caller stops waiting; the work is done all the same."""
        ...

    def empty_log(self) -> None:
        """Have nothing left of what was deleted in files beside the database, as far as others do not use them just now."""
        ...

    def close(self) -> None:
        """Finish what is under way, and close it."""
        ...


def statement_work(statement: str, *values: Any) -> Callable[[Connection], Rows]:  # noqa: ANN401
    """Return the work of one statement; it returns the rows that the statement does."""
    return lambda database: database.execute(statement, values)


def statements_work(statements: Iterable[tuple[str, tuple[Any, ...]]]) -> Callable[[Connection], None]:
    """Return the work of several statements, in order."""

    def work(database: Connection) -> None:
        for statement, values in statements:
            database.execute(statement, values)

    return work
