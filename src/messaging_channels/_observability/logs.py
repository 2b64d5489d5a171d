"""Structured log records of attempts and events, for the standard `logging`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from messaging_channels._model.outcomes import Outcome
from messaging_channels.plugins.observer import Observer

if TYPE_CHECKING:
    from messaging_channels._model.events import Event
    from messaging_channels._model.receipts import Attempt

_NAME = "messaging_channels"


class LoggingObserver(Observer):
    """Writes one record for each attempt and event to the logger `messaging_channels`, with its facts as extra fields."""

    def __init__(self, logger: logging.Logger | None = None) -> None:
        """Write to this logger, or the usual one."""
        self._log = logger or logging.getLogger(_NAME)

    def attempt_finished(self, attempt: Attempt) -> None:
        """See Observer. Accepted attempts are at level INFO, all others at WARNING."""
        level = logging.INFO if attempt.outcome is Outcome.ACCEPTED else logging.WARNING
        self._log.log(level, "attempt %s", attempt.outcome, extra=_facts(attempt))

    def event_received(self, event: Event) -> None:
        """See Observer."""
        status = getattr(event, "status", None)
        facts = {
            "message_id": getattr(event, "message_id", ""),
            "provider": event.provider,
            "event": type(event).__name__,
            "status": status.name if status else "",
            "failure": str(getattr(event, "failure", None) or ""),
            "vendor_code": getattr(event, "vendor_code", ""),
        }
        self._log.info("event %s", type(event).__name__, extra=facts)


def _facts(attempt: Attempt) -> dict[str, Any]:
    result = attempt.result
    return {
        "message_id": attempt.message_id,
        "channel": attempt.channel,
        "provider": attempt.provider,
        "account": attempt.account,
        "attempt": attempt.number,
        "outcome": str(attempt.outcome),
        "reason": str(result.reason) if result else "",
        "failure": str(result.failure or "") if result else "",
        "vendor_code": result.vendor_code if result else "",
        "provider_id": result.provider_id if result else None,
        "seconds": round(attempt.duration, 6),
    }
