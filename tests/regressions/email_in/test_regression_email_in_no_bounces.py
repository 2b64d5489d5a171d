"""What people and robots write arrives as a message, in whatever words, and no mail of ours is told as failed for it."""

from __future__ import annotations

import pytest
from regression_mail_in import OURS, heard, mail_of, only_message

from messaging_channels._model.events import OptedOut


@pytest.mark.parametrize(
    "subject",
    [
        "Delivery problem with my order 123",
        "Undelivered parcel",
        "Question about the delivery report",
        "delivery failed - where is my parcel?",
        "my message returned an error",
        "My parcel did not arrive",
    ],
)
def test_a_person_may_write_of_deliveries_in_words_that_bounces_use(subject: str) -> None:
    body = "Hello, my parcel did not arrive. My friend is carl@other.example. Anna"

    message = only_message(
        heard(mail_of("Anna <anna@customer.example>", body, subject=subject, path="anna@customer.example"))
    )

    assert (message.kind, message.subject) == ("mail", subject)
    assert body in (message.text or "")


@pytest.mark.parametrize(
    "body",
    [
        "I am no longer at Acme. Please write to bob@customer.example instead.",
        "I am away until Monday. If you get no answer, please look into your spam folder.",
        "I am temporarily unavailable. bob@customer.example helps you.",
        "Our office has moved. The new address is 12 High Street.",
    ],
)
def test_a_holiday_reply_with_the_null_return_path_is_a_message(body: str) -> None:
    mail = mail_of(
        "Anna Smith <anna@customer.example>",
        body,
        subject="Automatic reply: Your order",
        path="",
        more=(
            f"In-Reply-To: <{OURS}@example.org>\nAuto-Submitted: auto-replied\n"
            "X-Auto-Response-Suppress: All\n"
        ),
    )

    message = only_message(heard(mail))

    assert body in (message.text or "")


@pytest.mark.parametrize(
    ("sender", "subject", "body"),
    [
        (
            "noreply@codehost.example",
            "A new public key was added",
            "If you believe that this was not permitted, remove it.",
        ),
        (
            "no-reply@bank.example",
            "Your statement",
            "We never ask for your PIN. Report phishing to help@bank.example.",
        ),
        (
            "noreply@calendar.example",
            "Invitation cancelled",
            "Add us to your contacts so that we do not land in spam.",
        ),
    ],
)
def test_a_notice_from_an_address_that_takes_no_replies_is_a_message(
    sender: str, subject: str, body: str
) -> None:
    message = only_message(heard(mail_of(sender, body, subject=subject, path=sender)))

    assert message.subject == subject
    assert body in (message.text or "")


def test_a_reply_that_quotes_the_headers_of_our_mail_is_a_message() -> None:
    body = (
        "Thanks!\n\n> From: Shop <shop@example.org>\n> To: anna@customer.example\n"
        f"> Subject: Delivery report for your parcel\n> Message-ID: <{OURS}@example.org>\n>\n> It arrived."
    )
    mail = mail_of(
        "Anna <anna@customer.example>",
        body,
        subject="Re: Delivery report for your parcel",
        path="anna@customer.example",
        more=f"In-Reply-To: <{OURS}@example.org>\n",
    )

    message = only_message(heard(mail))

    assert "Thanks!" in (message.text or "")


def test_a_complaint_in_the_form_of_microsofts_feed_is_an_opt_out() -> None:
    mail = (
        "Return-Path: <staff@hotmail.com>\nFrom: staff@hotmail.com\nTo: complaints@example.org\n"
        "Subject: complaint about message from 192.0.2.1\nDate: Mon, 1 Jun 2026 10:00:00 +0000\n"
        "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"
        "--b\nContent-Type: message/rfc822\nContent-Disposition: inline\n\n"
        "X-HmXmrOriginalRecipient: zoe@example.com\nX-Reporter-IP: 192.0.2.9\nFrom: shop@example.org\n"
        f"To: zoe@example.com\nSubject: News\nMessage-ID: <{OURS}@example.org>\n\nHello\n--b--\n"
    )

    events = heard(mail)

    told = [(one.channel, one.address.plain) for one in events if isinstance(one, OptedOut)]
    assert told == [("email", "zoe@example.com")]
