"""Options that only SMTP understands, for `Email.provider_options`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from messaging_channels.errors import InvalidMessage
from messaging_channels.messages import ProviderOptions


@dataclass(frozen=True, slots=True)
class SmtpEmailOptions(ProviderOptions):
    """What reports on one mail are asked for, where the server offers DSN (RFC 3461). Its return path is `Email.envelope_sender`."""

    provider: ClassVar[str] = "smtp"

    notify: tuple[Literal["success", "failure", "delay"], ...] | None = None
    """Of what a report is asked for; empty for never. None for what the account's settings say."""
    return_content: Literal["headers", "full"] = "headers"
    """What of the mail a report of failure brings back."""

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
