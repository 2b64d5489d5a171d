"""WhatsApp: one endpoint a type. Templates go many to a request, everything else alone.

Source: https://www.infobip.com/docs/api/channels/whatsapp/whatsapp-outbound-messages
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from messaging_channels import messages
from messaging_channels.errors import InvalidAddress, InvalidMessage
from messaging_channels.messages import ContactCard, Message, PostalAddress, WhatsAppTemplate
from messaging_channels.plugins import Envelope, WhatsAppGroupId, merge_raw, provider_options_of
from messaging_channels_infobip.api import InfobipApi
from messaging_channels_infobip.field_formats import (
    format_links,
    without_none,
    without_none_or_null,
)
from messaging_channels_infobip.options import InfobipWhatsAppOptions
from messaging_channels_infobip.request_parts import AccountDefaults, RequestPart, group_by_key
from messaging_channels_infobip.responses import parse_batch_response, parse_single_response
from messaging_channels_infobip.whatsapp import interactive
from messaging_channels_infobip.whatsapp.carousel import carousel
from messaging_channels_infobip.whatsapp.template import template

Writer: TypeAlias = Callable[[Any], dict[str, Any]]

PREFIX = "/whatsapp/1/message/"
TEMPLATES = PREFIX + "template"
_MAX_SENDER_LENGTH = 24
_DEFAULT_OPTIONS = InfobipWhatsAppOptions()
_MAX_FILENAME_LENGTH, _MAX_PLACE_LENGTH = 240, 1000


def build_parts(batch: Sequence[Envelope], api: InfobipApi, defaults: AccountDefaults) -> list[RequestPart]:
    """Describe the requests: one for each message, save for templates, which share one as far as their bulk id does.

    Raises:
        InvalidMessage: one of them cannot be sent as it is.
    """
    templates = [one for one in batch if isinstance(one.message, WhatsAppTemplate)]
    alone = [one for one in batch if not isinstance(one.message, WhatsAppTemplate)]
    return [
        *_template_parts(templates, api, defaults),
        *(RequestPart(_build_single(one, api, defaults), [one], parse_single_response) for one in alone),
    ]


def _template_parts(
    batch: Sequence[Envelope], api: InfobipApi, defaults: AccountDefaults
) -> list[RequestPart]:
    described = [(_options_of(one.message).bulk_id, (_message_fields(one, defaults), one)) for one in batch]
    return [
        RequestPart(
            api.post(TEMPLATES, without_none(messages=[message for message, _ in group], bulkId=bulk_id)),
            [envelope for _, envelope in group],
            parse_batch_response,
        )
        for bulk_id, group in group_by_key(described)
    ]


def _build_single(envelope: Envelope, api: InfobipApi, defaults: AccountDefaults) -> Any:  # noqa: ANN401
    path = _path_of(envelope.message)
    return api.post(PREFIX + path, _message_fields(envelope, defaults))


def _message_fields(envelope: Envelope, defaults: AccountDefaults) -> dict[str, Any]:
    """Write a message with all that surrounds its content."""
    if isinstance(envelope.to, WhatsAppGroupId):
        raise InvalidAddress(
            "Infobip does not support groups", kind="recipient of Infobip", hint="use a provider that does"
        )
    message, extra = envelope.message, _options_of(envelope.message)
    sender = defaults.resolve_sender(envelope)
    if len(sender) > _MAX_SENDER_LENGTH:
        raise _invalid_message(message, "sender", "has more than 24 characters", "use a registered number")
    path, write = _path_of(message), _WRITERS[type(message)][1]
    _check_options(message, extra, path)
    reply_to: str | None = None if path in _WITHOUT_QUOTES else getattr(message, "reply_to", None)
    surroundings = without_none(
        to=envelope.to.plain,
        messageId=envelope.id,
        content=write(message) or None,
        callbackData=extra.callback_data,
        notifyUrl=extra.report_url or defaults.report_url,
        urlOptions=format_links(extra.links),
        smsFailover=extra.sms_failover
        and {"from": extra.sms_failover.sender, "text": extra.sms_failover.text},
        entityId=extra.entity_id,
        applicationId=extra.application_id,
        context=None if reply_to is None else {"replyToMessageId": reply_to},
    )
    return merge_raw({"from": sender.removeprefix("+"), **surroundings}, extra.raw)


def _path_of(message: Message) -> str:
    """Return the endpoint of a message. WhatsApp's own word for a kind, such as `order_details`, names Infobip's endpoint, too."""
    if not isinstance(message, messages.WhatsAppInteractive):
        return _WRITERS[type(message)][0]
    kind = message.kind.lower().replace("_", "-")
    if not _KIND.fullmatch(kind):
        raise _invalid_message(
            message, "kind", "must be the name of an endpoint", "write it like order-details"
        )
    return f"interactive/{kind}"


def _no_content(_: Message) -> dict[str, Any]:
    return {}


def _options_of(message: Message) -> InfobipWhatsAppOptions:
    return provider_options_of(message, InfobipWhatsAppOptions) or _DEFAULT_OPTIONS


def _check_options(message: Message, options: InfobipWhatsAppOptions, path: str) -> None:
    """Refuse options that this type of message does not have."""
    for_templates = (options.sms_failover, options.bulk_id)
    if path != "template" and any(option is not None for option in for_templates):
        raise _invalid_message(message, "provider_options", "contain an option of templates", "leave it out")
    if path in _WITHOUT_LINKS and options.links is not None:
        raise _invalid_message(
            message,
            "provider_options",
            "contain links, but the message has no text with links",
            "leave out links",
        )


def _invalid_message(message: Message, field: str, problem: str, hint: str) -> InvalidMessage:
    return InvalidMessage(problem, field=f"{type(message).__name__}.{field}", hint=hint)


def _text(message: messages.WhatsAppText) -> dict[str, Any]:
    preview = message.preview_url or None
    if preview and "http" not in message.text:
        raise _invalid_message(message, "preview_url", "needs a link in the text", "leave it out")
    return without_none(text=message.text, previewUrl=preview)


def _file(message: Any) -> dict[str, Any]:  # noqa: ANN401  the types of media share these fields
    return without_none(
        mediaUrl=interactive.url_of(message.file, message),
        caption=getattr(message, "caption", None),
        filename=_filename(message),
        voice=getattr(message, "voice", False) or None,
    )


def _filename(message: Any) -> str | None:  # noqa: ANN401
    name: str | None = getattr(message, "filename", None)
    if name is not None and len(name) > _MAX_FILENAME_LENGTH:
        raise _invalid_message(
            message, "filename", f"has more than {_MAX_FILENAME_LENGTH} characters", "shorten it"
        )
    return name


def _location(message: messages.WhatsAppLocation) -> dict[str, Any]:
    for field in ("name", "address"):
        if len(getattr(message, field) or "") > _MAX_PLACE_LENGTH:
            raise _invalid_message(
                message, field, f"has more than {_MAX_PLACE_LENGTH} characters", "shorten it"
            )
    return without_none(
        latitude=message.latitude, longitude=message.longitude, name=message.name, address=message.address
    )


def _contacts(message: messages.WhatsAppContacts) -> dict[str, Any]:
    return {"contacts": [_card(card) for card in message.contacts]}


def _card(card: ContactCard) -> dict[str, Any]:
    return without_none(
        name=without_none(
            firstName=card.first_name,
            lastName=card.last_name,
            middleName=card.middle_name,
            namePrefix=card.prefix,
            nameSuffix=card.suffix,
            formattedName=card.formatted_name,
        ),
        birthday=card.birthday,
        addresses=[_postal_address(one) for one in card.addresses] or None,
        phones=[
            without_none(phone=one.phone, type=one.kind or None, waId=one.whatsapp_id)
            for one in card.all_phones
        ]
        or None,
        emails=[without_none(email=one.email, type=one.kind or None) for one in card.all_emails] or None,
        urls=[without_none(url=one.url, type=one.kind or None) for one in card.all_urls] or None,
        org=without_none_or_null(company=card.company, department=card.department, title=card.title),
    )


def _postal_address(address: PostalAddress) -> dict[str, Any]:
    return without_none(
        street=address.street or None,
        city=address.city or None,
        state=address.state or None,
        zip=address.zip or None,
        country=address.country or None,
        countryCode=address.country_code or None,
        type=address.kind or None,
    )


_WRITERS: Mapping[type[Message], tuple[str, Writer]] = {
    messages.WhatsAppTemplate: ("template", template),
    messages.WhatsAppText: ("text", _text),
    messages.WhatsAppImage: ("image", _file),
    messages.WhatsAppDocument: ("document", _file),
    messages.WhatsAppAudio: ("audio", _file),
    messages.WhatsAppVideo: ("video", _file),
    messages.WhatsAppSticker: ("sticker", _file),
    messages.WhatsAppLocation: ("location", _location),
    messages.WhatsAppContacts: ("contact", _contacts),
    messages.WhatsAppButtons: ("interactive/buttons", interactive.reply_buttons),
    messages.WhatsAppList: ("interactive/list", interactive.list_menu),
    messages.WhatsAppUrlButton: ("interactive/url-button", interactive.url_button),
    messages.WhatsAppLocationRequest: ("interactive/location-request", interactive.text_only_content),
    messages.WhatsAppProduct: ("interactive/product", interactive.single_product),
    messages.WhatsAppProducts: ("interactive/multi-product", interactive.multi_product),
    messages.WhatsAppFlow: ("interactive/flow", interactive.flow),
    messages.WhatsAppCarousel: ("interactive/media-carousel", carousel),
    messages.WhatsAppCallButton: ("interactive/voice-button", interactive.call_button),
    messages.WhatsAppCallRequest: ("interactive/call-permission-request", _no_content),
    messages.WhatsAppInteractive: ("interactive", interactive.interactive),
    messages.WhatsAppContactRequest: ("interactive/request-contact-info", interactive.text_only_content),
}
"""The endpoint of each type, and what writes its content."""

_KIND = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_WITHOUT_QUOTES = frozenset({"interactive/voice-button"})
_WITHOUT_LINKS = frozenset({"audio", "sticker", "location", "contact"})
