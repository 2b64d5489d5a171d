"""An independent client, pywa, beside ours: what it sends, what it takes for signed, and how it reads reports."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pywa import WhatsApp
from pywa import types as p
from pywa.types import templates as pt
from pywa.types.base_update import RawUpdate
from pywa.types.others import Contact

from messaging_channels import Dispatcher, WebhookRequest, errors
from messaging_channels import messages as m
from messaging_channels.events import MessageReceived, StatusChanged
from messaging_channels.messages import whatsapp as wa
from messaging_channels.messages import whatsapp_commerce as wc
from messaging_channels.messages import whatsapp_interactive as wi
from messaging_channels.messages import whatsapp_template as wt
from messaging_channels.testing import Transport
from messaging_channels_whatsapp_cloud import WhatsAppCloud
from messaging_channels_whatsapp_cloud.emulator import NUMBER_ID, SECRET, TOKEN, WhatsAppCloudEmulator

NUMBER, PERSON = "+447700900123", "GB.13491208655302741918"
URL = "https://example.com/file.jpg"
FILE = "1013859600285441"
IMAGE = wa.Media(url=URL, content_type="image/jpeg")
ENGLISH = pt.TemplateLanguage.ENGLISH


@pytest.fixture
def emulator() -> Iterator[WhatsAppCloudEmulator]:
    with WhatsAppCloudEmulator() as running:
        running.files[FILE] = ("image/jpeg", b"x")
        yield running


@pytest.fixture
def pywa(emulator: WhatsAppCloudEmulator) -> Iterator[WhatsApp]:
    with httpx.Client() as session:
        client = WhatsApp(phone_id=NUMBER_ID, token=TOKEN, session=session, filter_updates=False)
        session.base_url = httpx.URL(f"{emulator.url}/v24.0")
        yield client


Theirs = Callable[[WhatsApp, str], Any]

PAIRS: list[tuple[m.Message, Theirs]] = [
    (m.WhatsAppText("Hello", preview_url=True, reply_to="wamid.X"), lambda w, to: w.send_message(to, "Hello", preview_url=True, reply_to_message_id="wamid.X")),
    (m.WhatsAppText("Hello"), lambda w, to: w.send_message(to, "Hello")),
    (m.WhatsAppImage(URL, caption="Front"), lambda w, to: w.send_image(to, URL, caption="Front")),
    (m.WhatsAppImage(wa.Media(id=FILE)), lambda w, to: w.send_image(to, FILE)),
    (m.WhatsAppVideo(URL, caption="Clip"), lambda w, to: w.send_video(to, URL, caption="Clip")),
    (m.WhatsAppDocument(URL, filename="a.pdf", caption="Invoice"), lambda w, to: w.send_document(to, URL, "a.pdf", "Invoice")),
    (m.WhatsAppAudio(wa.Media(id=FILE), voice=True), lambda w, to: w.send_voice(to, FILE)),
    (m.WhatsAppSticker(wa.Media(id=FILE)), lambda w, to: w.send_sticker(to, FILE)),
    (m.WhatsAppLocation(37.44, -122.16, "Shop", "101 Forest Ave"), lambda w, to: w.send_location(to, 37.44, -122.16, "Shop", "101 Forest Ave")),
    (m.WhatsAppReaction("👍", "wamid.X"), lambda w, to: w.send_reaction(to, "👍", "wamid.X")),
    (m.WhatsAppReaction("", "wamid.X"), lambda w, to: w.remove_reaction(to, "wamid.X")),
    (
        m.WhatsAppContacts((wa.ContactCard("Ann", "Smith", ("+447700900124",), ("ann@example.com",)),)),
        lambda w, to: w.send_contact(
            to,
            Contact(
                Contact.Name("Ann Smith", "Ann", "Smith"), phones=[Contact.Phone("+447700900124")], emails=[Contact.Email("ann@example.com")]
            ),
        ),
    ),
    (
        m.WhatsAppButtons(text="Keep?", header="Visit", footer="Reply", buttons=(wa.ReplyButton("k", "Keep"), wa.ReplyButton("m", "Move"))),
        lambda w, to: w.send_message(to, "Keep?", "Visit", "Reply", [p.Button("Keep", "k"), p.Button("Move", "m")]),
    ),
    (
        m.WhatsAppButtons(text="Keep?", header=IMAGE, buttons=(wa.ReplyButton("k", "Keep"),)),
        lambda w, to: w.send_image(to, URL, "Keep?", buttons=[p.Button("Keep", "k")]),
    ),
    (
        m.WhatsAppList(text="Shipping?", button="Options", sections=(wa.ListSection((wa.ListRow("e", "Express", "1-2 days"),), "Fast"),)),
        lambda w, to: w.send_message(to, "Shipping?", buttons=p.SectionList("Options", [p.Section("Fast", [p.SectionRow("Express", "e", "1-2 days")])])),
    ),
    (m.WhatsAppUrlButton(text="Pick", button="See", url=URL), lambda w, to: w.send_message(to, "Pick", buttons=p.URLButton("See", URL))),
    (m.WhatsAppContactRequest(text="Which?"), lambda w, to: w.send_message(to, "Which?", buttons=p.ContactInfoRequestButton())),
    (m.WhatsAppCallRequest(text="May we?"), lambda w, to: w.send_message(to, "May we?", buttons=p.CallPermissionRequestButton())),
    (m.WhatsAppCallButton(text="Call", button="Now", ttl_minutes=60), lambda w, to: w.send_message(to, "Call", buttons=p.VoiceCallButton("Now", 60))),
    (
        m.WhatsAppFlow(text="Book", button="Go", flow_id="123", token="t", screen="FIRST", data={"k": "v"}),
        lambda w, to: w.send_message(
            to, "Book",
            buttons=p.FlowButton("Go", "123", "t", p.FlowActionType.NAVIGATE, "FIRST", {"k": "v"}),
        ),
    ),
    (m.WhatsAppProduct(catalog_id="C", product_id="S", text="Ours"), lambda w, to: w.send_product(to, "C", "S", "Ours")),
    (
        m.WhatsAppProducts(text="For you", header="Picks", catalog_id="C", sections=(wc.ProductSection(("S",), "A"),)),
        lambda w, to: w.send_products(to, "C", [p.ProductsSection("A", ["S"])], "Picks", "For you"),
    ),
    (m.WhatsAppCatalog(text="All", thumbnail_product_id="S"), lambda w, to: w.send_catalog(to, "All", thumbnail_product_sku="S")),
    (
        m.WhatsAppCarousel(text="New", cards=(wi.MediaCard(IMAGE, wi.UrlButton("Buy", URL), "One"),) * 2),
        lambda w, to: w.send_carousel(
            to, body="New", cards=[p.ImageCarouselCard(image=URL, body="One", buttons=p.URLButton("Buy", URL)) for _ in range(2)]
        ),
    ),
    (
        m.WhatsAppCarousel(text="New", cards=(wi.MediaCard(IMAGE, (wa.ReplyButton("a", "More"),)),) * 2),
        lambda w, to: w.send_carousel(to, body="New", cards=[p.ImageCarouselCard(image=URL, buttons=[p.Button("More", "a")]) for _ in range(2)]),
    ),
    (m.WhatsAppTemplate("a", "en"), lambda w, to: w.send_template(to, "a", ENGLISH, [])),
    (
        m.WhatsAppTemplate("a", "en", ("Ann", "A-17"), wt.ImageHeader(IMAGE), (wt.UrlParameter("x"), wt.QuickReply("stop"))),
        lambda w, to: w.send_template(
            to, "a", ENGLISH,
            [
                pt.HeaderImage.params(image=URL), pt.BodyText.params("Ann", "A-17"),
                pt.URLButton.params(url_variable="x", index=0), pt.QuickReplyButton.params(callback_data="stop", index=1),
            ],
        ),
    ),
    (
        m.WhatsAppTemplate("a", "en", {"name": "Ann"}, wt.TextHeader({"day": "Monday"})),
        lambda w, to: w.send_template(to, "a", ENGLISH, [pt.HeaderText.params(day="Monday"), pt.BodyText.params(name="Ann")]),
    ),
    (
        m.WhatsAppTemplate("a", "en", (wt.LocalizedCurrency("$1", 1000, "USD"), wt.LocalizedDateTime("May 5")), wt.DocumentHeader(wa.Media(URL), "a.pdf")),
        lambda w, to: w.send_template(
            to, "a", ENGLISH,
            [
                pt.HeaderDocument.params(document=URL, filename="a.pdf"),
                pt.BodyText.params(pt.Currency(fallback_value="$1", code="USD", amount_1000=1000), pt.DateTime(fallback_value="May 5")),
            ],
        ),
    ),
    (
        m.WhatsAppTemplate("a", "en", (), m.WhatsAppLocation(1.5, 2.5, "n", "a")),
        lambda w, to: w.send_template(to, "a", ENGLISH, [pt.HeaderLocation.params(lat=1.5, lon=2.5, name="n", address="a")]),
    ),
    (
        m.WhatsAppTemplate("a", "en", (), wt.ProductHeader("S", "C"), (wt.CatalogButton("S"),)),
        lambda w, to: w.send_template(
            to, "a", ENGLISH, [pt.HeaderProduct.params(catalog_id="C", sku="S"), pt.CatalogButton.params(thumbnail_product_sku="S", index=0)]
        ),
    ),
    (
        m.WhatsAppTemplate("a", "en", (), None, (wt.ProductsButton("S", (wc.ProductSection(("S",), "A"),)), wt.FlowButton("t", {"k": 1}))),
        lambda w, to: w.send_template(
            to, "a", ENGLISH,
            [
                pt.MPMButton.params(product_sections=[p.ProductsSection("A", ["S"])], thumbnail_product_sku="S", index=0),
                pt.FlowButton.params(index=1, flow_token="t", flow_action_data={"k": 1}),
            ],
        ),
    ),
    (
        m.WhatsAppTemplate("a", "en", (), wt.ImageHeader(IMAGE), (wt.CopyCode("SAVE25"),), offer_expires_at=1_798_562_800.0),
        lambda w, to: w.send_template(
            to, "a", ENGLISH,
            [
                pt.HeaderImage.params(image=URL),
                pt.LimitedTimeOffer.params(expiration_time=dt.datetime.fromtimestamp(1_798_562_800, dt.UTC)),
                pt.CopyCodeButton.params(coupon_code="SAVE25", index=0),
            ],
        ),
    ),
    (
        m.WhatsAppTemplate("a", "en", (), cards=(wt.CarouselCard(wt.ImageHeader(IMAGE), ("20%",), (wt.QuickReply("m"),)),) * 2),
        lambda w, to: w.send_template(
            to, "a", ENGLISH,
            [
                pt.Carousel.params(
                    cards=[
                        pt.CarouselCard.params(
                            params=[
                                pt.HeaderImage.params(image=URL), pt.BodyText.params("20%"),
                                pt.QuickReplyButton.params(callback_data="m", index=0),
                            ],
                            index=index,
                        )
                        for index in range(2)
                    ]
                )
            ],
        ),
    ),
]  # fmt: skip
PASSWORD = (
    m.WhatsAppTemplate("a", "en", buttons=(wt.OneTimePassword("831902"),)),
    lambda w, to: w.send_template(
        to,
        "a",
        ENGLISH,
        [pt.AuthenticationBody.params(otp="831902"), pt.CopyCodeOTPButton.params(otp="831902")],
    ),
)


@pytest.mark.parametrize(
    ("message", "theirs", "to"),
    [(ours, theirs, to) for ours, theirs in PAIRS for to in (NUMBER, PERSON)] + [(*PASSWORD, NUMBER)],
    ids=lambda value: repr(value)[:60] if isinstance(value, m.Message) else "",
)
def test_what_pywa_sends_means_what_we_send(
    emulator: WhatsAppCloudEmulator, pywa: WhatsApp, message: m.Message, theirs: Theirs, to: str
) -> None:
    theirs(pywa, to)
    with Dispatcher([_cloud(emulator)]) as dispatcher:
        dispatcher.send(message, to=to)
    other, own = emulator.messages
    assert _meaning(own.body) == _meaning(other.body)
    assert own.to == other.to == to.removeprefix("+")


def _cloud(emulator: WhatsAppCloudEmulator) -> WhatsAppCloud:
    return WhatsAppCloud(access_token=TOKEN, sender=NUMBER_ID, base_url=emulator.url)


def _meaning(value: Any, name: str = "") -> Any:
    """Return what a request says, without what may be written in either way: order, what is empty or false, the spelling of an index."""
    if isinstance(value, dict):
        said = {key: _meaning(part, key) for key, part in value.items() if key not in _BESIDE}
        return {
            key: part for key, part in said.items() if part is not False and part not in (None, [], {}, "")
        }
    if isinstance(value, list):
        return [_meaning(part) for part in value]
    if name in ("index", "latitude", "longitude", "ttl_minutes"):
        return float(value)
    if name == "expiration_time_ms":  # pywa 4.5 writes seconds there: a fault of its own
        return value if value > _MILLISECONDS else value * 1000
    return str(value or "").lower() if name in ("sub_type", "type") else value


_MILLISECONDS = 10**11
_BESIDE = {"biz_opaque_callback_data", "parameter_format"}


def test_pywa_uploads_marks_and_types_as_we_do(emulator: WhatsAppCloudEmulator, pywa: WhatsApp) -> None:
    held = pywa.upload_media(b"the bytes", "image/png", "a.png")
    assert emulator.files[held.id] == ("image/png", b"the bytes")
    assert pywa.get_media_bytes(pywa.get_media_url(held.id).url) == b"the bytes"
    pywa.mark_message_as_read("wamid.I")
    pywa.indicate_typing("wamid.I")
    with Transport() as transport:
        transport.run(_cloud(emulator).mark_read("wamid.I"))
        transport.run(_cloud(emulator).show_typing("wamid.I"))
    marks = [request.json() for request in emulator.requests if request.path.endswith("/messages")]
    assert marks[:2] == marks[2:]


@given(st.binary(max_size=100), st.text(st.characters(codec="ascii"), max_size=20), st.booleans())
def test_pywa_and_we_take_the_same_calls_for_signed(body: bytes, header: str, right: bool) -> None:
    digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    told = f"sha256={digest}" if right else header
    verdict = _PROOF.webhook_update_validator(body, told)
    if right:
        assert (
            _OURS.handle_webhook(WebhookRequest(body, {"x-hub-signature-256": told})).response.status == 200
        )
    else:
        with pytest.raises(errors.WebhookVerificationError):
            _OURS.handle_webhook(WebhookRequest(body, {"x-hub-signature-256": told}))
    assert (verdict is None) == right


_PROOF = WhatsApp(phone_id="1", token="t", filter_updates=False, app_secret=SECRET, verify_token="v")
_OURS = WhatsAppCloud(access_token="t", webhook_app_secrets=[SECRET], webhook_verify_token="v")


def _read_by_pywa(update: dict[str, Any]) -> Any:
    """Let pywa read an update. It insists on contacts with a user id, which Meta may leave out."""
    value = update["entry"][0]["changes"][0]["value"]
    value.setdefault("contacts", [{"wa_id": NUMBER.removeprefix("+"), "profile": {"name": "Ann"}}])
    for contact in value["contacts"]:
        contact.setdefault("user_id", PERSON)
    raw = RawUpdate(json.dumps(update).encode(), hmac_header=None, update_hash="h")
    handler = _PROOF._get_handler_type(raw)  # noqa: SLF001  pywa has no public way to read bytes; its version is pinned
    assert handler is not None
    reader = _PROOF._handlers_to_updates[handler]  # noqa: SLF001  likewise
    return reader.from_update(client=_PROOF, update=raw)


def test_pywa_reads_the_reports_of_the_emulator_as_we_do(emulator: WhatsAppCloudEmulator) -> None:
    emulator.webhook_url = f"{emulator.url}/v24.0/nowhere"
    emulator.pending_failures.add(131026, 1)
    with Dispatcher([_cloud(emulator)]) as dispatcher:
        dispatcher.send(m.WhatsAppText("Hello"), to=NUMBER)
        dispatcher.send(m.WhatsAppText("Hello"), to=NUMBER)
    emulator.receive_message(NUMBER.removeprefix("+"), {"type": "text", "text": {"body": "Hello"}})
    emulator.wait_for_reports()
    for call, _ in emulator.reports:
        (event,) = _OURS.handle_webhook(WebhookRequest(call.body, call.headers)).events
        theirs = _read_by_pywa(json.loads(call.body))
        assert theirs.timestamp.timestamp() == event.occurred_at
        if isinstance(event, MessageReceived):
            assert (theirs.id, theirs.text) == (event.provider_id, event.text)
        else:
            assert isinstance(event, StatusChanged)
            assert (theirs.id, theirs.tracker) == (event.provider_id, event.message_id)
            assert (theirs.status.value == "failed") == (event.status.group_id == 2)
            assert theirs.error is None or event.detail.startswith(str(theirs.error.code))
    assert len(emulator.reports) == 4
