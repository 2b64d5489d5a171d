"""The provider: one request a message, and the calls that the Bot API makes to us.

Source: https://core.telegram.org/bots/api
"""

from __future__ import annotations

import hmac
import re
from hashlib import sha256
from typing import Any, ClassVar, cast

from messaging_channels import WebhookRequest, WebhookResult
from messaging_channels.errors import InvalidSetting, WebhookVerificationError
from messaging_channels.events import (
    Event,
    InboundMedia,
    MessageEdited,
    MessageReceived,
    OptedIn,
    OptedOut,
    UnknownEvent,
)
from messaging_channels.plugins import (
    AttemptResult,
    Capabilities,
    Envelope,
    FailureReason,
    HttpProvider,
    HttpRequest,
    HttpResponse,
    Reason,
    failure_fields,
    result_from_status,
    retry_after,
)
from messaging_channels_telegram.channel import ChatId, TelegramButton, TelegramPhoto, TelegramText

ERRORS: tuple[tuple[int, str, Reason, FailureReason], ...] = (
    (400, "chat not found", Reason.RECIPIENT, FailureReason.UNKNOWN_RECIPIENT),
    (400, "group chat was upgraded", Reason.RECIPIENT, FailureReason.INVALID_ADDRESS),
    (400, "wrong file identifier", Reason.INVALID, FailureReason.MEDIA_PROBLEM),
    (400, "wrong type of the web page content", Reason.INVALID, FailureReason.MEDIA_PROBLEM),
    (400, "failed to get http url content", Reason.INVALID, FailureReason.MEDIA_PROBLEM),
    (400, "message is too long", Reason.INVALID, FailureReason.TOO_LARGE),
    (400, "", Reason.INVALID, FailureReason.MALFORMED),
    (401, "", Reason.CREDENTIALS, FailureReason.CREDENTIALS),
    (404, "", Reason.CREDENTIALS, FailureReason.CREDENTIALS),
    (403, "bot was blocked", Reason.RECIPIENT, FailureReason.BLOCKED_BY_RECIPIENT),
    (403, "user is deactivated", Reason.RECIPIENT, FailureReason.UNKNOWN_RECIPIENT),
    (403, "bot was kicked", Reason.RECIPIENT, FailureReason.BLOCKED_BY_RECIPIENT),
    (403, "can't initiate conversation", Reason.RECIPIENT, FailureReason.OUTSIDE_WINDOW),
    (403, "", Reason.RECIPIENT, FailureReason.BARRED),
    (429, "", Reason.THROTTLED, FailureReason.THROTTLED),
)
"""By the code and words of an error: what becomes of the message. The API tells them apart by its words alone."""


class Telegram(HttpProvider):
    """A bot of Telegram. One object serves many threads and tasks."""

    name: ClassVar[str] = "telegram"
    capabilities: ClassVar[Capabilities] = Capabilities(
        {
            TelegramText: frozenset({"buttons", "silent"}),
            TelegramPhoto: frozenset({"caption", "buttons", "silent"}),
        }
    )

    def __init__(
        self, *, token: str, webhook_secret: str | None = None, base_url: str = "https://api.telegram.org"
    ) -> None:
        """Take the bot's token, and what `setWebhook` was given as `secret_token`; without it no call is believed.

        Raises:
            InvalidSetting: the token has not the form of one.
        """
        if not _TOKEN.fullmatch(token):
            raise InvalidSetting(
                "it has not the form of a token",
                setting="telegram.token",
                source="the provider's arguments",
                hint="copy it from BotFather",
            )
        self._base = f"{base_url.rstrip('/')}/bot{token}"
        self._secret = webhook_secret

    def build_request(self, envelope: Envelope) -> HttpRequest:
        """See HttpProvider."""
        message = envelope.message
        described: dict[str, Any] = {"chat_id": envelope.to.plain}
        if isinstance(message, TelegramPhoto):
            method = "sendPhoto"
            described |= {"photo": message.url} | ({"caption": message.caption} if message.caption else {})
        else:
            assert isinstance(message, TelegramText)
            method, described["text"] = "sendMessage", message.text
        if message.buttons:
            described["reply_markup"] = {"inline_keyboard": [[_button(one)] for one in message.buttons]}
        if message.silent:
            described["disable_notification"] = True
        return HttpRequest.post_json(f"{self._base}/{method}", described, headers=_JSON)

    def parse_response(self, response: HttpResponse, envelope: Envelope) -> AttemptResult:
        """See HttpProvider."""
        answer = _fields(response.body)
        number = _fields_of(answer.get("result")).get("message_id")
        if response.ok and answer.get("ok") is True and isinstance(number, int):
            return AttemptResult.of(
                Reason.ACCEPTED, provider_id=provider_id(envelope.to.plain, number), raw_response=answer
            )
        code, words = answer.get("error_code"), str(answer.get("description") or "")
        row = next(
            (one for one in ERRORS if one[0] == code == response.status and one[1] in words.lower()), None
        )
        if answer.get("ok") is not False or row is None:
            return result_from_status(response, is_from_provider=answer.get("ok") is False)
        _, _, reason, failure = row
        return AttemptResult.of(
            reason,
            f"error {code}",
            retry_after=_seconds_to_wait(answer, response) if reason is Reason.THROTTLED else None,
            raw_response=answer,
            **failure_fields(failure, vendor_code=str(code), vendor_text=words),
        )

    def handle_webhook(self, request: WebhookRequest) -> WebhookResult:
        """See SupportsWebhooks. The proof is a secret in a header: `X-Telegram-Bot-Api-Secret-Token`."""
        given = request.headers.get("x-telegram-bot-api-secret-token", "")
        if not self._secret or not hmac.compare_digest(given.encode(), self._secret.encode()):
            raise WebhookVerificationError(
                "the secret token does not fit",
                provider=self.name,
                hint="give setWebhook and webhook_secret the same value",
            )
        return WebhookResult(self._events(_fields(request.body), request))

    def _events(self, update: dict[str, Any], request: WebhookRequest) -> tuple[Event, ...]:
        number = update.get("update_id")
        common: dict[str, Any] = {
            "provider": self.name,
            "event_id": str(number) if isinstance(number, int) else None,
            "raw": update or request.body,
        }
        for kind, read in (
            ("message", _message),
            ("edited_message", _edited),
            ("callback_query", _pressed),
            ("my_chat_member", _membership),
        ):
            if kind in update and (event := read(_fields_of(update[kind]), common, request.received_at)):
                return (event,)
        kinds = sorted(name for name in update if name != "update_id" and name.isidentifier())
        return (UnknownEvent(occurred_at=request.received_at, kind=kinds[0][:40] if kinds else "", **common),)


def provider_id(chat: str, number: int) -> str:
    """Return an id of a message that is unique among chats and shows none of them."""
    return f"{sha256(chat.encode()).hexdigest()[:12]}-{number}"


def _seconds_to_wait(answer: dict[str, Any], response: HttpResponse) -> float | None:
    """Return the longest time that the answer asks to wait, in its header or its body."""
    told = _fields_of(answer.get("parameters")).get("retry_after")
    waits = [retry_after(response.headers), float(told) if isinstance(told, int) else None]
    return max((one for one in waits if one is not None), default=None)


def _button(one: TelegramButton) -> dict[str, str]:
    return {"text": one.text, **({"url": one.url} if one.url else {"callback_data": one.data or one.text})}


def _message(told: dict[str, Any], common: dict[str, Any], at: float) -> Event | None:
    chat, number = _chat(told), told.get("message_id")
    if chat is None or not isinstance(number, int):
        return None
    kind, media = _content(told)
    place = _fields_of(told.get("location"))
    where = (place.get("latitude"), place.get("longitude"))
    return MessageReceived(
        occurred_at=_time(told, at),
        channel="telegram",
        provider_id=provider_id(chat.plain, number),
        sender=chat,
        to="",
        kind=kind,
        text=_text(told.get("text")) or _text(told.get("caption")),
        location=(float(where[0]), float(where[1]))
        if all(isinstance(one, (int, float)) for one in where)
        else None,
        media=media,
        name=_text(_fields_of(told.get("from")).get("first_name")),
        group_id=chat.plain if _fields_of(told.get("chat")).get("type") in ("group", "supergroup") else None,
        **common,
    )


def _edited(told: dict[str, Any], common: dict[str, Any], at: float) -> Event | None:
    chat, number = _chat(told), told.get("message_id")
    if chat is None or not isinstance(number, int):
        return None
    own = provider_id(chat.plain, number)
    return MessageEdited(
        occurred_at=_time(told, at),
        channel="telegram",
        provider_id=f"{own}-{_time(told, at):.0f}",
        original_id=own,
        sender=chat,
        to="",
        text=_text(told.get("text")) or _text(told.get("caption")),
        **common,
    )


def _pressed(told: dict[str, Any], common: dict[str, Any], at: float) -> Event | None:
    original = _fields_of(told.get("message"))
    chat, key, number = _chat(original), _text(told.get("id")), original.get("message_id")
    if chat is None or key is None:
        return None
    return MessageReceived(
        occurred_at=at,
        channel="telegram",
        provider_id=key,
        sender=chat,
        to="",
        kind="button",
        text=_text(told.get("data")),
        payload=_text(told.get("data")),
        reply_to=provider_id(chat.plain, number) if isinstance(number, int) else None,
        name=_text(_fields_of(told.get("from")).get("first_name")),
        **common,
    )


def _membership(told: dict[str, Any], common: dict[str, Any], at: float) -> Event | None:
    """Read that somebody blocked the bot, or let it write again."""
    chat, state = _chat(told), _fields_of(told.get("new_chat_member")).get("status")
    if chat is None or state not in ("kicked", "member", "left"):
        return None
    choice = OptedIn if state == "member" else OptedOut
    return choice(
        occurred_at=_time(told, at), channel="telegram", address=chat, reason=f"the bot is {state}", **common
    )


def _content(told: dict[str, Any]) -> tuple[str, tuple[InboundMedia, ...]]:
    for name, kind in (("photo", "image"), ("video", "video"), ("voice", "audio"), ("document", "document")):
        if name in told:
            listed = told[name] if isinstance(told[name], list) else [told[name]]
            file = _fields_of(cast("list[Any]", listed)[-1]) if listed else {}
            media = InboundMedia(
                id=_text(file.get("file_id")), content_type=_text(file.get("mime_type")) or ""
            )
            return kind, (media,)
    return ("location" if "location" in told else "text" if "text" in told else "unknown"), ()


def _chat(told: dict[str, Any]) -> ChatId | None:
    number = _fields_of(told.get("chat")).get("id")
    return ChatId(str(number)) if isinstance(number, int) and not isinstance(number, bool) else None


def _time(told: dict[str, Any], otherwise: float) -> float:
    at = told.get("edit_date", told.get("date"))
    return float(at) if isinstance(at, int) and 0 <= at < _LATEST else otherwise


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _fields_of(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _fields(body: bytes) -> dict[str, Any]:
    """Return the fields of a JSON object; none if the body is no such thing."""
    try:
        return _fields_of(HttpResponse(200, {}, body).json())
    except ValueError:
        return {}


_JSON = {"content-type": "application/json", "accept": "application/json"}
_TOKEN = re.compile(r"[0-9]{1,20}:[A-Za-z0-9_-]{20,100}")
_LATEST = 2**33
