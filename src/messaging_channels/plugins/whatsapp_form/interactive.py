"""Messages with something to press, in the Cloud API's form.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/interactive-reply-buttons-messages and its neighbors
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from messaging_channels import messages as m
from messaging_channels.errors import InvalidMessage
from messaging_channels.messages import Interactive, ListSection, Media, MediaCard, ProductCard, UrlButton
from messaging_channels.plugins.whatsapp_form.parts import (
    format_media,
    format_products,
    media_type_of,
    named_action,
    require_at_most,
    without_empty,
)

_SECTION_TITLE = 24
_FLOW_VERSION = "3"


def build_interactive(message: Interactive) -> dict[str, Any]:
    """Describe the object `interactive`.

    Raises:
        InvalidMessage: the Cloud API is known to refuse it.
    """
    kind = message.kind if isinstance(message, m.WhatsAppInteractive) else _INTERACTIVE_TYPES[type(message)]
    bare = UNSUPPORTED_FIELDS.get(type(message), frozenset())
    header = {} if "header" in bare else _header(message)
    footer = None if "footer" in bare else message.footer
    return {
        "type": kind,
        **without_empty(header=header),
        **without_empty(body=without_empty(text=message.text), footer=without_empty(text=footer)),
        "action": ACTION_WRITERS[type(message)](message),
    }


def _header(message: Interactive) -> dict[str, Any]:
    if message.header is None:
        return {}
    if isinstance(message.header, Media):
        file = _file(message.header, f"{type(message).__name__}.header")
        if message.header.filename and file["type"] == "document":
            file["document"]["filename"] = message.header.filename
        return file
    return {"type": "text", "text": message.header}


def _file(file: Media, field: str) -> dict[str, Any]:
    kind = media_type_of(file, field)
    return {"type": kind, kind: format_media(file)}


def _buttons(message: m.WhatsAppButtons) -> dict[str, Any]:
    return {
        "buttons": [
            {"type": "reply", "reply": {"id": button.id, "title": button.title}} for button in message.buttons
        ]
    }


def _list(message: m.WhatsAppList) -> dict[str, Any]:
    if isinstance(message.header, Media):
        raise InvalidMessage(
            "must be text for a list", field="WhatsAppList.header", hint="give one line of text"
        )
    return {"button": message.button, "sections": [_section(section) for section in message.sections]}


def _section(section: ListSection) -> dict[str, Any]:
    require_at_most(section.title, _SECTION_TITLE, "ListSection.title")
    rows = [
        {"id": row.id, "title": row.title, **without_empty(description=row.description)}
        for row in section.rows
    ]
    return {**without_empty(title=section.title), "rows": rows}


def _url(message: m.WhatsAppUrlButton) -> dict[str, Any]:
    return named_action("cta_url", {"display_text": message.button, "url": message.url})


def _flow(message: m.WhatsAppFlow) -> dict[str, Any]:
    parameters = {
        "flow_message_version": _FLOW_VERSION,
        "flow_id": message.flow_id,
        "flow_cta": message.button,
        **without_empty(flow_token=message.token),
        "mode": "draft" if message.draft else "published",
        "flow_action": message.action,
        **without_empty(flow_action_payload=without_empty(screen=message.screen, data=dict(message.data))),
    }
    return named_action("flow", parameters)


def _product(message: m.WhatsAppProduct) -> dict[str, Any]:
    return {"catalog_id": message.catalog_id, "product_retailer_id": message.product_id}


def _products(message: m.WhatsAppProducts) -> dict[str, Any]:
    return {"catalog_id": message.catalog_id, "sections": format_products(message.sections)}


def _catalog(message: m.WhatsAppCatalog) -> dict[str, Any]:
    return named_action(
        "catalog_message", without_empty(thumbnail_product_retailer_id=message.thumbnail_product_id)
    )


def _carousel(message: m.WhatsAppCarousel) -> dict[str, Any]:
    cards: tuple[MediaCard | ProductCard, ...] = message.cards
    return {"cards": [{"card_index": index, **_card(card)} for index, card in enumerate(cards)]}


def _card(card: MediaCard | ProductCard) -> dict[str, Any]:
    if isinstance(card, ProductCard):
        action = {"product_retailer_id": card.product_id, "catalog_id": card.catalog_id}
        return {"type": "product", "action": action}
    words = {
        "header": _file(card.media, "MediaCard.media"),
        **without_empty(body=without_empty(text=card.text)),
    }
    if isinstance(card.button, UrlButton):
        parameters = {"display_text": card.button.title, "url": card.button.url}
        return {"type": "cta_url", **words, "action": named_action("cta_url", parameters)}
    buttons = [
        {"type": "quick_reply", "quick_reply": {"id": button.id, "title": button.title}}
        for button in card.button
    ]
    return {"type": "cta_url", **words, "action": {"buttons": buttons}}


def _call(message: m.WhatsAppCallButton) -> dict[str, Any]:
    parameters = without_empty(
        display_text=message.button, ttl_minutes=message.ttl_minutes, payload=message.payload
    )
    return named_action("voice_call", parameters)


def _address(message: m.WhatsAppAddressRequest) -> dict[str, Any]:
    return named_action(
        "address_message", {"country": message.country, **without_empty(values=dict(message.values))}
    )


def _pass_through(message: m.WhatsAppInteractive) -> dict[str, Any]:
    return dict(message.action)


def _constant_action(name: str) -> Callable[[Any], dict[str, Any]]:
    return lambda _: {"name": name}


_INTERACTIVE_TYPES: Mapping[type[Interactive], str] = {
    m.WhatsAppButtons: "button",
    m.WhatsAppList: "list",
    m.WhatsAppUrlButton: "cta_url",
    m.WhatsAppLocationRequest: "location_request_message",
    m.WhatsAppContactRequest: "request_contact_info",
    m.WhatsAppFlow: "flow",
    m.WhatsAppProduct: "product",
    m.WhatsAppProducts: "product_list",
    m.WhatsAppCatalog: "catalog_message",
    m.WhatsAppCarousel: "carousel",
    m.WhatsAppCallButton: "voice_call",
    m.WhatsAppCallRequest: "call_permission_request",
    m.WhatsAppAddressRequest: "address_message",
}
ACTION_WRITERS: Mapping[type[Interactive], Callable[[Any], dict[str, Any]]] = {
    m.WhatsAppButtons: _buttons,
    m.WhatsAppList: _list,
    m.WhatsAppUrlButton: _url,
    m.WhatsAppLocationRequest: _constant_action("send_location"),
    m.WhatsAppContactRequest: _constant_action("request_contact_info"),
    m.WhatsAppFlow: _flow,
    m.WhatsAppProduct: _product,
    m.WhatsAppProducts: _products,
    m.WhatsAppCatalog: _catalog,
    m.WhatsAppCarousel: _carousel,
    m.WhatsAppCallButton: _call,
    m.WhatsAppCallRequest: _constant_action("call_permission_request"),
    m.WhatsAppAddressRequest: _address,
    m.WhatsAppInteractive: _pass_through,
}

UNSUPPORTED_FIELDS: Mapping[type[Any], frozenset[str]] = {
    m.WhatsAppLocationRequest: frozenset({"header", "footer"}),
    m.WhatsAppContactRequest: frozenset({"header", "footer"}),
    m.WhatsAppCallRequest: frozenset({"header", "footer"}),
    m.WhatsAppCatalog: frozenset({"header"}),
}
"""What some kinds do without."""
