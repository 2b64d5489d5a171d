"""From a message to the object that sends it.

Sources: https://developers.telnyx.com/api-reference/messages/send-a-message, https://developers.telnyx.com/api-reference/messages/send-a-whatsapp-message and
the types of Telnyx's own client, `telnyx` 4.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from messaging_channels import messages as m
from messaging_channels.errors import InvalidMessage
from messaging_channels.messages import Media, Message
from messaging_channels.plugins import whatsapp_content


def build_text(message: m.Sms | m.Mms) -> dict[str, Any]:
    """Return the content of an SMS or MMS, for `/v2/messages`."""
    if isinstance(message, m.Sms):
        return {"type": "SMS", "text": message.text}
    words = {"text": message.text} if message.text else {}
    return {"type": "MMS", **words, "media_urls": list(message.media)}


def build_whatsapp(message: Message) -> dict[str, Any]:
    """Return the object `whatsapp_message`, for `/v2/messages/whatsapp`.

    Raises:
        InvalidMessage: Telnyx has no form for it.
    """
    kind, write = WRITERS[type(message)]
    return {"type": kind, kind: write(message)}


def _text(message: m.WhatsAppText) -> dict[str, Any]:
    return {"body": message.text, **({"preview_url": True} if message.preview_url else {})}


def _file(message: Any) -> dict[str, Any]:  # noqa: ANN401  one of five types, with different fields
    file: Media = message.file
    if file.url is None:
        raise InvalidMessage(
            "must be a URL: Telnyx takes no files by id",
            field=f"{type(message).__name__}.media",
            hint="give a public URL",
        )
    more = {name: told for name in ("caption", "filename") if (told := getattr(message, name, None))}
    voice = {"voice": True} if getattr(message, "voice", False) else {}
    return {"link": file.url, **more, **voice}


def _location(message: m.WhatsAppLocation) -> dict[str, Any]:
    """Describe a place; Telnyx has its coordinates as texts."""
    words = {name: told for name in ("name", "address") if (told := getattr(message, name))}
    return {"latitude": repr(message.latitude), "longitude": repr(message.longitude), **words}


def _reaction(message: m.WhatsAppReaction) -> dict[str, Any]:
    return {"message_id": message.message_id, "emoji": message.emoji}


def _template(message: m.WhatsAppTemplate) -> dict[str, Any]:
    if isinstance(message.parameters, Mapping):
        raise InvalidMessage(
            "must be a tuple: Telnyx has no named parameters",
            field="WhatsAppTemplate.parameters",
            hint="give the values in the order of {{1}}, {{2}}",
        )
    gaps = [{"type": "text", "text": str(value)} for value in message.parameters]
    body = {"components": [{"type": "body", "parameters": gaps}]} if gaps else {}
    return {"name": message.name, "language": {"code": message.language}, **body}


def _interactive(message: m.Interactive) -> dict[str, Any]:
    if isinstance(message.header, Media):
        raise InvalidMessage(
            "must be text for Telnyx",
            field=f"{type(message).__name__}.header",
            hint="give one line of text",
        )
    _, described = whatsapp_content(message)
    return {**described}


WRITERS: Mapping[type[Message], tuple[str, Callable[[Any], dict[str, Any]]]] = {
    m.WhatsAppText: ("text", _text),
    m.WhatsAppImage: ("image", _file),
    m.WhatsAppVideo: ("video", _file),
    m.WhatsAppDocument: ("document", _file),
    m.WhatsAppAudio: ("audio", _file),
    m.WhatsAppSticker: ("sticker", _file),
    m.WhatsAppLocation: ("location", _location),
    m.WhatsAppReaction: ("reaction", _reaction),
    m.WhatsAppTemplate: ("template", _template),
    m.WhatsAppButtons: ("interactive", _interactive),
    m.WhatsAppList: ("interactive", _interactive),
    m.WhatsAppUrlButton: ("interactive", _interactive),
    m.WhatsAppLocationRequest: ("interactive", _interactive),
}
