"""Mails as they are posted to the webhook: what people write, and reports of mail servers (RFC 3464), for the conformance kit."""

from __future__ import annotations

from base64 import b64encode
from email.utils import formatdate

from messaging_channels.events import InboundMedia, MessageReceived, StatusChanged
from messaging_channels.plugins import FailureReason, status
from messaging_channels.testing import InboundText, Webhook

WRITTEN_AT = 1_789_999_920.0
"""21 September 2026, 14:12 UTC."""
_FILE = b"%PDF-1.7\n\x00\xff"


def inbound(one: InboundText) -> bytes:
    """Return a mail that a person wrote."""
    head = (
        f"From: {one.sender}\r\nTo: {one.to}\r\nSubject: Yes\r\nMessage-ID: <in-{one.number}@example.com>\r\n"
    )
    dated = f"Date: {formatdate(one.at)}\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
    return f"{head}{dated}\r\n{one.text}\r\n".encode()


def _with_file() -> bytes:
    return (
        f"From: Zoe <zoe@example.com>\r\nTo: desk@example.org\r\nSubject: The bill\r\nMessage-ID: <in-2@example.com>\r\n"
        f"In-Reply-To: <ours-1@example.org>\r\nDate: {formatdate(WRITTEN_AT)}\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/mixed; boundary=B\r\n\r\n"
        "--B\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHere it is: é\r\n"
        '--B\r\nContent-Type: application/pdf; name="bill.pdf"\r\nContent-Disposition: attachment; filename="bill.pdf"\r\n'
        f"Content-Transfer-Encoding: base64\r\n\r\n{b64encode(_FILE).decode()}\r\n--B--\r\n"
    ).encode()


def _report(*recipients: str) -> bytes:
    return (
        f"From: MAILER-DAEMON@mx.example\r\nTo: <bounces@example.org>\r\nDate: {formatdate(WRITTEN_AT)}\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=B\r\n\r\n"
        "--B\r\nContent-Type: text/plain\r\n\r\nIt is about a mail.\r\n\r\n"
        "--B\r\nContent-Type: message/delivery-status\r\n\r\n"
        f"Reporting-MTA: dns; mx.example\r\nOriginal-Envelope-Id: ours-1\r\n\r\n{''.join(recipients)}\r\n"
        "--B\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <ours-1@example.org>\r\n\r\n--B--\r\n"
    ).encode()


def _recipient(address: str, action: str, code: str) -> str:
    return f"Final-Recipient: rfc822; {address}\r\nAction: {action}\r\nStatus: {code}\r\n\r\n"


_OF_MAIL = {"sender": "zoe@example.com", "channel": "email", "occurred_at": WRITTEN_AT}
_OF_REPORT = {"message_id": "ours-1", "occurred_at": WRITTEN_AT}
WEBHOOKS = (
    Webhook(
        inbound(InboundText("zoe@example.com", "desk@example.org", "Hello", 1, WRITTEN_AT)),
        (MessageReceived,),
        ({**_OF_MAIL, "to": "desk@example.org", "subject": "Yes"},),
    ),
    Webhook(
        _with_file(),
        (MessageReceived,),
        (
            {
                **_OF_MAIL,
                "subject": "The bill",
                "name": "Zoe",
                "media": (InboundMedia(content_type="application/pdf", filename="bill.pdf", content=_FILE),),
            },
        ),
    ),
    Webhook(
        _report(_recipient("zoe@example.com", "failed", "5.1.1")),
        (StatusChanged,),
        (
            {
                **_OF_REPORT,
                "status": status.known(2, 9),
                "failure": FailureReason.UNKNOWN_RECIPIENT,
                "recipient": "zoe@example.com",
            },
        ),
    ),
    Webhook(
        _report(
            _recipient("zoe@example.com", "delivered", "2.0.0"),
            _recipient("ben@example.com", "failed", "5.2.2"),
        ),
        (StatusChanged, StatusChanged),
        (
            {**_OF_REPORT, "status": status.DELIVERED_TO_HANDSET, "recipient": "zoe@example.com"},
            {**_OF_REPORT, "failure": FailureReason.MAILBOX_FULL, "recipient": "ben@example.com"},
        ),
    ),
    Webhook(
        _report(_recipient("zoe@example.com", "delayed", "4.4.1")),
        (StatusChanged,),
        ({**_OF_REPORT, "status": status.known(1, 3), "recipient": "zoe@example.com"},),
    ),
)
