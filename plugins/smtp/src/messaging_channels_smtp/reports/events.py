"""What a mail that came tells, as events."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from messaging_channels.errors import InvalidAddress
from messaging_channels.events import (
    EngagementReceived,
    EngagementType,
    Event,
    MessageReceived,
    OptedOut,
    StatusChanged,
    UnknownEvent,
)
from messaging_channels.plugins import EmailAddress
from messaging_channels_smtp.failures import failure_of
from messaging_channels_smtp.reports.content import html_of, media_of, text_of
from messaging_channels_smtp.reports.received_mail import ReceivedMail
from messaging_channels_smtp.reports.report import RecipientUpdate, Report, ReportType

COMPLAINTS = {
    "abuse": "complaint",
    "fraud": "complaint",
    "virus": "complaint",
    "other": "complaint",
    "opt-out": "list-unsubscribe",
    "opt-out-list": "list-unsubscribe",
}
"""The types of feedback after which nobody should be written to (RFC 5965 section 7.3), and why."""


def events_of(
    raw: bytes, report: Report, *, provider: str, message_id: str, at: float, source: bytes | None = None
) -> Iterator[Event]:
    """Return what a mail tells. `message_id` is ours, of the mail it is about; empty if it is about none. `source` is what is kept of the mail."""
    build = _EventBuilder(provider, message_id, report.at or at, _identity(raw), report, source)
    match report.report_type:
        case ReportType.DELIVERY | ReportType.BOUNCE if message_id:
            yield from (build.status_event(number, update) for number, update in enumerate(report.updates))
        case ReportType.COMPLAINT:
            yield from build.complaint_events()
        case ReportType.RECEIPT if message_id and report.feedback == "displayed":
            yield build.read_event()
        case ReportType.AUTO_REPLY | ReportType.OTHER:
            yield build.inbound_event(ReceivedMail(raw))
        case _:
            yield build.unknown_event(f"{report.report_type} {report.feedback}".strip())


class _EventBuilder:
    """What all events of one mail have in common."""

    def __init__(
        self, provider: str, message_id: str, at: float, identity: str, report: Report, source: bytes | None
    ) -> None:
        self._provider = provider
        self._message_id = message_id
        self._at = at
        self._identity = identity
        self._report = report
        self._source = source

    def status_event(self, number: int, update: RecipientUpdate) -> Event:
        """A change of status; that of a copy changes nothing for the message."""
        if self._is_of_a_copy(update):
            return self.unknown_event(f"{update.action} copy")
        return StatusChanged(
            provider=self._provider,
            occurred_at=self._at,
            event_id=f"{self._identity}-{number}",
            message_id=self._message_id,
            status=update.status,
            detail=update.detail,
            raw=replace(update, is_ours=self._is_ours(update)),
            source=self._source,
            recipient=_parsed(update.original or update.recipient),
            **failure_of(update.code, update.diagnostic),
        )

    def complaint_events(self) -> Iterator[Event]:
        """Opt-outs, where the type says so and somebody is named whom we wrote to: many providers redact the recipient."""
        why = COMPLAINTS.get(self._report.feedback)
        named = [one for address in self._report.complainants if (one := _parsed(address))]
        if why is None or not named or not self._message_id:
            yield self.unknown_event(f"feedback {self._report.feedback}".strip())
            return
        for number, address in enumerate(named):
            yield OptedOut(
                provider=self._provider,
                occurred_at=self._at,
                event_id=f"{self._identity}-{number}" if number else self._identity,
                channel="email",
                address=address,
                reason=why,
                raw=self._report,
                source=self._source,
            )

    def read_event(self) -> Event:
        """A receipt of reading."""
        return EngagementReceived(
            provider=self._provider,
            occurred_at=self._at,
            event_id=self._identity,
            message_id=self._message_id,
            engagement_type=EngagementType.READ,
            raw=self._report,
            source=self._source,
        )

    def inbound_event(self, mail: ReceivedMail) -> Event:
        """What somebody, or a robot, wrote."""
        if not mail.fields.fields:
            return self.unknown_event("no mail")  # not one header line
        return MessageReceived(
            provider=self._provider,
            occurred_at=self._at,
            event_id=self._identity,
            channel="email",
            provider_id=mail.header("Message-ID").strip("<>") or self._identity,
            sender=_sender_of(mail),
            to=next(iter(self._report.addresses), ""),
            kind="auto-reply" if self._report.report_type is ReportType.AUTO_REPLY else "mail",
            text=text_of(mail),
            subject=mail.header("Subject"),
            html=html_of(mail),
            media=tuple(media_of(mail)),
            reply_to=self._report.message_id or None,
            name=mail.display_name() or None,
            raw=self._report,
            source=self._source,
            confidence=self._report.confidence,
        )

    def unknown_event(self, kind: str) -> Event:
        """What the contract has no event for."""
        return UnknownEvent(
            provider=self._provider,
            occurred_at=self._at,
            event_id=self._identity,
            kind=kind,
            raw=self._report,
            source=self._source,
        )

    def _is_of_a_copy(self, update: RecipientUpdate) -> bool:
        named = (update.original or update.recipient).lower()
        if self._report.to in ("", named):
            return False
        return bool(update.original) or named in self._report.copies

    def _is_ours(self, update: RecipientUpdate) -> bool:
        """Whether we are known to have written to the recipient: to whom a mail that we know was addressed."""
        named = {update.original.lower(), update.recipient.lower()} - {""}
        return bool(self._message_id and named) and self._report.to in ("", *named)


@dataclass(frozen=True, slots=True, repr=False)
class UnparsedAddress:
    """The address of a sender that no parser takes, such as `root@localhost`: as it was written. Nothing can be sent to it."""

    text: str = field(repr=False)

    @property
    def plain(self) -> str:
        """The address as it was written; empty where a mail names no sender."""
        return self.text

    @property
    def masked(self) -> str:
        """Its first letter, and its domain."""
        local, at, domain = self.text.rpartition("@")
        return f"{(local or domain)[:1]}•••{at}{domain if at else ''}"

    def __str__(self) -> str:
        """Show the masked form."""
        return self.masked

    def __repr__(self) -> str:
        """Show the masked form."""
        return f"{type(self).__name__}({self.masked})"


def _sender_of(mail: ReceivedMail) -> EmailAddress | UnparsedAddress:
    """Return who wrote: the first of the headers that name a sender whose address can be parsed, else as the first is written."""
    named = [
        one.address for one in mail.mailboxes("From", "Sender", "Reply-To", "Return-Path") if one.address
    ]
    of_from = [one.address for one in mail.mailboxes("From") if one.address]
    parsed = (found for one in (of_from or named) if (found := _parsed(one)))
    return next(parsed, None) or UnparsedAddress(next(iter(of_from or named), ""))


def _parsed(address: str) -> EmailAddress | None:
    try:
        return EmailAddress.parse(address)
    except InvalidAddress:
        return None


def _identity(raw: bytes) -> str:
    """Return the same for the same mail, however often it comes."""
    return hashlib.sha256(raw).hexdigest()[:32]
