"""From a message to the object of the Messages API.

Sources: https://developer.vonage.com/en/api/messages and https://developer.vonage.com/en/messages/concepts/custom-objects
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

from messaging_channels import messages as m
from messaging_channels.errors import InvalidMessage
from messaging_channels.messages import Media, Message
from messaging_channels.plugins import (
    WHATSAPP_FIELDS,
    Envelope,
    merge_raw,
    provider_options_of,
    whatsapp_content,
)
from messaging_channels_vonage.options import VonageOptions
from messaging_channels_vonage.sms_requests import require_text

_MAX_TEXT = {"sms": 3200, "mms": 5000, "whatsapp": 4096}
_MIN_TTL, _MAX_TTL = 20, 604_800
"""Seconds that a text message may be tried for."""
_FILES = ("image", "video", "document")
_NO_IDS = "must be a URL: Vonage has no files by id"
PASSED_ON = frozenset(
    kind
    for kind in WHATSAPP_FIELDS
    if issubclass(kind, (m.Interactive, m.WhatsAppLocation, m.WhatsAppContacts))
)
"""What Vonage passes on in WhatsApp's own form: its message type `custom`."""


def build_message(envelope: Envelope, sender: str) -> dict[str, Any]:
    """Return the object that sends this message.

    Raises:
        InvalidMessage: Vonage would refuse it whatever the account.
    """
    message = envelope.message
    channel = "mms" if isinstance(message, m.Mms) else envelope.channel
    reply_to = getattr(message, "reply_to", None)
    surroundings = {
        "channel": channel,
        "to": envelope.to.plain,
        "from": sender,
        "client_ref": envelope.id,
        **({"context": {"message_uuid": reply_to}} if reply_to else {}),
    }
    raw = raw_of(message)
    content = {} if "message_type" in raw else WRITERS[type(message)](message)
    return merge_raw({**surroundings, **content}, raw)


def raw_of(message: Message) -> Mapping[str, Any]:
    """Return what goes to Vonage as it was written."""
    options = provider_options_of(message, VonageOptions)
    return (options.raw or {}) if options is not None else {}


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
    """Describe a template: in Vonage's own form if its body alone has gaps, else in WhatsApp's, which Vonage passes on."""
    more = (message.header, message.buttons, message.cards, message.offer_expires_at, message.tap_target)
    if any(more) or isinstance(message.parameters, Mapping):
        return _whole_template(message)
    values = [str(value) for value in message.parameters]
    return {
        "message_type": "template",
        "template": {"name": message.name, **({"parameters": values} if values else {})},
        "whatsapp": {"policy": "deterministic", "locale": message.language},
    }


def _whole_template(message: m.WhatsAppTemplate) -> dict[str, Any]:
    """Describe a template with all its components. Vonage's names may have the namespace before a colon."""
    namespace, _, name = message.name.rpartition(":")
    described = _custom(replace(message, name=name))
    template = described["custom"]["template"]
    template["language"]["policy"] = "deterministic"
    template.update({"namespace": namespace} if namespace else {})
    return described


def _custom(message: Message) -> dict[str, Any]:
    """Describe a message in WhatsApp's own form, which Vonage passes on."""
    kind, content = whatsapp_content(message)
    if _has_file_by_id(content):
        raise InvalidMessage(_NO_IDS, field=f"{type(message).__name__}.header", hint="give a public URL")
    return {"message_type": "custom", "custom": {"type": kind, kind: content}}


def _has_file_by_id(tree: object) -> bool:
    if isinstance(tree, Mapping):
        named = cast("Mapping[str, object]", tree)
        return any(_is_id(named.get(word)) for word in _FILES) or any(map(_has_file_by_id, named.values()))
    return isinstance(tree, list) and any(map(_has_file_by_id, cast("list[object]", tree)))


def _is_id(file: object) -> bool:
    return isinstance(file, Mapping) and "id" in file


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
        raise InvalidMessage(_NO_IDS, field=f"{owner}.media", hint="give a public URL")
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
    m.WhatsAppTemplate: _template,
    **dict.fromkeys(PASSED_ON, _custom),
}
