from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_channels import Dispatcher, Email, EmailAddress, WebhookRequest, errors
from messaging_channels.events import (
    EngagementReceived,
    EngagementType,
    MessageReceived,
    OptedOut,
    StatusChanged,
    UnknownEvent,
)
from messaging_channels.plugins import HttpResponse
from messaging_channels.testing import Emulator, Request
from messaging_channels_smtp import Smtp
from messaging_channels_smtp._table_errors import CODES
from messaging_channels_smtp.emulator import SmtpEmulator
from messaging_channels_smtp.reports.parsing import parse_report
from messaging_channels_smtp.reports.report import Action, RecipientUpdate, ReportType
from messaging_channels_smtp.responses import enhanced_code_of, status_of
from messaging_channels_smtp.verp import VerpReturnPath

TOKEN = {"authorization": "Bearer canary"}
PATH = VerpReturnPath(EmailAddress.parse("bounces@example.org"), "canary-key")
SMTP = Smtp(host="127.0.0.1", tls="none", webhook_token="canary")


def _heard(raw: str | bytes, smtp: Smtp = SMTP, headers: dict[str, str] = TOKEN) -> list[Any]:
    body = raw.encode() if isinstance(raw, str) else raw
    return [*smtp.handle_webhook(WebhookRequest(body, headers, received_at=1795528315.0)).events]


def _report(status: str, *, kind: str = "delivery-status", original: str = "", head: str = "") -> str:
    return (
        f"From: MAILER-DAEMON@mx.example\nTo: <bounces@example.org>\nDate: Tue, 24 Nov 2026 02:00:00 +0000\n{head}"
        f"MIME-Version: 1.0\nContent-Type: multipart/report; report-type={kind}; boundary=B\n\n"
        f"--B\nContent-Type: text/plain\n\nIt is about a mail.\n\n"
        f"--B\nContent-Type: message/{kind}\n\n{status}\n\n"
        f"--B\nContent-Type: text/rfc822-headers\n\n{original or 'Message-ID: <k3v9@example.org>'}\n\n--B--\n"
    )


def _of(recipient: str, action: str = "failed", status: str = "5.1.1", more: str = "") -> str:
    return f"Final-Recipient: rfc822; {recipient}\nAction: {action}\nStatus: {status}\n{more}"


MTA = "Reporting-MTA: dns; mx.example\nOriginal-Envelope-Id: k3v9\n\n"


@pytest.mark.parametrize(
    ("action", "status", "diagnostic", "name"),
    [
        ("failed", "5.1.1", "", "UNDELIVERABLE_NOT_DELIVERED"),
        ("failed", "5.7.1", "", "UNDELIVERABLE_REJECTED_OPERATOR"),
        ("failed", "4.2.2", "", "EXPIRED_EXPIRED"),
        ("failed", "5.0.0", "smtp; 550 5.7.26 unauthenticated", "UNDELIVERABLE_REJECTED_OPERATOR"),
        ("failed", "5.0.0", "smtp; 552-5.2.3 too big", "REJECTED_MESSAGE_TOO_LONG"),
        ("failed", "", "smtp; 550 no", "UNDELIVERABLE_REJECTED_OPERATOR"),
        ("failed", "nonsense", "", "UNDELIVERABLE_NOT_DELIVERED"),
        ("Failed (hard)", "5.9.99", "", "UNDELIVERABLE_REJECTED_OPERATOR"),
        ("", "5.1.1", "", "UNDELIVERABLE_NOT_DELIVERED"),
        ("delayed", "4.4.1", "", "PENDING_WAITING_DELIVERY"),
        ("relayed", "2.1.9", "", "DELIVERED_TO_OPERATOR"),
        ("expanded", "2.0.0", "", "DELIVERED_TO_OPERATOR"),
        ("delivered", "2.0.0", "", "DELIVERED_TO_HANDSET"),
    ],
)
def test_a_report_changes_the_status_by_its_action(
    action: str, status: str, diagnostic: str, name: str
) -> None:
    raw = _report(MTA + _of("zoe@example.com", action, status, f"Diagnostic-Code: {diagnostic}\n"))
    (event,) = _heard(raw)
    assert isinstance(event, StatusChanged)
    assert (event.message_id, event.status.name, event.occurred_at) == ("k3v9", name, 1795485600.0)
    assert "zoe" not in repr(event) + event.detail


def test_every_recipient_of_a_report_is_told_of() -> None:
    raw = _report(MTA + _of("a@example.com") + "\n" + _of("b@example.com", "delayed", "4.2.2"))
    told = parse_report(raw.encode()).updates
    assert [(one.recipient, one.action, one.code) for one in told] == [
        ("a@example.com", Action.FAILED, "5.1.1"),
        ("b@example.com", Action.DELAYED, "4.2.2"),
    ]
    assert [(one.is_permanent, one.should_suppress) for one in told] == [(True, True), (False, False)]
    keys = {event.key for event in _heard(raw)}
    assert len(keys) == 2
    assert keys == {event.key for event in _heard(raw)}


@pytest.mark.parametrize(
    ("status", "diagnostic", "code"),
    [
        ("5.1.1", "smtp; 552 5.2.2 over quota", "5.2.2"),
        ("5.1.0", "smtp; 5.1.0 - unknown error 550-'5.7.1 blocked'", "5.7.1"),
        ("5.1.1", "smtp; 550 5.0.0 no", "5.1.1"),
        ("4.4.7", "smtp; 450 4.7.1 try again", "4.4.7"),
        ("5.0.0", "smtp; 550 Unknown user", "5.1.1"),
        ("5.5.0", "smtp; 554 sorry", "5.5.0"),
    ],
)
def test_why_the_server_refused_it_counts_more_than_what_the_reporting_one_makes_of_it(
    status: str, diagnostic: str, code: str
) -> None:
    raw = _report(MTA + _of("zoe@example.com", "failed", status, f"Diagnostic-Code: {diagnostic}\n"))
    assert [one.code for one in parse_report(raw.encode()).updates] == [code]


def test_what_the_fields_of_a_report_leave_open_its_words_for_people_may_tell() -> None:
    words = "zoe@example.com: 550 5.7.26 not authenticated\nada@example.com: mailbox full\n"
    of_both = _of("zoe@example.com", "failed", "5.0.0") + "\n" + _of("ada@example.com", "failed", "4.0.0")
    raw = _report(MTA + of_both).replace("It is about a mail.\n", words)
    assert [one.code for one in parse_report(raw.encode()).updates] == ["5.7.26", "4.2.2"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_make_no_difference(end: str) -> None:
    raw = _report(MTA + _of("zoe@example.com")).replace("\n", end)
    if end == "\r":
        assert parse_report(raw.encode()).report_type is not None
        return
    assert parse_report(raw.encode()).updates[0].code == "5.1.1"


def test_a_report_that_was_cut_or_wrapped_wrongly_is_still_read() -> None:
    whole = _report(MTA + _of("zoe@example.com"))
    assert parse_report(whole[: whole.index("--B\nContent-Type: text/rfc822")].encode()).updates
    as_text = whole.replace("message/delivery-status", "text/plain")
    assert parse_report(as_text.encode()).updates[0].code == "5.1.1"


def test_addresses_of_every_kind_are_understood() -> None:
    block = (
        "Original-Recipient: rfc822;zoe+2Btag@example.com\nFinal-Recipient: RFC822;<ZOE@mail.example.com>\n"
        "Action: failed\nStatus: 5.1.1 (no such user)\nRemote-MTA: dns; mx.example.com\n\n"
        "Final-Recipient: utf-8; \\x{F1}and\\x{FA}@example.com\nAction: failed\nStatus: 5.1.1\n"
    )
    first, second = parse_report(_report(MTA + block, kind="global-delivery-status").encode()).updates
    assert (first.recipient, first.original, first.remote) == (
        "ZOE@mail.example.com",
        "zoe+tag@example.com",
        "mx.example.com",
    )
    assert second.recipient == "ñandú@example.com"


def test_what_happens_to_a_copy_does_not_change_the_mail() -> None:
    original = "Message-ID: <k3v9@example.org>\nTo: zoe@example.com\nCc: copy@example.com"
    copy = _heard(_report(MTA + _of("copy@example.com"), original=original))
    hidden = _heard(
        _report(
            MTA + _of("x@example.com", more="Original-Recipient: rfc822; bcc@example.com\n"),
            original=original,
        )
    )
    forwarded = _heard(_report(MTA + _of("zoe@elsewhere.example"), original=original))
    assert [type(one[0]) for one in (copy, hidden, forwarded)] == [UnknownEvent, UnknownEvent, StatusChanged]


def test_the_mail_is_found_by_its_return_path_first_then_by_envelope_id_then_by_message_id() -> None:
    smtp = Smtp(host="127.0.0.1", tls="none", webhook_token="canary", return_path=PATH)

    def found(raw: str) -> str:
        event = _heard(raw, smtp)[0]
        assert isinstance(event, StatusChanged)
        return event.message_id

    by_id = _report("Reporting-MTA: dns; mx\n\n" + _of("zoe@example.com"))
    assert found(by_id) == "k3v9"
    assert found(_report(MTA.replace("k3v9", "e1") + _of("zoe@example.com"))) == "e1"
    to_us = by_id.replace("<bounces@example.org>", f"<{PATH.address_for('v1')}>")
    assert found(to_us) == "v1"
    assert found(by_id.replace("To: ", f"Delivered-To: {PATH.address_for('v2').upper()}\nTo: ")) == "v2"


def test_a_bounce_without_a_token_is_believed_only_at_a_return_path_of_ours() -> None:
    smtp = Smtp(host="127.0.0.1", tls="none", return_path=PATH)
    genuine = _report(MTA + _of("zoe@example.com")).replace(
        "<bounces@example.org>", f"<{PATH.address_for('v1')}>"
    )
    assert _heard(genuine, smtp, {})[0].message_id == "v1"
    forged = genuine.replace(PATH.address_for("v1"), PATH.address_for("v1").replace("v1-", "v2-"))
    for raw, one in ((forged, smtp), (genuine, Smtp(host="127.0.0.1", tls="none")), (genuine, SMTP)):
        with pytest.raises(errors.WebhookVerificationError):
            _heard(raw, one, {"authorization": "Bearer wrong"})


@pytest.mark.parametrize(
    ("kind", "why"),
    [("abuse", "complaint"), ("fraud", "complaint"), ("opt-out", "list-unsubscribe")],
)
def test_a_complaint_is_an_opt_out(kind: str, why: str) -> None:
    fields = f"Feedback-Type: {kind}\nUser-Agent: Loop/1\nVersion: 1\nOriginal-Rcpt-To: <zoe@example.com>\n"
    (event,) = _heard(_report(fields, kind="feedback-report"))
    assert isinstance(event, OptedOut)
    assert (event.address.plain, event.channel, event.reason) == ("zoe@example.com", "email", why)


@pytest.mark.parametrize(
    "fields", ["Feedback-Type: abuse", "Feedback-Type: not-spam\nOriginal-Rcpt-To: <z@example.com>"]
)
def test_feedback_that_names_nobody_or_is_no_complaint_opts_nobody_out(fields: str) -> None:
    (event,) = _heard(_report(fields + "\nVersion: 1\n", kind="feedback-report"))
    assert isinstance(event, UnknownEvent)


def test_a_receipt_of_reading_is_seen() -> None:
    fields = (
        "Reporting-UA: mail.example\nFinal-Recipient: rfc822; zoe@example.com\nOriginal-Message-ID: <k3v9@example.org>\n"
        "Disposition: manual-action/MDN-sent-manually; {}\n"
    )
    kind = "disposition-notification"
    (seen,) = _heard(_report(fields.format("displayed"), kind=kind))
    assert isinstance(seen, EngagementReceived)
    assert (seen.engagement_type, seen.message_id) == (EngagementType.READ, "k3v9")
    (deleted,) = _heard(_report(fields.format("deleted/error"), kind=kind))
    assert isinstance(deleted, UnknownEvent)
    assert deleted.kind == "mdn deleted"


def test_a_holiday_reply_is_no_bounce() -> None:
    raw = (
        "From: Zoe <zoe@example.com>\nTo: shop@example.org\nSubject: Automatic reply: Your order\nMessage-ID: <r1@example.com>\n"
        "In-Reply-To: <k3v9@example.org>\nAuto-Submitted: auto-replied\n\nI am away. Mail is not delivered, the mailbox is full.\n"
    )
    (event,) = _heard(raw)
    assert isinstance(event, MessageReceived)
    assert (event.kind, event.reply_to, event.provider_id) == (
        "auto-reply",
        "k3v9@example.org",
        "r1@example.com",
    )


def test_what_somebody_writes_arrives_with_its_files() -> None:
    raw = (
        "From: =?utf-8?q?Zo=C3=AB?= <zoe@example.com>\nTo: shop@example.org\nSubject: =?utf-8?b?U3RyYcOfZQ==?=\n"
        "Message-ID: <r1@example.com>\nContent-Type: multipart/mixed; boundary=B\n\n--B\nContent-Type: text/plain; charset=latin1\n"
        "Content-Transfer-Encoding: quoted-printable\n\nGr=FC=DFe\n--B\nContent-Type: application/pdf; name=a.pdf\n"
        "Content-Disposition: attachment; filename=a.pdf\nContent-Transfer-Encoding: base64\n\nJVBERg==\n--B--\n"
    )
    (event,) = _heard(raw)
    assert isinstance(event, MessageReceived)
    assert (event.kind, event.sender.plain, event.name) == ("mail", "zoe@example.com", "Zoë")
    assert (event.subject, event.to) == ("Straße", "shop@example.org")
    assert event.text is not None
    assert event.text.strip() == "Grüße"
    assert [(one.filename, one.content_type, one.content) for one in event.media] == [
        ("a.pdf", "application/pdf", b"%PDF")
    ]
    assert "Grüße" not in repr(event)


QMAIL = """\
Return-Path: <>
From: MAILER-DAEMON@mx.example
To: shop@example.org
Subject: failure notice

Hi. This is the qmail-send program at mx.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<zoe@example.com>:
192.0.2.1 does not like recipient.
Remote host said: {said}
Giving up on 192.0.2.1.

--- Below this line is a copy of the message.

Return-Path: <shop@example.org>
Message-ID: <k3v9@example.org>
To: zoe@example.com
Subject: spam and virus

hello, the mailbox is full
"""
EXIM = """\
From: Mail Delivery System <Mailer-Daemon@mx.example>
To: shop@example.org
X-Failed-Recipients: zoe@example.com
Subject: Mail delivery failed: returning message to sender

This message was created automatically by mail delivery software.
A message that you sent could not be delivered to one or more of its recipients. The following address(es) failed:

  zoe@example.com
    {said}

------ This is a copy of the message, including all the headers. ------

Message-Id: <k3v9@example.org>
To: zoe@example.com
"""
PAGE = """\
From: Microsoft Outlook <postmaster@corp.example>
To: shop@example.org
Subject: Undeliverable: Your order
Content-Type: text/html

<html><body><p>Your message to <b>zoe@example.com</b> couldn't be delivered.</p><p>{said}</p>
<pre>Message-ID: &lt;x&gt;
Message-ID: <k3v9@example.org>
</pre></body></html>
"""
NOTE = """\
From: postmaster@mx.example
To: shop@example.org
Subject: Unzustellbare Nachricht

Ihre Nachricht konnte nicht zugestellt werden:
  zoe@example.com
  {said}

> Message-ID: <k3v9@example.org>
"""


@pytest.mark.parametrize("form", [QMAIL, EXIM, PAGE, NOTE], ids=["qmail", "exim", "page", "note"])
@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("550 5.1.1 <zoe@example.com>... User unknown", "5.1.1"),
        ("550 Unknown user", "5.1.1"),
        ("No such user here", "5.1.1"),
        ("The email account that you tried to reach does not exist", "5.1.1"),
        ("user's mailbox is full", "5.2.2"),
        ("552 zoe@example.com over quota", "5.2.2"),
        ("Das Postfach ist voll", "5.2.2"),
        ("account has been disabled", "5.2.1"),
        ("Host or domain name not found", "5.1.2"),
        ("message size exceeds the limit: message too large", "5.3.4"),
        ("554 Message rejected as spam", "5.7.1"),
        ("550 5.7.26 failed DMARC", "5.7.26"),
        ("retry timeout exceeded", "4.4.7"),
        ("Connection refused", "4.4.1"),
    ],
)
def test_bounces_in_forms_of_their_own_are_understood(form: str, said: str, code: str) -> None:
    raw = form.format(said=said)
    report = parse_report(raw.encode())
    assert report.report_type is ReportType.BOUNCE
    assert [(one.recipient, one.code) for one in report.updates] == [("zoe@example.com", code)]
    (event,) = _heard(raw)
    assert isinstance(event, StatusChanged)
    assert event.message_id == "k3v9"
    assert event.status.group_name in ("UNDELIVERABLE", "EXPIRED", "REJECTED")


def test_a_warning_that_delivery_takes_longer_is_no_failure() -> None:
    raw = (
        "From: MAILER-DAEMON@mx.example\nTo: shop@example.org\nSubject: Warning: could not send message for past 4 hours\n\n"
        "THIS IS A WARNING MESSAGE ONLY. YOU DO NOT NEED TO RESEND YOUR MESSAGE.\n<zoe@example.com>... Deferred: Connection refused\n"
        "Will keep trying.\n\nMessage-ID: <k3v9@example.org>\n"
    )
    (event,) = _heard(raw)
    assert event.status.name == "PENDING_WAITING_DELIVERY"


@pytest.mark.parametrize(
    "subject", ["Re: Your delivery", "Question about my order", "Undo", "Invoice 4821", "Re: Re: mailbox"]
)
def test_what_people_write_is_no_bounce(subject: str) -> None:
    raw = f"From: zoe@example.com\nTo: shop@example.org\nSubject: {subject}\n\nMy mailbox was full, user unknown, 550 5.1.1.\n"
    assert parse_report(raw.encode()).report_type is ReportType.OTHER


@given(st.binary(max_size=2000))
def test_reading_raises_nothing_whatever_comes(raw: bytes) -> None:
    _heard(raw)


PIECES = [
    "Content-Type: multipart/report; boundary=B; report-type=delivery-status\n",
    "Content-Type: message/delivery-status\n",
    "Content-Type: message/feedback-report\n",
    "Content-Type: text/plain; charset=nonsense\n",
    "Content-Transfer-Encoding: base64\n",
    "From: MAILER-DAEMON@x.example\n",
    "From: =?utf-8?b?/////?= <\n",
    "Subject: =?nonsense?q?x?=\n",
    "Date: Tue, 99 Nov 99999 99:99:99 +9999\n",
    "Final-Recipient: rfc822; \\x{FFFFFFFF}\n",
    "Action: failed\nStatus: 5.1.1\n",
    "Message-ID: <x@example.com>\n",
    "--B\n",
    "--B--\n",
    "\n",
    "\udcff\n",
]


@given(st.lists(st.sampled_from(PIECES), max_size=40))
def test_reading_raises_nothing_whatever_reports_are_made_of(pieces: list[str]) -> None:
    _heard("".join(pieces).encode("utf-8", "surrogateescape"))


@pytest.mark.parametrize(
    "piece",
    [
        b"Content-Type: multipart/mixed; boundary=a\n\n--a\n",
        b"<",
        b"user unknown ",
        b"\n",
        b"a@",
        b"1.",
        b"Message-ID: x\n",
        b" \t",
    ],
)
@pytest.mark.timeout(20)
def test_reading_ends_soon_however_long_the_mail(piece: bytes) -> None:
    head = b"From: MAILER-DAEMON@x.example\nSubject: failure notice\n\n"
    parse_report(head + piece * (2_000_000 // len(piece)))


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_a_status_and_a_subject_to_fall_back_on(code: str) -> None:
    assert enhanced_code_of(code) is CODES[code]
    assert status_of(CODES[code]).id == CODES[code].status
    unknown = code.rpartition(".")[0] + ".999"
    assert enhanced_code_of(unknown) == CODES.get(code.rpartition(".")[0] + ".0", CODES[f"{code[0]}.0.0"])


def test_every_action_has_a_status() -> None:
    for action in Action:
        assert RecipientUpdate("zoe@example.com", action).status.name
        assert "zoe" not in repr(RecipientUpdate("zoe@example.com", action))


@given(st.from_regex(r"[a-z0-9]{1,40}", fullmatch=True), st.from_regex(r"[a-z0-9]{1,40}", fullmatch=True))
def test_a_return_path_proves_its_own_mail_and_no_other(own: str, other: str) -> None:
    address = PATH.address_for(own)
    assert len(address.partition("@")[0]) <= 64
    assert PATH.message_id_in(address) in (own, None)
    if other != own:
        assert PATH.message_id_in(address.replace(f"+{own}-", f"+{other}-")) is None
    assert VerpReturnPath(PATH.address, "another key").message_id_in(address) is None


class Listener(Emulator):
    """Hands what is posted to a dispatcher."""

    receive: Callable[[WebhookRequest], object]

    def handle(self, request: Request) -> HttpResponse:
        self.receive(WebhookRequest(request.body, request.headers, received_at=1.0))
        return HttpResponse(200, {}, b"")


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as one:
        yield one


def test_a_bounce_finds_its_way_back_through_the_dispatcher(listener: Listener) -> None:
    heard: list[Any] = []
    with SmtpEmulator(webhook_url=listener.url + "/mail", webhook_token="canary") as server:
        smtp = Smtp(
            host="127.0.0.1", port=server.port, tls="none", sender="shop@example.org", webhook_token="canary"
        )
        with Dispatcher([smtp]) as dispatcher:
            listener.receive = lambda call: heard.extend(dispatcher.handle_webhook("smtp", call).events)
            receipt = dispatcher.send(Email("s", "t"), to="bounce@example.com")
            server.wait_for_reports()
        assert [status for _, status in server.reports] == [200]
    (event,) = heard
    assert (event.message_id, event.status.name) == (receipt.id, "UNDELIVERABLE_NOT_DELIVERED")
