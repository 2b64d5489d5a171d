"""What people write, as events.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from messaging_channels.events import (
    InboundMedia,
    MessageEchoed,
    MessageEdited,
    MessageReceived,
    MessageRevoked,
    UnknownEvent,
)
from messaging_channels_whatsapp_cloud.parsing import as_object, get_member, non_empty_text, parse_degrees
from messaging_channels_whatsapp_cloud.webhook_updates import WebhookChange, parse_address, parse_aliases

Inbound: TypeAlias = "MessageReceived | MessageEdited | MessageRevoked | UnknownEvent"


def parse_inbound(value: WebhookChange, message: dict[str, Any]) -> Inbound:
    """Read one message. Of a type that is not known it is `unknown`; without id or sender it is not recognized."""
    told = non_empty_text(message.get("type")) or ""
    content = as_object(message.get(told))
    number = message.get("from") or (content.get("wa_id") if told == "system" else None)
    ids = (number, message.get("from_user_id"), message.get("from_parent_user_id"))
    sender, wamid = parse_address(*ids), non_empty_text(message.get("id"))
    raw = value.single_update("messages", message, *ids)
    if sender is None or wamid is None:
        return value.unknown(f"message {told}", message, raw)
    common: dict[str, Any] = {
        **value.common(message, raw),
        "event_id": f"{value.number_id}:{wamid}",
        "channel": "whatsapp",
        "provider_id": wamid,
        "sender": sender,
        "to": value.number,
        "group_id": non_empty_text(message.get("group_id")),
    }
    original = non_empty_text(content.get("original_message_id"))
    if told == "edit" and original:
        return MessageEdited(original_id=original, **common, **_edited(content))
    if told == "revoke" and original:
        return MessageRevoked(original_id=original, **common)
    kind, read = _reader(told, content)
    name = non_empty_text(get_member(value.contact(*ids).get("profile"), "name"))
    reply_to = non_empty_text(get_member(message.get("context"), "id"))
    aliases = parse_aliases(sender, *ids[1:])
    return MessageReceived(
        kind=kind, name=name, aliases=aliases, **{"reply_to": reply_to, **read(content)}, **common
    )


def parse_echo(value: WebhookChange, message: dict[str, Any]) -> MessageEchoed | UnknownEvent:
    """Read a message that the business sent by the WhatsApp Business app, or what it edited or revoked there."""
    told = non_empty_text(message.get("type")) or ""
    content = as_object(message.get(told))
    ids = (message.get("to"), message.get("to_user_id"), message.get("to_parent_user_id"))
    person, wamid = parse_address(*ids), non_empty_text(message.get("id"))
    raw = value.single_update("message_echoes", message, *ids)
    if person is None or wamid is None:
        return value.unknown(f"echo {told}", message, raw)
    kind, read = _reader(told, content)
    said = _edited(content) if told == "edit" else read(content)
    reply_to = non_empty_text(get_member(message.get("context"), "id"))
    return MessageEchoed(
        channel="whatsapp",
        provider_id=wamid,
        sender=non_empty_text(message.get("from")) or value.number,
        to=person,
        group_id=non_empty_text(message.get("group_id")),
        original_id=non_empty_text(content.get("original_message_id")),
        **{"reply_to": reply_to, **said, "kind": kind},
        **{**value.common(message, raw), "event_id": f"{value.number_id}:{wamid}"},
    )


def _edited(content: Mapping[str, Any]) -> dict[str, Any]:
    """Read what a message says since it was edited: text, or a file with another caption."""
    message = as_object(content.get("message"))
    told = non_empty_text(message.get("type")) or ""
    kind, read = _reader(told, as_object(message.get(told)))
    said = read(as_object(message.get(told)))
    media: tuple[InboundMedia, ...] = said.get("media", ())
    caption = next((one.caption for one in media if one.caption), None)
    return {"kind": kind, "text": said.get("text") or caption, "media": media}


def _reader(told: str, content: Mapping[str, Any]) -> tuple[str, _Read]:
    """Return the kind of a message, and how to read what it says."""
    return _interactive_reply(content) if told == "interactive" else _MESSAGE_TYPES.get(told, _UNKNOWN)


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
