"""Telnyx's own client against the emulator, its requests beside ours, and its verification of webhooks: what somebody else wrote."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from messaging_channels import Dispatcher, Sms, WebhookRequest, errors
from messaging_channels import messages as m
from messaging_channels.events import MessageReceived, StatusChanged
from messaging_channels.messages import Message
from messaging_channels_telnyx import Telnyx
from messaging_channels_telnyx.emulator import TelnyxEmulator
from messaging_channels_telnyx.emulator.signing import signed_headers

if TYPE_CHECKING:
    from telnyx import Telnyx as Client

KEY, SECRET = "made-up-key", "made-up"
PERSON, SHOP = "+447700900123", "+447700900000"
URL = "https://media.example.com/a.bin"
HOOK = "https://hooks.example.com/telnyx"


@pytest.fixture
def emulator() -> Iterator[TelnyxEmulator]:
    with TelnyxEmulator(api_key=KEY, signing_secret=SECRET) as vendor:
        yield vendor


def _client(vendor: TelnyxEmulator, key: str = KEY) -> Client:
    from telnyx import Telnyx as Client  # not by each process that collects: it takes 1.5 s

    return Client(
        api_key=key, public_key=vendor.public_key, base_url=f"{vendor.url}/v2", max_retries=0, timeout=30
    )


def _error(name: str) -> type[Any]:
    """Return an error of the client."""
    import telnyx

    found: type[Any] = getattr(telnyx, name)
    return found


def _ours(vendor: TelnyxEmulator, **more: Any) -> Telnyx:
    usual = {"api_key": KEY, "sender": SHOP, "webhook_public_key": vendor.public_key, "base_url": vendor.url}
    return Telnyx(**(usual | more))


def _request(body: bytes, headers: Mapping[str, str]) -> WebhookRequest:
    return WebhookRequest(body, headers, received_at=time.time())


def _interactive(kind: str, action: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "type": "interactive",
        "interactive": {"type": kind, "body": {"text": "Now?"}, "action": action, **more},
    }


TEXTS: list[tuple[Message, dict[str, Any]]] = [
    (Sms("hello"), {"text": "hello", "type": "SMS"}),
    (Sms("Žluťoučký \U0001f40e"), {"text": "Žluťoučký \U0001f40e", "type": "SMS"}),
    (m.Mms((URL,)), {"media_urls": [URL], "type": "MMS"}),
    (m.Mms((URL, URL), text="Look"), {"media_urls": [URL, URL], "text": "Look", "type": "MMS"}),
]
WHATSAPP: list[tuple[Message, dict[str, Any]]] = [
    (m.WhatsAppText("hello"), {"type": "text", "text": {"body": "hello"}}),
    (m.WhatsAppText("hello", preview_url=True), {"type": "text", "text": {"body": "hello", "preview_url": True}}),
    (m.WhatsAppImage(URL, caption="Look"), {"type": "image", "image": {"link": URL, "caption": "Look"}}),
    (m.WhatsAppVideo(URL), {"type": "video", "video": {"link": URL}}),
    (m.WhatsAppDocument(URL, filename="a.pdf"), {"type": "document", "document": {"link": URL, "filename": "a.pdf"}}),
    (m.WhatsAppAudio(URL, voice=True), {"type": "audio", "audio": {"link": URL, "voice": True}}),
    (m.WhatsAppSticker(URL), {"type": "sticker", "sticker": {"link": URL}}),
    (m.WhatsAppLocation(1.5, -2.25, name="Shop"), {"type": "location", "location": {"latitude": "1.5", "longitude": "-2.25", "name": "Shop"}}),
    (m.WhatsAppReaction("\U0001f44d", "wamid.1"), {"type": "reaction", "reaction": {"emoji": "\U0001f44d", "message_id": "wamid.1"}}),
    (m.WhatsAppTemplate("order", "en_GB", ("Ann", "A-17")), {"type": "template", "template": {"name": "order", "language": {"code": "en_GB"},
     "components": [{"type": "body", "parameters": [{"type": "text", "text": "Ann"}, {"type": "text", "text": "A-17"}]}]}}),
    (m.WhatsAppButtons(text="Now?", buttons=(m.ReplyButton("y", "Yes"),)),
     _interactive("button", {"buttons": [{"type": "reply", "reply": {"id": "y", "title": "Yes"}}]})),
    (m.WhatsAppList(text="Now?", button="Show", sections=(m.ListSection((m.ListRow("a", "A", "First"),), "S"),), footer="Thanks"),
     _interactive("list", {"button": "Show", "sections":
       [{"title": "S", "rows": [{"id": "a", "title": "A", "description": "First"}]}]}, footer={"text": "Thanks"})),
    (m.WhatsAppUrlButton(text="Now?", button="Open", url=URL),
     _interactive("cta_url", {"name": "cta_url", "parameters": {"display_text": "Open", "url": URL}})),
    (m.WhatsAppLocationRequest(text="Now?"), _interactive("location_request_message", {"name": "send_location"})),
]  # fmt: skip


def _assert_same(vendor: TelnyxEmulator) -> None:
    """Compare the last two requests: path, object and key."""
    ours, theirs = vendor.requests[-2:]
    assert (ours.method, ours.path) == (theirs.method, theirs.path)
    assert json.loads(ours.body) == json.loads(theirs.body)
    assert ours.headers["authorization"] == theirs.headers["authorization"]
    assert ours.headers["idempotency-key"] == theirs.headers["idempotency-key"].removesuffix("-2")


@pytest.mark.parametrize(("message", "sent"), TEXTS, ids=lambda value: type(value).__name__)
def test_our_text_is_the_clients(emulator: TelnyxEmulator, message: Message, sent: dict[str, Any]) -> None:
    with Dispatcher([_ours(emulator)]) as dispatcher:
        receipt = dispatcher.send(message, to=PERSON)
    answer = _client(emulator).messages.send(to=PERSON, from_=SHOP, idempotency_key=f"{receipt.id}-2", **sent)
    _assert_same(emulator)
    assert answer.data is not None
    assert answer.data.to is not None
    assert answer.data.to[0].status == "queued"
    assert receipt.outcome == "accepted"


@pytest.mark.parametrize(("message", "sent"), WHATSAPP, ids=lambda value: type(value).__name__)
def test_our_whatsapp_message_is_the_clients(emulator: TelnyxEmulator, message: Message, sent: Any) -> None:
    with Dispatcher([_ours(emulator)]) as dispatcher:
        receipt = dispatcher.send(message, to=PERSON)
    answer = _client(emulator).messages.whatsapp(
        to=PERSON, from_=SHOP, whatsapp_message=sent, type="WHATSAPP", idempotency_key=f"{receipt.id}-2"
    )
    _assert_same(emulator)
    assert answer.data is not None
    assert answer.data.type == "WHATSAPP"


def test_a_repeated_request_of_the_client_is_answered_once(emulator: TelnyxEmulator) -> None:
    client = _client(emulator)
    first, second = (
        client.messages.send(to=PERSON, from_=SHOP, text="hello", idempotency_key="k-1") for _ in range(2)
    )
    assert first.data is not None
    assert second.data is not None
    assert first.data.id == second.data.id
    assert len(emulator.messages) == 1
    with pytest.raises(_error("UnprocessableEntityError")):
        client.messages.send(to=PERSON, from_=SHOP, text="another", idempotency_key="k-1")


@pytest.mark.parametrize(
    ("more", "kind", "code"),
    [
        ({"to": "+447700900001"}, "PermissionDeniedError", "40300"),
        ({"to": "+447700900002"}, "RateLimitError", "10011"),
        ({"to": "+447700900003"}, "PermissionDeniedError", "20100"),
        ({"to": "nobody"}, "UnprocessableEntityError", "40310"),
        ({"from_": "Shop"}, "UnprocessableEntityError", "40305"),
        ({"text": ""}, "UnprocessableEntityError", "40316"),
        ({"media_urls": [URL] * 11}, "UnprocessableEntityError", "40317"),
        ({"media_urls": [URL], "type": "SMS"}, "UnprocessableEntityError", "40304"),
    ],
)
def test_the_client_is_refused_what_telnyx_refuses(
    emulator: TelnyxEmulator, more: dict[str, Any], kind: str, code: str
) -> None:
    with pytest.raises(_error(kind)) as caught:
        _client(emulator).messages.send(**{"to": PERSON, "from_": SHOP, "text": "hello", **more})
    assert caught.value.response.json()["errors"][0]["code"] == code


def test_a_client_with_another_key_is_refused(emulator: TelnyxEmulator) -> None:
    with pytest.raises(_error("AuthenticationError")):
        _client(emulator, "another").messages.send(to=PERSON, from_=SHOP, text="hello")


# --- webhooks


PAYLOAD = {
    "id": "40385f64-5717-4562-b3fc-2c963f66afa6",
    "record_type": "message",
    "direction": "inbound",
    "type": "MMS",
    "from": {"phone_number": PERSON},
    "to": [{"phone_number": SHOP, "status": "webhook_delivered"}],
    "text": "Žluťoučký kůň",
    "media": [{"url": URL, "content_type": "image/png"}],
}


def test_the_client_verifies_and_reads_a_call_of_the_emulator_as_we_do(emulator: TelnyxEmulator) -> None:
    call = emulator.signed_call("message.received", PAYLOAD, HOOK)
    theirs: Any = _client(emulator).webhooks.unwrap(call.body.decode(), headers=call.headers)
    (ours,) = _ours(emulator).handle_webhook(_request(call.body, call.headers)).events
    assert isinstance(ours, MessageReceived)
    assert (theirs.data.id, theirs.data.payload.id) == (ours.event_id, ours.provider_id)
    assert theirs.data.occurred_at.timestamp() == ours.occurred_at
    assert theirs.data.payload.from_.phone_number == f"+{ours.sender.plain}"
    assert (theirs.data.payload.text, theirs.data.payload.media[0].url) == (ours.text, ours.media[0].url)


@pytest.mark.parametrize("fault", ["body", "time", "signature", "key", "old", "no signature", "no time"])
def test_the_client_and_we_refuse_the_same_calls(emulator: TelnyxEmulator, fault: str) -> None:
    at = time.time() - (301 if fault == "old" else 0)
    body = b'{"data": {"event_type": "message.received", "id": "e-1", "payload": {}}}'
    headers = signed_headers(body, "another" if fault == "key" else SECRET, at)
    signature, clock = "telnyx-signature-ed25519", "telnyx-timestamp"
    headers |= {"time": {clock: str(int(at) + 1)}, "signature": {signature: "AAAA"}}.get(fault, {})
    headers.pop({"no signature": signature, "no time": clock}.get(fault, ""), None)
    body = body.replace(b"e-1", b"e-2") if fault == "body" else body
    with pytest.raises(ValueError, match=r"(?i)signature|timestamp"):
        _client(emulator).webhooks.unwrap(body.decode(), headers=headers)
    with pytest.raises(errors.WebhookVerificationError):
        _ours(emulator).handle_webhook(_request(body, headers))


def test_both_take_what_is_signed_a_little_early(emulator: TelnyxEmulator) -> None:
    body = b'{"data": {"event_type": "call.hangup", "id": "e-1", "payload": {}}}'
    headers = signed_headers(body, SECRET, time.time() + 200)
    assert _client(emulator).webhooks.unwrap(body.decode(), headers=headers)
    assert _ours(emulator).handle_webhook(_request(body, headers)).events


def test_the_reports_of_a_message_of_ours_name_it(emulator: TelnyxEmulator) -> None:
    provider = _ours(emulator, webhook_url=HOOK)
    with Dispatcher([provider]) as dispatcher:
        receipt = dispatcher.send(Sms("hello"), to=PERSON)
    sent = json.loads(emulator.requests[-1].body)
    payload = {"id": receipt.provider_id, "webhook_url": sent["webhook_url"],
               "to": [{"phone_number": PERSON, "status": "delivered"}]}  # fmt: skip
    call = emulator.signed_call("message.finalized", payload, HOOK)
    theirs: Any = _client(emulator).webhooks.unwrap(call.body.decode(), headers=call.headers)
    (ours,) = provider.handle_webhook(_request(call.body, call.headers)).events
    assert isinstance(ours, StatusChanged)
    assert (ours.message_id, ours.provider_id) == (receipt.id, receipt.provider_id)
    assert theirs.data.event_type == "message.finalized"
