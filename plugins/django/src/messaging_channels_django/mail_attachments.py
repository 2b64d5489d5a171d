"""The attachments of a mail of Django's: bytes, texts, other mails, and parts that the caller made, also such as html shows inline."""

from __future__ import annotations

import mimetypes
from email.message import Message
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings as django_settings
from django.core.mail.message import DEFAULT_ATTACHMENT_MIME_TYPE, EmailMessage

from messaging_channels import Attachment
from messaging_channels.errors import InvalidMessage

if TYPE_CHECKING:
    from collections.abc import Iterator


def attachments_of(message: EmailMessage, html: str | None) -> Iterator[Attachment]:
    """Yield the attachments.

    Raises:
        InvalidMessage: one is of several parts itself, or its name or type cannot be written.
    """
    encoding = message.encoding if isinstance(message.encoding, str) else django_settings.DEFAULT_CHARSET
    attachments: list[Any] = list(message.attachments)
    for given in attachments:
        if isinstance(given, Message):
            yield _of_part(cast("Message[Any, Any]", given), html)
        else:
            yield _of_triple(*given, encoding=encoding)


def invitation_of(content: object, mimetype: str) -> Attachment | None:
    """Return what an alternative is if it is a calendar's message, such as an invitation (RFC 6047); None if it is none."""
    if not mimetype.startswith("text/calendar"):
        return None
    return Attachment(_octets(content, "utf-8"), "invitation.ics", mimetype)


def _of_triple(
    filename: str | None, content: object = None, mimetype: str | None = None, *, encoding: str
) -> Attachment:
    guessed = mimetypes.guess_type(filename)[0] if filename else None
    media_type = mimetype or guessed or DEFAULT_ATTACHMENT_MIME_TYPE
    octets = _octets(content, encoding)
    if isinstance(content, str) and media_type.startswith("text/") and "charset=" not in media_type:
        media_type += f"; charset={encoding}"
    return Attachment(octets, _name(filename, media_type), plain(media_type))


def _of_part(part: Message[Any, Any], html: str | None) -> Attachment:
    media_type = part.get_content_type()
    if part.get_content_maintype() == "multipart":
        raise InvalidMessage(
            f"a part of type {media_type} cannot be attached",
            field="EmailMessage.attachments",
            hint="attach its parts one by one",
        )
    octets: object = part.get_payload(0) if media_type == "message/rfc822" else part.get_payload(decode=True)
    charset = part.get_content_charset()
    content_type = (
        f"{media_type}; charset={charset}" if charset and media_type.startswith("text/") else media_type
    )
    content_id = str(part.get("Content-ID", "")).strip().strip("<>")
    is_inline = part.get_content_disposition() == "inline" or f"cid:{content_id}" in (html or "")
    inline_id = content_id if content_id and html is not None and is_inline else None
    name = _name(part.get_filename() or inline_id, content_type)
    return Attachment(_octets(octets, "utf-8"), name, content_type, inline_id)


def plain(value: object) -> str:
    """Return a text as a plain one: those of templates and translations are of types of their own."""
    return str(value)[:]


def _octets(content: object, encoding: str) -> bytes:
    if isinstance(content, EmailMessage):
        content = content.message()
    if isinstance(content, Message):
        return content.as_bytes()
    if isinstance(content, (bytes, bytearray, memoryview)):
        return bytes(cast("bytes", content))
    return str(content).encode(encoding)


def _name(filename: str | None, media_type: str) -> str:
    """Return the name; one that fits the type where there is none."""
    return (
        plain(filename)
        if filename
        else f"attachment{mimetypes.guess_extension(media_type.partition(';')[0]) or ''}"
    )
