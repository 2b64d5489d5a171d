"""Every documented form of callback: of the SMS API by GET and POST with each signature, and of the Messages API with its token."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_channels import Dispatcher, PhoneNumber, Sms, WebhookRequest, errors
from messaging_channels._ledger.sqlite import SqliteLedger
from messaging_channels.events import (
    EngagementReceived,
    Event,
    FailureReason,
    MessageReceived,
    StatusChanged,
    UnknownEvent,
)
from messaging_channels.plugins import HttpResponse, Reason, WhatsAppUserId
from messaging_channels_vonage import Vonage
from messaging_channels_vonage.emulator import VonageEmulator
from messaging_channels_vonage.responses import parse_message_response
from messaging_channels_vonage.signing import METHODS, signature, signed_token

SECRET = "made-up-" * 4
NOW = 1_790_000_000.0
URL = "https://shop.example/v"
RECEIPT = {
    "msisdn": "447700900123",
    "to": "Shop",
    "network-code": "23410",
    "messageId": "0A0",
    "price": "0.0333",
    "status": "delivered",
    "scts": "2609211400",
    "err-code": "0",
    "client-ref": "ours-1",
    "message-timestamp": "2026-09-21 14:13:20",
    "timestamp": str(int(NOW)),
}
INBOUND = {
    "msisdn": "447700900123",
    "to": "447700900000",
    "messageId": "0B0",
    "text": "a & b = c",
    "type": "text",
    "keyword": "A",
    "timestamp": str(int(NOW)),
    "nonce": "n",
}


def _vonage(**more: Any) -> Vonage:
    return Vonage(**({"api_key": "abcd1234", "api_secret": "x", "webhook_signature_secret": SECRET} | more))


def _call(told: Mapping[str, Any], how: str, sig: str, at: float = NOW) -> WebhookRequest:
    signed = {**told, "sig": sig}
    if how == "get":
        return WebhookRequest(url=f"{URL}?{urlencode(signed)}", method="GET", received_at=at)
    if how == "json":
        return WebhookRequest(
            json.dumps(signed).encode(), {"content-type": "application/json"}, URL, received_at=at
        )
    form = {"content-type": "application/x-www-form-urlencoded"}
    return WebhookRequest(urlencode(signed).encode(), form, URL, received_at=at)


def _heard(told: Mapping[str, Any], how: str = "json", method: str = "sha256", at: float = NOW) -> Event:
    sig = signature({name: str(value) for name, value in told.items()}, SECRET, method)
    (event,) = _vonage(webhook_signature_method=method).handle_webhook(_call(told, how, sig, at)).events
    return event


@pytest.mark.parametrize("how", ["get", "form", "json"])
@pytest.mark.parametrize("method", METHODS)
def test_every_form_of_callback_is_proved_and_read(how: str, method: str) -> None:
    receipt, message = _heard(RECEIPT, how, method), _heard(INBOUND, how, method)
    assert isinstance(receipt, StatusChanged)
    assert (receipt.message_id, receipt.status.name) == ("ours-1", "DELIVERED_TO_HANDSET")
    assert isinstance(message, MessageReceived)
    assert (message.text, message.sender) == ("a & b = c", PhoneNumber("447700900123"))


@pytest.mark.parametrize("how", ["get", "form", "json"])
@pytest.mark.parametrize("method", METHODS)
def test_what_another_secret_signed_is_refused(how: str, method: str) -> None:
    sig = signature(RECEIPT, "another", method)
    with pytest.raises(errors.WebhookVerificationError):
        _vonage(webhook_signature_method=method).handle_webhook(_call(RECEIPT, how, sig))


@pytest.mark.parametrize("method", ["", "md4", "SHA256", "hmac"])
def test_a_method_that_vonage_has_not_is_refused_when_it_is_made(method: str) -> None:
    with pytest.raises(errors.InvalidSetting, match="webhook_signature_method"):
        _vonage(webhook_signature_method=method)


@pytest.mark.parametrize("age", [301, 3600, 10**7])
def test_a_replay_is_refused(age: float) -> None:
    with pytest.raises(errors.WebhookVerificationError, match="five minutes"):
        _heard(RECEIPT, at=NOW + age)


@pytest.mark.parametrize("age", [0, 299, -3600])
def test_a_call_of_the_last_five_minutes_is_heard(age: float) -> None:
    assert isinstance(_heard(RECEIPT, at=NOW + age), StatusChanged)


@pytest.mark.parametrize(
    "more",
    [
        {"scts": "1234567890"}, {"scts": ""}, {"scts": "soon"}, {"scts": "9999999999"}, {"scts": "26092114001"},
        {"err-code": ""}, {"err-code": "x"}, {"err-code": "\u0660"}, {"err-code": "9" * 400},
        {"price": ""}, {"price": "cheap"}, {"network-code": ""}, {"timestamp": "soon"}, {"timestamp": ""},
        {"message-timestamp": "yesterday"}, {"new": "thing"}, {"to": ""}, {"msisdn": "nobody"}, {"status": "DELIVERED"},
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_read_costs_nothing_but_itself(more: dict[str, str]) -> None:
    event = _heard({**RECEIPT, **more})
    assert isinstance(event, StatusChanged)
    assert (event.message_id, event.status.name) == ("ours-1", "DELIVERED_TO_HANDSET")


@pytest.mark.parametrize("extra", [1, 0.5, True, None, {"a": [1]}, [1, 2]], ids=str)
def test_extras_that_are_no_texts_are_signed_as_json_or_as_text(extra: Any) -> None:
    for text in (json.dumps(extra, separators=(",", ":")) if extra is not None else "", str(extra)):
        sig = signature({**RECEIPT, "extra": text}, SECRET, "sha256")
        (event,) = _vonage().handle_webhook(_call({**RECEIPT, "extra": extra}, "json", sig)).events
        assert isinstance(event, StatusChanged)


def test_half_a_character_raises_nothing() -> None:
    for at, value in RECEIPT.items():
        told = {**RECEIPT, at: f"{value}\ud83d"}
        body = json.dumps({**told, "sig": signature(told, SECRET, "sha256")}).encode()
        assert _vonage().handle_webhook(WebhookRequest(body, {}, URL, received_at=NOW)).events
    for url in (f"{URL}?sig=\ud83d", "https://[", "\ud83d"):
        with pytest.raises(errors.WebhookVerificationError):
            _vonage().handle_webhook(WebhookRequest(url=url, method="GET"))


@pytest.mark.parametrize("sender", ["55501", "ExampleBank", "VM-BANK", "0800123456", "1"])
def test_a_short_code_or_a_name_may_write(sender: str) -> None:
    event = _heard({**INBOUND, "msisdn": sender})
    assert isinstance(event, MessageReceived)
    assert event.sender.plain == sender
    assert sender not in repr(event) or len(sender) == 1


@pytest.mark.parametrize(
    ("kind", "expected"), [("unicode", "text"), ("binary", "binary"), ("hologram", "hologram")]
)
def test_the_kinds_of_inbound_text(kind: str, expected: str) -> None:
    event = _heard({**INBOUND, "type": kind})
    assert isinstance(event, MessageReceived)
    assert event.kind == expected


@pytest.mark.parametrize(
    "told", [{"status": "unheard of", "messageId": "1"}, {"text": "x"}, {"text": "x", "msisdn": "1"}, {}]
)
def test_what_makes_no_sense_is_kept(told: dict[str, str]) -> None:
    event = _heard({**told, "timestamp": str(int(NOW))})
    assert isinstance(event, UnknownEvent)


# --- parts


@pytest.mark.parametrize(
    ("words", "group"),
    [
        ("delivered", "PENDING"), ("delivered delivered", "DELIVERED"), ("delivered failed", "UNDELIVERABLE"), ("failed delivered", "UNDELIVERABLE"),
        ("expired delivered", "EXPIRED"), ("accepted delivered", "PENDING"), ("delivered unknown", "PENDING"), ("failed expired", "UNDELIVERABLE"),
    ],
)  # fmt: skip
def test_the_worst_part_is_the_messages_end(words: str, group: str) -> None:
    with (
        VonageEmulator() as vendor,
        Dispatcher(
            [_vonage(base_url=vendor.url, sender="Shop", api_secret="made-up")], ledger=SqliteLedger()
        ) as dispatcher,
    ):
        receipt = dispatcher.send(Sms("x" * 300), to="+447700900123")
        for place, word in enumerate(words.split()):
            told = {
                **RECEIPT,
                "messageId": f"P{place}",
                "client-ref": vendor.messages[0]["client-ref"],
                "status": word,
            }
            sig = signature(told, SECRET, "sha256")
            for _ in range(2):
                dispatcher.handle_webhook("vonage", _call(told, "json", sig))
        record = dispatcher.get_message(receipt.id)
    assert record is not None
    assert record.status.group_name == group


def test_the_emulator_counts_parts_and_reports_on_each() -> None:
    with (
        VonageEmulator(webhook_url="http://127.0.0.1:9/v") as vendor,
        Dispatcher([_vonage(base_url=vendor.url, sender="Shop", api_secret="made-up")]) as dispatcher,
    ):
        dispatcher.send(Sms("x" * 400), to="+447700900123")
        vendor.wait_for_reports()
        told = [json.loads(call.body) for call, _ in vendor.reports]
    assert len({one["messageId"] for one in told}) == 3


# --- senders


@pytest.mark.parametrize(
    ("sender", "expected"),
    [
        ("+15550100123", "15550100123"), ("0044 7700 900100", "447700900100"), ("+44 (7700) 900-100", "447700900100"), ("447700900100", "447700900100"),
        ("55501", "55501"), ("Shop", "Shop"), ("My Shop 24", "My Shop 24"), (" Shop ", "Shop"), ("ElevenChars", "ElevenChars"),
    ],
)  # fmt: skip
def test_a_sender_goes_as_vonage_writes_it(sender: str, expected: str) -> None:
    for settings, message in (({"sender": sender}, Sms("hello")), ({}, Sms("hello", sender=sender))):
        with (
            VonageEmulator() as vendor,
            Dispatcher([_vonage(base_url=vendor.url, api_secret="made-up", **settings)]) as dispatcher,
        ):
            dispatcher.send(message, to="+447700900123")
        assert vendor.messages[0]["from"] == expected


@pytest.mark.parametrize(
    "sender", ["", " ", "TwelveLetters", "1234567890123456", "+", "Shöp", "Shop\n1", "+12", "a" * 200, "😀"]
)
def test_a_sender_that_nobody_could_have_is_refused(sender: str) -> None:
    with pytest.raises(errors.InvalidSetting, match=r"vonage\.sender"):
        _vonage(sender=sender)
    with pytest.raises(errors.InvalidSetting, match="whatsapp_sender"):
        _vonage(whatsapp_sender="Shop")


def test_a_state_that_nobody_knows_is_heard_once_however_often_it_comes() -> None:
    told = {**RECEIPT, "status": "teleported"}
    first, again = _heard(told, "get"), _heard(told, "form", at=NOW + 60)
    assert isinstance(first, UnknownEvent)
    assert first.key == again.key
    assert first.key != _heard({**told, "messageId": "0A1"}).key


# --- the Messages API


def _signed(told: Any, at: float = NOW, **claims: Any) -> WebhookRequest:
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    known = {"iat": int(NOW), "iss": "Vonage", "payload_hash": hashlib.sha256(body).hexdigest(), **claims}
    token = signed_token({name: value for name, value in known.items() if value is not None}, SECRET)
    return WebhookRequest(body, {"authorization": f"Bearer {token}"}, URL, received_at=at)


STATE = {
    "message_uuid": "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab",
    "to": "447700900123",
    "from": "447700900000",
    "timestamp": "2026-09-21T14:13:20Z",
    "channel": "whatsapp",
    "client_ref": "ours-1",
}


@pytest.mark.parametrize(
    ("state", "group"),
    [("submitted", 1), ("delivered", 3), ("read", 3), ("rejected", 2), ("undeliverable", 2)],
)
def test_the_states_of_a_message_are_read(state: str, group: int) -> None:
    problem = {
        "type": "https://developer.vonage.com/api-errors/messages#1340",
        "title": 1340,
        "detail": "to 447700900123",
    }
    told = {**STATE, "status": state, **({"error": problem} if group == 2 else {})}
    event, *more = _vonage().handle_webhook(_signed(told)).events
    assert isinstance(event, StatusChanged)
    assert (event.status.group_id, event.message_id, event.occurred_at) == (group, "ours-1", NOW)
    assert event.detail == ("1340" if group == 2 else "")
    assert event.failure is (FailureReason.OUTSIDE_WINDOW if group == 2 else None)
    assert "447700900123" not in event.vendor_text
    assert [type(one) for one in more] == ([EngagementReceived] if state == "read" else [])


SAID: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"message_type": "text", "text": "hello"}, {"kind": "text", "text": "hello"}),
    ({"message_type": "image", "image": {"url": "https://api.nexmo.com/1", "caption": "Look", "name": "a.jpg"}}, {"kind": "image"}),
    ({"message_type": "file", "file": {"url": "https://api.nexmo.com/1"}}, {"kind": "document"}),
    ({"message_type": "sticker", "sticker": {"url": "https://api.nexmo.com/1"}}, {"kind": "sticker"}),
    ({"message_type": "location", "location": {"lat": 1.5, "long": "2.5", "name": "Shop"}}, {"kind": "location", "location": (1.5, 2.5), "text": "Shop"}),
    ({"message_type": "location", "location": {"lat": "north"}}, {"kind": "location", "location": None}),
    ({"message_type": "reply", "reply": {"id": "row-1", "title": "Row"}}, {"kind": "list", "payload": "row-1", "text": "Row"}),
    ({"message_type": "button", "button": {"payload": "yes", "text": "Yes"}}, {"kind": "button", "payload": "yes", "text": "Yes"}),
    ({"message_type": "reaction", "reaction": {"action": "react", "emoji": "👍"}}, {"kind": "reaction", "payload": "👍"}),
    ({"message_type": "order", "order": {"product_items": []}}, {"kind": "order"}),
    ({"message_type": "contact", "contact": {"contacts": [{"name": {"formatted_name": "Ann"}}]}}, {"kind": "contacts"}),
    ({"message_type": "unsupported"}, {"kind": "unknown"}),
    ({"message_type": "hologram"}, {"kind": "hologram"}),
    ({"message_type": "text", "text": "x", "context": {"message_uuid": "u-1"}, "profile": {"name": "Ann"}}, {"reply_to": "u-1", "name": "Ann"}),
]  # fmt: skip


@pytest.mark.parametrize(("said", "expected"), SAID, ids=lambda one: str(one)[:40])
@pytest.mark.parametrize("channel", ["whatsapp", "sms", "mms"])
def test_what_people_write_is_read(said: dict[str, Any], expected: dict[str, Any], channel: str) -> None:
    told = {**STATE, "channel": channel, "from": "447700900123", "to": "447700900000", **said}
    (event,) = _vonage().handle_webhook(_signed(told)).events
    assert isinstance(event, MessageReceived)
    assert {name: getattr(event, name) for name in expected} == expected
    assert (event.channel, event.sender, event.to) == (channel, PhoneNumber("447700900123"), "447700900000")


def test_who_shows_no_number_and_who_writes_in_the_old_form_are_known() -> None:
    user = {
        "message_uuid": "u",
        "channel": "whatsapp",
        "message_type": "text",
        "text": "x",
        "whatsapp": {"sender": {"user_id": "US.1349"}},
    }
    old = {"message_uuid": "u", "from": {"type": "sms", "number": "447700900123"}, "to": {"type": "sms", "number": "447700900000"},
           "message": {"content": {"type": "text", "text": "x"}}}  # fmt: skip
    for told, sender in ((user, WhatsAppUserId("US.1349")), (old, PhoneNumber("447700900123"))):
        (event,) = _vonage().handle_webhook(_signed(told)).events
        assert isinstance(event, MessageReceived)
        assert (event.sender, event.text) == (sender, "x")


@pytest.mark.parametrize(
    "claims",
    [{"payload_hash": None}, {"payload_hash": "0" * 64}, {"iat": int(NOW) - 301}, {"exp": int(NOW) - 1}],
    ids=str,
)
def test_a_token_of_another_body_or_time_is_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(errors.WebhookVerificationError):
        _vonage().handle_webhook(_signed({**STATE, "status": "delivered"}, **claims))


@pytest.mark.parametrize(
    "token", ["", "x", "a.b.c", "e30.e30.", "\ud83d.\ud83d.\ud83d", "eyJhbGciOiJub25lIn0.e30.", "a" * 10_000]
)
def test_a_token_that_is_none_is_refused(token: str) -> None:
    call = WebhookRequest(b"{}", {"authorization": f"Bearer {token}"}, URL, received_at=NOW)
    with pytest.raises(errors.WebhookVerificationError):
        _vonage().handle_webhook(call)


NESTED = st.recursive(
    st.none() | st.text(max_size=5),
    lambda one: st.dictionaries(st.sampled_from([*STATE, "status", "error", "message"]), one),
)


@given(st.binary(max_size=60) | NESTED.map(lambda told: json.dumps(told).encode()))
def test_any_proved_body_is_events(body: bytes) -> None:
    events = _vonage().handle_webhook(_signed(body)).events
    assert events
    assert all(event.key for event in events)


def test_the_emulators_calls_are_believed() -> None:
    with VonageEmulator(webhook_url="http://127.0.0.1:9/v") as vendor:
        vonage = _vonage(
            base_url=vendor.url,
            sender="Shop",
            api_secret="made-up",
            sms_api="messages",
            webhook_signature_secret="made-up",
        )
        with Dispatcher([vonage]) as dispatcher:
            receipt = dispatcher.send(Sms("hello"), to="+447700900123")
            vendor.wait_for_reports()
            calls = [WebhookRequest(call.body, call.headers) for call, _ in vendor.reports]
            told = [event for call in calls for event in dispatcher.handle_webhook("vonage", call).events]
    assert [type(event) for event in told] == [StatusChanged, StatusChanged]
    assert {event.message_id for event in told if isinstance(event, StatusChanged)} == {receipt.id}


@pytest.mark.parametrize(
    ("to", "reason"), [("GB.1349", Reason.NO_COVERAGE), ("447700900123", Reason.RECIPIENT)]
)
def test_who_cannot_be_addressed_by_an_id_may_be_reached_by_another_provider(to: str, reason: Reason) -> None:
    problem = {
        "type": "https://developer.vonage.com/api-errors/messages#1170",
        "title": "Invalid or Missing Msisdn",
    }
    response = HttpResponse(422, {"content-type": "application/problem+json"}, json.dumps(problem).encode())
    assert parse_message_response(response, by_user_id="." in to).reason is reason
