"""What people write, as events.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from messaging_channels.events import MessageReceived, ReceivedMedia, Unrecognised
from messaging_channels_whatsapp_cloud.reading import degrees, fields, member, text
from messaging_channels_whatsapp_cloud.updates import NAME, Value, address


def inbound(value: Value, message: dict[str, Any]) -> MessageReceived | Unrecognised:
    """Read one message. Of a type that is not known it is `unknown`; without id or sender it is not recognised."""
    told = text(message.get("type")) or ""
    content = fields(message.get(told))
    number = message.get("from") or (content.get("wa_id") if told == "system" else None)
    sender = address(number, message.get("from_user_id"))
    native = value.alone("messages", message, number, message.get("from_user_id"))
    wamid = text(message.get("id"))
    if sender is None or wamid is None:
        return Unrecognised(provider=NAME, at=value.time(message), kind=f"message {told}"[:40], native=native)
    kind, read = _KINDS.get(told, _UNKNOWN) if told != "interactive" else _pressed(content)
    return MessageReceived(
        provider=NAME,
        at=value.time(message),
        native=native,
        channel="whatsapp",
        provider_id=wamid,
        sender=sender,
        to=text(value.metadata.get("display_phone_number")) or value.number_id,
        kind=kind,
        name=text(member(value.contact(number, message.get("from_user_id")).get("profile"), "name")),
        **{"reply_to": text(member(message.get("context"), "id")), **read(content)},
    )


def _nothing(_: Mapping[str, Any]) -> dict[str, Any]:
    return {}


def _text(content: Mapping[str, Any]) -> dict[str, Any]:
    return {"text": text(content.get("body"))}


def _file(content: Mapping[str, Any]) -> dict[str, Any]:
    file = ReceivedMedia(
        url=text(content.get("url")),
        id=text(content.get("id")),
        content_type=text(content.get("mime_type")) or "",
        filename=text(content.get("filename")),
        caption=text(content.get("caption")),
    )
    return {"media": (file,)}


def _place(content: Mapping[str, Any]) -> dict[str, Any]:
    latitude, longitude = degrees(content.get("latitude")), degrees(content.get("longitude"))
    if latitude is None or longitude is None:
        return {}
    return {"location": (latitude, longitude), "text": text(content.get("name"))}


def _reaction(content: Mapping[str, Any]) -> dict[str, Any]:
    """Read the emoji: empty if it was taken back."""
    return {"payload": text(content.get("emoji")) or "", "reply_to": text(content.get("message_id"))}


def _button(content: Mapping[str, Any]) -> dict[str, Any]:
    return {"payload": text(content.get("payload")), "text": text(content.get("text"))}


def _order(content: Mapping[str, Any]) -> dict[str, Any]:
    return {"text": text(content.get("text"))}


def _pressed(content: Mapping[str, Any]) -> tuple[str, _Read]:
    """Return the kind of an interactive answer, and how to read what was pressed."""
    told = text(content.get("type")) or ""
    kind, payload, words = _ANSWERS.get(told, ("unknown", "", ""))
    answer = fields(content.get(told))
    return kind, lambda _: {"payload": text(answer.get(payload)), "text": text(answer.get(words))}


_Read = Callable[[Mapping[str, Any]], dict[str, Any]]
_UNKNOWN: tuple[str, _Read] = ("unknown", _nothing)
_KINDS: Mapping[str, tuple[str, _Read]] = {
    "text": ("text", _text),
    "image": ("image", _file),
    "video": ("video", _file),
    "audio": ("audio", _file),
    "document": ("document", _file),
    "sticker": ("sticker", _file),
    "location": ("location", _place),
    "contacts": ("contacts", _nothing),
    "reaction": ("reaction", _reaction),
    "button": ("button", _button),
    "order": ("order", _order),
    "system": ("system", _text),
    "edit": ("edit", _nothing),
    "revoke": ("revoke", _nothing),
}
_ANSWERS: Mapping[str, tuple[str, str, str]] = {
    "button_reply": ("button", "id", "title"),
    "list_reply": ("list", "id", "title"),
    "nfm_reply": ("flow", "response_json", "body"),
    "call_permission_reply": ("call_permission", "response", "body"),
}
"""By the type of an interactive answer: our kind, and the members that hold what was pressed and its words."""
