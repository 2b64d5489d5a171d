"""The mail as it goes on the wire: 7-bit, CRLF, the same bytes for the same message id and time. Every provider that sends MIME writes it here.

What several recipients of one content have in common is written once (`MailDraft`); only To, Date and Message-ID vary. Source: RFC 5322; RFC 2369
and 8058 for the headers of lists, RFC 3834 for Auto-Submitted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from email.utils import formatdate
from functools import lru_cache
from typing import Protocol

from messaging_channels._model.addresses import EmailAddress
from messaging_channels.messages._mime_headers import block, mailbox, mailboxes, text, tokens
from messaging_channels.messages._mime_parts import build_body
from messaging_channels.messages.email import Email, parse_addresses

_MOST_REFERENCES = 12
"""Of a longer conversation, the first and the last ids are kept."""
_OWN = re.compile(rb"Date: [ -~]+\r\nMessage-ID: [!-~]+\r\nTo: [ -~]+\r\n")
"""What varies by mail, where it is three lines of ASCII, as it mostly is; `block` looks at everything else."""


class MailSigner(Protocol):
    """Signs mails, such as with DKIM."""

    def signer_for(self, body: bytes) -> Callable[[bytes, float], bytes]:
        """Return what makes the header with the signature from the other headers and the time, for mails of this body."""
        ...


class MailDraft:
    """An email without its recipient. Immutable, and shared by many recipients, threads and tasks."""

    def __init__(
        self,
        mail: Email,
        *,
        sender: EmailAddress,
        attachments: Sequence[bytes],
        signer: MailSigner | None = None,
    ) -> None:
        """Write everything that does not vary. `attachments` are the contents of the attachments. Bcc is not in it.

        Raises:
            InvalidMessage: a header, or a mail that is attached, cannot be written.
        """
        self._domain = sender.domain
        self._also_to = parse_addresses(mail.also_to)
        common = _block(tuple(_common(mail, sender)))
        described, _, body = build_body(mail, attachments).partition(b"\r\n\r\n")
        self._common = common + described + b"\r\n"
        self._body = body
        self._sign = signer.signer_for(body) if signer else None

    def build_for(self, to: EmailAddress, *, message_id: str, at: float) -> bytes:
        """Return the whole mail for one recipient. `at` is in seconds since the epoch.

        Raises:
            InvalidMessage: the address or the id could be read as more than that; only one that was not parsed can.
        """
        recipients = mailboxes("To", (to, *self._also_to)) if self._also_to else mailbox("To", to)
        date, own_id = _date(int(at)), f"<{message_id}@{self._domain}>"
        own = f"Date: {date}\r\nMessage-ID: {own_id}\r\nTo: {recipients}\r\n".encode("utf-8", "replace")
        if not _OWN.fullmatch(own):
            own = block((("Date", date), ("Message-ID", own_id), ("To", recipients)))
        head = own + self._common
        if self._sign:
            head = self._sign(head, at) + head
        return b"".join((head, b"\r\n", self._body))


def build_mail(
    mail: Email,
    *,
    message_id: str,
    sender: EmailAddress,
    to: EmailAddress,
    attachments: Sequence[bytes],
    now: float,
    signer: MailSigner | None = None,
) -> bytes:
    """Return the whole mail for one recipient. `now` is in seconds since the epoch.

    Raises:
        InvalidMessage: it cannot be written.
    """
    draft = MailDraft(mail, sender=sender, attachments=attachments, signer=signer)
    return draft.build_for(to, message_id=message_id, at=now)


@lru_cache(maxsize=16)
def _date(at: int) -> str:
    """Return a Date header's value; the mails of one second share it."""
    return formatdate(at)[:-5] + "+0000"


@lru_cache(maxsize=16)
def _block(fields: tuple[tuple[str, str], ...]) -> bytes:
    """Return header lines as octets; mails that one program writes often have the same."""
    return block(fields)


@lru_cache(maxsize=64)
def _author(_name: str, sender: EmailAddress) -> str:
    return mailbox("From", sender)


def _common(mail: Email, sender: EmailAddress) -> Iterator[tuple[str, str]]:
    yield "From", _author(sender.display_name, sender)
    for name, addresses in (("Cc", parse_addresses(mail.cc)), ("Reply-To", parse_addresses(mail.reply_to))):
        if addresses:
            yield name, mailboxes(name, addresses)
    yield "Subject", text("Subject", mail.subject)
    yield "Auto-Submitted", mail.auto_submitted or "auto-generated"
    if mail.in_reply_to:
        yield "In-Reply-To", tokens("In-Reply-To", [mail.in_reply_to])
    if mail.references:
        yield "References", tokens("References", _last_references(mail.references))
    if mail.list_id:
        yield "List-Id", f"<{mail.list_id}>"
    if mail.list_unsubscribe:
        ways = [f"<{way}>" for way in mail.list_unsubscribe.uris]
        yield "List-Unsubscribe", tokens("List-Unsubscribe", ways, ",")
        if mail.list_unsubscribe.url:
            yield "List-Unsubscribe-Post", "List-Unsubscribe=One-Click"
    for name, value in mail.headers.items():
        yield name, text(name, value)
    yield "MIME-Version", "1.0"


def _last_references(references: Sequence[str]) -> Sequence[str]:
    if len(references) <= _MOST_REFERENCES:
        return references
    return (references[0], *references[1 - _MOST_REFERENCES :])
