"""Vonage's own client against the emulator, and its requests beside ours: what somebody else wrote."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from requests import PreparedRequest, Response  # noqa: TC002  part of a signature
from requests.adapters import HTTPAdapter
from vonage import Auth
from vonage import Vonage as Client
from vonage_http_client.errors import HttpRequestError
from vonage_jwt import verify_signature
from vonage_messages import models
from vonage_sms import SmsMessage
from vonage_sms.errors import SmsError

from messaging_channels import Dispatcher, Sms
from messaging_channels import messages as m
from messaging_channels.messages import Message
from messaging_channels_vonage import Vonage
from messaging_channels_vonage.emulator import VonageEmulator
from messaging_channels_vonage.signing import METHODS, SignatureMethod, signature

NUMBER = "447700900123"
SHOP = "447700900000"
KEY, SECRET = "abcd1234", "made-up"
APPLICATION = "0f1e2d3c-aaaa-4bbb-8ccc-0123456789ab"


class _Loopback(HTTPAdapter):
    """Leads the client, which speaks TLS alone, to the emulator."""

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        assert request.url is not None
        request.url = request.url.replace("https://", "http://", 1)
        return super().send(request, *args, **options)


@pytest.fixture(scope="module")
def keys() -> tuple[str, str]:
    private = rsa.generate_private_key(65537, 2048)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem, public.decode()


@pytest.fixture
def emulator(keys: tuple[str, str]) -> Iterator[VonageEmulator]:
    with VonageEmulator(api_key=KEY, application_id=APPLICATION, public_key=keys[1]) as vendor:
        yield vendor


def _client(vendor: VonageEmulator, **auth: Any) -> Client:
    host = vendor.url.removeprefix("http://")
    client = Client(
        Auth(**(auth or {"api_key": KEY, "api_secret": SECRET})), {"api_host": host, "rest_host": host}
    )
    client._http_client._session.mount("https://", _Loopback())  # noqa: SLF001  it offers no other way
    return client


# --- the SMS API


SENT: list[dict[str, Any]] = [
    {"text": "hello"},
    {"text": "Žluťoučký kůň", "type": "unicode"},
    {"text": "x" * 400},
    {"text": "hello", "ttl": 60_000, "client_ref": "r-1", "message_class": 0, "status_report_req": True},
    {"text": "", "type": "binary", "body": "0011aaff", "udh": "06050415811581", "protocol_id": 127},
    {
        "text": "hello",
        "callback": "https://shop.example/dlr",
        "account_ref": "a",
        "entity_id": "e",
        "content_id": "c",
    },
    {"text": "hello", "trusted_number": True},
]


@pytest.mark.parametrize("sent", SENT, ids="/".join)
@pytest.mark.parametrize("proof", ["basic", *METHODS[1:]])
def test_the_client_sends_every_kind_of_text(sent: dict[str, Any], proof: str) -> None:
    auth = {"api_key": KEY, "api_secret": SECRET}
    if proof != "basic":
        auth = {"api_key": KEY, "signature_secret": SECRET, "signature_method": proof}
    method = "sha256" if proof == "basic" else proof
    with VonageEmulator(api_key=KEY, webhook_signature_method=method) as vendor:
        answer = _client(vendor, **auth).sms.send(SmsMessage(to=NUMBER, from_="Shop", **sent))
    parts = {400: 3}.get(len(sent["text"]), 1)
    assert answer.message_count == str(parts) == str(len(answer.messages))
    assert {part.status for part in answer.messages} == {"0"}
    assert len({part.message_id for part in answer.messages}) == parts


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"to": "nobody"}, "3"),
        ({"from_": "A name that is too long"}, "15"),
        ({"to": "447700900001"}, "7"),
        ({"to": "447700900003"}, "9"),
        ({"text": ""}, "2"),
    ],
)
def test_the_client_is_refused_what_vonage_refuses(
    emulator: VonageEmulator, sent: dict[str, Any], code: str
) -> None:
    with pytest.raises(SmsError, match=f"error code {code}"):
        _client(emulator).sms.send(SmsMessage(**{"to": NUMBER, "from_": "Shop", "text": "hello", **sent}))


@pytest.mark.parametrize("auth", [{"api_key": KEY, "api_secret": "wrong"}, {"api_key": "other", "api_secret": SECRET},
                                  {"api_key": KEY, "signature_secret": "wrong", "signature_method": "sha256"}])  # fmt: skip
def test_a_client_with_another_secret_is_refused(emulator: VonageEmulator, auth: dict[str, Any]) -> None:
    with pytest.raises(SmsError, match="error code 4"):
        _client(emulator, **auth).sms.send(SmsMessage(to=NUMBER, from_="Shop", text="hello"))


def test_the_client_tells_a_conversion(emulator: VonageEmulator) -> None:
    _client(emulator).sms.submit_sms_conversion("0A00", timestamp=datetime.now(UTC))
    assert emulator.requests[-1].path == "/conversions/sms"


def _form(vendor: VonageEmulator) -> dict[str, str]:
    return dict(parse_qsl(vendor.requests[-1].body.decode(), keep_blank_values=True))


@pytest.mark.parametrize(
    ("message", "sent"),
    [
        (Sms("hello"), {"text": "hello", "type": "text"}),
        (Sms("Žluťoučký"), {"text": "Žluťoučký", "type": "unicode"}),
        (Sms("a+b & c=d"), {"text": "a+b & c=d", "type": "text"}),
        (Sms("x" * 400), {"text": "x" * 400, "type": "text"}),
        (Sms("hello", flash=True), {"text": "hello", "type": "text", "message_class": 0}),
        (
            Sms("hello", validity_period=timedelta(minutes=1)),
            {"text": "hello", "type": "text", "ttl": 60_000},
        ),
    ],
    ids=["text", "unicode", "separators", "parts", "flash", "ttl"],
)
def test_our_text_is_the_clients(emulator: VonageEmulator, message: Sms, sent: dict[str, Any]) -> None:
    """The same field by field, but for the proof (the client's is in the header) and our id, which the client's caller would give."""
    with Dispatcher([_ours(emulator)]) as dispatcher:
        receipt = dispatcher.send(message, to=NUMBER)
    ours = _form(emulator)
    _client(emulator).sms.send(SmsMessage(to=NUMBER, from_="Shop", client_ref=ours["client-ref"], **sent))
    theirs = _form(emulator)
    assert {name: ours[name] for name in ours if name not in ("api_key", "api_secret")} == theirs
    assert ours["client-ref"].partition("/")[0] == receipt.id


@pytest.mark.parametrize("method", METHODS)
def test_our_signed_request_is_believed(method: SignatureMethod) -> None:
    with VonageEmulator(api_key=KEY, webhook_signature_method=method) as vendor:
        provider = _ours(vendor, api_secret=None, sign_requests=True, webhook_signature_method=method)
        with Dispatcher([provider]) as dispatcher:
            assert dispatcher.send(Sms("a & b = c"), to=NUMBER).outcome == "accepted"
        assert "api_secret" not in _form(vendor)


@pytest.mark.parametrize("method", METHODS[1:])
def test_our_signature_is_the_clients(method: SignatureMethod) -> None:
    told = {"a": "1 & 2", "b": "x=y", "timestamp": "1700000000", "msisdn": NUMBER}
    auth = Auth(api_key=KEY, signature_secret=SECRET, signature_method=method)  # type: ignore[arg-type]
    assert signature(told, SECRET, method).lower() == auth.sign_params(dict(told))


# --- the Messages API


def _ours(vendor: VonageEmulator, **more: Any) -> Vonage:
    usual = {
        "api_key": KEY,
        "api_secret": SECRET,
        "sender": "Shop",
        "whatsapp_sender": f"+{SHOP}",
        "mms_sender": SHOP,
        "webhook_signature_secret": SECRET,
        "base_url": vendor.url,
    }
    return Vonage(**(usual | more))


URL = "https://example.com/a.bin"
W = {"from_": SHOP}
PAIRS: list[tuple[Message, Callable[..., Any], dict[str, Any]]] = [
    (Sms("hello"), models.Sms, {"from_": "Shop", "text": "hello"}),
    (Sms("hello", validity_period=timedelta(minutes=1)), models.Sms, {"from_": "Shop", "text": "hello", "ttl": 60}),
    (m.Mms((URL,)), models.MmsImage, {**W, "image": models.MmsResource(url=URL)}),
    (m.Mms((URL,), text="Look"), models.MmsImage, {**W, "image": models.MmsResource(url=URL, caption="Look")}),
    (m.WhatsAppText("hello"), models.WhatsappText, {**W, "text": "hello"}),
    (m.WhatsAppText("hello", reply_to="u-1"), models.WhatsappText, {**W, "text": "hello", "context": models.WhatsappContext(message_uuid="u-1")}),
    (m.WhatsAppImage(URL, caption="Look"), models.WhatsappImage, {**W, "image": models.WhatsappImageResource(url=URL, caption="Look")}),
    (m.WhatsAppVideo(URL, caption="Look"), models.WhatsappVideo, {**W, "video": models.WhatsappVideoResource(url=URL, caption="Look")}),
    (m.WhatsAppAudio(URL), models.WhatsappAudio, {**W, "audio": models.WhatsappAudioResource(url=URL)}),
    (m.WhatsAppDocument(URL, caption="Look", filename="a.pdf"), models.WhatsappFile,
     {**W, "file": models.WhatsappFileResource(url=URL, caption="Look", name="a.pdf")}),
    (m.WhatsAppSticker(URL), models.WhatsappSticker, {**W, "sticker": models.WhatsappStickerUrl(url=URL)}),
    (m.WhatsAppSticker(m.Media(id="s-1")), models.WhatsappSticker, {**W, "sticker": models.WhatsappStickerId(id="s-1")}),
    (m.WhatsAppTemplate("ns:order", "en_GB", ("Ann", "A-17")), models.WhatsappTemplate,
     {**W, "template": models.WhatsappTemplateResource(name="ns:order", parameters=["Ann", "A-17"]),
      "whatsapp": models.WhatsappTemplateSettings(locale="en_GB", policy="deterministic")}),
    (m.WhatsAppLocation(1.5, 2.5, name="Shop"), models.WhatsappCustom,
     {**W, "custom": {"type": "location", "location": {"latitude": 1.5, "longitude": 2.5, "name": "Shop"}}}),
    (m.WhatsAppButtons(text="Now?", buttons=(m.ReplyButton("y", "Yes"),)), models.WhatsappCustom,
     {**W, "custom": {"type": "interactive", "interactive": {"type": "button", "body": {"text": "Now?"},
      "action": {"buttons": [{"type": "reply", "reply": {"id": "y", "title": "Yes"}}]}}}}),
    (m.WhatsAppButtons(text="Now?", header=m.Media(URL, content_type="image/png"), buttons=(m.ReplyButton("y", "Yes"),)), models.WhatsappCustom,
     {**W, "custom": {"type": "interactive", "interactive": {"type": "button", "header": {"type": "image", "image": {"link": URL}}, "body": {"text": "Now?"},
      "action": {"buttons": [{"type": "reply", "reply": {"id": "y", "title": "Yes"}}]}}}}),
    (m.WhatsAppFlow(text="Book", flow_id="1", button="Open"), models.WhatsappCustom,
     {**W, "custom": {"type": "interactive", "interactive": {"type": "flow", "body": {"text": "Book"}, "action": {"name": "flow", "parameters": {
      "flow_message_version": "3", "flow_id": "1", "flow_cta": "Open", "mode": "published", "flow_action": "navigate"}}}}}),
    (m.WhatsAppContacts((m.ContactCard("Ann"),)), models.WhatsappCustom,
     {**W, "custom": {"type": "contacts", "contacts": [{"name": {"formatted_name": "Ann", "first_name": "Ann"}}]}}),
    (m.WhatsAppTemplate("ns:order", "en_GB", ("Ann",), header=m.DocumentHeader(m.Media(URL), filename="a.pdf"), buttons=(m.UrlParameter("A-17"),)),
     models.WhatsappCustom,
     {**W, "custom": {"type": "template", "template": {"name": "order", "namespace": "ns", "language": {"code": "en_GB", "policy": "deterministic"},
      "components": [{"type": "header", "parameters": [{"type": "document", "document": {"link": URL, "filename": "a.pdf"}}]},
                     {"type": "body", "parameters": [{"type": "text", "text": "Ann"}]},
                     {"type": "button", "index": "0", "sub_type": "url", "parameters": [{"type": "text", "text": "A-17"}]}]}}}),
    (m.WhatsAppTemplate("order", "en", {"name": "Ann"}), models.WhatsappCustom,
     {**W, "custom": {"type": "template", "template": {"name": "order", "language": {"code": "en", "policy": "deterministic"},
      "components": [{"type": "body", "parameters": [{"type": "text", "text": "Ann", "parameter_name": "name"}]}]}}}),
]  # fmt: skip


@pytest.mark.parametrize(("message", "model", "sent"), PAIRS, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("proof", ["basic", "token"])
def test_our_message_is_the_clients(
    emulator: VonageEmulator,
    keys: tuple[str, str],
    proof: str,
    message: Message,
    model: Any,
    sent: dict[str, Any],
) -> None:
    """The same field by field. Both are proved by key and secret, or by a token of the application."""
    token = {"application_id": APPLICATION, "private_key": keys[0]} if proof == "token" else {}
    with Dispatcher([_ours(emulator, sms_api="messages", **token)]) as dispatcher:
        receipt = dispatcher.send(message, to=NUMBER)
    auth = token or {"api_key": KEY, "api_secret": SECRET}
    answer = _client(emulator, **auth).messages.send(model(to=NUMBER, client_ref=receipt.id, **sent))
    ours, theirs = (json.loads(one.body) for one in emulator.requests[-2:])
    assert ours == theirs
    assert answer.message_uuid != receipt.provider_id


def test_the_client_sends_with_a_failover_marks_as_read_and_revokes(emulator: VonageEmulator) -> None:
    client = _client(emulator)
    first = models.WhatsappText(to=NUMBER, from_=SHOP, text="hello")
    answer = client.messages.send(first, failover=[models.Sms(to=NUMBER, from_="Shop", text="hello")])
    assert answer.workflow_id
    client.messages.mark_whatsapp_message_read(answer.message_uuid)
    client.messages.revoke_rcs_message(answer.message_uuid)
    assert emulator.read == [answer.message_uuid]


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"to": "447700900001"}, 422),
        ({"to": "447700900003"}, 402),
        ({"client_ref": "x" * 100, "from_": "Shop"}, 422),
    ],
)
def test_the_client_is_told_what_is_wrong(
    emulator: VonageEmulator, more: dict[str, Any], status: int
) -> None:
    with pytest.raises(HttpRequestError) as caught:
        _client(emulator).messages.send(
            models.WhatsappText(**{"to": NUMBER, "from_": SHOP, "text": "hello", **more})
        )
    assert caught.value.response.status_code == status


def test_the_token_of_a_call_is_verified_by_the_client() -> None:
    secret = "a made-up secret of forty-one characters.."
    with VonageEmulator(webhook_signature_secret=secret) as vendor:
        call = vendor.signed_call({"message_uuid": "u-1"}, "https://shop.example/v")
    token = call.headers["authorization"].removeprefix("Bearer ")
    assert verify_signature(token, secret)
    assert not verify_signature(token, f"another {secret}")
