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


def _interactive(kind: str, action: Callable[[Any], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
    def write(message: m.Interactive) -> dict[str, Any]:
        header = message.header
        if isinstance(header, Media):
            raise InvalidMessage(
                "must be text for Telnyx",
                field=f"{type(message).__name__}.header",
                hint="give one line of text",
            )
        return {
            "type": kind,
            **({"header": {"type": "text", "text": header}} if header else {}),
            "body": {"text": message.text},
            **({"footer": {"text": message.footer}} if message.footer else {}),
            "action": action(message),
        }

    return write


def _buttons(message: m.WhatsAppButtons) -> dict[str, Any]:
    return {
        "buttons": [{"type": "reply", "reply": {"id": one.id, "title": one.title}} for one in message.buttons]
    }


def _list(message: m.WhatsAppList) -> dict[str, Any]:
    sections: list[dict[str, Any]] = []
    for section in message.sections:
        rows = [
            {
                "id": row.id,
                "title": row.title,
                **({"description": row.description} if row.description else {}),
            }
            for row in section.rows
        ]
        sections.append({**({"title": section.title} if section.title else {}), "rows": rows})
    return {"button": message.button, "sections": sections}


def _url_button(message: m.WhatsAppUrlButton) -> dict[str, Any]:
    return {"name": "cta_url", "parameters": {"display_text": message.button, "url": message.url}}


def _location_request(message: m.WhatsAppLocationRequest) -> dict[str, Any]:
    action = {"name": "send_location"}
    return {"type": "location_request_message", "body": {"text": message.text}, "action": action}


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
    m.WhatsAppButtons: ("interactive", _interactive("button", _buttons)),
    m.WhatsAppList: ("interactive", _interactive("list", _list)),
    m.WhatsAppUrlButton: ("interactive", _interactive("cta_url", _url_button)),
    m.WhatsAppLocationRequest: ("interactive", _location_request),
}
