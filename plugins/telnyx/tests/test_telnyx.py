"""Telnyx's plugin: settings, senders, answers, errors, and what webhooks tell."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_channels import Dispatcher, RetryPolicy, Route, Sms, WebhookRequest, errors
from messaging_channels import messages as m
from messaging_channels.events import (
    Advice,
    EngagementReceived,
    FailureReason,
    HelpRequested,
    MessageEdited,
    MessageReceived,
    MessageRevoked,
    OptedIn,
    OptedOut,
    StatusChanged,
    UnknownEvent,
)
from messaging_channels.plugins import FailureTable, HttpResponse, Reason, WhatsAppGroupId
from messaging_channels.testing.conformance import ProviderConformance
from messaging_channels_telnyx import Telnyx
from messaging_channels_telnyx._table_errors import ERRORS
from messaging_channels_telnyx.conformance import FIXTURES
from messaging_channels_telnyx.emulator import TelnyxEmulator
from messaging_channels_telnyx.emulator.signing import public_key_of, signed_headers
from messaging_channels_telnyx.errors import FAILURES, REASONS
from messaging_channels_telnyx.responses import parse_response
from messaging_channels_telnyx.settings import SPEC

PERSON, SHOP = "+447700900123", "+447700900000"
SECRET = "made-up"
AT = 1_790_000_000.0


@pytest.fixture
def emulator() -> Iterator[TelnyxEmulator]:
    with TelnyxEmulator(signing_secret=SECRET) as vendor:
        yield vendor


def _telnyx(**more: Any) -> Telnyx:
    return Telnyx(**({"api_key": "k", "sender": SHOP, "webhook_public_key": public_key_of(SECRET)} | more))


def _events(kind: str, payload: dict[str, Any]) -> list[Any]:
    data = {
        "event_type": kind,
        "id": "e-1",
        "occurred_at": "2026-09-21T14:12:05.000+00:00",
        "payload": payload,
    }
    return _told(json.dumps({"data": data}).encode())


def _told(body: bytes, **more: Any) -> list[Any]:
    request = WebhookRequest(body, signed_headers(body, SECRET, AT), received_at=AT)
    return list(_telnyx(**more).handle_webhook(request).events)


class TestTelnyx(ProviderConformance):
    provider = SPEC
    fixtures = FIXTURES


# --- settings and senders


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("api_key", " "),
        ("api_key", "a\nb"),
        ("sender", "a name that is too long"),
        ("whatsapp_sender", "Shop"),
        ("webhook_public_key", ""),
        ("webhook_public_key", "abc"),
        ("webhook_public_key", public_key_of("a") + ",AAAA"),
        ("webhook_url", "ftp://hooks.example.com"),
        ("webhook_url", "https://hooks.example.com/#a"),
        ("webhook_url", "https://under_score.example.com/"),
        ("webhook_url", "https://[::1/"),
        ("base_url", "http://api.example.com"),
    ],
)
def test_a_setting_that_cannot_work_is_refused(setting: str, value: str) -> None:
    with pytest.raises(errors.InvalidSetting) as caught:
        _telnyx(**{setting: value})
    assert caught.value.setting == f"telnyx.{setting}"


@pytest.mark.parametrize(
    ("given_sender", "sent"),
    [
        ("+44 7700 900000", SHOP),
        ("447700900000", SHOP),
        ("00447700900000", SHOP),
        ("12345", "12345"),
        ("Shop", "Shop"),
    ],
)
def test_a_sender_goes_out_as_telnyx_has_it(emulator: TelnyxEmulator, given_sender: str, sent: str) -> None:
    provider = _telnyx(sender=given_sender, messaging_profile_id="p-1", base_url=emulator.url)
    with Dispatcher([provider]) as dispatcher:
        assert dispatcher.send(Sms("hello"), to=PERSON).outcome == "accepted"
    assert emulator.messages[0]["from"] == sent
    assert emulator.messages[0]["messaging_profile_id"] == "p-1"


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (Sms("hello", sender="Shop"), "Sms.sender"),
        (Sms("hello", sender="!"), "Sms.sender"),
        (m.WhatsAppText("hello", sender="Shop"), "WhatsAppText.sender"),
        (m.WhatsAppImage(m.Media(id="f-1")), "WhatsAppImage.media"),
        (m.WhatsAppTemplate("order", "en", {"name": "Ann"}), "WhatsAppTemplate.parameters"),
        (m.WhatsAppButtons(text="Now?", buttons=(m.ReplyButton("y", "Yes"),),
                           header=m.Media(url="https://media.example.com/a.png", content_type="image/png")), "WhatsAppButtons.header"),
    ],
)  # fmt: skip
def test_what_telnyx_cannot_take_never_leaves_the_machine(
    emulator: TelnyxEmulator, message: Any, field: str
) -> None:
    with (
        Dispatcher([_telnyx(base_url=emulator.url)]) as dispatcher,
        pytest.raises(errors.InvalidMessage) as caught,
    ):
        dispatcher.send(message, to=PERSON)
    assert caught.value.field == field
    assert emulator.requests == []


def test_a_whatsapp_group_is_reached_by_another_provider(emulator: TelnyxEmulator) -> None:
    with Dispatcher([_telnyx(base_url=emulator.url)]) as dispatcher, pytest.raises(errors.Rejected) as caught:
        dispatcher.send(m.WhatsAppText("hello"), to=WhatsAppGroupId("Y2FwaV9ncm91cA=="))
    assert caught.value.receipt.attempts[0].result.reason is Reason.NO_COVERAGE
    assert emulator.requests == []


def test_the_repr_and_the_settings_show_no_key() -> None:
    settings = SPEC.settings(api_key="hush-hush")
    assert "hush-hush" not in repr(settings) + repr(SPEC.build(settings))


# --- answers


@pytest.mark.parametrize(
    ("number", "reason", "failure"),
    [
        ("+447700900001", Reason.RECIPIENT, FailureReason.OPTED_OUT),
        ("+447700900002", Reason.THROTTLED, FailureReason.THROTTLED),
        ("+447700900003", Reason.INSUFFICIENT_CREDIT, FailureReason.NO_CREDIT),
    ],
)
def test_the_emulators_refusals_have_their_reasons(
    emulator: TelnyxEmulator, number: str, reason: Reason, failure: FailureReason
) -> None:
    once = {"sms": Route("telnyx", retry=RetryPolicy(max_attempts=1))}
    with (
        Dispatcher([_telnyx(base_url=emulator.url)], routes=once) as dispatcher,
        pytest.raises((errors.NotSent, errors.Rejected)) as caught,
    ):
        dispatcher.send(Sms("hello"), to=number)
    attempt = caught.value.receipt.attempts[0]
    assert (attempt.result.reason, attempt.result.failure) == (reason, failure)


def _answer(status: int, code: str, **headers: str) -> HttpResponse:
    body = json.dumps({"errors": [{"code": code, "title": "t", "detail": f"to {PERSON}"}]}).encode()
    return HttpResponse(status, {"content-type": "application/json", **headers}, body)


@pytest.mark.parametrize("code", REASONS)
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_no_code_makes_a_server_error_a_refusal(code: str, status: int) -> None:
    assert parse_response(_answer(status, code)).outcome == "unknown"


def test_a_detail_names_the_code_and_never_the_persons_number() -> None:
    told = parse_response(_answer(422, "40310"))
    assert "40310" in told.detail
    assert PERSON not in told.detail


def test_a_throttled_answer_keeps_the_time_to_come_back() -> None:
    told = parse_response(_answer(429, "10011", **{"retry-after": "7"}))
    assert told.reason is Reason.THROTTLED
    assert told.retry_after == 7


def test_every_code_has_one_reason_and_what_is_not_listed_is_unknown() -> None:
    assert len({code for code, *_ in ERRORS}) == len(ERRORS)
    assert {code for code, *_ in ERRORS} == FAILURES.codes
    assert isinstance(FAILURES, FailureTable)
    assert parse_response(_answer(422, "49999")).reason is Reason.INVALID
    opted_out = FAILURES.lookup("40300")
    assert opted_out is not None
    assert Advice.RETRY_LATER not in opted_out.advice


# --- webhooks


@pytest.mark.parametrize(
    ("state", "code", "group", "failure"),
    [
        ("queued", "", "PENDING", None),
        ("sending", "", "PENDING", None),
        ("sent", "", "PENDING", None),
        ("delivered", "", "DELIVERED", None),
        ("delivered", "40008", "DELIVERED", None),
        ("expired", "40014", "EXPIRED", FailureReason.EXPIRED),
        ("sending_failed", "40318", "UNDELIVERABLE", FailureReason.THROTTLED),
        ("delivery_failed", "40001", "UNDELIVERABLE", FailureReason.NOT_CAPABLE),
        ("delivery_failed", "40300", "UNDELIVERABLE", FailureReason.OPTED_OUT),
        ("delivery_failed", "49999", "UNDELIVERABLE", FailureReason.UNKNOWN),
        ("delivery_unconfirmed", "", "PENDING", FailureReason.NO_RECEIPT),
    ],
)
def test_a_state_of_a_report_has_its_meaning(
    state: str, code: str, group: str, failure: FailureReason | None
) -> None:
    listed = [{"code": code, "title": "t"}] if code else []
    payload = {"id": "m-1", "to": [{"phone_number": PERSON, "status": state}], "errors": listed}
    (event,) = _events("message.finalized", payload)
    assert isinstance(event, StatusChanged)
    assert (event.status.group.name, event.failure) == (group, failure)
    assert (event.provider_id, event.message_id) == ("m-1", "")


def test_a_report_on_several_recipients_tells_of_each() -> None:
    ends = [{"phone_number": f"+44770090012{n}", "status": s} for n, s in enumerate(("delivered", "sent"))]
    first, second = _events("message.finalized", {"id": "m-1", "to": ends})
    assert [one.recipient.plain for one in (first, second)] == ["447700900120", "447700900121"]
    assert first.key != second.key


def test_a_message_that_was_read_was_delivered() -> None:
    payload = {"id": "m-1", "to": [{"phone_number": PERSON, "status": "read"}]}
    delivered, read = _events("message.read", payload)
    assert delivered.status.group.name == "DELIVERED"
    assert isinstance(read, EngagementReceived)


INBOUND: dict[str, Any] = {
    "id": "m-1",
    "type": "SMS",
    "from": {"phone_number": PERSON},
    "to": [{"phone_number": SHOP}],
}


@pytest.mark.parametrize(("word", "kind"), [("STOP", OptedOut), ("START", OptedIn), ("HELP", HelpRequested)])
def test_what_the_profile_made_of_a_word_is_told(word: str, kind: type) -> None:
    received, opted = _events("message.received", {**INBOUND, "text": word, "autoresponse_type": word})
    assert isinstance(received, MessageReceived)
    assert isinstance(opted, kind)
    assert received.key != opted.key


WHATSAPP: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"type": "text", "text": {"body": "Hi"}}, {"kind": "text", "text": "Hi"}),
    ({"type": "image", "image": {"link": "https://media.example.com/a", "caption": "Look"}}, {"kind": "image", "text": "Look"}),
    ({"type": "location", "location": {"latitude": "1.5", "longitude": "2"}}, {"kind": "location", "location": (1.5, 2.0)}),
    ({"type": "location", "location": {"latitude": 99, "longitude": 2}}, {"kind": "location", "location": None}),
    ({"type": "reaction", "reaction": {"emoji": "!", "message_id": "wamid.1"}}, {"payload": "!", "reply_to": "wamid.1"}),
    ({"type": "interactive", "interactive": {"type": "button_reply", "button_reply": {"id": "y", "title": "Yes"}}}, {"payload": "y", "text": "Yes"}),
]  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), WHATSAPP)
def test_a_whatsapp_message_is_read(body: dict[str, Any], expected: dict[str, Any]) -> None:
    (event,) = _events("message.received", {**INBOUND, "type": "WHATSAPP", "to": SHOP, "body": body})
    assert event.channel == "whatsapp"
    assert event.to == SHOP[1:]
    assert {name: getattr(event, name) for name in expected} == expected


def test_a_person_who_hides_the_number_is_known_by_the_user_id() -> None:
    body = {"type": "text", "text": {"body": "Hi"}, "from": "", "from_user_id": "US.13491208655302741918"}
    told = {**INBOUND, "type": "WHATSAPP", "from": {"phone_number": ""}, "to": SHOP, "body": body}
    (event,) = _events("message.received", told)
    assert event.sender.plain == "US.13491208655302741918"


def test_an_edit_and_a_revocation_name_the_first_message() -> None:
    message = {"type": "text", "text": {"body": "Hello"}}
    bodies = (
        {"type": "edit", "edit": {"original_message_id": "m-0", "message": message}},
        {"type": "revoke", "revoke": {"original_message_id": "m-0"}},
    )
    edited, revoked = (
        _events("message.received", {**INBOUND, "type": "WHATSAPP", "body": body})[0] for body in bodies
    )
    assert isinstance(edited, MessageEdited)
    assert isinstance(revoked, MessageRevoked)
    assert (edited.text, edited.original_id, revoked.original_id) == ("Hello", "m-0", "m-0")


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("message.finalized", {"id": "m-1", "to": [{"status": "teleported"}]}),
        ("message.finalized", {"to": []}),
        ("message.received", {"id": "m-1", "from": {}}),
        ("call.hangup", {"id": "m-1"}),
    ],
)
def test_what_is_not_understood_is_told_as_such(kind: str, payload: dict[str, Any]) -> None:
    (event,) = _events(kind, payload)
    assert isinstance(event, UnknownEvent)
    assert event.kind == kind


@given(
    st.binary()
    | st.recursive(st.none() | st.text() | st.integers() | st.floats(), st.lists).map(
        lambda one: json.dumps(one).encode()
    )
)
def test_no_signed_body_raises(body: bytes) -> None:
    assert _told(body)


def test_both_keys_are_taken_while_they_change() -> None:
    both = f"{public_key_of('the next one')}, {public_key_of(SECRET)}"
    assert _told(b"{}", webhook_public_key=both)


def test_the_emulator_reports_to_the_url_of_the_message(emulator: TelnyxEmulator) -> None:
    with TelnyxEmulator() as hook:
        provider = _telnyx(base_url=emulator.url, webhook_url=f"{hook.url}/hook")
        with Dispatcher([provider]) as dispatcher:
            receipt = dispatcher.send(Sms("hello"), to=PERSON)
        emulator.wait_for_reports()
        calls = hook.requests
        told = [
            provider.handle_webhook(WebhookRequest(one.body, one.headers, received_at=time.time())).events[0]
            for one in calls
        ]
    assert {one.message_id for one in told if isinstance(one, StatusChanged)} == {receipt.id}
    assert {one.status.group.name for one in told if isinstance(one, StatusChanged)} == {
        "PENDING",
        "DELIVERED",
    }
