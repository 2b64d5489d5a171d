"""Bounces are read by what they say of the recipient, in whatever form and words they say it."""

from __future__ import annotations

import pytest
from regression_mail_in import (
    BACK,
    OURS,
    bounce,
    heard,
    messages,
    recipients,
    report,
    statuses,
    suppressed,
)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("5.7.1", "550 5.7.1 No such user <zoe@example.com>"),
        ("5.7.1", "550 5.7.1 No mailbox found for zoe@example.com"),
        ("5.3.0", "553 5.3.0 <zoe@example.com>... Address does not exist"),
        (
            "5.4.1",
            "550 5.4.1 Recipient address rejected: Access denied. [host.eur01.prod.protection.example.com]",
        ),
        ("5.1.1", "550 5.1.1 <zoe@example.com>: Recipient address rejected: User unknown"),
        ("5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; not found by SMTP address lookup"),
    ],
)
def test_words_that_say_an_address_does_not_exist_suppress_it_whatever_the_code(
    status: str, words: str
) -> None:
    events = heard(report(words, status))

    told = [one for one in statuses(events) if one.message_id == OURS]
    assert [suppressed(one) for one in told] == [True]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("5.1.1", "550 5.1.1 <zoe@example.com> mailbox is over quota, try again when there is room"),
        ("5.1.1", "550 user mailbox exceeds its disk space limit"),
        ("5.1.1", "552 5.1.1 zoe@example.com: mailbox size limit reached, max message size exceeded"),
        ("5.2.2", "552 5.2.2 mailbox full"),
        ("5.7.0", "550 5.7.0 zoe@example.com: quota exceeded"),
    ],
)
def test_words_that_say_a_mailbox_is_full_keep_the_address_whatever_the_code(status: str, words: str) -> None:
    events = heard(report(words, status))

    told = [one for one in statuses(events) if one.message_id == OURS]
    assert [suppressed(one) for one in told] == [False]


@pytest.mark.parametrize("fold", ["\n    ", "\n  ", "\n\t"], ids=["four-blanks", "two-blanks", "tab"])
def test_words_folded_over_two_lines_mean_what_they_mean_on_one(fold: str) -> None:
    words = (
        "<zoe@example.com>: host mail.example.com said: 550 This mailbox is{}disabled (in reply to RCPT TO"
        " command)"
    )

    flat, folded = statuses(heard(bounce(words.format(" ")))), statuses(heard(bounce(words.format(fold))))

    assert len(flat) == 1
    assert [(one.status, suppressed(one)) for one in folded] == [
        (one.status, suppressed(one)) for one in flat
    ]


@pytest.mark.parametrize("days", ["5 day(s)", "48 hours"])
def test_a_mailer_that_goes_on_trying_tells_of_a_mail_that_waits(days: str) -> None:
    words = (
        "The message you sent to <zoe@example.com>\n"
        "has not been delivered: connection timed out with mail.example.com.\n"
        f"Delivery attempts will continue to be made for {days}."
    )

    events = heard(bounce(words, subject="Returned mail: see the transcript"))

    assert events
    assert not messages(events)
    assert {one.status.group_name for one in statuses(events)} <= {"PENDING"}
    assert not any(suppressed(one) for one in statuses(events))


def test_a_mailer_that_gives_up_in_words_of_its_own_tells_that_our_mail_failed() -> None:
    mail = (
        f"Return-Path: <>\nFrom: MAILER-DAEMON@mail.example.com\nTo: {BACK.address_for(OURS)}\n"
        "Message-ID: <1.2@mail.example.com>\nMIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\n\n"
        "I'm afraid I wasn't able to deliver the following message.\n"
        "This is a permanent error; I've given up. Sorry it didn't work out.\n\n"
        "Subject: News\nTo: zoe@example.com\n\n---Below this line is a copy of the message.\n"
    )

    events = heard(mail)

    assert [one.message_id for one in statuses(events)] == [OURS]
    assert statuses(events)[0].status.group_name in {"UNDELIVERABLE", "REJECTED", "EXPIRED"}


def test_a_way_to_leave_the_list_that_a_bounce_quotes_is_no_recipient() -> None:
    words = (
        "The following message, addressed to 'zoe@example.com',\n"
        "failed because it has not been collected after 30 days\n\n---- START OF RETURNED MESSAGE ----\n"
        f"Message-ID: <{OURS}@example.org>\nFrom: shop@example.org\nTo: zoe@example.com\nSubject: News\n"
        "List-Unsubscribe: <https://shop.example/u/1>,\n <mailto:leave@shop.example>\n\nHello"
    )

    told = recipients(heard(bounce(words)))

    assert told == ["zoe@example.com"]


def test_a_report_that_a_gateway_wraps_in_a_mail_of_its_own_is_read() -> None:
    inner = report("550 5.1.1 <zoe@example.com>: unknown user", "5.1.1")
    mail = (
        f"Return-Path: <>\nFrom: MAILER-DAEMON@gateway.example.com\nTo: {BACK.address_for(OURS)}\n"
        "Subject: [gateway] Undelivered Mail Returned to Sender\nMIME-Version: 1.0\n"
        "Content-Type: multipart/mixed; boundary=outer\n\n"
        "--outer\nContent-Type: text/plain\n\nThis mail was held for inspection and is passed on.\n\n"
        f"--outer\nContent-Type: message/rfc822\n\n{inner}\n--outer--\n"
    )

    events = heard(mail)

    assert [one.message_id for one in statuses(events)] == [OURS]
    assert recipients(events) == ["zoe@example.com"]
    assert suppressed(statuses(events)[0])
