"""The provider: one request a message, and the webhooks.

Source: https://developer.vonage.com/en/api/sms (the SMS API, version 1)
"""

from __future__ import annotations

import hmac
from typing import Any, ClassVar
from urllib.parse import urlencode, urlsplit

from messaging_channels.errors import InvalidMessage, InvalidSetting, WebhookVerificationError
from messaging_channels.messages import Sms
from messaging_channels.plugins import (
    AttemptResult,
    Capabilities,
    Envelope,
    HttpProvider,
    HttpRequest,
    HttpResponse,
    WebhookRequest,
    WebhookResult,
    require_sender,
)
from messaging_channels_vonage import responses, webhooks

_MIN_TTL, _MAX_TTL = 20_000, 604_800_000
"""Milliseconds that a message may be tried for."""
_FORM = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
_LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")


class Vonage(HttpProvider):
    """Vonage's SMS API. One object serves many threads and tasks."""

    name: ClassVar[str] = "vonage"
    capabilities: ClassVar[Capabilities] = Capabilities(
        {Sms: frozenset({"sender", "validity_period", "flash"})}
    )

    def __init__(
        self,
        *,
        api_key: str,
        api_secret: str,
        sender: str | None = None,
        webhook_signature_secret: str | None = None,
        webhook_signature_method: str = "sha256",
        base_url: str = "https://rest.nexmo.com",
    ) -> None:
        """Take the account's key and secret, the sender of messages that name none, and how its calls are signed.

        Raises:
            InvalidSetting: the key or the secret is empty, or the URL is not https.
        """
        if not api_key.strip() or not api_secret.strip():
            raise _setting_error("the key or the secret is empty", "api_key", "copy both from the dashboard")
        parts = urlsplit(base_url if "://" in base_url else f"https://{base_url}")
        if not parts.hostname or not (parts.scheme == "https" or parts.hostname in _LOOPBACK_HOSTS):
            raise _setting_error("it is no https URL of a host", "base_url", "leave it out")
        self._url = f"{parts.geturl().rstrip('/')}/sms/json"
        self._account = {"api_key": api_key.strip(), "api_secret": api_secret.strip()}
        self._sender = sender
        self._webhook_signature_secret = webhook_signature_secret
        self._webhook_signature_method = webhook_signature_method

    def build_request(self, envelope: Envelope) -> HttpRequest:
        """See HttpProvider."""
        message: Any = envelope.message
        described = {
            **self._account,
            "from": require_sender(message, self._sender, provider=self.name),
            "to": envelope.to.plain,
            "text": message.text,
            "type": "text" if message.segments.encoding == "GSM-7" else "unicode",
            "client-ref": envelope.id,
            **_options(message),
        }
        return HttpRequest("POST", self._url, _FORM, urlencode(described).encode())

    def parse_response(self, response: HttpResponse, envelope: Envelope) -> AttemptResult:  # noqa: ARG002  the answer says enough
        """See HttpProvider."""
        return responses.parse_response(response)

    def handle_webhook(self, request: WebhookRequest) -> WebhookResult:
        """See SupportsWebhooks. Signed calls by POST are understood, as JSON or as a form."""
        if not self._webhook_signature_secret:
            raise self._verification_error(
                "no signature secret is configured", "set webhook_signature_secret"
            )
        told = webhooks.parse_parameters(request)
        expected = webhooks.signature(told, self._webhook_signature_secret, self._webhook_signature_method)
        if not hmac.compare_digest(told.get("sig", "").upper().encode("utf-8", "replace"), expected.encode()):
            raise self._verification_error(
                "the signature does not fit", "compare the signature secret and method with the dashboard's"
            )
        return WebhookResult((webhooks.parse_event(told, request),))

    def _verification_error(self, problem: str, hint: str) -> WebhookVerificationError:
        return WebhookVerificationError(problem, provider=self.name, hint=hint)


def _options(message: Sms) -> dict[str, str]:
    options = {"message-class": "0"} if message.flash else {}
    if message.validity_period is None:
        return options
    milliseconds = int(message.validity_period.total_seconds() * 1000)
    if not _MIN_TTL <= milliseconds <= _MAX_TTL:
        raise InvalidMessage(
            "Vonage takes 20 seconds to 7 days", field="Sms.validity_period", hint="choose one within"
        )
    return {**options, "ttl": str(milliseconds)}


def _setting_error(problem: str, setting: str, hint: str) -> InvalidSetting:
    return InvalidSetting(problem, setting=f"vonage.{setting}", source="the provider's arguments", hint=hint)
