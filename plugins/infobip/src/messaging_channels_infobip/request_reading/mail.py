"""Read a request that sends email, as JSON or as MIME, as Infobip does.

Sources: https://www.infobip.com/docs/api/channels/email/send-email-messages and https://www.infobip.com/docs/api/channels/email/send-mime-email
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage, MIMEPart
from email.utils import parseaddr
from typing import Any, cast

from messaging_channels.messages import Attachment, Email, ListUnsubscribe
from messaging_channels.plugins import EmailAddress
from messaging_channels.testing import ReadMessage


def read_mails(told: Mapping[str, Any]) -> list[ReadMessage]:
    """Return the mails of a request in JSON."""
    return [_read_mail(one, place) for one in told["messages"] for place in one["destinations"]]


def _read_mail(told: Mapping[str, Any], place: Mapping[str, Any]) -> ReadMessage:
    content = told["content"]
    if "text" in content and "html" in content:
        message = "the text beside html is ignored"
        raise ValueError(message)
    if "bcc" in place and place.get("preserveRecipients"):
        message = "all recipients would see the blind copies"
        raise ValueError(message)
    if "cc" in place and not place.get("preserveRecipients"):
        message = "no recipient would see the copies"
        raise ValueError(message)
    (to,) = place["to"]
    headers: dict[str, str] = json.loads(content.get("headers", "{}"))
    held = {
        "subject": content["subject"],
        "text": content.get("text"),
        "html": content.get("html"),
        "sender": _mailbox(told["sender"]),
        "cc": tuple(_mailbox(one["destination"]) for one in place.get("cc", ())),
        "bcc": tuple(_mailbox(one["destination"]) for one in place.get("bcc", ())),
        "reply_to": (_mailbox(place["replyTo"]),) if "replyTo" in place else (),
        "attachments": (
            *(_inline(one) for one in content.get("inlineImages", ())),
            *(_file(one) for one in content.get("attachments", ())),
        ),
        "headers": _further(headers),
        "list_unsubscribe": _ways_to_leave(headers),
    }
    return ReadMessage(to=to["destination"], message=held, kind=Email, reference=to["messageId"])


def _mailbox(text: str) -> EmailAddress:
    name, plain = parseaddr(text)
    local, _, domain = plain.rpartition("@")
    return EmailAddress(local, domain, name)


def _file(told: Mapping[str, Any]) -> Attachment:
    return Attachment(b64decode(told["content"], validate=True), told["fileName"], told["contentType"])


def _inline(told: Mapping[str, Any]) -> Attachment:
    """Read a part within the html, which calls it by the name of the file."""
    file = _file(told)
    return Attachment.inline(cast("bytes", file.content), file.filename, content_type=file.content_type)


def _further(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower().startswith("x-")}


def _ways_to_leave(headers: Mapping[str, str]) -> ListUnsubscribe | None:
    """Read List-Unsubscribe (RFC 2369); a URL needs the header of RFC 8058 beside it."""
    ways = [way.strip(" <>") for way in headers.get("List-Unsubscribe", "").split(",") if way]
    if not ways:
        return None
    url = next((one for one in ways if one.startswith("https:")), None)
    if url and headers.get("List-Unsubscribe-Post") != "List-Unsubscribe=One-Click":
        message = "List-Unsubscribe-Post is missing"
        raise ValueError(message)
    mailto = next((one.removeprefix("mailto:") for one in ways if one.startswith("mailto:")), None)
    return ListUnsubscribe(url=url, mailto=mailto)


def read_mime(told: Mapping[str, Any]) -> list[ReadMessage]:
    """Return the mail of a request that holds it as MIME."""
    mail = message_from_bytes(b64decode(told["mimeMessage"], validate=True), policy=policy.SMTP)
    to, *copies = told["destinations"]
    shown = [one.plain for one in (*_addresses(mail, "To"), *_addresses(mail, "Cc"))]
    if to not in shown or _mailbox(told["from"]) not in _addresses(mail, "From"):
        message = "sender or recipient of the mail differ from those of the request"
        raise ValueError(message)
    headers = {name: str(value) for name, value in mail.items()}
    held = {
        "subject": str(mail["Subject"]),
        "text": _words(mail.get_body(("plain",))),
        "html": _words(mail.get_body(("html",))),
        "sender": _addresses(mail, "From")[0],
        "cc": tuple(one for one in _addresses(mail, "Cc") if one.plain in copies),
        "bcc": tuple(one for one in copies if one not in shown),
        "reply_to": _addresses(mail, "Reply-To"),
        "attachments": _files(mail),
        "headers": _further(headers),
        "list_unsubscribe": _ways_to_leave(headers),
    }
    return [ReadMessage(to=to, message=held, kind=Email, reference=told["messageId"])]


def _addresses(mail: EmailMessage, name: str) -> tuple[EmailAddress, ...]:
    found: tuple[Address, ...] = mail[name].addresses if name in mail else ()
    return tuple(EmailAddress(one.username, one.domain, one.display_name) for one in found)


def _words(part: MIMEPart | None) -> str | None:
    return None if part is None else cast("str", part.get_content())


def _files(mail: EmailMessage) -> tuple[Attachment, ...]:
    return tuple(
        Attachment(
            cast("bytes", part.get_payload(decode=True)),
            part.get_filename() or "",
            part.get_content_type(),
            str(part["Content-ID"]).strip("<>") if "Content-ID" in part else None,
        )
        for part in mail.walk()
        if part.get_content_disposition() in ("attachment", "inline")
    )
