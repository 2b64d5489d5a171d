"""Read a request that sends WhatsApp messages, as Infobip does: the path tells the type.

Source: https://www.infobip.com/docs/api/channels/whatsapp/whatsapp-outbound-messages
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from messaging_channels import messages as m
from messaging_channels.testing import ReadMessage, read_whatsapp_content

Content: TypeAlias = "Mapping[str, Any]"
Fields: TypeAlias = "dict[str, Any]"
"""The fields of a message, by their names here."""


def read_templates(told: Mapping[str, Any]) -> list[ReadMessage]:
    """Return the templates of a request."""
    return [_read(m.WhatsAppTemplate, _template(one["content"]), one) for one in told["messages"]]


def read_single(endpoint: str, told: Mapping[str, Any]) -> ReadMessage:
    """Return the message of a request to this endpoint, the path behind `message/`."""
    content = told.get("content", {})
    if endpoint in _READERS:
        kind, read = _READERS[endpoint]
        return _read(kind, read(content), told)
    word = endpoint.removeprefix("interactive/").replace("-", "_")
    held = {**_words(content), "kind": word, "action": content["action"]}
    return _read(m.WhatsAppInteractive, held, told)


def _read(kind: type[m.Message], held: Fields, told: Mapping[str, Any]) -> ReadMessage:
    reply_to = told.get("context", {}).get("replyToMessageId")
    return ReadMessage(
        to=told["to"],
        message={"sender": told["from"], "reply_to": reply_to, **held},
        kind=kind,
        reference=told["messageId"],
    )


def _text(content: Content) -> Fields:
    return {"text": content["text"], "preview_url": content.get("previewUrl", False)}


def _file(content: Content) -> Fields:
    given = {name: content[name] for name in ("caption", "filename", "voice") if name in content}
    return {"media": m.Media(url=content["mediaUrl"]), **given}


def _contacts(content: Content) -> Fields:
    return read_whatsapp_content("contacts", _in_words_of_meta(content["contacts"]))[1]


def _in_words_of_meta(told: Any) -> Any:  # noqa: ANN401  parsed JSON
    """Return contacts with the names that WhatsApp's own form has for the same fields."""
    if isinstance(told, list):
        return [_in_words_of_meta(one) for one in told]
    if isinstance(told, dict):
        return {_NAMES_OF_CONTACTS.get(name, name): _in_words_of_meta(value) for name, value in told.items()}
    return told


def _words(content: Content) -> Fields:
    return {
        "text": content.get("body", {}).get("text"),
        "header": _header(content["header"]) if "header" in content else None,
        "footer": content.get("footer", {}).get("text"),
    }


def _header(told: Mapping[str, Any]) -> str | m.Media:
    return (
        told["text"]
        if told["type"] == "TEXT"
        else m.Media(url=told["mediaUrl"], filename=told.get("filename"))
    )


def _buttons(content: Content) -> Fields:
    told = content["action"]["buttons"]
    if any(one["type"] != "REPLY" for one in told):
        message = "a button is to be of type REPLY"
        raise ValueError(message)
    return {**_words(content), "buttons": tuple(m.ReplyButton(one["id"], one["title"]) for one in told)}


def _list(content: Content) -> Fields:
    action = content["action"]
    sections = tuple(
        m.ListSection(
            tuple(m.ListRow(row["id"], row["title"], row.get("description")) for row in one["rows"]),
            one.get("title", ""),
        )
        for one in action["sections"]
    )
    return {**_words(content), "button": action["title"], "sections": sections}


def _url(content: Content) -> Fields:
    action = content["action"]
    return {**_words(content), "button": action["displayText"], "url": action["url"]}


def _product(content: Content) -> Fields:
    action = content["action"]
    return {
        **_words(content),
        "catalog_id": action["catalogId"],
        "product_id": action["productRetailerId"],
    }


def _products(content: Content) -> Fields:
    action = content["action"]
    sections = _sections(action["sections"])
    return {**_words(content), "catalog_id": action["catalogId"], "sections": sections}


def _sections(told: Sequence[Mapping[str, Any]]) -> tuple[m.ProductSection, ...]:
    return tuple(m.ProductSection(tuple(one["productRetailerIds"]), one.get("title", "")) for one in told)


def _flow(content: Content) -> Fields:
    action = content["action"]
    first = action.get("flowActionPayload", {})
    return {
        **_words(content),
        "button": action["callToActionButton"],
        "flow_id": action["flowId"],
        "token": action["flowToken"],
        "action": action["flowAction"].lower(),
        "screen": first.get("screen"),
        "data": first.get("data", {}),
        "draft": action.get("mode") == "DRAFT",
    }


def _carousel(content: Content) -> Fields:
    action = content["action"]
    if any(("button" in one) != (action["type"] == "URL") for one in action["cards"]):
        message = "the buttons of a card are of another type than its carousel"
        raise ValueError(message)
    return {**_words(content), "cards": tuple(map(_card, action["cards"]))}


def _card(told: Mapping[str, Any]) -> m.MediaCard:
    button = (
        m.UrlButton(told["button"]["displayText"], told["button"]["url"])
        if "button" in told
        else tuple(m.ReplyButton(one["id"], one["title"]) for one in told["buttons"])
    )
    return m.MediaCard(m.Media(url=told["header"]["url"]), button, told["body"]["text"])


def _call(content: Content) -> Fields:
    action = content.get("action", {})
    return {
        **_words(content),
        "button": action.get("buttonDisplayText"),
        "ttl_minutes": action.get("callValidityPeriod"),
        "payload": action.get("callContextPayload"),
    }


def _template(content: Content) -> Fields:
    data = content["templateData"]
    cards = data.get("carousel", {}).get("cards", ())
    held: Fields = {
        "name": content["templateName"],
        "language": content["language"],
        "parameters": tuple(data.get("body", {}).get("placeholders", ())),
        "header": _template_header(data["header"]) if "header" in data else None,
        "buttons": tuple(map(_template_button, data.get("buttons", ()))),
        "cards": tuple(map(_template_card, cards)),
    }
    if "limitedTimeOffer" in data:
        end = datetime.fromisoformat(data["limitedTimeOffer"]["expirationTime"])
        held["offer_expires_at"] = end.timestamp()
    return held


def _template_header(told: Mapping[str, Any]) -> Any:  # noqa: ANN401  one of five classes
    match told["type"]:
        case "TEXT":
            return m.TextHeader((told["placeholder"],))
        case "LOCATION":
            return m.WhatsAppLocation(told["latitude"], told["longitude"])
        case "DOCUMENT":
            media, name = m.Media(url=told["mediaUrl"]), told["filename"]
            by_url = told["mediaUrl"].partition("?")[0].rpartition("/")[2]
            return m.DocumentHeader(media, None if name == by_url else name)
        case "IMAGE":
            return m.ImageHeader(m.Media(url=told["mediaUrl"]))
        case "VIDEO":
            return m.VideoHeader(m.Media(url=told["mediaUrl"]))
        case unknown:
            message = f"a template has no header of type {unknown}"
            raise ValueError(message)


def _template_card(told: Mapping[str, Any]) -> m.CarouselCard:
    return m.CarouselCard(
        _template_header(told["header"]),
        tuple(told.get("body", {}).get("placeholders", ())),
        tuple(map(_template_button, told.get("buttons", ()))),
    )


def _template_button(told: Mapping[str, Any]) -> m.Button:
    """Read a button; that of a one-time password is one of a link, whose variable end is the password."""
    match told["type"]:
        case "QUICK_REPLY":
            return m.QuickReply(told["parameter"])
        case "URL":
            return m.UrlParameter(told["parameter"])
        case "COPY_CODE":
            return m.CopyCode(told["parameter"])
        case "FLOW":
            return m.FlowButton(told.get("flowToken", "unused"), told.get("data", {}))
        case "CATALOG":
            return m.CatalogButton(told.get("thumbnailProductRetailerId"))
        case "MULTI_PRODUCT":
            return m.ProductsButton(told.get("thumbnailProductRetailerId"), _sections(told["sections"]))
        case unknown:
            message = f"a template has no button of type {unknown}"
            raise ValueError(message)


_READERS: Mapping[str, tuple[type[m.Message], Callable[[Any], Fields]]] = {
    "text": (m.WhatsAppText, _text),
    "image": (m.WhatsAppImage, _file),
    "video": (m.WhatsAppVideo, _file),
    "document": (m.WhatsAppDocument, _file),
    "audio": (m.WhatsAppAudio, _file),
    "sticker": (m.WhatsAppSticker, _file),
    "location": (m.WhatsAppLocation, dict),
    "contact": (m.WhatsAppContacts, _contacts),
    "interactive/buttons": (m.WhatsAppButtons, _buttons),
    "interactive/list": (m.WhatsAppList, _list),
    "interactive/url-button": (m.WhatsAppUrlButton, _url),
    "interactive/location-request": (m.WhatsAppLocationRequest, _words),
    "interactive/request-contact-info": (m.WhatsAppContactRequest, _words),
    "interactive/product": (m.WhatsAppProduct, _product),
    "interactive/multi-product": (m.WhatsAppProducts, _products),
    "interactive/flow": (m.WhatsAppFlow, _flow),
    "interactive/media-carousel": (m.WhatsAppCarousel, _carousel),
    "interactive/voice-button": (m.WhatsAppCallButton, _call),
    "interactive/call-permission-request": (m.WhatsAppCallRequest, _words),
}
_NAMES_OF_CONTACTS = {
    "formattedName": "formatted_name",
    "namePrefix": "prefix",
    "firstName": "first_name",
    "middleName": "middle_name",
    "lastName": "last_name",
    "nameSuffix": "suffix",
    "waId": "wa_id",
    "countryCode": "country_code",
}
