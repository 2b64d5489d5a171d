"""Every answer, status and webhook that Vonage documents for RCS, and what is read of it."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from messaging_channels import Dispatcher, SqliteLedger, WebhookRequest
from messaging_channels.events import (
    EngagementReceived,
    EngagementType,
    Event,
    InboundMedia,
    MessageReceived,
    StatusChanged,
    UnknownEvent,
)
from messaging_channels.plugins import (
    AttemptResult,
    CurrentTime,
    Envelope,
    FailureReason,
    HttpResponse,
    Outcome,
    PhoneNumber,
    Reason,
    StatusGroup,
)
from messaging_channels_rcs import RCS, RcsText, SmsFallback
from messaging_channels_vonage import Vonage
from messaging_channels_vonage.emulator import VonageEmulator
from messaging_channels_vonage.webhook_samples import token

TO, SECRET = PhoneNumber("447700900123"), "made-up"
UUID = "aaaaaaaa-0000-4000-8000-000000000000"
HOOK, AT = "https://app.example/hooks", 1_790_000_000.0
STAMP = "2026-09-21T14:13:20Z"
ERRORS = "https://developer.vonage.com/api-errors/messages"

_HI = RcsText("hi")


def _vonage(**more: Any) -> Vonage:
    given = {
        "api_key": "abcd1234",
        "api_secret": "made-up",
        "webhook_signature_secret": SECRET,
        "sender": "Shop",
        "rcs_sender": "AcmeAgent",
    }
    return Vonage(**given | more)


def _call(told: Mapping[str, Any], at: float = AT) -> WebhookRequest:
    body = json.dumps(told).encode()
    headers = {"authorization": f"Bearer {token(body, SECRET, at)}", "content-type": "application/json"}
    return WebhookRequest(body, headers, HOOK, received_at=at)


def _heard(told: Mapping[str, Any]) -> Sequence[Event]:
    return _vonage().handle_webhook(_call(told)).events


# --- the answer to a send


def _answered(told: Any, status: int = 202, message: Any = _HI) -> AttemptResult:
    flow = _vonage().send([Envelope("0" * 32, "rcs", message, TO)])
    asked: Any = next(flow)
    while isinstance(asked, CurrentTime):
        asked = flow.send(AT)
    with pytest.raises(StopIteration) as end:
        flow.send(HttpResponse(status, {}, json.dumps(told).encode()))
    results: Sequence[AttemptResult] = end.value.value
    (result,) = results
    return result


def _problem(code: int) -> dict[str, Any]:
    return {"type": f"{ERRORS}#{code}", "title": str(code), "detail": "Words", "instance": "i-1"}


@pytest.mark.parametrize(
    "more", [{}, {"workflow_id": "3TcNjguHxr2vcCZ9Ddsnq6tw8yQUpZ9rMHv9QXSxLan5ibMxqSzLdx9"}]
)
@pytest.mark.parametrize("status", [200, 202])
def test_a_message_that_is_taken_has_its_id_with_a_failover_too(status: int, more: dict[str, str]) -> None:
    message = RcsText("hi", sms_fallback=SmsFallback("hi")) if more else RcsText("hi")
    result = _answered({"message_uuid": UUID, **more}, status, message)

    assert (result.outcome, result.provider_id) == (Outcome.ACCEPTED, UUID)


CODES: Mapping[int, tuple[Reason | None, FailureReason]] = {
    1000: (Reason.THROTTLED, FailureReason.THROTTLED),
    1010: (None, FailureReason.MALFORMED),
    1020: (None, FailureReason.MALFORMED),
    1021: (None, FailureReason.UNKNOWN),
    1022: (None, FailureReason.TEMPLATE_PARAMETERS),
    1030: (None, FailureReason.PROVIDER_ERROR),
    1040: (None, FailureReason.INVALID_ADDRESS),
    1050: (Reason.RECIPIENT, FailureReason.OPTED_OUT),
    1060: (Reason.CREDENTIALS, FailureReason.ACCOUNT_BLOCKED),
    1070: (Reason.INSUFFICIENT_CREDIT, FailureReason.NO_CREDIT),
    1080: (Reason.CREDENTIALS, FailureReason.ACCOUNT_BLOCKED),
    1090: (None, FailureReason.TOO_LARGE),
    1100: (None, FailureReason.PROVIDER_ERROR),
    1120: (Reason.NO_COVERAGE, FailureReason.SENDER_NOT_REGISTERED),
    1130: (None, FailureReason.MALFORMED),
    1140: (Reason.NO_COVERAGE, FailureReason.NO_ROUTE),
    1150: (None, FailureReason.MALFORMED),
    1160: (Reason.NO_COVERAGE, FailureReason.ACCOUNT_BLOCKED),
    1170: (Reason.RECIPIENT, FailureReason.INVALID_ADDRESS),
    1180: (Reason.RECIPIENT, FailureReason.UNREACHABLE),
    1190: (Reason.RECIPIENT, FailureReason.UNKNOWN_RECIPIENT),
    1210: (Reason.POLICY, FailureReason.SPAM_FILTERED),
    1220: (None, FailureReason.RECIPIENT_BUSY),
    1230: (None, FailureReason.NETWORK_ERROR),
    1240: (Reason.RECIPIENT, FailureReason.OPTED_OUT),
    1241: (Reason.THROTTLED, FailureReason.FREQUENCY_CAPPED),
    1250: (Reason.NO_COVERAGE, FailureReason.NO_ROUTE),
    1260: (Reason.RECIPIENT, FailureReason.UNREACHABLE),
    1270: (Reason.RECIPIENT, FailureReason.CONTENT_REFUSED),
    1280: (Reason.RECIPIENT, FailureReason.BARRED),
    1290: (None, FailureReason.BARRED),
    1300: (Reason.NO_COVERAGE, FailureReason.NOT_ON_CHANNEL),
    1310: (Reason.NO_COVERAGE, FailureReason.NOT_CAPABLE),
    1320: (Reason.DUPLICATE, FailureReason.DUPLICATE),
    1330: (None, FailureReason.NO_RECEIPT),
    1331: (None, FailureReason.PROVIDER_ERROR),
    1340: (Reason.POLICY, FailureReason.OUTSIDE_WINDOW),
    1360: (None, FailureReason.EXPIRED),
    1380: (None, FailureReason.MEDIA_PROBLEM),
    1381: (None, FailureReason.TOO_LARGE),
    1382: (None, FailureReason.MEDIA_PROBLEM),
}
"""By the code of an error: why a request with it was refused (None: its HTTP status says it), and what it says of the message."""


@pytest.mark.parametrize(("code", "expected"), CODES.items())
def test_every_code_of_a_refusal_is_read(code: int, expected: tuple[Reason | None, FailureReason]) -> None:
    reason, failure = expected
    result = _answered(_problem(code), 422)

    assert result.reason is (reason or Reason.INVALID)
    assert result.outcome in (Outcome.REJECTED, Outcome.NOT_SENT, Outcome.ACCEPTED)
    assert (result.outcome is Outcome.ACCEPTED) == (reason is Reason.DUPLICATE)
    if reason is not Reason.DUPLICATE:
        assert result.failure is failure


@pytest.mark.parametrize(
    ("status", "reason", "outcome"),
    [
        (401, Reason.CREDENTIALS, Outcome.NOT_SENT),
        (402, Reason.INSUFFICIENT_CREDIT, Outcome.NOT_SENT),
        (403, Reason.CREDENTIALS, Outcome.NOT_SENT),
        (422, Reason.INVALID, Outcome.REJECTED),
        (429, Reason.THROTTLED, Outcome.NOT_SENT),
        (500, Reason.SERVER_ERROR, Outcome.UNKNOWN),
    ],
)
def test_every_documented_refusal_of_a_request_is_read(status: int, reason: Reason, outcome: Outcome) -> None:
    told = {"type": f"https://developer.vonage.com/api-errors#{status}", "title": "Words", "detail": "Words"}
    result = _answered(told, status)

    assert (result.reason, result.outcome) == (reason, outcome)


@pytest.mark.parametrize("told", [{}, {"message_uuid": 7}, {"message_uuid": ""}, [], "x"])
def test_a_success_that_names_no_message_is_unknown(told: Any) -> None:
    assert _answered(told).outcome is Outcome.UNKNOWN


# --- status callbacks


def _state(state: str, **more: Any) -> dict[str, Any]:
    return {
        "message_uuid": UUID,
        "to": TO.digits,
        "from": "AcmeAgent",
        "timestamp": STAMP,
        "status": state,
        "channel": "rcs",
        "client_ref": "r-1",
        "usage": {"currency": "EUR", "price": "0.0333"},
        "destination": {"network_code": "23410"},
        **more,
    }


STATES: Mapping[str, StatusGroup] = {
    "submitted": StatusGroup.PENDING,
    "delivered": StatusGroup.DELIVERED,
    "read": StatusGroup.DELIVERED,
    "rejected": StatusGroup.UNDELIVERABLE,
    "undeliverable": StatusGroup.UNDELIVERABLE,
}
"""Those that the documentation and the vendor's own clients know."""


@pytest.mark.parametrize(("state", "group"), STATES.items())
def test_every_status_is_read(state: str, group: StatusGroup) -> None:
    heard = _heard(_state(state))
    changed = heard[0]

    assert isinstance(changed, StatusChanged)
    assert (changed.status.group, changed.channel, changed.provider_id, changed.message_id) == (
        group,
        "rcs",
        UUID,
        "r-1",
    )
    assert changed.occurred_at == AT
    read = [one.engagement_type for one in heard[1:] if isinstance(one, EngagementReceived)]
    assert read == ([EngagementType.READ] if state == "read" else [])


@pytest.mark.parametrize("state", ["revoked", "a_word_of_tomorrow"])
def test_a_status_of_tomorrow_is_kept_as_it_came(state: str) -> None:
    (event,) = _heard(_state(state))

    assert isinstance(event, UnknownEvent)
    assert event.kind == state


@pytest.mark.parametrize("state", ["rejected", "undeliverable"])
@pytest.mark.parametrize(("code", "expected"), CODES.items())
def test_every_error_of_a_status_says_why(
    code: int, expected: tuple[Reason | None, FailureReason], state: str
) -> None:
    changed = _heard(_state(state, error=_problem(code)))[0]

    assert isinstance(changed, StatusChanged)
    assert (changed.failure, changed.vendor_code) == (expected[1], str(code))
    expired = code == 1360 and state == "rejected"
    assert changed.status.group is (StatusGroup.EXPIRED if expired else StatusGroup.UNDELIVERABLE)


# --- failover: each step has an id of its own

WORKFLOW = [{"workflow": {"id": "w", "items_number": str(one), "items_total": "2"}} for one in (1, 2)]
Step = tuple[str, str, dict[str, Any]]
RCS_FAILS: Step = ("rcs", "rejected", {"error": _problem(1300)})
RCS_LATE: Step = ("rcs", "delivered", {})
SMS_SENT: Step = ("sms", "submitted", {})
SMS_DELIVERED: Step = ("sms", "delivered", {})
SMS_FAILS: Step = ("sms", "rejected", {"error": _problem(1180)})


def _told(steps: Sequence[Step], *, with_workflow: bool) -> Any:
    with (
        VonageEmulator() as vendor,
        Dispatcher(
            [_vonage(base_url=vendor.url)], channels=[RCS], ledger=SqliteLedger(owned=True)
        ) as dispatcher,
    ):
        receipt = dispatcher.send(RcsText("hi", sms_fallback=SmsFallback("hi")), to=TO)
        (sent,) = vendor.messages
        for channel, state, more in steps:
            first = channel == "rcs"
            reference = sent["client_ref"] if first else sent["failover"][0]["client_ref"]
            told = _state(state, channel=channel, client_ref=reference, **more)
            told["message_uuid"] = receipt.provider_id if first else UUID.replace("a", "b")
            told |= WORKFLOW[0 if first else 1] if with_workflow else {}
            dispatcher.handle_webhook("vonage", _call(told, time.time()))
        return dispatcher.get_message(receipt.id)


@pytest.mark.parametrize("with_workflow", [False, True])
@pytest.mark.parametrize("order", list(itertools.permutations((RCS_FAILS, SMS_SENT, SMS_DELIVERED))))
def test_the_sms_that_arrives_is_what_became_of_the_message(
    order: Sequence[Step], *, with_workflow: bool
) -> None:
    record = _told((*order, *order), with_workflow=with_workflow)

    assert (record.status.group, record.delivered_via) == (StatusGroup.DELIVERED, "sms")
    assert not record.possible_duplicate


@pytest.mark.parametrize("with_workflow", [False, True])
@pytest.mark.parametrize("order", list(itertools.permutations((RCS_FAILS, SMS_SENT, SMS_FAILS))))
def test_where_both_fail_the_message_failed(order: Sequence[Step], *, with_workflow: bool) -> None:
    record = _told(order, with_workflow=with_workflow)

    assert (record.status.group, record.delivered_via) == (StatusGroup.UNDELIVERABLE, "")


@pytest.mark.parametrize("with_workflow", [False, True])
@pytest.mark.parametrize("order", list(itertools.permutations((RCS_LATE, SMS_DELIVERED))))
def test_two_deliveries_are_a_possible_duplicate(order: Sequence[Step], *, with_workflow: bool) -> None:
    record = _told(order, with_workflow=with_workflow)

    assert record.possible_duplicate


# --- what people write and tap


def _file(word: str, kind: str, **more: str) -> tuple[dict[str, Any], dict[str, Any]]:
    url = "https://api.nexmo.com/v3/media/1b456509"
    media = InboundMedia(url=url, caption=more.get("caption"), filename=more.get("name"))
    return {"message_type": word, word: {"url": url, **more}}, {"kind": kind, "media": (media,)}


INBOUND: Sequence[tuple[dict[str, Any], dict[str, Any]]] = (
    ({"message_type": "text", "text": "Hello"}, {"kind": "text", "text": "Hello"}),
    (
        {
            "message_type": "reply",
            "reply": {"id": "ok-1", "title": "Yes"},
            "context": {"message_uuid": "u-1"},
        },
        {"kind": "button", "text": "Yes", "payload": "ok-1", "reply_to": "u-1"},
    ),
    (
        {"message_type": "button", "button": {"payload": "ok-1", "text": "Open"}},
        {"kind": "button", "text": "Open", "payload": "ok-1"},
    ),
    (
        {"message_type": "location", "location": {"lat": 51.5, "long": -0.125}},
        {"kind": "location", "location": (51.5, -0.125)},
    ),
    _file("image", "image", name="a.png"),
    _file("video", "video"),
    _file("audio", "audio"),
    _file("file", "document", name="a.pdf"),
    _file("vcard", "contacts"),
    ({"message_type": "unsupported"}, {"kind": "unknown"}),
    ({"message_type": "hologram"}, {"kind": "hologram"}),
)
"""A suggested reply comes as `reply`, a suggested action as `button`."""


@pytest.mark.parametrize(("told", "expected"), INBOUND)
def test_every_inbound_message_is_read(told: dict[str, Any], expected: dict[str, Any]) -> None:
    around = {
        "message_uuid": UUID,
        "to": "AcmeAgent",
        "from": TO.digits,
        "channel": "rcs",
        "timestamp": STAMP,
    }
    (event,) = _heard({**around, **told})

    assert isinstance(event, MessageReceived)
    assert (event.channel, event.provider_id, event.sender, event.to, event.occurred_at) == (
        "rcs",
        UUID,
        TO,
        "AcmeAgent",
        AT,
    )
    assert {field: getattr(event, field) for field in expected} == expected


def test_a_reply_on_whatsapp_is_still_a_row_of_a_list() -> None:
    told = {
        "message_uuid": UUID,
        "to": "447700900000",
        "from": TO.digits,
        "channel": "whatsapp",
        "message_type": "reply",
        "reply": {"id": "row-2", "title": "Two"},
    }
    (event,) = _heard(told)

    assert isinstance(event, MessageReceived)
    assert event.kind == "list"


@pytest.mark.parametrize(
    "tap",
    [
        {"message_type": "text", "text": "STOP"},
        {"message_type": "reply", "reply": {"id": "STOP", "title": "No more"}},
        {"message_type": "button", "button": {"payload": "STOP", "text": "No more"}},
    ],
)
def test_stop_in_words_or_on_a_suggestion_opts_out_of_rcs_and_sms(tap: dict[str, Any]) -> None:
    around = {"message_uuid": UUID, "to": "AcmeAgent", "from": TO.digits, "channel": "rcs"}
    with (
        VonageEmulator() as vendor,
        Dispatcher(
            [_vonage(base_url=vendor.url)], channels=[RCS], ledger=SqliteLedger(owned=True)
        ) as dispatcher,
    ):
        dispatcher.handle_webhook("vonage", _call({**around, **tap}, time.time()))

        assert dispatcher.consent.find("rcs", TO.digits) is not None
        assert dispatcher.consent.find("sms", TO.digits) is not None
