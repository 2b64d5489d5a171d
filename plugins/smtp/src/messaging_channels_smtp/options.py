"""Options that only SMTP understands, for `Email.provider_options`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from messaging_channels.errors import InvalidMessage
from messaging_channels.messages import ProviderOptions


@dataclass(frozen=True, slots=True)
class SmtpEmailOptions(ProviderOptions):
    """Delivery reports of one mail, if the server supports DSN (RFC 3461). `Email.envelope_sender` sets the return path."""

    provider: ClassVar[str] = "smtp"

    notify: tuple[Literal["success", "failure", "delay"], ...] | None = None
    """Events to report: `success`, `failure`, `delay`. Empty: none. Default: the account's setting."""
    return_content: Literal["headers", "full"] = "headers"
    """Part of the mail that a failure report returns."""

    def __post_init__(self) -> None:
        """Check the words."""
        if self.notify is not None:
            object.__setattr__(self, "notify", tuple(self.notify))
        words = {"success", "failure", "delay"}
        if not set(self.notify or ()) <= words or self.return_content not in ("headers", "full"):
            raise InvalidMessage(
                "has an unknown value",
                field="SmtpEmailOptions",
                hint="use success, failure, delay in notify, and headers or full in return_content",
            )

    @property
    def notify_parameter(self) -> str | None:
        """The value of NOTIFY; None for the account's."""
        return None if self.notify is None else ",".join(dict.fromkeys(self.notify)).upper() or "NEVER"

    @property
    def ret_parameter(self) -> str:
        """The value of RET."""
        return "FULL" if self.return_content == "full" else "HDRS"
