"""Read an object in the form of WhatsApp's Cloud API as WhatsApp does, for the conformance kit.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/send-messages
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from messaging_channels import messages as m

Fields: TypeAlias = "dict[str, Any]"
"""The fields of a message, by their names here."""


def read_whatsapp_content(kind: str, described: Any) -> tuple[type[m.Message] | None, Fields]:  # noqa: ANN401  parsed JSON
    """Return what WhatsApp would understand of an object in the form of its Cloud API: the message type, None where two make the same, and its fields.

    For `reads_request` of a plugin whose vendor takes this form or passes it on. It is written from the reference, not from `whatsapp_content`.

    Args:
        kind: Word for its type, such as `interactive`.
        described: Parsed object of that name.

    Raises:
        ValueError: WhatsApp would refuse it. So does `KeyError`, for what is missing.
    """
    return _READERS[kind](described)


def _text(told: Mapping[str, Any]) -> tuple[type[m.Message], Fields]:
    return m.WhatsAppText, {"text": told["body"], "preview_url": told.get("preview_url", False)}


def _file(kind: type[m.Message]) -> Callable[[Any], tuple[type[m.Message], Fields]]:
    def read(told: Mapping[str, Any]) -> tuple[type[m.Message], Fields]:
        given = {name: told[name] for name in ("caption", "filename", "voice") if name in told}
        return kind, {"media": _media(told), **given}

    return read


def _media(told: Mapping[str, Any]) -> m.Media:
    """Read a file; it is the link or the id, never both."""
    return m.Media(url=told.get("link"), id=told.get("id"), filename=told.get("filename"))


def _location(told: Mapping[str, Any]) -> tuple[type[m.Message], Fields]:
    return m.WhatsAppLocation, dict(told)


def _reaction(told: Mapping[str, Any]) -> tuple[type[m.Message], Fields]:
    return m.WhatsAppReaction, dict(told)


def _contacts(told: Sequence[Mapping[str, Any]]) -> tuple[type[m.Message], Fields]:
    return m.WhatsAppContacts, {"contacts": tuple(map(_contact, told))}


def _contact(told: Mapping[str, Any]) -> m.ContactCard:
    name, org = told["name"], told.get("org", {})
    parts = ("prefix", "first_name", "middle_name", "last_name", "suffix")
    in_a_row = " ".join(name[one] for one in parts if name.get(one))
    return m.ContactCard(
        name.get("first_name", ""),
        name.get("last_name"),
        phones=tuple(
            m.ContactPhone(one["phone"], one.get("type", ""), one.get("wa_id"))
            if "type" in one or "wa_id" in one
            else one["phone"]
            for one in told.get("phones", ())
        ),
        emails=tuple(
            m.ContactEmail(one["email"], one["type"]) if "type" in one else one["email"]
            for one in told.get("emails", ())
        ),
        urls=tuple(
            m.ContactUrl(one["url"], one["type"]) if "type" in one else one["url"]
            for one in told.get("urls", ())
        ),
        company=org.get("company"),
        title=org.get("title"),
        birthday=told.get("birthday"),
        addresses=tuple(map(_postal_address, told.get("addresses", ()))),
        department=org.get("department"),
        middle_name=name.get("middle_name"),
        prefix=name.get("prefix"),
        suffix=name.get("suffix"),
        full_name=None if name["formatted_name"] == in_a_row else name["formatted_name"],
    )


def _postal_address(told: Mapping[str, Any]) -> m.PostalAddress:
    given = {("kind" if name == "type" else name): value for name, value in told.items()}
    return m.PostalAddress(**given)


def _interactive(told: Mapping[str, Any]) -> tuple[type[m.Message] | None, Fields]:
    word, action = told["type"], told["action"]
    words = {
        "text": told.get("body", {}).get("text"),
        "header": _header(told["header"]) if "header" in told else None,
        "footer": told.get("footer", {}).get("text"),
    }
    as_it_is = {"kind": word, "action": action}
    if word not in _ACTIONS:
        return m.WhatsAppInteractive, {**words, **as_it_is}
    name, kind, read = _ACTIONS[word]
    if name is not None and action["name"] != name:
        message = f"the action of an interactive message of type {word} is to be named {name}"
        raise ValueError(message)
    if word == "catalog_message":  # either type makes this request
        return None, {**words, **as_it_is, **read(action)}
    return kind, {**words, **read(action)}


def _header(told: Mapping[str, Any]) -> str | m.Media:
    return told["text"] if told["type"] == "text" else _media(told[told["type"]])


def _buttons(action: Mapping[str, Any]) -> Fields:
    return {"buttons": _replies(action["buttons"], "reply")}


def _replies(buttons: Sequence[Mapping[str, Any]], kind: str) -> tuple[m.ReplyButton, ...]:
    if any(one["type"] != kind for one in buttons):
        message = f"a button is to be of type {kind}"
        raise ValueError(message)
    return tuple(m.ReplyButton(one[kind]["id"], one[kind]["title"]) for one in buttons)


def _list(action: Mapping[str, Any]) -> Fields:
    sections = tuple(
        m.ListSection(
            tuple(m.ListRow(row["id"], row["title"], row.get("description")) for row in one["rows"]),
            one.get("title", ""),
        )
        for one in action["sections"]
    )
    return {"button": action["button"], "sections": sections}


def _url(action: Mapping[str, Any]) -> Fields:
    return {"button": action["parameters"]["display_text"], "url": action["parameters"]["url"]}


def _flow(action: Mapping[str, Any]) -> Fields:
    told = action["parameters"]
    first = told.get("flow_action_payload", {})
    return {
        "button": told["flow_cta"],
        "flow_id": told["flow_id"],
        "token": told.get("flow_token"),
        "action": told["flow_action"],
        "screen": first.get("screen"),
        "data": first.get("data", {}),
        "draft": told["mode"] == "draft",
    }


def _product(action: Mapping[str, Any]) -> Fields:
    return {"catalog_id": action["catalog_id"], "product_id": action["product_retailer_id"]}


def _products(action: Mapping[str, Any]) -> Fields:
    return {"catalog_id": action["catalog_id"], "sections": _sections(action["sections"])}


def _sections(told: Sequence[Mapping[str, Any]]) -> tuple[m.ProductSection, ...]:
    """Read sections of products, in a message or behind the button of a template."""
    return tuple(
        m.ProductSection(
            tuple(item["product_retailer_id"] for item in one["product_items"]), one.get("title", "")
        )
        for one in told
    )


def _catalog(action: Mapping[str, Any]) -> Fields:
    return {"thumbnail_product_id": action.get("parameters", {}).get("thumbnail_product_retailer_id")}


def _carousel(action: Mapping[str, Any]) -> Fields:
    cards = sorted(action["cards"], key=lambda card: card["card_index"])
    return {"cards": tuple(map(_card, cards))}


def _card(told: Mapping[str, Any]) -> m.MediaCard | m.ProductCard:
    action = told["action"]
    if told["type"] == "product":
        return m.ProductCard(action["product_retailer_id"], action["catalog_id"])
    button = (
        _replies(action["buttons"], "quick_reply")
        if "buttons" in action
        else m.UrlButton(action["parameters"]["display_text"], action["parameters"]["url"])
    )
    return m.MediaCard(
        _media(told["header"][told["header"]["type"]]), button, told.get("body", {}).get("text", "")
    )


def _call(action: Mapping[str, Any]) -> Fields:
    told = action.get("parameters", {})
    return {
        "button": told.get("display_text"),
        "ttl_minutes": told.get("ttl_minutes"),
        "payload": told.get("payload"),
    }


def _address(action: Mapping[str, Any]) -> Fields:
    told = action["parameters"]
    return {"country": told["country"], "values": told.get("values", {})}


def _nothing(_: Mapping[str, Any]) -> Fields:
    return {}


def _template(told: Mapping[str, Any]) -> tuple[type[m.Message], Fields]:
    held: Fields = {"name": told["name"], "language": told["language"]["code"]}
    return m.WhatsAppTemplate, {**held, **_components(told.get("components", ()))}


def _components(told: Sequence[Mapping[str, Any]]) -> Fields:
    held: Fields = {}
    buttons: dict[int, Any] = {}
    for one in told:
        gaps = one.get("parameters", ())
        match one["type"]:
            case "header":
                held["header"] = _template_header(gaps)
            case "body":
                held["parameters"] = _gaps(gaps)
            case "button":
                buttons[int(one["index"])] = _template_button(one)
            case "limited_time_offer":
                held["offer_expires_at"] = gaps[0]["limited_time_offer"]["expiration_time_ms"] / 1000
            case "tap_target_configuration":
                (target,) = gaps[0]["tap_target_configuration"]
                held["tap_target"] = m.TapTarget(target["url"], target["title"])
            case "carousel":
                cards = sorted(one["cards"], key=lambda card: card["card_index"])
                held["cards"] = tuple(m.CarouselCard(**_components(card["components"])) for card in cards)
            case unknown:
                message = f"a template has no component of type {unknown}"
                raise ValueError(message)
    if buttons:
        held["buttons"] = tuple(buttons.get(index) for index in range(max(buttons) + 1))
    return held


def _gaps(told: Sequence[Mapping[str, Any]]) -> dict[str, str] | tuple[str, ...]:
    if any("parameter_name" in one for one in told):
        return {one["parameter_name"]: _gap(one) for one in told}
    return tuple(map(_gap, told))


def _gap(told: Mapping[str, Any]) -> str:
    words: str = told["text"] if told["type"] == "text" else told[told["type"]]["fallback_value"]
    return words


def _template_header(gaps: Sequence[Mapping[str, Any]]) -> Any:  # noqa: ANN401  one of six classes
    first = gaps[0]
    word = first["type"]
    held = first[word]
    if word in ("text", "currency", "date_time"):
        return m.TextHeader(_gaps(gaps))
    if word == "location":
        return m.WhatsAppLocation(**held)
    if word == "product":
        return m.ProductHeader(held["product_retailer_id"], held["catalog_id"])
    if word == "document":
        return m.DocumentHeader(_media(held), held.get("filename"))
    return {"image": m.ImageHeader, "video": m.VideoHeader}[word](_media(held))


def _template_button(told: Mapping[str, Any]) -> m.Button:
    """Read a button; that of a one-time password is one of a link, whose variable end is the password."""
    nothing: dict[str, Any] = {}
    (gap,) = told.get("parameters") or (nothing,)
    held = gap.get("action", {})
    match told["sub_type"]:
        case "quick_reply":
            return m.QuickReply(gap["payload"])
        case "url":
            return m.UrlParameter(gap["text"])
        case "copy_code":
            return m.CopyCode(gap["coupon_code"])
        case "flow":
            return m.FlowButton(held["flow_token"], held.get("flow_action_data", {}))
        case "catalog":
            return m.CatalogButton(held.get("thumbnail_product_retailer_id"))
        case "mpm":
            return m.ProductsButton(held["thumbnail_product_retailer_id"], _sections(held["sections"]))
        case unknown:
            message = f"a template has no button of type {unknown}"
            raise ValueError(message)


_ACTIONS: Mapping[str, tuple[str | None, type[m.Message], Callable[[Any], Fields]]] = {
    "button": (None, m.WhatsAppButtons, _buttons),
    "list": (None, m.WhatsAppList, _list),
    "cta_url": ("cta_url", m.WhatsAppUrlButton, _url),
    "location_request_message": ("send_location", m.WhatsAppLocationRequest, _nothing),
    "request_contact_info": ("request_contact_info", m.WhatsAppContactRequest, _nothing),
    "flow": ("flow", m.WhatsAppFlow, _flow),
    "product": (None, m.WhatsAppProduct, _product),
    "product_list": (None, m.WhatsAppProducts, _products),
    "catalog_message": ("catalog_message", m.WhatsAppCatalog, _catalog),
    "carousel": (None, m.WhatsAppCarousel, _carousel),
    "voice_call": ("voice_call", m.WhatsAppCallButton, _call),
    "call_permission_request": ("call_permission_request", m.WhatsAppCallRequest, _nothing),
    "address_message": ("address_message", m.WhatsAppAddressRequest, _address),
}
"""By type: what its action is named, what it is here, and what reads the action."""
_READERS: Mapping[str, Callable[[Any], tuple[type[m.Message] | None, Fields]]] = {
    "text": _text,
    "image": _file(m.WhatsAppImage),
    "video": _file(m.WhatsAppVideo),
    "document": _file(m.WhatsAppDocument),
    "audio": _file(m.WhatsAppAudio),
    "sticker": _file(m.WhatsAppSticker),
    "location": _location,
    "reaction": _reaction,
    "contacts": _contacts,
    "interactive": _interactive,
    "template": _template,
}
