"""WhatsApp: one endpoint a type. Templates go many to a request, everything else alone.

Source: https://www.infobip.com/docs/api/channels/whatsapp/whatsapp-outbound-messages
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from messaging_channels import messages
from messaging_channels.errors import InvalidMessage
from messaging_channels.messages import ContactCard, Message, WhatsAppTemplate
from messaging_channels.plugins import Envelope, extra_of
from messaging_channels_infobip import whatsapp_interactive as interactive
from messaging_channels_infobip.access import Access
from messaging_channels_infobip.answers import outcomes, single_outcome
from messaging_channels_infobip.options import InfobipWhatsApp
from messaging_channels_infobip.parts import Defaults, Part, grouped
from messaging_channels_infobip.whatsapp_carousel import carousel
from messaging_channels_infobip.whatsapp_template import template
from messaging_channels_infobip.written import given, links, some

Write: TypeAlias = Callable[[Any], dict[str, Any]]

PREFIX = "/whatsapp/1/message/"
TEMPLATES = PREFIX + "template"
_LONGEST_SENDER = 24
_PLAIN = InfobipWhatsApp()
_FILENAME, _PLACE = 240, 1000


def parts(batch: Sequence[Envelope], access: Access, defaults: Defaults) -> list[Part]:
    """Describe the requests: one for each message, save for templates, which share one as far as their bulk id does.

    Raises:
        InvalidMessage: one of them cannot be sent as it is.
    """
    templates = [one for one in batch if isinstance(one.message, WhatsAppTemplate)]
    alone = [one for one in batch if not isinstance(one.message, WhatsAppTemplate)]
    return [
        *_template_parts(templates, access, defaults),
        *(Part(_single(one, access, defaults), [one], single_outcome) for one in alone),
    ]


def _template_parts(batch: Sequence[Envelope], access: Access, defaults: Defaults) -> list[Part]:
    described = [(_extra(one.message).bulk_id, (_enveloped(one, defaults), one)) for one in batch]
    return [
        Part(
            access.post(TEMPLATES, given(messages=[message for message, _ in group], bulkId=bulk_id)),
            [envelope for _, envelope in group],
            outcomes,
        )
        for bulk_id, group in grouped(described)
    ]


def _single(envelope: Envelope, access: Access, defaults: Defaults) -> Any:  # noqa: ANN401
    path, _ = _WRITTEN[type(envelope.message)]
    return access.post(PREFIX + path, _enveloped(envelope, defaults))


def _enveloped(envelope: Envelope, defaults: Defaults) -> dict[str, Any]:
    """Write a message with all that surrounds its content."""
    message, extra = envelope.message, _extra(envelope.message)
    sender = defaults.sender_of(envelope)
    if len(sender) > _LONGEST_SENDER:
        raise _refused(message, "sender", "over 24 characters", "use a registered number")
    path, write = _WRITTEN[type(message)]
    _check_options(message, extra, path)
    reply_to: str | None = None if path in _WITHOUT_QUOTES else getattr(message, "reply_to", None)
    surroundings = given(
        to=envelope.to.plain,
        messageId=envelope.id,
        content=write(message),
        callbackData=extra.callback_data,
        notifyUrl=extra.report_url or defaults.report_url,
        urlOptions=links(extra.links),
        smsFailover=extra.sms_failover
        and {"from": extra.sms_failover.sender, "text": extra.sms_failover.text},
        entityId=extra.entity_id,
        applicationId=extra.application_id,
        context=None if reply_to is None else {"replyToMessageId": reply_to},
    )
    return {"from": sender.removeprefix("+"), **surroundings}


def _extra(message: Message) -> InfobipWhatsApp:
    return extra_of(message, InfobipWhatsApp) or _PLAIN


def _check_options(message: Message, extra: InfobipWhatsApp, path: str) -> None:
    """Refuse options that this type of message does not have."""
    for_templates = (extra.sms_failover, extra.bulk_id)
    if path != "template" and any(option is not None for option in for_templates):
        raise _refused(message, "extra", "an option of templates is set", "leave it out")
    if path in _WITHOUT_LINKS and extra.links is not None:
        raise _refused(message, "extra", "it has no links", "leave out links")


def _refused(message: Message, field: str, problem: str, remedy: str) -> InvalidMessage:
    return InvalidMessage(problem, field=f"{type(message).__name__}.{field}", remedy=remedy)


def _text(message: messages.WhatsAppText) -> dict[str, Any]:
    preview = message.preview_url or None
    if preview and "http" not in message.text:
        raise _refused(message, "preview_url", "there is no link in the text", "leave it out")
    return given(text=message.text, previewUrl=preview)


def _file(message: Any) -> dict[str, Any]:  # noqa: ANN401  the types of media share these fields
    return given(
        mediaUrl=interactive.url_of(message.file, message),
        caption=getattr(message, "caption", None),
        filename=_filename(message),
        voice=getattr(message, "voice", False) or None,
    )


def _filename(message: Any) -> str | None:  # noqa: ANN401
    name: str | None = getattr(message, "filename", None)
    if name is not None and len(name) > _FILENAME:
        raise _refused(message, "filename", f"over {_FILENAME} characters", "shorten it")
    return name


def _location(message: messages.WhatsAppLocation) -> dict[str, Any]:
    for field in ("name", "address"):
        if len(getattr(message, field) or "") > _PLACE:
            raise _refused(message, field, f"over {_PLACE} characters", "shorten it")
    return given(
        latitude=message.latitude, longitude=message.longitude, name=message.name, address=message.address
    )


def _contacts(message: messages.WhatsAppContacts) -> dict[str, Any]:
    return {"contacts": [_card(card) for card in message.contacts]}


def _card(card: ContactCard) -> dict[str, Any]:
    return given(
        name=given(firstName=card.first_name, lastName=card.last_name, formattedName=card.formatted_name),
        birthday=card.birthday,
        phones=[{"phone": number} for number in card.phones] or None,
        emails=[{"email": address} for address in card.emails] or None,
        urls=[{"url": url} for url in card.urls] or None,
        org=some(company=card.company, title=card.title),
    )


_WRITTEN: Mapping[type[Message], tuple[str, Write]] = {
    messages.WhatsAppTemplate: ("template", template),
    messages.WhatsAppText: ("text", _text),
    messages.WhatsAppImage: ("image", _file),
    messages.WhatsAppDocument: ("document", _file),
    messages.WhatsAppAudio: ("audio", _file),
    messages.WhatsAppVideo: ("video", _file),
    messages.WhatsAppSticker: ("sticker", _file),
    messages.WhatsAppLocation: ("location", _location),
    messages.WhatsAppContacts: ("contact", _contacts),
    messages.WhatsAppButtons: ("interactive/buttons", interactive.buttons),
    messages.WhatsAppList: ("interactive/list", interactive.listed),
    messages.WhatsAppUrlButton: ("interactive/url-button", interactive.url_button),
    messages.WhatsAppLocationRequest: ("interactive/location-request", interactive.words_alone),
    messages.WhatsAppProduct: ("interactive/product", interactive.product),
    messages.WhatsAppProducts: ("interactive/multi-product", interactive.products),
    messages.WhatsAppFlow: ("interactive/flow", interactive.flow),
    messages.WhatsAppCarousel: ("interactive/media-carousel", carousel),
    messages.WhatsAppCallButton: ("interactive/voice-button", interactive.call_button),
    messages.WhatsAppContactRequest: ("interactive/request-contact-info", interactive.words_alone),
}
"""The endpoint of each type, and what writes its content."""

_WITHOUT_QUOTES = frozenset({"interactive/voice-button"})
_WITHOUT_LINKS = frozenset({"audio", "sticker", "location", "contact"})
