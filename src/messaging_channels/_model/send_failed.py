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


class AccountError(NotSent):
    """Our account at the provider cannot send: wrong credentials, or no credit. Mend it, then send again: the message is as good as before.

    `provider` and `account` name it (None is the platform's own), `reason` says what it lacks.
    """

    code = "account_error"

    def __init__(self, text: str, *, receipt: Receipt, retry_after: float | None = None) -> None:
        super().__init__(text, receipt=receipt, retry_after=retry_after)
        last = receipt.attempts[-1] if receipt.attempts else None
        self.provider = last.provider if last else None
        self.account = last.account if last else None
        self.reason = last.result.reason if last and last.result else None
