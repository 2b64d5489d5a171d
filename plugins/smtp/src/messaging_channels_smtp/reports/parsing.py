"""What sort of mail it is, and what it tells."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from messaging_channels_smtp.reports.bounce_heuristics import (
    add_codes_from_words,
    guess_updates,
    is_auto_reply,
    is_likely_bounce,
    original_headers,
)
from messaging_channels_smtp.reports.delivery_status import address_of, parse_delivery_status
from messaging_channels_smtp.reports.received_mail import ReceivedMail, parse_header_fields
from messaging_channels_smtp.reports.report import RecipientUpdate, Report, ReportType

_NOTHING: Mapping[str, str] = MappingProxyType({})


def parse_report(raw: bytes) -> Report:
    """Read a mail. Pure; whatever it is made of, it raises nothing: what is no report is of the kind `other`.

    Nothing in it is proved. A report about a mail of ours is to be believed only if it came to an address that nobody could know.
    """
    mail = ReceivedMail(raw)
    envelope_id, updates = parse_delivery_status(mail)
    if feedback := _feedback(mail):
        return _report(
            mail,
            ReportType.COMPLAINT,
            envelope_id=feedback,
            feedback=feedback.get("feedback-type", "").lower(),
        )
    if receipt := _receipt(mail):
        did = receipt.get("disposition", "").rpartition(";")[2].strip().lower()
        return _report(mail, ReportType.RECEIPT, envelope_id=receipt, feedback=_WORD.sub("", did))
    if updates:
        return _report(
            mail,
            ReportType.DELIVERY,
            add_codes_from_words(mail, updates),
            envelope_id={"original-envelope-id": envelope_id},
        )
    if is_likely_bounce(mail):
        return _report(mail, ReportType.BOUNCE, guess_updates(mail))
    return _report(mail, ReportType.AUTO_REPLY if is_auto_reply(mail) else ReportType.OTHER)


def _report(
    mail: ReceivedMail,
    kind: ReportType,
    updates: tuple[RecipientUpdate, ...] = (),
    *,
    envelope_id: Mapping[str, str] = _NOTHING,
    feedback: str = "",
) -> Report:
    answered = kind in (ReportType.AUTO_REPLY, ReportType.OTHER)
    original = {} if answered else original_headers(mail)
    own = (
        envelope_id.get("original-message-id")
        or original.get("message-id")
        or _original_of_reply(mail, answered=answered)
    )
    copies = _ADDRESS.findall(original.get("cc", ""))
    to = address_of(envelope_id.get("original-rcpt-to") or original.get("to", ""))
    back = (envelope_id.get("original-mail-from", ""), original.get("return-path", ""))
    return Report(
        kind,
        updates,
        envelope_id.get("original-envelope-id", ""),
        own.strip().strip("<>"),
        (*mail.addresses(*_ADDRESSED), *(address_of(one) for one in back if "@" in one)),
        tuple(one.lower() for one in copies),
        to.lower() if "@" in to else "",
        feedback,
        mail.date,
    )


def _original_of_reply(mail: ReceivedMail, *, answered: bool) -> str:
    return (mail.header("In-Reply-To").split() or [""])[0] if answered else ""


def _feedback(mail: ReceivedMail) -> dict[str, str]:
    """Return the fields of a complaint (RFC 5965 section 3)."""
    return next(
        (
            found
            for part in mail.parts_of_type("message/feedback-report")
            if (found := parse_header_fields(part.text))
        ),
        {},
    )


def _receipt(mail: ReceivedMail) -> dict[str, str]:
    """Return the fields of a disposition notification (RFC 8098 section 3.2)."""
    kinds = ("message/disposition-notification", "message/global-disposition-notification")
    return next(
        (found for part in mail.parts_of_type(*kinds) if (found := parse_header_fields(part.text))), {}
    )


_ADDRESSED = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "To")
_WORD = re.compile(r"[/ ].*")
_ADDRESS = re.compile(r"[^\s<>,;\"]+@[^\s<>,;\"]+")
