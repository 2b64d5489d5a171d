from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_channels import messages
from messaging_channels._model.addresses import EmailAddress, PhoneNumber
from messaging_channels._model.errors import InvalidMessage
from messaging_channels.messages import (
    Attachment,
    Codec,
    DecodeError,
    Email,
    ListUnsubscribe,
    ProviderOptions,
    Sms,
)
from messaging_channels.messages import whatsapp as wa
from messaging_channels.messages import whatsapp_commerce as wc
from messaging_channels.messages import whatsapp_contacts as wco
from messaging_channels.messages import whatsapp_interactive as wi
from messaging_channels.messages import whatsapp_template as wt
from messaging_channels.plugins.channels import BUILT_IN

URL = "https://example.com/file"


class Color(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Tag:
    """A part of a plugin's options."""

    color: Color
    created: date


@dataclass(frozen=True, slots=True)
class AcmeSmsOptions(ProviderOptions):
    """The options of a plugin."""

    provider: ClassVar[str] = "acme-sms"
    tags: tuple[Tag, ...] = ()
    note: Any = None


OPTIONS = AcmeSmsOptions((Tag(Color.RED, date(2026, 11, 25)),), note={"a": (1, 2.5, None), 3: b"\0\xff"})
SAMPLES: tuple[messages.Message, ...] = (
    Sms(
        "hé",
        sender="Shop",
        validity_period=timedelta(hours=1, microseconds=3),
        flash=True,
        provider_options=(OPTIONS,),
    ),
    messages.Mms((URL,), "words"),
    Email(
        "subject",
        "text",
        "<p>",
        sender="Zoë <zoe@example.com>",
        cc=["a@example.com", "Bea <b@example.org>"],
        bcc="c@example.net",
        attachments=(
            Attachment(b"\0\x01", "a.bin"),
            Attachment.inline(Path("/logo.png"), "logo", content_type="image/png"),
        ),
        headers={"X-Note": "1"},
        list_unsubscribe=ListUnsubscribe("https://example.com/u", "u@example.com"),
    ),
    messages.WhatsAppText("hello", preview_url=True, reply_to="w1"),
    messages.WhatsAppTemplate(
        "code",
        "en",
        {"name": "Zoe"},
        header=wt.ImageHeader(wa.Media(url=URL)),
        buttons=(wt.CopyCode("1"), None, wt.UrlParameter("x"), wt.QuickReply("p"), wt.FlowButton("t")),
        cards=(wt.CarouselCard(wt.VideoHeader(wa.Media(id="7")), ("a",)),),
    ),
    wa.WhatsAppImage(URL, caption="c"),
    wa.WhatsAppVideo(wa.Media(id="1")),
    wa.WhatsAppDocument(URL, filename="a.pdf"),
    wa.WhatsAppAudio(URL, voice=True),
    wa.WhatsAppSticker(URL),
    wa.WhatsAppLocation(45.8, -15.9, "name", "address"),
    wa.WhatsAppContacts((wa.ContactCard("Zoe", phones=("447700900123",)),)),
    wa.WhatsAppContacts(
        (
            wco.ContactCard(
                "Zoe",
                phones=(wco.ContactPhone("447700900123", "WORK", "447700900123"),),
                emails=("zoe@example.com", wco.ContactEmail("z@example.com", "HOME")),
                urls=(wco.ContactUrl("https://example.com", "WORK"),),
                addresses=(wco.PostalAddress(street="1 Example Street", city="Exampleton", kind="HOME"),),
                department="Sales",
                prefix="Dr",
            ),
        )
    ),
    wa.WhatsAppReaction("👍", "w1"),
    wa.WhatsAppButtons(text="t", header="h", buttons=(wa.ReplyButton("1", "Yes"),)),
    wa.WhatsAppList(text="t", button="b", sections=(wa.ListSection((wa.ListRow("1", "r", "d"),)),)),
    wa.WhatsAppUrlButton(text="t", button="b", url=URL),
    wa.WhatsAppLocationRequest(text="t"),
    wi.WhatsAppCarousel(
        text="t", cards=tuple(wi.MediaCard(wa.Media(url=URL), wi.UrlButton("b", URL), "c") for _ in "ab")
    ),
    wi.WhatsAppContactRequest(text="t"),
    wi.WhatsAppCallButton(text="t", button="b", ttl_minutes=3),
    wi.WhatsAppCallRequest(text="t"),
    wi.WhatsAppAddressRequest(text="t", country="IN", values={"name": "Zoe"}),
    wi.WhatsAppInteractive(text="t", kind="k", action={"a": [1]}),
    wc.WhatsAppCatalog(text="t"),
    wc.WhatsAppProduct(catalog_id="c", product_id="p"),
    wc.WhatsAppProducts(text="t", header="h", catalog_id="c", sections=(wc.ProductSection(("p",)),)),
    wc.WhatsAppFlow(text="t", button="b", flow_id="f", token="k", data={"a": [1, {"b": None}]}),
)
CODEC = Codec([*(kind for channel in BUILT_IN for kind in channel.message_types), AcmeSmsOptions])


def there_and_back(value: Any) -> Any:
    return CODEC.decode(json.loads(json.dumps(CODEC.encode(value))))


@pytest.mark.parametrize("message", SAMPLES, ids=lambda message: type(message).__name__)
def test_a_message_comes_back_equal(message: messages.Message) -> None:
    back = there_and_back(message)

    assert back == message
    assert type(back) is type(message)


def test_every_built_in_type_is_among_the_samples() -> None:
    assert {kind for channel in BUILT_IN for kind in channel.message_types} == {type(one) for one in SAMPLES}


@pytest.mark.parametrize(
    "address", [PhoneNumber.parse("+447700900123"), EmailAddress.parse("Zoë <zoe@example.com>")]
)
def test_an_address_comes_back_with_its_display_name(address: Any) -> None:
    assert there_and_back(address) == address
    assert getattr(there_and_back(address), "display_name", "") == getattr(address, "display_name", "")


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.binary()
    | st.dates()
    | st.datetimes(timezones=st.just(UTC))
    | st.times()
    | st.timedeltas()
    | st.decimals(allow_nan=False),
    lambda inner: (
        st.lists(inner).map(tuple)
        | st.lists(inner)
        | st.dictionaries(st.text() | st.integers(), inner)
        | st.frozensets(st.integers())
    ),
)


@given(plain)
def test_whatever_an_extra_may_hold_comes_back_equal_and_of_the_same_type(value: Any) -> None:
    back = there_and_back(AcmeSmsOptions(note=value)).note

    assert back == value
    assert type(back) is type(value)


def test_what_could_not_be_read_again_is_refused_when_it_is_written() -> None:
    with pytest.raises(InvalidMessage, match="object"):
        CODEC.encode(AcmeSmsOptions(note=object()))


@pytest.mark.parametrize(
    "stored",
    [{"$": "Unheard"}, {"$": "Sms"}, {"$": "Sms", "text": ""}, {"$": "Sms", "text": "x", "color": 1}, {"text": "x"},
     {"$": "bytes", "of": 3}, {"$": "datetime", "of": "yesterday"}, {"$": "os:system"}],
)  # fmt: skip
def test_what_is_not_known_or_no_longer_fits_is_told_apart_from_a_message(stored: Any) -> None:
    with pytest.raises(DecodeError):
        CODEC.decode(stored)


def test_values_of_the_standard_library_have_a_form_of_their_own() -> None:
    for value in (
        datetime(2026, 11, 25, 12, tzinfo=UTC),
        date(2026, 11, 25),
        time(9),
        Decimal("1.10"),
        Path("/a"),
    ):
        assert there_and_back(value) == value


class _Marked(str):
    """A text as template engines make it."""

    __slots__ = ()

    def __str__(self) -> str:
        return self


@pytest.mark.parametrize(
    "message",
    [
        Sms(_Marked("Your code")),
        Email(_Marked("s"), _Marked("t"), _Marked("<p>"), headers={"X-A": _Marked("1")}),
    ],
    ids=["sms", "email"],
)
def test_a_text_of_a_template_engine_is_stored_as_a_plain_one(message: Any) -> None:
    stored = CODEC.encode(message)

    assert CODEC.decode(json.loads(json.dumps(stored))) == message
    texts = [one for one in stored.values() if isinstance(one, str)]
    assert {type(one) for one in texts} == {str}
