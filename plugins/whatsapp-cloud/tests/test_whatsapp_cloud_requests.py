from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from specifications import FOLDER

from messaging_channels import errors
from messaging_channels import messages as m
from messaging_channels.messages import whatsapp as wa
from messaging_channels.messages import whatsapp_commerce as wc
from messaging_channels.messages import whatsapp_interactive as wi
from messaging_channels.messages import whatsapp_template as wt
from messaging_channels.plugins import WHATSAPP, Envelope
from messaging_channels.testing import Transport
from messaging_channels_whatsapp_cloud import (
    MarketingOptions,
    WhatsAppCloud,
    WhatsAppOptions,
    collapse_whitespace,
)
from messaging_channels_whatsapp_cloud.emulator import NUMBER_ID, TOKEN, WhatsAppCloudEmulator
from messaging_channels_whatsapp_cloud.emulator.rules import find_problem

NUMBER, PERSON = "+447700900123", "GB.13491208655302741918"
URL = "https://example.com/file"
IMAGE = wa.Media(url=URL, content_type="image/jpeg")
HELD = wa.Media(id="1013859600285441", content_type="video/mp4")


def _body(message: m.Message, to: str = NUMBER) -> Any:
    """Return what is posted to send the message."""
    return json.loads(_request(message, to).body)


def _request(message: m.Message, to: str = NUMBER) -> Any:
    cloud = WhatsAppCloud(access_token=TOKEN, sender=NUMBER_ID)
    flow = cloud.send([Envelope("ours-1", "whatsapp", message, WHATSAPP.parse(to))])
    return next(flow)


# --- the official schema, with what its own examples need to pass


def _schema() -> dict[str, Any]:
    file = FOLDER / "meta_business_messaging_v23.json"
    if not file.exists():
        pytest.skip("the official specification is not here: set MESSAGING_CHANNELS_SPECS to its folder")
    schemas: dict[str, Any] = json.loads(file.read_text("utf-8"))["components"]["schemas"]
    for schema in schemas.values():
        for part in schema.get("allOf", ()):
            part.pop("additionalProperties", None)
        if "allOf" in schema:
            schema["unevaluatedProperties"] = (
                False  # in place of what was taken out: misspelt keys are refused
            )
    base = schemas["BaseMessageProperties"]
    base["required"] = ["messaging_product"]
    base["properties"] |= {
        "recipient": {"type": "string"},
        "biz_opaque_callback_data": {"type": "string", "maxLength": 512},
        "recipient_identity_key_hash": {"type": "string"},
    }
    schemas["LanguageObject"]["required"] = ["code"]
    schemas["TemplateComponent"] = _component_schema()
    place = schemas["LocationMessage"]["allOf"][1]["properties"]["location"]["properties"]
    place["latitude"] = place["longitude"] = {"type": ["string", "number"]}
    schemas["InteractiveObject"]["properties"] |= {
        "action": {"type": "object"},
        "type": {"enum": _INTERACTIVE},
    }
    schemas["HeaderObject"]["properties"]["type"] = {"type": "string"}
    schemas["Message"] = {"anyOf": schemas["Message"]["oneOf"]}
    marketing = schemas["MarketingMessageRequestPayload"]["properties"]
    marketing["biz_opaque_callback_data"] = base["properties"]["biz_opaque_callback_data"]
    return schemas


_KNOWN = ["button", "call_permission_request", "catalog_message", "list", "product", "product_list", "flow"]
_INTERACTIVE = [
    *_KNOWN, "cta_url", "location_request_message", "address_message", "order_details", "order_status", "carousel",
    "voice_call", "request_contact_info",
]  # fmt: skip


def _component_schema() -> dict[str, Any]:
    kinds = ["header", "body", "button", "carousel", "limited_time_offer", "tap_target_configuration"]
    known = {
        "type": {"enum": kinds},
        "sub_type": {"type": "string"},
        "index": {"type": ["string", "integer"]},
        "parameters": {"type": "array", "items": {"type": "object", "required": ["type"]}},
        "cards": {"type": "array"},
    }
    return {"type": "object", "required": ["type"], "properties": known, "additionalProperties": False}


class Contract:
    """The official schema. It is read once."""

    def __init__(self) -> None:
        self.schemas = _schema()
        self._validators: dict[str, Any] = {}

    def validate(self, body: Any, name: str = "Message") -> None:
        self._validator(name).validate(body)
        interactive = body.get("interactive", {})
        optional = interactive.get("type") == "catalog_message" and "parameters" not in interactive["action"]
        if interactive.get("type") in _KNOWN and not optional:
            self._validator("ActionObject").validate(interactive["action"])

    def _validator(self, name: str) -> Any:
        if name not in self._validators:
            document = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": self.schemas}}
            self._validators[name] = jsonschema.Draft202012Validator(document)
        return self._validators[name]


@pytest.fixture(scope="session")
def contract() -> Contract:
    return Contract()


SAMPLES: list[m.Message] = [
    m.WhatsAppText("See https://example.com", preview_url=True, reply_to="wamid.X"),
    m.WhatsAppImage(URL, caption="Front"),
    m.WhatsAppVideo(HELD, caption="Clip"),
    m.WhatsAppDocument(URL, filename="inv.pdf", caption="Invoice"),
    m.WhatsAppAudio(HELD, voice=True),
    m.WhatsAppSticker(HELD),
    m.WhatsAppLocation(37.4421, -122.1615, "Shop", "101 Forest Ave"),
    m.WhatsAppContacts(
        (wa.ContactCard("Ann", "Smith", ("+447700900124",), ("ann@example.com",), (URL,), "Shop", "Lead", "1990-01-31"),)
    ),
    m.WhatsAppReaction("👍", "wamid.X"),
    m.WhatsAppReaction("", "wamid.X"),
    m.WhatsAppButtons(
        text="Keep 9:00?", header="Visit", footer="Reply", buttons=(wa.ReplyButton("keep", "Keep"), wa.ReplyButton("move", "Move"))
    ),
    m.WhatsAppButtons(text="Keep?", header=IMAGE, buttons=(wa.ReplyButton("keep", "Keep"),)),
    m.WhatsAppList(text="Shipping?", button="Options", sections=(wa.ListSection((wa.ListRow("exp", "Express", "1-2 days"),), "Fast"),)),
    m.WhatsAppUrlButton(text="Pick", header=HELD, button="See dates", url=URL),
    m.WhatsAppLocationRequest(text="Where are you?"),
    m.WhatsAppContactRequest(text="Which number?"),
    m.WhatsAppFlow(text="Book", button="Book now", flow_id="123", token="t-1", screen="FIRST", data={"k": "v"}),
    m.WhatsAppFlow(text="Book", button="Book now", flow_id="123", token="t-1", action="data_exchange", draft=True),
    m.WhatsAppProduct(catalog_id="C", product_id="SKU1"),
    m.WhatsAppProducts(text="For you", header="Picks", catalog_id="C", sections=(wc.ProductSection(("SKU1",), "A"),)),
    m.WhatsAppCatalog(text="All", thumbnail_product_id="SKU1"),
    m.WhatsAppCatalog(text="All"),
    m.WhatsAppCarousel(text="New", cards=(wi.MediaCard(IMAGE, wi.UrlButton("Buy", URL), "One"), wi.MediaCard(HELD, wi.UrlButton("Buy", URL)))),
    m.WhatsAppCarousel(text="New", cards=(wi.MediaCard(IMAGE, (wa.ReplyButton("a", "More"),)),) * 2),
    m.WhatsAppCarousel(text="New", cards=(wi.ProductCard("S", "C"), wi.ProductCard("T", "C"))),
    m.WhatsAppCallButton(text="Call us", button="Call", ttl_minutes=60, payload="p"),
    m.WhatsAppCallButton(text="Call us"),
    m.WhatsAppCallRequest(text="May we call?"),
    m.WhatsAppAddressRequest(text="Where to?", country="IN", values={"name": "Ann"}),
    m.WhatsAppInteractive(text="Your order", kind="order_status", action={"name": "review_order", "parameters": {"reference_id": "1"}}),
    m.WhatsAppTemplate("order_shipped", "en_US"),
    m.WhatsAppTemplate("order_shipped", "en_US", ("Ann", "A-17"), wt.ImageHeader(HELD), (wt.UrlParameter("track/A-17"), wt.QuickReply("stop"))),
    m.WhatsAppTemplate("hello", "en", {"first_name": "Ann"}, wt.TextHeader({"day": "Monday"})),
    m.WhatsAppTemplate("pay", "en", (wt.LocalizedCurrency("$10.50", 10_500, "USD"), wt.LocalizedDateTime("May 5, 2026")), wt.DocumentHeader(HELD, "a.pdf")),
    m.WhatsAppTemplate("see", "en", (), wt.VideoHeader(HELD), (None, wt.FlowButton("t", {"k": 1}), wt.CatalogButton())),
    m.WhatsAppTemplate("buy", "en", (), wt.ProductHeader("S", "C"), (wt.CatalogButton("S"), wt.ProductsButton("S", (wc.ProductSection(("S",), "A"),)))),
    m.WhatsAppTemplate("meet", "en", (), m.WhatsAppLocation(1, 2, "n", "a"), tap_target=wt.TapTarget(URL, "Shop")),
    m.WhatsAppTemplate("otp", "en", buttons=(wt.OneTimePassword("831902"),)),
    m.WhatsAppTemplate("sale", "en", ("Ann",), wt.ImageHeader(HELD), (wt.CopyCode("SAVE25"), wt.UrlParameter("x")), offer_expires_at=1_798_562_800.0),
    m.WhatsAppTemplate("cards", "en", ("Ann",),
        cards=(wt.CarouselCard(wt.ImageHeader(HELD), ("20%",), (wt.QuickReply("m"),)), wt.CarouselCard(wt.ProductHeader("S", "C")))),
]  # fmt: skip


@pytest.mark.parametrize("message", SAMPLES, ids=repr)
def test_a_request_is_what_the_official_specification_asks_for(
    contract: Contract, message: m.Message
) -> None:
    contract.validate(_body(message))


@pytest.mark.parametrize("message", SAMPLES, ids=repr)
def test_the_rules_of_the_emulator_find_nothing_wrong_with_a_request(message: m.Message) -> None:
    assert find_problem(_body(message)) is None


def test_every_kind_of_message_of_the_channel_is_carried_and_shown_above() -> None:
    assert set(WhatsAppCloud.capabilities.message_types) == set(WHATSAPP.message_types)
    assert {type(message) for message in SAMPLES} == set(WHATSAPP.message_types)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: body.pop("messaging_product"),
        lambda body: body.pop("text"),
        lambda body: body.update(type="nonsense"),
        lambda body: body.update(mesaging_product="whatsapp"),
        lambda body: body["text"].update(bdy="x"),
        lambda body: body.update(biz_opaque_callback_data="x" * 513),
    ],
)
def test_the_corrected_schema_still_refuses_what_is_wrong(contract: Contract, spoil: Any) -> None:
    body = _body(SAMPLES[0])
    contract.validate(body)
    spoil(body)
    with pytest.raises(jsonschema.ValidationError):
        contract.validate(body)


# --- any message at all

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
gaps = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=20)
ids = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=20)
links = ids.map(lambda path: f"https://example.com/{path}")
pictures = st.one_of(
    st.builds(
        wa.Media, url=links, content_type=st.sampled_from(["image/png", "video/mp4", "application/pdf"])
    ),
    st.builds(wa.Media, id=ids, content_type=st.sampled_from(["image/png", "video/mp4", "application/pdf"])),
)
headers = st.one_of(st.none(), words, pictures)
replies = st.builds(wa.ReplyButton, ids, words)
rows = st.builds(wa.ListRow, ids, words, st.none() | words)
parameters = st.one_of(
    st.lists(gaps | st.builds(wt.LocalizedCurrency, gaps, st.integers(0, 10**9), st.just("EUR")) | st.builds(wt.LocalizedDateTime, gaps)).map(tuple),
    st.dictionaries(ids, gaps, min_size=1),
)  # fmt: skip
buttons = st.one_of(
    st.none(),
    st.builds(wt.QuickReply, words),
    st.builds(wt.UrlParameter, gaps),
    st.builds(wt.CopyCode, ids),
    st.builds(wt.FlowButton, ids),
    st.builds(wt.CatalogButton, st.none() | ids),
)
template_headers = st.one_of(
    st.none(),
    st.builds(wt.ImageHeader, pictures),
    st.builds(wt.DocumentHeader, pictures, st.none() | words),
    st.builds(wt.TextHeader, parameters),
    st.builds(wt.ProductHeader, ids, ids),
)
messages: st.SearchStrategy[m.Message] = st.one_of(
    st.builds(m.WhatsAppText, words, reply_to=st.none() | ids, preview_url=st.booleans()),
    st.builds(m.WhatsAppImage, pictures, caption=st.none() | words),
    st.builds(m.WhatsAppDocument, pictures, caption=st.none() | words, filename=st.none() | words),
    st.builds(m.WhatsAppAudio, pictures, voice=st.booleans()),
    st.builds(m.WhatsAppLocation, st.floats(-90, 90), st.floats(-180, 180), st.none() | words, st.none() | words),
    st.builds(m.WhatsAppReaction, st.sampled_from(["", "👍"]), ids),
    st.builds(
        m.WhatsAppButtons, text=words, header=headers, footer=st.none() | words,
        buttons=st.lists(replies, min_size=1, max_size=3, unique_by=lambda one: one.id).map(tuple),
    ),
    st.builds(
        m.WhatsAppList, text=words, header=st.none() | words, button=words,
        sections=st.lists(rows, min_size=1, max_size=10, unique_by=lambda one: one.id).map(lambda some: (wa.ListSection(tuple(some)),)),
    ),
    st.builds(m.WhatsAppFlow, text=words, button=words, flow_id=ids, token=ids, data=st.dictionaries(ids, words)),
    st.builds(
        m.WhatsAppTemplate, ids.map(str.lower).filter(str.isascii), st.just("en"), parameters, template_headers,
        st.lists(buttons, max_size=4).map(tuple), offer_expires_at=st.none() | st.floats(0, 4e9),
    ),
)  # fmt: skip


@given(messages, st.sampled_from([NUMBER, PERSON]))
def test_whatever_is_said_the_request_keeps_to_the_specification_and_says_it(
    contract: Contract, message: m.Message, to: str
) -> None:
    body = _body(message, to)
    contract.validate(body)
    assert find_problem(body) is None
    assert body["biz_opaque_callback_data"] == "ours-1"
    assert (body.get("to"), body.get("recipient")) == ((NUMBER, None) if to == NUMBER else (None, PERSON))
    assert body.get("context", {}).get("message_id") == getattr(message, "reply_to", None)
    if isinstance(message, m.WhatsAppText):
        assert body["text"]["body"] == message.text


# --- what the request is


def test_the_request_goes_to_the_business_number_with_the_token_in_a_header_only() -> None:
    request = _request(m.WhatsAppText("Hello"))
    assert request.url == f"https://graph.facebook.com/v24.0/{NUMBER_ID}/messages"
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in repr(request)
    assert "447700900123" not in repr(request)


@pytest.mark.parametrize("version", ["v26.0", "26.0"])
def test_the_version_of_graph_is_a_setting(version: str) -> None:
    cloud = WhatsAppCloud(access_token=TOKEN, sender=NUMBER_ID, version=version)
    flow = cloud.send([Envelope("1", "whatsapp", m.WhatsAppText("Hello"), WHATSAPP.parse(NUMBER))])
    assert "/v26.0/" in next(flow).url  # type: ignore[attr-defined]


def test_a_message_may_name_another_business_number() -> None:
    assert "/1234567890/messages" in _request(m.WhatsAppText("Hello", sender="1234567890")).url


def test_a_one_time_password_stands_in_the_body_and_in_the_button() -> None:
    for body in ((), ("831902",)):
        template = _body(m.WhatsAppTemplate("otp", "en", body, buttons=(wt.OneTimePassword("831902"),)))[
            "template"
        ]
        code = [{"type": "text", "text": "831902"}]
        assert template["components"] == [
            {"type": "body", "parameters": code},
            {"type": "button", "sub_type": "url", "index": "0", "parameters": code},
        ]


def test_a_button_without_gaps_keeps_its_place() -> None:
    template = m.WhatsAppTemplate("see", "en", buttons=(None, wt.UrlParameter("x"), None, wt.QuickReply("y")))
    components = _body(template)["template"]["components"]
    assert [(one["sub_type"], one["index"]) for one in components] == [("url", "1"), ("quick_reply", "3")]


def test_named_gaps_carry_their_names() -> None:
    components = _body(m.WhatsAppTemplate("hello", "en", {"first_name": "Ann"}))["template"]["components"]
    assert components[0]["parameters"] == [{"type": "text", "text": "Ann", "parameter_name": "first_name"}]


def test_the_options_of_this_provider_go_where_they_belong() -> None:
    hashed = _body(
        m.WhatsAppText("Hello", provider_options=(WhatsAppOptions(identity_key_hash="DF2lS5v2W6x="),))
    )
    assert hashed["recipient_identity_key_hash"] == "DF2lS5v2W6x="


def test_a_marketing_template_may_go_by_the_api_for_marketing(contract: Contract) -> None:
    options = WhatsAppOptions(marketing=MarketingOptions(strict=True, activity_sharing=False))
    request = _request(m.WhatsAppTemplate("sale", "en", provider_options=(options,)))
    body = json.loads(request.body)
    assert request.url.endswith("/marketing_messages")
    contract.validate(body, "MarketingMessageRequestPayload")
    assert (body["product_policy"], body["message_activity_sharing"]) == ("STRICT", False)
    usual = _body(
        m.WhatsAppTemplate("sale", "en", provider_options=(WhatsAppOptions(marketing=MarketingOptions()),))
    )
    assert usual["product_policy"] == "CLOUD_API_FALLBACK"
    assert "message_activity_sharing" not in usual


# --- bad input


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (m.WhatsAppImage(URL, caption="x" * 1025), "WhatsAppImage.caption"),
        (m.WhatsAppButtons(text="x", header=wa.Media(URL), buttons=(wa.ReplyButton("1", "x"),)), "WhatsAppButtons.header"),
        (m.WhatsAppList(text="x", header=IMAGE, button="x", sections=(wa.ListSection((wa.ListRow("1", "x"),)),)), "WhatsAppList.header"),
        (m.WhatsAppList(text="x", button="x", sections=(wa.ListSection((wa.ListRow("1", "x"),), "x" * 25),)), "ListSection.title"),
        (m.WhatsAppTemplate("Order-Shipped", "en"), "WhatsAppTemplate.name"),
        (m.WhatsAppTemplate("a", "en", ("two\nlines",)), "WhatsAppTemplate.parameters"),
        (m.WhatsAppTemplate("a", "en", ("a\ttab",)), "WhatsAppTemplate.parameters"),
        (m.WhatsAppTemplate("a", "en", ("five     spaces",)), "WhatsAppTemplate.parameters"),
        (m.WhatsAppTemplate("a", "en", (" ",)), "WhatsAppTemplate.parameters"),
        (m.WhatsAppTemplate("a", "en", ("x" * 1025,)), "WhatsAppTemplate.parameters"),
        (m.WhatsAppTemplate("a", "en", {"name": "two\nlines"}), "WhatsAppTemplate.parameters"),
        (m.WhatsAppTemplate("a", "en", (), wt.TextHeader(("x" * 61,))), "TextHeader.parameters"),
        (m.WhatsAppTemplate("a", "en", buttons=(wt.OneTimePassword("1" * 16),)), "OneTimePassword.code"),
        (m.WhatsAppTemplate("a", "en", ("other",), buttons=(wt.OneTimePassword("1"),)), "WhatsAppTemplate.parameters"),
        (m.WhatsAppTemplate("a", "en", buttons=(wt.CopyCode("x" * 21),)), "CopyCode.code"),
        (m.WhatsAppText("x", sender="+447700900000"), "sender"),
        (m.WhatsAppText("x", sender="../1"), "sender"),
        (m.WhatsAppText("half \ud83d"), "message"),
        (m.WhatsAppText("x", provider_options=(WhatsAppOptions(), WhatsAppOptions())), "WhatsAppText.provider_options"),
        (m.WhatsAppImage(wa.Media(content=b"", content_type="image/png")), "Media.content"),
        (m.WhatsAppImage(wa.Media(content=b"x" * 5_242_881, content_type="image/png")), "Media.content"),
        (m.WhatsAppImage(wa.Media(content=b"x", content_type="image/png\r\nx: y")), "Media.content_type"),
    ],
    ids=str,
)  # fmt: skip
def test_what_meta_would_refuse_is_refused_before_anything_leaves(message: m.Message, field: str) -> None:
    with pytest.raises(errors.InvalidMessage) as caught:
        _request(message)
    assert caught.value.field == field
    assert "lines" not in caught.value.problem


def test_a_one_time_password_goes_to_a_number_only() -> None:
    with pytest.raises(errors.InvalidMessage, match="number"):
        _request(m.WhatsAppTemplate("otp", "en", buttons=(wt.OneTimePassword("831902"),)), PERSON)


@pytest.mark.parametrize(
    "message",
    [
        m.WhatsAppLocationRequest(text="x", header="x"),
        m.WhatsAppContactRequest(text="x", footer="x"),
        m.WhatsAppCallRequest(text="x", footer="x"),
        m.WhatsAppCatalog(text="x", header="x"),
    ],
)
def test_words_that_have_no_place_are_named(message: m.Message) -> None:
    lack = WhatsAppCloud.capabilities.unsupported(message)
    assert lack in {f"{type(message).__name__}.header", f"{type(message).__name__}.footer"}


@given(st.text(min_size=1).filter(lambda text: text.strip()))
def test_any_text_can_be_made_to_fit_a_gap(text: str) -> None:
    fit = collapse_whitespace(text)
    wrong = find_problem(_template_body([{"type": "text", "text": fit}]))
    assert wrong is None
    assert fit.split() == text.split()


def _template_body(parameters: list[Mapping[str, Any]]) -> dict[str, Any]:
    component = {"type": "body", "parameters": parameters}
    template = {"name": "a", "language": {"code": "en"}, "components": [component]}
    return {"messaging_product": "whatsapp", "to": NUMBER, "type": "template", "template": template}


@pytest.mark.parametrize(
    "setting",
    [
        {"access_token": ""},
        {"access_token": "canary\r\nx: y"},
        {"base_url": "http://canary.example.com"},
        {"base_url": "https://user:canary@example.com"},
        {"base_url": "https://[canary"},
        {"version": "canary"},
        {"version": "24.0/../canary"},
        {"webhook_app_secrets": ["canary", " "]},
    ],
    ids=str,
)
def test_settings_that_cannot_work_are_refused_without_showing_them(setting: dict[str, Any]) -> None:
    with pytest.raises(errors.InvalidSetting) as caught:
        WhatsAppCloud(**{"access_token": TOKEN, **setting})
    assert "canary" not in str(caught.value)


def test_a_message_without_a_business_number_is_refused_with_the_variable_that_sets_it() -> None:
    cloud = WhatsAppCloud(access_token=TOKEN)
    flow = cloud.send([Envelope("1", "whatsapp", m.WhatsAppText("x"), WHATSAPP.parse(NUMBER))])
    with pytest.raises(errors.InvalidMessage, match="MESSAGING_CHANNELS_WHATSAPP_CLOUD_SENDER"):
        next(flow)
    with pytest.raises(errors.InvalidMessage, match="sender is missing"):
        next(cloud.mark_read("wamid.X"))


def test_every_sample_is_taken_by_the_emulator() -> None:
    with WhatsAppCloudEmulator() as emulator, Transport() as transport:
        emulator.files[HELD.id or ""] = (HELD.content_type, b"x")
        cloud = WhatsAppCloud(access_token=TOKEN, sender=NUMBER_ID, base_url=emulator.url)
        for message in SAMPLES:
            (outcome,) = transport.run(
                cloud.send([Envelope("1", "whatsapp", message, WHATSAPP.parse(NUMBER))])
            )
            assert outcome.provider_id == emulator.messages[-1].id
    assert len(emulator.messages) == len(SAMPLES)
