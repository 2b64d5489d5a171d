"""Mails as Postmark's JSON, and requests of as many as fit.

Sources: https://postmarkapp.com/developer/api/email-api#send-batch-emails and
https://postmarkapp.com/support/article/1056-what-are-the-attachment-and-email-size-limits
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from messaging_channels.errors import InvalidMessage
from messaging_channels.messages import Attachment, Email, parse_addresses
from messaging_channels.plugins import (
    EmailAddress,
    Envelope,
    base64_text,
    provider_options_of,
    unsubscribe_headers,
)
from messaging_channels_postmark.options import MESSAGE_ID, PostmarkEmailOptions

MAX_RECIPIENTS = 50
MAX_BODY = 5 * 1024 * 1024
MAX_MAIL = 10 * 1024 * 1024
MAX_BATCH = 50 * 1024 * 1024
_NO_OPTIONS = PostmarkEmailOptions()


def mail_of(envelope: Envelope) -> Email:
    """Return the mail of an envelope."""
    message = envelope.message
    assert isinstance(message, Email)  # noqa: S101  for the type checkers: the provider declares no other type
    return message


def build_mail(envelope: Envelope, sender: EmailAddress, stream: str | None) -> dict[str, Any]:
    """Return one mail as an element of a batch.

    Raises:
        InvalidMessage: it is larger, or goes to more people, than Postmark takes.
    """
    message = mail_of(envelope)
    options = provider_options_of(message, PostmarkEmailOptions) or _NO_OPTIONS
    told = {
        "From": format_address(sender),
        "To": ", ".join([envelope.to.plain, *map(format_address, parse_addresses(message.also_to))]),
        "Cc": _format_addresses(parse_addresses(message.cc)),
        "Bcc": _format_addresses(parse_addresses(message.bcc)),
        "ReplyTo": _format_addresses(parse_addresses(message.reply_to)),
        "Subject": message.subject,
        "Tag": options.tag,
        "TextBody": message.text,
        "HtmlBody": message.html,
        "Headers": [{"Name": name, "Value": value} for name, value in _headers(message)] or None,
        "TrackOpens": options.track_opens,
        "TrackLinks": options.track_links,
        "Attachments": [_attachment(one) for one in message.attachments] or None,
        "Metadata": {**options.metadata, MESSAGE_ID: envelope.id},
        "MessageStream": options.message_stream or stream,
    }
    mail = {name: value for name, value in told.items() if value is not None}
    _require_limits(message, mail)
    return mail


def split_batch(mails: Sequence[Mapping[str, Any]]) -> Iterator[slice]:
    """Say which mails share a request: as many as are at most 50 MB together."""
    start = size = 0
    for number, mail in enumerate(mails):
        own = _size(mail)
        if number > start and size + own > MAX_BATCH:
            yield slice(start, number)
            start, size = number, 0
        size += own
    yield slice(start, len(mails))


def format_address(address: EmailAddress) -> str:
    """Return `"Name" <user@example.com>`, or the address alone."""
    if not address.display_name:
        return address.addr_spec
    name = address.display_name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{name}" <{address.addr_spec}>'


def _format_addresses(addresses: Iterable[EmailAddress]) -> str | None:
    return ", ".join(map(format_address, addresses)) or None


def _headers(message: Email) -> Iterator[tuple[str, str]]:
    """Return the further headers: the caller's, those of the conversation, and those for leaving a list (RFC 2369, RFC 8058)."""
    yield from message.headers.items()
    if message.in_reply_to:
        yield "In-Reply-To", message.in_reply_to
    if message.references:
        yield "References", " ".join(message.references)
    if message.auto_submitted:
        yield "Auto-Submitted", message.auto_submitted
    if message.list_id:
        yield "List-Id", f"<{message.list_id}>"
    yield from unsubscribe_headers(message.list_unsubscribe).items()


def _attachment(attachment: Attachment) -> dict[str, str]:
    told = {
        "Name": attachment.filename,
        "Content": base64_text(attachment),
        "ContentType": attachment.content_type,
    }
    return told | ({"ContentID": f"cid:{attachment.content_id}"} if attachment.content_id else {})


def _require_limits(message: Email, mail: Mapping[str, Any]) -> None:
    recipients = 1 + len(message.copies)
    if recipients > MAX_RECIPIENTS:
        raise InvalidMessage(
            f"has {recipients} recipients; Postmark takes {MAX_RECIPIENTS} with all copies",
            field="Email",
            hint="send several mails",
        )
    for name, body in (("text", message.text), ("html", message.html)):
        if body is not None and len(body.encode("utf-8", "replace")) > MAX_BODY:
            raise InvalidMessage("is larger than 5 MB", field=f"Email.{name}", hint="shorten it")
    if _size(mail) > MAX_MAIL:
        raise InvalidMessage(
            "is larger than 10 MB with its attachments in base64", field="Email", hint="link to large files"
        )


def _size(mail: Mapping[str, Any]) -> int:
    """Return about how many octets of JSON a mail is: what is large in it is counted."""
    bodies = sum(len(mail.get(name, "").encode("utf-8", "replace")) for name in ("TextBody", "HtmlBody"))
    return bodies + sum(len(one["Content"]) + len(one["Name"]) for one in mail.get("Attachments", ())) + 2048
