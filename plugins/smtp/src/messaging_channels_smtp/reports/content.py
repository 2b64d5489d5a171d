"""What somebody wrote: the texts in their order, and everything else as files. No part is left out."""

from __future__ import annotations

from collections.abc import Iterator

from messaging_channels.events import InboundMedia
from messaging_channels_smtp.reports.received_mail import MailPart, ReceivedMail

_BODIES = ("text/plain", "text/html")


def text_of(mail: ReceivedMail) -> str | None:
    """Return the plain texts of a mail, in order, or None where there is none."""
    return _joined(mail, "text/plain")


def html_of(mail: ReceivedMail) -> str | None:
    """Return the texts in HTML, in order, or None where there is none."""
    return _joined(mail, "text/html")


def media_of(mail: ReceivedMail) -> Iterator[InboundMedia]:
    """Return what is no text to be read at once: files, pictures, attached mails whole, answers to invitations."""
    for part in mail.parts:
        if not _is_body(part):
            yield InboundMedia(
                id=part.content_id, content_type=part.media_type, filename=part.filename, content=part.data
            )


def _joined(mail: ReceivedMail, kind: str) -> str | None:
    texts = [part.text for part in mail.parts if part.media_type == kind and _is_body(part)]
    return "\n".join(texts) if texts else None


def _is_body(part: MailPart) -> bool:
    return part.media_type in _BODIES and part.filename is None and not part.is_attached
