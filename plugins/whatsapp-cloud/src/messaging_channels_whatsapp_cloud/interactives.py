"""Messages with something to press, in the Cloud API's form.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/interactive-reply-buttons-messages and its neighbours
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from messaging_channels import messages as m
from messaging_channels.errors import InvalidMessage
from messaging_channels.messages import Interactive, ListSection, Media, MediaCard, ProductCard, UrlButton
from messaging_channels_whatsapp_cloud.parts import (
    given,
    kind_of,
    media,
    named,
    products,
    require_at_most,
)

_SECTION_TITLE = 24
_FLOW_VERSION = "3"


def interactive(message: Interactive) -> dict[str, Any]:
    """Describe the object `interactive`.

    Raises:
        InvalidMessage: the Cloud API is known to refuse it.
    """
    kind = message.kind if isinstance(message, m.WhatsAppInteractive) else _KINDS[type(message)]
    bare = BARE.get(type(message), frozenset())
    header = {} if "header" in bare else _header(message)
    footer = None if "footer" in bare else message.footer
    return {
        "type": kind,
        **given(header=header),
        **given(body=given(text=message.text), footer=given(text=footer)),
        "action": ACTIONS[type(message)](message),
    }


def _header(message: Interactive) -> dict[str, Any]:
    if message.header is None:
        return {}
    if isinstance(message.header, Media):
        return _file(message.header, f"{type(message).__name__}.header")
    return {"type": "text", "text": message.header}


def _file(file: Media, field: str) -> dict[str, Any]:
    kind = kind_of(file, field)
    return {"type": kind, kind: media(file)}


def _buttons(message: m.WhatsAppButtons) -> dict[str, Any]:
    return {
        "buttons": [
            {"type": "reply", "reply": {"id": button.id, "title": button.title}} for button in message.buttons
        ]
    }


def _list(message: m.WhatsAppList) -> dict[str, Any]:
    if isinstance(message.header, Media):
        raise InvalidMessage("no picture above a list", field="WhatsAppList.header", remedy="give a line")
    return {"button": message.button, "sections": [_section(section) for section in message.sections]}


def _section(section: ListSection) -> dict[str, Any]:
    require_at_most(section.title, _SECTION_TITLE, "ListSection.title")
    rows = [{"id": row.id, "title": row.title, **given(description=row.description)} for row in section.rows]
    return {**given(title=section.title), "rows": rows}


def _url(message: m.WhatsAppUrlButton) -> dict[str, Any]:
    return named("cta_url", {"display_text": message.button, "url": message.url})


def _flow(message: m.WhatsAppFlow) -> dict[str, Any]:
    parameters = {
        "flow_message_version": _FLOW_VERSION,
        "flow_id": message.flow_id,
        "flow_cta": message.button,
        "flow_token": message.token,
        "mode": "draft" if message.draft else "published",
        "flow_action": message.action,
        **given(flow_action_payload=given(screen=message.screen, data=dict(message.data))),
    }
    return named("flow", parameters)


def _product(message: m.WhatsAppProduct) -> dict[str, Any]:
    return {"catalog_id": message.catalog_id, "product_retailer_id": message.product_id}


def _products(message: m.WhatsAppProducts) -> dict[str, Any]:
    return {"catalog_id": message.catalog_id, "sections": products(message.sections)}


def _catalog(message: m.WhatsAppCatalog) -> dict[str, Any]:
    return named("catalog_message", given(thumbnail_product_retailer_id=message.thumbnail_product_id))


def _carousel(message: m.WhatsAppCarousel) -> dict[str, Any]:
    cards: tuple[MediaCard | ProductCard, ...] = message.cards
    return {"cards": [{"card_index": index, **_card(card)} for index, card in enumerate(cards)]}


def _card(card: MediaCard | ProductCard) -> dict[str, Any]:
    if isinstance(card, ProductCard):
        action = {"product_retailer_id": card.product_id, "catalog_id": card.catalog_id}
        return {"type": "product", "action": action}
    words = {"header": _file(card.media, "MediaCard.media"), **given(body=given(text=card.text))}
    if isinstance(card.button, UrlButton):
        parameters = {"display_text": card.button.title, "url": card.button.url}
        return {"type": "cta_url", **words, "action": named("cta_url", parameters)}
    buttons = [
        {"type": "quick_reply", "quick_reply": {"id": button.id, "title": button.title}}
        for button in card.button
    ]
    return {"type": "cta_url", **words, "action": {"buttons": buttons}}


def _call(message: m.WhatsAppCallButton) -> dict[str, Any]:
    parameters = given(display_text=message.button, ttl_minutes=message.ttl_minutes, payload=message.payload)
    return named("voice_call", parameters)


def _address(message: m.WhatsAppAddressRequest) -> dict[str, Any]:
    return named("address_message", {"country": message.country, **given(values=dict(message.values))})


def _as_given(message: m.WhatsAppInteractive) -> dict[str, Any]:
    return dict(message.action)


def _only(name: str) -> Callable[[Any], dict[str, Any]]:
    return lambda _: {"name": name}


_KINDS: Mapping[type[Interactive], str] = {
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
ACTIONS: Mapping[type[Interactive], Callable[[Any], dict[str, Any]]] = {
    m.WhatsAppButtons: _buttons,
    m.WhatsAppList: _list,
    m.WhatsAppUrlButton: _url,
    m.WhatsAppLocationRequest: _only("send_location"),
    m.WhatsAppContactRequest: _only("request_contact_info"),
    m.WhatsAppFlow: _flow,
    m.WhatsAppProduct: _product,
    m.WhatsAppProducts: _products,
    m.WhatsAppCatalog: _catalog,
    m.WhatsAppCarousel: _carousel,
    m.WhatsAppCallButton: _call,
    m.WhatsAppCallRequest: _only("call_permission_request"),
    m.WhatsAppAddressRequest: _address,
    m.WhatsAppInteractive: _as_given,
}

BARE: Mapping[type[Any], frozenset[str]] = {
    m.WhatsAppLocationRequest: frozenset({"header", "footer"}),
    m.WhatsAppContactRequest: frozenset({"header", "footer"}),
    m.WhatsAppCallRequest: frozenset({"header", "footer"}),
    m.WhatsAppCatalog: frozenset({"header"}),
}
"""What some kinds do without."""
