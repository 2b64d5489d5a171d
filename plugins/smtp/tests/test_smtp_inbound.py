"""Inbound mail of every kind: what people, robots and mailers send, told apart, and nothing of it cut."""

from __future__ import annotations

import base64
import json
import os
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging_channels import EmailAddress, WebhookRequest
from messaging_channels.errors import WebhookVerificationError
from messaging_channels.events import Event, MessageReceived, OptedOut, StatusChanged, UnknownEvent
from messaging_channels_smtp import Smtp, VerpReturnPath
from messaging_channels_smtp.reports.charsets import codec_of, decode
from messaging_channels_smtp.reports.mailboxes import parse_mailboxes
from messaging_channels_smtp.reports.parsing import parse_report
from messaging_channels_smtp.reports.received_mail import ReceivedMail

OURS = "0123456789abcdef0123456789abcdef"
PATH = VerpReturnPath(EmailAddress.parse("bounces@example.org"), "canary-key")
SMTP = Smtp(host="127.0.0.1", tls="none", webhook_token="canary", return_path=PATH)
BACK = PATH.address_for(OURS)


def _heard(raw: str | bytes, smtp: Smtp = SMTP) -> list[Event]:
    body = raw.encode() if isinstance(raw, str) else raw
    call = WebhookRequest(body, {"authorization": "Bearer canary"}, received_at=1795528315.0)
    return [*smtp.handle_webhook(call).events]


def _message(raw: str | bytes) -> MessageReceived:
    (event,) = _heard(raw)
    assert isinstance(event, MessageReceived)
    return event


def _statuses(raw: str) -> list[StatusChanged]:
    found = _heard(raw)
    assert all(isinstance(one, StatusChanged) for one in found), [type(one) for one in found]
    return [one for one in found if isinstance(one, StatusChanged)]


def _bounce(words: str, subject: str = "Undelivered mail", more: str = "") -> str:
    return f"Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.com\nTo: {BACK}\nSubject: {subject}\n{more}\n{words}\n"


def _dsn(fields: str, words: str = "It is about a mail.", original: str = "") -> str:
    copy = original or f"To: zoe@example.com\nMessage-ID: <{OURS}@example.org>"
    return (
        f"Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.com\nTo: {BACK}\nMIME-Version: 1.0\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=B\n\n"
        f"--B\nContent-Type: text/plain\n\n{words}\n\n--B\nContent-Type: message/delivery-status\n\n"
        f"Reporting-MTA: dns; mx.example.com\n\n{fields}\n\n--B\nContent-Type: text/rfc822-headers\n\n{copy}\n\n--B--\n"
    )


def _failed(diagnostic: str, status: str, recipient: str = "zoe@example.com") -> str:
    return f"Final-Recipient: rfc822; {recipient}\nAction: failed\nStatus: {status}\nDiagnostic-Code: smtp; {diagnostic}\n"


# -- what is said of a mailbox counts more than the code beside it


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("5.7.1", "554 5.7.1 <zoe@example.com>: The recipient does not exist here"),
        ("5.4.1", "550 5.4.1 <zoe@example.com>: Recipient address rejected: Access denied"),
        ("5.5.0", "550 5.5.0 Requested action not taken: mailbox unavailable"),
        ("5.3.0", "550 5.3.0 unbekannter Empfänger"),
        ("5.7.0", "550 5.7.0 l'utilisateur est inconnu"),
        ("5.7.1", "550 5.7.1 el buzón no existe"),
    ],
)
def test_no_such_mailbox_suppresses_in_any_language_and_with_any_code(status: str, words: str) -> None:
    (told,) = _statuses(_dsn(_failed(words, status)))
    assert told.raw.should_suppress


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("5.1.1", "550 5.1.1 Das Postfach ist voll"),
        ("5.1.1", "552 5.1.1 insufficient disk space"),
        ("5.1.1", "550 5.1.1 message exceeds the maximum message size"),
        ("5.1.1", "550 5.1.1 <zoe@example.com>: blocked, your IP is on a blacklist"),
        ("5.1.0", "550 5.1.0 sender rejected: shop@example.org"),
        ("5.1.2", "504 5.1.2 Helo command rejected: Host not found"),
        ("4.1.1", "450 4.1.1 unverified address: user unknown at the moment"),
        ("5.0.0", "554 5.0.0 mailbox temporarily disabled"),
        ("5.7.1", "554 5.7.1 Recipient address rejected: Access denied"),
    ],
)
def test_what_is_no_fault_of_the_address_never_suppresses_it(status: str, words: str) -> None:
    assert not any(told.raw.should_suppress for told in _statuses(_dsn(_failed(words, status))))


def test_what_people_are_told_keeps_an_address_that_the_fields_call_unknown() -> None:
    words = "Your message to <zoe> was rejected:\nNot enough disk space"
    (told,) = _statuses(
        _dsn("Final-Recipient: rfc822; zoe@example.com\nAction: failed\nStatus: 5.1.1", words)
    )
    assert (told.raw.code, told.raw.should_suppress) == ("5.2.2", False)


# -- suppression: only what is certain, and only whom we wrote to


def test_an_address_that_we_did_not_write_to_is_not_suppressed() -> None:
    raw = _dsn(_failed("550 5.1.1 user unknown", "5.1.1", "bystander@example.net"))
    assert [one.raw.should_suppress for one in _statuses(raw)] == [False]


def test_a_report_on_a_mail_that_is_not_ours_suppresses_nobody() -> None:
    raw = _dsn(_failed("550 5.1.1 user unknown", "5.1.1"), original="To: zoe@example.com").replace(
        BACK, "x@example.org"
    )
    (event,) = _heard(raw)
    assert isinstance(event, UnknownEvent)


def test_a_mailer_that_names_nobody_suppresses_nobody() -> None:
    (told,) = _statuses(
        _bounce(
            "Your message could not be delivered: user unknown.", more=f"In-Reply-To: <{OURS}@example.org>\n"
        )
    )
    assert told.message_id == OURS
    assert not told.raw.should_suppress


# -- recipients: in quotes and brackets, and never a bystander's


@pytest.mark.parametrize(
    "words",
    [
        'The message to "zoe@example.com" failed: no such user',
        "Delivery to [zoe@example.com] failed: no such user",
        "Failed address: 'zoe@example.com'\nno such user. Please contact postmaster@mx.example.com for help.",
        "<zoe@example.com>:\n550 no such user\n\nIf this is wrong, forward this mail to help@mx.example.com",
        "Your mail from shop@example.org to zoe@example.com could not be delivered: no such user",
        "550 5.1.1 <zoe@example.com>... no such user\n\nquestions? write to admin@mx.example.com",
        "\u201czoe@example.com\u201d: unknown recipient",
        "RCPT TO:<zoe@example.com>\n550 no such user\nreported by relay@mx.example.com",
    ],
)
def test_the_recipient_is_who_the_mailer_names_and_nobody_else(words: str) -> None:
    told = _statuses(
        _bounce(
            f"{words}\n\n--- Below this line is a copy\n\nFrom: shop@example.org\nMessage-ID: <{OURS}@example.org>"
        )
    )
    assert [(one.raw.recipient, one.raw.code, one.message_id) for one in told] == [
        ("zoe@example.com", "5.1.1", OURS)
    ]


# -- what waits has not failed


@pytest.mark.parametrize(
    "words",
    [
        "<zoe@example.com>: connection refused.\nI will keep trying for 4 days.",
        "The mail to zoe@example.com is still being retried.",
        "Your message to zoe@example.com is delayed. You do not need to resend it.",
        "zoe@example.com\nThe server will retry for another 2 days.",
    ],
)
def test_a_mail_that_waits_has_not_failed(words: str) -> None:
    assert [one.status.name for one in _statuses(_bounce(words))] == ["PENDING_WAITING_DELIVERY"]


# -- people and robots


@pytest.mark.parametrize(
    "more",
    [
        "Auto-Submitted: auto-replied (vacation)",
        "X-Autoreply: yes",
        "Precedence: auto_reply",
        "X-Autorespond: Your order",
        "Subject: Out of Office: Your order",
        "Subject: Abwesenheitsnotiz: Ihre Bestellung",
        "Subject: RE: Réponse automatique : commande",
    ],
)
def test_the_reply_of_a_robot_is_a_message_with_whatever_words(more: str) -> None:
    raw = f"Return-Path: <>\nFrom: Anna <anna@customer.example>\nTo: {BACK}\n{more}\n\nThe mailbox bob@customer.example is full; user unknown."
    assert _message(raw).kind == "auto-reply"


@pytest.mark.parametrize(
    ("sender", "more", "body"),
    [
        (
            "anna@customer.example",
            "Subject: Fwd: Undelivered Mail Returned to Sender",
            "What is this?\n\n> 550 5.1.1 <bob@example.com>: user unknown",
        ),
        (
            "postmaster@customer.example",
            "Subject: Our new mail server",
            "Hello, we have a new one. Regards, Jim",
        ),
        (
            "anna@customer.example",
            "Subject: mail delivery failed",
            "Hi, my parcel to 12 High Street never came. Anna",
        ),
        (
            "no-reply@shop.example",
            "Subject: Delivery notification",
            "Your parcel could not be delivered. Collect it at the post office.",
        ),
        (
            "info@carrier.example",
            "Subject: Undeliverable parcel",
            "The address 12 High Street does not exist.",
        ),
    ],
)
def test_what_people_and_shops_write_of_deliveries_is_a_message(sender: str, more: str, body: str) -> None:
    assert body in (
        _message(f"Return-Path: <{sender}>\nFrom: {sender}\nTo: desk@example.org\n{more}\n\n{body}\n").text
        or ""
    )


def test_a_report_that_a_person_passes_on_is_that_persons_mail() -> None:
    inner = _dsn(_failed("550 5.1.1 user unknown", "5.1.1"))
    raw = (
        "Return-Path: <anna@customer.example>\nFrom: anna@customer.example\nTo: desk@example.org\nSubject: Fwd: Undelivered\n"
        f"Content-Type: multipart/mixed; boundary=O\n\n--O\n\nWhat is this?\n--O\nContent-Type: message/rfc822\n\n{inner}\n--O--\n"
    )
    assert _message(raw).text == "What is this?"


def test_what_is_unsure_is_a_message_that_says_so() -> None:
    raw = "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.com\nTo: desk@example.org\nSubject: Notice\n\nThe moon is full.\n"
    assert _message(raw).confidence < 1
    assert _message("From: anna@customer.example\n\nhi").confidence == 1


# -- complaints


REPORT = "Feedback-Type: abuse\nUser-Agent: Loop/1\nVersion: 1\nOriginal-Rcpt-To: <zoe@example.com>\nOriginal-Mail-From: <{back}>\n"
FORMS = {
    "mixed": "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/feedback-report\n\n{report}\n--b--\n",
    "encoded": "Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n--b\n"
    "Content-Type: message/feedback-report\nContent-Transfer-Encoding: base64\n\n{encoded}\n--b--\n",
    "as-text": "Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n--b\nContent-Type: text/plain\n\n{report}\n--b--\n",
    "spaced": "Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n--b\nContent-Type: message/feedback-report\n\n{spaced}\n--b--\n",
    "in-words": "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nThis is an email abuse report for a message.\n--b\n"
    "Content-Type: message/rfc822\n\nReturn-Path: <{back}>\nTo: zoe@example.com\nSubject: News\n\nHello\n--b--\n",
}


@pytest.mark.parametrize("form", FORMS)
def test_complaints_in_every_form_are_opt_outs(form: str) -> None:
    report = REPORT.format(back=BACK)
    body = FORMS[form].format(
        report=report,
        encoded=base64.b64encode(report.encode()).decode(),
        spaced=report.replace("\n", "\n\n"),
        back=BACK,
    )
    (event,) = _heard(
        f"From: feedback@isp.example\nTo: complaints@example.org\nSubject: FW: News\nMIME-Version: 1.0\n{body}"
    )
    assert isinstance(event, OptedOut)
    assert event.address.plain == "zoe@example.com"


def test_a_complaint_about_a_mail_that_is_not_ours_opts_nobody_out() -> None:
    body = FORMS["mixed"].format(report=REPORT.format(back="news@elsewhere.example"))
    (event,) = _heard(f"From: feedback@isp.example\nTo: complaints@example.org\n{body}")
    assert isinstance(event, UnknownEvent)


# -- nothing is cut


@given(
    st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufeff"), max_size=200),
    st.sampled_from(["utf-8", "utf-16", "utf-7", "gb18030"]),
)
def test_a_text_arrives_as_it_was_written(text: str, charset: str) -> None:
    body = base64.encodebytes(text.encode(charset)).decode()
    raw = f"From: zoe@example.com\nContent-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: base64\n\n{body}"
    assert _message(raw).text == text


@pytest.mark.parametrize(
    ("label", "codec"),
    [
        ("iso-8859-1", "cp1252"), ("ISO-8859-8-E", "iso8859-8"), ("x-sjis", "cp932"), ("ks_c_5601-1987", "cp949"), ("gb2312", "gb18030"),
        ("x-mac-cyrillic", "mac-cyrillic"), ("cp850", "cp850"), ("ibm-850", "cp850"), ("UTF-8", "utf-8"), ("'utf-8'", "utf-8"), ("utf8", "utf-8"),
        ("iso-2022-kr", "iso2022_kr"), ("hz-gb-2312", "hz"), ("unicode-1-1-utf-7", "utf-7"), ("tis-620", "cp874"), ("macintosh", "mac-roman"),
    ],
)  # fmt: skip
def test_every_label_of_python_and_of_the_web_is_known(label: str, codec: str) -> None:
    found = codec_of(label)
    assert found is not None
    assert found.replace("_", "-") in (codec.replace("_", "-"), "gbk")


@pytest.mark.parametrize("label", ["", "nonsense", "rot13", "idna", "utf-é", "\0", "zlib", "x" * 999])
def test_a_label_that_means_no_charset_loses_no_text(label: str) -> None:
    assert decode("Grüße".encode(), label) == "Grüße"
    assert decode("Grüße".encode("latin-1"), label) == "Grüße"


def test_the_parts_of_a_mail_arrive_in_order_wherever_they_stand() -> None:
    raw = (
        "From: zoe@example.com\nContent-Type: multipart/mixed; boundary=a\n\nbefore all\n--a\nContent-Type: multipart/related; boundary=b\n\n"
        "--b\nContent-Type: text/plain\n\none\n--b\nContent-Type: image/png\n\nAAAA\n--b--\n--a\n\ntwo\n--a\nNote: this is text\n"
        "--a\nContent-Type: application/octet-stream\n\nunnamed\n--a--\nafter all\n"
    )
    message = _message(raw)
    assert (message.text or "").split() == [
        "before",
        "all",
        "one",
        "two",
        "Note:",
        "this",
        "is",
        "text",
        "after",
        "all",
    ]
    assert [(one.content_type, one.content) for one in message.media] == [
        ("image/png", b"AAAA"),
        ("application/octet-stream", b"unnamed"),
    ]


def test_parts_are_found_where_the_boundary_is_not_the_one_that_is_named() -> None:
    head = "From: zoe@example.com\nContent-Type: multipart/mixed; boundary=wrong\n\n"
    raw = (
        f"{head}--right\nContent-Type: text/plain\n\nhi\n--right\nContent-Type: image/png\n\nAA\n--right--\n"
    )
    message = _message(raw)
    assert (message.text, len(message.media)) == ("hi", 1)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (
            '"Doe, Zoe" <zoe@example.com>, ada@example.com',
            [("Doe, Zoe", "zoe@example.com"), ("", "ada@example.com")],
        ),
        ("=?utf-8?q?Doe=2C_Zo=C3=AB?= <zoe@example.com>", [("Doe, Zoë", "zoe@example.com")]),
        ("zoe@example.com (Zoe)", [("Zoe", "zoe@example.com")]),
        ("friends: zoe@example.com, ada@example.com;", [("", "zoe@example.com"), ("", "ada@example.com")]),
        ("Re: Zoe <zoe@example.com>", [("Re: Zoe", "zoe@example.com")]),
        ('"Zoe <zoe@example.com>', [("Zoe", "zoe@example.com")]),
        ("<@relay.example:zoe@example.com>", [("", "zoe@example.com")]),
        ("<>", [("", "")]),
    ],
)
def test_mailboxes_are_taken_apart_before_they_are_decoded(value: str, found: list[tuple[str, str]]) -> None:
    assert [(one.name, one.address) for one in parse_mailboxes(value)] == found


def test_a_mail_without_any_sender_is_a_message() -> None:
    message = _message("Subject: hi\n\nwho am I?")
    assert (message.sender.plain, message.text) == ("", "who am I?")
    assert "root" not in repr(_message("From: root@localhost\n\nhi").sender)


def test_octets_without_one_header_are_kept_and_are_no_mail() -> None:
    (event,) = _heard(b"canary=unheard+of")
    assert isinstance(event, UnknownEvent)
    assert event.source == b"canary=unheard+of"


def test_an_event_keeps_the_octets_of_its_mail_as_far_as_the_setting_says() -> None:
    raw = "From: zoe@example.com\n\nhello"
    small, none = (
        Smtp(host="127.0.0.1", tls="none", webhook_token="canary", source_size=size) for size in (10, 0)
    )
    assert _heard(raw)[0].source == raw.encode()
    assert _heard(raw, small)[0].source == raw.encode()[:10]
    assert _heard(raw, none)[0].source is None


# -- nothing raises, and nothing takes long


SEEDS = [
    _dsn(_failed("550 5.1.1 user unknown", "5.1.1")),
    _bounce("<zoe@example.com>: 550 5.1.1 user unknown"),
    f"From: feedback@isp.example\n{FORMS['mixed'].format(report=REPORT.format(back=BACK))}",
    (
        "From: =?utf-8?q?Zo=C3=AB?= <zoe@example.com>\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain; charset=utf-7\n\n+AOk-\n"
        "--b\nContent-Disposition: attachment; filename*0*=utf-8''%C3%BC; filename*1=x\nContent-Transfer-Encoding: base64\n\nAA==\n--b--\n"
    ),
]


@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 40), st.binary(max_size=40)), max_size=12),
)
def test_a_mail_that_was_damaged_raises_nothing_but_the_documented(
    seed: str, edits: list[tuple[int, int, bytes]]
) -> None:
    raw = seed.encode()
    for at, length, put in edits:
        raw = raw[:at] + put + raw[at + length :]
    try:
        events = _heard(raw)
    except WebhookVerificationError:
        return
    assert events


HEAD = b"Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.example.com\r\nSubject: failure notice\r\n"
MIXED = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
SHAPES: dict[str, tuple[bytes, bytes]] = {
    "addresses": (HEAD + b"\r\n", b"<a@b.example>: x\r\n"),
    "at-signs": (HEAD + b"\r\n", b"a@"),
    "one-word": (HEAD + b"\r\n", b"a"),
    "dashes": (HEAD + b"\r\n", b"-"),
    "mailbox": (HEAD + b"\r\n", b"mailbox is "),
    "not": (HEAD + b"\r\n", b"could not be "),
    "quotes": (HEAD + b"\r\n", b"> "),
    "headers": (HEAD + b"\r\n", b"Message-ID: x\r\n"),
    "blocks": (HEAD + b"\r\n", b"Final-Recipient: rfc822; a@b.example\nAction: failed\nStatus: 5.1.1\n\n"),
    "tags": (HEAD + b"Content-Type: text/html\r\n\r\n", b"<style><"),
    "parts": (MIXED, b"--b\nContent-Type: text/plain\n\nx\n"),
    "mails": (MIXED, b"--b\nContent-Type: message/rfc822\n\nFrom: a@b.example\n\nx\n"),
    "words": (b"Subject: ", b"=?a?q?x?= "),
    "from": (b"From: ", b"(a\\"),
    "parameters": (b"Content-Type: text/plain", b'; a="'),
    "levels": (HEAD, b"Content-Type: message/rfc822\n\n"),
    "brackets": (HEAD + b"\r\n", b"<"),
    "quotation": (HEAD + b"\r\n", b'"'),
    "quotes of a sender": (b"From: ", b'"'),
    "routes of a sender": (b"Return-Path: ", b"<a@"),
    "groups": (b"To: ", b"<"),
    "list": (b"To: ", b"a@b.example, "),
    "words without end": (b"From: ", b"=?"),
    "a header": (b"X-A: ", b"a"),
    "boundaries": (MIXED, b"--b\n"),
    "phrases": (HEAD + b"\r\n", b"following recipients x\n"),
    "phrases of one line": (HEAD + b"\r\n", b"following address"),
    "lists of nobody": (HEAD + b"\r\nThe following recipients failed\n", b"\tab\n"),
    "tabs": (HEAD + b"\r\nfollowing recipients\n", b"\t"),
    "blanks": (HEAD + b"\r\nThe following recipients", b" "),
    "aliases": (HEAD + b"\r\n", b"zoe@example.com\n (expanded from: <a"),
    "line ends": (b"", b"\r\n"),
    "colons": (b"", b":"),
    "zeros": (HEAD + b"\r\n", b"\0"),
    "eight bits": (HEAD + b"\r\n", b"\xff\xfe"),
    "parameter without value": (b"Content-Type: text/plain", b";a=b"),
    "percents": (b"Content-Type: text/plain; name*0*=", b"%"),
    "continuations": (b"Content-Type: text/plain", b"; name*1=a"),
    "references": (b"From: a@b.example\r\nReferences:", b" <a@b>"),
    "received": (b"", b"Received: from a by b; x\r\n"),
    "base64": (HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n", b"=AAA"),
    "quoted-printable": (HEAD + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n", b"=\r\n="),
    "uuencode": (HEAD + b"\r\n", b"begin 644 a\n"),
    "entities": (HEAD + b"Content-Type: text/html\r\n\r\n", b"&#1;&amp"),
    "divisions": (HEAD + b"Content-Type: text/html\r\n\r\n", b"<div>"),
    "comments": (HEAD + b"Content-Type: text/html\r\n\r\n", b"<!--"),
    "JSON": (b"x-amz-sns-message-id: 1\r\nFrom: a@sns.amazonaws.com\r\n\r\n", b'{"Message":"\\'),
    "dispositions": (
        b"Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/disposition-notification\n\n",
        b"Disposition: automatic-action; deleted\n",
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_mail_is_read_in_time_linear_in_its_length_whatever_its_shape(shape: str) -> None:
    head, piece = SHAPES[shape]

    def cost(size: int) -> float:
        raw = head + piece * (size // len(piece)) + b"\r\n\r\nhi"
        begun = time.thread_time()
        _heard(raw)
        return time.thread_time() - begun

    cost(1000)
    short, long = cost(50_000), cost(100_000)
    if long >= 4 * short + 0.25:  # once more: something else may have run
        short, long = min(short, cost(50_000)), min(long, cost(100_000))
    assert long < 5  # a second, on a machine that does nothing else
    assert long < 4 * short + 0.25


@settings(max_examples=12, deadline=None)
@given(
    st.sampled_from([head for head, _ in SHAPES.values()]),
    st.lists(
        st.one_of(
            st.sampled_from([piece for _, piece in SHAPES.values()]), st.binary(min_size=1, max_size=8)
        ),
        min_size=1,
        max_size=4,
    ).map(b"".join),
)
def test_pieces_of_any_shapes_together_take_no_longer(head: bytes, piece: bytes) -> None:
    raw = head + piece * (100_000 // len(piece))
    begun = time.thread_time()
    with suppress(WebhookVerificationError):
        _heard(raw)
    assert time.thread_time() - begun < 5


def test_multiparts_within_each_other_are_read_to_the_end() -> None:
    levels = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(1500))
    mail = ReceivedMail(f"From: zoe@example.com\n{levels}Content-Type: text/plain\n\nthe end\n".encode())
    assert "the end" in mail.text


# -- bounces that others collected


def _collected() -> list[tuple[str, set[str], bool, bytes]]:
    """Return the bounces of flufl.bounce's own tests, with who they are about and whether they only waited."""
    folder = Path(os.environ.get("FLUFL_BOUNCE_SDIST", ""))
    if not (folder / "tests/test_detectors.py").is_file():
        pytest.skip(
            "set FLUFL_BOUNCE_SDIST to the unpacked sdist of flufl.bounce (pip download --no-binary :all:)"
        )
    rows = re.findall(
        r"\('\w+',\s*'([\w.]+)',\s*\[([^\]]*)\],\s*(True|False)\)",
        (folder / "tests/test_detectors.py").read_text("utf-8"),
    )
    return [
        (
            name,
            {one.lower() for one in re.findall(r"b'([^']+)'", named)},
            waits == "True",
            (folder / "tests/data" / name).read_bytes(),
        )
        for name, named, waits in rows
        if "b'" in named
    ]


def test_bounces_that_others_collected_are_read_as_they_read_them() -> None:
    wrong: dict[str, Any] = {}
    cases = _collected()
    for name, named, waits, raw in cases:
        updates = parse_report(raw).updates
        told = {one.recipient.lower() for one in updates} | {one.original.lower() for one in updates}
        if not named <= told or {str(one.action) for one in updates} != {"delayed" if waits else "failed"}:
            wrong[name] = sorted(told)
    assert len(cases) > 100
    assert len(wrong) <= 0.1 * len(cases), json.dumps(wrong)
