"""What the suites of the ledger share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

from messaging_channels.plugins.ledger import AttemptIntent, Operation, ReserveMessage

Do: TypeAlias = Callable[[Operation[Any]], Any]
"""Does one operation and returns its reply."""


def reservation(message_id: str, *, at: float, lease_seconds: float = 120.0, **more: Any) -> ReserveMessage:
    """Return what writes down a message with its first attempt, at the time `at`; `more` are fields with other values."""
    new = ReserveMessage(
        id=message_id,
        channel="sms",
        message_type="Sms",
        account=None,
        address="447700900123",
        digest="",
        fingerprint="f",
        scope="",
        idempotency_key=None,
        expires=at + 86400,
        lease_owner=f"owner-{message_id}",
        lease=at + lease_seconds,
        first_attempt=AttemptIntent(message_id, 1, "acme-sms", None, at),
    )
    return replace(new, **more)
