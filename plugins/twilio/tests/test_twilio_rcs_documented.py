"""Every answer, status and webhook that Twilio documents for RCS, and what is read of it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from specifications import specification

from messaging_channels import Dispatcher, SqliteLedger, WebhookRequest
from messaging_channels.events import (
    EngagementReceived,
    EngagementType,
    Event,
    InboundMedia,
    MessageReceived,
    OptedIn,
    OptedOut,
    StatusChanged,
    UnknownEvent,
)
from messaging_channels.plugins import (
    AttemptResult,
    Envelope,
    FailureReason,
    HttpResponse,
    Outcome,
    PhoneNumber,
    Reason,
    StatusGroup,
)
from messaging_channels_rcs import RCS, RcsText, SmsFallback
from messaging_channels_twilio import Twilio
from messaging_channels_twilio.emulator import TwilioEmulator
from messaging_channels_twilio.webhook_auth import HEADER, SigningKey

TOKEN = "0123456789abcdef0123456789abcdef"
SERVICE = "MG" + "a" * 32
SID = "SM" + "e" * 32
TO = PhoneNumber("447700900123")
HOOK = "https://shop.example.com/hooks"
AGENT, PERSON, NUMBER = "rcs:acme_agent", "rcs:+447700900123", "+447700900000"


def _twilio(**more: Any) -> Twilio:
    given = {
        "account_sid": "AC" + "b" * 32,
        "auth_token": TOKEN,
        "sender": NUMBER,
        "rcs_sender": "acme_agent",
        "status_callback": HOOK,
    }
    return Twilio(**given | more)


def _call(url: str = HOOK, **fields: str) -> WebhookRequest:
    signature = SigningKey(TOKEN).sign(url, list(fields.items()))
    headers = {"content-type": "application/x-www-form-urlencoded", HEADER: signature}
    return WebhookRequest(urlencode(fields).encode(), headers, url, received_at=5.0)


def _heard(url: str = HOOK, **fields: str) -> Sequence[Event]:
    return _twilio().handle_webhook(_call(url, **fields)).events


# --- the answer to a send

ACCEPTED, PENDING = Outcome.ACCEPTED, StatusGroup.PENDING
CREATED: Mapping[str, tuple[Outcome, StatusGroup]] = {
    "accepted": (ACCEPTED, PENDING),
    "scheduled": (ACCEPTED, PENDING),
    "queued": (ACCEPTED, PENDING),
    "sending": (ACCEPTED, PENDING),
    "sent": (ACCEPTED, PENDING),
    "partially_delivered": (ACCEPTED, PENDING),
    "delivered": (ACCEPTED, StatusGroup.DELIVERED),
    "read": (ACCEPTED, StatusGroup.DELIVERED),
    "undelivered": (Outcome.REJECTED, StatusGroup.UNDELIVERABLE),
    "failed": (Outcome.REJECTED, StatusGroup.UNDELIVERABLE),
    "canceled": (Outcome.REJECTED, StatusGroup.UNDELIVERABLE),
    "a_word_of_tomorrow": (ACCEPTED, PENDING),
}


def _answered(told: Any, status: int = 201) -> AttemptResult:
    envelope = Envelope("0" * 32, "rcs", RcsText("hi"), TO)
    return _twilio().parse_response(HttpResponse(status, {}, json.dumps(told).encode()), envelope)


@pytest.mark.parametrize(("state", "expected"), CREATED.items())
def test_every_state_of_a_message_that_was_created_is_read(
    state: str, expected: tuple[Outcome, StatusGroup]
) -> None:
    result = _answered({"sid": SID, "status": state, "to": PERSON, "from": AGENT})

    assert (result.outcome, result.status.group) == expected
    assert result.provider_id == SID


REFUSED: Mapping[int, tuple[Reason, FailureReason]] = {
    20003: (Reason.CREDENTIALS, FailureReason.CREDENTIALS),
    20429: (Reason.THROTTLED, FailureReason.THROTTLED),
    21211: (Reason.RECIPIENT, FailureReason.INVALID_ADDRESS),
    21408: (Reason.NO_COVERAGE, FailureReason.NO_ROUTE),
    21610: (Reason.RECIPIENT, FailureReason.OPTED_OUT),
    21617: (Reason.INVALID, FailureReason.TOO_LARGE),
    21655: (Reason.INVALID, FailureReason.TEMPLATE_UNAVAILABLE),
    21656: (Reason.INVALID, FailureReason.TEMPLATE_PARAMETERS),
    21664: (Reason.NO_COVERAGE, FailureReason.SENDER_REFUSED),
    21665: (Reason.NO_COVERAGE, FailureReason.SENDER_REFUSED),
    21666: (Reason.NO_COVERAGE, FailureReason.SENDER_REFUSED),
    21667: (Reason.NO_COVERAGE, FailureReason.SENDER_REFUSED),
    63007: (Reason.NO_COVERAGE, FailureReason.SENDER_NOT_REGISTERED),
    63013: (Reason.POLICY, FailureReason.CONTENT_REFUSED),
    63035: (Reason.NO_COVERAGE, FailureReason.SENDER_NOT_REGISTERED),
    63036: (Reason.RECIPIENT, FailureReason.UNREACHABLE),
}
"""The codes that a message by RCS may be refused with at once: the general ones, those of a fallback, and those of the channel."""


@pytest.mark.parametrize(("code", "expected"), REFUSED.items())
def test_every_refusal_of_an_rcs_message_is_read_in_both_envelopes(
    code: int, expected: tuple[Reason, FailureReason]
) -> None:
    status = {20003: 401, 20429: 400}.get(code, 400)
    classic = {"code": code, "message": "Words", "more_info": "https://x", "status": status}
    problem = {"type": "https://x", "title": "Words", "status": status, "code": code}
    for told in (classic, problem):
        result = _answered(told, status)

        assert (result.reason, result.failure) == expected
        assert result.vendor_code == str(code)


@pytest.mark.parametrize(
    ("status", "told", "outcome"),
    [
        (429, {"code": 20429, "message": "Too many", "status": 429}, Outcome.NOT_SENT),
        (500, {"code": 20500, "message": "Fault", "status": 500}, Outcome.UNKNOWN),
        (503, "<html>", Outcome.UNKNOWN),
        (201, {"status": "queued"}, Outcome.UNKNOWN),
        (201, "<html>", Outcome.UNKNOWN),
    ],
)
def test_an_answer_that_proves_nothing_is_unknown(status: int, told: Any, outcome: Outcome) -> None:
    assert _answered(told, status).outcome is outcome


# --- status callbacks

REPORTED: Mapping[str, StatusGroup] = {
    state: group for state, (_, group) in CREATED.items() if state != "a_word_of_tomorrow"
}


@pytest.mark.parametrize(("state", "group"), REPORTED.items())
def test_every_status_of_a_callback_is_read(state: str, group: StatusGroup) -> None:
    heard = _heard(MessageSid=SID, MessageStatus=state, From=AGENT, To=PERSON, ChannelPrefix="rcs")
    changed = heard[0]

    assert isinstance(changed, StatusChanged)
    assert (changed.status.group, changed.provider_id, changed.channel) == (group, SID, "rcs")
    read = [one.engagement_type for one in heard[1:] if isinstance(one, EngagementReceived)]
    assert read == ([EngagementType.READ] if state == "read" else [])


def test_the_table_has_every_status_of_the_specification() -> None:
    known = specification("twilio_api_v2010").document["components"]["schemas"]["message_enum_status"]["enum"]

    assert set(known) == {*REPORTED, "receiving", "received"}


def test_a_status_of_tomorrow_is_kept_as_it_came() -> None:
    (event,) = _heard(MessageSid=SID, MessageStatus="a_word_of_tomorrow", From=AGENT, To=PERSON)

    assert isinstance(event, UnknownEvent)
    assert event.kind == "a_word_of_tomorrow"


FAILED: Mapping[int, tuple[StatusGroup, FailureReason]] = {
    63001: (StatusGroup.REJECTED, FailureReason.CREDENTIALS),
    63002: (StatusGroup.REJECTED, FailureReason.SENDER_REFUSED),
    63005: (StatusGroup.REJECTED, FailureReason.CONTENT_REFUSED),
    63006: (StatusGroup.REJECTED, FailureReason.MALFORMED),
    63007: (StatusGroup.REJECTED, FailureReason.SENDER_NOT_REGISTERED),
    63009: (StatusGroup.REJECTED, FailureReason.PROVIDER_ERROR),
    63010: (StatusGroup.REJECTED, FailureReason.PROVIDER_ERROR),
    63012: (StatusGroup.REJECTED, FailureReason.PROVIDER_ERROR),
    63013: (StatusGroup.REJECTED, FailureReason.CONTENT_REFUSED),
    63014: (StatusGroup.REJECTED, FailureReason.BLOCKED_BY_RECIPIENT),
    63018: (StatusGroup.REJECTED, FailureReason.THROTTLED),
    63021: (StatusGroup.REJECTED, FailureReason.CONTENT_REFUSED),
    63034: (StatusGroup.REJECTED, FailureReason.TOO_LARGE),
    63035: (StatusGroup.REJECTED, FailureReason.SENDER_NOT_REGISTERED),
    63036: (StatusGroup.UNDELIVERABLE, FailureReason.UNREACHABLE),
    30036: (StatusGroup.EXPIRED, FailureReason.EXPIRED),
}
"""The codes of a message that failed later."""


@pytest.mark.parametrize("state", ["failed", "undelivered"])
@pytest.mark.parametrize(("code", "expected"), FAILED.items())
def test_every_error_of_a_callback_says_why(
    code: int, expected: tuple[StatusGroup, FailureReason], state: str
) -> None:
    changed = _heard(MessageSid=SID, MessageStatus=state, ErrorCode=str(code), From=AGENT, To=PERSON)[0]

    assert isinstance(changed, StatusChanged)
    assert (changed.status.group, changed.failure, changed.vendor_code) == (*expected, str(code))


@pytest.mark.parametrize("code", [21610, 63014])
def test_an_opt_out_told_by_an_error_is_of_rcs(code: int) -> None:
    _, out = _heard(MessageSid=SID, MessageStatus="failed", ErrorCode=str(code), From=AGENT, To=PERSON)

    assert isinstance(out, OptedOut)
    assert (out.channel, out.address) == ("rcs", TO)


# --- the fallback of a messaging service, under one SID

RCS_ENDS = {"From": AGENT, "To": PERSON, "ChannelPrefix": "rcs"}
SMS_ENDS = {"From": NUMBER, "To": "+447700900123"}
FAILS = ("undelivered", RCS_ENDS, "63036")
SENT_BY_SMS = ("sent", SMS_ENDS, "")
DELIVERED = ("delivered", SMS_ENDS, "")
LOST = ("undelivered", SMS_ENDS, "30003")


def _by_fallback(
    vendor: TwilioEmulator, dispatcher: Dispatcher, steps: Sequence[tuple[str, dict[str, str], str]]
) -> Any:
    receipt = dispatcher.send(RcsText("hi", sms_fallback=SmsFallback("hi")), to=TO)
    form = dict(vendor.forms[-1]) if vendor.forms else {}
    callback = form.get("StatusCallback", "") or vendor.requests[-1].body.decode()
    url = dict(parse_qsl(callback)).get("StatusCallback", callback).partition("#")[0]
    assert urlsplit(url).netloc == "shop.example.com"
    for state, ends, code in steps:
        fields = {"MessageSid": receipt.provider_id or "", "MessageStatus": state, **ends}
        fields |= {"MessagingServiceSid": SERVICE} | ({"ErrorCode": code} if code else {})
        dispatcher.handle_webhook("twilio", _call(url, **fields))
    return dispatcher.get_message(receipt.id)


def _told(*steps: tuple[str, dict[str, str], str]) -> Any:
    with (
        TwilioEmulator() as vendor,
        Dispatcher(
            [_twilio(base_url=vendor.url, rcs_sender=SERVICE)],
            channels=[RCS],
            ledger=SqliteLedger(owned=True),
        ) as dispatcher,
    ):
        return _by_fallback(vendor, dispatcher, steps)


def test_a_failure_of_rcs_is_no_end_while_the_sms_is_on_its_way() -> None:
    record = _told(FAILS)

    assert record.status.group is StatusGroup.PENDING
    assert record.failure is FailureReason.UNREACHABLE
    assert not {"retry_later", "suppress_address"} & set(record.advice)


@pytest.mark.parametrize(
    "order", [*itertools.permutations((FAILS, SENT_BY_SMS, DELIVERED)), (DELIVERED, FAILS) * 2]
)
def test_the_sms_that_arrives_is_what_became_of_the_message(order: Any) -> None:
    record = _told(*order)

    assert (record.status.group, record.delivered_via) == (StatusGroup.DELIVERED, "sms")
    assert not record.possible_duplicate


@pytest.mark.parametrize("order", [*itertools.permutations((FAILS, SENT_BY_SMS, LOST))])
def test_where_both_fail_the_message_failed(order: Any) -> None:
    record = _told(*order)

    assert (record.status.group, record.delivered_via) == (StatusGroup.UNDELIVERABLE, "")


@pytest.mark.parametrize("order", [*itertools.permutations((DELIVERED, ("delivered", RCS_ENDS, "")))])
def test_two_deliveries_are_a_possible_duplicate(order: Any) -> None:
    record = _told(*order, *order)

    assert record.possible_duplicate


def test_a_failure_without_a_fallback_is_the_end() -> None:
    changed = _heard(MessageSid=SID, MessageStatus="undelivered", ErrorCode="63036", **RCS_ENDS)[0]

    assert isinstance(changed, StatusChanged)
    assert changed.status.final


# --- what people write

_OF_INBOUND = {"channel": "rcs", "provider_id": SID, "sender": TO, "to": "acme_agent"}
MEDIA = "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME" + "f" * 32
INBOUND: Sequence[tuple[dict[str, str], dict[str, Any]]] = (
    ({"Body": "Hello"}, {"kind": "text", "text": "Hello", "payload": None}),
    ({"Body": "Hello", "MessageType": "text"}, {"kind": "text", "text": "Hello"}),
    (
        {"Body": "Yes", "ButtonText": "Yes", "ButtonPayload": "ok-1", "ButtonType": "QUICK_REPLY"},
        {"kind": "button", "text": "Yes", "payload": "ok-1"},
    ),
    (
        {"MessageType": "button", "ButtonText": "Yes", "ButtonPayload": "ok-1"},
        {"kind": "button", "text": "Yes", "payload": "ok-1"},
    ),
    ({"ListId": "row-2", "ListTitle": "Two"}, {"kind": "list", "text": "Two", "payload": "row-2"}),
    (
        {"Latitude": "51.5", "Longitude": "-0.125", "Label": "Tower", "Address": "London"},
        {"kind": "location", "location": (51.5, -0.125), "text": "Tower"},
    ),
    *(
        (
            {"NumMedia": "1", "MediaUrl0": MEDIA, "MediaContentType0": content_type},
            {
                "kind": kind,
                "media": (InboundMedia(url=MEDIA, id=MEDIA[-34:], content_type=content_type),),
            },
        )
        for content_type, kind in (
            ("image/jpeg", "image"),
            ("video/mp4", "video"),
            ("audio/mpeg", "audio"),
            ("application/pdf", "document"),
        )
    ),
    ({"Body": "Yes", "OriginalRepliedMessageSid": "SM1"}, {"reply_to": "SM1"}),
    ({"Body": "Hi", "ProfileName": "Zoe"}, {"name": "Zoe"}),
)
ENDS: Sequence[dict[str, str]] = (
    {"From": PERSON, "To": AGENT},
    {"From": "+447700900123", "To": AGENT},
    {"From": "+447700900123", "To": "acme_agent", "ChannelPrefix": "rcs"},
    {"From": PERSON, "To": AGENT, "MessagingServiceSid": SERVICE, "ChannelMetadata": "{}"},
)
"""How the channel is told: before both addresses, before one, or beside them."""


@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize(("told", "expected"), INBOUND)
def test_every_inbound_message_is_read_however_it_names_its_channel(
    ends: dict[str, str], told: dict[str, str], expected: dict[str, Any]
) -> None:
    (event,) = _heard(MessageSid=SID, SmsStatus="received", **ends, **told)

    assert isinstance(event, MessageReceived)
    shown = {**_OF_INBOUND, **expected}
    assert {field: getattr(event, field) for field in shown} == shown


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ({"Body": "STOP"}, OptedOut),
        ({"Body": " stopall "}, OptedOut),
        ({"Body": "anything", "OptOutType": "STOP"}, OptedOut),
        ({"Body": "START"}, OptedIn),
        ({"Body": "anything", "OptOutType": "START"}, OptedIn),
    ],
)
def test_an_opt_out_by_rcs_is_one_since_twilio_blocks_both_channels(
    told: dict[str, str], kind: type[OptedOut | OptedIn]
) -> None:
    _, choice = _heard(MessageSid=SID, SmsStatus="received", From=PERSON, To=AGENT, **told)

    assert isinstance(choice, kind)
    assert (choice.channel, choice.address) == ("rcs", TO)


@pytest.mark.parametrize("told", [{"Body": "YES"}, {"Body": "HELP", "OptOutType": "HELP"}])
def test_an_answer_is_no_choice(told: dict[str, str]) -> None:
    (event,) = _heard(MessageSid=SID, SmsStatus="received", From=PERSON, To=AGENT, **told)

    assert isinstance(event, MessageReceived)


def test_stop_by_rcs_blocks_the_sms_too() -> None:
    with (
        TwilioEmulator() as vendor,
        Dispatcher(
            [_twilio(base_url=vendor.url)], channels=[RCS], ledger=SqliteLedger(owned=True)
        ) as dispatcher,
    ):
        call = _call(MessageSid=SID, SmsStatus="received", From=PERSON, To=AGENT, Body="STOP")
        dispatcher.handle_webhook("twilio", call)

        found = dispatcher.consent.find("sms", "447700900123")
        assert found is not None
