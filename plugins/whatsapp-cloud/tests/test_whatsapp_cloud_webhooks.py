from __future__ import annotations

import hashlib
import hmac
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from specifications import FOLDER

from messaging_channels import PhoneNumber, WebhookRequest, WebhookResult, errors
from messaging_channels.events import (
    AccountUpdated,
    CallChanged,
    EngagementReceived,
    EngagementType,
    Event,
    MessageEchoed,
    MessageEdited,
    MessageReceived,
    MessageRevoked,
    OptedIn,
    OptedOut,
    StatusChanged,
    TemplateUpdated,
    UnknownEvent,
)
from messaging_channels.plugins import (
    SupportsRateLimits,
    SupportsWebhooks,
    WhatsAppGroupId,
    WhatsAppUserId,
    status,
)
from messaging_channels_whatsapp_cloud import Pricing, WhatsAppCloud, pricing_of
from messaging_channels_whatsapp_cloud.webhooks import parse_events

KEY = "app-secret-0123456789abcdef"
VERIFY = "canary-verify-token"
ANN = "447700900123"
NOW = 1_790_000_000.0
EMPTY = b'{"object":"whatsapp_business_account","entry":[]}'
ESCAPED = (
    rb'{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"messages","value":'
    rb'{"text":"\u00e4\u00f6\u00e5 \ud83d\ude00 a\u0040b.c https:\/\/e.org\/x"}}]}]}'
)
METADATA = {"display_phone_number": "12025550100", "phone_number_id": "106540352242922"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=3,
)


def _cloud(*secrets: str) -> WhatsAppCloud:
    return WhatsAppCloud(access_token="t", webhook_app_secrets=secrets or (KEY,), webhook_verify_token=VERIFY)


def _signed(body: bytes, key: str = KEY) -> WebhookRequest:
    digest = hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
    return WebhookRequest(body, {"x-hub-signature-256": f"sha256={digest}"}, received_at=NOW)


def _call(digest: str, body: bytes) -> WebhookRequest:
    return WebhookRequest(body, {"x-hub-signature-256": f"sha256={digest}"}, received_at=NOW)


def _payload(*values: Any, field: str = "messages") -> dict[str, Any]:
    entries = [{"id": "1", "changes": [{"field": field, "value": value}]} for value in values]
    return {"object": "whatsapp_business_account", "entry": entries}


def _value(**updates: Any) -> dict[str, Any]:
    return {"messaging_product": "whatsapp", "metadata": METADATA, **updates}


def _events(**updates: Any) -> list[Event]:
    return parse_events(_payload(_value(**updates)), NOW)


def _status(word: Any, **more: Any) -> dict[str, Any]:
    known = {"id": "wamid.X", "status": word, "timestamp": "1750263773", "recipient_id": ANN}
    return {**known, "biz_opaque_callback_data": "ours-1", **more}


def _message(kind: str, content: Any = None, **more: Any) -> dict[str, Any]:
    return {"from": ANN, "id": "wamid.I", "timestamp": "1750263773", "type": kind, kind: content, **more}


def _received(kind: str, content: Any = None, **more: Any) -> MessageReceived:
    (event,) = _events(
        contacts=[{"profile": {"name": "Ann"}, "wa_id": ANN}], messages=[_message(kind, content, **more)]
    )
    assert isinstance(event, MessageReceived)
    return event


# --- who calls


def test_the_verification_call_is_answered_with_the_bare_challenge() -> None:
    url = f"https://example.com/hook?hub.mode=subscribe&hub.verify_token={VERIFY}&hub.challenge=1158201444"
    received = _cloud().handle_webhook(WebhookRequest(url=url, method="GET"))
    assert (received.response.status, received.response.body) == (200, b"1158201444")
    assert received.response.headers["content-type"] == "text/plain"
    assert not received.events


@pytest.mark.parametrize(
    "query",
    ["", "hub.mode=subscribe&hub.challenge=1", "hub.mode=subscribe&hub.verify_token=wrong&hub.challenge=1",
     f"hub.mode=unsubscribe&hub.verify_token={VERIFY}", "hub.mode=subscribe&hub.verify_token=%FF%00"],
)  # fmt: skip
def test_a_verification_call_without_the_token_is_refused(query: str) -> None:
    with pytest.raises(errors.WebhookVerificationError) as caught:
        _cloud().handle_webhook(WebhookRequest(url=f"https://example.com/hook?{query}", method="GET"))
    assert VERIFY not in str(caught.value)


def test_nobody_is_verified_where_no_token_is_configured() -> None:
    with pytest.raises(errors.WebhookVerificationError, match="no verify token"):
        WhatsAppCloud(access_token="t").handle_webhook(
            WebhookRequest(url="https://example.com/?hub.mode=subscribe", method="GET")
        )


@pytest.mark.parametrize(
    ("body", "digest"),
    [
        (EMPTY, "1f1ddaf60129a405dae511085a1277c94455b2d955e1986bf5048cac89765e87"),
        (ESCAPED, "37f25ba42c5b09b60bab9a854d776e0d79705e3b6e68db6bce90963f6596a01b"),
    ],
)
def test_the_raw_bytes_are_what_is_signed(body: bytes, digest: str) -> None:
    assert isinstance(_cloud().handle_webhook(_call(digest, body)), WebhookResult)


@pytest.mark.parametrize(
    "digest",
    [
        "ff280aa63b5ca5409642a27f4360acc3f882bd0a510e4f58adc9f8a4a40cde58",
        "ff4f78bfdaad64eaa3e64111214ec2c0f5002c95ca2ac74203701ec431918c4a",
    ],
)
def test_what_was_parsed_and_written_again_does_not_verify(digest: str) -> None:
    with pytest.raises(errors.WebhookVerificationError):
        _cloud().handle_webhook(_call(digest, ESCAPED))
    rewritten = json.dumps(json.loads(ESCAPED), separators=(",", ":")).encode()
    with pytest.raises(errors.WebhookVerificationError):
        _cloud().handle_webhook(WebhookRequest(rewritten, _signed(ESCAPED).headers, received_at=NOW))


@given(st.binary(min_size=1, max_size=200), st.data())
def test_one_bit_changed_anywhere_breaks_the_proof(body: bytes, data: st.DataObject) -> None:
    call = _signed(body)
    assert _cloud().handle_webhook(call)
    bit = data.draw(st.integers(0, len(body) * 8 - 1))
    changed = bytearray(body)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(errors.WebhookVerificationError):
        _cloud().handle_webhook(WebhookRequest(bytes(changed), call.headers, received_at=NOW))
    with pytest.raises(errors.WebhookVerificationError):
        _cloud(f"{KEY}x").handle_webhook(call)


@pytest.mark.parametrize(
    "header", [None, "", "sha256=", "sha1=" + "0" * 40, "sha256=" + "0" * 64, "sha256=" + "A" * 64, "é" * 71]
)
def test_a_missing_or_malformed_signature_is_refused_without_showing_anything(header: str | None) -> None:
    headers = {} if header is None else {"x-hub-signature-256": header}
    with pytest.raises(errors.WebhookVerificationError) as caught:
        _cloud().handle_webhook(WebhookRequest(b"{}", headers, received_at=NOW))
    assert KEY not in str(caught.value)


def test_while_secrets_change_either_may_have_signed() -> None:
    cloud = _cloud("new-secret", KEY)
    for key in ("new-secret", KEY):
        assert cloud.handle_webhook(_signed(EMPTY, key)).response.status == 200
    with pytest.raises(errors.WebhookVerificationError):
        cloud.handle_webhook(_signed(EMPTY, "older-secret"))


def test_nothing_is_believed_where_no_secret_is_configured() -> None:
    with pytest.raises(errors.WebhookVerificationError, match="no app secret"):
        WhatsAppCloud(access_token="t").handle_webhook(_signed(EMPTY, ""))


def test_the_provider_has_the_abilities_the_dispatcher_looks_for() -> None:
    assert isinstance(_cloud(), SupportsWebhooks)
    assert isinstance(_cloud(), SupportsRateLimits)


# --- what became of messages


@pytest.mark.parametrize(
    ("word", "group", "number"), [("sent", 1, 3), ("delivered", 3, 5), ("read", 3, 5), ("played", 3, 5)]
)
def test_a_status_is_told_in_our_model_with_our_id_and_theirs(word: str, group: int, number: int) -> None:
    event = _events(statuses=[_status(word)])[0]
    assert isinstance(event, StatusChanged)
    assert (event.status.group_id, event.status.id) == (group, number)
    assert (event.message_id, event.provider_id, event.occurred_at) == ("ours-1", "wamid.X", 1_750_263_773.0)


@pytest.mark.parametrize(("word", "act"), [("read", EngagementType.READ), ("played", EngagementType.PLAYED)])
def test_reading_and_playing_stand_beside_the_status(word: str, act: EngagementType) -> None:
    event = _events(statuses=[_status(word)])[1]
    assert isinstance(event, EngagementReceived)
    assert (event.engagement_type, event.message_id) == (act, "ours-1")


@pytest.mark.parametrize(
    ("code", "number"), [(131026, 9), (131047, 4), (131049, 4), (999_999, 4), (None, 4), ("131026", 9)]
)
def test_a_failure_goes_by_its_error(code: Any, number: int) -> None:
    (event,) = _events(statuses=[_status("failed", errors=[{"code": code, "title": "x"}])])
    assert isinstance(event, StatusChanged)
    assert (event.status.group_id, event.status.id) == (2, number)
    assert event.detail.startswith(str(code or ""))


def test_who_stopped_marketing_has_opted_out() -> None:
    _, event = _events(statuses=[_status("failed", errors=[{"code": 131050}])])
    assert isinstance(event, OptedOut)
    assert (event.address, event.category) == (PhoneNumber(ANN), "marketing")


@pytest.mark.parametrize(("choice", "kind"), [("stop", OptedOut), ("resume", OptedIn), ("signup", OptedIn)])
def test_a_choice_about_marketing_is_an_event(choice: str, kind: type) -> None:
    told = {"wa_id": ANN, "value": choice, "category": "marketing_messages", "timestamp": 1731705721}
    for preference, contacts in ((told, []), ({"value": choice}, [{"wa_id": ANN}])):
        value = _value(user_preferences=[preference], contacts=contacts)
        (event,) = parse_events(_payload(value, field="user_preferences"), NOW)
        assert isinstance(event, kind)
        assert event.address == PhoneNumber(ANN)  # type: ignore[union-attr]


def test_a_choice_of_nobody_or_of_another_word_is_kept_as_it_came() -> None:
    for preference in ({"wa_id": ANN, "value": "maybe"}, {"value": "stop"}, {"wa_id": "x", "value": "stop"}):
        (event,) = parse_events(
            _payload(_value(user_preferences=[preference]), field="user_preferences"), NOW
        )
        assert isinstance(event, UnknownEvent)
        assert event.raw["user_preferences"] == [preference]


@given(
    st.permutations(["sent", "delivered", "read", "played", "failed"]), st.integers(1, 5), st.integers(1, 3)
)
def test_statuses_in_any_order_with_some_missing_and_others_repeated_end_the_same(
    order: list[str], kept: int, times: int
) -> None:
    heard = order[:kept]
    told = [_status(word) for word in heard * times]
    found = [event.status for event in _events(statuses=told) if isinstance(event, StatusChanged)]
    expected = [
        event.status
        for event in _events(statuses=[_status(w) for w in sorted(heard)])
        if isinstance(event, StatusChanged)
    ]
    assert status.merge(*found) == status.merge(*expected)
    if set(heard) & {"delivered", "read", "played"}:
        assert status.merge(*found) == status.DELIVERED_TO_HANDSET


def test_a_repeated_status_has_the_same_key_and_another_has_another() -> None:
    words = ["sent", "sent", "delivered", "read"]
    keys = [event.key for word in words for event in _events(statuses=[_status(word)])]
    assert keys[0] == keys[1]
    assert len(set(keys)) == len(keys) - 1
    one, other = (
        _events(statuses=[_status("read", recipient_participant_id=who)])[0].key for who in ("a", "b")
    )
    assert one != other


@pytest.mark.parametrize(
    ("more", "billing"),
    [
        ({}, None),
        (
            {"pricing": {"billable": True, "pricing_model": "CBP", "category": "utility"},
             "conversation": {"id": "c1", "expiration_timestamp": "1750270000", "origin": {"type": "utility"}}},
            Pricing(True, "CBP", None, "utility", "c1", 1_750_270_000.0, "utility"),
        ),
        ({"conversation": {"id": "c1", "origin": {"type": "referral_conversion"}}}, Pricing(conversation_id="c1", conversation_origin="referral_conversion")),
        ({"pricing": {"pricing_model": "PMP", "type": "free_customer_service", "category": "authentication_international"}},
         Pricing(None, "PMP", "free_customer_service", "authentication_international")),
        ({"pricing": {"pricing_model": "NEW", "type": "new", "category": "new", "billable": "odd"}}, Pricing(None, "NEW", "new", "new")),
        ({"pricing": "odd", "conversation": 1}, None),
    ],
)  # fmt: skip
def test_the_price_is_read_in_the_words_of_every_version(
    more: dict[str, Any], billing: Pricing | None
) -> None:
    (event,) = _events(statuses=[_status("sent", **more)])
    assert pricing_of(event) == billing
    assert event.raw["statuses"][0].items() >= more.items()


def test_a_status_word_that_is_not_known_changes_nothing_and_is_kept() -> None:
    (event,) = _events(statuses=[_status("warning")])
    assert isinstance(event, UnknownEvent)
    assert event.kind == "status warning"
    assert event.raw["statuses"] == [_status("warning")]


def test_a_status_for_a_user_without_a_number_is_read() -> None:
    told = {"id": "wamid.X", "status": "sent", "timestamp": "1750263773", "recipient_user_id": "US.1349"}
    (event,) = _events(statuses=[told], contacts=[{"user_id": "US.1349", "profile": {"username": "@ann"}}])
    assert isinstance(event, StatusChanged)
    assert event.message_id == ""
    assert event.raw["contacts"] == [{"user_id": "US.1349", "profile": {"username": "@ann"}}]


# --- what people write


@pytest.mark.parametrize(
    ("kind", "content", "expected"),
    [
        ("text", {"body": "Hello"}, {"kind": "text", "text": "Hello"}),
        ("location", {"latitude": 1.5, "longitude": "2", "name": "Shop"}, {"kind": "location", "location": (1.5, 2.0), "text": "Shop"}),
        ("location", {"latitude": "north"}, {"kind": "location", "location": None}),
        ("contacts", [{"name": {}}], {"kind": "contacts"}),
        ("reaction", {"message_id": "wamid.Y", "emoji": "👍"}, {"kind": "reaction", "payload": "👍", "reply_to": "wamid.Y"}),
        ("reaction", {"message_id": "wamid.Y"}, {"kind": "reaction", "payload": ""}),
        ("button", {"payload": "stop", "text": "Stop"}, {"kind": "button", "payload": "stop", "text": "Stop"}),
        ("interactive", {"type": "button_reply", "button_reply": {"id": "k", "title": "Keep"}}, {"kind": "button", "payload": "k", "text": "Keep"}),
        ("interactive", {"type": "list_reply", "list_reply": {"id": "r", "title": "Row"}}, {"kind": "list", "payload": "r", "text": "Row"}),
        ("interactive", {"type": "nfm_reply", "nfm_reply": {"body": "Sent", "response_json": "{}"}}, {"kind": "flow", "payload": "{}"}),
        ("interactive", {"type": "call_permission_reply", "call_permission_reply": {"response": "accept"}}, {"kind": "call_permission", "payload": "accept"}),
        ("interactive", {"type": "new_reply", "new_reply": {"id": "x"}}, {"kind": "unknown", "payload": None}),
        ("interactive", None, {"kind": "unknown"}),
        ("order", {"catalog_id": "C", "text": "Soon", "product_items": []}, {"kind": "order", "text": "Soon"}),
        ("system", {"body": "changed", "type": "user_changed_number", "wa_id": "447700900124"}, {"kind": "system", "text": "changed"}),
        ("edit", {"of": "nothing"}, {"kind": "edit"}),
        ("revoke", {"of": "nothing"}, {"kind": "revoke"}),
        ("unsupported", {"type": "poll"}, {"kind": "unknown"}),
        ("hologram", {"id": "h"}, {"kind": "unknown"}),
    ],
    ids=lambda value: str(value)[:30],
)  # fmt: skip
def test_every_kind_of_message_is_read_and_kept_as_it_came(
    kind: str, content: Any, expected: dict[str, Any]
) -> None:
    event = _received(kind, content)
    assert {name: getattr(event, name) for name in expected} == expected
    assert event.raw["messages"] == [_message(kind, content)]
    assert (event.sender, event.name, event.to) == (PhoneNumber(ANN), "Ann", "12025550100")
    assert (event.channel, event.provider_id) == ("whatsapp", "wamid.I")


@pytest.mark.parametrize("kind", ["image", "video", "audio", "document", "sticker"])
@pytest.mark.parametrize("url", [None, "https://lookaside.example.com/1"])
def test_a_file_is_named_by_id_and_by_url_where_there_is_one(kind: str, url: str | None) -> None:
    content = {"id": "1013", "mime_type": "x/y", "sha256": "abc=", "caption": "Front", "filename": "a.pdf"}
    (file,) = _received(kind, content | ({"url": url} if url else {})).media
    assert (file.id, file.url, file.content_type, file.caption, file.filename) == (
        "1013",
        url,
        "x/y",
        "Front",
        "a.pdf",
    )


def test_a_reply_names_what_it_answers() -> None:
    assert _received("text", {"body": "x"}, context={"from": "1", "id": "wamid.Y"}).reply_to == "wamid.Y"
    assert _received("text", {"body": "x"}, context={"forwarded": True}).reply_to is None
    assert _received("button", {"payload": "x"}).reply_to is None


def test_who_shows_no_number_is_known_by_an_id() -> None:
    told = {"from_user_id": "US.1349", "id": "wamid.I", "type": "text", "text": {"body": "x"}}
    contacts = [{"user_id": "US.1349", "profile": {"name": "Ann", "username": "@ann"}}]
    (event,) = _events(contacts=contacts, messages=[told])
    assert isinstance(event, MessageReceived)
    assert (event.sender, event.name) == (WhatsAppUserId("US.1349"), "Ann")


@pytest.mark.parametrize("missing", ["from", "id", "timestamp", "type", "text"])
def test_whatever_is_missing_the_rest_is_read(missing: str) -> None:
    told = {name: value for name, value in _message("text", {"body": "x"}).items() if name != missing}
    (event,) = _events(messages=[told])
    assert isinstance(event, UnknownEvent if missing in ("from", "id") else MessageReceived)
    assert event.raw["messages"] == [told]
    assert event.occurred_at == (NOW if missing == "timestamp" else 1_750_263_773.0)


def test_no_event_shows_what_was_said_or_by_whom() -> None:
    for event in (
        _received("text", {"body": "the words"}),
        *_events(statuses=[_status("failed", errors=[{"code": 131050, "message": "the words"}])]),
    ):
        assert ANN not in repr(event)
        assert "the words" not in repr(event)


# --- edited, revoked, echoed, called


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"type": "text", "text": {"body": "at ten"}}, ("text", "at ten", 0)),
        ({"type": "image", "image": {"id": "1", "caption": "this one"}}, ("image", "this one", 1)),
        ({"type": "hologram", "hologram": {"id": "1"}}, ("unknown", None, 0)),
        (None, ("unknown", None, 0)),
    ],
    ids=["text", "caption", "new", "nothing"],
)
def test_an_edit_is_an_event_of_its_own(content: Any, expected: tuple[str, str | None, int]) -> None:
    edit = {"original_message_id": "wamid.Y", "message": content}
    (event,) = _events(messages=[_message("edit", edit, group_id="G-1")])
    assert isinstance(event, MessageEdited)
    assert (event.kind, event.text, len(event.media)) == expected
    assert (event.original_id, event.provider_id, event.group_id) == ("wamid.Y", "wamid.I", "G-1")


def test_a_revocation_is_an_event_of_its_own() -> None:
    (event,) = _events(messages=[_message("revoke", {"original_message_id": "wamid.Y"})])
    assert isinstance(event, MessageRevoked)
    assert (event.original_id, event.sender) == ("wamid.Y", PhoneNumber(ANN))


@pytest.mark.parametrize(
    ("kind", "content", "text", "original"),
    [
        ("text", {"body": "We open at ten"}, "We open at ten", None),
        ("edit", {"original_message_id": "wamid.Y", "message": {"type": "text", "text": {"body": "at nine"}}}, "at nine", "wamid.Y"),
        ("revoke", {"original_message_id": "wamid.Y"}, None, "wamid.Y"),
    ],
)  # fmt: skip
def test_what_the_business_wrote_by_its_app_is_an_echo(
    kind: str, content: Any, text: str | None, original: str | None
) -> None:
    told = {
        "from": "12025550100",
        "to": ANN,
        "id": "wamid.E",
        "timestamp": "1750263773",
        "type": kind,
        kind: content,
    }
    (event,) = parse_events(_payload(_value(message_echoes=[told]), field="smb_message_echoes"), NOW)
    assert isinstance(event, MessageEchoed)
    assert (event.sender, event.to, event.kind) == ("12025550100", PhoneNumber(ANN), kind)
    assert (event.text, event.original_id) == (text, original)


def test_the_steps_of_a_call_are_events() -> None:
    begun = {
        "id": "wacid.1",
        "from": ANN,
        "event": "connect",
        "direction": "USER_INITIATED",
        "timestamp": "1750263773",
    }
    ended = begun | {"event": "terminate", "status": "COMPLETED", "duration": 62}
    rung = {
        "id": "wacid.2",
        "type": "call",
        "status": "RINGING",
        "recipient_id": ANN,
        "timestamp": "1750263773",
    }
    events = parse_events(_payload(_value(calls=[begun, ended], statuses=[rung]), field="calls"), NOW)
    told = [
        (one.call_id, one.state, one.result, one.duration, one.outgoing)
        for one in events
        if isinstance(one, CallChanged) and one.person == PhoneNumber(ANN)
    ]
    assert sorted(told, key=str) == [
        ("wacid.1", "connect", "", None, False),
        ("wacid.1", "terminate", "completed", 62.0, False),
        ("wacid.2", "ringing", "", None, True),
    ]


def test_a_click_on_a_link_is_an_engagement() -> None:
    click = {
        "action_type": "marketing_messages_link_click",
        "timestamp": "1750263773",
        "marketing_messages_link_click_data": {"url": "https://shop.example", "click_id": "c-1"},
    }
    (event,) = _events(user_actions=[click])
    assert isinstance(event, EngagementReceived)
    assert (event.engagement_type, event.url) == (EngagementType.CLICKED, "https://shop.example")


@pytest.mark.parametrize(
    ("name", "told", "kind"),
    [
        ("calls", {"id": "wacid.1", "event": "connect"}, CallChanged),
        ("message_echoes", {"from": "1", "to": ANN, "id": "wamid.E", "type": "text", "text": {"body": "x"}}, MessageEchoed),
        ("user_preferences", {"wa_id": ANN, "value": "stop"}, OptedOut),
        ("holograms", {"id": "h"}, UnknownEvent),
        ("holograms", "h", UnknownEvent),
    ],
)  # fmt: skip
@pytest.mark.parametrize("field", ["messages", "calls", "new"])
def test_nothing_is_dropped_beside_another_kind(name: str, told: Any, kind: type, field: str) -> None:
    beside = {"messages": [_message("text", {"body": "x"})], "statuses": [_status("sent")]}
    events = parse_events(_payload(_value(**beside, **{name: [told]}), field=field), NOW)
    assert {MessageReceived, StatusChanged, kind} == {type(event) for event in events}


@pytest.mark.parametrize("more", [{"messaging": [{"x": 1}]}, {"standby": "y"}])
def test_what_stands_beside_the_changes_of_an_account_is_told_too(more: dict[str, Any]) -> None:
    entry = {
        "id": "1",
        "changes": [{"field": "messages", "value": _value(statuses=[_status("sent")])}],
        **more,
    }
    events = parse_events({"object": "x", "entry": [entry, 7], "extra": 1}, NOW)
    assert [type(event) for event in events] == [StatusChanged, UnknownEvent, UnknownEvent, UnknownEvent]


# --- accounts, numbers, templates


@pytest.mark.parametrize(
    ("field", "value", "change"),
    [
        ("account_update", {"event": "ACCOUNT_DELETED", "phone_number": "15550783881"}, "ACCOUNT_DELETED"),
        ("account_review_update", {"decision": "REJECTED"}, "REJECTED"),
        ("phone_number_quality_update", {"display_phone_number": "15550783881", "event": "FLAGGED"}, "FLAGGED"),
        ("business_capability_update", {"max_daily_conversation_per_phone": 10}, ""),
        ("account_alerts", {"entity_type": "WABA", "alert_info": {"alert_type": "OBA_APPROVED", "alert_severity": "INFO"}}, "OBA_APPROVED"),
        ("account_alerts", {"entity_type": "WABA", "alert_type": "OBA_REJECTED"}, "OBA_REJECTED"),
        ("flows", {"event": "FLOW_STATUS_CHANGE", "flow_id": "1", "new_status": "PUBLISHED"}, "FLOW_STATUS_CHANGE"),
        ("partner_solutions", {"event": "SOLUTION_CREATED", "solution_id": "1"}, "SOLUTION_CREATED"),
    ],
)  # fmt: skip
def test_a_change_of_an_account_is_an_event_of_its_own(
    field: str, value: dict[str, Any], change: str
) -> None:
    payload = {
        "object": "x",
        "entry": [{"id": "WABA-1", "time": 1739321024, "changes": [{"field": field, "value": value}]}],
    }
    (event,) = parse_events(payload, NOW)
    assert isinstance(event, AccountUpdated)
    assert (event.account_id, event.kind, event.change, event.occurred_at) == (
        "WABA-1",
        field,
        change,
        1739321024.0,
    )
    assert event.number == value.get("phone_number", value.get("display_phone_number", ""))
    assert event.raw["value"] == value
    (again,) = parse_events(payload, NOW + 90_000)
    assert again.key == event.key
    payload["entry"][0]["time"] += 1
    (later,) = parse_events(payload, NOW)
    assert later.key != event.key


@pytest.mark.parametrize(
    ("field", "value", "change"),
    [
        ("message_template_status_update", {"event": "REJECTED", "reason": "INVALID_FORMAT"}, "REJECTED"),
        ("template_category_update", {"previous_category": "UTILITY", "new_category": "MARKETING"}, "MARKETING"),
        ("message_template_quality_update", {"previous_quality_score": "GREEN", "new_quality_score": "RED"}, "RED"),
    ],
)  # fmt: skip
def test_a_change_of_a_template_is_an_event_of_its_own(
    field: str, value: dict[str, Any], change: str
) -> None:
    named = {
        "message_template_id": 594425479261596,
        "message_template_name": "order",
        "message_template_language": "en_US",
    }
    (event,) = parse_events(_payload(named | value, field=field), NOW)
    assert isinstance(event, TemplateUpdated)
    assert (event.template_id, event.name, event.language) == ("594425479261596", "order", "en_US")
    assert (event.account_id, event.kind, event.change) == ("1", field, change)
    assert event.previous == value.get("previous_category", value.get("previous_quality_score", ""))
    assert event.reason == value.get("reason", "")


# --- groups


def test_the_statuses_of_all_members_of_a_group_are_kept() -> None:
    def told(**member: str) -> dict[str, Any]:
        return _status("delivered", recipient_type="group", recipient_id="G-1", **member)

    events = _events(
        statuses=[
            told(recipient_participant_id=ANN),
            told(participant_recipient_id="447700900124"),
            told(recipient_participant_user_id="US.1349"),
        ]
    )
    assert len({event.key for event in events}) == 3
    members = [
        event.participant for event in events if isinstance(event, StatusChanged) and event.group_id == "G-1"
    ]
    assert members == [PhoneNumber(ANN), PhoneNumber("447700900124"), WhatsAppUserId("US.1349")]


def test_an_answer_to_a_message_in_a_group_goes_to_the_group() -> None:
    alone, shared = (
        _received("text", {"body": "x"}),
        _received("text", {"body": "x"}, group_id="Y2FwaV9ncm91cA=="),
    )
    assert alone.reply_address == PhoneNumber(ANN)
    assert shared.reply_address == WhatsAppGroupId("Y2FwaV9ncm91cA==")


# --- many at once, and anything else


def test_a_thousand_updates_in_one_call_are_as_many_events_as_one_by_one() -> None:
    words = itertools.cycle(["sent", "delivered", "read", "failed"])
    told = [_status(next(words), id=f"wamid.{number}") for number in range(1000)]
    values = [_value(statuses=told[start : start + 250]) for start in range(0, 1000, 250)]
    call = _signed(json.dumps(_payload(*values)).encode())
    together = _cloud().handle_webhook(call).events
    singly = [event for one in told for event in _events(statuses=[one])]
    assert list(together) == singly
    assert len({event.key for event in together}) == 1250


def test_messages_statuses_and_errors_of_several_changes_are_all_read() -> None:
    both = _value(
        messages=[_message("text", {"body": "x"})], statuses=[_status("sent")], errors=[{"code": 130429}]
    )
    kinds = [type(event) for event in parse_events(_payload(both, both), NOW)]
    assert kinds == [MessageReceived, StatusChanged, UnknownEvent] * 2


def test_trouble_of_the_account_is_surfaced() -> None:
    (event,) = _events(errors=[{"code": 130429, "title": "Rate limit hit"}])
    assert isinstance(event, UnknownEvent)
    assert event.kind == "error 130429 Rate limit hit"


@pytest.mark.parametrize("field", ["smb_message_echoes", "calls", "history", "messages", "new"])
def test_a_field_that_is_not_known_is_kept(field: str) -> None:
    (event,) = parse_events(_payload({"event": "APPROVED"}, field=field), NOW)
    assert isinstance(event, UnknownEvent)
    assert (event.kind, event.raw["value"]) == (field, {"event": "APPROVED"})


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b"1", b'{"entry": 1}', b'{"entry": [1]}', b"\xff"])
def test_a_proved_call_that_makes_no_sense_is_one_event(body: bytes) -> None:
    (event,) = _cloud().handle_webhook(_signed(body)).events
    assert isinstance(event, UnknownEvent)


def test_what_cannot_be_read_is_kept_as_bytes() -> None:
    (event,) = _cloud().handle_webhook(_signed(b"no json")).events
    assert event.raw == b"no json"


def test_half_a_character_costs_no_more_than_itself() -> None:
    body = json.dumps(_payload(_value(messages=[_message("text", {"body": "cut \ud83d"})]))).encode()
    (event,) = _cloud().handle_webhook(_signed(body)).events
    assert isinstance(event, MessageReceived)
    assert event.text == "cut ?"


def test_numbers_beyond_all_measure_are_no_times_and_no_codes() -> None:
    huge = 10**4000
    told = _status(
        "failed", timestamp=huge, errors=[{"code": huge}], conversation={"expiration_timestamp": huge}
    )
    (event,) = _events(statuses=[told])
    assert isinstance(event, StatusChanged)
    assert (event.occurred_at, event.detail) == (NOW, "")
    assert pricing_of(event) == Pricing()


def test_what_is_no_object_among_the_updates_is_kept_beside_the_others() -> None:
    found = _events(statuses=[1, _status("sent"), "x"])
    assert [type(event) for event in found] == [UnknownEvent, StatusChanged, UnknownEvent]


_updates = st.fixed_dictionaries(
    {},
    optional={
        "metadata": JSON | st.just(METADATA),
        "contacts": JSON | st.lists(st.fixed_dictionaries({}, optional={"wa_id": JSON | st.just(ANN), "user_id": JSON, "profile": JSON})),
        "statuses": JSON | st.lists(
            st.fixed_dictionaries(
                {},
                optional=dict.fromkeys(("id", "timestamp", "recipient_id", "pricing", "conversation", "errors", "biz_opaque_callback_data"), JSON)
                | {"status": JSON | st.sampled_from(["sent", "delivered", "read", "failed", "played"])},
            )
        ),
        "messages": JSON | st.lists(
            st.one_of(
                st.builds(_message, st.sampled_from(["text", "image", "location", "reaction", "interactive", "button", "order", "system"]), JSON),
                st.fixed_dictionaries({}, optional=dict.fromkeys(("from", "from_user_id", "id", "timestamp", "type", "context"), JSON)),
            )
        ),
        "errors": JSON,
        "user_preferences": JSON,
    },
)  # fmt: skip


@given(st.lists(_updates | JSON, max_size=3), st.sampled_from(["messages", "user_preferences", "new"]))
def test_no_call_can_break_the_reading(values: list[Any], field: str) -> None:
    payload = _payload(*values, field=field)
    found = _cloud().handle_webhook(_signed(json.dumps(payload).encode())).events
    assert len(found) >= len(values)
    for event in found:
        assert event.key
        assert isinstance(event.occurred_at, float)
        pricing_of(event)


@given(st.data())
def test_calls_made_from_the_official_schema_are_read(data: st.DataObject) -> None:
    file = FOLDER / "meta_business_messaging_v23.json"
    if not file.exists():
        pytest.skip("the official specification is not here: set MESSAGING_CHANNELS_SPECS to its folder")
    payload = data.draw(_of({"$ref": "#/components/schemas/WebhookPayload"}, _schemas(str(file)), 9))
    found = parse_events(payload, NOW)
    assert len(found) >= 1 or payload["entry"] == []
    assert all(event.key for event in found)


_read: dict[str, Any] = {}


def _schemas(file: str) -> dict[str, Any]:
    if file not in _read:
        _read[file] = json.loads(Path(file).read_text("utf-8"))["components"]["schemas"]
    return _read[file]  # type: ignore[no-any-return]


def _of(schema: dict[str, Any], schemas: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:  # noqa: PLR0911
    """Return a strategy for a part of JSON Schema: enough for this document."""
    if depth == 0:
        return JSON
    if "$ref" in schema:
        return _of(schemas[schema["$ref"].rpartition("/")[2]], schemas, depth - 1)
    for name in ("oneOf", "anyOf"):
        if name in schema:
            return st.sampled_from(schema[name]).flatmap(lambda one: _of(one, schemas, depth - 1))
    if "allOf" in schema:
        parts = [_of(one, schemas, depth - 1) for one in schema["allOf"]]
        return st.tuples(*parts).map(
            lambda drawn: {k: v for one in drawn if isinstance(one, dict) for k, v in one.items()}
        )
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema.get("type") == "array":
        return st.lists(_of(schema.get("items", {}), schemas, depth - 1), max_size=2)
    if schema.get("type") == "object":
        properties = {
            name: _of(one, schemas, depth - 1) for name, one in schema.get("properties", {}).items()
        }
        required = [name for name in schema.get("required", ()) if name in properties]
        return st.fixed_dictionaries({name: properties.pop(name) for name in required}, optional=properties)
    kinds = {
        "string": st.text(max_size=8),
        "integer": st.integers(),
        "boolean": st.booleans(),
        "number": st.floats(allow_nan=False),
    }
    return kinds.get(schema.get("type", ""), JSON)
