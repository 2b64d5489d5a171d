"""What a mail that came tells, as events."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from messaging_channels.errors import InvalidAddress
from messaging_channels.events import (
    EngagementReceived,
    EngagementType,
    Event,
    InboundMedia,
    MessageReceived,
    OptedOut,
    StatusChanged,
    UnknownEvent,
)
from messaging_channels.plugins import EmailAddress
from messaging_channels_smtp.failures import failure_of
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


def events_of(raw: bytes, report: Report, *, provider: str, message_id: str, at: float) -> Iterator[Event]:
    """Return what a mail tells. `message_id` is ours, of the mail it is about; empty if it is about none."""
    source = _EventBuilder(provider, message_id, report.at or at, _identity(raw), report)
    match report.report_type:
        case ReportType.DELIVERY | ReportType.BOUNCE if message_id:
            yield from (source.status_event(number, update) for number, update in enumerate(report.updates))
        case ReportType.COMPLAINT:
            yield source.complaint_event()
        case ReportType.RECEIPT if message_id and report.feedback == "displayed":
            yield source.read_event()
        case ReportType.AUTO_REPLY | ReportType.OTHER:
            yield source.inbound_event(ReceivedMail(raw, whole=True))
        case _:
            yield source.unknown_event(f"{report.report_type} {report.feedback}".strip())


class _EventBuilder:
    """What all events of one mail have in common."""

    def __init__(self, provider: str, message_id: str, at: float, identity: str, report: Report) -> None:
        self._provider = provider
        self._message_id = message_id
        self._at = at
        self._identity = identity
        self._report = report

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
            raw=update,
            **failure_of(update.code, update.diagnostic),
        )

    def complaint_event(self) -> Event:
        """An opt-out, where the type says so and somebody is named: many providers redact the recipient."""
        why = COMPLAINTS.get(self._report.feedback)
        address = _parsed(self._report.to)
        if why is None or address is None:
            return self.unknown_event(f"feedback {self._report.feedback}")
        return OptedOut(
            provider=self._provider,
            occurred_at=self._at,
            event_id=self._identity,
            channel="email",
            address=address,
            reason=why,
            raw=self._report,
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
        )

    def inbound_event(self, mail: ReceivedMail) -> Event:
        """What somebody, or a robot, wrote."""
        sender = next((parsed for one in mail.addresses("From") if (parsed := _parsed(one))), None)
        if sender is None:
            return self.unknown_event("mail without a sender")
        texts = {part.media_type: part.text for part in reversed(mail.parts) if part.filename is None}
        return MessageReceived(
            provider=self._provider,
            occurred_at=self._at,
            event_id=self._identity,
            channel="email",
            provider_id=mail.header("Message-ID").strip("<>") or self._identity,
            sender=sender,
            to=next(iter(self._report.addresses), ""),
            kind="auto-reply" if self._report.report_type is ReportType.AUTO_REPLY else "mail",
            text=texts.get("text/plain"),
            subject=mail.header("Subject"),
            html=texts.get("text/html"),
            media=tuple(_media(mail)),
            reply_to=self._report.message_id or None,
            name=mail.display_name() or None,
            raw=self._report,
        )

    def unknown_event(self, kind: str) -> Event:
        """What the contract has no event for."""
        return UnknownEvent(
            provider=self._provider,
            occurred_at=self._at,
            event_id=self._identity,
            kind=kind,
            raw=self._report,
        )

    def _is_of_a_copy(self, update: RecipientUpdate) -> bool:
        named = (update.original or update.recipient).lower()
        if self._report.to in ("", named):
            return False
        return bool(update.original) or named in self._report.copies


def _media(mail: ReceivedMail) -> Iterator[InboundMedia]:
    for part in mail.parts:
        if part.filename is not None or not part.media_type.startswith(("text/", "message/")):
            yield InboundMedia(
                id=part.content_id, content_type=part.media_type, filename=part.filename, content=part.data
            )


def _parsed(address: str) -> EmailAddress | None:
    try:
        return EmailAddress.parse(address)
    except InvalidAddress:
        return None


def _identity(raw: bytes) -> str:
    """Return the same for the same mail, however often it comes."""
    return hashlib.sha256(raw).hexdigest()[:32]
