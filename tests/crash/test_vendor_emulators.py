"""Records end to end against every vendor's emulator: answers get lost and torn, and reports come twice and in any order. Each record is right at the end."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from trials import scaled

from messaging_channels import Dispatcher, Outcome, Sms, WebhookRequest, WhatsAppText, errors
from messaging_channels._ledger.sqlite import SqliteLedger
from messaging_channels.messages import Message
from messaging_channels.plugins import HttpRequest, Provider
from messaging_channels.testing import Fault, FaultKind

RECORDS = scaled(10_000, least=500)
SEED = int(os.environ.get("MESSAGING_CHANNELS_STORM_SEED", "20261125"))
OUR = "+15550100001"
HOOK = "http://127.0.0.1:9/hook"
SECRET = "a made-up secret of forty-one characters.."
FAULTS = (
    Fault(FaultKind.RESET),
    Fault(FaultKind.RESET, handled=True),
    Fault(FaultKind.CLOSE),
    Fault(FaultKind.CLOSE, handled=True),
    Fault(FaultKind.CUT, handled=True),
    Fault(FaultKind.GARBAGE, handled=True),
    Fault(FaultKind.UNREADABLE, handled=True),
    Fault(FaultKind.STATUS, status=502),
    Fault(FaultKind.STATUS, status=502, handled=True),
)
"""What goes wrong: before the vendor takes the message, or after it."""
SHARE_OF_FAULTS = 0.2


@dataclass(frozen=True, slots=True)
class Vendor:
    """One vendor: its emulator, our provider for it, a message with some words, and the words of all messages that it took."""

    emulator: Callable[[], Any]
    provider: Callable[[Any], Provider]
    message: Callable[[str], Message]
    taken: Callable[[Any], Iterable[str]]


def _infobip() -> Vendor:
    from messaging_channels_infobip import Infobip
    from messaging_channels_infobip.emulator import InfobipEmulator
    from messaging_channels_infobip.emulator.server import WebhookSecurity

    return Vendor(
        lambda: InfobipEmulator(webhook_url=HOOK, security=WebhookSecurity(bearer=SECRET), strict=False),
        lambda emulator: Infobip(
            base_url=emulator.url, api_key="emulated-key", sms_sender="Shop", webhook_bearer=SECRET
        ),
        Sms,
        lambda emulator: [one.content["text"] for one in emulator.account.messages],
    )


def _twilio() -> Vendor:
    from messaging_channels_twilio import Twilio
    from messaging_channels_twilio.emulator import ACCOUNT_SID, AUTH_TOKEN, TwilioEmulator

    return Vendor(
        lambda: TwilioEmulator(webhook_url=HOOK),
        lambda emulator: Twilio(
            account_sid=ACCOUNT_SID,
            auth_token=AUTH_TOKEN,
            sender=OUR,
            status_callback=HOOK,
            base_url=emulator.url,
        ),
        Sms,
        lambda emulator: [one["body"] for one in emulator.messages.values()],
    )


def _whatsapp() -> Vendor:
    from messaging_channels_whatsapp_cloud import WhatsAppCloud
    from messaging_channels_whatsapp_cloud.emulator import NUMBER_ID, SECRET, TOKEN, WhatsAppCloudEmulator

    return Vendor(
        lambda: WhatsAppCloudEmulator(webhook_url=HOOK),
        lambda emulator: WhatsAppCloud(
            access_token=TOKEN, sender=NUMBER_ID, webhook_app_secrets=SECRET, base_url=emulator.url
        ),
        WhatsAppText,
        lambda emulator: [one.body["text"]["body"] for one in emulator.messages],
    )


def _vonage() -> Vendor:
    from messaging_channels_vonage import Vonage
    from messaging_channels_vonage.emulator import VonageEmulator

    return Vendor(
        lambda: VonageEmulator(webhook_url=HOOK, webhook_signature_secret=SECRET),
        lambda emulator: Vonage(
            api_key="abcd1234",
            api_secret="made-up",
            sender="Shop",
            webhook_signature_secret=SECRET,
            base_url=emulator.url,
        ),
        Sms,
        lambda emulator: [one["text"] for one in emulator.messages],
    )


def _telnyx() -> Vendor:
    from messaging_channels_telnyx import Telnyx
    from messaging_channels_telnyx.emulator import TelnyxEmulator
    from messaging_channels_telnyx.emulator.signing import public_key_of

    return Vendor(
        lambda: TelnyxEmulator(webhook_url=HOOK, signing_secret=SECRET),
        lambda emulator: Telnyx(
            api_key="made-up",
            sender=OUR,
            webhook_public_key=public_key_of(SECRET),
            webhook_url=HOOK,
            base_url=emulator.url,
        ),
        Sms,
        lambda emulator: [one["text"] for one in emulator.messages],
    )


VENDORS: dict[str, Callable[[], Vendor]] = {
    "infobip": _infobip,
    "twilio": _twilio,
    "whatsapp-cloud": _whatsapp,
    "vonage": _vonage,
    "telnyx": _telnyx,
}


@contextmanager
def _running(vendor: Vendor) -> Iterator[tuple[Any, Dispatcher]]:
    with (
        vendor.emulator() as emulator,
        Dispatcher([vendor.provider(emulator)], ledger=SqliteLedger(owned=True)) as dispatcher,
    ):
        yield emulator, dispatcher


def _handed_in(report: HttpRequest) -> WebhookRequest:
    return WebhookRequest(
        report.body or b"", report.headers, report.url, method=report.method, received_at=time.time()
    )


def _send(dispatcher: Dispatcher, message: Message, to: str, key: str) -> tuple[str, str]:
    """Return the id of the message, and what the caller was told."""
    try:
        receipt = dispatcher.send(message, to=to, idempotency_key=key)
    except errors.SendFailed as failed:
        return failed.receipt.id, "failed"
    return receipt.id, "accepted" if receipt.outcome is Outcome.ACCEPTED else "unknown"


@pytest.mark.trial
@pytest.mark.parametrize("name", VENDORS)
def test_every_record_is_right_though_answers_are_lost_and_reports_come_twice_in_any_order(name: str) -> None:
    vendor, chance = VENDORS[name](), random.Random(f"{SEED} {name}")
    with _running(vendor) as (emulator, dispatcher):
        told: dict[str, tuple[str, str]] = {}
        for number in range(RECORDS // len(VENDORS)):
            if chance.random() < SHARE_OF_FAULTS:
                emulator.faults.add(chance.choice(FAULTS))
            words = f"record {number}"
            told[words] = _send(dispatcher, vendor.message(words), f"+447700900{100 + number % 700}", words)
            emulator.faults.clear()
        emulator.wait_for_reports(timeout=60)
        reports = [report for report, _ in emulator.reports] * 2
        chance.shuffle(reports)
        for report in reports:
            dispatcher.handle_webhook(name, _handed_in(report))
        taken = Counter(vendor.taken(emulator))
        wrong = [words for words, count in taken.items() if count != 1]
        assert wrong == [], "taken more than once"
        for words, (message_id, said) in told.items():
            record = dispatcher.get_message(message_id)
            assert record is not None
            arrived = record.status is not None and record.status.group_name == "DELIVERED"
            assert arrived is (words in taken), f"{words}: {said}, {record.status}"
            assert said != "accepted" or arrived
            assert said != "failed" or not arrived
        assert Counter(said for _, said in told.values())["unknown"] > 0
