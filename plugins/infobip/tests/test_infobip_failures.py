from __future__ import annotations

from typing import Any

import pytest

from messaging_channels.events import Advice, FailureReason, StatusChanged
from messaging_channels_infobip._table_errors import ERRORS
from messaging_channels_infobip._table_failures import ERRORS as FAILURES
from messaging_channels_infobip.reports import parse_delivery_report

UNDELIVERABLE = {"groupId": 2, "groupName": "UNDELIVERABLE", "id": 9, "name": "UNDELIVERABLE_NOT_DELIVERED"}
COPIES = {Advice.RETRY_LATER, Advice.OTHER_CHANNEL}


def _told(error: dict[str, Any], status: dict[str, Any] = UNDELIVERABLE, **more: Any) -> StatusChanged:
    record = {"messageId": "m-1", "to": "447700900123", "status": status, "error": error, **more}
    event = parse_delivery_report(record, at=1.0)[0]
    assert isinstance(event, StatusChanged)
    return event


def test_every_error_has_one_reason() -> None:
    assert {str(number) for _, number, *_ in ERRORS} == FAILURES.codes
    unexplained = [
        code for code in FAILURES.codes if (told := FAILURES.lookup(code)) and told.reason == "unknown"
    ]
    assert unexplained == ["10310"]  # it is called UNKNOWN


@pytest.mark.parametrize(
    ("code", "reason", "advice"),
    [
        (27, FailureReason.UNREACHABLE, {Advice.RETRY_LATER, Advice.OTHER_CHANNEL}),
        (1, FailureReason.UNKNOWN_RECIPIENT, {Advice.OTHER_CHANNEL}),
        (5, FailureReason.UNKNOWN_RECIPIENT, {Advice.RETRY_LATER, Advice.OTHER_CHANNEL}),
        (603, FailureReason.OPTED_OUT, {Advice.SUPPRESS_ADDRESS}),
        (6012, FailureReason.UNKNOWN_RECIPIENT, {Advice.SUPPRESS_ADDRESS, Advice.OTHER_CHANNEL}),
        (7010, FailureReason.OUTSIDE_WINDOW, {Advice.FIX_CONTENT, Advice.OTHER_CHANNEL}),
        (815, FailureReason.NO_RECEIPT, set()),
        (2048, FailureReason.NETWORK_ERROR, set()),
        (99999, FailureReason.UNKNOWN, {Advice.RETRY_LATER}),
    ],
)
def test_a_report_says_why_in_words_that_are_the_same_for_every_vendor(
    code: int, reason: FailureReason, advice: set[Advice]
) -> None:
    event = _told({"groupId": 1, "id": code, "name": "EC_X", "description": "Words"})
    assert (event.failure, event.advice) == (reason, advice)
    assert (event.vendor_code, event.vendor_text) == (str(code), "Words")
    assert event.status.name == "UNDELIVERABLE_NOT_DELIVERED"


def test_the_same_number_may_mean_something_else_on_another_channel() -> None:
    error = {"groupId": 1, "id": 7002, "name": "EC_UNKNOWN_USER"}
    assert _told(error, channel="WHATSAPP").failure is FailureReason.NOT_ON_CHANNEL
    assert _told(error, channel="RCS").failure is FailureReason.NOT_ON_CHANNEL


def test_without_an_error_the_status_says_why() -> None:
    told = _told({"groupId": 0, "id": 0, "name": "NO_ERROR"}, UNDELIVERABLE)
    assert (told.failure, told.vendor_code) == (FailureReason.UNREACHABLE, "2/9")
    expired = {"groupId": 4, "groupName": "EXPIRED", "id": 29, "name": "EXPIRED_DLR_UNKNOWN"}
    told = _told({}, expired)
    assert (told.failure, told.advice) == (FailureReason.NO_RECEIPT, frozenset())


def test_an_error_of_a_message_that_is_still_on_its_way_advises_no_copy() -> None:
    pending = {"groupId": 1, "groupName": "PENDING", "id": 3, "name": "PENDING_WAITING_DELIVERY"}
    told = _told({"groupId": 1, "id": 27, "name": "EC_ABSENT_SUBSCRIBER"}, pending)
    assert told.failure is FailureReason.UNREACHABLE
    assert not COPIES & told.advice
