"""What the conformance kit has to know: how the provider is configured, and what Telegram says."""

from __future__ import annotations

import json
from typing import Any

from messaging_channels import WebhookRequest
from messaging_channels.events import MessageReceived, OptedOut
from messaging_channels.plugins import HttpRequest, HttpResponse, Reason
from messaging_channels.testing import ConformanceFixtures, InboundText, ReadMessage, Webhook
from messaging_channels_telegram.channel import TelegramButton, TelegramPhoto, TelegramText


def _answer(told: object, status: int = 200) -> HttpResponse:
    return HttpResponse(status, {"content-type": "application/json"}, json.dumps(told).encode())


def _error(code: int, words: str, **parameters: Any) -> HttpResponse:
    told = {"ok": False, "error_code": code, "description": words, "parameters": parameters}
    return _answer(told, code)


def _signed(body: bytes, secret: str) -> WebhookRequest:
    return WebhookRequest(body, {"x-telegram-bot-api-secret-token": secret})


def _reads_request(request: HttpRequest) -> list[ReadMessage]:
    """Return what Telegram would understand of a request (https://core.telegram.org/bots/api#sendmessage)."""
    told: dict[str, Any] = json.loads(request.body)
    rows = told.get("reply_markup", {}).get("inline_keyboard", [])
    buttons = tuple(
        TelegramButton(one["text"], one.get("callback_data", ""), one.get("url"))
        for row in rows
        for one in row
    )
    silent = told.get("disable_notification", False)
    if request.url.endswith("/sendPhoto"):
        photo = TelegramPhoto(told["photo"], told.get("caption", ""), buttons, silent)
        return [ReadMessage(to=told["chat_id"], message=photo)]
    return [ReadMessage(to=told["chat_id"], message=TelegramText(told["text"], buttons, silent))]


def _update(number: int, kind: str, told: dict[str, Any]) -> bytes:
    return json.dumps({"update_id": number, kind: told}).encode()


def _message(one: InboundText) -> bytes:
    chat = {"id": int(one.sender), "type": "private"}
    told = {"message_id": one.number, "date": int(one.at), "chat": chat, "text": one.text}
    return _update(one.number, "message", told)


FIXTURES = ConformanceFixtures(
    settings=lambda url, secret: {"token": f"900100:{secret}", "webhook_secret": secret, "base_url": url},
    success_response=lambda _: _answer({"ok": True, "result": {"message_id": 7}}),
    reads_request=_reads_request,
    expected_failures={
        "MC401": "the Bot API takes the token in the path of its URLs, and a request shows its URL",
        "MC403": "the Bot API takes the token in the path of its URLs, and nowhere else",
    },
    error_responses=(
        (_error(400, "Bad Request: chat not found"), Reason.RECIPIENT),
        (_error(400, "Bad Request: message is too long"), Reason.INVALID),
        (_error(401, "Unauthorized"), Reason.CREDENTIALS),
        (_error(403, "Forbidden: bot was blocked by the user"), Reason.RECIPIENT),
        (_error(429, "Too Many Requests: retry after 5", retry_after=5), Reason.THROTTLED),
    ),
    sign_webhook=_signed,
    signature_covers_body=False,
    webhooks=(
        Webhook(_message(InboundText("900100200", "", "Hello", 1, 1_700_000_000.0)), (MessageReceived,)),
        Webhook(
            _update(
                2,
                "my_chat_member",
                {"date": 1_700_000_000, "chat": {"id": 900100200}, "new_chat_member": {"status": "kicked"}},
            ),
            (OptedOut,),
        ),
    ),
    inbound_body=lambda sender, to, text: _message(InboundText(sender, to, text, 1, 1_790_000_000.0)),
    inbound_message=_message,
)
