"""Amazon SES' reports that come as mails by SNS, and bounces of kinds that older servers and filters send."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from messaging_channels_smtp.reports.parsing import parse_report
from messaging_channels_smtp.reports.report import Action, ReportType

SENT = {
    "timestamp": "2026-03-02T10:00:00.000Z",
    "source": "shop@example.org",
    "messageId": "0101019-ses",
    "destination": ["zoe@example.com"],
    "headers": [
        {"name": "Message-ID", "value": "<k3v9@example.org>"},
        {"name": "To", "value": "zoe@example.com"},
    ],
}


def _mail(told: dict[str, Any] | str, *, wrapped: bool = True, header: str = "") -> bytes:
    text = told if isinstance(told, str) else json.dumps({**told, "mail": SENT})
    body = json.dumps({"Type": "Notification", "Message": text}, indent=2) if wrapped else text
    return (
        "From: SES-Bounces <no-reply@sns.amazonaws.com>\nTo: bounces@example.org\nSubject: AWS Notification Message\n"
        f"x-amz-sns-message-id: 02f86d9b\n{header}Content-Type: text/plain; charset=UTF-8\n\n{body}\n\n--\nIf you wish to stop\n"
    ).encode()


def _bounce(sort: str, subtype: str, **said: str) -> dict[str, Any]:
    return {
        "notificationType": "Bounce",
        "bounce": {
            "bounceType": sort,
            "bounceSubType": subtype,
            "bouncedRecipients": [{"emailAddress": "zoe@example.com", **said}],
            "reportingMTA": "dsn; a1.smtp-out.amazonses.example",
        },
    }


@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize(
    ("told", "action", "code"),
    [
        (
            _bounce(
                "Permanent",
                "General",
                action="failed",
                status="5.1.1",
                diagnosticCode="smtp; 550 5.1.1 user unknown",
            ),
            Action.FAILED,
            "5.1.1",
        ),
        (_bounce("Permanent", "Suppressed"), Action.FAILED, "5.1.1"),
        (_bounce("Permanent", "OnAccountSuppressionList"), Action.FAILED, "5.0.0"),
        (_bounce("Transient", "MailboxFull"), Action.FAILED, "4.2.2"),
        (_bounce("Transient", "MessageTooLarge", action="failed", status="5.0.0"), Action.FAILED, "5.3.4"),
        (_bounce("Undetermined", "Undetermined"), Action.FAILED, "4.0.0"),
        (
            {
                "notificationType": "Delivery",
                "delivery": {"recipients": ["zoe@example.com"], "smtpResponse": "250 ok"},
            },
            Action.DELIVERED,
            "2.0.0",
        ),
        (
            {
                "eventType": "DeliveryDelay",
                "deliveryDelay": {
                    "delayType": "MailboxFull",
                    "delayedRecipients": [{"emailAddress": "Zoe <zoe@example.com>"}],
                },
            },
            Action.DELAYED,
            "4.2.2",
        ),
    ],
)
def test_a_notification_of_ses_tells_what_became_of_the_mail_that_we_sent(
    told: dict[str, Any], action: Action, code: str, *, wrapped: bool
) -> None:
    report = parse_report(_mail(told, wrapped=wrapped))

    assert report.report_type is ReportType.DELIVERY
    assert report.message_id == "k3v9@example.org"
    assert report.to == "zoe@example.com"
    assert "shop@example.org" in report.addresses
    assert [(one.recipient, one.action, one.code) for one in report.updates] == [
        ("zoe@example.com", action, code)
    ]


@pytest.mark.parametrize(
    ("kind", "feedback"), [("abuse", "abuse"), (None, "abuse"), ("not-spam", "not-spam")]
)
def test_a_complaint_told_by_ses_names_who_complains(kind: str | None, feedback: str) -> None:
    complaint = {"complainedRecipients": [{"emailAddress": "zoe@example.com"}], "complaintFeedbackType": kind}
    report = parse_report(_mail({"notificationType": "Complaint", "complaint": complaint}))

    assert (report.report_type, report.feedback) == (ReportType.COMPLAINT, feedback)
    assert report.complainants == ("zoe@example.com",)


@pytest.mark.parametrize(
    "raw",
    [
        _mail({"notificationType": "AmazonSnsSubscriptionSucceeded", "message": "you have subscribed"}),
        _mail(
            _bounce("Permanent", "General"),
            header="In-Reply-To: <question@example.org>\nReferences: <question@example.org>\n",
        ),
        _mail(json.dumps({"notificationType": "Bounce", "bounce": [], "mail": "none"})).replace(
            b"Bounce", b"Invoice"
        ),
        _mail("an alarm: disk full", wrapped=False),
    ],
)
def test_another_mail_of_sns_and_one_that_is_passed_on_are_no_reports(raw: bytes) -> None:
    assert parse_report(raw).report_type not in (ReportType.DELIVERY, ReportType.BOUNCE, ReportType.COMPLAINT)


@pytest.mark.parametrize(
    "body",
    [
        "[" * 100_000,
        '{"a":' * 20_000,
        '{"notificationType":"Bounce","bounce":' + "[" * 99_000,
        '"' * 100_000,
        "{" * 100_000,
    ],
)
def test_no_json_raises_or_takes_long(body: str) -> None:
    began = time.process_time()
    for wrapped in (True, False):
        parse_report(_mail(body, wrapped=wrapped))
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    "type_", ["null", "3", '"text"', "[]", '{"bouncedRecipients": [1, null, {"emailAddress": 5}]}']
)
def test_a_notification_of_another_form_raises_nothing(type_: str) -> None:
    raw = _mail(f'{{"notificationType": "Bounce", "bounce": {type_}, "mail": {type_}}}', wrapped=False)
    assert parse_report(raw).report_type is ReportType.DELIVERY


def _plain(headers: str, body: str) -> bytes:
    return f"{headers}To: shop@example.org\nContent-Type: text/plain\n\n{body}".encode()


@pytest.mark.parametrize(
    ("headers", "body", "recipient"),
    [
        (
            'From: "Mail Delivery Subsystem" <MAILER-DAEMON@example.com>\nSubject: Mail Delivery Problem\n',
            "Your mail to the following recipients could not be delivered because they are not accepting mail from you:\n\tzoe.b\n",
            "zoe.b@example.com",
        ),
        (
            "Return-Path: <MAILER-DAEMON@example.com>\nSubject: Adresse inconnue\n",
            "A message could not be delivered to:\nzoe@example.com\nSubject: Hello\nUser unknown\n",
            "zoe@example.com",
        ),
        (
            "Return-Path: <>\nFrom: <>\nAuto-Submitted: auto-replied\nIn-Reply-To: <k3v9@example.org>\n",
            "You sent mail to zoe@example.com. That's not a valid user here.\n",
            "zoe@example.com",
        ),
    ],
)
def test_bounces_of_servers_that_name_nobody_whole_or_no_sender_are_read(
    headers: str, body: str, recipient: str
) -> None:
    report = parse_report(_plain(headers, body))

    assert report.report_type is ReportType.BOUNCE
    assert [one.recipient for one in report.updates] == [recipient]


def test_the_address_that_an_alias_stands_for_is_told_beside_the_one_that_we_wrote_to() -> None:
    body = (
        "   ----- The following addresses had permanent fatal errors -----\nzoe@inner.example.com\n"
        "    (expanded from: <zoe@example.com>)\n\n   ----- Transcript of session follows -----\n550 5.1.1 User unknown\n"
    )
    report = parse_report(_plain("From: MAILER-DAEMON@example.com\nSubject: Returned mail\n", body))

    assert [(one.recipient, one.original) for one in report.updates] == [
        ("zoe@inner.example.com", "zoe@example.com")
    ]


def _receipt(disposition: str, text: str, submitted: str = "auto-replied (rejected)") -> bytes:
    return (
        f"From: Mail Delivery Subsystem <admin@example.com>\nTo: shop@example.org\nAuto-Submitted: {submitted}\n"
        "Content-Type: multipart/report; report-type=disposition-notification; boundary=b\n\n"
        f"--b\nContent-Type: text/plain\n\n{text}\n--b\nContent-Type: message/disposition-notification\n\n"
        f"Final-Recipient: rfc822; zoe@example.com\nOriginal-Message-ID: <k3v9@example.org>\nDisposition: {disposition}\n--b--\n"
    ).encode()


def test_a_refusal_in_the_form_of_a_receipt_is_a_bounce() -> None:
    refused = "automatic-action/MDN-sent-automatically; deleted"
    report = parse_report(
        _receipt(refused, "Your message to <zoe@example.com> was automatically rejected:\nQuota exceeded")
    )

    assert [(one.recipient, one.action, one.code) for one in report.updates] == [
        ("zoe@example.com", Action.FAILED, "5.2.2")
    ]
    assert report.message_id == "k3v9@example.org"


@pytest.mark.parametrize(
    ("disposition", "text"),
    [
        ("manual-action/MDN-sent-manually; displayed", "The message was displayed. It was not rejected."),
        ("manual-action/MDN-sent-manually; deleted", "It was deleted without being read."),
        ("automatic-action/MDN-sent-automatically; processed", "It was processed."),
    ],
)
def test_receipts_of_reading_and_deleting_stay_receipts(disposition: str, text: str) -> None:
    assert parse_report(_receipt(disposition, text, "auto-replied")).report_type is ReportType.RECEIPT
