"""Reports that are fetched page by page, with a cursor: an optional ability of providers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from messaging_channels.plugins.exchange import Flow

if TYPE_CHECKING:
    from messaging_channels._model.events import Event


@dataclass(frozen=True, slots=True)
class ReportPage:
    """Reports that were fetched, and where the next call goes on."""

    events: Sequence[Event]
    cursor: str | None = None
    """The vendor's mark behind these reports: a page token, a sequence number, a time. It is kept in the ledger with the events, and shown to nobody. None, or
    the one that was given, if there is no more."""


@runtime_checkable
class SupportsReportCursor(Protocol):
    """An optional ability: delivery reports can be fetched from any place in the vendor's list, and as often as one likes."""

    def fetch_reports_after(self, cursor: str | None) -> Flow[ReportPage]:
        """Return the page of reports behind a cursor; the first one, or what is still there, for None.

        The dispatcher keeps the cursor in the ledger, in one transaction with the events: after a crash the next process goes on where the last one ended.
        If the answer can't be read, return no events and the cursor that was given, so that no report is passed over.
        """
        ...
