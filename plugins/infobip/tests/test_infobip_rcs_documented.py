"""Every answer, report and webhook that Infobip documents for RCS, and what is read of it.

The tables are written from the documents. Where the official specification is at hand it says that no webhook, field or word is missing from them, and that
what stands here is what it allows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from specifications import specification

from messaging_channels import SqliteLedger, WebhookRequest
from messaging_channels.errors import InvalidMessage
from messaging_channels.events import (
    AccountUpdated,
    EngagementReceived,
    EngagementType,
    Event,
    MessageReceived,
    OptedOut,
    StatusChanged,
    TemplateUpdated,
    UnknownEvent,
)
from messaging_channels.plugins import (
    AttemptResult,
    CurrentTime,
    Envelope,
    Exchange,
    FailureReason,
    Flow,
    HttpRequest,
    HttpResponse,
    Outcome,
    PhoneNumber,
    Reason,
    StatusGroup,
)
from messaging_channels_infobip import Infobip, InfobipApiError
from messaging_channels_infobip.emulator import InfobipEmulator
from messaging_channels_rcs import (
    CardMedia,
    RcsCapability,
    RcsCard,
    RcsCarousel,
    RcsText,
    RichCard,
    SmsFallback,
)

TO, AGENT = PhoneNumber("447700900123"), "AcmeAgent"
AT, DONE = "2026-09-21T14:12:00.000+0000", datetime(2026, 9, 21, 14, 12, tzinfo=UTC).timestamp()
NO_ERROR = {
    "groupId": 0,
    "groupName": "OK",
    "id": 0,
    "name": "NO_ERROR",
    "description": "",
    "permanent": False,
}

_HI = RcsText("hi")


def _infobip(**more: Any) -> Infobip:
    given = {"base_url": "xyz.api.infobip.com", "api_key": "k", "rcs_sender": AGENT, "webhook_token": "t"}
    return Infobip(**given | more)


def _run(flow: Flow[Any], *answers: HttpResponse) -> Any:
    """Run a flow: the requests are answered in their order."""
    left = list(answers)
    give: Any = None
    while True:
        try:
            asked: Exchange[Any] = flow.send(give)
        except StopIteration as end:
            assert not left
            return end.value
        give = DONE if isinstance(asked, CurrentTime) else left.pop(0)


def _answer(told: object, status: int = 200) -> HttpResponse:
    return HttpResponse(status, {"content-type": "application/json"}, json.dumps(told).encode())


def _envelopes(count: int = 1, message: Any = _HI) -> list[Envelope]:
    return [
        Envelope(f"{number:032}", "rcs", message, PhoneNumber(f"44770090{number:04}"))
        for number in range(count)
    ]


def _sent(*answers: HttpResponse, count: int = 1, **settings: Any) -> Sequence[AttemptResult]:
    return list(_run(_infobip(**settings).send(_envelopes(count)), *answers))


def _status(group: int, number: int, name: str = "X") -> dict[str, Any]:
    groups = ("ACCEPTED", "PENDING", "UNDELIVERABLE", "DELIVERED", "EXPIRED", "REJECTED")
    return {"groupId": group, "groupName": groups[group], "id": number, "name": name, "description": "x"}


def _element(place: int, group: int, number: int) -> dict[str, Any]:
    return {
        "messageId": f"{place:032}",
        "status": _status(group, number),
        "destination": f"44770090{place:04}",
    }


# --- the answer to a send

ANSWERED: Mapping[tuple[int, int], Reason] = {
    (1, 3): Reason.ACCEPTED,
    (1, 7): Reason.ACCEPTED,
    (1, 26): Reason.ACCEPTED,
    (2, 4): Reason.RECIPIENT,
    (2, 9): Reason.RECIPIENT,
    (2, 31): Reason.NO_COVERAGE,
    (3, 2): Reason.ACCEPTED,
    (3, 5): Reason.ACCEPTED,
    (4, 15): Reason.INVALID,
    (4, 29): Reason.UNREADABLE_RESPONSE,
    (4, 87): Reason.POLICY,
    (5, 6): Reason.NO_COVERAGE,
    (5, 8): Reason.RECIPIENT,
    (5, 10): Reason.RECIPIENT,
    (5, 11): Reason.POLICY,
    (5, 12): Reason.INSUFFICIENT_CREDIT,
    (5, 13): Reason.POLICY,
    (5, 14): Reason.RECIPIENT,
    (5, 17): Reason.INSUFFICIENT_CREDIT,
    (5, 18): Reason.NO_COVERAGE,
    (5, 19): Reason.NO_COVERAGE,
    (5, 20): Reason.POLICY,
    (5, 21): Reason.NO_COVERAGE,
    (5, 23): Reason.DUPLICATE,
    (5, 24): Reason.INVALID,
    (5, 25): Reason.INVALID,
    (5, 51): Reason.RECIPIENT,
    (5, 52): Reason.RECIPIENT,
    (5, 87): Reason.POLICY,
    (5, 100): Reason.NO_COVERAGE,
    (1, 9999): Reason.ACCEPTED,
    (5, 9999): Reason.INVALID,
}
"""By group and id; the last two are of tomorrow."""


@pytest.mark.parametrize(("key", "reason"), ANSWERED.items(), ids=str)
def test_every_status_in_the_answer_to_a_send_is_read(key: tuple[int, int], reason: Reason) -> None:
    (result,) = _sent(_answer({"bulkId": "b", "messages": [_element(0, *key)]}))

    assert result.reason is reason
    assert result.provider_id == f"{0:032}"
    if reason not in (Reason.ACCEPTED, Reason.DUPLICATE):
        assert (result.status.group_id, result.status.id) == key


def test_a_batch_that_is_taken_in_part_is_told_message_by_message_whatever_their_order() -> None:
    told = [_element(2, 5, 52), _element(0, 1, 26), _element(3, 5, 23)]
    results = _sent(_answer({"bulkId": "b", "messages": told}), count=4)

    assert [one.reason for one in results] == [
        Reason.ACCEPTED,
        Reason.UNREADABLE_RESPONSE,  # not in the answer: it may have been sent
        Reason.RECIPIENT,
        Reason.DUPLICATE,
    ]
    assert [one.outcome for one in results] == [
        Outcome.ACCEPTED,
        Outcome.UNKNOWN,
        Outcome.REJECTED,
        Outcome.ACCEPTED,
    ]


def _new(code: str) -> dict[str, Any]:
    return {
        "errorCode": code,
        "description": "Request cannot be processed.",
        "action": "Check the request.",
        "violations": [{"property": "messages[0].content.text", "violation": "must not be blank"}],
        "resources": [],
    }


def _old(code: str) -> dict[str, Any]:
    return {"requestError": {"serviceException": {"messageId": code, "text": "Bad request"}}}


@pytest.mark.parametrize(
    ("status", "told", "reason", "outcome"),
    [
        (400, _new("E400"), Reason.INVALID, Outcome.REJECTED),
        (400, _old("BAD_REQUEST"), Reason.INVALID, Outcome.REJECTED),
        (401, _new("E401"), Reason.CREDENTIALS, Outcome.NOT_SENT),
        (401, _old("UNAUTHORIZED"), Reason.CREDENTIALS, Outcome.NOT_SENT),
        (403, _new("E403"), Reason.CREDENTIALS, Outcome.NOT_SENT),
        (403, _old("FORBIDDEN"), Reason.CREDENTIALS, Outcome.NOT_SENT),
        (429, _new("E429"), Reason.THROTTLED, Outcome.NOT_SENT),
        (500, _new("E500"), Reason.SERVER_ERROR, Outcome.UNKNOWN),
        (500, _old("GENERAL_ERROR"), Reason.SERVER_ERROR, Outcome.UNKNOWN),
    ],
)
def test_every_refusal_of_a_request_is_read_in_both_envelopes(
    status: int, told: object, reason: Reason, outcome: Outcome
) -> None:
    results = _sent(_answer(told, status), count=2)

    assert [(one.reason, one.outcome) for one in results] == [(reason, outcome)] * 2


def test_no_answer_of_the_specification_is_missing() -> None:
    answers = specification("infobip_rcs").operation("POST", "/rcs/2/messages")["responses"]

    assert set(answers) == {"200", "400", "401", "403", "500"}


# --- reports


def _report(**more: Any) -> dict[str, Any]:
    return {
        "bulkId": "b",
        "messageId": "m-1",
        "to": "447700900123",
        "sender": AGENT,
        "sentAt": AT,
        "doneAt": AT,
        "messageCount": 1,
        "mccMnc": "23410",
        "callbackData": "ref-9",
        "price": {"trafficType": "BASIC", "pricePerMessage": 0.01, "currency": "EUR"},
        "status": _status(3, 5),
        "error": NO_ERROR,
        "interactionType": "BASIC_MESSAGE",
        "conversation": {"canInitiate": True, "id": "c-1"},
        "platform": {"entityId": "e", "applicationId": "a"},
        "campaignReferenceId": "spring",
        **more,
    }


def _error(number: int, *, permanent: bool = True) -> dict[str, Any]:
    return {
        "groupId": 1,
        "groupName": "HANDSET_ERRORS",
        "id": number,
        "name": "EC_X",
        "description": "Words",
        "permanent": permanent,
    }


def _heard(*records: object) -> list[Event]:
    body = json.dumps({"results": list(records)}).encode()
    return list(_infobip().handle_webhook(WebhookRequest(body, url="https://app.example/h?token=t")).events)


def _changed(**more: Any) -> StatusChanged:
    event = _heard(_report(**more))[0]
    assert isinstance(event, StatusChanged)
    assert (event.message_id, event.provider_id, event.occurred_at) == ("m-1", "m-1", DONE)
    return event


@pytest.mark.parametrize("key", [key for key in ANSWERED if key[1] != 9999], ids=str)
def test_every_status_of_a_report_keeps_its_group_and_id(key: tuple[int, int]) -> None:
    changed = _changed(status=_status(*key))

    assert (changed.status.group_id, changed.status.id, changed.channel) == (*key, "rcs")
    assert (changed.failure is None) == (key[0] in (1, 3))


FAILURES: Mapping[FailureReason, Sequence[int]] = {
    FailureReason.NOT_ON_CHANNEL: (7002,),
    FailureReason.BLOCKED_BY_RECIPIENT: (7003,),
    FailureReason.SENDER_NOT_REGISTERED: (7001, 7034, 7084),
    FailureReason.ACCOUNT_BLOCKED: (7004, 7005, 7011, 7012, 7038, 7083, 7281),
    FailureReason.MALFORMED: (7006, 7023),
    FailureReason.CONTENT_REFUSED: (7007, 7027),
    FailureReason.TEMPLATE_PARAMETERS: (7008, 7018),
    FailureReason.TEMPLATE_UNAVAILABLE: (7009, 7031, 7036, 7037),
    FailureReason.OUTSIDE_WINDOW: (7010,),
    FailureReason.MEDIA_PROBLEM: (7013, 7014, 7015, 7022),
    FailureReason.SPAM_FILTERED: (7016,),
    FailureReason.THROTTLED: (7017,),
    FailureReason.NO_CREDIT: (7019,),
    FailureReason.NOT_CAPABLE: (7020, 7025, 7102, 7201),
    FailureReason.SENDER_REFUSED: (7021,),
    FailureReason.FREQUENCY_CAPPED: (7024, 7026, 7032, 7035),
    FailureReason.IDENTITY_CHANGED: (7029,),
    FailureReason.OPTED_OUT: (7030, 7033),
    FailureReason.PROVIDER_ERROR: (7050, 7051, 7080, 7082),
    FailureReason.NO_RECEIPT: (7052,),
    FailureReason.NO_ROUTE: (7081,),
    FailureReason.DUPLICATE: (7280,),
}
"""Every error of chat channels."""


@pytest.mark.parametrize(
    ("number", "failure"),
    [(number, failure) for failure, numbers in FAILURES.items() for number in numbers],
    ids=str,
)
def test_every_error_of_a_report_says_why(number: int, failure: FailureReason) -> None:
    for more in ({}, {"channel": "RCS"}):
        changed = _changed(status=_status(2, 4), error=_error(number), **more)

        assert (changed.failure, changed.vendor_code, changed.channel) == (failure, str(number), "rcs")
        assert changed.status.group is StatusGroup.UNDELIVERABLE


@pytest.mark.parametrize("number", [7003, 7033])
def test_who_blocked_the_sender_or_turned_marketing_off_has_opted_out_of_rcs(number: int) -> None:
    _, out = _heard(_report(status=_status(2, 4), error=_error(number)))

    assert isinstance(out, OptedOut)
    assert (out.channel, out.address, out.category) == ("rcs", TO, "marketing" if number == 7033 else "")


STEPS: Sequence[tuple[dict[str, Any], dict[str, Any]]] = (
    (
        {"status": _status(1, 7), "error": _error(7002), "channel": "RCS"},
        {"channel": "rcs", "group": StatusGroup.PENDING, "failure": FailureReason.NOT_ON_CHANNEL},
    ),
    (
        {"status": _status(3, 5), "error": NO_ERROR, "channel": "RCS"},
        {"channel": "rcs", "group": StatusGroup.DELIVERED, "failure": None},
    ),
    (
        {"status": _status(3, 5), "error": NO_ERROR, "channel": "SMS", "sender": "Acme"},
        {"channel": "sms", "group": StatusGroup.DELIVERED, "failure": None},
    ),
    (
        {"status": _status(2, 9), "error": _error(27), "channel": "SMS", "sender": "Acme"},
        {"channel": "sms", "group": StatusGroup.UNDELIVERABLE, "failure": FailureReason.UNREACHABLE},
    ),
    (
        {"status": _status(3, 5), "error": NO_ERROR, "channel": "MMS", "sender": "Acme"},
        {"channel": "mms", "group": StatusGroup.DELIVERED, "failure": None},
    ),
    (
        {"status": _status(5, 77), "error": _error(15022), "channel": "MMS", "sender": "Acme"},
        {"channel": "mms", "group": StatusGroup.REJECTED, "failure": FailureReason.TOO_LARGE},
    ),
    (
        {"status": _status(4, 15), "error": _error(4101), "channel": "SMS", "sender": "Acme"},
        {"channel": "sms", "group": StatusGroup.EXPIRED, "failure": FailureReason.EXPIRED},
    ),
)
"""The steps of a failover; none but these name a channel."""


@pytest.mark.parametrize(("told", "expected"), STEPS)
def test_every_step_of_a_failover_is_told_with_its_channel(
    told: dict[str, Any], expected: dict[str, Any]
) -> None:
    changed = _changed(**told)

    assert {
        "channel": changed.channel,
        "group": changed.status.group,
        "failure": changed.failure,
    } == expected


def _enumeration(name: str, document: str = "infobip_rcs") -> list[str]:
    schemas = specification(document).document["components"]["schemas"]
    (found,) = (one for key, one in schemas.items() if key.rpartition(".")[2] == name)
    return list(dict.fromkeys(found["enum"]))


def test_how_a_message_is_charged_changes_nothing_of_its_report() -> None:
    for kind in _enumeration("RcsMessageInteractionType"):
        for traffic in _enumeration("RcsDlrTrafficType"):
            changed = _changed(interactionType=kind, price={"trafficType": traffic})

            assert (changed.status.name, changed.channel, changed.failure) == ("X", "rcs", None)


# --- webhooks


def _inbound(message: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "sender": "447700900123",
        "to": AGENT,
        "integrationType": "RCS",
        "receivedAt": AT,
        "interactionType": "BASIC_MESSAGE",
        "rcsCount": 1,
        "keyword": "YES",
        "messageId": "in-1",
        "pairedMessageId": "m-1",
        "callbackData": "ref-9",
        "message": message,
        "price": {"trafficType": "BASIC", "pricePerMessage": 0.01, "currency": "EUR"},
        "conversation": {"canInitiate": True, "id": "c-1"},
        "platform": {"entityId": "e", "applicationId": "a"},
        **more,
    }


_OF_INBOUND = {
    "channel": "rcs",
    "provider_id": "in-1",
    "sender": TO,
    "to": AGENT,
    "reply_to": "m-1",
    "occurred_at": DONE,
}
_TAP = {"type": "SUGGESTION", "text": "Yes", "postbackData": "ok-1"}
_TAPPED = {**_OF_INBOUND, "kind": "button", "text": "Yes", "payload": "ok-1"}
_FILE = {
    "type": "FILE",
    "url": "https://f.example/a",
    "name": "a.pdf",
    "contentType": "application/pdf",
    "size": 9,
}
_SENDER = {"senderName": AGENT, "updatedAt": AT, "platform": {"entityId": "e", "applicationId": "a"}}
_OF_SENDER = {"account_id": AGENT, "occurred_at": DONE}

WEBHOOKS: Mapping[str, Sequence[tuple[dict[str, Any], type, dict[str, Any]]]] = {
    "receive-inbound-rcs-messages": (
        (
            _inbound({"type": "TEXT", "text": "Hello"}),
            MessageReceived,
            {**_OF_INBOUND, "kind": "text", "text": "Hello"},
        ),
        (_inbound(_TAP), MessageReceived, _TAPPED),
        (
            _inbound({"type": "LOCATION", "latitude": 51.5, "longitude": -0.125}),
            MessageReceived,
            {**_OF_INBOUND, "kind": "location", "location": (51.5, -0.125)},
        ),
        *(
            (
                _inbound({**_FILE, "contentType": content_type}),
                MessageReceived,
                {**_OF_INBOUND, "kind": kind, "text": None},
            )
            for content_type, kind in (
                ("application/pdf", "document"),
                ("image/jpeg", "image"),
                ("video/mp4", "video"),
                ("audio/mpeg", "audio"),
                ("text/vcard", "document"),
            )
        ),
    ),
    "inbound-events-receive-inbound-rcs-events": (
        (
            {
                name: one
                for name, one in _inbound(_TAP, interactionType="EVENT").items()
                if name != "rcsCount"
            },
            MessageReceived,
            _TAPPED,
        ),
    ),
    "receive-rcs-typing-indicator-events": (
        (
            {"sender": "447700900123", "to": AGENT, "receivedAt": AT, "event": {"type": "TYPING_INDICATOR"}},
            UnknownEvent,
            {"kind": "TYPING_INDICATOR", "occurred_at": DONE},
        ),
    ),
    "receive-outbound-rcs-message-delivery-reports": (
        (_report(), StatusChanged, {"message_id": "m-1", "channel": "rcs", "failure": None}),
        (_report(channel="SMS"), StatusChanged, {"message_id": "m-1", "channel": "sms"}),
    ),
    "receive-rcs-seen-reports": (
        (
            {
                "messageId": "m-1",
                "from": "447700900123",
                "to": AGENT,
                "sentAt": "2026-09-21T14:11:00.000+0000",
                "seenAt": AT,
                "applicationId": "a",
                "entityId": "e",
                "campaignReferenceId": "spring",
            },
            EngagementReceived,
            {"message_id": "m-1", "engagement_type": EngagementType.READ, "occurred_at": DONE},
        ),
    ),
    "receive-rcs-conversation-started-events": tuple(
        (
            {
                "messageId": "m-1",
                "trafficType": traffic,
                "event": {"type": "CONVERSATION_STARTED"},
                "conversation": {"type": kind, "id": "c-1", "startTime": AT, "endTime": AT},
                "platform": {},
            },
            UnknownEvent,
            {"kind": "CONVERSATION_STARTED"},
        )
        for traffic in ("A2P_CONVERSATION", "INTERACTIVE_SESSION")
        for kind in ("A2P", "P2A", "INTERACTIVE_SESSION")
    ),
    "receive-rcs-sender-update-events": tuple(
        (
            {**_SENDER, "event": "SENDER_UPDATE", "senderStatus": state, "googleAgentId": "g"},
            AccountUpdated,
            {**_OF_SENDER, "kind": "SENDER_UPDATE", "change": state},
        )
        for state in ("DRAFT", "PENDING", "READY_FOR_TESTING", "PENDING_LAUNCH", "SENDER_UPDATE_REQUIRED")
    ),
    "receive-rcs-sender-launch-update-events": tuple(
        (
            {
                **_SENDER,
                "event": "LAUNCH_UPDATE",
                "senderStatus": state,
                "coverage": [
                    {"countryCode": "GB", "providers": [{"name": "One", "status": one, "updatedAt": AT}]}
                    for one in ("PENDING", "IN_PROGRESS", "COMPLETED", "REJECTED", "NOT_REQUESTED")
                ],
            },
            AccountUpdated,
            {**_OF_SENDER, "kind": "LAUNCH_UPDATE", "change": state},
        )
        for state in ("LAUNCHED_IN_PROGRESS", "LAUNCHED_PARTIAL_SUCCESS", "LAUNCHED")
    ),
    "receive-rcs-test-number-update-events": tuple(
        (
            {
                **_SENDER,
                "event": "TEST_NUMBER_UPDATE",
                "senderStatus": "READY_FOR_TESTING",
                "testNumber": "447700900123",
                "testNumberStatus": state,
                "completedAt": AT,
            },
            AccountUpdated,
            {**_OF_SENDER, "kind": "TEST_NUMBER_UPDATE", "change": state},
        )
        for state in (
            "PENDING",
            "WAITING_FOR_TESTER_ACCEPTANCE",
            "APPROVED",
            "EXPIRED",
            "UNSUPPORTED",
            "FAILED",
        )
    ),
}
"""By the name of the webhook in the specification: one record of it, and what is read."""
ALONE: Mapping[str, Sequence[tuple[dict[str, Any], type, dict[str, Any]]]] = {
    "receive-capability-check-result": tuple(
        (
            {
                "capabilityCheckResult": {
                    "bulkId": "b",
                    "messageId": "c-1",
                    "phoneNumber": "447700900123",
                    "code": code,
                },
                "options": {"platform": {}},
            },
            UnknownEvent,
            {"kind": "capabilityCheckResult", "event_id": "b/c-1"},
        )
        for code in ("ENABLED", "UNREACHABLE")
    ),
    "receive-rcs-message-template-update-events": tuple(
        (
            {"name": "welcome", "templateStatus": state, "comment": "Words", "updatedAt": AT},
            TemplateUpdated,
            {
                "name": "welcome",
                "template_id": "welcome",
                "change": state,
                "reason": "Words",
                "occurred_at": DONE,
            },
        )
        for state in ("PENDING", "APPROVED", "REJECTED")
    ),
}
"""The webhooks that are one object, and not a list of records."""
CASES = [(name, *one) for name, several in (*WEBHOOKS.items(), *ALONE.items()) for one in several]


@pytest.mark.parametrize(("name", "told", "kind", "expected"), CASES)
def test_every_webhook_is_read(name: str, told: dict[str, Any], kind: type, expected: dict[str, Any]) -> None:
    body = told if name in ALONE else {"results": [told]}
    request = WebhookRequest(json.dumps(body).encode(), url="https://app.example/h?token=t", received_at=5.0)
    (event,) = _infobip().handle_webhook(request).events

    assert type(event) is kind
    assert {field: getattr(event, field) for field in expected} == expected
    (again,) = _infobip().handle_webhook(request).events
    assert again.key == event.key


def test_the_table_has_every_webhook_of_the_specification_as_it_is_there() -> None:
    document = specification("infobip_rcs")
    schemas = document.webhooks()

    assert set(schemas) == {*WEBHOOKS, *ALONE}
    for name, told, *_ in CASES:
        several = {"eventCount": 1, "pendingEventCount": 0, "messageCount": 1, "pendingMessageCount": 0}
        known = document.resolved(schemas[name])["properties"]
        around = {field: count for field, count in several.items() if field in known}
        document.check(schemas[name], told if name in ALONE else {"results": [told], **around})


@pytest.mark.parametrize(
    ("enumeration", "shown"),
    [
        ("RcsSenderStatus", {one["senderStatus"] for _, one, *_ in CASES if "senderStatus" in one}),
        (
            "RcsTestDeviceStatus",
            {one["testNumberStatus"] for _, one, *_ in CASES if "testNumberStatus" in one},
        ),
        ("TemplateStatus", {one["templateStatus"] for _, one, *_ in CASES if "templateStatus" in one}),
        ("RcsInboundContentType", {"TEXT", "FILE", "LOCATION", "SUGGESTION"}),
        ("RcsInboundEventContentType", {"SUGGESTION"}),
        ("RcsIsTypingEventType", {"TYPING_INDICATOR"}),
        ("RcsConversationStartedEventType", {"CONVERSATION_STARTED"}),
        ("RcsConversationType", {"A2P", "P2A", "INTERACTIVE_SESSION"}),
        (
            "MessageGeneralStatus",
            {"ACCEPTED", "PENDING", "UNDELIVERABLE", "DELIVERED", "EXPIRED", "REJECTED"},
        ),
    ],
)
def test_the_table_has_every_word_of_the_specification(enumeration: str, shown: set[str]) -> None:
    assert set(_enumeration(enumeration)) == shown


# --- the same by the unified interface


UNIFIED: Mapping[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "TEXT": ({"text": "Hi", "cleanText": "Hi"}, {"kind": "text", "text": "Hi"}),
    "SUBJECT": ({"text": "Hi", "cleanText": "Hi"}, {"kind": "text", "text": "Hi"}),
    "IMAGE": ({"url": "https://f.example/a", "text": "Look"}, {"kind": "image", "text": "Look"}),
    "AUDIO": ({"url": "https://f.example/a"}, {"kind": "audio", "text": None}),
    "VIDEO": ({"url": "https://f.example/a"}, {"kind": "video"}),
    "DOCUMENT": ({"url": "https://f.example/a"}, {"kind": "document"}),
    "FILE": ({"url": "https://f.example/a"}, {"kind": "document"}),
    "URL": ({"url": "https://f.example/a"}, {"kind": "text", "text": "https://f.example/a", "media": ()}),
    "BUTTON_REPLY": (
        {"text": "Yes", "payload": "ok-1"},
        {"kind": "button", "text": "Yes", "payload": "ok-1"},
    ),
    "LIST_REPLY": ({"text": "Two", "id": "row-2"}, {"kind": "list", "text": "Two", "payload": "row-2"}),
    "LOCATION": ({"latitude": 51.5, "longitude": -0.125}, {"kind": "location", "location": (51.5, -0.125)}),
    "AUTHENTICATION_RESPONSE": ({"authCode": "a"}, {"kind": "unknown"}),
    "FLOW_RESPONSE": ({"response": {"color": {}}}, {"kind": "flow", "payload": '{"color":{}}'}),
    "PAYMENT_RESPONSE": ({"status": "PAID", "total": {"value": 1.0}}, {"kind": "unknown"}),
    "FORM_RESPONSE": ({"selections": []}, {"kind": "unknown"}),
    "REACTION": ({"emoji": "👍", "action": "ADDED"}, {"kind": "reaction", "payload": "👍"}),
}
"""By the type of a part."""


@pytest.mark.parametrize(("word", "told", "expected"), [(word, *one) for word, one in UNIFIED.items()])
def test_every_kind_of_inbound_part_of_the_unified_interface_is_read(
    word: str, told: dict[str, Any], expected: dict[str, Any]
) -> None:
    (event,) = _heard(_unified({"type": word, **told}))

    assert isinstance(event, MessageReceived)
    assert (event.channel, event.sender, event.to, event.reply_to) == ("rcs", TO, AGENT, "m-1")
    assert {field: getattr(event, field) for field in expected} == expected


def _unified(*parts: dict[str, Any]) -> dict[str, Any]:
    return {
        "event": "MO",
        "channel": "RCS",
        "sender": "447700900123",
        "destination": AGENT,
        "content": list(parts),
        "receivedAt": AT,
        "messageId": "in-1",
        "pairedMessageId": "m-1",
        "messageCount": 1,
    }


def test_words_beside_a_file_do_not_make_it_a_text() -> None:
    parts = (
        {"type": "TEXT", "text": "Look", "cleanText": "Look"},
        {"type": "IMAGE", "url": "https://f.example/a"},
    )
    (event,) = _heard(_unified(*parts))

    assert isinstance(event, MessageReceived)
    assert (event.kind, event.text, len(event.media)) == ("image", "Look", 1)


def test_the_table_of_the_unified_interface_has_every_type_of_the_specification() -> None:
    document = specification("infobip_messages")

    assert set(_enumeration("MessagesApiMoEventContentType", "infobip_messages")) == set(UNIFIED)
    schema = document.webhooks()["receive-messages-api-incoming-messages"]
    for word, (told, _) in UNIFIED.items():
        document.check(schema, {"results": [_unified({"type": word, **told})]})


# --- questions


CODES: Mapping[str, RcsCapability] = {
    "ENABLED": RcsCapability.CAPABLE,
    "UNREACHABLE": RcsCapability.NOT_CAPABLE,
    "INVALID_DESTINATION_ADDRESS": RcsCapability.NOT_CAPABLE,
    "REJECTED_NETWORK": RcsCapability.UNKNOWN,
    "REJECTED_ROUTE_NOT_AVAILABLE": RcsCapability.UNKNOWN,
    "REQUEST_FAILED": RcsCapability.UNKNOWN,
    "PROCESSING_ERROR": RcsCapability.UNKNOWN,
    "UNKNOWN_CODE": RcsCapability.UNKNOWN,
}


def _checked(code: object, *, number: str = TO.digits) -> HttpResponse:
    found = [{"messageId": "c-1", "phoneNumber": number, "code": code}]
    return _answer({"capabilityCheckResults": found})


@pytest.mark.parametrize(
    ("code", "expected"), [*CODES.items(), ("A_WORD_OF_TOMORROW", RcsCapability.UNKNOWN)]
)
def test_every_code_of_a_capability_check_is_read(code: str, expected: RcsCapability) -> None:
    told = _run(_infobip().rcs.capabilities([TO], AGENT), _checked(code))

    assert told == {TO: expected}


def test_the_table_has_every_code_of_a_capability_check() -> None:
    assert set(_enumeration("CapabilityCheckResponseCodeV2")) == set(CODES)


@pytest.mark.parametrize(
    "answer",
    [
        _checked("ENABLED"),
        _checked("UNKNOWN_CODE"),
        _checked("UNREACHABLE", number="447700900999"),
        _answer({"capabilityCheckResults": []}),
        _answer({"capabilityCheckResults": [7, {}]}),
        _answer([]),
        HttpResponse(200, {}, b"<html>"),
        _answer(_new("E400"), 400),
        _answer(_new("E401"), 401),
        _answer(_new("E403"), 403),
        _answer(_new("E429"), 429),
        _answer(_new("E500"), 500),
        HttpResponse(503, {}, b""),
    ],
)
def test_a_check_that_does_not_say_no_keeps_no_message(answer: HttpResponse) -> None:
    envelope = Envelope(f"{0:032}", "rcs", RcsText("hi"), TO)
    taken = _answer({"messages": [{"messageId": envelope.id, "status": _status(1, 26)}]})
    (result,) = _run(_infobip(rcs_check_capability=True).send([envelope]), answer, taken)

    assert result.outcome is Outcome.ACCEPTED


@pytest.mark.parametrize("code", ["UNREACHABLE", "INVALID_DESTINATION_ADDRESS"])
def test_a_number_that_rcs_does_not_reach_is_refused_before_anything_is_sent(code: str) -> None:
    envelope = Envelope(f"{0:032}", "rcs", RcsText("hi"), TO)
    (result,) = _run(_infobip(rcs_check_capability=True).send([envelope]), _checked(code))

    assert (result.outcome, result.failure) == (Outcome.REJECTED, FailureReason.NOT_ON_CHANNEL)


SENDABLE = ("LAUNCHED_IN_PROGRESS", "LAUNCHED_PARTIAL_SUCCESS", "LAUNCHED")


def test_every_state_of_a_sender_is_read_from_every_page() -> None:
    states = _enumeration("RcsSenderStatus")
    pages = [
        _answer(
            {
                "results": [{"senderName": f"Agent{page}", "senderStatus": state}],
                "paging": {"page": page, "size": 1, "totalPages": len(states), "totalResults": len(states)},
            }
        )
        for page, state in enumerate(states)
    ]
    found = _run(_infobip().rcs.senders(), *pages)

    assert [one.name for one in found] == [f"Agent{page}" for page in range(len(states))]
    assert [one.state for one in found if one.is_launched] == list(SENDABLE)


@pytest.mark.parametrize("status", [400, 404, 409, 429, 500])
def test_a_question_that_is_not_answered_says_so(status: int) -> None:
    with pytest.raises(InfobipApiError) as told:
        _run(_infobip().rcs.senders(), _answer(_new("E"), status))
    assert told.value.http_status == status


# --- reports and logs that are fetched


def _rows(*rows: dict[str, Any]) -> HttpResponse:
    return _answer({"results": list(rows)})


def _row(**more: Any) -> dict[str, Any]:
    unnamed = ("interactionType", "conversation")
    return {name: one for name, one in _report(**more).items() if name not in unnamed}


@pytest.mark.parametrize(
    ("sender", "channel"), [(AGENT, "rcs"), ("Acme", "")], ids=["by the agent", "by the SMS of a failover"]
)
def test_reports_of_rcs_are_fetched_too_and_say_no_more_than_they_tell(sender: str, channel: str) -> None:
    infobip = _infobip(log_backfill_hours=0)
    row = _row(sender=sender, status=_status(2, 4), error=_error(7018))
    (event,) = _run(infobip.fetch_reports(), _rows(), _rows(), _rows(row))

    assert isinstance(event, StatusChanged)
    assert (event.channel, event.failure) == (channel, FailureReason.TEMPLATE_PARAMETERS)


def test_a_report_that_was_sent_and_fetched_is_one_event() -> None:
    (fetched,) = _run(_infobip(log_backfill_hours=0).fetch_reports(), _rows(), _rows(), _rows(_row()))
    (sent,) = _heard(_report())

    assert fetched.key == sent.key


def test_the_log_of_rcs_is_read_by_a_new_process() -> None:
    logged = {name: one for name, one in _row().items() if name != "to"} | {"destination": "447700900123"}
    infobip = _infobip()
    (event,) = _run(infobip.fetch_reports(), _rows(), _rows(), _rows(logged))

    assert event.message_id == "m-1"


def test_an_account_without_rcs_is_asked_for_none() -> None:
    infobip = _infobip(rcs_sender=None, log_backfill_hours=0)

    assert _run(infobip.fetch_reports(), _rows(), _rows()) == ()


# --- limits


WIDE = "\U0001f600"
CARD = RichCard("t" * 200, WIDE * 2000, CardMedia("https://f.example/" + "x" * 2000))


def test_a_batch_goes_in_requests_of_at_most_ten_megabytes() -> None:
    batch = _envelopes(500, RcsCarousel((CARD,) * 10))
    flow = _infobip().send(batch)
    asked: Any = next(flow)
    named: list[str] = []
    results: Any = None
    while results is None:
        assert isinstance(asked, HttpRequest)
        assert len(asked.body) <= 10_000_000
        ids = [one["destinations"][0]["messageId"] for one in json.loads(asked.body)["messages"]]
        named += ids
        taken = [{"messageId": one, "status": _status(1, 26)} for one in ids]
        try:
            asked = flow.send(_answer({"messages": taken}))
        except StopIteration as end:
            results = end.value

    assert named == [one.id for one in batch]
    assert [one.provider_id for one in results] == named


@pytest.mark.parametrize(
    "message",
    [
        RcsText("hi", sms_fallback=SmsFallback("x" * 4001)),
        RcsText("hi", sms_fallback=SmsFallback(WIDE * 1001)),
    ],
)
def test_what_infobip_would_refuse_later_is_refused_before(message: Any) -> None:
    with pytest.raises(InvalidMessage):
        next(_infobip().send(_envelopes(1, message)))


def test_characters_are_counted_and_not_their_bytes() -> None:
    with InfobipEmulator() as vendor:
        from messaging_channels import Dispatcher
        from messaging_channels_rcs import RCS

        infobip = _infobip(base_url=vendor.url, api_key="emulated-key")
        with Dispatcher([infobip], channels=[RCS], ledger=SqliteLedger(owned=True)) as dispatcher:
            for message in (RcsText(WIDE * 3072), RcsCard(RichCard(WIDE * 200, WIDE * 2000))):
                assert dispatcher.send(message, to=TO).channel == "rcs"
        assert vendor.violations == []
