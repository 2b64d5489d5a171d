from __future__ import annotations

import io
import pickle
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_channels import messages
from messaging_channels._model.errors import InvalidAddress, InvalidMessage
from messaging_channels.messages import (
    Attachment,
    Email,
    ListUnsubscribe,
    Sms,
    WhatsAppTemplate,
    WhatsAppText,
)
from messaging_channels.messages import whatsapp as wa
from messaging_channels.messages import whatsapp_interactive as wi
from messaging_channels.messages import whatsapp_template as wt
from messaging_channels.plugins import channels
from messaging_channels.plugins.provider import Capabilities

SECRET = "the body of the message"
URL = "https://example.com/file"
BYTES = wa.Media(content=b"the bytes", content_type="image/png")
MEDIA_CARD = wi.MediaCard(BYTES, wi.UrlButton("Go", URL))


@pytest.mark.parametrize(
    "message",
    [
        Sms(SECRET),
        WhatsAppText(SECRET),
        WhatsAppTemplate("code", "en", (SECRET,), buttons=(wt.CopyCode(SECRET),)),
        wa.WhatsAppImage(URL, caption=SECRET),
        wa.WhatsAppButtons(text=SECRET, footer=SECRET, buttons=(wa.ReplyButton("1", "Yes"),)),
        wa.WhatsAppContacts((wa.ContactCard(SECRET),)),
        WhatsAppTemplate(
            "paid", "en", (wt.LocalizedCurrency(SECRET, 10_500, "EUR"), wt.LocalizedDateTime(SECRET))
        ),
        WhatsAppTemplate("book", "en", buttons=(wt.FlowButton(SECRET, {"name": SECRET}),)),
        wi.WhatsAppCarousel(text=SECRET, cards=(MEDIA_CARD, MEDIA_CARD)),
        wi.WhatsAppAddressRequest(text=SECRET, country="IN", values={"name": SECRET}),
        wi.WhatsAppInteractive(text=SECRET, kind="order_status", action={"name": SECRET}),
        Email(SECRET, SECRET, SECRET, bcc="a@example.com", headers={"X-Note": SECRET}),
    ],
)
def test_a_message_can_be_logged_and_pickled_without_showing_what_it_says(message: messages.Message) -> None:
    assert SECRET not in repr(message)
    assert "a@example.com" not in repr(message)
    assert pickle.loads(pickle.dumps(message)) == message
    assert hash(message) == hash(pickle.loads(pickle.dumps(message)))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Sms(""),
        lambda: Sms("x", validity_period=timedelta(0)),
        lambda: WhatsAppText("x" * 4097),
        lambda: WhatsAppTemplate("", "en"),
        lambda: WhatsAppTemplate("code", "en", ("",)),
        lambda: WhatsAppTemplate("code", "en", {"name": ""}),
        wa.Media,
        lambda: wa.Media(url="file:///etc/passwd"),
        lambda: wa.Media(id="1", content=b"x", content_type="image/png"),
        lambda: wa.Media(content=b"x"),
        lambda: wi.WhatsAppCarousel(text="x", cards=(wi.ProductCard("1", "c"),)),
        lambda: wi.WhatsAppCarousel(text="x", cards=(wi.ProductCard("1", "c"),) * 11),
        lambda: wi.WhatsAppCarousel(text="x", footer="x", cards=(wi.ProductCard("1", "c"),) * 2),
        lambda: wi.WhatsAppCarousel(text="x", cards=(wi.ProductCard("1", "c"), MEDIA_CARD)),  # type: ignore[arg-type]
        lambda: wi.MediaCard(wa.Media(URL), (), "x" * 161),
        lambda: wi.MediaCard(wa.Media(URL), (), "\n\n\n"),
        lambda: wi.UrlButton("x" * 21, URL),
        lambda: wi.WhatsAppCallButton(text="x", button="x" * 21),
        lambda: wi.WhatsAppAddressRequest(text="x", country=""),
        lambda: wi.WhatsAppInteractive(text="x", kind="", action={}),
        lambda: wa.WhatsAppImage(URL, caption="x" * 3001),
        lambda: wa.WhatsAppLocation(91, 0),
        lambda: wa.WhatsAppLocation(0, -181),
        lambda: wa.WhatsAppContacts(()),
        lambda: wa.WhatsAppReaction("👍", ""),
        lambda: wa.WhatsAppButtons(text="x", buttons=()),
        lambda: wa.WhatsAppButtons(text="x", buttons=(wa.ReplyButton("1", "a"), wa.ReplyButton("1", "b"))),
        lambda: wa.ReplyButton("1", "x" * 21),
        lambda: wa.WhatsAppUrlButton(text="x" * 1025, button="Go", url=URL),
        lambda: wa.WhatsAppUrlButton(text="x", header="x" * 61, button="Go", url=URL),
        lambda: wa.WhatsAppUrlButton(text="x", footer="", button="Go", url=URL),
        lambda: wa.WhatsAppList(text="x", button="Menu", sections=()),
        lambda: wa.WhatsAppList(
            text="x", button="Menu", sections=(wa.ListSection((wa.ListRow("1", "a"),)), wa.ListSection((wa.ListRow("2", "b"),)))
        ),
        lambda: wa.ListRow("1", "a", "x" * 73),
        lambda: Email("subject"),
        lambda: Email("two\r\nlines", "x"),
        lambda: Email("nul\0", "x"),
        lambda: Email("=?utf-8?q?a=0D=0ABcc:_x=40example.test?=", "x"),
        lambda: Email("=?utf-8?b?YQ0KQmNjOiB4?=", "x"),
        lambda: Email("s", "x", headers={"Bcc": "a@example.com"}),
        lambda: Email("s", "x", headers={"X Y": "a"}),
        lambda: Email("s", "x", headers={"X-Y": "a\nb"}),
        lambda: Attachment(b"", "a\r\nb"),
        lambda: Attachment(b"", "a", "png"),
        lambda: Attachment(b"", "a", content_id="<x>"),
        ListUnsubscribe,
        lambda: ListUnsubscribe(url="http://example.com"),
        lambda: ListUnsubscribe(url="https://example.com/>\r\nX: y"),
    ],
)  # fmt: skip
def test_what_nobody_could_send_is_refused_when_it_is_made(make: Any) -> None:
    with pytest.raises(InvalidMessage) as caught:
        make()

    assert caught.value.field
    assert caught.value.hint
    assert "x" * 61 not in str(caught.value)


@pytest.mark.parametrize(
    "message",
    [
        wa.WhatsAppImage(BYTES),
        wa.WhatsAppButtons(text="x", header=BYTES, buttons=(wa.ReplyButton("1", "Yes"),)),
        wi.WhatsAppCarousel(text="x", cards=(MEDIA_CARD, wi.MediaCard(wa.Media(URL), wi.UrlButton("Go", URL)))),
        WhatsAppTemplate("a", "en", header=wt.DocumentHeader(BYTES)),
        WhatsAppTemplate("a", "en", cards=(wt.CarouselCard(wt.ImageHeader(BYTES)), wt.CarouselCard(wt.ProductHeader("1", "c")))),
    ],
    ids=lambda message: type(message).__name__,
)  # fmt: skip
def test_the_bytes_of_a_file_go_only_to_a_provider_that_uploads_them(message: messages.Message) -> None:
    fields = {type(message): frozenset({"header", "cards"})}
    assert message.uploads == (BYTES,)
    assert Capabilities(fields, uploads_media=True).unsupported(message) is None
    lacking = Capabilities(fields).unsupported(message)

    assert lacking == f"{type(message).__name__} with the bytes of a file"


def test_a_file_is_read_with_the_type_that_its_name_tells(tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"the bytes")
    assert wa.Media.read(tmp_path / "photo.png") == BYTES
    assert "the bytes" not in repr(BYTES)
    (tmp_path / "photo").write_bytes(b"the bytes")
    assert wa.Media.read(tmp_path / "photo", "image/png") == BYTES

    with pytest.raises(InvalidMessage):
        wa.Media.read(tmp_path / "photo")


def test_money_keeps_its_amount_when_it_is_copied() -> None:
    money = pickle.loads(pickle.dumps(wt.LocalizedCurrency("10,50 €", 10_500, "EUR")))
    assert (money, money.thousandths, money.currency) == ("10,50 €", 10_500, "EUR")
    other = wt.LocalizedCurrency("10,50 €", 10_501, "EUR")
    one = messages.fingerprint(WhatsAppTemplate("paid", "en", (money,)))

    assert one != messages.fingerprint(WhatsAppTemplate("paid", "en", (other,)))


@pytest.mark.parametrize("field", ["cc", "bcc", "reply_to", "sender"])
def test_malformed_addresses_of_a_mail_are_refused(field: str) -> None:
    with pytest.raises(InvalidAddress):
        Email("s", "t", **{field: "nonsense"})  # type: ignore[arg-type]


def test_addresses_of_a_mail_may_be_given_singly_or_severally_as_text_or_parsed() -> None:
    mail = Email(
        "s",
        "t",
        cc="A <a@example.com>",
        bcc=["b@example.com", "c@example.com"],
        sender="Shop <s@example.com>",
    )

    assert [copy.plain for copy in mail.copies] == ["a@example.com", "b@example.com", "c@example.com"]


def test_an_attachment_is_read_from_bytes_or_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "logo.png").write_bytes(b"png")

    assert Attachment(b"png", "logo.png").read() == Attachment(tmp_path / "logo.png", "logo.png").read()
    assert Attachment.inline(b"png", "logo", content_type="image/png").content_id == "logo"


@given(st.text())
def test_a_subject_is_either_one_line_or_refused(subject: str) -> None:
    try:
        mail = Email(subject, "t")
    except InvalidMessage:
        return

    assert not set(mail.subject) & set("\r\n\0\u2028")


def test_every_message_type_travels_on_exactly_one_channel() -> None:
    carried = [kind for channel in channels.BUILT_IN for kind in channel.message_types]
    named = [getattr(messages, name) for name in messages.__all__]
    kinds = [
        kind
        for kind in named
        if isinstance(kind, type)
        and issubclass(kind, messages.Message)
        and kind.__name__ not in {"Message", "Interactive"}
    ]

    assert sorted(carried, key=str) == sorted(kinds, key=str)


def test_a_url_is_as_good_as_media() -> None:
    assert wa.WhatsAppImage(URL).file == wa.Media(url=URL)
    assert wa.WhatsAppSticker(wa.Media(id="1")).file.id == "1"


def test_a_contact_card_has_a_formatted_name() -> None:
    assert wa.ContactCard("Zoë", "Ndlovu").formatted_name == "Zoë Ndlovu"


def test_an_opener_written_twice_is_the_same_message() -> None:
    def mail() -> messages.Email:
        def opened() -> io.BytesIO:
            return io.BytesIO(b"%PDF")

        return messages.Email("s", "t", attachments=(messages.Attachment(opened, "a.pdf"),))

    assert messages.fingerprint(mail()) == messages.fingerprint(mail())
    assert messages.fingerprint(mail()) != messages.fingerprint(messages.Email("s", "t"))
