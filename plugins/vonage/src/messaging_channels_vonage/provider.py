"""The provider: one request a message, and the calls.

Source: https://developer.vonage.com/en/api/sms (the SMS API, version 1)
"""

from __future__ import annotations

import hmac
from typing import Any, ClassVar
from urllib.parse import urlencode, urlsplit

from messaging_channels.errors import InvalidMessage, InvalidSetting, WebhookRefused
from messaging_channels.messages import Sms
from messaging_channels.plugins import (
    Capabilities,
    Envelope,
    HttpProvider,
    HttpRequest,
    HttpResponse,
    Outcome,
    Received,
    WebhookCall,
    sender_of,
)
from messaging_channels_vonage import answers, calls

_SHORTEST, _LONGEST = 20_000, 604_800_000
"""Milliseconds that a message may be tried for."""
_FORM = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
_LOCAL = ("127.0.0.1", "localhost", "::1")


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
        signature_secret: str | None = None,
        signature_method: str = "sha256",
        base_url: str = "https://rest.nexmo.com",
    ) -> None:
        """Take the account's key and secret, the sender of messages that name none, and how its calls are signed.

        Raises:
            InvalidSetting: the key or the secret is empty, or the URL is not https.
        """
        if not api_key.strip() or not api_secret.strip():
            raise _bad("the key or the secret is empty", "api_key", "copy both from the dashboard")
        parts = urlsplit(base_url if "://" in base_url else f"https://{base_url}")
        if not parts.hostname or not (parts.scheme == "https" or parts.hostname in _LOCAL):
            raise _bad("it is no https URL of a host", "base_url", "leave it out")
        self._url = f"{parts.geturl().rstrip('/')}/sms/json"
        self._account = {"api_key": api_key.strip(), "api_secret": api_secret.strip()}
        self._sender = sender
        self._signature_secret = signature_secret
        self._signature_method = signature_method

    def encode(self, envelope: Envelope) -> HttpRequest:
        """See HttpProvider."""
        message: Any = envelope.message
        described = {
            **self._account,
            "from": sender_of(message, self._sender, provider=self.name),
            "to": envelope.to.plain,
            "text": message.text,
            "type": "text" if message.segments.encoding == "GSM-7" else "unicode",
            "client-ref": envelope.id,
            **_options(message),
        }
        return HttpRequest("POST", self._url, _FORM, urlencode(described).encode())

    def decode(self, response: HttpResponse, envelope: Envelope) -> Outcome:  # noqa: ARG002  the answer says enough
        """See HttpProvider."""
        return answers.outcome(response)

    def receive(self, call: WebhookCall) -> Received:
        """See ParsesWebhooks. Signed calls by POST are understood, as JSON or as a form."""
        if self._signature_secret is None:
            raise self._refused("no signature secret is configured", "set signature_secret")
        told = calls.parameters(call)
        expected = calls.signature(told, self._signature_secret, self._signature_method)
        if not hmac.compare_digest(told.get("sig", "").upper().encode("utf-8", "replace"), expected.encode()):
            raise self._refused(
                "the signature does not fit", "compare the signature secret and method with the dashboard's"
            )
        return Received((calls.event(told, call),))

    def _refused(self, problem: str, remedy: str) -> WebhookRefused:
        return WebhookRefused(problem, provider=self.name, remedy=remedy)


def _options(message: Sms) -> dict[str, str]:
    options = {"message-class": "0"} if message.flash else {}
    if message.validity_period is None:
        return options
    milliseconds = int(message.validity_period.total_seconds() * 1000)
    if not _SHORTEST <= milliseconds <= _LONGEST:
        raise InvalidMessage(
            "Vonage takes 20 seconds to 7 days", field="Sms.validity_period", remedy="choose one within"
        )
    return {**options, "ttl": str(milliseconds)}


def _bad(problem: str, setting: str, remedy: str) -> InvalidSetting:
    return InvalidSetting(
        problem, setting=f"vonage.{setting}", source="the provider's arguments", remedy=remedy
    )
