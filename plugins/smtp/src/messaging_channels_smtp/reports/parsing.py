"""What sort of mail it is, and what it tells: the order of judgment.

A report in a form of its own (RFC 3464, 5965, 8098) by its structure; a robot's answer by its headers; a reply by its references; and only then
a bounce by its words, with a confidence. What is left is a mail that somebody wrote.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from messaging_channels_smtp.reports.complaints import find_complaint
from messaging_channels_smtp.reports.copies import original_fields
from messaging_channels_smtp.reports.delivery_status import address_of, parse_delivery_status
from messaging_channels_smtp.reports.header_fields import parse_fields
from messaging_channels_smtp.reports.mailers import (
    NOT_A_BOUNCE,
    BounceText,
    bounce_confidence,
    code_of,
    complete_updates,
)
from messaging_channels_smtp.reports.notifications import Notification, find_notification
from messaging_channels_smtp.reports.received_mail import MAILS, ReceivedMail
from messaging_channels_smtp.reports.recipients import addresses_in
from messaging_channels_smtp.reports.report import Action, RecipientUpdate, Report, ReportType
from messaging_channels_smtp.reports.senders import (
    has_null_path,
    is_auto_reply,
    is_mailer,
    is_reply,
    is_worded_auto_reply,
)

_MOST_WRAPPINGS = 3
_UNSURE = 0.5
"""Of a mail with the null return path, or from a mail server, in which nothing is said of a mail that did not arrive."""


def parse_report(raw: bytes) -> Report:
    """Read a mail. Pure; whatever it is made of, it raises nothing: what is no report is of the kind `other`.

    Nothing in it is proved. A report about a mail of ours is to be believed only if it came to an address that nobody could know.
    """
    mail = ReceivedMail(raw)
    return _formal_report(mail) or _wrapped_report(mail) or _judged_by_words(mail)


def _formal_report(mail: ReceivedMail) -> Report | None:
    """Return what a mail tells in a form that programs can read, or None where it is in none."""
    if notification := find_notification(mail):
        return _notified(mail, notification)
    if complaint := find_complaint(mail):
        report = _report(mail, ReportType.COMPLAINT, fields=complaint.fields)
        return replace(report, feedback=complaint.kind, complainants=complaint.complainants)
    if receipt := _receipt(mail):
        did = receipt.get("disposition", "").rpartition(";")[2].strip().lower()
        if rejected := _rejection(mail, receipt, did):
            return _report(mail, ReportType.DELIVERY, (rejected,), fields=receipt)
        return replace(_report(mail, ReportType.RECEIPT, fields=receipt), feedback=_WORD.sub("", did))
    envelope_id, updates = parse_delivery_status(mail)
    if updates and _is_of_a_server(mail):
        fields = {"original-envelope-id": envelope_id}
        return _report(mail, ReportType.DELIVERY, complete_updates(mail, updates), fields=fields)
    return None


def _rejection(mail: ReceivedMail, receipt: Mapping[str, str], did: str) -> RecipientUpdate | None:
    """Return what a receipt tells by which a recipient's filter, or a full mailbox, refuses a mail (RFC 5429 section 2.1)."""
    text = next((part.text for part in mail.parts if part.media_type == "text/plain"), "")
    words = f"{mail.header('Auto-Submitted')} {mail.header('Subject')} {text[:_LONGEST_REFUSAL]}"
    is_automatic = "automatic-action" in receipt.get("disposition", "").lower()
    recipient = address_of(receipt.get("final-recipient", ""))
    if not (
        is_automatic
        and did.startswith(("deleted", "denied"))
        and "@" in recipient
        and _REJECTED.search(words)
    ):
        return None
    return RecipientUpdate(
        recipient,
        Action.FAILED,
        code_of(text[:_LONGEST_REFUSAL]) or "5.7.0",
        diagnostic=text[:_LONGEST_REFUSAL],
    )


def _notified(mail: ReceivedMail, told: Notification) -> Report:
    if told.kind == "complaint":
        report = _report(mail, ReportType.COMPLAINT, fields=told.fields)
        return replace(report, feedback=told.feedback, complainants=told.complainants)
    return _report(mail, ReportType.DELIVERY, told.updates, fields=told.fields)


def _is_of_a_server(mail: ReceivedMail) -> bool:
    """Whether a server sent a report, and nobody who passes one on with a question."""
    return (
        mail.media_type == "multipart/report" or is_mailer(mail) or has_null_path(mail) or not is_reply(mail)
    )


def _wrapped_report(mail: ReceivedMail) -> Report | None:
    """Return the report that a gateway passes on in a mail of its own; what a person passes on is that person's mail."""
    report, inner = None, mail
    for _ in range(_MOST_WRAPPINGS):
        if not (is_mailer(inner) or has_null_path(inner)) or (is_reply(inner) and not is_mailer(inner)):
            return None
        attached = next(inner.parts_of_type(*MAILS), None)
        if attached is None:
            return None
        inner = ReceivedMail(attached.data)
        if report := _formal_report(inner):
            outer = mail.addresses(*_ADDRESSED)
            return replace(report, addresses=tuple(dict.fromkeys((*outer, *report.addresses))))
    return report


def _judged_by_words(mail: ReceivedMail) -> Report:
    is_server = is_mailer(mail)
    if (
        not is_server
        and (is_auto_reply(mail) or is_worded_auto_reply(mail))
        and "x-failed-recipients" not in mail.fields
    ):
        bounce = BounceText(mail)
        if not (is_auto_reply(mail) and not is_reply(mail) and _is_machines_bounce(bounce)):
            return _report(mail, ReportType.AUTO_REPLY)
    bounce = BounceText(mail)
    confidence = bounce_confidence(bounce)
    if confidence > NOT_A_BOUNCE:
        report = _report(mail, ReportType.BOUNCE, bounce.updates(confidence))
        return replace(report, confidence=confidence)
    kind = ReportType.AUTO_REPLY if is_auto_reply(mail) or is_worded_auto_reply(mail) else ReportType.OTHER
    report = _report(mail, kind)
    is_doubtful = kind is ReportType.OTHER and (is_server or has_null_path(mail))
    return replace(report, confidence=_UNSURE) if is_doubtful else report


def _is_machines_bounce(bounce: BounceText) -> bool:
    """Whether a mail that a machine made of itself, under a name as people have, shows how servers refused another one."""
    return bounce.has_transcript and bounce.has_copy and bounce_confidence(bounce) > NOT_A_BOUNCE


def _report(
    mail: ReceivedMail,
    kind: ReportType,
    updates: tuple[RecipientUpdate, ...] = (),
    *,
    fields: Mapping[str, str] | None = None,
) -> Report:
    told = fields or {}
    answered = kind in (ReportType.AUTO_REPLY, ReportType.OTHER)
    original = {} if answered else original_fields(mail)
    own = (
        told.get("original-message-id")
        or original.get("message-id")
        or _original_of_reply(mail, answered=answered)
    )
    to = address_of(told.get("original-rcpt-to") or original.get("to", ""))
    back = (told.get("original-mail-from", ""), original.get("return-path", ""))
    return Report(
        kind,
        updates,
        told.get("original-envelope-id", ""),
        (own.split() or [""])[0].strip("<>"),
        (*mail.addresses(*_ADDRESSED), *(address_of(one) for one in back if "@" in one)),
        tuple(sorted(addresses_in(original.get("cc", "")))),
        to.lower() if "@" in to else "",
        "",
        mail.date,
    )


def _original_of_reply(mail: ReceivedMail, *, answered: bool) -> str:
    if not answered:
        return ""
    named = mail.header("In-Reply-To").split() or mail.header("References").split()[-1:]
    return next((one for one in named if "@" in one), named[0] if named else "")


def _receipt(mail: ReceivedMail) -> dict[str, str]:
    """Return the fields of a disposition notification (RFC 8098 section 3.2)."""
    kinds = ("message/disposition-notification", "message/global-disposition-notification")
    found = (parse_fields(part.text) for part in mail.parts_of_type(*kinds))
    nothing: dict[str, str] = {}
    return next((one for one in found if one), nothing)


_LONGEST_REFUSAL = 2000
_REJECTED = re.compile(r"\b(?:rejected|refused)\b", re.IGNORECASE)
_ADDRESSED = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "To")
_WORD = re.compile(r"[/ ,].*")
