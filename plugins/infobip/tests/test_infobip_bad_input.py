"""What cannot be sent is refused in typed words before anything leaves the machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from messaging_channels import Dispatcher, Email, Sms, WhatsAppTemplate, WhatsAppText, errors, messages
from messaging_channels.messages import ProductSection
from messaging_channels.messages import whatsapp as chat
from messaging_channels.messages import whatsapp_interactive as more
from messaging_channels.messages import whatsapp_template as template
from messaging_channels_infobip import (
    DeliveryWindow,
    Infobip,
    InfobipEmailOptions,
    InfobipSmsOptions,
    InfobipWhatsAppOptions,
    Language,
    Links,
    SmsFailover,
    SpeedLimit,
    Tracking,
)
from messaging_channels_infobip.emulator import InfobipEmulator

NUMBER = "447700900123"
NOW = datetime.now(UTC)
MEDIA = chat.Media(url="https://shop.example.com/a.png")
HELD = chat.Media(id="held")
ROWS = (chat.ListSection((chat.ListRow("1", "One"),), "t" * 25),)


@pytest.fixture(scope="module")
def emulator() -> Iterator[InfobipEmulator]:
    with InfobipEmulator() as running:
        yield running


def _dispatcher(emulator: InfobipEmulator, **defaults: Any) -> Dispatcher:
    senders: dict[str, Any] = {
        "sender": "Shop",
        "whatsapp_sender": "447700900000",
        "email_sender": "shop@example.com",
    } | defaults
    return Dispatcher([Infobip(base_url=emulator.url, api_key="emulated-key", **senders)])


def _mail(**options: Any) -> Email:
    return Email("Hello", "Hello", "<b>Hello</b>", provider_options=(InfobipEmailOptions(**options),))


PDF = more.MediaCard(chat.Media(url="https://shop.example.com/a", content_type="application/pdf"), ())
PRODUCT = template.ProductHeader("1", "2")
SECTIONS = (ProductSection(("1",), "t" * 25),)

BAD_MESSAGES: dict[str, tuple[Any, str]] = {
    "cards of products": (
        messages.WhatsAppCarousel(text="?", cards=(more.ProductCard("1", "2"),) * 2),
        "WhatsAppCarousel.cards",
    ),
    "cards of documents": (messages.WhatsAppCarousel(text="?", cards=(PDF,) * 2), "WhatsAppCarousel.cards"),
    "a call for ever": (
        messages.WhatsAppCallButton(text="?", ttl_minutes=43_201),
        "WhatsAppCallButton.ttl_minutes",
    ),
    "an endless call payload": (
        messages.WhatsAppCallButton(text="?", payload="p" * 513),
        "WhatsAppCallButton.payload",
    ),
    "a product above a template": (WhatsAppTemplate("t", "en", header=PRODUCT), "WhatsAppTemplate.header"),
    "endless title of products": (
        WhatsAppTemplate("t", "en", buttons=(template.ProductsButton("1", SECTIONS),)),
        "WhatsAppTemplate.buttons",
    ),
    "no products": (
        WhatsAppTemplate("t", "en", buttons=(template.ProductsButton("1", ()),)),
        "WhatsAppTemplate.buttons",
    ),
    "text over 25 parts": (Sms("a" * (25 * 153 + 1)), "Sms.text"),
    "text over 25 parts of another alphabet": (Sms("ž" * (25 * 67 + 1)), "Sms.text"),
    "validity over 48 hours": (Sms("Hello", validity_period=timedelta(hours=49)), "Sms.validity_period"),
    "alphanumeric sender over 11 characters": (Sms("Hello", sender="ShopOfTheYear"), "Sms.sender"),
    "numeric sender over 15 digits": (Sms("Hello", sender="4" * 16), "Sms.sender"),
    "sender with a control character": (Sms("Hello", sender="Sh\nop"), "Sms.sender"),
    "schedule over 180 days ahead": (
        Sms("x", provider_options=(InfobipSmsOptions(send_at=NOW + timedelta(days=181)),)),
        "InfobipSmsOptions.send_at",
    ),
    "schedule long past": (
        Sms("x", provider_options=(InfobipSmsOptions(send_at=NOW - timedelta(days=1)),)),
        "InfobipSmsOptions.send_at",
    ),
    "mail schedule over 5 days ahead": (
        Email("x", "x", provider_options=(InfobipEmailOptions(send_at=NOW + timedelta(days=6)),)),
        "InfobipEmailOptions.send_at",
    ),
    "mail without a subject": (Email("", "Hello"), "Email.subject"),
    "mail with an endless subject": (Email("a" * 1001, "Hello"), "Email.subject"),
    "mail to too many": (Email("x", "x", cc=[f"a{number}@example.com" for number in range(1000)]), "Email"),
    "amp without html": (
        Email("x", "x", provider_options=(InfobipEmailOptions(amp_html="<html amp4email>"),)),
        "InfobipEmailOptions.amp_html",
    ),
    "placeholders in MIME": (_mail(placeholders={"name": "Zoe"}), "InfobipEmailOptions.placeholders"),
    "schedule in MIME": (_mail(send_at=NOW + timedelta(days=1)), "InfobipEmailOptions.send_at"),
    "tracking in MIME": (_mail(tracking=Tracking(opens=True)), "InfobipEmailOptions.tracking"),
    "two extras": (
        Sms("x", provider_options=(InfobipSmsOptions(), InfobipSmsOptions())),
        "Sms.provider_options",
    ),
    "an extra of another channel": (
        Sms("x", provider_options=(InfobipWhatsAppOptions(),)),
        "Sms.provider_options",
    ),
    "failover of free text": (
        WhatsAppText("x", provider_options=(InfobipWhatsAppOptions(sms_failover=SmsFailover("Shop", "x")),)),
        "WhatsAppText.provider_options",
    ),
    "links of a sticker": (
        messages.WhatsAppSticker(MEDIA, provider_options=(InfobipWhatsAppOptions(links=Links()),)),
        "WhatsAppSticker.provider_options",
    ),
    "sender over 24 characters": (WhatsAppText("x", sender="4" * 25), "WhatsAppText.sender"),
    "preview without a link": (WhatsAppText("x", preview_url=True), "WhatsAppText.preview_url"),
    "media by id": (messages.WhatsAppImage(HELD), "WhatsAppImage.media"),
    "endless filename": (messages.WhatsAppDocument(MEDIA, filename="a" * 241), "WhatsAppDocument.filename"),
    "endless place": (messages.WhatsAppLocation(1, 1, "a" * 1001), "WhatsAppLocation.name"),
    "two buttons of one title": (
        messages.WhatsAppButtons(text="?", buttons=(chat.ReplyButton("1", "A"), chat.ReplyButton("2", "A"))),
        "WhatsAppButtons.buttons",
    ),
    "endless section title": (
        messages.WhatsAppList(text="?", button="Menu", sections=ROWS),
        "WhatsAppList.sections",
    ),
    "picture above a list": (
        messages.WhatsAppList(
            text="?", button="Menu", sections=(chat.ListSection((chat.ListRow("1", "One"),)),), header=MEDIA
        ),
        "WhatsAppList.header",
    ),
    "eleven sections": (
        messages.WhatsAppList(
            text="?",
            button="Menu",
            sections=tuple(
                chat.ListSection((chat.ListRow("1", "1"),) if not n else (), "t") for n in range(11)
            ),
        ),
        "WhatsAppList.sections",
    ),
    "endless page": (
        messages.WhatsAppUrlButton(text="?", button="Go", url="https://" + "a" * 2048),
        "WhatsAppUrlButton.url",
    ),
    "endless flow button": (
        messages.WhatsAppFlow(text="?", button="b" * 21, flow_id="1", token="1"),
        "WhatsAppFlow.button",
    ),
    "flow data without a screen": (
        messages.WhatsAppFlow(text="?", button="Go", flow_id="1", token="1", data={"a": 1}),
        "WhatsAppFlow.data",
    ),
    "endless product section": (
        messages.WhatsAppProducts(
            text="?", header="h", catalog_id="1", sections=(ProductSection(("1",), "t" * 25),)
        ),
        "WhatsAppProducts.sections",
    ),
    "gaps by name": (WhatsAppTemplate("t", "en", {"name": "Zoe"}), "WhatsAppTemplate.parameters"),
    "two gaps in a header": (
        WhatsAppTemplate("t", "en", header=template.TextHeader(("a", "b"))),
        "WhatsAppTemplate.header",
    ),
    "endless document name": (
        WhatsAppTemplate("t", "en", header=template.DocumentHeader(MEDIA, "a" * 241)),
        "WhatsAppTemplate.header",
    ),
    "eleven buttons": (WhatsAppTemplate("t", "en", buttons=(None,) * 11), "WhatsAppTemplate.buttons"),
    "endless payload": (
        WhatsAppTemplate("t", "en", buttons=(template.QuickReply("p" * 129),)),
        "WhatsAppTemplate.buttons",
    ),
    "endless flow token": (
        WhatsAppTemplate("t", "en", buttons=(template.FlowButton("p" * 3001),)),
        "WhatsAppTemplate.buttons",
    ),
    "eleven cards": (
        WhatsAppTemplate("t", "en", cards=(template.CarouselCard(template.ImageHeader(MEDIA)),) * 11),
        "WhatsAppTemplate.cards",
    ),
    "code on a card": (
        WhatsAppTemplate(
            "t",
            "en",
            cards=(template.CarouselCard(template.ImageHeader(MEDIA), (), (template.CopyCode("1"),)),),
        ),
        "WhatsAppTemplate.cards",
    ),
    "three buttons on a card": (
        WhatsAppTemplate(
            "t",
            "en",
            cards=(template.CarouselCard(template.ImageHeader(MEDIA), (), (template.QuickReply("1"),) * 3),),
        ),
        "WhatsAppTemplate.cards",
    ),
}


@pytest.mark.parametrize("case", BAD_MESSAGES)
def test_a_message_that_infobip_cannot_take_never_leaves(emulator: InfobipEmulator, case: str) -> None:
    message, field = BAD_MESSAGES[case]
    asked = len(emulator.requests)
    with _dispatcher(emulator) as dispatcher, pytest.raises(errors.InvalidMessage) as refused:
        dispatcher.send(message, to="zoe@example.com" if isinstance(message, Email) else NUMBER)
    assert refused.value.field == field
    assert len(emulator.requests) == asked


@pytest.mark.parametrize(
    "message",
    [
        messages.WhatsAppReaction("👍", "id"),
        messages.WhatsAppCatalog(text="All we have"),
        messages.WhatsAppCallRequest(text="May we call?"),
        messages.WhatsAppCallButton(text="Call us", reply_to="id"),
        messages.WhatsAppImage(chat.Media(content=b"PNG", content_type="image/png")),
        WhatsAppTemplate("t", "en", tap_target=template.TapTarget("https://shop.example.com", "Shop")),
        messages.WhatsAppLocationRequest(text="Where?", footer="f"),
        messages.Mms(("https://shop.example.com/a.png",)),
    ],
)
def test_what_infobip_has_no_call_for_is_refused_as_unsupported(
    emulator: InfobipEmulator, message: Any
) -> None:
    with _dispatcher(emulator) as dispatcher, pytest.raises((errors.Unsupported, errors.NoRoute)):
        dispatcher.send(message, to=NUMBER)


@pytest.mark.parametrize(
    ("message", "to"),
    [(WhatsAppText("x"), NUMBER), (Email("x", "x"), "zoe@example.com")],
)
def test_without_a_sender_nothing_leaves(emulator: InfobipEmulator, message: Any, to: str) -> None:
    with (
        _dispatcher(emulator, sender=None, whatsapp_sender=None, email_sender=None) as dispatcher,
        pytest.raises(errors.InvalidMessage, match="sender"),
    ):
        dispatcher.send(message, to=to)


def test_a_sender_for_texts_is_none_for_mail(emulator: InfobipEmulator) -> None:
    with (
        _dispatcher(emulator, email_sender=None) as dispatcher,
        pytest.raises(errors.InvalidMessage, match="EMAIL_SENDER"),
    ):
        dispatcher.send(Email("x", "x"), to="zoe@example.com")


BAD_OPTIONS: dict[str, Callable[[], Any]] = {
    "unknown alphabet": lambda: InfobipSmsOptions(transliteration="KLINGON"),  # type: ignore[arg-type]
    "unknown language": lambda: Language("XX"),  # type: ignore[arg-type]
    "no day": lambda: DeliveryWindow(()),
    "unknown day": lambda: DeliveryWindow(("SOMEDAY",)),  # type: ignore[arg-type]
    "half a window": lambda: DeliveryWindow(("MONDAY",), time(8)),
    "a window below an hour": lambda: DeliveryWindow(("MONDAY",), time(8), time(8, 59)),
    "links that are not shortened": lambda: Links(shorten=False, custom_domain="go.example.com"),
    "no speed": lambda: SpeedLimit(0),
    "speed without a schedule": lambda: InfobipSmsOptions(speed_limit=SpeedLimit(1)),
    "a time without a zone": lambda: InfobipSmsOptions(send_at=datetime(2026, 7, 1)),  # noqa: DTZ001
    "endless callback data": lambda: InfobipSmsOptions(callback_data="a" * 4001),
    "endless bulk id": lambda: InfobipEmailOptions(bulk_id="a" * 101),
    "endless failover": lambda: SmsFailover("Shop", "a" * 4097),
    "unknown priority": lambda: InfobipEmailOptions(priority="NOW"),  # type: ignore[arg-type]
    "unknown position": lambda: Tracking(pixel_position="MIDDLE"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("case", BAD_OPTIONS)
def test_an_option_that_cannot_work_is_refused_when_it_is_made(case: str) -> None:
    with pytest.raises(errors.InvalidMessage) as refused:
        BAD_OPTIONS[case]()
    assert "aaaa" not in str(refused.value)


def test_what_was_due_a_moment_ago_is_sent_at_once(emulator: InfobipEmulator) -> None:
    late = InfobipSmsOptions(send_at=datetime.now(UTC) - timedelta(minutes=2), bulk_id="late")
    with _dispatcher(emulator) as dispatcher:
        dispatcher.send(Sms("x", provider_options=(late,)), to=NUMBER)
    assert emulator.requests[-1].json()["options"] == {"schedule": {"bulkId": "late"}}


def test_the_length_of_a_text_in_another_alphabet_is_for_infobip_to_count(emulator: InfobipEmulator) -> None:
    long = Sms("ž" * 2000, provider_options=(InfobipSmsOptions(transliteration="CENTRAL_EUROPEAN"),))
    with _dispatcher(emulator) as dispatcher:
        assert dispatcher.send(long, to=NUMBER).status.group_id == 1


def test_a_mail_from_a_template_needs_neither_subject_nor_body(emulator: InfobipEmulator) -> None:
    mail = Email(
        "", "", provider_options=(InfobipEmailOptions(template_id="42", placeholders={"name": "Zoe"}),)
    )
    with _dispatcher(emulator, sender=None, email_sender=None) as dispatcher:
        dispatcher.send(mail, to="zoe@example.com")
    (message,) = emulator.requests[-1].json()["messages"]
    assert message["content"] == {"templateId": "42"}
    assert message["destinations"][0]["to"][0]["placeholders"] == '{"name":"Zoe"}'
    assert "sender" not in message


def test_a_one_time_password_fills_the_body_as_well_unless_that_is_given(emulator: InfobipEmulator) -> None:
    button = template.OneTimePassword("4821")
    for body, expected in (((), ["4821"]), (("Your code: 4821",), ["Your code: 4821"])):
        with _dispatcher(emulator) as dispatcher:
            dispatcher.send(WhatsAppTemplate("otp", "en", body, buttons=(button,)), to=NUMBER)
        data = emulator.requests[-1].json()["messages"][0]["content"]["templateData"]
        assert data == {"body": {"placeholders": expected}, "buttons": [{"type": "URL", "parameter": "4821"}]}


def test_a_person_without_a_number_is_written_to_by_the_id_that_whatsapp_gives(
    emulator: InfobipEmulator,
) -> None:
    with _dispatcher(emulator) as dispatcher:
        dispatcher.send(WhatsAppText("Hello"), to="US.13491208655302741918")
    assert emulator.requests[-1].json()["to"] == "US.13491208655302741918"


def test_mail_and_chats_keep_to_the_rates_that_infobip_names(emulator: InfobipEmulator) -> None:
    from messaging_channels import PhoneNumber
    from messaging_channels.plugins import Envelope

    provider = Infobip(base_url=emulator.url, api_key="emulated-key")
    rates = [
        [
            rate.limit / rate.per
            for _, rate in provider.rate_limits(Envelope("1", channel, Sms("x"), PhoneNumber(NUMBER)))
        ]
        for channel in ("sms", "whatsapp", "email")
    ]
    assert rates == [[], [4000.0], [4000.0]]
