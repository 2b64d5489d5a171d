"""What people write, as events.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from messaging_channels.events import InboundMedia, MessageReceived, UnknownEvent
from messaging_channels_whatsapp_cloud.parsing import as_object, get_member, non_empty_text, parse_degrees
from messaging_channels_whatsapp_cloud.webhook_updates import NAME, WebhookChange, parse_address


def parse_inbound(value: WebhookChange, message: dict[str, Any]) -> MessageReceived | UnknownEvent:
    """Read one message. Of a type that is not known it is `unknown`; without id or sender it is not recognised."""
    told = non_empty_text(message.get("type")) or ""
    content = as_object(message.get(told))
    number = message.get("from") or (content.get("wa_id") if told == "system" else None)
    sender = parse_address(number, message.get("from_user_id"))
    native = value.single_update("messages", message, number, message.get("from_user_id"))
    wamid = non_empty_text(message.get("id"))
    if sender is None or wamid is None:
        return UnknownEvent(
            provider=NAME, occurred_at=value.occurred_at(message), kind=f"message {told}"[:40], raw=native
        )
    kind, read = _MESSAGE_TYPES.get(told, _UNKNOWN) if told != "interactive" else _interactive_reply(content)
    return MessageReceived(
        provider=NAME,
        occurred_at=value.occurred_at(message),
        raw=native,
        channel="whatsapp",
        provider_id=wamid,
        sender=sender,
        to=non_empty_text(value.metadata.get("display_phone_number")) or value.number_id,
        kind=kind,
        name=non_empty_text(
            get_member(value.contact(number, message.get("from_user_id")).get("profile"), "name")
        ),
        **{"reply_to": non_empty_text(get_member(message.get("context"), "id")), **read(content)},
    )


def _no_content(_: Mapping[str, Any]) -> dict[str, Any]:
    return {}


def _text(content: Mapping[str, Any]) -> dict[str, Any]:
    return {"text": non_empty_text(content.get("body"))}


def _file(content: Mapping[str, Any]) -> dict[str, Any]:
    file = InboundMedia(
        url=non_empty_text(content.get("url")),
        id=non_empty_text(content.get("id")),
        content_type=non_empty_text(content.get("mime_type")) or "",
        filename=non_empty_text(content.get("filename")),
        caption=non_empty_text(content.get("caption")),
    )
    return {"media": (file,)}


def _location(content: Mapping[str, Any]) -> dict[str, Any]:
    latitude, longitude = parse_degrees(content.get("latitude")), parse_degrees(content.get("longitude"))
    if latitude is None or longitude is None:
        return {}
    return {"location": (latitude, longitude), "text": non_empty_text(content.get("name"))}


def _reaction(content: Mapping[str, Any]) -> dict[str, Any]:
    """Read the emoji: empty if it was taken back."""
    return {
        "payload": non_empty_text(content.get("emoji")) or "",
        "reply_to": non_empty_text(content.get("message_id")),
    }


def _button(content: Mapping[str, Any]) -> dict[str, Any]:
    return {"payload": non_empty_text(content.get("payload")), "text": non_empty_text(content.get("text"))}


def _order(content: Mapping[str, Any]) -> dict[str, Any]:
    return {"text": non_empty_text(content.get("text"))}


def _interactive_reply(content: Mapping[str, Any]) -> tuple[str, _Read]:
    """Return the kind of an interactive answer, and how to read what was pressed."""
    told = non_empty_text(content.get("type")) or ""
    kind, payload, words = _ANSWERS.get(told, ("unknown", "", ""))
    answer = as_object(content.get(told))
    return kind, lambda _: {
        "payload": non_empty_text(answer.get(payload)),
        "text": non_empty_text(answer.get(words)),
    }


_Read = Callable[[Mapping[str, Any]], dict[str, Any]]
_UNKNOWN: tuple[str, _Read] = ("unknown", _no_content)
_MESSAGE_TYPES: Mapping[str, tuple[str, _Read]] = {
    "text": ("text", _text),
    "image": ("image", _file),
    "video": ("video", _file),
    "audio": ("audio", _file),
    "document": ("document", _file),
    "sticker": ("sticker", _file),
    "location": ("location", _location),
    "contacts": ("contacts", _no_content),
    "reaction": ("reaction", _reaction),
    "button": ("button", _button),
    "order": ("order", _order),
    "system": ("system", _text),
    "edit": ("edit", _no_content),
    "revoke": ("revoke", _no_content),
}
_ANSWERS: Mapping[str, tuple[str, str, str]] = {
    "button_reply": ("button", "id", "title"),
    "list_reply": ("list", "id", "title"),
    "nfm_reply": ("flow", "response_json", "body"),
    "call_permission_reply": ("call_permission", "response", "body"),
}
"""By the type of an interactive answer: our kind, and the members that hold what was pressed and its words."""
