"""The mail as it goes on the wire: 7-bit, CRLF, the same bytes for the same message id and time.

What several recipients of one content have in common is written once (`Draft`); only To, Date and Message-ID vary. Source: RFC 5322; RFC 2369
and 8058 for the headers of lists, RFC 3834 for Auto-Submitted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from email.utils import formatdate
from typing import TYPE_CHECKING
from urllib.parse import quote

from messaging_channels.messages import Email, ListUnsubscribe, parse_addresses
from messaging_channels.plugins import EmailAddress
from messaging_channels_smtp.mime_headers import block, mailbox, mailboxes, text, tokens
from messaging_channels_smtp.mime_parts import build_body

if TYPE_CHECKING:
    from messaging_channels_smtp.dkim import DkimSigner

_URL_SAFE = "@!$'*+-._~=/"
_MOST_REFERENCES = 12
"""Of a longer conversation, the first and the last ids are kept."""


class MailDraft:
    """A mail but for whom it is to. Immutable: one serves many recipients, threads and tasks."""

    def __init__(
        self,
        mail: Email,
        *,
        sender: EmailAddress,
        attachments: Sequence[bytes],
        signer: DkimSigner | None = None,
    ) -> None:
        """Write everything that does not vary. `attached` are the contents of the attachments. Bcc is not in it.

        Raises:
            InvalidMessage: a header, or a mail that is attached, cannot be written.
        """
        self._domain = sender.domain
        common = block(_common(mail, sender))
        described, _, body = build_body(mail, attachments).partition(b"\r\n\r\n")
        self._common = common + described + b"\r\n"
        self._body = body
        self._sign = signer.signer_for(body) if signer else None

    def build_for(self, to: EmailAddress, *, message_id: str, at: float) -> bytes:
        """Return the whole mail for one recipient. `at` is in seconds since the epoch.

        Raises:
            InvalidMessage: the address or the id could be read as more than that; only one that was not parsed can.
        """
        own = (
            ("Date", formatdate(at)[:-5] + "+0000"),
            ("Message-ID", f"<{message_id}@{self._domain}>"),
            ("To", mailbox("To", to)),
        )
        head = block(own) + self._common
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
) -> bytes:
    """Return the whole mail for one recipient."""
    return MailDraft(mail, sender=sender, attachments=attachments).build_for(
        to, message_id=message_id, at=now
    )


def _common(mail: Email, sender: EmailAddress) -> Iterator[tuple[str, str]]:
    yield "From", mailbox("From", sender)
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
        yield from _unsubscribe_header(mail.list_unsubscribe)
    for name, value in mail.headers.items():
        yield name, text(name, value)
    yield "MIME-Version", "1.0"


def _last_references(references: Sequence[str]) -> Sequence[str]:
    if len(references) <= _MOST_REFERENCES:
        return references
    return (references[0], *references[1 - _MOST_REFERENCES :])


def _unsubscribe_header(ways: ListUnsubscribe) -> Iterator[tuple[str, str]]:
    mailto = f"mailto:{quote(EmailAddress.parse(ways.mailto).addr_spec, _URL_SAFE)}" if ways.mailto else None
    given = [f"<{way}>" for way in (ways.url, mailto) if way]
    yield "List-Unsubscribe", tokens("List-Unsubscribe", given, ",")
    if ways.url:
        yield "List-Unsubscribe-Post", "List-Unsubscribe=One-Click"
