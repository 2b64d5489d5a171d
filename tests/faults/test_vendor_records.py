"""Records of every vendor end to end, under faults, with reports that come repeatedly and in any order: nothing twice, nothing lost, nothing told wrong.

At full size they are ten thousand over the four APIs.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from trials import scaled

from messaging_channels import (
    Dispatcher,
    Outcome,
    Route,
    SendFailed,
    Sms,
    SqliteLedger,
    WebhookRequest,
    WhatsAppText,
)
from messaging_channels.messages import Message
from messaging_channels.plugins import MessageRecord, Provider
from messaging_channels.policies import CircuitBreaker, RetryPolicy
from messaging_channels.testing import Emulator, Fault, FaultKind
from messaging_channels_twilio import Twilio
from messaging_channels_twilio.emulator import ACCOUNT_SID, AUTH_TOKEN, OUR_NUMBER, TwilioEmulator
from messaging_channels_vonage import Vonage
from messaging_channels_vonage.emulator import VonageEmulator
from messaging_channels_whatsapp_cloud import WhatsAppCloud
from messaging_channels_whatsapp_cloud.emulator import NUMBER_ID, SECRET, TOKEN, WhatsAppCloudEmulator

RECORDS = scaled(2_500)
NOWHERE = "http://127.0.0.1:9/reports"
LONG = "x" * 300
FAULTS = [
    Fault(FaultKind.STATUS, status=503),
    Fault(FaultKind.STATUS, status=500, handled=True),
    Fault(FaultKind.RESET, handled=True),
    Fault(FaultKind.RESET),
    Fault(FaultKind.CUT),
    Fault(FaultKind.GARBAGE, handled=True),
    Fault(FaultKind.UNREADABLE, handled=True),
    Fault(FaultKind.THROTTLE),
]


@dataclass(frozen=True)
class Api:
    """One vendor's API on loopback."""

    channel: str
    emulator: Callable[[], Any]
    provider: Callable[[str], Provider]
    message: Callable[[int], Message]
    ids: Callable[[Any], list[str]]
    """Our ids of the messages that it took."""


def _form(body: bytes) -> list[tuple[str, str]]:
    return parse_qsl(body.decode())


APIS = {
    "twilio": Api(
        "sms",
        TwilioEmulator,
        lambda url: Twilio(account_sid=ACCOUNT_SID, auth_token=AUTH_TOKEN, sender=OUR_NUMBER, status_callback=NOWHERE, base_url=url),
        lambda number: Sms(f"order {number}"),
        lambda vendor: [dict(parse_qsl(urlsplit(call.url).query))["mc_id"] for call, _ in _firsts(vendor, "MessageSid")],
    ),
    "whatsapp-cloud": Api(
        "whatsapp",
        lambda: WhatsAppCloudEmulator(webhook_url=NOWHERE),
        lambda url: WhatsAppCloud(access_token=TOKEN, sender=NUMBER_ID, webhook_app_secrets=[SECRET], messages_per_second=1e6, base_url=url),
        lambda number: WhatsAppText(f"order {number}"),
        lambda vendor: [one.body["biz_opaque_callback_data"] for one in vendor.messages],
    ),
    "vonage": Api(
        "sms",
        lambda: VonageEmulator(webhook_url=NOWHERE),
        lambda url: Vonage(api_key="k", api_secret="made-up", sender="Shop", webhook_signature_secret="made-up", base_url=url),
        lambda number: Sms(LONG if number % 3 == 0 else f"order {number}"),
        lambda vendor: [one["client-ref"].partition("/")[0] for one in vendor.messages],
    ),
    "vonage-messages": Api(
        "whatsapp",
        lambda: VonageEmulator(webhook_url=NOWHERE),
        lambda url: Vonage(api_key="k", api_secret="made-up", whatsapp_sender="447700900000", webhook_signature_secret="made-up", base_url=url),
        lambda number: WhatsAppText(f"order {number}"),
        lambda vendor: [one["client_ref"] for one in vendor.messages],
    ),
}  # fmt: skip


def _firsts(vendor: Emulator, name: str) -> list[tuple[Any, int | None]]:
    """Return the first report on each message."""
    seen: dict[str, tuple[Any, int | None]] = {}
    for call, status in vendor.reports:
        seen.setdefault(dict(_form(call.body))[name], (call, status))
    return list(seen.values())


def _send(dispatcher: Dispatcher, vendor: Emulator, api: Api, chance: random.Random) -> dict[str, Outcome]:
    """Send the messages, a third of them through a fault; return the outcomes by our ids."""
    ends: dict[str, Outcome] = {}
    for number in range(RECORDS):
        vendor.faults.clear()
        if chance.random() < 1 / 3:
            vendor.faults.add(chance.choice(FAULTS))
        try:
            receipt = dispatcher.send(api.message(number), to=f"+44770090{number % 900 + 100:04}")
        except SendFailed as failed:
            receipt = failed.receipt
        ends[receipt.id] = receipt.outcome
    vendor.faults.clear()
    return ends


@pytest.mark.parametrize("name", APIS)
@pytest.mark.parametrize("seed", range(1, 1 + scaled(2)))
def test_every_record_is_right_in_the_end(name: str, seed: int) -> None:
    chance, api = random.Random(seed), APIS[name]
    with api.emulator() as vendor:
        provider = api.provider(vendor.url)
        route = Route(
            provider.name,
            retry=RetryPolicy(max_attempts=1),
            circuit_breaker=CircuitBreaker(failure_threshold=10**9),
        )
        with Dispatcher([provider], routes={api.channel: route}, ledger=SqliteLedger()) as dispatcher:
            ends = _send(dispatcher, vendor, api, chance)
            vendor.wait_for_reports(timeout=60)
            calls = [call for call, _ in vendor.reports]
            for call in chance.sample([*calls, *calls], 2 * len(calls)):
                request = WebhookRequest(call.body, call.headers, call.url, call.method)
                dispatcher.handle_webhook(provider.name, request)
            records = {one: dispatcher.get_message(one) for one in ends}
        taken = Counter(api.ids(vendor))
    assert max(taken.values()) == 1
    assert set(taken) <= set(ends)
    assert {one: _wrong(ends[one], records[one], taken=one in taken) for one in ends} == dict.fromkeys(
        ends, ""
    )
    assert {Outcome.ACCEPTED, Outcome.NOT_SENT, Outcome.UNKNOWN} <= set(ends.values())


def _wrong(told: Outcome, record: MessageRecord | None, *, taken: bool) -> str:
    """Say what is wrong with what was told of a message, and what its record says now."""
    if record is None:
        return "it has no record"
    if told is Outcome.NOT_SENT and taken:
        return "called not sent, and taken"
    if told is Outcome.ACCEPTED and not taken:
        return "called accepted, and never taken"
    if taken and (record.outcome, record.status.group_name) != (Outcome.ACCEPTED, "DELIVERED"):
        return f"delivered, and recorded as {record.outcome} {record.status.name}"
    return "delivered, and never taken" if not taken and record.status.group_name == "DELIVERED" else ""
