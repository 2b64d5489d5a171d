from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from messaging_channels import Dispatcher, Outcome, PhoneNumber, Sms, WebhookRequest
from messaging_channels.errors import InvalidMessage
from messaging_channels.events import Event, MessageReceived, OptedIn, OptedOut, StatusChanged
from messaging_channels.messages import Message, Mms, WhatsAppImage, WhatsAppText
from messaging_channels.plugins import Envelope, HttpRequest, HttpResponse, ask
from messaging_channels.testing import Emulator, Fault, FaultKind, Request, Transport
from messaging_channels_twilio import Twilio, TwilioOptions
from messaging_channels_twilio.emulator import ACCOUNT_SID, AUTH_TOKEN, OUR_NUMBER, TwilioEmulator
from messaging_channels_twilio.emulator.rules import FATES, Form, find_error
from messaging_channels_twilio.errors import status_of

NUMBER = "447700900123"
SERVICE = "MG" + "a" * 32


class Hooks(Emulator):
    """A webhook address that proves and reads what comes, as an application would."""

    def __init__(self, twilio: Twilio) -> None:
        super().__init__()
        self.twilio = twilio
        self.events: list[Event] = []

    def handle(self, request: Request) -> HttpResponse:
        url = f"{self.url}{request.path}" + (f"?{urlencode(request.query)}" if request.query else "")
        received = self.twilio.handle_webhook(WebhookRequest(request.body, request.headers, url))
        self.events += received.events
        return received.response


def _twilio(url: str | None = None, **settings: Any) -> Twilio:
    given = {"sender": OUR_NUMBER, "whatsapp_sender": "+14155238886", **settings}
    return Twilio(account_sid=ACCOUNT_SID, auth_token=AUTH_TOKEN, base_url=url, **given)


@pytest.mark.parametrize("as_json", [False, True], ids=["form", "json"])
def test_what_is_sent_is_reported_and_the_reports_are_proved_over_real_http(as_json: bool) -> None:
    with (
        Hooks(_twilio()) as hooks,
        TwilioEmulator(json_webhooks=as_json, webhook_url=f"{hooks.url}/in") as emulator,
    ):
        twilio = _twilio(emulator.url, status_callback=f"{hooks.url}/status")
        with Dispatcher([twilio]) as dispatcher:
            receipt = dispatcher.send(WhatsAppText("Hello"), to=NUMBER)
        emulator.receive_message(
            "whatsapp:+447700900123", "Hi", To="whatsapp:+14155238886", ProfileName="Zoë"
        )
        emulator.wait_for_reports()
        assert {status for _, status in emulator.reports} == {204}
    changed = [event for event in hooks.events if isinstance(event, StatusChanged)]
    assert {event.message_id for event in changed} == {receipt.id}
    assert {event.provider_id for event in changed} == {receipt.provider_id}
    (received,) = [event for event in hooks.events if isinstance(event, MessageReceived)]
    assert (received.channel, received.text, received.name) == ("whatsapp", "Hi", "Zoë")


def test_its_signatures_hold_for_twilios_own_validator() -> None:
    with TwilioEmulator(webhook_url="http://127.0.0.1:9/x?a=b") as emulator:
        emulator.receive_message("+12025550123", "Héllo 👍 a+b&c")
        emulator.wait_for_reports()
        ((call, status),) = emulator.reports
    assert status is None  # nobody listened there
    fields = dict(parse_qsl(call.body.decode(), keep_blank_values=True))
    assert fields["FromCity"] == ""
    assert RequestValidator(AUTH_TOKEN).validate(call.url, fields, call.headers["x-twilio-signature"])
    assert not RequestValidator("another").validate(call.url, fields, call.headers["x-twilio-signature"])


@pytest.mark.parametrize("to", FATES)
def test_a_message_ends_as_its_recipient_says(to: str) -> None:
    with Hooks(_twilio()) as hooks, TwilioEmulator(webhook_url=f"{hooks.url}/status") as emulator:
        with Dispatcher([_twilio(emulator.url)]) as dispatcher:
            receipt = dispatcher.send(Sms("Hello"), to=to)
        emulator.wait_for_reports()
        assert receipt.outcome is Outcome.ACCEPTED
        (message,) = emulator.messages.values()
    end = FATES[to]
    states = [event.status for event in hooks.events if isinstance(event, StatusChanged)]
    assert len(states) == len(end.states)
    assert message["error_code"] == end.code
    if end.states:
        assert status_of(end.states[-1], end.code) in states
    assert any(isinstance(event, OptedOut) for event in hooks.events) == (end.code == 30630)


def test_stop_and_start_reach_the_application() -> None:
    with Hooks(_twilio()) as hooks, TwilioEmulator(webhook_url=f"{hooks.url}/in") as emulator:
        emulator.receive_message("+12025550123", "stop")
        emulator.wait_for_reports()
        assert emulator.opted_out == {"+12025550123"}
        emulator.receive_message("+12025550123", "start")
        emulator.wait_for_reports()
        assert emulator.opted_out == set()
    assert {type(event) for event in hooks.events} == {MessageReceived, OptedOut, OptedIn}


def _asked(
    emulator: TwilioEmulator, method: str, path: str, body: bytes = b"", **headers: str
) -> HttpResponse:
    twilio = _twilio(emulator.url)
    authorization = next(twilio.balance()).headers["authorization"]
    given = {"authorization": authorization, "content-type": "application/x-www-form-urlencoded", **headers}
    with Transport() as transport:
        target = f"{emulator.url}/2010-04-01/Accounts/{ACCOUNT_SID}{path}"
        return transport.run(ask(HttpRequest(method, target, given, body)))


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/Messages/SM1.json", b"", 404, 20404),
        ("GET", "/Calls.json", b"", 404, 20404),
        ("GET", "/Messages.json?PageSize=1001", b"", 400, 20007),
        ("POST", "/Messages.json", b"Body=Hi&From=%2B15005550006", 400, 21604),
        ("POST", "/Messages.json", b"Body=Hi&From=%2B15005550006&To=+447700900123", 400, 21211),
        ("POST", "/Messages.json", b"Body=Hi&From=!&To=%2B447700900123", 400, 21212),
        ("POST", "/Messages/{}.json", b"Status=canceled&Body=", 400, 30400),
        ("POST", "/Messages/{}.json", b"Status=cancelled", 400, 30400),
        ("POST", "/Messages/{}.json", b"Body=new", 400, 30400),
        ("POST", "/Messages/{}/Feedback.json", b"Outcome=maybe", 400, 20001),
        ("DELETE", "/Messages/{}.json", b"", 409, 20009),
    ],
)
def test_it_refuses_with_twilios_envelope(
    method: str, path: str, body: bytes, status: int, code: int
) -> None:
    with TwilioEmulator() as emulator:
        queued = urlencode({"To": "+12025550106", "From": OUR_NUMBER, "Body": "Hi"}).encode()
        sid = _asked(emulator, "POST", "/Messages.json", queued).json()["sid"]
        answer = _asked(emulator, method, path.format(sid), body)
    assert (answer.status, answer.json()["code"], answer.json()["status"]) == (status, code, status)
    assert answer.json()["more_info"].endswith(f"/{code}")
    assert answer.headers["twilio-request-id"].startswith("RQ")


senders = st.sampled_from(
    [OUR_NUMBER, "447700900001", "88877", "My Shop", SERVICE, "MG1", "whatsapp:+1", "x" * 12, ""]
)
urls = st.sampled_from(["https://example.com/a.png", "http://example.com/b?c=d&e=f#g"])
options = st.builds(
    TwilioOptions,
    messaging_service_sid=st.none() | st.just(SERVICE),
    validity_period=st.none() | st.integers(1, 36_000).map(lambda seconds: timedelta(seconds=seconds)),
    send_at=st.none() | st.integers(1, 34).map(lambda days: datetime.now(UTC) + timedelta(days=days)),
    content_sid=st.none() | st.just("HX" + "c" * 32),
    content_variables=st.none() | st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
    status_callback=st.none() | urls,
)
extras = st.lists(options, max_size=1).map(tuple)
whole = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20) | st.sampled_from(
    ["x" * 1601, "😀" * 800]
)
messages = (
    st.builds(Sms, whole, sender=senders, provider_options=extras)
    | st.builds(
        Mms,
        st.lists(urls, min_size=1, max_size=10).map(tuple),
        text=whole,
        sender=senders,
        provider_options=extras,
    )
    | st.builds(WhatsAppText, whole, sender=senders, provider_options=extras)
    | st.builds(WhatsAppImage, urls, caption=whole, provider_options=extras)
)


@given(messages)
def test_what_the_provider_describes_is_never_refused_for_its_form(message: Message) -> None:
    """What it cannot describe it refuses itself, before anything leaves."""
    channel = "whatsapp" if type(message).__name__.startswith("WhatsApp") else "sms"
    twilio = _twilio(status_callback="https://hooks.example.org/t")
    try:
        request = twilio.build_request(Envelope("message-1", channel, message, PhoneNumber(NUMBER)))
    except InvalidMessage:
        return
    assert find_error(Form(request.body), datetime.now(UTC)) is None


def test_json_is_no_form() -> None:
    with TwilioEmulator() as emulator:
        answer = _asked(emulator, "POST", "/Messages.json", b"{}", **{"content-type": "application/json"})
    assert answer.status == 415


def test_a_service_chooses_its_sender_later() -> None:
    with TwilioEmulator() as emulator, Dispatcher([_twilio(emulator.url)]) as dispatcher:
        extra = (TwilioOptions(messaging_service_sid=SERVICE),)
        receipt = dispatcher.send(Sms("Hello", provider_options=extra), to=NUMBER)
        assert (receipt.raw_response["status"], receipt.raw_response["from"]) == ("accepted", None)


def test_what_it_takes_is_not_taken_again_and_a_lost_answer_changes_nothing_of_that() -> None:
    with TwilioEmulator() as emulator, Dispatcher([_twilio(emulator.url)]) as dispatcher:
        for how in (FaultKind.RESET, FaultKind.CLOSE, FaultKind.CUT, FaultKind.UNREADABLE):
            emulator.faults.add(Fault(how, handled=True))
            assert dispatcher.send(Sms("Hello"), to=NUMBER).outcome is Outcome.UNKNOWN
        assert len(emulator.messages) == len(emulator.requests) == 4


def test_it_serves_any_language_from_the_command_line() -> None:
    command = [
        sys.executable,
        "-m",
        "messaging_channels_twilio.emulator",
        "--json-webhooks",
        "--auth-token",
        "other",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        url = running.stdout.readline().strip()
        try:
            twilio = Twilio(account_sid=ACCOUNT_SID, auth_token="other", sender=OUR_NUMBER, base_url=url)
            with Dispatcher([twilio]) as dispatcher:
                receipt = dispatcher.send(Sms("Hello"), to=NUMBER)
            with Transport() as transport:
                state = transport.run(ask(HttpRequest("GET", f"{url}/_emulator/state")))
        finally:
            running.terminate()
        assert running.wait(10) == 0
    assert [message["sid"] for message in state.json()] == [receipt.provider_id]
