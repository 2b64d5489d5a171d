"""Templates in the Cloud API's form.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/overview
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from messaging_channels.errors import InvalidMessage
from messaging_channels.messages import WhatsAppLocation, WhatsAppTemplate, require_template_parameter
from messaging_channels.messages import whatsapp_template as t
from messaging_channels.plugins.whatsapp_form.parts import (
    format_location,
    format_media,
    format_products,
    require_at_most,
    without_empty,
)

_PASSWORD, _COUPON = 15, 20
_HEADER, _BODY = 60, 1024


def template(message: WhatsAppTemplate) -> dict[str, Any]:
    """Describe the object `template`.

    Raises:
        InvalidMessage: the Cloud API is known to refuse it.
    """
    if not _NAME.fullmatch(message.name):
        raise InvalidMessage(
            "must have lower-case letters, digits and underscores only",
            field="WhatsAppTemplate.name",
            hint="use the name that Meta approved",
        )
    described = {"name": message.name, "language": {"code": message.language}}
    return {**described, **without_empty(components=_components(message))}


def _components(message: WhatsAppTemplate) -> list[dict[str, Any]]:
    offer = (
        None
        if message.offer_expires_at is None
        else {"expiration_time_ms": round(message.offer_expires_at * 1000)}
    )
    target = message.tap_target and [{"url": message.tap_target.url, "title": message.tap_target.title}]
    cards = [
        {
            "card_index": index,
            "components": [*_header(card.header), *_body(card.parameters), *_buttons(card.buttons)],
        }
        for index, card in enumerate(message.cards)
    ]
    return [
        *_header(message.header),
        *_body(_body_parameters(message)),
        *([_single_parameter_component("limited_time_offer", offer)] if offer else []),
        *([_single_parameter_component("tap_target_configuration", target)] if target else []),
        *_buttons(message.buttons),
        *([{"type": "carousel", "cards": cards}] if cards else []),
    ]


def _body_parameters(message: WhatsAppTemplate) -> t.Parameters:
    """Return the body's gaps: of an authentication template it is the code."""
    code = next((one.code for one in message.buttons if isinstance(one, t.OneTimePassword)), None)
    if code is None:
        return message.parameters
    if message.parameters not in ((), (code,)):
        raise InvalidMessage(
            "must be empty or the one-time password",
            field="WhatsAppTemplate.parameters",
            hint="leave it out, or give the code",
        )
    require_at_most(code, _PASSWORD, "OneTimePassword.code")
    return (code,)


def _single_parameter_component(kind: str, content: object) -> dict[str, Any]:
    return {"type": kind, "parameters": [{"type": kind, kind: content}]}


def _body(parameters: t.Parameters) -> list[dict[str, Any]]:
    gaps = _text_parameters(parameters, "WhatsAppTemplate.parameters", _BODY)
    return [{"type": "body", "parameters": gaps}] if gaps else []


def _text_parameters(parameters: t.Parameters, field: str, limit: int) -> list[dict[str, Any]]:
    if isinstance(parameters, Mapping):
        return [
            {**_text_parameter(value, field, limit), "parameter_name": name}
            for name, value in parameters.items()
        ]
    return [_text_parameter(value, field, limit) for value in parameters]


def _text_parameter(value: str, field: str, limit: int) -> dict[str, Any]:
    require_template_parameter(value, field)
    require_at_most(value, limit, field)
    text = str(value)
    if isinstance(value, t.LocalizedCurrency):
        amount = {"fallback_value": text, "code": value.currency, "amount_1000": value.thousandths}
        return {"type": "currency", "currency": amount}
    if isinstance(value, t.LocalizedDateTime):
        return {"type": "date_time", "date_time": {"fallback_value": text}}
    return {"type": "text", "text": text}


def _header(header: t.Header | None) -> list[dict[str, Any]]:
    if header is None:
        return []
    parameters = _HEADERS[type(header)](header)
    return [{"type": "header", "parameters": parameters}] if parameters else []


def _file(kind: str) -> Callable[[Any], list[dict[str, Any]]]:
    def described(header: t.ImageHeader | t.VideoHeader) -> list[dict[str, Any]]:
        return [{"type": kind, kind: format_media(header.media)}]

    return described


def _document(header: t.DocumentHeader) -> list[dict[str, Any]]:
    return [
        {
            "type": "document",
            "document": {**format_media(header.media), **without_empty(filename=header.filename)},
        }
    ]


def _line(header: t.TextHeader) -> list[dict[str, Any]]:
    return _text_parameters(header.parameters, "TextHeader.parameters", _HEADER)


def _location(header: WhatsAppLocation) -> list[dict[str, Any]]:
    return [{"type": "location", "location": format_location(header)}]


def _product(header: t.ProductHeader) -> list[dict[str, Any]]:
    product = {"product_retailer_id": header.product_id, "catalog_id": header.catalog_id}
    return [{"type": "product", "product": product}]


def _buttons(buttons: tuple[t.Button, ...]) -> list[dict[str, Any]]:
    return [
        {"type": "button", "index": str(index), **_BUTTONS[type(button)](button)}
        for index, button in enumerate(buttons)
        if button is not None
    ]


def _button(sub_type: str, kind: str, value: object) -> dict[str, Any]:
    return {"sub_type": sub_type, "parameters": [{"type": kind, kind: value}]}


def _reply(button: t.QuickReply) -> dict[str, Any]:
    return _button("quick_reply", "payload", button.payload)


def _url_button(button: t.UrlParameter) -> dict[str, Any]:
    return _button("url", "text", button.suffix)


def _password(button: t.OneTimePassword) -> dict[str, Any]:
    return _button("url", "text", button.code)


def _coupon(button: t.CopyCode) -> dict[str, Any]:
    require_at_most(button.code, _COUPON, "CopyCode.code")
    return _button("copy_code", "coupon_code", button.code)


def _flow(button: t.FlowButton) -> dict[str, Any]:
    action = {"flow_token": button.token or "unused", **without_empty(flow_action_data=dict(button.data))}
    return _button("flow", "action", action)


def _catalog(button: t.CatalogButton) -> dict[str, Any]:
    if button.thumbnail_product_id is None:
        return {"sub_type": "catalog"}
    return _button("catalog", "action", {"thumbnail_product_retailer_id": button.thumbnail_product_id})


def _products(button: t.ProductsButton) -> dict[str, Any]:
    action = {
        "thumbnail_product_retailer_id": button.thumbnail_product_id,
        "sections": format_products(button.sections),
    }
    return _button("mpm", "action", action)


_HEADERS: Mapping[type[Any], Callable[[Any], list[dict[str, Any]]]] = {
    t.ImageHeader: _file("image"),
    t.VideoHeader: _file("video"),
    t.DocumentHeader: _document,
    t.TextHeader: _line,
    t.ProductHeader: _product,
    WhatsAppLocation: _location,
}
_BUTTONS: Mapping[type[Any], Callable[[Any], dict[str, Any]]] = {
    t.QuickReply: _reply,
    t.UrlParameter: _url_button,
    t.OneTimePassword: _password,
    t.CopyCode: _coupon,
    t.FlowButton: _flow,
    t.CatalogButton: _catalog,
    t.ProductsButton: _products,
}
_NAME = re.compile(r"[a-z0-9_]{1,512}")
