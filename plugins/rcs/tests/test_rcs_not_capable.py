"""Whom RCS does not reach gets an SMS by another vendor: said before anything is sent, by the answer to the send, or by a report.

One message where it can be known; where the vendor takes its words back, the overlap is counted once.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import pytest

from messaging_channels import Dispatcher, Fallback, Route, Sms, SqliteLedger, WebhookRequest, Worker
from messaging_channels.plugins import FailureReason, HttpResponse, MessageRecord, StatusGroup
from messaging_channels.testing import ControlledClock, Fault, FaultKind, Request, json_response
from messaging_channels_infobip import Infobip
from messaging_channels_infobip.emulator import InfobipEmulator
from messaging_channels_rcs import RCS, RcsText
from messaging_channels_twilio import Twilio
from messaging_channels_twilio.emulator import TwilioEmulator
from messaging_channels_twilio.webhook_auth import HEADER, SigningKey
from messaging_channels_vonage import Vonage
from messaging_channels_vonage.emulator import VonageEmulator
from messaging_channels_vonage.webhook_samples import token

_TOKEN, _SENDER, _TO, _AGENT = "0123456789abcdef0123456789abcdef", "447700900000", "447700900123", "AcmeAgent"
_HOOK = "https://shop.example.com/hooks"
_CHECK = "/rcs/2/capability-check/query"
_AFTER = 300
Answer = Callable[[Request], HttpResponse | None]


class _Scripted:
    """An emulator that answers some requests as it is told, and the others as it always does."""

    script: Answer | None = None

    def handle(self, request: Request) -> HttpResponse:
        told = self.script(request) if self.script else None
        return told or super().handle(request)  # type: ignore[misc]


class _InfobipAccount(_Scripted, InfobipEmulator):
    pass


class _TwilioAccount(_Scripted, TwilioEmulator):
    pass


class _VonageAccount(_Scripted, VonageEmulator):
    pass


def _infobip(url: str) -> Infobip:
    return Infobip(
        base_url=url,
        api_key="emulated-key",
        sender=_SENDER,
        rcs_sender=_AGENT,
        webhook_token="t",
        rcs_check_capability=True,
    )


def _twilio(url: str) -> Twilio:
    return Twilio(
        account_sid="AC" + "b" * 32,
        auth_token=_TOKEN,
        sender=f"+{_SENDER}",
        rcs_sender=_AGENT,
        status_callback=_HOOK,
        base_url=url,
    )


def _vonage(url: str) -> Vonage:
    return Vonage(
        api_key="abcd1234",
        api_secret="made-up",
        webhook_signature_secret=_TOKEN,
        sender=_SENDER,
        rcs_sender=_AGENT,
        base_url=url,
    )


_EMULATORS: Mapping[str, type[Any]] = {
    "infobip": _InfobipAccount,
    "twilio": _TwilioAccount,
    "vonage": _VonageAccount,
}
_BUILD: Mapping[str, Callable[[str], Any]] = {"infobip": _infobip, "twilio": _twilio, "vonage": _vonage}
_PAIRS = [(first, second) for first in _EMULATORS for second in _EMULATORS if first != second]


@pytest.fixture(scope="module")
def vendors() -> Iterator[Mapping[str, Any]]:
    """The three vendors on loopback, for all trials."""
    with _InfobipAccount() as one, _TwilioAccount() as two, _VonageAccount() as three:
        yield {"infobip": one, "twilio": two, "vonage": three}


class _Trial:
    """A dispatcher over two vendors: RCS by the first, SMS by the second."""

    def __init__(self, first: str, second: str, vendors: Mapping[str, Any]) -> None:
        self.names, self.vendors, self.clock = (first, second), vendors, ControlledClock()
        for one in vendors.values():
            one.script = None
            one.faults.clear()
            one.requests.clear()
        self.dispatcher = Dispatcher(
            [_BUILD[name](vendors[name].url) for name in (first, second)],
            channels=[RCS],
            routes={"rcs": Route(first), "sms": Route(second)},
            ledger=SqliteLedger(owned=True),
            clock=self.clock,
        )

    def enqueue(self) -> str:
        fallback = Fallback([RcsText("hi"), Sms("hi")], after=_AFTER)
        return self.dispatcher.enqueue(fallback, to=_TO).id

    def drain(self, seconds: float = 0) -> None:
        self.clock.advance(seconds)
        Worker(self.dispatcher).drain()

    def record(self, message_id: str) -> MessageRecord:
        found = self.dispatcher.get_message(message_id)
        assert found is not None
        return found

    def channels(self, message_id: str) -> list[str]:
        return [one.channel for one in self.record(message_id).attempts]

    def hear(self, message_id: str, channel: str, state: str) -> None:
        """Have the vendor of a step report."""
        name = self.names[0 if channel == "rcs" else 1]
        (attempt,) = (one for one in self.record(message_id).attempts if one.channel == channel)
        theirs = (attempt.result.provider_id if attempt.result else None) or ""
        call = _REPORTS[name](attempt.message_id, theirs, channel, state, self.clock.now())
        self.dispatcher.handle_webhook(name, call)

    @property
    def rcs_requests(self) -> int:
        """How many messages left by RCS."""
        return sum(_IS_RCS[self.names[0]](one) for one in self.vendors[self.names[0]].requests)

    @property
    def checks(self) -> int:
        return sum(one.path == _CHECK for one in self.vendors["infobip"].requests)

    @property
    def overlaps(self) -> int:
        return int(self.dispatcher.queue.stats().total.get("overlapped", 0))


@contextmanager
def _trial(first: str, second: str, vendors: Mapping[str, Any]) -> Iterator[_Trial]:
    trial = _Trial(first, second, vendors)
    with trial.dispatcher:
        yield trial


_IS_RCS: Mapping[str, Callable[[Request], bool]] = {
    "infobip": lambda one: one.path == "/rcs/2/messages",
    "twilio": lambda one: b"To=rcs%3A" in one.body,
    "vonage": lambda one: b'"rcs"' in one.body,
}


# --- reports


def _infobip_report(ours: str, _: str, channel: str, state: str, __: float) -> WebhookRequest:
    group, number, error = {"failed": (2, 4, 7002), "delivered": (3, 5, 0)}[state]
    names = {2: "UNDELIVERABLE", 3: "DELIVERED"}
    told = {
        "messageId": ours,
        "to": _TO,
        "sender": _AGENT if channel == "rcs" else _SENDER,
        "doneAt": "2026-09-21T14:12:05.000+0000",
        "status": {"groupId": group, "groupName": names[group], "id": number, "name": "X", "description": ""},
        "error": {
            "groupId": 1 if error else 0,
            "id": error,
            "name": "X",
            "description": "",
            "permanent": True,
        },
        **({"interactionType": "BASIC_MESSAGE"} if channel == "rcs" else {}),
    }
    return WebhookRequest(json.dumps({"results": [told]}).encode(), url=f"{_HOOK}?token=t")


def _twilio_report(_: str, theirs: str, channel: str, state: str, __: float) -> WebhookRequest:
    prefix = "rcs:" if channel == "rcs" else ""
    failed = {"ErrorCode": "63036" if prefix else "30003"} if state == "failed" else {}
    told = {
        "MessageSid": theirs,
        "MessageStatus": "undelivered" if state == "failed" else state,
        "To": f"{prefix}+{_TO}",
        "From": f"{prefix}{_AGENT}" if prefix else f"+{_SENDER}",
        **failed,
    }
    signature = SigningKey(_TOKEN).sign(_HOOK, list(told.items()))
    headers = {"content-type": "application/x-www-form-urlencoded", HEADER: signature}
    return WebhookRequest(urlencode(told).encode(), headers, _HOOK)


def _vonage_report(ours: str, theirs: str, channel: str, state: str, at: float) -> WebhookRequest:
    code = "1300" if channel == "rcs" else "1180"
    problem = {"type": f"https://developer.vonage.com/api-errors/messages#{code}", "title": code}
    told = {
        "message_uuid": theirs,
        "to": _TO,
        "from": _AGENT,
        "timestamp": "2026-09-21T14:12:05Z",
        "status": "rejected" if state == "failed" else state,
        "channel": channel,
        "client_ref": ours,
        **({"error": problem} if state == "failed" else {}),
    }
    body = json.dumps(told).encode()
    return WebhookRequest(body, {"authorization": f"Bearer {token(body, _TOKEN, at)}"}, _HOOK, received_at=at)


_REPORTS: Mapping[str, Callable[..., WebhookRequest]] = {
    "infobip": _infobip_report,
    "twilio": _twilio_report,
    "vonage": _vonage_report,
}


# --- said before anything is sent


def _checked(*codes: str) -> Answer:
    """Answer capability checks with these codes, one after the other; the last one again and again."""
    left = list(codes)

    def answer(request: Request) -> HttpResponse | None:
        if request.path != _CHECK:
            return None
        code = left.pop(0) if len(left) > 1 else left[0]
        found = [
            {"messageId": "c", "phoneNumber": one, "code": code} for one in request.json()["phoneNumbers"]
        ]
        return json_response({"capabilityCheckResults": found})

    return answer


@pytest.mark.parametrize("second", ["twilio", "vonage"])
@pytest.mark.parametrize("code", ["UNREACHABLE", "INVALID_DESTINATION_ADDRESS"])
def test_a_number_that_is_not_capable_gets_the_sms_of_another_vendor_at_once(
    code: str, second: str, vendors: Mapping[str, Any]
) -> None:
    with _trial("infobip", second, vendors) as trial:
        vendors["infobip"].script = _checked(code)
        message_id = trial.enqueue()
        trial.drain()

        assert trial.channels(message_id) == ["rcs", "sms"]
        assert trial.rcs_requests == 0
        for _ in range(2):
            trial.hear(message_id, "sms", "delivered")
        trial.drain(10 * _AFTER)
        record = trial.record(message_id)
        assert (record.status.group, record.delivered_via) == (StatusGroup.DELIVERED, "sms")
        assert (trial.overlaps, record.possible_duplicate) == (0, False)
        assert trial.dispatcher.consent.find("sms", _TO) is None


@pytest.mark.parametrize("second", ["twilio", "vonage"])
@pytest.mark.parametrize(
    "code",
    [
        "REJECTED_NETWORK",
        "REJECTED_ROUTE_NOT_AVAILABLE",
        "REQUEST_FAILED",
        "PROCESSING_ERROR",
        "UNKNOWN_CODE",
    ],
)
def test_where_it_is_not_known_rcs_is_tried_and_the_sms_waits_for_its_time(
    code: str, second: str, vendors: Mapping[str, Any]
) -> None:
    with _trial("infobip", second, vendors) as trial:
        vendors["infobip"].script = _checked(code)
        message_id = trial.enqueue()
        trial.drain()

        assert trial.channels(message_id) == ["rcs"]
        assert trial.rcs_requests == 1
        trial.drain(_AFTER + 1)
        assert trial.channels(message_id) == ["rcs", "sms"]


_BROKEN = [
    Fault(FaultKind.RESET, path=_CHECK),
    Fault(FaultKind.CLOSE, path=_CHECK),
    Fault(FaultKind.CUT, path=_CHECK),
    Fault(FaultKind.GARBAGE, path=_CHECK),
    Fault(FaultKind.UNREADABLE, path=_CHECK),
    Fault(FaultKind.THROTTLE, path=_CHECK, seconds=60),
    *(Fault(FaultKind.STATUS, status=status, path=_CHECK) for status in (400, 401, 403, 404, 500, 503)),
]


@pytest.mark.parametrize("fault", _BROKEN, ids=lambda one: f"{one.kind}-{one.status}")
def test_a_check_that_fails_costs_no_message_and_sends_none_twice(
    fault: Fault, vendors: Mapping[str, Any]
) -> None:
    with _trial("infobip", "twilio", vendors) as trial:
        vendors["infobip"].faults.add(fault)
        message_id = trial.enqueue()
        trial.drain()
        trial.hear(message_id, "rcs", "delivered")
        trial.drain(10 * _AFTER)

        assert trial.channels(message_id) == ["rcs"]
        assert trial.rcs_requests == 1
        assert trial.record(message_id).status.group is StatusGroup.DELIVERED


def test_an_answer_holds_for_a_while_and_then_it_is_asked_for_again(vendors: Mapping[str, Any]) -> None:
    with _trial("infobip", "vonage", vendors) as trial:
        vendors["infobip"].script = _checked("UNREACHABLE", "ENABLED")
        first = trial.enqueue()
        trial.drain()
        second = trial.enqueue()
        trial.drain(60)
        assert trial.checks == 1
        third = trial.enqueue()
        trial.drain(3600)

        assert [trial.channels(one) for one in (first, second, third)] == [
            ["rcs", "sms"],
            ["rcs", "sms"],
            ["rcs"],
        ]
        assert (trial.checks, trial.rcs_requests) == (2, 1)


def test_a_report_that_says_otherwise_outweighs_what_is_remembered(vendors: Mapping[str, Any]) -> None:
    with _trial("infobip", "twilio", vendors) as trial:
        vendors["infobip"].script = _checked("ENABLED", "UNREACHABLE")
        first = trial.enqueue()
        trial.drain()
        trial.hear(first, "rcs", "failed")
        trial.drain()
        second = trial.enqueue()
        trial.drain()

        assert [trial.channels(one) for one in (first, second)] == [["rcs", "sms"], ["rcs", "sms"]]
        assert (trial.checks, trial.rcs_requests) == (2, 1)


# --- said by the answer to the send


def _rejecting_infobip(request: Request) -> HttpResponse | None:
    if request.path == _CHECK:
        return json_response({"capabilityCheckResults": []})
    if request.path != "/rcs/2/messages":
        return None
    (message,) = request.json()["messages"]
    (destination,) = message["destinations"]
    status = {"groupId": 5, "groupName": "REJECTED", "id": 19, "name": "REJECTED_ROUTE_NOT_AVAILABLE"}
    one = {"messageId": destination["messageId"], "status": status, "destination": destination["to"]}
    return json_response({"bulkId": "b", "messages": [one]})


def _rejecting_twilio(code: int) -> Answer:
    told = {"code": code, "message": "No RCS", "status": 400}
    return lambda request: json_response(told, status=400) if _IS_RCS["twilio"](request) else None


def _rejecting_vonage(code: int) -> Answer:
    told = {"type": f"https://developer.vonage.com/api-errors/messages#{code}", "title": str(code)}
    return lambda request: json_response(told, status=422) if _IS_RCS["vonage"](request) else None


_REFUSALS: Sequence[tuple[str, Answer]] = (
    ("infobip", _rejecting_infobip),
    ("twilio", _rejecting_twilio(63035)),
    ("twilio", _rejecting_twilio(63036)),
    ("vonage", _rejecting_vonage(1300)),
    ("vonage", _rejecting_vonage(1310)),
)


@pytest.mark.parametrize(
    ("first", "script", "second"),
    [(first, script, second) for first, script in _REFUSALS for second in _EMULATORS if second != first],
)
def test_a_refusal_of_the_send_goes_on_to_the_sms_at_once(
    first: str, script: Answer, second: str, vendors: Mapping[str, Any]
) -> None:
    with _trial(first, second, vendors) as trial:
        vendors[first].script = script
        message_id = trial.enqueue()
        trial.drain()

        assert trial.channels(message_id) == ["rcs", "sms"]
        trial.hear(message_id, "sms", "delivered")
        trial.drain(10 * _AFTER)
        assert trial.channels(message_id) == ["rcs", "sms"]
        record = trial.record(message_id)
        assert (record.status.group, trial.overlaps) == (StatusGroup.DELIVERED, 0)
        assert trial.dispatcher.consent.find("sms", _TO) is None


# --- said by a report, and taken back


@pytest.mark.parametrize(("first", "second"), _PAIRS)
@pytest.mark.parametrize(
    "order",
    list(itertools.permutations((("rcs", "delivered"), ("rcs", "failed"), ("sms", "delivered")))),
    ids=str,
)
def test_a_delivery_after_the_sms_was_sent_is_an_overlap_that_is_counted_once(
    order: Sequence[tuple[str, str]], first: str, second: str, vendors: Mapping[str, Any]
) -> None:
    with _trial(first, second, vendors) as trial:
        if first == "infobip":
            vendors["infobip"].script = _checked("ENABLED")
        message_id = trial.enqueue()
        trial.drain()
        trial.hear(message_id, "rcs", "failed")
        trial.drain()
        assert trial.channels(message_id) == ["rcs", "sms"]
        assert trial.record(message_id).failure in (
            None,
            FailureReason.NOT_ON_CHANNEL,
            FailureReason.UNREACHABLE,
        )

        for channel, state in (*order, *order):
            trial.hear(message_id, channel, state)
        trial.drain(10 * _AFTER)

        assert trial.channels(message_id) == ["rcs", "sms"]
        assert trial.record(message_id).status.group is StatusGroup.DELIVERED
        assert trial.overlaps == 1


@pytest.mark.parametrize(("first", "second"), _PAIRS)
def test_a_number_that_is_told_twice_to_be_without_rcs_gets_one_sms(
    first: str, second: str, vendors: Mapping[str, Any]
) -> None:
    with _trial(first, second, vendors) as trial:
        message_id = trial.enqueue()
        trial.drain()
        for _ in range(3):
            trial.hear(message_id, "rcs", "failed")
            trial.drain()
        trial.hear(message_id, "sms", "delivered")
        trial.drain(10 * _AFTER)

        record = trial.record(message_id)
        assert trial.channels(message_id) == ["rcs", "sms"]
        assert (record.status.group, record.delivered_via) == (StatusGroup.DELIVERED, "sms")
        assert trial.overlaps == 0
