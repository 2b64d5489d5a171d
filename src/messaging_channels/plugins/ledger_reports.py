"""What the ledger keeps of fetched reports: how far those of an account were fetched."""

from __future__ import annotations

from messaging_channels._model.values import fast_frozen
from messaging_channels.plugins.ledger import Operation


@fast_frozen(frozen=True, slots=True)
class GetReportCursor(Operation[str | None]):
    """Return where the fetching of reports goes on; None where none were fetched."""

    provider: str
    account: str | None


@fast_frozen(frozen=True, slots=True)
class StoreReportCursor(Operation[None]):
    """Keep where the fetching of reports goes on. In one transaction with the reports, so that none is lost and none is fetched for nothing."""

    provider: str
    account: str | None
    cursor: str


REPORT_OPERATIONS = (GetReportCursor, StoreReportCursor)
"""These operations."""
