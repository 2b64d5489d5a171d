"""Every message but what can be pressed, and templates, in the Cloud API's form.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/send-messages
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, TypeAlias

from messaging_channels import messages as m
from messaging_channels.messages import ContactCard, Interactive, Message, PostalAddress
from messaging_channels.plugins.whatsapp_form.interactive import (
    ACTION_WRITERS,
    UNSUPPORTED_FIELDS,
    build_interactive,
)
from messaging_channels.plugins.whatsapp_form.parts import (
    format_location,
    format_media,
    require_at_most,
    without_empty,
)
from messaging_channels.plugins.whatsapp_form.template import template

WhatsAppContent: TypeAlias = "tuple[str, Any]"
"""The word for its type, and the object of that name."""

_CAPTION = 1024


def whatsapp_content(message: Message) -> WhatsAppContent:
    """Describe what a WhatsApp message says, in the form of WhatsApp's Cloud API: the word for its type, and the object of that name.

    For vendors that take this form or pass it on. Whom it goes to and what it answers is the plugin's to add. The message must hold no files as bytes:
    upload them before, or declare no `uploads_media`.

    Raises:
        InvalidMessage: WhatsApp is known to refuse it.
    """
    if isinstance(message, Interactive):
        return "interactive", build_interactive(message)
    return CONTENT_WRITERS[type(message)](message)


def _text(message: m.WhatsAppText) -> WhatsAppContent:
    return "text", {"body": message.text, **({"preview_url": True} if message.preview_url else {})}


def _captioned_writer(kind: str) -> Callable[[Any], WhatsAppContent]:
    def described(message: m.WhatsAppImage | m.WhatsAppVideo) -> WhatsAppContent:
        return kind, {**format_media(message.file), **_caption(message)}

    return described


def _document(message: m.WhatsAppDocument) -> WhatsAppContent:
    named = {"filename": message.filename} if message.filename else {}
    return "document", {**format_media(message.file), **_caption(message), **named}


def _caption(message: m.WhatsAppImage | m.WhatsAppVideo | m.WhatsAppDocument) -> dict[str, str]:
    if message.caption is None:
        return {}
    require_at_most(message.caption, _CAPTION, f"{type(message).__name__}.caption")
    return {"caption": message.caption}


def _audio(message: m.WhatsAppAudio) -> WhatsAppContent:
    return "audio", {**format_media(message.file), **({"voice": True} if message.voice else {})}


def _sticker(message: m.WhatsAppSticker) -> WhatsAppContent:
    return "sticker", format_media(message.file)


def _location(message: m.WhatsAppLocation) -> WhatsAppContent:
    return "location", format_location(message)


def _reaction(message: m.WhatsAppReaction) -> WhatsAppContent:
    return "reaction", {"message_id": message.message_id, "emoji": message.emoji}


def _contacts(message: m.WhatsAppContacts) -> WhatsAppContent:
    return "contacts", [_contact(card) for card in message.contacts]


def _contact(card: ContactCard) -> dict[str, Any]:
    name = without_empty(
        formatted_name=card.formatted_name,
        first_name=card.first_name,
        last_name=card.last_name,
        middle_name=card.middle_name,
        prefix=card.prefix,
        suffix=card.suffix,
    )
    phones = [without_empty(phone=one.phone, type=one.kind, wa_id=one.whatsapp_id) for one in card.all_phones]
    return without_empty(
        name=name,
        phones=phones,
        emails=[without_empty(email=one.email, type=one.kind) for one in card.all_emails],
        urls=[without_empty(url=one.url, type=one.kind) for one in card.all_urls],
        addresses=[_postal_address(one) for one in card.addresses],
        org=without_empty(company=card.company, department=card.department, title=card.title),
        birthday=card.birthday,
    )


def _postal_address(address: PostalAddress) -> dict[str, Any]:
    return without_empty(
        street=address.street,
        city=address.city,
        state=address.state,
        zip=address.zip,
        country=address.country,
        country_code=address.country_code,
        type=address.kind,
    )


def _template(message: m.WhatsAppTemplate) -> WhatsAppContent:
    return "template", template(message)


CONTENT_WRITERS: Mapping[type[Message], Callable[[Any], WhatsAppContent]] = {
    m.WhatsAppText: _text,
    m.WhatsAppImage: _captioned_writer("image"),
    m.WhatsAppVideo: _captioned_writer("video"),
    m.WhatsAppDocument: _document,
    m.WhatsAppAudio: _audio,
    m.WhatsAppSticker: _sticker,
    m.WhatsAppLocation: _location,
    m.WhatsAppReaction: _reaction,
    m.WhatsAppContacts: _contacts,
    m.WhatsAppTemplate: _template,
}


def _supported_fields() -> dict[type[Message], frozenset[str]]:
    """Return the fields of every message type, save for the headers and footers that the Cloud API does not know."""
    kinds: tuple[type[Message], ...] = (*CONTENT_WRITERS, *ACTION_WRITERS)
    return {
        kind: frozenset(one.name for one in fields(kind)) - UNSUPPORTED_FIELDS.get(kind, frozenset())  # type: ignore[arg-type]
        for kind in kinds
    }


WHATSAPP_FIELDS: Mapping[type[Message], frozenset[str]] = _supported_fields()
"""The message types that `whatsapp_content` can describe, each with its fields: for the capabilities of a provider."""
