from __future__ import annotations

import pytest

from messaging_channels.events import Advice, FailureReason
from messaging_channels_smtp._table_errors import CODES
from messaging_channels_smtp._table_failures import ERRORS
from messaging_channels_smtp.failures import failure_of


def test_every_enhanced_code_has_one_reason() -> None:
    assert set(CODES) <= ERRORS.codes
    unexplained = [
        code for code in ERRORS.codes if (told := ERRORS.lookup(code)) and told.reason == "unknown"
    ]
    assert unexplained == ["5.0.0"]


@pytest.mark.parametrize(
    ("code", "text", "reason"),
    [
        ("5.1.1", "no such user", FailureReason.UNKNOWN_RECIPIENT),
        ("5.2.2", "over quota", FailureReason.MAILBOX_FULL),
        ("5.7.1", "message looks like spam", FailureReason.SPAM_FILTERED),
        ("5.7.1", "rejected by DMARC policy", FailureReason.AUTH_FAILED_EMAIL),
        ("5.7.1", "host 192.0.2.1 listed at spamhaus", FailureReason.SENDER_REFUSED),
        ("5.7.1", "relay access denied", FailureReason.SENDER_REFUSED),
        ("5.7.1", "the recipient has unsubscribed", FailureReason.OPTED_OUT),
        ("4.7.1", "Greylisted, try again in 5 minutes", FailureReason.GREYLISTED),
        ("4.2.0", "greylisting in action", FailureReason.GREYLISTED),
        ("4.7.1", "too many connections, rate limited", FailureReason.THROTTLED),
        ("5.1.1", "not listed for DMARC", FailureReason.UNKNOWN_RECIPIENT),
        ("5.9.9", "news", FailureReason.UNKNOWN),
    ],
)
def test_words_refine_a_code_that_is_used_for_everything_and_contradict_none(
    code: str, text: str, reason: FailureReason
) -> None:
    told = failure_of(code, text)
    assert (told["failure"], told["vendor_code"], told["vendor_text"]) == (reason, code, text)


def test_only_a_refusal_for_good_suppresses_an_address() -> None:
    for code in ERRORS.codes:
        told = ERRORS.lookup(code)
        if told and code.startswith("4"):
            assert Advice.SUPPRESS_ADDRESS not in told.advice
    assert Advice.SUPPRESS_ADDRESS in failure_of("5.1.1")["advice"]
    assert failure_of("", "busy", basic=450)["vendor_code"] == "450"
