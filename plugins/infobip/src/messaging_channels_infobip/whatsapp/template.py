"""The contents of WhatsApp templates.

Source: https://www.infobip.com/docs/api/channels/whatsapp/whatsapp-outbound-messages/send-whatsapp-template-message
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from messaging_channels.errors import InvalidMessage
from messaging_channels.messages import (
    Button,
    CarouselCard,
    CatalogButton,
    CopyCode,
    DocumentHeader,
    FlowButton,
    ImageHeader,
    OneTimePassword,
    Parameters,
    ProductHeader,
    ProductsButton,
    QuickReply,
    TextHeader,
    UrlParameter,
    VideoHeader,
    WhatsAppLocation,
    WhatsAppTemplate,
)
from messaging_channels_infobip.field_formats import format_date, without_none
from messaging_channels_infobip.whatsapp.interactive import url_of


def template(message: WhatsAppTemplate) -> dict[str, Any]:
    """Write a template with its gaps filled.

    Raises:
        InvalidMessage: something in it that Infobip's templates do not have.
    """
    data = without_none(
        body={"placeholders": _parameters(message.parameters or _password(message), "parameters")},
        header=_header(message),
        buttons=_buttons(message.buttons, _BUTTONS, "buttons"),
        carousel=_carousel(message),
        limitedTimeOffer=_limited_time_offer(message.offer_expires_at),
    )
    return {"templateName": message.name, "templateData": data, "language": message.language}


def _password(message: WhatsAppTemplate) -> tuple[str, ...]:
    """Return what the body of an authentication template says: the code of its button."""
    return tuple(button.code for button in message.buttons if isinstance(button, OneTimePassword))


def _limited_time_offer(ends: float | None) -> dict[str, Any] | None:
    return None if ends is None else {"expirationTime": format_date(datetime.fromtimestamp(ends, UTC))}


def _parameters(parameters: Parameters, field: str) -> list[str]:
    if isinstance(parameters, Mapping):
        raise _invalid_message(field, "Infobip's templates have no named parameters", "fill them by position")
    if not all(parameters):
        raise _invalid_message(field, "a parameter is empty", "fill all of them")
    return [str(parameter) for parameter in parameters]


def _header(message: WhatsAppTemplate) -> dict[str, Any] | None:
    match message.header:
        case None:
            return None
        case TextHeader(parameters):
            return {"type": "TEXT", "placeholder": _single_parameter(parameters)}
        case WhatsAppLocation(latitude, longitude):
            return {"type": "LOCATION", "latitude": latitude, "longitude": longitude}
        case DocumentHeader(media, filename):
            url = url_of(media, message)
            return {"type": "DOCUMENT", "mediaUrl": url, "filename": _filename(filename, url)}
        case ImageHeader() | VideoHeader() | ProductHeader() as picture:
            return _carousel_header(picture, message)


def _single_parameter(parameters: Parameters) -> str:
    gaps = _parameters(parameters, "header")
    if len(gaps) != 1:
        raise _invalid_message("header", f"{len(gaps)} gaps; a header has one", "fill that one")
    return gaps[0]


def _filename(name: str | None, url: str) -> str:
    chosen = name or url.partition("?")[0].rpartition("/")[2] or "document"
    if len(chosen) > _MAX_FILENAME_LENGTH:
        raise _invalid_message("header", f"a filename over {_MAX_FILENAME_LENGTH} characters", "name it")
    return chosen


def _carousel_header(
    header: ImageHeader | VideoHeader | ProductHeader, message: WhatsAppTemplate
) -> dict[str, Any]:
    if isinstance(header, ProductHeader):
        raise _invalid_message("header", "Infobip has no products there", "show a picture")
    kind = "IMAGE" if isinstance(header, ImageHeader) else "VIDEO"
    return {"type": kind, "mediaUrl": url_of(header.media, message)}


def _carousel(message: WhatsAppTemplate) -> dict[str, Any] | None:
    if len(message.cards) > _MOST_CARDS:
        raise _invalid_message("cards", f"over {_MOST_CARDS}", "use fewer")
    cards = [_card(card, message) for card in message.cards]
    return {"cards": cards} if cards else None


def _card(card: CarouselCard, message: WhatsAppTemplate) -> dict[str, Any]:
    gaps = _parameters(card.parameters, "cards")
    written = _buttons(card.buttons, _CARD_BUTTONS, "cards")
    if written is not None and len(written) > _MOST_CARD_BUTTONS:
        raise _invalid_message("cards", f"over {_MOST_CARD_BUTTONS} buttons on one", "use fewer")
    return without_none(
        header=_carousel_header(card.header, message),
        body={"placeholders": gaps} if gaps else None,
        buttons=written,
    )


def _buttons(
    buttons: Sequence[Button], known: Mapping[type, Callable[[Any], dict[str, Any]]], field: str
) -> list[dict[str, Any]] | None:
    """Write the buttons that have gaps, in their order; the others are left out."""
    if len(buttons) > _MOST_BUTTONS:
        raise _invalid_message(field, f"over {_MOST_BUTTONS} buttons", "use fewer")
    dynamic = [button for button in buttons if button is not None]
    if any(type(button) not in known for button in dynamic):
        raise _invalid_message(field, "a button that has no place here", "use quick replies and links")
    return [known[type(button)](button) for button in dynamic] or None


def _quick_reply(button: QuickReply) -> dict[str, Any]:
    return {"type": "QUICK_REPLY", "parameter": _require_length(button.payload, _PAYLOAD)}


def _url(button: UrlParameter) -> dict[str, Any]:
    return {"type": "URL", "parameter": button.suffix}


def _copy_code(button: CopyCode) -> dict[str, Any]:
    return {"type": "COPY_CODE", "parameter": _require_length(button.code, _CODE)}


def _flow(button: FlowButton) -> dict[str, Any]:
    own = button.token != _NO_TOKEN
    token = _require_length(button.token, _TOKEN) if own else None
    return without_none(type="FLOW", flowToken=token, data=dict(button.data) or None)


def _one_time_password(button: OneTimePassword) -> dict[str, Any]:
    """Write the button of an authentication template, which WhatsApp keeps as one of a link."""
    return {"type": "URL", "parameter": _require_length(button.code, _CODE)}


def _catalog(button: CatalogButton) -> dict[str, Any]:
    return without_none(type="CATALOG", thumbnailProductRetailerId=button.thumbnail_product_id)


def _products(button: ProductsButton) -> dict[str, Any]:
    if not 1 <= len(button.sections) <= _MOST_SECTIONS:
        raise _invalid_message("buttons", f"1 to {_MOST_SECTIONS} sections allowed", "change their number")
    return without_none(
        type="MULTI_PRODUCT",
        thumbnailProductRetailerId=button.thumbnail_product_id,
        sections=[
            {"title": _section_title(section.title), "productRetailerIds": list(section.product_ids)}
            for section in button.sections
        ],
    )


def _section_title(title: str) -> str:
    if len(title) > _SECTION_TITLE:
        raise _invalid_message("buttons", f"a title over {_SECTION_TITLE} characters", "shorten it")
    return title


def _require_length(text: str, max_length: int) -> str:
    if not 1 <= len(text) <= max_length:
        raise _invalid_message("buttons", f"1 to {max_length} characters allowed", "change the length")
    return text


def _invalid_message(field: str, problem: str, hint: str) -> InvalidMessage:
    return InvalidMessage(problem, field=f"WhatsAppTemplate.{field}", hint=hint)


_NO_TOKEN = "unused"  # noqa: S105  WhatsApp's own word for none
_MOST_BUTTONS, _MOST_CARDS, _MOST_CARD_BUTTONS = 10, 10, 2
_MOST_SECTIONS, _SECTION_TITLE = 10, 24
_PAYLOAD, _CODE, _TOKEN, _MAX_FILENAME_LENGTH = 128, 15, 3000, 240
_CARD_BUTTONS: Mapping[type, Callable[[Any], dict[str, Any]]] = {QuickReply: _quick_reply, UrlParameter: _url}
_BUTTONS: Mapping[type, Callable[[Any], dict[str, Any]]] = {
    **_CARD_BUTTONS,
    CopyCode: _copy_code,
    FlowButton: _flow,
    OneTimePassword: _one_time_password,
    CatalogButton: _catalog,
    ProductsButton: _products,
}
