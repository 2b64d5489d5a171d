"""Every call of Twilio's own client that our channels need, against the emulator; and its requests beside ours, field by field."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from messaging_channels import Dispatcher, Sms, WebhookRequest, errors
from messaging_channels import messages as m
from messaging_channels.events import InboundMedia, MessageReceived
from messaging_channels.messages import Message
from messaging_channels.testing import Transport
from messaging_channels_twilio import Twilio, TwilioApiError, TwilioOptions
from messaging_channels_twilio.emulator import ACCOUNT_SID, AUTH_TOKEN, OUR_NUMBER, TwilioEmulator

NUMBER = "+447700900123"
SERVICE = "MG" + "a" * 32
CONTENT = "HX" + "c" * 32
USER = "US.13491208655302741918"
LATER = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
PICTURE = b"the bytes of a picture"


class Loopback(TwilioHttpClient):
    """Twilio's own HTTP client, led to the emulator."""

    def __init__(self, url: str) -> None:
        super().__init__(timeout=5)
        self.url = url

    def request(self, method: str, url: str, *arguments: Any, **named: Any) -> Any:  # type: ignore[override]
        host = urlsplit(url).hostname or ""
        assert host.endswith(".twilio.com")
        return super().request(method, url.replace(f"https://{host}", self.url), *arguments, **named)


@pytest.fixture
def emulator() -> Iterator[TwilioEmulator]:
    with TwilioEmulator(templates={("order", "en"): CONTENT}) as vendor:
        yield vendor


@pytest.fixture
def client(emulator: TwilioEmulator) -> Iterator[Client]:
    http = Loopback(emulator.url)
    assert http.session is not None
    with http.session:
        yield Client(ACCOUNT_SID, AUTH_TOKEN, http_client=http)


def _message(client: Client, **more: Any) -> Any:
    return client.messages.create(**{"to": NUMBER, "from_": OUR_NUMBER, "body": "Hello", **more})


def _content(client: Client) -> Any:
    from twilio.rest.content.v1.content import ContentList

    given = {
        "friendly_name": "hello",
        "language": "en",
        "variables": {"1": "Ann"},
        "types": {"twilio/text": {"body": "Hi {{1}}"}},
    }
    return client.content.v1.contents.create(content_create_request=ContentList.ContentCreateRequest(given))


def _approval(client: Client) -> Any:
    from twilio.rest.content.v1.content.approval_create import ApprovalCreateList

    given = ApprovalCreateList.ContentApprovalRequest({"name": "hello", "category": "UTILITY"})
    return client.content.v1.contents(CONTENT).approval_create.create(content_approval_request=given).status


CALLS: dict[str, tuple[Callable[[Client], Any], Any]] = {
    "create": (lambda it: _message(it).status, "queued"),
    "fetch": (lambda it: it.messages(_message(it).sid).fetch().body, "Hello"),
    "list": (lambda it: (_message(it), len(it.messages.list(to=NUMBER)))[1], 1),
    "list by sender and day": (lambda it: (_message(it), len(it.messages.list(from_=OUR_NUMBER, date_sent=datetime.now(UTC).date())))[1], 1),
    "list in pages": (lambda it: ([_message(it) for _ in range(5)], len(list(it.messages.stream(page_size=2))))[1], 5),
    "redact": (lambda it: it.messages(_message(it).sid).update(body="").body, ""),
    "cancel": (lambda it: it.messages(_scheduled(it)).update(status="canceled").status, "canceled"),
    "delete": (lambda it: it.messages(_message(it).sid).delete(), True),
    "feedback": (lambda it: it.messages(_message(it, provide_feedback=True).sid).feedback.create(outcome="confirmed").outcome, "confirmed"),
    "media": (lambda it: len(it.messages(_message(it, media_url=["https://example.com/a", "https://example.com/b"]).sid).media.list()), 2),
    "one file": (lambda it: _file(it).fetch().content_type, "image/jpeg"),
    "delete a file": (lambda it: _file(it).delete(), True),
    "parts": (lambda it: _message(it, body="x" * 400).num_segments, "3"),
    "balance": (lambda it: it.balance.fetch().currency, "USD"),
    "account": (lambda it: it.api.v2010.accounts(ACCOUNT_SID).fetch().status, "active"),
    "numbers": (lambda it: [one.phone_number for one in it.incoming_phone_numbers.list()], [OUR_NUMBER]),
    "one number": (lambda it: it.incoming_phone_numbers("PN" + "1" * 32).fetch().phone_number, OUR_NUMBER),
    "templates": (lambda it: [one.sid for one in it.content.v1.contents.list()], [CONTENT]),
    "one template": (lambda it: it.content.v1.contents(CONTENT).fetch().friendly_name, "order"),
    "new template": (lambda it: _content(it).friendly_name, "hello"),
    "delete a template": (lambda it: it.content.v1.contents(CONTENT).delete(), True),
    "hand in a template": (_approval, "received"),
    "approval of a template": (lambda it: it.content.v1.contents(CONTENT).approval_fetch().fetch().whatsapp["status"], "unsubmitted"),
    "templates with approvals": (lambda it: len(it.content.v1.content_and_approvals.list()), 1),
    "templates with approvals, v2": (lambda it: len(it.content.v2.content_and_approvals.list()), 1),
    "services": (lambda it: (it.messaging.v1.services.create(friendly_name="Shop"), len(it.messaging.v1.services.list()))[1], 1),
    "one service": (lambda it: it.messaging.v1.services(_service(it)).fetch().friendly_name, "Shop"),
    "change a service": (lambda it: it.messaging.v1.services(_service(it)).update(friendly_name="Store").friendly_name, "Store"),
    "numbers of a service": (lambda it: len(it.messaging.v1.services(_service(it)).phone_numbers.list()), 1),
    "delete a service": (lambda it: it.messaging.v1.services(_service(it)).delete(), True),
    "look-up": (lambda it: it.lookups.v2.phone_numbers(NUMBER).fetch().valid, True),
    "look-up of nonsense": (lambda it: it.lookups.v2.phone_numbers("nonsense").fetch().validation_errors, ["NOT_A_NUMBER"]),
    "typing": (lambda it: it.messaging.v2.typing_indicator.create(channel="WHATSAPP", message_id="SM1").success, True),
}  # fmt: skip


def _scheduled(client: Client) -> str:
    sid: str = _message(client, messaging_service_sid=SERVICE, schedule_type="fixed", send_at=LATER).sid
    return sid


def _file(client: Client) -> Any:
    sid = _message(client, media_url=["https://example.com/a"]).sid
    (file,) = client.messages(sid).media.list()
    return client.messages(sid).media(file.sid)


def _service(client: Client) -> str:
    sid = client.messaging.v1.services.create(friendly_name="Shop").sid
    assert sid is not None
    return sid


@pytest.mark.parametrize("name", CALLS)
def test_the_clients_call_passes(client: Client, name: str) -> None:
    call, expected = CALLS[name]
    assert call(client) == expected


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda it: _message(it, to="nobody"), 21211),
        (lambda it: _message(it, to=OUR_NUMBER), 21266),
        (lambda it: _message(it, from_="whatsapp:+14155238886"), 21910),
        (lambda it: _message(it, body="x" * 1601), 21617),
        (lambda it: _message(it, body=None), 21619),
        (lambda it: _message(it, validity_period=36_001), 90007),
        (lambda it: _message(it, content_variables='{"1": "x"}'), 21654),
        (lambda it: _message(it, content_sid=CONTENT, content_variables='{"1": "a\\nb"}'), 21656),
        (lambda it: _message(it, content_sid=CONTENT, content_variables='{"1": "a     b"}'), 21656),
        (lambda it: _message(it, content_sid=CONTENT, content_variables='{"1": " "}'), 21656),
        (lambda it: _message(it, content_sid=CONTENT, content_variables="[1]"), 21656),
        (lambda it: _message(it, media_url=["https://example.com/a"] * 11), 21623),
        (lambda it: _message(it, status_callback="https://bad_host.example/x"), 21609),
        (lambda it: it.messages("SM" + "0" * 32).fetch(), 20404),
        (lambda it: it.messages(_message(it).sid).media("ME" + "0" * 32).delete(), 20404),
        (lambda it: it.content.v1.contents("HX" + "0" * 32).fetch(), 20404),
        (lambda it: it.messaging.v1.services("MG" + "0" * 32).fetch(), 20404),
    ],
)
def test_the_client_is_refused_what_twilio_refuses(
    client: Client, call: Callable[[Client], Any], code: int
) -> None:
    with pytest.raises(TwilioRestException) as caught:
        call(client)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "query", ["PageSize=abc", "PageSize=0", "PageSize=1001", "Page=x", "PageSize=\u0661"]
)
def test_a_page_that_is_none_is_refused_and_answered(emulator: TwilioEmulator, query: str) -> None:
    twilio = Twilio(account_sid=ACCOUNT_SID, auth_token=AUTH_TOKEN, base_url=emulator.url)
    with Transport() as transport, pytest.raises(TwilioApiError) as caught:
        transport.run(twilio._call_api("GET", f"{twilio._account}/Messages.json?{query}", "list"))  # noqa: SLF001
    assert caught.value.error_code == 20007


# --- our requests beside the client's


def _ours(emulator: TwilioEmulator, message: Message, to: str) -> list[tuple[str, str]]:
    twilio = Twilio(
        account_sid=ACCOUNT_SID,
        auth_token=AUTH_TOKEN,
        sender=OUR_NUMBER,
        whatsapp_sender="+14155238886",
        templates={("order", "en"): CONTENT},
        base_url=emulator.url,
    )
    with Dispatcher([twilio]) as dispatcher:
        dispatcher.send(message, to=to)
    return _form(emulator)


def _form(emulator: TwilioEmulator) -> list[tuple[str, str]]:
    return sorted(parse_qsl(emulator.requests[-1].body.decode(), keep_blank_values=True))


W = {"from_": "whatsapp:+14155238886", "to": f"whatsapp:{NUMBER}"}
URL = "https://example.com/a.bin"
FIXED = {"schedule_type": "fixed"}
GAPS = {"1": "Ann"}
OPTIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "service": ({"messaging_service_sid": SERVICE}, {"messaging_service_sid": SERVICE, "from_": None}),
    "fallback": ({"fallback_from": "+447700900001"}, {"fallback_from": "+447700900001"}),
    "application": ({"application_sid": "AP" + "1" * 32}, {"application_sid": "AP" + "1" * 32}),
    "validity": ({"validity_period": timedelta(minutes=5)}, {"validity_period": 300}),
    "schedule": ({"messaging_service_sid": SERVICE, "send_at": LATER}, {"messaging_service_sid": SERVICE, "from_": None, "send_at": LATER, **FIXED}),
    "encoding": ({"smart_encoded": True, "send_as_mms": False}, {"smart_encoded": True, "send_as_mms": False}),
    "links": ({"shorten_urls": True}, {"shorten_urls": True}),
    "retention": ({"content_retention": "discard", "address_retention": "obfuscate"}, {"content_retention": "discard", "address_retention": "obfuscate"}),
    "risk": ({"risk_check": "disable"}, {"risk_check": "disable"}),
    "intent": ({"message_intent": "otp"}, {"message_intent": "otp"}),
    "feedback": ({"provide_feedback": True, "attempt": 2}, {"provide_feedback": True, "attempt": 2}),
    "forced": ({"force_delivery": True, "traffic_type": "free"}, {"force_delivery": True, "traffic_type": "free"}),
    "content": ({"content_sid": CONTENT, "content_variables": GAPS}, {"content_sid": CONTENT, "content_variables": json.dumps(GAPS), "body": None}),
}  # fmt: skip
PAIRS: list[tuple[Message, str, dict[str, Any]]] = [
    (Sms("Hello"), NUMBER, {"body": "Hello"}),
    (Sms("Žluťoučký 😀"), NUMBER, {"body": "Žluťoučký 😀"}),
    (Sms("a+b & c=d"), NUMBER, {"body": "a+b & c=d"}),
    (Sms("Hello", sender="Shop"), NUMBER, {"body": "Hello", "from_": "Shop"}),
    (m.Mms((URL, f"{URL}?2"), text="Look"), NUMBER, {"body": "Look", "media_url": [URL, f"{URL}?2"]}),
    (m.WhatsAppText("Hello"), NUMBER, {**W, "body": "Hello"}),
    (m.WhatsAppText("Hello"), USER, {**W, "to": f"whatsapp:{USER}", "body": "Hello"}),
    (m.WhatsAppImage(URL, caption="Look"), NUMBER, {**W, "body": "Look", "media_url": [URL]}),
    (m.WhatsAppDocument(URL), NUMBER, {**W, "media_url": [URL]}),
    (m.WhatsAppLocation(45.81, 15.98, name="Office"), NUMBER, {**W, "body": "Office", "persistent_action": ["geo:45.810000,15.980000|Office"]}),
    (m.WhatsAppTemplate("order", "en", ("Ann", "A-17")), NUMBER, {**W, "content_sid": CONTENT, "content_variables": json.dumps({"1": "Ann", "2": "A-17"})}),
    *((Sms("Hello", provider_options=(TwilioOptions(**ours),)), NUMBER, {"body": "Hello", **theirs}) for ours, theirs in OPTIONS.values()),
]  # fmt: skip


@pytest.mark.parametrize(("message", "to", "sent"), PAIRS, ids=lambda value: type(value).__name__)
def test_our_request_is_the_clients(
    emulator: TwilioEmulator, client: Client, message: Message, to: str, sent: dict[str, Any]
) -> None:
    """The same field by field: there is no difference to explain."""
    ours = _ours(emulator, message, to)
    client.messages.create(**{"to": to, "from_": OUR_NUMBER, **sent})
    assert ours == _form(emulator)
    first, second = emulator.requests[-2:]
    assert (first.path, first.headers["authorization"]) == (second.path, second.headers["authorization"])


# --- what people send


def test_a_file_that_somebody_sent_is_fetched_without_our_credentials_at_the_storage() -> None:
    with TwilioEmulator(webhook_url="http://127.0.0.1:9/in") as emulator:
        twilio = Twilio(account_sid=ACCOUNT_SID, auth_token=AUTH_TOKEN, base_url=emulator.url)
        emulator.receive_message(NUMBER, "Look", media=[("image/png", PICTURE), ("text/vcard", b"BEGIN")])
        emulator.wait_for_reports()
        ((call, _),) = emulator.reports
        (event,) = twilio.handle_webhook(WebhookRequest(call.body, call.headers, call.url)).events
        assert isinstance(event, MessageReceived)
        with Transport() as transport:
            files = [transport.run(twilio.download(one)) for one in event.media]
            assert transport.run(twilio.download(event.media[0].url or "")).content == PICTURE
            with pytest.raises(TwilioApiError):
                transport.run(twilio.download(f"{event.media[0].url}0"))
    assert [(one.content, one.content_type) for one in files] == [
        (PICTURE, "image/png"),
        (b"BEGIN", "text/vcard"),
    ]
    assert [one.id for one in files] == [one.id for one in event.media]


@pytest.mark.parametrize(
    "url",
    ["https://elsewhere.example/a", "", "https://api.twilio.com/2010-04-01/Accounts/AC/Messages/\u00e9"],
)
def test_our_credentials_go_to_our_own_files_alone(url: str) -> None:
    twilio = Twilio(account_sid=ACCOUNT_SID, auth_token=AUTH_TOKEN)
    for media in (url, InboundMedia(url=url or None)):
        with Transport() as transport, pytest.raises(errors.InvalidMessage):
            transport.run(twilio.download(media))


@pytest.mark.parametrize("path", ["/in?shop=Zoë's", "/höök", "/in?a b=c", "/in?a=%20b#rc=3"])
def test_what_the_emulator_calls_is_what_it_signed(path: str) -> None:
    with TwilioEmulator(webhook_url=f"http://127.0.0.1:9{path}") as emulator:
        emulator.receive_message(NUMBER, "Hi")
        emulator.wait_for_reports()
        ((call, _),) = emulator.reports
    fields = dict(parse_qsl(call.body.decode(), keep_blank_values=True))
    assert call.url.isascii()
    assert RequestValidator(AUTH_TOKEN).validate(call.url, fields, call.headers["x-twilio-signature"])
