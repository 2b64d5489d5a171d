"""Who made a webhook call: HTTP basic authentication. Postmark signs nothing.

Source: https://postmarkapp.com/developer/webhooks/webhooks-overview#protecting-your-webhook
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from dataclasses import dataclass, field

from messaging_channels.errors import WebhookVerificationError
from messaging_channels.plugins import WebhookRequest


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """The user name and the password that a webhook was given; either may be missing, then nobody is let in."""

    username: str | None
    password: str | None = field(repr=False)

    @property
    def header(self) -> str:
        """The value of `authorization` that proves a call."""
        return "Basic " + b64encode(f"{self.username}:{self.password}".encode()).decode()

    def require(self, request: WebhookRequest) -> None:
        """Let the call pass if it carries both. They are compared in constant time.

        Raises:
            WebhookVerificationError: it does not, or none are configured.
        """
        if not (self.username and self.password):
            raise _refused("no password is configured", "set webhook_username and webhook_password")
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        expected = self.header.partition(" ")[2]
        same = hmac.compare_digest(given.strip().encode("utf-8", "surrogatepass"), expected.encode())
        if not same or scheme.lower() != "basic":
            raise _refused(
                "the user name or the password does not fit",
                "give the webhook in Postmark the same as webhook_username and webhook_password",
            )


def _refused(problem: str, hint: str) -> WebhookVerificationError:
    return WebhookVerificationError(problem, provider="postmark", hint=hint)
