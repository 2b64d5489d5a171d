"""What `send` raises when the message certainly went nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from messaging_channels._model.errors import MessagingError

if TYPE_CHECKING:
    from messaging_channels._model.receipts import Receipt


class SendFailed(MessagingError):
    """The message was certainly not sent. `receipt` holds every attempt with its reason and the raw response."""

    code = "send_failed"

    def __init__(self, text: str, *, receipt: Receipt, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.receipt = receipt
        self.retry_after = retry_after
        """Seconds that the provider asked to wait, or None."""


class Rejected(SendFailed):
    """The provider rejected the message. Do not send it again unchanged."""

    code = "rejected"


class NotSent(SendFailed):
    """The message was certainly not sent (unreachable, throttled, no credit). Send it again later."""

    code = "not_sent"


class AccountError(NotSent):
    """The provider refused the account: wrong credentials, or no credit. Fix the account, then send again.

    `provider` and `account` name the account (None is the platform's own); `reason` says what is wrong.
    """

    code = "account_error"

    def __init__(self, text: str, *, receipt: Receipt, retry_after: float | None = None) -> None:
        super().__init__(text, receipt=receipt, retry_after=retry_after)
        last = receipt.attempts[-1] if receipt.attempts else None
        self.provider = last.provider if last else None
        self.account = last.account if last else None
        self.reason = last.result.reason if last and last.result else None
