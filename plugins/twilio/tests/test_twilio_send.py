from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import QuickClock

from messaging_channels import (
    AsyncDispatcher,
    Configuration,
    Dispatcher,
    HttpSettings,
    Outcome,
    PhoneNumber,
    RetryPolicy,
    Route,
    Sms,
    SqliteLedger,
    WebhookRequest,
    errors,
)
from messaging_channels._config import plugin_manager as plugins
from messaging_channels._ledger.lazy_memory import LazyMemoryLedger
from messaging_channels.messages import (
    Media,
    Message,
    Mms,
    TextHeader,
    WhatsAppAudio,
    WhatsAppDocument,
    WhatsAppImage,
    WhatsAppLocation,
    WhatsAppTemplate,
    WhatsAppText,
    WhatsAppVideo,
)
from messaging_channels.plugins import (
    AttemptResult,
    Envelope,
    HttpRequest,
    HttpResponse,
    LookupRequest,
    Reason,
    Timeouts,
    ask,
)
from messaging_channels.testing import (
    AsyncTransport,
    ControlledClock,
    Emulator,
    Fault,
    FaultKind,
    Request,
    Transport,
)
from messaging_channels_twilio import SigningKey, Twilio, TwilioApiError, TwilioOptions
from messaging_channels_twilio import settings as plugin_settings
from messaging_channels_twilio.emulator import ACCOUNT_SID, AUTH_TOKEN, OUR_NUMBER, TwilioEmulator

NUMBER = "447700900123"
TO = PhoneNumber(NUMBER)
SERVICE = "MG" + "a" * 32
CONTENT = "HX" + "c" * 32
MOMENT = datetime(2030, 1, 1, 10, 0, tzinfo=timezone(timedelta(hours=1)))


@pytest.fixture
def emulator() -> Iterator[TwilioEmulator]:
    with TwilioEmulator() as running:
        yield running


def _twilio(url: str | None = None, **settings: Any) -> Twilio:
    given = {"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN, "sender": OUR_NUMBER, "base_url": url}
    return Twilio(**{**given, "whatsapp_sender": "+14155238886", **settings})


def _parameters(message: Message, channel: str = "sms", **settings: Any) -> list[tuple[str, str]]:
    request = _twilio(**settings).build_request(Envelope("message-1", channel, message, TO))
    return parse_qsl(request.body.decode(), keep_blank_values=True, strict_parsing=True)


def _sent(message: Message, channel: str = "sms", **settings: Any) -> dict[str, str]:
    return dict(_parameters(message, channel, **settings))


def test_a_text_message_is_one_form() -> None:
    request = _twilio().build_request(Envelope("message-1", "sms", Sms("1+1 = 2 & é"), TO))
    assert request.method == "POST"
    assert request.url == f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json"
    assert request.body == b"To=%2B447700900123&From=%2B15005550006&Body=1%2B1+%3D+2+%26+%C3%A9"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.headers["authorization"].startswith("Basic ")
    assert AUTH_TOKEN not in repr(request)


@pytest.mark.parametrize(
    ("sender", "expected"),
    [
        ("447700900001", {"From": "+447700900001"}),
        ("+447700900001", {"From": "+447700900001"}),
        ("88877", {"From": "88877"}),
        ("My Shop", {"From": "My Shop"}),
        (SERVICE, {"MessagingServiceSid": SERVICE}),
    ],
)
def test_a_sender_may_be_a_number_a_short_code_a_name_or_a_service(
    sender: str, expected: dict[str, str]
) -> None:
    rest = {"To": f"+{NUMBER}", "Body": "Hi"}
    assert _sent(Sms("Hi", sender=sender)) == expected | rest
    assert _sent(Sms("Hi"), sender=sender) == expected | rest


def test_what_the_message_says_goes_before_what_the_account_does() -> None:
    service = (TwilioOptions(messaging_service_sid=SERVICE),)
    assert "From" not in _sent(Sms("Hi", provider_options=service))
    both = _sent(Sms("Hi", sender="447700900001", provider_options=service))
    assert (both["From"], both["MessagingServiceSid"]) == ("+447700900001", SERVICE)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (WhatsAppText("Hi"), {"Body": "Hi"}),
        (WhatsAppImage("https://example.com/a.png"), {"MediaUrl": "https://example.com/a.png"}),
        (WhatsAppVideo("https://example.com/a.mp4"), {"MediaUrl": "https://example.com/a.mp4"}),
        (WhatsAppDocument("https://example.com/a.pdf"), {"MediaUrl": "https://example.com/a.pdf"}),
        (WhatsAppAudio("https://example.com/a.ogg"), {"MediaUrl": "https://example.com/a.ogg"}),
        (
            WhatsAppImage("https://example.com/a.png", caption="Look"),
            {"Body": "Look", "MediaUrl": "https://example.com/a.png"},
        ),
        (
            WhatsAppLocation(45.81, 15.98, name="Office", address="Main|Street 1"),
            {
                "Body": "Office, Main/Street 1",
                "PersistentAction": "geo:45.810000,15.980000|Office, Main/Street 1",
            },
        ),
        (
            WhatsAppLocation(0.00001, -1),
            {"Body": "0.000010,-1.000000", "PersistentAction": "geo:0.000010,-1.000000"},
        ),
    ],
    ids=lambda message: type(message).__name__,
)
def test_whatsapp_messages_carry_the_prefix_on_both_sides(message: Message, expected: dict[str, str]) -> None:
    ends = {"To": f"whatsapp:+{NUMBER}", "From": "whatsapp:+14155238886"}
    assert _sent(message, "whatsapp") == ends | expected


@pytest.mark.parametrize(
    "sender",
    ["whatsapp:+447700900001", "447700900001", "+44 7700 900001", " +44-7700-900001", "+44 (7700) 900001"],
)
def test_a_whatsapp_sender_may_be_written_with_or_without_the_prefix(sender: str) -> None:
    assert _sent(WhatsAppText("Hi", sender=sender), "whatsapp")["From"] == "whatsapp:+447700900001"


def test_media_are_a_repeated_key() -> None:
    urls = tuple(f"https://example.com/{place}.png" for place in range(10))
    described = _parameters(Mms(urls, text="Look"))
    assert [value for name, value in described if name == "MediaUrl"] == list(urls)
    assert ("Body", "Look") in described


def test_a_template_is_named_by_its_sid_and_filled_by_place_or_by_name() -> None:
    known = {("order_ready", "en"): CONTENT}
    by_place = _sent(
        WhatsAppTemplate("order_ready", "en", parameters=("Zoë", "2")), "whatsapp", templates=known
    )
    assert by_place["ContentSid"] == CONTENT
    assert json.loads(by_place["ContentVariables"]) == {"1": "Zoë", "2": "2"}
    own = TwilioOptions(content_sid="HX" + "d" * 32, content_variables={"image": "a.png"})
    named = WhatsAppTemplate("order_ready", "en", parameters={"name": "Zoë"}, provider_options=(own,))
    by_name = _sent(named, "whatsapp", templates=known)
    assert by_name["ContentSid"] == "HX" + "d" * 32
    assert json.loads(by_name["ContentVariables"]) == {"name": "Zoë", "image": "a.png"}
    assert "ContentVariables" not in _sent(WhatsAppTemplate("order_ready", "en"), "whatsapp", templates=known)


def test_a_content_template_goes_in_place_of_the_words() -> None:
    sent = _sent(Sms("for other providers", provider_options=(TwilioOptions(content_sid=CONTENT),)))
    assert "Body" not in sent
    assert sent["ContentSid"] == CONTENT


OPTIONS: list[tuple[TwilioOptions, dict[str, str]]] = [
    (TwilioOptions(), {}),
    (TwilioOptions(fallback_from="+447700900001"), {"FallbackFrom": "+447700900001"}),
    (TwilioOptions(application_sid="AP" + "1" * 32), {"ApplicationSid": "AP" + "1" * 32}),
    (TwilioOptions(validity_period=timedelta(hours=10)), {"ValidityPeriod": "36000"}),
    (
        TwilioOptions(messaging_service_sid=SERVICE, send_at=MOMENT),
        {"MessagingServiceSid": SERVICE, "ScheduleType": "fixed", "SendAt": "2030-01-01T09:00:00Z"},
    ),
    (TwilioOptions(smart_encoded=True, send_as_mms=False), {"SmartEncoded": "true", "SendAsMms": "false"}),
    (TwilioOptions(shorten_urls=True), {"ShortenUrls": "true"}),
    (
        TwilioOptions(content_retention="discard", address_retention="obfuscate"),
        {"ContentRetention": "discard", "AddressRetention": "obfuscate"},
    ),
    (
        TwilioOptions(risk_check="disable", message_intent="otp"),
        {"RiskCheck": "disable", "MessageIntent": "otp"},
    ),
    (TwilioOptions(provide_feedback=True, attempt=2), {"ProvideFeedback": "true", "Attempt": "2"}),
    (
        TwilioOptions(max_price=Decimal("0.05"), traffic_type="free"),
        {"MaxPrice": "0.05", "TrafficType": "free"},
    ),
    (
        TwilioOptions(force_delivery=True, tags={"campaign": "autumn"}),
        {"ForceDelivery": "true", "Tags": '{"campaign": "autumn"}'},
    ),
    (TwilioOptions(persistent_action=("geo:1,2|x",)), {"PersistentAction": "geo:1,2|x"}),
]


@pytest.mark.parametrize(
    ("options", "expected"), OPTIONS, ids=lambda value: "/".join(value) if isinstance(value, dict) else ""
)
def test_an_option_is_a_parameter_and_what_is_not_set_is_left_out(
    options: TwilioOptions, expected: dict[str, str]
) -> None:
    usual = {"To": f"+{NUMBER}", "From": OUR_NUMBER, "Body": "Hi"}
    if "MessagingServiceSid" in expected:
        del usual["From"]
    assert _sent(Sms("Hi", provider_options=(options,))) == usual | expected


def test_the_validity_of_a_message_is_carried_and_the_option_goes_first() -> None:
    message = Sms("Hi", validity_period=timedelta(minutes=1))
    assert _sent(message)["ValidityPeriod"] == "60"
    own = (TwilioOptions(validity_period=timedelta(minutes=2)),)
    assert (
        _sent(Sms("Hi", validity_period=timedelta(minutes=1), provider_options=own))["ValidityPeriod"]
        == "120"
    )


def test_our_id_travels_in_the_callback_of_the_account_or_of_the_message() -> None:
    sent = _sent(Sms("Hi"), status_callback="https://hooks.example.org/t?a=b")
    assert sent["StatusCallback"].startswith("https://hooks.example.org/t?a=b&mc_id=message-1&mc_mac=")
    own = (TwilioOptions(status_callback="https://other.example.org/t"),)
    callback = _sent(Sms("Hi", provider_options=own), status_callback="https://hooks.example.org/t")[
        "StatusCallback"
    ]
    assert callback.startswith("https://other.example.org/t?mc_id=message-1&mc_mac=")
    assert AUTH_TOKEN not in callback


def test_both_doors_send_and_tell_status_and_id(emulator: TwilioEmulator) -> None:
    async def send() -> Any:
        async with AsyncDispatcher([_twilio(emulator.url)]) as dispatcher:
            return await dispatcher.send(WhatsAppText("Hello"), to=NUMBER)

    with Dispatcher([_twilio(emulator.url)]) as dispatcher:
        receipts = [dispatcher.send(Sms("Hello"), to=NUMBER), asyncio.run(send())]
    for receipt, sid in zip(receipts, emulator.messages, strict=True):
        assert receipt.outcome is Outcome.ACCEPTED
        assert (receipt.status.id, receipt.provider_id) == (26, sid)
        assert "request RQ" in receipt.attempts[0].result.detail
        assert NUMBER not in repr(receipt)


def test_an_api_key_sends_for_its_account() -> None:
    key = "SK" + "1" * 32
    with TwilioEmulator(api_keys={key: "secret"}) as emulator:
        twilio = _twilio(emulator.url, auth_token=None, api_key=key, api_secret="secret")
        with Dispatcher([twilio]) as dispatcher:
            assert dispatcher.send(Sms("Hello"), to=NUMBER).outcome is Outcome.ACCEPTED


ONCE = {"sms": Route("twilio", retry=RetryPolicy(max_attempts=1))}


def _ended(
    emulator: TwilioEmulator, to: str = NUMBER, message: Message | None = None, **settings: Any
) -> AttemptResult:
    http = HttpSettings(timeouts=Timeouts(read=0.4))
    with Dispatcher([_twilio(emulator.url, **settings)], routes=ONCE, http=http) as dispatcher:
        try:
            receipt = dispatcher.send(message or Sms("Hello"), to=to)
            shown = ""
        except errors.SendFailed as failed:
            receipt, shown = failed.receipt, str(failed)
    for secret in (AUTH_TOKEN, to.removeprefix("+")):
        assert secret not in shown + repr(receipt)
    return receipt.attempts[-1].result


@pytest.mark.parametrize(
    ("to", "sender", "code", "reason", "status"),
    [
        ("+15005550001", OUR_NUMBER, 21211, Reason.RECIPIENT, (5, 52)),
        ("+15005550002", OUR_NUMBER, 21612, Reason.NO_COVERAGE, (5, 19)),
        ("+15005550003", OUR_NUMBER, 21408, Reason.NO_COVERAGE, (5, 6)),
        ("+15005550004", OUR_NUMBER, 21610, Reason.RECIPIENT, (5, 14)),
        ("+15005550009", OUR_NUMBER, 21614, Reason.RECIPIENT, (5, 52)),
        (NUMBER, "+15005550001", 21212, Reason.NO_COVERAGE, (5, 11)),
        (NUMBER, "+15005550007", 21606, Reason.NO_COVERAGE, (5, 11)),
        (NUMBER, "+15005550008", 21611, Reason.THROTTLED, (1, 1002)),
    ],
)
def test_the_magic_numbers_are_refused_for_their_reason(
    emulator: TwilioEmulator, to: str, sender: str, code: int, reason: Reason, status: tuple[int, int]
) -> None:
    outcome = _ended(emulator, to, sender=sender)
    assert outcome.reason is reason
    assert str(code) in outcome.detail
    assert (outcome.status.group_id, outcome.status.id) == status
    assert emulator.messages == {}


@pytest.mark.parametrize(
    ("fault", "reason", "kind"),
    [
        (Fault(FaultKind.THROTTLE, seconds=2), Reason.THROTTLED, Outcome.NOT_SENT),
        (Fault(FaultKind.STATUS, status=500, handled=True), Reason.SERVER_ERROR, Outcome.UNKNOWN),
        (Fault(FaultKind.STATUS, status=503), Reason.SERVER_ERROR, Outcome.UNKNOWN),
        (Fault(FaultKind.HANG, handled=True), Reason.TIMEOUT, Outcome.UNKNOWN),
        (Fault(FaultKind.HANG), Reason.TIMEOUT, Outcome.UNKNOWN),
        (Fault(FaultKind.RESET, handled=True), Reason.CONNECTION, Outcome.UNKNOWN),
        (Fault(FaultKind.CLOSE), Reason.CONNECTION, Outcome.UNKNOWN),
        (Fault(FaultKind.GARBAGE), Reason.CONNECTION, Outcome.UNKNOWN),
        (Fault(FaultKind.CUT), Reason.CONNECTION, Outcome.UNKNOWN),
        (Fault(FaultKind.UNREADABLE, handled=True), Reason.UNREADABLE_RESPONSE, Outcome.UNKNOWN),
        (Fault(FaultKind.STATUS, status=401), Reason.CREDENTIALS, Outcome.NOT_SENT),
        (Fault(FaultKind.STATUS, status=404), Reason.MISDIRECTED, Outcome.NOT_SENT),
    ],
    ids=lambda value: (
        f"{value.kind}-{value.status}-{value.handled}" if isinstance(value, Fault) else value.name
    ),
)
def test_a_fault_is_not_sent_only_where_that_is_certain(
    emulator: TwilioEmulator, fault: Fault, reason: Reason, kind: Outcome
) -> None:
    emulator.faults.add(fault)
    result = _ended(emulator)
    assert (result.reason, result.outcome) == (reason, kind)
    assert result.retry_after == (2.0 if fault.kind is FaultKind.THROTTLE else None)
    assert len(emulator.requests) == 1


def test_a_connection_that_does_not_come_about_is_not_sent() -> None:
    with TwilioEmulator() as gone:
        pass
    with Dispatcher([_twilio(gone.url)], routes=ONCE) as dispatcher, pytest.raises(errors.NotSent) as failed:
        dispatcher.send(Sms("Hello"), to=NUMBER)
    assert failed.value.receipt.attempts[0].result.reason is Reason.UNREACHABLE


def test_only_a_throttled_message_is_tried_again(emulator: TwilioEmulator) -> None:
    with Dispatcher([_twilio(emulator.url)], clock=QuickClock()) as dispatcher:
        emulator.faults.add(Fault(FaultKind.THROTTLE, seconds=1))
        receipt = dispatcher.send(Sms("Hello"), to=NUMBER)
        assert [one.result.reason for one in receipt.attempts] == [Reason.THROTTLED, Reason.ACCEPTED]
        emulator.faults.add(Fault(FaultKind.STATUS, status=500))
        assert len(dispatcher.send(Sms("Hello"), to=NUMBER).attempts) == 1
    assert len(emulator.messages) == 1


def test_wrong_credentials_are_refused_without_being_shown(emulator: TwilioEmulator) -> None:
    outcome = _ended(emulator, auth_token="canary-token")
    assert outcome.reason is Reason.CREDENTIALS
    assert "20003" in outcome.detail
    assert "canary" not in repr(outcome)


def test_somebody_who_wrote_stop_is_refused_until_he_writes_start(emulator: TwilioEmulator) -> None:
    emulator.receive_message(f"+{NUMBER}", "STOP")
    assert _ended(emulator).reason is Reason.RECIPIENT
    emulator.receive_message(f"+{NUMBER}", "START")
    assert _ended(emulator).reason is Reason.ACCEPTED


PROBLEM = {
    "type": "https://x",
    "title": "t",
    "status": 400,
    "code": 21610,
    "detail": NUMBER,
    "errors": [{"detail": "x"}],
}


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (201, {"sid": "SM1", "status": "queued"}, Reason.ACCEPTED),
        (201, {"sid": "SM1", "status": "teleported"}, Reason.ACCEPTED),
        (201, {"sid": "SM1", "status": "failed", "error_code": 21610}, Reason.RECIPIENT),
        (201, {"sid": "SM1", "status": "failed", "error_code": 30410}, Reason.INVALID),
        (201, {"sid": "SM1", "status": "failed", "error_code": None}, Reason.INVALID),
        (201, {"sid": "SM1", "status": "failed", "error_code": 63037}, Reason.ACCEPTED),
        (201, {"status": "queued"}, Reason.UNREADABLE_RESPONSE),
        (200, [], Reason.UNREADABLE_RESPONSE),
        (400, {"code": 21617, "status": 400}, Reason.INVALID),
        (400, {"code": 63016}, Reason.POLICY),
        (400, {"code": 20005}, Reason.INSUFFICIENT_CREDIT),
        (400, {"code": 20500}, Reason.SERVER_ERROR),
        (400, {"code": 63037}, Reason.SERVER_ERROR),
        (400, {"code": 424242}, Reason.INVALID),
        (400, {"code": "21610"}, Reason.RECIPIENT),
        (400, PROBLEM, Reason.RECIPIENT),
        (403, {"code": 20403}, Reason.CREDENTIALS),
        (404, {"code": 20404}, Reason.NO_COVERAGE),
        (409, {"code": 20409}, Reason.INVALID),
        (429, {"code": 20429}, Reason.THROTTLED),
        (429, {"code": 21610}, Reason.THROTTLED),
        (500, {"code": 20500}, Reason.SERVER_ERROR),
        (503, {"code": 21610}, Reason.SERVER_ERROR),
        (307, {}, Reason.MISDIRECTED),
        (404, {}, Reason.MISDIRECTED),
        (431, {"code": "none"}, Reason.MISDIRECTED),
    ],
)
def test_status_and_code_together_say_what_an_answer_means(status: int, body: Any, reason: Reason) -> None:
    envelope = Envelope("message-1", "sms", Sms("Hello"), TO)
    outcome = _twilio().parse_response(HttpResponse(status, {}, json.dumps(body).encode()), envelope)
    assert outcome.reason is reason
    assert NUMBER not in repr(outcome)


BAD_MESSAGES: list[tuple[Message, str]] = [
    (Sms("x" * 1601), "Sms.text"),
    (Sms("😀" * 801), "Sms.text"),
    (Sms("half \ud83d"), "Sms.text"),
    (WhatsAppText("x" * 1601), "WhatsAppText.text"),
    (Sms("Hi", sender="a name too long"), "Sms.sender"),
    (Sms("Hi", sender="whatsapp:+447700900001"), "Sms.sender"),
    (WhatsAppText("Hi", sender="Shop"), "WhatsAppText.sender"),
    (Sms("Hi", validity_period=timedelta(hours=11)), "Sms.validity_period"),
    (Sms("Hi", provider_options=(TwilioOptions(send_at=MOMENT),)), "TwilioOptions.send_at"),
    (
        Sms("Hi", provider_options=(TwilioOptions(content_variables={"1": "x"}),)),
        "TwilioOptions.content_variables",
    ),
    (Sms("Hi", provider_options=(TwilioOptions(), TwilioOptions())), "Sms.provider_options"),
    (WhatsAppTemplate("order_ready", "en"), "WhatsAppTemplate.name"),
    (
        WhatsAppTemplate(
            "a", "en", parameters=("x\n\n\n\n\ny",), provider_options=(TwilioOptions(content_sid=CONTENT),)
        ),
        "WhatsAppTemplate.parameters",
    ),
    (
        WhatsAppTemplate(
            "a", "en", parameters=("x",) * 101, provider_options=(TwilioOptions(content_sid=CONTENT),)
        ),
        "WhatsAppTemplate.parameters",
    ),
    (WhatsAppImage(Media(id="1")), "WhatsAppImage.media"),
]


@pytest.mark.parametrize(
    ("message", "field"), BAD_MESSAGES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_what_twilio_would_refuse_for_everyone_never_reaches_the_network(
    emulator: TwilioEmulator, message: Message, field: str
) -> None:
    with Dispatcher([_twilio(emulator.url)]) as dispatcher, pytest.raises(errors.InvalidMessage) as refused:
        dispatcher.send(message, to=NUMBER)
    assert refused.value.field == field
    assert NUMBER not in str(refused.value)
    assert emulator.requests == []


@pytest.mark.parametrize(
    ("message", "setting"), [(Sms("Hi"), "TWILIO_SENDER"), (WhatsAppText("Hi"), "TWILIO_WHATSAPP_SENDER")]
)
def test_a_sender_has_to_come_from_somewhere(
    emulator: TwilioEmulator, message: Message, setting: str
) -> None:
    twilio = _twilio(emulator.url, sender=None, whatsapp_sender=None)
    with Dispatcher([twilio]) as dispatcher, pytest.raises(errors.InvalidMessage, match=setting):
        dispatcher.send(message, to=NUMBER)
    assert emulator.requests == []


@pytest.mark.parametrize(
    "message",
    [
        Sms("Hi", flash=True),
        WhatsAppText("Hi", reply_to="SM1"),
        WhatsAppVideo("https://example.com/a.mp4", caption="dropped without a word"),
        WhatsAppTemplate("a", "en", header=TextHeader(("x",))),
    ],
    ids=lambda message: type(message).__name__,
)
def test_what_twilio_does_not_carry_is_refused_by_name(emulator: TwilioEmulator, message: Message) -> None:
    with Dispatcher([_twilio(emulator.url)]) as dispatcher, pytest.raises(errors.Unsupported):
        dispatcher.send(message, to=NUMBER)
    assert emulator.requests == []


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"messaging_service_sid": "MG1"}, "messaging_service_sid"),
        ({"application_sid": "AC" + "1" * 32}, "application_sid"),
        ({"content_sid": "HX" + "g" * 32}, "content_sid"),
        ({"send_at": datetime(2030, 1, 1)}, "send_at"),  # noqa: DTZ001  that is the fault
        ({"validity_period": timedelta(0)}, "validity_period"),
        ({"validity_period": timedelta(seconds=36_001)}, "validity_period"),
        ({"attempt": 0}, "attempt"),
        ({"status_callback": "ftp://h.example/x"}, "status_callback"),
        ({"status_callback": "https://a_b.example/x"}, "status_callback"),
        ({"status_callback": "https:///x"}, "status_callback"),
        ({"status_callback": "https://[::1/x"}, "status_callback"),
        ({"status_callback": "https://h.example/x\r\ny"}, "status_callback"),
    ],
)
def test_options_that_cannot_work_are_refused_when_they_are_made(options: Any, field: str) -> None:
    with pytest.raises(errors.InvalidMessage) as refused:
        TwilioOptions(**options)
    assert refused.value.field == f"TwilioOptions.{field}"


def test_no_repr_shows_what_fills_a_template_or_where_reports_go() -> None:
    options = TwilioOptions(content_variables={"1": "canary"}, status_callback="https://canary.example/x")
    assert "canary" not in repr(options)
    assert hash(options) == hash(TwilioOptions())


def test_a_schedule_too_near_is_twilios_to_refuse(emulator: TwilioEmulator) -> None:
    near = TwilioOptions(messaging_service_sid=SERVICE, send_at=datetime.now(UTC) + timedelta(seconds=60))
    outcome = _ended(emulator, message=Sms("Hi", provider_options=(near,)))
    assert outcome.reason is Reason.INVALID
    assert "35114" in outcome.detail


def _run(flow: Any) -> Any:
    with Transport() as transport:
        return transport.run(flow)


def _provider_id(emulator: TwilioEmulator, message: Message, to: str = NUMBER) -> str:
    with Dispatcher([_twilio(emulator.url)]) as dispatcher:
        sid = dispatcher.send(message, to=to).provider_id
    assert sid is not None
    return sid


def test_a_scheduled_message_can_be_cancelled_and_no_other(emulator: TwilioEmulator) -> None:
    twilio, later = _twilio(emulator.url), datetime.now(UTC) + timedelta(days=1)
    scheduled = _provider_id(
        emulator, Sms("Hi", provider_options=(TwilioOptions(messaging_service_sid=SERVICE, send_at=later),))
    )
    assert _run(twilio.fetch(scheduled)).state == "scheduled"
    assert _run(twilio.cancel(scheduled)).state == "canceled"
    with pytest.raises(TwilioApiError) as refused:
        _run(twilio.cancel(_provider_id(emulator, Sms("Hi"))))
    assert (refused.value.status, refused.value.error_code) == (400, 30409)
    assert "cannot cancel" in str(refused.value)
    assert refused.value.request_id in str(refused.value)


def test_a_message_can_be_read_redacted_and_deleted_from_either_colour(emulator: TwilioEmulator) -> None:
    twilio = _twilio(emulator.url)
    sid = _provider_id(emulator, Mms(("https://example.com/a.png",), text="canary"))

    async def read() -> Any:
        transport = AsyncTransport()
        try:
            return await transport.run(twilio.fetch(sid))
        finally:
            await transport.close()

    message = asyncio.run(read())
    assert (message.sid, message.state, message.body, message.media_count) == (sid, "delivered", "canary", 1)
    assert (message.segment_count, message.currency, message.direction) == (1, "USD", "outbound-api")
    assert message.created_at.utcoffset() == timedelta(0)
    assert "canary" not in repr(message)
    assert NUMBER not in repr(message)
    (media,) = _run(twilio.media(sid))
    _run(twilio.delete_media(sid, media["sid"]))
    assert _run(twilio.media(sid)) == []
    assert _run(twilio.redact(sid)).body == ""
    _run(twilio.feedback(sid, confirmed=True))
    _run(twilio.delete(sid))
    with pytest.raises(TwilioApiError) as refused:
        _run(twilio.fetch(sid))
    assert refused.value.error_code == 20404


def test_the_balance_proves_the_credentials(emulator: TwilioEmulator) -> None:
    assert _run(_twilio(emulator.url).balance()).amount == Decimal("12.345")
    with pytest.raises(TwilioApiError) as refused:
        _run(_twilio(emulator.url, auth_token="canary").balance())
    assert refused.value.error_code == 20003
    assert "canary" not in str(refused.value)


def test_templates_are_read_in_the_form_that_the_provider_takes() -> None:
    known = {("order_ready", "en"): CONTENT}
    with TwilioEmulator(templates=known) as emulator:
        read = _run(_twilio(emulator.url).templates())
        assert read == known
        with Dispatcher([_twilio(emulator.url, templates=read)]) as dispatcher:
            dispatcher.send(WhatsAppTemplate("order_ready", "en", parameters=("Zoë",)), to=NUMBER)
            unknown = TwilioOptions(content_sid="HX" + "d" * 32)
            with pytest.raises(errors.Rejected):
                dispatcher.send(WhatsAppTemplate("other", "en", provider_options=(unknown,)), to=NUMBER)


def test_a_listing_is_read_page_by_page(emulator: TwilioEmulator) -> None:
    twilio = _twilio(emulator.url)
    sids = [_provider_id(emulator, Sms(f"{place}")) for place in range(3)]
    _provider_id(emulator, Sms("other"), to="+12025550110")
    first = _run(twilio.list_messages(to=f"+{NUMBER}", since=datetime.now(UTC).date(), page_size=2))
    assert NUMBER not in repr(first)
    second = _run(twilio.next_page(first))
    assert [one.sid for one in (*first.messages, *second.messages)] == sids[::-1]
    assert second.next_uri is None
    assert _run(twilio.next_page(second)).messages == ()
    assert NUMBER not in repr(next(twilio.list_messages(to=f"+{NUMBER}")))


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/2010-04-01/x",
        "//evil.example/",
        "/2010-04-01/Accounts/ACx/Messages.json?",
        "@evil.example",
    ],
)
def test_a_listing_that_leads_elsewhere_is_not_followed(elsewhere: str) -> None:
    twilio = _twilio()
    flow = twilio.list_messages()
    request = next(flow)
    assert isinstance(request, HttpRequest)
    body = json.dumps({"messages": [], "next_page_uri": elsewhere}).encode()
    with pytest.raises(StopIteration) as done:
        flow.send(HttpResponse(200, {}, body))
    with pytest.raises(StopIteration) as nothing:
        next(twilio.next_page(done.value.value))
    assert nothing.value.value.messages == ()


@pytest.mark.parametrize("sid", ["", "../Calls", "SM1/../..", "SM1?x", "SM 1"])
def test_what_is_no_sid_reaches_no_path(sid: str) -> None:
    with pytest.raises(errors.InvalidMessage):
        next(_twilio().fetch(sid))


def _inquiry(
    text: str, *, to: PhoneNumber | None = TO, ago: float = 0.0, channel: str = "sms"
) -> LookupRequest:
    now = time.time() - ago
    return LookupRequest("message-1", channel, to, now - 1, now, lambda other: other == text)


@pytest.mark.parametrize("to", [f"+{NUMBER}", "+12025550106"], ids=["sent", "still queued"])
def test_an_unknown_outcome_is_settled_by_the_log(emulator: TwilioEmulator, to: str) -> None:
    emulator.faults.add(Fault(FaultKind.RESET, handled=True))
    assert _ended(emulator, to).outcome is Outcome.UNKNOWN
    result = _run(_twilio(emulator.url).look_up(_inquiry("Hello", to=PhoneNumber(to[1:]))))
    assert result.outcome is Outcome.ACCEPTED
    assert result.provider_id == next(iter(emulator.messages))


def test_a_log_that_is_too_long_settles_nothing_where_addresses_are_masked() -> None:
    asked = replace(_inquiry("Hello"), to=None, to_matches=lambda _: True)
    created = format_datetime(datetime.now(UTC))
    ours = {
        "sid": "SM1",
        "to": f"+{NUMBER}",
        "body": "Hello",
        "direction": "outbound-api",
        "date_created": created,
    }
    more = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json?Page=1"
    page = HttpResponse(200, {}, json.dumps({"messages": [ours], "next_page_uri": more}).encode())
    flow = _twilio().look_up(asked)
    next(flow)
    for _ in range(4):
        flow.send(page)
    with pytest.raises(StopIteration) as ended:
        flow.send(page)
    assert ended.value.value is None


@pytest.mark.parametrize(
    ("kept", "other", "settled"),
    [("masked", "+12125550124", True), ("masked", "+12125550123", False), ("hashed", "+12125550123", True)],
)
def test_masked_and_hashed_addresses_have_to_fit_and_to_be_the_only_ones(
    kept: str, other: str, settled: bool
) -> None:
    clock = ControlledClock(time.time())
    ledger = SqliteLedger(addresses=kept, pepper=b"p" if kept == "hashed" else b"")
    with (
        TwilioEmulator() as emulator,
        Dispatcher([_twilio(emulator.url)], ledger=ledger, clock=clock) as dispatcher,
    ):
        emulator.faults.add(Fault(FaultKind.RESET, handled=True, path="/2010"))
        receipt = dispatcher.send(Sms("order"), to="+12025550123")
        with Transport() as transport:
            somebody = _twilio(emulator.url).build_request(
                Envelope("other", "sms", Sms("order"), PhoneNumber.parse(other))
            )
            transport.run(ask(somebody))
        clock.advance(60)
        dispatcher.reconcile()
        record = dispatcher.get_message(receipt.id)
    assert record is not None
    assert (record.outcome is Outcome.ACCEPTED) == settled


def test_what_the_log_does_not_tell_stays_unknown(emulator: TwilioEmulator) -> None:
    twilio = _twilio(emulator.url)
    emulator.faults.add(Fault(FaultKind.RESET))
    assert _ended(emulator).outcome is Outcome.UNKNOWN
    assert _run(twilio.look_up(_inquiry("Hello"))) is None
    _provider_id(emulator, Sms("Hello"))
    assert _run(twilio.look_up(_inquiry("Another text"))) is None
    assert _run(twilio.look_up(_inquiry("Hello", ago=3600))) is None
    assert _run(twilio.look_up(_inquiry("Hello", to=PhoneNumber("12025550110")))) is None
    assert _run(twilio.look_up(_inquiry("Hello", channel="whatsapp"))) is None
    assert _run(twilio.look_up(_inquiry("Hello", to=None))) is None
    assert _run(twilio.look_up(_inquiry("Hello", channel="email"))) is None
    assert _run(twilio.look_up(_inquiry("Hello"))) is not None
    _provider_id(emulator, Sms("Hello"))
    assert _run(twilio.look_up(_inquiry("Hello"))) is None  # two alike


def test_the_log_is_read_over_several_pages_and_what_others_wrote_is_passed_over() -> None:
    def page(sids: list[str], following: str | None, direction: str = "outbound-api") -> HttpResponse:
        created = format_datetime(datetime.now(UTC))
        found = [
            {"sid": sid, "to": f"+{NUMBER}", "body": "Hello", "direction": direction, "date_created": created}
            for sid in sids
        ]
        return HttpResponse(200, {}, json.dumps({"messages": found, "next_page_uri": following}).encode())

    more = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json?Page=1"
    flow = _twilio().look_up(_inquiry("Hello"))
    next(flow)
    answers = [
        page(["SM1", "SM2"], more, "inbound"),
        page([], more),
        page(["SM3"], more),
        page([], more),
        page([], more),
    ]
    for answer in answers:
        asked = flow.send(answer)
    assert "DateSent" not in asked.url  # at most five pages of a day, then the latest of all
    with pytest.raises(StopIteration) as done:
        flow.send(page(["SM3"], more))
    assert done.value.value.provider_id == "SM3"


def test_templates_are_read_over_several_pages_and_never_from_another_host() -> None:
    def page(name: str, following: object) -> HttpResponse:
        contents = [{"sid": CONTENT, "friendly_name": name, "language": "en"}]
        return HttpResponse(
            200, {}, json.dumps({"contents": contents, "meta": {"next_page_url": following}}).encode()
        )

    for elsewhere in (
        "https://evil.example/v1/Content?Page=2",
        "https://[::1",
        None,
        1,
        "https://content.twilio.com/v2/x",
    ):
        flow = _twilio().templates()
        next(flow)
        asked = flow.send(page("one", "https://content.twilio.com/v1/Content?PageSize=500&Page=1"))
        assert asked.url == "https://content.twilio.com/v1/Content?PageSize=500&Page=1"
        with pytest.raises(StopIteration) as done:
            flow.send(page("two", elsewhere))
        assert done.value.value == {("one", "en"): CONTENT, ("two", "en"): CONTENT}


def test_a_log_that_cannot_be_read_settles_nothing(emulator: TwilioEmulator) -> None:
    emulator.faults.add(Fault(FaultKind.STATUS, status=500))
    assert _run(_twilio(emulator.url).look_up(_inquiry("Hello"))) is None


def test_asking_sends_nothing() -> None:
    assert not next(_twilio().look_up(_inquiry("Hello"))).may_send
    assert not next(_twilio().cancel("SM1")).may_send


class Hooks(Emulator):
    """Where Twilio calls back."""

    def handle(self, request: Request) -> HttpResponse:
        assert request.query["tenant"] == "a"
        return HttpResponse(204, {}, b"")


def test_a_report_settles_a_message_whose_answer_was_lost() -> None:
    with Hooks() as hooks, TwilioEmulator() as emulator:
        twilio = _twilio(emulator.url, status_callback=f"{hooks.url}/twilio?tenant=a")
        emulator.faults.add(Fault(FaultKind.CLOSE, handled=True))
        with Dispatcher([twilio], ledger=LazyMemoryLedger()) as dispatcher:
            receipt = dispatcher.send(Sms("Hello"), to=NUMBER)
            assert receipt.outcome is Outcome.UNKNOWN
            emulator.wait_for_reports()
            assert [status for _, status in emulator.reports] == [204, 204]
            for call, _ in emulator.reports:
                dispatcher.handle_webhook("twilio", WebhookRequest(call.body, call.headers, call.url))
            record = dispatcher.get_message(receipt.id)
    assert record is not None
    assert (record.outcome, record.status.name) == (Outcome.ACCEPTED, "DELIVERED_TO_HANDSET")


def test_a_repetition_under_its_key_asks_the_log_first_and_sends_nothing_twice(
    emulator: TwilioEmulator,
) -> None:
    with Dispatcher([_twilio(emulator.url)]) as dispatcher:
        emulator.faults.add(Fault(FaultKind.RESET, handled=True))
        assert dispatcher.send(Sms("Hello"), to=NUMBER, idempotency_key="k").outcome is Outcome.UNKNOWN
        receipt = dispatcher.send(Sms("Hello"), to=NUMBER, idempotency_key="k")
    assert (receipt.outcome, receipt.provider_id) == (Outcome.ACCEPTED, next(iter(emulator.messages)))
    assert [request.method for request in emulator.requests].count("POST") == 1


def test_rates_are_named_for_whatsapp_and_left_to_twilios_queue_for_text_messages() -> None:
    twilio = _twilio()
    assert twilio.rate_limits(Envelope("1", "sms", Sms("Hi"), TO)) == ()
    ((key, rate),) = twilio.rate_limits(Envelope("1", "whatsapp", WhatsAppText("Hi"), TO))
    assert (key, rate.limit) == (("whatsapp", "+14155238886"), 80)


@pytest.mark.parametrize(
    ("settings", "host"),
    [
        ({}, "api.twilio.com"),
        ({"edge": "dublin"}, "api.dublin.us1.twilio.com"),
        ({"region": "ie1"}, "api.dublin.ie1.twilio.com"),
        ({"region": "au1"}, "api.sydney.au1.twilio.com"),
        ({"region": "us1"}, "api.ashburn.us1.twilio.com"),
        ({"edge": "frankfurt", "region": "ie1"}, "api.frankfurt.ie1.twilio.com"),
        ({"edge": "tokyo", "region": "jp1"}, "api.tokyo.jp1.twilio.com"),
        ({"base_url": "api.ie1.twilio.com"}, "api.dublin.ie1.twilio.com"),
        ({"base_url": "https://api.dublin.ie1.twilio.com/"}, "api.dublin.ie1.twilio.com"),
        ({"base_url": "https://api.dublin.ie1.twilio.com", "edge": "tokyo"}, "api.tokyo.ie1.twilio.com"),
        ({"base_url": "https://api.dublin.ie1.twilio.com", "region": "au1"}, "api.dublin.au1.twilio.com"),
    ],
)
def test_a_region_is_never_reached_without_an_edge(settings: dict[str, str], host: str) -> None:
    request = _twilio(settings.pop("base_url", None), **settings).build_request(
        Envelope("1", "sms", Sms("Hi"), TO)
    )
    assert request.url.startswith(f"https://{host}/2010-04-01/")
    content = next(_twilio(f"https://{host}").templates())
    assert isinstance(content, HttpRequest)
    assert content.url.startswith(f"https://{host.replace('api.', 'content.')}/v1/Content?")


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"account_sid": "canary"}, "account_sid"),
        ({"auth_token": None}, "auth_token"),
        ({"auth_token": "canary\r\nx: y"}, "auth_token"),
        ({"auth_token": "canary é"}, "auth_token"),
        ({"api_key": "SK" + "1" * 32}, "api_secret"),
        ({"api_key": "canary", "api_secret": "x"}, "api_key"),
        ({"api_key": "SK" + "1" * 32, "api_secret": "canary x"}, "api_secret"),
        ({"region": "de1"}, "region"),
        ({"edge": "a.b"}, "edge"),
        ({"base_url": "http://api.twilio.com"}, "base_url"),
        ({"base_url": "https://www.twilio.com"}, "base_url"),
        ({"base_url": "twilio.com"}, "base_url"),
        ({"base_url": "https://a.b.c.d.twilio.com"}, "base_url"),
        ({"base_url": "https://canary:x@api.twilio.com"}, "base_url"),
        ({"base_url": "https://[::1"}, "base_url"),
        ({"base_url": "http://127.0.0.1:1", "edge": "dublin"}, "base_url"),
        ({"status_callback": "canary"}, "status_callback"),
        ({"base_url": "https://:canary@api.twilio.com"}, "base_url"),
        ({"webhook_auth_tokens": [""]}, "webhook_auth_tokens"),
    ],
)
def test_settings_that_cannot_work_are_refused_without_showing_them(
    settings: dict[str, Any], name: str
) -> None:
    with pytest.raises(errors.InvalidSetting) as refused:
        _twilio(settings.pop("base_url", None), **settings)
    assert refused.value.setting == f"twilio.{name}"
    assert "canary" not in str(refused.value)


@given(st.text(max_size=30))
def test_no_base_url_makes_anything_but_a_setting_error(url: str) -> None:
    try:
        _twilio(url)
    except errors.InvalidSetting:
        return


def _settings() -> plugin_settings.TwilioSettings:
    secrets = {"auth_token": "canary", "api_secret": "canary", "webhook_auth_tokens": "canary,canary"}
    return plugin_settings.TwilioSettings.model_validate({"account_sid": ACCOUNT_SID, **secrets})


def test_no_repr_shows_a_secret() -> None:
    twilio = _twilio(
        webhook_auth_tokens=["canary", SigningKey("canary")], api_key="SK" + "1" * 32, api_secret="canary"
    )
    request = twilio.build_request(Envelope("1", "sms", Sms("Hi"), TO))
    for value in (twilio, request, SigningKey("canary"), _settings()):
        assert "canary" not in repr(value)


def test_it_is_configured_by_environment_file_and_dsn(emulator: TwilioEmulator) -> None:
    loaded = plugins.load_plugins(only=(), extra=[plugin_settings])
    variables = {
        "MESSAGING_CHANNELS_TWILIO_DSN": f"twilio://{ACCOUNT_SID}:{AUTH_TOKEN}@ignored.example.com?sender=%2B15005550006",
        "MESSAGING_CHANNELS_TWILIO_WEBHOOK_AUTH_TOKENS": "next-token, last-token",
        "MESSAGING_CHANNELS_TWILIO_WEBHOOK_SHARED_KEYS": "shared",
    }
    file = {
        "providers": {"twilio": {"templates": {"order_ready/en": CONTENT}, "whatsapp_sender": "+14155238886"}}
    }
    code = {"providers": {"twilio": {"base_url": emulator.url}}}
    configuration = Configuration(code, variables, file, "none", loaded)
    twilio: Any = configuration.provider("twilio")
    with Dispatcher([twilio]) as dispatcher:
        assert dispatcher.send(Sms("Hello"), to=NUMBER).outcome is Outcome.ACCEPTED
        assert dispatcher.send(WhatsAppTemplate("order_ready", "en"), to=NUMBER).outcome is Outcome.ACCEPTED
    url = "https://hooks.example.org/t?a=b"
    for key in (SigningKey("next-token"), SigningKey("last-token"), SigningKey("shared", "sha256")):
        signed = {"content-type": "application/x-www-form-urlencoded", "x-twilio-signature": key.sign(url)}
        assert twilio.handle_webhook(WebhookRequest(b"", signed, url)).events
    shown = json.dumps(configuration.describe())
    assert "next-token" not in shown
    assert AUTH_TOKEN not in shown


def test_a_template_without_a_language_is_a_fault_of_the_configuration() -> None:
    code = {
        "providers": {
            "twilio": {"account_sid": ACCOUNT_SID, "auth_token": "x", "templates": {"order_ready": CONTENT}}
        }
    }
    loaded = plugins.load_plugins(only=(), extra=[plugin_settings])
    with pytest.raises(errors.InvalidSetting, match="order_ready/en"):
        Configuration(code, {}, {}, "none", loaded).provider("twilio")
