"""Messages to try providers with: the simplest of each built-in type, and other values for their optional fields."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from messaging_channels.messages import (
    Attachment,
    Email,
    ListUnsubscribe,
    Message,
    Mms,
    Sms,
    WhatsAppAddressRequest,
    WhatsAppAudio,
    WhatsAppButtons,
    WhatsAppCallButton,
    WhatsAppCallRequest,
    WhatsAppCarousel,
    WhatsAppCatalog,
    WhatsAppContactRequest,
    WhatsAppContacts,
    WhatsAppDocument,
    WhatsAppFlow,
    WhatsAppImage,
    WhatsAppInteractive,
    WhatsAppList,
    WhatsAppLocation,
    WhatsAppLocationRequest,
    WhatsAppProduct,
    WhatsAppProducts,
    WhatsAppReaction,
    WhatsAppSticker,
    WhatsAppTemplate,
    WhatsAppText,
    WhatsAppUrlButton,
    WhatsAppVideo,
)
from messaging_channels.messages.media import Media
from messaging_channels.messages.whatsapp import ContactCard, ListRow, ListSection, ReplyButton
from messaging_channels.messages.whatsapp_commerce import ProductSection
from messaging_channels.messages.whatsapp_interactive import MediaCard, UrlButton
from messaging_channels.messages.whatsapp_template import QuickReply, TextHeader
from messaging_channels.testing.canaries import TEXT
from messaging_channels.testing.conformance.further_samples import generated_value

_FILE = "https://files.example.com/a"
_EXAMPLES: tuple[Message, ...] = (
    Sms(TEXT),
    Mms((_FILE,)),
    Email("Canary subject", text=TEXT),
    WhatsAppText(TEXT),
    WhatsAppTemplate("order_sent", "en"),
    WhatsAppImage(_FILE),
    WhatsAppVideo(_FILE),
    WhatsAppAudio(_FILE),
    WhatsAppSticker(_FILE),
    WhatsAppDocument(_FILE),
    WhatsAppLocation(51.5, -0.125),
    WhatsAppLocationRequest(text=TEXT),
    WhatsAppContacts((ContactCard("Zoe"),)),
    WhatsAppReaction("👍", "wamid.1"),
    WhatsAppButtons(text=TEXT, buttons=(ReplyButton("yes", "Yes"),)),
    WhatsAppList(text=TEXT, button="Menu", sections=(ListSection((ListRow("one", "One"),)),)),
    WhatsAppUrlButton(text=TEXT, button="Open", url="https://shop.example.com/"),
    WhatsAppProduct(catalog_id="c1", product_id="p1"),
    WhatsAppProducts(text=TEXT, header="Goods", catalog_id="c1", sections=(ProductSection(("p1",), "Hats"),)),
    WhatsAppCatalog(text=TEXT),
    WhatsAppCarousel(
        text=TEXT,
        cards=tuple(
            MediaCard(Media(url=_FILE, content_type="image/jpeg"), UrlButton("Open", _FILE), "A card")
            for _ in range(2)
        ),
    ),
    WhatsAppContactRequest(text=TEXT),
    WhatsAppCallButton(text=TEXT),
    WhatsAppCallRequest(),
    WhatsAppAddressRequest(text=TEXT, country="SG"),
    WhatsAppInteractive(text=TEXT, kind="catalog_message", action={"name": "catalog_message"}),
    WhatsAppFlow(text=TEXT, button="Start", flow_id="f1", token="t1", screen="FIRST"),  # noqa: S106  no secret
)
_BY_TYPE: dict[type[Message], Message] = {type(one): one for one in _EXAMPLES}

_VALUES: dict[str, Any] = {
    "sender": "447700900009",
    "Email.sender": "desk@example.com",
    "validity_period": timedelta(hours=1),
    "flash": True,
    "text": "Other words",
    "html": "<p>Words</p>",
    "cc": "cara@example.com",
    "bcc": "ben@example.com",
    "reply_to": "wamid.2",
    "Email.reply_to": "help@example.com",
    "also_to": "dora@example.com",
    "attachments": (Attachment(b"%PDF-1.7", "bill.pdf", "application/pdf"),),
    "headers": {"X-Shop": "1"},
    "list_unsubscribe": ListUnsubscribe(url="https://shop.example.com/leave/1"),
    "preview_url": True,
    "caption": "A caption",
    "filename": "bill.pdf",
    "voice": True,
    "name": "Tower",
    "address": "Tower Hill",
    "header": "A line",
    "WhatsAppTemplate.header": TextHeader(("A line",)),
    "footer": "A foot",
    "parameters": ("one",),
    "buttons": (QuickReply("yes"),),
    "thumbnail_product_id": "p1",
    "action": "data_exchange",
    "screen": "SECOND",
    "data": {"size": "L"},
    "draft": True,
    "button": "Ring us",
    "ttl_minutes": 60,
    "payload": "p-1",
    "values": {"name": "Zoe"},
    "list_id": "offers.example.com",
    "in_reply_to": "<one@example.com>",
    "references": ("<none@example.com>", "<one@example.com>"),
    "envelope_sender": "bounce@example.com",
}
"""By field, or by type and field."""


def example(kind: type[Message]) -> Message | None:
    """Return the simplest message of a built-in type; None for another type."""
    return _BY_TYPE.get(kind)


def value_of(message: Message, field: str) -> Any:  # noqa: ANN401  whatever the field holds
    """Return another value for an optional field; None where none is known, nor told by the type of the field."""
    known = _VALUES.get(f"{type(message).__name__}.{field}", _VALUES.get(field))
    return generated_value(message, field) if known is None else known
