"""The content of WhatsApp carousels: cards with a picture or video, and buttons of one kind. Infobip has none of products.

Source: https://www.infobip.com/docs/api/channels/whatsapp/whatsapp-outbound-messages
"""

from __future__ import annotations

from typing import Any

from messaging_channels.messages import MediaCard, ReplyButton, UrlButton, WhatsAppCarousel
from messaging_channels_infobip.whatsapp.interactive import invalid_message, media_type_of, url_of

_BUTTON_ID, _URL = 20, 2048


def carousel(message: WhatsAppCarousel) -> dict[str, Any]:
    """Write cards side by side.

    Raises:
        InvalidMessage: a card that Infobip does not take.
    """
    cards = [_card(card, message) for card in message.cards if isinstance(card, MediaCard)]
    if len(cards) < len(message.cards):
        raise invalid_message(
            message,
            "cards",
            "contain a product card, which Infobip does not support",
            "use cards with images or videos",
        )
    kind = "URL" if "button" in cards[0] else "QUICK_REPLY"
    return {"body": {"text": message.text}, "action": {"type": kind, "cards": cards}}


def _card(card: MediaCard, message: WhatsAppCarousel) -> dict[str, Any]:
    url = url_of(card.media, message)
    kind = media_type_of(card.media, url)
    if kind == "DOCUMENT":
        raise invalid_message(message, "cards", "contain a card without image or video", "give each card one")
    words = {"header": {"type": kind, "url": url}, "body": {"text": card.text}}
    if isinstance(card.button, UrlButton):
        return {**words, "button": _link(card.button, message)}
    return {**words, "buttons": [_reply(button, message) for button in card.button]}


def _link(button: UrlButton, message: WhatsAppCarousel) -> dict[str, Any]:
    if len(button.url) > _URL:
        raise invalid_message(message, "cards", f"contain a URL over {_URL} characters", "shorten it")
    return {"displayText": button.title, "url": button.url}


def _reply(button: ReplyButton, message: WhatsAppCarousel) -> dict[str, Any]:
    if len(button.id) > _BUTTON_ID:
        raise invalid_message(
            message, "cards", f"contain a button id over {_BUTTON_ID} characters", "shorten it"
        )
    return {"id": button.id, "title": button.title}
