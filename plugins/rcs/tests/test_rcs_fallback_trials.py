"""RCS by one vendor, and an SMS by another where it does not arrive: reports in every order, late and doubled.

The person gets one message where it can be known that the first arrived, or that it will not; where it cannot, the overlap is counted.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
from trials import scaled

from messaging_channels import Dispatcher, Fallback, Route, Sms, SqliteLedger, WebhookRequest, Worker
from messaging_channels.plugins import MessageRecord, StatusGroup
from messaging_channels.testing import ControlledClock
from messaging_channels_infobip import Infobip
from messaging_channels_infobip.emulator import InfobipEmulator
from messaging_channels_rcs import RCS, RcsText
from messaging_channels_twilio import Twilio
from messaging_channels_twilio.emulator import TwilioEmulator
from messaging_channels_twilio.webhook_auth import HEADER, SigningKey
from messaging_channels_vonage import Vonage
from messaging_channels_vonage.emulator import VonageEmulator
from messaging_channels_vonage.webhook_samples import token

_TOKEN, _SENDER, _TO = "0123456789abcdef0123456789abcdef", "447700900000", "447700900123"
_HOOK = "https://shop.example.com/hooks"
_AFTER = 300
_STATES = ("sent", "failed", "delivered")

Report = Callable[["_Sent", str, float], WebhookRequest]


@dataclass(frozen=True)
class _Sent:
    """One message as its vendor knows it."""

    ours: str
    theirs: str
    channel: str


def _infobip_report(sent: _Sent, state: str, at: float) -> WebhookRequest:  # noqa: ARG001  its time is in the body
    group, number = {"sent": (1, 7), "failed": (2, 9), "delivered": (3, 5), "read": (3, 5)}[state]
    names = {1: "PENDING", 2: "UNDELIVERABLE", 3: "DELIVERED"}
    told = {
        "messageId": sent.ours,
        "to": _TO,
        "doneAt": f"2026-09-21T14:12:{9 if state == 'read' else 5:02}.000+0000",
        "channel": sent.channel.upper(),
        "status": {"groupId": group, "groupName": names[group], "id": number, "name": "X", "description": ""},
        "error": {"groupId": 0, "id": 0, "name": "NO_ERROR", "description": "", "permanent": False},
    }
    return WebhookRequest(json.dumps({"results": [told]}).encode(), url=f"{_HOOK}?token=t")


def _twilio_report(sent: _Sent, state: str, at: float) -> WebhookRequest:  # noqa: ARG001  it signs no time
    prefix = "rcs:" if sent.channel == "rcs" else ""
    word = "undelivered" if state == "failed" else state
    told = {
        "MessageSid": sent.theirs,
        "MessageStatus": word,
        "To": f"{prefix}+{_TO}",
        "From": f"{prefix}+{_SENDER}",
    }
    signature = SigningKey(_TOKEN).sign(_HOOK, list(told.items()))
    headers = {"content-type": "application/x-www-form-urlencoded", HEADER: signature}
    return WebhookRequest(urlencode(told).encode(), headers, _HOOK)


def _vonage_report(sent: _Sent, state: str, at: float) -> WebhookRequest:
    told = {
        "message_uuid": sent.theirs,
        "to": _TO,
        "from": "AcmeAgent",
        "timestamp": "2026-09-21T14:12:05Z",
        "status": {"sent": "submitted", "failed": "undeliverable"}.get(state, state),
        "channel": sent.channel,
        "client_ref": sent.ours,
    }
    body = json.dumps(told).encode()
    return WebhookRequest(body, {"authorization": f"Bearer {token(body, _TOKEN, at)}"}, _HOOK, received_at=at)


@dataclass(frozen=True)
class _Vendor:
    emulator: type[Any]
    build: Callable[[str], Any]
    report: Report


_VENDORS: Mapping[str, _Vendor] = {
    "infobip": _Vendor(
        InfobipEmulator,
        lambda url: Infobip(
            base_url=url, api_key="emulated-key", sender=_SENDER, rcs_sender="AcmeAgent", webhook_token="t"
        ),
        _infobip_report,
    ),
    "twilio": _Vendor(
        TwilioEmulator,
        lambda url: Twilio(
            account_sid="AC" + "b" * 32,
            auth_token=_TOKEN,
            sender=f"+{_SENDER}",
            rcs_sender="acme_agent",
            status_callback=_HOOK,
            base_url=url,
        ),
        _twilio_report,
    ),
    "vonage": _Vendor(
        VonageEmulator,
        lambda url: Vonage(
            api_key="abcd1234",
            api_secret="made-up",
            webhook_signature_secret=_TOKEN,
            sender=_SENDER,
            rcs_sender="AcmeAgent",
            base_url=url,
        ),
        _vonage_report,
    ),
}
_PAIRS = [(first, second) for first in _VENDORS for second in _VENDORS if first != second]


@pytest.fixture(scope="module")
def urls() -> Iterator[Mapping[str, str]]:
    """The three vendors on loopback, for all trials."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(
                one.emulator(**({"rcs_agent": "acme_agent"} if name == "twilio" else {}))
            ).url
            for name, one in _VENDORS.items()
        }


@dataclass
class _Trial:
    """One message with its fallback, at two vendors."""

    dispatcher: Dispatcher
    clock: ControlledClock
    names: tuple[str, str]
    message_id: str = ""

    def drain(self, seconds: float = 0) -> list[_Sent]:
        """Let time pass, run a worker, and return what was sent by then."""
        self.clock.advance(seconds)
        Worker(self.dispatcher).drain()
        attempts = self.record.attempts
        return [
            _Sent(one.message_id, (one.result.provider_id if one.result else None) or "", one.channel)
            for one in attempts
        ]

    def hear(self, sent: _Sent, state: str) -> None:
        """Have the vendor of a message report."""
        name = self.names[0 if sent.channel == "rcs" else 1]
        self.dispatcher.handle_webhook(name, _VENDORS[name].report(sent, state, self.clock.now()))

    @property
    def record(self) -> MessageRecord:
        found = self.dispatcher.get_message(self.message_id)
        assert found is not None
        return found

    @property
    def overlaps(self) -> int:
        return self.dispatcher.queue.stats().total.get("overlapped", 0)


@contextmanager
def _trial(names: tuple[str, str], urls: Mapping[str, str]) -> Iterator[_Trial]:
    providers = [_VENDORS[name].build(urls[name]) for name in names]
    routes = {"rcs": Route(names[0]), "sms": Route(names[1])}
    clock = ControlledClock()
    with Dispatcher(
        providers, channels=[RCS], routes=routes, ledger=SqliteLedger(owned=True), clock=clock
    ) as dispatcher:
        trial = _Trial(dispatcher, clock, names)
        trial.message_id = dispatcher.enqueue(Fallback([RcsText("hi"), Sms("hi")], after=_AFTER), to=_TO).id
        yield trial


@pytest.mark.parametrize("number", range(scaled(100, 4)))
@pytest.mark.parametrize(("first", "second"), _PAIRS)
def test_the_person_gets_one_message_or_the_overlap_is_counted(
    first: str, second: str, number: int, urls: Mapping[str, str]
) -> None:
    draw = random.Random(f"{first} {second} {number}")
    early = draw.sample(_STATES, draw.randint(0, 2))
    with _trial((first, second), urls) as trial:
        (rcs,) = trial.drain()
        for state in early:
            _some_times(draw, trial, rcs, state)
        known = "delivered" in early or "failed" in early
        sent = trial.drain(0 if "failed" in early else _AFTER + 1)

        assert [one.channel for one in sent] == (["rcs"] if "delivered" in early else ["rcs", "sms"])
        late = [(one, state) for one in sent for state in ("sent", "delivered", "read")]
        draw.shuffle(late)
        for one, state in late:
            _some_times(draw, trial, one, state)
        again = trial.drain(10 * _AFTER)

        assert again == sent
        assert trial.record.status.group is StatusGroup.DELIVERED
        assert trial.overlaps == (1 if len(sent) > 1 else 0), known


@pytest.mark.parametrize(("first", "second"), _PAIRS)
def test_a_failure_of_both_is_told_once_and_nothing_more_is_sent(
    first: str, second: str, urls: Mapping[str, str]
) -> None:
    with _trial((first, second), urls) as trial:
        (rcs,) = trial.drain()
        trial.hear(rcs, "failed")
        sent = trial.drain()
        for one in (*sent, *sent):
            trial.hear(one, "failed")

        assert trial.drain(10 * _AFTER) == sent
        assert [one.channel for one in sent] == ["rcs", "sms"]
        assert trial.record.status.group is StatusGroup.UNDELIVERABLE
        assert trial.overlaps == 0


def _some_times(draw: random.Random, trial: _Trial, sent: _Sent, state: str) -> None:
    for _ in range(draw.choice((1, 1, 2))):
        trial.hear(sent, state)
