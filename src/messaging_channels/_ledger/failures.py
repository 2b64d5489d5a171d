"""Why something failed, as the ledger keeps it: a row beside the attempt or the event, and none for what did not fail."""

from __future__ import annotations

from typing import Any

from messaging_channels._model.failure_reasons import Advice, FailureReason
from messaging_channels._model.receipts import ToldFailure

FAILURE_COLUMNS = "failure.reason, failure.advice, failure.vendor_code, failure.vendor_text"
"""What a SELECT that joins the table appends; the last four of its row."""


def attempt_source(message_id: str, number: int) -> str:
    """Return by what name the failure of an attempt is kept; that of an event is kept by its key."""
    return f"{message_id}/{number}"


def store_failure(source: str, told: ToldFailure) -> tuple[str, tuple[Any, ...]] | None:
    """Return the statement that keeps a failure; None where nothing failed."""
    if told.failure is None and not told.vendor_code:
        return None
    return (
        (
            "INSERT INTO messaging_channels_failure (source, reason, advice, vendor_code, vendor_text) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (source) DO UPDATE SET reason = excluded.reason, advice = excluded.advice,"
            " vendor_code = excluded.vendor_code, vendor_text = excluded.vendor_text"
        ),
        (
            source,
            told.failure.value if told.failure else "",
            " ".join(sorted(told.advice)),
            told.vendor_code,
            told.vendor_text,
        ),
    )


def failure_from_row(columns: tuple[Any, ...]) -> dict[str, Any]:
    """Return the fields of a failure that were kept; none where there was none. A word of a later version reads as `unknown`."""
    reason, advice, vendor_code, vendor_text = columns
    if reason is None:
        return {}
    known = frozenset(Advice)
    return {
        "failure": _reason(reason) if reason else None,
        "advice": frozenset(Advice(word) for word in advice.split() if word in known),
        "vendor_code": vendor_code,
        "vendor_text": vendor_text,
    }


def _reason(word: str) -> FailureReason:
    try:
        return FailureReason(word)
    except ValueError:
        return FailureReason.UNKNOWN
