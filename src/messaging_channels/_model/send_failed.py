"""What `send` raises when the message certainly went nowhere."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from messaging_channels._model.errors import MessagingError, restore_error

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


class InternalError(SendFailed):
    """The library, a plugin or a value given to it failed before the first byte. Certainly not sent; unchanged, it fails again. The exception is the cause.

    It is an instance of the class of the exception, too: `except TypeError` finds what a plugin or a value of the caller raised as a TypeError.
    """

    code = "internal_error"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy it as this class: that of the exception may not be found elsewhere."""
        return restore_error, (InternalError, self.args, vars(self))

    @classmethod
    def of(cls, cause: BaseException | None, text: str, *, receipt: Receipt) -> InternalError:
        """Return the error for an exception, as an instance of its class where that is possible."""
        if isinstance(cause, Exception) and not isinstance(cause, MessagingError):
            with suppress(TypeError):  # a class that cannot be combined, or is made in its own way
                return _kind_for(cast("Any", cause.__class__))(text, receipt=receipt)
        return cls(text, receipt=receipt)


@lru_cache(maxsize=64)
def _kind_for(kind: type[Exception]) -> type[InternalError]:
    return type(InternalError.__name__, (InternalError, kind), {"__str__": Exception.__str__})


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
