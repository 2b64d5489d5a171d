"""What sort of mail it is, and what it tells."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from messaging_channels_smtp.reports.delivery import address_of, statuses_of
from messaging_channels_smtp.reports.guesswork import (
    explained,
    guessed,
    looks_like_a_bounce,
    looks_like_a_robot,
    original_headers,
)
from messaging_channels_smtp.reports.parts import ReceivedMail, fields
from messaging_channels_smtp.reports.report import Kind, Report, Update

_NOTHING: Mapping[str, str] = MappingProxyType({})


def parse_report(raw: bytes) -> Report:
    """Read a mail. Pure; whatever it is made of, it raises nothing: what is no report is of the kind `other`.

    Nothing in it is proved. A report about a mail of ours is to be believed only if it came to an address that nobody could know.
    """
    mail = ReceivedMail(raw)
    envelope_id, updates = statuses_of(mail)
    if feedback := _feedback(mail):
        return _report(
            mail, Kind.COMPLAINT, told=feedback, feedback=feedback.get("feedback-type", "").lower()
        )
    if receipt := _receipt(mail):
        did = receipt.get("disposition", "").rpartition(";")[2].strip().lower()
        return _report(mail, Kind.RECEIPT, told=receipt, feedback=_WORD.sub("", did))
    if updates:
        return _report(
            mail, Kind.DELIVERY, explained(mail, updates), told={"original-envelope-id": envelope_id}
        )
    if looks_like_a_bounce(mail):
        return _report(mail, Kind.BOUNCE, guessed(mail))
    return _report(mail, Kind.AUTO_REPLY if looks_like_a_robot(mail) else Kind.OTHER)


def _report(
    mail: ReceivedMail,
    kind: Kind,
    updates: tuple[Update, ...] = (),
    *,
    told: Mapping[str, str] = _NOTHING,
    feedback: str = "",
) -> Report:
    answered = kind in (Kind.AUTO_REPLY, Kind.OTHER)
    original = {} if answered else original_headers(mail)
    own = told.get("original-message-id") or original.get("message-id") or _answered(mail, answered=answered)
    copies = _ADDRESS.findall(original.get("cc", ""))
    to = address_of(told.get("original-rcpt-to") or original.get("to", ""))
    back = (told.get("original-mail-from", ""), original.get("return-path", ""))
    return Report(
        kind,
        updates,
        told.get("original-envelope-id", ""),
        own.strip().strip("<>"),
        (*mail.addresses(*_ADDRESSED), *(address_of(one) for one in back if "@" in one)),
        tuple(one.lower() for one in copies),
        to.lower() if "@" in to else "",
        feedback,
        mail.at,
    )


def _answered(mail: ReceivedMail, *, answered: bool) -> str:
    return (mail.header("In-Reply-To").split() or [""])[0] if answered else ""


def _feedback(mail: ReceivedMail) -> dict[str, str]:
    """Return the fields of a complaint (RFC 5965 section 3)."""
    return next(
        (found for part in mail.of_kind("message/feedback-report") if (found := fields(part.text))), {}
    )


def _receipt(mail: ReceivedMail) -> dict[str, str]:
    """Return the fields of a disposition notification (RFC 8098 section 3.2)."""
    kinds = ("message/disposition-notification", "message/global-disposition-notification")
    return next((found for part in mail.of_kind(*kinds) if (found := fields(part.text))), {})


_ADDRESSED = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "To")
_WORD = re.compile(r"[/ ].*")
_ADDRESS = re.compile(r"[^\s<>,;\"]+@[^\s<>,;\"]+")
