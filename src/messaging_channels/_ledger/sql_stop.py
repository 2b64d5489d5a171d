"""How the end of a message that waited is written down. See `_ledger.sql`."""

from __future__ import annotations

from messaging_channels._ledger.sql_types import SET_STATUS, StatementFlow, status_values
from messaging_channels._ledger.status_merge import recompute_status
from messaging_channels._model.status import Status

POSSIBLY_SENT = "(outcome IS NULL OR outcome IN ('accepted', 'unknown'))"
SELECT_POSSIBLY_SENT = f"SELECT 1 FROM messaging_channels_attempt WHERE message_id = ? AND {POSSIBLY_SENT}"  # noqa: S608


def stop_message(key: str, stopped: str, status: Status | None, at: float) -> StatementFlow[None]:
    """Say why nothing follows; the status is as given if no attempt may have reached anybody, else what they say."""
    yield "UPDATE messaging_channels_message SET stopped = ?, lease = ? WHERE id = ?", (stopped, at, key)
    if status is not None:
        yield (
            (
                f"UPDATE messaging_channels_message SET {SET_STATUS}, version = version + 1 WHERE id = ?"  # noqa: S608
                f" AND NOT EXISTS ({SELECT_POSSIBLY_SENT})"
            ),
            (*status_values(status), key, key),
        )
    else:
        yield from recompute_status(key)
