"""Structured log records of attempts and events, for the standard `logging`."""

from __future__ import annotations

import json
import logging
import re
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
        """Write one log record for the attempt: level INFO if accepted, else WARNING. No address and no content."""
        level = logging.INFO if attempt.outcome is Outcome.ACCEPTED else logging.WARNING
        facts = _facts(attempt)
        self._log.log(level, "attempt %s %s", attempt.outcome, _in_words(facts, _ATTEMPT), extra=facts)

    def event_received(self, event: Event) -> None:
        """Write one log record for the event, level INFO."""
        status = getattr(event, "status", None)
        facts = {
            "message_id": getattr(event, "message_id", ""),
            "provider": event.provider,
            "event": type(event).__name__,
            "status": status.name if status else "",
            "failure": str(getattr(event, "failure", None) or ""),
            "vendor_code": getattr(event, "vendor_code", ""),
        }
        self._log.info("event %s %s", facts["event"], _in_words(facts, _EVENT), extra=facts)


_ATTEMPT = (
    "provider",
    "channel",
    "reason",
    "failure",
    "vendor_code",
    "message_id",
    "attempt",
    "account",
    "provider_id",
    "seconds",
)
_EVENT = ("provider", "status", "failure", "vendor_code", "message_id")
"""What stands in the line itself, for logs without fields."""


def _in_words(facts: dict[str, Any], names: tuple[str, ...]) -> str:
    """Return facts as `name=value`, those that are known; a value with other characters than an id has is quoted."""
    known = ((name, str(facts[name])) for name in names if facts[name] not in ("", None))
    return " ".join(
        f"{name}={value if _PLAIN.fullmatch(value) else json.dumps(value)}" for name, value in known
    )


_PLAIN = re.compile(r"[\w.:@<>+/-]*", re.ASCII)


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
