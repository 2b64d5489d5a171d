"""Whether the ledger is a copy about which nobody has decided yet. See `_ledger.sql_restored`."""

from __future__ import annotations

from messaging_channels._ledger.sql_types import Dialect, StatementFlow
from messaging_channels._model.errors import LedgerUnavailable

RESTORED = "restored"
"""The name of the mark, in the table of clocks."""


def is_copy(dialect: Dialect) -> StatementFlow[bool]:
    """Whether the database came from a dump, or is a copy of another one, and nobody has noticed yet."""
    if dialect.origin_check is None:
        return False
    return bool((yield dialect.origin_check, ()))


def is_paused(dialect: Dialect) -> StatementFlow[bool]:
    """Whether nothing that waits is to be sent."""
    if (yield "SELECT 1 FROM messaging_channels_clock WHERE name = 'restored'", ()):
        return True
    return (yield from is_copy(dialect))


def require_known_keys(idempotency_key: str | None, dialect: Dialect) -> StatementFlow[None]:
    """Refuse a key as long as it is not known which keys were used.

    Raises:
        LedgerUnavailable: the ledger was restored from a copy.
    """
    if idempotency_key is not None and (yield from is_paused(dialect)):
        raise LedgerUnavailable(
            "it was restored from a copy, and does not know which keys were used since; decide with `messaging-channels ledger restored`"
        )
