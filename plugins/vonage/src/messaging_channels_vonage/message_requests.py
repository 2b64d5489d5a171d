"""From a message to the object of the Messages API.

Source: https://developer.vonage.com/en/api/messages
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from messaging_channels import messages as m
from messaging_channels.errors import InvalidMessage
from messaging_channels.messages import Media, Message
from messaging_channels.plugins import Envelope
from messaging_channels_vonage.sms_requests import require_text

_MAX_TEXT = {"sms": 3200, "mms": 5000, "whatsapp": 4096}
_MIN_TTL, _MAX_TTL = 20, 604_800
"""Seconds that a text message may be tried for."""


def build_message(envelope: Envelope, sender: str) -> dict[str, Any]:
    """Return the object that sends this message.

    Raises:
        InvalidMessage: Vonage would refuse it whatever the account.
    """
    message = envelope.message
    channel = "mms" if isinstance(message, m.Mms) else envelope.channel
    reply_to = getattr(message, "reply_to", None)
    return {
        "channel": channel,
        "to": envelope.to.plain,
        "from": sender,
        "client_ref": envelope.id,
        **({"context": {"message_uuid": reply_to}} if reply_to else {}),
        **WRITERS[type(message)](message),
    }


def _sms(message: m.Sms) -> dict[str, Any]:
    if message.flash:
        raise InvalidMessage(
            "is not supported by the Messages API", field="Sms.flash", hint="leave it out, or use the SMS API"
        )
    described: dict[str, Any] = {"message_type": "text", "text": _text(message.text, "Sms.text", "sms")}
    if message.validity_period is None:
        return described
    seconds = int(message.validity_period.total_seconds())
    if not _MIN_TTL <= seconds <= _MAX_TTL:
        raise InvalidMessage(
            "must be 20 seconds to 7 days for Vonage", field="Sms.validity_period", hint="change it"
        )
    return {**described, "ttl": seconds}


def _mms(message: m.Mms) -> dict[str, Any]:
    words = _text(message.text, "Mms.text", "mms") if message.text else ""
    if len(message.media) == 1:
        caption = {"caption": words} if words else {}
        return {"message_type": "image", "image": {"url": message.media[0], **caption}}
    files = [{"type": "image", "url": url} for url in message.media]
    if words:
        files[0]["caption"] = words
    return {"message_type": "content", "content": files}


def _whatsapp_text(message: m.WhatsAppText) -> dict[str, Any]:
    return {"message_type": "text", "text": _text(message.text, "WhatsAppText.text", "whatsapp")}


def _file(word: str) -> Callable[[Any], dict[str, Any]]:
    def write(
        message: m.WhatsAppImage | m.WhatsAppVideo | m.WhatsAppDocument | m.WhatsAppAudio,
    ) -> dict[str, Any]:
        caption, name = getattr(message, "caption", None), getattr(message, "filename", None)
        more = {**({"caption": caption} if caption else {}), **({"name": name} if name else {})}
        return {"message_type": word, word: {"url": _url(message.file, type(message).__name__), **more}}

    return write


def _sticker(message: m.WhatsAppSticker) -> dict[str, Any]:
    file = message.file
    return {"message_type": "sticker", "sticker": {"id": file.id} if file.id else {"url": file.url}}


def _reaction(message: m.WhatsAppReaction) -> dict[str, Any]:
    act = {"action": "react", "emoji": message.emoji} if message.emoji else {"action": "unreact"}
    return {"message_type": "reaction", "reaction": act, "context": {"message_uuid": message.message_id}}


def _template(message: m.WhatsAppTemplate) -> dict[str, Any]:
    if isinstance(message.parameters, Mapping):
        raise InvalidMessage(
            "must be a tuple: Vonage has no named parameters",
            field="WhatsAppTemplate.parameters",
            hint="give the values in the order of {{1}}, {{2}}",
        )
    values = [str(value) for value in message.parameters]
    return {
        "message_type": "template",
        "template": {"name": message.name, **({"parameters": values} if values else {})},
        "whatsapp": {"policy": "deterministic", "locale": message.language},
    }


def _custom(kind: str, content: object) -> dict[str, Any]:
    """Describe a message in WhatsApp's own form, which Vonage passes on."""
    return {"message_type": "custom", "custom": {"type": kind, kind: content}}


def _location(message: m.WhatsAppLocation) -> dict[str, Any]:
    words = {name: told for name in ("name", "address") if (told := getattr(message, name))}
    return _custom("location", {"latitude": message.latitude, "longitude": message.longitude, **words})


def _interactive(kind: str, action: Callable[[Any], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
    def write(message: m.Interactive) -> dict[str, Any]:
        header = message.header
        if isinstance(header, Media):
            raise InvalidMessage(
                "must be text for Vonage",
                field=f"{type(message).__name__}.header",
                hint="give one line of text",
            )
        described: dict[str, Any] = {"type": kind or getattr(message, "kind", "")}
        described |= {"header": {"type": "text", "text": header}} if header else {}
        described |= {"body": {"text": require_text(message.text, f"{type(message).__name__}.text")}}
        described |= {"footer": {"text": message.footer}} if message.footer else {}
        return _custom("interactive", {**described, "action": action(message)})

    return write


def _location_request(message: m.WhatsAppLocationRequest) -> dict[str, Any]:
    words = {"text": require_text(message.text, "WhatsAppLocationRequest.text")}
    asked = {"type": "location_request_message", "body": words, "action": {"name": "send_location"}}
    return _custom("interactive", asked)


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


def _text(text: str, field: str, channel: str) -> str:
    if len(text) > _MAX_TEXT[channel]:
        raise InvalidMessage(
            f"has {len(text)} characters; at most {_MAX_TEXT[channel]} are allowed",
            field=field,
            hint="shorten it",
        )
    return require_text(text, field)


def _url(file: Media, owner: str) -> str:
    if file.url is None:
        raise InvalidMessage(
            "must be a URL: Vonage has no files by id", field=f"{owner}.media", hint="give a public URL"
        )
    return file.url


WRITERS: Mapping[type[Message], Callable[[Any], dict[str, Any]]] = {
    m.Sms: _sms,
    m.Mms: _mms,
    m.WhatsAppText: _whatsapp_text,
    m.WhatsAppImage: _file("image"),
    m.WhatsAppVideo: _file("video"),
    m.WhatsAppDocument: _file("file"),
    m.WhatsAppAudio: _file("audio"),
    m.WhatsAppSticker: _sticker,
    m.WhatsAppReaction: _reaction,
    m.WhatsAppLocation: _location,
    m.WhatsAppTemplate: _template,
    m.WhatsAppButtons: _interactive("button", _buttons),
    m.WhatsAppList: _interactive("list", _list),
    m.WhatsAppUrlButton: _interactive("cta_url", _url_button),
    m.WhatsAppLocationRequest: _location_request,
    m.WhatsAppInteractive: _interactive("", lambda message: dict(message.action)),
}
