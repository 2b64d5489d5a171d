"""Every request the plugin can make is one that the official specification allows."""

from __future__ import annotations

import json
import string
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jsonschema
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from specifications import specification

from messaging_channels import (
    Attachment,
    BadInput,
    Email,
    EmailAddress,
    PhoneNumber,
    Sms,
    WhatsAppTemplate,
    WhatsAppText,
    messages,
)
from messaging_channels._model.status import PENDING_ACCEPTED
from messaging_channels.messages import ListUnsubscribe
from messaging_channels.messages import whatsapp as chat
from messaging_channels.messages import whatsapp_commerce as commerce
from messaging_channels.messages import whatsapp_interactive as more
from messaging_channels.messages import whatsapp_template as template
from messaging_channels.plugins import (
    BlockingCall,
    CurrentTime,
    Envelope,
    HttpRequest,
    HttpResponse,
    LookupRequest,
    Sleep,
)
from messaging_channels.testing import Request
from messaging_channels_infobip import (
    DeliveryWindow,
    IndiaDlt,
    Infobip,
    InfobipApiError,
    InfobipEmailOptions,
    InfobipSmsOptions,
    InfobipWhatsAppOptions,
    Language,
    Links,
    Masking,
    PeopleClient,
    SmsFailover,
    SouthKorea,
    SpeedLimit,
    Tracking,
    TurkeyIys,
)
from messaging_channels_infobip.emulator import InfobipEmulator
from messaging_channels_infobip.emulator.account import DELIVERED, AcceptedMessage, Account, Schedule
from messaging_channels_infobip.options import Day, LanguageCode, Transliteration

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC).timestamp()
INFOBIP = Infobip(base_url="xyz.api.infobip.com", api_key="secret")
SERVED = {
    "sms": "infobip_sms",
    "email": "infobip_email",
    "whatsapp": "infobip_whatsapp",
    "people": "infobip_people",
}


def _exchanges(flow: Any, answer: HttpResponse) -> list[HttpRequest]:
    """Run a flow and return its requests, all of which get the same answer."""
    asked: list[HttpRequest] = []
    reply: Any = None
    replies: dict[type, Callable[[Any], Any]] = {
        CurrentTime: lambda _: NOW,
        Sleep: lambda _: None,
        BlockingCall: lambda call: call.function(),
        HttpRequest: lambda request: asked.append(request) or answer,
    }
    try:
        while True:
            exchange = flow.send(reply)
            reply = replies[type(exchange)](exchange)
    except StopIteration:
        return asked
    except InfobipApiError:
        return asked


def _check(request: HttpRequest) -> None:
    parts = urlsplit(request.url)
    document = specification(SERVED[parts.path.split("/")[1]])
    operation = document.operation(request.method, parts.path)
    assert {name for name, _ in parse_qsl(parts.query)} <= {
        one["name"] for one in operation.get("parameters", [])
    }
    if request.body:
        document.check(document.request_schema(request.method, parts.path), _json(request))


def _json(request: HttpRequest) -> Any:
    return HttpResponse(200, {}, request.body).json()


words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=30)
ids = st.text(string.ascii_letters + string.digits + "-_", min_size=1, max_size=30)
urls = ids.map(lambda name: f"https://shop.example.com/{name}")
maybe = st.none
moments = st.integers(60, 4 * 24 * 3600).map(lambda after: datetime.fromtimestamp(NOW + after, UTC))
numbers = st.integers(0, 999).map(lambda number: f"447700900{number:03d}")


def _literal(kind: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(kind.__args__)


windows = st.builds(DeliveryWindow, st.lists(_literal(Day), min_size=1).map(tuple)) | st.builds(
    DeliveryWindow,
    st.just(("MONDAY",)),
    st.builds(time, st.integers(0, 10)),
    st.builds(time, st.integers(12, 23)),
)
links = st.builds(
    Links, track_clicks=st.booleans(), tracking_url=maybe() | urls, remove_protocol=st.booleans()
)
labels = {
    "application_id": maybe() | ids,
    "entity_id": maybe() | ids,
    "callback_data": maybe() | words,
    "report_url": maybe() | urls,
}
bulk = {
    **labels,
    "send_at": maybe() | moments,
    "bulk_id": maybe() | ids,
    "delivery_window": maybe() | windows,
    "campaign_id": maybe() | ids,
    "intermediate_reports": maybe() | st.booleans(),
    "notify": maybe() | st.booleans(),
    "report_content_type": maybe() | st.just("application/json"),
}
sms_options = st.builds(
    InfobipSmsOptions,
    **bulk,
    language=maybe() | st.builds(Language, _literal(LanguageCode), st.booleans(), st.booleans()),
    transliteration=maybe() | _literal(Transliteration),
    links=maybe() | links,
    conversion=maybe() | ids,
    count_parts=st.booleans(),
    network_id=maybe() | st.integers(1, 99999),
    india=maybe() | st.builds(IndiaDlt, ids, maybe() | ids, maybe() | ids),
    turkey=maybe()
    | st.builds(TurkeyIys, st.sampled_from(["BIREYSEL", "TACIR"]), maybe() | st.integers(1, 9)),
    south_korea=maybe() | st.builds(SouthKorea, maybe() | words, maybe() | st.integers(1, 9)),
)
paced = st.builds(InfobipSmsOptions, send_at=moments, speed_limit=st.builds(SpeedLimit, st.integers(1, 99)))
validities = st.integers(1, 48 * 3600).map(lambda seconds: timedelta(seconds=seconds))


def _extras(options: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.just(()) | options.map(lambda one: (one,))


texts = st.builds(
    Sms,
    words,
    sender=maybe() | st.sampled_from(["Shop", "447700900000", "+447700900000"]),
    validity_period=maybe() | validities,
    flash=st.booleans(),
    provider_options=_extras(sms_options | paced),
)

placeholders = maybe() | st.dictionaries(ids, words, max_size=2)
mail_options = st.builds(
    InfobipEmailOptions,
    **bulk,
    validity_period=maybe() | validities,
    template_id=maybe() | ids,
    template_language_version=maybe() | st.just("2"),
    placeholders=placeholders,
    landing_page_placeholders=placeholders,
    optout_landing_page_id=maybe() | ids,
    uploaded_attachments=st.lists(ids, max_size=2).map(tuple),
    tracking=maybe()
    | st.builds(Tracking, maybe() | st.booleans(), maybe() | st.booleans(), url=maybe() | urls),
    priority=maybe() | st.sampled_from(["HIGH", "STANDARD", "LOW"]),
    ip_pool_id=maybe() | ids,
    masking=st.lists(st.builds(Masking, ids), max_size=2).map(tuple),
    keep_no_content=maybe() | st.booleans(),
)
mime_options = st.builds(
    InfobipEmailOptions,
    **labels,
    bulk_id=maybe() | ids,
    tracking=maybe() | st.builds(Tracking, url=urls),
    priority=maybe() | st.sampled_from(["HIGH", "LOW"]),
)
addresses = st.sampled_from(["zoe@example.com", "Zoë <zoe@example.org>", "max@example.net"])
attachments = st.builds(
    Attachment,
    st.binary(max_size=20),
    ids.map(lambda name: f"{name}.pdf"),
    st.just("application/pdf"),
    maybe() | ids,
)
mail_fields: dict[str, Any] = {
    "sender": maybe() | addresses,
    "cc": st.lists(addresses, max_size=2).map(tuple),
    "attachments": st.lists(attachments, max_size=2).map(tuple),
    "headers": st.dictionaries(st.just("X-Campaign"), ids, max_size=1),
    "list_unsubscribe": maybe() | st.builds(ListUnsubscribe, urls),
    "reply_to": st.lists(addresses, max_size=1).map(tuple),
}
simple_mails = st.builds(
    Email, words, html=words, **mail_fields, provider_options=_extras(mail_options)
) | st.builds(Email, words, words, **mail_fields, provider_options=_extras(mail_options))
mixed_mails = st.builds(
    Email,
    words,
    words,
    words,
    **mail_fields | {"reply_to": st.lists(addresses, max_size=2).map(tuple)},
    bcc=st.lists(addresses, max_size=2).map(tuple),
    provider_options=_extras(mime_options),
)

media = urls.map(lambda url: chat.Media(url=url))
surroundings: dict[str, Any] = {
    "reply_to": maybe() | ids,
    "provider_options": _extras(st.builds(InfobipWhatsAppOptions, **labels)),
}
linked: dict[str, Any] = {
    "reply_to": maybe() | ids,
    "provider_options": _extras(st.builds(InfobipWhatsAppOptions, **labels, links=maybe() | links)),
}
captioned = {**linked, "caption": maybe() | words}
footed: dict[str, Any] = {**linked, "text": words, "footer": maybe() | words}
lined = {**footed, "header": maybe() | words}
headed = {**footed, "header": maybe() | words | media}
titles = st.text(string.ascii_letters, min_size=1, max_size=20)
reply_buttons = st.lists(
    st.builds(chat.ReplyButton, ids, titles),
    min_size=1,
    max_size=3,
    unique_by=(lambda one: one.id, lambda one: one.title),
)
rows = st.lists(
    st.builds(chat.ListRow, ids, titles, maybe() | words),
    min_size=1,
    max_size=5,
    unique_by=lambda one: one.id,
)
cards = st.builds(
    chat.ContactCard,
    words,
    maybe() | words,
    st.lists(numbers, max_size=1).map(tuple),
    company=maybe() | words,
    birthday=maybe() | st.just("1990-01-01"),
)
free_chats = st.one_of(
    st.builds(WhatsAppText, words, **linked),
    st.builds(messages.WhatsAppImage, media, **captioned),
    st.builds(messages.WhatsAppVideo, media, **captioned),
    st.builds(messages.WhatsAppDocument, media, **captioned, filename=maybe() | ids),
    st.builds(messages.WhatsAppAudio, media, **surroundings, voice=st.booleans()),
    st.builds(messages.WhatsAppSticker, media, **surroundings),
    st.builds(
        messages.WhatsAppLocation,
        st.floats(-90, 90),
        st.floats(-180, 180),
        maybe() | words,
        maybe() | words,
        **surroundings,
    ),
    st.builds(messages.WhatsAppContacts, st.lists(cards, min_size=1, max_size=2).map(tuple), **surroundings),
    st.builds(messages.WhatsAppButtons, buttons=reply_buttons.map(tuple), **headed),
    st.builds(
        messages.WhatsAppList,
        button=titles,
        sections=rows.map(lambda one: (chat.ListSection(tuple(one), "Menu"),)),
        **lined,
    ),
    st.builds(messages.WhatsAppUrlButton, button=titles, url=urls, **headed),
    st.builds(messages.WhatsAppLocationRequest, text=words, **linked),
    st.builds(messages.WhatsAppContactRequest, text=words, **linked),
    st.deferred(lambda: carousels),
    st.builds(
        messages.WhatsAppCallButton,
        text=words,
        button=st.just("") | titles,
        ttl_minutes=maybe() | st.integers(1, 43_200),
        payload=maybe() | ids,
        provider_options=linked["provider_options"],
    ),
    st.builds(
        messages.WhatsAppProduct,
        catalog_id=ids,
        product_id=ids,
        text=st.just("") | words,
        footer=maybe() | words,
        **linked,
    ),
    st.builds(
        messages.WhatsAppProducts,
        catalog_id=ids,
        sections=st.just((commerce.ProductSection(("a", "b"), "Shoes"),)),
        **footed,
        header=words,
    ),
    st.builds(
        messages.WhatsAppFlow,
        button=titles,
        flow_id=ids,
        token=ids,
        screen=ids,
        data=st.dictionaries(ids, st.dictionaries(ids, words, max_size=1), max_size=1),
        draft=st.booleans(),
        **lined,
    ),
)
picture_cards = st.lists(media, min_size=2, max_size=4)
link_cards = picture_cards.map(
    lambda files: tuple(
        more.MediaCard(one, more.UrlButton("Go", "https://shop.example.com"), "Look") for one in files
    )
)
reply_cards = picture_cards.map(
    lambda files: tuple(more.MediaCard(one, (chat.ReplyButton("1", "Yes"),)) for one in files)
)
carousels = st.builds(messages.WhatsAppCarousel, text=words, cards=link_cards | reply_cards, **linked)
gaps = st.lists(words, max_size=3).map(tuple)
template_buttons = st.lists(
    maybe()
    | st.builds(template.QuickReply, ids)
    | st.builds(template.UrlParameter, ids)
    | st.builds(template.CopyCode, st.just("4821"))
    | st.builds(
        template.FlowButton, ids, st.dictionaries(ids, st.dictionaries(ids, words, max_size=1), max_size=1)
    )
    | st.builds(template.OneTimePassword, st.just("4821"))
    | st.builds(template.CatalogButton, maybe() | ids)
    | st.builds(template.ProductsButton, ids, st.just((commerce.ProductSection(("a", "b"), "Shoes"),))),
    max_size=4,
).map(tuple)
pictures = st.builds(template.ImageHeader, media) | st.builds(template.VideoHeader, media)
headers = (
    maybe()
    | pictures
    | st.builds(template.DocumentHeader, media, maybe() | ids)
    | st.builds(template.TextHeader, words.map(lambda word: (word,)))
    | st.builds(messages.WhatsAppLocation, st.floats(-90, 90), st.floats(-180, 180))
)
card_buttons = st.lists(
    st.builds(template.QuickReply, ids) | st.builds(template.UrlParameter, ids), max_size=2
)
template_options = st.builds(
    InfobipWhatsAppOptions,
    **labels,
    bulk_id=maybe() | ids,
    links=maybe() | links,
    sms_failover=maybe() | st.builds(SmsFailover, st.just("Shop"), words),
)
templates = st.builds(
    WhatsAppTemplate,
    ids,
    st.sampled_from(["en", "en_GB"]),
    parameters=gaps,
    header=headers,
    buttons=template_buttons,
    cards=st.lists(st.builds(template.CarouselCard, pictures, gaps, card_buttons.map(tuple)), max_size=2).map(
        tuple
    ),
    reply_to=maybe() | ids,
    provider_options=_extras(template_options),
    offer_expires_at=maybe() | st.integers(1, 10**6).map(lambda later: NOW + later),
)


def _provider() -> Infobip:
    return Infobip(
        base_url="xyz.api.infobip.com",
        api_key="secret",
        sender="Shop",
        whatsapp_sender="447700900000",
        email_sender="Shop <shop@example.com>",
        report_url="https://shop.example.com/reports",
    )


def _enveloped(batch: list[Any]) -> list[Envelope]:
    channels = {Sms: "sms", Email: "email"}
    return [
        Envelope(
            f"id-{index}",
            channels.get(type(message), "whatsapp"),
            message,
            EmailAddress("zoe", "example.com") if isinstance(message, Email) else PhoneNumber("447700900123"),
        )
        for index, message in enumerate(batch)
    ]


def _requests(batch: list[Any]) -> list[HttpRequest]:
    provider = _provider()
    for message in batch:
        assert provider.capabilities.unsupported(message) is None
    try:
        return _exchanges(provider.send(_enveloped(batch)), HttpResponse(500, {}, b""))
    except BadInput:
        assume(False)
        raise


@pytest.fixture(scope="module")
def emulator() -> Iterator[InfobipEmulator]:
    with InfobipEmulator(api_key="secret") as running:
        yield running


def _handled(emulator: InfobipEmulator, request: HttpRequest, body: bytes | None = None) -> HttpResponse:
    """Give a request to the emulator without a network between."""
    parts = urlsplit(request.url)
    written = request.body if body is None else body
    emulator.account = Account()
    return emulator.handle(
        Request(request.method, parts.path, dict(parse_qsl(parts.query)), request.headers, written)
    )


KINDS = pytest.mark.parametrize(
    "kind",
    [texts, simple_mails, mixed_mails, free_chats, templates],
    ids=["sms", "mail", "mime", "whatsapp", "template"],
)
MANY = settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


def _bodies(batch: list[Any]) -> list[Any]:
    return [_json(request) for request in _requests(batch)]


def _ids(message: Any) -> list[str]:
    return [to["messageId"] for to in message["destinations"]]


def test_texts_that_say_the_same_are_one_message_whether_or_not_they_are_one_object() -> None:
    said, other = Sms("Hello"), Sms("Bye")
    (body,) = _bodies([said, said, other, Sms("Hello"), said, other])
    assert [(one["content"]["text"], _ids(one)) for one in body["messages"]] == [
        ("Hello", ["id-0", "id-1", "id-3", "id-4"]),
        ("Bye", ["id-2", "id-5"]),
    ]


@given(texts)
@MANY
def test_a_text_is_written_alone_as_it_is_among_others(message: Sms) -> None:
    alone, among = _bodies([message]), _bodies([message, Sms("Something that no other text says")])
    assert alone[0] == {**among[0], "messages": among[0]["messages"][:1]}


def test_a_schedule_without_a_name_is_one_of_its_own_for_each_envelope_of_a_message() -> None:
    at = datetime.fromtimestamp(NOW + 600, UTC)
    unnamed = Sms("Hello", provider_options=(InfobipSmsOptions(send_at=at, network_id=7),))
    bodies = _bodies([unnamed] * 2)
    assert [one["options"]["schedule"]["bulkId"] for one in bodies] == ["id-0", "id-1"]
    assert [_ids(message) for one in bodies for message in one["messages"]] == [["id-0"], ["id-1"]]
    named = Sms("Hello", provider_options=(InfobipSmsOptions(send_at=at, bulk_id="all", network_id=7),))
    (body,) = _bodies([named] * 2)
    assert body["options"]["schedule"]["bulkId"] == "all"
    assert [(to["messageId"], to["networkId"]) for to in body["messages"][0]["destinations"]] == [
        ("id-0", 7),
        ("id-1", 7),
    ]


def test_what_is_due_shares_a_request_with_the_rest_of_its_message() -> None:
    due = Sms("Hello", provider_options=(InfobipSmsOptions(send_at=datetime.fromtimestamp(NOW - 60, UTC)),))
    (body,) = _bodies([due] * 3)
    assert [_ids(one) for one in body["messages"]] == [["id-0", "id-1", "id-2"]]


@KINDS
@given(data=st.data())
@MANY
def test_every_message_is_written_as_the_specification_asks_and_so_is_the_emulators_answer(
    emulator: InfobipEmulator, kind: Any, data: Any
) -> None:
    specification("infobip_sms")
    batch = data.draw(st.lists(kind, min_size=1, max_size=3))
    requests = _requests(batch)
    assert requests
    for request in requests:
        assert request.headers["authorization"] == "App secret"
        assert "447700900123" not in request.url
        _check(request)
        answer = _handled(emulator, request)
        assert answer.status == 200, answer.json()
        _check_answer(request, answer)


@given(st.data())
@MANY
def test_the_same_mail_at_the_same_time_is_written_the_same(data: Any) -> None:
    mail = data.draw(mixed_mails)
    assert [one.body for one in _requests([mail])] == [one.body for one in _requests([mail])]


def _check_answer(request: HttpRequest, answer: HttpResponse) -> None:
    path = urlsplit(request.url).path
    document = specification(SERVED[path.split("/")[1]])
    document.check(document.answers(request.method, path)[str(answer.status)], answer.json())


@KINDS
@given(data=st.data())
@MANY
def test_what_the_specification_refuses_the_emulator_refuses_in_the_envelope_of_that_path(
    emulator: InfobipEmulator, kind: Any, data: Any
) -> None:
    specification("infobip_sms")
    request = _requests([data.draw(kind)])[0]
    path = urlsplit(request.url).path
    document = specification(SERVED[path.split("/")[1]])
    spoilt = _spoilt(_json(request), data)
    try:
        document.check(document.request_schema(request.method, path), spoilt)
    except jsonschema.ValidationError:
        answer = _handled(emulator, request, json.dumps(spoilt).encode())
        assert answer.status == 400
        if "400" in document.answers(request.method, path):
            _check_answer(request, answer)


def _spoilt(value: Any, data: Any) -> Any:
    """Leave something out of a document, or put something else in its place, somewhere."""
    if isinstance(value, dict) and value:
        name = data.draw(st.sampled_from(sorted(value)))
        how = data.draw(st.sampled_from(["deeper", "deeper", "without", "misspelt"]))
        others = {key: one for key, one in value.items() if key != name}
        changed = {
            "deeper": {name: _spoilt(value[name], data)},
            "without": {},
            "misspelt": {name + "s": value[name]},
        }
        return others | changed[how] if how != "deeper" else {**value, **changed[how]}
    if isinstance(value, list) and value:
        return [_spoilt(value[0], data), *value[1:]]
    return data.draw(st.sampled_from([None, True, 10**12, [], {}, "x" * 5000]))


def test_the_check_of_these_tests_can_fail() -> None:
    document = specification("infobip_sms")
    schema = document.request_schema("POST", "/sms/3/messages")
    good = {"messages": [{"destinations": [{"to": "447700900123"}], "content": {"text": "Hello"}}]}
    document.check(schema, good)
    for bad in (
        {"messages": [{"destinations": [{}], "content": {"text": "Hello"}}]},
        {**good, "misspelt": 1},
        {"messages": [{**good["messages"][0], "options": {"flahs": True}}]},
    ):
        with pytest.raises(jsonschema.ValidationError):
            document.check(schema, bad)
    headers = specification("infobip_whatsapp").request_schema(
        "POST", "/whatsapp/1/message/interactive/buttons"
    )
    button = {"type": "REPLY", "id": "1", "title": "Yes"}
    words = {"from": "1", "to": "2", "content": {"body": {"text": "?"}, "action": {"buttons": [button]}}}
    specification("infobip_whatsapp").check(headers, words)
    del button["title"]
    with pytest.raises(jsonschema.ValidationError):
        specification("infobip_whatsapp").check(headers, words)


INQUIRY = LookupRequest("id-1", "sms", None, NOW - 10, NOW - 5, lambda _: False)


def _people() -> PeopleClient:
    return PeopleClient(base_url="xyz.api.infobip.com", api_key="secret")


QUESTIONS: dict[str, Callable[[], Any]] = {
    "look up an SMS": lambda: INFOBIP.look_up(INQUIRY),
    "look up a mail": lambda: INFOBIP.look_up(LookupRequest("id-1", "email", None, 0, 0, lambda _: False)),
    "fetch reports": lambda: _provider().fetch_reports(),
    "preview": lambda: INFOBIP.preview("Hello", language="TR", transliteration="TURKISH"),
    **{
        f"{what} {channel}": lambda what=what, channel=channel: getattr(INFOBIP.schedules(channel), what)(
            "bulk-1"
        )
        for channel in ("sms", "email")
        for what in ("get_schedule", "cancel", "pause", "resume")
    },
    **{
        f"reschedule {channel}": lambda channel=channel: INFOBIP.schedules(channel).reschedule(
            "bulk-1", datetime.fromtimestamp(NOW + 60, UTC)
        )
        for channel in ("sms", "email")
    },
    "person by external id": lambda: _people().person("EXTERNAL_ID", "634b56217f6a7b0be52dffbd"),
    "person by number": lambda: _people().person("PHONE", "447700900123"),
    "person by address": lambda: _people().person("EMAIL", "zoe@example.com"),
}
ANSWER = HttpResponse(
    200, {}, b'{"results": [], "matches": [{"personId": 1}], "sendAt": "2026-07-01T12:00:00Z"}'
)


CONTACTS = {"phone": [{"number": "447700900123"}], "email": [{"address": "zoe@example.com"}]}
KNOWN = {"id": 1, "externalId": "634b56217f6a7b0be52dffbd", "contactInformation": CONTACTS}


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_answer_of_the_emulator_is_one_that_the_specification_knows(
    emulator: InfobipEmulator, question: str
) -> None:
    for request in _exchanges(QUESTIONS[question](), ANSWER):
        parts = urlsplit(request.url)
        emulator.account = Account()
        channel = parts.path.split("/")[1]
        emulator.account.persons.append(KNOWN)
        emulator.account.schedules["bulk-1"] = Schedule(channel, "2026-07-01T12:00:00.000+0000")
        taken = AcceptedMessage(
            "id-1", channel, "447700900123", "Shop", "b", {}, {}, DELIVERED, PENDING_ACCEPTED
        )
        emulator.account.messages.append(taken)
        emulator.account.unfetched[channel] = [taken]
        query = dict(parse_qsl(parts.query))
        answer = emulator.handle(Request(request.method, parts.path, query, request.headers, request.body))
        assert answer.status == 200
        _check_answer(request, answer)


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_question_is_one_that_the_specification_knows_and_can_send_nothing(question: str) -> None:
    requests = _exchanges(QUESTIONS[question](), ANSWER)
    assert requests
    for request in requests:
        assert not request.may_send
        assert "447700900123" not in request.url
        assert "zoe" not in request.url
        _check(request)
