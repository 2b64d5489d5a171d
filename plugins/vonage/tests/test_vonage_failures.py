from __future__ import annotations

import json

from messaging_channels.events import Advice, FailureReason, StatusChanged
from messaging_channels.plugins import HttpResponse, WebhookRequest
from messaging_channels_vonage._table_failures import ANSWERS, RECEIPTS
from messaging_channels_vonage.responses import REASONS, parse_response
from messaging_channels_vonage.webhooks import parse_event


def test_every_code_has_one_reason() -> None:
    assert set(REASONS) <= ANSWERS.codes
    assert {str(code) for code in (*range(17), *range(50, 55), 99)} <= RECEIPTS.codes


def test_an_answer_and_a_receipt_say_why() -> None:
    body = {"messages": [{"status": "9", "error-text": "Partner quota violation"}]}
    result = parse_response(HttpResponse(200, {}, json.dumps(body).encode()))
    assert (result.failure, result.advice) == (FailureReason.NO_CREDIT, {Advice.FIX_ACCOUNT})
    assert (result.vendor_code, result.vendor_text) == ("9", "Partner quota violation")
    receipt = {"messageId": "m", "status": "failed", "err-code": "2", "scts": "2601011200"}
    event = parse_event(receipt, WebhookRequest())
    assert isinstance(event, StatusChanged)
    assert (event.failure, event.vendor_code) == (FailureReason.UNREACHABLE, "2")
