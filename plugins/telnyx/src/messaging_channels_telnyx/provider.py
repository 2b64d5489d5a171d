"""The provider: one request a message, and the signed webhooks.

Sources: https://developers.telnyx.com/api-reference/messages/send-a-message and
https://developers.telnyx.com/development/api-fundamentals/idempotency
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from messaging_channels import messages as m
from messaging_channels.errors import InvalidMessage, InvalidSetting
from messaging_channels.plugins import (
    AttemptResult,
    Capabilities,
    Envelope,
    Flow,
    HttpProvider,
    HttpRequest,
    HttpResponse,
    PhoneNumber,
    Reason,
    SenderFormat,
    WebhookRequest,
    WebhookResult,
    WhatsAppGroupId,
    require_base_url,
    require_sender,
)
from messaging_channels_telnyx.report_urls import report_url, require_report_url
from messaging_channels_telnyx.requests import build_text, build_whatsapp
from messaging_channels_telnyx.responses import parse_response
from messaging_channels_telnyx.webhook_auth import parse_public_keys, require_signed
from messaging_channels_telnyx.webhooks import parse_events

_API = "https://api.telnyx.com"
_KEY = re.compile(r"[A-Za-z0-9_:-]{1,255}", re.ASCII)
SENDERS = SenderFormat("telnyx")
"""Numbers in E.164 form, short codes, and names. Source: https://support.telnyx.com/en/articles/4371498-sending-alphanumeric-sms-sender-id"""
_SENDER = frozenset({"sender"})
_WORDS = _SENDER | {"header", "footer"}


class Telnyx(HttpProvider):
    """Telnyx for one account: SMS, MMS and WhatsApp. One object serves many threads and tasks."""

    name: ClassVar[str] = "telnyx"
    capabilities: ClassVar[Capabilities] = Capabilities(
        {
            m.Sms: _SENDER,
            m.Mms: _SENDER | {"text"},
            m.WhatsAppText: _SENDER | {"preview_url"},
            m.WhatsAppImage: _SENDER | {"caption"},
            m.WhatsAppVideo: _SENDER | {"caption"},
            m.WhatsAppDocument: _SENDER | {"caption", "filename"},
            m.WhatsAppAudio: _SENDER | {"voice"},
            m.WhatsAppSticker: _SENDER,
            m.WhatsAppLocation: _SENDER | {"name", "address"},
            m.WhatsAppReaction: _SENDER,
            m.WhatsAppTemplate: _SENDER | {"parameters"},
            m.WhatsAppButtons: _WORDS,
            m.WhatsAppList: _WORDS,
            m.WhatsAppUrlButton: _WORDS,
            m.WhatsAppLocationRequest: _SENDER,
        }
    )

    def __init__(
        self,
        *,
        api_key: str,
        sender: str | None = None,
        whatsapp_sender: str | None = None,
        messaging_profile_id: str | None = None,
        webhook_public_key: str | Sequence[str] | None = None,
        webhook_url: str | None = None,
        base_url: str | None = None,
    ) -> None:
        """Take the account, who messages come from that name no sender, and how webhook calls are proved.

        Args:
            api_key: Key of the API, version 2.
            sender: Sender of SMS and MMS: a number, a short code, or a name of at most 11 letters and digits.
            whatsapp_sender: WhatsApp number of the business; without it, `sender`.
            messaging_profile_id: Messaging profile that sends. Needed for senders that are names.
            webhook_public_key: Public key of the account, which verifies webhooks; several are separated by commas. Without it, the plugin refuses every
                webhook request.
            webhook_url: URL that receives the reports, for each message. The plugin adds our message id to it. Without it, Telnyx uses the URL of the
                messaging profile.
            base_url: Another host: the emulator.

        Raises:
            InvalidSetting: one of them cannot work.
        """
        key = api_key.strip()
        if not key or not key.isascii() or not key.isprintable():
            raise _setting_error(
                "must be a key of printable ASCII characters", "api_key", "copy it from the portal"
            )
        self._headers = {
            "authorization": f"Bearer {key}",
            "content-type": "application/json",
            "accept": "application/json",
        }
        self._url = f"{require_base_url(base_url, provider='telnyx', default=_API)}/v2/messages"
        self._sender = SENDERS.require_setting(sender, "sender")
        self._whatsapp_sender = SENDERS.require_setting(whatsapp_sender, "whatsapp_sender", numbers_only=True)
        self._profile = messaging_profile_id
        self._keys = parse_public_keys(webhook_public_key) if webhook_public_key is not None else ()
        self._webhook_url = require_report_url(webhook_url)

    def missing_sender(self, channel: str) -> str | None:
        """Return `telnyx.sender` if no sender is configured for the channel; else None."""
        if self._sender or (channel == "whatsapp" and self._whatsapp_sender):
            return None
        return "telnyx.sender"

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        """Send one message. A message to a WhatsApp group gets the reason `Reason.NO_COVERAGE`: Telnyx reaches no groups."""
        if isinstance(batch[0].to, WhatsAppGroupId):
            return (AttemptResult.of(Reason.NO_COVERAGE, "Telnyx reaches no groups, nothing was sent"),)
        return (yield from super().send(batch))

    def build_request(self, envelope: Envelope) -> HttpRequest:
        """Encode one message. If Telnyx accepts our id as an idempotency key, the request carries it as one."""
        message, to = envelope.message, envelope.to
        shared = {
            "to": to.e164 if isinstance(to, PhoneNumber) else to.plain,
            **({"messaging_profile_id": self._profile} if self._profile else {}),
            **({"webhook_url": report_url(self._webhook_url, envelope.id)} if self._webhook_url else {}),
        }
        key = {"idempotency-key": envelope.id} if _KEY.fullmatch(envelope.id) else {}
        headers = {**self._headers, **key}
        if isinstance(message, (m.Sms, m.Mms)):
            described: dict[str, Any] = {"from": self._text_sender(message), **shared, **build_text(message)}
            return HttpRequest.post_json(self._url, described, headers=headers)
        given = require_sender(message, self._whatsapp_sender or self._sender, provider="telnyx_whatsapp")
        sender = SENDERS.format(given, f"{type(message).__name__}.sender", numbers_only=True)
        described = {
            "from": sender,
            **shared,
            "type": "WHATSAPP",
            "whatsapp_message": build_whatsapp(message),
        }
        return HttpRequest.post_json(f"{self._url}/whatsapp", described, headers=headers)

    def parse_response(self, response: HttpResponse, envelope: Envelope) -> AttemptResult:  # noqa: ARG002
        """Return the result of a send, by the status and the error codes of Telnyx."""
        return parse_response(response)

    def handle_webhook(self, request: WebhookRequest) -> WebhookResult:
        """Verify the Ed25519 signature of a request, and return its events.

        Raises:
            WebhookVerificationError: No configured public key matches, or the signed time is more than 5 minutes off.
        """
        require_signed(request, self._keys)
        return WebhookResult(parse_events(request))

    def _text_sender(self, message: m.Sms | m.Mms) -> str:
        field = f"{type(message).__name__}.sender"
        sender = SENDERS.format(require_sender(message, self._sender, provider=self.name), field)
        if not sender.removeprefix("+").isdigit() and not self._profile:
            raise InvalidMessage(
                "must be a number without a messaging profile: Telnyx sends from names by a profile only",
                field=field,
                hint="set MESSAGING_CHANNELS_TELNYX_MESSAGING_PROFILE_ID, or use a number",
            )
        return sender


def _setting_error(problem: str, setting: str, hint: str) -> InvalidSetting:
    return InvalidSetting(problem, setting=f"telnyx.{setting}", source="the provider's arguments", hint=hint)
