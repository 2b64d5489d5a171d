"""Mails that the emulator took, what it does to them by their addresses, and the reports of those that come back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.utils import formatdate

ADDRESSES: dict[str, tuple[str, str]] = {
    "reject": ("rcpt", "550 5.1.1 no such user"),
    "full": ("rcpt", "452 4.2.2 mailbox full"),
    "greylist": ("rcpt", "450 4.7.1 greylisted, come back later"),
    "spam": ("content", "554 5.7.1 looks like spam"),
    "bounce": ("report", "550 5.1.1 no such user"),
}
"""What is done to mail for a local part that begins so, and at which stage; `report` takes the mail and tells of the failure later."""


@dataclass(frozen=True, slots=True)
class AcceptedMail:
    """A mail that was taken, as it came."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes = field(repr=False)
    parameters: str = ""
    """Those of MAIL and of RCPT, joined by spaces."""
    connection: int = 0
    """The number of the connection it came on."""


def behavior_of(address: str) -> tuple[str, str]:
    """Return the stage and the reply of `ADDRESSES`; empty for an address that is taken."""
    local = address.partition("@")[0]
    return next((told for start, told in ADDRESSES.items() if local.startswith(start)), ("", ""))


def build_bounce(mail: AcceptedMail, failed: Sequence[str]) -> bytes:
    """Return the report that a mail did not reach these recipients (RFC 3464), as a server would send it."""
    envelope_id = re.search(r"ENVID=(\S+)", mail.parameters)
    head, _, _ = mail.content.partition(b"\r\n\r\n")
    told = "".join(
        f"\r\nFinal-Recipient: rfc822; {one}\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        f"Diagnostic-Code: smtp; {behavior_of(one)[1]}\r\n"
        for one in failed
    )
    own = f"Original-Envelope-Id: {envelope_id[1]}\r\n" if envelope_id else ""
    return (
        (
            f"From: MAILER-DAEMON@emulator.example\r\nTo: <{mail.sender}>\r\nDate: {formatdate()}\r\n"
            "Subject: Undelivered mail\r\nMIME-Version: 1.0\r\nAuto-Submitted: auto-replied\r\n"
            'Content-Type: multipart/report; report-type=delivery-status; boundary="=_b"\r\n\r\n'
            "--=_b\r\nContent-Type: text/plain\r\n\r\nIt could not be delivered.\r\n"
            "--=_b\r\nContent-Type: message/delivery-status\r\n\r\n"
            f"Reporting-MTA: dns; emulator.example\r\n{own}{told}\r\n"
            "--=_b\r\nContent-Type: text/rfc822-headers\r\n\r\n"
        ).encode()
        + head
        + b"\r\n\r\n--=_b--\r\n"
    )
