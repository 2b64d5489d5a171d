"""Messages with values within values, each text marked as in the rich samples: what a provider may lose at the second or third level."""

from __future__ import annotations

from collections.abc import Mapping

from messaging_channels.messages import (
    CarouselCard,
    CatalogButton,
    ContactCard,
    ContactEmail,
    ContactPhone,
    ContactUrl,
    CopyCode,
    DocumentHeader,
    FlowButton,
    ImageHeader,
    Media,
    MediaCard,
    Message,
    PostalAddress,
    ProductCard,
    ProductsButton,
    ProductSection,
    QuickReply,
    ReplyButton,
    TapTarget,
    TextHeader,
    UrlButton,
    UrlParameter,
    VideoHeader,
    WhatsAppButtons,
    WhatsAppCarousel,
    WhatsAppContacts,
    WhatsAppLocation,
    WhatsAppTemplate,
)

_FILE = "https://files.example.com/zq-%d.jpg?a=1&b=%%C3%%A9"
_PICTURES = tuple(Media(url=_FILE % number, content_type="image/jpeg") for number in range(3))
_CARD = ContactCard(
    "zq Ann",
    "zq Smith",
    phones=(ContactPhone("+447700900777", "CELL", "447700900777"), ContactPhone("+447700900778", "WORK")),
    emails=(ContactEmail("zqann@example.com", "WORK"),),
    urls=(ContactUrl("https://zq.example.com/", "HOME"),),
    company="zq Ltd",
    title="zq Head",
    birthday="1980-05-01",
    addresses=(PostalAddress(street="zq Road 1", city="zq Town", zip="zq1", country_code="GB", kind="WORK"),),
    department="zq Sales",
    middle_name="zq Mary",
    prefix="zq Dr",
    suffix="zq Jr",
    full_name="zq Ann of all",
)
_BUTTONS = (ReplyButton("zq-1", "zq Yes"), ReplyButton("zq-2", "zq No"))
_PRODUCTS = (ProductSection(("zq-p1", "zq-p2"), "zq Hats"), ProductSection(("zq-p3",), "zq Caps"))
_NESTED: tuple[Message, ...] = (
    WhatsAppContacts((_CARD, ContactCard("zq Ben", phones=("+447700900779",)))),
    WhatsAppButtons(text="zq text", header=_PICTURES[0], footer="zq foot", buttons=_BUTTONS),
    WhatsAppButtons(
        text="zq text",
        header=Media(url=_FILE % 9, content_type="application/pdf", filename="zq bill.pdf"),
        buttons=_BUTTONS,
    ),
    WhatsAppCarousel(
        text="zq text",
        cards=tuple(MediaCard(one, _BUTTONS, f"zq card {number}") for number, one in enumerate(_PICTURES)),
    ),
    WhatsAppCarousel(
        text="zq text",
        cards=tuple(
            MediaCard(one, UrlButton(f"zq Go {number}", _FILE % (20 + number)), f"zq card {number}")
            for number, one in enumerate(_PICTURES)
        ),
    ),
    WhatsAppCarousel(text="zq text", cards=(ProductCard("zq-p1", "zq-c1"), ProductCard("zq-p2", "zq-c1"))),
    WhatsAppTemplate(
        "zq_template",
        "en_GB",
        ("zq one", "zq two"),
        ImageHeader(_PICTURES[0]),
        (QuickReply("zq-yes"), UrlParameter("zq-end"), CopyCode("zqcode")),
    ),
    WhatsAppTemplate("zq_template", "en", {"zq_name": "zq Zoe", "zq_town": "zq York"}),
    WhatsAppTemplate("zq_template", "en", header=TextHeader(("zq line",)), buttons=(QuickReply("zq"),)),
    WhatsAppTemplate("zq_template", "en", header=WhatsAppLocation(51.5, -0.125)),
    WhatsAppTemplate(
        "zq_template",
        "en",
        ("zq one",),
        DocumentHeader(Media(url=_FILE % 3), "zq bill.pdf"),
        (FlowButton("zq-token", {"zq name": {"deep": ["zq a", "zq b"]}}),),
    ),
    WhatsAppTemplate("zq_template", "en", ("zq one",), VideoHeader(_PICTURES[1]), (CatalogButton("zq-p1"),)),
    WhatsAppTemplate("zq_template", "en", buttons=(ProductsButton("zq-p1", _PRODUCTS),)),
    WhatsAppTemplate("zq_template", "en", ("zq one",), offer_expires_at=1_900_000_000.5),
    WhatsAppTemplate(
        "zq_template",
        "en",
        header=ImageHeader(_PICTURES[0]),
        tap_target=TapTarget("https://shop.example.com/zq", "zq Shop"),
    ),
    WhatsAppTemplate(
        "zq_template",
        "en",
        cards=tuple(
            CarouselCard(
                ImageHeader(one),
                (f"zq gap {number}",),
                (QuickReply(f"zq-r{number}"), UrlParameter(f"zq-u{number}")),
            )
            for number, one in enumerate(_PICTURES)
        ),
    ),
)


def _by_type() -> Mapping[type[Message], list[Message]]:
    found: dict[type[Message], list[Message]] = {}
    for one in _NESTED:
        found.setdefault(type(one), []).append(one)
    return found


NESTED: Mapping[type[Message], list[Message]] = _by_type()
"""By type. A provider may refuse one as a bad input."""
