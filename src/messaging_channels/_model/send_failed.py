"""What `send` raises when the message certainly went nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from messaging_channels._model.errors import MessagingError

if TYPE_CHECKING:
    from messaging_channels._model.receipts import Receipt


class SendFailed(MessagingError):
    """The message certainly went nowhere. `receipt` holds every attempt, its reason and the native answer."""

    code = "send_failed"

    def __init__(self, text: str, *, receipt: Receipt, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.receipt = receipt
        self.retry_after = retry_after
        """Seconds the provider asked to wait before another try, where it said so."""


class Rejected(SendFailed):
    """The provider refused this message for good: sent again as it is, it is refused again."""

    code = "rejected"


class NotSent(SendFailed):
    """Certainly nothing went out (unreachable, throttled, no credit): it may safely be sent again later."""

    code = "not_sent"
