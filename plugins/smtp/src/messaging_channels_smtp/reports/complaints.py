"""Complaints: in the form of RFC 5965, as it is sent and as it should be, and in the forms of the large mailers that have their own.

Sources: RFC 5965 and 6449; Microsoft's Junk Email Reporting Program sends the mail itself with X-HmXmrOriginalRecipient
(https://sendersupport.olc.protection.outlook.com/snds/).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from messaging_channels_smtp.reports.copies import original_fields, spoken_text
from messaging_channels_smtp.reports.header_fields import parse_fields, parse_header_block
from messaging_channels_smtp.reports.received_mail import MAILS, MailPart, ReceivedMail
from messaging_channels_smtp.reports.recipients import addresses_in
from messaging_channels_smtp.reports.senders import is_reply


@dataclass(frozen=True, slots=True)
class Complaint:
    """What a complaint says."""

    kind: str
    """Its type, in lower case, such as `abuse`."""
    fields: Mapping[str, str]
    """Of the report, with names in lower case."""
    complainants: tuple[str, ...]
    """Who complains, as far as it is told."""


def find_complaint(mail: ReceivedMail) -> Complaint | None:
    """Return the complaint that a mail is, or None."""
    for part in _reports(mail):
        fields, named = _fields_of(part)
        if "feedback-type" in fields:
            return Complaint(_type_of(fields["feedback-type"]), fields, _complainants(named, mail))
    if mail.report_type == "feedback-report":
        return Complaint("", {}, _complainants((), mail))
    return _microsofts(mail) or _in_words(mail)


def _reports(mail: ReceivedMail) -> Iterator[MailPart]:
    yield from mail.parts_of_type("message/feedback-report")
    is_formal = mail.report_type == "feedback-report" or not is_reply(mail)
    if is_formal:
        yield from (
            part
            for part in mail.parts
            if part.media_type == "text/plain" and _BEGINS_AS_REPORT.match(part.text)
        )


def _fields_of(part: MailPart) -> tuple[dict[str, str], tuple[str, ...]]:
    text = "\n".join(line for line in part.text.split("\n") if line.strip())  # some put empty lines between
    block, _ = parse_header_block(text.encode("utf-8", "replace"))
    named = [value for name in _NAMING for value in block.all_raw(name)]
    return parse_fields(text), tuple(named)


def _complainants(named: tuple[str, ...], mail: ReceivedMail) -> tuple[str, ...]:
    told = addresses_in(*(one.rpartition(";")[2] for one in named))
    if not told:
        original = original_fields(mail)
        nobody: set[str] = set()
        told = next((one for name in _OF_COPY if (one := addresses_in(original.get(name, "")))), nobody)
        told = told if len(told) == 1 else nobody  # of several, nobody knows which one it was
    return tuple(sorted(one for one in told if not _REDACTED.search(one)))


def _microsofts(mail: ReceivedMail) -> Complaint | None:
    """Return the complaint that is nothing but the mail itself, with who complained in a header of it."""
    if is_reply(mail) or not (
        _OF_FEED.search(mail.header("Subject")) or _FEEDS.search(mail.fields.raw("From"))
    ):
        return None
    for part in mail.parts_of_type(*MAILS):
        fields = parse_fields(part.text.partition("\n\n")[0])
        who = next((fields[name] for name in _MICROSOFTS if fields.get(name)), None)
        if who is not None:
            return Complaint("abuse", {}, tuple(sorted(addresses_in(who))))
    return None


def _in_words(mail: ReceivedMail) -> Complaint | None:
    """Return a complaint that says in its first sentence what it is, as RFC 5965 asks, without a part that programs can read."""
    sender = mail.fields.raw("From").lower()
    if not _SAID.match(spoken_text(mail)[:_BEGINNING].lstrip()) and not _SERVICES.search(sender):
        return None
    if "in-reply-to" in mail.fields or not (original_fields(mail) or _SERVICES.search(sender)):
        return None
    return Complaint("abuse", {}, _complainants((), mail))


def _type_of(value: str) -> str:
    return value.partition(";")[0].split(" ")[0].strip().lower()


_BEGINNING = 1000
_NAMING = (
    "original-rcpt-to",
    "removal-recipient",
    "original-recipient",
    "x-original-rcpt-to",
    "redacted-address",
)
_OF_COPY = (
    "x-hmxmroriginalrecipient",
    "x-original-to",
    "delivered-to",
    "envelope-to",
    "x-apparently-to",
    "to",
)
_MICROSOFTS = ("x-hmxmroriginalrecipient", "x-ms-exchange-organization-originalrecipient")
_REDACTED = re.compile(
    r"redact|removed|undisclosed|hidden|^x{3,}|^\*|unknown@|@(?:[^@]*\.)?(?:invalid|local)$"
)
_BEGINS_AS_REPORT = re.compile(r"\s*+(?:[A-Za-z-]{1,40}+:[^\n]*+\n\s*+){0,6}feedback-type:", re.IGNORECASE)
_OF_FEED = re.compile(r"^\s*complaint about message from\b", re.IGNORECASE)
_FEEDS = re.compile(r"\bstaff@(?:hotmail|outlook)\.com\b", re.IGNORECASE)
_SAID = re.compile(r"this is an? (?:e-?mail )?(?:abuse|spam|feedback) (?:report|complaint)\b", re.IGNORECASE)
_SERVICES = re.compile(r"@(?:reports\.|bounces\.)?spamcop\.net\b|@abuse\.net\b")
