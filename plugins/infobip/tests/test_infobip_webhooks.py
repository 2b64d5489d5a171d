"""Webhooks: proved first, then read in their real shapes, whatever is in them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from specifications import specification

from messaging_channels import Configuration, EmailAddress, PhoneNumber, WebhookRequest, errors
from messaging_channels._model.status import merge
from messaging_channels.events import (
    EngagementReceived,
    EngagementType,
    MessageReceived,
    OptedIn,
    OptedOut,
    StatusChanged,
    UnknownEvent,
)
from messaging_channels.plugins import WhatsAppUserId
from messaging_channels_infobip import Infobip
from messaging_channels_infobip import settings as plugin_settings
from messaging_channels_infobip.webhook_auth import (
    HASH_NAMES,
    BasicAuth,
    BearerToken,
    FixedHeader,
    HmacSignature,
    UrlToken,
    WebhookAuth,
)
from messaging_channels_infobip.webhooks import parse_events

SECRET = "canary-secret"
URL = "https://shop.example.com/webhooks/infobip?token=" + SECRET
BODY = b'{"results": []}'


def _infobip(*proofs: WebhookAuth) -> Infobip:
    return Infobip(base_url="xyz.api.infobip.com", api_key="secret", webhook_auth=proofs)


def _signed(name: str, spelling: str = "hex", prefix: str = "", body: bytes = BODY) -> str:
    digest = hmac.new(SECRET.encode(), body, name).digest()
    return prefix + (digest.hex() if spelling == "hex" else base64.b64encode(digest).decode())


def _basic(words: str) -> str:
    return "Basic " + base64.b64encode(words.encode()).decode()


PROVED: list[tuple[WebhookAuth, WebhookRequest]] = [
    (BasicAuth("infobip", SECRET), WebhookRequest(BODY, {"authorization": _basic(f"infobip:{SECRET}")})),
    (BearerToken(["old", SECRET]), WebhookRequest(BODY, {"authorization": f"Bearer {SECRET}"})),
    (FixedHeader("X-Shop-Secret", [SECRET]), WebhookRequest(BODY, {"x-shop-secret": SECRET})),
    (UrlToken([SECRET]), WebhookRequest(BODY, {}, URL)),
    *(
        (
            HmacSignature([SECRET], "X-Signature", algorithm),
            WebhookRequest(BODY, {"x-signature": _signed(name, spelling, prefix)}),
        )  # type: ignore[arg-type]
        for algorithm, name in HASH_NAMES.items()
        for spelling in ("hex", "base64")
        for prefix in ("", f"{name}=")
    ),
]


@pytest.mark.parametrize(("proof", "call"), PROVED, ids=lambda one: type(one).__name__)
def test_a_call_that_proves_itself_in_the_configured_way_is_read(
    proof: WebhookAuth, call: WebhookRequest
) -> None:
    received = _infobip(proof).handle_webhook(call)
    assert received.response.status == 200
    assert SECRET not in repr(proof)
    assert SECRET not in repr(call)


@pytest.mark.parametrize(("proof", "call"), PROVED, ids=lambda one: type(one).__name__)
def test_a_call_that_proves_nothing_is_refused(proof: WebhookAuth, call: WebhookRequest) -> None:
    others = [
        WebhookRequest(BODY, {}, ""),
        WebhookRequest(BODY, {name: value[::-1] for name, value in call.headers.items()}, call.url + "A"),
        WebhookRequest(BODY, dict.fromkeys(call.headers, ""), "https://shop.example.com/?token="),
        WebhookRequest(
            BODY, dict.fromkeys(call.headers, "\xff\xfe=="), "https://shop.example.com/?token=a&token=b"
        ),
    ]
    if isinstance(proof, HmacSignature):
        others.append(WebhookRequest(BODY + b" ", call.headers))
    for other in others:
        with pytest.raises(errors.WebhookVerificationError) as refused:
            _infobip(proof).handle_webhook(other)
        assert SECRET not in str(refused.value)


def test_without_a_configured_proof_no_call_is_believed() -> None:
    with pytest.raises(errors.WebhookVerificationError):
        _infobip().handle_webhook(WebhookRequest(BODY, {"authorization": _basic(":")}))


def test_one_of_several_proofs_is_enough_and_secrets_may_be_rotated() -> None:
    settings = {
        "base_url": "xyz.api.infobip.com",
        "api_key": "secret",
        "webhook_username": "infobip",
        "webhook_password": "other",
        "webhook_bearer": "b1",
        "webhook_header": "X-Shop",
        "webhook_header_value": "h1",
        "webhook_token": f"old, {SECRET}",
        "webhook_hmac_secret": f"old,{SECRET}",
        "webhook_hmac_header": "X-Signature",
    }
    from messaging_channels._config import plugin_manager as plugins

    loaded = plugins.load_plugins(only=(), extra=[plugin_settings])
    provider: Any = Configuration({"providers": {"infobip": settings}}, {}, {}, "none", loaded).provider(
        "infobip"
    )
    for headers, url in (
        ({"authorization": _basic("infobip:other")}, ""),
        ({"authorization": "bearer b1"}, ""),
        ({"x-shop": "h1"}, ""),
        ({"x-signature": _signed("sha256")}, ""),
        ({}, URL),
        ({}, URL.replace(SECRET, "old")),
    ):
        assert provider.handle_webhook(WebhookRequest(BODY, headers, url)).events == []
    with pytest.raises(errors.WebhookVerificationError):
        provider.handle_webhook(WebhookRequest(BODY, {}, "https://shop.example.com/?token=old%20" + SECRET))


def _read(document: Any, at: float = 5.0) -> list[Any]:
    return parse_events(
        WebhookRequest(json.dumps(document).encode(), {"content-type": "application/json"}, received_at=at)
    )


DOCUMENTS = ["infobip_sms", "infobip_email", "infobip_whatsapp", "infobip_messages"]


@pytest.mark.parametrize("document", DOCUMENTS)
@given(data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_every_webhook_of_the_specification_is_read(document: str, data: Any) -> None:
    schemas = specification(document).webhooks()
    name = data.draw(st.sampled_from(sorted(schemas)))
    body = data.draw(specification(document).samples(schemas[name]))
    told = _read(body)
    for event in told:
        assert len(event.key) == 32
        assert event.occurred_at == event.occurred_at
        repr(event)


@given(
    st.binary(max_size=80),
    st.sampled_from(["application/json", "multipart/form-data; boundary=x", "\xff", ""]),
)
def test_whatever_a_proved_call_holds_it_is_kept(body: bytes, content_type: str) -> None:
    for event in parse_events(WebhookRequest(body, {"content-type": content_type})):
        assert event.provider == "infobip"


STATUS = {"groupId": 3, "groupName": "DELIVERED", "id": 5, "name": "DELIVERED_TO_HANDSET", "description": ""}
NO_ERROR = {
    "groupId": 0,
    "groupName": "Ok",
    "id": 0,
    "name": "NO_ERROR",
    "description": "",
    "permanent": False,
}
REPORT = {
    "bulkId": "b",
    "messageId": "id-1",
    "to": "447700900123",
    "sentAt": "2026-07-01T12:00:00.000+0000",
    "doneAt": "2026-07-01T12:00:05.000+0000",
    "status": STATUS,
    "error": NO_ERROR,
}


def test_a_delivery_report_becomes_a_status_of_our_message() -> None:
    (event,) = _read({"results": [REPORT]})
    assert isinstance(event, StatusChanged)
    assert (event.message_id, event.status.id, event.occurred_at, event.detail) == (
        "id-1",
        5,
        1782907205.0,
        "",
    )


def test_reports_come_in_any_order_and_number_and_tell_the_same() -> None:
    pending = {
        **REPORT,
        "status": {"groupId": 1, "groupName": "PENDING", "id": 7, "name": "X", "description": ""},
    }
    told = _read({"results": [REPORT, pending, REPORT]})
    assert len({event.key for event in told}) == 2
    assert merge(*(event.status for event in told)).id == 5
    assert merge(*(event.status for event in reversed(told))).id == 5


def test_unknown_fields_and_words_of_a_report_are_kept() -> None:
    odd = {
        **REPORT,
        "status": {**STATUS, "groupName": "Delivered!", "id": 4711, "name": "NEW"},
        "tomorrow": 1,
    }
    (event,) = _read({"results": [odd]})
    assert (event.status.id, event.status.group_name, event.status.name) == (4711, "Delivered!", "NEW")
    assert event.raw == odd


@pytest.mark.parametrize(
    ("number", "group", "channel", "to"),
    [
        (603, 2, "sms", "447700900123"),
        (7003, 1, "whatsapp", "447700900123"),
        (6003, 1, "email", "zoe@example.com"),
    ],
)
def test_an_error_by_which_a_person_opts_out_is_told_as_such(
    number: int, group: int, channel: str, to: str
) -> None:
    failed = {**REPORT, "to": to, "error": {"groupId": group, "id": number, "name": "EC", "permanent": True}}
    changed, opted_out = _read({"results": [failed]})
    assert changed.detail == f"{group}/{number} EC"
    assert isinstance(opted_out, OptedOut)
    assert (opted_out.channel, opted_out.address.plain, opted_out.reason) == (channel, to, f"error {number}")


def test_a_seen_report_becomes_an_event_beside_the_status() -> None:
    (event,) = _read(
        {
            "results": [
                {"messageId": "id-1", "from": "447700900123", "to": "1", "seenAt": "2026-07-01T12:00:00Z"}
            ]
        }
    )
    assert isinstance(event, EngagementReceived)
    assert (event.engagement_type, event.message_id) == (EngagementType.READ, "id-1")


def test_an_inbound_sms_becomes_a_message() -> None:
    (event,) = _read(
        {
            "results": [
                {
                    "messageId": "in-1",
                    "from": "447700900123",
                    "to": "447700900000",
                    "text": "STOP please",
                    "cleanText": "please",
                    "keyword": "STOP",
                    "receivedAt": "2026-07-01T12:00:00.000+0000",
                    "smsCount": 1,
                }
            ],
            "messageCount": 1,
        }
    )
    assert isinstance(event, MessageReceived)
    assert (event.channel, event.sender, event.to, event.text) == (
        "sms",
        PhoneNumber("447700900123"),
        "447700900000",
        "STOP please",
    )


def _mms(message: object, **more: object) -> MessageReceived:
    record = {
        "from": "447700900123",
        "to": "447700900000",
        "receivedAt": "2026-07-01T12:00:00.000+0000",
        "messageId": "in-1",
        "pairedMessageId": None,
        "message": message,
    }
    (event,) = _read({"results": [record | more], "messageCount": 1})
    assert isinstance(event, MessageReceived)
    assert (event.channel, event.provider_id) == ("mms", "in-1")
    return event


@pytest.mark.parametrize(
    ("message", "text", "kind", "urls"),
    [
        (
            [
                {"contentType": "image/jpeg", "url": "https://media.example.com/1"},
                {"contentType": "text/plain", "value": "STOP"},
            ],
            "STOP",
            "image",
            ["https://media.example.com/1"],
        ),
        ([{"contentType": "Text/Plain; charset=utf-8", "value": "STOP"}], "STOP", "text", []),
        (
            [
                {"contentType": "application/smil", "value": "<smil/>"},
                {"contentType": "text/plain", "value": "Hello"},
                {"contentType": "text/plain", "value": "Zoe"},
            ],
            "Hello\nZoe",
            "text",
            [],
        ),
        (
            [{"contentType": "text/x-vcard", "url": "https://media.example.com/2"}, None, 5],
            None,
            "document",
            ["https://media.example.com/2"],
        ),
        ("STOP", "STOP", "text", []),
        ([], None, "text", []),
    ],
)
def test_an_inbound_mms_becomes_a_message_with_the_text_of_its_parts(
    message: object, text: str | None, kind: str, urls: list[str]
) -> None:
    event = _mms(message)
    assert (event.text, event.kind, [one.url for one in event.media]) == (text, kind, urls)


def test_an_inbound_mms_tells_which_message_it_answers_and_needs_a_sender() -> None:
    assert _mms("yes", pairedMessageId="ours-1").reply_to == "ours-1"
    (event,) = _read({"results": [{"from": None, "message": [], "receivedAt": "2026-07-01T12:00:00Z"}]})
    assert isinstance(event, UnknownEvent)


CHAT = {
    "from": "447700900123",
    "to": "447700900000",
    "integrationType": "WHATSAPP",
    "receivedAt": "2026-07-01T12:00:00.000+0000",
    "messageId": "in-1",
    "price": {},
    "contact": {"name": "Zoe"},
}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            {"type": "TEXT", "text": "Hi", "context": {"id": "out-1"}},
            {"kind": "text", "text": "Hi", "reply_to": "out-1"},
        ),
        (
            {"type": "LOCATION", "latitude": 51, "longitude": -0.1, "url": "https://x.example"},
            {"kind": "location", "location": (51.0, -0.1), "media": ()},
        ),
        ({"type": "VOICE", "url": "https://media.example.com/1"}, {"kind": "audio"}),
        (
            {"type": "IMAGE", "url": "https://media.example.com/1", "caption": "Look"},
            {"kind": "image", "text": "Look"},
        ),
        (
            {"type": "BUTTON", "text": "Yes", "payload": "p"},
            {"kind": "button", "text": "Yes", "payload": "p"},
        ),
        (
            {"type": "INTERACTIVE_BUTTON_REPLY", "id": "b1", "title": "Yes"},
            {"kind": "button", "payload": "b1", "text": "Yes"},
        ),
        ({"type": "INTERACTIVE_LIST_REPLY", "id": "r1", "title": "Row"}, {"kind": "list", "payload": "r1"}),
        (
            {"type": "INTERACTIVE_FLOW_REPLY", "text": "Sent", "response": {"a": 1}},
            {"kind": "flow", "payload": '{"a":1}'},
        ),
        (
            {"type": "REACTION", "emoji": "👍", "context": {"id": "out-1"}},
            {"kind": "reaction", "payload": "👍", "reply_to": "out-1"},
        ),
        ({"type": "ORDER", "catalogId": "c", "productItems": []}, {"kind": "order"}),
        ({"type": "INFECTED_CONTENT"}, {"kind": "unknown"}),
        ({"type": "HOLOGRAM"}, {"kind": "unknown"}),
    ],
)
def test_an_inbound_whatsapp_message_of_every_kind_becomes_a_message(
    content: Any, expected: dict[str, Any]
) -> None:
    (event,) = _read({"results": [{**CHAT, "message": content}]})
    assert isinstance(event, MessageReceived)
    assert (event.channel, event.name, event.sender.plain) == ("whatsapp", "Zoe", "447700900123")
    assert {name: getattr(event, name) for name in expected} == expected
    assert event.raw["message"] == content
    if "media.example.com" in str(content):
        assert event.media[0].url == "https://media.example.com/1"


def test_who_has_no_number_on_whatsapp_is_known_by_the_id_that_infobip_gives() -> None:
    (event,) = _read(
        {
            "results": [
                {
                    **CHAT,
                    "from": "",
                    "contact": {"userId": "US.13491"},
                    "message": {"type": "TEXT", "text": "Hi"},
                }
            ]
        }
    )
    assert isinstance(event.sender, WhatsAppUserId)
    assert event.sender.plain == "US.13491"
    assert "13491" not in f"{event!r} {event.sender}"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("OPENED", EngagementType.OPENED),
        ("CLICKED", EngagementType.CLICKED),
        ("COMPLAINED", "complaint"),
        ("UNSUBSCRIBED", "unsubscribed"),
    ],
)
def test_what_a_reader_does_with_a_mail_is_told(kind: str, expected: str) -> None:
    (event,) = _read(
        {
            "notificationType": kind,
            "eventId": "e-1",
            "recipient": "zoe@example.com",
            "messageId": "id-1",
            "sendDateTime": 1782907205000,
            "url": "https://shop.example.com",
        }
    )
    assert event.occurred_at == 1782907205.0
    if isinstance(event, OptedOut):
        assert (event.address, event.reason) == (EmailAddress("zoe", "example.com"), expected)
    else:
        assert (event.engagement_type, event.event_id, event.message_id) == (expected, "e-1", "id-1")
        assert event.url == ("https://shop.example.com" if kind == "CLICKED" else None)


def test_a_late_bounce_is_a_status_that_outweighs_the_delivery_of_a_mail() -> None:
    (bounced,) = _read({"notificationType": "LATE_BOUNCE", "eventId": "e-2", "messageId": "id-1"})
    (delivered,) = _read({"results": [REPORT]})
    assert (bounced.status.group_id, bounced.detail) == (2, "late bounce")
    assert (
        merge(bounced.status, delivered.status) == merge(delivered.status, bounced.status) == bounced.status
    )


@pytest.mark.parametrize(("word", "kind"), [("stop", OptedOut), ("RESUME", OptedIn), ("maybe", UnknownEvent)])
def test_a_choice_about_marketing_messages_is_told(word: str, kind: type) -> None:
    (event,) = _read(
        {
            "from": "447700900123",
            "content": {"notificationMessagesStatus": word, "from": "447700900123"},
            "createdAt": "2026-07-01T12:00:00Z",
        }
    )
    assert type(event) is kind
    assert getattr(event, "about", "marketing") == "marketing"


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        (
            {"eventId": "e", "createdAt": 1, "eventDetails": {"type": "HIGH_BOUNCE_RATE_BLOCKED"}},
            "HIGH_BOUNCE_RATE_BLOCKED",
        ),
        ({"messageTemplateId": "1", "change": {"type": "TEMPLATE_STATUS_UPDATE"}}, "TEMPLATE_STATUS_UPDATE"),
        ({"results": [{"event": "TYPING_STARTED"}]}, "TYPING_STARTED"),
        ({"notificationType": "DANCED"}, "DANCED"),
        ([1], ""),
    ],
)
def test_what_is_not_known_is_kept_as_it_came(document: Any, kind: str) -> None:
    (event,) = _read(document)
    assert isinstance(event, UnknownEvent)
    assert event.kind == kind


def test_an_inbound_mail_is_read_from_its_form() -> None:
    fields = {
        "id": "m-1",
        "from": "Zoe <zoe@example.com>",
        "to": "shop@example.com",
        "subject": "Grüße",
        "text": "Hi\r\nthere",
        "html": "<b>Hi</b>",
    }
    parts = [
        f'--x\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    parts.append(
        b'--x\r\ncontent-disposition: form-data; name="attachment1"; filename="a.pdf"\r\ncontent-type: application/pdf\r\n\r\n\x00\x01PDF\r\n--x--\r\n'
    )
    call = WebhookRequest(
        b"".join(parts), {"content-type": "multipart/form-data; boundary=x"}, received_at=7.0
    )
    (event,) = parse_events(call)
    assert (event.kind, event.sender.plain, event.to, event.subject, event.html) == (
        "mail",
        "zoe@example.com",
        "shop@example.com",
        "Grüße",
        "<b>Hi</b>",
    )
    assert (event.provider_id, event.occurred_at, event.text) == ("m-1", 7.0, "Hi\r\nthere")
    assert [(one.filename, one.content_type, one.content) for one in event.media] == [
        ("a.pdf", "application/pdf", b"\x00\x01PDF")
    ]


def test_digests_are_those_of_the_standard_library() -> None:
    for name in HASH_NAMES.values():
        assert name in hashlib.algorithms_guaranteed
