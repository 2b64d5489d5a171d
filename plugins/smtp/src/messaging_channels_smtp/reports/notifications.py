"""Reports that Amazon SES sends as mails through Amazon SNS: JSON, alone or in the envelope of SNS.

Source: https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html and event-publishing-retrieving-sns-contents.html beside it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from messaging_channels_smtp.reports.delivery_status import action_of, most_specific_code
from messaging_channels_smtp.reports.received_mail import ReceivedMail
from messaging_channels_smtp.reports.report import Action, RecipientUpdate
from messaging_channels_smtp.reports.senders import is_reply


@dataclass(frozen=True, slots=True)
class Notification:
    """What one of them tells."""

    kind: str
    """`bounce`, `complaint`, `delivery` or `deliverydelay`."""
    updates: tuple[RecipientUpdate, ...]
    complainants: tuple[str, ...]
    feedback: str
    """The type of a complaint."""
    fields: Mapping[str, str]
    """Of the mail it is about, by the names of RFC 5965."""


def find_notification(mail: ReceivedMail) -> Notification | None:
    """Return the notification that a mail is, or None. What a person passes on is that person's mail."""
    is_from_sns = "x-amz-sns-message-id" in mail.fields or any(
        _SNS.search(one.lower()) for one in mail.addresses("From")
    )
    if not is_from_sns or is_reply(mail):
        return None
    text = next((part.text for part in mail.parts if part.media_type == "text/plain"), "")
    told = _object_in(text)
    if "Message" in told:
        told = _object_in(_text(told, "Message"))
    kind = (_text(told, "notificationType") or _text(told, "eventType")).lower().replace(" ", "")
    if kind not in _KINDS:
        return None
    return _notification(kind, told)


def _notification(kind: str, told: Mapping[str, Any]) -> Notification:
    key, listed = _KINDS[kind]
    report, mail = _object(told.get(key)), _object(told.get("mail"))
    fields = {
        "original-message-id": _message_id(mail),
        "original-mail-from": _text(mail, "source"),
        "original-rcpt-to": _first_recipient(mail),
    }
    if kind == "complaint":
        named = tuple(one for one, _ in _recipients(report, listed))
        feedback = _text(report, "complaintFeedbackType").lower() or "abuse"
        return Notification(kind, (), named, feedback, fields)
    updates = tuple(_update(kind, report, address, said) for address, said in _recipients(report, listed))
    return Notification(kind, updates, (), "", fields)


def _update(kind: str, report: Mapping[str, Any], address: str, said: Mapping[str, Any]) -> RecipientUpdate:
    status, diagnostic = _text(said, "status"), _text(said, "diagnosticCode")
    if kind == "delivery":
        return RecipientUpdate(address, Action.DELIVERED, "2.0.0", diagnostic=_text(report, "smtpResponse"))
    if kind == "deliverydelay":
        usual = "4.2.2" if _text(report, "delayType") == "MailboxFull" else "4.0.0"
        code = most_specific_code(status, diagnostic) or usual
        return RecipientUpdate(address, Action.DELAYED, f"4{code[1:]}", diagnostic=diagnostic)
    sort = _text(report, "bounceType"), _text(report, "bounceSubType")
    usual = _CODES.get(sort) or ("5.0.0" if sort[0] == "Permanent" else "4.0.0")
    code = most_specific_code(status, diagnostic)
    vague = not code or code[2:] == "0.0"
    remote = _text(report, "reportingMTA").rpartition(";")[2].strip()[:255]
    return RecipientUpdate(
        address,
        action_of(_text(said, "action") or "failed", status),
        usual if vague else code,
        diagnostic=diagnostic,
        remote=remote,
    )


def _recipients(report: Mapping[str, Any], listed: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Return whom it names, each with what it says of them."""
    for one in _list(report.get(listed))[:_MOST_RECIPIENTS]:
        said = _object(one)
        address = one if isinstance(one, str) else _text(said, "emailAddress")
        named = _IN_BRACKETS.search(address)
        yield (named[1] if named else address).strip(), said


def _message_id(mail: Mapping[str, Any]) -> str:
    """Return the Message-ID that we gave it: the headers hold it, where SES tells them; its own id is another one."""
    headers = (_object(one) for one in _list(mail.get("headers")))
    own = (_text(one, "value") for one in headers if _text(one, "name").lower() == "message-id")
    return next(own, "") or _text(_object(mail.get("commonHeaders")), "messageId")


def _first_recipient(mail: Mapping[str, Any]) -> str:
    """Return to whom it was addressed, so that a copy is told from it."""
    named = (*_list(_object(mail.get("commonHeaders")).get("to")), *_list(mail.get("destination")))
    return next((one for one in named if isinstance(one, str) and "@" in one), "")


def _object_in(text: str) -> Mapping[str, Any]:
    """Return the JSON object that a text begins with; an empty one where it is none. Lines may have been folded on the way."""
    begun = text.lstrip()
    if not begun.startswith("{"):
        return {}
    try:
        return _object(_JSON.raw_decode(begun)[0])
    except (ValueError, RecursionError):
        return {}


def _object(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _text(value: Mapping[str, Any], name: str) -> str:
    given = value.get(name)
    return given.encode("utf-8", "replace").decode() if isinstance(given, str) else ""


_JSON = json.JSONDecoder(strict=False)
_MOST_RECIPIENTS = 200
_SNS = re.compile(r"@sns\.(?:[\w-]+\.)*amazonaws\.com(?:\.cn)?$")
_IN_BRACKETS = re.compile(r"<([^<>]*)>\s*$")
_KINDS = {
    "bounce": ("bounce", "bouncedRecipients"),
    "complaint": ("complaint", "complainedRecipients"),
    "delivery": ("delivery", "recipients"),
    "deliverydelay": ("deliveryDelay", "delayedRecipients"),
}
"""By the kind, in lower case: the field that tells of it, and in that one the list of recipients."""
_CODES = {
    ("Permanent", "NoEmail"): "5.1.1",
    ("Permanent", "Suppressed"): "5.1.1",
    ("Permanent", "General"): "5.1.1",
    ("Transient", "MailboxFull"): "4.2.2",
    ("Transient", "MessageTooLarge"): "5.3.4",
    ("Transient", "ContentRejected"): "5.6.0",
    ("Transient", "AttachmentRejected"): "5.6.1",
}
"""The enhanced code that a type and a subtype stand for, where the report has none."""
