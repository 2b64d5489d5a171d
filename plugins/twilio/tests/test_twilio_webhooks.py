from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_channels import PhoneNumber, WebhookRequest, errors
from messaging_channels.events import (
    EngagementReceived,
    EngagementType,
    Event,
    MessageReceived,
    OptedIn,
    OptedOut,
    StatusChanged,
    UnknownEvent,
)
from messaging_channels.plugins import SupportsLookup, SupportsRateLimits, SupportsWebhooks, WhatsAppUserId
from messaging_channels.plugins import status as statuses
from messaging_channels_twilio import SigningKey, Twilio
from messaging_channels_twilio._table_statuses import INBOUND, OPT_OUTS, START_WORDS, STOP_WORDS
from messaging_channels_twilio.errors import CODES
from messaging_channels_twilio.status_callbacks import callback_url, message_id_in

TOKEN = "canary-token"
KEY = SigningKey(TOKEN)
ACCOUNT = "AC" + "b" * 32
URL = "https://hooks.example.org/twilio?tenant=a"
SID = "SM" + "a" * 32
FORM = "application/x-www-form-urlencoded"
NUMBER = PhoneNumber("447700900123")
STATUS = {
    "AccountSid": ACCOUNT,
    "MessageSid": SID,
    "SmsSid": SID,
    "MessageStatus": "delivered",
    "SmsStatus": "delivered",
    "From": "+15005550006",
    "To": "+447700900123",
    "RawDlrDoneDate": "2611240915",
}
INCOMING = {
    "AccountSid": ACCOUNT,
    "MessageSid": SID,
    "SmsStatus": "received",
    "From": "+447700900123",
    "To": "+15005550006",
    "Body": "Hello",
    "NumMedia": "0",
    "FromCity": "",
}


def _twilio(**settings: Any) -> Twilio:
    return Twilio(account_sid=ACCOUNT, auth_token=TOKEN, **settings)


def _form(
    fields: Mapping[str, str], url: str = URL, *, at: float = 7.0, token: str | None = None
) -> WebhookRequest:
    headers = {"content-type": FORM, "x-twilio-signature": KEY.sign(url, fields.items())}
    return WebhookRequest(
        urlencode(fields).encode(),
        headers | ({"i-twilio-idempotency-token": token} if token else {}),
        url,
        received_at=at,
    )


def _json(payload: object, url: str = URL) -> WebhookRequest:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    url += ("&" if "?" in url else "?") + "bodySHA256=" + sha256(body).hexdigest()
    return WebhookRequest(
        body, {"content-type": "application/json", "x-twilio-signature": KEY.sign(url)}, url
    )


def _heard_as_json(told: Any) -> list[Event]:
    return list(_twilio().handle_webhook(_json(json.dumps(told).encode())).events)


def _heard(fields: Mapping[str, str], url: str = URL) -> list[Event]:
    return list(_twilio().handle_webhook(_form(fields, url)).events)


def test_a_report_names_the_message_by_both_ids_and_is_answered_at_once() -> None:
    url = callback_url("https://hooks.example.org/t?x=1", "message-1", TOKEN).partition("#")[0]
    received = _twilio().handle_webhook(_form(STATUS, url))
    (event,) = received.events
    assert isinstance(event, StatusChanged)
    assert (event.message_id, event.provider_id, event.occurred_at) == ("message-1", SID, 7.0)
    assert event.status == statuses.DELIVERED_TO_HANDSET
    assert (received.response.status, received.response.body) == (204, b"")


@pytest.mark.parametrize(
    ("state", "code", "key"),
    [
        ("queued", None, (1, 26)),
        ("accepted", None, (1, 26)),
        ("scheduled", None, (1, 26)),
        ("sending", None, (1, 7)),
        ("sent", None, (1, 3)),
        ("DELIVERED", None, (3, 5)),
        ("read", None, (3, 5)),
        ("undelivered", None, (2, 9)),
        ("failed", None, (2, 31)),
        ("canceled", None, (2, 31)),
        ("undelivered", "30003", (2, 9)),
        ("undelivered", "30007", (2, 4)),
        ("failed", "30036", (4, 15)),
        ("failed", "30410", (4, 29)),
        ("failed", "30450", (5, 87)),
        ("failed", "63016", (5, 100)),
        ("failed", "63037", (1, 3)),
        ("failed", "999999", (2, 31)),
        ("undelivered", "30018", (2, 9)),
        ("delivered", "30018", (3, 5)),
        ("sent", "30003", (1, 3)),
    ],
)
def test_the_state_goes_first_and_a_code_explains_a_failure(
    state: str, code: str | None, key: tuple[int, int]
) -> None:
    fields = {**STATUS, "MessageStatus": state} | ({} if code is None else {"ErrorCode": code})
    event = next(event for event in _heard(fields) if isinstance(event, StatusChanged))
    assert (event.status.group_id, event.status.id) == key
    assert event.detail.startswith(state.lower())
    assert code is None or code in event.detail


def test_a_read_receipt_stands_beside_the_status() -> None:
    fields = {**STATUS, "MessageStatus": "read", "To": "whatsapp:+447700900123", "EventType": "READ"}
    status, seen = _heard(fields)
    assert isinstance(status, StatusChanged)
    assert isinstance(seen, EngagementReceived)
    assert (seen.engagement_type, seen.provider_id) == (EngagementType.READ, SID)


def test_a_repetition_is_the_same_event_and_the_next_state_is_another() -> None:
    twilio = _twilio()
    first = twilio.handle_webhook(_form(STATUS, at=1.0)).events[0]
    again = twilio.handle_webhook(_form(STATUS, at=2.0, token="retry")).events[0]
    other = twilio.handle_webhook(_form({**STATUS, "MessageStatus": "sent"}, at=1.0)).events[0]
    assert first.key == again.key != other.key
    incoming = [twilio.handle_webhook(_form(INCOMING, at=at)).events[0].key for at in (1.0, 2.0)]
    assert incoming[0] == incoming[1]


@given(
    st.permutations(["queued", "sent", "delivered", "read"]), st.lists(st.sampled_from(["sent", "delivered"]))
)
def test_reports_in_any_order_and_number_end_in_the_same_status(
    order: list[str], repeated: list[str]
) -> None:
    heard = [
        event.status
        for state in order + repeated
        for event in _heard({**STATUS, "MessageStatus": state})
        if isinstance(event, StatusChanged)
    ]
    assert statuses.merge(*heard) == statuses.DELIVERED_TO_HANDSET


def test_an_id_is_believed_only_with_the_code_that_we_wrote_beside_it() -> None:
    url = callback_url("https://hooks.example.org/t", "message-1", TOKEN)
    assert url.endswith("#rc=3&rp=all")
    assert message_id_in(url, ["next-token", TOKEN]) == "message-1"
    assert message_id_in(url, ["next-token"]) == ""
    assert message_id_in(url.replace("message-1", "message-2"), [TOKEN]) == ""
    assert message_id_in("https://hooks.example.org/t?mc_id=message-1", [TOKEN]) == ""
    assert message_id_in("https://[::1?mc_id=message-1", [TOKEN]) == ""
    assert TOKEN not in url
    assert callback_url("https://h.example/t#rc=0", "m", TOKEN).endswith("#rc=0")


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20), st.text(max_size=5))
def test_every_id_comes_back_and_only_with_its_own_key(message_id: str, other: str) -> None:
    url = callback_url("https://h.example/t?a=b", message_id, TOKEN)
    assert message_id_in(url, [TOKEN]) == message_id
    assert message_id_in(url + other, ["other"]) == ""


def test_what_a_person_writes_is_a_message_and_never_in_a_repr() -> None:
    fields = {
        **INCOMING,
        "From": "whatsapp:+447700900123",
        "To": "whatsapp:+15005550006",
        "Body": "canary",
        "ProfileName": "canary",
        "OriginalRepliedMessageSid": "SM1",
    }
    (event,) = _heard(fields)
    assert isinstance(event, MessageReceived)
    assert (event.channel, event.sender, event.to) == ("whatsapp", NUMBER, "15005550006")
    assert (event.kind, event.text, event.name, event.reply_to) == ("text", "canary", "canary", "SM1")
    assert event.provider_id == SID
    assert "canary" not in repr(event)
    assert NUMBER.plain not in repr(event)


@pytest.mark.parametrize(
    ("fields", "kind", "expected"),
    [
        (
            {"MessageType": "button", "ButtonText": "Yes please", "ButtonPayload": "yes", "Body": ""},
            "button",
            "yes",
        ),
        ({"MessageType": "interactive", "ListId": "row-1", "ListTitle": "Row", "Body": ""}, "list", "row-1"),
        (
            {"MessageType": "interactive", "ButtonText": "Yes", "ButtonPayload": "yes", "Body": "Yes"},
            "button",
            "yes",
        ),
        ({"ButtonText": "Yes", "ButtonPayload": "yes", "Body": "Yes"}, "button", "yes"),
        ({"MessageType": "interactive", "ButtonText": "Yes", "Body": "Yes"}, "button", None),
        (
            {"MessageType": "interactive", "ListId": "row-1", "ListTitle": "Row", "Body": "Row"},
            "list",
            "row-1",
        ),
        ({"MessageType": "interactive", "FlowData": '{"day": 2}', "Body": "Sent"}, "flow", '{"day": 2}'),
        ({"MessageType": "interactive", "InteractiveData": '{"day": 2}', "Body": ""}, "flow", '{"day": 2}'),
        ({"Latitude": "45.81", "Longitude": "15.98", "Body": ""}, "location", None),
        ({"MessageType": "reaction", "Body": "👍"}, "reaction", "👍"),
        ({"MessageType": "reaction", "Body": ""}, "reaction", ""),
        ({"MessageType": "something_new"}, "something_new", None),
    ],
)
def test_the_kinds_of_whatsapp_messages(fields: dict[str, str], kind: str, expected: str | None) -> None:
    (event,) = _heard({**INCOMING, "From": "whatsapp:+447700900123", **fields})
    assert isinstance(event, MessageReceived)
    assert (event.kind, event.payload) == (kind, expected)
    assert (event.location == (45.81, 15.98)) == (kind == "location")


@pytest.mark.parametrize("user", ["US.13491208655302741918", "GB.ENT.11815799212886844830"])
def test_a_whatsapp_user_without_a_number_is_known_by_an_id(user: str) -> None:
    (event,) = _heard({**INCOMING, "From": f"whatsapp:{user}", "To": "whatsapp:+15005550006"})
    assert isinstance(event, MessageReceived)
    assert (event.sender, event.channel) == (WhatsAppUserId(user), "whatsapp")


@pytest.mark.parametrize(
    "told",
    [
        {"event_type": "click", "sms_sid": SID, "link": "https://shop.example/a", "click_time": "2026-01-01T00:10:00.000Z", "to": "+447700900123"},
        {"MessageSid": SID, "EventType": "CLICK", "Link": "https://shop.example/a", "ClickTime": "2026-01-01T00:10:00Z"},
    ],
)  # fmt: skip
def test_a_click_on_a_shortened_link_is_an_engagement(told: dict[str, str]) -> None:
    (event,) = _heard(told)
    assert isinstance(event, EngagementReceived)
    assert (event.engagement_type, event.url) == (EngagementType.CLICKED, "https://shop.example/a")
    assert (event.provider_id, event.occurred_at) == (SID, 1767226200.0)


def test_a_click_is_told_by_event_streams_too() -> None:
    data = {
        "message_sid": SID,
        "link": "https://shop.example/a",
        "shortened_link": "https://s.example/1",
        "click_time": "2026-01-01T00:10:00.000Z",
    }
    (event,) = _heard_as_json([{"type": "com.twilio.daptbt.link-shortening.link-clicked", "data": data}])
    assert isinstance(event, EngagementReceived)
    assert (event.url, event.provider_id) == ("https://shop.example/a", SID)


def test_half_a_character_in_json_costs_no_more_than_itself() -> None:
    (event,) = _heard_as_json({**INCOMING, "Body": "cut \ud83d", "From\ude00": "x"})
    assert isinstance(event, MessageReceived)
    assert event.text == "cut ?"


def test_a_message_without_a_state_is_a_message_all_the_same() -> None:
    (event,) = _heard({name: value for name, value in INCOMING.items() if name != "SmsStatus"})
    assert isinstance(event, MessageReceived)


def test_media_come_by_url_and_type_however_many_are_announced() -> None:
    url = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages/MM1/Media/ME{'1' * 32}"
    fields = {**INCOMING, "Body": "", "NumMedia": "99", "MediaUrl0": url, "MediaContentType0": "image/jpeg"}
    (event,) = _heard(fields)
    assert isinstance(event, MessageReceived)
    assert (event.kind, event.text) == ("image", None)
    assert [(one.url, one.id, one.content_type) for one in event.media] == [
        (url, "ME" + "1" * 32, "image/jpeg")
    ]


@pytest.mark.parametrize("sender", ["88877", "Shop", "messenger:1234567890123", "+1", ""])
def test_whoever_writes_without_a_number_is_named_as_he_came(sender: str) -> None:
    (event,) = _heard({**INCOMING, "From": sender}) if sender else _heard({**INCOMING, "From": "x:"})
    assert isinstance(event, MessageReceived)
    assert event.sender.plain == sender.rpartition(":")[2]
    assert len(event.sender.masked) <= 4
    assert repr(event.sender) == f"NonPhoneSender({event.sender})"


@pytest.mark.parametrize("word", sorted(STOP_WORDS | START_WORDS - {"YES"}))
def test_a_keyword_alone_opts_out_or_in_and_is_a_message_too(word: str) -> None:
    received, choice = _heard({**INCOMING, "Body": f" {word.lower()}\n"})
    assert isinstance(received, MessageReceived)
    assert isinstance(choice, OptedOut if word in STOP_WORDS else OptedIn)
    assert (choice.channel, choice.address, choice.reason) == ("sms", NUMBER, f"keyword {word}")


@pytest.mark.parametrize("text", ["please stop", "HELP", "INFO", "stop it", "YES", ""])
def test_other_words_opt_nobody_out(text: str) -> None:
    assert [type(event) for event in _heard({**INCOMING, "Body": text})] == [MessageReceived]


@pytest.mark.parametrize(
    ("told", "kinds"), [("STOP", [OptedOut]), ("START", [OptedIn]), ("HELP", []), ("NEW", [])]
)
def test_what_advanced_opt_out_tells_goes_before_the_words(told: str, kinds: list[type]) -> None:
    heard = _heard({**INCOMING, "Body": "stop", "OptOutType": told})
    assert [type(event) for event in heard] == [MessageReceived, *kinds]


def test_on_whatsapp_only_what_twilio_tells_is_a_choice() -> None:
    fields = {**INCOMING, "From": "whatsapp:+447700900123", "Body": "STOP"}
    assert [type(event) for event in _heard(fields)] == [MessageReceived]
    assert [type(event) for event in _heard({**fields, "OptOutType": "STOP"})] == [MessageReceived, OptedOut]


@pytest.mark.parametrize("code", sorted(OPT_OUTS))
def test_a_message_that_fails_since_the_recipient_opted_out_says_so(code: int) -> None:
    status, choice = _heard({**STATUS, "MessageStatus": "failed", "ErrorCode": str(code)})
    assert isinstance(status, StatusChanged)
    assert status.status.id in (14, 4)
    assert isinstance(choice, OptedOut)
    assert (choice.channel, choice.address, choice.reason) == ("sms", NUMBER, f"error {code}")


def test_a_get_and_json_are_read_like_a_form() -> None:
    twilio = _twilio()
    url = f"https://hooks.example.org/t?{urlencode(INCOMING)}"
    get = WebhookRequest(b"", {"x-twilio-signature": KEY.sign(url)}, url, "GET", received_at=7.0)
    told = [twilio.handle_webhook(call).events for call in (_form(INCOMING), get)]
    assert told[0] == told[1]
    assert isinstance(twilio.handle_webhook(_json(STATUS)).events[0], StatusChanged)
    assert isinstance(twilio.handle_webhook(_json(INCOMING)).events[0], MessageReceived)


def test_json_may_hold_several_reports_each_in_an_envelope() -> None:
    inner = {"messageSid": SID, "messageStatus": "UNDELIVERED", "errorCode": 30003, "to": "+447700900123"}
    heard = (
        _twilio()
        .handle_webhook(_json([{"type": "x", "data": inner}, {"data": {**inner, "messageStatus": "SENT"}}]))
        .events
    )
    assert [(type(event), event.status.id) for event in heard if isinstance(event, StatusChanged)] == [
        (StatusChanged, 9),
        (StatusChanged, 3),
    ]


@pytest.mark.parametrize(
    "call",
    [
        _form({**STATUS, "MessageStatus": "teleported"}),
        _form({"ClickTime": "now", "EventType": "click", "MessageSid": SID}),
        _form({}),
        _json({"unknown": [1, 2]}),
        _json([]),
        _json(b"\xff no json"),
    ],
    ids=["unknown state", "another event", "empty", "other json", "empty list", "no json"],
)
def test_what_is_not_understood_is_kept_as_it_came(call: WebhookRequest) -> None:
    (event,) = _twilio().handle_webhook(call).events
    assert isinstance(event, UnknownEvent)
    assert event.raw is not None


def test_a_call_that_nothing_proves_is_refused_and_not_read() -> None:
    call = _form(STATUS)
    forged = WebhookRequest(call.body + b"&x=y", call.headers, call.url)
    with pytest.raises(errors.WebhookVerificationError):
        _twilio().handle_webhook(forged)
    with pytest.raises(errors.WebhookVerificationError):
        Twilio(account_sid=ACCOUNT, auth_token="other").handle_webhook(call)


def test_a_token_can_be_replaced_without_losing_a_report() -> None:
    url = callback_url("https://hooks.example.org/t", "message-1", TOKEN).partition("#")[0]
    rotated = Twilio(account_sid=ACCOUNT, auth_token="new-token", webhook_auth_tokens=[TOKEN])
    (event,) = rotated.handle_webhook(_form(STATUS, url)).events
    assert isinstance(event, StatusChanged)
    assert event.message_id == "message-1"


FIELD_NAMES = sorted(
    {
        *STATUS,
        *INCOMING,
        "ErrorCode",
        "EventType",
        "OptOutType",
        "MessageType",
        "Latitude",
        "Longitude",
        "MediaUrl0",
    }
)
field_values = st.sampled_from(
    [
        "",
        "received",
        "failed",
        "delivered",
        "read",
        SID,
        "+447700900123",
        "whatsapp:+447700900123",
        "STOP",
        "21610",
        "1e999",
        "nan",
    ]
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
reports = st.builds(
    lambda fields, sids: {**fields, **sids},
    st.dictionaries(st.sampled_from(FIELD_NAMES) | st.text("abAB", max_size=3), field_values, max_size=14),
    st.fixed_dictionaries(
        {name: st.sampled_from([SID, "", "x"]) for name in ("MessageSid", "SmsSid", "AccountSid")}
    ),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | field_values,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*FIELD_NAMES, "data"]), inner, max_size=6)
    ),
    max_leaves=12,
)


@given(reports, reports.map(_json) | json_values.map(_json) | st.binary(max_size=20).map(_json))
def test_whatever_a_proved_call_holds_becomes_events(fields: dict[str, str], call: WebhookRequest) -> None:
    twilio = _twilio()
    for one in (_form(fields), call):
        events = twilio.handle_webhook(one).events
        assert events or one is call
        for event in events:
            assert len(event.key) == 32
            assert one is call or "7700900123" not in repr(event)


def test_the_abilities_are_found_by_the_core() -> None:
    twilio = _twilio()
    assert isinstance(twilio, SupportsWebhooks)
    assert isinstance(twilio, SupportsLookup)
    assert isinstance(twilio, SupportsRateLimits)


def test_the_states_and_codes_of_the_tables_do_not_contradict_each_other() -> None:
    assert {"received", "receiving"} == INBOUND
    assert all(CODES[code].error_class == "recipient" for code in OPT_OUTS)
    assert not STOP_WORDS & START_WORDS
