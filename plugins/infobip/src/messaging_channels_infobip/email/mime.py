"""A mail written as MIME (RFC 5322, 2045 to 2049), from the standard library's parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.headerregistry import Address as MailAddress
from email.message import EmailMessage, MIMEPart
from email.policy import SMTP
from email.utils import format_datetime

from messaging_channels.messages import Attachment, Email, parse_addresses
from messaging_channels.plugins import EmailAddress, Envelope


def format_address(address: EmailAddress) -> str:
    """Write an address with its display name, as JSON fields take it."""
    return (
        f"{_quote(address.display_name)} <{address.addr_spec}>" if address.display_name else address.addr_spec
    )


def _quote(name: str) -> str:
    plain = all(character.isalnum() or character in " '-_" for character in name)
    return name if plain else '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def build_mime(
    envelope: Envelope,
    sender: EmailAddress,
    headers: Mapping[str, str],
    attachments: Sequence[tuple[Attachment, bytes]],
    *,
    at: float,
) -> bytes:
    """Write the mail. Blind copies appear nowhere in it; the same envelope at the same time gives the same text."""
    message = envelope.message
    assert isinstance(message, Email)  # noqa: S101  for the type checkers: the provider sorts by type
    mail = EmailMessage(policy=SMTP)
    mail["From"] = _header(sender)
    mail["To"] = _header(EmailAddress.parse(envelope.to.plain))
    for name, addresses in (
        ("Cc", parse_addresses(message.cc)),
        ("Reply-To", parse_addresses(message.reply_to)),
    ):
        if addresses:
            mail[name] = tuple(_header(address) for address in addresses)
    mail["Subject"] = message.subject
    mail["Date"] = format_datetime(datetime.fromtimestamp(int(at), UTC))
    mail["Message-ID"] = f"<{envelope.id}@{sender.domain}>"
    for name, value in headers.items():
        mail[name] = value
    _add_bodies(mail, message, attachments)
    for number, part in enumerate(one for one in mail.walk() if one.is_multipart()):
        part.set_boundary(f"=_{envelope.id}_{number}")
    return mail.as_bytes(policy=SMTP.clone(utf8=_needs_utf8(envelope, message, sender)))


def _needs_utf8(envelope: Envelope, message: Email, sender: EmailAddress) -> bool:
    shown = (sender, *parse_addresses(message.cc), *parse_addresses(message.reply_to))
    return not envelope.to.plain.isascii() or any(address.needs_smtputf8 for address in shown)


def _header(address: EmailAddress) -> MailAddress:
    return MailAddress(address.display_name, address.local, address.domain)


def _add_bodies(mail: EmailMessage, message: Email, attachments: Sequence[tuple[Attachment, bytes]]) -> None:
    """Put the bodies in, each with what belongs to it, and then the attachments."""
    if message.text or not message.html:
        mail.set_content(message.text or "", cte="quoted-printable")
    if message.html:
        if message.text:
            mail.add_alternative(message.html, subtype="html", cte="quoted-printable")
        else:
            mail.set_content(message.html, subtype="html", cte="quoted-printable")
        body = mail.get_body(("html",))
        for attachment, content in attachments:
            if attachment.content_id and body is not None:
                _add_inline(body, attachment, content)
    for attachment, content in attachments:
        if not attachment.content_id or not message.html:
            main, sub = attachment.content_type.split("/", 1)
            mail.add_attachment(content, main, sub, filename=attachment.filename)


def _add_inline(body: MIMEPart, attachment: Attachment, content: bytes) -> None:
    main, sub = attachment.content_type.split("/", 1)
    body.add_related(
        content,
        main,
        sub,
        cid=f"<{attachment.content_id}>",
        filename=attachment.filename,
        disposition="inline",
    )
