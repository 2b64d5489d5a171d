"""Raw mails as servers, robots and people write them, and what the SMTP plugin reads in them."""

from __future__ import annotations

from messaging_channels import EmailAddress
from messaging_channels._model.events import Event, MessageReceived, StatusChanged
from messaging_channels.plugins.webhooks import WebhookRequest
from messaging_channels_smtp import Smtp, VerpReturnPath

OURS = "0123456789abcdef0123456789abcdef"
"""The id of a mail of ours."""
BACK = VerpReturnPath(EmailAddress.parse("bounces@example.org"), "canary-key")
SMTP = Smtp(host="mail.example.com", sender="shop@example.org", webhook_token="canary", return_path=BACK)

TEXT = "Content-Type: text/plain; charset=utf-8\n\n{}\n"
PICTURE = (
    "Content-Type: image/png; name=p.png\nContent-Disposition: inline; filename=p.png\n"
    "Content-Transfer-Encoding: base64\n\nAAAA\n"
)


def heard(mail: str | bytes) -> list[Event]:
    """Return the events of a raw mail that carries the inbound token."""
    raw = mail.encode() if isinstance(mail, str) else mail
    raw = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    call = WebhookRequest(raw, {"authorization": "Bearer canary"}, received_at=1795528315.0)
    return [*SMTP.handle_webhook(call).events]


def messages(events: list[Event]) -> list[MessageReceived]:
    """Return what people or robots wrote."""
    return [one for one in events if isinstance(one, MessageReceived)]


def statuses(events: list[Event]) -> list[StatusChanged]:
    """Return what servers told of mails of ours."""
    return [one for one in events if isinstance(one, StatusChanged)]


def suppressed(event: StatusChanged) -> bool:
    """Return whether the address is to be written to no more."""
    return bool(event.raw.should_suppress)


def recipients(events: list[Event]) -> list[str]:
    """Return the addresses that statuses are about."""
    return [one.raw.recipient.lower() for one in statuses(events)]


def only_message(events: list[Event]) -> MessageReceived:
    """Return the one message that the events are."""
    kinds = [type(one).__name__ for one in events]
    assert kinds == ["MessageReceived"], f"heard {kinds}"
    return messages(events)[0]


def mail_of(
    sender: str, body: str, *, subject: str = "hello", path: str | None = None, more: str = ""
) -> str:
    """Return a mail of plain text to the shop; `path` is the return path, `more` are further headers."""
    back = "" if path is None else f"Return-Path: <{path}>\n"
    return (
        f"{back}From: {sender}\nTo: shop@example.org\nSubject: {subject}\n"
        f"Date: Mon, 1 Jun 2026 10:00:00 +0000\nMessage-ID: <p1@customer.example>\n{more}"
        f"MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n{body}\n"
    )


def mixed(*parts: str) -> str:
    """Return a person's mail of several parts, each with its headers."""
    body = "".join(f"--b\n{part}\n" for part in parts)
    return (
        "Return-Path: <zoe@example.com>\nFrom: Zoe <zoe@example.com>\nTo: shop@example.org\nSubject: hello\n"
        f"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n{body}--b--\n"
    )


def bounce(words: str, *, subject: str = "Mail delivery failure") -> str:
    """Return a bounce in words of a mailer's own, to the return path of our mail."""
    return (
        f"Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.com\nTo: {BACK.address_for(OURS)}\nSubject: {subject}\n"
        f"MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n{words}\n"
    )


def report(diagnostic: str, status: str) -> str:
    """Return a report (RFC 3464) that our mail to zoe@example.com failed, with the refusing server's words."""
    return (
        "Return-Path: <>\nFrom: Mail Delivery System <MAILER-DAEMON@mx.example.com>\n"
        f"To: {BACK.address_for(OURS)}\nSubject: Undelivered Mail Returned to Sender\nMIME-Version: 1.0\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
        "--b\nContent-Type: text/plain\n\nIt could not be delivered.\n\n"
        "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.com\n\n"
        f"Final-Recipient: rfc822; zoe@example.com\nAction: failed\nStatus: {status}\n"
        f"Remote-MTA: dns; mail.example.com\nDiagnostic-Code: smtp; {diagnostic}\n\n"
        "--b\nContent-Type: text/rfc822-headers\n\nFrom: shop@example.org\nTo: zoe@example.com\n"
        f"Subject: Your order\nMessage-ID: <{OURS}@example.org>\n\n--b--\n"
    )
